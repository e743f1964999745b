/*
 * test_show.c - what is shown, as YAML or JSON, parses to the same profile
 *
 * A property over policies made from the table: each built key is there or
 * not, with a value that its row allows. The random numbers are always the
 * same; a policy that fails is printed.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"
#include "policy/read.h"
#include "policy/schema.h"
#include "policy/unit.h"

#define POLICIES 2000

static uint64_t seed;

/* A number below n (splitmix64). */
static uint64_t below(uint64_t n)
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % n;
}

#define PICK(array) (array)[below(sizeof(array) / sizeof((array)[0]))]

static const char *const words[] = { "a", "b.example", "yes", "1", "x-y_z", "0.5" };
static const char *const names[] = { "a.example.com", "B.Example.ORG.", "xn--bcher-kva.example",
                                     "host1.internal", "deep.er.name.example.net" };
static const char *const interfaces[] = { "eth0", "wg-1.7", "0", "~", "#x", "\\\"q", "[a]", "\xc3\xa9" };
static const char *const records[] = { "ANY", "A", "HTTPS", "TYPE65280", "TYPE16" };
static const char *const servers[] = { "192.0.2.53", "192.0.2.53:5353", "2001:db8::53",
                                       "[2001:db8::53]:853", "::ffff:192.0.2.9" };
static const char *const addrs[] = { "192.0.2.1", "2001:db8::1", "fd00::9", "::ffff:192.0.2.7" };
static const char *const endpoints[] = { "registry.example.com:443",
                                         "*.mirror.example.org:80,443",
                                         "**.mirror.example.org",
                                         "udp://ntp.internal:123",
                                         "10.20.0.0/16:5432",
                                         "[2001:db8:20::]/48:8000-8080",
                                         "icmp://10.20.0.1",
                                         "private",
                                         "metadata",
                                         "any",
                                         "tcp://192.0.2.1",
                                         "[2001:db8::1]:1-65535" };
static const char *const filters[] = { "", "tcp", "port 443 or (udp and not port 53)",
                                       "ip6 host 2001:db8::1", "tcp[13] & 0x12 = 2" };
static const char *const patterns[] = { "a.jsonl", "audit/{name}-{run}.jsonl", "/x/{time}{host}" };
/* Text that tempts a writer: each is a piece of a longer one, escaped as JSON is. */
static const char *const pieces[] = {
    "a",
    " ",
    "#",
    ": ",
    "- ",
    "\\\"",
    "\\\\",
    "'",
    "\\n",
    "\\t",
    "\\u0001",
    "\\u0085",
    "\\u2028",
    "\\uFEFF",
    "{",
    "]",
    ",",
    "&",
    "*",
    "!",
    "%",
    "@",
    "`",
    "true",
    "~",
    "0x1",
    "1e3",
    "\xc3\xa9",
    "\xf0\x9f\x98\x80",
    "?",
    "|",
    ">",
    "=",
    "<<",
    "---",
    "...",
};

static void put_text(struct cf_buffer *policy)
{
    cf_buffer_puts(policy, "\"");
    for (uint64_t n = below(8); n > 0; n--)
        cf_buffer_puts(policy, PICK(pieces));
    cf_buffer_puts(policy, "\"");
}

static int64_t number_for(const struct cf_schema_key *row)
{
    int64_t maximum = cf_schema_is_ranged(row) ? row->maximum : INT64_C(1) << below(40);

    return row->minimum + (int64_t)below((uint64_t)(maximum - row->minimum) + 1);
}

/* One value of the row's type; a built type without a generator fails the test. */
/* For whom a rule is, and for how long. */
static void put_conditions(struct cf_buffer *policy)
{
    static const char *const exes[] = { "/usr/bin/curl", "/opt/**", "/usr/bin/[a-c]?*",
                                        "/a: b/#c", "/x'y/{z}, w", "/\u00fcber/*" };
    char text[CF_UNIT_SIZE];

    if (below(2))
        cf_buffer_printf(policy, ", \"exe\": \"%s\"", PICK(exes));
    if (below(2))
        cf_buffer_printf(policy, ", \"until\": %s",
                         cf_date_format((int64_t)below(100000), text));
}

