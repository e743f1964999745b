/*
 * test_value.c - a row, a field, and nothing else: values of every plain type
 *
 * The rows here are of no policy; their fields lie behind a profile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/value.h"

struct probe {
    struct cf_profile profile; /* first: it is freed as a profile */
    int64_t number;
    char *text;
    char **texts;
    size_t n_texts;
};

#define NUMBER .path = "key", .since = "0.1", .field = offsetof(struct probe, number)
#define TEXT .path = "key", .since = "0.1", .field = offsetof(struct probe, text)
#define TEXTS                                                                                      \
    .path = "key", .since = "0.1", .list = true, .field = offsetof(struct probe, texts),           \
    .count = offsetof(struct probe, n_texts)

static void probe_free(struct probe *probe)
{
    free(probe->text);
    for (size_t i = 0; i < probe->n_texts; i++)
        free(probe->texts[i]);
    free(probe->texts);
    cf_profile_free(&probe->profile);
}

/* Read "key: VALUE" by the row into probe; findings are text. */
static void read_value(const struct cf_schema_key *row, const char *policy, struct probe *probe,
                       struct cf_buffer *findings)
{
    struct cf_yaml_document document = { 0 };
    struct cf_diagnostics diagnostics;
    struct cf_yaml_count count = { 0 };
    struct cf_source source;
    struct cf_reader reader;

    cf_diagnostics_init(&diagnostics);
    cf_reader_init(&reader, &diagnostics, &probe->profile);
    cf_source_init(&source, "p.yaml", policy, strlen(policy));
    cf_reader_source(&reader, &source);
    assert_int_equal(cf_yaml_read(&source, &diagnostics, &count, &document), 0);
    cf_value_read(&reader, row, document.root->items[1], "key");
    assert_int_equal(cf_diagnostics_format(&diagnostics, findings), 0);
    cf_reader_done(&reader);
    cf_yaml_document_done(&document);
    cf_diagnostics_done(&diagnostics);
}

static void write_value(const struct cf_schema_key *row, const struct probe *probe, bool json,
                        bool origins, struct cf_buffer *text)
{
    struct cf_writer writer;

    cf_writer_init(&writer, &probe->profile, json, origins, text);
    if (cf_value_is_shown(row, &probe->profile))
        cf_value_write(&writer, row, "key");
    assert_int_equal(cf_writer_done(&writer), 0);
}

/* What is read prints as yaml and json say, and these read as the same again. */
static void check(const struct cf_schema_key *row, const char *policy, const char *yaml,
                  const char *json)
{
    const char *texts[] = { policy, yaml, json };

    for (size_t i = 0; i < 3; i++) {
        struct probe *probe = calloc(1, sizeof *probe);
        struct cf_buffer findings, shown;

        cf_buffer_init(&findings, 0);
        cf_buffer_init(&shown, 0);
        read_value(row, texts[i], probe, &findings);
        assert_int_equal(findings.length, 0);
        write_value(row, probe, false, false, &shown);
        assert_string_equal(shown.data, yaml);
        cf_buffer_clear(&shown);
        write_value(row, probe, true, false, &shown);
        assert_string_equal(shown.data, json);
        cf_buffer_done(&shown);
        cf_buffer_done(&findings);
        probe_free(probe);
    }
}

static void check_wrong(const struct cf_schema_key *row, const char *policy, const char *expected)
{
    struct probe *probe = calloc(1, sizeof *probe);
    struct cf_buffer findings;

    cf_buffer_init(&findings, 0);
    read_value(row, policy, probe, &findings);
    assert_string_equal(findings.data, expected);
    assert_true(probe->number == 0);
    assert_null(probe->text);
    cf_buffer_done(&findings);
    probe_free(probe);
}

static void durations_are_read_and_printed_in_their_unit(void **state)
{
    static const struct cf_schema_key row = { NUMBER, .type = CF_TYPE_DURATION, .minimum = 100,
                                              .maximum = 60000 };

    (void)state;
    check(&row, "key: 2000ms", "key: 2s\n", "{\n  \"key\": \"2s\"\n}\n");
    check(&row, "key: \"60s\"", "key: 1m\n", "{\n  \"key\": \"1m\"\n}\n");
    check_wrong(&row, "key: 2 s",
                "p.yaml:1:7: error: key: expected a duration such as 2s, got '2 s' (did you mean "
                "'2s'?)\n  key: 2 s\n        ^\n");
    check_wrong(&row, "key: 1.5h",
                "p.yaml:1:7: error: key: expected a duration such as 2s, got '1.5h'\n"
                "  key: 1.5h\n        ^\n");
    check_wrong(&row, "key: 99ms",
                "p.yaml:1:6: error: key: expected a duration from 100ms to 1m, got '99ms'\n"
                "  key: 99ms\n       ^\n");
    check_wrong(&row, "key: 61s",
                "p.yaml:1:6: error: key: expected a duration from 100ms to 1m, got '61s'\n"
                "  key: 61s\n       ^\n");
    check_wrong(&row, "key: 9999999999999999999h",
                "p.yaml:1:6: error: key: expected a duration from 100ms to 1m, got "
                "'9999999999999999999h'\n  key: 9999999999999999999h\n       ^\n");
    check_wrong(&row, "key: [2s]",
                "p.yaml:1:6: error: key: expected a duration such as 2s, got a list\n"
                "  key: [2s]\n       ^\n");
    check_wrong(&row, "key:",
                "p.yaml:1:5: error: key: expected a duration such as 2s, got nothing\n"
                "  key:\n      ^\n");
}

