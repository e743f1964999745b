/*
 * fuzz_domain.c - any octets as names, compressed in any way
 *
 * The first two octets say where to begin reading; the rest is the message.
 * A name that is read is rebuilt from its labels by a second reading of RFC
 * 1035, 4.1.4, which knows no rule but a count of jumps, and must be the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/domain.h"
#include "dns/wire.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())
#define JUMPS_MAX 1000

/* Labels one after the other, pointers followed wherever they lead; 0 when there is no end. */
static size_t follow(const uint8_t *message, size_t length, size_t at, uint8_t *out)
{
    size_t used = 0, jumps = 0;

    while (at < length && jumps < JUMPS_MAX) {
        uint8_t n = message[at];

        if (n >= 0xc0) {
            if (at + 1 >= length)
                return 0;
            at = (size_t)(n & 0x3f) << 8 | message[at + 1];
            jumps++;
            continue;
        }
        if (n > 63 || at + 1 + n > length || used + 1 + n > CF_DOMAIN_SIZE)
            return 0;
        memcpy(out + used, message + at, 1 + (size_t)n);
        used += 1 + (size_t)n;
        at += 1 + (size_t)n;
        if (n == 0)
            return used;
    }
    return 0;
}

static void check_texts(const struct cf_domain *domain)
{
    char text[CF_DOMAIN_TEXT_SIZE], strict[CF_NAME_SIZE], loose[CF_NAME_SIZE];
    struct cf_domain lower = *domain, again;
    struct cf_addr addr;

    CHECK(cf_domain_format(domain, text) == text && strlen(text) < sizeof text);
    for (const char *at = text; *at; at++)
        CHECK(*at > ' ' && *at < 0x7f);
    cf_domain_lower(&lower);
    CHECK(cf_domain_equal(domain, &lower));
    if (cf_domain_to_name(domain, false, strict) == 0) {
        /* What the policy compares stands for this name and for no other. */
        CHECK(cf_domain_to_name(domain, true, loose) == 0 && strcmp(strict, loose) == 0);
        CHECK(cf_domain_from_host(strict, &again) == 0 && cf_domain_equal(&again, domain));
    }
    (void)cf_domain_to_addr(domain, &addr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t labels[CF_DOMAIN_SIZE];
    struct cf_domain domain;
    size_t at, next;
    uint8_t *copy;

    if (size < 3)
        return 0;
    at = cf_wire_u16(data) % (size - 1);
    data += 2;
    size -= 2;
    copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    if (at >= CF_WIRE_HEADER_SIZE && cf_domain_read(copy, size, at, &domain, &next) == 0) {
        CHECK(domain.length >= 1 && next > at && next <= size);
        CHECK(follow(copy, size, at, labels) == domain.length);
        CHECK(memcmp(labels, domain.bytes, domain.length) == 0);
        check_texts(&domain);
    }
    free(copy);
    return 0;
}
