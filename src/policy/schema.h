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

#include "policy/unit.h"

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
    CF_TYPE_INTERFACE, /* the name of a network interface */
    CF_TYPE_RECORD,    /* a DNS record type: a name of IANA's registry, or TYPE and its number */
    CF_TYPE_SERVER,    /* ADDRESS, ADDRESS:PORT, [V6]:PORT */
    CF_TYPE_ENDPOINT,  /* [proto://]host[:ports], or a map with `to` */
    CF_TYPE_HOSTS,     /* a map: name to an address or a list of them */
    CF_TYPE_GROUPS,    /* a map: name to a list of endpoints or a file of names */
    CF_TYPE_STRINGS,   /* a map: name to text */
    CF_TYPE_DURATION,  /* 250ms, 2s, 5m, 1h; minimum and maximum: ms */
    CF_TYPE_SIZE,      /* 4096, 20GiB; minimum and maximum: bytes */
    CF_TYPE_DATE,      /* 2027-06-30; minimum and maximum: days since 1970-01-01 */
    CF_TYPE_MODE_BITS, /* 0700 */
    CF_TYPE_COUNT
};

/* What a file's value does to that of the files that it extends. */
enum cf_schema_merge {
    CF_MERGE_BY_KIND, /* maps are merged, lists appended, other values replaced */
    CF_MERGE_OWN,     /* each file has its own; nothing is inherited */
    CF_MERGE_WHOLE,   /* replaced, also when it is a list */
};

struct cf_profile;
struct cf_reader;
struct cf_writer;
struct cf_yaml_node;

struct cf_schema_key {
    const char *path; /* "dns.servers"; "egress.allow[].to" for a key of a list's maps */
    enum cf_schema_type type;
    bool list;   /* a list of the type */
    bool or_one; /* of a list: one item alone stands for a list of it */
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

    /*
     * Where the value lives in struct cf_profile, as value.h says; of a list
     * also its length. 0: it has no place, or one that only its own functions
     * know. An INTEGER that can have one value only needs none.
     */
    size_t field, count;
    /*
     * For a value that has a structure of its own (policy/read.h, policy/writer.h); NULL: by type.
     * Of a MAP: read is called behind its keys, and it is written only when shown says so.
     */
    void (*read)(struct cf_reader *reader, const struct cf_schema_key *row,
                 const struct cf_yaml_node *node, const char *key);
    void (*write)(struct cf_writer *writer, const struct cf_schema_key *row, const char *name);
    bool (*shown)(const struct cf_profile *profile);
};

/* Addresses of one name of `hosts`. */
#define CF_HOST_ADDRESSES_MAX 64

/* Endpoints that one group of `groups` lists; longer lists are files of names. */
#define CF_GROUP_MEMBERS_MAX 10000

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

/*
 * The required keys right below a map, one after the other.
 *
 * key:      the one before; NULL: find the first
 * ret_name: its name; borrowed
 *
 * Returns NULL behind the last.
 */
const struct cf_schema_key *cf_schema_next_required(const struct cf_schema_key *key,
                                                    const char *path, const char **ret_name);

/* Whether files inherit the key, so that `override` may name it; false while it is not built. */
bool cf_schema_is_inherited(const struct cf_schema_key *key);

/* "a number", "a list of endpoints" and so on, for messages. */
const char *cf_schema_describe(const struct cf_schema_key *key);

/* The item of a list: "an endpoint". */
const char *cf_schema_describe_item(const struct cf_schema_key *key);

/*
 * What one value may be, for messages: "a whole number from 1 to 10", "a
 * duration from 100ms to 1m", "1 to 64 letters, digits, '.', '_' and '-'".
 * Returns text.
 */
#define CF_SCHEMA_RANGE_SIZE 160
char *cf_schema_describe_range(const struct cf_schema_key *key, char text[CF_SCHEMA_RANGE_SIZE]);

/* Whether minimum and maximum hold for the value of a number. */
bool cf_schema_is_ranged(const struct cf_schema_key *key);
/* Whether the key is a number that can have one value only. */
bool cf_schema_is_constant(const struct cf_schema_key *key);
/* Whether text is a LABEL as the row wants it. */
bool cf_schema_is_label(const struct cf_schema_key *key, const char *text);

/* A number of the row's type as the policy writes it: "5", "2s", "64KiB". Returns text. */
char *cf_schema_format(const struct cf_schema_key *key, int64_t number, char text[CF_UNIT_SIZE]);

#endif
