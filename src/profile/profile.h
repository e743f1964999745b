/*
 * profile.h - the typed policy: what a policy file means
 *
 * Made by the policy room, read by everyone, changed by no one once made. It
 * owns all it points at. No I/O.
 */
#ifndef CF_PROFILE_PROFILE_H
#define CF_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"
#include "profile/endpoint.h"
#include "profile/proxy.h"

struct cf_index;
struct cf_name_set;
struct cf_protections;

enum cf_action {
    CF_DENY,
    CF_ALLOW,
};

enum cf_mode {
    CF_MODE_ENFORCE,
    CF_MODE_AUDIT, /* block nothing, log each would-be denial */
    CF_MODE_COUNT
};

enum cf_dns_filter {
    CF_DNS_FILTER_ALLOWED, /* names that no rule allows are denied */
    CF_DNS_FILTER_ANY,
    CF_DNS_FILTER_COUNT
};

enum cf_deny_answer {
    CF_DENY_ANSWER_NXDOMAIN,
    CF_DENY_ANSWER_REFUSED,
    CF_DENY_ANSWER_ZERO, /* 0.0.0.0 and ::, no data for other types */
    CF_DENY_ANSWER_COUNT
};

enum cf_ipv6 {
    CF_IPV6_AUTO, /* when the host has a route */
    CF_IPV6_ON,   /* no route, no run */
    CF_IPV6_OFF,
    CF_IPV6_COUNT
};

enum cf_transport {
    CF_TRANSPORT_AUTO, /* UDP, and TCP for what was truncated */
    CF_TRANSPORT_UDP,
    CF_TRANSPORT_TCP,
    CF_TRANSPORT_COUNT
};

/* Where packets are taken. */
enum cf_capture_point {
    CF_CAPTURE_CHILD,          /* between the sandbox and the gateway, before any verdict */
    CF_CAPTURE_EGRESS,         /* what the engine's own sockets send and receive */
    CF_CAPTURE_EGRESS_LOGICAL, /* CHILD with the addresses that it has outside */
    CF_CAPTURE_BOTH,           /* CHILD and EGRESS */
    CF_CAPTURE_POINT_COUNT
};

enum cf_summary { CF_SUMMARY_NONE, CF_SUMMARY_TEXT, CF_SUMMARY_JSON, CF_SUMMARY_COUNT };

/* Where a value was written. */
struct cf_origin {
    const char *file; /* owned by the profile's list of files; "command line", "built-in" */
    unsigned line;    /* from 1; 0 when there is none */
    unsigned column;  /* from 1, in characters */
};

/* Where the value of one key was written; keys that were not are not listed. */
struct cf_key_origin {
    const char *key; /* "audit.log"; static */
    struct cf_origin origin;
    struct cf_origin *items; /* of a list: where each item was, in their order */
    size_t n_items;
};

/* A day as a count from 1970-01-01, UTC. */
#define CF_DAY_NEVER INT32_MAX

/* A file that was read, as proof of which text was in force. */
struct cf_file_digest {
    char *file;
    char sha256[65]; /* hex */
};

struct cf_group;

struct cf_rule {
    enum cf_action action;
    char *text;                  /* as written; the log's rule.text */
    struct cf_endpoint endpoint; /* LIST: stands for the members of the group of that name */
    struct cf_origin origin;
    char *why;       /* NULL when none was given */
    char *exe;       /* a glob of the programs that it is for; NULL: every program */
    int32_t until;   /* the last day on which the rule counts; CF_DAY_NEVER: it always does */
    bool beats_file; /* from the command line: wins over every rule of its kind that is not */
    const struct cf_group *list; /* LIST: the group, from cf_profile_seal() on; else NULL */
};

/* One endpoint of a group; its kind is never LIST. */
struct cf_member {
    char *text; /* as written */
    struct cf_endpoint endpoint;
    struct cf_origin origin;
};

/* One entry of `egress.groups`: endpoints, or the names of a file. */
struct cf_group {
    char *name;
    struct cf_member *members;
    size_t n_members;
    char *names_file; /* an absolute path; NULL for a group of endpoints */
    size_t n_names;   /* of names_file; without doubles once the profile is sealed */
    struct cf_origin origin;
    struct cf_hash_node node; /* in egress.groups_by_name */
    size_t number;            /* its place in egress.groups */
};

