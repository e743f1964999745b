/*
 * record_type.c - DNS record types by name
 */
#include "profile/record_type.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_PREFIX "TYPE"

/* What is asked for most stands first. */
#define TYPES(X)                                                                                   \
    X(1, "A")                                                                                      \
    X(28, "AAAA")                                                                                  \
    X(65, "HTTPS")                                                                                 \
    X(5, "CNAME")                                                                                  \
    X(12, "PTR")                                                                                   \
    X(33, "SRV")                                                                                   \
    X(16, "TXT")                                                                                   \
    X(15, "MX")                                                                                    \
    X(2, "NS")                                                                                     \
    X(6, "SOA")                                                                                    \
    X(13, "HINFO")                                                                                 \
    X(17, "RP")                                                                                    \
    X(18, "AFSDB")                                                                                 \
    X(29, "LOC")                                                                                   \
    X(35, "NAPTR")                                                                                 \
    X(37, "CERT")                                                                                  \
    X(39, "DNAME")                                                                                 \
    X(41, "OPT")                                                                                   \
    X(43, "DS")                                                                                    \
    X(44, "SSHFP")                                                                                 \
    X(46, "RRSIG")                                                                                 \
    X(47, "NSEC")                                                                                  \
    X(48, "DNSKEY")                                                                                \
    X(50, "NSEC3")                                                                                 \
    X(51, "NSEC3PARAM")                                                                            \
    X(52, "TLSA")                                                                                  \
    X(53, "SMIMEA")                                                                                \
    X(55, "HIP")                                                                                   \
    X(59, "CDS")                                                                                   \
    X(60, "CDNSKEY")                                                                               \
    X(61, "OPENPGPKEY")                                                                            \
    X(62, "CSYNC")                                                                                 \
    X(63, "ZONEMD")                                                                                \
    X(64, "SVCB")                                                                                  \
    X(99, "SPF")                                                                                   \
    X(108, "EUI48")                                                                                \
    X(109, "EUI64")                                                                                \
    X(249, "TKEY")                                                                                 \
    X(250, "TSIG")                                                                                 \
    X(251, "IXFR")                                                                                 \
    X(252, "AXFR")                                                                                 \
    X(255, "ANY")                                                                                  \
    X(256, "URI")                                                                                  \
    X(257, "CAA")

#define NUMBER_OF(number, name) number,
#define NAME_OF(number, name) name,

static const uint16_t numbers[] = { TYPES(NUMBER_OF) };
static const char *const names[] = { TYPES(NAME_OF) };

#define N_TYPES (sizeof numbers / sizeof numbers[0])

static_assert(N_TYPES == sizeof names / sizeof names[0], "a name for each number");

const char *cf_record_type_format(uint16_t type, char text[CF_RECORD_TYPE_SIZE])
{
    for (size_t i = 0; i < N_TYPES; i++) {
        if (numbers[i] == type)
            return names[i];
    }
    snprintf(text, CF_RECORD_TYPE_SIZE, NUMBER_PREFIX "%u", (unsigned)type);
    return text;
}

static int number_parse(const char *digits, uint16_t *ret_type)
{
    size_t length = strspn(digits, "0123456789");
    unsigned long number;

    if (length == 0 || length > 5 || digits[length] != '\0' || digits[0] == '0')
        return -EINVAL;
    number = strtoul(digits, NULL, 10);
    if (number > UINT16_MAX)
        return -EINVAL;
    *ret_type = (uint16_t)number;
    return 0;
}

int cf_record_type_parse(const char *text, uint16_t *ret_type)
{
    for (size_t i = 0; i < N_TYPES; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_type = numbers[i];
            return 0;
        }
    }
    if (strncmp(text, NUMBER_PREFIX, strlen(NUMBER_PREFIX)) != 0)
        return -EINVAL;
    return number_parse(text + strlen(NUMBER_PREFIX), ret_type);
}

const char *const *cf_record_type_names(size_t *ret_n)
{
    *ret_n = N_TYPES;
    return names;
}
