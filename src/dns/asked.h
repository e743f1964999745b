/*
 * asked.h - what was asked from one port, so that an answer to nothing is known
 *
 * Id and a fingerprint of the question, of the last CF_ASKED_MAX queries. A
 * query that was answered stays: its second answer is one to something.
 */
#ifndef CF_DNS_ASKED_H
#define CF_DNS_ASKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CF_ASKED_MAX 64

/* All zero: nothing was asked. */
struct cf_asked {
    uint32_t prints[CF_ASKED_MAX]; /* of question i modulo the size; 0: none that can be answered */
    uint16_t ids[CF_ASKED_MAX];
    bool waits[CF_ASKED_MAX];
    unsigned n;         /* that were noted */
    unsigned n_waiting; /* of those that are kept */
};

/* A query that is sent. */
void cf_asked_note(struct cf_asked *asked, const uint8_t *message, size_t length);

/*
 * Is this an answer, with id and question of a query that is kept? Case does not
 * count. One such query waits no more.
 */
bool cf_asked_answered(struct cf_asked *asked, const uint8_t *message, size_t length);

#endif
