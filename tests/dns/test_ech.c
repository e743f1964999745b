/*
 * test_ech.c - answers lose their keys for Encrypted ClientHello, and nothing else
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dns/ech.h"
#include "dns/rdata.h"
#include "dns/svcb.h"
#include "message.h"

#define NAME "www.example.com"

static struct message answer;
static uint8_t stripped[CF_WIRE_MESSAGE_MAX];

static void start(void)
{
    message_start(&answer, 1, CF_WIRE_QR | CF_WIRE_AD, NAME, CF_TYPE_HTTPS);
}

#define PRIORITY_1 "\0\1\0"
#define MANDATORY_ALPN_ECH "\0\0\0\4\0\1\0\5"
#define MANDATORY_ALPN "\0\0\0\2\0\1"
#define MANDATORY_ECH "\0\0\0\2\0\5"
#define ALPN "\0\1\0\3\2h2"
#define HINT4 "\0\4\0\4\300\0\2\1"
#define ECH "\0\5\0\6secret"
#define HINT6 "\0\6\0\20 \1\r\270\0\0\0\0\0\0\0\0\0\0\0\1"

static void add_https(uint32_t ttl, const void *bytes, size_t length)
{
    message_add(&answer, SECTION_ANSWER, NAME, CF_TYPE_HTTPS, ttl, bytes, length);
}

#define ADD_HTTPS(ttl, literal) add_https(ttl, literal, sizeof(literal) - 1)

static int parse(struct cf_wire_answer *ret_answer)
{
    struct message question;
    struct cf_wire_query query;

    message_start(&question, 1, CF_WIRE_RD, NAME, cf_wire_u16(answer.data + 12 + 17));
    assert_int_equal(cf_wire_query_parse(question.data, question.length, &query), 0);
    return cf_wire_answer_parse(answer.data, answer.length, &query, ret_answer);
}

/* As an answer of a server fares: what cannot be parsed is not stripped either. */
static int strip(struct cf_wire_answer *ret_answer)
{
    int r = parse(ret_answer);

    if (r < 0)
        return r;
    memset(stripped, 0xaa, sizeof stripped);
    return cf_ech_strip(ret_answer, stripped);
}

/* "owner type ttl data;" for each record, as the stripped answer has them. */
static const char *records(const struct cf_wire_answer *parsed)
{
    static char text[8192];
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    size_t n = 0;
    int r;

    text[0] = '\0';
    cf_wire_answer_walk(parsed, &walk);
    while ((r = cf_wire_walk_next(&walk, &rr)) > 0) {
        char owner[CF_DOMAIN_TEXT_SIZE], data[1024];

        assert_true(cf_rdata_format(parsed->message, &rr, data, sizeof data) >= 0);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s %u %u %s;",
                              cf_domain_format(&rr.owner, owner), rr.type, rr.ttl, data);
    }
    assert_int_equal(r, 0);
    assert_int_equal(walk.at, parsed->length);
    return text;
}

/* One HTTPS record before, and what its data is after. */
static void check(const void *before, size_t n_before, const void *after, size_t n_after)
{
    struct cf_wire_answer parsed;
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;

    start();
    add_https(300, before, n_before);
    assert_int_equal(strip(&parsed), 0);
    cf_wire_answer_walk(&parsed, &walk);
    assert_int_equal(cf_wire_walk_next(&walk, &rr), 1);
    assert_int_equal(rr.rdata_length, n_after);
    assert_memory_equal(parsed.message + rr.rdata_at, after, n_after);
    assert_int_equal(rr.ttl, 300);
    assert_int_equal(cf_wire_walk_next(&walk, &rr), 0);
    assert_int_equal(walk.at, parsed.length);
}

#define CHECK(before, after) check(before, sizeof(before) - 1, after, sizeof(after) - 1)