static void sizes_are_read_and_printed_in_their_unit(void **state)
{
    static const struct cf_schema_key row = { NUMBER, .type = CF_TYPE_SIZE };
    static const struct cf_schema_key ranged = { NUMBER, .type = CF_TYPE_SIZE, .minimum = 4096,
                                                 .maximum = 1 << 30 };

    (void)state;
    check(&row, "key: 20GiB", "key: 20GiB\n", "{\n  \"key\": \"20GiB\"\n}\n");
    check(&row, "key: 65536", "key: 64KiB\n", "{\n  \"key\": \"64KiB\"\n}\n");
    check(&row, "key: 0", "key: 0\n", "{\n  \"key\": \"0\"\n}\n");
    check_wrong(&row, "key: 64kb",
                "p.yaml:1:8: error: key: expected a size such as 20GiB, got '64kb' (did you mean "
                "'64KiB'?)\n  key: 64kb\n         ^\n");
    check_wrong(&row, "key: 8388608TiB",
                "p.yaml:1:6: error: key: expected a number below 2^63, got '8388608TiB'\n"
                "  key: 8388608TiB\n       ^\n");
    check_wrong(&ranged, "key: 4095",
                "p.yaml:1:6: error: key: expected a size from 4KiB to 1GiB, got '4095'\n"
                "  key: 4095\n       ^\n");
    check_wrong(&ranged, "key: 2GiB",
                "p.yaml:1:6: error: key: expected a size from 4KiB to 1GiB, got '2GiB'\n"
                "  key: 2GiB\n       ^\n");
}

static void dates_and_permission_bits_are_read_and_printed(void **state)
{
    static const struct cf_schema_key date = { NUMBER, .type = CF_TYPE_DATE };
    static const struct cf_schema_key bits = { NUMBER, .type = CF_TYPE_MODE_BITS };

    (void)state;
    check(&date, "key: 2027-06-30", "key: 2027-06-30\n", "{\n  \"key\": \"2027-06-30\"\n}\n");
    check_wrong(&date, "key: 2027-02-30",
                "p.yaml:1:14: error: key: expected a day that the month has, got '2027-02-30'\n"
                "  key: 2027-02-30\n               ^\n");
    check_wrong(&date, "key: '2027-6-3'",
                "p.yaml:1:13: error: key: expected a date such as 2027-06-30, got '2027-6-3' "
                "(did you mean '2027-06-03'?)\n  key: '2027-6-3'\n              ^\n");
    check(&bits, "key: 0700", "key: 0700\n", "{\n  \"key\": \"0700\"\n}\n");
    check_wrong(&bits, "key: 700",
                "p.yaml:1:6: error: key: expected permission bits such as 0700, got '700' (did "
                "you mean '0700'?)\n  key: 700\n       ^\n");
}

static void texts_are_quoted_where_they_must_be(void **state)
{
    static const struct cf_schema_key row = { TEXT, .type = CF_TYPE_STRING };

    (void)state;
    check(&row, "key: a", "key: a\n", "{\n  \"key\": \"a\"\n}\n");
    check(&row, "key: 'no'", "key: \"no\"\n", "{\n  \"key\": \"no\"\n}\n");
    check(&row, "key: '2'", "key: \"2\"\n", "{\n  \"key\": \"2\"\n}\n");
    check(&row, "key: \"a\\\"b\\\\c\\n\\t\\x01\"", "key: \"a\\\"b\\\\c\\n\\t\\u0001\"\n",
          "{\n  \"key\": \"a\\\"b\\\\c\\n\\t\\u0001\"\n}\n");
    check(&row, "key: \"\\u2028\\U0001f600\"", "key: \"\\u2028\xf0\x9f\x98\x80\"\n",
          "{\n  \"key\": \"\\u2028\xf0\x9f\x98\x80\"\n}\n");
}

