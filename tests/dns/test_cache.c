/*
 * test_cache.c - answers are kept for as long as they say, and no longer
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "dns/cache.h"
#include "message.h"

#define S CF_US_PER_S

static struct cf_cache *cache;

static int start(void **state)
{
    (void)state;
    return cf_cache_new(4, &cache);
}

static int stop(void **state)
{
    (void)state;
    cf_cache_free(cache);
    return 0;
}

static void question(struct cf_wire_query *query, const char *name, uint16_t type, uint16_t flags)
{
    static struct message m;

    message_start(&m, 1, flags, name, type);
    assert_int_equal(cf_wire_query_parse(m.data, m.length, query), 0);
}

static void put(const char *name, uint16_t type, const struct message *message, int64_t now_us)
{
    struct cf_wire_query query;
    struct cf_wire_answer answer;

    question(&query, name, type, CF_WIRE_RD);
    assert_int_equal(cf_wire_answer_parse(message->data, message->length, &query, &answer), 0);
    cf_cache_put(cache, &query, &answer, now_us);
}

static void put_addr(const char *name, uint32_t ttl, int64_t now_us)
{
    static struct message m;

    message_start(&m, 1, CF_WIRE_QR, name, CF_TYPE_A);
    message_add_addr(&m, SECTION_ANSWER, name, ttl, "192.0.2.1");
    put(name, CF_TYPE_A, &m, now_us);
}

static const struct cf_wire_answer *find(const char *name, uint16_t type, int64_t now_us)
{
    struct cf_wire_query query;

    question(&query, name, type, CF_WIRE_RD);
    return cf_cache_find(cache, &query, now_us);
}

/* TTL of the first record; -1 when nothing is kept. */
static int64_t ttl(const char *name, uint16_t type, int64_t now_us)
{
    const struct cf_wire_answer *answer = find(name, type, now_us);
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;

    if (!answer)
        return -1;
    cf_wire_answer_walk(answer, &walk);
    return cf_wire_walk_next(&walk, &rr) > 0 ? (int64_t)rr.ttl : 0;
}

static void ttls_count_down_to_the_end(void **state)
{
    (void)state;
    put_addr("a.example", 300, 7);
    assert_int_equal(ttl("a.example", CF_TYPE_A, 7), 300);
    assert_int_equal(ttl("A.Example", CF_TYPE_A, 7 + S - 1), 300);
    assert_int_equal(ttl("a.example", CF_TYPE_A, 7 + S), 299);
    assert_int_equal(ttl("a.example", CF_TYPE_A, 7 + S + S / 2), 299);
    assert_int_equal(ttl("a.example", CF_TYPE_A, 7 + 2 * S), 298);
    assert_int_equal(ttl("a.example", CF_TYPE_A, 7 + 300 * S - 1), 1);
    assert_int_equal(ttl("a.example", CF_TYPE_A, 7 + 300 * S), -1);
    assert_int_equal(cf_cache_entries(cache), 0);
    assert_int_equal(cf_cache_bytes(cache), 0);
    put_addr("zero.example", 0, 0);
    put_addr("negative.example", 0x80000001, 0);
    assert_int_equal(cf_cache_entries(cache), 0);
    put_addr("long.example", 1000000, 0);
    assert_int_equal(ttl("long.example", CF_TYPE_A, 86400 * S - 1), 1000000 - 86399);
    assert_int_equal(ttl("long.example", CF_TYPE_A, 86400 * S), -1);
}

static void the_least_ttl_of_the_answer_counts(void **state)
{
    static struct message m;

    (void)state;
    message_start(&m, 1, CF_WIRE_QR, "a.example", CF_TYPE_A);
    message_add_name(&m, SECTION_ANSWER, "a.example", CF_TYPE_CNAME, 300, "b.example");
    message_add_addr(&m, SECTION_ANSWER, "b.example", 20, "192.0.2.1");
    message_add_addr(&m, SECTION_ADDITIONAL, "c.example", 10, "192.0.2.2");
    put("a.example", CF_TYPE_A, &m, 0);
    assert_int_equal(ttl("a.example", CF_TYPE_A, 15 * S), 285);
    assert_int_equal(ttl("a.example", CF_TYPE_A, 20 * S), -1);
}

/* rcode, SOA's TTL and minimum (0: no SOA), seconds that it is kept. */
static void check_negative(uint16_t flags, bool cname, uint32_t soa, uint32_t minimum, int kept)
{
    static struct message m;

    message_start(&m, 1, CF_WIRE_QR | flags, "n.example", CF_TYPE_A);
    if (cname)
        message_add_name(&m, SECTION_ANSWER, "n.example", CF_TYPE_CNAME, 15, "b.example");
    if (soa)
        message_add_soa(&m, "example", soa, minimum);
    put("n.example", CF_TYPE_A, &m, 0);
    if (kept)
        assert_non_null(find("n.example", CF_TYPE_A, kept * S - 1));
    assert_null(find("n.example", CF_TYPE_A, kept * S));
}

