/*
 * fuzz_endpoint.c - any text is an endpoint or an error, and says the same when written again
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool is_same(const struct cf_endpoint *a, const struct cf_endpoint *b)
{
    if (a->protos != b->protos || a->proto_given != b->proto_given || a->kind != b->kind ||
        a->group != b->group || a->prefix.bits != b->prefix.bits || a->n_ports != b->n_ports ||
        !a->name != !b->name || !cf_addr_equal(&a->prefix.addr, &b->prefix.addr))
        return false;
    if (a->n_ports > 0 && memcmp(a->ports, b->ports, a->n_ports * sizeof *a->ports) != 0)
        return false;
    return !a->name || strcmp(a->name, b->name) == 0;
}

static void check_endpoint(const char *text)
{
    struct cf_endpoint endpoint, again;
    struct cf_error err = { 0 };
    cf_auto_free char *formatted = NULL;
    size_t column = SIZE_MAX;

    if (cf_endpoint_parse(text, &endpoint, &column, &err) < 0) {
        require(err.code < 0 && err.text[0] && column <= strlen(text));
        return;
    }
    formatted = cf_endpoint_format(&endpoint);
    require(formatted != NULL);
    require(cf_endpoint_parse(formatted, &again, &column, &err) == 0);
    require(is_same(&endpoint, &again));
    for (size_t i = 0; i < endpoint.n_ports; i++) {
        require(endpoint.ports[i].first >= 1);
        require(endpoint.ports[i].first <= endpoint.ports[i].last);
        require(i == 0 || endpoint.ports[i].first > endpoint.ports[i - 1].last + 1);
    }
    cf_endpoint_done(&endpoint);
    cf_endpoint_done(&again);
}

/* A line of a names file: what stands for the same names as an endpoint of the same text. */
static void check_pattern(const char *text)
{
    char name[CF_NAME_SIZE];
    struct cf_endpoint endpoint;
    struct cf_error err = { 0 };
    enum cf_host_kind kind;
    size_t column = SIZE_MAX;
    bool is_pattern = cf_name_pattern_parse(text, &kind, name, &column, &err) == 0;

    require(is_pattern || (err.code < 0 && err.text[0] && column <= strlen(text)));
    if (cf_endpoint_parse(text, &endpoint, NULL, NULL) < 0) {
        require(!is_pattern);
        return;
    }
    require(is_pattern ==
            (endpoint.kind <= CF_HOST_MANY && !endpoint.proto_given && endpoint.n_ports == 0));
    require(!is_pattern || (endpoint.kind == kind && strcmp(endpoint.name, name) == 0));
    cf_endpoint_done(&endpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cf_auto_free char *text = malloc(size + 1);

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_endpoint(text);
    check_pattern(text);
    return 0;
}
