/*
 * test_hostile.c - servers that lie, clients that send anything
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dns/asked.h"
#include "fixture.h"

#define FORGED "192.0.2.66"
#define RIGHT "192.0.2.1"

static struct fixture f;

/* What is wrong with the datagram that comes before the right answer. */
static void (*spoil)(struct message *forged);
static const char *from; /* another address that it comes from; NULL: the server's */

/* For a.example: the spoiled message first, then the right one. */
static bool forger(struct fake *fake, bool tcp, struct message *answer)
{
    static struct message forged;

    if (!tcp) {
        forged = *answer;
        message_add_addr(&forged, SECTION_ANSWER, "a.example", 300, FORGED);
        spoil(&forged);
        if (from)
            fake_send_from(fake, from, &forged);
        else
            fake_send(fake, &forged);
    }
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, RIGHT);
    return true;
}

static void nothing(struct message *forged)
{
    (void)forged;
}

static void other_id(struct message *forged)
{
    forged->data[1] ^= 1;
}

static void other_name(struct message *forged)
{
    forged->data[13] ^= 1;
}

static void other_type(struct message *forged)
{
    forged->data[12 + 11 + 1] = CF_TYPE_AAAA;
}

static void other_class(struct message *forged)
{
    forged->data[12 + 11 + 3] = 3;
}

static void a_query(struct message *forged)
{
    forged->data[2] &= 0x7f;
}

static void no_question(struct message *forged)
{
    forged->data[5] = 0;
}

static void two_questions(struct message *forged)
{
    forged->data[5] = 2;
}

static void empty(struct message *forged)
{
    forged->length = 0;
}

static void half_a_header(struct message *forged)
{
    forged->length = 6;
}

static void half_a_name(struct message *forged)
{
    forged->length = 15;
}

static void a_name_that_points_at_itself(struct message *forged)
{
    memcpy(forged->data + 12, "\xc0\x0c", 2);
}

static void anything(struct message *forged)
{
    memset(forged->data, 0xff, forged->length);
}

/* The right answer comes through; n_warnings: how often the forged one was told. */
static void check_dropped(void (*how)(struct message *forged), const char *where,
                          unsigned n_warnings)
{
    spoil = how;
    from = where;
    fixture_start(&f, forger);
    fixture_allow(&f, "a.example");
    fixture_open(&f, 100);
    assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), 0);
    assert_string_equal(reply_addr(&f, 0), RIGHT);
    assert_int_equal(reply_count(&f, SECTION_ANSWER), 1);
    assert_int_equal(f.upstream.n_udp, 1);
    assert_string_equal(fixture_names(&f, FORGED), "");
    assert_string_equal(fixture_names(&f, RIGHT), "a.example");
    assert_int_equal(f.seen.n, 1);
    assert_int_equal(f.seen.n_warnings, n_warnings);
    if (n_warnings)
        assert_memory_equal(f.seen.warning, "dns_unasked: 127.0.0.1:", 23);
    fixture_stop(&f);
}

static void what_answers_no_question_is_dropped_and_told(void **state)
{
    (void)state;
    check_dropped(other_id, NULL, 1);
    check_dropped(other_name, NULL, 1);
    check_dropped(other_type, NULL, 1);
    check_dropped(other_class, NULL, 1);
    check_dropped(a_query, NULL, 1);
    check_dropped(no_question, NULL, 1);
    check_dropped(two_questions, NULL, 1);
    check_dropped(empty, NULL, 1);
    check_dropped(half_a_header, NULL, 1);
    check_dropped(half_a_name, NULL, 1);
    check_dropped(a_name_that_points_at_itself, NULL, 1);
    check_dropped(anything, NULL, 1);
}

/* The kernel drops it, since the socket is connected, and so nobody can tell. */
static void what_comes_from_elsewhere_is_dropped(void **state)
{
    (void)state;
    check_dropped(nothing, "127.0.0.1", 0); /* another port */
    check_dropped(nothing, "127.0.0.2", 0);
}

