/*
 * schema.h - the one table of every key of the policy language
 *
 * The parser, the defaults that are shown, the messages, the JSON schema and
 * the manual page all read this table, so that they cannot disagree.
 */
#ifndef CF_POLICY_SCHEMA_H
#define CF_POLICY_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cf_schema_type {
    CF_TYPE_MAP,       /* its keys are rows of their own: PATH.KEY, or PATH[].KEY in a list */
    CF_TYPE_STRING,    /* minimum and maximum: bytes */
    CF_TYPE_LABEL,     /* letters, digits, '.', '_', '-' */
    CF_TYPE_KEY,       /* a key of this table that is inherited */
    CF_TYPE_BOOL,      /* true, false */
    CF_TYPE_INTEGER,   /* minimum and maximum: the value */
    CF_TYPE_CHOICE,    /* one of values */
    CF_TYPE_PATH,      /* a file to read, beside the policy */
    CF_TYPE_PATTERN,   /* a file to write, with placeholders */
    CF_TYPE_HOST_NAME, /* a name without wildcards */
    CF_TYPE_SERVER,    /* ADDRESS, ADDRESS:PORT, [V6]:PORT */
    CF_TYPE_ENDPOINT,  /* [proto://]host[:ports], or a map with `to` */
    CF_TYPE_HOSTS,     /* a map: name to an address or a list of them */
    CF_TYPE_GROUPS,    /* a map: name to a list of endpoints or a file of names */
    CF_TYPE_STRINGS,   /* a map: name to text */
    CF_TYPE_DURATION,  /* 250ms, 2s, 5m, 1h */
    CF_TYPE_SIZE,      /* 4096, 20GiB */
    CF_TYPE_DATE,      /* 2027-06-30 */
    CF_TYPE_MODE_BITS, /* 0700 */
    CF_TYPE_COUNT
};

/* What a file's value does to that of the files that it extends. */
enum cf_schema_merge {
    CF_MERGE_BY_KIND, /* maps are merged, lists appended, other values replaced */
    CF_MERGE_OWN,     /* each file has its own; nothing is inherited */
    CF_MERGE_WHOLE,   /* replaced, also when it is a list */
};

struct cf_schema_key {
    const char *path; /* "dns.servers"; "egress.allow[].to" for a key of a list's maps */
    enum cf_schema_type type;
    bool list; /* a list of the type */
    bool required;
    enum cf_schema_merge merge;
    bool protection;           /* on by default: named in the summary while it is not built */
    const char *unit;          /* of a number; NULL when it has none */
    int64_t minimum, maximum;  /* both 0: any */
    size_t min_items;          /* of a list */
    size_t max_items;          /* of a list or of a map with free names; 0: no limit of its own */
    const char *const *values; /* CHOICE: in the order of the enum, NULL-terminated */
    const char *fallback;      /* the default as YAML; NULL when there is none */
    const char *since;         /* first version that has it; NULL: not built in this version */
    const char *help;          /* one line */
};

/* Addresses of one name of `hosts`. */
#define CF_HOST_ADDRESSES_MAX 64

/* Every row; a map stands in front of its keys. */
const struct cf_schema_key *cf_schema_keys(size_t *ret_n);

/* NULL when there is no such key. */
const struct cf_schema_key *cf_schema_find(const char *path);

/*
 * The names of the keys right below a map ("" for the top).
 *
 * names: room for max names; borrowed, NULL behind the last when there is room
 *
 * Returns how many there are.
 */
#define CF_SCHEMA_CHILDREN_MAX 32
size_t cf_schema_children(const char *path, const char *names[CF_SCHEMA_CHILDREN_MAX]);

/* Whether files inherit the key, so that `override` may name it; false while it is not built. */
bool cf_schema_is_inherited(const struct cf_schema_key *key);

/* "a number", "a list of endpoints" and so on, for messages. */
const char *cf_schema_describe(const struct cf_schema_key *key);

/* The item of a list: "an endpoint". */
const char *cf_schema_describe_item(const struct cf_schema_key *key);

#endif