static void negative_answers_live_by_their_soa(void **state)
{
    (void)state;
    check_negative(CF_RCODE_NXDOMAIN, false, 60, 30, 30);
    check_negative(CF_RCODE_NXDOMAIN, false, 20, 30, 20);
    check_negative(CF_RCODE_NOERROR, false, 60, 30, 30);
    check_negative(CF_RCODE_NOERROR, true, 60, 30, 15);
    check_negative(CF_RCODE_NXDOMAIN, true, 60, 30, 15);
    check_negative(CF_RCODE_NXDOMAIN, false, 86400, 86400, 3600);
    check_negative(CF_RCODE_NXDOMAIN, false, 0, 0, 0);
    check_negative(CF_RCODE_NOERROR, false, 0, 0, 0);
    check_negative(CF_RCODE_NOERROR, true, 0, 0, 0);
    check_negative(CF_RCODE_SERVFAIL, false, 60, 30, 0);
    check_negative(CF_RCODE_REFUSED, false, 60, 30, 0);
    check_negative(CF_RCODE_NXDOMAIN | CF_WIRE_TC, false, 60, 30, 0);
}

/* RFC 8020 is not for us: doc/dns.md says why. */
static void the_nxdomain_of_a_name_is_not_that_of_names_below_it(void **state)
{
    (void)state;
    check_negative(CF_RCODE_NXDOMAIN, false, 60, 30, 30);
    assert_null(find("below.n.example", CF_TYPE_A, 0));
    put_addr("below.n.example", 20, 0);
    check_negative(CF_RCODE_NXDOMAIN, false, 60, 10, 10);
    assert_int_equal(ttl("below.n.example", CF_TYPE_A, 0), 20);
}

static void what_was_not_asked_for_longest_goes_first(void **state)
{
    char name[32];

    (void)state;
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "n%d.example", i);
        put_addr(name, 300, 0);
    }
    assert_int_equal(ttl("n0.example", CF_TYPE_A, 0), 300);
    put_addr("n2.example", 100, 0); /* in place of the old one */
    assert_int_equal(cf_cache_entries(cache), 4);
    put_addr("n4.example", 300, 0);
    assert_int_equal(cf_cache_entries(cache), 4);
    assert_int_equal(ttl("n0.example", CF_TYPE_A, 0), 300);
    assert_int_equal(ttl("n1.example", CF_TYPE_A, 0), -1);
    assert_int_equal(ttl("n2.example", CF_TYPE_A, 0), 100);
    assert_int_equal(ttl("n3.example", CF_TYPE_A, 0), 300);
}

static void octets_are_bounded_as_well(void **state)
{
    static struct message m;
    static uint8_t text[60000];
    char name[32];

    (void)state;
    cf_cache_free(cache);
    assert_int_equal(cf_cache_new(100000, &cache), 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "n%d.example", i);
        message_start(&m, 1, CF_WIRE_QR, name, 999);
        message_add(&m, SECTION_ANSWER, name, 999, 300, text, sizeof text);
        put(name, 999, &m, 0);
        assert_true(cf_cache_bytes(cache) <= CF_CACHE_BYTES_MAX);
    }
    assert_true(cf_cache_entries(cache) > 500);
    assert_non_null(find("n999.example", 999, 0));
    assert_null(find("n0.example", 999, 0));
}

static void questions_that_differ_are_kept_apart(void **state)
{
    static struct message m;
    struct cf_wire_query query;

    (void)state;
    put_addr("a.example", 300, 0);
    assert_non_null(find("a.example", CF_TYPE_A, 0));
    assert_null(find("a.example", CF_TYPE_AAAA, 0));
    assert_null(find("b.example", CF_TYPE_A, 0));
    question(&query, "a.example", CF_TYPE_A, CF_WIRE_RD | CF_WIRE_CD);
    assert_null(cf_cache_find(cache, &query, 0));
    question(&query, "a.example", CF_TYPE_A, CF_WIRE_RD | CF_WIRE_AD);
    assert_null(cf_cache_find(cache, &query, 0));
    question(&query, "a.example", CF_TYPE_A, 0);
    assert_null(cf_cache_find(cache, &query, 0));
    /* DO. Options of the client do not go upstream and make no difference. */
    message_start(&m, 1, CF_WIRE_RD, "a.example", CF_TYPE_A);
    message_add_opt(&m, 1232, 0x8000, "", 0);
    assert_int_equal(cf_wire_query_parse(m.data, m.length, &query), 0);
    assert_null(cf_cache_find(cache, &query, 0));
    message_start(&m, 1, CF_WIRE_RD, "a.example", CF_TYPE_A);
    message_add_opt(&m, 1232, 0, "\0\3\0\0", 4);
    assert_int_equal(cf_wire_query_parse(m.data, m.length, &query), 0);
    assert_non_null(cf_cache_find(cache, &query, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ttls_count_down_to_the_end, start, stop),
        cmocka_unit_test_setup_teardown(the_least_ttl_of_the_answer_counts, start, stop),
        cmocka_unit_test_setup_teardown(negative_answers_live_by_their_soa, start, stop),
        cmocka_unit_test_setup_teardown(the_nxdomain_of_a_name_is_not_that_of_names_below_it, start,
                                        stop),
        cmocka_unit_test_setup_teardown(what_was_not_asked_for_longest_goes_first, start, stop),
        cmocka_unit_test_setup_teardown(octets_are_bounded_as_well, start, stop),
        cmocka_unit_test_setup_teardown(questions_that_differ_are_kept_apart, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
