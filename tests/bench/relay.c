/*
 * relay.c - an ordinary TCP relay, to measure others by
 *
 *   relay splice|copy LISTEN_ADDRESS TARGET_ADDRESS PORT...
 *
 * Takes connections at each port of one address and relays them to the same port of
 * another. It has no policy, no log and no limits: what splices cannot be faster
 * than `splice`, whatever else it does; `copy` reads and writes.
 *
 * How this works
 *
 * One process, one epoll, edge-triggered, each socket registered once. A flow
 * has two sides, and a stream in each direction. pump() moves what it can
 * until the source has nothing or the sink takes no more; the next edge of either
 * goes on. A splice of fewer bytes than the pipe has slots, or a read of
 * less than the buffer, has emptied the source: there is no second call to hear
 * that. The pipe or the buffer comes from a pool while bytes are pending and
 * goes back when it is empty. End of file passes on as a half-close; an error
 * resets both sides. A flow is freed after the events of one epoll_wait, since two
 * of them can be its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64
#define PIPE_BYTES (1 << 20)
#define PIPE_SLOTS (PIPE_BYTES / 4096)
#define BUFFER_BYTES (128 << 10)
#define POOL_MAX 64

/* Where bytes wait between source and sink. */
struct store {
    int pipe[2];
    char *buffer;
};

struct stream {
    struct store *store; /* NULL while nothing is pending */
    size_t have, at;
    bool ended; /* the source has no more */
    bool done;  /* and the sink knows */
};

struct flow;

/* What an event points to; listeners have no flow. */
struct side {
    int fd;
    uint16_t port;
    struct flow *flow;
};

/* streams[i] goes from sides[i] to the other side. */
struct flow {
    struct side sides[2];
    struct stream streams[2];
    bool dead;
    struct flow *next_dead;
};

struct relay {
    int epoll;
    bool copies;
    struct in_addr target;
    struct store *pool[POOL_MAX];
    size_t pooled;
    struct flow *dead;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void store_free(struct store *store)
{
    if (store->buffer) {
        free(store->buffer);
    } else {
        close(store->pipe[0]);
        close(store->pipe[1]);
    }
    free(store);
}

static struct store *store_take(struct relay *relay)
{
    struct store *store;

