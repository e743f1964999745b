/*
 * upstream.c - the servers that are asked, one after the other
 *
 * How this works. Each server has its own cf_cares, which makes one attempt for
 * each query, so that it is known which server answered, and what each of them
 * said; who is asked next is decided here. A lookup is
 *
 *   in the air  a cf_cares holds it; it is on no list
 *   landed      that called back; it waits on the list of landed ones for the
 *               task at the end of the turn, with the answer
 *
 * and the task sends it out again or gives the answer and frees it. A cf_cares
 * may call back inside its own functions; nothing of it is called from there,
 * and neither is the client. A cancelled lookup (fn is NULL) is freed when it
 * lands.
 */
#include "dns/upstream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "dns/cares.h"
#include "dns/ports.h"
#include "dns/wire.h"

#define RESOLV_CONF "/etc/resolv.conf"

static_assert(CF_PORTS_FEW * CF_PORTS_QUERIES + (CF_PORTS_MAX - CF_PORTS_FEW) * CF_ASKED_MAX >=
                  CF_UPSTREAM_LOOKUPS_MAX,
              "an answer has a port that waits for it");

struct server {
    struct cf_upstream *upstream;
    struct cf_cares *cares;
    uint64_t n_unasked;
};

struct cf_upstream {
    struct cf_loop *loop;
    struct cf_addr_port *addrs;
    struct server *servers;
    size_t n_servers;
    size_t preferred; /* the one that answered last */
    unsigned attempts;
    void (*unasked)(void *data, const struct cf_addr_port *server, uint64_t n,
                    const uint8_t *message, size_t length);
    void (*settled)(void *data);
    int (*stream_open)(void *data, const struct cf_addr_port *server);
    void *told_data; /* of these */
    size_t n_lookups;
    struct cf_lookup *landed, **landed_tail;
    struct cf_task task;
    bool ending; /* what lands goes */
};

struct cf_lookup {
    struct cf_cares_query query;
    struct cf_upstream *upstream;
    struct cf_lookup *next; /* among the landed */
    void (*fn)(void *data, const uint8_t *message, size_t length,
               const struct cf_addr_port *server);
    void *data;
    size_t server; /* that was asked last */
    unsigned n_tries;
    uint32_t refused_by; /* a bit for each server that answered but did not help */
    bool fresh;          /* answer came from the last try */
    uint8_t *answer;     /* NULL until there is one */
    size_t answer_length;
    size_t opt_at;
    size_t length;
    uint8_t message[];
};

const char *cf_upstream_library(void)
{
    return cf_cares_version();
}

static void server_unasked(void *data, const uint8_t *message, size_t length)
{
    struct server *server = data;
    struct cf_upstream *upstream = server->upstream;

    server->n_unasked++;
    if (upstream->unasked)
        upstream->unasked(upstream->told_data, &upstream->addrs[server - upstream->servers],
                          server->n_unasked, message, length);
}

static int server_stream_open(void *data)
{
    const struct server *server = data;
    const struct cf_upstream *upstream = server->upstream;

    return upstream->stream_open(upstream->told_data,
                                 &upstream->addrs[server - upstream->servers]);
}

static void lookup_free(struct cf_lookup *lookup)
{
    lookup->upstream->n_lookups--;
    free(lookup->answer);
    free(lookup);
}

/* This attempt is over, well or not. */
static void lookup_landed(struct cf_cares_query *query, uint8_t *answer, size_t length)
{
    struct cf_lookup *lookup = cf_container_of(query, struct cf_lookup, query);
    struct cf_upstream *upstream = lookup->upstream;

    if (upstream->ending || !lookup->fn) {
        free(answer);
        lookup_free(lookup);
        return;
    }
    lookup->fresh = answer != NULL;
    if (answer) {
        free(lookup->answer);
        lookup->answer = answer;
        lookup->answer_length = length;
    }
    lookup->next = NULL;
    *upstream->landed_tail = lookup;
    upstream->landed_tail = &lookup->next;
    cf_loop_task_add(upstream->loop, &upstream->task);
}

static void lookup_send(struct cf_lookup *lookup, size_t index)
{
    lookup->server = index;
    lookup->n_tries++;
    lookup->query.fn = lookup_landed;
    cf_cares_send(lookup->upstream->servers[index].cares, lookup->message, lookup->length,
                  &lookup->query);
}

/* The next server that has not refused yet, after the last one; -1 when it is enough. */
static int server_next(const struct cf_lookup *lookup)
{
    const struct cf_upstream *upstream = lookup->upstream;

    if (lookup->n_tries >= upstream->attempts * upstream->n_servers)
        return -1;
    for (size_t i = 1; i <= upstream->n_servers; i++) {
        size_t index = (lookup->server + i) % upstream->n_servers;

        if (!(lookup->refused_by & UINT32_C(1) << index))
            return (int)index;
    }
    return -1;
}

static void lookup_finish(struct cf_lookup *lookup)
{
    const struct cf_addr_port *server = &lookup->upstream->addrs[lookup->server];

    lookup->fn(lookup->data, lookup->answer, lookup->answer_length, server);
    lookup_free(lookup);
}

/* Decide what a landed lookup does next. */
static void lookup_advance(struct cf_lookup *lookup)
{
    struct cf_upstream *upstream = lookup->upstream;
    int next, rcode;

    if (lookup->fresh) {
        rcode = lookup->answer[3] & CF_WIRE_RCODE_MASK;
        if (rcode == CF_RCODE_FORMERR && lookup->opt_at) {
            lookup->length = lookup->opt_at;
            lookup->opt_at = 0;
            cf_wire_put_u16(lookup->message + 10, 0);
            lookup_send(lookup, lookup->server);
            return;
        }
        upstream->preferred = lookup->server;
        if (rcode != CF_RCODE_SERVFAIL && rcode != CF_RCODE_NOTIMP && rcode != CF_RCODE_REFUSED) {
            lookup_finish(lookup);
            return;
        }
        lookup->refused_by |= UINT32_C(1) << lookup->server;
    }
    next = server_next(lookup);
    if (next < 0)
        lookup_finish(lookup);
    else
        lookup_send(lookup, (size_t)next);
}