static void put_value(struct cf_buffer *policy, const struct cf_schema_key *row)
{
    char text[CF_UNIT_SIZE];
    size_t n = 0;

    switch (row->type) {
    case CF_TYPE_BOOL:
        /* Of tls_keys, true wants a capture.file (golden/ok-tls-keys.yaml). */
        cf_buffer_puts(policy, below(2) && strcmp(row->path, "capture.tls_keys") != 0 ? "true"
                                                                                      : "false");
        break;
    case CF_TYPE_CHOICE:
        while (row->values[n])
            n++;
        cf_buffer_printf(policy, "\"%s\"", row->values[below(n)]);
        break;
    case CF_TYPE_INTEGER:
    case CF_TYPE_DURATION:
    case CF_TYPE_SIZE:
        cf_buffer_puts(policy, cf_schema_format(row, number_for(row), text));
        break;
    case CF_TYPE_DATE:
        cf_buffer_puts(policy, cf_date_format((int64_t)below(100000), text));
        break;
    case CF_TYPE_MODE_BITS:
        cf_buffer_puts(policy, cf_mode_bits_format((int64_t)below(010000), text));
        break;
    case CF_TYPE_STRING:
        if (strcmp(row->path, "capture.filter") == 0)
            cf_buffer_printf(policy, "\"%s\"", PICK(filters));
        else
            put_text(policy);
        break;
    case CF_TYPE_LABEL:
        cf_buffer_printf(policy, "\"%s\"", PICK(words));
        break;
    case CF_TYPE_PATTERN:
        cf_buffer_printf(policy, "\"%s\"", PICK(patterns));
        break;
    case CF_TYPE_HOST_NAME:
        cf_buffer_printf(policy, "\"%s\"", PICK(names));
        break;
    case CF_TYPE_INTERFACE:
        cf_buffer_printf(policy, "\"%s\"", PICK(interfaces));
        break;
    case CF_TYPE_RECORD:
        cf_buffer_printf(policy, "\"%s\"", PICK(records));
        break;
    case CF_TYPE_SERVER:
        cf_buffer_printf(policy, "\"%s\"", PICK(servers));
        break;
    case CF_TYPE_ENDPOINT:
        if (below(3) > 0) {
            cf_buffer_printf(policy, "\"%s\"", PICK(endpoints));
            break;
        }
        cf_buffer_printf(policy, "{\"to\": \"%s\"", PICK(endpoints));
        if (below(2)) {
            cf_buffer_puts(policy, ", \"why\": ");
            put_text(policy);
        }
        if (strncmp(row->path, "egress.", 7) == 0)
            put_conditions(policy);
        cf_buffer_puts(policy, "}");
        break;
    default:
        fail_msg("no values for %s", row->path);
    }
}

static void put_list(struct cf_buffer *policy, const struct cf_schema_key *row)
{
    cf_buffer_puts(policy, "[");
    for (size_t n = row->min_items + below(4), i = 0; i < n; i++) {
        cf_buffer_puts(policy, i ? ", " : "");
        /* What runs has a name. */
        if (i == 0 && strcmp(row->path, "command") == 0)
            cf_buffer_puts(policy, "\"make\"");
        else
            put_value(policy, row);
    }
    cf_buffer_puts(policy, "]");
}

static void put_hosts(struct cf_buffer *policy)
{
    size_t first = below(5), n = below(4);

    cf_buffer_puts(policy, "{");
    for (size_t i = 0; i < n; i++)
        cf_buffer_printf(policy, "%s\"%s\": [\"%s\", \"%s\"]", i ? ", " : "",
                         names[(first + i) % 5], PICK(addrs), PICK(addrs));
    cf_buffer_puts(policy, "}");
}

/* Lists of endpoints under names that nothing refers to. */
static void put_groups(struct cf_buffer *policy)
{
    size_t n = below(3);

    cf_buffer_puts(policy, "{");
    for (size_t i = 0; i < n; i++)
        cf_buffer_printf(policy, "%s\"g%zu\": [\"%s\"]", i ? ", " : "", i, PICK(endpoints));
    cf_buffer_puts(policy, "}");
}

/* Keys that do not go together are left out; files have tests of their own. */
static void put_proxy(struct cf_buffer *policy)
{
    static const char *const urls[] = { "http://proxy.internal", "HTTPS://[2001:db8::1]:8443/",
                                        "socks5://[::ffff:192.0.2.1]:1", "socks5h://localhost",
                                        "socks5+unix:/run/a b@c" };
    bool credentials = below(2);

    cf_buffer_printf(policy, "{\"url\": \"%s\", \"require\": %s", PICK(urls),
                     below(2) ? "true" : "false");
    if (credentials)
        cf_buffer_puts(policy, ", \"username\": \"c i\\\"#\", \"password_env\": \"_P1\"");
    cf_buffer_puts(policy, ", \"bypass\": [");
    for (size_t n = below(4), i = 0; i < n; i++)
        cf_buffer_printf(policy, "%s\"%s\"", i ? ", " : "", PICK(endpoints));
    cf_buffer_puts(policy, "]}");
}

