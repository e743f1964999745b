/*
 * test_wire.c - messages are read within bounds, and written as RFCs want them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/chain.h"
#include "dns/rdata.h"
#include "dns/reply.h"
#include "dns/wire.h"
#include "message.h"

/* A name of `size` octets behind a header of zeros; want NULL: malformed. */
static void check_name(const void *octets, size_t size, size_t at, const char *want,
                       size_t want_next)
{
    char text[CF_DOMAIN_TEXT_SIZE];
    struct cf_domain domain;
    uint8_t *message = calloc(1, CF_WIRE_HEADER_SIZE + size);
    size_t next;
    int r;

    memcpy(message + CF_WIRE_HEADER_SIZE, octets, size);
    r = cf_domain_read(message, CF_WIRE_HEADER_SIZE + size, CF_WIRE_HEADER_SIZE + at, &domain,
                       &next);
    free(message);
    assert_int_equal(r, want ? 0 : -EBADMSG);
    if (!want)
        return;
    assert_string_equal(cf_domain_format(&domain, text), want);
    assert_int_equal(next, CF_WIRE_HEADER_SIZE + want_next);
}

static void names_are_read_and_written(void **state)
{
    (void)state;
    check_name("\0", 1, 0, ".", 1);
    check_name("\1a\7Example\0", 11, 0, "a.Example", 11);
    check_name("\4a.b\\\0", 6, 0, "a\\.b\\\\", 6);
    check_name("\5 \"\x7f\n~\0", 7, 0, "\\032\\\"\\127\\010~", 7);
    check_name("\1a\0\1b\xc0\x0c", 7, 3, "b.a", 7);
    check_name("\1a\0\xc0\x0c\xc0\x0f", 7, 5, "a", 7); /* a pointer to a pointer */
}

static void hostile_names_are_malformed(void **state)
{
    uint8_t name[400];

    (void)state;
    check_name("", 0, 0, NULL, 0);
    check_name("\1", 1, 0, NULL, 0);
    check_name("\1a", 2, 0, NULL, 0);
    check_name("\3ab", 3, 0, NULL, 0);
    check_name("\x40 12345", 7, 0, NULL, 0); /* reserved label types */
    check_name("\x80 12345", 7, 0, NULL, 0);
    check_name("\xc0", 1, 0, NULL, 0);             /* half a pointer */
    check_name("\xc0\x0c", 2, 0, NULL, 0);         /* to itself */
    check_name("\1a\xc0\x0c", 4, 0, NULL, 0);      /* to its own beginning */
    check_name("\xc0\x0e\xc0\x0c", 4, 2, NULL, 0); /* to one another */
    check_name("\xc0\x0e\1a\0", 5, 0, NULL, 0);    /* forwards */
    check_name("\3\0\xc0\x0c\0", 5, 2, NULL, 0);   /* a label that runs into its own pointer */
    check_name("\xc0\x00\0", 3, 0, NULL, 0);       /* into the header */
    check_name("\xff\xff\0", 3, 0, NULL, 0);       /* past the end */
    /* 255 octets are the most: 127 labels of one octet and the root; then one more. */
    for (size_t i = 0; i < sizeof name; i += 2) {
        name[i] = 1;
        name[i + 1] = 'a';
    }
    name[254] = 0;
    {
        char text[CF_DOMAIN_TEXT_SIZE];
        struct cf_domain domain;
        uint8_t message[CF_WIRE_HEADER_SIZE + 255] = { 0 };
        size_t next;

        memcpy(message + CF_WIRE_HEADER_SIZE, name, 255);
        assert_int_equal(cf_domain_read(message, sizeof message, 12, &domain, &next), 0);
        assert_int_equal(strlen(cf_domain_format(&domain, text)), 253);
    }
    name[254] = 1;
    name[256] = 0;
    check_name(name, 257, 0, NULL, 0);
}

