/*
 * yaml.h - YAML text to a tree of nodes that know their place
 *
 * What YAML has and a policy may not use is refused here: tags, a second
 * document, keys that are not text, duplicate keys, aliases that expand past
 * CF_YAML_EXPANDED_MAX nodes, more than CF_YAML_ANCHORS_MAX anchors, nesting
 * past CF_YAML_DEPTH_MAX, more than CF_YAML_NODES_MAX nodes in all files of a
 * policy, and what guard.h names. Reading ends with the finding that makes
 * cf_diagnostics_full().
 */
#ifndef CF_POLICY_YAML_H
#define CF_POLICY_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/diagnostic.h"
#include "policy/source.h"

#define CF_YAML_DEPTH_MAX 64
#define CF_YAML_EXPANDED_MAX 10000
#define CF_YAML_ANCHORS_MAX 1000
/* Written out; the longest lists that the table allows, all together, have fewer. */
#define CF_YAML_NODES_MAX ((size_t)150000)
#define CF_YAML_SCALAR_MAX ((size_t)65536)
/* A scalar counts as one more node for each so many bytes, so that memory is bounded too. */
#define CF_YAML_SCALAR_UNIT 256

enum cf_yaml_kind {
    CF_YAML_SCALAR,
    CF_YAML_LIST,
    CF_YAML_MAP,
};

struct cf_yaml_node {
    enum cf_yaml_kind kind;
    struct cf_mark mark;
    char *text; /* SCALAR; holds no NUL; part of the node's memory */
    bool plain; /* SCALAR: written without quotes */
    bool again; /* SCALAR: a key that its map had before, which has been reported */
    /*
     * SCALAR: where the first byte of text stands in its line, when the text
     * stands there byte by byte; 0 when it was folded or escaped.
     */
    unsigned text_column;
    struct cf_yaml_node **items; /* LIST: the items; MAP: key, value, key, value */
    size_t n_items;              /* LIST: items; MAP: twice the pairs */
    unsigned *places;            /* LIST that was merged: where each item stands in its own list */
    char *compared;              /* SCALAR: a key as merge.c compares it, once it has */
    size_t n_expanded;           /* this node and all below, aliases expanded */
};

struct cf_yaml_document {
    struct cf_yaml_node *root;   /* NULL when the document is empty */
    struct cf_yaml_node **nodes; /* owns every node once; aliases share theirs */
    size_t n_nodes, capacity;
};

/* What has been read so far of all files of a policy; begins as zero. */
struct cf_yaml_count {
    size_t n_nodes;
    size_t n_expanded; /* nodes that aliases stand for */
};

/*
 * Read the one document of source, which cf_source_check() has passed.
 * Findings are added, and count goes on; source and its text outlive the tree.
 * Returns 0 when there is a tree, even with findings;
 * -EINVAL when there is none; -ENOMEM.
 */
int cf_yaml_read(struct cf_source *source, struct cf_diagnostics *diagnostics,
                 struct cf_yaml_count *count, struct cf_yaml_document *ret_document);
void cf_yaml_document_done(struct cf_yaml_document *document);

/*
 * One more node without items, owned by document; NULL when out of memory.
 * text: of a scalar, copied; NULL of others
 */
struct cf_yaml_node *cf_yaml_node_new(struct cf_yaml_document *document, enum cf_yaml_kind kind,
                                      struct cf_mark mark, const char *text);

/* Whether the node says nothing: an empty plain scalar, `~` or `null`. */
bool cf_yaml_is_null(const struct cf_yaml_node *node);

/* Where an item of a list stands in the list that it was written in, from 0. */
size_t cf_yaml_item_place(const struct cf_yaml_node *list, size_t item);

/* The place of a byte of a scalar's text, or of the node when that is not known. */
struct cf_mark cf_yaml_text_mark(const struct cf_yaml_node *node, size_t offset);

#endif
