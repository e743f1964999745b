/*
 * resolver.h - the stub resolver of a run
 *
 * Takes whole DNS messages from the sandbox and gives whole answers back:
 * from `hosts`, from the policy, from the cache, or from the policy's servers
 * through c-ares. Every query becomes one `dns` event. An answer that carries
 * addresses is given only after they are bound (dns/names.h), so that the
 * flow that follows finds its rule. Single-threaded, in the loop.
 */
#ifndef CF_DNS_RESOLVER_H
#define CF_DNS_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/addr.h"
#include "base/error.h"
#include "dns/names.h"
#include "loop/loop.h"
#include "profile/profile.h"

struct cf_resolver;
struct cf_query; /* one question under way */

struct cf_dns_client;

struct cf_resolver_config {
    struct cf_loop *loop;
    const struct cf_profile *profile;
    struct cf_audit *audit;
    struct cf_names *names;
    const char *interface;    /* that upstream sockets are bound to (base/egress.h); NULL for none */
    const char *resolv_conf;  /* NULL: /etc/resolv.conf */
    struct cf_addr loopback4; /* answers for CF_HOST_LOOPBACK_NAME: the gateway's addresses; */
    struct cf_addr loopback6; /* family NONE without IPv6 */

    /*
     * Says which process asked, while it still waits for its answer; what it
     * sets is borrowed until the event is written. NULL when no one can say.
     */
    void (*process_find)(void *data, const struct cf_dns_client *client,
                         struct cf_event_process *ret_process);

    /*
     * Says which other process has the socket that asked and runs a program that does
     * not pass: pid 0 when there is none, with `unknown` when that is not certain. Asked
     * when a name hinges on the program. NULL: the one of process_find() is alone.
     */
    void (*process_find_other)(void *data, const struct cf_dns_client *client,
                               cf_process_passes *passes, void *passes_data,
                               struct cf_event_process *ret_process);
    void *process_data;

    /*
     * Open a stream to a server through the proxy, for those of
     * cf_proxy_dns_tunnels(): a non-blocking descriptor, or -errno. It may
     * come to nothing later. NULL: these servers are never asked.
     */
    int (*stream_open)(void *data, const struct cf_addr_port *server);
    void *stream_data;
};

/* Where a question came from. */
struct cf_dns_client {
    bool tcp;
    struct cf_addr_port src;   /* in the sandbox */
    struct cf_addr_port asked; /* the server that the program meant */

    /*
     * Questions with one number other than 0 had all arrived before the first
     * of them was put, and are put without anything between them: those of one
     * socket share one look-up of the process.
     */
    uint64_t batch;
};

/*
 * Everything in config is borrowed and outlives the resolver. With no servers
 * in the profile, the host's resolv.conf is read now; none there is an error.
 * It is not read when the proxy resolves every name (cf_proxy_dns()). A server
 * on this host's loopback that is to be asked through the proxy is an error,
 * and so is the transport UDP for one.
 */
int cf_resolver_new(const struct cf_resolver_config *config, struct cf_resolver **ret_resolver,
                    struct cf_error *err);
/*
 * Queries under way are dropped without an answer; each is still logged (rcode
 * -1). Not from inside a reply.
 */
void cf_resolver_free(struct cf_resolver *resolver);

/* The upstream servers in use; borrowed. None when the proxy resolves every name. */
const struct cf_addr_port *cf_resolver_servers(const struct cf_resolver *resolver, size_t *ret_n);

/* "c-ares 1.18.1": the library that is linked in, for the log. Static. */
const char *cf_resolver_library(void);

/*
 * Put one question. reply is called exactly once unless the query is
 * cancelled, maybe before this returns; message is borrowed for that call, and
 * NULL when the client shall get no answer. For a UDP client the answer fits what the client's EDNS
 * buffer size allows (512 without), truncated with TC set otherwise.
 *
 * ret_query: NULL once reply has been called; for cf_resolver_cancel()
 *
 * Returns 0, or -errno when reply will not be called.
 */
int cf_resolver_query(struct cf_resolver *resolver, const struct cf_dns_client *client,
                      const uint8_t *message, size_t length,
                      void (*reply)(void *data, const uint8_t *message, size_t length), void *data,
                      struct cf_query **ret_query);

/*
 * Have fn called each time that the answers which came from upstream together
 * have all been given. fn: NULL for nobody; may flush and send, and nothing else
 */
void cf_resolver_settled(struct cf_resolver *resolver, void (*fn)(void *data), void *data);

/*
 * Write to the log what was said so far. Replies leave the process behind
 * their events: call this between reply and sending. Returns 0 or -errno.
 */
int cf_resolver_flush(struct cf_resolver *resolver);

/* The client is gone: reply will not be called. The query is still logged. */
void cf_resolver_cancel(struct cf_query *query);

#endif
