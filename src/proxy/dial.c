/*
 * dial.c - one connection through a proxy, from its addresses to the tunnel
 *
 * How this works. A dial is in one of these phases:
 *
 *   CONNECT   a race for a connection to the proxy (race.h)
 *   TLS       the handshake (https)
 *   SEND      a message to the proxy
 *   RECEIVE   its answer; with SOCKS 5 the next SEND may follow
 *   READY     only when it was prepared: the request is next, and has no target yet
 *
 * and one timer ends all of them. finish() is the one way out: it takes apart
 * and frees the dial, then calls `done`. It is never called while the dial is
 * started: a connection that stands by then takes its first message at once, and
 * whatever is wrong with it shows in the next turn of the loop.
 *
 * A message is written anew for each attempt to send it and wiped at once, so
 * that a password is nowhere but with its owner. An answer is looked at
 * (MSG_PEEK) and only what belongs to it is taken: what follows is the
 * tunnel's, and stays in the socket for whoever gets it.
 *
 * What was prepared may be closed by a proxy that was kept waiting while the
 * request is on its way there. Who has taken it and hears nothing but the end
 * begins again, once, with a connection that has not waited (begin_again()).
 */
#include "proxy/dial.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/egress.h"
#include "base/fd.h"
#include "base/hash.h"
#include "proxy/http_connect.h"
#include "proxy/race.h"
#include "proxy/socks5.h"

#define MESSAGE_MAX CF_HTTP_CONNECT_REQUEST_MAX
static_assert(MESSAGE_MAX >= CF_SOCKS5_MESSAGE_MAX, "one buffer for both");

#define LOOK_BYTES 4096

enum phase { CONNECT, TLS, SEND, RECEIVE, READY };

/* What a phase has come to. */
enum step {
    WAIT,  /* until the socket is ready */
    GO_ON, /* with whatever the phase is now */
    OVER,  /* the dial is gone, or has begun again */
};

struct cf_proxy_dial {
    struct cf_proxy_dial_config config; /* addresses and path are the race's */
    enum phase phase;
    struct cf_proxy_race race;
    struct cf_watch watch;        /* of the connection to the proxy */
    int fd;                       /* -1 while there is none, and when it is the stream's */
    struct cf_tls_stream *stream; /* https, from TLS on */
    uint32_t events;              /* that it is watched for */
    bool prepared;                /* it has no target yet */
    bool may_close;               /* it was, and the proxy has said nothing since */
    bool starting;                /* nothing may end it yet */
    int start_error;              /* why it cannot be watched, -errno */
    struct cf_timer deadline;
    size_t sent; /* bytes of this SEND's message */
    union {
        struct cf_http_connect http;
        struct cf_socks5 socks;
    };
    char name[CF_PROXY_NAME_MAX + 1];
};

static bool is_http(const struct cf_proxy_dial *dial)
{
    return dial->config.scheme == CF_PROXY_HTTP || dial->config.scheme == CF_PROXY_HTTPS;
}

static bool is_unix(const struct cf_proxy_dial *dial)
{
    return dial->config.scheme == CF_PROXY_SOCKS5_UNIX;
}

static void dial_free(struct cf_proxy_dial *dial)
{
    struct cf_loop *loop = dial->config.loop;

    cf_proxy_race_stop(&dial->race);
    cf_loop_unwatch(loop, &dial->watch);
    cf_tls_stream_close(dial->stream);
    cf_fd_close(&dial->fd);
    cf_loop_timer_stop(loop, &dial->deadline);
    explicit_bzero(dial, sizeof *dial);
    free(dial);
}

void cf_proxy_dial_cancel(struct cf_proxy_dial *dial)
{
    if (dial)
        dial_free(dial);
}

/* The connection to the proxy; -1 while there is none. */
static int connection_of(const struct cf_proxy_dial *dial)
{
    return dial->stream ? cf_tls_stream_fd(dial->stream) : dial->fd;
}

