/*
 * test_frame.c - whose packet it is, and its checksum
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/fragments.h"
#include "capture/frame.h"

#define ETHERNET "020000000002 020000000001 "
#define IPV4_TCP ETHERNET "0800 4500002c00004000400600 00 c6120002 c0000201 "
#define IPV6_UDP ETHERNET "86dd 60000000000c1140 20010db800cf00000000000000000002 " \
                          "20010db8000200000000000000000080 "

static size_t hex_read(const char *hex, uint8_t *bytes, size_t size)
{
    size_t length = 0;

    while (*hex) {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        assert_true(length < size);
        bytes[length++] = (uint8_t)strtoul((char[]) { hex[0], hex[1], '\0' }, NULL, 16);
        hex += 2;
    }
    return length;
}

/* A copy on the heap, so that a sanitizer sees each byte that is read behind it. */
static uint8_t *copy_make(const char *hex, size_t *ret_length)
{
    uint8_t bytes[512], *copy;

    *ret_length = hex_read(hex, bytes, sizeof(bytes));
    copy = malloc(*ret_length ? *ret_length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, *ret_length);
    return copy;
}

static void check_frame(const char *hex, const char *src, uint16_t src_port, const char *dst,
                        uint16_t dst_port, uint8_t protocol, bool first)
{
    char text[CF_ADDR_TEXT_SIZE];
    struct cf_frame frame;
    size_t length;
    uint8_t *data = copy_make(hex, &length);

    assert_int_equal(cf_frame_read(data, length, CF_FRAME_ETHERNET, &frame), 0);
    assert_string_equal(cf_addr_format(&frame.src, text), src);
    assert_string_equal(cf_addr_format(&frame.dst, text), dst);
    assert_int_equal(frame.src_port, src_port);
    assert_int_equal(frame.dst_port, dst_port);
    assert_int_equal(frame.protocol, protocol);
    assert_int_equal(frame.first, first);
    free(data);
}

static void a_packet_is_read(void **state)
{
    (void)state;
    check_frame(IPV4_TCP "8235 0050 00000001 00000000 6002 ffff 0000 0000 02040550",
                "198.18.0.2", 33333, "192.0.2.1", 80, 6, true);
    check_frame(IPV4_TCP "8235 0050 00000001 00000000 6012 ffff 0000 0000 02040550",
                "198.18.0.2", 33333, "192.0.2.1", 80, 6, false);
    check_frame(IPV6_UDP "8235 0035 000c 0000 00000000", "2001:db8:cf::2", 33333,
                "2001:db8:2::80", 53, 17, true);
    check_frame(ETHERNET "0800 4500001c 0000 4000 4001 0000 c6120002 c0000201 0800 0000 0001 0001",
                "198.18.0.2", 0, "192.0.2.1", 0, 1, true);
    /* Behind a hop-by-hop header. */
    check_frame(ETHERNET "86dd 600000000014 0040 20010db800cf00000000000000000002 "
                         "20010db8000200000000000000000080 1100 010400000000 "
                         "8235 0035 000c 0000 00000000",
                "2001:db8:cf::2", 33333, "2001:db8:2::80", 53, 17, true);
    /* Of fragments the first has ports, the others have none, and so a first that is too short. */
    check_frame(ETHERNET "0800 4500001c 0001 2000 4011 0000 c6120002 c0000201 8235 0035 0008 0000",
                "198.18.0.2", 33333, "192.0.2.1", 53, 17, true);
    check_frame(ETHERNET "0800 4500001c 0001 2001 4011 0000 c6120002 c0000201 8235 0035 0008 0000",
                "198.18.0.2", 0, "192.0.2.1", 0, 17, false);
    check_frame(ETHERNET "0800 4500001c 0001 2000 4006 0000 c6120002 c0000201 8235 0035 0008 0000",
                "198.18.0.2", 0, "192.0.2.1", 0, 6, false);
    check_frame(ETHERNET "86dd 6000000000102c40 20010db800cf00000000000000000002 "
                         "20010db8000200000000000000000080 1100 0001 00000007 8235 0035 000c 0000",
                "2001:db8:cf::2", 33333, "2001:db8:2::80", 53, 17, true);
    check_frame(ETHERNET "86dd 6000000000102c40 20010db800cf00000000000000000002 "
                         "20010db8000200000000000000000080 1100 0009 00000007 8235 0035 000c 0000",
                "2001:db8:cf::2", 0, "2001:db8:2::80", 0, 17, false);
}

static void check_none(const char *hex)
{
    struct cf_frame frame;
    size_t length;
    uint8_t *data = copy_make(hex, &length);

    assert_int_equal(cf_frame_read(data, length, CF_FRAME_ETHERNET, &frame), -EBADMSG);
    free(data);
}

