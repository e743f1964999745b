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

#define CF_MASK_MAX 256

/* What covers a socket and a folder; made by the mounts stage. */
struct cf_mask_cover {
    const char *file;
    const char *folder;
};

/* What is covered when it is found at a path. */
enum cf_mask_kind {
    CF_MASK_SOCKET,           /* from the environment: never cover a folder for it */
    CF_MASK_SOCKET_OR_FOLDER, /* a known path */
    CF_MASK_FILE,             /* of the run: whatever it is but a folder */
};

struct cf_mask_list {
    char *paths[CF_MASK_MAX];
    enum cf_mask_kind kinds[CF_MASK_MAX];
    size_t n;
};

/* Which of the list's paths were there and are covered. */
struct cf_mask_done {
    bool covered[CF_MASK_MAX];
};

/* What to look for, for this user and environment. 0 or -errno. */
int cf_mask_plan(const struct cf_identity *identity, struct cf_mask_list *ret_list,
                 struct cf_error *err);
void cf_mask_list_done(struct cf_mask_list *list);

/* Cover what exists, in this mount namespace; allocates nothing. 0 or -errno. */
int cf_mask_apply(const struct cf_mask_list *list, const struct cf_mask_cover *cover,
                  struct cf_mask_done *ret_done, struct cf_error *err);

/*
 * The same for what the run hides. hidden: absolute paths, NULL-terminated,
 * CF_SANDBOX_HIDDEN_MAX at most. ret_covered: one for each. 0 or -errno.
 */
int cf_mask_hide(const char *const *hidden, const struct cf_mask_cover *cover, bool *ret_covered,
                 struct cf_error *err);

#endif
