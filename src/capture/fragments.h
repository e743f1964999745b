/*
 * fragments.h - whose the fragments behind the first of a packet are
 *
 * The first fragment has the ports, or the id of an echo; those behind it have its
 * addresses, protocol and identification (RFC 791, 3.2; RFC 8200, 4.5).
 */
#ifndef CF_CAPTURE_FRAGMENTS_H
#define CF_CAPTURE_FRAGMENTS_H

#include "capture/frame.h"

/* First fragments that are remembered; another in the place of one takes it. */
#define CF_FRAGMENTS_MAX 1024

struct cf_fragments;

/* Returns 0 or -ENOMEM. */
int cf_fragments_new(struct cf_fragments **ret_fragments);
void cf_fragments_free(struct cf_fragments *fragments);

/*
 * Remember a first fragment, and tell one behind it whose it is: its ports and its echo are set
 * (frame->ports stays false, for they are not in it). Any other frame is left alone, and so
 * is a fragment that came before its first.
 */
void cf_fragments_know(struct cf_fragments *fragments, struct cf_frame *frame);

#endif
