/*
 * filter.h - which packets a capture keeps: pcap-filter(7) to a program
 *
 * The language is libpcap's, and so is its compiler. Only what a packet itself
 * says can be asked, and nothing is looked up but the host's files of services
 * and protocols: a name of a host is an error (filter_words.h).
 *
 * One thread at a time.
 */
#ifndef CF_CAPTURE_FILTER_H
#define CF_CAPTURE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sock_filter; /* linux/filter.h */

/* Link types of pcapng. */
#define CF_CAPTURE_ETHERNET 1
#define CF_CAPTURE_RAW_IP 101

/* All bits zero: keeps every packet. */
struct cf_capture_filter {
    struct sock_filter *code;
    unsigned short length; /* instructions */
};

/*
 * Compile text.
 *
 * text:       a filter; NULL, or one without a word: every packet
 * link_type:  what the packets begin with
 * snaplen:    bytes, at least 1: what the kernel keeps of a packet that passes
 * ret_filter: written on success; for cf_capture_filter_done()
 * ret_offset: on error: the byte of text that is wrong, up to its length (the end)
 *
 * The first filter loads libpcap, for good.
 *
 * Returns 0, -EINVAL for a wrong filter or link type, -E2BIG for one too long,
 * -ENOPKG without libpcap, -ENOMEM.
 */
int cf_capture_filter_compile(const char *text, int link_type, uint32_t snaplen,
                              struct cf_capture_filter *ret_filter, size_t *ret_offset,
                              struct cf_error *err);

/*
 * Compile text for packets of the host (CF_CAPTURE_RAW_IP), of which each connection's beginning
 * is taken, whether it is wanted or not: it tells whose connection it is.
 *
 * ret_wanted: what is wanted, as cf_capture_filter_compile() makes it
 * ret_taken:  that, and what begins a connection
 *
 * The rest as cf_capture_filter_compile().
 */
int cf_capture_filter_compile_outside(const char *text, uint32_t snaplen,
                                      struct cf_capture_filter *ret_wanted,
                                      struct cf_capture_filter *ret_taken, size_t *ret_offset,
                                      struct cf_error *err);
void cf_capture_filter_done(struct cf_capture_filter *filter);

/*
 * Put the filter in force on a packet socket. Some programs are not for the
 * kernel: it takes at most 4,096 instructions, of which net.core.optmem_max
 * may leave fewer, and none that loops (protochain). What the socket gives
 * then has to go through cf_capture_filter_run().
 *
 * ret_in_kernel: on success: whether the kernel does it
 *
 * Returns 0 or -errno.
 */
int cf_capture_filter_attach(const struct cf_capture_filter *filter, int fd, bool *ret_in_kernel,
                             struct cf_error *err);

/*
 * Run the filter here: the same result as in the kernel when all bytes of the
 * packet that the filter asks for were captured.
 *
 * captured: bytes at packet, which begins with its link header
 * length:   bytes that the packet had
 *
 * Returns how many bytes are to be kept: 0: the packet does not pass.
 */
uint32_t cf_capture_filter_run(const struct cf_capture_filter *filter, const uint8_t *packet,
                               uint32_t captured, uint32_t length);

#endif
