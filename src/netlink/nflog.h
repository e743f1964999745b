/*
 * nflog.h - packets that the gateway's rules logged (nfnetlink_log)
 */
#ifndef CF_NETLINK_NFLOG_H
#define CF_NETLINK_NFLOG_H

#include <stddef.h>
#include <stdint.h>

/* One logged packet, from its IP header on. Borrowed for the call. */
struct cf_nflog_packet {
    const uint8_t *data;
    size_t length;
    const char *prefix; /* of the rule, "" when it has none: "forged", "fragment", ... */
};

/*
 * Read what is waiting, at most `budget` datagrams, and call fn for each packet.
 *
 * fd: cf_gateway.flows_fd or strays_fd
 *
 * Returns how many datagrams were read (less than budget: nothing is left),
 * -ENOBUFS when the kernel dropped some since the last call, or -errno.
 */
int cf_nflog_read(int fd, int budget,
                  void (*fn)(void *data, const struct cf_nflog_packet *packet), void *data);

#endif