static void the_key_goes_and_every_other_parameter_stays(void **state)
{
    (void)state;
    CHECK(PRIORITY_1 ALPN HINT4 ECH HINT6, PRIORITY_1 ALPN HINT4 HINT6);
    CHECK(PRIORITY_1 ECH, PRIORITY_1);
    CHECK(PRIORITY_1 "\0\5\0\0" HINT6, PRIORITY_1 HINT6);
    CHECK(PRIORITY_1 ECH "\xff\0\0\3abc", PRIORITY_1 "\xff\0\0\3abc");
    CHECK("\0\0\3alt\0" ECH, "\0\0\3alt\0"); /* AliasMode */
}

static void the_list_of_what_is_mandatory_stays_true(void **state)
{
    (void)state;
    CHECK(PRIORITY_1 MANDATORY_ALPN_ECH ALPN ECH, PRIORITY_1 MANDATORY_ALPN ALPN);
    CHECK(PRIORITY_1 MANDATORY_ECH ALPN ECH, PRIORITY_1 ALPN);
    CHECK(PRIORITY_1 MANDATORY_ALPN ALPN ECH, PRIORITY_1 MANDATORY_ALPN ALPN);
    CHECK(PRIORITY_1 "\0\0\0\6\0\1\0\5\0\6" ALPN ECH HINT6,
          PRIORITY_1 "\0\0\0\4\0\1\0\6" ALPN HINT6);
}

static void an_answer_without_a_key_is_left_as_it_is(void **state)
{
    struct cf_wire_answer parsed;

    (void)state;
    start();
    ADD_HTTPS(300, PRIORITY_1 MANDATORY_ALPN ALPN HINT4 HINT6);
    message_add_addr(&answer, SECTION_ADDITIONAL, NAME, 300, "192.0.2.1");
    assert_int_equal(strip(&parsed), 0);
    assert_ptr_equal(parsed.message, answer.data);
    assert_true(parsed.flags & CF_WIRE_AD);
    assert_int_equal(stripped[0], 0xaa);
}

static void flags_and_other_records_stay(void **state)
{
    struct cf_wire_answer parsed;

    (void)state;
    start();
    message_add_name(&answer, SECTION_ANSWER, NAME, CF_TYPE_CNAME, 30, "end.example.net");
    ADD_HTTPS(300, PRIORITY_1 ALPN ECH);
    ADD_HTTPS(60, "\0\2\3alt\0" HINT4 ECH);
    message_add_soa(&answer, "example.com", 3600, 60);
    message_add_addr(&answer, SECTION_ADDITIONAL, "alt.example.net", 20, "2001:db8::1");
    message_add_opt(&answer, 1232, 0, "", 0);
    assert_int_equal(strip(&parsed), 0);
    assert_false(parsed.flags & CF_WIRE_AD);
    assert_true(parsed.flags & CF_WIRE_QR);
    assert_true(parsed.edns.present);
    assert_int_equal(parsed.counts[SECTION_ANSWER], 3);
    assert_int_equal(parsed.counts[SECTION_AUTHORITY], 1);
    assert_int_equal(parsed.counts[SECTION_ADDITIONAL], 1);
    assert_string_equal(records(&parsed), NAME
                        " 5 30 end.example.net;" NAME " 65 300 \\# 10 00010000010003026832;" NAME
                        " 65 60 \\# 15 000203616c740000040004c0000201;"
                        "example.com 6 3600 ns.example admin.example 1 2 3 4 60;"
                        "alt.example.net 28 20 2001:db8::1;");
}

/* RFC 4034, 3.1: the type covered, then what does not matter here, and the signer's name. */
static void add_rrsig(uint16_t covered)
{
    uint8_t rdata[18 + 1 + 4] = { (uint8_t)(covered >> 8), (uint8_t)covered };

    message_add(&answer, SECTION_ANSWER, NAME, CF_TYPE_RRSIG, 300, rdata, sizeof rdata);
}

static unsigned count_type(const struct cf_wire_answer *parsed, uint16_t type)
{
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    unsigned n = 0;

    cf_wire_answer_walk(parsed, &walk);
    while (cf_wire_walk_next(&walk, &rr) > 0)
        n += rr.type == type;
    return n;
}

