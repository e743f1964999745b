/*
 * judge.c - what the policy says of a question and of its answer
 */
#include "dns/judge.h"

#include <string.h>

#include "profile/protection.h"

bool cf_judge_passes(const struct cf_verdict *verdict)
{
    return verdict->action == CF_ALLOW;
}

static bool addr_is_allowed(const struct cf_ask *ask, const struct cf_addr *addr, const char *exe,
                            struct cf_verdict *ret_verdict)
{
    const struct cf_profile *profile = ask->desk->config.profile;
    struct cf_flow_name names[CF_NAMES_PER_ADDR];
    uint64_t ids[CF_NAMES_PER_ADDR];
    size_t n;

    n = cf_names_find(ask->desk->config.names, addr, ask->started_us, names, ids);
    for (size_t i = 0; i < n; i++) {
        const struct cf_name_query query = { .name = names[i].name, .exe = exe };

        if (names[i].alias)
            continue;
        cf_verdict_name(profile, &query, ret_verdict);
        if (cf_verdict_is_clean(ret_verdict))
            return true;
    }
    return cf_verdict_addr(profile, addr, ret_verdict);
}

/* The question, as a program asks it. */
static void judge_name_as(struct cf_ask *ask, const char *exe, struct cf_verdict *ret_verdict)
{
    const struct cf_name_query query = { .name = ask->name, .exe = exe };
    struct cf_verdict by_addr;
    struct cf_addr addr;

    cf_verdict_name(ask->desk->config.profile, &query, ret_verdict);
    if (cf_verdict_is_clean(ret_verdict) || cf_verdict_is_by_name(ret_verdict))
        return;
    if (cf_domain_to_addr(&ask->query.name, &addr) == 0 &&
        addr_is_allowed(ask, &addr, exe, &by_addr))
        *ret_verdict = by_addr;
}

static bool program_passes(void *data, const char *exe)
{
    struct cf_verdict verdict;

    judge_name_as(data, exe, &verdict);
    return cf_verdict_is_clean(&verdict);
}

void cf_judge_name(struct cf_ask *ask)
{
    judge_name_as(ask, ask->process.exe, &ask->verdict);
    if (!ask->desk->by_program || !cf_verdict_is_clean(&ask->verdict) ||
        program_passes(ask, NULL) || !cf_ask_process_find_other(ask, program_passes))
        return;
    judge_name_as(ask, ask->process.exe, &ask->verdict);
}

static int judge_alias(void *data, const struct cf_domain *domain)
{
    struct cf_ask *ask = data;
    const struct cf_profile *profile = ask->desk->config.profile;
    struct cf_verdict verdict;
    char name[CF_NAME_SIZE];
    const struct cf_name_query query = { .name = name, .alias = true, .exe = ask->process.exe };

    if (cf_domain_to_name(domain, true, name) < 0)
        cf_verdict_deny(profile, CF_REASON_MALFORMED, NULL, &verdict);
    else
        cf_verdict_name(profile, &query, &verdict);
    if (cf_verdict_is_clean(&verdict))
        return 0;
    ask->verdict = verdict;
    return -1;
}

void cf_judge_chain(struct cf_ask *ask, const struct cf_chain *chain)
{
    for (size_t i = 1; i < chain->n_names; i++) {
        if (judge_alias(ask, &chain->names[i]) < 0)
            return;
    }
    (void)cf_chain_targets(chain, judge_alias, ask);
}

static int judge_addr(void *data, const struct cf_addr *addr, uint32_t ttl)
{
    struct cf_ask *ask = data;

    (void)ttl;
    return cf_protection_answer(ask->desk->config.profile, ask->name, addr, ask->process.exe,
                                &ask->verdict)
               ? -1
               : 0;
}

void cf_judge_addrs(struct cf_ask *ask, const struct cf_wire_answer *answer)
{
    if (ask->named)
        (void)cf_answer_addrs(answer, judge_addr, ask);
}

struct binding {
    const struct cf_ask *ask;
    int64_t now_us;
    size_t n_aliases;
    char aliases[CF_CHAIN_MAX][CF_NAME_SIZE];
};

static int bind_addr(void *data, const struct cf_addr *addr, uint32_t ttl)
{
    const struct binding *binding = data;
    const struct cf_ask *ask = binding->ask;
    struct cf_names *names = ask->desk->config.names;
    int r;

    r = cf_names_bind(names, addr, ask->name, false, ask->id, ttl, binding->now_us);
    for (size_t i = 0; r == 0 && i < binding->n_aliases; i++)
        r = cf_names_bind(names, addr, binding->aliases[i], true, ask->id, ttl, binding->now_us);
    return r;
}

int cf_judge_bind(struct cf_ask *ask, const struct cf_chain *chain, int64_t now_us)
{
    struct binding binding;

    /* A name that no rule can be about (only audit mode gets here) binds nothing. */
    if (!ask->named)
        return 0;
    binding.ask = ask;
    binding.now_us = now_us;
    binding.n_aliases = 0;
    for (size_t i = 1; i < chain->n_names; i++) {
        if (cf_domain_to_name(&chain->names[i], true, binding.aliases[binding.n_aliases]) == 0)
            binding.n_aliases++;
    }
    return cf_chain_addrs(chain, bind_addr, &binding);
}
