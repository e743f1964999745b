/* Filters: which packets pass, here and in the kernel, and what is said of a wrong one. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/filter.h"
#include "capture/filter_words.h"
#include "lookups.h"

#define SNAPLEN 262144

/* Ethernet: 192.0.2.2:40000 to 192.0.2.80:443, TCP, SYN. */
static const uint8_t tcp_syn[] = { 0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00, 0x5e, 0x00,
                                   0x53, 0x02, 0x08, 0x00, /* */
                                   0x45, 0x00, 0x00, 0x28, 0x00, 0x01, 0x40, 0x00, 0x40, 0x06,
                                   0x00, 0x00,                                   /* */
                                   192,  0,    2,    2,    192,  0,    2,    80, /* */
                                   0x9c, 0x40, 0x01, 0xbb, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
                                   0x00, 0x00, 0x50, 0x02, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00 };

/* Ethernet: 192.0.2.2:40000 to 192.0.2.53:53, UDP, 4 bytes. */
static const uint8_t udp_dns[] = {
    0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00, 0x5e, 0x00, 0x53, 0x02, 0x08, 0x00, /* */
    0x45, 0x00, 0x00, 0x20, 0x00, 0x01, 0x40, 0x00, 0x40, 0x11, 0x00, 0x00,             /* */
    192,  0,    2,    2,    192,  0,    2,    53,                                       /* */
    0x9c, 0x40, 0x00, 0x35, 0x00, 0x0c, 0x00, 0x00, 'a',  'b',  'c',  'd'
};

/* Ethernet: 2001:db8::2 to 2001:db8::80 with a hop-by-hop header, then UDP to 443. */
static const uint8_t udp_ip6[] = { 0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00, 0x5e, 0x00,
                                   0x53, 0x02, 0x86, 0xdd,                         /* */
                                   0x60, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x40, /* */
                                   0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,    0,    0,
                                   0,    0,    0,    0,    0,    2,    0x20, 0x01, 0x0d, 0xb8,
                                   0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
                                   0,    0x80, 17,   0,    1,    4,    0,    0,    0,    0, /* */
                                   0x9c, 0x40, 0x01, 0xbb, 0x00, 0x08, 0x00, 0x00 };

static const struct packet {
    const char *name;
    const uint8_t *bytes;
    uint32_t length;
} packets[] = {
    { "tcp", tcp_syn, sizeof tcp_syn },
    { "dns", udp_dns, sizeof udp_dns },
    { "ip6", udp_ip6, sizeof udp_ip6 },
};

static struct cf_capture_filter compile(const char *text, int link_type, uint32_t snaplen)
{
    struct cf_capture_filter filter = { 0 };
    struct cf_error err = { 0 };
    size_t offset;

    if (cf_capture_filter_compile(text, link_type, snaplen, &filter, &offset, &err) < 0)
        fail_msg("'%s': at %zu: %s", text, offset, err.text);
    return filter;
}

/* How many bytes of a packet come through a socket with the filter; 0: it does not pass. */
static uint32_t run_in_kernel(const struct cf_capture_filter *filter, const uint8_t *packet,
                              uint32_t length, bool *ret_in_kernel)
{
    uint8_t back[2048];
    struct cf_error err;
    ssize_t n;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(cf_capture_filter_attach(filter, fds[1], ret_in_kernel, &err), 0);
    assert_int_equal(send(fds[0], packet, length, 0), length);
    n = recv(fds[1], back, sizeof back, MSG_DONTWAIT);
    if (n < 0)
        assert_int_equal(errno, EAGAIN);
    close(fds[0]);
    close(fds[1]);
    return n < 0 ? 0 : (uint32_t)n;
}

static uint32_t run_here(const struct cf_capture_filter *filter, const uint8_t *packet,
                         uint32_t length)
{
    uint32_t keep = cf_capture_filter_run(filter, packet, length, length);

    return keep < length ? keep : length;
}

/* passing: the names of the packets that pass, with blanks between. */
static void check_passes(const char *text, const char *passing)
{
    struct cf_capture_filter filter = compile(text, CF_CAPTURE_ETHERNET, SNAPLEN);
    char passed[64] = "";

    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        const struct packet *packet = &packets[i];
        uint32_t here = run_here(&filter, packet->bytes, packet->length);
        bool in_kernel = false;
        uint32_t there = run_in_kernel(&filter, packet->bytes, packet->length, &in_kernel);

        assert_true(in_kernel);
        assert_int_equal(there, here);
        if (here > 0) {
            assert_int_equal(here, packet->length);
            strcat(strcat(passed, passed[0] ? " " : ""), packet->name);
        }
    }
    if (strcmp(passed, passing) != 0)
        fail_msg("'%s': '%s' pass, not '%s'", text, passed, passing);
    cf_capture_filter_done(&filter);
}

