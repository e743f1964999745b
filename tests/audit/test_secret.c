/*
 * test_secret.c - what is a secret by its form is found, and nothing else
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "audit/secret.h"
#include "base/buffer.h"

static void check_with(const char *text, bool cut, const char *expected)
{
    size_t length = strlen(text), at = 0, from, to;
    struct cf_buffer buffer;

    cf_buffer_init(&buffer, 0);
    while (cf_secret_find(text, length, at, cut, &from, &to)) {
        assert_true(from >= at && to > from && to <= length);
        cf_buffer_append(&buffer, text + at, from - at);
        cf_buffer_puts(&buffer, CF_SECRET_MASK);
        at = to;
    }
    cf_buffer_append(&buffer, text + at, length - at);
    assert_string_equal(buffer.data, expected);
    cf_buffer_done(&buffer);
}

static void check_mask(const char *text, const char *expected)
{
    check_with(text, false, expected);
}

static void user_part_of_a_url_is_masked(void **state)
{
    (void)state;
    check_mask("https://ci:hunter2@h.example/p", "https://***@h.example/p");
    check_mask("https://token@h.example", "https://***@h.example");
    check_mask("git+ssh://git@h.example:22/r", "git+ssh://***@h.example:22/r");
    check_mask("socks5h://u:p@[2001:db8::1]:1080", "socks5h://***@[2001:db8::1]:1080");
    check_mask("https://u:p@ss@h.example", "https://***@h.example");
    check_mask("https://u:\"p'@h.example", "https://***@h.example");
    check_mask("a http://u:p@x b ftp://v:q@y", "a http://***@x b ftp://***@y");
    check_mask("sh -c curl http://u:p@x/; true", "sh -c curl http://***@x/; true");
    check_mask("X=HTTPS://U:P@X", "X=HTTPS://***@X");
}

static void url_without_a_user_part_stays(void **state)
{
    (void)state;
    check_mask("", "");
    check_mask("https://h.example/@scope/pkg", "https://h.example/@scope/pkg");
    check_mask("https://h.example?mail=a@b", "https://h.example?mail=a@b");
    check_mask("https://h.example#a@b", "https://h.example#a@b");
    check_mask("https://h.example a@b", "https://h.example a@b");
    check_mask("https://@h.example", "https://@h.example");
    check_mask("://a@b", "://a@b");
    check_mask("scp u@h.example:/p", "scp u@h.example:/p");
    check_mask("https:", "https:");
    check_mask("https:/", "https:/");
    check_mask("https://", "https://");
}

static void authorization_header_is_masked_to_the_end(void **state)
{
    (void)state;
    check_mask("Authorization: Bearer abc", "Authorization: ***");
    check_mask("curl -H authorization:Basic eDp5 -v", "curl -H authorization:***");
    check_mask("-HProxy-Authorization:   Basic eDp5", "-HProxy-Authorization:   ***");
    check_mask("Authorization:", "Authorization:");
    check_mask("Authorization", "Authorization");
    check_mask("http://u:p@x AUTHORIZATION: z", "http://***@x AUTHORIZATION: ***");
}

static void options_are_not_guessed_at(void **state)
{
    (void)state;
    check_mask("--password hunter2 --token=abc", "--password hunter2 --token=abc");
}

static void authority_that_may_lack_its_end_is_masked(void **state)
{
    (void)state;
    check_with("x https://ci:hunt", true, "x https://***");
    check_with("x https://a@b@hunt", true, "x https://***");
    check_with("x https://h.example/p", true, "x https://h.example/p");
    check_with("x https://h.example y", true, "x https://h.example y");
    check_with("x https://", true, "x https://");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(user_part_of_a_url_is_masked),
        cmocka_unit_test(url_without_a_user_part_stays),
        cmocka_unit_test(authorization_header_is_masked_to_the_end),
        cmocka_unit_test(options_are_not_guessed_at),
        cmocka_unit_test(authority_that_may_lack_its_end_is_masked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
