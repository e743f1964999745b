/*
 * test_dictionary.c - the fuzzer's words for policies are those of the table
 *
 * With CHILDFLOW_UPDATE_GOLDEN in the environment, policy.dict is written instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "policy/schema.h"

/* What the table does not have: YAML's own marks, and values of each kind. */
static const char *const words[] = {
    "\\x0a",
    "\\x0a  ",
    "\\x0a  - ",
    "\\x0a---\\x0a",
    "\\x0a...\\x0a",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "|\\x0a",
    ">-\\x0a",
    "\\\"",
    "'",
    "# ",
    "\\\"\\\\u00e9\\\"",
    "{to: \\\"",
    "\\\", why: \\\"",
    "\\x0a=== 1\\x0a",
    "\\x0a=== 2\\x0a",
    "[1, 2]",
    "true",
    "false",
    "null",
    "2s",
    "500ms",
    "20GiB",
    "64KiB",
    "2027-06-30",
    "0700",
    "443",
    "80,443",
    "1-65535",
    "tcp://",
    "udp://",
    "icmp://",
    "group:",
    "private",
    "loopback",
    "link_local",
    "metadata",
    "multicast",
    "any",
    "*.example.com",
    "**.example.org",
    "192.0.2.1",
    "10.0.0.0/8",
    "[2001:db8::]/32",
    "::ffff:192.0.2.1",
    "xn--bcher-kva.example",
    "b\\xc3\\xbccher.example",
    "localhost",
    "host.childflow.internal",
    "/usr/bin/python3*",
    "{name}",
    "{run}",
    "{time}",
    "{host}",
};

/* A word that stands there already is not written again. */
static void put_word(struct cf_buffer *text, const char *word, const char *behind)
{
    char line[256];

    snprintf(line, sizeof line, "\n\"%s%s\"\n", word, behind);
    if (!strstr(text->data, line))
        cf_buffer_puts(text, line + 1);
}

static void write_words(struct cf_buffer *text)
{
    size_t n;
    const struct cf_schema_key *rows = cf_schema_keys(&n);

    cf_buffer_puts(text, "# Words of the policy language for fuzz_policy; test_dictionary.c "
                         "writes this file.\n");
    for (size_t i = 0; i < n; i++) {
        const char *dot = strrchr(rows[i].path, '.');

        put_word(text, dot ? dot + 1 : rows[i].path, ": ");
    }
    for (size_t i = 0; i < n; i++)
        for (const char *const *value = rows[i].values; value && *value; value++)
            put_word(text, *value, "");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        put_word(text, words[i], "");
}

static void the_dictionary_has_every_key_and_value_of_the_table(void **state)
{
    cf_auto_free char *file = NULL;
    struct cf_buffer text;
    size_t length;

    (void)state;
    cf_buffer_init(&text, 0);
    write_words(&text);
    assert_false(text.failed);
    if (getenv("CHILDFLOW_UPDATE_GOLDEN")) {
        FILE *stream = fopen(DICTIONARY, "we");

        assert_non_null(stream);
        assert_int_equal(fwrite(text.data, 1, text.length, stream), text.length);
        assert_int_equal(fclose(stream), 0);
    }
    assert_int_equal(cf_fd_read_file(DICTIONARY, (size_t)1 << 20, &file, &length), 0);
    assert_string_equal(file, text.data);
    cf_buffer_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dictionary_has_every_key_and_value_of_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
