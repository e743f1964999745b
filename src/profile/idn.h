/*
 * idn.h - libidn2, loaded by the first name that is not plain ASCII
 */
#ifndef CF_PROFILE_IDN_H
#define CF_PROFILE_IDN_H

#include "base/error.h"

/*
 * The ASCII form of a name in UTF-8, as IDNA 2008 (RFC 5891) has it with the mapping of UTS #46.
 *
 * text:      borrowed; error messages quote it
 * ret_ascii: the caller's, cf_idn_free()
 *
 * Returns 0, -EINVAL when IDNA has none, -ENOMEM, or -ENOPKG when there is no libidn2.
 */
int cf_idn_to_ascii(const char *text, char **ret_ascii, struct cf_error *err);

/* The UTF-8 form of a name in ASCII, or NULL when there is none, or no libidn2. cf_idn_free(). */
char *cf_idn_to_unicode(const char *name);

/* NULL is allowed. */
void cf_idn_free(char *text);

#endif