/* One name of `hosts` or of the hosts file, with every address it has. */
struct cf_host {
    char *name; /* normalised */
    struct cf_addr *addrs;
    struct cf_origin *origins; /* of each address */
    size_t n_addrs;
};

/* A number that has no default and was not given. */
#define CF_PROFILE_UNSET INT64_C(-1)

struct cf_profile {
    char *file;                     /* as the user named it; NULL for the built-in policy */
    char sha256[65];                /* of the file's bytes, hex; "" for the built-in policy */
    struct cf_file_digest *digests; /* of every file that was read, the one above first */
    size_t n_digests;
    char **files; /* every name that an origin points at */
    size_t n_files;
    int32_t today;                 /* on which `until` is judged */
    struct cf_key_origin *origins; /* of keys that carry no origin of their own */
    size_t n_origins;

    char *name;
    char *description; /* NULL when there is none */
    enum cf_mode mode;

    struct {
        struct cf_addr_port *servers; /* none: the host's resolv.conf */
        size_t n_servers;
        char **search;
        size_t n_search;
        int64_t timeout_ms; /* for a server to answer, each attempt */
        int64_t attempts;   /* for each server */
        int64_t cache;      /* answers that are kept; 0: none */
        enum cf_transport transport;
        enum cf_dns_filter filter;
        enum cf_deny_answer deny_answer;
        uint16_t *deny_types; /* record types that are refused whatever the name */
        size_t n_deny_types;
        bool strip_ech;       /* answers lose their keys for Encrypted ClientHello */
        bool block_rebinding; /* a public name does not lead to a private address */
        bool block_encrypted; /* encrypted DNS is denied: its ports, and known services */
    } dns;

    struct cf_host *hosts; /* names are unique; sorted by name once the profile is sealed */
    size_t n_hosts;

    struct cf_proxy proxy;

    struct {
        enum cf_action fallback; /* egress.default */
        struct cf_rule *rules;   /* allow and deny, in the order of the file */
        size_t n_rules;
        struct cf_group **groups;
        size_t n_groups;
        struct cf_hash groups_by_name;
        char **interfaces; /* outward sockets are bound to the first that is up; none: to none */
        size_t n_interfaces;
        enum cf_ipv6 ipv6;
        enum cf_action quic; /* UDP to port 443 of the world */
        bool verify_names; /* what is allowed by name must show such a name on 443 and 80 */
        uint16_t *host_ports; /* host.childflow.internal:PORT is 127.0.0.1:PORT of the host */
        struct cf_rule *host_port_rules; /* one for each, for the log */
        size_t n_host_ports;
        struct {                    /* of all flows together; no limit when not given, or 0 */
            int64_t connections;    /* open at a time */
            int64_t new_per_second; /* opened */
            int64_t bytes;          /* payload, both directions */
        } limits;
    } egress;

    struct {
        char *file;   /* a path with placeholders, NULL for no capture */
        char *filter; /* an expression of pcap-filter(7); NULL for none */
        enum cf_capture_point point;
        int64_t snaplen;  /* bytes kept of a packet */
        int64_t max_size; /* bytes of a file; CF_PROFILE_UNSET: any */
        int64_t keep;     /* files; CF_PROFILE_UNSET: all */
        bool tls_keys;    /* with the secrets of the command's TLS sessions */
    } capture;

    struct {
        char *log; /* a path with placeholders, NULL for no log */
        enum cf_summary summary;
        bool fail_on_denial;
    } audit;

    char **command; /* NULL-terminated, or NULL */
    size_t n_command;

    struct cf_name_set *names; /* of hosts, of files, and of the rules once it is sealed */
    struct cf_index *index;    /* what verdicts look at; NULL until the profile is sealed */
    struct cf_protections *protections; /* what the keys of `dns` deny; NULL until then */
};

/* The name that stands for the host's loopback when host_ports are listed. */
#define CF_HOST_LOOPBACK_NAME "host.childflow.internal"

/*
 * An empty profile: it enforces, has no rule and denies what no rule allows;
 * every number is 0. The defaults of the policy language are the policy
 * room's, which has them in its table. NULL when out of memory.
 */
struct cf_profile *cf_profile_new(void);
void cf_profile_free(struct cf_profile *profile);

/*
 * Keep a file name for origins. Returns the profile's own copy (the same one
 * for the same name), or NULL when out of memory.
 */