static void check_policy_name(const char *label, size_t length, bool loose, const char *want)
{
    struct cf_domain domain = { .length = (uint8_t)(length + 2) };
    char name[CF_NAME_SIZE];

    domain.bytes[0] = (uint8_t)length;
    memcpy(domain.bytes + 1, label, length);
    assert_int_equal(cf_domain_to_name(&domain, loose, name), want ? 0 : -EINVAL);
    if (want)
        assert_string_equal(name, want);
}

static void only_host_names_are_compared(void **state)
{
    (void)state;
    check_policy_name("A-b_9", 5, false, "a-b_9");
    check_policy_name("a/b", 3, false, NULL);
    check_policy_name("a/B", 3, true, "a/b");
    check_policy_name("*", 1, false, NULL);
    check_policy_name("a.b", 3, false, NULL);
    check_policy_name("a.b", 3, true, NULL);
    check_policy_name("a\\b", 3, true, NULL);
    check_policy_name("a\0b", 3, true, NULL);
    check_policy_name("a b", 3, true, NULL);
    check_policy_name("\xe4", 1, true, NULL);
}

static void check_reverse(const char *name, const char *want)
{
    char text[CF_ADDR_TEXT_SIZE];
    struct cf_domain domain;
    struct cf_addr addr;

    assert_int_equal(cf_domain_from_host(name, &domain), 0);
    assert_int_equal(cf_domain_to_addr(&domain, &addr), want ? 0 : -EINVAL);
    if (want)
        assert_string_equal(cf_addr_format(&addr, text), want);
}

static void reverse_names_mean_addresses(void **state)
{
    (void)state;
    check_reverse("4.3.2.1.in-addr.arpa", "1.2.3.4");
    check_reverse("255.0.0.10.IN-ADDR.arpa", "10.0.0.255");
    check_reverse("256.0.0.10.in-addr.arpa", NULL);
    check_reverse("01.0.0.10.in-addr.arpa", NULL);
    check_reverse("0.0.10.in-addr.arpa", NULL);
    check_reverse("1.0.0.0.10.in-addr.arpa", NULL);
    check_reverse("4.3.2.1.example", NULL);
    check_reverse("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.d.0.1.0.0.2.ip6.arpa",
                  "2001:db8::1");
    check_reverse("g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", NULL);
    check_reverse("0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", NULL);
    check_reverse("", NULL);
}

static void check_query(const struct message *message, int want)
{
    struct cf_wire_query query;
    /* Exactly as long, so that a sanitizer sees what reads past the end. */
    uint8_t *exact = malloc(message->length ? message->length : 1);

    memcpy(exact, message->data, message->length);
    assert_int_equal(cf_wire_query_parse(exact, message->length, &query), want);
    free(exact);
}

static void queries_are_read(void **state)
{
    static struct message m;
    struct cf_wire_query query;

    (void)state;
    message_start(&m, 0xabcd, CF_WIRE_RD | CF_WIRE_CD, "www.example", CF_TYPE_AAAA);
    message_add_opt(&m, 4096, 0x8000, "\0\x0a\0\2ab", 6);
    assert_int_equal(cf_wire_query_parse(m.data, m.length, &query), 0);
    assert_int_equal(query.id, 0xabcd);
    assert_int_equal(query.type, CF_TYPE_AAAA);
    assert_int_equal(query.class, CF_CLASS_IN);
    assert_int_equal(query.question_length, 17);
    assert_true(query.edns.present && query.edns.dnssec_ok);
    assert_int_equal(query.edns.udp_size, 4096);
    assert_int_equal(query.edns.options_length, 6);
    /* Cut anywhere, it is never whole, and nothing behind the cut is read. */
    for (size_t length = 0; length < m.length; length++) {
        struct message cut = m;

        cut.length = length;
        check_query(&cut, length < CF_WIRE_HEADER_SIZE ? -EPROTO : -EBADMSG);
    }
}

