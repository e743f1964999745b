/*
 * test_words.c - what a proxy said, made fit for a log
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/outcome.h"
#include "proxy/words.h"

static void check_clean(const char *data, const char *password, const char *expected)
{
    struct cf_proxy_login login = { "u", password };
    char text[CF_PROXY_WORDS_SIZE];

    cf_proxy_words_clean(data, strlen(data), password ? &login : NULL, text);
    assert_string_equal(text, expected);
}

static void plain_words_stay_as_they_are(void **state)
{
    (void)state;
    check_clean("", NULL, "");
    check_clean("403 Forbidden", NULL, "403 Forbidden");
    check_clean("d\xc3\xa9ni\xc3\xa9 \xe6\x8b\x92\xe5\x90\xa6", NULL,
                "d\xc3\xa9ni\xc3\xa9 \xe6\x8b\x92\xe5\x90\xa6");
}

static void what_cannot_be_shown_is_escaped(void **state)
{
    (void)state;
    check_clean("a\x1b[2Jb\x7f", NULL, "a\\x1b[2Jb\\x7f");
    check_clean("a\xff\xc3", NULL, "a\\xff\\xc3");
    check_clean("a\xe2\x80\xae"
                "b",
                NULL, "a\\u{202e}b");
    check_clean("  a \t\r\n b  ", NULL, "a b");
}

static void a_login_that_comes_back_is_masked(void **state)
{
    (void)state;
    check_clean("bad password hunter2!", "hunter2", "bad password ***!");
    check_clean("hunter2hunter2", "hunter2", "***");
    check_clean("xdTpodW50ZXIyx", "hunter2", "x***x");
    check_clean("a\xc3\xa4", "\xa4", "a\\xc3***");
    check_clean("hunter", "hunter2", "hunter");
    check_clean("nothing", "", "nothing");
}

static void a_login_that_is_cut_off_is_masked(void **state)
{
    char data[CF_PROXY_WORDS_RAW + 1], text[CF_PROXY_WORDS_SIZE];
    struct cf_proxy_login login = { "u", "hunter2" };

    (void)state;
    memset(data, '.', sizeof data);
    memcpy(data + CF_PROXY_WORDS_RAW - 6, "hunter2", 7);
    cf_proxy_words_clean(data, sizeof data, &login, text);
    assert_null(strstr(text, "hunt"));
    assert_string_equal(text + strlen(text) - 4, ".***");
    /* Whoever gives no more than the raw size may have cut it himself. */
    cf_proxy_words_clean(data, CF_PROXY_WORDS_RAW, &login, text);
    assert_null(strstr(text, "hunt"));
}

static void words_have_a_limit(void **state)
{
    char data[CF_PROXY_WORDS_RAW * 2], text[CF_PROXY_WORDS_SIZE];

    (void)state;
    memset(data, 'a', sizeof data);
    cf_proxy_words_clean(data, sizeof data, NULL, text);
    assert_int_equal(strlen(text), CF_PROXY_WORDS_RAW);
    memset(data, '\x01', sizeof data);
    cf_proxy_words_clean(data, sizeof data, NULL, text);
    assert_true(strlen(text) < sizeof text && strlen(text) % 4 == 0);
}

static void each_reason_has_a_name(void **state)
{
    (void)state;
    for (int why = 0; why < CF_PROXY_WHY_COUNT; why++)
        assert_true(strlen(cf_proxy_why_name((enum cf_proxy_why)why)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_words_stay_as_they_are),
        cmocka_unit_test(what_cannot_be_shown_is_escaped),
        cmocka_unit_test(a_login_that_comes_back_is_masked),
        cmocka_unit_test(a_login_that_is_cut_off_is_masked),
        cmocka_unit_test(words_have_a_limit),
        cmocka_unit_test(each_reason_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
