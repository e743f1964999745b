/*
 * test_edns.c - the checks of the public EDNS compliance tests, put to our resolver
 *
 * Each case has the name that the tests give it. They were written for
 * authoritative servers and ask for a SOA; whoever forwards must answer as
 * well. What is asked here has an address of 30 records, so that 512 octets
 * are too few and 4,096 enough.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "fixture.h"

#define NO_EDNS 0
#define DO 0x8000
#define VERSION_1 0x10000
#define FLAG_Z 0x0040 /* the last bit of the header that means nothing */

static struct fixture f;

/* What the server saw in the OPT of the question that reached it. */
static struct cf_wire_edns sent;

/* few.example has one address, many.example has 30; both have an option of the server's own. */
static bool zone(struct fake *fake, bool tcp, struct message *answer)
{
    bool many = fake->query.data[13] == 'm';
    struct cf_wire_query query;

    (void)tcp;
    assert_int_equal(cf_wire_query_parse(fake->query.data, fake->query.length, &query), 0);
    sent = query.edns;
    for (int i = 0; i < (many ? 30 : 1); i++)
        message_add_addr(answer, SECTION_ANSWER, many ? "many.example" : "few.example", 300,
                         "192.0.2.1");
    message_add_opt(answer, 1232, query.edns.dnssec_ok ? DO : 0, "", 0);
    return true;
}

/* What a reply says. */
struct said {
    unsigned rcode; /* all twelve bits */
    unsigned answers;
    bool truncated;
    uint16_t flags; /* of the header */
    size_t length;
    struct cf_wire_edns edns;
};

/* Put a query with these flags in its header, and read the reply. */
static struct said ask_flags(uint16_t flags, const char *name, uint16_t type)
{
    static struct message query;
    struct cf_wire_query asked;
    struct cf_wire_answer answer;

    message_start(&query, 7, flags, name, type);
    (void)cf_wire_query_parse(query.data, query.length, &asked);
    fixture_put(&f, false, query.data, query.length);
    assert_int_equal(cf_wire_answer_parse(f.reply.data, f.reply.length, &asked, &answer), 0);
    assert_int_equal(answer.id, 7);
    assert_false(answer.edns.present);
    return (struct said) { .rcode = answer.rcode,
                           .answers = answer.counts[SECTION_ANSWER],
                           .truncated = answer.flags & CF_WIRE_TC,
                           .flags = answer.flags };
}

/* size 0: without an OPT. */
static struct said ask(bool tcp, const char *name, uint16_t size, uint32_t ttl,
                       const void *options, size_t options_length)
{
    static struct message query;
    struct cf_wire_query asked;
    struct cf_wire_answer answer;
    struct said said;

    message_start(&query, 7, CF_WIRE_RD, name, CF_TYPE_A);
    if (size)
        message_add_opt(&query, size, ttl, options, options_length);
    (void)cf_wire_query_parse(query.data, query.length, &asked);
    fixture_put(&f, tcp, query.data, query.length);
    assert_int_equal(cf_wire_answer_parse(f.reply.data, f.reply.length, &asked, &answer), 0);
    assert_int_equal(answer.id, 7);
    said = (struct said) { .rcode = answer.rcode,
                           .answers = answer.counts[SECTION_ANSWER],
                           .truncated = answer.flags & CF_WIRE_TC,
                           .length = f.reply.length,
                           .edns = answer.edns };
    /* An OPT when one was sent, and then of version 0, without flags but DO. */
    assert_int_equal(said.edns.present, size > 0);
    if (size) {
        assert_int_equal(said.edns.version, 0);
        assert_int_equal(said.edns.udp_size, 1232);
        assert_memory_equal(f.reply.data + f.reply.length - 4 - said.edns.options_length,
                            said.edns.dnssec_ok ? "\x80\0" : "\0\0", 2);
    }
    return said;
}

static void start(void)
{
    fixture_start(&f, zone);
    fixture_allow(&f, "**.example");
    fixture_open(&f, 0);
}

static void check_good(struct said said, unsigned answers)
{
    assert_int_equal(said.rcode, CF_RCODE_NOERROR);
    assert_int_equal(said.answers, answers);
    assert_false(said.truncated);
}

static void check_badvers(struct said said)
{
    assert_int_equal(said.rcode, CF_RCODE_BADVERS);
    assert_int_equal(said.answers, 0);
    assert_int_equal(said.edns.options_length, 0);
    assert_int_equal(f.upstream.n_udp + f.upstream.n_tcp, 0);
}

static void dns(void **state)
{
    (void)state;
    start();
    check_good(ask(false, "few.example", NO_EDNS, 0, "", 0), 1);
    fixture_stop(&f);
}

static void edns(void **state)
{
    (void)state;
    start();
    check_good(ask(false, "few.example", 4096, 0, "", 0), 1);
    assert_true(sent.present);
    assert_int_equal(sent.version, 0);
    fixture_stop(&f);
}

