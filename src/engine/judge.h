/*
 * judge.h - where a flow wants to go, and whether it may
 *
 * Destinations that must never reach a socket of the host are told apart
 * first, then the gateway's own addresses, then the policy is asked with every
 * name that the address is known by. Pure but for the names it looks up.
 */
#ifndef CF_ENGINE_JUDGE_H
#define CF_ENGINE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/event.h"
#include "base/addr.h"
#include "dns/names.h"
#include "engine/hello.h"
#include "profile/profile.h"
#include "profile/proxy.h"
#include "profile/verdict.h"

enum cf_destination {
    CF_DESTINATION_WORLD,   /* what the policy judges */
    CF_DESTINATION_HOST,    /* a port of host_ports on the gateway's address */
    CF_DESTINATION_GATEWAY, /* the gateway itself: nothing listens there */
    CF_DESTINATION_NEVER,   /* loopback, multicast, embedded forms, the link itself, ... */
    CF_DESTINATION_COUNT
};

struct cf_judgement {
    struct cf_event_process process; /* who opens the flow; borrowed until the next is looked up */
    bool process_known;              /* it was looked up, found or not */
    enum cf_destination destination;
    struct cf_verdict verdict;
    struct cf_addr_port target; /* where the outward socket goes; family NONE of a stand-in */
    enum cf_route route;                          /* of an allowed flow: DIRECT or PROXY */
    const char *proxy_name; /* given to the proxy instead of the address; NULL: by address */
    struct cf_flow_name names[CF_NAMES_PER_ADDR]; /* borrowed from the names until the next bind */
    uint64_t dns_ids[CF_NAMES_PER_ADDR];
    size_t n_names;
};

/* True for an address that no outward socket may ever be given. */
bool cf_destination_never(const struct cf_addr *addr);

/* True for multicast and broadcast, about which no ICMP error is sent (RFC 1122, 3.2.2). */
bool cf_destination_multicast(const struct cf_addr *addr);

/*
 * Judge a flow to dst by the program exe (NULL: not known). Fills all but what
 * says who opens it. Never fails. A stand-in (dns/standins.h) is judged by its
 * name alone, as an address that is not known, and what is allowed of it goes
 * to the proxy by that name; one that was never given is NEVER. For NEVER and
 * GATEWAY the verdict is a denial in audit mode too: there is nothing to let
 * it through to.
 */
void cf_judge(const struct cf_profile *profile, const struct cf_names *names, int64_t now_us,
              enum cf_proto proto, const struct cf_addr_port *dst, const char *exe,
              struct cf_judgement *ret_judgement);

/*
 * Whether an allowed flow must show a name (egress.verify_names): TCP to port 443 or 80 that a
 * rule allows by name, other than host_ports.
 */
bool cf_judge_must_show(const struct cf_profile *profile, enum cf_proto proto,
                        const struct cf_judgement *judgement);

/*
 * Judge the name that such a flow shows, for its port and the program exe (NULL: not known): a
 * name as one whose address is not known, a literal address by itself. Returns
 * CF_REASON_RULE when the policy allows it, else CF_REASON_NAME_MISMATCH.
 */
enum cf_reason cf_judge_shown(const struct cf_profile *profile, uint16_t port, const char *exe,
                              const struct cf_hello *hello);

/* Turn it into a denial that no mode lifts: the engine cannot carry the flow. */
void cf_judge_deny(struct cf_judgement *judgement, enum cf_reason reason);

#endif
