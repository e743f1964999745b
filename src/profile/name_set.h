/*
 * name_set.h - every name of the policy
 *
 * Names of rules, of group members, of `names_file`s and of `hosts`, each
 * with the one that it belongs to. Made for a million names of files: text,
 * owner and place take some fifty bytes a name, a third of which is room.
 */
#ifndef CF_PROFILE_NAME_SET_H
#define CF_PROFILE_NAME_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/endpoint.h"
#include "profile/name_record.h"

struct cf_name_set;

/* Whom an entry belongs to, and what its value is then. */
enum {
    CF_NAME_OF_RULES, /* a node of the index */
    CF_NAME_OF_HOSTS, /* a place in profile->hosts */
    CF_NAME_OF_GROUP, /* this and every number above: of the n-th group's file, at this line */
};

/* One entry of a name: the same name of two owners has two. */
struct cf_name_key {
    enum cf_host_kind kind; /* NAME, ONE or MANY */
    uint32_t owner;
    const char *name; /* normalised, without the stars */
    size_t length;
};

/* Files whose names are looked for at once, and the most entries that one look-up can find. */
#define CF_NAME_FILES_MAX 128
#define CF_NAME_LABELS_MAX 127
#define CF_NAME_HITS_MAX (CF_NAME_LABELS_MAX + 2 + CF_NAME_FILES_MAX)

#define CF_NODE_NONE UINT32_MAX

/* An entry that matches a name. */
struct cf_name_hit {
    uint32_t owner;
    uint32_t node; /* of the index; NONE for the owner HOSTS */
    uint32_t line; /* of the file; 0: no file's */
    unsigned host; /* how specific it is: the host's part of a rank (match.h) */
};

/* NULL when out of memory. */
struct cf_name_set *cf_name_set_new(void);
void cf_name_set_free(struct cf_name_set *set);

/* Room for so many names of files more, so that adding them moves nothing; 0 or -ENOMEM. */
int cf_name_set_expect(struct cf_name_set *set, size_t n_names);

/*
 * Add an entry, unless it is there: then its value stays and ret_added is
 * false. A name of a file is always added, and told from those before it when
 * the set is sealed. Returns 0 or -ENOMEM.
 */
int cf_name_set_add(struct cf_name_set *set, const struct cf_name_key *key, uint32_t value,
                    bool *ret_added);

/*
 * Get the names of files ready to be found, those of one group once: at its
 * first line. Adding one opens the set again.
 *
 * dropped: called with the owner of each name that is not kept
 *
 * Returns 0 or -ENOMEM.
 */
int cf_name_set_seal(struct cf_name_set *set, void (*dropped)(void *data, uint32_t owner),
                     void *data);

/* The value of an entry of rules or hosts; false when there is none. */
bool cf_name_set_get(const struct cf_name_set *set, const struct cf_name_key *key,
                     uint32_t *ret_value);
/* Change the value of an entry that is there. */
void cf_name_set_put(struct cf_name_set *set, const struct cf_name_key *key, uint32_t value);

/*
 * The name of a file at *place, and the place of the next one; 0 is the first.
 * Their order depends on nothing but the names. The name has no NUL behind it.
 * False at the end.
 */
bool cf_name_set_next(const struct cf_name_set *set, uint64_t *place, struct cf_name_key *ret_key);

/* Give the entries of rules behind a mark the values that stand at theirs in the table. */
void cf_name_set_renumber(struct cf_name_set *set, size_t mark, const uint32_t *table);

/* What was added last stands behind the mark; rewind forgets it. */
size_t cf_name_set_mark(const struct cf_name_set *set);
void cf_name_set_rewind(struct cf_name_set *set, size_t mark);

/* A suffix of a name that is looked up. */
struct cf_name_probe {
    uint64_t hash;
    uint8_t first, labels; /* where it begins in the name, and how many it has */
    uint8_t kinds;         /* that could match, as a mask, of entries in the slots */
    uint8_t file_kinds;    /* and of files' */
};

/* A name on its way through the set. */
struct cf_name_lookup {
    unsigned n_probes;
    unsigned length;
    const uint8_t *name; /* the caller's, or in the pad */
    struct cf_name_pad pad;
    struct cf_name_probe probes[CF_NAME_LABELS_MAX];
};

/*
 * Begin to look a name up: from here to cf_name_set_find() the memory that it
 * needs is on its way, and other work costs no time.
 *
 * name: borrowed until then
 */
void cf_name_set_start(const struct cf_name_set *set, const char *name, size_t length,
                       struct cf_name_lookup *ret_lookup);

/*
 * Every entry that matches the name; of one group only the most specific.
 *
 * nodes: the node of each group's rules, NONE for a group that is not looked
 *        for; at most CF_NAME_FILES_MAX are
 *
 * Returns how many. Allocates nothing.
 */
unsigned cf_name_set_find(const struct cf_name_set *set, const struct cf_name_lookup *lookup,
                          const uint32_t *nodes, struct cf_name_hit hits[CF_NAME_HITS_MAX]);

#endif
