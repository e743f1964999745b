/*
 * policy.c - YAML text to profile: the way in
 *
 * How this works: the bytes are checked, load.c has yaml.c make a tree of them
 * and of each file that the policy extends, and merges these. read.c makes a
 * profile of the tree and of the table in schema.c, then options.c adds what
 * the command line says, and proxy.c looks at the keys of `proxy` together.
 * Whatever step finds an error, the others that can still say something useful
 * run, and the profile is thrown away at the end. A profile without errors
 * gets the hashes of its files and is sealed, so that verdicts can be asked
 * for; analysis.c does, to find rules that do nothing.
 *
 * Where there are several files, each is read into a profile of its own first,
 * which only serves to find its errors: also those of values that another file
 * replaces.
 */
#include "policy/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "policy/analysis.h"
#include "policy/builtin.h"
#include "policy/defaults.h"
#include "policy/digest.h"
#include "policy/file.h"
#include "policy/load.h"
#include "policy/options.h"
#include "policy/read.h"
#include "policy/source.h"

#define SECONDS_PER_DAY 86400

static void cleanup_profile(struct cf_profile **profile)
{
    cf_profile_free(*profile);
}

void cf_reader_init(struct cf_reader *reader, struct cf_diagnostics *diagnostics,
                    struct cf_profile *profile)
{
    *reader = (struct cf_reader) { .diagnostics = diagnostics, .profile = profile };
    reader->work = &reader->own_work;
    cf_hash_init(&reader->rules);
}

void cf_reader_source(struct cf_reader *reader, struct cf_source *source)
{
    reader->source = source;
    reader->file = cf_profile_file(reader->profile, source->name);
    if (!reader->file)
        cf_read_out_of_memory(reader);
}

/* Read the keys of one of several files, for what is wrong with it alone. */
static void read_alone(struct cf_reader *reader, const struct cf_load_file *file)
{
    CF_CLEANUP(cleanup_profile) struct cf_profile *scratch = cf_profile_new();
    struct cf_reader alone;

    if (!scratch) {
        cf_read_out_of_memory(reader);
        return;
    }
    scratch->today = reader->profile->today;
    cf_reader_init(&alone, reader->diagnostics, scratch);
    alone.alone = true;
    alone.work = reader->work;
    cf_reader_source(&alone, file->source);
    cf_read_document(&alone, file->document.root);
    if (alone.out_of_memory)
        cf_read_out_of_memory(reader);
    cf_reader_done(&alone);
}

/*
 * Each file alone, then all of them as one tree. NULL when there is no use in
 * that: a file is missing, or there is more of something than is read.
 */
static struct cf_yaml_node *read_parents(struct cf_reader *reader, struct cf_load *load)
{
    for (size_t i = 0; i < load->n_files && !reader->work->too_much; i++)
        if (load->files[i]->good)
            read_alone(reader, load->files[i]);
    if (load->failed || cf_diagnostics_full(reader->diagnostics) || reader->work->too_much ||
        reader->out_of_memory)
        return NULL;
    *reader->work = (struct cf_read_work) { 0 };
    return cf_load_merge(load, reader);
}

static void read_keys(struct cf_reader *reader, const struct cf_yaml_node *root)
{
    cf_read_document(reader, root);
    cf_read_group_uses(reader);
    cf_read_hosts_file(reader);
    cf_read_default_name(reader);
}

/* Fill the reader's profile from the loaded files; false when there is no whole policy. */
static bool read_loaded(struct cf_reader *reader, struct cf_load *load)
{
    struct cf_yaml_node *root;

    if (!load->extends) {
        if (load->n_files == 0 || !load->files[0]->good)
            return false;
        read_keys(reader, load->files[0]->document.root);
        return true;
    }
    root = read_parents(reader, load);
    if (!root)
        return false;
    cf_diagnostics_second_look(reader->diagnostics);
    read_keys(reader, root);
    cf_diagnostics_last_look(reader->diagnostics);
    return true;
}

/*
 * The policy's text and all that it extends; false when there is no whole
 * policy. load: empty; what was read, for the analysis
 */
static bool read_policy(struct cf_reader *reader, struct cf_load *load, struct cf_source *source,
                        const struct cf_file_id *id)
{
    cf_reader_source(reader, source);
    if (reader->out_of_memory)
        return false;
    cf_diagnostics_first_look(reader->diagnostics);
    cf_load_read(load, reader, id);
    return read_loaded(reader, load);
}

/* The named file. */
struct named {
    const char *text; /* with a byte order mark, if it has one */
    size_t length;
    struct cf_source source;
    const struct cf_file_id *id; /* NULL when the text came from no file */
};

static int digest_add(struct cf_profile *profile, const char *name, const char *text, size_t length,
                      char sha256[CF_DIGEST_TEXT_SIZE], struct cf_error *err)
{
    int r = cf_digest_sha256(text, length, sha256, err);

    if (r < 0)
        return r;
    if (cf_profile_digest_add(profile, name, sha256) < 0)
        return cf_error_set(err, -ENOMEM, "no memory left for the policy");
    return 0;
}

/*
 * The hashes of the named file and of what it extends, in front of those of
 * the files that these name. A policy that is refused needs none.
 */
