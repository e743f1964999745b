/*
 * loop.c - one thread waits here for everything
 *
 * How this works. A turn is: wait in epoll_wait() until a descriptor is ready
 * or the first timer is due; call the descriptors of this batch; call the
 * timers that are due; call the tasks that were queued when the tasks began.
 * A watch that is taken out during a turn is also struck from the rest of the
 * batch, so that a callback may free any object. Timers stand in a binary
 * heap that knows each timer's slot. Urgent watches are called in front of the
 * others. A task queued by a task, and a timer that
 * a timer starts for a moment that has come, wait for the next turn, which
 * then does not sleep, so that no one starves the others.
 *
 * A wait begins with looking, without sleep, where waits have been short (awake.c).
 *
 * Tasks that nobody waits for are done one by one when nothing is ready, so
 * that what becomes ready meanwhile waits for one at most. Under load they are
 * all done after a few turns: what they hold is not held for long.
 *
 * A stop ends the turn at once. What is left of its batch waits for the next
 * run: an edge (EPOLLET) is told only once.
 */
#include "loop/loop.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "loop/awake.h"

/* Events of one epoll_wait(). From 8 to 1024, no difference was measured. */
#define BATCH 256

/* Between two looks, this long: another thread has had the CPU. */
#define INTERRUPTED_US 10

struct cf_loop {
    int epoll_fd;
    bool stopped;
    bool in_timers; /* run_timers() is under way */
    int result;
    int64_t now_us;
    uint64_t n_turns;
    struct epoll_event batch[BATCH];
    int batch_at, batch_end;
    struct cf_timer **heap;
    size_t n_heap, heap_capacity;
    struct cf_tasks tasks, last;
    struct cf_awake awake;
    unsigned last_turns; /* since one of `last` waits */
    void (*before_wait)(void *data); /* NULL for none */
    void *before_wait_data;
};

static int cpus_count(void)
{
    cpu_set_t cpus;

    /* More than fit into a set are more than one. */
    return sched_getaffinity(0, sizeof cpus, &cpus) < 0 ? CPU_SETSIZE : CPU_COUNT(&cpus);
}

int cf_loop_new(struct cf_loop **ret_loop, struct cf_error *err)
{
    struct cf_loop *loop = calloc(1, sizeof *loop);

    if (!loop)
        return cf_error_errno(err, -ENOMEM, "cannot make the event loop");
    loop->tasks.tail = &loop->tasks.first;
    loop->last.tail = &loop->last.first;
    cf_awake_init(&loop->awake, cpus_count() > 1);
    loop->now_us = cf_clock_monotonic_us();
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        int code = -errno;

        free(loop);
        return cf_error_errno(err, code, "cannot make the event loop");
    }
    *ret_loop = loop;
    return 0;
}

void cf_loop_free(struct cf_loop *loop)
{
    if (!loop)
        return;
    close(loop->epoll_fd);
    free(loop->heap);
    free(loop);
}

int64_t cf_loop_now_us(const struct cf_loop *loop)
{
    return loop->now_us;
}

uint64_t cf_loop_turns(const struct cf_loop *loop)
{
    return loop->n_turns;
}

void cf_loop_stop(struct cf_loop *loop, int result)
{
    if (loop->stopped)
        return;
    loop->stopped = true;
    loop->result = result;
}

void cf_loop_before_wait(struct cf_loop *loop, void (*fn)(void *data), void *data)
{
    loop->before_wait = fn;
    loop->before_wait_data = data;
}

int cf_loop_watch(struct cf_loop *loop, struct cf_watch *watch, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };

    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    watch->fd = fd;
    return 0;
}

int cf_loop_rewatch(struct cf_loop *loop, struct cf_watch *watch, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0 ? -errno : 0;
}

/* What is ready in this turn is not told to it any more. */
static void batch_strike(struct cf_loop *loop, const struct cf_watch *watch)
{
    for (int i = loop->batch_at; i < loop->batch_end; i++) {
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
    }
}

void cf_loop_unwatch(struct cf_loop *loop, struct cf_watch *watch)
{
    if (watch->fd < 0)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->fd = -1;
    batch_strike(loop, watch);
}

void cf_loop_unwatch_close(struct cf_loop *loop, struct cf_watch *watch, int *fd)
{
    if (watch->fd >= 0) {
        watch->fd = -1;
        batch_strike(loop, watch);
    }
    cf_fd_close(fd); /* the last descriptor of an open file takes it out of every epoll */
}

static void heap_put(struct cf_loop *loop, size_t i, struct cf_timer *timer)
{
    loop->heap[i] = timer;
    timer->slot = i + 1;
}

