/*
 * way.c - what a run has of its proxy
 *
 * How this works. Where one connection follows another, the next is prepared
 * when nothing else is to do (dial.h), and the dial that wants one takes it: the
 * proxy has accepted it, spoken TLS and asked for the password by then. There is
 * one at most, for ready_ms at most, and none before a second dial has begun
 * within ready_ms of the one before: who connects once is seen to connect once.
 */
#include "proxy/way.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "proxy/race.h"
#include "proxy/tls.h"
#include "proxy/tls_pump.h"

struct cf_proxy_way {
    struct cf_loop *loop;
    const struct cf_proxy *proxy;
    char *url;
    struct cf_addr_port addrs[CF_PROXY_RACE_MAX];
    size_t n_addrs;
    struct cf_proxy_login login;
    struct cf_tls *tls; /* https; else NULL */
    struct cf_tls_pumps *pumps;
    struct cf_proxy_dial *ready; /* prepared; NULL for none */
    struct cf_task prepare;      /* while the next is to be */
    struct cf_proxy_call to_prepare;
    int64_t dialled_us;         /* when a dial began last; 0: never */
    bool often;                  /* it was soon after the one before */
    int64_t ready_ms;
};

static int tls_start(struct cf_proxy_way *way, struct cf_error *err)
{
    const struct cf_proxy *proxy = way->proxy;
    struct cf_tls_config config = { .ca_pem = proxy->ca_text, .ca_length = proxy->ca_length };
    char text[CF_ADDR_TEXT_SIZE];
    int r;

    config.host = proxy->url.name ? proxy->url.name : cf_addr_format(&proxy->url.at.addr, text);
    r = cf_tls_new(&config, &way->tls, err);
    if (r < 0)
        return cf_error_wrap(err, "proxy '%s'", way->url);
    r = cf_tls_pumps_new(way->loop, NULL, NULL, &way->pumps);
    return r < 0 ? cf_error_errno(err, r, "cannot speak TLS with the proxy") : 0;
}

static void prepare_run(struct cf_task *task);

int cf_proxy_way_new(const struct cf_proxy_way_config *config, struct cf_proxy_way **ret_way,
                     struct cf_error *err)
{
    struct cf_proxy_way *way = calloc(1, sizeof *way);
    int r = 0;

    if (way)
        way->url = cf_proxy_url_format(&config->proxy->url);
    if (!way || !way->url) {
        cf_proxy_way_free(way);
        return cf_error_errno(err, -ENOMEM, "cannot use the proxy");
    }
    way->loop = config->loop;
    way->proxy = config->proxy;
    way->prepare.fn = prepare_run;
    way->ready_ms = config->ready_ms ? config->ready_ms : CF_PROXY_READY_MS;
    while (way->n_addrs < config->n_addrs && way->n_addrs < CF_PROXY_RACE_MAX) {
        way->addrs[way->n_addrs] = config->addrs[way->n_addrs];
        way->n_addrs++;
    }
    way->login.user = config->proxy->username;
    way->login.password = config->password;
    if (config->proxy->url.scheme == CF_PROXY_HTTPS)
        r = tls_start(way, err);
    if (r < 0) {
        cf_proxy_way_free(way);
        return r;
    }
    *ret_way = way;
    return 0;
}

void cf_proxy_way_free(struct cf_proxy_way *way)
{
    if (!way)
        return;
    cf_proxy_way_unprepare(way);
    cf_tls_pumps_free(way->pumps);
    cf_tls_free(way->tls);
    free(way->url);
    free(way);
}

const char *cf_proxy_way_url(const struct cf_proxy_way *way)
{
    return way->url;
}

bool cf_proxy_way_is_local(const struct cf_proxy_way *way)
{
    return way->proxy->url.scheme == CF_PROXY_HTTPS ||
           way->proxy->url.scheme == CF_PROXY_SOCKS5_UNIX;
}

size_t cf_proxy_way_owing(const struct cf_proxy_way *way)
{
    return way->pumps ? cf_tls_pumps_owing(way->pumps) : 0;
}

static void config_of(const struct cf_proxy_way *way, const struct cf_proxy_call *call,
                      struct cf_proxy_dial_config *ret_config)
{
    *ret_config = (struct cf_proxy_dial_config) {
        .loop = way->loop,
        .scheme = way->proxy->url.scheme,
        .addrs = way->addrs,
        .n_addrs = way->n_addrs,
        .path = way->proxy->url.path,
        .tls = way->tls,
        .pumps = way->pumps,
        .login = way->login,
        .target = call->target,
        .udp = call->udp,
        .timeout_ms = way->proxy->timeout_ms,
        .make_socket = call->make_socket,
        .done = call->done,
        .data = call->data,
    };
}

/* Nobody wanted it in time, or the proxy has ended it. */
static void ready_lost(void *data, const struct cf_proxy_dialled *dialled)
{
    struct cf_proxy_way *way = data;

    (void)dialled;
    way->ready = NULL;
}

static int ready_socket(void *data, const struct cf_addr *to)
{
    struct cf_proxy_way *way = data;

    return way->to_prepare.make_socket(way->to_prepare.data, to);
}

/* Or not: then the next dial begins as the first did. */
static void prepare_run(struct cf_task *task)
{
    struct cf_proxy_way *way = cf_container_of(task, struct cf_proxy_way, prepare);
    const struct cf_proxy_call call = {
        .make_socket = ready_socket, .done = ready_lost, .data = way
    };
    struct cf_proxy_dial_config config;

    if (way->ready)
        return;
    config_of(way, &call, &config);
    if (config.timeout_ms > way->ready_ms)
        config.timeout_ms = way->ready_ms;
    if (cf_proxy_dial_prepare(&config, &way->ready) < 0)
        way->ready = NULL;
}

void cf_proxy_way_prepare(struct cf_proxy_way *way,
                          int (*make_socket)(void *data, const struct cf_addr *to), void *data)
{
    if (!way->often)
        return;
    way->to_prepare.make_socket = make_socket;
    way->to_prepare.data = data;
    cf_loop_task_add_last(way->loop, &way->prepare);
}

void cf_proxy_way_unprepare(struct cf_proxy_way *way)
{
    cf_loop_task_remove(way->loop, &way->prepare);
    cf_proxy_dial_cancel(way->ready);
    way->ready = NULL;
    way->often = false;
}

/* Take what was prepared, or begin. Returns 0 or -errno. */
static int dial_begin(struct cf_proxy_way *way, const struct cf_proxy_dial_config *config,
                      struct cf_proxy_dial **ret_dial)
{
    struct cf_proxy_dial *ready = way->ready;

    if (!ready || config->udp)
        return cf_proxy_dial_start(config, ret_dial);
    way->ready = NULL;
    if (cf_proxy_dial_take(ready, config) == 0) {
        *ret_dial = ready;
        return 0;
    }
    cf_proxy_dial_cancel(ready);
    return cf_proxy_dial_start(config, ret_dial);
}

int cf_proxy_way_dial(struct cf_proxy_way *way, const struct cf_proxy_call *call,
                      struct cf_proxy_dial **ret_dial)
{
    int64_t now_us = cf_loop_now_us(way->loop);
    struct cf_proxy_dial_config config;
    int r;

    way->often = way->dialled_us != 0 && now_us - way->dialled_us < way->ready_ms * 1000;
    way->dialled_us = now_us;
    config_of(way, call, &config);
    r = dial_begin(way, &config, ret_dial);
    if (r != -EINVAL || !call->target.name || call->target.at.addr.family == CF_FAMILY_NONE)
        return r;
    config.target.name = NULL;
    return cf_proxy_dial_start(&config, ret_dial);
}