static void an_item_that_is_wrong_is_named_by_its_place(void **state)
{
    static const struct cf_schema_key labels = { TEXTS, .type = CF_TYPE_LABEL, .maximum = 8 };

    (void)state;
    check(&labels, "key: [ANY, AXFR]", "\nkey: [ANY, AXFR]\n",
          "{\n  \"key\": [\"ANY\", \"AXFR\"]\n}\n");
    check_wrong(&labels, "key: [ANY, A FR]",
                "p.yaml:1:12: error: key[1]: expected 1 to 8 letters, digits, '.', '_' and '-', "
                "got 'A FR'\n  key: [ANY, A FR]\n             ^\n");
}

static void each_item_of_a_list_has_a_line_with_its_origin(void **state)
{
    static const struct cf_schema_key row = { TEXTS, .type = CF_TYPE_STRING };
    struct probe *probe = calloc(1, sizeof *probe);
    struct cf_buffer findings, shown;

    (void)state;
    cf_buffer_init(&findings, 0);
    cf_buffer_init(&shown, 0);
    read_value(&row, "key:\n- a\n- b: c\n-\n- 'd'\n", probe, &findings);
    assert_int_equal(probe->n_texts, 2);
    assert_null(probe->texts[2]);
    write_value(&row, probe, false, true, &shown);
    assert_string_equal(shown.data, "\nkey:\n  - a  # p.yaml:2\n  - d  # p.yaml:5\n");
    cf_buffer_clear(&shown);
    write_value(&row, probe, true, true, &shown);
    assert_string_equal(shown.data,
                        "{\n  \"policy\": {\n    \"key\": [\n      \"a\",\n      \"d\"\n"
                        "    ]\n  },\n  \"origins\": {\n"
                        "    \"key[0]\": {\"file\": \"p.yaml\", \"line\": 2},\n"
                        "    \"key[1]\": {\"file\": \"p.yaml\", \"line\": 5}\n  }\n}\n");
    cf_buffer_done(&shown);
    cf_buffer_done(&findings);
    probe_free(probe);
}

/* What the row gives where nothing is written. */
static void check_default(const struct cf_schema_key *row, const char *yaml)
{
    struct probe *probe = calloc(1, sizeof *probe);
    struct cf_buffer shown;

    cf_buffer_init(&shown, 0);
    assert_int_equal(cf_value_default(row, &probe->profile), 0);
    write_value(row, probe, false, true, &shown);
    assert_string_equal(shown.data ? shown.data : "", yaml);
    cf_buffer_done(&shown);
    probe_free(probe);
}

static void defaults_are_read_as_what_is_written_is(void **state)
{
    static const struct cf_schema_key duration = { NUMBER, .type = CF_TYPE_DURATION, .minimum = 1,
                                                   .maximum = 10000, .fallback = "10s" };
    static const struct cf_schema_key unset = { NUMBER, .type = CF_TYPE_SIZE };
    static const struct cf_schema_key empty = { TEXT, .type = CF_TYPE_PATTERN, .fallback = "\"\"" };
    static const struct cf_schema_key none = { TEXT, .type = CF_TYPE_STRING };
    static const struct cf_schema_key list = { TEXTS, .type = CF_TYPE_LABEL,
                                               .fallback = "[ANY, AXFR]" };
    static const struct cf_schema_key no_items = { TEXTS, .type = CF_TYPE_LABEL, .fallback = "[]" };
    static const struct cf_schema_key wrong = { NUMBER, .type = CF_TYPE_INTEGER, .minimum = 1,
                                                .maximum = 9, .fallback = "10" };
    struct probe *probe = calloc(1, sizeof *probe);

    (void)state;
    check_default(&duration, "key: 10s  # default\n");
    check_default(&unset, "");
    check_default(&empty, "key: \"\"  # default\n");
    check_default(&none, "");
    check_default(&list, "\nkey:\n  - ANY  # default\n  - AXFR  # default\n");
    check_default(&no_items, "\nkey: []  # default\n");
    assert_int_equal(cf_value_default(&wrong, &probe->profile), -22);
    probe_free(probe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_and_printed_in_their_unit),
        cmocka_unit_test(sizes_are_read_and_printed_in_their_unit),
        cmocka_unit_test(dates_and_permission_bits_are_read_and_printed),
        cmocka_unit_test(texts_are_quoted_where_they_must_be),
        cmocka_unit_test(an_item_that_is_wrong_is_named_by_its_place),
        cmocka_unit_test(each_item_of_a_list_has_a_line_with_its_origin),
        cmocka_unit_test(defaults_are_read_as_what_is_written_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
