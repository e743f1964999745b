/*
 * read.h - tree and table to profile: what the readers of single keys share
 *
 * Each reader takes the row of the table, the node that was written, and the
 * key as messages name it ("egress.allow[2]", "--allow"). It reports what is
 * wrong and goes on, so that all errors of a file come in one go.
 */
#ifndef CF_POLICY_READ_H
#define CF_POLICY_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "policy/diagnostic.h"
#include "policy/schema.h"
#include "policy/source.h"
#include "policy/yaml.h"
#include "profile/profile.h"

/* Longest key in a message, with its NUL; longer ones are cut. */
#define CF_KEY_SIZE 192

/* A rule that names a group, which may stand anywhere in the policy. */
struct cf_group_use {
    struct cf_source *source;
    struct cf_mark at;
    char *key;
    char *name;
};

/* What is bounded because it takes long, over all files that are read one by one. */
struct cf_read_work {
    size_t endpoints;
    size_t names;    /* cf_name_work() of what was normalised */
    size_t compared; /* names of groups with one that is unknown */
    bool too_much;   /* of endpoints or names, which has been reported */
};

#define CF_READ_ENDPOINTS_MAX ((size_t)30000)
#define CF_READ_NAMES_MAX ((size_t)200000)
/* With more of them an unknown name gets no suggestion. */
#define CF_READ_COMPARED_MAX 5000

struct cf_reader {
    struct cf_source *source; /* what is being read */
    struct cf_diagnostics *diagnostics;
    struct cf_profile *profile;
    const char *file;                      /* the profile's copy of source->name */
    const struct cf_yaml_node *hosts_file; /* read last, behind `hosts` */
    const struct cf_yaml_node *proxy;      /* looked at as a whole when all has been read */
    struct cf_source *proxy_source;        /* of marks in it that name none */
    const struct cf_yaml_node *capture_filter; /* likewise, beside capture.point */
    struct cf_source *capture_source;
    struct cf_source *origin_source;       /* of a mark that named its own: the last one, */
    const char *origin_file;               /* and the profile's copy of its name */
    struct cf_hash rules;                  /* those read so far, to find doubles */
    struct cf_group_use *group_uses;       /* group:NAME of rules that were not looked up yet */
    size_t n_group_uses;
    size_t names_bytes, names_lines; /* of all names files so far */
    struct cf_read_work own_work, *work;
    /* One file of several by itself: what others or further files say is not known here. */
    bool alone;
    bool out_of_memory;
};

typedef void cf_read_fn(struct cf_reader *reader, const struct cf_schema_key *row,
                        const struct cf_yaml_node *node, const char *key);

void cf_reader_init(struct cf_reader *reader, struct cf_diagnostics *diagnostics,
                    struct cf_profile *profile);
void cf_reader_done(struct cf_reader *reader);
/* Read from another source from now on. */
void cf_reader_source(struct cf_reader *reader, struct cf_source *source);

/* Every key of the document, and that none is missing; root may be NULL. */
void cf_read_document(struct cf_reader *reader, const struct cf_yaml_node *root);
/* One value by its row's reader; key is what messages call it. */
cf_read_fn cf_read_value;
/* Take `name` from the file's name when the policy has none. */
void cf_read_default_name(struct cf_reader *reader);

/* Report a value that the key cannot have, at a node or at a place; any other finding. */
void cf_read_error(struct cf_reader *reader, struct cf_mark at, const char *key, const char *fmt,
                   ...) __attribute__((format(printf, 4, 5)));
void cf_read_report(struct cf_reader *reader, const struct cf_finding *finding, const char *fmt,
                    ...) __attribute__((format(printf, 3, 4)));
/* "expected WHAT, got 'the node'". */
void cf_read_unexpected(struct cf_reader *reader, const struct cf_yaml_node *node, const char *key,
                        const char *what);
void cf_read_out_of_memory(struct cf_reader *reader);

/* A place as the profile keeps it. */
struct cf_origin cf_read_origin(struct cf_reader *reader, struct cf_mark at);

/* The text of a further file, and its path as messages and the log have it. */
struct cf_read_file {
    char *path;
    char *text; /* a NUL stands behind it */
    size_t length;
};

/*
 * Read the regular file that a node names, relative to the file that the node
 * was written in, and put its hash into the profile.
 *
 * limit:    bytes
 * ret_file: for cf_read_file_done()
 *
 * True when it was read; otherwise the error has been reported.
 */
bool cf_read_file(struct cf_reader *reader, const struct cf_yaml_node *node, const char *key,
                  size_t limit, struct cf_read_file *ret_file);
void cf_read_file_done(struct cf_read_file *file);

/* The path alone: the caller's, NULL when out of memory. */
char *cf_read_path(struct cf_reader *reader, const struct cf_yaml_node *node);
/* Whether the file of such a path lies outside the folder of the policy that names it. */
bool cf_read_is_foreign(struct cf_reader *reader, const struct cf_yaml_node *node,
                        const char *path);
/* Report that the file of a node could not be read: -errno of cf_file_open(). */
void cf_read_unreadable(struct cf_reader *reader, const struct cf_yaml_node *node, const char *key,
                        const char *path, int r);

/*
 * Whether a name, or an endpoint, may still be read. Where there are too many
 * of them (of names: of international ones), the first of these is reported.
 */
bool cf_read_affords_name(struct cf_reader *reader, const char *text, struct cf_mark at,
                          const char *key);
bool cf_read_affords_endpoint(struct cf_reader *reader, const struct cf_yaml_node *node,
                              const char *key);