static void a_filter_selects_packets_here_as_in_the_kernel(void **state)
{
    (void)state;
    check_passes(NULL, "tcp dns ip6");
    check_passes("", "tcp dns ip6");
    check_passes(" \n", "tcp dns ip6");
    check_passes("tcp", "tcp");
    check_passes("udp", "dns"); /* libpcap does not look behind other headers */
    check_passes("tcp port 443 or udp port 53", "tcp dns");
    check_passes("port 443", "tcp");
    check_passes("port https or domain", "tcp dns");
    check_passes("portrange 50-60", "dns");
    check_passes("host 192.0.2.2 and not dst host 192.0.2.53", "tcp");
    check_passes("net 192.0.2.0/24", "tcp dns");
    check_passes("net 192.0.2.0 mask 255.255.255.192", "tcp dns");
    check_passes("dst net 192.0.2.64/26", "tcp");
    check_passes("host 2001:db8::80", "ip6");
    check_passes("src net 2001:db8::/32", "ip6");
    check_passes("ether src 00:00:5e:00:53:02", "tcp dns ip6");
    check_passes("ether proto \\ip6", "ip6");
    check_passes("ip proto \\udp or 6", "tcp dns");
    check_passes("tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "tcp");
    check_passes("tcp[13] & 2 != 0", "tcp");
    check_passes("udp[8:4] = 0x61626364", "dns");
    check_passes("greater 50", "tcp ip6");
    check_passes("len <= 46", "dns");
    check_passes("(port 443) and ! (host 192.0.2.80)", "");
    check_passes("not\nip6", "tcp dns");
}

static void a_packet_is_kept_up_to_the_snap_length(void **state)
{
    struct cf_capture_filter filter = compile("ip or ip6", CF_CAPTURE_ETHERNET, 20);
    bool in_kernel = false;

    (void)state;
    assert_int_equal(run_in_kernel(&filter, tcp_syn, sizeof tcp_syn, &in_kernel), 20);
    assert_true(in_kernel);
    assert_int_equal(cf_capture_filter_run(&filter, tcp_syn, sizeof tcp_syn, sizeof tcp_syn), 20);
    cf_capture_filter_done(&filter);
}

static void packets_without_a_link_header_are_filtered(void **state)
{
    struct cf_capture_filter filter = compile("udp port 53", CF_CAPTURE_RAW_IP, SNAPLEN);

    (void)state;
    assert_int_not_equal(run_here(&filter, udp_dns + 14, sizeof udp_dns - 14), 0);
    assert_int_equal(run_here(&filter, udp_dns, sizeof udp_dns), 0);
    assert_int_equal(run_here(&filter, tcp_syn + 14, sizeof tcp_syn - 14), 0);
    cf_capture_filter_done(&filter);
}

/* A program that the kernel does not take. */
static void check_here_alone(const char *text, const char *passing)
{
    struct cf_capture_filter filter = compile(text, CF_CAPTURE_ETHERNET, SNAPLEN);
    char passed[64] = "";
    bool in_kernel = true;

    run_in_kernel(&filter, tcp_syn, sizeof tcp_syn, &in_kernel);
    assert_false(in_kernel);
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++)
        if (run_here(&filter, packets[i].bytes, packets[i].length) > 0)
            strcat(strcat(passed, passed[0] ? " " : ""), packets[i].name);
    assert_string_equal(passed, passing);
    cf_capture_filter_done(&filter);
}

static void what_the_kernel_does_not_take_is_filtered_here(void **state)
{
    char text[CF_FILTER_TEXT_MAX + 1] = "udp or (geneve and port 1";
    size_t length = strlen(text);

    (void)state;
    check_here_alone("ip6 protochain \\udp", "ip6");
    check_here_alone("protochain 6", "tcp");
    /* More than 4,096 instructions. */
    for (int i = 2; i < 60; i++)
        length += (size_t)sprintf(text + length, " and port %d", i);
    strcpy(text + length, ")");
    check_here_alone(text, "dns");
}

static void check_wrong(const char *text, size_t offset, const char *message)
{
    struct cf_capture_filter filter = { 0 };
    struct cf_error err = { 0 };
    size_t found = SIZE_MAX;

    if (cf_capture_filter_compile(text, CF_CAPTURE_ETHERNET, SNAPLEN, &filter, &found, &err) == 0)
        fail_msg("'%s' was taken", text);
    assert_null(filter.code);
    assert_int_equal(cf_test_lookups(), 0);
    if (found != offset || !strstr(err.text, message))
        fail_msg("'%s': at %zu, not %zu: %s", text, found, offset, err.text);
}