/* The keys of a map, in the order of the table, each there or not. */
static void put_map(struct cf_buffer *policy, const char *path)
{
    const char *children[CF_SCHEMA_CHILDREN_MAX], *separator = "";
    size_t n = cf_schema_children(path, children);

    cf_buffer_puts(policy, "{");
    for (size_t i = 0; i < n; i++) {
        char child[CF_KEY_SIZE];
        const struct cf_schema_key *row = cf_schema_find(cf_key_child(path, children[i], child));

        /* What is read from other files has tests of its own. */
        if (!row->since || row->type == CF_TYPE_PATH || row->type == CF_TYPE_KEY)
            continue;
        /* Nor is keep without max_size. */
        if (!row->required && strcmp(row->path, "capture.max_size") != 0 && below(4) == 0)
            continue;
        cf_buffer_printf(policy, "%s\"%s\": ", separator, children[i]);
        separator = ",\n";
        if (strcmp(row->path, "proxy") == 0)
            put_proxy(policy);
        else if (row->type == CF_TYPE_MAP)
            put_map(policy, row->path);
        else if (row->type == CF_TYPE_HOSTS)
            put_hosts(policy);
        else if (row->type == CF_TYPE_GROUPS)
            put_groups(policy);
        else if (row->list && !(row->or_one && below(2)))
            put_list(policy, row);
        else
            put_value(policy, row);
    }
    cf_buffer_puts(policy, "}");
}

static struct cf_profile *read_policy(const char *text)
{
    struct cf_diagnostics diagnostics;
    struct cf_profile *profile = NULL;
    struct cf_error err = { 0 };
    struct cf_buffer findings;
    int r;

    cf_diagnostics_init(&diagnostics);
    cf_buffer_init(&findings, 0);
    r = cf_policy_parse(text, strlen(text), "p.yaml", NULL, &diagnostics, &profile, &err);
    if (r < 0) {
        cf_diagnostics_format(&diagnostics, &findings);
        fail_msg("%s\n%s", text, findings.data);
    }
    cf_buffer_done(&findings);
    cf_diagnostics_done(&diagnostics);
    return profile;
}

/* How a profile is shown. */
struct view {
    bool json, origins;
};

static void show(const struct cf_profile *profile, struct view view, struct cf_buffer *ret_text)
{
    cf_buffer_init(ret_text, 0);
    if (view.json)
        assert_int_equal(cf_policy_format_json(profile, view.origins, ret_text), 0);
    else
        assert_int_equal(cf_policy_format(profile, view.origins, ret_text), 0);
}

