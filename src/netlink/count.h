/*
 * count.h - what the sandbox has sent, counted by the kernel
 */
#ifndef CF_NETLINK_COUNT_H
#define CF_NETLINK_COUNT_H

#include <stdint.h>

#include "base/error.h"
#include "netlink/nft.h"

/*
 * As the kernel handles them, which is none when there are none. From any thread.
 * Returns 0 or -errno with a message.
 */
int cf_count_trains(const struct cf_nft_counter *counter, uint64_t *ret_trains,
                    struct cf_error *err);

/*
 * Packets that came through the gateway's door: those that were long enough for
 * several on the link, and let the kernel cut them (TCP and UDP segmentation
 * offload), as many as they are cut into; fragments as the one packet they make.
 * That is what sockets and nflog count as well. What its kernel says to the link alone
 * (multicast groups, neighbours, routers) is left out.
 *
 * counter: of the network namespace of the calling thread
 *
 * Returns 0 or -errno.
 */
int cf_count_read(const struct cf_nft_counter *counter, uint64_t *ret_packets,
                  struct cf_error *err);

#endif