/* A hundred forged ones before the right one; more would not fit every socket's buffer. */
static bool flood(struct fake *fake, bool tcp, struct message *answer)
{
    static struct message forged;

    (void)tcp;
    forged = *answer;
    for (int i = 1; i <= 100; i++) {
        cf_wire_put_u16(forged.data, (uint16_t)(cf_wire_u16(answer->data) + i));
        fake_send(fake, &forged);
    }
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, RIGHT);
    return true;
}

static void a_flood_is_told_in_a_few_lines(void **state)
{
    (void)state;
    fixture_start(&f, flood);
    fixture_allow(&f, "a.example");
    fixture_open(&f, 100);
    assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), 0);
    assert_string_equal(reply_addr(&f, 0), RIGHT);
    assert_int_equal(f.seen.n_warnings, 7); /* 1, 2, 4 ... 64 */
    assert_non_null(strstr(f.seen.warning, "64 dropped"));
    fixture_stop(&f);
}

static void (*make)(struct message *answer);

static bool liar(struct fake *fake, bool tcp, struct message *answer)
{
    (void)fake;
    (void)tcp;
    make(answer);
    return true;
}

static void trailing_octet(struct message *answer)
{
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, FORGED);
    message_raw(answer, "x", 1);
}

static void too_many_records(struct message *answer)
{
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, FORGED);
    message_count(answer, SECTION_ANSWER, 1);
}

static void too_few_records(struct message *answer)
{
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, FORGED);
    message_count(answer, SECTION_ANSWER, -1);
}

static void an_owner_that_loops(struct message *answer)
{
    uint8_t loop[16] = { 0xc0, (uint8_t)answer->length, 0, CF_TYPE_A, 0, 1, 0, 0, 0, 9, 0, 4 };

    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, FORGED);
    loop[1] = (uint8_t)answer->length;
    message_raw(answer, loop, sizeof loop);
    message_count(answer, SECTION_ANSWER, 1);
}

static void an_alias_that_loops(struct message *answer)
{
    message_add_name(answer, SECTION_ANSWER, "a.example", CF_TYPE_CNAME, 300, "b.example");
    message_add_name(answer, SECTION_ANSWER, "b.example", CF_TYPE_CNAME, 300, "a.example");
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, FORGED);
}

static void an_alias_that_is_too_long(struct message *answer)
{
    uint8_t target[5 * 64 + 1] = { 0 };

    for (int i = 0; i < 5; i++) {
        memset(target + i * 64, 'a', 64);
        target[i * 64] = 63;
    }
    message_add(answer, SECTION_ANSWER, "a.example", CF_TYPE_CNAME, 300, target, sizeof target);
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, FORGED);
}

static void data_past_the_end(struct message *answer)
{
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, FORGED);
    answer->length -= 2;
}

static void an_address_of_five_octets(struct message *answer)
{
    message_add(answer, SECTION_ANSWER, "a.example", CF_TYPE_A, 300, "\xc0\0\2\x42\1", 5);
}

static void two_opts(struct message *answer)
{
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, FORGED);
    message_add_opt(answer, 1232, 0, "", 0);
    message_add_opt(answer, 1232, 0, "", 0);
}

static void an_opt_among_the_answers(struct message *answer)
{
    message_add(answer, SECTION_ANSWER, "", CF_TYPE_OPT, 0, "", 0);
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, FORGED);
}

static void another_opcode(struct message *answer)
{
    message_flags(answer, 5 << 11);
    message_add_addr(answer, SECTION_ANSWER, "a.example", 300, FORGED);
}

static void check_malformed(void (*how)(struct message *answer))
{
    make = how;
    fixture_start(&f, liar);
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    for (unsigned i = 1; i <= 2; i++) { /* nothing of it is kept */
        assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), CF_RCODE_SERVFAIL);
        assert_int_equal(reply_count(&f, SECTION_ANSWER), 0);
        assert_int_equal(f.seen.dns.source, CF_DNS_SOURCE_ERROR);
        assert_int_equal(f.seen.dns.verdict.action, CF_DENY);
        assert_int_equal(f.seen.dns.verdict.reason, CF_REASON_MALFORMED);
        assert_true(cf_addr_port_equal(&f.seen.dns.server, &f.upstream.at));
        assert_string_equal(fixture_names(&f, FORGED), "");
        assert_int_equal(f.upstream.n_udp, i);
    }
    fixture_stop(&f);
}

