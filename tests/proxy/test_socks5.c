/*
 * test_socks5.c - SOCKS 5: each step, each answer, and datagrams
 *
 * A conversation is a text: what the client sends and what the proxy answers,
 * in hexadecimal, in turn. Each is held whole and byte by byte.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/socks5.h"

static struct cf_proxy_target target_of(const char *name, const char *addr, uint16_t port)
{
    struct cf_proxy_target target = { .name = name, .at.port = port };

    if (addr)
        assert_int_equal(cf_addr_parse(addr, &target.at.addr), 0);
    return target;
}

static size_t from_hex(const char *hex, uint8_t *bytes)
{
    size_t n = 0;

    for (; *hex; hex += 2) {
        unsigned byte;

        while (*hex == ' ')
            hex++;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        bytes[n++] = (uint8_t)byte;
    }
    return n;
}

static void check_sends(const struct cf_socks5 *socks, const char *hex)
{
    uint8_t sent[CF_SOCKS5_MESSAGE_MAX], expected[CF_SOCKS5_MESSAGE_MAX];
    int n = cf_socks5_format(socks, sent);

    assert_int_equal(n, (int)from_hex(hex, expected));
    assert_memory_equal(sent, expected, (size_t)n);
}

/* Give all of it, in pieces of at most `piece`; each but the last leaves the step open. */
static void answer(struct cf_socks5 *socks, const char *hex, size_t piece)
{
    uint8_t bytes[CF_SOCKS5_REPLY_MAX];
    size_t n = from_hex(hex, bytes), at = 0, take;
    int r = 0;

    while (at < n) {
        assert_int_equal(r, 0);
        take = cf_socks5_need(socks);
        assert_true(take > 0);
        if (take > n - at)
            take = n - at;
        if (take > piece)
            take = piece;
        r = cf_socks5_read(socks, bytes + at, take);
        at += take;
    }
    assert_int_equal(r, 1);
}

struct turn {
    const char *sent, *answered;
};

static void talk(struct cf_socks5 *socks, enum cf_socks5_command command,
                 const struct cf_proxy_target *target, const struct cf_proxy_login *login,
                 const struct turn *turns, size_t piece)
{
    cf_socks5_init(socks, command, target, login);
    for (; turns->sent; turns++) {
        check_sends(socks, turns->sent);
        check_sends(socks, turns->sent); /* asking changes nothing */
        answer(socks, turns->answered, piece);
    }
    assert_int_equal(cf_socks5_need(socks) == 0,
                     socks->step == CF_SOCKS5_DONE || socks->step == CF_SOCKS5_FAILED);
}

static void check_done(enum cf_socks5_command command, struct cf_proxy_target target,
                       const char *user, const char *password, const struct turn *turns,
                       const char *bound)
{
    const struct cf_proxy_login login = { user, password };
    char text[CF_ADDR_PORT_TEXT_SIZE];
    struct cf_socks5 socks;

    for (size_t piece = 1; piece <= CF_SOCKS5_REPLY_MAX; piece = piece * 2 + 1) {
        talk(&socks, command, &target, &login, turns, piece);
        assert_int_equal(socks.step, CF_SOCKS5_DONE);
        assert_int_equal(socks.outcome.why, CF_PROXY_CONNECTED);
        if (bound)
            assert_string_equal(cf_addr_port_format(&socks.bound, text), bound);
        else
            assert_int_equal(socks.bound.addr.family, CF_FAMILY_NONE);
    }
}

static void check_failed(const char *user, const struct turn *turns, enum cf_proxy_why why,
                         int error, const char *words)
{
    const struct cf_proxy_target target = target_of("a.example", NULL, 80);
    const struct cf_proxy_login login = { user, "p" };
    struct cf_socks5 socks;
    char text[64];

    for (size_t piece = 1; piece <= 8; piece++) {
        talk(&socks, CF_SOCKS5_CONNECT, &target, &login, turns, piece);
        assert_int_equal(socks.step, CF_SOCKS5_FAILED);
        assert_int_equal(socks.outcome.why, why);
        assert_int_equal(socks.outcome.error, error);
        cf_socks5_words(&socks, text, sizeof text);
        if (words)
            assert_string_equal(text, words);
    }
}

#define A_EXAMPLE "05010003 09 612e6578616d706c65 0050"
#define BOUND "05000001 c0000201 1f90"

