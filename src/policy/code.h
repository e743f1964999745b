/*
 * code.h - the kinds of findings, by names that do not change
 */
#ifndef CF_POLICY_CODE_H
#define CF_POLICY_CODE_H

enum cf_severity {
    CF_SEVERITY_ERROR,
    CF_SEVERITY_WARNING,
};

enum cf_code {
    /* Errors. */
    CF_CODE_SYNTAX,
    CF_CODE_UNKNOWN_KEY,
    CF_CODE_NOT_BUILT,
    CF_CODE_MISSING_KEY,
    CF_CODE_UNKNOWN_GROUP,
    CF_CODE_DUPLICATE_KEY,
    CF_CODE_BAD_VALUE,
    CF_CODE_LIMIT,
    CF_CODE_UNREADABLE,
    /* Warnings of reading. */
    CF_CODE_NEAR_GROUP,
    CF_CODE_DUPLICATE_VALUE,
    CF_CODE_EXPIRED,
    /* Warnings of the analysis of rules. */
    CF_CODE_DUPLICATE_RULE,
    CF_CODE_EMPTY_GROUP,
    CF_CODE_SHADOWED,
    CF_CODE_UNREACHABLE,
    CF_CODE_REDUNDANT,
    CF_CODE_OVER_WIDE,
    CF_CODE_QUIC,
    CF_CODE_PINNED,
    CF_CODE_RESOLVER_PORT,
    CF_CODE_PROXY_DNS,
    CF_CODE_PROXY_BYPASS,
    CF_CODE_NOT_ANALYSED,
    CF_CODE_COUNT
};

/* "unknown-key"; static, as are the others. */
const char *cf_code_name(enum cf_code code);
/* What is wrong, in a few words, and what to do about it, in a sentence or two. */
const char *cf_code_title(enum cf_code code);
const char *cf_code_help(enum cf_code code);

enum cf_severity cf_code_severity(enum cf_code code);

#endif