static void queries_that_lie_are_malformed(void **state)
{
    static struct message m;

    (void)state;
    message_start(&m, 1, CF_WIRE_QR, "a.example", CF_TYPE_A);
    check_query(&m, -EPROTO);
    message_start(&m, 1, 4 << 11, "a.example", CF_TYPE_A);
    check_query(&m, -ENOTSUP);
    message_start(&m, 1, 0, "a.example", CF_TYPE_A);
    cf_wire_put_u16(m.data + 4, 0);
    check_query(&m, -EBADMSG);
    cf_wire_put_u16(m.data + 4, 2);
    check_query(&m, -EBADMSG);
    cf_wire_put_u16(m.data + 4, 1);
    check_query(&m, 0);
    for (int section = 0; section < 3; section++) {
        message_count(&m, section, 1);
        check_query(&m, -EBADMSG);
        message_count(&m, section, 65534);
        check_query(&m, -EBADMSG);
        message_count(&m, section, -65535);
    }
    message_raw(&m, "x", 1);
    check_query(&m, -EBADMSG);
    /* Two OPTs; one that is no root; one in the wrong section; options that lie. */
    message_start(&m, 1, 0, "a.example", CF_TYPE_A);
    message_add_opt(&m, 1232, 0, "", 0);
    message_add_opt(&m, 1232, 0, "", 0);
    check_query(&m, -EBADMSG);
    message_start(&m, 1, 0, "a.example", CF_TYPE_A);
    message_add(&m, SECTION_ADDITIONAL, "a", CF_TYPE_OPT, 0, "", 0);
    check_query(&m, -EBADMSG);
    message_start(&m, 1, 0, "a.example", CF_TYPE_A);
    message_add(&m, SECTION_ANSWER, "", CF_TYPE_OPT, 0, "", 0);
    check_query(&m, -EBADMSG);
    message_start(&m, 1, 0, "a.example", CF_TYPE_A);
    message_add_opt(&m, 1232, 0, "\0\x0a\0\3ab", 6);
    check_query(&m, -EBADMSG);
    message_start(&m, 1, 0, "a.example", CF_TYPE_A);
    message_add_opt(&m, 1232, 0, "\0\x0a\0", 3);
    check_query(&m, -EBADMSG);
}

static void question(struct cf_wire_query *query, const char *name, uint16_t type)
{
    static struct message m;

    message_start(&m, 0x1234, CF_WIRE_RD, name, type);
    assert_int_equal(cf_wire_query_parse(m.data, m.length, query), 0);
}

static void answers_are_checked_whole(void **state)
{
    static struct message m;
    struct cf_wire_query query;
    struct cf_wire_answer answer;
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;

    (void)state;
    question(&query, "a.Example", CF_TYPE_A);
    message_start(&m, 1, CF_WIRE_QR | CF_RCODE_NXDOMAIN, "A.example", CF_TYPE_A);
    message_add_addr(&m, SECTION_ANSWER, "a.example", 0x80000000, "192.0.2.1");
    message_add_soa(&m, "example", 60, 30);
    message_add_addr(&m, SECTION_ADDITIONAL, "ns.example", 60, "192.0.2.2");
    message_add_opt(&m, 1232, 0x01000000, "", 0);
    message_add_addr(&m, SECTION_ADDITIONAL, "behind.example", 60, "192.0.2.3");
    assert_int_equal(cf_wire_answer_parse(m.data, m.length, &query, &answer), 0);
    assert_int_equal(answer.rcode, 16 + CF_RCODE_NXDOMAIN);
    assert_int_equal(answer.counts[0], 1);
    assert_int_equal(answer.counts[1], 1);
    assert_int_equal(answer.counts[2], 1); /* without the OPT and what is behind */
    assert_int_equal(m.data[answer.length + 2], CF_TYPE_OPT);
    cf_wire_answer_walk(&answer, &walk);
    assert_int_equal(cf_wire_walk_next(&walk, &rr), 1);
    assert_int_equal(rr.ttl, 0); /* its top bit was set */
    assert_int_equal(cf_wire_walk_next(&walk, &rr), 1);
    assert_int_equal(rr.ttl, 60);
    for (size_t length = 0; length < m.length; length++) {
        uint8_t *exact = malloc(length ? length : 1);

        memcpy(exact, m.data, length);
        assert_int_equal(cf_wire_answer_parse(exact, length, &query, &answer), -EBADMSG);
        free(exact);
    }
    message_raw(&m, "x", 1);
    assert_int_equal(cf_wire_answer_parse(m.data, m.length, &query, &answer), -EBADMSG);
    message_start(&m, 1, CF_WIRE_QR, "b.example", CF_TYPE_A);
    assert_int_equal(cf_wire_answer_parse(m.data, m.length, &query, &answer), -EPROTO);
    message_start(&m, 1, CF_WIRE_QR, "a.example", CF_TYPE_AAAA);
    assert_int_equal(cf_wire_answer_parse(m.data, m.length, &query, &answer), -EPROTO);
    message_start(&m, 1, 0, "a.example", CF_TYPE_A);
    assert_int_equal(cf_wire_answer_parse(m.data, m.length, &query, &answer), -EBADMSG);
}