static void a_connect_takes_two_round_trips(void **state)
{
    (void)state;
    check_done(CF_SOCKS5_CONNECT, target_of("a.example", NULL, 80), NULL, NULL,
               (struct turn[]) { { "050100", "0500" }, { A_EXAMPLE, BOUND }, { NULL } },
               "192.0.2.1:8080");
    check_done(
        CF_SOCKS5_CONNECT, target_of(NULL, "198.51.100.7", 443), NULL, NULL,
        (struct turn[]) { { "050100", "0500" }, { "05010001 c6336407 01bb", BOUND }, { NULL } },
        "192.0.2.1:8080");
    check_done(CF_SOCKS5_CONNECT, target_of(NULL, "2001:db8::1", 443), NULL, NULL,
               (struct turn[]) { { "050100", "0500" },
                                 { "05010004 20010db8000000000000000000000001 01bb",
                                   "05000004 20010db8000000000000000000000002 0001" },
                                 { NULL } },
               "[2001:db8::2]:1");
}

static void a_name_goes_before_the_address(void **state)
{
    (void)state;
    check_done(CF_SOCKS5_CONNECT, target_of("a.example", "192.0.2.9", 80), NULL, NULL,
               (struct turn[]) { { "050100", "0500" }, { A_EXAMPLE, BOUND }, { NULL } },
               "192.0.2.1:8080");
}

static void a_login_takes_one_more(void **state)
{
    const struct cf_proxy_target target = target_of("a.example", NULL, 80);

    (void)state;
    check_done(CF_SOCKS5_CONNECT, target, "me", "pw",
               (struct turn[]) { { "05020002", "0502" },
                                 { "01 02 6d65 02 7077", "0100" },
                                 { A_EXAMPLE, BOUND },
                                 { NULL } },
               "192.0.2.1:8080");
    check_done(CF_SOCKS5_CONNECT, target, "me", NULL,
               (struct turn[]) { { "05020002", "0502" },
                                 { "01 02 6d65 00", "0500" }, /* says the wrong version */
                                 { A_EXAMPLE, BOUND },
                                 { NULL } },
               "192.0.2.1:8080");
    check_done(CF_SOCKS5_CONNECT, target, "me", "pw",
               (struct turn[]) { { "05020002", "0500" }, { A_EXAMPLE, BOUND }, { NULL } },
               "192.0.2.1:8080");
}

static void udp_associate_says_where_to_send(void **state)
{
    (void)state;
    check_done(
        CF_SOCKS5_UDP_ASSOCIATE, target_of(NULL, "0.0.0.0", 0), NULL, NULL,
        (struct turn[]) { { "050100", "0500" }, { "05030001 00000000 0000", BOUND }, { NULL } },
        "192.0.2.1:8080");
}

static void a_proxy_may_be_bound_to_a_name(void **state)
{
    (void)state;
    check_done(
        CF_SOCKS5_CONNECT, target_of("a.example", NULL, 80), NULL, NULL,
        (struct turn[]) { { "050100", "0500" }, { A_EXAMPLE, "05000003 02 6162 0050" }, { NULL } },
        NULL);
    check_done(
        CF_SOCKS5_CONNECT, target_of("a.example", NULL, 80), NULL, NULL,
        (struct turn[]) { { "050100", "0500" }, { A_EXAMPLE, "05000003 00 0050" }, { NULL } },
        NULL);
}

static void check_reply(const char *reply, enum cf_proxy_why why, int error, const char *words)
{
    check_failed(NULL, (struct turn[]) { { "050100", "0500" }, { A_EXAMPLE, reply }, { NULL } },
                 why, error, words);
}

static void each_reply_has_its_errno(void **state)
{
    (void)state;
    check_reply("0501", CF_PROXY_FAILED, EHOSTUNREACH, "general SOCKS server failure");
    check_reply("0502", CF_PROXY_DENIED, EACCES, "connection not allowed by ruleset");
    check_reply("0503", CF_PROXY_FAILED, ENETUNREACH, "network unreachable");
    check_reply("0504", CF_PROXY_FAILED, EHOSTUNREACH, "host unreachable");
    check_reply("0505", CF_PROXY_FAILED, ECONNREFUSED, "connection refused");
    check_reply("0506", CF_PROXY_FAILED, EHOSTUNREACH, "TTL expired");
    check_reply("0507", CF_PROXY_UNSUPPORTED, EACCES, "command not supported");
    check_reply("0508", CF_PROXY_UNSUPPORTED, ENETUNREACH, "address type not supported");
    check_reply("0509", CF_PROXY_FAILED, EHOSTUNREACH, "reply code 9");
    check_reply("05ff", CF_PROXY_FAILED, EHOSTUNREACH, "reply code 255");
    assert_int_equal(cf_proxy_outcome_socks5(5).result, CF_RESULT_REFUSED);
    assert_int_equal(cf_proxy_outcome_socks5(6).result, CF_RESULT_TIMEOUT);
    assert_int_equal(cf_proxy_outcome_socks5(1).result, CF_RESULT_UNREACHABLE);
}

