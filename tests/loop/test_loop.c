/*
 * test_loop.c - turns of the loop: who is called, in which order, and who is not
 *
 * Nothing here waits for time to pass: timers are due from the start, and
 * everything else is an event that a test makes itself.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hash.h"
#include "loop/loop.h"

static struct cf_loop *loop;
static char calls[256]; /* one letter a call */

static void called(char letter)
{
    size_t n = strlen(calls);

    assert_true(n + 1 < sizeof calls);
    calls[n] = letter;
    calls[n + 1] = '\0';
}

static int set_up(void **state)
{
    (void)state;
    calls[0] = '\0';
    return cf_loop_new(&loop, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    cf_loop_free(loop);
    loop = NULL;
    return 0;
}

/* Entries that note their letter and then do as `then` says. */

struct entry {
    struct cf_watch watch;
    struct cf_timer timer;
    struct cf_task task;
    char letter;
    void (*then)(struct entry *entry);
    struct entry *other;
};

static void entry_called(struct entry *entry)
{
    called(entry->letter);
    if (entry->then)
        entry->then(entry);
}

static void watch_called(struct cf_watch *watch, uint32_t events)
{
    assert_true(events & EPOLLIN);
    entry_called(cf_container_of(watch, struct entry, watch));
}

static void timer_called(struct cf_timer *timer)
{
    entry_called(cf_container_of(timer, struct entry, timer));
}

static void task_called(struct cf_task *task)
{
    entry_called(cf_container_of(task, struct entry, task));
}

static struct entry entry_of(char letter, void (*then)(struct entry *entry))
{
    return (struct entry) {
        .watch = { .fd = -1, .fn = watch_called },
        .timer = { .fn = timer_called },
        .task = { .fn = task_called },
        .letter = letter,
        .then = then,
    };
}

static void stop(struct entry *entry)
{
    (void)entry;
    cf_loop_stop(loop, 0);
}

/* The last timer: due after everything else that is due. */
static void start_last(struct entry *last)
{
    *last = entry_of('.', stop);
    assert_int_equal(cf_loop_timer_start(loop, &last->timer, cf_loop_now_us(loop)), 0);
}

static int readable(void)
{
    int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

    assert_true(fd >= 0);
    return fd;
}

static void start_at(struct entry *entry, int64_t before_us)
{
    int64_t due_us = cf_loop_now_us(loop) - before_us;

    assert_int_equal(cf_loop_timer_start(loop, &entry->timer, due_us), 0);
}

/* Timers */

static void timers_run_in_the_order_they_are_due(void **state)
{
    struct entry a = entry_of('a', NULL), b = entry_of('b', NULL), c = entry_of('c', NULL), last;

    (void)state;
    start_last(&last);
    start_at(&b, 200);
    start_at(&c, 100);
    start_at(&a, 300);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "abc.");
    assert_int_equal(a.timer.slot, 0);
}

static void a_timer_runs_once_and_can_be_moved_and_stopped(void **state)
{
    struct entry a = entry_of('a', NULL), b = entry_of('b', NULL), c = entry_of('c', NULL), last;

    (void)state;
    start_last(&last);
    start_at(&a, 300);
    start_at(&b, 200);
    start_at(&c, 100);
    start_at(&a, 50);
    cf_loop_timer_stop(loop, &b.timer);
    cf_loop_timer_stop(loop, &b.timer);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "ca.");
}

static void stop_other_timer(struct entry *entry)
{
    cf_loop_timer_stop(loop, &entry->other->timer);
}

static void a_timer_stopped_by_one_before_it_is_not_called(void **state)
{
    struct entry a = entry_of('a', stop_other_timer), b = entry_of('b', NULL), last;

    (void)state;
    start_last(&last);
    a.other = &b;
    start_at(&a, 200);
    start_at(&b, 100);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "a.");
}

static void start_again(struct entry *entry)
{
    start_at(entry, 1000);
}

static void a_timer_that_starts_itself_again_keeps_no_one_waiting(void **state)
{
    struct entry a = entry_of('a', start_again), b = entry_of('b', NULL), c = entry_of('c', stop);

    (void)state;
    start_at(&a, 100);
    start_at(&b, 50);
    cf_loop_task_add(loop, &c.task);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "abc");
    assert_true(a.timer.slot != 0);
}

