/*
 * test_index.c - the index at its edges: prefixes, names, ports, groups
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "profile/name_record.h"
#include "profile/name_set.h"
#include "profile/prefix_tree.h"

#define MANY 20000
#define LARGE 120000
#define COLLIDING 200

/* The verdict of TCP to the port, of any program. */
static char *ask(const struct cf_profile *profile, const char *addr, uint16_t port,
                 const char *name, char text[512])
{
    struct cf_flow_name names = { .name = name };
    struct cf_flow_query query = {
        .proto = CF_PROTO_TCP, .port = port, .names = &names, .n_names = name != NULL
    };
    struct cf_verdict verdict;

    assert_int_equal(cf_addr_parse(addr, &query.dst), 0);
    cf_verdict_flow(profile, &query, &verdict);
    return fixture_verdict(&verdict, text);
}

static void check_addr(const struct cf_profile *profile, const char *addr, const char *expected)
{
    char text[512];

    assert_string_equal(ask(profile, addr, 443, NULL, text), expected);
}

static void check_name(const struct cf_profile *profile, const char *name, const char *expected)
{
    char text[512];

    assert_string_equal(ask(profile, "192.0.2.1", 443, name, text), expected);
}

static void a_prefix_begins_and_ends_where_it_says(void **state)
{
    struct cf_profile *profile =
        fixture_profile("allow 10.0.0.0/31; allow 10.0.0.2/32; deny 10.0.0.3; allow 0.0.0.0; "
                        "allow 255.255.255.255; allow 128.0.0.0/2; allow [::]; "
                        "allow [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]; "
                        "allow [2001:db8::ffff:ffff:ffff:0]/112; allow [2001:db8:0:1::]/64");

    (void)state;
    check_addr(profile, "9.255.255.255", "deny default");
    check_addr(profile, "10.0.0.0", "allow rule 10.0.0.0/31");
    check_addr(profile, "10.0.0.1", "allow rule 10.0.0.0/31");
    check_addr(profile, "10.0.0.2", "allow rule 10.0.0.2/32");
    check_addr(profile, "10.0.0.3", "deny rule 10.0.0.3");
    check_addr(profile, "10.0.0.4", "deny default");
    check_addr(profile, "0.0.0.0", "allow rule 0.0.0.0");
    check_addr(profile, "0.0.0.1", "deny default");
    check_addr(profile, "127.255.255.255", "deny default");
    check_addr(profile, "128.0.0.0", "allow rule 128.0.0.0/2");
    check_addr(profile, "191.255.255.255", "allow rule 128.0.0.0/2");
    check_addr(profile, "192.0.0.0", "deny default");
    check_addr(profile, "255.255.255.254", "deny default");
    check_addr(profile, "255.255.255.255", "allow rule 255.255.255.255");
    check_addr(profile, "::", "allow rule [::]");
    check_addr(profile, "::1", "deny default");
    check_addr(profile, "2001:db8::ffff:ffff:fffe:ffff", "deny default");
    check_addr(profile, "2001:db8::ffff:ffff:ffff:0",
               "allow rule [2001:db8::ffff:ffff:ffff:0]/112");
    check_addr(profile, "2001:db8::ffff:ffff:ffff:ffff",
               "allow rule [2001:db8::ffff:ffff:ffff:0]/112");
    check_addr(profile, "2001:db8:0:1::", "allow rule [2001:db8:0:1::]/64");
    check_addr(profile, "2001:db8:0:1:ffff:ffff:ffff:ffff", "allow rule [2001:db8:0:1::]/64");
    check_addr(profile, "2001:db8:0:2::", "deny default");
    check_addr(profile, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "deny default");
    check_addr(profile, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
               "allow rule [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]");
    cf_profile_free(profile);
}

static void families_have_trees_of_their_own(void **state)
{
    struct cf_profile *profile = fixture_profile("allow 0.0.0.0/0; deny [::]/0");

    (void)state;
    check_addr(profile, "0.0.0.0", "allow rule 0.0.0.0/0");
    check_addr(profile, "255.255.255.255", "allow rule 0.0.0.0/0");
    check_addr(profile, "::", "deny rule [::]/0");
    check_addr(profile, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "deny rule [::]/0");
    cf_profile_free(profile);
}