static int digest_files(struct cf_profile *profile, const struct named *named,
                        const struct cf_load *load, struct cf_error *err)
{
    cf_auto_free struct cf_file_digest *others = profile->digests;
    size_t n_others = profile->n_digests;
    char sha256[CF_DIGEST_TEXT_SIZE];
    int r;

    profile->digests = NULL;
    profile->n_digests = 0;
    r = digest_add(profile, named->source.name, named->text, named->length, profile->sha256, err);
    for (size_t i = 1; r == 0 && i < load->n_files; i++)
        r = digest_add(profile, load->files[i]->path, load->files[i]->text, load->files[i]->length,
                       sha256, err);
    for (size_t i = 0; i < n_others; i++) {
        if (r == 0 && cf_profile_digest_add(profile, others[i].file, others[i].sha256) < 0)
            r = cf_error_set(err, -ENOMEM, "no memory left for the policy");
        free(others[i].file);
    }
    return r;
}

/* The last step, of a profile without errors. */
static int seal(struct cf_profile *profile, struct cf_error *err)
{
    int r = cf_profile_seal(profile);

    if (r == -E2BIG)
        return cf_error_set(err, r,
                            "the rules for groups stand for too many endpoints; "
                            "put names into a names_file");
    return r < 0 ? cf_error_set(err, r, "no memory left for the policy") : 0;
}

/* What is made of what was read. */
static int finish_profile(struct cf_reader *reader, const struct named *named,
                          const struct cf_load *load, bool whole, bool analyse,
                          struct cf_error *err)
{
    int r = 0;

    if (reader->out_of_memory || reader->diagnostics->out_of_memory)
        return cf_error_set(err, -ENOMEM, "no memory left for the policy");
    if (!whole)
        r = cf_error_set(err, -EINVAL, "the policy is wrong");
    else if (named)
        r = digest_files(reader->profile, named, load, err);
    if (r == 0)
        r = seal(reader->profile, err);
    if (r == -ENOMEM || !analyse)
        return r;
    cf_read_analysis(reader, load, r == 0);
    if (reader->out_of_memory || reader->diagnostics->out_of_memory)
        return cf_error_set(err, -ENOMEM, "no memory left for the policy");
    return r;
}

/* What load and parse have in common. named: NULL for the built-in policy. */
static int make_profile(struct cf_profile *profile, struct named *named,
                        const struct cf_policy_options *options, struct cf_diagnostics *diagnostics,
                        struct cf_error *err)
{
    size_t n_errors = diagnostics->n_errors;
    struct cf_load load = { 0 };
    struct cf_reader reader;
    bool whole = true;
    int r;

    cf_reader_init(&reader, diagnostics, profile);
    profile->today = options && options->today
                         ? options->today
                         : (int32_t)(cf_clock_realtime_us() / CF_US_PER_S / SECONDS_PER_DAY);
    if (named)
        whole = read_policy(&reader, &load, &named->source, named->id);
    if (options && !reader.out_of_memory)
        cf_read_options(&reader, options);
    if (!reader.out_of_memory)
        cf_read_proxy_whole(&reader);
    whole = whole && diagnostics->n_errors == n_errors;
    if (whole && !reader.out_of_memory) {
        cf_read_capture_whole(&reader, &load);
        whole = diagnostics->n_errors == n_errors;
    }
    r = finish_profile(&reader, named, &load, whole, options && options->analyse, err);
    cf_reader_done(&reader);
    cf_load_done(&load);
    return r;
}

static int refuse_size(struct cf_diagnostics *diagnostics, const char *name, struct cf_error *err)
{
    struct cf_source source;

    cf_source_init(&source, name, NULL, 0);
    cf_diagnostics_add(diagnostics, &source, &(struct cf_finding) { .code = CF_CODE_LIMIT },
                       "expected a document of at most %zu bytes, got more", CF_POLICY_MAX);
    return cf_error_set(err, -EINVAL, "the policy is wrong");
}

/* id: of the file that the text came from; NULL when it came from none. */
static int parse(const char *text, size_t length, const char *name, const struct cf_file_id *id,
                 const struct cf_policy_options *options, struct cf_diagnostics *diagnostics,
                 struct cf_profile **ret_profile, struct cf_error *err)
{
    CF_CLEANUP(cleanup_profile) struct cf_profile *profile = NULL;
    struct named named = { .text = text, .length = length, .id = id };
    int r;

    if (length > CF_POLICY_MAX)
        return refuse_size(diagnostics, name, err);
    profile = cf_defaults_new();
    if (profile)
        profile->file = strdup(name);
    if (!profile || !profile->file)
        return cf_error_set(err, -ENOMEM, "no memory left for the policy");
    cf_source_init(&named.source, name, text, length);
    r = make_profile(profile, &named, options, diagnostics, err);
    if (r < 0)
        return r;
    *ret_profile = profile;
    profile = NULL;
    return 0;
}

int cf_policy_parse(const char *text, size_t length, const char *name,
                    const struct cf_policy_options *options, struct cf_diagnostics *diagnostics,
                    struct cf_profile **ret_profile, struct cf_error *err)
{
    return parse(text, length, name, NULL, options, diagnostics, ret_profile, err);
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
    cf_auto_close int fd = -1;
    cf_auto_free char *text = NULL;
    struct cf_file_id id;
    size_t length = 0;
    mode_t mode;
    int r;

    if (!path)
        return load_builtin(options, diagnostics, ret_profile, err);
    /* The named file may be a pipe: whoever names it waits for it. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    r = fd < 0 ? -errno : cf_file_identify(fd, &id, &mode);
    if (r == 0)
        r = cf_fd_read_all(fd, CF_POLICY_MAX, &text, &length);
    if (r == -EFBIG)
        return refuse_size(diagnostics, path, err);
    if (r < 0)
        return cf_error_errno(err, r, "cannot read policy '%s'", path);
    return parse(text, length, path, &id, options, diagnostics, ret_profile, err);
}
