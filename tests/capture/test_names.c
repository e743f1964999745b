/*
 * test_names.c - the names that a run learned
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "capture/names.h"

/* Bytes of the blocks for a name that has this address. */
static size_t learn(struct cf_capture_names *names, const char *name, const char *address)
{
    const struct cf_event_answer answer = { .type = 1, .data = address };
    const struct cf_event_dns dns = { .name = name, .answers = &answer, .n_answers = 1 };
    struct cf_buffer blocks;
    size_t length;

    cf_buffer_init(&blocks, 0);
    cf_capture_names_event(names, &dns, &blocks);
    length = blocks.length;
    cf_buffer_done(&blocks);
    return length;
}

static size_t known(const struct cf_capture_names *names)
{
    struct cf_buffer blocks;
    size_t length;

    cf_buffer_init(&blocks, 0);
    cf_capture_names_put(names, &blocks);
    length = blocks.length;
    cf_buffer_done(&blocks);
    return length;
}

static void a_name_is_told_once_and_remembered(void **state)
{
    struct cf_capture_names names;
    size_t length;

    (void)state;
    cf_capture_names_init(&names, 0);
    length = learn(&names, "a.example.com", "192.0.2.1");
    assert_true(length > 0);
    assert_int_equal(learn(&names, "a.example.com", "192.0.2.1"), 0);
    assert_int_equal(known(&names), length);
    cf_capture_names_done(&names);
}

static void what_is_remembered_has_no_more_than_its_bytes(void **state)
{
    struct cf_capture_names names;
    char name[32];

    (void)state;
    cf_capture_names_init(&names, 1000);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "n%d.example.com", i);
        assert_true(learn(&names, name, "192.0.2.1") > 0);
    }
    assert_true(known(&names) > 900 && known(&names) <= 1000);
    assert_true(learn(&names, "n99.example.com", "192.0.2.1") > 0); /* once a time */
    assert_int_equal(learn(&names, "n0.example.com", "192.0.2.1"), 0);
    cf_capture_names_done(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_told_once_and_remembered),
        cmocka_unit_test(what_is_remembered_has_no_more_than_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
