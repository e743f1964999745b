/*
 * test_json_schema.c - the schema that is shipped is the one that the table gives
 *
 * With CHILDFLOW_UPDATE_GOLDEN in the environment, the file is written instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/fd.h"
#include "policy/json_schema.h"

#define SCHEMA SCHEMA_DIR "/childflow-policy-v1.schema.json"

static void the_schema_is_that_of_the_table(void **state)
{
    struct cf_buffer written;
    char *shipped = NULL;
    size_t length;

    (void)state;
    cf_buffer_init(&written, 0);
    assert_int_equal(cf_json_schema_write(&written), 0);
    if (getenv("CHILDFLOW_UPDATE_GOLDEN")) {
        FILE *file = fopen(SCHEMA, "w");

        assert_non_null(file);
        fputs(written.data, file);
        assert_int_equal(fclose(file), 0);
    }
    assert_int_equal(cf_fd_read_file(SCHEMA, (size_t)1 << 20, &shipped, &length), 0);
    assert_string_equal(written.data, shipped);
    free(shipped);
    cf_buffer_done(&written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schema_is_that_of_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