/* Move the timer at i up or down to where its due time belongs. */
static void heap_settle(struct cf_loop *loop, size_t i)
{
    struct cf_timer *timer = loop->heap[i];

    while (i > 0 && loop->heap[(i - 1) / 2]->due_us > timer->due_us) {
        heap_put(loop, i, loop->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= loop->n_heap)
            break;
        if (child + 1 < loop->n_heap && loop->heap[child + 1]->due_us < loop->heap[child]->due_us)
            child++;
        if (loop->heap[child]->due_us >= timer->due_us)
            break;
        heap_put(loop, i, loop->heap[child]);
        i = child;
    }
    heap_put(loop, i, timer);
}

int cf_loop_timer_start(struct cf_loop *loop, struct cf_timer *timer, int64_t due_us)
{
    if (timer->slot == 0) {
        if (loop->n_heap == loop->heap_capacity) {
            size_t capacity = loop->heap_capacity ? loop->heap_capacity * 2 : 64;
            struct cf_timer **heap = realloc(loop->heap, capacity * sizeof(struct cf_timer *));

            if (!heap)
                return -ENOMEM;
            loop->heap = heap;
            loop->heap_capacity = capacity;
        }
        heap_put(loop, loop->n_heap++, timer);
    }
    if (loop->in_timers && due_us <= loop->now_us)
        due_us = loop->now_us + 1;
    timer->due_us = due_us;
    heap_settle(loop, timer->slot - 1);
    return 0;
}

void cf_loop_timer_stop(struct cf_loop *loop, struct cf_timer *timer)
{
    size_t i = timer->slot;

    if (i == 0)
        return;
    timer->slot = 0;
    i--;
    loop->n_heap--;
    if (i < loop->n_heap) {
        heap_put(loop, i, loop->heap[loop->n_heap]);
        heap_settle(loop, i);
    }
}

static void task_add(struct cf_tasks *tasks, struct cf_task *task)
{
    if (task->link)
        return;
    task->in = tasks;
    task->next = NULL;
    task->link = tasks->tail;
    *tasks->tail = task;
    tasks->tail = &task->next;
    tasks->count++;
}

void cf_loop_task_add(struct cf_loop *loop, struct cf_task *task)
{
    task_add(&loop->tasks, task);
}

void cf_loop_task_add_last(struct cf_loop *loop, struct cf_task *task)
{
    task_add(&loop->last, task);
}

void cf_loop_task_remove(struct cf_loop *loop, struct cf_task *task)
{
    (void)loop;
    if (!task->link)
        return;
    *task->link = task->next;
    if (task->next)
        task->next->link = task->link;
    else
        task->in->tail = task->link;
    task->in->count--;
    task->link = NULL;
}

/* The tail of the queue is a mark, so that what tasks add runs in the next turn. */
static void no_op(struct cf_task *task)
{
    (void)task;
}

static void run_tasks(struct cf_loop *loop, struct cf_tasks *tasks)
{
    struct cf_task mark = { .fn = no_op };

    if (!tasks->first)
        return;
    task_add(tasks, &mark);
    while (tasks->first != &mark && !loop->stopped) {
        struct cf_task *task = tasks->first;

        cf_loop_task_remove(loop, task);
        task->fn(task);
    }
    cf_loop_task_remove(loop, &mark);
}

bool cf_loop_rest(struct cf_loop *loop)
{
    if (!loop->last.first || loop->stopped)
        return false;
    loop->last_turns = 0;
    run_tasks(loop, &loop->last);
    return true;
}

/* What nobody waits for, when nothing else is ready or it has waited for long. */
static void run_last(struct cf_loop *loop, bool idle)
{
    struct cf_task *task = loop->last.first;

    if (!task)
        return;
    if (loop->last.count >= CF_LOOP_LAST_MAX || loop->last_turns >= CF_LOOP_LAST_TURNS) {
        cf_loop_rest(loop);
    } else if (idle) {
        loop->last_turns = 0;
        cf_loop_task_remove(loop, task);
        task->fn(task);
    } else {
        loop->last_turns++;
    }
}

static void run_timers(struct cf_loop *loop)
{
    loop->in_timers = true;
    while (loop->n_heap > 0 && loop->heap[0]->due_us <= loop->now_us && !loop->stopped) {
        struct cf_timer *timer = loop->heap[0];

        cf_loop_timer_stop(loop, timer);
        timer->fn(timer);
    }
    loop->in_timers = false;
}

static int wait_ms(const struct cf_loop *loop)
{
    int64_t us;

    if (loop->tasks.first || loop->last.first)
        return 0;
    if (loop->n_heap == 0)
        return -1;
    us = loop->heap[0]->due_us - cf_clock_monotonic_us();
    if (us <= 0)
        return 0;
    us = (us + 999) / 1000;
    return us > 3600000 ? 3600000 : (int)us;
}

static int look(struct cf_loop *loop, int timeout_ms)
{
    return epoll_wait(loop->epoll_fd, loop->batch, BATCH, timeout_ms);
}

