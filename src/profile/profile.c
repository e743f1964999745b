/*
 * profile.c - the typed policy: what a policy file means
 *
 * Lists grow by doubling: an array of n entries has room for the next power
 * of two, so that no capacity needs to be kept beside it.
 */
#include "profile/profile.h"

#include <assert.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/index.h"
#include "profile/name_set.h"
#include "profile/protection.h"

static const char *const mode_names[] = {
    [CF_MODE_ENFORCE] = "enforce",
    [CF_MODE_AUDIT] = "audit",
};
static_assert(sizeof mode_names / sizeof mode_names[0] == CF_MODE_COUNT, "a name for each");

const char *cf_mode_name(enum cf_mode mode)
{
    return mode_names[mode];
}

static void rules_free(struct cf_rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(rules[i].text);
        free(rules[i].why);
        free(rules[i].exe);
        cf_endpoint_done(&rules[i].endpoint);
    }
    free(rules);
}

static void groups_free(struct cf_group **groups, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < groups[i]->n_members; k++) {
            free(groups[i]->members[k].text);
            cf_endpoint_done(&groups[i]->members[k].endpoint);
        }
        free(groups[i]->members);
        free(groups[i]->names_file);
        free(groups[i]->name);
        free(groups[i]);
    }
    free(groups);
}

static void strings_free(char **strings, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(strings[i]);
    free(strings);
}

static void digests_free(struct cf_file_digest *digests, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(digests[i].file);
    free(digests);
}

static void hosts_free(struct cf_host *hosts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(hosts[i].name);
        free(hosts[i].addrs);
        free(hosts[i].origins);
    }
    free(hosts);
}

void cf_profile_free(struct cf_profile *profile)
{
    if (!profile)
        return;
    free(profile->file);
    digests_free(profile->digests, profile->n_digests);
    strings_free(profile->files, profile->n_files);
    for (size_t i = 0; i < profile->n_origins; i++)
        free(profile->origins[i].items);
    free(profile->origins);
    free(profile->name);
    free(profile->description);
    free(profile->dns.servers);
    free(profile->dns.deny_types);
    strings_free(profile->dns.search, profile->dns.n_search);
    strings_free(profile->egress.interfaces, profile->egress.n_interfaces);
    hosts_free(profile->hosts, profile->n_hosts);
    cf_proxy_done(&profile->proxy);
    rules_free(profile->egress.rules, profile->egress.n_rules);
    groups_free(profile->egress.groups, profile->egress.n_groups);
    rules_free(profile->egress.host_port_rules, profile->egress.n_host_ports);
    free(profile->egress.host_ports);
    free(profile->capture.file);
    free(profile->capture.filter);
    free(profile->audit.log);
    cf_hash_done(&profile->egress.groups_by_name);
    cf_index_free(profile->index);
    cf_protections_free(profile->protections);
    cf_name_set_free(profile->names);
    strings_free(profile->command, profile->n_command);
    free(profile);
}

struct cf_profile *cf_profile_new(void)
{
    struct cf_profile *profile = calloc(1, sizeof *profile);

    static_assert(CF_MODE_ENFORCE == 0 && CF_DNS_FILTER_ALLOWED == 0 && CF_DENY == 0,
                  "what is empty enforces and denies");
    if (!profile)
        return NULL;
    profile->names = cf_name_set_new();
    if (!profile->names) {
        cf_profile_free(profile);
        return NULL;
    }
    return profile;
}

/* Make room for one more in an array of n elements. Returns 0 or -ENOMEM. */
static int grow(void **array, size_t n, size_t size)
{
    void *grown;

    if ((n & (n - 1)) != 0)
        return 0;
    if (n > SIZE_MAX / 2 / size)
        return -ENOMEM;
    grown = realloc(*array, (n ? n * 2 : 1) * size);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    return 0;
}

#define GROW(array, n) grow((void **)&(array), (n), sizeof *(array))

/* Something is about to be added. */
static void unseal(struct cf_profile *profile)
{
    if (!profile->index)
        return;
    cf_name_set_rewind(profile->names, cf_index_mark(profile->index));
    cf_index_free(profile->index);
    profile->index = NULL;
    cf_protections_free(profile->protections);
    profile->protections = NULL;
}

const char *cf_profile_file(struct cf_profile *profile, const char *name)
{
    char *copy;

    for (size_t i = profile->n_files; i > 0; i--) {
        if (strcmp(profile->files[i - 1], name) == 0)
            return profile->files[i - 1];
    }
    if (GROW(profile->files, profile->n_files) < 0)
        return NULL;
    copy = strdup(name);
    if (copy)
        profile->files[profile->n_files++] = copy;
    return copy;
}