/* Scalars. True when the value is good; otherwise the error has been reported. */
bool cf_read_text(struct cf_reader *reader, const struct cf_schema_key *row,
                  const struct cf_yaml_node *node, const char *key, const char **ret_text);
bool cf_read_bool(struct cf_reader *reader, const struct cf_yaml_node *node, const char *key,
                  bool *ret_value);
bool cf_read_integer(struct cf_reader *reader, const struct cf_schema_key *row,
                     const struct cf_yaml_node *node, const char *key, int64_t *ret_value);
/* DURATION, SIZE, DATE, MODE_BITS, as the row's type says. */
bool cf_read_unit(struct cf_reader *reader, const struct cf_schema_key *row,
                  const struct cf_yaml_node *node, const char *key, int64_t *ret_value);
bool cf_read_label(struct cf_reader *reader, const struct cf_schema_key *row,
                   const struct cf_yaml_node *node, const char *key, const char **ret_text);
bool cf_read_choice(struct cf_reader *reader, const struct cf_schema_key *row,
                    const struct cf_yaml_node *node, const char *key, unsigned *ret_value);
/* A copy in *field, which is freed first; empty text is NULL. */
void cf_read_copy(struct cf_reader *reader, const char *text, char **field);
/* That node is a list within the row's limit. */
bool cf_read_list(struct cf_reader *reader, const struct cf_schema_key *row,
                  const struct cf_yaml_node *node, const char *key);
/* That node is a map with free names within the row's limit; what: its entries, for the message. */
bool cf_read_free_map(struct cf_reader *reader, const struct cf_schema_key *row,
                      const struct cf_yaml_node *node, const char *key, const char *what);

/* "PARENT.NAME" or "PARENT[INDEX]", without what would act on a terminal. Returns text. */
char *cf_key_child(const char *parent, const char *name, char text[CF_KEY_SIZE]);
char *cf_key_item(const char *parent, size_t index, char text[CF_KEY_SIZE]);

/*
 * The row of a key that stands in a map. NULL, with the error reported, when
 * the key is unknown or not built in this version.
 *
 * path:  the map in the table, "" for the top: "egress", "egress.allow[]"
 * key:   the map in messages: "egress", "egress.allow[2]"
 * shown: set to the key's own name in messages
 */
const struct cf_schema_key *cf_read_key(struct cf_reader *reader, const struct cf_yaml_node *name,
                                        const char *path, const char *key, char shown[CF_KEY_SIZE]);
/* Report each required key of the map that is not there; map may be NULL. */
void cf_read_required(struct cf_reader *reader, const struct cf_yaml_node *map, const char *path,
                      const char *key);

/* Keys whose values have a structure of their own. */
cf_read_fn cf_read_extends, cf_read_override;
cf_read_fn cf_read_hosts, cf_read_hosts_file_key, cf_read_command;
cf_read_fn cf_read_egress_allow, cf_read_egress_deny, cf_read_egress_host_ports;
cf_read_fn cf_read_egress_interface;
cf_read_fn cf_read_egress_groups;
cf_read_fn cf_read_capture_filter;
/* What the keys of `capture` must have of each other, of a policy that is right so far. */
struct cf_load;
void cf_read_capture_whole(struct cf_reader *reader, const struct cf_load *load);
cf_read_fn cf_read_proxy_url, cf_read_proxy_username, cf_read_proxy_password_env;
cf_read_fn cf_read_proxy_password_file, cf_read_proxy_ca_file, cf_read_proxy_bypass;
/* Of the map itself, when its keys have been read. */
cf_read_fn cf_read_proxy;
/* What the keys of `proxy` must have of each other; the last step. */
void cf_read_proxy_whole(struct cf_reader *reader);

/*
 * Warn when the same stands in the policy already; otherwise remember it.
 *
 * what: "rule", for the message
 * text: "KIND TEXT": the same for the same; what is behind the first blank is
 *       quoted. Taken over; NULL: memory is out
 */
void cf_read_once(struct cf_reader *reader, const char *what, char *text, struct cf_mark at,
                  const char *key);

/* Remember that a rule names a group; report those that name none, and forget them. */
void cf_read_group_use(struct cf_reader *reader, const char *name, struct cf_mark at,
                       const char *key);
void cf_read_group_uses(struct cf_reader *reader);
void cf_group_uses_free(struct cf_reader *reader);

/* The names of the file that node names, into the group. */
void cf_read_names_file(struct cf_reader *reader, struct cf_group *group,
                        const struct cf_yaml_node *node, const char *key);

/* Merge the file that reader->hosts_file names; does nothing when there is none. */
void cf_read_hosts_file(struct cf_reader *reader);

/* The endpoint that a scalar is; false when it was refused. */
bool cf_read_endpoint(struct cf_reader *reader, const struct cf_yaml_node *node, const char *key,
                      struct cf_endpoint *ret_endpoint);

/*
 * As cf_read_endpoint(), for any node, and for no list of egress.groups: `no_list` says why
 * there is none here.
 */
bool cf_read_endpoint_alone(struct cf_reader *reader, const struct cf_yaml_node *node,
                            const char *key, const char *no_list,
                            struct cf_endpoint *ret_endpoint);

/*
 * A name of `hosts` or of the hosts file, normalised; false when it was
 * refused. One more address for such a name.
 */
bool cf_read_host_name(struct cf_reader *reader, const char *text, struct cf_mark at,
                       const char *key, char ret_name[CF_NAME_SIZE]);
void cf_read_host_addr(struct cf_reader *reader, const char *name, const char *text,
                       struct cf_mark at, const char *key);

#endif
