/*
 * test_addr.c - addresses have one value and one text
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"

static struct cf_addr addr_of(const char *text)
{
    struct cf_addr addr;

    if (cf_addr_parse(text, &addr) < 0)
        fail_msg("'%s' was not read", text);
    return addr;
}

static void check_text(const char *text, int family, const char *expected)
{
    struct cf_addr addr = addr_of(text), again;
    char formatted[CF_ADDR_TEXT_SIZE];

    assert_int_equal(addr.family, family);
    assert_string_equal(cf_addr_format(&addr, formatted), expected);
    again = addr_of(formatted);
    assert_true(cf_addr_equal(&addr, &again));
}

static void check_no_addr(const char *text)
{
    struct cf_addr addr;

    if (cf_addr_parse(text, &addr) != -EINVAL)
        fail_msg("'%s' was read", text);
}

static void check_contains(const char *prefix_text, unsigned bits, const char *text, bool expected)
{
    struct cf_prefix prefix = { .addr = addr_of(prefix_text), .bits = (uint8_t)bits };
    struct cf_addr addr = addr_of(text);

    if (cf_prefix_contains(&prefix, &addr) != expected)
        fail_msg("%s in %s/%u", text, prefix_text, bits);
}

static void check_mask(const char *text, unsigned bits, const char *expected)
{
    struct cf_addr addr = addr_of(text);
    char formatted[CF_ADDR_TEXT_SIZE];

    cf_addr_mask(&addr, bits);
    assert_string_equal(cf_addr_format(&addr, formatted), expected);
}

static void check_sockaddr(const char *text, uint16_t port, int family, const char *with_port)
{
    struct cf_addr_port at = { .addr = addr_of(text), .port = port }, again;
    struct sockaddr_storage sa;
    char formatted[CF_ADDR_PORT_TEXT_SIZE];
    socklen_t length = cf_addr_port_to_sockaddr(&at, &sa);

    assert_int_equal(sa.ss_family, family);
    assert_int_equal(length,
                     family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    assert_int_equal(cf_addr_port_from_sockaddr((struct sockaddr *)&sa, &again), 0);
    assert_true(cf_addr_port_equal(&at, &again));
    assert_string_equal(cf_addr_port_format(&at, formatted), with_port);
}

static void addresses_have_one_text(void **state)
{
    (void)state;
    check_text("192.0.2.1", CF_FAMILY_IPV4, "192.0.2.1");
    check_text("0.0.0.0", CF_FAMILY_IPV4, "0.0.0.0");
    check_text("255.255.255.255", CF_FAMILY_IPV4, "255.255.255.255");
    check_text("2001:DB8:0:0:0:0:0:1", CF_FAMILY_IPV6, "2001:db8::1");
    check_text("::", CF_FAMILY_IPV6, "::");
    check_text("::1", CF_FAMILY_IPV6, "::1");
    check_text("2001:db8:0:1:1:1:1:1", CF_FAMILY_IPV6, "2001:db8:0:1:1:1:1:1");
    check_text("2001:0:0:1:0:0:0:1", CF_FAMILY_IPV6, "2001:0:0:1::1");
    check_text("2001:db8:0:0:1:0:0:1", CF_FAMILY_IPV6, "2001:db8::1:0:0:1");
    check_text("64:ff9b::192.0.2.1", CF_FAMILY_IPV6, "64:ff9b::c000:201");
}

static void mapped_ipv4_is_folded_wherever_it_comes_from(void **state)
{
    static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
    static const uint8_t zeros[4];
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
    struct cf_addr expected = addr_of("192.0.2.1"), addr = cf_addr_from_ipv6(mapped);
    struct cf_addr_port at;

    (void)state;
    check_text("::ffff:192.0.2.1", CF_FAMILY_IPV4, "192.0.2.1");
    check_text("::ffff:c000:201", CF_FAMILY_IPV4, "192.0.2.1");
    check_text("0:0:0:0:0:ffff:0:0", CF_FAMILY_IPV4, "0.0.0.0");
    check_text("::fffe:c000:201", CF_FAMILY_IPV6, "::fffe:c000:201");
    assert_true(cf_addr_equal(&addr, &expected));
    memcpy(&in6.sin6_addr, mapped, sizeof mapped);
    assert_int_equal(cf_addr_port_from_sockaddr((struct sockaddr *)&in6, &at), 0);
    assert_true(cf_addr_equal(&at.addr, &expected));
    assert_int_equal(at.port, 53);
    addr = cf_addr_from_ipv4(zeros);
    expected = addr_of("::");
    assert_false(cf_addr_equal(&addr, &expected));
}

static void other_notations_are_no_addresses(void **state)
{
    (void)state;
    check_no_addr("");
    check_no_addr("127.1");
    check_no_addr("127.0.0.01");
    check_no_addr("0177.0.0.1");
    check_no_addr("0x7f.0.0.1");
    check_no_addr("2130706433");
    check_no_addr("1.2.3.256");
    check_no_addr("1.2.3.4.5");
    check_no_addr("1.2.3.4 ");
    check_no_addr(" 1.2.3.4");
    check_no_addr("fe80::1%eth0");
    check_no_addr("[::1]");
    check_no_addr("::1::");
    check_no_addr("1:2:3:4:5:6:7");
    check_no_addr("1:2:3:4:5:6:7:8:9");
    check_no_addr("::10000");
    check_no_addr("a.example");
}

static void masks_clear_what_is_behind_the_prefix(void **state)
{
    (void)state;
    check_mask("255.255.255.255", 0, "0.0.0.0");
    check_mask("255.255.255.255", 1, "128.0.0.0");
    check_mask("255.255.255.255", 8, "255.0.0.0");
    check_mask("255.255.255.255", 13, "255.248.0.0");
    check_mask("255.255.255.255", 31, "255.255.255.254");
    check_mask("255.255.255.255", 32, "255.255.255.255");
    check_mask("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65, "ffff:ffff:ffff:ffff:8000::");
    check_mask("2001:db8::1", 128, "2001:db8::1");
    check_mask("2001:db8::1", 127, "2001:db8::");
}

static void prefixes_hold_their_own_family_alone(void **state)
{
    (void)state;
    check_contains("10.0.0.0", 8, "10.255.255.255", true);
    check_contains("10.0.0.0", 8, "11.0.0.0", false);
    check_contains("10.0.0.0", 9, "10.127.0.1", true);
    check_contains("10.0.0.0", 9, "10.128.0.1", false);
    check_contains("192.0.2.1", 32, "192.0.2.1", true);
    check_contains("192.0.2.1", 32, "192.0.2.0", false);
    check_contains("0.0.0.0", 0, "203.0.113.1", true);
    check_contains("0.0.0.0", 0, "2001:db8::1", false);
    check_contains("::", 0, "2001:db8::1", true);
    check_contains("::", 0, "203.0.113.1", false);
    check_contains("2001:db8::", 33, "2001:db8:7fff::1", true);
    check_contains("2001:db8::", 33, "2001:db8:8000::1", false);
    check_contains("10.0.0.0", 8, "::ffff:10.0.0.1", true);
}

static void addresses_go_to_the_kernels_form_and_back(void **state)
{
    struct sockaddr local = { .sa_family = AF_UNIX };
    struct cf_addr_port at;
    struct cf_addr none = { 0 };
    char text[CF_ADDR_TEXT_SIZE];

    (void)state;
    check_sockaddr("192.0.2.1", 0, AF_INET, "192.0.2.1:0");
    check_sockaddr("192.0.2.1", 65535, AF_INET, "192.0.2.1:65535");
    check_sockaddr("2001:db8::1", 53, AF_INET6, "[2001:db8::1]:53");
    check_sockaddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, AF_INET6,
                   "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    assert_int_equal(cf_addr_port_from_sockaddr(&local, &at), -EAFNOSUPPORT);
    assert_int_equal(cf_addr_bits(&none), 0);
    assert_string_equal(cf_addr_format(&none, text), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_one_text),
        cmocka_unit_test(mapped_ipv4_is_folded_wherever_it_comes_from),
        cmocka_unit_test(other_notations_are_no_addresses),
        cmocka_unit_test(masks_clear_what_is_behind_the_prefix),
        cmocka_unit_test(prefixes_hold_their_own_family_alone),
        cmocka_unit_test(addresses_go_to_the_kernels_form_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