/* All prefixes of one address, by turns allowed and denied; then who wins one bit beside each. */
static void check_nested(const char *addr_text)
{
    struct cf_profile *profile = cf_profile_new();
    struct cf_addr addr;
    char text[512], expected[128];
    unsigned all;

    assert_int_equal(cf_addr_parse(addr_text, &addr), 0);
    all = cf_addr_bits(&addr);
    for (unsigned bits = 0; bits <= all; bits++) {
        struct cf_endpoint endpoint = { .protos = CF_PROTO_TCP, .kind = CF_HOST_PREFIX };

        endpoint.prefix = (struct cf_prefix) { addr, (uint8_t)bits };
        cf_addr_mask(&endpoint.prefix.addr, bits);
        snprintf(text, sizeof text, "/%u", bits);
        assert_int_equal(cf_profile_rule_add(profile, bits % 2 ? CF_ALLOW : CF_DENY, text,
                                             &endpoint, (struct cf_origin) { .line = 1 }),
                         0);
    }
    assert_int_equal(cf_profile_seal(profile), 0);
    for (unsigned bits = 0; bits <= all; bits++) {
        struct cf_addr beside = addr;

        if (bits < all)
            beside.bytes[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
        snprintf(expected, sizeof expected, "%s rule /%u", bits % 2 ? "allow" : "deny", bits);
        check_addr(profile, cf_addr_format(&beside, text), expected);
    }
    cf_profile_free(profile);
}

static void prefixes_nest_as_deep_as_addresses_have_bits(void **state)
{
    (void)state;
    check_nested("0.0.0.0");
    check_nested("170.85.170.85");
    check_nested("255.255.255.255");
    check_nested("::");
    check_nested("2001:db8:5555:aaaa:5555:aaaa:5555:aaaa");
    check_nested("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void a_tree_of_nothing_holds_nothing(void **state)
{
    struct cf_prefix_tree tree;
    struct cf_addr addr;

    (void)state;
    assert_int_equal(cf_addr_parse("192.0.2.1", &addr), 0);
    assert_int_equal(cf_prefix_tree_make(&tree, NULL, 0, NULL), 0);
    assert_int_equal(cf_prefix_tree_find(&tree, &addr), CF_PREFIX_NONE);
    cf_prefix_tree_done(&tree);
}

static void one_name_may_be_of_every_kind(void **state)
{
    struct cf_profile *profile = fixture_profile(
        "allow t.example; deny *.t.example; allow **.t.example; host t.example 192.0.2.1");

    (void)state;
    check_name(profile, "t.example", "allow rule t.example");
    check_name(profile, "a.t.example", "deny rule *.t.example");
    check_name(profile, "a.b.t.example", "allow rule **.t.example");
    check_name(profile, "at.example", "deny default");
    check_name(profile, "example", "deny default");
    check_name(profile, "", "deny default");
    cf_profile_free(profile);
}

/* "a.a.a" of so many labels. */
static char *labels(unsigned n, char name[CF_NAME_SIZE])
{
    for (unsigned i = 0; i < n; i++)
        memcpy(name + 2 * i, "a.", 2);
    name[2 * n - 1] = '\0';
    return name;
}

static void names_have_up_to_127_labels(void **state)
{
    struct cf_profile *profile = cf_profile_new();
    char name[CF_NAME_SIZE], expected[64];

    (void)state;
    for (unsigned n = 1; n < 127; n++) {
        struct cf_endpoint endpoint = { .protos = CF_PROTO_TCP, .kind = CF_HOST_MANY };

        endpoint.name = strdup(labels(n, name));
        snprintf(expected, sizeof expected, "**%u", n);
        assert_int_equal(cf_profile_rule_add(profile, n % 2 ? CF_ALLOW : CF_DENY, expected,
                                             &endpoint, (struct cf_origin) { .line = 1 }),
                         0);
    }
    assert_int_equal(cf_profile_seal(profile), 0);
    check_name(profile, labels(1, name), "deny default");
    for (unsigned n = 2; n <= 127; n++) {
        snprintf(expected, sizeof expected, "%s rule **%u", n % 2 ? "deny" : "allow", n - 1);
        check_name(profile, labels(n, name), expected);
    }
    labels(127, name)[0] = 'b';
    check_name(profile, name, "deny rule **126");
    name[252] = 'b';
    check_name(profile, name, "deny default");
    cf_profile_free(profile);
}

static void what_is_longer_than_any_name_matches_nothing(void **state)
{
    struct cf_profile *profile = fixture_profile("allow **.t.example");
    char name[1000];

    (void)state;
    memset(name, 'a', sizeof name);
    strcpy(name + sizeof name - sizeof ".t.example", ".t.example");
    check_name(profile, name, "deny default");
    memset(name, '.', sizeof name - 1);
    check_name(profile, name, "deny default");
    name[253] = '\0';
    check_name(profile, name, "deny default");
    cf_profile_free(profile);
}

static unsigned find(const struct cf_name_set *set, const char *name, const uint32_t *nodes,
                     struct cf_name_hit hits[CF_NAME_HITS_MAX])
{
    struct cf_name_lookup lookup;

    cf_name_set_start(set, name, strlen(name), &lookup);
    return cf_name_set_find(set, &lookup, nodes, hits);
}

/* Names stand in blocks of their own size: a sanitizer sees what is read beside them. */
static void a_suffix_has_the_hash_that_it_has_alone_whatever_its_length(void **state)
{
    struct cf_siphash start = cf_siphash_begin(cf_name_fixed_key);

    (void)state;
    for (size_t length = 1; length < CF_NAME_SIZE; length++) {
        char *name = malloc(length);
        struct cf_name_pad pad;
        struct cf_name_hash hash;

        assert_non_null(name);
        for (size_t i = 0; i < length; i++)
            name[i] = (char)('a' + (i + length) % 26);
        hash = cf_name_hash_begin(&start, &pad, name, length);
        for (size_t tail = 1; tail <= length; tail += 1 + tail / 5) {
            char *alone = malloc(tail);

            assert_non_null(alone);
            memcpy(alone, name + length - tail, tail);
            assert_int_equal(cf_name_hash_suffix(&hash, hash.end - tail),
                             cf_name_hash_whole(&start, alone, tail));
            free(alone);
        }
        free(name);
    }
}

/* Each label in its place: rules for the name's every suffix are found, and none between them. */
static void check_suffixes(const char *text, unsigned expected)
{
    struct cf_name_set *set = cf_name_set_new();
    struct cf_name_hit hits[CF_NAME_HITS_MAX];
    size_t length = strlen(text);
    char *name = strdup(text);
    bool added;

    assert_non_null(name);
    for (size_t i = 0; i < length; i++) {
        struct cf_name_key key = { i == 0 ? CF_HOST_NAME : CF_HOST_MANY, CF_NAME_OF_RULES, name + i,
                                   length - i };

        if (name[i] != '.')
            assert_int_equal(cf_name_set_add(set, &key, 1, &added), 0);
    }
    assert_int_equal(find(set, name, NULL, hits), expected);
    free(name);
    cf_name_set_free(set);
}

static void a_name_has_as_many_suffixes_as_labels_wherever_the_dots_stand(void **state)
{
    (void)state;
    check_suffixes("a", 1);
    check_suffixes("a.b", 2);
    check_suffixes("a.b.c.d", 4);
    check_suffixes("abcdefg", 1);
    check_suffixes("abcdef.g", 2);
    check_suffixes("a.cdefgh", 2);
    check_suffixes("abcdefgh", 1);
    check_suffixes("a.cdefghi", 2);
    check_suffixes("abcdefg.i", 2);
    check_suffixes("ab.d.fg.ijk.mnopqr.t", 6);
    check_suffixes("a.c.e.g.i.k.m.o.q.s.u.w.y", 13);
    check_suffixes("abcdefgh.jklmnopqrstuvwx.z", 3);
}

static void many_names_are_found_each_and_no_other(void **state)
{
    struct cf_name_set *set = cf_name_set_new();
    struct cf_name_hit hits[CF_NAME_HITS_MAX];
    char name[32];

    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        bool added;
        struct cf_name_key key = { CF_HOST_NAME, CF_NAME_OF_RULES, name,
                                   (size_t)snprintf(name, sizeof name, "h%u.t.example", i) };

        assert_int_equal(cf_name_set_add(set, &key, i, &added), 0);
        assert_true(added);
        assert_int_equal(cf_name_set_add(set, &key, i + 1, &added), 0);
        assert_false(added);
        assert_int_equal(i == MANY / 2 ? cf_name_set_expect(set, 10) : 0, 0);
    }
    for (uint32_t i = 0; i < 2 * MANY; i++) {
        snprintf(name, sizeof name, "h%u.t.example", i);
        assert_int_equal(find(set, name, NULL, hits), i < MANY);
        assert_true(i >= MANY || hits[0].node == i);
    }
    cf_name_set_rewind(set, 0);
    assert_int_equal(find(set, "h1.t.example", NULL, hits), 0);
    cf_name_set_free(set);
}

static void file_add(struct cf_name_set *set, const char *name, uint32_t line)
{
    struct cf_name_key key = { CF_HOST_NAME, CF_NAME_OF_GROUP, name, strlen(name) };
    bool added;

    assert_int_equal(cf_name_set_add(set, &key, line, &added), 0);
}

static void count_dropped(void *data, uint32_t owner)
{
    assert_int_equal(owner, CF_NAME_OF_GROUP);
    ++*(size_t *)data;
}

/* The line of a file's name; 0 when it is not found. */
static uint32_t file_find(const struct cf_name_set *set, const char *name)
{
    static const uint32_t nodes[] = { 3 };
    struct cf_name_hit hits[CF_NAME_HITS_MAX];
    unsigned n = find(set, name, nodes, hits);

    assert_true(n <= 1);
    assert_true(n == 0 || hits[0].node == 3);
    return n ? hits[0].line : 0;
}

static const char *long_name(uint32_t i)
{
    static char name[64];

    snprintf(name, sizeof name, "h%u.some-rather-long-name-of-a-host.t.example", i);
    return name;
}

static void a_large_file_is_sorted_in_rounds_and_has_each_name_once(void **state)
{
    struct cf_name_set *set = cf_name_set_new();
    size_t n_dropped = 0, n = 0;
    uint64_t place = 0;
    struct cf_name_key key;

    (void)state;
    assert_int_equal(cf_name_set_expect(set, LARGE), 0);
    for (uint32_t i = 0; i < 2 * LARGE; i++)
        file_add(set, long_name(i % LARGE), i + 1);
    assert_int_equal(cf_name_set_seal(set, count_dropped, &n_dropped), 0);
    assert_int_equal(n_dropped, LARGE);
    file_add(set, "late.t.example", 7);
    file_add(set, long_name(1), 8);
    assert_int_equal(cf_name_set_seal(set, count_dropped, &n_dropped), 0);
    assert_int_equal(n_dropped, LARGE + 1);
    for (uint32_t i = 0; i < LARGE; i++)
        assert_int_equal(file_find(set, long_name(i)), i + 1);
    for (uint32_t i = LARGE; i < LARGE + 1000; i++)
        assert_int_equal(file_find(set, long_name(i)), 0);
    assert_int_equal(file_find(set, "late.t.example"), 7);
    while (cf_name_set_next(set, &place, &key))
        n++;
    assert_int_equal(n, LARGE + 1);
    cf_name_set_free(set);
}

/* The next name whose hash is among the lowest: all of them would stand in the first bucket. */
static const char *colliding_name(uint32_t *at)
{
    struct cf_siphash start = cf_siphash_begin(cf_name_fixed_key);
    static char name[32];
    uint64_t hash;

    do {
        int length = snprintf(name, sizeof name, "c%u.t.example", ++*at);

        hash = cf_name_hash_whole(&start, name, (size_t)length);
    } while ((hash & UINT32_MAX) >> 20 != 5);
    return name;
}

static void a_file_that_was_made_to_collide_is_hashed_under_a_secret(void **state)
{
    struct cf_name_set *set = cf_name_set_new();
    size_t n_dropped = 0;
    uint64_t place = 0;
    bool in_order = true;
    struct cf_name_key key;
    uint32_t at = 0;

    (void)state;
    for (uint32_t i = 0; i < COLLIDING; i++)
        file_add(set, colliding_name(&at), i + 1);
    assert_int_equal(cf_name_set_seal(set, count_dropped, &n_dropped), 0);
    assert_int_equal(n_dropped, 0);
    at = 0;
    for (uint32_t i = 0; i < COLLIDING; i++)
        assert_int_equal(file_find(set, colliding_name(&at)), i + 1);
    at = 0;
    while (cf_name_set_next(set, &place, &key)) /* in one bucket they keep their order */
        in_order = in_order && memcmp(colliding_name(&at), key.name, key.length) == 0;
    assert_false(in_order);
    cf_name_set_free(set);
}

/* Names of every length, in an order in which neighbours differ. */
static const char *name_of_length(uint32_t i, char name[CF_NAME_SIZE])
{
    size_t length = 14 + i * 97 % 240;
    int n = snprintf(name, CF_NAME_SIZE, "n%u", i);

    memset(name + n, 'x', length - (size_t)n);
    for (size_t dot = 60; dot < length - 9; dot += 60)
        name[dot] = '.';
    strcpy(name + length - 8, ".example");
    return name;
}

static void names_of_all_lengths_stand_side_by_side(void **state)
{
    struct cf_name_set *set = cf_name_set_new();
    char name[CF_NAME_SIZE];
    size_t n_dropped = 0, n = 0;
    struct cf_name_key key;
    uint64_t place = 0;

    (void)state;
    for (uint32_t i = 0; i < 3000; i++) {
        file_add(set, name_of_length(i, name), i + 1);
        if (i % 3 == 0)
            file_add(set, name, i + 100000);
    }
    assert_int_equal(cf_name_set_seal(set, count_dropped, &n_dropped), 0);
    assert_int_equal(n_dropped, 1000);
    for (uint32_t i = 0; i < 3000; i++)
        assert_int_equal(file_find(set, name_of_length(i, name)), i + 1);
    for (uint32_t i = 3000; i < 6000; i++)
        assert_int_equal(file_find(set, name_of_length(i, name)), 0);
    while (cf_name_set_next(set, &place, &key)) {
        memcpy(name, key.name, key.length);
        name[key.length] = '\0';
        assert_true(file_find(set, name) > 0);
        n++;
    }
    assert_int_equal(n, 3000);
    cf_name_set_free(set);
}

static struct cf_group *group(struct cf_profile *profile, const char *name)
{
    struct cf_group *made;

    assert_int_equal(cf_profile_group_add(profile, name, (struct cf_origin) { .line = 1 }, &made),
                     0);
    return made;
}

static void group_rule(struct cf_profile *profile, enum cf_action action, const char *name)
{
    struct cf_endpoint endpoint = { .protos = CF_PROTO_TCP | CF_PROTO_UDP, .kind = CF_HOST_LIST };

    endpoint.name = strdup(name);
    assert_int_equal(
        cf_profile_rule_add(profile, action, name, &endpoint, (struct cf_origin) { .line = 1 }), 0);
}

static void file_name(struct cf_profile *profile, struct cf_group *to, enum cf_host_kind kind,
                      const char *name, uint32_t line)
{
    assert_int_equal(cf_profile_group_name_add(profile, to, kind, name, strlen(name), line), 0);
}

static void the_line_of_a_names_file_is_told(void **state)
{
    struct cf_profile *profile = cf_profile_new();
    struct cf_group *ads = group(profile, "ads"), *more = group(profile, "more");
    struct cf_flow_name name = { .name = "a.t.example" };
    struct cf_flow_query query = { .proto = CF_PROTO_TCP, .port = 1, .names = &name, .n_names = 1 };
    struct cf_verdict verdict;

    (void)state;
    file_name(profile, ads, CF_HOST_MANY, "t.example", 7);
    file_name(profile, ads, CF_HOST_NAME, "a.t.example", 8);
    file_name(profile, ads, CF_HOST_NAME, "a.t.example", 9);
    file_name(profile, more, CF_HOST_NAME, "a.t.example", 10);
    group_rule(profile, CF_DENY, "ads");
    assert_int_equal(cf_profile_seal(profile), 0);
    assert_int_equal(ads->n_names, 2);
    assert_int_equal(more->n_names, 1);
    cf_verdict_flow(profile, &query, &verdict);
    assert_int_equal(verdict.names_line, 8);
    assert_true(cf_verdict_is_by_name(&verdict));
    name.name = "b.a.t.example";
    cf_verdict_flow(profile, &query, &verdict);
    assert_int_equal(verdict.names_line, 7);
    name.name = "t.example";
    cf_verdict_flow(profile, &query, &verdict);
    assert_null(verdict.rule);
    cf_profile_free(profile);
}

static void groups_may_be_empty_or_without_a_rule(void **state)
{
    struct cf_profile *profile = cf_profile_new();

    (void)state;
    group(profile, "nothing");
    file_name(profile, group(profile, "unused"), CF_HOST_NAME, "a.t.example", 1);
    group_rule(profile, CF_ALLOW, "nothing");
    assert_int_equal(cf_profile_seal(profile), 0);
    check_name(profile, "a.t.example", "deny default");
    check_addr(profile, "192.0.2.1", "deny default");
    cf_profile_free(profile);
}

/* A group of so many members, and so many rules for it. */
static struct cf_profile *crossed(unsigned n_members, unsigned n_rules)
{
    struct cf_profile *profile = cf_profile_new();
    struct cf_group *made = group(profile, "g");
    struct cf_endpoint endpoint;

    for (unsigned i = 0; i < n_members; i++) {
        assert_int_equal(cf_endpoint_parse("192.0.2.1", &endpoint, NULL, NULL), 0);
        assert_int_equal(cf_profile_group_member_add(made, "192.0.2.1", &endpoint,
                                                     (struct cf_origin) { .line = i + 1 }),
                         0);
    }
    for (unsigned i = 0; i < n_rules; i++)
        group_rule(profile, CF_ALLOW, "g");
    return profile;
}

static void rules_for_groups_stand_for_so_many_endpoints_at_most(void **state)
{
    struct cf_profile *profile = crossed(2000, 2000);

    (void)state;
    assert_int_equal(cf_profile_seal(profile), -E2BIG);
    assert_null(profile->index);
    cf_profile_free(profile);
    profile = crossed(100, 100);
    assert_int_equal(cf_profile_seal(profile), 0);
    check_addr(profile, "192.0.2.1", "allow rule g");
    cf_profile_free(profile);
}

static void so_many_files_of_names_may_have_rules(void **state)
{
    struct cf_profile *profile = cf_profile_new();
    char name[16];

    (void)state;
    for (unsigned i = 0; i <= CF_NAME_FILES_MAX; i++) {
        snprintf(name, sizeof name, "g%u", i);
        file_name(profile, group(profile, name), CF_HOST_NAME, "a.t.example", i + 1);
        group_rule(profile, CF_DENY, name);
        assert_int_equal(cf_profile_seal(profile), i < CF_NAME_FILES_MAX ? 0 : -E2BIG);
        if (i < CF_NAME_FILES_MAX)
            check_name(profile, "a.t.example", "deny rule g0");
    }
    cf_profile_free(profile);
}

/* Ports 1 to 1000 of one host, each with a rule of its own, and ranges over them. */
static void a_host_may_have_very_many_rules(void **state)
{
    struct cf_profile *profile = cf_profile_new();
    struct cf_endpoint endpoint;
    char text[512], expected[64];

    (void)state;
    for (unsigned port = 1; port <= 1000; port++) {
        snprintf(text, sizeof text, "%s192.0.2.1:%u", port % 3 ? "" : "tcp://", port);
        assert_int_equal(cf_endpoint_parse(text, &endpoint, NULL, NULL), 0);
        assert_int_equal(cf_profile_rule_add(profile, port % 2 ? CF_ALLOW : CF_DENY, text,
                                             &endpoint, (struct cf_origin) { .line = port }),
                         0);
    }
    assert_int_equal(cf_endpoint_parse("192.0.2.1:500-65535", &endpoint, NULL, NULL), 0);
    assert_int_equal(
        cf_profile_rule_add(profile, CF_DENY, "wide", &endpoint, (struct cf_origin) { .line = 1 }),
        0);
    assert_int_equal(cf_profile_seal(profile), 0);
    for (unsigned port = 1; port <= 1000; port++) {
        snprintf(expected, sizeof expected, "%s rule %s192.0.2.1:%u", port % 2 ? "allow" : "deny",
                 port % 3 ? "" : "tcp://", port);
        if (port >= 500 && port % 3 && port % 2)
            strcpy(expected, "deny rule wide");
        assert_string_equal(ask(profile, "192.0.2.1", (uint16_t)port, NULL, text), expected);
    }
    assert_string_equal(ask(profile, "192.0.2.1", 1001, NULL, text), "deny rule wide");
    assert_string_equal(ask(profile, "192.0.2.1", 65535, NULL, text), "deny rule wide");
    cf_profile_free(profile);
}

static void a_sealed_profile_opens_when_a_rule_is_added(void **state)
{
    struct cf_profile *profile = fixture_profile("allow a.t.example; host h.t.example 192.0.2.1");
    struct cf_endpoint endpoint;

    (void)state;
    assert_int_equal(cf_endpoint_parse("b.t.example", &endpoint, NULL, NULL), 0);
    assert_int_equal(cf_profile_rule_add(profile, CF_ALLOW, "b.t.example", &endpoint,
                                         (struct cf_origin) { .line = 9 }),
                     0);
    assert_null(profile->index);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cf_profile_seal(profile), 0);
        check_name(profile, "a.t.example", "allow rule a.t.example");
        check_name(profile, "b.t.example", "allow rule b.t.example");
        assert_non_null(cf_profile_host_find(profile, "h.t.example"));
    }
    cf_profile_free(profile);
}

