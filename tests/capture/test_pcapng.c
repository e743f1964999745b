/*
 * test_pcapng.c - the blocks of a capture file are as the drafts have them, byte by byte
 *
 * Expected bytes are written for a machine of little-endian order; the blocks
 * are made in the order of the machine, so on another the cases skip.
 */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/pcapng.h"

#define TIME_NS INT64_C(0x0102030405060708)

/* "0a 0d ..." with blanks anywhere */
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

static void check_bytes(struct cf_buffer *out, const char *hex)
{
    uint8_t expected[512];
    size_t length = hex_read(hex, expected, sizeof(expected));

    assert_int_equal(out->length, length);
    assert_memory_equal(out->data, expected, length);
    cf_buffer_clear(out);
}

static int order_setup(void **state)
{
    static struct cf_buffer out;

    cf_buffer_init(&out, 0);
    *state = &out;
    return 0;
}

static int order_teardown(void **state)
{
    cf_buffer_done(*state);
    return 0;
}

static void skip_on_big_endian(void)
{
    if (__BYTE_ORDER != __LITTLE_ENDIAN)
        skip();
}

static void a_section_says_its_order_and_who_wrote_it(void **state)
{
    struct cf_pcapng_section section = { .hardware = "x86", .application = "cf", .comment = "run" };

    skip_on_big_endian();
    assert_int_equal(cf_pcapng_section_put(*state, &section), 0);
    check_bytes(*state,
                "0a0d0d0a 38000000 4d3c2b1a 0100 0000 ffffffffffffffff"
                "0100 0300 72756e00 0200 0300 78383600 0400 0200 63660000 00000000 38000000");
    assert_int_equal(cf_pcapng_section_put(*state, &(struct cf_pcapng_section) { .os = "" }), 0);
    check_bytes(*state, "0a0d0d0a 20000000 4d3c2b1a 0100 0000 ffffffffffffffff 00000000 20000000");
}

static void an_interface_counts_nanoseconds_and_says_its_filter(void **state)
{
    struct cf_pcapng_interface interface = {
        .link_type = 1, .snaplen = 262144, .name = "gw0", .filter = "tcp"
    };

    skip_on_big_endian();
    assert_int_equal(cf_pcapng_interface_put(*state, &interface), 0);
    check_bytes(*state, "01000000 30000000 0100 0000 00000400 0200 0300 67773000"
                        "0900 0100 09000000 0b00 0400 00746370 00000000 30000000");
}

static void a_packet_has_both_lengths_and_pads_what_was_kept(void **state)
{
    struct cf_pcapng_packet packet = { .interface = 1,
                                       .time_ns = TIME_NS,
                                       .data = (const uint8_t *)"abcde",
                                       .captured = 5,
                                       .length = 70000 };

    skip_on_big_endian();
    assert_int_equal(cf_pcapng_packet_put(*state, &packet), 0);
    check_bytes(*state, "06000000 28000000 01000000 04030201 08070605 05000000 70110100"
                        "6162636465000000 28000000");
    packet.comment = "flow 1";
    packet.direction = CF_PCAPNG_OUTBOUND;
    assert_int_equal(cf_pcapng_packet_put(*state, &packet), 0);
    check_bytes(*state,
                "06000000 40000000 01000000 04030201 08070605 05000000 70110100 6162636465000000"
                "0100 0600 666c6f7720310000 0200 0400 02000000 00000000 40000000");
}

static void a_comment_that_is_too_long_ends_between_two_characters(void **state)
{
    struct cf_buffer *out = *state;
    struct cf_pcapng_packet packet = { .data = (const uint8_t *)"", .captured = 0 };
    char *comment = malloc(70001);
    uint16_t length;

    assert_non_null(comment);
    for (size_t i = 0; i < 70000; i += 2)
        memcpy(comment + i, "\xc3\xa4", 2);
    comment[70000] = '\0';
    packet.comment = comment;
    assert_int_equal(cf_pcapng_packet_put(out, &packet), 0);
    memcpy(&length, out->data + 30, sizeof(length));
    assert_int_equal(length, CF_PCAPNG_OPTION_MAX);
    cf_buffer_clear(out);

    packet.comment = comment + 1; /* begins in the middle of one: the cut would fall in another */
    comment[1] = 'x';
    assert_int_equal(cf_pcapng_packet_put(out, &packet), 0);
    memcpy(&length, out->data + 30, sizeof(length));
    assert_int_equal(length, CF_PCAPNG_OPTION_MAX - 1);
    cf_buffer_clear(out);
    free(comment);
}