static void what_is_no_packet_of_ip_or_cut_is_an_error(void **state)
{
    static const char whole[] =
        "020000000002020000000001080045000020000040004006"
        "0000c6120002c0000201823500500000000100000000600200";
    char cut[sizeof(whole)];

    (void)state;
    check_none(ETHERNET "0806 0001080006040001");
    check_none(ETHERNET "0800 6000");
    check_none(ETHERNET "86dd 4500");
    check_none(ETHERNET "0800 4f00 001c 0000 4000 4006 0000 c6120002 c0000201");
    check_none(ETHERNET "86dd 600000000008 0040 20010db800cf00000000000000000002 "
                        "20010db8000200000000000000000080 11ff 010400000000");
    for (size_t length = 0; length < 2 * 46; length += 2) {
        memcpy(cut, whole, length);
        cut[length] = '\0';
        check_none(cut);
    }
}

static void check_checksum(const char *hex, const char *expected)
{
    size_t length, expected_length;
    uint8_t *data = copy_make(hex, &length), *whole = copy_make(expected, &expected_length);
    struct cf_frame frame;

    assert_int_equal(length, expected_length);
    assert_int_equal(cf_frame_read(data, length, CF_FRAME_ETHERNET, &frame), 0);
    cf_frame_checksum(data, length, &frame);
    assert_memory_equal(data, whole, length);
    free(data);
    free(whole);
}

/* Expected sums were made by another program, 16 bits at a time, as RFC 1071 has it. */
static void an_unfinished_checksum_is_finished(void **state)
{
    (void)state;
    check_checksum(IPV4_TCP "8235 0050 00000001 00000000 6002 ffff abcd 0000 02040550",
                   IPV4_TCP "8235 0050 00000001 00000000 6002 ffff 8dee 0000 02040550");
    /* A datagram of an odd length. */
    check_checksum(ETHERNET "0800 4500001d 0000 4000 4011 0000 c6120002 c0000201 "
                            "8235 0007 0009 beef 78",
                   ETHERNET "0800 4500001d 0000 4000 4011 0000 c6120002 c0000201 "
                            "8235 0007 0009 7d89 78");
    /* A sum of 0 is written as its other form (RFC 768). */
    check_checksum(ETHERNET "0800 4500001e 0000 4000 4011 0000 c6120002 c0000201 "
                            "8235 0007 000a 0000 f587",
                   ETHERNET "0800 4500001e 0000 4000 4011 0000 c6120002 c0000201 "
                            "8235 0007 000a ffff f587");
}

static void check_rewrite(const char *hex, bool whole, uint16_t src_port, const char *expected)
{
    size_t length, expected_length;
    uint8_t *data = copy_make(hex, &length), *made = copy_make(expected, &expected_length);
    struct cf_addr_port src = { .port = src_port }, dst;
    struct cf_frame frame;

    assert_int_equal(cf_frame_read(data, length, CF_FRAME_ETHERNET, &frame), 0);
    assert_int_equal(cf_addr_parse("192.0.2.10", &src.addr), 0);
    dst = (struct cf_addr_port) { frame.dst, frame.dst_port };
    cf_frame_rewrite(data, length, whole, &frame, &src, &dst);
    assert_int_equal(length, expected_length);
    assert_memory_equal(data, made, length);
    free(data);
    free(made);
}

/* From 198.18.0.2:33333 to 192.0.2.10:44444; sums as above. */
static void other_addresses_have_other_sums(void **state)
{
    static const char before[] =
        ETHERNET "0800 4500002c000040004006b2b6 c6120002 c0000201 "
                 "8235 0050 00000001 00000000 6002 ffff 8dee 0000 02040550";
    static const char after[] =
        ETHERNET "0800 4500002c000040004006b6c0 c000020a c0000201 "
                 "ad9c 0050 00000001 00000000 6002 ffff 6691 0000 02040550";

    (void)state;
    check_rewrite(before, true, 44444, after);
    check_rewrite(before, false, 44444, after);
}

/* From [2001:db8:cf::2]:33333 to the gateway, as it goes on to 127.0.0.1 from port 44444. */
static void check_ipv4(const char *hex, const char *expected)
{
    struct cf_addr_port src = { .port = 44444 }, dst = { .port = 5432 };
    size_t length, expected_length;
    uint8_t *data = copy_make(hex, &length), *made = copy_make(expected, &expected_length);
    struct cf_frame frame;

    assert_int_equal(cf_frame_read(data, length, CF_FRAME_ETHERNET, &frame), 0);
    assert_int_equal(cf_addr_parse("127.0.0.1", &src.addr), 0);
    dst.addr = src.addr;
    cf_frame_to_ipv4(data, length, length, &frame, &src.addr, &dst.addr);
    cf_frame_rewrite(data, length, false, &frame, &src, &dst);
    assert_int_equal(length - frame.ip, expected_length);
    assert_memory_equal(data + frame.ip, made, expected_length);
    free(data);
    free(made);
}