static void malformed_answers_are_servfail_and_bind_nothing(void **state)
{
    (void)state;
    check_malformed(trailing_octet);
    check_malformed(too_many_records);
    check_malformed(too_few_records);
    check_malformed(an_owner_that_loops);
    check_malformed(an_alias_that_loops);
    check_malformed(an_alias_that_is_too_long);
    check_malformed(data_past_the_end);
    check_malformed(an_address_of_five_octets);
    check_malformed(two_opts);
    check_malformed(an_opt_among_the_answers);
    check_malformed(another_opcode);
}

/* In audit mode a malformed answer is still none: there is nothing that could be let through. */
static void malformed_answers_are_servfail_in_audit_mode(void **state)
{
    (void)state;
    make = trailing_octet;
    fixture_start(&f, liar);
    f.profile->mode = CF_MODE_AUDIT;
    fixture_open(&f, 100);
    assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), CF_RCODE_SERVFAIL);
    assert_int_equal(f.seen.dns.verdict.reason, CF_REASON_MALFORMED);
    assert_string_equal(fixture_names(&f, FORGED), "");
    fixture_stop(&f);
}

static uint16_t ids[64];

static bool silent_but_counting(struct fake *fake, bool tcp, struct message *answer)
{
    (void)tcp;
    if (fake->n_udp <= sizeof ids / sizeof *ids)
        ids[fake->n_udp - 1] = cf_wire_u16(answer->data);
    return false;
}

/* Neither the one before nor the next: two of seven may be that by chance, once in 50 million runs. */
static void each_attempt_has_an_id_of_its_own(void **state)
{
    unsigned n = 0;

    (void)state;
    fixture_start(&f, silent_but_counting);
    fixture_allow(&f, "**.example");
    f.profile->dns.timeout_ms = 50;
    f.profile->dns.attempts = 8;
    fixture_open(&f, 0);
    assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), CF_RCODE_SERVFAIL);
    assert_int_equal(f.upstream.n_udp, 8);
    for (int i = 1; i < 8; i++)
        n += ids[i] != ids[i - 1] && ids[i] != (uint16_t)(ids[i - 1] + 1);
    assert_true(n >= 5);
    fixture_stop(&f);
}

static bool silent(struct fake *fake, bool tcp, struct message *answer)
{
    (void)fake;
    (void)tcp;
    (void)answer;
    return false;
}

/* FORMERR without a question that was read, or silence (rcode -1); nothing goes out. */
static void check_query(const struct message *query, int rcode)
{
    unsigned n = f.seen.n;

    fixture_put(&f, false, query->data, query->length);
    assert_int_equal(f.seen.n, n + 1);
    assert_int_equal(f.seen.dns.verdict.reason, CF_REASON_MALFORMED);
    assert_int_equal(f.seen.dns.verdict.action, CF_DENY);
    assert_int_equal(f.seen.dns.rcode, rcode);
    assert_int_equal(f.silent, rcode < 0);
    if (rcode >= 0) {
        assert_int_equal(f.reply.data[3] & CF_WIRE_RCODE_MASK, rcode);
        assert_memory_equal(f.reply.data, query->data, 2);
    }
    assert_int_equal(f.upstream.n_udp + f.upstream.n_tcp, 0);
}

/* A header that says one question, then these octets. */
static void check_question(const void *octets, size_t length)
{
    static struct message query;

    message_start(&query, 7, CF_WIRE_RD, "", CF_TYPE_A);
    query.length = CF_WIRE_HEADER_SIZE;
    message_raw(&query, octets, length);
    check_query(&query, CF_RCODE_FORMERR);
}

