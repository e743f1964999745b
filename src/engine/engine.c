/*
 * engine.c - the wiring: what the gateway delivers goes to TCP, UDP and ICMP
 *
 * How this works. Held packets (SYNs, echo requests) come by one netlink
 * socket, packets that are no flow by another; new UDP conversations and
 * connections come by sockets that udp.c and tcp.c watch themselves. The engine
 * runs from cf_engine_new() to cf_engine_stop(); a drain in between looks, every
 * few milliseconds, whether a connection still owes bytes to the outside.
 */
#include "engine/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/hash.h"
#include "engine/account.h"
#include "engine/internal.h"
#include "engine/packet.h"
#include "engine/tcp_outward.h"
#include "netlink/nflog.h"

/* Measured with 64 that connect at once: 8 double the median wait, 512 gain nothing. */
#define FLOWS_A_TURN 64
#define STRAYS_A_TURN 64
#define DRAIN_LOOK_US 2000
#define LINK_NAME "gw0"
#define LINK_MTU 1500

void cf_engine_warn(struct cf_engine *engine, enum cf_engine_warning warning, int error)
{
    if (engine->warned[warning])
        return;
    engine->warned[warning] = true;
    switch (warning) {
    case CF_WARNING_RESOURCES:
        cf_audit_warn(
            engine->config.audit, "resources",
            "flows are denied because the host has run out of something: %s; raise the limit "
            "of open files (ulimit -n) where it is that",
            strerror(error));
        break;
    case CF_WARNING_STREAMS:
        cf_audit_warn(engine->config.audit, "limit_dns_streams",
                      "%d connections to port 53 are open, and this version serves no more: others "
                      "are denied until some end",
                      CF_DNS_STREAMS_MAX);
        break;
    case CF_WARNING_LOST:
        cf_audit_warn(engine->config.audit, "packets_lost",
                      "packets of the sandbox came faster than they could be judged; their senders "
                      "repeat them");
        break;
    default:
        cf_audit_warn(engine->config.audit, "icmp_unavailable",
                      "ping is not possible: the host's sysctl net.ipv4.ping_group_range does not "
                      "hold the group that runs childflow");
        break;
    }
}

bool cf_engine_make_room(struct cf_engine *engine)
{
    const bool forgotten = cf_tcp_outward_forget(&engine->tcp);

    return cf_loop_rest(engine->config.loop) || forgotten;
}

void cf_engine_judge(struct cf_engine *engine, const struct cf_flow *flow,
                     struct cf_judgement *ret_judgement)
{
    if (cf_limits_connections(&engine->flows.limits) || cf_flow_table_full(&engine->flows))
        cf_loop_rest(engine->config.loop);
    cf_flow_judge(&engine->flows, flow, ret_judgement);
}

static bool is_echo_request(const struct cf_packet *packet)
{
    if (packet->icmp.code != 0)
        return false;
    return packet->protocol == IPPROTO_ICMP ? packet->icmp.type == ICMP_ECHO
                                            : packet->icmp.type == ICMP6_ECHO_REQUEST;
}

/* Only the sandbox's own address may speak: replies would go to nobody else. */
static bool from_sandbox(const struct cf_packet *packet)
{
    struct cf_addr own;

    cf_addr_parse(packet->src.family == CF_FAMILY_IPV4 ? CF_SANDBOX_IPV4 : CF_SANDBOX_IPV6, &own);
    return cf_addr_equal(&packet->src, &own);
}

static void lost_count(struct cf_lost *lost, uint32_t seq)
{
    lost->count += seq - lost->next;
    lost->next = seq + 1;
}

