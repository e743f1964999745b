/*
 * find.c - the addresses of one name, for the caller itself
 *
 * How this works. A loop of its own runs until both questions, for IPv6 and IPv4
 * addresses, are answered or given up by the upstream, which has a time for that.
 */
#include "dns/find.h"

#include <errno.h>
#include <string.h>

#include "dns/upstream.h"
#include "dns/wire.h"
#include "loop/loop.h"

#define QUERY_SIZE (CF_WIRE_HEADER_SIZE + CF_DOMAIN_SIZE + 4)

struct find {
    struct cf_loop *loop;
    unsigned waiting; /* questions without an answer */
};

struct question {
    struct find *find;
    uint8_t message[QUERY_SIZE];
    size_t length;
    struct cf_addr *addrs; /* room for CF_FIND_MAX */
    size_t n;
};

static void answer_read(struct question *question, const uint8_t *message, size_t length)
{
    struct cf_wire_query query;
    struct cf_wire_answer answer;
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;

    if (cf_wire_query_parse(question->message, question->length, &query) < 0)
        return;
    if (length >= CF_WIRE_HEADER_SIZE)
        query.id = cf_wire_u16(message); /* the upstream has put in its own, and compared it */
    if (cf_wire_answer_parse(message, length, &query, &answer) < 0)
        return;
    cf_wire_answer_walk(&answer, &walk);
    while (question->n < CF_FIND_MAX && cf_wire_walk_next(&walk, &rr) == 1) {
        if (rr.section == CF_SECTION_ANSWER && rr.type == query.type &&
            cf_wire_rr_addr(message, &rr, &question->addrs[question->n]) == 0)
            question->n++;
    }
}

static void answered(void *data, const uint8_t *message, size_t length,
                     const struct cf_addr_port *server)
{
    struct question *question = data;

    (void)server;
    if (message)
        answer_read(question, message, length);
    if (--question->find->waiting == 0)
        cf_loop_stop(question->find->loop, 0);
}

static void question_write(struct question *question, const struct cf_domain *name, uint16_t type)
{
    uint8_t *at = question->message + CF_WIRE_HEADER_SIZE;

    cf_wire_put_u16(question->message + 2, CF_WIRE_RD);
    cf_wire_put_u16(question->message + 4, 1);
    memcpy(at, name->bytes, name->length);
    cf_wire_put_u16(at + name->length, type);
    cf_wire_put_u16(at + name->length + 2, CF_CLASS_IN);
    question->length = CF_WIRE_HEADER_SIZE + (size_t)name->length + 4;
}

static int question_ask(struct cf_upstream *upstream, struct question *question)
{
    struct cf_lookup *lookup;
    int r = cf_upstream_ask(upstream, question->message, question->length, 0, answered, question,
                            &lookup);

    if (r == 0)
        question->find->waiting++;
    return r;
}

/* Ask all; the loop runs. Returns 0 or -errno with a message. */
static int ask(struct find *find, const struct cf_find_config *config, struct question *questions,
               size_t n, struct cf_error *err)
{
    const struct cf_profile *profile = config->profile;
    const struct cf_upstream_config upstream_config = {
        .loop = find->loop,
        .servers = profile->dns.servers,
        .n_servers = profile->dns.n_servers,
        .interface = config->interface,
        .timeout_ms = (uint32_t)profile->dns.timeout_ms,
        .attempts = (unsigned)profile->dns.attempts,
        .transport = profile->dns.transport,
    };
    struct cf_upstream *upstream;
    int r = cf_upstream_new(&upstream_config, &upstream, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n && r == 0; i++)
        r = question_ask(upstream, &questions[i]);
    if (r == 0)
        r = cf_loop_run(find->loop);
    if (r < 0)
        cf_error_errno(err, r, "cannot ask the DNS servers");
    cf_upstream_free(upstream);
    return r;
}

int cf_dns_find(const struct cf_find_config *config, const char *name,
                struct cf_addr ret_addrs[CF_FIND_MAX], struct cf_error *err)
{
    struct cf_addr ipv4[CF_FIND_MAX];
    struct find find = { .waiting = 0 };
    struct question questions[] = {
        { .find = &find, .addrs = ipv4 },
        { .find = &find, .addrs = ret_addrs },
    };
    struct cf_domain domain;
    size_t n;
    int r;

    if (cf_domain_from_host(name, &domain) < 0)
        return cf_error_set(err, -EINVAL, "'%s' is no name that DNS has", name);
    r = cf_loop_new(&find.loop, err);
    if (r < 0)
        return r;
    question_write(&questions[0], &domain, CF_TYPE_A);
    question_write(&questions[1], &domain, CF_TYPE_AAAA);
    r = ask(&find, config, questions, config->ipv6 ? 2 : 1, err);
    cf_loop_free(find.loop);
    if (r < 0)
        return r;
    n = questions[1].n;
    for (size_t i = 0; i < questions[0].n && n < CF_FIND_MAX; i++)
        ret_addrs[n++] = ipv4[i];
    return (int)n;
}