#define IPV6_GATEWAY "20010db800cf00000000000000000002 20010db800cf00000000000000000001 "

/* Expected bytes were made by another program. */
static void a_packet_of_ipv6_becomes_one_of_ipv4(void **state)
{
    (void)state;
    check_ipv4(ETHERNET "86dd 6a5000000018063f " IPV6_GATEWAY
                        "8235 1538 00000001 00000000 6002 ffff a409 0000 02040550",
               "45a5002c000040003f063d25 7f000001 7f000001 "
               "ad9c 1538 00000001 00000000 6002 ffff d7b2 0000 02040550");
    /* Fragments stay what they are: the first with ports, and one behind it. */
    check_ipv4(ETHERNET "86dd 6000000000182c40 " IPV6_GATEWAY
                        "1100 0001 12345678 8235 1538 0018 d2fd 0001020304050607",
               "450000245678 2000 4011064f 7f000001 7f000001 "
               "ad9c 1538 0018 06a7 0001020304050607");
    check_ipv4(ETHERNET "86dd 6000000000102c40 " IPV6_GATEWAY
                        "1100 0010 12345678 08090a0b0c0d0e0f",
               "4500001c5678 0002 40112655 7f000001 7f000001 08090a0b0c0d0e0f");
}

/* Reads a packet of IP, and says whose it is once its fragments are known. */
static void check_fragment(struct cf_fragments *fragments, const char *hex, uint16_t src_port,
                           uint16_t dst_port, bool ports)
{
    struct cf_frame frame;
    size_t length;
    uint8_t *data = copy_make(hex, &length);

    assert_int_equal(cf_frame_read(data, length, 0, &frame), 0);
    cf_fragments_know(fragments, &frame);
    assert_int_equal(frame.src_port, src_port);
    assert_int_equal(frame.dst_port, dst_port);
    assert_int_equal(frame.ports, ports);
    free(data);
}

#define IPV4_FROM "4011 0000 c6120002 "
#define IPV6_FROM "20010db800cf00000000000000000002 20010db8000200000000000000000080 "

static void a_fragment_is_of_the_packet_whose_first_came_before_it(void **state)
{
    struct cf_fragments *fragments;

    (void)state;
    assert_int_equal(cf_fragments_new(&fragments), 0);
    check_fragment(fragments, "4500001c 0007 2001 " IPV4_FROM "c0000201 0001020304050607", 0, 0, false);
    check_fragment(fragments, "4500001c 0007 2000 " IPV4_FROM "c0000201 8235 0035 0018 0000", 33333,
                   53, true);
    check_fragment(fragments, "4500001c 0007 2001 " IPV4_FROM "c0000201 0001020304050607", 33333, 53,
                   false);
    check_fragment(fragments, "4500001c 0007 0002 " IPV4_FROM "c0000201 0001020304050607", 33333, 53,
                   false);
    /* Another packet, another end, another protocol. */
    check_fragment(fragments, "4500001c 0008 0002 " IPV4_FROM "c0000201 0001020304050607", 0, 0, false);
    check_fragment(fragments, "4500001c 0007 0002 " IPV4_FROM "c0000202 0001020304050607", 0, 0, false);
    check_fragment(fragments, "4500001c 0007 0002 4006 0000 c6120002 c0000201 0001020304050607", 0, 0,
                   false);
    /* The same of IPv6, whose number has 32 bits. */
    check_fragment(fragments, "6000000000102c40 " IPV6_FROM "1100 0001 00010007 8235 0035 0018 0000",
                   33333, 53, true);
    check_fragment(fragments, "6000000000102c40 " IPV6_FROM "1100 0008 00010007 0001020304050607",
                   33333, 53, false);
    check_fragment(fragments, "6000000000102c40 " IPV6_FROM "1100 0008 00000007 0001020304050607", 0,
                   0, false);
    cf_fragments_free(fragments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_is_read),
        cmocka_unit_test(what_is_no_packet_of_ip_or_cut_is_an_error),
        cmocka_unit_test(other_addresses_have_other_sums),
        cmocka_unit_test(a_fragment_is_of_the_packet_whose_first_came_before_it),
        cmocka_unit_test(a_packet_of_ipv6_becomes_one_of_ipv4),
        cmocka_unit_test(an_unfinished_checksum_is_finished),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
