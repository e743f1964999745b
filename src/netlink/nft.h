/*
 * nft.h - the rules that bring every packet of the sandbox to the engine
 */
#ifndef CF_NETLINK_NFT_H
#define CF_NETLINK_NFT_H

#include <stdint.h>

#include "base/error.h"

#define CF_NFT_TABLE "childflow"
#define CF_NFT_CHAIN "gate"

/* The rule that counts what the sandbox sends, and a way to ask for it from any thread. */
struct cf_nft_counter {
    int fd; /* netlink of its network namespace */
    uint8_t family;
    uint64_t handle_be; /* of the rule, in network byte order */
};

/*
 * Load the rules into the network namespace of the calling thread. They never
 * change while a tree runs: verdicts are the engine's.
 *
 * ret_counter: its descriptor is the caller's
 *
 * Returns 0 or -errno; the message names what the kernel lacks.
 */
int cf_nft_load(struct cf_nft_counter *ret_counter, struct cf_error *err);

#endif
