/*
 * defaults.h - the profile of a policy that says nothing
 */
#ifndef CF_POLICY_DEFAULTS_H
#define CF_POLICY_DEFAULTS_H

#include "profile/profile.h"

/* A profile with every default of the table; NULL when out of memory. */
struct cf_profile *cf_defaults_new(void);

#endif