static void hostile_queries_get_formerr(void **state)
{
    static struct message query;
    uint8_t name[5 * 64 + 5];

    (void)state;
    fixture_start(&f, silent);
    fixture_allow(&f, "**.example");
    fixture_open(&f, 100);
    check_question("\xc0\x0c\0\1\0\1", 6);         /* a pointer to itself */
    check_question("\xc0\0\0\1\0\1", 6);           /* into the header */
    check_question("\1a\xc0\x0c\0\1\0\1", 8);      /* to the name's own beginning */
    check_question("\xc0\x12\0\1\0\1\1a\0", 9);    /* forwards */
    check_question("\x41 \0\0\1\0\1", 7);          /* a label type that is none */
    check_question("\x3f too short\0\0\1\0\1", 16); /* a label past the end */
    check_question("\1a\7example\0\0\1", 13);      /* half a question */
    for (int i = 0; i < 5; i++) {
        memset(name + i * 64, 'a', 64);
        name[i * 64] = 63;
    }
    memcpy(name + sizeof name - 5, "\0\0\1\0\1", 5);
    check_question(name, sizeof name); /* 321 octets */
    for (int section = 0; section < 3; section++) {
        message_start(&query, 7, CF_WIRE_RD, "a.example", CF_TYPE_A);
        message_count(&query, section, 1);
        check_query(&query, CF_RCODE_FORMERR);
        message_start(&query, 7, CF_WIRE_RD, "a.example", CF_TYPE_A);
        message_add_addr(&query, section, "a.example", 1, RIGHT);
        message_count(&query, section, -1);
        check_query(&query, CF_RCODE_FORMERR);
    }
    message_start(&query, 7, CF_WIRE_RD | CF_WIRE_QR, "a.example", CF_TYPE_A);
    check_query(&query, -1);
    fixture_stop(&f);
}

/* Any octets of a good query turned over, one bit after the other. */
static void a_query_with_a_bit_turned_is_answered_or_not(void **state)
{
    static struct message good, bad;
    unsigned n_replies = 0;

    (void)state;
    fixture_start(&f, silent);
    fixture_open(&f, 100);
    message_start(&good, 7, CF_WIRE_RD, "a.example", CF_TYPE_A);
    message_add_opt(&good, 1232, 0, "\0\x0a\0\x08" "12345678", 12);
    for (size_t bit = 0; bit < good.length * 8; bit++) {
        bad = good;
        bad.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        fixture_put(&f, bit % 2, bad.data, bad.length);
        n_replies += !f.silent;
    }
    assert_int_equal(f.seen.n, good.length * 8);
    assert_int_equal(n_replies, good.length * 8 - 1); /* all but the one that turns QR */
    assert_int_equal(f.upstream.n_udp + f.upstream.n_tcp, 0);
    fixture_stop(&f);
}

/* Of a hundred that wait, two have one id once in a few thousand questions. */
static void questions_that_wait_with_one_id_are_all_answered(void **state)
{
    static const char *const names[] = { "a.example", "b.example", "c.example", "d.example" };
    struct cf_asked asked = { 0 };
    struct message message;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        message_start(&message, 7, CF_WIRE_RD, names[i], CF_TYPE_A);
        cf_asked_note(&asked, message.data, message.length);
    }
    for (size_t i = 0; i < 4; i++) {
        message_start(&message, 7, CF_WIRE_QR, names[i], CF_TYPE_A);
        assert_true(cf_asked_answered(&asked, message.data, message.length));
        message_start(&message, 8, CF_WIRE_QR, names[i], CF_TYPE_A);
        assert_false(cf_asked_answered(&asked, message.data, message.length));
    }
    message_start(&message, 7, CF_WIRE_QR, "e.example", CF_TYPE_A);
    assert_false(cf_asked_answered(&asked, message.data, message.length));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_that_wait_with_one_id_are_all_answered),
        cmocka_unit_test(what_answers_no_question_is_dropped_and_told),
        cmocka_unit_test(what_comes_from_elsewhere_is_dropped),
        cmocka_unit_test(a_flood_is_told_in_a_few_lines),
        cmocka_unit_test(each_attempt_has_an_id_of_its_own),
        cmocka_unit_test(malformed_answers_are_servfail_and_bind_nothing),
        cmocka_unit_test(malformed_answers_are_servfail_in_audit_mode),
        cmocka_unit_test(hostile_queries_get_formerr),
        cmocka_unit_test(a_query_with_a_bit_turned_is_answered_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
