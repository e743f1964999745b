/*
 * test_event.c - each kind of event is written as samples.jsonl has it
 *
 * samples.jsonl is what test_schema.py checks against the schema. After a
 * change of the format: `test_event --print > samples.jsonl`, and read the
 * difference.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "audit/event_json.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "samples.h"

#define RUN "01939f2a-7c5b-7abc-8def-0123456789ab"
#define TIME_US INT64_C(1782823696123456)

static void format_samples(struct cf_buffer *buffer)
{
    struct cf_event events[SAMPLES_MAX];
    size_t n = samples_make(events);

    for (size_t i = 0; i < n; i++) {
        const struct cf_event_head head = { .realtime_us = TIME_US, .run = RUN, .seq = i };

        assert_int_equal(cf_event_format_json(&events[i], &head, buffer), 0);
    }
}

static void each_sample_is_written_as_the_golden_file_has_it(void **state)
{
    cf_auto_free char *golden = NULL;
    struct cf_buffer buffer;
    size_t length;

    (void)state;
    assert_int_equal(cf_fd_read_file(TEST_DIR "/samples.jsonl", (size_t)1 << 20, &golden, &length),
                     0);
    cf_buffer_init(&buffer, 0);
    format_samples(&buffer);
    assert_string_equal(buffer.data, golden);
    cf_buffer_done(&buffer);
}

static void there_is_a_sample_of_each_event(void **state)
{
    struct cf_event events[SAMPLES_MAX];
    size_t n = samples_make(events);
    bool seen[CF_EVENT_COUNT] = { false };

    (void)state;
    for (size_t i = 0; i < n; i++)
        seen[events[i].type] = true;
    for (int i = 0; i < CF_EVENT_COUNT; i++)
        assert_true(seen[i]);
}

static void no_line_holds_a_secret_or_a_raw_control_character(void **state)
{
    struct cf_buffer buffer;

    (void)state;
    cf_buffer_init(&buffer, 0);
    format_samples(&buffer);
    assert_null(strstr(buffer.data, "hunter2"));
    for (const char *at = buffer.data; *at; at++)
        assert_true((unsigned char)*at >= ' ' || *at == '\n');
    cf_buffer_done(&buffer);
}

/* The line of one event, read by another library than wrote it. */
static json_t *line_of(const struct cf_event *event)
{
    const struct cf_event_head head = { .realtime_us = TIME_US, .run = RUN };
    struct cf_buffer buffer;
    json_error_t error;
    json_t *line;

    cf_buffer_init(&buffer, 0);
    assert_int_equal(cf_event_format_json(event, &head, &buffer), 0);
    assert_int_equal(buffer.data[buffer.length - 1], '\n');
    line = json_loadb(buffer.data, buffer.length, JSON_REJECT_DUPLICATES, &error);
    if (!line)
        fail_msg("%s in %s", error.text, buffer.data);
    cf_buffer_done(&buffer);
    return line;
}

static void check_argv(const char *argv, const char *expected)
{
    const struct cf_event event = {
        .type = CF_EVENT_DNS,
        .dns = { .name = "a.example", .process = { .pid = 1, .argv = argv } },
    };
    json_t *line = line_of(&event);
    json_t *got = json_object_get(json_object_get(line, "process"), "argv");

    assert_string_equal(json_string_value(got), expected);
    json_decref(line);
}

static void argv_is_cut_at_512_bytes_and_whole_characters(void **state)
{
    char argv[1024], expected[1024];

    (void)state;
    memset(argv, 'a', sizeof argv);
    argv[600] = '\0';
    memset(expected, 'a', sizeof expected);
    expected[512] = '\0';
    check_argv(argv, expected);
    memcpy(argv + 511, "\xc3\xbc", 2);
    expected[511] = '\0';
    check_argv(argv, expected);
    argv[511] = '\xff'; /* read as three bytes */
    check_argv(argv, expected);
}

static void argv_that_was_cut_inside_a_url_does_not_show_half_a_password(void **state)
{
    char argv[1024], expected[1024];

    (void)state;
    memset(argv, 'a', sizeof argv);
    memcpy(argv + 494, "ftp://ci:hunter2", 17);
    memcpy(expected, argv, 494);
    strcpy(expected + 494, "ftp://ci:hunter2");
    check_argv(argv, expected); /* 510 bytes: not cut */
    memmove(argv + 1, argv, 511);
    memcpy(expected, argv, 495);
    strcpy(expected + 495, "ftp://***");
    check_argv(argv, expected);
}

static void secrets_are_masked_before_the_cut(void **state)
{
    char argv[1024], expected[1024];

    (void)state;
    memset(argv, 'a', sizeof argv);
    strcpy(argv + 500, "ftp://hunter2:hunter2@192.0.2.1/");
    memset(expected, 'a', sizeof expected);
    strcpy(expected + 500, "ftp://***@19");
    check_argv(argv, expected);
}

static void line_that_finds_no_memory_leaves_the_buffer_as_it_was(void **state)
{
    const struct cf_event_head head = { .realtime_us = TIME_US, .run = RUN };
    const struct cf_event event = { .type = CF_EVENT_WARNING, .warning = { "a", "b" } };
    struct cf_buffer buffer;
    size_t whole;

    (void)state;
    cf_buffer_init(&buffer, 200);
    assert_int_equal(cf_event_format_json(&event, &head, &buffer), 0);
    whole = buffer.length;
    assert_int_equal(cf_event_format_json(&event, &head, &buffer), -ENOMEM);
    assert_int_equal(buffer.length, whole);
    assert_int_equal(strlen(buffer.data), whole);
    assert_false(buffer.failed);
    cf_buffer_done(&buffer);
}

static void check_type(uint16_t type, const char *expected)
{
    char text[CF_EVENT_CODE_SIZE];

    assert_string_equal(cf_record_type_format(type, text), expected);
}

static void check_rcode(int rcode, const char *expected)
{
    char text[CF_EVENT_CODE_SIZE];

    assert_string_equal(cf_event_rcode_format(rcode, text), expected);
}

static void codes_without_a_name_are_written_by_number(void **state)
{
    (void)state;
    check_type(1, "A");
    check_type(65, "HTTPS");
    check_type(257, "CAA");
    check_type(65535, "TYPE65535");
    check_type(0, "TYPE0");
    check_rcode(0, "NOERROR");
    check_rcode(5, "REFUSED");
    check_rcode(12, "RCODE12");
}

static int print_samples(void)
{
    struct cf_buffer buffer;

    cf_buffer_init(&buffer, 0);
    format_samples(&buffer);
    fwrite(buffer.data, 1, buffer.length, stdout);
    cf_buffer_done(&buffer);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sample_is_written_as_the_golden_file_has_it),
        cmocka_unit_test(there_is_a_sample_of_each_event),
        cmocka_unit_test(no_line_holds_a_secret_or_a_raw_control_character),
        cmocka_unit_test(argv_is_cut_at_512_bytes_and_whole_characters),
        cmocka_unit_test(argv_that_was_cut_inside_a_url_does_not_show_half_a_password),
        cmocka_unit_test(secrets_are_masked_before_the_cut),
        cmocka_unit_test(line_that_finds_no_memory_leaves_the_buffer_as_it_was),
        cmocka_unit_test(codes_without_a_name_are_written_by_number),
    };

    if (argc == 2 && strcmp(argv[1], "--print") == 0)
        return print_samples();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
