/*
 * test_shards.c - relays on several threads, over the loopback
 *
 * The test plays both ends of every relay in its own thread, which is the first shard's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/hash.h"
#include "descriptors.h"
#include "engine/engine.h"
#include "engine/meter.h"
#include "engine/shards.h"

#define RELAYS 8
#define THREADS 3
#define CHUNK 30000

struct end {
    struct cf_relay relay;
    int client, server; /* non-blocking; -1 when closed */
    uint64_t sent, received;
    bool over;
    enum cf_flow_result result;
};

static struct cf_loop *loop;
static struct cf_pipe_pool pipes;
static struct cf_shards *shards;
static struct end ends[RELAYS];
static size_t n_over;
static pthread_t self;

static void ended(struct cf_relay *relay, enum cf_flow_result result)
{
    struct end *end = cf_container_of(relay, struct end, relay);

    assert_true(pthread_equal(pthread_self(), self));
    assert_false(end->over);
    assert_int_equal(relay->inside.fd, -1);
    assert_int_equal(relay->outside.fd, -1);
    cf_shards_left(relay);
    end->over = true;
    end->result = result;
    n_over++;
}

/* The loop runs until `until` says so; it is asked after each turn. */
static bool (*condition)(void);

static void ask(struct cf_task *task)
{
    if (condition())
        cf_loop_stop(loop, 0);
    else
        cf_loop_task_add(loop, task);
}

static void run_until(bool (*until)(void))
{
    struct cf_task task = { .fn = ask };

    condition = until;
    cf_loop_task_add(loop, &task);
    cf_loop_run(loop);
    cf_loop_task_remove(loop, &task);
}

static int open_shards(unsigned n, struct cf_error *err)
{
    struct cf_shards_config config = { .loop = loop, .pipes = &pipes, .n = n, .ended = ended };

    return cf_shards_new(&config, &shards, err);
}

static int set_up(void **state)
{
    struct cf_error err;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    self = pthread_self();
    n_over = 0;
    memset(ends, 0, sizeof ends);
    for (size_t i = 0; i < RELAYS; i++)
        ends[i].client = ends[i].server = ends[i].relay.inside.fd = ends[i].relay.outside.fd = -1;
    if (cf_loop_new(&loop, &err) < 0)
        return -1;
    return open_shards(THREADS, &err);
}

static int tear_down(void **state)
{
    (void)state;
    if (shards)
        cf_shards_gather(shards);
    for (size_t i = 0; i < RELAYS; i++) {
        if (ends[i].relay.loop) {
            cf_shards_left(&ends[i].relay);
            cf_relay_done(&ends[i].relay);
        }
        cf_fd_close(&ends[i].client);
        cf_fd_close(&ends[i].server);
    }
    cf_shards_free(shards);
    shards = NULL;
    assert_int_equal(pipes.n_pipes, pipes.n_free);
    cf_pipe_pool_done(&pipes);
    cf_loop_free(loop);
    return 0;
}

static void pair(int *ret_near, int *ret_far)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof sa;

    assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &length), 0);
    *ret_far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*ret_far, (struct sockaddr *)&sa, sizeof sa), 0);
    fcntl(*ret_far, F_SETFL, O_NONBLOCK);
    *ret_near = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(*ret_near >= 0);
    close(listener);
}

static void prepare(struct end *end)
{
    cf_relay_init(&end->relay, loop, &pipes, ended);
    pair(&end->relay.inside.fd, &end->client);
    pair(&end->relay.outside.fd, &end->server);
}

static void start_all(struct cf_meter *meter)
{
    for (size_t i = 0; i < RELAYS; i++) {
        prepare(&ends[i]);
        ends[i].relay.meter = meter;
        assert_int_equal(cf_shards_start(shards, &ends[i].relay, 0, 0), 0);
    }
}

static uint8_t pattern(uint64_t offset, size_t which)
{
    return (uint8_t)((offset * 7 + which) % 251);
}

/* The client sends up to `all` bytes; false when its connection is gone. */
static bool push(struct end *end, uint64_t all)
{
    static uint8_t buffer[CHUNK];
    size_t n = end->sent + CHUNK < all ? CHUNK : (size_t)(all - end->sent);
    ssize_t sent;

    for (size_t i = 0; i < n; i++)
        buffer[i] = pattern(end->sent + i, (size_t)(end - ends));
    sent = n > 0 ? send(end->client, buffer, n, MSG_NOSIGNAL) : 0;
    if (sent > 0)
        end->sent += (uint64_t)sent;
    return sent >= 0 || errno == EAGAIN;
}