static void a_wrong_filter_is_told_with_its_place(void **state)
{
    (void)state;
    check_wrong("tcp prt 443", 4, "got 'prt'");
    check_wrong("tcp port", 8, "got its end");
    check_wrong("tcp port 443 or", 15, "got its end");
    check_wrong("tcp port 443 or udp port 99999", 25, "got '99999'");
    check_wrong("tcp port nosuchservice or udp", 9, "unknown port 'nosuchservice'");
    check_wrong("tcp port 443 udp", 13, "syntax error");
    check_wrong("(tcp port 443", 13, "got its end");
    check_wrong("tcp port 443)", 12, "got ')'");
    check_wrong("tcp host 192.0.2.1", 4, "got 'host'");
    check_wrong("host 192.0.2.256", 5, "got '192.0.2.256'");
    check_wrong("net 192.0.2.1/24", 14, "got '24'");
    check_wrong("ip[0:3] = 1", 5, "got '3'");
    check_wrong("ip[0 = 1", 5, "got '='");
    check_wrong("tcp[tcpflags & tcp-syn != 0", 23, "got '!='");
    check_wrong("tcp and udp", 0, "expression rejects all packets");
    check_wrong("port 80 and \xc3\xa4", 12, "got '\xc3\xa4'");
    check_wrong("port 80 ; ip", 8, "got ';'");
    check_wrong("wlan type mgt", 0, "got 'wlan'");
    check_wrong("ether[0xfffff004:2] = 1", 0, "got 4294963204");
}

static void check_wrong_outside(const char *text, int code, size_t offset)
{
    struct cf_capture_filter wanted = { 0 }, taken = { 0 };
    struct cf_error err = { 0 };
    size_t at;

    assert_int_equal(cf_capture_filter_compile_outside(text, 96, &wanted, &taken, &at, &err), code);
    assert_int_equal(at, offset);
    assert_null(wanted.code); /* there is nothing to free */
    assert_null(taken.code);
}

static void a_filter_for_the_host_has_room_for_what_begins_connections(void **state)
{
    static const char number[] = "port 1 or ";
    char text[640] = "";
    struct cf_capture_filter wanted, taken;
    struct cf_error err;
    size_t at;

    (void)state;
    check_wrong_outside("ip or ether host 00:00:5e:00:53:01", -EINVAL, 12);
    assert_int_equal(cf_capture_filter_compile_outside("udp", 96, &wanted, &taken, &at, &err), 0);
    assert_true(wanted.length > 0 && taken.length > wanted.length);
    cf_capture_filter_done(&wanted);
    cf_capture_filter_done(&taken);
    assert_int_equal(cf_capture_filter_compile_outside(NULL, 96, &wanted, &taken, &at, &err), 0);
    assert_int_equal(wanted.length + taken.length, 0);
    for (int i = 0; i < 62; i++)
        memcpy(text + i * (sizeof(number) - 1), number, sizeof(number));
    memcpy(text + 62 * (sizeof(number) - 1), "udp", sizeof("udp"));
    assert_int_equal(cf_capture_filter_compile(text, CF_CAPTURE_RAW_IP, 96, &wanted, &at, &err), 0);
    cf_capture_filter_done(&wanted);
    check_wrong_outside(text, -E2BIG, 595);
}

static void a_name_that_would_be_looked_up_is_refused(void **state)
{
    (void)state;
    check_wrong("host example.com", 5, "got 'example.com'");
    check_wrong("example.com", 0, "got 'example.com'");
    check_wrong("port 80 or host example.com", 16, "not looked up");
    check_wrong("net corp", 4, "got 'corp'");
    check_wrong("ether host router", 11, "got 'router'");
    check_wrong("gateway router", 0, "got 'gateway'");
    check_wrong("src \\tcp", 4, "got '\\tcp'");
    check_wrong("host 192.0.2.1.5", 5, "got '192.0.2.1.5'");
    check_wrong("host 192.0.2.1 and (port 80) or x", 32, "got 'x'");
    check_wrong("(port 80) or x", 13, "got 'x'");
    check_wrong("port 80 or (tcp and x)", 20, "got 'x'");
    check_wrong("port http or tcp src x", 21, "got 'x'");
    check_wrong("len-5 > 3", 0, "got 'len-5'");
    check_wrong("host ::ether", 7, "got 'ether'");
    check_wrong("net \\) or", 4, "a word behind");
    check_wrong("inbound and tcp", 0, "got 'inbound'");
}