static void edns1(void **state)
{
    (void)state;
    start();
    check_badvers(ask(false, "few.example", 4096, VERSION_1, "", 0));
    check_badvers(ask(true, "few.example", 4096, 0xff0000, "", 0));
    fixture_stop(&f);
}

/* Cut to 512 octets, with the OPT still there. Below 512 counts as 512. */
static void edns_at_512(void **state)
{
    struct said said;

    (void)state;
    start();
    for (uint16_t size = 0; size <= 512; size += 256) {
        said = ask(false, "many.example", size, 0, "", 0);
        assert_true(said.truncated);
        assert_int_equal(said.answers, 0);
        assert_true(said.length <= 512);
    }
    fixture_stop(&f);
}

/* 4,096 octets are taken as such. */
static void edns_at_4096(void **state)
{
    (void)state;
    start();
    check_good(ask(false, "many.example", 4096, 0, "", 0), 30);
    assert_true(f.reply.length > 512);
    check_good(ask(false, "many.example", 65535, 0, "", 0), 30);
    fixture_stop(&f);
}

/* An option that nobody knows: no error, not echoed, and not sent on. */
static void ednsopt(void **state)
{
    struct said said;

    (void)state;
    start();
    said = ask(false, "few.example", 4096, 0, "\0\x64\0\2ab", 6);
    check_good(said, 1);
    assert_int_equal(said.edns.options_length, 0);
    assert_int_equal(sent.options_length, 0);
    fixture_stop(&f);
}

static void edns1opt(void **state)
{
    (void)state;
    start();
    check_badvers(ask(false, "few.example", 4096, VERSION_1, "\0\x64\0\2ab", 6));
    fixture_stop(&f);
}

static void do_(void **state)
{
    struct said said;

    (void)state;
    start();
    said = ask(false, "few.example", 4096, DO, "", 0);
    check_good(said, 1);
    assert_true(said.edns.dnssec_ok);
    assert_true(sent.dnssec_ok);
    said = ask(false, "few.example", 4096, 0, "", 0);
    assert_false(said.edns.dnssec_ok || sent.dnssec_ok);
    fixture_stop(&f);
}

/* Flags that nobody knows are ignored, and 0 in what is sent (RFC 6891, 6.1.4). */
static void ednsflags(void **state)
{
    uint16_t flags;

    (void)state;
    start();
    check_good(ask(false, "few.example", 4096, 0x7fff, "", 0), 1);
    flags = cf_wire_u16(f.upstream.query.data + f.upstream.query.length - 4);
    assert_int_equal(flags, 0);
    fixture_stop(&f);
}

/* NSID, client subnet, expire and cookie at once: no error, and none of them goes on. */
static void optlist(void **state)
{
    static const char options[] = "\0\x03\0\0"
                                  "\0\x08\0\4\0\1\0\0"
                                  "\0\x09\0\0"
                                  "\0\x0a\0\x08" "12345678";
    struct said said;

    (void)state;
    start();
    said = ask(false, "few.example", 4096, 0, options, sizeof options - 1);
    check_good(said, 1);
    assert_int_equal(said.edns.options_length, 0);
    assert_int_equal(sent.options_length, 0);
    fixture_stop(&f);
}

/* A cookie alone is neither sent on nor answered by one that we could not check. */
static void docookie(void **state)
{
    struct said said;

    (void)state;
    start();
    said = ask(false, "few.example", 4096, DO, "\0\x0a\0\x08" "12345678", 12);
    check_good(said, 1);
    assert_true(said.edns.dnssec_ok);
    assert_int_equal(said.edns.options_length, 0);
    assert_int_equal(sent.options_length, 0);
    fixture_stop(&f);
}

static void ednstcp(void **state)
{
    (void)state;
    start();
    check_good(ask(true, "many.example", 512, 0, "", 0), 30);
    assert_true(f.reply.length > 512);
    fixture_stop(&f);
}

/* DO and CD; DO with a version that nobody has. */
static void docd(void **state)
{
    static struct message query;
    uint16_t flags;

    (void)state;
    start();
    message_start(&query, 7, CF_WIRE_CD, "few.example", CF_TYPE_A);
    message_add_opt(&query, 4096, DO, "", 0);
    fixture_put(&f, false, query.data, query.length);
    flags = cf_wire_u16(f.reply.data + 2);
    assert_int_equal(flags & (CF_WIRE_CD | CF_WIRE_RCODE_MASK), CF_WIRE_CD);
    assert_true(sent.dnssec_ok);
    assert_true(cf_wire_u16(f.upstream.query.data + 2) & CF_WIRE_CD);
    assert_memory_equal(f.reply.data + f.reply.length - 4, "\x80\0", 2);
    fixture_stop(&f);
}

static void edns1do(void **state)
{
    (void)state;
    start();
    check_badvers(ask(false, "few.example", 4096, VERSION_1 | DO, "", 0));
    fixture_stop(&f);
}