/* The server takes what is there; false when its connection is gone. */
static bool pull(struct end *end)
{
    static uint8_t buffer[CHUNK];
    ssize_t n = recv(end->server, buffer, sizeof buffer, 0);

    for (ssize_t i = 0; i < n; i++) {
        if (buffer[i] != pattern(end->received + (uint64_t)i, (size_t)(end - ends)))
            fail_msg("byte %llu is wrong", (unsigned long long)end->received + (unsigned)i);
    }
    if (n > 0)
        end->received += (uint64_t)n;
    return n > 0 || (n < 0 && errno == EAGAIN);
}

#define BULK (5 << 20)

static bool all_have_arrived(void)
{
    bool all = true;

    for (size_t i = 0; i < RELAYS; i++) {
        assert_true(push(&ends[i], BULK));
        assert_true(pull(&ends[i]));
        assert_true(ends[i].relay.out.total <= ends[i].sent); /* as others look at it */
        all = all && ends[i].received == BULK;
    }
    return all;
}

static bool all_are_over(void)
{
    return n_over == RELAYS;
}

static void the_shard_with_the_fewest_gets_the_next(void **state)
{
    struct cf_loop *second, *third;

    (void)state;
    start_all(NULL);
    second = ends[1].relay.loop;
    third = ends[2].relay.loop;
    assert_ptr_equal(ends[0].relay.loop, loop);
    assert_ptr_not_equal(second, loop);
    assert_ptr_not_equal(third, loop);
    assert_ptr_not_equal(third, second);
    for (size_t i = 3; i < RELAYS; i++)
        assert_ptr_equal(ends[i].relay.loop, ends[i - 3].relay.loop);
}

static bool second_is_over(void)
{
    return ends[1].over;
}

static void one_after_the_other_stays_with_the_caller(void **state)
{
    (void)state;
    prepare(&ends[0]);
    assert_int_equal(cf_shards_start(shards, &ends[0].relay, 0, 0), 0);
    assert_ptr_equal(ends[0].relay.loop, loop);
    cf_shards_left(&ends[0].relay);
    cf_relay_done(&ends[0].relay);
    prepare(&ends[1]);
    assert_int_equal(cf_shards_start(shards, &ends[1].relay, 0, 0), 0);
    assert_ptr_equal(ends[1].relay.loop, loop);
    cf_fd_close(&ends[1].client);
    cf_fd_close(&ends[1].server);
    run_until(second_is_over);
    assert_int_equal(ends[1].result, CF_RESULT_CLOSED);
}

static void bulk_arrives_byte_for_byte_through_all_threads(void **state)
{
    (void)state;
    start_all(NULL);
    run_until(all_have_arrived);
    for (size_t i = 0; i < RELAYS; i++) {
        cf_fd_close(&ends[i].client);
        cf_fd_close(&ends[i].server);
    }
    run_until(all_are_over);
    for (size_t i = 0; i < RELAYS; i++) {
        assert_int_equal(ends[i].result, CF_RESULT_CLOSED);
        assert_int_equal(ends[i].relay.out.total, BULK);
        assert_true(ends[i].relay.segments > 0);
    }
}

static void an_end_that_came_before_the_start_is_not_lost(void **state)
{
    (void)state;
    for (size_t i = 0; i < RELAYS; i++) {
        prepare(&ends[i]);
        ends[i].sent = 3;
        assert_int_equal(send(ends[i].client, "abc", 3, 0), 3);
        cf_fd_close(&ends[i].client);
        cf_fd_close(&ends[i].server);
        assert_int_equal(cf_shards_start(shards, &ends[i].relay, EPOLLOUT, 0), 0);
    }
    run_until(all_are_over);
    for (size_t i = 0; i < RELAYS; i++)
        assert_int_equal(ends[i].relay.out.total, 3);
}

/* Senders send until nothing goes: nobody reads. */
static bool all_are_full(void)
{
    static int idle;
    uint64_t before = 0, after = 0;

    for (size_t i = 0; i < RELAYS; i++) {
        before += ends[i].sent;
        assert_true(push(&ends[i], UINT64_MAX));
        after += ends[i].sent;
    }
    idle = after > before ? 0 : idle + 1;
    return idle > 1000;
}

static bool the_rest_has_arrived(void)
{
    bool all = true;

    for (size_t i = 0; i < RELAYS; i++) {
        assert_true(pull(&ends[i]));
        all = all && ends[i].received == ends[i].sent;
    }
    return all;
}

static void what_is_gathered_goes_on_with_what_it_holds(void **state)
{
    size_t pending = 0;

    (void)state;
    start_all(NULL);
    run_until(all_are_full);
    cf_shards_gather(shards);
    for (size_t i = 0; i < RELAYS; i++) {
        assert_ptr_equal(ends[i].relay.loop, loop);
        assert_ptr_equal(ends[i].relay.pipes, &pipes);
        pending += ends[i].relay.out.pending;
    }
    assert_true(pending > 0);
    run_until(the_rest_has_arrived);
    for (size_t i = 0; i < RELAYS; i++) {
        cf_fd_close(&ends[i].client);
        cf_fd_close(&ends[i].server);
    }
    run_until(all_are_over);
}