/* The socket's own address; NONE for one of the file system. */
static void local_read(int fd, struct cf_addr_port *ret_local)
{
    struct sockaddr_storage sa;
    socklen_t length = sizeof sa;

    if (getsockname(fd, (struct sockaddr *)&sa, &length) < 0 ||
        cf_addr_port_from_sockaddr((struct sockaddr *)&sa, ret_local) < 0)
        *ret_local = (struct cf_addr_port) { 0 };
}

/* As connection_of(), or the preferred attempt at one. */
static int socket_of(const struct cf_proxy_dial *dial)
{
    int fd = connection_of(dial);

    for (size_t i = 0; i < dial->race.n_begun && fd < 0; i++)
        fd = dial->race.attempts[i].fd;
    return fd;
}

void cf_proxy_dial_local(const struct cf_proxy_dial *dial, struct cf_addr_port *ret_local)
{
    local_read(socket_of(dial), ret_local);
}

unsigned cf_proxy_dial_ifindex(const struct cf_proxy_dial *dial)
{
    int fd = socket_of(dial);

    return fd < 0 ? 0 : cf_egress_bound(fd);
}

static void ends_read(const struct cf_proxy_dial *dial, struct cf_proxy_dialled *dialled)
{
    if (connection_of(dial) < 0 || is_unix(dial))
        return;
    dialled->proxy = dial->race.addrs[dial->race.at];
    local_read(connection_of(dial), &dialled->local);
}

/* The descriptor for the caller. Returns 0 or -errno. */
static int descriptor_take(struct cf_proxy_dial *dial, int *ret_fd)
{
    int r;

    cf_loop_unwatch(dial->config.loop, &dial->watch);
    if (!dial->stream) {
        *ret_fd = dial->fd;
        dial->fd = -1;
        return 0;
    }
    r = cf_tls_pump_start(dial->config.pumps, dial->stream, ret_fd);
    if (r == 0)
        dial->stream = NULL;
    return r;
}

/* The one way out. Returns OVER. */
static enum step finish(struct cf_proxy_dial *dial, struct cf_proxy_outcome outcome,
                        const char *words)
{
    struct cf_proxy_dialled dialled = { .outcome = outcome, .fd = -1 };
    struct cf_proxy_dial_config config = dial->config;
    char text[CF_PROXY_WORDS_SIZE];
    int r;

    snprintf(text, sizeof text, "%s", words); /* it may lie in what is freed */
    dialled.words = text;
    ends_read(dial, &dialled);
    if (outcome.why == CF_PROXY_CONNECTED) {
        if (!is_http(dial))
            dialled.bound = dial->socks.bound;
        r = descriptor_take(dial, &dialled.fd);
        if (r < 0)
            dialled.outcome = cf_proxy_outcome_local(-r);
    }
    dial_free(dial);
    config.done(config.data, &dialled);
    return OVER;
}

static enum step fail(struct cf_proxy_dial *dial, enum cf_proxy_why why, const char *words)
{
    return finish(dial, cf_proxy_outcome_of(why), words);
}

static enum step begin_again(struct cf_proxy_dial *dial);

/* A call on the socket or its TLS failed with code, or found the end: 0. */
static enum step fail_with(struct cf_proxy_dial *dial, int code)
{
    if (dial->may_close)
        return begin_again(dial);
    if (code == 0)
        return fail(dial, CF_PROXY_CLOSED, "closed before it had answered");
    if (!dial->stream)
        return fail(dial, CF_PROXY_CLOSED, strerror(-code));
    return fail(dial, code == -EPROTO ? CF_PROXY_UNTRUSTED : CF_PROXY_CLOSED,
                cf_tls_words(dial->stream));
}

/*
 * CONNECT
 */

static void race_lost(struct cf_proxy_race *race)
{
    struct cf_proxy_dial *dial = cf_container_of(race, struct cf_proxy_dial, race);
    char at[CF_ADDR_PORT_TEXT_SIZE], text[CF_PROXY_WORDS_SIZE];

    snprintf(text, sizeof text, "%s: %s",
             is_unix(dial) ? race->path : cf_addr_port_format(&race->addrs[race->at], at),
             strerror(race->error));
    finish(dial, cf_proxy_outcome_local(race->error), text);
}