static void flow_packet(void *data, const struct cf_nflog_packet *logged)
{
    struct cf_engine *engine = data;
    struct cf_packet packet = { 0 };

    engine->packets++;
    lost_count(&engine->flows_lost, logged->seq);
    if (cf_packet_parse(logged->data, logged->length, &packet) < 0 || packet.fragment) {
        cf_strays_add(&engine->strays, packet.protocol, &packet.dst, "malformed");
    } else if (!from_sandbox(&packet)) {
        cf_strays_add(&engine->strays, packet.protocol, &packet.dst, "forged_source");
    } else if (packet.protocol == IPPROTO_TCP) {
        cf_tcp_syn(&engine->tcp, &packet);
    } else if ((packet.protocol == IPPROTO_ICMP || packet.protocol == IPPROTO_ICMPV6) &&
               is_echo_request(&packet)) {
        cf_icmp_echo(&engine->icmp, &packet);
    } else {
        cf_strays_add(&engine->strays, packet.protocol, &packet.dst, "protocol");
    }
}

static void flows_read(struct cf_engine *engine, int budget)
{
    int n = cf_nflog_read(engine->config.gateway->flows_fd, budget, flow_packet, engine);

    if (n == -ENOBUFS)
        cf_engine_warn(engine, CF_WARNING_LOST, ENOBUFS);
}

/*
 * At the limit of connections a program that ends one and begins the next must find
 * room: what has ended by now may not have been told yet, because new flows come
 * first. So the next waits for the rest of this turn, and for the other threads.
 */
static bool is_recounted(struct cf_engine *engine)
{
    if (engine->recounting) {
        engine->recounting = cf_shards_asked(engine->shards);
        return !engine->recounting;
    }
    cf_loop_rest(engine->config.loop);
    if (!cf_limits_full(&engine->flows.limits))
        return true;
    cf_shards_ask(engine->shards);
    engine->recounting = true;
    return false;
}

static void flows_ready(struct cf_watch *watch, uint32_t events)
{
    struct cf_engine *engine = cf_container_of(watch, struct cf_engine, flows_watch);

    (void)events;
    if (!cf_limits_connections(&engine->flows.limits))
        flows_read(engine, FLOWS_A_TURN);
    else if (is_recounted(engine))
        flows_read(engine, 1);
}

/* Addresses of a packet whose rest is cut off or makes no sense. */
static void headers_read(const struct cf_nflog_packet *logged, struct cf_packet *packet)
{
    const uint8_t *at = logged->data;

    if (logged->length >= 20 && at[0] >> 4 == 4) {
        packet->protocol = at[9];
        packet->dst = cf_addr_from_ipv4(at + 16);
    } else if (logged->length >= 40 && at[0] >> 4 == 6) {
        packet->protocol = at[6];
        packet->dst.family = CF_FAMILY_IPV6;
        memcpy(packet->dst.bytes, at + 24, 16);
    }
}

static void stray_packet(void *data, const struct cf_nflog_packet *logged)
{
    struct cf_engine *engine = data;
    struct cf_packet packet = { 0 };
    const char *reason = logged->prefix;

    lost_count(&engine->strays_lost, logged->seq);
    /* What the sandbox's kernel sends by itself is no denial, or not even counted (nft.c). */
    if (strcmp(reason, "link") == 0)
        return;
    engine->packets++;
    if (strcmp(reason, "icmp-error") == 0)
        return;
    if (strcmp(reason, "forged") == 0)
        reason = "forged_source";
    headers_read(logged, &packet);
    cf_strays_add(&engine->strays, packet.protocol, &packet.dst, reason);
}

static void strays_read(struct cf_engine *engine, int budget)
{
    int n = cf_nflog_read(engine->config.gateway->strays_fd, budget, stray_packet, engine);

    if (n == -ENOBUFS)
        cf_engine_warn(engine, CF_WARNING_LOST, ENOBUFS);
}

static void strays_ready(struct cf_watch *watch, uint32_t events)
{
    (void)events;
    strays_read(cf_container_of(watch, struct cf_engine, strays_watch), STRAYS_A_TURN);
}

static uint32_t link_mtu(const struct cf_gateway *gateway)
{
    struct ifreq request = { .ifr_name = LINK_NAME };

    /* A socket answers for the namespace that it was made in. */
    if (ioctl(gateway->raw4_fd, SIOCGIFMTU, &request) < 0 || request.ifr_mtu < LINK_MTU / 2)
        return LINK_MTU;
    return (uint32_t)request.ifr_mtu;
}