const char *cf_profile_file(struct cf_profile *profile, const char *name);

/*
 * Say that a file was read. Both are copied; the same path and hash again is
 * kept once. Returns 0 or -ENOMEM.
 */
int cf_profile_digest_add(struct cf_profile *profile, const char *file, const char sha256[65]);

/*
 * Say where the value of a key was written; again replaces, and forgets those
 * of its items. key is static. Returns 0 or -ENOMEM.
 */
int cf_profile_origin_set(struct cf_profile *profile, const char *key, struct cf_origin origin);
/*
 * Say where the next item of a list was written; the list has the origin of
 * the first when none was said. Returns 0 or -ENOMEM.
 */
int cf_profile_origin_item_add(struct cf_profile *profile, const char *key,
                               struct cf_origin origin);
/* NULL when the key has its default. */
const struct cf_origin *cf_profile_origin_find(const struct cf_profile *profile, const char *key);
/* The origin of one item, or of its list when the item has none; NULL for a default. */
const struct cf_origin *cf_profile_origin_item_find(const struct cf_profile *profile,
                                                    const char *key, size_t index);

/*
 * Add one rule. text is copied; endpoint is taken over on success (emptied).
 * Returns 0 or -ENOMEM.
 */
int cf_profile_rule_add(struct cf_profile *profile, enum cf_action action, const char *text,
                        struct cf_endpoint *endpoint, struct cf_origin origin);

/*
 * Add an empty group, one endpoint to a group, one name of its file. text and
 * name are copied; endpoint is taken over on success (emptied). A name that
 * the group has already is kept once, from the sealing on.
 *
 * kind: NAME, ONE or MANY; name is normalised, without the stars
 * line: of the file, from 1
 *
 * They return 0 or -ENOMEM.
 */
int cf_profile_group_add(struct cf_profile *profile, const char *name, struct cf_origin origin,
                         struct cf_group **ret_group);
int cf_profile_group_member_add(struct cf_group *group, const char *text,
                                struct cf_endpoint *endpoint, struct cf_origin origin);
int cf_profile_group_name_add(struct cf_profile *profile, struct cf_group *group,
                              enum cf_host_kind kind, const char *name, size_t length,
                              uint32_t line);
/* Room for so many names of files more, so that adding them copies nothing; 0 or -ENOMEM. */
int cf_profile_group_names_expect(struct cf_profile *profile, size_t n_names);
/* NULL when there is none of this name. */
struct cf_group *cf_profile_group_find(const struct cf_profile *profile, const char *name);

/*
 * Close the profile: verdicts may be asked for from now on. `today` must be
 * set, and every LIST of a rule must name a group. What is added or changed
 * afterwards wants the profile sealed again; adding opens it by itself.
 *
 * Returns 0, -ENOMEM, or -E2BIG when the rules for groups stand for more
 * endpoints and ranges of ports than can be kept, or for too many files of
 * names (CF_INDEX_MAX, CF_NAME_FILES_MAX).
 */
int cf_profile_seal(struct cf_profile *profile);

/* Whether today is behind the rule's last day. */
bool cf_rule_is_expired(const struct cf_profile *profile, const struct cf_rule *rule);
/* Whether any rule is for certain programs. */
bool cf_profile_has_exe(const struct cf_profile *profile);
/*
 * Whether the rule is for this program. A path that ends in " (deleted)", as
 * the kernel names a program whose file is gone, matches no allow, and a
 * denial with these words and without.
 *
 * exe: NULL when it is not known, which only denials match
 */
bool cf_rule_is_for(const struct cf_rule *rule, const char *exe);

/* Add one address to a name of `hosts` (normalised); 0 or -ENOMEM. A double is kept once. */
int cf_profile_host_add(struct cf_profile *profile, const char *name, const struct cf_addr *addr,
                        struct cf_origin origin);
/* NULL when the name is not in `hosts`. */
const struct cf_host *cf_profile_host_find(const struct cf_profile *profile, const char *name);

/*
 * Add one port to host_ports with the rule that the log names
 * (`host.childflow.internal:PORT`); 0 or -ENOMEM. A double is kept once.
 */
int cf_profile_host_port_add(struct cf_profile *profile, uint16_t port, struct cf_origin origin);

/* The mode as the policy writes it. */
const char *cf_mode_name(enum cf_mode mode);

#endif
