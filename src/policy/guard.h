/*
 * guard.h - text that libyaml would take very long for
 */
#ifndef CF_POLICY_GUARD_H
#define CF_POLICY_GUARD_H

#include "policy/diagnostic.h"
#include "policy/source.h"

/* Blanks, tabs and line ends in a row. */
#define CF_YAML_BLANKS_MAX 256
/* Lines that begin with '%', the mark of a directive. */
#define CF_YAML_DIRECTIVES_MAX 100

/*
 * Report text that takes libyaml time out of all proportion to its length.
 * Returns 0, or -EINVAL after one finding.
 */
int cf_yaml_guard(struct cf_source *source, struct cf_diagnostics *diagnostics);

#endif
