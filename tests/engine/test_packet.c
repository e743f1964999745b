/*
 * test_packet.c - packets that are read and packets that are made
 */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/craft.h"
#include "engine/packet.h"

/* A SYN of 198.18.0.2:40000 to 192.0.2.1:80 with MSS, SACK, a cookie of fast open, and data. */
static const uint8_t syn4[] = {
    0x45, 0,    0,   54, 0,    0,    0x40, 0,    64,   6,    0xb6, 0xa0, 198,  18,
    0,    2,    192, 0,  2,    1,    0x9c, 0x40, 0,    80,   0x01, 0x02, 0x03, 0x04,
    0,    0,    0,   0,  0x80, 0x02, 0xff, 0xff, 0xde, 0xad, 0,    0,    2,    4,
    5,    0xb4, 4,   2,  34,   6,    1,    2,    3,    4,    'h',  'i',
};

/* A SYN of 2001:db8:cf::2 to 2001:db8::1 behind an empty hop-by-hop header. */
static const uint8_t syn6[] = {
    0x60, 0, 0, 0, 0, 28, 0, 64,   0x20, 0x01, 0x0d, 0xb8, 0,    0xcf, 0,    0,    0,
    0,    0, 0, 0, 0, 0,  2, 0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,    0,    0,
    0,    0, 0, 0, 0, 1,  6, 0,    1,    4,    0,    0,    0,    0,    0x9c, 0x40, 0,
    80,   0, 0, 0, 9, 0,  0, 0,    0,    0x50, 0x02, 0xff, 0xff, 0,    0,    0,    0,
};

static const uint8_t echo4[] = {
    0x45, 0,   0, 30, 0, 0, 0, 0, 7, 1,    0,    0, 198, 18,  0,
    2,    192, 0, 2,  1, 8, 0, 0, 0, 0x12, 0x34, 0, 5,   'a', 'b',
};

/* RFC 1071 by the book: 16 bits at a time, carries folded at the end. */
static uint16_t sum(const uint8_t *data, size_t length, uint32_t start)
{
    uint32_t total = start;

    for (size_t i = 0; i < length; i++)
        total += (uint32_t)data[i] << (i % 2 ? 0 : 8);
    while (total > 0xffff)
        total = (total & 0xffff) + (total >> 16);
    return (uint16_t)total;
}

/* Both checksums of a made packet sum up to all ones. */
static void check_sums(const uint8_t *packet, size_t length)
{
    size_t ip = packet[0] >> 4 == 4 ? 20 : 40;
    uint8_t protocol = packet[ip == 20 ? 9 : 6];
    uint32_t pseudo = 0;

    if (ip == 20)
        assert_int_equal(sum(packet, 20, 0), 0xffff);
    if (protocol != IPPROTO_ICMP) {
        pseudo = sum(packet + (ip == 20 ? 12 : 8), ip == 20 ? 8 : 32, 0);
        pseudo += protocol + (uint32_t)(length - ip);
    }
    assert_int_equal(sum(packet + ip, length - ip, pseudo), 0xffff);
}

static void check_parse(const uint8_t *data, size_t length, int expected)
{
    uint8_t *exact = test_malloc(length ? length : 1); /* a byte past the end is found out */
    struct cf_packet packet;

    memcpy(exact, data, length);
    assert_int_equal(cf_packet_parse(exact, length, &packet), expected);
    test_free(exact);
}

static void syns_are_read_in_both_families(void **state)
{
    struct cf_packet packet;

    (void)state;
    assert_int_equal(cf_packet_parse(syn4, sizeof syn4, &packet), 0);
    assert_int_equal(packet.protocol, IPPROTO_TCP);
    assert_int_equal(packet.src_port, 40000);
    assert_int_equal(packet.dst_port, 80);
    assert_int_equal(packet.tcp.seq, 0x01020304);
    assert_int_equal(packet.tcp.header, 32);
    assert_int_equal(packet.tcp.flags, CF_TCP_SYN);
    assert_int_equal(packet.hop_limit, 64);
    assert_int_equal(cf_packet_parse(syn6, sizeof syn6, &packet), 0);
    assert_int_equal(packet.protocol, IPPROTO_TCP);
    assert_int_equal(packet.payload, 48);
    assert_int_equal(packet.tcp.seq, 9);
}

