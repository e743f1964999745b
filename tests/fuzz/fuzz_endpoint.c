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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cf_auto_free char *text = malloc(size + 1);

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_endpoint(text);
    return 0;
}
