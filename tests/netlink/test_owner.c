/*
 * test_owner.c - a socket is traced to the process that holds it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "netlink/owner.h"

struct fixture {
    int diag_fd, proc_fd;
    struct cf_owners *owners;
};

static int setup(void **state)
{
    static struct fixture fixture;

    fixture.diag_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    fixture.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fixture.diag_fd >= 0 && fixture.proc_fd >= 0);
    assert_int_equal(cf_owners_new(fixture.diag_fd, fixture.proc_fd, true, &fixture.owners), 0);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    cf_owners_free(fixture->owners);
    close(fixture->diag_fd);
    close(fixture->proc_fd);
    return 0;
}

static struct cf_addr_port name_of(int fd)
{
    struct sockaddr_storage sa;
    socklen_t length = sizeof sa;
    struct cf_addr_port at;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &length), 0);
    assert_int_equal(cf_addr_port_from_sockaddr((struct sockaddr *)&sa, &at), 0);
    return at;
}

static int socket_bound(int type, const char *addr)
{
    struct cf_addr_port at = { 0 };
    struct sockaddr_storage sa;
    socklen_t length;
    int fd;

    assert_int_equal(cf_addr_parse(addr, &at.addr), 0);
    length = cf_addr_port_to_sockaddr(&at, &sa);
    fd = socket(sa.ss_family, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, length), 0);
    return fd;
}

static void check_is_me(struct fixture *fixture, enum cf_proto proto, int fd,
                        const struct cf_addr_port *dst)
{
    const struct cf_addr_port src = name_of(fd);
    const struct cf_owner *owner;
    const char *unknown;

    /* Twice: once by looking, once from what is kept. */
    for (int i = 0; i < 2; i++) {
        cf_owner_find(fixture->owners, proto, &src, dst, &owner, &unknown);
        assert_null(unknown);
        assert_non_null(owner);
        assert_int_equal(owner->pid, getpid());
        assert_int_equal(owner->parent_pid, getppid());
        assert_non_null(strstr(owner->exe, "test_owner"));
        assert_non_null(strstr(owner->argv, "test_owner"));
    }
}

static void check_tcp(struct fixture *fixture, const char *addr)
{
    int server = socket_bound(SOCK_STREAM, addr), client = socket_bound(SOCK_STREAM, addr);
    const struct cf_addr_port dst = name_of(server);
    struct sockaddr_storage sa;
    socklen_t length = cf_addr_port_to_sockaddr(&dst, &sa);

    assert_int_equal(listen(server, 1), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&sa, length), 0);
    check_is_me(fixture, CF_PROTO_TCP, client, &dst);
    close(client);
    close(server);
}

static void owner_of_a_tcp_socket_is_its_process(void **state)
{
    check_tcp(*state, "127.0.0.1");
    check_tcp(*state, "::1");
}

static void owner_of_an_unconnected_udp_socket_is_its_process(void **state)
{
    int fd = socket_bound(SOCK_DGRAM, "127.0.0.1");
    struct cf_addr_port dst = { .port = 53 };

    assert_int_equal(cf_addr_parse("127.0.0.1", &dst.addr), 0);
    check_is_me(*state, CF_PROTO_UDP, fd, &dst);
    close(fd);
}

/* So many that looking through all of them for each would be past what a second allows. */
static void owners_of_many_sockets_are_found_without_looking_through_all(void **state)
{
    struct cf_addr_port dst = { .port = 53 };
    int fds[800];

    assert_int_equal(cf_addr_parse("127.0.0.1", &dst.addr), 0);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        fds[i] = socket_bound(SOCK_DGRAM, "127.0.0.1");
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        check_is_me(*state, CF_PROTO_UDP, fds[i], &dst);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        close(fds[i]);
}

static void owner_of_a_closed_socket_is_unknown_with_a_reason(void **state)
{
    struct fixture *fixture = *state;
    int fd = socket_bound(SOCK_DGRAM, "127.0.0.1");
    const struct cf_addr_port src = name_of(fd);
    const struct cf_owner *owner;
    const char *unknown;

    close(fd);
    cf_owner_find(fixture->owners, CF_PROTO_UDP, &src, &src, &owner, &unknown);
    assert_null(owner);
    assert_non_null(unknown);
}

/* A process that opens a socket for each word it is given, and becomes another program after each.
 */
struct program {
    pid_t pid;
    int say, hear; /* towards it, from it */
};

