/*
 * test_man_page.c - the manual page has the keys that the table has
 *
 * With CHILDFLOW_UPDATE_GOLDEN in the environment, its section is written instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "policy/man_page.h"

#define PAGE DOC_DIR "/childflow-policy.5"
#define BEGIN ".SH KEYS\n"
#define BEHIND ".SH ENDPOINTS\n"

static void update(const char *page, const char *begin, const char *section, const char *behind)
{
    FILE *file = fopen(PAGE, "w");

    assert_non_null(file);
    fprintf(file, "%.*s%s%s", (int)(begin - page), page, section, behind);
    assert_int_equal(fclose(file), 0);
}

static void the_keys_of_the_page_are_those_of_the_table(void **state)
{
    struct cf_buffer written;
    char *page = NULL, *begin, *behind;
    size_t length;

    (void)state;
    cf_buffer_init(&written, 0);
    assert_int_equal(cf_man_keys_write(&written), 0);
    assert_int_equal(cf_fd_read_file(PAGE, (size_t)1 << 20, &page, &length), 0);
    begin = strstr(page, BEGIN);
    assert_non_null(begin);
    behind = strstr(begin, BEHIND);
    assert_non_null(behind);
    if (getenv("CHILDFLOW_UPDATE_GOLDEN"))
        update(page, begin, written.data, behind);
    *behind = '\0';
    if (!getenv("CHILDFLOW_UPDATE_GOLDEN"))
        assert_string_equal(begin, written.data);
    free(page);
    cf_buffer_done(&written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_keys_of_the_page_are_those_of_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