/* Look until something is there, for CF_AWAKE_US at most, and while nothing else wants this CPU. */
static int look_awake(struct cf_loop *loop, int64_t begin_us)
{
    int64_t now_us = begin_us, last_us, end_us = begin_us + CF_AWAKE_US;
    int n;

    if (loop->n_heap > 0 && loop->heap[0]->due_us < end_us)
        end_us = loop->heap[0]->due_us;
    do {
        n = look(loop, 0);
        last_us = now_us;
        now_us = cf_clock_monotonic_us();
    } while (n == 0 && now_us < end_us && now_us - last_us < INTERRUPTED_US);
    return n;
}

static int wait_events(struct cf_loop *loop)
{
    int n = 0, timeout_ms = wait_ms(loop);
    struct cf_wait wait = { .looked = cf_awake_is(&loop->awake) };
    int64_t begin_us;

    if (timeout_ms == 0)
        return look(loop, 0);
    begin_us = cf_clock_monotonic_us();
    if (wait.looked)
        n = look_awake(loop, begin_us);
    wait.in_vain = wait.looked && n == 0;
    if (n == 0)
        n = look(loop, wait_ms(loop));
    wait.n_events = n;
    wait.us = cf_clock_monotonic_us() - begin_us;
    cf_awake_learn(&loop->awake, &wait);
    return n;
}

void cf_loop_bulk(struct cf_loop *loop)
{
    cf_awake_end(&loop->awake);
}

/* Wait for the next batch, unless a stop has left some of the last one. */
static int wait_batch(struct cf_loop *loop)
{
    int n;

    if (loop->batch_at < loop->batch_end)
        return 0;
    if (loop->before_wait)
        loop->before_wait(loop->before_wait_data);
    if (loop->stopped)
        return 0;
    n = wait_events(loop);
    if (n < 0 && errno != EINTR)
        return -errno;
    loop->batch_at = 0;
    loop->batch_end = n < 0 ? 0 : n;
    return 0;
}

static void run_urgent(struct cf_loop *loop)
{
    for (int i = loop->batch_at; i < loop->batch_end && !loop->stopped; i++) {
        struct cf_watch *watch = loop->batch[i].data.ptr;

        if (!watch || !watch->urgent)
            continue;
        loop->batch[i].data.ptr = NULL;
        watch->fn(watch, loop->batch[i].events);
    }
}

static void run_batch(struct cf_loop *loop)
{
    while (loop->batch_at < loop->batch_end && !loop->stopped) {
        struct epoll_event *event = &loop->batch[loop->batch_at++];
        struct cf_watch *watch = event->data.ptr;

        if (watch)
            watch->fn(watch, event->events);
    }
}

int cf_loop_run(struct cf_loop *loop)
{
    while (!loop->stopped) {
        int r = wait_batch(loop);
        bool idle;

        if (r < 0)
            return r;
        loop->now_us = cf_clock_monotonic_us();
        loop->n_turns++;
        idle = loop->batch_at == loop->batch_end;
        run_urgent(loop);
        run_batch(loop);
        run_timers(loop);
        run_tasks(loop, &loop->tasks);
        if (!loop->stopped)
            run_last(loop, idle);
    }
    loop->stopped = false;
    return loop->result;
}

static void child_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_child *child = cf_container_of(watch, struct cf_child, watch);

    (void)events;
    child->fn(child);
}

int cf_loop_child_start(struct cf_loop *loop, struct cf_child *child, pid_t pid)
{
    int r, fd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */

    if (fd < 0)
        return -errno;
    child->pid = pid;
    child->watch.fn = child_ready;
    /* Ready for as long as it is not closed, so ask to be told once. */
    r = cf_loop_watch(loop, &child->watch, fd, EPOLLIN | EPOLLONESHOT);
    if (r < 0)
        close(fd);
    return r;
}

/* Take the watch out and close the descriptor that belongs to it. */
static void watch_close(struct cf_loop *loop, struct cf_watch *watch)
{
    int fd = watch->fd;

    cf_loop_unwatch(loop, watch);
    cf_fd_close(&fd);
}

void cf_loop_child_stop(struct cf_loop *loop, struct cf_child *child)
{
    watch_close(loop, &child->watch);
}

static void signals_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_signals *signals = cf_container_of(watch, struct cf_signals, watch);
    struct signalfd_siginfo info;

    (void)events;
    /* One a turn: the callback may stop the watch; level-triggered brings the rest. */
    if (read(watch->fd, &info, sizeof info) == (ssize_t)sizeof info)
        signals->fn(signals, &info);
}

int cf_loop_signals_start(struct cf_loop *loop, struct cf_signals *signals, const sigset_t *set)
{
    int r, fd;

    if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
        return -errno;
    fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    signals->watch.fn = signals_ready;
    r = cf_loop_watch(loop, &signals->watch, fd, EPOLLIN);
    if (r < 0)
        close(fd);
    return r;
}

void cf_loop_signals_stop(struct cf_loop *loop, struct cf_signals *signals)
{
    watch_close(loop, &signals->watch);
}
