/*
 * judge.h - what the policy says of a question and of its answer
 *
 * Asks the profile; binds what was learned. Private to the resolver.
 */
#ifndef CF_DNS_JUDGE_H
#define CF_DNS_JUDGE_H

#include "dns/ask.h"
#include "dns/chain.h"

/* A verdict that lets the question through: by the policy, or because mode is audit. */
bool cf_judge_passes(const struct cf_verdict *verdict);

/*
 * Judge the asked name (ask->name), into ask->verdict. The name of an address
 * (in-addr.arpa, ip6.arpa) is judged as any other; when no rule by name speaks
 * of it, it is allowed too when this run knows the address by a name that is
 * allowed, or when a rule by address allows some flow to it.
 */
void cf_judge_name(struct cf_ask *ask);

/*
 * Judge every further name of the chain, and those that SVCB records lead to;
 * one that is denied decides ask->verdict.
 */
void cf_judge_chain(struct cf_ask *ask, const struct cf_chain *chain);

/*
 * Judge every address that the answer holds, in any section: where one leads a
 * public name inside, dns.block_rebinding decides ask->verdict.
 */
void cf_judge_addrs(struct cf_ask *ask, const struct cf_wire_answer *answer);

/*
 * Bind the addresses of the chain's end to the asked name, and as aliases to
 * the names between. Returns 0 or -errno as cf_names_bind().
 */
int cf_judge_bind(struct cf_ask *ask, const struct cf_chain *chain, int64_t now_us);

#endif
