/*
 * asked.h - what a server was asked in datagrams, so that an answer to nothing is known
 *
 * Fingerprints of the last four questions that went out with each id, since
 * questions that wait at the same time can have the same: 1 MiB at most,
 * whatever comes. An id that was used remains so when its answer came or time
 * was up, so a late or a second answer is none to nothing.
 */
#ifndef CF_DNS_ASKED_H
#define CF_DNS_ASKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cf_asked;

/* NULL without memory. */
struct cf_asked *cf_asked_new(void);
void cf_asked_free(struct cf_asked *asked);

/* A query that is sent. */
void cf_asked_note(struct cf_asked *asked, const uint8_t *message, size_t length);

/* Is this an answer, with id and question of a query that was sent? Case does not count. */
bool cf_asked_answered(const struct cf_asked *asked, const uint8_t *message, size_t length);

#endif
