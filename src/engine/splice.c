/*
 * splice.c - one direction of a TCP connection, from socket to socket
 *
 * How this works. Events are edges, so what they said is kept in `readable`
 * and `writable` until a call says EAGAIN. A run fills a pipe from one socket
 * and empties it into the other until one of them has had enough; it reads
 * only when the pipe is empty and the other side takes bytes, so a slow reader
 * is felt by the sender and costs one pipe at most.
 *
 * A read that takes fewer bytes than the pipe has slots has emptied the
 * socket, because each slot holds at least one byte: then another read just to
 * hear EAGAIN is saved. What comes later makes an edge of its own. This does
 * not hold at the end and at urgent data, which have been announced by then.
 *
 * Urgent data (RFC 9293, 3.8.5). The kernel does not read across the urgent
 * mark: a read there says EAGAIN, or nothing when the end has come too. The
 * byte at the mark is read alone and sent with MSG_OOB; as any other where `to` is
 * a socket of the machine, behind which a proxy stands that could not pass it on.
 *
 * Bytes are held at the meter before `to` is given them, so that not one more passes
 * than it has. What is in a pipe when nothing is left is dropped.
 *
 * When no pipe can be had, bytes are looked at with MSG_PEEK, sent, and only
 * what was taken is removed: slower, and nothing to keep between turns.
 */
#include "engine/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/meter.h"

/*
 * All that an ordinary user may have. Measured with 8 streams: one of 64 KiB takes 1.6 times
 * the CPU towards the sandbox, one of 256 KiB a tenth more either way.
 */
#define PIPE_LARGE (1 << 20)
#define PIPES_LARGE_MAX 16 /* a user has 64 MiB of pipes before all get small ones */
#define PIPES_KEPT 16 /* none and 64 were measured to cost the same */
#define SLOT_BYTES 4096
#define COPY_BYTES 65536

/*
 * What a socket of the machine is given at once. It counts as writable while what is
 * unread takes a quarter of its buffer at most, and each such piece counts whole
 * until its last byte is read: which is the one that a pump leaves (proxy/tls_pump.c).
 */
#define PLAIN_BYTES 32768

/*
 * Bytes of one direction in one turn; then the others have theirs. Measured with 8
 * streams: a quarter takes more CPU to the outside, eight times as much gains nothing.
 */
#define TURN_BYTES (1 << 20)

void cf_pipe_pool_init(struct cf_pipe_pool *pool, size_t n_pools)
{
    memset(pool, 0, sizeof *pool);
    pool->limit = CF_PIPES_MAX / n_pools;
    pool->limit_large = (PIPES_LARGE_MAX + n_pools - 1) / n_pools;
}

static void pipe_free(struct cf_pipe_pool *pool, struct cf_pipe *pipe)
{
    if (pipe->size >= PIPE_LARGE)
        pool->n_large--;
    pool->n_pipes--;
    close(pipe->fds[0]);
    close(pipe->fds[1]);
    free(pipe);
}

void cf_pipe_pool_done(struct cf_pipe_pool *pool)
{
    while (pool->free) {
        struct cf_pipe *pipe = pool->free;

        pool->free = pipe->next;
        pipe_free(pool, pipe);
    }
    free(pool->copy_buffer);
    pool->copy_buffer = NULL;
}

/* An empty pipe, or NULL when none can be had. */
static struct cf_pipe *pipe_take(struct cf_pipe_pool *pool)
{
    struct cf_pipe *pipe = pool->free;
    int size;