static void check_name(struct cf_buffer *out, const char *addr, const char *name, const char *hex)
{
    struct cf_addr parsed;

    assert_int_equal(cf_addr_parse(addr, &parsed), 0);
    assert_int_equal(cf_pcapng_name_put(out, &parsed, name), 0);
    check_bytes(out, hex);
}

static void a_name_stands_behind_its_address(void **state)
{
    skip_on_big_endian();
    check_name(*state, "192.0.2.1", "a.b",
               "04000000 1c000000 0100 0800 c0000201 612e6200 0000 0000 1c000000");
    check_name(
        *state, "2001:db8::1", "ab",
        "04000000 28000000 0200 1300 20010db8000000000000000000000001 61620000 0000 0000 28000000");
}

static void secrets_and_statistics_are_blocks_of_their_own(void **state)
{
    struct cf_pcapng_statistics statistics = { .interface = 0,
                                               .time_ns = TIME_NS,
                                               .start_ns = 1,
                                               .end_ns = TIME_NS,
                                               .received = 7,
                                               .dropped = 2,
                                               .written = 5 };

    skip_on_big_endian();
    assert_int_equal(cf_pcapng_tls_keys_put(*state, "X 1 2\n", 6), 0);
    check_bytes(*state, "0a000000 1c000000 4b534c54 06000000 582031 20320a0000 1c000000");
    assert_int_equal(cf_pcapng_statistics_put(*state, &statistics), 0);
    check_bytes(*state, "05000000 58000000 00000000 04030201 08070605"
                        "0200 0800 00000000 01000000 0300 0800 04030201 08070605"
                        "0400 0800 0700000000000000 0500 0800 0200000000000000"
                        "0800 0800 0500000000000000 00000000 58000000");
}

static void classic_pcap_counts_nanoseconds_too(void **state)
{
    struct cf_pcapng_packet packet = { .time_ns = INT64_C(5000000009),
                                       .data = (const uint8_t *)"abc",
                                       .captured = 3,
                                       .length = 9,
                                       .comment = "is left out" };

    skip_on_big_endian();
    assert_int_equal(cf_pcap_header_put(*state, 1, 96), 0);
    check_bytes(*state, "4d3cb2a1 0200 0400 0000000000000000 60000000 01000000");
    assert_int_equal(cf_pcap_packet_put(*state, &packet), 0);
    check_bytes(*state, "05000000 09000000 03000000 09000000 616263");
}

static void a_block_that_finds_no_room_leaves_those_before_it_whole(void **state)
{
    struct cf_pcapng_packet packet = { .data = (const uint8_t *)"abcd",
                                       .captured = 4,
                                       .length = 4 };
    struct cf_buffer out;

    (void)state;
    for (size_t limit = 36; limit < 72; limit++) {
        cf_buffer_init(&out, limit);
        assert_int_equal(cf_pcapng_packet_put(&out, &packet), 0);
        assert_int_equal(out.length, 36);
        assert_int_equal(cf_pcapng_packet_put(&out, &packet), -ENOBUFS);
        assert_int_equal(out.length, 36);
        cf_buffer_done(&out);
    }
    cf_buffer_init(&out, 21);
    assert_int_equal(cf_pcap_packet_put(&out, &packet), 0);
    assert_int_equal(cf_pcap_packet_put(&out, &packet), -ENOBUFS);
    assert_int_equal(out.length, 20);
    cf_buffer_done(&out);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, order_setup, order_teardown)
    const struct CMUnitTest tests[] = {
        T(a_section_says_its_order_and_who_wrote_it),
        T(an_interface_counts_nanoseconds_and_says_its_filter),
        T(a_packet_has_both_lengths_and_pads_what_was_kept),
        T(a_comment_that_is_too_long_ends_between_two_characters),
        T(a_name_stands_behind_its_address),
        T(secrets_and_statistics_are_blocks_of_their_own),
        T(classic_pcap_counts_nanoseconds_too),
        T(a_block_that_finds_no_room_leaves_those_before_it_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