static int netlink_watch(struct cf_engine *engine, struct cf_error *err)
{
    const struct cf_gateway *gateway = engine->config.gateway;
    int r;

    engine->flows_watch.fn = flows_ready;
    engine->flows_watch.urgent = true;
    r = cf_loop_watch(engine->config.loop, &engine->flows_watch, gateway->flows_fd, EPOLLIN);
    if (r == 0) {
        engine->strays_watch.fn = strays_ready;
        r = cf_loop_watch(engine->config.loop, &engine->strays_watch, gateway->strays_fd, EPOLLIN);
    }
    return r < 0 ? cf_error_errno(err, r, "cannot watch the gateway's packets") : 0;
}

unsigned cf_engine_threads_for(int cores)
{
    return cores > 2 ? 2 : 1;
}

unsigned cf_engine_threads_default(void)
{
    cpu_set_t cores;

    /* Fails where there are more cores than the set can hold. */
    return cf_engine_threads_for(
        sched_getaffinity(0, sizeof cores, &cores) < 0 ? CPU_SETSIZE : CPU_COUNT(&cores));
}

static int shards_start(struct cf_engine *engine, struct cf_error *err)
{
    struct cf_shards_config config = { .loop = engine->config.loop,
                                       .pipes = &engine->pipes,
                                       .n = engine->config.threads,
                                       .ended = cf_tcp_relay_ended };

    if (config.n == 0) {
        config.n = cf_engine_threads_default();
        config.or_one = true;
    }
    return cf_shards_new(&config, &engine->shards, err);
}

unsigned cf_engine_threads(const struct cf_engine *engine)
{
    return cf_shards_count(engine->shards);
}

static void drain_due(struct cf_timer *timer);

int cf_engine_new(const struct cf_engine_config *config, struct cf_engine **ret_engine,
                  struct cf_error *err)
{
    struct cf_engine *engine = calloc(1, sizeof *engine);
    int r;

    if (!engine)
        return cf_error_errno(err, -ENOMEM, "cannot start the engine");
    if (!config->proxy && config->profile->proxy.url.scheme != CF_PROXY_NONE) {
        free(engine);
        return cf_error_errno(err, -EINVAL, "cannot start the engine without its proxy");
    }
    engine->config = *config;
    engine->flows_watch.fd = engine->strays_watch.fd = -1;
    engine->drain.timer.fn = drain_due;
    engine->mtu = link_mtu(config->gateway);
    cf_strays_init(&engine->strays, config->loop, config->audit);
    cf_icmp_init(&engine->icmp, engine);
    cf_flow_table_init(&engine->flows, config->audit, config->profile, config->names,
                       config->process_find, config->process_data);
    engine->flows.interface = config->interface;
    engine->flows.process_find_other = config->process_find_other;
    if (config->proxy)
        engine->flows.proxy = cf_proxy_way_url(config->proxy);
    r = shards_start(engine, err);
    if (r == 0)
        r = cf_tcp_init(&engine->tcp, engine, err);
    if (r == 0)
        r = cf_udp_init(&engine->udp, engine, err);
    if (r == 0)
        r = netlink_watch(engine, err);
    if (r < 0) {
        cf_engine_free(engine);
        return r;
    }
    *ret_engine = engine;
    return 0;
}

static void drain_done(struct cf_engine *engine)
{
    void (*done)(void *data) = engine->drain.done;

    cf_loop_timer_stop(engine->config.loop, &engine->drain.timer);
    engine->drain.done = NULL;
    if (done)
        done(engine->drain.data);
}

