/*
 * ask.c - one question of a client and the ways to end it
 */
#include "dns/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dns/rdata.h"

/* Rows and text of the log for the records of the answer section, as far as there is room. */
static size_t rows_fill(struct cf_ask_desk *desk, const struct cf_wire_answer *answer)
{
    struct cf_domain last = { 0 };
    const char *last_text = NULL;
    size_t n = 0, used = 0;
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;

    cf_wire_answer_walk(answer, &walk);
    while (n < CF_ASK_ROWS_MAX && cf_wire_walk_next(&walk, &rr) > 0 &&
           rr.section == CF_SECTION_ANSWER) {
        int length;

        if (!last_text || !cf_domain_equal(&last, &rr.owner)) {
            if (CF_ASK_TEXT_MAX - used < CF_DOMAIN_TEXT_SIZE)
                break;
            last = rr.owner;
            last_text = cf_domain_format(&rr.owner, desk->text + used);
            used += strlen(last_text) + 1;
        }
        length = cf_rdata_format(answer->message, &rr, desk->text + used, CF_ASK_TEXT_MAX - used);
        if (length < 0)
            break;
        desk->rows[n++] = (struct cf_event_answer) {
            .name = last_text, .type = rr.type, .ttl = rr.ttl, .data = desk->text + used
        };
        used += (size_t)length + 1;
    }
    return n;
}

static bool asked_together(const struct cf_dns_client *a, const struct cf_dns_client *b)
{
    return a->batch != 0 && a->batch == b->batch && a->src.port == b->src.port &&
           a->asked.port == b->asked.port && cf_addr_equal(&a->src.addr, &b->src.addr) &&
           cf_addr_equal(&a->asked.addr, &b->asked.addr);
}

void cf_ask_process_find(struct cf_ask *ask)
{
    struct cf_ask_desk *desk = ask->desk;
    const struct cf_resolver_config *config = &desk->config;

    if (ask->process_known)
        return;
    ask->process_known = true;
    if (!asked_together(&ask->client, &desk->found_for)) {
        desk->found = (struct cf_event_process) { .unknown = "not_looked_up" };
        if (config->process_find)
            config->process_find(config->process_data, &ask->client, &desk->found);
        desk->found_for = ask->client;
    }
    ask->process = desk->found;
}

bool cf_ask_process_find_other(struct cf_ask *ask, cf_process_passes *passes)
{
    struct cf_ask_desk *desk = ask->desk;
    const struct cf_resolver_config *config = &desk->config;
    struct cf_event_process other = { 0 };

    if (!config->process_find_other)
        return false;
    config->process_find_other(config->process_data, &ask->client, passes, ask, &other);
    if (other.pid == 0 && !other.unknown)
        return false;
    desk->found_for = (struct cf_dns_client) { 0 }; /* its texts may be gone */
    ask->process = other;
    return true;
}

/* Move a text, which may be NULL, to *at. */
static const char *keep(char **at, const char *text)
{
    char *kept = *at;

    if (!text)
        return NULL;
    *at = stpcpy(kept, text) + 1;
    return kept;
}

static size_t kept_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

int cf_ask_process_keep(struct cf_ask *ask, char **ret_text)
{
    struct cf_event_process *process = &ask->process;
    size_t size =
        kept_size(process->exe) + kept_size(process->argv) + kept_size(process->parent_exe);
    char *at;

    *ret_text = NULL;
    if (!ask->process_known || size == 0)
        return 0;
    at = *ret_text = malloc(size);
    if (!at)
        return -ENOMEM;
    process->exe = keep(&at, process->exe);
    process->argv = keep(&at, process->argv);
    process->parent_exe = keep(&at, process->parent_exe);
    return 0;
}

static void ask_log(struct cf_ask *ask, int rcode, enum cf_dns_source source,
                    const struct cf_addr_port *server, size_t n_rows)
{
    const struct cf_resolver_config *config = &ask->desk->config;
    struct cf_event event = { .type = CF_EVENT_DNS };
    char name[CF_DOMAIN_TEXT_SIZE] = "";

    if (ask->query.question_length)
        cf_domain_format(&ask->query.name, name);
    event.dns.id = ask->id;
    event.dns.name = name;
    event.dns.type = ask->query.type;
    event.dns.tcp = ask->client.tcp;
    event.dns.asked = ask->client.asked;
    event.dns.verdict = ask->verdict;
    event.dns.source = source;
    event.dns.rcode = rcode;
    cf_ask_process_find(ask);
    event.dns.process = ask->process;
    if (server)
        event.dns.server = *server;
    event.dns.n_answers = n_rows;
    event.dns.answers = ask->desk->rows;
    event.dns.latency_us = (uint64_t)(cf_clock_monotonic_us() - ask->started_us);
    /* A log that cannot be written ends the run by its own callback. */
    (void)cf_audit_emit(config->audit, &event);
}

void cf_ask_give(struct cf_ask *ask, struct cf_reply *reply, enum cf_dns_source source,
                 const struct cf_addr_port *server, const struct cf_wire_answer *answer)
{
    size_t limit = ask->client.tcp ? CF_WIRE_MESSAGE_MAX : cf_reply_udp_limit(&ask->query);
    /* answer may lie in the reply, which is cut next. */
    size_t n_rows = answer ? rows_fill(ask->desk, answer) : 0;

    cf_reply_finish(reply, limit);
    ask_log(ask, (int)reply->rcode, source, server, n_rows);
    ask->reply(ask->data, reply->data, reply->length);
}

void cf_ask_fail(struct cf_ask *ask, unsigned rcode, enum cf_dns_source source,
                 const struct cf_addr_port *server)
{
    struct cf_reply reply;

    cf_reply_start(&reply, ask->desk->reply, &ask->query, rcode);
    if (source == CF_DNS_SOURCE_POLICY)
        reply.extended_error = CF_EXTENDED_BLOCKED;
    cf_ask_give(ask, &reply, source, server, NULL);
}

static void add_zero(struct cf_reply *reply, uint16_t type)
{
    struct cf_addr zero = { 0 };

    if (type == CF_TYPE_A)
        zero.family = CF_FAMILY_IPV4;
    else if (type == CF_TYPE_AAAA)
        zero.family = CF_FAMILY_IPV6;
    else
        return;
    cf_reply_add_addr(reply, &zero, CF_ASK_TTL_S);
}

void cf_ask_deny(struct cf_ask *ask, const struct cf_addr_port *server)
{
    struct cf_reply reply;

    switch (ask->desk->config.profile->dns.deny_answer) {
    case CF_DENY_ANSWER_REFUSED:
        cf_ask_fail(ask, CF_RCODE_REFUSED, CF_DNS_SOURCE_POLICY, server);
        return;
    case CF_DENY_ANSWER_ZERO:
        cf_reply_start(&reply, ask->desk->reply, &ask->query, CF_RCODE_NOERROR);
        reply.extended_error = CF_EXTENDED_BLOCKED;
        add_zero(&reply, ask->query.type);
        cf_ask_give(ask, &reply, CF_DNS_SOURCE_POLICY, server, NULL);
        return;
    default:
        cf_ask_fail(ask, CF_RCODE_NXDOMAIN, CF_DNS_SOURCE_POLICY, server);
        return;
    }
}

void cf_ask_silence(struct cf_ask *ask, bool told)
{
    ask_log(ask, -1, CF_DNS_SOURCE_ERROR, NULL, 0);
    if (told)
        ask->reply(ask->data, NULL, 0);
}
