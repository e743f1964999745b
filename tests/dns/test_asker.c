/*
 * test_asker.c - which program asks is looked up, judged and logged
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "fixture.h"

static struct fixture f;

/* a.example has an address, tracked.example an alias, silent.example no answer. */
static bool zone(struct fake *fake, bool tcp, struct message *answer)
{
    char name[CF_DOMAIN_TEXT_SIZE];
    struct cf_wire_query query;

    (void)tcp;
    (void)cf_wire_query_parse(fake->query.data, fake->query.length, &query);
    cf_domain_lower(&query.name);
    cf_domain_format(&query.name, name);
    if (strcmp(name, "a.example") == 0) {
        message_add_addr(answer, SECTION_ANSWER, name, 300, "192.0.2.1");
    } else if (strcmp(name, "tracked.example") == 0) {
        message_add_name(answer, SECTION_ANSWER, name, CF_TYPE_CNAME, 300, "evil.tracker");
        message_add_addr(answer, SECTION_ANSWER, "evil.tracker", 300, "192.0.2.20");
    }
    return strcmp(name, "silent.example") != 0;
}

static void start(void)
{
    fixture_start(&f, zone);
}

#define UPSTREAM CF_ALLOW, CF_DNS_SOURCE_UPSTREAM, 1
#define CACHE CF_ALLOW, CF_DNS_SOURCE_CACHE, 0
#define DENIED CF_DENY, CF_DNS_SOURCE_POLICY, 0

/* Ask for an address; n_upstream: how many queries went out. Each question is one look-up. */
static void check_by(const char *exe, const char *name, int rcode, enum cf_action action,
                     enum cf_dns_source source, unsigned n_upstream)
{
    unsigned before = f.upstream.n_udp;

    f.exe = exe;
    f.n_looked_up = 0;
    assert_int_equal(fixture_ask(&f, name, CF_TYPE_A), rcode);
    assert_int_equal(f.seen.dns.verdict.action, action);
    assert_int_equal(f.seen.dns.source, source);
    assert_int_equal(f.upstream.n_udp - before, n_upstream);
    assert_string_equal(f.seen.exe, exe ? exe : "");
    assert_int_equal(f.n_looked_up, 1);
}

static void a_name_is_judged_for_the_program_that_asks(void **state)
{
    (void)state;
    start();
    fixture_allow(&f, "a.example");
    fixture_exe(&f, "/usr/bin/curl");
    fixture_open(&f, 100);
    check_by("/usr/bin/wget", "a.example", CF_RCODE_NXDOMAIN, DENIED);
    check_by("/usr/bin/curl", "a.example", 0, UPSTREAM);
    /* What is kept for one is not given to another. */
    check_by("/usr/bin/wget", "a.example", CF_RCODE_NXDOMAIN, DENIED);
    check_by(NULL, "a.example", CF_RCODE_NXDOMAIN, DENIED);
    check_by("/usr/bin/curl", "a.example", 0, CACHE);
    fixture_stop(&f);
}

static void an_alias_is_judged_for_each_program_that_asks(void **state)
{
    (void)state;
    start();
    fixture_allow(&f, "tracked.example");
    fixture_deny(&f, "evil.tracker");
    fixture_exe(&f, "/usr/bin/wget");
    fixture_open(&f, 100);
    check_by("/usr/bin/wget", "tracked.example", CF_RCODE_NXDOMAIN, CF_DENY,
             CF_DNS_SOURCE_POLICY, 1);
    check_by("/usr/bin/curl", "tracked.example", 0, CACHE);
    check_by("/usr/bin/wget", "tracked.example", CF_RCODE_NXDOMAIN, DENIED);
    check_by(NULL, "tracked.example", CF_RCODE_NXDOMAIN, DENIED);
    fixture_stop(&f);
}

static void without_rules_for_programs_each_is_looked_up_for_the_log_alone(void **state)
{
    (void)state;
    start();
    fixture_allow(&f, "a.example");
    fixture_open(&f, 100);
    check_by("/usr/bin/curl", "a.example", 0, UPSTREAM);
    check_by("/usr/bin/wget", "a.example", 0, CACHE);
    check_by("/usr/bin/wget", "b.example", CF_RCODE_NXDOMAIN, DENIED);
    fixture_stop(&f);
}

static void ignored(void *data, const uint8_t *message, size_t length)
{
    (void)data;
    (void)message;
    (void)length;
}

/* Put a question of a batch and expect so many look-ups of who asks, from the start. */
static void check_looked_up(uint64_t batch, uint16_t src_port, const char *asked, unsigned want)
{
    struct cf_dns_client client = { .src.port = src_port, .batch = batch };
    static struct message query;
    struct cf_query *waiting;

    cf_addr_parse("198.18.0.2", &client.src.addr);
    cf_addr_parse(asked, &client.asked.addr);
    message_start(&query, 7, CF_WIRE_RD, "denied.test", CF_TYPE_A);
    assert_int_equal(cf_resolver_query(f.resolver, &client, query.data, query.length, ignored, NULL,
                                       &waiting),
                     0);
    assert_null(waiting);
    assert_int_equal(f.n_looked_up, want);
    assert_string_equal(f.seen.exe, f.exe);
}

static void one_look_up_says_who_asks_in_one_batch_from_one_socket(void **state)
{
    (void)state;
    start();
    fixture_open(&f, 100);
    f.exe = "/usr/bin/first";
    check_looked_up(1, 4000, "192.0.2.53", 1);
    check_looked_up(1, 4000, "192.0.2.53", 1);
    f.exe = "/usr/bin/second";
    check_looked_up(1, 4001, "192.0.2.53", 2);
    check_looked_up(1, 4001, "192.0.2.54", 3);
    check_looked_up(1, 4001, "192.0.2.54", 3);
    f.exe = "/usr/bin/third";
    check_looked_up(2, 4001, "192.0.2.54", 4);
    f.exe = "/usr/bin/fourth";
    check_looked_up(0, 4001, "192.0.2.54", 5);
    check_looked_up(0, 4001, "192.0.2.54", 6);
    fixture_stop(&f);
}

/* Two questions wait at once: what the second one's look-up says is not the first one's. */
static void who_asked_is_kept_while_the_question_waits(void **state)
{
    static struct message query;
    struct cf_dns_client client = { 0 };
    struct cf_query *first = NULL;

    (void)state;
    start();
    fixture_allow(&f, "**.example");
    fixture_exe(&f, "/usr/bin/*");
    fixture_open(&f, 100);
    message_start(&query, 7, CF_WIRE_RD, "silent.example", CF_TYPE_A);
    f.exe = "/usr/bin/first";
    cf_resolver_query(f.resolver, &client, query.data, query.length, ignored, NULL, &first);
    assert_non_null(first);
    f.exe = "/usr/bin/second";
    assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), 0);
    assert_string_equal(f.seen.exe, "/usr/bin/second");
    cf_resolver_cancel(first);
    assert_string_equal(f.seen.exe, "/usr/bin/first");
    assert_int_equal(f.n_looked_up, 2);
    fixture_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_judged_for_the_program_that_asks),
        cmocka_unit_test(an_alias_is_judged_for_each_program_that_asks),
        cmocka_unit_test(without_rules_for_programs_each_is_looked_up_for_the_log_alone),
        cmocka_unit_test(who_asked_is_kept_while_the_question_waits),
        cmocka_unit_test(one_look_up_says_who_asks_in_one_batch_from_one_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