    if (pipe) {
        pool->free = pipe->next;
        pool->n_free--;
        return pipe;
    }
    if (pool->n_pipes >= pool->limit)
        return NULL;
    pipe = malloc(sizeof *pipe);
    if (!pipe || pipe2(pipe->fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        free(pipe);
        return NULL;
    }
    if (pool->n_large < pool->limit_large)
        fcntl(pipe->fds[1], F_SETPIPE_SZ, PIPE_LARGE); /* refused past the user's share */
    size = fcntl(pipe->fds[1], F_GETPIPE_SZ);
    pipe->size = size > 0 ? (size_t)size : SLOT_BYTES;
    if (pipe->size >= PIPE_LARGE)
        pool->n_large++;
    pool->n_pipes++;
    return pipe;
}

static void pipe_give(struct cf_pipe_pool *pool, struct cf_pipe *pipe)
{
    if (pool->n_free >= PIPES_KEPT) {
        pipe_free(pool, pipe);
        return;
    }
    pipe->next = pool->free;
    pool->free = pipe;
    pool->n_free++;
}

void cf_splice_init(struct cf_splice *way, int from, int to, struct cf_meter *meter)
{
    memset(way, 0, sizeof *way);
    way->from = from;
    way->to = to;
    way->meter = meter;
    way->writable = true;
}

void cf_splice_done(struct cf_splice *way, struct cf_pipe_pool *pool)
{
    if (way->pipe && way->pending > 0)
        pipe_free(pool, way->pipe); /* bytes are in it: of no use to another */
    else if (way->pipe)
        pipe_give(pool, way->pipe);
    way->pipe = NULL;
    way->pending = 0;
}

void cf_splice_move(struct cf_splice *way, struct cf_pipe_pool *from, struct cf_pipe_pool *to)
{
    if (!way->pipe)
        return;
    from->n_pipes--;
    to->n_pipes++;
    if (way->pipe->size >= PIPE_LARGE) {
        from->n_large--;
        to->n_large++;
    }
}

void cf_splice_from_events(struct cf_splice *way, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        way->readable = true;
    if (events & EPOLLPRI)
        way->urgent = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        way->ending = true;
}

void cf_splice_to_events(struct cf_splice *way, uint32_t events)
{
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        way->writable = true;
}

/* Note a failed call: 0 when it can be tried later, -errno when `from` or `to` is gone. */
static int failed(struct cf_splice *way, bool *flag)
{
    if (errno == EAGAIN) {
        *flag = false;
        return 0;
    }
    if (errno == EINTR)
        return 0;
    way->error = errno;
    return -errno;
}

/*
 * `from` gave nothing. Take the urgent byte when that is what stands there.
 * Returns true when there is one to send.
 */
static bool take_urgent(struct cf_splice *way)
{
    int at_mark = 0;

    if (!way->urgent || ioctl(way->from, SIOCATMARK, &at_mark) < 0)
        return false;
    if (!at_mark)
        return false;
    way->has_oob = recv(way->from, &way->oob, 1, MSG_DONTWAIT) == 1;
    return way->has_oob;
}

/*
 * How many of n bytes may go; count() must follow unless it is none, which
 * *ret_none is the reason for.
 */
static size_t hold(struct cf_splice *way, size_t n, enum cf_splice_status *ret_none)
{
    bool wait;

    if (!way->meter)
        return n;
    n = (size_t)cf_meter_hold(way->meter, n, &wait);
    *ret_none = wait ? CF_SPLICE_AGAIN : CF_SPLICE_SPENT;
    return n;
}

/* Of the bytes that were held `to` has taken so many. Others may read the total meanwhile. */
static void count(struct cf_splice *way, size_t held, ssize_t taken)
{
    size_t n = taken > 0 ? (size_t)taken : 0;
    uint64_t total = atomic_load_explicit(&way->total, memory_order_relaxed);

    atomic_store_explicit(&way->total, total + n, memory_order_relaxed);
    if (way->meter)
        cf_meter_settle(way->meter, held - n);
}

static int send_urgent(struct cf_splice *way)
{
    int urgent = way->plain ? 0 : MSG_OOB;
    ssize_t n = send(way->to, &way->oob, 1, urgent | MSG_DONTWAIT | MSG_NOSIGNAL);

    count(way, 1, n);
    if (n < 0)
        return failed(way, &way->writable);
    way->has_oob = false;
    return 0;
}

/* Nothing was read, with this result of the call. Returns 0 or -errno. */
static int read_nothing(struct cf_splice *way, ssize_t n)
{
    if (n < 0 && errno != EAGAIN)
        return failed(way, &way->readable);
    if (take_urgent(way))
        return 0;
    if (n == 0)
        way->eof = true;
    else
        way->readable = false;
    return 0;
}

/* Fill the pipe. Returns 0 or -errno of `from`. */
static int fill(struct cf_splice *way)
{
    struct cf_pipe *pipe = way->pipe;
    ssize_t n =
        splice(way->from, NULL, pipe->fds[1], NULL, pipe->size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

    if (n <= 0)
        return read_nothing(way, n);
    way->pending = (size_t)n;
    if ((size_t)n < pipe->size / SLOT_BYTES && !way->urgent && !way->ending)
        way->readable = false;
    return 0;
}

/* Empty the pipe by what is held, as far as `to` takes it. Returns 0 or -errno of `to`. */
static int flush(struct cf_splice *way, size_t held)
{
    size_t length = way->plain && held > PLAIN_BYTES ? PLAIN_BYTES : held;
    ssize_t n = splice(way->pipe->fds[0], NULL, way->to, NULL, length,
                       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

    count(way, held, n);
    if (n < 0)
        return failed(way, &way->writable);
    if (n == 0)
        way->writable = false;
    way->pending -= (size_t)n;
    return 0;
}

/* Without a pipe. Returns CF_SPLICE_IDLE to go on; *ret_moved bytes went then. */
static enum cf_splice_status copy(struct cf_splice *way, struct cf_pipe_pool *pool,
                                  size_t *ret_moved)
{
    enum cf_splice_status none;
    ssize_t n, sent;
    size_t held;

    if (!pool->copy_buffer)
        pool->copy_buffer = malloc(COPY_BYTES);
    if (!pool->copy_buffer) {
        way->error = ENOMEM;
        return CF_SPLICE_READ_FAILED;
    }
    if (take_urgent(way))
        return CF_SPLICE_IDLE;
    n = recv(way->from, pool->copy_buffer, COPY_BYTES, MSG_PEEK | MSG_DONTWAIT);
    if (n <= 0)
        return read_nothing(way, n) < 0 ? CF_SPLICE_READ_FAILED : CF_SPLICE_IDLE;
    held = hold(way, (size_t)n, &none);
    if (held == 0)
        return none;
    sent = send(way->to, pool->copy_buffer, held, MSG_DONTWAIT | MSG_NOSIGNAL);
    count(way, held, sent);
    if (sent < 0)
        return failed(way, &way->writable) < 0 ? CF_SPLICE_WRITE_FAILED : CF_SPLICE_IDLE;
    /* These bytes were just seen: they are there, and one call takes them. */
    recv(way->from, NULL, (size_t)sent, MSG_TRUNC | MSG_DONTWAIT);
    *ret_moved = (size_t)sent;
    return CF_SPLICE_IDLE;
}

/* Read, and write at once when there is no pipe. */
static enum cf_splice_status move(struct cf_splice *way, struct cf_pipe_pool *pool, size_t *share)
{
    enum cf_splice_status status = CF_SPLICE_IDLE;
    size_t moved = 0;

    if (*share == 0)
        return CF_SPLICE_AGAIN;
    if (!way->pipe)
        way->pipe = pipe_take(pool);
    if (!way->pipe)
        status = copy(way, pool, &moved);
    else if (fill(way) < 0)
        status = CF_SPLICE_READ_FAILED;
    else
        moved = way->pending;
    *share -= moved < *share ? moved : *share;
    return status;
}

static enum cf_splice_status run(struct cf_splice *way, struct cf_pipe_pool *pool)
{
    size_t share = TURN_BYTES;

    for (;;) {
        if (way->pending > 0 || way->has_oob) {
            enum cf_splice_status none;
            size_t held;

            if (!way->writable)
                return CF_SPLICE_IDLE;
            held = hold(way, way->pending > 0 ? way->pending : 1, &none);
            if (held == 0)
                return none;
            if ((way->pending > 0 ? flush(way, held) : send_urgent(way)) < 0)
                return CF_SPLICE_WRITE_FAILED;
        } else if (way->eof && way->broken) {
            way->error = ECONNRESET; /* a write has had the errno that was meant for this read */
            return CF_SPLICE_READ_FAILED;
        } else if (way->eof) {
            shutdown(way->to, SHUT_WR);
            return CF_SPLICE_END;
        } else if (way->readable && way->writable) {
            enum cf_splice_status status = move(way, pool, &share);

            if (status != CF_SPLICE_IDLE)
                return status;
        } else {
            return CF_SPLICE_IDLE;
        }
    }
}

enum cf_splice_status cf_splice_run(struct cf_splice *way, struct cf_pipe_pool *pool)
{
    enum cf_splice_status status = run(way, pool);

    if (way->pending == 0 || status == CF_SPLICE_WRITE_FAILED)
        cf_splice_done(way, pool);
    return status;
}