static void landed_run(struct cf_task *task)
{
    struct cf_upstream *upstream = cf_container_of(task, struct cf_upstream, task);
    struct cf_lookup *lookup = upstream->landed;

    /* What lands while these are worked off waits for the next turn. */
    upstream->landed = NULL;
    upstream->landed_tail = &upstream->landed;
    while (lookup) {
        struct cf_lookup *next = lookup->next;

        if (lookup->fn)
            lookup_advance(lookup);
        else
            lookup_free(lookup);
        lookup = next;
    }
    if (upstream->settled)
        upstream->settled(upstream->told_data);
}

static int servers_open(struct cf_upstream *upstream, const struct cf_upstream_config *config,
                        struct cf_error *err)
{
    struct cf_cares_config cares = {
        .loop = config->loop,
        .timeout_ms = config->timeout_ms,
        .transport = config->transport,
        .interface = config->interface,
        .unasked = server_unasked,
    };

    upstream->servers = calloc(upstream->n_servers, sizeof *upstream->servers);
    if (!upstream->servers)
        return cf_error_errno(err, -ENOMEM, "cannot set up DNS");
    for (size_t i = 0; i < upstream->n_servers; i++) {
        struct server *server = &upstream->servers[i];
        int r;

        server->upstream = upstream;
        cares.server = upstream->addrs[i];
        cares.data = server;
        cares.stream_open = NULL;
        if (config->is_tunnelled && config->is_tunnelled(config->data, &cares.server))
            cares.stream_open = server_stream_open;
        r = cf_cares_new(&cares, &server->cares, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The servers of the policy, or those of the host. */
static int addrs_set(struct cf_upstream *upstream, const struct cf_upstream_config *config,
                     struct cf_error *err)
{
    if (config->n_servers == 0)
        return cf_cares_servers(config->resolv_conf ? config->resolv_conf : RESOLV_CONF,
                                CF_UPSTREAM_SERVERS_MAX, &upstream->addrs, &upstream->n_servers,
                                err);
    if (config->n_servers > CF_UPSTREAM_SERVERS_MAX)
        return cf_error_set(err, -E2BIG, "more than %d DNS servers", CF_UPSTREAM_SERVERS_MAX);
    upstream->addrs = calloc(config->n_servers, sizeof *upstream->addrs);
    if (!upstream->addrs)
        return cf_error_errno(err, -ENOMEM, "cannot set up DNS");
    memcpy(upstream->addrs, config->servers, config->n_servers * sizeof *config->servers);
    upstream->n_servers = config->n_servers;
    return 0;
}

int cf_upstream_new(const struct cf_upstream_config *config, struct cf_upstream **ret_upstream,
                    struct cf_error *err)
{
    struct cf_upstream *upstream = calloc(1, sizeof *upstream);
    int r;

    if (!upstream)
        return cf_error_errno(err, -ENOMEM, "cannot set up DNS");
    upstream->loop = config->loop;
    upstream->attempts = config->attempts;
    upstream->unasked = config->unasked;
    upstream->settled = config->settled;
    upstream->stream_open = config->stream_open;
    upstream->told_data = config->data;
    upstream->landed_tail = &upstream->landed;
    upstream->task.fn = landed_run;
    r = addrs_set(upstream, config, err);
    if (r == 0)
        r = servers_open(upstream, config, err);
    if (r < 0) {
        cf_upstream_free(upstream);
        return r;
    }
    *ret_upstream = upstream;
    return 0;
}

void cf_upstream_free(struct cf_upstream *upstream)
{
    if (!upstream)
        return;
    upstream->ending = true;
    for (size_t i = 0; upstream->servers && i < upstream->n_servers; i++)
        cf_cares_free(upstream->servers[i].cares);
    while (upstream->landed) {
        struct cf_lookup *lookup = upstream->landed;

        upstream->landed = lookup->next;
        lookup_free(lookup);
    }
    cf_loop_task_remove(upstream->loop, &upstream->task);
    free(upstream->servers);
    free(upstream->addrs);
    free(upstream);
}

const struct cf_addr_port *cf_upstream_servers(const struct cf_upstream *upstream, size_t *ret_n)
{
    *ret_n = upstream->n_servers;
    return upstream->addrs;
}

int cf_upstream_ask(struct cf_upstream *upstream, const uint8_t *message, size_t length,
                    size_t opt_at,
                    void (*fn)(void *data, const uint8_t *message, size_t length,
                               const struct cf_addr_port *server),
                    void *data, struct cf_lookup **ret_lookup)
{
    struct cf_lookup *lookup;

    if (upstream->n_lookups >= CF_UPSTREAM_LOOKUPS_MAX)
        return -ENOSPC;
    lookup = calloc(1, sizeof *lookup + length);
    if (!lookup)
        return -ENOMEM;
    lookup->upstream = upstream;
    lookup->fn = fn;
    lookup->data = data;
    lookup->opt_at = opt_at;
    lookup->length = length;
    memcpy(lookup->message, message, length);
    upstream->n_lookups++;
    *ret_lookup = lookup;
    lookup_send(lookup, upstream->preferred);
    return 0;
}

void cf_upstream_cancel(struct cf_lookup *lookup)
{
    lookup->fn = NULL;
}
