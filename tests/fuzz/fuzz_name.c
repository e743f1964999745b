/*
 * fuzz_name.c - any text is a host name in its one form, or an error
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_normalizes(const char *text, const char *name)
{
    char again[CF_NAME_SIZE];

    require(cf_name_normalize(text, again, NULL) == 0);
    require(strcmp(again, name) == 0);
}

/* What a normalised name consists of (RFC 1035, 2.3.4). */
static void check_form(const char *name)
{
    size_t length = strnlen(name, CF_NAME_SIZE), label = 0;
    struct in_addr old;

    require(length > 0 && length < CF_NAME_SIZE);
    require(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == length);
    for (size_t i = 0; i <= length; i++) {
        if (i < length && name[i] != '.') {
            label++;
            continue;
        }
        require(label >= 1 && label <= 63);
        label = 0;
    }
    /* No program takes it for an address in one of the old notations. */
    require(inet_aton(name, &old) == 0);
}

/* The same name, written in other ways. */
static void check_spellings(const char *name)
{
    char text[CF_NAME_SIZE + 1];
    size_t length = strlen(name);
    cf_auto_free char *unicode = cf_name_to_unicode(name);

    require_normalizes(name, name);
    snprintf(text, sizeof text, "%s.", name);
    require_normalizes(text, name);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
    require_normalizes(text, name);
    if (unicode) {
        require(strcmp(unicode, name) != 0);
        require_normalizes(unicode, name);
    }
}

/* A pattern is refused exactly over a public suffix, or over what no rule may name. */
static void check_suffix(const char *name)
{
    bool is_suffix = cf_name_is_public_suffix(name);
    char text[CF_NAME_SIZE + 2];
    struct cf_endpoint endpoint;
    struct cf_error err = { 0 };

    snprintf(text, sizeof text, "*.%s", name);
    if (cf_endpoint_parse(text, &endpoint, NULL, &err) < 0) {
        require(is_suffix || strstr(name, "localhost") ||
                strcmp(name, "host.childflow.internal") == 0);
        require(!is_suffix || strstr(err.text, "public suffix") || strstr(name, "localhost"));
        return;
    }
    require(!is_suffix && endpoint.kind == CF_HOST_ONE && strcmp(endpoint.name, name) == 0);
    cf_endpoint_done(&endpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cf_auto_free char *text = malloc(size + 1);
    char name[CF_NAME_SIZE];
    struct cf_error err = { 0 };
    size_t column = SIZE_MAX;

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (cf_name_normalize_at(text, name, &column, &err) < 0) {
        require(err.code == -EINVAL && err.text[0] && column <= strlen(text));
        return 0;
    }
    check_form(name);
    check_spellings(name);
    check_suffix(name);
    return 0;
}
