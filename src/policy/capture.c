/*
 * capture.c - the keys of `capture`
 */
#include <errno.h>
#include <string.h>

#include "capture/capture.h"
#include "capture/file.h"
#include "capture/filter.h"
#include "policy/load.h"
#include "policy/policy.h"
#include "policy/read.h"

#define SNAPLEN 262144 /* of no meaning to what is right or wrong */

static void refuse_filter(struct cf_reader *reader, const struct cf_yaml_node *node, size_t offset,
                          int code, const char *key, const struct cf_error *err)
{
    if (code == -ENOMEM) {
        cf_read_out_of_memory(reader);
        return;
    }
    cf_read_report(reader,
                   &(struct cf_finding) {
                       .code = code == -E2BIG ? CF_CODE_LIMIT : CF_CODE_BAD_VALUE,
                       .at = cf_yaml_text_mark(node, offset),
                       .key = key,
                   },
                   "%s", err->text);
}

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
        reader->capture_filter = node;
        reader->capture_source = reader->source;
    } else {
        refuse_filter(reader, node, offset, r, key, &err);
    }
}

/* A filter for packets of the host has no link to ask for, which libpcap alone knows. */
static void read_outside_filter(struct cf_reader *reader)
{
    const struct cf_profile *profile = reader->profile;
    struct cf_source *before = reader->source;
    struct cf_capture_filter wanted, taken;
    struct cf_error err = { 0 };
    size_t offset;
    int r;

    if (!reader->capture_filter || !profile->capture.filter ||
        !cf_capture_is_outside(profile->capture.point))
        return;
    r = cf_capture_filter_compile_outside(profile->capture.filter, SNAPLEN, &wanted, &taken,
                                          &offset, &err);
    if (r == 0) {
        cf_capture_filter_done(&wanted);
        cf_capture_filter_done(&taken);
        return;
    }
    cf_error_wrap(&err, "with point: %s",
                  profile->capture.point == CF_CAPTURE_BOTH ? "both" : "egress");
    reader->source = reader->capture_source;
    refuse_filter(reader, reader->capture_filter, offset, r, "capture.filter", &err);
    reader->source = before;
}

/* Who turns the capture off for a run (-c '') turns the secrets off with it. */
static bool is_turned_off(const struct cf_profile *profile)
{
    const struct cf_origin *origin = cf_profile_origin_find(profile, "capture.file");

    return !profile->capture.file && origin && strcmp(origin->file, CF_COMMAND_LINE) == 0;
}

static struct cf_mark mark_of(const struct cf_load *load, const struct cf_origin *origin)
{
    return (struct cf_mark) { origin->line, origin->column,
                              cf_load_source_find(load, origin->file) };
}

static void read_tls_keys(struct cf_reader *reader, const struct cf_load *load)
{
    struct cf_profile *profile = reader->profile;
    const struct cf_origin *origin = cf_profile_origin_find(profile, "capture.tls_keys");
    struct cf_finding finding = { .code = CF_CODE_BAD_VALUE, .key = "capture.tls_keys" };

    if (is_turned_off(profile))
        profile->capture.tls_keys = false;
    if (!profile->capture.tls_keys || !origin)
        return;
    finding.at = mark_of(load, origin);
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

/* Of one file there is nothing to keep. */
static void read_keep(struct cf_reader *reader, const struct cf_load *load)
{
    const struct cf_profile *profile = reader->profile;
    const struct cf_origin *origin = cf_profile_origin_find(profile, "capture.keep");

    if (profile->capture.keep <= 0 || profile->capture.max_size > 0 || !origin)
        return;
    cf_read_report(reader,
                   &(struct cf_finding) {
                       .code = CF_CODE_MISSING_KEY,
                       .key = "capture.max_size",
                       .at = mark_of(load, origin),
                   },
                   "expected this key beside 'keep', got none: without a size there is one file, "
                   "and all of it is kept");
}

void cf_read_capture_whole(struct cf_reader *reader, const struct cf_load *load)
{
    read_tls_keys(reader, load);
    read_keep(reader, load);
    read_outside_filter(reader);
}
