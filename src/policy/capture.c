/*
 * capture.c - the keys of `capture`
 */
#include <errno.h>
#include <string.h>

#include "capture/file.h"
#include "capture/filter.h"
#include "policy/load.h"
#include "policy/policy.h"
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

/* Who turns the capture off for a run (-c '') turns the secrets off with it. */
static bool is_turned_off(const struct cf_profile *profile)
{
    const struct cf_origin *origin = cf_profile_origin_find(profile, "capture.file");

    return !profile->capture.file && origin && strcmp(origin->file, CF_COMMAND_LINE) == 0;
}

void cf_read_capture_whole(struct cf_reader *reader, const struct cf_load *load)
{
    struct cf_profile *profile = reader->profile;
    const struct cf_origin *origin = cf_profile_origin_find(profile, "capture.tls_keys");
    struct cf_finding finding = { .code = CF_CODE_BAD_VALUE, .key = "capture.tls_keys" };

    if (is_turned_off(profile))
        profile->capture.tls_keys = false;
    if (!profile->capture.tls_keys || !origin)
        return;
    finding.at =
        (struct cf_mark) { origin->line, origin->column, cf_load_source_find(load, origin->file) };
    if (!profile->capture.file) {
        finding.code = CF_CODE_MISSING_KEY;
        finding.key = "capture.file";
        cf_read_report(reader, &finding,
                       "expected this key (or '-c FILE') beside 'tls_keys', got none: the secrets "
                       "are kept in the capture alone");
    } else if (cf_capture_path_is_classic(profile->capture.file)) {
        cf_read_report(reader, &finding,
                       "expected false beside a capture file in '.pcap', which has no place for "
                       "secrets, got true; name the file in '.pcapng'");
    }
}
