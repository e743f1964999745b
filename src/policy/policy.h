/*
 * policy.h - YAML text to profile
 *
 * The one room that reads policies. Every key stands in the table of
 * policy/schema.c. Any error refuses the whole policy; nothing is skipped.
 */
#ifndef CF_POLICY_POLICY_H
#define CF_POLICY_POLICY_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "policy/diagnostic.h"
#include "profile/profile.h"

/* The file of findings and origins that come from the command line. */
#define CF_COMMAND_LINE "command line"

/* A value from the command line that beats the file; lists are in the order given. */
struct cf_policy_options {
    const char *mode;       /* NULL: not given */
    const char *log;        /* NULL: not given; "" turns the log off */
    const char *summary;    /* NULL: not given */
    const char *capture;    /* NULL: not given; "" turns the capture off */
    const char *point;      /* NULL: not given */
    const char *proxy;      /* its URL; NULL: not given */
    char *const *dns;       /* servers, replace the file's; NULL-terminated or NULL */
    char *const *interface; /* interfaces, replace the file's */
    char *const *allow;     /* endpoints, added to the file's */
    char *const *deny;
    int32_t today; /* on which `until` is judged, days since 1970-01-01; 0: the clock's, UTC */
    bool analyse;  /* also warn of rules that do nothing, or more than they seem to */
};

/*
 * Read a policy file with what the command line adds.
 *
 * path:        NULL for the built-in policy: everything allowed, audit mode
 * options:     may be NULL
 * diagnostics: initialised by the caller; findings are added
 * ret_profile: the caller's, written only when there was no error
 *
 * Returns 0, -EINVAL when the policy is wrong (diagnostics say how), or
 * -errno with a message in err when the file could not be read.
 */
int cf_policy_load(const char *path, const struct cf_policy_options *options,
                   struct cf_diagnostics *diagnostics, struct cf_profile **ret_profile,
                   struct cf_error *err);

/* The same from text; name is what messages call it. For tests and fuzzing. */
int cf_policy_parse(const char *text, size_t length, const char *name,
                    const struct cf_policy_options *options, struct cf_diagnostics *diagnostics,
                    struct cf_profile **ret_profile, struct cf_error *err);

/*
 * The profile as YAML that parses to the same profile, every key that is
 * built with its value (names of a hosts file stand under `hosts`); what has
 * neither a value nor a default is left out. With origins, `# FILE:LINE` or
 * `# default` stands behind each value, and each item of a list has its own
 * line. Returns 0 or -ENOMEM.
 */
int cf_policy_format(const struct cf_profile *profile, bool origins, struct cf_buffer *buffer);

/*
 * The same as JSON, which is YAML too and parses to the same profile. With
 * origins it is {"policy": the policy, "origins": {"egress.allow[0]":
 * {"file": FILE, "line": LINE}, "mode": {"default": true}, ...}}; what comes
 * from no line of a file (the command line) has no "line".
 */
int cf_policy_format_json(const struct cf_profile *profile, bool origins, struct cf_buffer *buffer);

/*
 * Protections that the policy language has on by default and that this
 * version does not have yet ("egress.verify_names", ...). Static.
 */
const char *const *cf_policy_not_in_force(size_t *ret_n);

#endif
