/*
 * domain.h - one domain name as DNS messages carry it
 *
 * Uncompressed octets with the root's zero at the end, in the case they came
 * in. Compares without regard to the case of ASCII letters (RFC 4343).
 */
#ifndef CF_DNS_DOMAIN_H
#define CF_DNS_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "profile/endpoint.h"

/* RFC 1035, 2.3.4: octets of a name, the root's zero included. */
#define CF_DOMAIN_SIZE 255

/* Every octet written as \DDD, and the NUL. */
#define CF_DOMAIN_TEXT_SIZE (4 * CF_DOMAIN_SIZE + 1)

struct cf_domain {
    uint8_t length; /* at least 1: the root */
    uint8_t bytes[CF_DOMAIN_SIZE];
};

/*
 * Read the name at offset `at` of a message, following compression (RFC 1035,
 * 4.1.4). What a pointer leads to must lie wholly before the run of labels that
 * the pointer ends, and behind the header: so no message can make this loop,
 * and a name never depends on octets that come after it.
 *
 * ret_next: offset behind the name as it stands in the message
 *
 * Returns 0 or -EBADMSG.
 */
int cf_domain_read(const uint8_t *message, size_t length, size_t at, struct cf_domain *ret_domain,
                   size_t *ret_next);

/* From text of letters, digits, '-' and '_' between dots; 0 or -EINVAL. */
int cf_domain_from_host(const char *text, struct cf_domain *ret_domain);

/*
 * The name as policies compare it: lower case, no final dot, "" for the root.
 *
 * loose: any visible ASCII but '.' and '\' may stand in a label (names inside
 *        a chain: RFC 2317 has '/' there); else only what host names have
 *
 * Returns 0, or -EINVAL when another octet is in it.
 */
int cf_domain_to_name(const struct cf_domain *domain, bool loose, char ret_name[CF_NAME_SIZE]);

/* Presentation form (RFC 1035, 5.1), no final dot, "." for the root; returns text. */
char *cf_domain_format(const struct cf_domain *domain, char text[CF_DOMAIN_TEXT_SIZE]);

bool cf_domain_equal(const struct cf_domain *a, const struct cf_domain *b);
void cf_domain_lower(struct cf_domain *domain);

/*
 * The address that a name under in-addr.arpa or ip6.arpa stands for (RFC 1035,
 * 3.5; RFC 3596, 2.5). Returns 0, or -EINVAL for every other name.
 */
int cf_domain_to_addr(const struct cf_domain *domain, struct cf_addr *ret_addr);

#endif
