/*
 * writer.h - a policy as text: YAML or JSON, with or without origins
 *
 * The caller walks its values once; the writer knows both languages. In YAML
 * an origin is a comment behind the value; in JSON all of them stand in a map
 * of their own behind the policy. Errors stay in the buffer (cf_buffer).
 */
#ifndef CF_POLICY_WRITER_H
#define CF_POLICY_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "policy/schema.h"
#include "profile/profile.h"

#define CF_WRITER_DEPTH_MAX 16

struct cf_writer {
    struct cf_buffer *buffer;
    const struct cf_profile *profile;
    bool json, origins;

    /* the writer's own */
    struct {
        bool list, flow;
        size_t n_items;
        size_t path_length; /* of the map or list itself */
        const struct cf_origin *origin;
    } levels[CF_WRITER_DEPTH_MAX];
    unsigned depth;
    char path[512]; /* of the value that is written: "egress.allow[0]" */
    size_t path_length;
    struct cf_buffer places; /* JSON: the map of origins */
};

/* Writes one key of the table with its value. */
typedef void cf_write_fn(struct cf_writer *writer, const struct cf_schema_key *row,
                         const char *name);

/* The origin of what was written nowhere. */
extern const struct cf_origin cf_writer_default;
/* Where the key of a row was written, or cf_writer_default. */
const struct cf_origin *cf_writer_origin(const struct cf_writer *writer,
                                         const struct cf_schema_key *row);

/* Keys whose values have a structure of their own. */
cf_write_fn cf_write_hosts;
cf_write_fn cf_write_egress_allow, cf_write_egress_deny, cf_write_egress_host_ports;
cf_write_fn cf_write_egress_groups;
cf_write_fn cf_write_proxy_url, cf_write_proxy_bypass;

/* Whether there is a proxy, so that its keys are written. */
bool cf_proxy_is_shown(const struct cf_profile *profile);

/* Begins the document, which is a map. buffer and profile are borrowed. */
void cf_writer_init(struct cf_writer *writer, const struct cf_profile *profile, bool json,
                    bool origins, struct cf_buffer *buffer);
/* Ends it. Returns 0 or -ENOMEM. */
int cf_writer_done(struct cf_writer *writer);

/*
 * Begin a map or a list with n entries; cf_writer_end() ends it.
 *
 * name:   its key; NULL for an item of a list
 * flow:   on one line, as is all that is in it
 * origin: of a flow or of an empty one, printed at its end; NULL when its
 *         entries have their own
 */
void cf_writer_map(struct cf_writer *writer, const char *name, size_t n, bool flow,
                   const struct cf_origin *origin);
void cf_writer_list(struct cf_writer *writer, const char *name, size_t n, bool flow,
                    const struct cf_origin *origin);
void cf_writer_end(struct cf_writer *writer);

/*
 * Write one value, as the entry of a map (name) or the item of a list (NULL).
 * origin: NULL when it stands with what it is part of
 *
 * text:   anything, quoted where it must be
 * word:   text that is plain to every reader of YAML: "2s", "2027-06-30"
 * number, bool: what they are in both languages
 */
void cf_writer_text(struct cf_writer *writer, const char *name, const char *text,
                    const struct cf_origin *origin);
void cf_writer_word(struct cf_writer *writer, const char *name, const char *word,
                    const struct cf_origin *origin);
void cf_writer_number(struct cf_writer *writer, const char *name, int64_t number,
                      const struct cf_origin *origin);
void cf_writer_bool(struct cf_writer *writer, const char *name, bool value,
                    const struct cf_origin *origin);

#endif
