/*
 * mask.h - the sockets that lead around the network namespace, and what the run hides
 *
 * Private to the room.
 */
#ifndef CF_SANDBOX_MASK_H
#define CF_SANDBOX_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "sandbox/sandbox.h"

/* So many fit; a host with more listening sockets is refused. */
#define CF_MASK_MAX 2048
#define CF_MASK_TOPS_MAX 16

/* What covers a socket and a folder; made by the mounts stage. */
struct cf_mask_cover {
    const char *file;
    const char *folder;
};

/* What is left out or covered when it is found at a path. */
enum cf_mask_kind {
    CF_MASK_SOCKET,           /* from the environment: never a folder */
    CF_MASK_SOCKET_OR_FOLDER, /* a known path; one that ends in '*' is the beginning of some */
    CF_MASK_FILE,             /* of the run (hide.h): whatever it is */
    CF_MASK_LISTENER,         /* found by sweep.h: a socket and nothing else */
};

/* A folder that the command gets one of its own for (view.h). */
struct cf_mask_top {
    char *path;
    const char
        *as; /* what the list calls it: /run for a /var/run beside it, and for other mounts */
};

struct cf_mask_list {
    char *paths[CF_MASK_MAX];
    enum cf_mask_kind kinds[CF_MASK_MAX];
    bool inside[CF_MASK_MAX]; /* a top: left out there; else covered where it is */
    size_t n_known, n;        /* what was found stands behind what is known, sorted */
    struct cf_mask_top tops[CF_MASK_TOPS_MAX]; /* one that lies in another comes behind it */
    size_t n_tops;
    bool cgroups_delegated; /* the host's: cgroups.h */
};

/* Which of the list's paths were there and are hidden. */
struct cf_mask_done {
    bool covered[CF_MASK_MAX];
    bool
        linked; /* some of these sockets has another name, at which it may be reached; the first: */
    size_t linked_row;
    bool movable; /* something that is covered could be moved (movable.h) */
};

/* What to look for, for this user, environment and host (known.c). 0 or -errno. */
int cf_mask_plan(const struct cf_identity *identity, struct cf_mask_list *ret_list,
                 struct cf_error *err);
void cf_mask_list_done(struct cf_mask_list *list);

/* What becomes of an entry of a top, or of a folder in it. */
enum cf_mask_verdict {
    CF_MASK_SHOW,
    CF_MASK_FOLLOW, /* a link, which is shown: what is listed behind it is elsewhere */
    CF_MASK_LEAVE_OUT,
    CF_MASK_REPLACE, /* a folder that has something to leave out */
    CF_MASK_TOP,     /* a top itself */
};

/*
 * path:    as the list has it
 * type:    DT_DIR, DT_LNK, DT_SOCK and so on (readdir(3))
 * ret_row: set when a row of the list leaves it out, else CF_MASK_MAX
 */
enum cf_mask_verdict cf_mask_judge(const struct cf_mask_list *list, const char *path, int type,
                                   size_t *ret_row);

/* Take path over, which is NULL without memory. 0, -ENOMEM or -ENOSPC. */
int cf_mask_add(struct cf_mask_list *list, char *path, enum cf_mask_kind kind);

/* The rest of path behind folder and a slash; "" when they are the same, NULL when it is elsewhere.
 */
const char *cf_mask_below(const char *path, const char *folder);

/* Whether what is known hides path already, or a folder that it is in. */
bool cf_mask_hides(const struct cf_mask_list *list, const char *path);

/* A path as the list has it: without "//", "/." and a slash at the end, and below /run for
 * /var/run. */
void cf_mask_tidy(char *path);

/* The row of a socket that is hidden has a file with so many names. */
void cf_mask_note_links(struct cf_mask_done *done, size_t row, unsigned long links);

/* Whether an absolute path lies below a top. */
bool cf_mask_is_inside(const struct cf_mask_list *list, const char *path);

/* Path is a link that leads elsewhere: what is listed at and below it is to be covered there. */
void cf_mask_leads_out(struct cf_mask_list *list, const char *path);

/* Cover what exists and is not inside a top, in this mount namespace; allocates nothing. 0 or
 * -errno. */
int cf_mask_apply(const struct cf_mask_list *list, const struct cf_mask_cover *cover,
                  struct cf_mask_done *ret_done, struct cf_error *err);

#endif
