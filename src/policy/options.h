/*
 * options.h - what the command line adds to a policy
 */
#ifndef CF_POLICY_OPTIONS_H
#define CF_POLICY_OPTIONS_H

#include "policy/policy.h"
#include "policy/read.h"

/*
 * Read the options into the reader's profile, by the rows of the keys that
 * they stand for. Findings and origins name the file CF_COMMAND_LINE.
 */
void cf_read_options(struct cf_reader *reader, const struct cf_policy_options *options);

#endif