#define TIMERS 2000

static struct cf_timer timers[TIMERS];
static int64_t last_due_us;
static int n_timers_called;

static void timer_in_order(struct cf_timer *timer)
{
    assert_true(timer->due_us >= last_due_us);
    last_due_us = timer->due_us;
    n_timers_called++;
}

static void many_timers_started_moved_and_stopped_stay_in_order(void **state)
{
    int64_t start_us = cf_loop_now_us(loop) - 10000000;
    struct entry last;
    unsigned seed = 1;
    int expected = 0;

    (void)state;
    start_last(&last);
    for (int i = 0; i < 5 * TIMERS; i++) {
        struct cf_timer *timer = &timers[rand_r(&seed) % TIMERS];

        timer->fn = timer_in_order;
        if (rand_r(&seed) % 4 == 0)
            cf_loop_timer_stop(loop, timer);
        else
            assert_int_equal(cf_loop_timer_start(loop, timer, start_us + rand_r(&seed) % 9999999),
                             0);
    }
    for (int i = 0; i < TIMERS; i++)
        expected += timers[i].slot != 0;
    assert_int_equal(cf_loop_run(loop), 0);
    assert_int_equal(n_timers_called, expected);
    assert_string_equal(calls, ".");
}

/* Descriptors */

static void unwatch_both(struct entry *entry)
{
    cf_loop_unwatch(loop, &entry->watch);
    cf_loop_unwatch(loop, &entry->other->watch);
}

static void a_watch_taken_out_by_its_peer_in_the_same_batch_is_not_called(void **state)
{
    struct entry a = entry_of('x', unwatch_both), b = entry_of('x', unwatch_both), last;
    int fd_a = readable(), fd_b = readable();

    (void)state;
    start_last(&last);
    a.other = &b;
    b.other = &a;
    assert_int_equal(cf_loop_watch(loop, &a.watch, fd_a, EPOLLIN), 0);
    assert_int_equal(cf_loop_watch(loop, &b.watch, fd_b, EPOLLIN), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "x.");
    assert_int_equal(a.watch.fd, -1);
    assert_int_equal(b.watch.fd, -1);
    close(fd_a);
    close(fd_b);
}

static int spare_fd;

/* The peer's memory now watches another descriptor that has nothing to say. */
static void replace_other(struct entry *entry)
{
    struct entry *other = entry->other;

    cf_loop_unwatch(loop, &entry->watch);
    cf_loop_unwatch(loop, &other->watch);
    assert_int_equal(cf_loop_watch(loop, &other->watch, spare_fd, EPOLLIN), 0);
}

static void an_event_of_the_old_descriptor_does_not_reach_a_new_watch(void **state)
{
    struct entry a = entry_of('x', replace_other), b = entry_of('x', replace_other), last;
    int fd_a = readable(), fd_b = readable();

    (void)state;
    spare_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    start_last(&last);
    a.other = &b;
    b.other = &a;
    assert_int_equal(cf_loop_watch(loop, &a.watch, fd_a, EPOLLIN), 0);
    assert_int_equal(cf_loop_watch(loop, &b.watch, fd_b, EPOLLIN), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "x.");
    cf_loop_unwatch(loop, &a.watch);
    cf_loop_unwatch(loop, &b.watch);
    close(fd_a);
    close(fd_b);
    close(spare_fd);
}

static void watches_are_changed_and_refused(void **state)
{
    struct entry a = entry_of('a', NULL), b = entry_of('b', NULL), last;
    int fd = readable();

    (void)state;
    assert_int_equal(cf_loop_watch(loop, &a.watch, fd, EPOLLIN), 0);
    assert_int_equal(cf_loop_watch(loop, &b.watch, fd, EPOLLIN), -EEXIST);
    assert_int_equal(b.watch.fd, -1);
    assert_int_equal(cf_loop_watch(loop, &b.watch, -1, EPOLLIN), -EBADF);
    assert_int_equal(cf_loop_rewatch(loop, &a.watch, 0), 0);
    start_last(&last);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, ".");
    assert_int_equal(cf_loop_rewatch(loop, &a.watch, EPOLLIN), 0);
    start_last(&last);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, ".a.");
    cf_loop_unwatch(loop, &a.watch);
    cf_loop_unwatch(loop, &a.watch);
    close(fd);
}

