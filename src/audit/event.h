/*
 * event.h - what the audit log can say, version 1
 *
 * One struct for each event of doc/audit.md. All pointers are borrowed for
 * the length of the call that emits the event. Level: facts only, no text
 * made for people.
 */
#ifndef CF_AUDIT_EVENT_H
#define CF_AUDIT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "profile/profile.h"
#include "profile/record_type.h"
#include "profile/verdict.h"

enum cf_event_type {
    CF_EVENT_RUN_START,
    CF_EVENT_DNS,
    CF_EVENT_FLOW_OPEN,
    CF_EVENT_FLOW_CLOSE,
    CF_EVENT_FLOW_DENIED,
    CF_EVENT_PACKETS_DENIED,
    CF_EVENT_CAPTURE,
    CF_EVENT_WARNING,
    CF_EVENT_RUN_END,
    CF_EVENT_COUNT
};

/* A process inside the sandbox; pid 0 means that it is not known. */
struct cf_event_process {
    int pid;          /* as the sandbox numbers it */
    const char *exe;  /* NULL when unreadable */
    const char *argv; /* arguments joined by blanks, at most 512 bytes */
    int parent_pid;
    const char *parent_exe;
    const char *unknown; /* why it is not known, when pid is 0 */
};

/* Whether a process that runs the program exe may do what is asked about. */
typedef bool cf_process_passes(void *data, const char *exe);

struct cf_event_run_start {
    const struct cf_profile *profile;
    enum cf_mode mode;
    char *const *command; /* NULL-terminated */
    const char *cwd;
    unsigned uid;
    const char *user; /* NULL when it has no name */
    const char *host;
    const char *kernel;
    const char *backend;
    const char *version;
    const char *const *libraries; /* "c-ares 1.18.1", ... */
    size_t n_libraries;
    const char *interface; /* NULL: the host's routes decide */
    const struct cf_addr_port *dns_servers;
    size_t n_dns_servers;
    const char *const *masked; /* paths */
    size_t n_masked;
    const char *const *not_in_force; /* protections on by default that this version lacks */
    size_t n_not_in_force;
};

enum cf_dns_source {
    CF_DNS_SOURCE_HOSTS,
    CF_DNS_SOURCE_CACHE,
    CF_DNS_SOURCE_UPSTREAM,
    CF_DNS_SOURCE_POLICY,
    CF_DNS_SOURCE_PROXY, /* a stand-in for a name that the proxy resolves */
    CF_DNS_SOURCE_ERROR,
    CF_DNS_SOURCE_COUNT
};

struct cf_event_answer {
    const char *name;
    uint16_t type;
    uint32_t ttl;
    const char *data; /* presentation form; RFC 3597 for unknown types */
};

struct cf_event_dns {
    uint64_t id;      /* from 1, counts the queries of a run */
    const char *name; /* as asked, escaped as RFC 1035, 5.1 */
    uint16_t type;
    bool tcp;
    struct cf_addr_port asked; /* the server that the program meant */
    struct cf_event_process process;
    struct cf_verdict verdict;
    enum cf_dns_source source;
    struct cf_addr_port server; /* upstream; family NONE when none was asked */
    int rcode;                  /* of the answer that was given; -1: none was */
    const struct cf_event_answer *answers;
    size_t n_answers;
    uint64_t latency_us;
};

struct cf_event_flow_open { /* also flow_denied */
    uint64_t flow;          /* from 1, counts the flows of a run, denied ones included */
    enum cf_proto proto;
    struct cf_addr_port src; /* in the sandbox; port 0 for ICMP */
    struct cf_addr_port dst;
    const struct cf_flow_name *names;
    const uint64_t *dns_ids; /* beside names; 0: from `hosts` */
    size_t n_names;
    struct cf_event_process process;
    struct cf_verdict verdict;
    struct cf_addr_port via_local; /* outward socket; family NONE when there is none yet */
    const char *via_interface;     /* NULL: the host's routes decided */
    const char *sni, *http_host;   /* of flow_denied: the name that it showed, or NULL */
    const char *via_proxy;         /* its URL; NULL: directly. via_local leads to it then */
};

