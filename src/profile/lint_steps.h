/*
 * lint_steps.h - what a verdict costs beside a look-up
 *
 * Rules for certain programs are tried one by one, so that many of them for
 * one host make a verdict dear. In the steps of cf_lint()'s budget.
 */
#ifndef CF_PROFILE_LINT_STEPS_H
#define CF_PROFILE_LINT_STEPS_H

#include <stdint.h>

#include "profile/profile.h"
#include "profile/verdict.h"

uint64_t cf_lint_flow_steps(const struct cf_profile *profile, const struct cf_flow_query *query);
uint64_t cf_lint_name_steps(const struct cf_profile *profile, const struct cf_name_query *query);

#endif