#define PROGRAM "--a-socket-for-each"

/* Tell the port of a new socket, wait for a byte, and go on as the program of the next word. */
static int program_main(char **words)
{
    struct cf_addr_port at;
    char byte;
    int fd = socket_bound(SOCK_DGRAM, "127.0.0.1");

    at = name_of(fd);
    if (write(STDOUT_FILENO, &at.port, sizeof at.port) != (ssize_t)sizeof at.port)
        return 1;
    if (read(STDIN_FILENO, &byte, 1) != 1 || !words[0])
        return 0;
    close(fd);
    words[-2] = words[-3]; /* what it is called */
    words[-1] = PROGRAM;
    execv("/proc/self/exe", words - 2);
    return 1;
}

/* words: what it is called, PROGRAM, and a word for each socket; a NULL at the end. */
static void program_start(struct program *program, char **words)
{
    int to[2], from[2];

    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    program->pid = fork();
    assert_true(program->pid >= 0);
    if (program->pid == 0) {
        if (dup2(to[0], STDIN_FILENO) >= 0 && dup2(from[1], STDOUT_FILENO) >= 0)
            execv("/proc/self/exe", words);
        _exit(1);
    }
    close(to[0]);
    close(from[1]);
    program->say = to[1];
    program->hear = from[0];
}

static void program_end(struct program *program)
{
    int status;

    close(program->say);
    close(program->hear);
    assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
    assert_int_equal(status, 0);
}

/* Its next socket. */
static struct cf_addr_port port_heard(const struct program *program)
{
    struct cf_addr_port at = { 0 };

    assert_int_equal(cf_addr_parse("127.0.0.1", &at.addr), 0);
    assert_int_equal(read(program->hear, &at.port, sizeof at.port), sizeof at.port);
    return at;
}

static const struct cf_owner *owner_of(struct fixture *fixture, const struct cf_addr_port *src)
{
    struct cf_addr_port dst = { .addr = src->addr, .port = 53 };
    const struct cf_owner *owner;
    const char *unknown;

    cf_owner_find(fixture->owners, CF_PROTO_UDP, src, &dst, &owner, &unknown);
    assert_null(unknown);
    assert_non_null(owner);
    return owner;
}

static void owner_that_has_become_another_program_is_the_new_one(void **state)
{
    char *words[] = { "test_owner", PROGRAM, "first", "second", "third", NULL };
    struct program program;

    program_start(&program, words);
    for (size_t i = 2; words[i]; i++) {
        struct cf_addr_port at = port_heard(&program);
        const struct cf_owner *owner = owner_of(*state, &at);

        assert_int_equal(owner->pid, program.pid);
        assert_int_equal(owner->parent_pid, getpid());
        assert_non_null(strstr(owner->argv, words[i]));
        if (words[i + 1])
            assert_int_equal(write(program.say, "", 1), 1);
        assert_true(i == 2 || !strstr(owner->argv, words[i - 1]));
    }
    program_end(&program);
}

/* What a process in between does: it has a child, and ends when that has been looked up. */
static void middle_main(const int ports[2], const int ends[2])
{
    char byte;

    close(ends[0]); /* so that the test's end is an end of data */
    if (fork() == 0) {
        for (int i = 0; i < 2; i++) {
            int fd = socket_bound(SOCK_DGRAM, "127.0.0.1");
            struct cf_addr_port at = name_of(fd);

            if (write(ports[1], &at.port, sizeof at.port) < 0 || read(ends[1], &byte, 1) < 0)
                _exit(1);
        }
        _exit(0);
    }
    if (read(ends[1], &byte, 1) < 0)
        _exit(1);
    _exit(0);
}