static void relays_that_start_behind_the_gathering_are_the_callers(void **state)
{
    (void)state;
    cf_shards_gather(shards);
    cf_shards_gather(shards);
    start_all(NULL);
    for (size_t i = 0; i < RELAYS; i++)
        assert_ptr_equal(ends[i].relay.loop, loop);
    run_until(all_have_arrived);
}

static void a_relay_in_its_last_wait_is_gathered_with_its_timer(void **state)
{
    struct linger at_once = { 1, 0 };

    (void)state;
    start_all(NULL);
    run_until(all_are_full);
    /* The servers reset; what waits for the clients is nothing, and so each is over soon. */
    for (size_t i = 0; i < RELAYS; i++) {
        setsockopt(ends[i].server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        cf_fd_close(&ends[i].server);
    }
    cf_shards_gather(shards);
    run_until(all_are_over);
    for (size_t i = 0; i < RELAYS; i++)
        assert_int_equal(ends[i].result, CF_RESULT_RESET);
}

static bool all_have_answered(void)
{
    return !cf_shards_asked(shards);
}

/* Between sockets of this kind an end has come by the time that close() returns. */
static void prepare_local(struct end *end)
{
    int inside[2], outside[2];

    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, inside), 0);
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, outside), 0);
    cf_relay_init(&end->relay, loop, &pipes, ended);
    end->relay.inside.fd = inside[0];
    end->client = inside[1];
    end->relay.outside.fd = outside[0];
    end->server = outside[1];
}

static void what_has_ended_on_other_threads_is_told_to_who_asks(void **state)
{
    (void)state;
    for (size_t i = 0; i < RELAYS; i++) {
        prepare_local(&ends[i]);
        assert_int_equal(cf_shards_start(shards, &ends[i].relay, 0, 0), 0);
    }
    assert_false(cf_shards_asked(shards));
    for (size_t i = 0; i < RELAYS; i++) {
        cf_fd_close(&ends[i].client);
        cf_fd_close(&ends[i].server);
    }
    cf_shards_ask(shards);
    assert_true(cf_shards_asked(shards));
    run_until(all_have_answered);
    for (size_t i = 0; i < RELAYS; i++)
        assert_true(ends[i].over || ends[i].relay.loop == loop);
}

static void who_asks_has_an_answer_once_all_are_gathered(void **state)
{
    (void)state;
    cf_shards_ask(shards);
    cf_shards_gather(shards);
    assert_false(cf_shards_asked(shards));
    cf_shards_ask(shards);
    assert_false(cf_shards_asked(shards));
}

#define LIMIT (3000017)

static bool all_met_the_limit(void)
{
    for (size_t i = 0; i < RELAYS; i++) {
        push(&ends[i], UINT64_MAX);
        pull(&ends[i]);
    }
    return n_over == RELAYS;
}

static void check_limit_is_met_exactly(void)
{
    static struct cf_meter meter;
    uint64_t total = 0, received = 0;

    cf_meter_init(&meter, LIMIT);
    start_all(&meter);
    run_until(all_met_the_limit);
    for (size_t i = 0; i < RELAYS; i++) {
        assert_int_equal(ends[i].result, CF_RESULT_LIMIT);
        assert_true(ends[i].relay.spent);
        total += ends[i].relay.out.total + ends[i].relay.in.total;
        received += ends[i].received;
    }
    assert_int_equal(total, LIMIT);
    assert_true(received <= LIMIT);
    assert_true(cf_meter_spent(&meter));
}

static void not_one_byte_more_than_the_limit_passes_and_not_one_less(void **state)
{
    (void)state;
    check_limit_is_met_exactly();
}

static void the_limit_is_met_exactly_where_bytes_are_copied(void **state)
{
    struct cf_error err;

    (void)state;
    cf_shards_free(shards);
    assert_int_equal(open_shards(THREADS, &err), 0);
    pipes.limit = 0; /* of one thread; the others have theirs */
    check_limit_is_met_exactly();
}

static bool two_are_over(void)
{
    return n_over == 2;
}

static void a_relay_that_another_thread_cannot_start_ends_as_for_want_of_something(void **state)
{
    (void)state;
    prepare(&ends[0]);
    assert_int_equal(cf_shards_start(shards, &ends[0].relay, 0, 0), 0);
    for (size_t i = 1; i < 3; i++) {
        prepare(&ends[i]);
        cf_fd_close(i == 1 ? &ends[i].relay.inside.fd : &ends[i].relay.outside.fd);
        *(i == 1 ? &ends[i].relay.inside.fd : &ends[i].relay.outside.fd) =
            open("/dev/null", O_RDWR | O_CLOEXEC); /* not to be watched: EPERM */
        assert_int_equal(cf_shards_start(shards, &ends[i].relay, 0, 0), 0);
    }
    run_until(two_are_over);
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(ends[i].result, CF_RESULT_LIMIT);
        assert_int_equal(ends[i].relay.error, EPERM);
        assert_false(ends[i].relay.spent);
    }
    assert_false(ends[0].over);
}