static void check_same_endpoint(const struct cf_endpoint *a, const struct cf_endpoint *b)
{
    char *first = cf_endpoint_format(a), *second = cf_endpoint_format(b);

    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void check_same_text(const char *a, const char *b)
{
    assert_string_equal(a ? a : "", b ? b : "");
}

/* The values at the row's place, compared as what they are. */
static void check_same_field(const struct cf_schema_key *row, const struct cf_profile *a,
                             const struct cf_profile *b)
{
    const char *first = (const char *)a + row->field, *second = (const char *)b + row->field;
    size_t n = row->list ? *(const size_t *)((const char *)a + row->count) : 0;

    if (row->list)
        assert_int_equal(n, *(const size_t *)((const char *)b + row->count));
    switch (row->type) {
    case CF_TYPE_BOOL:
        assert_int_equal(*(const bool *)first, *(const bool *)second);
        break;
    case CF_TYPE_CHOICE:
        assert_int_equal(*(const unsigned *)first, *(const unsigned *)second);
        break;
    case CF_TYPE_RECORD:
        assert_memory_equal(a->dns.deny_types, b->dns.deny_types, n * sizeof *a->dns.deny_types);
        break;
    case CF_TYPE_SERVER:
        for (size_t i = 0; i < n; i++)
            assert_true(cf_addr_port_equal(&a->dns.servers[i], &b->dns.servers[i]));
        break;
    case CF_TYPE_STRING:
    case CF_TYPE_LABEL:
    case CF_TYPE_PATH:
    case CF_TYPE_PATTERN:
    case CF_TYPE_HOST_NAME:
    case CF_TYPE_INTERFACE:
        for (size_t i = 0; i < n; i++)
            check_same_text((*(char *const *const *)first)[i], (*(char *const *const *)second)[i]);
        if (!row->list)
            check_same_text(*(char *const *)first, *(char *const *)second);
        break;
    default:
        assert_true(*(const int64_t *)first == *(const int64_t *)second);
        break;
    }
}

static void check_same_proxy(const struct cf_proxy *a, const struct cf_proxy *b)
{
    size_t n = a->bypass ? a->bypass->egress.n_rules : 0;

    assert_int_equal(a->url.scheme, b->url.scheme);
    check_same_text(a->url.name, b->url.name);
    check_same_text(a->url.path, b->url.path);
    assert_true(cf_addr_port_equal(&a->url.at, &b->url.at));
    assert_int_equal(n, b->bypass ? b->bypass->egress.n_rules : 0);
    for (size_t i = 0; i < n; i++)
        check_same_endpoint(&a->bypass->egress.rules[i].endpoint,
                            &b->bypass->egress.rules[i].endpoint);
}

/* All that the profiles hold, not as text. */
static void check_same(const struct cf_profile *a, const struct cf_profile *b)
{
    size_t n_keys;
    const struct cf_schema_key *keys = cf_schema_keys(&n_keys);

    for (size_t i = 0; i < n_keys; i++)
        if (keys[i].since && keys[i].field)
            check_same_field(&keys[i], a, b);
    check_same_proxy(&a->proxy, &b->proxy);
    assert_int_equal(a->egress.n_rules, b->egress.n_rules);
    for (size_t i = 0; i < a->egress.n_rules; i++) {
        /* Denials are shown behind all that is allowed: the n-th of its kind is the same. */
        const struct cf_rule *rule = &a->egress.rules[i];
        size_t nth = 0, j = 0;

        for (size_t k = 0; k < i; k++)
            nth += a->egress.rules[k].action == rule->action;
        for (; b->egress.rules[j].action != rule->action || nth > 0; j++)
            nth -= b->egress.rules[j].action == rule->action;
        check_same_endpoint(&rule->endpoint, &b->egress.rules[j].endpoint);
        assert_true(rule->until == b->egress.rules[j].until);
        check_same_text(rule->why, b->egress.rules[j].why);
        check_same_text(rule->exe, b->egress.rules[j].exe);
    }
    assert_int_equal(a->n_hosts, b->n_hosts);
    for (size_t i = 0; i < a->n_hosts; i++) {
        assert_string_equal(a->hosts[i].name, b->hosts[i].name);
        assert_int_equal(a->hosts[i].n_addrs, b->hosts[i].n_addrs);
        for (size_t j = 0; j < a->hosts[i].n_addrs; j++)
            assert_true(cf_addr_equal(&a->hosts[i].addrs[j], &b->hosts[i].addrs[j]));
    }
    assert_int_equal(a->egress.n_host_ports, b->egress.n_host_ports);
    for (size_t i = 0; i < a->egress.n_host_ports; i++)
        assert_int_equal(a->egress.host_ports[i], b->egress.host_ports[i]);
}

static void check_views(const struct cf_profile *profile)
{
    static const struct view parsed[] = { { false, false }, { false, true }, { true, false } };
    static const struct view all[] = { { false, false }, { true, false } };

    for (size_t i = 0; i < sizeof parsed / sizeof parsed[0]; i++) {
        struct cf_profile *again;
        struct cf_buffer text;

        show(profile, parsed[i], &text);
        again = read_policy(text.data);
        check_same(profile, again);
        for (size_t j = 0; j < sizeof all / sizeof all[0]; j++) {
            struct cf_buffer before, after;

            show(profile, all[j], &before);
            show(again, all[j], &after);
            assert_string_equal(after.data, before.data);
            cf_buffer_done(&before);
            cf_buffer_done(&after);
        }
        cf_profile_free(again);
        cf_buffer_done(&text);
    }
}

static void what_is_shown_parses_to_the_same_profile(void **state)
{
    (void)state;
    for (int i = 0; i < POLICIES; i++) {
        struct cf_profile *profile;
        struct cf_buffer policy;

        cf_buffer_init(&policy, 0);
        put_map(&policy, "");
        profile = read_policy(policy.data);
        check_views(profile);
        cf_profile_free(profile);
        cf_buffer_done(&policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shown_parses_to_the_same_profile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
