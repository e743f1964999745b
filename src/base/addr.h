/*
 * addr.h - IPv4 and IPv6 addresses, prefixes, and addresses with a port
 *
 * An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) is folded into the IPv4
 * address that it means by every function that makes a struct cf_addr, so
 * that no rule can be gone around by writing an address another way.
 */
#ifndef CF_BASE_ADDR_H
#define CF_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum cf_family {
    CF_FAMILY_NONE = 0,
    CF_FAMILY_IPV4 = 4,
    CF_FAMILY_IPV6 = 6,
};

struct cf_addr {
    uint8_t family;    /* enum cf_family */
    uint8_t bytes[16]; /* network order; IPv4 uses the first four, the rest are 0 */
};

struct cf_prefix {
    struct cf_addr addr; /* host bits are zero */
    uint8_t bits;        /* 0 to 32, or 0 to 128 */
};

struct cf_addr_port {
    struct cf_addr addr;
    uint16_t port; /* host order */
};

/* Longest text: an IPv6 address in brackets, a colon, five digits, NUL. */
#define CF_ADDR_TEXT_SIZE 46
#define CF_ADDR_PORT_TEXT_SIZE 56

/* An address from network-order bytes: 4 for IPv4, 16 for IPv6 (folded). */
struct cf_addr cf_addr_from_ipv4(const void *bytes4);
struct cf_addr cf_addr_from_ipv6(const void *bytes16);

/*
 * Parse a plain address: dotted quad of four decimal parts without leading
 * zeros, or RFC 4291 text without a zone. Returns 0 or -EINVAL.
 */
int cf_addr_parse(const char *text, struct cf_addr *ret_addr);

/* Canonical text (RFC 5952 for IPv6); returns text. */
char *cf_addr_format(const struct cf_addr *addr, char text[CF_ADDR_TEXT_SIZE]);

/* "192.0.2.1:53" or "[2001:db8::1]:53"; returns text. */
char *cf_addr_port_format(const struct cf_addr_port *at, char text[CF_ADDR_PORT_TEXT_SIZE]);

bool cf_addr_equal(const struct cf_addr *a, const struct cf_addr *b);
bool cf_addr_port_equal(const struct cf_addr_port *a, const struct cf_addr_port *b);

/* Bits in an address of this family: 32, 128, or 0. */
unsigned cf_addr_bits(const struct cf_addr *addr);

/* Families must agree: a prefix of one never holds an address of the other. */
bool cf_prefix_contains(const struct cf_prefix *prefix, const struct cf_addr *addr);

/* Clear the bits of addr behind the first `bits`. */
void cf_addr_mask(struct cf_addr *addr, unsigned bits);

/* To and from the kernel's form. cf_addr_port_from_sockaddr() folds; -EAFNOSUPPORT. */
socklen_t cf_addr_port_to_sockaddr(const struct cf_addr_port *at, struct sockaddr_storage *ret_sa);
int cf_addr_port_from_sockaddr(const struct sockaddr *sa, struct cf_addr_port *ret_at);

#endif
