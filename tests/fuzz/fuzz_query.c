/*
 * fuzz_query.c - a client's octets and a server's through the whole resolver
 *
 * The first octet says how the client asks and what the server's answer is
 * made of; two octets are the length of the client's message; what follows is
 * the answer. The upstream is a stub that takes the place of c-ares. Whatever
 * comes in:
 *
 *   - every question has one reply or none, and one event
 *   - a reply carries the client's id, reads as an answer, and fits the client
 *   - what goes out is a query with one question, for a name that is allowed,
 *     and nothing but what was judged
 *   - after an answer only names that are allowed have addresses
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "dns/names.h"
#include "dns/resolver.h"
#include "dns/upstream.h"
#include "dns/wire.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

#define BY_TCP 1
#define COPIES_QUESTION 2 /* the answer begins with the id and question that went out */
#define NO_ANSWER 4
#define CANCELLED 8

/* The stub: one lookup at a time is under way. */
struct cf_upstream {
    struct cf_addr_port server;
};

struct cf_lookup {
    void (*fn)(void *data, const uint8_t *message, size_t length,
               const struct cf_addr_port *server);
    void *data;
    size_t length;
    uint8_t message[CF_WIRE_MESSAGE_MAX];
};

static struct cf_upstream the_upstream;
static struct cf_lookup the_lookup;
static bool under_way;

static struct cf_profile *profile;
static struct cf_audit *audit;
static unsigned n_events, n_replies;
static bool by_tcp;
static uint16_t asked_id;

int cf_upstream_new(const struct cf_upstream_config *config, struct cf_upstream **ret_upstream,
                    struct cf_error *err)
{
    (void)config;
    (void)err;
    *ret_upstream = &the_upstream;
    return 0;
}

void cf_upstream_free(struct cf_upstream *upstream)
{
    (void)upstream;
    under_way = false;
}

const struct cf_addr_port *cf_upstream_servers(const struct cf_upstream *upstream, size_t *ret_n)
{
    *ret_n = 1;
    return &upstream->server;
}

const char *cf_upstream_library(void)
{
    return "none";
}

static bool is_allowed(const char *name)
{
    size_t length = strlen(name);

    return strcmp(name, "a.example") == 0 ||
           (length > 10 && strcmp(name + length - 10, ".zone.test") == 0);
}

/* The one check that matters: what leaves. */
int cf_upstream_ask(struct cf_upstream *upstream, const uint8_t *message, size_t length,
                    size_t opt_at,
                    void (*fn)(void *data, const uint8_t *message, size_t length,
                               const struct cf_addr_port *server),
                    void *data, struct cf_lookup **ret_lookup)
{
    struct cf_wire_query query;
    char name[CF_NAME_SIZE];
    struct cf_addr addr;

    (void)upstream;
    CHECK(!under_way);
    CHECK(cf_wire_query_parse(message, length, &query) == 0);
    CHECK(cf_domain_to_name(&query.name, false, name) == 0);
    /* The name of an address is allowed by its address. */
    CHECK(is_allowed(name) || cf_domain_to_addr(&query.name, &addr) == 0);
    CHECK(query.class == CF_CLASS_IN && query.type != CF_TYPE_AXFR && query.type != CF_TYPE_IXFR);
    CHECK(query.edns.present && opt_at < length);
    the_lookup.fn = fn;
    the_lookup.data = data;
    the_lookup.length = length;
    memcpy(the_lookup.message, message, length);
    *ret_lookup = &the_lookup;
    under_way = true;
    return 0;
}

void cf_upstream_cancel(struct cf_lookup *lookup)
{
    (void)lookup;
    under_way = false;
}

static void tap(void *data, const struct cf_event *event)
{
    (void)data;
    CHECK(event->type == CF_EVENT_DNS);
    n_events++;
}

static void rule(enum cf_action action, const char *text)
{
    struct cf_origin origin = { .file = "fuzz", .line = 1 };
    struct cf_endpoint endpoint;

    CHECK(cf_endpoint_parse(text, &endpoint, NULL, NULL) == 0);
    CHECK(cf_profile_rule_add(profile, action, text, &endpoint, origin) == 0);
}

/* Made once: nothing of it changes. */
static void profile_make(void)
{
    struct cf_origin origin = { .file = "fuzz", .line = 1 };
    char run[CF_RUN_ID_SIZE];
    struct cf_addr addr;

    cf_run_id_make(run);
    profile = cf_profile_new();
    CHECK(profile && cf_audit_open(NULL, run, NULL, NULL, &audit, NULL) == 0);
    cf_audit_tap(audit, tap, NULL);
    rule(CF_ALLOW, "a.example");
    rule(CF_ALLOW, "**.zone.test:443");
    rule(CF_ALLOW, "192.0.2.0/24:80");
    rule(CF_DENY, "bad.test");
    CHECK(cf_addr_parse("10.20.0.9", &addr) == 0);
    CHECK(cf_profile_host_add(profile, "db.internal", &addr, origin) == 0);
    profile->dns.cache = 8;
    CHECK(cf_profile_seal(profile) == 0);
}