static int descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void threads_that_cannot_be_had_are_an_error_that_leaves_nothing(void **state)
{
    struct cf_error err = { 0 };
    int before, r;

    (void)state;
    cf_shards_free(shards);
    shards = NULL;
    before = descriptors();
    descriptors_leave(4); /* one for the caller's mailbox, two for the first thread */
    r = open_shards(THREADS, &err);
    descriptors_give_back();
    assert_int_equal(r, -EMFILE);
    assert_null(shards);
    assert_non_null(strstr(err.text, "3 engine threads"));
    assert_int_equal(descriptors(), before);
}

/* An id that no machine gives to anyone. */
#define ORDINARY_ID 12345

/* Nobody may have another process or thread now. The exit status is the step that failed. */
static int without_threads(void)
{
    const struct rlimit none = { 0, 0 };
    struct cf_shards_config config = { .pipes = &pipes, .n = 2, .ended = ended };
    struct cf_error err;

    if (cf_loop_new(&loop, &err) < 0)
        return 1;
    config.loop = loop;
    if (geteuid() == 0 && setuid(ORDINARY_ID) < 0)
        return 77;
    if (setrlimit(RLIMIT_NPROC, &none) < 0)
        return 2;
    if (cf_shards_new(&config, &shards, &err) != -EAGAIN)
        return 3;
    config.or_one = true;
    if (cf_shards_new(&config, &shards, &err) < 0)
        return 4;
    return cf_shards_count(shards) == 1 ? 0 : 5;
}

static void who_can_do_with_one_thread_gets_one(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(cf_shards_count(shards), THREADS);
    pid = fork();
    if (pid == 0)
        _exit(without_threads());
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Threads block every signal: the mask of each is all ones, but for what cannot be blocked. */
static void threads_block_all_signals(void **state)
{
    char path[64], line[256];
    int n = 0;

    (void)state;
    snprintf(path, sizeof path, "ls /proc/%d/task", getpid());
    FILE *tasks = popen(path, "re");
    assert_non_null(tasks);
    while (fgets(line, sizeof line, tasks)) {
        int task = atoi(line);
        unsigned long long blocked = 0;
        bool ours = false;
        FILE *status;

        if (task == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%d/status", task);
        status = fopen(path, "re");
        if (!status)
            continue;
        while (fgets(line, sizeof line, status)) {
            ours = ours || strncmp(line, "Name:\tcf-relay-", 15) == 0;
            sscanf(line, "SigBlk: %llx", &blocked);
        }
        fclose(status);
        if (!ours)
            continue; /* of a sanitizer */
        n++;
        for (int signal = 1; signal < 32; signal++)
            assert_true(signal == SIGKILL || signal == SIGSTOP || (blocked >> (signal - 1) & 1));
    }
    pclose(tasks);
    assert_int_equal(n, THREADS - 1);
}

static void a_second_thread_is_the_default_where_there_are_more_than_two_cores(void **state)
{
    static const struct {
        int cores;
        unsigned threads;
    } rows[] = { { 1, 1 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 1024, 2 } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(cf_engine_threads_for(rows[i].cores), rows[i].threads);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_shard_with_the_fewest_gets_the_next),
        TEST(one_after_the_other_stays_with_the_caller),
        TEST(bulk_arrives_byte_for_byte_through_all_threads),
        TEST(an_end_that_came_before_the_start_is_not_lost),
        TEST(what_is_gathered_goes_on_with_what_it_holds),
        TEST(relays_that_start_behind_the_gathering_are_the_callers),
        TEST(a_relay_in_its_last_wait_is_gathered_with_its_timer),
        TEST(what_has_ended_on_other_threads_is_told_to_who_asks),
        TEST(who_asks_has_an_answer_once_all_are_gathered),
        TEST(not_one_byte_more_than_the_limit_passes_and_not_one_less),
        TEST(the_limit_is_met_exactly_where_bytes_are_copied),
        TEST(a_relay_that_another_thread_cannot_start_ends_as_for_want_of_something),
        TEST(threads_that_cannot_be_had_are_an_error_that_leaves_nothing),
        TEST(who_can_do_with_one_thread_gets_one),
        TEST(threads_block_all_signals),
        cmocka_unit_test(a_second_thread_is_the_default_where_there_are_more_than_two_cores),
    };

    return cmocka_run_group_tests_name("shards", tests, NULL, NULL);
}