int cf_profile_digest_add(struct cf_profile *profile, const char *file, const char sha256[65])
{
    struct cf_file_digest digest = { 0 };

    for (size_t i = 0; i < profile->n_digests; i++)
        if (strcmp(profile->digests[i].file, file) == 0 &&
            strcmp(profile->digests[i].sha256, sha256) == 0)
            return 0;
    if (GROW(profile->digests, profile->n_digests) < 0)
        return -ENOMEM;
    snprintf(digest.sha256, sizeof digest.sha256, "%s", sha256);
    digest.file = strdup(file);
    if (!digest.file)
        return -ENOMEM;
    profile->digests[profile->n_digests++] = digest;
    return 0;
}

/* Its place in the list, or the end. */
static size_t origin_place(const struct cf_profile *profile, const char *key)
{
    size_t place = 0;

    while (place < profile->n_origins && strcmp(profile->origins[place].key, key) != 0)
        place++;
    return place;
}

int cf_profile_origin_set(struct cf_profile *profile, const char *key, struct cf_origin origin)
{
    size_t place = origin_place(profile, key);

    if (place == profile->n_origins) {
        if (GROW(profile->origins, profile->n_origins) < 0)
            return -ENOMEM;
        profile->origins[place].items = NULL;
        profile->n_origins++;
    }
    free(profile->origins[place].items);
    profile->origins[place] = (struct cf_key_origin) { .key = key, .origin = origin };
    return 0;
}

const struct cf_origin *cf_profile_origin_find(const struct cf_profile *profile, const char *key)
{
    size_t place = origin_place(profile, key);

    return place < profile->n_origins ? &profile->origins[place].origin : NULL;
}

int cf_profile_origin_item_add(struct cf_profile *profile, const char *key, struct cf_origin origin)
{
    size_t place = origin_place(profile, key);
    struct cf_key_origin *list;

    if (place == profile->n_origins && cf_profile_origin_set(profile, key, origin) < 0)
        return -ENOMEM;
    list = &profile->origins[place];
    if (GROW(list->items, list->n_items) < 0)
        return -ENOMEM;
    list->items[list->n_items++] = origin;
    return 0;
}

const struct cf_origin *cf_profile_origin_item_find(const struct cf_profile *profile,
                                                    const char *key, size_t index)
{
    size_t place = origin_place(profile, key);
    const struct cf_key_origin *list;

    if (place == profile->n_origins)
        return NULL;
    list = &profile->origins[place];
    return index < list->n_items ? &list->items[index] : &list->origin;
}

int cf_profile_rule_add(struct cf_profile *profile, enum cf_action action, const char *text,
                        struct cf_endpoint *endpoint, struct cf_origin origin)
{
    char *copy;

    unseal(profile);
    if (GROW(profile->egress.rules, profile->egress.n_rules) < 0)
        return -ENOMEM;
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    profile->egress.rules[profile->egress.n_rules++] = (struct cf_rule) {
        .action = action,
        .text = copy,
        .endpoint = *endpoint,
        .origin = origin,
        .until = CF_DAY_NEVER,
    };
    *endpoint = (struct cf_endpoint) { 0 };
    return 0;
}

int cf_profile_group_add(struct cf_profile *profile, const char *name, struct cf_origin origin,
                         struct cf_group **ret_group)
{
    struct cf_group *group;

    unseal(profile);
    if (GROW(profile->egress.groups, profile->egress.n_groups) < 0)
        return -ENOMEM;
    group = calloc(1, sizeof *group);
    if (!group)
        return -ENOMEM;
    group->origin = origin;
    group->number = profile->egress.n_groups;
    group->name = strdup(name);
    if (!group->name || cf_hash_add(&profile->egress.groups_by_name, &group->node,
                                    cf_hash_bytes(name, strlen(name))) < 0) {
        free(group->name);
        free(group);
        return -ENOMEM;
    }
    profile->egress.groups[profile->egress.n_groups++] = group;
    *ret_group = group;
    return 0;
}

int cf_profile_group_member_add(struct cf_group *group, const char *text,
                                struct cf_endpoint *endpoint, struct cf_origin origin)
{
    char *copy;

    if (GROW(group->members, group->n_members) < 0)
        return -ENOMEM;
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    group->members[group->n_members++] = (struct cf_member) {
        .text = copy,
        .endpoint = *endpoint,
        .origin = origin,
    };
    *endpoint = (struct cf_endpoint) { 0 };
    return 0;
}