static void a_login_can_be_refused(void **state)
{
    (void)state;
    check_failed(NULL, (struct turn[]) { { "050100", "05ff" }, { NULL } }, CF_PROXY_LOGIN, EACCES,
                 "no acceptable authentication method");
    check_failed("u",
                 (struct turn[]) { { "05020002", "0502" }, { "0101750170", "0101" }, { NULL } },
                 CF_PROXY_LOGIN, EACCES, "name and password refused");
}

static void check_malformed(const struct turn *turns, const char *words)
{
    check_failed(NULL, turns, CF_PROXY_MALFORMED, ECONNRESET, words);
}

static void what_is_no_socks_is_malformed(void **state)
{
    (void)state;
    check_malformed((struct turn[]) { { "050100", "04" }, { NULL } }, "04");
    check_malformed((struct turn[]) { { "050100", "48" }, { NULL } }, "48");
    check_malformed((struct turn[]) { { "050100", "0502" }, { NULL } }, "05 02"); /* not offered */
    check_malformed((struct turn[]) { { "050100", "0501" }, { NULL } }, "05 01"); /* GSSAPI */
    check_malformed((struct turn[]) { { "050100", "0500" }, { A_EXAMPLE, "00" }, { NULL } }, "00");
    check_malformed((struct turn[]) { { "050100", "0500" }, { A_EXAMPLE, "0500000000" }, { NULL } },
                    "05 00 00 00 00");
    check_malformed((struct turn[]) { { "050100", "0500" }, { A_EXAMPLE, "0500000211" }, { NULL } },
                    "05 00 00 02 11");
    check_failed("u", (struct turn[]) { { "05020002", "0502" }, { "0101750170", "02" }, { NULL } },
                 CF_PROXY_MALFORMED, ECONNRESET, "02");
}

static void check_no_request(struct cf_proxy_target target, int expected)
{
    uint8_t bytes[CF_SOCKS5_MESSAGE_MAX];
    struct cf_socks5 socks;

    cf_socks5_init(&socks, CF_SOCKS5_CONNECT, &target, NULL);
    answer(&socks, "0500", 2);
    assert_int_equal(cf_socks5_format(&socks, bytes), expected);
}

static void check_login(size_t n_user, size_t n_password, int expected)
{
    const struct cf_proxy_target target = target_of("a.example", NULL, 80);
    char user[300] = { 0 }, password[300] = { 0 };
    const struct cf_proxy_login login = { user, password };
    uint8_t bytes[CF_SOCKS5_MESSAGE_MAX];
    struct cf_socks5 socks;

    memset(user, 'u', n_user);
    memset(password, 'p', n_password);
    cf_socks5_init(&socks, CF_SOCKS5_CONNECT, &target, &login);
    answer(&socks, "0502", 2);
    assert_int_equal(cf_socks5_format(&socks, bytes), expected);
}

static void what_cannot_be_asked_is_not_asked(void **state)
{
    char name[257] = { 0 };

    (void)state;
    memset(name, 'a', 255);
    check_no_request(target_of(name, NULL, 1), 262);
    name[255] = 'a';
    check_no_request(target_of(name, NULL, 1), -EINVAL);
    check_no_request(target_of("", NULL, 1), -EINVAL);
    check_no_request(target_of(NULL, NULL, 1), -EINVAL);
    check_login(255, 255, CF_SOCKS5_MESSAGE_MAX);
    check_login(256, 1, -E2BIG);
    check_login(1, 256, -E2BIG);
    check_login(0, 1, -E2BIG);
}

static void the_tunnel_keeps_its_bytes(void **state)
{
    static const uint8_t reply[] = { 5, 0, 0, 1, 192, 0, 2, 1, 0, 80, 'h', 'i' };
    const struct cf_proxy_target target = target_of("a.example", NULL, 80);
    struct cf_socks5 socks;
    size_t at = 0;

    (void)state;
    cf_socks5_init(&socks, CF_SOCKS5_CONNECT, &target, NULL);
    answer(&socks, "0500", 2);
    while (cf_socks5_need(&socks) > 0) {
        size_t n = cf_socks5_need(&socks);

        assert_true(at + n <= sizeof reply);
        cf_socks5_read(&socks, reply + at, n);
        at += n;
    }
    assert_int_equal(socks.step, CF_SOCKS5_DONE);
    assert_int_equal(at, sizeof reply - 2);
    assert_int_equal(cf_socks5_read(&socks, reply + at, 2), 0);
    assert_int_equal(socks.step, CF_SOCKS5_DONE);
}

