/*
 * pcapng.h - the blocks of a capture file
 *
 * Formats blocks of pcapng (draft-ietf-opsawg-pcapng) and records of classic
 * pcap (draft-ietf-opsawg-pcap) behind one another in a buffer, in the byte
 * order of this machine; times are nanoseconds since 1970-01-01 00:00 UTC in
 * both. A block stands in the buffer whole or not at all. Texts are UTF-8;
 * what is longer than an option can be is cut between two characters.
 *
 * All return 0, or -ENOMEM or -ENOBUFS of the buffer.
 */
#ifndef CF_CAPTURE_PCAPNG_H
#define CF_CAPTURE_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buffer.h"

/* The type of a block that cf_pcapng_packet_put() makes. */
#define CF_PCAPNG_PACKET 6

/* The longest value of an option, in bytes: 65,535 less what pads it. */
#define CF_PCAPNG_OPTION_MAX 65532

/* Starts the file; interfaces are numbered from 0 behind it. NULL leaves an option out. */
struct cf_pcapng_section {
    const char *hardware;
    const char *os;
    const char *application;
    const char *comment;
};
int cf_pcapng_section_put(struct cf_buffer *out, const struct cf_pcapng_section *section);

struct cf_pcapng_interface {
    uint16_t link_type; /* LINKTYPE_: 1 Ethernet, 101 raw IP */
    uint32_t snaplen;   /* bytes */
    const char *name;
    const char *description;
    const char *filter; /* as it was written; NULL: none */
};
int cf_pcapng_interface_put(struct cf_buffer *out, const struct cf_pcapng_interface *interface);

enum cf_pcapng_direction { CF_PCAPNG_UNKNOWN, CF_PCAPNG_INBOUND, CF_PCAPNG_OUTBOUND };

struct cf_pcapng_packet {
    uint32_t interface;
    int64_t time_ns;
    const uint8_t *data;
    uint32_t captured; /* bytes at data */
    uint32_t length;   /* bytes that the packet had */
    enum cf_pcapng_direction direction;
    const char *comment; /* NULL: none */
};
int cf_pcapng_packet_put(struct cf_buffer *out, const struct cf_pcapng_packet *packet);

/* One address and a name of it (a name resolution block). */
int cf_pcapng_name_put(struct cf_buffer *out, const struct cf_addr *addr, const char *name);

/* Secrets of TLS, in the format of SSLKEYLOGFILE. Who reads the file once wants them in front of the
 * packets that need them. */
int cf_pcapng_tls_keys_put(struct cf_buffer *out, const char *lines, size_t length);

struct cf_pcapng_statistics {
    uint32_t interface;
    int64_t time_ns, start_ns, end_ns;
    uint64_t
        received; /* packets that the interface had for us, those that were dropped among them */
    uint64_t dropped; /* by the kernel, for want of room */
    uint64_t written; /* into files */
};
int cf_pcapng_statistics_put(struct cf_buffer *out, const struct cf_pcapng_statistics *statistics);

/* Classic pcap knows one interface, and no comments. */
int cf_pcap_header_put(struct cf_buffer *out, uint16_t link_type, uint32_t snaplen);
int cf_pcap_packet_put(struct cf_buffer *out, const struct cf_pcapng_packet *packet);

#endif