static void a_chain_has_an_end(void **state)
{
    static struct message m;
    static struct cf_chain chain;
    struct cf_wire_query query;
    struct cf_wire_answer answer;
    char owner[32], target[32];

    (void)state;
    question(&query, "n0.example", CF_TYPE_A);
    for (int n = 16; n <= 17; n++) {
        message_start(&m, 1, CF_WIRE_QR, "n0.example", CF_TYPE_A);
        for (int i = 0; i < n; i++) {
            snprintf(owner, sizeof owner, "n%d.example", n - 1 - i);
            snprintf(target, sizeof target, "n%d.example", n - i);
            message_add_name(&m, SECTION_ANSWER, owner, CF_TYPE_CNAME, 100 + (uint32_t)i, target);
        }
        assert_int_equal(cf_wire_answer_parse(m.data, m.length, &query, &answer), 0);
        assert_int_equal(cf_chain_read(&answer, &query.name, &chain), n == 16 ? 0 : -ELOOP);
    }
    /* A CNAME whose name runs out of its data. */
    message_start(&m, 1, CF_WIRE_QR, "n0.example", CF_TYPE_A);
    message_add(&m, SECTION_ANSWER, "n0.example", CF_TYPE_CNAME, 1, "\1a\0\0", 4);
    assert_int_equal(cf_wire_answer_parse(m.data, m.length, &query, &answer), -EBADMSG);
}

/* Data that is good for its type, then anything cut off its end, then an octet more. */
static void check_data(int section, uint16_t type, const void *rdata, size_t length)
{
    static struct message m;
    struct cf_wire_query query;
    struct cf_wire_answer answer;
    char more[64];

    memcpy(more, rdata, length);
    more[length] = 'x';
    question(&query, "a.example", CF_TYPE_A);
    for (size_t size = 0; size <= length + 1; size++) {
        message_start(&m, 1, CF_WIRE_QR, "a.example", CF_TYPE_A);
        message_add(&m, section, "a.example", type, 60, more, size);
        assert_int_equal(cf_wire_answer_parse(m.data, m.length, &query, &answer),
                         size == length ? 0 : -EBADMSG);
    }
}