/* Tasks, and the order within a turn */

static void descriptors_come_before_timers_and_timers_before_tasks(void **state)
{
    struct entry w = entry_of('w', NULL), t = entry_of('t', NULL), k = entry_of('k', stop);
    int fd = readable();

    (void)state;
    cf_loop_task_add(loop, &k.task);
    start_at(&t, 1);
    assert_int_equal(cf_loop_watch(loop, &w.watch, fd, EPOLLIN), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "wtk");
    cf_loop_unwatch(loop, &w.watch);
    close(fd);
}

static void add_self(struct entry *entry)
{
    if (strlen(calls) < 6)
        cf_loop_task_add(loop, &entry->task);
    else
        cf_loop_stop(loop, 0);
}

static void a_task_put_off_by_a_task_runs_in_the_next_turn(void **state)
{
    struct entry a = entry_of('a', add_self), w = entry_of('w', NULL);
    int fd = readable();

    (void)state;
    cf_loop_task_add(loop, &a.task);
    assert_int_equal(cf_loop_watch(loop, &w.watch, fd, EPOLLIN), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "wawawa");
    cf_loop_unwatch(loop, &w.watch);
    close(fd);
}

static void remove_other_task(struct entry *entry)
{
    cf_loop_task_remove(loop, &entry->other->task);
}

static void tasks_run_once_in_order_unless_they_are_taken_out(void **state)
{
    struct entry a = entry_of('a', remove_other_task), b = entry_of('b', NULL),
                 c = entry_of('c', NULL), d = entry_of('d', stop);

    (void)state;
    a.other = &b;
    cf_loop_task_add(loop, &a.task);
    cf_loop_task_add(loop, &b.task);
    cf_loop_task_add(loop, &c.task);
    cf_loop_task_add(loop, &a.task);
    cf_loop_task_add(loop, &d.task);
    cf_loop_task_remove(loop, &c.task);
    cf_loop_task_remove(loop, &c.task);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "ad");
    cf_loop_task_add(loop, &b.task);
    cf_loop_task_add(loop, &d.task);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "adbd");
}

static void stop_twice(struct entry *entry)
{
    (void)entry;
    cf_loop_stop(loop, -EPIPE);
    cf_loop_stop(loop, 7);
}

/* Takes itself out after as many calls as `left` says. */
static int left;

static void leave_after_some(struct entry *entry)
{
    int fd = entry->watch.fd;

    if (--left > 0)
        return;
    cf_loop_unwatch_close(loop, &entry->watch, &fd);
    assert_int_equal(fd, -1);
    assert_int_equal(entry->watch.fd, -1);
}

static void watch_end(struct entry *entry)
{
    int fd = entry->watch.fd;

    cf_loop_unwatch_close(loop, &entry->watch, &fd);
}

static void urgent_descriptors_come_before_others(void **state)
{
    struct entry a = entry_of('a', leave_after_some), b = entry_of('b', NULL), last;

    (void)state;
    left = 1;
    b.watch.urgent = true;
    assert_int_equal(cf_loop_watch(loop, &a.watch, readable(), EPOLLIN), 0);
    assert_int_equal(cf_loop_watch(loop, &b.watch, readable(), EPOLLIN), 0);
    start_last(&last);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "ba.");
    watch_end(&b);
}

static void what_nobody_waits_for_is_done_once_nothing_is_ready(void **state)
{
    struct entry a = entry_of('a', leave_after_some);
    struct entry x = entry_of('x', NULL), y = entry_of('y', NULL), z = entry_of('z', stop);

    (void)state;
    left = 3;
    cf_loop_task_add_last(loop, &x.task);
    cf_loop_task_add_last(loop, &y.task);
    cf_loop_task_add_last(loop, &z.task);
    cf_loop_task_remove(loop, &y.task);
    assert_int_equal(cf_loop_watch(loop, &a.watch, readable(), EPOLLIN), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "aaaxz");
}