struct cf_group *cf_profile_group_find(const struct cf_profile *profile, const char *name)
{
    struct cf_hash_node *node =
        cf_hash_find(&profile->egress.groups_by_name, cf_hash_bytes(name, strlen(name)));

    for (; node; node = cf_hash_next(node)) {
        struct cf_group *group = cf_container_of(node, struct cf_group, node);

        if (strcmp(group->name, name) == 0)
            return group;
    }
    return NULL;
}

int cf_profile_group_names_expect(struct cf_profile *profile, size_t n_names)
{
    return cf_name_set_expect(profile->names, n_names);
}

int cf_profile_group_name_add(struct cf_profile *profile, struct cf_group *group,
                              enum cf_host_kind kind, const char *name, size_t length,
                              uint32_t line)
{
    struct cf_name_key key = { kind, CF_NAME_OF_GROUP + (uint32_t)group->number, name, length };
    bool added;

    unseal(profile);
    if (cf_name_set_add(profile->names, &key, line, &added) < 0)
        return -ENOMEM;
    group->n_names += added;
    return 0;
}

bool cf_rule_is_expired(const struct cf_profile *profile, const struct cf_rule *rule)
{
    return profile->today > rule->until;
}

bool cf_profile_has_exe(const struct cf_profile *profile)
{
    for (size_t i = 0; i < profile->egress.n_rules; i++)
        if (profile->egress.rules[i].exe)
            return true;
    return false;
}

static bool is_wildcard(char c)
{
    return c == '*' || c == '?' || c == '[';
}

/* Whether what stands in front of the glob's first wildcard is how the path begins. */
static bool glob_begins(const char *glob, const char *exe)
{
    while (*glob && *glob == *exe && !is_wildcard(*glob)) {
        glob++;
        exe++;
    }
    return !*glob || is_wildcard(*glob);
}

/* A last component of ** stands for everything below the folder. */
static bool glob_matches(const char *glob, const char *exe)
{
    size_t length = strlen(glob);
    char folder[PATH_MAX];

    if (length < 4 || length >= sizeof folder || strcmp(glob + length - 3, "/**") != 0)
        return fnmatch(glob, exe, FNM_PATHNAME | FNM_NOESCAPE) == 0;
    memcpy(folder, glob, length - 3);
    folder[length - 3] = '\0';
    return fnmatch(folder, exe, FNM_PATHNAME | FNM_NOESCAPE | FNM_LEADING_DIR) == 0 &&
           fnmatch(folder, exe, FNM_PATHNAME | FNM_NOESCAPE) != 0;
}
/* The length in front of what the kernel says of a deleted program; 0: it says nothing. */
/* The length of a path in front of what the kernel says of a deleted program; 0: it says nothing.
 */
static size_t deleted_length(const char *exe)
{
    static const char suffix[] = " (deleted)";
    size_t length = strlen(exe), behind = sizeof suffix - 1;

    return length > behind && strcmp(exe + length - behind, suffix) == 0 ? length - behind : 0;
}

bool cf_rule_is_for(const struct cf_rule *rule, const char *exe)
{
    char path[PATH_MAX];
    size_t length;

    if (!rule->exe)
        return true;
    if (!exe)
        return rule->action == CF_DENY;
    if (rule->action == CF_ALLOW && !glob_begins(rule->exe, exe)) /* as most do not */
        return false;
    length = deleted_length(exe);
    if (length == 0)
        return glob_matches(rule->exe, exe);
    if (rule->action == CF_ALLOW)
        return false;
    if (length >= sizeof path || glob_matches(rule->exe, exe))
        return true;
    memcpy(path, exe, length);
    path[length] = '\0';
    return glob_matches(rule->exe, path);
}

static struct cf_name_key host_key(const char *name)
{
    return (struct cf_name_key) { CF_HOST_NAME, CF_NAME_OF_HOSTS, name, strlen(name) };
}

static int host_addr_add(struct cf_host *host, const struct cf_addr *addr, struct cf_origin origin)
{
    for (size_t i = 0; i < host->n_addrs; i++) {
        if (cf_addr_equal(&host->addrs[i], addr))
            return 0;
    }
    if (GROW(host->addrs, host->n_addrs) < 0 || GROW(host->origins, host->n_addrs) < 0)
        return -ENOMEM;
    host->addrs[host->n_addrs] = *addr;
    host->origins[host->n_addrs++] = origin;
    return 0;
}

