/*
 * advise.h - what to write so that a question is allowed
 */
#ifndef CF_CLI_ADVISE_H
#define CF_CLI_ADVISE_H

#include "cli/answer.h"
#include "cli/cli.h"

/*
 * Look for the smallest addition to the policy that allows what the answer
 * says is denied. Each is tried: the policy is read again with it and asked
 * again. Fills suggestion and advice of the answer.
 *
 * options: those that the inquiry's profile was loaded with
 *
 * Returns 0 or -ENOMEM.
 */
int cf_advise(const struct cf_options *options, const struct cf_inquiry *inquiry,
              struct cf_answer *answer);

#endif