static void every_cut_is_malformed(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof syn4; n++)
        check_parse(syn4, n, -EBADMSG);
    for (size_t n = 0; n < sizeof syn6; n++)
        check_parse(syn6, n, -EBADMSG);
    for (size_t n = 0; n < sizeof echo4; n++)
        check_parse(echo4, n, -EBADMSG);
    check_parse(syn4, sizeof syn4, 0);
    check_parse(syn6, sizeof syn6, 0);
    check_parse(echo4, sizeof echo4, 0);
}

static void check_byte(const uint8_t *data, size_t length, size_t at, uint8_t value, int expected)
{
    uint8_t copy[128];

    memcpy(copy, data, length);
    copy[at] = value;
    check_parse(copy, length, expected);
}

static void lengths_that_lie_are_malformed(void **state)
{
    (void)state;
    check_byte(syn4, sizeof syn4, 0, 0x44, -EBADMSG);  /* header of 16 */
    check_byte(syn4, sizeof syn4, 0, 0x4f, -EBADMSG);  /* header past the segment */
    check_byte(syn4, sizeof syn4, 0, 0x55, -EBADMSG);  /* IP version 5 */
    check_byte(syn4, sizeof syn4, 3, 55, -EBADMSG);    /* longer than it is */
    check_byte(syn4, sizeof syn4, 3, 39, -EBADMSG);    /* ends in the TCP header */
    check_byte(syn4, sizeof syn4, 32, 0x40, -EBADMSG); /* TCP header of 16 */
    check_byte(syn4, sizeof syn4, 32, 0xf0, -EBADMSG); /* of 60 */
    check_byte(syn6, sizeof syn6, 41, 9, -EBADMSG);    /* an extension past the end */
    check_byte(syn6, sizeof syn6, 40, 0, -EBADMSG);    /* the next extension is cut */
}

static void fragments_are_told_and_not_read(void **state)
{
    uint8_t copy[sizeof syn4];
    struct cf_packet packet;

    (void)state;
    memcpy(copy, syn4, sizeof copy);
    copy[6] = 0x20;
    assert_int_equal(cf_packet_parse(copy, sizeof copy, &packet), 0);
    assert_true(packet.fragment);
    assert_int_equal(packet.dst_port, 0);
}

static void mapped_address_stays_what_it_was(void **state)
{
    uint8_t copy[sizeof syn6];
    struct cf_packet packet;

    (void)state;
    memcpy(copy, syn6, sizeof copy);
    memset(copy + 24, 0, 10);
    memset(copy + 34, 0xff, 2);
    assert_int_equal(cf_packet_parse(copy, sizeof copy, &packet), 0);
    assert_int_equal(packet.dst.family, CF_FAMILY_IPV6);
}

static void syn_goes_back_without_data_and_cookie(void **state)
{
    static const uint8_t options[] = { 2, 4, 5, 0xb4, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 34, 2 };
    struct cf_packet packet;
    uint8_t out[100];
    size_t n;

    (void)state;
    cf_packet_parse(syn4, sizeof syn4, &packet);
    n = cf_craft_syn(&packet, out, sizeof out);
    assert_int_equal(n, 20 + 20 + sizeof options);
    check_sums(out, n);
    assert_memory_equal(out + 40, options, sizeof options);
    assert_int_equal(cf_packet_parse(out, n, &packet), 0);
    assert_int_equal(packet.tcp.seq, 0x01020304);
    assert_int_equal(packet.length, n);
    cf_packet_parse(syn6, sizeof syn6, &packet);
    n = cf_craft_syn(&packet, out, sizeof out);
    assert_int_equal(n, 40 + 24);
    check_sums(out, n);
    assert_int_equal(cf_craft_syn(&packet, out, 59), 0);
}