static void drain_due(struct cf_timer *timer)
{
    struct cf_engine *engine = cf_container_of(timer, struct cf_engine, drain.timer);
    int64_t now = cf_clock_monotonic_us();
    uint64_t moved;
    size_t owing = cf_tcp_drain(&engine->tcp, &moved);

    if (engine->config.proxy)
        owing += cf_proxy_way_owing(engine->config.proxy);

    if (moved != engine->drain.moved) {
        engine->drain.moved = moved;
        engine->drain.moved_us = now;
    }
    if (owing == 0 || now - engine->drain.moved_us >= engine->drain.timeout_us ||
        cf_loop_timer_start(engine->config.loop, timer, now + DRAIN_LOOK_US) < 0)
        drain_done(engine);
}

/* A connection to the proxy that no flow has. */
static void unprepare(struct cf_engine *engine)
{
    if (engine->config.proxy)
        cf_proxy_way_unprepare(engine->config.proxy);
}

int cf_engine_drain(struct cf_engine *engine, int64_t timeout_us, void (*done)(void *data),
                    void *data)
{
    int64_t now = cf_clock_monotonic_us();

    engine->drain.done = done;
    engine->drain.data = data;
    engine->drain.timeout_us = timeout_us;
    engine->drain.moved = 0;
    engine->drain.moved_us = now;
    cf_shards_gather(engine->shards);
    flows_read(engine, INT32_MAX);
    cf_udp_drain(&engine->udp);
    unprepare(engine);
    return cf_loop_timer_start(engine->config.loop, &engine->drain.timer, now);
}

size_t cf_engine_interface_gone(struct cf_engine *engine, unsigned ifindex)
{
    unprepare(engine);
    cf_shards_gather(engine->shards);
    return cf_tcp_interface_gone(&engine->tcp, ifindex) +
           cf_udp_interface_gone(&engine->udp, ifindex) +
           cf_icmp_interface_gone(&engine->icmp, ifindex);
}

/* How many packets were lost, once, when all that was not has come. */
static void lost_tell(struct cf_engine *engine)
{
    uint64_t count = engine->flows_lost.count + engine->strays_lost.count;

    engine->flows_lost.count = engine->strays_lost.count = 0;
    if (count == 0)
        return;
    engine->lost += count;
    cf_audit_warn(engine->config.audit, "packets_lost_count",
                  "%" PRIu64 " packets of the sandbox were lost before they could be judged",
                  count);
}

void cf_engine_stop(struct cf_engine *engine)
{
    struct cf_loop *loop = engine->config.loop;

    engine->drain.done = NULL;
    cf_loop_timer_stop(loop, &engine->drain.timer);
    if (engine->strays_watch.fd >= 0 &&
        cf_nflog_unbind(engine->config.gateway->strays_fd, CF_NFLOG_STRAYS) == 0)
        strays_read(engine, INT32_MAX);
    lost_tell(engine);
    unprepare(engine);
    cf_loop_unwatch(loop, &engine->flows_watch);
    cf_loop_unwatch(loop, &engine->strays_watch);
    if (engine->shards)
        cf_shards_gather(engine->shards);
    cf_udp_done(&engine->udp);
    if (engine->tcp.engine)
        cf_account(engine);
    cf_tcp_done(&engine->tcp);
    cf_icmp_done(&engine->icmp);
    cf_strays_done(&engine->strays);
}

void cf_engine_free(struct cf_engine *engine)
{
    if (!engine)
        return;
    cf_engine_stop(engine);
    cf_shards_free(engine->shards);
    cf_pipe_pool_done(&engine->pipes);
    cf_flow_table_done(&engine->flows);
    free(engine);
}

const struct cf_accounting *cf_engine_accounting(const struct cf_engine *engine)
{
    return &engine->accounting;
}

void cf_engine_each_flow(const struct cf_engine *engine, cf_open_flow_fn *fn, void *data)
{
    int64_t now_us = cf_clock_monotonic_us();

    cf_flow_list_each(&engine->tcp.live, now_us, cf_tcp_show, fn, data);
    cf_flow_list_each(&engine->udp.one_way, now_us, NULL, fn, data);
    cf_flow_list_each(&engine->udp.two_way, now_us, NULL, fn, data);
    cf_flow_list_each(&engine->icmp.flows, now_us, NULL, fn, data);
}