static void check_udp_format(struct cf_proxy_target target, const char *hex)
{
    uint8_t header[CF_SOCKS5_UDP_HEADER_MAX], expected[CF_SOCKS5_UDP_HEADER_MAX];
    int n = cf_socks5_udp_format(&target, header);

    assert_int_equal(n, (int)from_hex(hex, expected));
    assert_memory_equal(header, expected, (size_t)n);
}

static void check_udp_parse(const char *hex, int expected, const char *from, size_t header)
{
    uint8_t datagram[CF_SOCKS5_UDP_HEADER_MAX];
    char text[CF_ADDR_PORT_TEXT_SIZE];
    struct cf_addr_port sender;
    size_t n = from_hex(hex, datagram), length;

    assert_int_equal(cf_socks5_udp_parse(datagram, n, &sender, &length), expected);
    if (expected < 0)
        return;
    assert_int_equal(length, header);
    if (from)
        assert_string_equal(cf_addr_port_format(&sender, text), from);
    else
        assert_int_equal(sender.addr.family, CF_FAMILY_NONE);
    for (size_t cut = 0; cut < length; cut++)
        assert_true(cf_socks5_udp_parse(datagram, cut, &sender, &length) < 0);
}

static void datagrams_have_a_header(void **state)
{
    uint8_t header[CF_SOCKS5_UDP_HEADER_MAX];
    struct cf_proxy_target nowhere = target_of(NULL, NULL, 53);

    (void)state;
    check_udp_format(target_of(NULL, "192.0.2.1", 53), "000000 01 c0000201 0035");
    check_udp_format(target_of(NULL, "2001:db8::1", 53),
                     "000000 04 20010db8000000000000000000000001 0035");
    check_udp_format(target_of("a.example", NULL, 53), "000000 03 09 612e6578616d706c65 0035");
    assert_int_equal(cf_socks5_udp_format(&nowhere, header), -EINVAL);

    check_udp_parse("000000 01 c0000201 0035", 0, "192.0.2.1:53", 10);
    check_udp_parse("000000 01 c0000201 0035 ffff", 0, "192.0.2.1:53", 10);
    check_udp_parse("000000 04 20010db8000000000000000000000001 0035", 0, "[2001:db8::1]:53", 22);
    check_udp_parse("000000 04 00000000000000000000ffffc0000201 0035", 0, "192.0.2.1:53", 22);
    check_udp_parse("000000 03 01 61 0035", 0, NULL, 8);
    check_udp_parse("123400 01 c0000201 0035", 0, "192.0.2.1:53", 10);
}

static void fragments_and_other_datagrams_are_dropped(void **state)
{
    (void)state;
    check_udp_parse("000001 01 c0000201 0035", -EBADMSG, NULL, 0);
    check_udp_parse("000080 01 c0000201 0035", -EBADMSG, NULL, 0);
    check_udp_parse("000000 02 c0000201 0035", -EPROTO, NULL, 0);
    check_udp_parse("000000 00 c0000201 0035", -EPROTO, NULL, 0);
    check_udp_parse("000000 03 ff 61 0035", -EPROTO, NULL, 0);
    check_udp_parse("", -EPROTO, NULL, 0);
    check_udp_parse("00000001", -EPROTO, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connect_takes_two_round_trips),
        cmocka_unit_test(a_name_goes_before_the_address),
        cmocka_unit_test(a_login_takes_one_more),
        cmocka_unit_test(udp_associate_says_where_to_send),
        cmocka_unit_test(a_proxy_may_be_bound_to_a_name),
        cmocka_unit_test(each_reply_has_its_errno),
        cmocka_unit_test(a_login_can_be_refused),
        cmocka_unit_test(what_is_no_socks_is_malformed),
        cmocka_unit_test(what_cannot_be_asked_is_not_asked),
        cmocka_unit_test(the_tunnel_keeps_its_bytes),
        cmocka_unit_test(datagrams_have_a_header),
        cmocka_unit_test(fragments_and_other_datagrams_are_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
