/*
 * man_page.h - the keys of the manual page childflow-policy(5)
 */
#ifndef CF_POLICY_MAN_PAGE_H
#define CF_POLICY_MAN_PAGE_H

#include "base/buffer.h"

/*
 * The page's section KEYS as man(7) macros, from its .SH on: each key that is
 * built with its type and default, then those that are not. What the table of
 * keys gives is what doc/childflow-policy.5 holds; the tests compare.
 *
 * Returns 0 or -ENOMEM.
 */
int cf_man_keys_write(struct cf_buffer *buffer);

#endif