    if (relay->pooled > 0)
        return relay->pool[--relay->pooled];
    store = calloc(1, sizeof *store);
    if (!store)
        return NULL;
    if (relay->copies) {
        store->buffer = malloc(BUFFER_BYTES);
    } else if (pipe2(store->pipe, O_NONBLOCK | O_CLOEXEC) == 0) {
        fcntl(store->pipe[0], F_SETPIPE_SZ, PIPE_BYTES); /* or smaller, where a user has too many */
        return store;
    }
    if (store->buffer)
        return store;
    free(store);
    return NULL;
}

static void store_give(struct relay *relay, struct stream *stream)
{
    if (stream->store && stream->have == 0 && relay->pooled < POOL_MAX)
        relay->pool[relay->pooled++] = stream->store;
    else if (stream->store)
        store_free(stream->store);
    stream->store = NULL;
}

static void flow_kill(struct relay *relay, struct flow *flow, bool reset)
{
    const struct linger now = { .l_onoff = 1 };

    if (flow->dead)
        return;
    flow->dead = true;
    flow->next_dead = relay->dead;
    relay->dead = flow;
    for (int i = 0; i < 2; i++) {
        store_give(relay, &flow->streams[i]);
        if (reset)
            setsockopt(flow->sides[i].fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(flow->sides[i].fd);
    }
}

static ssize_t fill(struct stream *stream, int source)
{
    struct store *store = stream->store;

    if (store->buffer)
        return read(source, store->buffer, BUFFER_BYTES);
    return splice(source, NULL, store->pipe[1], NULL, PIPE_BYTES,
                  SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

static ssize_t drain(struct stream *stream, int sink)
{
    struct store *store = stream->store;

    if (store->buffer)
        return send(sink, store->buffer + stream->at, stream->have, MSG_NOSIGNAL);
    return splice(store->pipe[0], NULL, sink, NULL, stream->have,
                  SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

/* Everything pending to the sink: 1 when it is there, 0 when the sink is full, -1. */
static int drain_all(struct stream *stream, int sink)
{
    while (stream->have > 0) {
        ssize_t n = drain(stream, sink);

        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        stream->have -= (size_t)n;
        stream->at += (size_t)n;
    }
    stream->at = 0;
    return 1;
}

/* Move what can be moved in one direction; -1 when the flow is broken. */
static int pump(struct relay *relay, struct stream *stream, int source, int sink, bool ending)
{
    const ssize_t emptied = relay->copies ? BUFFER_BYTES : PIPE_SLOTS;
    bool more = true;

    for (;;) {
        int drained = drain_all(stream, sink);
        ssize_t n;

        if (drained <= 0)
            return drained;
        if (stream->ended || !more)
            break;
        if (!stream->store && !(stream->store = store_take(relay)))
            return -1;
        n = fill(stream, source);
        if (n < 0 && errno != EAGAIN)
            return -1;
        stream->ended = n == 0;
        stream->have = n > 0 ? (size_t)n : 0;
        more = n >= emptied || (n > 0 && ending);
    }
    store_give(relay, stream);
    if (stream->ended && !stream->done) {
        stream->done = true;
        shutdown(sink, SHUT_WR);
    }
    return 0;
}

static void flow_event(struct relay *relay, struct side *side, uint32_t events)
{
    struct flow *flow = side->flow;
    int i = side == &flow->sides[1];
    int here = side->fd, there = flow->sides[!i].fd;
    int result = 0;

    if (flow->dead)
        return;
    if (events & EPOLLERR)
        result = -1;
    if (result == 0 && events & EPOLLOUT && flow->streams[!i].have > 0)
        result = pump(relay, &flow->streams[!i], there, here, true);
    if (result == 0 && events & (EPOLLIN | EPOLLRDHUP))
        result = pump(relay, &flow->streams[i], here, there, events & EPOLLRDHUP);
    if (result < 0 || (flow->streams[0].done && flow->streams[1].done))
        flow_kill(relay, flow, result < 0);
}

static int outward_connect(const struct relay *relay, uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = port, .sin_addr = relay->target };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) < 0 &&
        errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

static int side_watch(struct relay *relay, struct flow *flow, int i, int fd)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = &flow->sides[i] };
    const int on = 1;

    flow->sides[i] = (struct side) { .fd = fd, .flow = flow };
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return epoll_ctl(relay->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void flow_open(struct relay *relay, int inward, uint16_t port)
{
    struct flow *flow = calloc(1, sizeof *flow);
    int outward = outward_connect(relay, port);

    if (!flow || outward < 0) {
        if (outward >= 0)
            close(outward);
        close(inward);
        free(flow);
        return;
    }
    if (side_watch(relay, flow, 0, inward) < 0 || side_watch(relay, flow, 1, outward) < 0)
        die("cannot watch a socket");
}

static void accept_all(struct relay *relay, const struct side *listener)
{
    int fd;

    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        flow_open(relay, fd, listener->port);
}

static void listen_at(struct relay *relay, const char *address, uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct side *listener = calloc(1, sizeof *listener);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = listener };
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (!listener || fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1)
        die(address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0)
        die("cannot listen");
    *listener = (struct side) { .fd = fd, .port = htons(port) };
    if (epoll_ctl(relay->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("cannot watch a listener");
}

static void serve(struct relay *relay)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int count = epoll_wait(relay->epoll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            struct side *side = events[i].data.ptr;

            if (side->flow)
                flow_event(relay, side, events[i].events);
            else
                accept_all(relay, side);
        }
        while (relay->dead) {
            struct flow *flow = relay->dead;

            relay->dead = flow->next_dead;
            free(flow);
        }
    }
}

int main(int argc, char **argv)
{
    struct relay relay = { .epoll = epoll_create1(EPOLL_CLOEXEC) };

    if (argc < 5 || inet_pton(AF_INET, argv[3], &relay.target) != 1) {
        fprintf(stderr, "usage: relay splice|copy LISTEN_ADDRESS TARGET_ADDRESS PORT...\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* splice() has no MSG_NOSIGNAL */
    relay.copies = strcmp(argv[1], "copy") == 0;
    for (int i = 4; i < argc; i++)
        listen_at(&relay, argv[2], (uint16_t)atoi(argv[i]));
    serve(&relay);
}