static void reset_acknowledges_the_syn(void **state)
{
    static const uint8_t golden[] = {
        0x45, 0,    0,    40,   0,    0,    0, 0,  64,   6,    0xf2, 0xba, 192, 0,
        2,    1,    198,  18,   0,    2,    0, 80, 0x9c, 0x40, 0,    0,    0,   0,
        0x01, 0x02, 0x03, 0x05, 0x50, 0x14, 0, 0,  0x87, 0x23, 0,    0,
    };
    struct cf_packet packet;
    uint8_t out[100];
    size_t n;

    (void)state;
    cf_packet_parse(syn4, sizeof syn4, &packet);
    n = cf_craft_reset(&packet, out, sizeof out);
    check_sums(out, n);
    assert_int_equal(n, sizeof golden);
    assert_memory_equal(out, golden, sizeof golden);
    cf_packet_parse(syn6, sizeof syn6, &packet);
    n = cf_craft_reset(&packet, out, sizeof out);
    check_sums(out, n);
    assert_int_equal(n, 60);
}

static void check_error(const char *from, const uint8_t *original, size_t length, size_t expected)
{
    struct cf_icmp_error error = { .type = 3, .code = 13, .info = 1234 };
    uint8_t out[CF_CRAFT_SIZE];
    size_t n, header;

    assert_int_equal(cf_addr_parse(from, &error.from), 0);
    n = cf_craft_icmp_error(&error, original, length, out, sizeof out);
    assert_int_equal(n, expected);
    if (n == 0)
        return;
    check_sums(out, n);
    header = error.from.family == CF_FAMILY_IPV4 ? 20 : 40;
    assert_int_equal(out[header], 3);
    assert_int_equal(out[header + 1], 13);
    assert_memory_equal(out + header + 8, original, n - header - 8);
    /* It goes to the one that sent the original. */
    if (header == 20)
        assert_memory_equal(out + 16, original + 12, 4);
    else
        assert_memory_equal(out + 24, original + 8, 16);
}

static void errors_quote_as_much_as_fits(void **state)
{
    uint8_t large[3000] = { 0x45 };

    (void)state;
    check_error("192.0.2.9", syn4, sizeof syn4, 28 + sizeof syn4);
    check_error("192.0.2.9", large, sizeof large, 576);
    check_error("192.0.2.9", large, 19, 0);
    check_error("2001:db8::9", syn6, sizeof syn6, 48 + sizeof syn6);
    large[0] = 0x60;
    check_error("2001:db8::9", large, sizeof large, 1280);
}

static void quote_reads_as_the_datagram_it_stands_for(void **state)
{
    struct cf_addr_port src = { .port = 4000 }, dst = { .port = 53 };
    struct cf_packet packet;
    uint8_t out[CF_CRAFT_SIZE];
    size_t n;

    (void)state;
    cf_addr_parse("198.18.0.2", &src.addr);
    cf_addr_parse("192.0.2.1", &dst.addr);
    n = cf_craft_quote(&src, &dst, IPPROTO_UDP, (const uint8_t *)"abc", 3, 3, out, sizeof out);
    assert_int_equal(n, 31);
    check_sums(out, n);
    assert_int_equal(cf_packet_parse(out, n, &packet), 0);
    assert_int_equal(packet.src_port, 4000);
    assert_int_equal(packet.dst_port, 53);
}