static void parent_that_has_ended_is_no_parent_any_more(void **state)
{
    struct program child = { 0 };
    struct cf_addr_port at;
    const struct cf_owner *owner;
    int ports[2], ends[2], status;
    pid_t middle;

    assert_int_equal(pipe2(ports, O_CLOEXEC), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    child.hear = ports[0];
    middle = fork();
    assert_true(middle >= 0);
    if (middle == 0)
        middle_main(ports, ends);
    at = port_heard(&child);
    owner = owner_of(*state, &at);
    assert_int_equal(owner->parent_pid, middle);
    assert_non_null(owner->parent_exe);
    kill(middle, SIGKILL);
    assert_int_equal(waitpid(middle, &status, 0), middle);
    assert_int_equal(write(ends[0], "", 1), 1);
    at = port_heard(&child);
    owner = owner_of(*state, &at);
    assert_int_not_equal(owner->parent_pid, middle);
    close(ends[0]);
    close(ends[1]);
    close(ports[0]);
    close(ports[1]);
}

/*
 * A child that has our descriptors, of which `keep` stays open across execve(2), and ends
 * when the returned descriptor is closed; as a shell, or as the program that this is.
 */
static int holder_start(int keep, bool shell, pid_t *ret_pid)
{
    int ends[2], ready[2];
    char byte;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    *ret_pid = fork();
    assert_true(*ret_pid >= 0);
    if (*ret_pid == 0) {
        close(ends[1]);
        if (shell && dup2(ends[0], STDIN_FILENO) >= 0 && dup2(ready[1], STDOUT_FILENO) >= 0 &&
            fcntl(keep, F_SETFD, 0) == 0)
            execl("/bin/sh", "sh", "-c", "echo; read line", (char *)NULL);
        if (!shell && write(ready[1], "", 1) == 1 && read(ends[0], &byte, 1) == 0)
            _exit(0);
        _exit(1);
    }
    close(ends[0]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return ends[1];
}

static void holder_end(int end, pid_t pid)
{
    int status;

    close(end);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
}

static void owner_of_a_socket_that_is_handed_on_is_who_holds_it_now(void **state)
{
    int fd = socket_bound(SOCK_DGRAM, "127.0.0.1");
    struct cf_addr_port at = name_of(fd);
    pid_t child;
    int end;

    assert_int_equal(owner_of(*state, &at)->pid, getpid());
    end = holder_start(fd, false, &child);
    /* Both hold it: the one that was found stays it. */
    assert_int_equal(owner_of(*state, &at)->pid, getpid());
    close(fd);
    assert_int_equal(owner_of(*state, &at)->pid, child);
    assert_int_equal(owner_of(*state, &at)->pid, child);
    holder_end(end, child);
}

static int setup_for_the_log(void **state)
{
    static struct fixture fixture;

    if (setup(state) != 0)
        return -1;
    fixture = *(struct fixture *)*state;
    cf_owners_free(fixture.owners);
    *state = &fixture;
    return cf_owners_new(fixture.diag_fd, fixture.proc_fd, false, &fixture.owners);
}

/* However often it is asked for meanwhile. */
static void owner_for_the_log_alone_is_looked_at_again_after_a_while(void **state)
{
    int fd = socket_bound(SOCK_DGRAM, "127.0.0.1");
    struct cf_addr_port at = name_of(fd);
    int64_t closed_us;
    pid_t child;
    int end;

    assert_int_equal(owner_of(*state, &at)->pid, getpid());
    end = holder_start(fd, false, &child);
    close(fd);
    closed_us = cf_clock_monotonic_us();
    while (cf_clock_monotonic_us() - closed_us <= CF_OWNER_FRESH_US)
        assert_true(owner_of(*state, &at)->pid > 0);
    assert_int_equal(owner_of(*state, &at)->pid, child);
    holder_end(end, child);
}

static void owner_that_moves_its_socket_to_another_descriptor_is_found_there(void **state)
{
    int fd = socket_bound(SOCK_DGRAM, "127.0.0.1"), moved;
    struct cf_addr_port at = name_of(fd);

    assert_int_equal(owner_of(*state, &at)->pid, getpid());
    moved = fcntl(fd, F_DUPFD_CLOEXEC, 500);
    assert_true(moved >= 500);
    close(fd);
    assert_int_equal(owner_of(*state, &at)->pid, getpid());
    close(moved);
}

/* A /proc in which only these processes are. */
struct few {
    char path[32];
    int fd;
};

static void few_make(struct few *few, const pid_t *pids, size_t n)
{
    char name[16], target[32];

    strcpy(few->path, "/tmp/childflow-test-XXXXXX");
    assert_non_null(mkdtemp(few->path));
    few->fd = open(few->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(few->fd >= 0);
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%d", (int)pids[i]);
        snprintf(target, sizeof target, "/proc/%d", (int)pids[i]);
        assert_int_equal(symlinkat(target, few->fd, name), 0);
    }
}

static void few_remove(struct few *few, const pid_t *pids, size_t n)
{
    char name[16];

    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%d", (int)pids[i]);
        assert_int_equal(unlinkat(few->fd, name, 0), 0);
    }
    close(few->fd);
    assert_int_equal(rmdir(few->path), 0);
}

static bool is_this_program(void *data, const char *exe)
{
    (void)data;
    return strstr(exe, "test_owner") != NULL;
}

static bool is_no_program(void *data, const char *exe)
{
    (void)data;
    (void)exe;
    return false;
}

struct other {
    pid_t pid; /* 0: none */
    bool uncertain;
};

static struct other other_of(const struct fixture *fixture, const struct few *few, int socket_fd,
                             bool (*passes)(void *data, const char *exe))
{
    struct cf_addr_port src = name_of(socket_fd), dst = { .addr = src.addr, .port = 53 };
    struct cf_owners *owners;
    const struct cf_owner *owner;
    const char *unknown;
    struct other other = { 0 };

    assert_int_equal(cf_owners_new(fixture->diag_fd, few->fd, true, &owners), 0);
    cf_owner_find_other(owners, CF_PROTO_UDP, &src, &dst, passes, NULL, &owner, &unknown);
    if (owner)
        other.pid = owner->pid;
    other.uncertain = unknown != NULL;
    assert_true(!owner || owner->exe);
    cf_owners_free(owners);
    return other;
}

static void other_holder_whose_program_does_not_pass_is_found(void **state)
{
    int fd = socket_bound(SOCK_DGRAM, "127.0.0.1"), alone, ends[2];
    struct other other;
    pid_t pids[3] = { getpid() };
    struct few few;

    alone = socket_bound(SOCK_DGRAM, "127.0.0.1");
    ends[0] = holder_start(fd, false, &pids[1]);
    ends[1] = holder_start(fd, true, &pids[2]);
    few_make(&few, pids, 3);
    assert_int_equal(other_of(*state, &few, fd, is_this_program).pid, pids[2]);
    /* What it does not hold, or no longer, is no matter. */
    assert_int_equal(other_of(*state, &few, alone, is_this_program).pid, 0);
    holder_end(ends[1], pids[2]);
    other = other_of(*state, &few, fd, is_this_program);
    assert_true(other.pid == 0 && !other.uncertain);
    assert_int_not_equal(other_of(*state, &few, fd, is_no_program).pid, 0);
    holder_end(ends[0], pids[1]);
    few_remove(&few, pids, 3);
    close(fd);
    close(alone);
}

static void other_holder_that_cannot_be_looked_into_makes_it_uncertain(void **state)
{
    int fd = socket_bound(SOCK_DGRAM, "127.0.0.1");
    const pid_t pids[1] = { getpid() };
    struct other other;
    struct few few;

    few_make(&few, pids, 1);
    assert_int_equal(mkdirat(few.fd, "99999999", 0755), 0);
    assert_int_equal(mkdirat(few.fd, "99999999/exe", 0755), 0); /* no link: it cannot be read */
    other = other_of(*state, &few, fd, is_this_program);
    assert_true(other.pid == 0 && other.uncertain);
    /* One that has ended is certain. */
    assert_int_equal(unlinkat(few.fd, "99999999/exe", AT_REMOVEDIR), 0);
    other = other_of(*state, &few, fd, is_this_program);
    assert_true(other.pid == 0 && !other.uncertain);
    assert_int_equal(unlinkat(few.fd, "99999999", AT_REMOVEDIR), 0);
    few_remove(&few, pids, 1);
    close(fd);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(owner_of_a_tcp_socket_is_its_process, setup, teardown),
        cmocka_unit_test_setup_teardown(owner_of_an_unconnected_udp_socket_is_its_process, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            owners_of_many_sockets_are_found_without_looking_through_all, setup, teardown),
        cmocka_unit_test_setup_teardown(owner_of_a_closed_socket_is_unknown_with_a_reason, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(owner_that_has_become_another_program_is_the_new_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(parent_that_has_ended_is_no_parent_any_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(owner_of_a_socket_that_is_handed_on_is_who_holds_it_now,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(owner_for_the_log_alone_is_looked_at_again_after_a_while,
                                        setup_for_the_log, teardown),
        cmocka_unit_test_setup_teardown(
            owner_that_moves_its_socket_to_another_descriptor_is_found_there, setup, teardown),
        cmocka_unit_test_setup_teardown(other_holder_whose_program_does_not_pass_is_found, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(other_holder_that_cannot_be_looked_into_makes_it_uncertain,
                                        setup, teardown),
    };

    if (argc > 2 && strcmp(argv[1], PROGRAM) == 0)
        return program_main(argv + 3);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
