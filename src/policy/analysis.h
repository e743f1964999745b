/*
 * analysis.h - what is doubtful about the rules of a policy, as findings
 */
#ifndef CF_POLICY_ANALYSIS_H
#define CF_POLICY_ANALYSIS_H

#include <stdbool.h>

#include "policy/load.h"
#include "policy/read.h"

/*
 * Analyse the reader's profile and add what is found, as warnings.
 *
 * load:  the files that the profile was read from, still there
 * whole: the profile has no error and is sealed; otherwise only what is true
 *        whatever the missing rules say is looked for
 */
void cf_read_analysis(struct cf_reader *reader, const struct cf_load *load, bool whole);

/* The part of it that is about `proxy`; the profile has no error and is sealed. */
void cf_read_proxy_analysis(struct cf_reader *reader, const struct cf_load *load);

#endif
