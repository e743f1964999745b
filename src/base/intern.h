/*
 * intern.h - texts that many hold, kept once
 *
 * Each text is there as long as somebody holds it, so the store is no larger
 * than what its holders need. Single-threaded.
 */
#ifndef CF_BASE_INTERN_H
#define CF_BASE_INTERN_H

#include "base/hash.h"

struct cf_intern {
    struct cf_hash hash;
};

void cf_intern_init(struct cf_intern *texts);
/* Nobody may hold a text any more. */
void cf_intern_done(struct cf_intern *texts);

/* The same text, to be given back by cf_intern_drop(); NULL for NULL or when memory is out. */
const char *cf_intern_hold(struct cf_intern *texts, const char *text);
/* text is what cf_intern_hold() returned. */
void cf_intern_drop(struct cf_intern *texts, const char *text);

#endif