static void signatures_over_what_was_changed_go(void **state)
{
    struct cf_wire_answer parsed;

    (void)state;
    start();
    add_rrsig(CF_TYPE_HTTPS); /* in front of what it signs */
    ADD_HTTPS(300, PRIORITY_1 ECH);
    add_rrsig(CF_TYPE_HTTPS);
    add_rrsig(CF_TYPE_SVCB);
    add_rrsig(CF_TYPE_CNAME);
    assert_int_equal(strip(&parsed), 0);
    assert_int_equal(parsed.counts[SECTION_ANSWER], 3);
    assert_int_equal(count_type(&parsed, CF_TYPE_RRSIG), 2);
    assert_int_equal(count_type(&parsed, CF_TYPE_HTTPS), 1);

    start();
    ADD_HTTPS(300, PRIORITY_1 ALPN);
    add_rrsig(CF_TYPE_HTTPS);
    assert_int_equal(strip(&parsed), 0);
    assert_int_equal(count_type(&parsed, CF_TYPE_RRSIG), 1);
}

/* A record whose owner and data are pointers to octets of the message. */
static void add_pointer(uint16_t owner, uint16_t type, const char *skipped, size_t n_skipped,
                        uint16_t target)
{
    uint8_t record[64], *at = record;

    cf_wire_put_u16(at, 0xc000 | owner);
    cf_wire_put_u16(at + 2, type);
    cf_wire_put_u16(at + 4, CF_CLASS_IN);
    cf_wire_put_u32(at + 6, 7);
    cf_wire_put_u16(at + 10, (uint16_t)(n_skipped + 2));
    memcpy(at + 12, skipped, n_skipped);
    cf_wire_put_u16(at + 12 + n_skipped, 0xc000 | target);
    message_raw(&answer, record, 12 + n_skipped + 2);
    message_count(&answer, SECTION_ANSWER, 1);
}

static void names_that_are_compressed_still_lead_to_what_they_led_to(void **state)
{
    struct cf_wire_answer parsed;
    uint16_t behind;

    (void)state;
    start();
    ADD_HTTPS(300, PRIORITY_1 ECH);
    behind = (uint16_t)answer.length; /* the owner of the next record */
    message_add_name(&answer, SECTION_ANSWER, "behind.example.net", CF_TYPE_CNAME, 7,
                     "end.example.net");
    add_pointer(behind, CF_TYPE_CNAME, "", 0, 12);
    add_pointer(12, CF_TYPE_CNAME, "", 0, behind);
    add_pointer(12, CF_TYPE_MX, "\0\12", 2, behind);
    add_pointer(12, CF_TYPE_SRV, "\0\1\0\2\0\3", 6, (uint16_t)(behind + 7));
    add_pointer(12, CF_TYPE_NS, "\2ns", 3, behind);
    add_pointer(12, 35, "\0\1\0\2\0\1x\0", 8, behind);
    assert_int_equal(strip(&parsed), 0);
    assert_string_equal(records(&parsed),
                        NAME " 65 300 \\# 3 000100;"
                             "behind.example.net 5 7 end.example.net;"
                             "behind.example.net 5 7 " NAME ";" NAME " 5 7 behind.example.net;" NAME
                             " 15 7 10 behind.example.net;" NAME " 33 7 1 2 3 example.net;" NAME
                             " 2 7 ns.behind.example.net;" NAME " 35 7 \\# 10 00010002000178"
                             "00c03f;");
}

static void a_name_that_leads_into_the_key_is_refused(void **state)
{
    struct cf_wire_answer parsed;
    uint16_t inside;

    (void)state;
    start();
    ADD_HTTPS(300, PRIORITY_1 "\0\5\0\6\4evil\0");
    inside = (uint16_t)(answer.length - 6);
    add_pointer(inside, CF_TYPE_CNAME, "", 0, 12);
    assert_int_equal(strip(&parsed), -EBADMSG);

    start();
    ADD_HTTPS(300, PRIORITY_1 "\0\5\0\6\4evil\0");
    add_pointer(12, CF_TYPE_CNAME, "", 0, (uint16_t)(answer.length - 6));
    assert_int_equal(strip(&parsed), -EBADMSG);
}