static void answers_whose_data_is_not_of_its_type_are_malformed(void **state)
{
    static struct message m;
    struct cf_wire_query query;
    struct cf_wire_answer answer;

    (void)state;
    for (int section = 0; section < 3; section++) {
        check_data(section, CF_TYPE_A, "\xc0\0\2\1", 4);
        check_data(section, CF_TYPE_AAAA, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
        check_data(section, CF_TYPE_CNAME, "\1b\xc0\x0c", 4);
        check_data(section, CF_TYPE_NS, "\2ns\xc0\x0c", 5);
        check_data(section, CF_TYPE_PTR, "\1b\7example\0", 11);
        check_data(section, CF_TYPE_DNAME, "\1b\7example\0", 11);
        check_data(section, CF_TYPE_MX, "\0\x0a\xc0\x0c", 4);
        check_data(section, CF_TYPE_SRV, "\0\0\0\0\0\x35\1b\0", 9);
        check_data(section, CF_TYPE_SOA, "\0\xc0\x0c\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5",
                   23);
    }
    /* A name that leads to itself, from inside its data: 12 + 15 + 11 + 10 octets before it. */
    question(&query, "a.example", CF_TYPE_A);
    message_start(&m, 1, CF_WIRE_QR, "a.example", CF_TYPE_A);
    message_add(&m, SECTION_AUTHORITY, "a.example", CF_TYPE_NS, 60, "\xc0\x30", 2);
    assert_int_equal(m.length, 12 + 15 + 11 + 10 + 2);
    assert_int_equal(cf_wire_answer_parse(m.data, m.length, &query, &answer), -EBADMSG);
    /* Text whose last string is longer than the data. */
    message_start(&m, 1, CF_WIRE_QR, "a.example", CF_TYPE_A);
    message_add(&m, SECTION_ANSWER, "a.example", CF_TYPE_TXT, 60, "\1a\3hi", 5);
    assert_int_equal(cf_wire_answer_parse(m.data, m.length, &query, &answer), -EBADMSG);
    /* Another class has other data. */
    message_start(&m, 1, CF_WIRE_QR, "a.example", CF_TYPE_A);
    message_add(&m, SECTION_ANSWER, "a.example", CF_TYPE_A, 60, "\1a\0\0\0", 5);
    m.data[12 + 15 + 11 + 3] = 3;
    assert_int_equal(cf_wire_answer_parse(m.data, m.length, &query, &answer), 0);
}

static void check_rdata(uint16_t type, const void *rdata, size_t length, const char *want)
{
    static struct message m;
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    char text[512];

    message_start(&m, 1, CF_WIRE_QR, "a.example", type);
    message_add(&m, SECTION_ANSWER, "a.example", type, 60, rdata, length);
    cf_wire_walk_start(&walk, m.data, m.length, CF_WIRE_HEADER_SIZE + 15);
    assert_int_equal(cf_wire_walk_next(&walk, &rr), 1);
    assert_int_equal(cf_rdata_format(m.data, &rr, text, sizeof text), (int)strlen(want));
    assert_string_equal(text, want);
    for (size_t size = 0; size <= strlen(want); size++)
        assert_int_equal(cf_rdata_format(m.data, &rr, text, size), -ENOBUFS);
}

static void data_reads_as_in_zone_files(void **state)
{
    (void)state;
    check_rdata(CF_TYPE_A, "\xc0\0\2\1", 4, "192.0.2.1");
    check_rdata(CF_TYPE_A, "\xc0\0\2", 3, "\\# 3 c00002");
    check_rdata(CF_TYPE_AAAA, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16, "2001:db8::1");
    check_rdata(CF_TYPE_CNAME, "\1b\xc0\x0c", 4, "b.a.example");
    check_rdata(CF_TYPE_NS, "\1b\0x", 4, "\\# 4 01620078");
    check_rdata(CF_TYPE_MX, "\0\x0a\1m\0", 5, "10 m");
    check_rdata(CF_TYPE_SRV, "\0\1\0\2\1\xbb\1m\0", 9, "1 2 443 m");
    check_rdata(CF_TYPE_SRV, "\0\1\0\2\1", 5, "\\# 5 0001000201");
    check_rdata(CF_TYPE_TXT, "\2hi\4a\"\xe4\n", 8, "\"hi\" \"a\\\"\\228\\010\"");
    check_rdata(CF_TYPE_TXT, "\3hi", 3, "\\# 3 036869");
    check_rdata(CF_TYPE_SOA, "\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 22, ". . 1 2 3 4 5");
    check_rdata(65534, "", 0, "\\# 0");
}

/* A reply with n addresses, cut to limit: its length, records, and whether it says TC. */
static void check_reply(unsigned n, bool edns, size_t limit, size_t length, unsigned records,
                        bool tc)
{
    static uint8_t data[CF_REPLY_SIZE];
    static struct message m;
    struct cf_wire_query query;
    struct cf_reply reply;
    struct cf_addr addr;

    message_start(&m, 0x1234, CF_WIRE_RD, "a.example", CF_TYPE_A);
    if (edns)
        message_add_opt(&m, 1232, 0, "", 0);
    assert_int_equal(cf_wire_query_parse(m.data, m.length, &query), 0);
    cf_addr_parse("192.0.2.1", &addr);
    cf_reply_start(&reply, data, &query, CF_RCODE_NOERROR);
    for (unsigned i = 0; i < n; i++)
        cf_reply_add_addr(&reply, &addr, 60);
    cf_reply_finish(&reply, limit);
    assert_int_equal(reply.length, length);
    assert_int_equal(cf_wire_u16(data), 0x1234);
    assert_int_equal(cf_wire_u16(data + 2), 0x8180 | (tc ? CF_WIRE_TC : 0));
    assert_int_equal(cf_wire_u16(data + 4), 1);
    assert_int_equal(cf_wire_u16(data + 6), records);
    assert_int_equal(cf_wire_u16(data + 8), 0);
    assert_int_equal(cf_wire_u16(data + 10), edns);
    assert_memory_equal(data + 12, "\1a\7example\0\0\1\0\1", 15);
    if (edns)
        assert_memory_equal(data + reply.length - 11, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11);
}

static void replies_are_cut_to_size_with_question_and_opt(void **state)
{
    (void)state;
    check_reply(0, false, 512, 27, 0, false);
    check_reply(0, true, 512, 38, 0, false);
    check_reply(30, false, 512, 27 + 480, 30, false);
    check_reply(31, false, 512, 27, 0, true);
    check_reply(30, true, 512, 38, 0, true);
    check_reply(29, true, 512, 38 + 464, 29, false);
    /* More than a message holds is left out; the rest still stands. */
    check_reply(5000, false, 65535, 27 + 4093 * 16, 4093, false);
}

static void check_limit(uint16_t said, size_t want)
{
    static struct message m;
    struct cf_wire_query query;

    message_start(&m, 1, 0, "a", CF_TYPE_A);
    if (said)
        message_add_opt(&m, said, 0, "", 0);
    assert_int_equal(cf_wire_query_parse(m.data, m.length, &query), 0);
    assert_int_equal(cf_reply_udp_limit(&query), want);
}

static void datagrams_are_as_large_as_the_client_says(void **state)
{
    (void)state;
    check_limit(0, 512);
    check_limit(100, 512);
    check_limit(512, 512);
    check_limit(1232, 1232);
    check_limit(65535, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_and_written),
        cmocka_unit_test(hostile_names_are_malformed),
        cmocka_unit_test(only_host_names_are_compared),
        cmocka_unit_test(reverse_names_mean_addresses),
        cmocka_unit_test(queries_are_read),
        cmocka_unit_test(queries_that_lie_are_malformed),
        cmocka_unit_test(answers_are_checked_whole),
        cmocka_unit_test(a_chain_has_an_end),
        cmocka_unit_test(answers_whose_data_is_not_of_its_type_are_malformed),
        cmocka_unit_test(data_reads_as_in_zone_files),
        cmocka_unit_test(replies_are_cut_to_size_with_question_and_opt),
        cmocka_unit_test(datagrams_are_as_large_as_the_client_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