enum cf_flow_result {
    CF_RESULT_CLOSED,
    CF_RESULT_RESET,
    CF_RESULT_REFUSED,
    CF_RESULT_UNREACHABLE,
    CF_RESULT_TIMEOUT,
    CF_RESULT_KILLED, /* open when the run ended */
    CF_RESULT_LIMIT,  /* ended by a limit: of bytes, or of what the engine can hold */
    CF_RESULT_COUNT
};

struct cf_event_flow_close {
    uint64_t flow;
    enum cf_flow_result result;
    uint64_t bytes_out; /* payload from the sandbox */
    uint64_t bytes_in;
    uint64_t duration_us;
    const char *proxy_why;   /* what of its proxy ended it: "denied"; NULL: nothing did */
    const char *proxy_words; /* what the proxy said, without secrets; ""; beside proxy_why */
    const char *sni, *http_host, *alpn; /* what the flow showed; NULL: nothing that was asked for */
};

struct cf_event_packets_denied {
    uint8_t protocol; /* IP protocol number */
    struct cf_addr dst;
    uint64_t count;
    const char *reason; /* "protocol", "forged_source", "destination", ... */
};

struct cf_event_capture {
    const char *file; /* or the folder that its files are in */
    uint64_t packets; /* that were written */
    uint64_t bytes;   /* that these had, whatever was kept of them */
    uint64_t dropped; /* that the kernel had no room for */
    uint64_t files;   /* that were begun */
};

struct cf_event_warning {
    const char *code; /* stable, lower case with underscores */
    const char *text;
};

struct cf_event_totals {
    uint64_t dns, dns_denied;
    uint64_t flows;      /* allowed */
    uint64_t denied;     /* flows */
    uint64_t would_deny; /* flows and names */
    uint64_t packets_denied;
    uint64_t bytes_out, bytes_in;
};

struct cf_event_usage {
    uint64_t cpu_us;
    uint64_t peak_memory_bytes;
};

struct cf_event_run_end {
    int exit_code;   /* -1 when a signal ended it */
    int exit_signal; /* 0 when none did */
    uint64_t duration_us;
    struct cf_event_totals totals;               /* filled by cf_audit_emit() */
    bool accounted;                              /* the kernel's counters could be read */
    uint64_t interface_packets, interface_bytes; /* from the sandbox */
    uint64_t logged_packets;                     /* of those, seen by an event or a flow */
    uint64_t lost_packets;                       /* of those, not read in time */
    struct cf_event_usage tree, self;
};

struct cf_event {
    enum cf_event_type type;
    union {
        struct cf_event_run_start run_start;
        struct cf_event_dns dns;
        struct cf_event_flow_open flow_open; /* FLOW_OPEN and FLOW_DENIED */
        struct cf_event_flow_close flow_close;
        struct cf_event_packets_denied packets_denied;
        struct cf_event_capture capture;
        struct cf_event_warning warning;
        struct cf_event_run_end run_end;
    };
};

/* Add one event to the totals of its run. */
void cf_event_count(const struct cf_event *event, struct cf_event_totals *totals);

/* The endpoint of the rule, or of its group, that decided, when it is by name; else NULL. */
const struct cf_endpoint *cf_event_flow_endpoint(const struct cf_event_flow_open *flow);

/* The name that best says where a flow went: the rule's own, then one that was asked for; or NULL.
 */
const char *cf_event_flow_name(const struct cf_event_flow_open *flow);

/* Names as the log writes them. */
const char *cf_event_type_name(enum cf_event_type type);
const char *cf_dns_source_name(enum cf_dns_source source);
const char *cf_flow_result_name(enum cf_flow_result result);
const char *cf_proto_name(enum cf_proto proto);

/* A response code as text: "NXDOMAIN", or "RCODE12". Returns a static text, or text. */
#define CF_EVENT_CODE_SIZE CF_RECORD_TYPE_SIZE
const char *cf_event_rcode_format(int rcode, char text[CF_EVENT_CODE_SIZE]);

/* An IP protocol number as IANA names it in lower case, "udp", else its digits. */
const char *cf_event_protocol_format(uint8_t protocol, char text[CF_EVENT_CODE_SIZE]);

#endif
