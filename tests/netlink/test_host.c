/*
 * test_host.c - reading the host's network, in namespaces of various shapes
 */
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "lab.h"
#include "netlink/gateway.h"

/* A fresh namespace with an interface a0, then what `commands` makes of it. */
static void check_host(const char *commands, bool has_ipv4, bool has_ipv6, unsigned mtu,
                       const char *interface)
{
    char text[1024];
    struct cf_host_network network;
    struct cf_error err = { 0 };

    assert_int_equal(unshare(CLONE_NEWNET), 0);
    snprintf(text, sizeof(text),
             "set -e; ip link set lo up; ip link add a0 type veth peer name b0; "
             "ip link set a0 up; ip link set b0 up; %s",
             commands);
    assert_int_equal(system(text), 0);
    assert_int_equal(cf_host_network_read(0, &network, &err), 0);
    assert_int_equal(network.has_ipv4, has_ipv4);
    assert_int_equal(network.has_ipv6, has_ipv6);
    assert_int_equal(network.mtu, mtu);
    assert_string_equal(network.interface, interface);
}

static void host_with_default_routes_names_the_interface(void **state)
{
    (void)state;
    check_host("ip link set a0 mtu 1400; ip addr add 192.0.2.2/24 dev a0; "
               "ip route add default via 192.0.2.1",
               true, false, 1400, "a0");
    check_host("ip link set a0 mtu 9000; ip addr add 2001:db8:1::2/64 dev a0 nodad; "
               "ip -6 route add default via 2001:db8:1::1",
               false, true, 9000, "a0");
    check_host("ip link set a0 mtu 1492; ip link set b0 mtu 1420; "
               "ip addr add 192.0.2.2/24 dev a0; ip route add default via 192.0.2.1; "
               "ip addr add 2001:db8:1::2/64 dev b0 nodad; "
               "ip -6 route add default via 2001:db8:1::1",
               true, true, 1420, "a0");
}

static void host_with_a_default_route_in_another_table_has_one(void **state)
{
    (void)state;
    check_host("ip addr add 192.0.2.2/24 dev a0; ip rule add lookup 77; "
               "ip route add default via 192.0.2.1 table 77",
               true, false, 1500, "a0");
    check_host("ip addr add 192.0.2.2/24 dev a0; ip route add 0.0.0.0/1 via 192.0.2.1; "
               "ip route add 128.0.0.0/1 via 192.0.2.1",
               true, false, 1500, "a0");
}

static void host_with_some_routes_has_a_network(void **state)
{
    (void)state;
    check_host("ip addr add 10.0.0.2/8 dev a0", true, false, 1500, "");
    check_host("ip addr add fd00::2/64 dev a0 nodad", false, true, 1500, "");
    check_host("ip addr add 10.0.0.2/8 dev a0; ip route add unreachable default", true, false, 1500,
               "");
}

static void host_with_link_local_routes_only_has_none(void **state)
{
    (void)state;
    check_host("true", false, false, 1500, "");
    check_host("ip addr add 169.254.1.1/16 dev a0", false, false, 1500, "");
    check_host("ip route add unreachable default; ip -6 route add unreachable default", false,
               false, 1500, "");
}

/* The same, asked for one interface. */
static void check_host_by(const char *by, const char *commands, bool has_ipv6, unsigned mtu)
{
    char text[1024];
    struct cf_host_network network;
    struct cf_error err = { 0 };

    assert_int_equal(unshare(CLONE_NEWNET), 0);
    snprintf(text, sizeof(text),
             "set -e; ip link set lo up; ip link add a0 mtu 1400 type veth peer name b0 mtu 1420; "
             "ip link set a0 up; ip link set b0 up; "
             "ip addr add 192.0.2.2/24 dev a0; ip addr add 198.51.100.2/24 dev b0; "
             "ip addr add 2001:db8:1::2/64 dev a0 nodad; "
             "ip route add default via 192.0.2.1; ip -6 route add default via 2001:db8:1::1; %s",
             commands);
    assert_int_equal(system(text), 0);
    assert_int_equal(cf_host_network_read(if_nametoindex(by), &network, &err), 0);
    assert_true(network.has_ipv4);
    assert_int_equal(network.has_ipv6, has_ipv6);
    assert_int_equal(network.mtu, mtu);
    assert_string_equal(network.interface, by);
}

static void host_asked_for_one_interface_tells_of_that_alone(void **state)
{
    (void)state;
    check_host_by("a0", "true", true, 1400);
    check_host_by("b0", "true", false, 1420);
    check_host_by("b0", "ip addr add 2001:db8:2::2/64 dev b0 nodad", true, 1420);
    check_host_by("b0", "ip -6 route add default dev b0 metric 5000", true, 1420);
    check_host_by("lo", "true", false, 65535);
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(host_with_default_routes_names_the_interface),
        cmocka_unit_test(host_with_a_default_route_in_another_table_has_one),
        cmocka_unit_test(host_with_some_routes_has_a_network),
        cmocka_unit_test(host_with_link_local_routes_only_has_none),
        cmocka_unit_test(host_asked_for_one_interface_tells_of_that_alone),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
    if (system("ip -V >/dev/null 2>&1") != 0) {
        printf("skipped: no ip program (iproute2)\n");
        return 77;
    }
    return lab_run(tests);
}