static void what_nobody_waits_for_is_done_under_load_too(void **state)
{
    struct entry a = entry_of('a', NULL), x = entry_of('x', stop);

    (void)state;
    cf_loop_task_add_last(loop, &x.task);
    assert_int_equal(cf_loop_watch(loop, &a.watch, readable(), EPOLLIN), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_int_equal(strspn(calls, "a"), CF_LOOP_LAST_TURNS + 1);
    assert_string_equal(calls + strspn(calls, "a"), "x");
    watch_end(&a);
}

static void much_that_nobody_waits_for_is_done_at_the_end_of_the_turn(void **state)
{
    struct entry a = entry_of('a', NULL), x[CF_LOOP_LAST_MAX];

    (void)state;
    for (int i = 0; i < CF_LOOP_LAST_MAX; i++) {
        x[i] = entry_of('x', i + 1 < CF_LOOP_LAST_MAX ? NULL : stop);
        cf_loop_task_add_last(loop, &x[i].task);
    }
    assert_int_equal(cf_loop_watch(loop, &a.watch, readable(), EPOLLIN), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_int_equal(strspn(calls, "a"), 1);
    assert_int_equal(strspn(calls + 1, "x"), CF_LOOP_LAST_MAX);
    watch_end(&a);
}

static void what_nobody_waits_for_can_be_asked_for(void **state)
{
    struct entry x = entry_of('x', NULL), y = entry_of('y', NULL);

    (void)state;
    cf_loop_task_add_last(loop, &x.task);
    cf_loop_task_add_last(loop, &y.task);
    assert_true(cf_loop_rest(loop));
    assert_string_equal(calls, "xy");
    assert_false(cf_loop_rest(loop));
    assert_string_equal(calls, "xy");
}

static void note_wait(void *data)
{
    called(*(const char *)data);
}

static void what_is_done_before_each_wait_comes_behind_all_of_a_turn(void **state)
{
    struct entry a = entry_of('a', leave_after_some), x = entry_of('x', stop);
    struct entry t = entry_of('t', NULL), k = entry_of('k', NULL);

    (void)state;
    left = 2;
    cf_loop_before_wait(loop, note_wait, "|");
    assert_int_equal(cf_loop_timer_start(loop, &t.timer, 0), 0);
    cf_loop_task_add(loop, &k.task);
    cf_loop_task_add_last(loop, &x.task);
    assert_int_equal(cf_loop_watch(loop, &a.watch, readable(), EPOLLIN), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "|atk|a|x");
}

static void stop_at_wait(void *data)
{
    cf_loop_stop(data, -EIO);
}

static void a_loop_that_is_stopped_before_it_waits_does_not_wait(void **state)
{
    (void)state;
    cf_loop_before_wait(loop, stop_at_wait, loop);
    assert_int_equal(cf_loop_run(loop), -EIO); /* nothing would ever wake it */
    assert_string_equal(calls, "");
}

/* Who makes room by it would ask for ever. */
static void nothing_is_asked_for_of_a_loop_that_is_stopped(void **state)
{
    struct entry x = entry_of('x', stop);

    (void)state;
    cf_loop_task_add_last(loop, &x.task);
    cf_loop_stop(loop, 0);
    assert_false(cf_loop_rest(loop));
    assert_string_equal(calls, "");
    assert_int_equal(cf_loop_run(loop), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "x");
}

static void the_loop_returns_what_it_was_stopped_with_first(void **state)
{
    struct entry a = entry_of('a', stop_twice), b = entry_of('b', stop);

    (void)state;
    start_at(&a, 2);
    start_at(&b, 1);
    assert_int_equal(cf_loop_run(loop), -EPIPE);
    assert_string_equal(calls, "a");
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "ab");
}

static void an_edge_that_a_stop_left_is_told_by_the_next_run(void **state)
{
    struct entry a = entry_of('a', stop), b = entry_of('b', stop);
    int fd_a = readable(), fd_b = readable();

    (void)state;
    assert_int_equal(cf_loop_watch(loop, &a.watch, fd_a, EPOLLIN | EPOLLET), 0);
    assert_int_equal(cf_loop_watch(loop, &b.watch, fd_b, EPOLLIN | EPOLLET), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_int_equal(strlen(calls), 1);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_int_equal(strlen(calls), 2);
    assert_int_not_equal(calls[0], calls[1]);
    cf_loop_unwatch(loop, &a.watch);
    cf_loop_unwatch(loop, &b.watch);
    close(fd_a);
    close(fd_b);
}

/* Children and signals */

static struct entry turns; /* counts the turns after something happened */

static void three_more_turns(struct entry *entry)
{
    if (strlen(calls) < 4)
        cf_loop_task_add(loop, &entry->task);
    else
        cf_loop_stop(loop, 0);
}

static void child_ended(struct cf_child *child)
{
    siginfo_t info = { 0 };

    called('c');
    assert_int_equal(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(info.si_code, CLD_EXITED);
    assert_int_equal(info.si_status, 7);
    cf_loop_task_add(loop, &turns.task);
}

static void a_childs_end_is_told_once_and_left_to_be_reaped(void **state)
{
    struct cf_child child = { .watch = { .fd = -1 }, .fn = child_ended };
    pid_t pid = fork();
    int status;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(7);
    turns = entry_of('t', three_more_turns);
    assert_int_equal(cf_loop_child_start(loop, &child, pid), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "cttt");
    cf_loop_child_stop(loop, &child);
    cf_loop_child_stop(loop, &child);
    assert_int_equal(child.watch.fd, -1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(cf_loop_child_start(loop, &child, pid), -ESRCH);
}

static void signal_came(struct cf_signals *signals, const struct signalfd_siginfo *info)
{
    (void)signals;
    called(info->ssi_signo == SIGUSR1 ? '1' : '2');
    assert_int_equal(info->ssi_pid, getpid());
    if (strlen(calls) == 2)
        cf_loop_stop(loop, 0);
}

static void signals_come_to_the_loop_and_stay_blocked(void **state)
{
    struct cf_signals signals = { .watch = { .fd = -1 }, .fn = signal_came };
    sigset_t set, blocked;
    struct timespec none = { 0 };

    (void)state;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    assert_int_equal(cf_loop_signals_start(loop, &signals, &set), 0);
    assert_int_equal(kill(getpid(), SIGUSR2), 0);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(cf_loop_run(loop), 0);
    assert_string_equal(calls, "12");
    cf_loop_signals_stop(loop, &signals);
    cf_loop_signals_stop(loop, &signals);
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    assert_true(sigismember(&blocked, SIGUSR1));
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(sigtimedwait(&set, NULL, &none), SIGUSR1);
    assert_string_equal(calls, "12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(timers_run_in_the_order_they_are_due),
        TEST(a_timer_runs_once_and_can_be_moved_and_stopped),
        TEST(a_timer_stopped_by_one_before_it_is_not_called),
        TEST(a_timer_that_starts_itself_again_keeps_no_one_waiting),
        TEST(many_timers_started_moved_and_stopped_stay_in_order),
        TEST(a_watch_taken_out_by_its_peer_in_the_same_batch_is_not_called),
        TEST(an_event_of_the_old_descriptor_does_not_reach_a_new_watch),
        TEST(watches_are_changed_and_refused),
        TEST(descriptors_come_before_timers_and_timers_before_tasks),
        TEST(a_task_put_off_by_a_task_runs_in_the_next_turn),
        TEST(tasks_run_once_in_order_unless_they_are_taken_out),
        TEST(urgent_descriptors_come_before_others),
        TEST(what_nobody_waits_for_is_done_once_nothing_is_ready),
        TEST(what_nobody_waits_for_is_done_under_load_too),
        TEST(much_that_nobody_waits_for_is_done_at_the_end_of_the_turn),
        TEST(what_nobody_waits_for_can_be_asked_for),
        TEST(what_is_done_before_each_wait_comes_behind_all_of_a_turn),
        TEST(a_loop_that_is_stopped_before_it_waits_does_not_wait),
        TEST(nothing_is_asked_for_of_a_loop_that_is_stopped),
        TEST(an_edge_that_a_stop_left_is_told_by_the_next_run),
        TEST(the_loop_returns_what_it_was_stopped_with_first),
        TEST(a_childs_end_is_told_once_and_left_to_be_reaped),
        TEST(signals_come_to_the_loop_and_stay_blocked),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
