/*
 * race.c - which of a proxy's addresses takes a connection first
 *
 * How this works. An attempt is a socket that is watched until it can be
 * written to, which says that connect() has ended; a proxy on this machine has
 * taken the connection by then, which one look tells. n_begun attempts have
 * begun, n_open of them are under way. The timer runs while there is a next
 * one to begin. What fails before it is under way makes room for the next at
 * once; when none is left at the very start, a task tells it.
 */
#include "proxy/race.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/egress.h"
#include "base/fd.h"
#include "base/hash.h"

static size_t n_places(const struct cf_proxy_race *race)
{
    return *race->path ? 1 : race->n_addrs;
}

static void attempt_close(struct cf_proxy_attempt *attempt)
{
    cf_loop_unwatch(attempt->race->loop, &attempt->watch);
    if (attempt->fd >= 0)
        attempt->race->n_open--;
    cf_fd_close(&attempt->fd);
}

void cf_proxy_race_stop(struct cf_proxy_race *race)
{
    for (size_t i = 0; i < race->n_begun; i++)
        attempt_close(&race->attempts[i]);
    cf_loop_timer_stop(race->loop, &race->timer);
    cf_loop_task_remove(race->loop, &race->task);
}

/* The first failure is told: that of the address which is preferred. */
static void attempt_failed(struct cf_proxy_attempt *attempt, int error)
{
    struct cf_proxy_race *race = attempt->race;

    if (race->error == 0) {
        race->error = error;
        race->at = (size_t)(attempt - race->attempts);
    }
    attempt_close(attempt);
}

static int unix_socket(const char *path, struct sockaddr_storage *sa, socklen_t *ret_length)
{
    struct sockaddr_un *un = (struct sockaddr_un *)sa;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memset(un, 0, sizeof *un);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, strlen(path));
    *ret_length = sizeof *un;
    return fd < 0 ? -errno : fd;
}

static bool is_connected(int fd)
{
    struct pollfd at = { .fd = fd, .events = POLLOUT };

    return poll(&at, 1, 0) == 1 && at.revents == POLLOUT;
}

/* Returns 0 when it is under way, 1 when it is connected, or -errno. */
static int attempt_begin(struct cf_proxy_attempt *attempt)
{
    struct cf_proxy_race *race = attempt->race;
    const struct cf_addr_port *to = &race->addrs[attempt - race->attempts];
    struct sockaddr_storage sa;
    socklen_t length;
    int fd, on = 1;

    if (*race->path) {
        fd = unix_socket(race->path, &sa, &length);
    } else {
        length = cf_addr_port_to_sockaddr(to, &sa);
        fd = race->make_socket(race->data, &to->addr);
    }
    if (fd < 0)
        return fd;
    attempt->fd = fd;
    race->n_open++;
    /* The end of a TLS handshake and the request are two small writes: not 40 ms apart. */
    if (!*race->path)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&sa, length) < 0 && errno != EINPROGRESS)
        return -errno;
    if (!*race->path)
        cf_egress_connected(fd, (struct sockaddr *)&sa);
    if (is_connected(fd))
        return 1;
    return cf_loop_watch(race->loop, &attempt->watch, fd, EPOLLOUT);
}

static void attempt_won(struct cf_proxy_attempt *attempt)
{
    struct cf_proxy_race *race = attempt->race;
    int fd = attempt->fd;

    cf_loop_unwatch(race->loop, &attempt->watch);
    attempt->fd = -1;
    race->at = (size_t)(attempt - race->attempts);
    race->error = 0;
    cf_proxy_race_stop(race);
    race->won(race, fd);
}

/*
 * Begin the next attempt, or those behind it that do not fail at once. Returns
 * false when none is under way any more and none is left; the race may be won,
 * and gone, when it returns true.
 */
static bool attempt_next(struct cf_proxy_race *race)
{
    while (race->n_begun < n_places(race)) {
        struct cf_proxy_attempt *attempt = &race->attempts[race->n_begun++];
        int r = attempt_begin(attempt);

        if (r < 0) {
            attempt_failed(attempt, -r);
            continue;
        }
        if (r > 0) {
            attempt_won(attempt);
            return true;
        }
        if (race->n_begun < n_places(race))
            cf_loop_timer_start(race->loop, &race->timer,
                                cf_clock_monotonic_us() + CF_PROXY_RACE_DELAY_US);
        return true;
    }
    cf_loop_timer_stop(race->loop, &race->timer);
    return race->n_open > 0;
}

static void timer_due(struct cf_timer *timer)
{
    struct cf_proxy_race *race = cf_container_of(timer, struct cf_proxy_race, timer);

    if (!attempt_next(race))
        race->lost(race);
}

static void task_run(struct cf_task *task)
{
    struct cf_proxy_race *race = cf_container_of(task, struct cf_proxy_race, task);

    race->lost(race);
}

static void attempt_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_proxy_attempt *attempt = cf_container_of(watch, struct cf_proxy_attempt, watch);
    struct cf_proxy_race *race = attempt->race;
    int error = 0;
    socklen_t length = sizeof error;

    (void)events;
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        error = errno;
    if (error == 0) {
        attempt_won(attempt);
        return;
    }
    attempt_failed(attempt, error);
    if (!attempt_next(race))
        race->lost(race);
}

void cf_proxy_race_init(struct cf_proxy_race *race)
{
    memset(race, 0, sizeof *race);
    race->timer.fn = timer_due;
    race->task.fn = task_run;
    for (size_t i = 0; i < CF_PROXY_RACE_MAX; i++)
        race->attempts[i] = (struct cf_proxy_attempt) {
            .watch = { .fd = -1, .fn = attempt_ready },
            .race = race,
            .fd = -1,
        };
}

void cf_proxy_race_set_addrs(struct cf_proxy_race *race, const struct cf_addr_port *addrs, size_t n)
{
    size_t at[2] = { 0, 0 }; /* in addrs: of the first one's family, and of the other */
    unsigned turn = 0;

    race->n_addrs = 0;
    while (race->n_addrs < CF_PROXY_RACE_MAX) {
        size_t *i = &at[turn];

        while (*i < n && (addrs[*i].addr.family != addrs[0].addr.family) != turn)
            ++*i;
        if (*i < n)
            race->addrs[race->n_addrs++] = addrs[(*i)++];
        else if (at[!turn] >= n)
            break;
        turn = !turn;
    }
}

void cf_proxy_race_start(struct cf_proxy_race *race)
{
    race->n_begun = race->n_open = 0;
    if (!attempt_next(race))
        cf_loop_task_add(race->loop, &race->task);
}
