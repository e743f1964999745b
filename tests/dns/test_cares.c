/*
 * test_cares.c - what c-ares of this version does against forgery, seen from the server
 *
 * Names here have letters enough for chance to be less than one in 10^12.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "dns/upstream.h"
#include "fixture.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz.example"
#define FORGED "192.0.2.66"
#define RIGHT "192.0.2.1"

static struct fixture f;

static bool version_is(unsigned major, unsigned minor)
{
    unsigned of_library[2] = { 0 };

    assert_int_equal(sscanf(cf_upstream_library(), "c-ares %u.%u", &of_library[0], &of_library[1]),
                     2);
    return of_library[0] > major || (of_library[0] == major && of_library[1] >= minor);
}

static void start(bool (*script)(struct fake *fake, bool tcp, struct message *answer))
{
    fixture_start(&f, script);
    fixture_allow(&f, "**.example");
    fixture_open(&f, 0);
}

static void ask_and_stop(void)
{
    assert_int_equal(fixture_ask(&f, LETTERS, CF_TYPE_A), 0);
    assert_string_equal(reply_addr(&f, 0), RIGHT);
    assert_int_equal(f.upstream.n_udp, 1);
    assert_string_equal(fixture_names(&f, FORGED), "");
    fixture_stop(&f);
}

/* All of the question is right but for the case of its letters, which is the other way. */
static bool wrong_case(struct fake *fake, bool tcp, struct message *answer)
{
    static struct message forged;

    (void)tcp;
    forged = *answer;
    for (size_t i = 13; i < 13 + 52; i++)
        forged.data[i] ^= 0x20;
    message_add_addr(&forged, SECTION_ANSWER, LETTERS, 300, FORGED);
    fake_send(fake, &forged);
    message_add_addr(answer, SECTION_ANSWER, LETTERS, 300, RIGHT);
    return true;
}

static bool plain(struct fake *fake, bool tcp, struct message *answer)
{
    (void)fake;
    (void)tcp;
    message_add_addr(answer, SECTION_ANSWER, LETTERS, 300, RIGHT);
    return true;
}

static void the_case_of_letters_is_mixed_where_c_ares_does_it(void **state)
{
    (void)state;
    start(plain);
    assert_int_equal(fixture_ask(&f, LETTERS, CF_TYPE_A), 0);
    assert_int_equal(f.upstream.mixed, version_is(1, 32));
    fixture_stop(&f);
}

/* It would be as many bits a query as the name has letters, in no event. */
static void the_case_that_a_client_chose_is_not_sent(void **state)
{
    static const char chosen[] = "ABCDEFGHIJKLMnopqrstuvwxyzABCDEFGHIJKLMnopqrstuvwxyz.EXAMPLE";

    (void)state;
    start(plain);
    assert_int_equal(fixture_ask(&f, chosen, CF_TYPE_A), 0);
    assert_memory_equal(f.reply.data + 13, chosen, 52);
    assert_int_equal(f.upstream.mixed, version_is(1, 32));
    fixture_stop(&f);
}

static void an_answer_in_another_case_is_not_taken(void **state)
{
    (void)state;
    if (!version_is(1, 32))
        skip();
    start(wrong_case);
    ask_and_stop();
}

/* An OPT with the client's half of the cookie, and a server's. */
static void cookie_add(struct message *answer, const uint8_t client[8])
{
    uint8_t option[4 + 16] = "\0\x0a\0\x10" "client--server--";

    memcpy(option + 4, client, 8);
    message_add_opt(answer, 1232, 0, option, sizeof option);
}

static bool wrong_cookie(struct fake *fake, bool tcp, struct message *answer)
{
    static struct message forged;

    (void)tcp;
    forged = *answer;
    message_add_addr(&forged, SECTION_ANSWER, LETTERS, 300, FORGED);
    cookie_add(&forged, (const uint8_t *)"another-");
    fake_send(fake, &forged);
    message_add_addr(answer, SECTION_ANSWER, LETTERS, 300, RIGHT);
    cookie_add(answer, fake->cookie);
    return true;
}

static bool right_cookie(struct fake *fake, bool tcp, struct message *answer)
{
    (void)tcp;
    message_add_addr(answer, SECTION_ANSWER, LETTERS, 300, RIGHT);
    cookie_add(answer, fake->cookie);
    return true;
}

static void cookies_are_exchanged_where_c_ares_does_it(void **state)
{
    (void)state;
    start(right_cookie);
    for (unsigned i = 1; i <= 2; i++) {
        size_t length = !version_is(1, 33) ? 0 : i == 1 ? 8 : 16; /* then with the server's half */

        assert_int_equal(fixture_ask(&f, LETTERS, CF_TYPE_A), 0);
        assert_int_equal(f.upstream.n_udp, i);
        assert_int_equal(f.upstream.cookie_length, length);
        assert_memory_equal(f.upstream.cookie + 8, "server--", length > 8 ? 8 : 0);
    }
    fixture_stop(&f);
}

static void an_answer_with_another_cookie_is_not_taken(void **state)
{
    (void)state;
    if (!version_is(1, 33))
        skip();
    start(wrong_cookie);
    ask_and_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_case_of_letters_is_mixed_where_c_ares_does_it),
        cmocka_unit_test(the_case_that_a_client_chose_is_not_sent),
        cmocka_unit_test(an_answer_in_another_case_is_not_taken),
        cmocka_unit_test(cookies_are_exchanged_where_c_ares_does_it),
        cmocka_unit_test(an_answer_with_another_cookie_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
