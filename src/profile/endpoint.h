/*
 * endpoint.h - who may be talked to: [proto://]host[:ports], or group:NAME
 *
 * The grammar of the policy's endpoints, parsed into a value that verdicts
 * compare. No I/O; the public suffix list is the one built into libpsl.
 */
#ifndef CF_PROFILE_ENDPOINT_H
#define CF_PROFILE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"

/* Protocols, as bits of a mask. */
enum cf_proto {
    CF_PROTO_TCP = 1,
    CF_PROTO_UDP = 2,
    CF_PROTO_ICMP = 4, /* echo, ICMP and ICMPv6 */
};

enum cf_host_kind {
    CF_HOST_NAME,   /* this name */
    CF_HOST_ONE,    /* *.name: exactly one label more */
    CF_HOST_MANY,   /* **.name: one label more, or several */
    CF_HOST_PREFIX, /* an address or a CIDR */
    CF_HOST_GROUP,  /* one of the address groups below */
    CF_HOST_LIST,   /* group:NAME, the endpoints of a list of the policy's `groups` */
    CF_HOST_KIND_COUNT
};

enum cf_addr_group {
    CF_GROUP_PRIVATE,
    CF_GROUP_LOOPBACK,
    CF_GROUP_LINK_LOCAL,
    CF_GROUP_METADATA, /* cloud instance metadata services */
    CF_GROUP_MULTICAST,
    CF_GROUP_ANY,
    CF_GROUP_COUNT
};

/* How a list of endpoints is named in a rule; the name has no protocol and no ports around it. */
#define CF_LIST_PREFIX "group:"
#define CF_LIST_NAME_MAX 64

struct cf_port_range {
    uint16_t first, last; /* both belong to it */
};

/* RFC 1035, 2.3.4: 253 characters of text without the root's dot, and the NUL. */
#define CF_NAME_SIZE 254

struct cf_endpoint {
    unsigned protos;  /* mask of enum cf_proto; TCP|UDP when none was written */
    bool proto_given; /* counts for how specific the rule is */
    enum cf_host_kind kind;
    char *name;                  /* lower-case ASCII, no final dot; NAME, ONE, MANY; of the LIST */
    struct cf_prefix prefix;     /* PREFIX */
    enum cf_addr_group group;    /* GROUP */
    struct cf_port_range *ports; /* sorted, merged; NULL means all */
    size_t n_ports;
};

/*
 * Parse one endpoint. Protocols and groups are read in any case. A name that
 * means the sandbox itself (`localhost`) or is not opened by a rule
 * (`host.childflow.internal`) is an error, as is a pattern over a public
 * suffix.
 *
 * text:       without surrounding blanks
 * ret:        the caller's, cf_endpoint_done()
 * ret_column: offset in text of what was wrong, written on failure; may be NULL
 *
 * Returns 0, -EINVAL with a message that says what was expected and what was
 * got, or -ENOMEM.
 */
int cf_endpoint_parse(const char *text, struct cf_endpoint *ret, size_t *ret_column,
                      struct cf_error *err);
void cf_endpoint_done(struct cf_endpoint *endpoint);

/* Canonical text that parses to the same value; the caller's, NULL when out of memory. */
char *cf_endpoint_format(const struct cf_endpoint *endpoint);

/*
 * Parse a host by name alone: `name`, `*.name` or `**.name`, refused as
 * cf_endpoint_parse() refuses them. The arguments and results are those of
 * both functions beside this one.
 *
 * ret_kind: NAME, ONE or MANY
 * ret_name: normalised, without the stars
 */
int cf_name_pattern_parse(const char *text, enum cf_host_kind *ret_kind,
                          char ret_name[CF_NAME_SIZE], size_t *ret_column, struct cf_error *err);

/* "private" and so on; -EINVAL when there is none of this name. */
const char *cf_addr_group_name(enum cf_addr_group group);
int cf_addr_group_parse(const char *text, enum cf_addr_group *ret_group);

/*
 * The longest prefix of the group that holds addr, or NULL. Borrowed, static.
 */
const struct cf_prefix *cf_addr_group_find(enum cf_addr_group group, const struct cf_addr *addr);

/* All prefixes of the group. Borrowed, static. */
const struct cf_prefix *cf_addr_group_prefixes(enum cf_addr_group group, size_t *ret_n);

/*
 * A host name as it is compared: lower-case ASCII, no final dot, IDNA 2008
 * A-labels for an international name. Labels hold letters, digits, '-' and
 * '_', 1 to 63 octets; the whole at most 253. A last label of digits alone, or
 * of 0x and hexadecimal digits, is an error: many programs would take such a
 * name for an IPv4 address.
 *
 * Returns 0, -EINVAL with the reason, or -ENOMEM.
 */
int cf_name_normalize(const char *text, char ret_name[CF_NAME_SIZE], struct cf_error *err);

/*
 * The Unicode form of a normalised name for people; the caller's. NULL when
 * it reads the same, or when memory is out.
 */
char *cf_name_to_unicode(const char *name);

#endif
