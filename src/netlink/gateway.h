/*
 * gateway.h - the two network namespaces of a run, and a hand in the inner one
 *
 * The sandbox's network namespace has lo and eth0; the gateway's has gw0, the
 * other end of the veth, and rules that bring every packet to the engine.
 * Both belong to the user namespace that the caller is in. A thread of this
 * process enters the gateway's namespace and stays there: it alone can make
 * sockets in it, and they are handed over as plain descriptors. See
 * doc/design.md, "Setting up".
 */
#ifndef CF_NETLINK_GATEWAY_H
#define CF_NETLINK_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "netlink/nft.h"
#include "profile/verdict.h"

/* Addresses that are routed nowhere (RFC 2544, RFC 3849). */
#define CF_SANDBOX_IPV4 "198.18.0.2"
#define CF_GATEWAY_IPV4 "198.18.0.1"
#define CF_LINK_IPV4_BITS 30
#define CF_SANDBOX_IPV6 "2001:db8:cf::2"
#define CF_GATEWAY_IPV6 "2001:db8:cf::1"
#define CF_LINK_IPV6_BITS 126

/* The gateway's end of the link. */
#define CF_GATEWAY_INTERFACE "gw0"

/* Where the transparent listeners of the gateway wait. */
#define CF_GATEWAY_TCP_PORT 61001
#define CF_GATEWAY_UDP_PORT 61001
#define CF_GATEWAY_DNS_PORT CF_DNS_PORT

/* Packets of these groups come from cf_nflog: (a) judged, (b) refused as no flow. */
#define CF_NFLOG_FLOWS 7
#define CF_NFLOG_STRAYS 8

/* What the host's own network looks like; read by a thread that is in its namespace. */
struct cf_host_network {
    bool has_ipv4; /* a route to the world: a default route, or any that is not link-local */
    bool has_ipv6;
    uint32_t mtu;       /* of the interface of the default route; 1500 when there is none */
    char interface[16]; /* of the default route, "" when there is none */
};

/*
 * ifindex: all that goes outside leaves by this interface, so only its own
 *          routes count, and its MTU; 0: any
 *
 * Returns 0 or -errno with a message.
 */
int cf_host_network_read(unsigned ifindex, struct cf_host_network *ret, struct cf_error *err);

struct cf_gateway_config {
    bool ipv4, ipv6;
    uint32_t mtu;
    /* Group ids that may open ping sockets inside: the mapped range, both belong to it. */
    unsigned first_gid, last_gid;
};

struct cf_gateway {
    int sandbox_netns_fd; /* for the command's setns(2) */
    int tcp_fd;           /* listening, transparent, dual-stack IPv6 (IPv4 as mapped addresses) */
    int udp4_fd;          /* transparent, IP_RECVORIGDSTADDR, IP_PKTINFO, for new flows */
    int udp6_fd;          /* the same for IPv6; -1 without IPv6 */
    int dns4_fd;          /* port 53 of every address, UDP, IP_PKTINFO, transparent */
    int dns6_fd;          /* -1 without IPv6 */
    int raw4_fd;          /* IPPROTO_RAW, IP_HDRINCL: packets to the sandbox */
    int raw6_fd;          /* -1 without IPv6 */
    int inject4_fd;       /* IPPROTO_RAW: held SYNs back in */
    int inject6_fd;
    int flows_fd;  /* netlink, bound to CF_NFLOG_FLOWS, non-blocking */
    int strays_fd; /* netlink, bound to CF_NFLOG_STRAYS */
    int links_fd;  /* statistics of the gateway's links, for this room's own use */
    int diag_fd;   /* netlink, sock_diag(7) of the sandbox's namespace: netlink/owner.h */
    struct cf_nft_counter counter; /* of packets that the sandbox sends */
    struct cf_gateway_thread *thread, *helper;
    struct cf_gateway_making *making; /* until cf_gateway_finish() */
};

/*
 * Begin to make both namespaces, the rules and the sockets, beside the caller;
 * what depends on the configuration, the link above all, waits for it. Until
 * cf_gateway_finish() the fields of the gateway are not to be looked at, but
 * for what cf_gateway_netns_wait() waits for.
 *
 * The caller is in the user namespace that shall own them, with all
 * capabilities there, and stays in its own network namespace.
 *
 * ret: the caller's, cf_gateway_close()
 *
 * Returns 0 or -errno with a message.
 */
int cf_gateway_start(struct cf_gateway **ret, struct cf_error *err);

/* Once, after cf_gateway_start() and before anything below but cf_gateway_close(). */
void cf_gateway_configure(struct cf_gateway *gateway, const struct cf_gateway_config *config);

/* Wait for sandbox_netns_fd; nothing may be set in it yet. 0 or as cf_gateway_finish(). */
int cf_gateway_netns_wait(struct cf_gateway *gateway, struct cf_error *err);

/* Wait for all of it. Returns 0 or -errno; the message names what the kernel lacks. */
int cf_gateway_finish(struct cf_gateway *gateway, struct cf_error *err);

void cf_gateway_close(struct cf_gateway *gateway);

/*
 * A socket made in the gateway's namespace, as socket(2), close-on-exec and
 * non-blocking. Costs a hand-over between threads, about 20 µs. Returns a
 * descriptor or -errno.
 */
int cf_gateway_socket(struct cf_gateway *gateway, int domain, int type, int protocol);

/*
 * What came from the sandbox: packets as netlink/count.h counts them, bytes as the link
 * does (gw0's receive counter). Returns 0 or -errno with a message.
 */
int cf_gateway_counters(struct cf_gateway *gateway, uint64_t *ret_packets, uint64_t *ret_bytes,
                        struct cf_error *err);

/*
 * Datagrams that found a socket of the gateway full, and those that still wait in it. It
 * is emptied: nobody will read them.
 *
 * fd: -1 for none
 */
uint64_t cf_gateway_lost(int fd);

#endif