static void reply(void *data, const uint8_t *message, size_t length)
{
    struct cf_wire_query asked, *query = data;
    struct cf_wire_answer answer;
    size_t limit = 512;

    n_replies++;
    if (!message)
        return;
    CHECK(length >= CF_WIRE_HEADER_SIZE && cf_wire_u16(message) == asked_id);
    CHECK(cf_wire_u16(message + 2) & CF_WIRE_QR);
    asked = *query;
    if (asked.edns.present && asked.edns.udp_size > limit)
        limit = asked.edns.udp_size;
    CHECK(by_tcp || length <= limit);
    if (asked.question_length && !(asked.flags & CF_WIRE_OPCODE_MASK))
        CHECK(cf_wire_answer_parse(message, length, &asked, &answer) == 0);
}

/* What the server says to what went out. */
static void answer_lookup(uint8_t how, const uint8_t *data, size_t size)
{
    static uint8_t answer[CF_WIRE_MESSAGE_MAX];
    struct cf_wire_query query;
    size_t head, length = size;

    under_way = false;
    if (how & NO_ANSWER) {
        the_lookup.fn(the_lookup.data, NULL, 0, &the_upstream.server);
        return;
    }
    if (size > sizeof answer - 512)
        length = sizeof answer - 512;
    if (!(how & COPIES_QUESTION)) {
        memcpy(answer, data, length);
    } else {
        /* Flags and counts are the input's, the rest of the header and the question are right. */
        CHECK(cf_wire_query_parse(the_lookup.message, the_lookup.length, &query) == 0);
        head = CF_WIRE_HEADER_SIZE + (size_t)query.question_length;
        memcpy(answer, the_lookup.message, head);
        if (length < 8)
            return;
        memcpy(answer + 2, data, 2);
        answer[2] |= CF_WIRE_QR >> 8;
        memcpy(answer + 6, data + 2, 6);
        memcpy(answer + head, data + 8, length - 8);
        length = head + length - 8;
    }
    the_lookup.fn(the_lookup.data, answer, length, &the_upstream.server);
}

static void check_names(const struct cf_names *names)
{
    static const char *const addrs[] = { "192.0.2.1", "10.0.0.1", "2001:db8::1" };
    struct cf_flow_name found[CF_NAMES_PER_ADDR];
    uint64_t ids[CF_NAMES_PER_ADDR];

    for (size_t i = 0; i < sizeof addrs / sizeof *addrs; i++) {
        struct cf_addr addr;
        size_t n;

        CHECK(cf_addr_parse(addrs[i], &addr) == 0);
        n = cf_names_find(names, &addr, cf_clock_monotonic_us(), found, ids);
        for (size_t j = 0; j < n; j++)
            CHECK(found[j].alias || is_allowed(found[j].name) || strstr(found[j].name, ".arpa"));
    }
}

static void ask(struct cf_resolver *resolver, uint8_t how, const uint8_t *message, size_t length,
                const uint8_t *answer, size_t answer_length)
{
    struct cf_dns_client client = { .tcp = how & BY_TCP };
    struct cf_wire_query parsed;
    struct cf_query *query = NULL;

    (void)cf_wire_query_parse(message, length, &parsed);
    by_tcp = client.tcp;
    asked_id = length >= 2 ? cf_wire_u16(message) : 0;
    n_events = n_replies = 0;
    CHECK(cf_resolver_query(resolver, &client, message, length, reply, &parsed, &query) == 0);
    CHECK((query != NULL) == under_way);
    if (query && (how & CANCELLED)) {
        cf_resolver_cancel(query);
        CHECK(n_events == 1 && n_replies == 0);
        return;
    }
    if (query)
        answer_lookup(how, answer, answer_length);
    if (n_replies == 0) { /* an answer too short to be made: it goes with the resolver */
        CHECK(query);
        return;
    }
    CHECK(n_events == 1 && n_replies == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cf_resolver_config config = { 0 };
    struct cf_resolver *resolver;
    struct cf_names *names;
    size_t length;
    uint8_t how, *copy;

    if (!profile)
        profile_make();
    if (size < 4)
        return 0;
    how = data[0];
    length = cf_wire_u16(data + 1) % (size - 2);
    data += 3;
    size -= 3;
    copy = malloc(length + 1);
    if (!copy)
        return 0;
    memcpy(copy, data, length);
    CHECK(cf_names_new(profile, &names) == 0);
    config.profile = profile;
    config.audit = audit;
    config.names = names;
    CHECK(cf_resolver_new(&config, &resolver, NULL) == 0);
    /* A second time, for what is kept. */
    ask(resolver, how, copy, length, data + length, size - length);
    if (!under_way)
        ask(resolver, how ^ BY_TCP, copy, length, data + length, size - length);
    check_names(names);
    cf_resolver_free(resolver);
    cf_names_free(names);
    free(copy);
    return 0;
}
