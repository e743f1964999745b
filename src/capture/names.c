/*
 * names.c - the names that a run learned, for those who read its packets
 */
#include "capture/names.h"

#include <stdlib.h>
#include <string.h>

#include "capture/pcapng.h"

#define TYPE_A 1
#define TYPE_AAAA 28

struct cf_capture_name {
    struct cf_hash_node node;
    struct cf_capture_name *next;
    struct cf_addr addr;
    char name[];
};

void cf_capture_names_init(struct cf_capture_names *names, uint64_t most_bytes)
{
    *names = (struct cf_capture_names) { .most_bytes = most_bytes };
    cf_hash_init(&names->hash);
    names->tail = &names->first;
}

void cf_capture_names_done(struct cf_capture_names *names)
{
    while (names->first) {
        struct cf_capture_name *name = names->first;

        names->first = name->next;
        free(name);
    }
    cf_hash_done(&names->hash);
    cf_capture_names_init(names, names->most_bytes);
}

static bool is_known(const struct cf_capture_names *names, uint64_t hash,
                     const struct cf_addr *addr, const char *text)
{
    struct cf_hash_node *node = cf_hash_find(&names->hash, hash);

    for (; node; node = cf_hash_next(node)) {
        const struct cf_capture_name *name = cf_container_of(node, struct cf_capture_name, node);

        if (cf_addr_equal(&name->addr, addr) && strcmp(name->name, text) == 0)
            return true;
    }
    return false;
}

/* block: bytes that it has in a file */
static void remember(struct cf_capture_names *names, uint64_t hash, const struct cf_addr *addr,
                     const char *text, size_t block)
{
    size_t size = strlen(text) + 1;
    struct cf_capture_name *name;

    if (names->hash.n_nodes >= CF_CAPTURE_NAMES_MAX ||
        (names->most_bytes > 0 && names->bytes + block > names->most_bytes))
        return;
    name = calloc(1, sizeof(*name) + size);
    if (!name)
        return;
    name->addr = *addr;
    memcpy(name->name, text, size);
    if (cf_hash_add(&names->hash, &name->node, hash) < 0) {
        free(name);
        return;
    }
    names->bytes += block;
    *names->tail = name;
    names->tail = &name->next;
}

void cf_capture_names_event(struct cf_capture_names *names, const struct cf_event_dns *dns,
                            struct cf_buffer *out)
{
    for (size_t i = 0; dns->name && i < dns->n_answers; i++) {
        const struct cf_event_answer *answer = &dns->answers[i];
        size_t before = out->length;
        struct cf_addr addr;
        uint64_t hash;

        if ((answer->type != TYPE_A && answer->type != TYPE_AAAA) || !answer->data ||
            cf_addr_parse(answer->data, &addr) < 0)
            continue;
        hash = cf_hash_bytes(addr.bytes, sizeof(addr.bytes));
        if (is_known(names, hash, &addr, dns->name))
            continue;
        cf_pcapng_name_put(out, &addr, dns->name);
        remember(names, hash, &addr, dns->name, out->length - before);
    }
}

void cf_capture_names_put(const struct cf_capture_names *names, struct cf_buffer *out)
{
    for (const struct cf_capture_name *name = names->first; name; name = name->next)
        cf_pcapng_name_put(out, &name->addr, name->name);
}