static void dial_run(struct cf_proxy_dial *dial);

static void dial_ready(struct cf_watch *watch, uint32_t events)
{
    (void)events;
    dial_run(cf_container_of(watch, struct cf_proxy_dial, watch));
}

static void dial_begin(struct cf_proxy_dial *dial);

static void race_won(struct cf_proxy_race *race, int fd)
{
    struct cf_proxy_dial *dial = cf_container_of(race, struct cf_proxy_dial, race);

    dial->fd = fd;
    dial->phase = dial->config.scheme == CF_PROXY_HTTPS ? TLS : SEND;
    if (dial->starting)
        dial_begin(dial);
    else
        dial_run(dial);
}

/*
 * SEND and RECEIVE: bytes to and from the proxy
 */

static ssize_t bytes_send(struct cf_proxy_dial *dial, const void *data, size_t length)
{
    ssize_t n;

    if (dial->stream)
        return cf_tls_send(dial->stream, data, length);
    n = send(dial->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

static ssize_t bytes_look(struct cf_proxy_dial *dial, void *data, size_t size)
{
    ssize_t n;

    if (dial->stream)
        return cf_tls_peek(dial->stream, data, size);
    n = recv(dial->fd, data, size, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

/* data: what was looked at, and is overwritten */
static void bytes_take(struct cf_proxy_dial *dial, void *data, size_t length)
{
    if (dial->stream)
        cf_tls_take(dial->stream, data, length);
    else
        recv(dial->fd, data, length, MSG_DONTWAIT);
}

static int message_format(const struct cf_proxy_dial *dial, uint8_t message[MESSAGE_MAX])
{
    if (is_http(dial))
        return cf_http_connect_request(&dial->config.target, &dial->config.login, (char *)message);
    return cf_socks5_format(&dial->socks, message);
}

/* Returns 0 when all is sent, or -errno. */
static int message_send(struct cf_proxy_dial *dial)
{
    uint8_t message[MESSAGE_MAX];
    int length = message_format(dial, message);
    ssize_t n = length;

    while (n > 0 && dial->sent < (size_t)length) {
        n = bytes_send(dial, message + dial->sent, (size_t)length - dial->sent);
        if (n > 0)
            dial->sent += (size_t)n;
        else if (n == -EINTR)
            n = 1;
    }
    explicit_bzero(message, sizeof message);
    return n < 0 ? (int)n : 0;
}

static enum step tls_run(struct cf_proxy_dial *dial)
{
    int r = 0;

    if (!dial->stream) {
        r = cf_tls_stream_open(dial->config.tls, dial->fd, &dial->stream);
        if (r < 0)
            return finish(dial, cf_proxy_outcome_local(-r), strerror(-r));
        dial->fd = -1; /* the stream's now */
    }
    r = cf_tls_handshake(dial->stream);
    if (r == -EAGAIN)
        return WAIT;
    if (r < 0)
        return fail_with(dial, r);
    dial->phase = SEND;
    return GO_ON;
}

/* The next message is the request, and nobody has said for what. */
static bool lacks_target(const struct cf_proxy_dial *dial)
{
    return dial->prepared && (is_http(dial) || dial->socks.step == CF_SOCKS5_REQUEST);
}

static enum step send_run(struct cf_proxy_dial *dial)
{
    int r;

    if (lacks_target(dial)) {
        dial->phase = READY;
        return GO_ON;
    }
    r = message_send(dial);
    if (r == -EAGAIN)
        return WAIT;
    /* Who has answered and closed at once may still be heard. */
    if (r < 0 && dial->stream)
        return fail_with(dial, r);
    dial->phase = RECEIVE;
    dial->sent = 0;
    return GO_ON;
}

/* Whatever comes before it was asked for, or the end, makes it useless. */
static enum step ready_run(struct cf_proxy_dial *dial)
{
    char byte;

    return bytes_look(dial, &byte, 1) == -EAGAIN ? WAIT : fail(dial, CF_PROXY_CLOSED, "");
}

/* A head is complete, or is none. */
static enum step http_answered(struct cf_proxy_dial *dial, int r)
{
    char words[CF_PROXY_WORDS_SIZE];

    cf_http_connect_words(&dial->http, &dial->config.login, words);
    if (r == -EMSGSIZE)
        return fail(dial, CF_PROXY_MALFORMED, "a head of more than 64 KiB");
    if (r < 0)
        return fail(dial, CF_PROXY_MALFORMED, words);
    if (!cf_http_connect_is_tunnel(&dial->http))
        return finish(dial, cf_http_connect_outcome(&dial->http), words);
    return finish(dial, (struct cf_proxy_outcome) { .why = CF_PROXY_CONNECTED }, words);
}

static enum step http_receive(struct cf_proxy_dial *dial)
{
    char data[LOOK_BYTES];
    ssize_t n = bytes_look(dial, data, sizeof data);
    size_t taken;
    int r;

    if (n == -EAGAIN)
        return WAIT;
    if (n <= 0)
        return fail_with(dial, (int)n);
    dial->may_close = false;
    r = cf_http_connect_read(&dial->http, data, (size_t)n, &taken);
    bytes_take(dial, data, taken);
    return r == 0 ? GO_ON : http_answered(dial, r);
}

/* Where datagrams go: a proxy that says "here" means its own address. Returns false for nowhere. */
static bool bound_complete(struct cf_proxy_dial *dial)
{
    static const struct cf_addr nowhere;
    struct cf_addr_port *bound = &dial->socks.bound;

    if (!dial->config.udp)
        return true;
    if (bound->addr.family == CF_FAMILY_NONE || bound->port == 0)
        return false;
    if (memcmp(bound->addr.bytes, nowhere.bytes, sizeof nowhere.bytes) != 0)
        return true;
    bound->addr = dial->race.addrs[dial->race.at].addr;
    return !is_unix(dial);
}

static enum step socks_answered(struct cf_proxy_dial *dial)
{
    char words[CF_PROXY_WORDS_SIZE];

    switch (dial->socks.step) {
    case CF_SOCKS5_FAILED:
        cf_socks5_words(&dial->socks, words, sizeof words);
        return finish(dial, dial->socks.outcome, words);
    case CF_SOCKS5_DONE:
        if (!bound_complete(dial))
            return fail(dial, CF_PROXY_UNSUPPORTED, "no address to send datagrams to");
        return finish(dial, dial->socks.outcome, "");
    default:
        dial->phase = SEND;
        return GO_ON;
    }
}

static enum step socks_receive(struct cf_proxy_dial *dial)
{
    char data[CF_SOCKS5_REPLY_MAX];
    ssize_t n = recv(dial->fd, data, cf_socks5_need(&dial->socks), MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN)
        return WAIT;
    if (n <= 0)
        return fail_with(dial, n < 0 ? -errno : 0);
    dial->may_close = false;
    return cf_socks5_read(&dial->socks, data, (size_t)n) ? socks_answered(dial) : GO_ON;
}

/* Returns 0 or -errno. */
static int dial_wait(struct cf_proxy_dial *dial)
{
    uint32_t events = dial->phase == RECEIVE || dial->phase == READY ? EPOLLIN : EPOLLOUT;
    int r = 0;

    if (dial->stream)
        events = cf_tls_wants(dial->stream);
    if (dial->watch.fd < 0)
        r = cf_loop_watch(dial->config.loop, &dial->watch, connection_of(dial), events);
    else if (events != dial->events)
        r = cf_loop_rewatch(dial->config.loop, &dial->watch, events);
    dial->events = events;
    return r;
}

static void dial_run(struct cf_proxy_dial *dial)
{
    enum step step = GO_ON;
    int r;

    while (step == GO_ON) {
        if (dial->phase == TLS)
            step = tls_run(dial);
        else if (dial->phase == SEND)
            step = send_run(dial);
        else if (dial->phase == READY)
            step = ready_run(dial);
        else
            step = is_http(dial) ? http_receive(dial) : socks_receive(dial);
    }
    if (step == OVER)
        return;
    r = dial_wait(dial);
    if (r < 0)
        finish(dial, cf_proxy_outcome_local(-r), strerror(-r));
}

/*
 * The beginning, and the time
 */

/* Connected at once: the proxy has something to do while the caller goes on. */
static void dial_begin(struct cf_proxy_dial *dial)
{
    if (dial->phase == SEND && lacks_target(dial)) {
        dial->phase = READY;
    } else if (dial->phase == SEND && message_send(dial) == 0) {
        dial->phase = RECEIVE;
        dial->sent = 0;
    }
    dial->start_error = dial_wait(dial);
}

static void deadline_due(struct cf_timer *timer)
{
    static const char *const waited_for[] = {
        [CONNECT] = "takes no connection",
        [TLS] = "no end to the TLS handshake",
        [SEND] = "takes no request",
        [RECEIVE] = "no answer",
        [READY] = "",
    };
    struct cf_proxy_dial *dial = cf_container_of(timer, struct cf_proxy_dial, deadline);

    fail(dial, CF_PROXY_TIMEOUT, waited_for[dial->phase]);
}

/* Nothing has been said to the proxy yet. */
static void talk_init(struct cf_proxy_dial *dial)
{
    if (is_http(dial))
        cf_http_connect_init(&dial->http);
    else
        cf_socks5_init(&dial->socks, dial->config.udp ? CF_SOCKS5_UDP_ASSOCIATE : CF_SOCKS5_CONNECT,
                       &dial->config.target, &dial->config.login);
}

/* Everything that can be asked has words: check it once, and not at each message. */
static int request_check(struct cf_proxy_dial *dial)
{
    uint8_t message[MESSAGE_MAX];
    int r;

    talk_init(dial);
    if (is_http(dial)) {
        r = message_format(dial, message);
    } else {
        dial->socks.step = CF_SOCKS5_REQUEST;
        r = message_format(dial, message);
        dial->socks.step = CF_SOCKS5_LOGIN;
        if (r > 0 && dial->config.login.user)
            r = message_format(dial, message);
        dial->socks.step = CF_SOCKS5_METHODS;
    }
    explicit_bzero(message, sizeof message);
    return r < 0 ? -EINVAL : 0;
}

/* Returns 0, or -EINVAL when no proxy could be told of it. */
static int target_copy(struct cf_proxy_dial *dial, const struct cf_proxy_target *target)
{
    dial->config.target = *target;
    if (!target->name)
        return 0;
    if (strlen(target->name) > CF_PROXY_NAME_MAX)
        return -EINVAL;
    snprintf(dial->name, sizeof dial->name, "%s", target->name);
    dial->config.target.name = dial->name;
    return 0;
}

/* Copy what is borrowed, but for the login. Returns 0 or -errno. */
static int config_copy(struct cf_proxy_dial *dial, const struct cf_proxy_dial_config *config)
{
    struct cf_proxy_target *target = &dial->config.target;
    int r = 0;

    dial->config = *config;
    dial->race.loop = config->loop;
    dial->race.make_socket = config->make_socket;
    dial->race.data = config->data;
    cf_proxy_race_set_addrs(&dial->race, config->addrs, config->n_addrs);
    if (is_unix(dial)) {
        if (!config->path || !*config->path || strlen(config->path) > CF_PROXY_PATH_MAX)
            return -EINVAL;
        snprintf(dial->race.path, sizeof dial->race.path, "%s", config->path);
    } else if (dial->race.n_addrs == 0)
        return -EDESTADDRREQ;
    if (config->udp && is_http(dial))
        return -EINVAL;
    if (config->udp) {
        *target = (struct cf_proxy_target) { .at.addr.family = CF_FAMILY_IPV4 };
        if (!is_unix(dial))
            target->at.addr.family = dial->race.addrs[0].addr.family;
    } else {
        r = target_copy(dial, &config->target);
    }
    if (r == 0 && !dial->prepared)
        r = request_check(dial);
    else
        talk_init(dial);
    return r;
}

static struct cf_proxy_dial *dial_new(void)
{
    struct cf_proxy_dial *dial = calloc(1, sizeof *dial);

    if (!dial)
        return NULL;
    cf_proxy_race_init(&dial->race);
    dial->race.won = race_won;
    dial->race.lost = race_lost;
    dial->watch = (struct cf_watch) { .fd = -1, .fn = dial_ready };
    dial->fd = -1;
    dial->deadline.fn = deadline_due;
    return dial;
}

/* Returns 0 or -errno, by which it has not begun. */
static int race_begin(struct cf_proxy_dial *dial)
{
    dial->starting = true;
    cf_proxy_race_start(&dial->race);
    dial->starting = false;
    return dial->start_error;
}

/* Returns OVER. */
static enum step begin_again(struct cf_proxy_dial *dial)
{
    int r;

    cf_loop_unwatch(dial->config.loop, &dial->watch);
    cf_tls_stream_close(dial->stream);
    dial->stream = NULL;
    cf_fd_close(&dial->fd);
    dial->may_close = false;
    dial->phase = CONNECT;
    dial->sent = 0;
    talk_init(dial);
    r = race_begin(dial);
    return r < 0 ? finish(dial, cf_proxy_outcome_local(-r), strerror(-r)) : OVER;
}

static int deadline_start(struct cf_proxy_dial *dial, int64_t timeout_ms)
{
    return cf_loop_timer_start(dial->config.loop, &dial->deadline,
                               cf_clock_monotonic_us() + timeout_ms * 1000);
}

static int dial_start(const struct cf_proxy_dial_config *config, bool prepared,
                      struct cf_proxy_dial **ret_dial)
{
    struct cf_proxy_dial *dial = dial_new();
    int r;

    if (!dial)
        return -ENOMEM;
    dial->prepared = prepared;
    r = config_copy(dial, config);
    if (r == 0)
        r = deadline_start(dial, config->timeout_ms);
    if (r == 0)
        r = race_begin(dial);
    if (r < 0) {
        dial_free(dial);
        return r;
    }
    *ret_dial = dial;
    return 0;
}

int cf_proxy_dial_start(const struct cf_proxy_dial_config *config, struct cf_proxy_dial **ret_dial)
{
    return dial_start(config, false, ret_dial);
}

int cf_proxy_dial_prepare(const struct cf_proxy_dial_config *config,
                          struct cf_proxy_dial **ret_dial)
{
    return dial_start(config, true, ret_dial);
}

/* The request leaves now, when it is next. Returns 0, or -errno when there is nobody to read it. */
static int ready_ask(struct cf_proxy_dial *dial)
{
    char byte;
    int r;

    if (dial->phase != READY)
        return 0;
    if (bytes_look(dial, &byte, 1) != -EAGAIN)
        return -ENOTCONN;
    dial->phase = SEND;
    r = message_send(dial);
    if (r < 0 && r != -EAGAIN)
        return r;
    if (r == 0) {
        dial->phase = RECEIVE;
        dial->sent = 0;
    }
    return dial_wait(dial);
}

int cf_proxy_dial_take(struct cf_proxy_dial *dial, const struct cf_proxy_dial_config *config)
{
    uint8_t message[MESSAGE_MAX];
    int r = target_copy(dial, &config->target);

    if (r == 0 && is_http(dial))
        r = message_format(dial, message);
    else if (r == 0)
        r = cf_socks5_udp_format(&dial->config.target, message); /* has the same address in it */
    explicit_bzero(message, sizeof message);
    if (r < 0)
        return -EINVAL;
    dial->prepared = false;
    dial->may_close = true;
    dial->config.done = config->done;
    dial->config.data = dial->race.data = config->data;
    dial->config.make_socket = dial->race.make_socket = config->make_socket;
    r = deadline_start(dial, config->timeout_ms);
    return r < 0 ? r : ready_ask(dial);
}
