/*
 * lint_pins.h - addresses that are denied, and open through a name of `hosts`
 */
#ifndef CF_PROFILE_LINT_PINS_H
#define CF_PROFILE_LINT_PINS_H

#include <stdbool.h>

#include "profile/lint_ask.h"

/*
 * Whether a flow to this address of the host is allowed by name only because
 * `hosts` gives the address to the name, against a denial by address.
 *
 * ret_allow, ret_denial: borrowed from the profile; written on true
 *
 * False also when the asker's budget ran out: then nothing is left of it.
 */
bool cf_lint_pin(struct cf_asker *asker, const struct cf_host *host, const struct cf_addr *addr,
                 const struct cf_rule **ret_allow, const struct cf_rule **ret_denial);

#endif
