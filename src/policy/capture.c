/*
 * capture.c - the keys of `capture`
 */
#include <errno.h>

#include "capture/filter.h"
#include "policy/read.h"

#define SNAPLEN 262144 /* of no meaning to what is right or wrong */

/* A filter is compiled when the policy is read, so that a wrong one refuses it. */
void cf_read_capture_filter(struct cf_reader *reader, const struct cf_schema_key *row,
                            const struct cf_yaml_node *node, const char *key)
{
    struct cf_capture_filter filter;
    struct cf_error err = { 0 };
    const char *text;
    size_t offset;
    int r;

    if (!cf_read_text(reader, row, node, key, &text))
        return;
    r = cf_capture_filter_compile(text, CF_CAPTURE_ETHERNET, SNAPLEN, &filter, &offset, &err);
    if (r == 0) {
        cf_capture_filter_done(&filter);
        cf_read_copy(reader, text, &reader->profile->capture.filter);
    } else if (r == -ENOMEM) {
        cf_read_out_of_memory(reader);
    } else {
        cf_read_report(reader,
                       &(struct cf_finding) {
                           .code = r == -E2BIG ? CF_CODE_LIMIT : CF_CODE_BAD_VALUE,
                           .at = cf_yaml_text_mark(node, offset),
                           .key = key,
                       },
                       "%s", err.text);
    }
}
