/*
 * awake.h - whether a loop that has nothing to do looks for events before it sleeps
 *
 * Knows neither clock nor descriptor: it is told how each wait went.
 */
#ifndef CF_LOOP_AWAKE_H
#define CF_LOOP_AWAKE_H

#include <stdbool.h>
#include <stdint.h>

#define CF_AWAKE_US 50        /* as long as it looks at most */
#define CF_AWAKE_SHORT_US 100 /* a wait shorter than this was hardly worth the sleep */
#define CF_AWAKE_THERE_US 3   /* and one this short was none: something was there already */
#define CF_AWAKE_FIRST 4      /* short waits in a row, and the next begins with a look */
#define CF_AWAKE_MOST 1024    /* as many at most, after looks in vain */

struct cf_awake {
    unsigned streak; /* of short waits, less what speaks against them */
    unsigned wanted; /* from so many on, it looks */
};

/* How a wait went. */
struct cf_wait {
    bool looked;  /* it began with a look */
    bool in_vain; /* which found nothing */
    int64_t us;
    int n_events; /* none when a signal or a timer ended it */
};

/* possible: false where nothing can come while this thread runs, on a single CPU */
void cf_awake_init(struct cf_awake *awake, bool possible);

/* Does the next wait begin with a look? */
bool cf_awake_is(const struct cf_awake *awake);

void cf_awake_learn(struct cf_awake *awake, const struct cf_wait *wait);

/* What comes next can wait. */
void cf_awake_end(struct cf_awake *awake);

#endif
