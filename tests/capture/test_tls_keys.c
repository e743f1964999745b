/*
 * test_tls_keys.c - which lines that a command wrote are secrets of TLS
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/tls_keys.h"

#define GOOD "CLIENT_RANDOM 0123456789abcdefABCDEF00 ff00\n"

/* Returns how much was done with; the text is a copy on the heap, without a NUL. */
static size_t check_text(const char *text, bool broken, const char *expected, bool still_broken)
{
    size_t length = strlen(text), used;
    char *copy = malloc(length > 0 ? length : 1);
    struct cf_buffer lines;

    cf_buffer_init(&lines, 0);
    assert_non_null(copy);
    memcpy(copy, text, length);
    used = cf_tls_keys_filter(copy, length, &broken, &lines);
    free(copy);
    assert_string_equal(lines.data ? lines.data : "", expected);
    assert_int_equal(broken, still_broken);
    cf_buffer_done(&lines);
    return used;
}

static void check_line(const char *line, bool good)
{
    assert_int_equal(check_text(line, false, good ? line : "", false), strlen(line));
}

static void a_line_is_a_label_and_two_numbers(void **state)
{
    (void)state;
    check_line(GOOD, true);
    check_line("RSA 00 11\n", true);
    check_line("SERVER_TRAFFIC_SECRET_0 00 11\n", true);
    check_line("\n", false);
    check_line("# RSA 00 11\n", false);
    check_line("rsa 00 11\n", false);
    check_line(" RSA 00 11\n", false);
    check_line("RSA\n", false);
    check_line("RSA \n", false);
    check_line("RSA 00\n", false);
    check_line("RSA 00 \n", false);
    check_line("RSA  11\n", false);
    check_line("RSA 00  11\n", false);
    check_line("RSA 00 11 \n", false);
    check_line("RSA 00 11\r\n", false);
    check_line("RSA 00 11 22\n", false);
    check_line("RSA 0 11\n", false);
    check_line("RSA 00 111\n", false);
    check_line("RSA 00 1g\n", false);
    check_line("R\xc3\x84 00 11\n", false);
}

static void check_long(size_t label, size_t digits, bool good)
{
    char line[1024];
    size_t at = label;

    memset(line, 'A', label);
    for (int i = 0; i < 2; i++) {
        line[at++] = ' ';
        memset(line + at, 'a', digits);
        at += digits;
    }
    memcpy(line + at, "\n", 2);
    check_line(line, good);
}

static void the_parts_of_a_line_have_a_limit(void **state)
{
    (void)state;
    check_long(64, 256, true);
    check_long(65, 2, false);
    check_long(1, 258, false);
}

static void a_line_without_an_end_waits_for_it(void **state)
{
    (void)state;
    assert_int_equal(check_text("RSA 00 11\nRSA 22 3", false, "RSA 00 11\n", false), 10);
    assert_int_equal(check_text("", false, "", false), 0);
    assert_int_equal(check_text("RSA 22 3", true, "", true), 8);
    assert_int_equal(check_text("2 3\nRSA 00 11\n", true, "RSA 00 11\n", false), 14);
}

static void what_is_too_long_is_no_line_up_to_its_end(void **state)
{
    char text[700];

    (void)state;
    memset(text, 'A', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(check_text(text, false, "", true), sizeof text - 1);
    assert_int_equal(check_text("RSA 00 11\nRSA 22 33\n", true, "RSA 22 33\n", false), 20);
}

static void put(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Read all that there is. */
static void check_read(struct cf_tls_keys *keys, const char *expected)
{
    struct cf_buffer all;

    cf_buffer_init(&all, 0);
    while (cf_tls_keys_read(keys)) {
        if (keys->lines.length > 0)
            cf_buffer_append(&all, keys->lines.data, keys->lines.length);
        cf_tls_keys_know(keys);
    }
    assert_string_equal(all.data ? all.data : "", expected);
    cf_buffer_done(&all);
}

static void a_file_is_read_as_it_grows_and_when_it_is_begun_again(void **state)
{
    int fd = memfd_create("keys", MFD_CLOEXEC);
    struct cf_tls_keys keys;

    (void)state;
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_SETFL, O_APPEND) == 0);
    cf_tls_keys_init(&keys, 1024);
    check_read(&keys, "");
    keys.fd = fd;
    check_read(&keys, "");
    put(fd, "RSA 00 11\nRSA 22");
    check_read(&keys, "RSA 00 11\n");
    check_read(&keys, "");
    put(fd, " 33\n");
    check_read(&keys, "RSA 22 33\n");
    assert_int_equal(ftruncate(fd, 0), 0);
    put(fd, "RSA 44 55\n");
    check_read(&keys, "RSA 44 55\n");
    assert_string_equal(keys.known.data, "RSA 00 11\nRSA 22 33\nRSA 44 55\n");
    cf_tls_keys_done(&keys);
    close(fd);
}

static void the_newest_lines_are_known(void **state)
{
    int fd = memfd_create("keys", MFD_CLOEXEC);
    struct cf_tls_keys keys;

    (void)state;
    assert_true(fd >= 0);
    cf_tls_keys_init(&keys, 40);
    keys.fd = fd;
    for (int i = 0; i < 5; i++) {
        put(fd, (const char *[]) { "RSA 00 00\n", "RSA 11 11\n", "RSA 22 22\n", "RSA 33 33\n",
                                   "RSA 44 44\n" }[i]);
        while (cf_tls_keys_read(&keys))
            cf_tls_keys_know(&keys);
    }
    assert_string_equal(keys.known.data, "RSA 44 44\n");
    cf_tls_keys_done(&keys);
    close(fd);
}

static void of_more_than_the_most_nothing_is_read(void **state)
{
    int fd = memfd_create("keys", MFD_CLOEXEC);
    struct cf_tls_keys keys;

    (void)state;
    assert_true(fd >= 0);
    cf_tls_keys_init(&keys, 0);
    keys.fd = fd;
    put(fd, GOOD);
    assert_false(cf_tls_keys_overflown(&keys));
    assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
    check_read(&keys, GOOD);
    assert_true(cf_tls_keys_overflown(&keys));
    assert_int_equal(ftruncate(fd, 0), 0);
    check_read(&keys, "");
    assert_true(cf_tls_keys_overflown(&keys));
    assert_int_equal(keys.known.length, 0);
    cf_tls_keys_done(&keys);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_label_and_two_numbers),
        cmocka_unit_test(the_parts_of_a_line_have_a_limit),
        cmocka_unit_test(a_line_without_an_end_waits_for_it),
        cmocka_unit_test(what_is_too_long_is_no_line_up_to_its_end),
        cmocka_unit_test(a_file_is_read_as_it_grows_and_when_it_is_begun_again),
        cmocka_unit_test(the_newest_lines_are_known),
        cmocka_unit_test(of_more_than_the_most_nothing_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
