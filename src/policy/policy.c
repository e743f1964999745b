/*
 * policy.c - YAML text to profile: the way in
 *
 * How this works: the bytes are checked and hashed, yaml.c makes a tree of
 * them, read.c makes a profile of the tree and of the table in schema.c, then
 * options.c adds what the command line says. Whatever step finds an error,
 * the others that can still say something useful run, and the profile is
 * thrown away at the end.
 */
#include "policy/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "policy/builtin.h"
#include "policy/digest.h"
#include "policy/options.h"
#include "policy/read.h"
#include "policy/source.h"
#include "policy/yaml.h"

#define POLICY_MAX ((size_t)4 << 20)

static void cleanup_profile(struct cf_profile **profile)
{
    cf_profile_free(*profile);
}

void cf_reader_init(struct cf_reader *reader, struct cf_diagnostics *diagnostics,
                    struct cf_profile *profile)
{
    *reader = (struct cf_reader) { .diagnostics = diagnostics, .profile = profile };
    cf_hash_init(&reader->rules);
}

void cf_reader_source(struct cf_reader *reader, struct cf_source *source)
{
    reader->source = source;
    reader->file = cf_profile_file(reader->profile, source->name);
    if (!reader->file)
        cf_read_out_of_memory(reader);
}

/* Fill the reader's profile from the policy's text. */
static void read_policy(struct cf_reader *reader, struct cf_source *source)
{
    struct cf_yaml_document document = { 0 };
    int r;

    cf_reader_source(reader, source);
    if (reader->out_of_memory || cf_source_check(source, reader->diagnostics) < 0)
        return;
    r = cf_yaml_read(source, reader->diagnostics, &document);
    if (r == -ENOMEM)
        cf_read_out_of_memory(reader);
    if (r < 0)
        return;
    cf_read_document(reader, document.root);
    cf_read_hosts_file(reader);
    cf_read_default_name(reader);
    cf_yaml_document_done(&document);
}

/* What load and parse have in common. source: NULL for the built-in policy. */
static int make_profile(struct cf_profile *profile, struct cf_source *source,
                        const struct cf_policy_options *options, struct cf_diagnostics *diagnostics,
                        struct cf_error *err)
{
    size_t n_errors = diagnostics->n_errors;
    struct cf_reader reader;
    bool out_of_memory;

    cf_reader_init(&reader, diagnostics, profile);
    if (source)
        read_policy(&reader, source);
    if (options && !reader.out_of_memory)
        cf_read_options(&reader, options);
    out_of_memory = reader.out_of_memory || diagnostics->out_of_memory;
    cf_reader_done(&reader);
    if (out_of_memory)
        return cf_error_set(err, -ENOMEM, "no memory left for the policy");
    if (diagnostics->n_errors > n_errors)
        return cf_error_set(err, -EINVAL, "the policy is wrong");
    return 0;
}

static int refuse_size(struct cf_diagnostics *diagnostics, const char *name, struct cf_error *err)
{
    struct cf_source source;

    cf_source_init(&source, name, NULL, 0);
    cf_diagnostics_add(diagnostics, CF_SEVERITY_ERROR, &source, (struct cf_mark) { 0 }, NULL,
                       "expected a document of at most %zu bytes, got more", POLICY_MAX);
    return cf_error_set(err, -EINVAL, "the policy is wrong");
}

int cf_policy_parse(const char *text, size_t length, const char *name,
                    const struct cf_policy_options *options, struct cf_diagnostics *diagnostics,
                    struct cf_profile **ret_profile, struct cf_error *err)
{
    CF_CLEANUP(cleanup_profile) struct cf_profile *profile = NULL;
    struct cf_source source;
    int r;

    if (length > POLICY_MAX)
        return refuse_size(diagnostics, name, err);
    profile = cf_profile_new();
    if (profile)
        profile->file = strdup(name);
    if (!profile || !profile->file)
        return cf_error_set(err, -ENOMEM, "no memory left for the policy");
    r = cf_digest_sha256(text, length, profile->sha256, err);
    if (r < 0)
        return r;
    if (cf_profile_digest_add(profile, name, profile->sha256) < 0)
        return cf_error_set(err, -ENOMEM, "no memory left for the policy");
    cf_source_init(&source, name, text, length);
    r = make_profile(profile, &source, options, diagnostics, err);
    if (r < 0)
        return r;
    *ret_profile = profile;
    profile = NULL;
    return 0;
}

static int load_builtin(const struct cf_policy_options *options, struct cf_diagnostics *diagnostics,
                        struct cf_profile **ret_profile, struct cf_error *err)
{
    CF_CLEANUP(cleanup_profile) struct cf_profile *profile = cf_builtin_new();
    int r;

    if (!profile)
        return cf_error_set(err, -ENOMEM, "no memory left for the policy");
    r = make_profile(profile, NULL, options, diagnostics, err);
    if (r < 0)
        return r;
    *ret_profile = profile;
    profile = NULL;
    return 0;
}

int cf_policy_load(const char *path, const struct cf_policy_options *options,
                   struct cf_diagnostics *diagnostics, struct cf_profile **ret_profile,
                   struct cf_error *err)
{
    cf_auto_free char *text = NULL;
    size_t length = 0;
    int r;

    if (!path)
        return load_builtin(options, diagnostics, ret_profile, err);
    r = cf_fd_read_file(path, POLICY_MAX, &text, &length);
    if (r == -EFBIG)
        return refuse_size(diagnostics, path, err);
    if (r < 0)
        return cf_error_errno(err, r, "cannot read policy '%s'", path);
    return cf_policy_parse(text, length, path, options, diagnostics, ret_profile, err);
}
