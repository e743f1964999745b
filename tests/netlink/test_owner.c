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
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
    assert_int_equal(cf_owners_new(fixture.diag_fd, fixture.proc_fd, &fixture.owners), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(owner_of_a_tcp_socket_is_its_process, setup, teardown),
        cmocka_unit_test_setup_teardown(owner_of_an_unconnected_udp_socket_is_its_process, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            owners_of_many_sockets_are_found_without_looking_through_all, setup, teardown),
        cmocka_unit_test_setup_teardown(owner_of_a_closed_socket_is_unknown_with_a_reason, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
