/*
 * packet.h - packets that a test writes by hand, and those it waits for
 */
#ifndef CF_TESTS_NETLINK_PACKET_H
#define CF_TESTS_NETLINK_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct packet {
    uint8_t data[65536];
    size_t length;
};

struct cf_addr address_of(const char *text);

/* An IP header, then payload; IPv4 or IPv6 as the addresses are. */
void packet_make(struct packet *packet, const char *from, const char *to, uint8_t protocol,
                 const void *payload, size_t length);

/* Write the TCP checksum of a whole packet, as a sender without offload has it. */
void packet_checksum_tcp(uint8_t *data, size_t length);

struct cf_addr packet_source(const struct packet *packet);
struct cf_addr packet_destination(const struct packet *packet);
uint8_t packet_protocol(const struct packet *packet);
const uint8_t *packet_payload(const struct packet *packet);

/* Send a whole packet through a socket of IPPROTO_RAW. Returns 0 or -errno. */
int packet_send(int fd, const struct packet *packet);

/* Wait until fd can be read; false after a minute. */
bool wait_readable(int fd);

/* A packet that a test waits for. */
struct packet_wanted {
    const char *prefix; /* of the log */
    const char *from, *to;
    uint8_t protocol;
    uint16_t number; /* source port of TCP, identifier of an echo; 0: any */
};

/*
 * Wait for a packet of a log group. Others are passed over: the kernel repeats
 * a SYN that is not answered within a second, and speaks for itself now and
 * then. False when it does not come.
 */
bool packet_wait(int fd, const struct packet_wanted *wanted, struct packet *ret);

#endif
