/*
 * load.h - a policy's file and all that it extends, as one tree
 */
#ifndef CF_POLICY_LOAD_H
#define CF_POLICY_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/file.h"
#include "policy/merge.h"
#include "policy/read.h"
#include "policy/source.h"
#include "policy/yaml.h"

/* Bytes of all files of a policy. */
#define CF_POLICY_MAX ((size_t)4 << 20)
/* Files of a policy, and how far the last is from the one that was named. */
#define CF_POLICY_FILES_MAX 64
#define CF_POLICY_DEPTH_MAX 8

struct cf_load_file {
    char *path; /* as messages and the log have it */
    char *text; /* NULL: the named file's, which is the caller's */
    size_t length;
    struct cf_source *source; /* that of the marks: the caller's of the named file, else own */
    struct cf_source own_source;
    struct cf_yaml_document document;
    bool good; /* the document was read */
    struct cf_file_id id;
    bool has_id;                   /* text that came from no file has none */
    bool open;                     /* its parents are being read */
    struct cf_load_file *child;    /* what it is read for */
    struct cf_load_file **parents; /* in the order of `extends` */
    size_t n_parents;
    unsigned height;             /* files in the longest chain above it */
    struct cf_yaml_node *merged; /* NULL before it is made */
};

struct cf_load {
    struct cf_load_file *files[CF_POLICY_FILES_MAX]; /* the named one first */
    size_t n_files;
    size_t n_bytes;
    struct cf_yaml_count count;
    struct cf_merge merge;
    bool failed;  /* a file of it cannot be merged */
    bool extends; /* the named file has parents, read or not */
};

/*
 * Read the named file's tree, and every file that it extends.
 *
 * reader: gets findings; its source is the named file
 * id:     of the named file; NULL when the text came from none
 *
 * The source and what it points at outlive load. Failures are reported and
 * leave load->failed.
 */
void cf_load_read(struct cf_load *load, struct cf_reader *reader, const struct cf_file_id *id);

/* The tree of the named file on top of its parents, or NULL with the error reported. */
struct cf_yaml_node *cf_load_merge(struct cf_load *load, struct cf_reader *reader);

/* What was read from the file of this name, as origins have it; NULL: the command line, say. */
struct cf_source *cf_load_source_find(const struct cf_load *load, const char *name);

void cf_load_done(struct cf_load *load);

/* The row of a key that `override` may name, or NULL. */
const struct cf_schema_key *cf_override_find(const char *text);

/* The name of the one group that text names for `override`, borrowed from text, or NULL. */
const char *cf_override_group(const char *text);

#endif