static void echo_reply_has_the_id_of_the_request(void **state)
{
    static const uint8_t message[] = { 0, 0, 0, 0, 9, 9, 0, 5, 'a', 'b', 'c' };
    struct cf_addr src, dst;
    uint8_t out[128];
    size_t n;

    (void)state;
    cf_addr_parse("192.0.2.1", &src);
    cf_addr_parse("198.18.0.2", &dst);
    n = cf_craft_echo_reply(&src, &dst, 0x1234, 55, message, sizeof message, out, sizeof out);
    assert_int_equal(n, 31);
    check_sums(out, n);
    assert_int_equal(out[8], 55);
    assert_int_equal(out[24] << 8 | out[25], 0x1234);
    assert_int_equal(out[27], 5);
    cf_addr_parse("2001:db8::1", &src);
    cf_addr_parse("2001:db8:cf::2", &dst);
    n = cf_craft_echo_reply(&src, &dst, 0x1234, 55, message, sizeof message, out, sizeof out);
    check_sums(out, n);
    assert_int_equal(cf_craft_echo_reply(&src, &dst, 1, 1, message, 7, out, sizeof out), 0);
    assert_int_equal(cf_craft_echo_reply(&src, &dst, 1, 1, message, 11, out, 50), 0);
}

struct gathered {
    uint8_t bytes[20000];
    size_t n, end; /* packets, payload bytes */
    bool last;
};

/* Put a fragment's payload where it belongs. */
static int gather(void *data, const uint8_t *packet, size_t length)
{
    struct gathered *gathered = data;
    size_t header = packet[0] >> 4 == 4 ? 20 : 48, offset;

    if (header == 20) {
        assert_int_equal(sum(packet, 20, 0), 0xffff);
        assert_int_equal(packet[2] << 8 | packet[3], length);
        offset = (size_t)((packet[6] & 0x1f) << 8 | packet[7]) * 8;
        gathered->last = !(packet[6] & 0x20);
    } else {
        assert_int_equal(packet[6], IPPROTO_FRAGMENT);
        assert_int_equal((packet[4] << 8 | packet[5]) + 40, length);
        offset = (size_t)(packet[42] << 8 | (packet[43] & 0xf8));
        gathered->last = !(packet[43] & 1);
    }
    assert_int_equal(offset, gathered->end);
    memcpy(gathered->bytes + offset, packet + header, length - header);
    gathered->end = offset + length - header;
    gathered->n++;
    return 0;
}

static void check_fragments(const char *src_text, size_t payload, size_t mtu, size_t expected)
{
    static uint8_t message[20000], packet[20100], scratch[2000];
    static struct gathered gathered;
    struct cf_addr src;
    size_t n, header;

    for (size_t i = 8; i < payload; i++)
        message[i] = (uint8_t)(i * 7);
    memset(&gathered, 0, sizeof gathered);
    cf_addr_parse(src_text, &src);
    n = cf_craft_echo_reply(&src, &src, 1, 64, message, payload, packet, sizeof packet);
    header = src.family == CF_FAMILY_IPV4 ? 20 : 40;
    assert_int_equal(cf_craft_fragments(packet, n, mtu, 77, scratch, gather, &gathered), 0);
    assert_int_equal(gathered.n, expected);
    assert_true(gathered.last);
    assert_int_equal(gathered.end, payload);
    assert_memory_equal(gathered.bytes, packet + header, payload);
}

static void long_packets_leave_in_fragments(void **state)
{
    (void)state;
    check_fragments("192.0.2.1", 1481, 1500, 2);
    check_fragments("192.0.2.1", 8008, 1500, 6);
    check_fragments("192.0.2.1", 1500, 600, 3);
    check_fragments("2001:db8::1", 1461, 1500, 2);
    check_fragments("2001:db8::1", 8008, 1280, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syns_are_read_in_both_families),
        cmocka_unit_test(every_cut_is_malformed),
        cmocka_unit_test(lengths_that_lie_are_malformed),
        cmocka_unit_test(fragments_are_told_and_not_read),
        cmocka_unit_test(mapped_address_stays_what_it_was),
        cmocka_unit_test(syn_goes_back_without_data_and_cookie),
        cmocka_unit_test(reset_acknowledges_the_syn),
        cmocka_unit_test(errors_quote_as_much_as_fits),
        cmocka_unit_test(quote_reads_as_the_datagram_it_stands_for),
        cmocka_unit_test(echo_reply_has_the_id_of_the_request),
        cmocka_unit_test(long_packets_leave_in_fragments),
    };

    return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