static void a_profile_that_is_not_sealed_is_not_asked(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        struct cf_flow_query query = { .proto = CF_PROTO_TCP };
        struct cf_verdict verdict;

        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        signal(SIGABRT, SIG_DFL);
        cf_verdict_flow(cf_profile_new(), &query, &verdict);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_begins_and_ends_where_it_says),
        cmocka_unit_test(families_have_trees_of_their_own),
        cmocka_unit_test(prefixes_nest_as_deep_as_addresses_have_bits),
        cmocka_unit_test(a_tree_of_nothing_holds_nothing),
        cmocka_unit_test(one_name_may_be_of_every_kind),
        cmocka_unit_test(names_have_up_to_127_labels),
        cmocka_unit_test(what_is_longer_than_any_name_matches_nothing),
        cmocka_unit_test(a_suffix_has_the_hash_that_it_has_alone_whatever_its_length),
        cmocka_unit_test(a_name_has_as_many_suffixes_as_labels_wherever_the_dots_stand),
        cmocka_unit_test(many_names_are_found_each_and_no_other),
        cmocka_unit_test(a_large_file_is_sorted_in_rounds_and_has_each_name_once),
        cmocka_unit_test(names_of_all_lengths_stand_side_by_side),
        cmocka_unit_test(a_file_that_was_made_to_collide_is_hashed_under_a_secret),
        cmocka_unit_test(the_line_of_a_names_file_is_told),
        cmocka_unit_test(groups_may_be_empty_or_without_a_rule),
        cmocka_unit_test(rules_for_groups_stand_for_so_many_endpoints_at_most),
        cmocka_unit_test(so_many_files_of_names_may_have_rules),
        cmocka_unit_test(a_host_may_have_very_many_rules),
        cmocka_unit_test(a_sealed_profile_opens_when_a_rule_is_added),
        cmocka_unit_test(a_profile_that_is_not_sealed_is_not_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
