/*
 * tcp_name.h - connections that must show a name before their bytes pass
 */
#ifndef CF_ENGINE_TCP_NAME_H
#define CF_ENGINE_TCP_NAME_H

#include "engine/tcp_flow.h"

/* From the first byte of a connection to the last of the message that shows its name. */
#define CF_TCP_NAME_WAIT_US (10 * CF_US_PER_S)

/* Begin the relay of a flow with `verify`, behind a gate. Returns as cf_shards_start(). */
int cf_tcp_name_start(struct cf_tcp_flow *flow);

#endif
