/*
 * nft.h - the rules that bring every packet of the sandbox to the engine
 */
#ifndef CF_NETLINK_NFT_H
#define CF_NETLINK_NFT_H

#include "base/error.h"

#define CF_NFT_TABLE "childflow"
#define CF_NFT_CHAIN "gate"

/*
 * Load the rules into the network namespace of the calling thread. They never
 * change while a tree runs: verdicts are the engine's.
 *
 * Returns 0 or -errno; the message names what the kernel lacks.
 */
int cf_nft_load(struct cf_error *err);

#endif