int cf_profile_host_add(struct cf_profile *profile, const char *name, const struct cf_addr *addr,
                        struct cf_origin origin)
{
    struct cf_name_key key = host_key(name);
    struct cf_host host = { 0 };
    uint32_t place;
    bool added;

    if (cf_name_set_get(profile->names, &key, &place))
        return host_addr_add(&profile->hosts[place], addr, origin);
    unseal(profile);
    if (GROW(profile->hosts, profile->n_hosts) < 0)
        return -ENOMEM;
    host.name = strdup(name);
    if (!host.name || host_addr_add(&host, addr, origin) < 0 ||
        cf_name_set_add(profile->names, &key, (uint32_t)profile->n_hosts, &added) < 0) {
        free(host.name);
        free(host.addrs);
        free(host.origins);
        return -ENOMEM;
    }
    profile->hosts[profile->n_hosts++] = host;
    return 0;
}

const struct cf_host *cf_profile_host_find(const struct cf_profile *profile, const char *name)
{
    struct cf_name_key key = host_key(name);
    uint32_t place;

    return cf_name_set_get(profile->names, &key, &place) ? &profile->hosts[place] : NULL;
}

static int compare_hosts(const void *a, const void *b)
{
    const struct cf_host *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* Sort `hosts`, and tell the names where theirs are now. */
static void hosts_sort(struct cf_profile *profile)
{
    if (profile->n_hosts > 0)
        qsort(profile->hosts, profile->n_hosts, sizeof *profile->hosts, compare_hosts);
    for (size_t i = 0; i < profile->n_hosts; i++) {
        struct cf_name_key key = host_key(profile->hosts[i].name);

        cf_name_set_put(profile->names, &key, (uint32_t)i);
    }
}

/* A group has had a name twice. */
static void name_dropped(void *data, uint32_t owner)
{
    struct cf_profile *profile = data;

    profile->egress.groups[owner - CF_NAME_OF_GROUP]->n_names--;
}

int cf_profile_seal(struct cf_profile *profile)
{
    int r;

    unseal(profile);
    hosts_sort(profile);
    if (cf_name_set_seal(profile->names, name_dropped, profile) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        struct cf_rule *rule = &profile->egress.rules[i];

        if (rule->endpoint.kind == CF_HOST_LIST)
            rule->list = cf_profile_group_find(profile, rule->endpoint.name);
    }
    r = cf_index_new(profile, &profile->index);
    if (r == 0)
        r = cf_protections_new(profile, &profile->protections);
    if (r == 0 && profile->proxy.bypass)
        r = cf_profile_seal(profile->proxy.bypass);
    if (r < 0)
        unseal(profile);
    return r;
}

/* The rule that stands for one port of host_ports. */
static int host_port_rule(uint16_t port, struct cf_origin origin, struct cf_rule *ret_rule)
{
    char text[sizeof CF_HOST_LOOPBACK_NAME + 6];
    struct cf_rule rule = { .action = CF_ALLOW, .origin = origin };

    snprintf(text, sizeof text, "%s:%u", CF_HOST_LOOPBACK_NAME, (unsigned)port);
    rule.text = strdup(text);
    rule.endpoint.protos = CF_PROTO_TCP | CF_PROTO_UDP;
    rule.endpoint.kind = CF_HOST_NAME;
    rule.endpoint.name = strdup(CF_HOST_LOOPBACK_NAME);
    rule.endpoint.ports = malloc(sizeof *rule.endpoint.ports);
    if (!rule.text || !rule.endpoint.name || !rule.endpoint.ports) {
        free(rule.text);
        cf_endpoint_done(&rule.endpoint);
        return -ENOMEM;
    }
    rule.endpoint.ports[0] = (struct cf_port_range) { port, port };
    rule.endpoint.n_ports = 1;
    *ret_rule = rule;
    return 0;
}

int cf_profile_host_port_add(struct cf_profile *profile, uint16_t port, struct cf_origin origin)
{
    size_t n = profile->egress.n_host_ports;
    struct cf_rule rule;
    int r;

    for (size_t i = 0; i < n; i++) {
        if (profile->egress.host_ports[i] == port)
            return 0;
    }
    if (GROW(profile->egress.host_ports, n) < 0 || GROW(profile->egress.host_port_rules, n) < 0)
        return -ENOMEM;
    r = host_port_rule(port, origin, &rule);
    if (r < 0)
        return r;
    profile->egress.host_ports[n] = port;
    profile->egress.host_port_rules[n] = rule;
    profile->egress.n_host_ports++;
    return 0;
}
