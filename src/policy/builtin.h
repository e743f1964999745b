/*
 * builtin.h - the policy that is in force when none is given
 */
#ifndef CF_POLICY_BUILTIN_H
#define CF_POLICY_BUILTIN_H

#include "profile/profile.h"

/* Everything is allowed, in audit mode; named "audit". NULL when out of memory. */
struct cf_profile *cf_builtin_new(void);

#endif
