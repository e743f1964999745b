/*
 * schema_words.c - how messages and pages describe what a key takes
 */
#include "policy/schema.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *one, *list;
} descriptions[] = {
    [CF_TYPE_MAP] = { "a map", "a list of maps" },
    [CF_TYPE_STRING] = { "text", "a list of texts" },
    [CF_TYPE_LABEL] = { "a word of letters, digits, '.', '_' and '-'", "a list of words" },
    [CF_TYPE_KEY] = { "a key such as egress.allow", "a list of keys" },
    [CF_TYPE_BOOL] = { "true or false", "a list of true and false" },
    [CF_TYPE_INTEGER] = { "a whole number", "a list of whole numbers" },
    [CF_TYPE_CHOICE] = { "a word", "a list of words" },
    [CF_TYPE_PATH] = { "the path of a file", "a list of paths" },
    [CF_TYPE_PATTERN] = { "the path of a file", "a list of paths" },
    [CF_TYPE_HOST_NAME] = { "a host name", "a list of host names" },
    [CF_TYPE_INTERFACE] = { "the name of an interface",
                            "the name of an interface, or a list of them" },
    [CF_TYPE_RECORD] = { "a record type such as TXT or TYPE65280", "a list of record types" },
    [CF_TYPE_SERVER] = { "a server's address", "a list of servers' addresses" },
    [CF_TYPE_ENDPOINT] = { "an endpoint", "a list of endpoints" },
    [CF_TYPE_HOSTS] = { "a map of host names to addresses", "a list of maps" },
    [CF_TYPE_GROUPS] = { "a map of names to lists of endpoints", "a list of maps" },
    [CF_TYPE_STRINGS] = { "a map of names to texts", "a list of maps" },
    [CF_TYPE_DURATION] = { "a duration such as 2s", "a list of durations" },
    [CF_TYPE_SIZE] = { "a size such as 20GiB", "a list of sizes" },
    [CF_TYPE_DATE] = { "a date such as 2027-06-30", "a list of dates" },
    [CF_TYPE_MODE_BITS] = { "permission bits such as 0700", "a list of permission bits" },
};
static_assert(COUNT(descriptions) == CF_TYPE_COUNT, "a description for each type");

const char *cf_schema_describe(const struct cf_schema_key *key)
{
    return key->list ? descriptions[key->type].list : descriptions[key->type].one;
}

const char *cf_schema_describe_item(const struct cf_schema_key *key)
{
    return descriptions[key->type].one;
}

char *cf_schema_format(const struct cf_schema_key *key, int64_t number, char text[CF_UNIT_SIZE])
{
    switch (key->type) {
    case CF_TYPE_DURATION:
        return cf_duration_format(number, text);
    case CF_TYPE_SIZE:
        return cf_size_format(number, text);
    case CF_TYPE_DATE:
        return cf_date_format(number, text);
    case CF_TYPE_MODE_BITS:
        return cf_mode_bits_format(number, text);
    default:
        snprintf(text, CF_UNIT_SIZE, "%" PRId64, number);
        return text;
    }
}

bool cf_schema_is_ranged(const struct cf_schema_key *key)
{
    return key->minimum != 0 || key->maximum != 0;
}

bool cf_schema_is_constant(const struct cf_schema_key *key)
{
    return key->type == CF_TYPE_INTEGER && cf_schema_is_ranged(key) && key->minimum == key->maximum;
}

#define LABEL_MAX 255

bool cf_schema_is_label(const struct cf_schema_key *key, const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(text), maximum = key->maximum ? (size_t)key->maximum : LABEL_MAX;

    return length > 0 && length <= maximum && strspn(text, allowed) == length;
}

/* What a number is, without an example. */
static const char *noun(enum cf_schema_type type)
{
    switch (type) {
    case CF_TYPE_DURATION:
        return "a duration";
    case CF_TYPE_SIZE:
        return "a size";
    case CF_TYPE_DATE:
        return "a date";
    case CF_TYPE_MODE_BITS:
        return "permission bits";
    default:
        return "a whole number";
    }
}

char *cf_schema_describe_range(const struct cf_schema_key *key, char text[CF_SCHEMA_RANGE_SIZE])
{
    char minimum[CF_UNIT_SIZE], maximum[CF_UNIT_SIZE];

    if (key->type == CF_TYPE_LABEL)
        snprintf(text, CF_SCHEMA_RANGE_SIZE, "1 to %d letters, digits, '.', '_' and '-'",
                 key->maximum ? (int)key->maximum : LABEL_MAX);
    else if (cf_schema_is_constant(key))
        snprintf(text, CF_SCHEMA_RANGE_SIZE, "%" PRId64, key->minimum);
    else if (cf_schema_is_ranged(key))
        snprintf(text, CF_SCHEMA_RANGE_SIZE, "%s from %s to %s", noun(key->type),
                 cf_schema_format(key, key->minimum, minimum),
                 cf_schema_format(key, key->maximum, maximum));
    else
        snprintf(text, CF_SCHEMA_RANGE_SIZE, "%s", noun(key->type));
    return text;
}
