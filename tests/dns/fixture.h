/*
 * fixture.h - a resolver with everything around it, for the tests of this room
 */
#ifndef TEST_DNS_FIXTURE_H
#define TEST_DNS_FIXTURE_H

#include "audit/audit.h"
#include "dns/names.h"
#include "dns/resolver.h"
#include "dns/wire.h"
#include "loop/loop.h"
#include "message.h"
#include "profile/profile.h"
#include "upstream_fake.h"

/* What the last `dns` event said. */
struct seen {
    unsigned n;
    struct cf_event_dns dns;
    char name[CF_DOMAIN_TEXT_SIZE];
    char exe[64];          /* "" when it is not known */
    char answers[4096]; /* "name type data;" for each */
    unsigned n_warnings;
    char warning[256]; /* the last one: "code: text" */
};

struct fixture {
    struct cf_loop *loop;
    struct cf_profile *profile;
    struct cf_audit *audit;
    struct cf_names *names;
    struct cf_resolver *resolver;
    struct fake upstream;
    struct seen seen;
    const char *resolv_conf; /* of the resolver; NULL: the host's */
    int (*stream_open)(void *data, const struct cf_addr_port *server); /* of it; data: this */
    const char *exe;    /* the program that asks; NULL: not known */
    char found_exe[64]; /* what is borrowed of the last one looked up */
    unsigned n_looked_up;

    struct message reply; /* the last one */
    unsigned n_replies;
    bool silent; /* the last reply was none */
};

/*
 * The profile has the fake upstream as its server, asked twice; rules and hosts
 * are added by the test, and tests of silence make dns.timeout_ms short.
 */
void fixture_start(struct fixture *fixture,
                   bool (*script)(struct fake *fake, bool tcp, struct message *answer));
void fixture_allow(struct fixture *fixture, const char *endpoint);
/* The rule that was added last is for this program alone. */
void fixture_exe(struct fixture *fixture, const char *glob);
void fixture_deny(struct fixture *fixture, const char *endpoint);
void fixture_host(struct fixture *fixture, const char *name, const char *addr);
/* Makes names and resolver; the profile is as it shall be. */
void fixture_open(struct fixture *fixture, size_t cache_entries);
void fixture_stop(struct fixture *fixture);

/* Put a message and wait for its reply. */
void fixture_put(struct fixture *fixture, bool tcp, const uint8_t *data, size_t length);
/* The same with a plain query, RD set; returns the reply's rcode. */
int fixture_ask(struct fixture *fixture, const char *name, uint16_t type);

/* The reply's count of a section, and an address of its answer section as text. */
unsigned reply_count(const struct fixture *fixture, int section);
const char *reply_addr(const struct fixture *fixture, unsigned index);

/* "name" or "name(alias)" or "name(pinned)" for each name of an address, joined by blanks. */
const char *fixture_names(const struct fixture *fixture, const char *addr);

#endif
