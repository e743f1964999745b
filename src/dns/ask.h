/*
 * ask.h - one question of a client and the ways to end it
 *
 * Every question ends exactly once, in cf_ask_give() or cf_ask_silence(): its
 * event is written first, then the client gets its answer as the last thing
 * that is done. Private to the resolver.
 */
#ifndef CF_DNS_ASK_H
#define CF_DNS_ASK_H

#include <stdint.h>

#include "audit/audit.h"
#include "dns/reply.h"
#include "dns/resolver.h"
#include "dns/wire.h"

/* The log says so many records of an answer, and so many octets of text. */
#define CF_ASK_ROWS_MAX 128
#define CF_ASK_TEXT_MAX ((size_t)16 << 10)

/* Seconds that answers of ours (hosts, zero) may be kept. */
#define CF_ASK_TTL_S 60

/* What all questions of a resolver share; single-threaded, so one of each is enough. */
struct cf_ask_desk {
    struct cf_resolver_config config;
    bool by_program; /* some rule asks for the program, so it is found before a name is judged */
    struct cf_dns_client found_for; /* the last of a batch that was looked up; batch 0: none */
    struct cf_event_process found;
    uint64_t n_exhausted; /* questions that found all stand-ins given */
    uint8_t reply[CF_REPLY_SIZE];
    struct cf_event_answer rows[CF_ASK_ROWS_MAX];
    char text[CF_ASK_TEXT_MAX];
};

struct cf_ask {
    struct cf_ask_desk *desk; /* borrowed */
    struct cf_dns_client client;
    uint64_t id;
    int64_t started_us; /* monotonic */
    struct cf_wire_query query;
    bool named; /* name is set: the octets are those of a host name */
    char name[CF_NAME_SIZE];
    struct cf_event_process process; /* who asks; borrowed: see cf_ask_process_find() */
    bool process_known;              /* it was looked up, found or not */
    struct cf_verdict verdict;
    void (*reply)(void *data, const uint8_t *message, size_t length);
    void *data;
};

/* Find who asks, unless that is known; its texts last until another question's is looked up. */
void cf_ask_process_find(struct cf_ask *ask);

/*
 * Find another process that has the socket and does not pass (passes() is given ask); it
 * is the one that asks, then. Returns false when there is none such.
 */
bool cf_ask_process_find_other(struct cf_ask *ask, cf_process_passes *passes);

/*
 * For a question that waits: a copy of its process's texts, which ask points
 * at from now on. *ret_text is the caller's, NULL when there is nothing to
 * keep. Returns 0 or -ENOMEM.
 */
int cf_ask_process_keep(struct cf_ask *ask, char **ret_text);

/*
 * Log and send a reply that was started for ask.
 *
 * server: that was asked; NULL for none
 * answer: whose records are logged; NULL for none
 */
void cf_ask_give(struct cf_ask *ask, struct cf_reply *reply, enum cf_dns_source source,
                 const struct cf_addr_port *server, const struct cf_wire_answer *answer);

/* A reply without records. */
void cf_ask_fail(struct cf_ask *ask, unsigned rcode, enum cf_dns_source source,
                 const struct cf_addr_port *server);

/* What profile.dns.deny_answer says. server: NULL unless its answer was denied. */
void cf_ask_deny(struct cf_ask *ask, const struct cf_addr_port *server);

/* Log; the client gets nothing. told: the reply is called, with no message. */
void cf_ask_silence(struct cf_ask *ask, bool told);

#endif
