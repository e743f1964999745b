/*
 * test_stray.c - reasons that are read from packets
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netlink/stray.h"

/* In memory of its own, so that a sanitizer sees what is read behind its end. */
static void check_bytes(const uint8_t *data, size_t length, const char *reason)
{
    uint8_t *copy = test_malloc(length + 1);

    memcpy(copy + 1, data, length);
    assert_string_equal(cf_stray_reason(copy + 1, length), reason);
    test_free(copy);
}

static void check_ipv4(uint8_t protocol, uint8_t type, const char *reason)
{
    const uint8_t plain[28] = { 0x45, [9] = protocol, [20] = type };
    const uint8_t options[32] = { 0x46, [9] = protocol, [20] = 3, [24] = type };

    check_bytes(plain, sizeof plain, reason);
    check_bytes(options, sizeof options, reason);
}

static void check_ipv6(uint8_t protocol, uint8_t type, const char *reason)
{
    const uint8_t plain[48] = { 0x60, [6] = protocol, [40] = type };
    const uint8_t headers[72] = {
        0x60, [6] = IPPROTO_HOPOPTS, [40] = IPPROTO_DSTOPTS, [48] = protocol, [49] = 1, [64] = type
    };

    check_bytes(plain, sizeof plain, reason);
    check_bytes(headers, sizeof headers, reason);
}

static void reason_is_what_the_packet_carries(void **state)
{
    (void)state;
    check_ipv4(IPPROTO_TCP, 0, "socket");
    check_ipv4(IPPROTO_UDP, 0, "socket");
    check_ipv4(IPPROTO_ICMP, 0, "icmp");
    check_ipv4(IPPROTO_ICMP, 3, "icmp-error");
    check_ipv4(IPPROTO_ICMP, 4, "icmp");
    check_ipv4(IPPROTO_ICMP, 10, "icmp");
    check_ipv4(IPPROTO_ICMP, 11, "icmp-error");
    check_ipv4(IPPROTO_ICMP, 12, "icmp-error");
    check_ipv4(IPPROTO_ICMP, 13, "icmp");
    check_ipv4(IPPROTO_ICMPV6, 1, "protocol");
    check_ipv4(IPPROTO_SCTP, 0, "protocol");
    check_ipv6(IPPROTO_TCP, 0, "socket");
    check_ipv6(IPPROTO_UDP, 0, "socket");
    check_ipv6(IPPROTO_ICMPV6, 0, "icmp");
    check_ipv6(IPPROTO_ICMPV6, 1, "icmp-error");
    check_ipv6(IPPROTO_ICMPV6, 4, "icmp-error");
    check_ipv6(IPPROTO_ICMPV6, 5, "icmp");
    check_ipv6(IPPROTO_ICMP, 3, "protocol");
    check_ipv6(IPPROTO_SCTP, 0, "protocol");
}

static void packet_that_is_cut_off_has_a_reason(void **state)
{
    uint8_t many[40 + 8 * 9] = { 0x60, [6] = IPPROTO_FRAGMENT };
    const uint8_t ipv4[28] = { 0x45, [9] = IPPROTO_ICMP, [20] = 3 };

    (void)state;
    for (size_t at = 40; at < sizeof many; at += 8)
        many[at] = IPPROTO_FRAGMENT;
    for (size_t length = 0; length <= sizeof many; length++)
        check_bytes(many, length, "protocol");
    for (size_t length = 0; length <= sizeof ipv4; length++)
        check_bytes(ipv4, length, length > 20 ? "icmp-error" : length == 20 ? "icmp" : "protocol");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reason_is_what_the_packet_carries),
        cmocka_unit_test(packet_that_is_cut_off_has_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