/* Octets that no record says are a name are not mended, so a name that uses them changes. */
static void a_name_that_would_become_another_is_refused(void **state)
{
    struct cf_wire_answer parsed;
    uint16_t behind;

    (void)state;
    /* A label that begins in front of the key and ends behind it. */
    start();
    ADD_HTTPS(300, PRIORITY_1 "\0\1\0\1\6" "\0\5\0\2xy" HINT6);
    add_pointer((uint16_t)(answer.length - 20 - 6 - 1), CF_TYPE_CNAME, "", 0, 12);
    assert_int_equal(strip(&parsed), -EBADMSG);
    /* A pointer in text, to an owner that moves. */
    start();
    ADD_HTTPS(300, PRIORITY_1 ECH);
    behind = (uint16_t)answer.length;
    message_add(&answer, SECTION_ANSWER, "behind.example.net", CF_TYPE_TXT, 7,
                (uint8_t[]) { 4, 1, 'a', 0xc0, (uint8_t)behind }, 5);
    assert_int_equal(strip(&parsed), 0);
    add_pointer((uint16_t)(answer.length - 4), CF_TYPE_CNAME, "", 0, 12);
    assert_int_equal(strip(&parsed), -EBADMSG);
}

static void check_refused(const void *bytes, size_t length)
{
    struct cf_wire_answer parsed;

    start();
    add_https(300, bytes, length);
    assert_int_equal(strip(&parsed), -EBADMSG);
}

#define CHECK_REFUSED(literal) check_refused(literal, sizeof(literal) - 1)

static void records_that_clients_must_reject_are_refused(void **state)
{
    (void)state;
    CHECK_REFUSED("");
    CHECK_REFUSED("\0\1");
    CHECK_REFUSED("\0\1\4abc");
    CHECK_REFUSED(PRIORITY_1 "\0");
    CHECK_REFUSED(PRIORITY_1 "\0\5\0");
    CHECK_REFUSED(PRIORITY_1 "\0\5\0\7secret");
    CHECK_REFUSED(PRIORITY_1 ECH ECH);
    CHECK_REFUSED(PRIORITY_1 HINT6 ECH);
    CHECK_REFUSED(PRIORITY_1 "\0\0\0\3\0\1\0" ECH);
}

static void more_keys_than_any_answer_has_are_refused(void **state)
{
    struct cf_wire_answer parsed;

    (void)state;
    start();
    for (unsigned i = 0; i < CF_ECH_CUTS_MAX; i++)
        ADD_HTTPS(300, PRIORITY_1 ECH);
    assert_int_equal(strip(&parsed), 0);
    assert_int_equal(parsed.counts[SECTION_ANSWER], CF_ECH_CUTS_MAX);
    start();
    for (unsigned i = 0; i <= CF_ECH_CUTS_MAX; i++)
        ADD_HTTPS(300, PRIORITY_1 ECH);
    assert_int_equal(strip(&parsed), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_goes_and_every_other_parameter_stays),
        cmocka_unit_test(the_list_of_what_is_mandatory_stays_true),
        cmocka_unit_test(an_answer_without_a_key_is_left_as_it_is),
        cmocka_unit_test(flags_and_other_records_stay),
        cmocka_unit_test(signatures_over_what_was_changed_go),
        cmocka_unit_test(names_that_are_compressed_still_lead_to_what_they_led_to),
        cmocka_unit_test(a_name_that_leads_into_the_key_is_refused),
        cmocka_unit_test(a_name_that_would_become_another_is_refused),
        cmocka_unit_test(records_that_clients_must_reject_are_refused),
        cmocka_unit_test(more_keys_than_any_answer_has_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
