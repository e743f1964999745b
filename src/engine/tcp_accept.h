/*
 * tcp_accept.h - the transparent listener, where held SYNs become connections
 */
#ifndef CF_ENGINE_TCP_ACCEPT_H
#define CF_ENGINE_TCP_ACCEPT_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/tcp.h"

/* Set up and watch the gateway's listener. Returns 0 or -errno with a message. */
int cf_tcp_accept_init(struct cf_tcp *tcp, struct cf_error *err);
void cf_tcp_accept_done(struct cf_tcp *tcp);

/*
 * Accept one connection and give it to its flow. Returns false when nothing
 * waits, or nothing can be accepted now.
 */
bool cf_tcp_accept_one(struct cf_tcp *tcp);

/* Have a spare descriptor again, when there is one. Returns 0 or -errno. */
int cf_tcp_spare_open(struct cf_tcp *tcp);

#endif
