/*
 * test_egress.c - which interface a socket is bound to, and that it is
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/egress.h"

#define LOOPBACK_INDEX 1

static void check_interface(const char *interface, const char *to, const char *expected)
{
    struct cf_addr addr;
    const char *chosen;

    assert_int_equal(cf_addr_parse(to, &addr), 0);
    chosen = cf_egress_interface(interface, &addr);
    if (!expected)
        assert_null(chosen);
    else
        assert_string_equal(chosen, expected);
}

static void what_goes_outside_has_the_interface_and_what_stays_has_lo(void **state)
{
    (void)state;
    check_interface("eth1", "192.0.2.1", "eth1");
    check_interface("eth1", "2001:db8::1", "eth1");
    check_interface("eth1", "::2", "eth1");
    check_interface("eth1", "fe80::1", "eth1");
    check_interface("eth1", "126.255.255.255", "eth1");
    check_interface("eth1", "128.0.0.1", "eth1");
    check_interface("eth1", "0.0.0.1", "eth1");
    check_interface("eth1", "127.0.0.1", "lo");
    check_interface("eth1", "127.255.0.53", "lo");
    check_interface("eth1", "::ffff:127.0.0.1", "lo");
    check_interface("eth1", "::1", "lo");
    check_interface("eth1", "0.0.0.0", "lo");
    check_interface("eth1", "::", "lo");
}

static void without_an_interface_nothing_is_bound(void **state)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct cf_addr to;

    (void)state;
    check_interface(NULL, "192.0.2.1", NULL);
    check_interface(NULL, "127.0.0.1", NULL);
    assert_true(fd >= 0);
    assert_int_equal(cf_addr_parse("127.0.0.1", &to), 0);
    assert_int_equal(cf_egress_bind(fd, NULL, &to), 0);
    assert_int_equal(cf_egress_bound(fd), 0);
    close(fd);
}

static void check_bind(int type, const char *interface, const char *to, int expected,
                       unsigned bound)
{
    struct cf_addr addr;
    int fd;

    assert_int_equal(cf_addr_parse(to, &addr), 0);
    fd = socket(addr.family == CF_FAMILY_IPV4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT)
        return;
    assert_true(fd >= 0);
    assert_int_equal(cf_egress_bind(fd, interface, &addr), expected);
    assert_int_equal(cf_egress_bound(fd), bound);
    close(fd);
}

static void a_socket_is_bound_by_name_and_to_nothing_when_there_is_none(void **state)
{
    (void)state;
    check_bind(SOCK_STREAM, "lo", "192.0.2.1", 0, LOOPBACK_INDEX);
    check_bind(SOCK_DGRAM, "lo", "192.0.2.1", 0, LOOPBACK_INDEX);
    check_bind(SOCK_STREAM, "lo", "2001:db8::1", 0, LOOPBACK_INDEX);
    check_bind(SOCK_STREAM, "cf-none", "127.0.0.1", 0, LOOPBACK_INDEX);
    check_bind(SOCK_STREAM, "cf-none", "192.0.2.1", -ENODEV, 0);
    check_bind(SOCK_DGRAM, "cf-none", "2001:db8::1", -ENODEV, 0);
}

static void no_socket_is_bound_to_nothing(void **state)
{
    (void)state;
    assert_int_equal(cf_egress_bound(-1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_outside_has_the_interface_and_what_stays_has_lo),
        cmocka_unit_test(without_an_interface_nothing_is_bound),
        cmocka_unit_test(a_socket_is_bound_by_name_and_to_nothing_when_there_is_none),
        cmocka_unit_test(no_socket_is_bound_to_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