/* NSID, client subnet, expire, cookie, keepalive and padding, each alone, and with version 1. */
static void each_option_alone(void **state)
{
    static const struct {
        const char *data;
        size_t length;
    } options[] = {
        { "\0\x03\0\0", 4 },
        { "\0\x08\0\4\0\1\0\0", 8 },
        { "\0\x09\0\0", 4 },
        { "\0\x0a\0\x08" "12345678", 12 },
        { "\0\x0b\0\0", 4 },
        { "\0\x0c\0\3\0\0\0", 7 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        struct said said;

        start();
        check_badvers(
            ask(false, "few.example", 4096, VERSION_1, options[i].data, options[i].length));
        said = ask(false, "few.example", 4096, 0, options[i].data, options[i].length);
        check_good(said, 1);
        assert_int_equal(said.edns.options_length, 0);
        assert_int_equal(sent.options_length, 0);
        fixture_stop(&f);
    }
}

/*
 * aa, ad, cd, ra, rd, tc and zflag: of the flags in a query's header RD, AD and
 * CD mean something to the server; the others are 0 in the reply and in what goes out.
 */
static void flags_of_the_header(void **state)
{
    static const uint16_t flags[] = { 0,          CF_WIRE_AA, CF_WIRE_AD, CF_WIRE_CD,
                                      CF_WIRE_RA, CF_WIRE_RD, CF_WIRE_TC, FLAG_Z };
    const uint16_t meant = CF_WIRE_RD | CF_WIRE_AD | CF_WIRE_CD;

    (void)state;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        struct said said;

        start();
        said = ask_flags(flags[i], "few.example", CF_TYPE_A);
        check_good(said, 1);
        /* The server of the test says AD where it was asked with it. */
        assert_int_equal(said.flags, CF_WIRE_QR | CF_WIRE_RA | (flags[i] & meant));
        assert_int_equal(cf_wire_u16(f.upstream.query.data + 2), flags[i] & meant);
        fixture_stop(&f);
    }
}

/* opcode and opcodeflg: a header alone, with an opcode that nobody has; then with every flag. */
static void opcode(void **state)
{
    static const uint16_t flags[] = { 0, CF_WIRE_AA | CF_WIRE_TC | CF_WIRE_RD | CF_WIRE_RA |
                                             FLAG_Z | CF_WIRE_AD | CF_WIRE_CD };

    (void)state;
    start();
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        uint8_t header[CF_WIRE_HEADER_SIZE] = { 0, 7 };

        cf_wire_put_u16(header + 2, CF_WIRE_OPCODE_MASK | flags[i]);
        fixture_put(&f, false, header, sizeof header);
        assert_int_equal(f.reply.length, sizeof header);
        assert_int_equal(cf_wire_u16(f.reply.data), 7);
        assert_int_equal(cf_wire_u16(f.reply.data + 2),
                         CF_WIRE_QR | CF_WIRE_OPCODE_MASK | CF_WIRE_RA | CF_RCODE_NOTIMP |
                             (flags[i] & (CF_WIRE_RD | CF_WIRE_CD)));
    }
    assert_int_equal(f.upstream.n_udp + f.upstream.n_tcp, 0);
    fixture_stop(&f);
}

/* A type that nobody has is asked for as every other. */
static void type666(void **state)
{
    (void)state;
    start();
    assert_int_equal(ask_flags(CF_WIRE_RD, "few.example", 666).rcode, CF_RCODE_NOERROR);
    assert_memory_equal(f.upstream.query.data + 12 + 13, "\x02\x9a", 2);
    fixture_stop(&f);
}

/* RFC 8914: 15, blocked. Without EDNS there is no room for it. */
static void a_denial_says_so_to_who_speaks_edns(void **state)
{
    struct said said;

    (void)state;
    start();
    said = ask(false, "few.test", 1232, 0, "", 0);
    assert_int_equal(said.rcode, CF_RCODE_NXDOMAIN);
    assert_int_equal(said.edns.options_length, 6);
    assert_memory_equal(said.edns.options, "\0\x0f\0\2\0\x0f", 6);
    said = ask(false, "few.test", NO_EDNS, 0, "", 0);
    assert_int_equal(said.rcode, CF_RCODE_NXDOMAIN);
    assert_int_equal(f.upstream.n_udp, 0);
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dns),
        cmocka_unit_test(edns),
        cmocka_unit_test(edns1),
        cmocka_unit_test(edns_at_512),
        cmocka_unit_test(edns_at_4096),
        cmocka_unit_test(ednsopt),
        cmocka_unit_test(edns1opt),
        cmocka_unit_test(do_),
        cmocka_unit_test(ednsflags),
        cmocka_unit_test(optlist),
        cmocka_unit_test(docookie),
        cmocka_unit_test(ednstcp),
        cmocka_unit_test(docd),
        cmocka_unit_test(edns1do),
        cmocka_unit_test(each_option_alone),
        cmocka_unit_test(flags_of_the_header),
        cmocka_unit_test(opcode),
        cmocka_unit_test(type666),
        cmocka_unit_test(a_denial_says_so_to_who_speaks_edns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