static void what_takes_libpcap_long_is_refused(void **state)
{
    char text[CF_FILTER_TEXT_MAX + 2];
    size_t length;

    (void)state;
    memset(text, ' ', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    check_wrong(text, 0, "expected at most 2048 bytes, got 2049");
    length = (size_t)sprintf(text, "port 1");
    for (int i = 1; i < CF_FILTER_OPERANDS_MAX; i++)
        length += (size_t)sprintf(text + length, " or %d", i + 1);
    struct cf_capture_filter filter = compile(text, CF_CAPTURE_ETHERNET, SNAPLEN);

    cf_capture_filter_done(&filter);
    strcat(text, " or 70");
    check_wrong(text, length + 4, "expected at most 64 numbers, addresses and services");
    strcpy(text, "portrange 1-2");
    for (int i = 1; i < CF_FILTER_OPERANDS_MAX / 2; i++)
        strcat(text, " or 3-4");
    length = strlen(text);
    strcat(text, " or 5");
    check_wrong(text, length + 4, "expected at most 64");
    strcpy(text, "ip");
    for (int i = 1; i < CF_FILTER_WORDS_MAX / 2; i++)
        strcat(text, " or ip6");
    length = strlen(text);
    strcat(text, " or");
    check_wrong(text, length + 3, "got its end");
    strcat(text, " ip");
    check_wrong(text, length + 4, "expected at most 256 words");
}

static void other_link_types_are_refused(void **state)
{
    struct cf_capture_filter filter = { 0 };
    struct cf_error err = { 0 };
    size_t offset;

    (void)state;
    assert_int_equal(cf_capture_filter_compile("ip", 113, SNAPLEN, &filter, &offset, &err),
                     -EINVAL);
    assert_non_null(strstr(err.text, "113"));
    assert_null(filter.code);
}

/* Behind every beginning of a good filter a word that is never good is the one that is told. */
static void check_beginnings(const char *text)
{
    struct cf_filter_words *words = calloc(1, sizeof *words);
    struct cf_error err = { 0 };
    size_t offset;

    assert_non_null(words);
    assert_int_equal(cf_filter_words_read(text, words, &offset, &err), 0);
    for (size_t i = 0; i < words->n; i++) {
        size_t length = words->items[i].offset + words->items[i].length;
        char cut[256];

        assert_true(length + 3 < sizeof cut);
        sprintf(cut, "%.*s }", (int)length, text);
        check_wrong(cut, length + 1, "got '}'");
    }
    free(words);
}

static void each_beginning_of_a_good_filter_is_known_as_one(void **state)
{
    (void)state;
    check_beginnings("tcp port 443 or udp port 53");
    check_beginnings("tcp src port 443 and ( udp dst portrange 53-60 or not port http )");
    check_beginnings("src or dst port 80 and src and dst net 192.0.2.0/24");
    check_beginnings("ip src or dst host 192.0.2.1 and ip6 src or dst host ::1");
    check_beginnings("net 192.0.2.0 mask 255.255.255.0 or ip6 net 2001:db8::/32");
    check_beginnings("ether src or dst host 00:00:5e:00:53:01 or ether proto \\ip6");
    check_beginnings("ether proto 0x800 and ip proto \\tcp and not ip6 proto 17");
    check_beginnings("tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn");
    check_beginnings("((ip[2:2] - ((ip[0] & 0xf) << 2)) - ((tcp[12] & 0xf0) >> 2)) != 0");
    check_beginnings("(tcp[ip[0] + 5:4] = 0x47455420 and (len > 60 or (greater 70)))");
    check_beginnings("ether multicast or ip multicast or ether broadcast");
    check_beginnings("icmp[icmptype] = icmp-echo or icmp6[icmp6type] = icmp6-echo");
    check_beginnings("vlan 5 and mpls 7 and ip");
    check_beginnings("byte 5 = 7 or less 60 or arp host 192.0.2.1");
    check_beginnings("pppoes 1 and ip6 protochain 6 or ah or esp or sctp port 5");
    check_beginnings("ip and not - len + 2 * 5 % 7 / 3 ^ 1 > 2");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_filter_selects_packets_here_as_in_the_kernel),
    cmocka_unit_test(a_packet_is_kept_up_to_the_snap_length),
    cmocka_unit_test(packets_without_a_link_header_are_filtered),
    cmocka_unit_test(what_the_kernel_does_not_take_is_filtered_here),
    cmocka_unit_test(a_wrong_filter_is_told_with_its_place),
    cmocka_unit_test(a_filter_for_the_host_has_room_for_what_begins_connections),
    cmocka_unit_test(a_name_that_would_be_looked_up_is_refused),
    cmocka_unit_test(what_takes_libpcap_long_is_refused),
    cmocka_unit_test(other_link_types_are_refused),
    cmocka_unit_test(each_beginning_of_a_good_filter_is_known_as_one),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
