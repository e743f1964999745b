/*
 * test_settings.c - dns.timeout, dns.attempts, dns.cache and dns.transport have their effect
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/upstream.h"
#include "fixture.h"

static struct fixture f;

static bool silent(struct fake *fake, bool tcp, struct message *answer)
{
    (void)fake;
    (void)tcp;
    (void)answer;
    return false;
}

/* One address; over UDP the answer is cut. */
static bool too_long(struct fake *fake, bool tcp, struct message *answer)
{
    (void)fake;
    if (tcp)
        message_add_addr(answer, SECTION_ANSWER, "a.example", 300, "192.0.2.1");
    else
        message_flags(answer, CF_WIRE_TC);
    return true;
}

/* One address for every name. */
static bool plain(struct fake *fake, bool tcp, struct message *answer)
{
    struct cf_wire_query query;
    char name[CF_DOMAIN_TEXT_SIZE];

    (void)tcp;
    (void)cf_wire_query_parse(fake->query.data, fake->query.length, &query);
    cf_domain_format(&query.name, name);
    message_add_addr(answer, SECTION_ANSWER, name, 300, "192.0.2.1");
    return true;
}

static void landed(void *data, const uint8_t *message, size_t length,
                   const struct cf_addr_port *server)
{
    (void)message;
    (void)length;
    (void)server;
    *(bool *)data = true;
}

static void the_timeout_says_how_long_a_silent_server_is_waited_for(void **state)
{
    struct cf_upstream_config config = { .timeout_ms = 60000, .attempts = 1 };
    struct cf_upstream *patient;
    struct cf_lookup *lookup;
    static struct message query;
    bool gave_up = false;

    (void)state;
    fixture_start(&f, silent);
    fixture_allow(&f, "**.example");
    config.loop = f.loop;
    config.servers = &f.upstream.at;
    config.n_servers = 1;
    assert_int_equal(cf_upstream_new(&config, &patient, NULL), 0);
    message_start(&query, 1, CF_WIRE_RD, "a.example", CF_TYPE_A);
    assert_int_equal(
        cf_upstream_ask(patient, query.data, query.length, 0, landed, &gave_up, &lookup), 0);
    f.profile->dns.timeout_ms = 100;
    f.profile->dns.attempts = 1;
    fixture_open(&f, 0);
    /* The one that was asked later gives up first. */
    assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), CF_RCODE_SERVFAIL);
    assert_false(gave_up);
    assert_int_equal(f.upstream.n_udp, 2);
    cf_upstream_free(patient);
    fixture_stop(&f);
}

static void check_attempts(int64_t attempts)
{
    fixture_start(&f, silent);
    fixture_allow(&f, "**.example");
    f.profile->dns.timeout_ms = 100;
    f.profile->dns.attempts = attempts;
    fixture_open(&f, 0);
    assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), CF_RCODE_SERVFAIL);
    assert_int_equal(f.upstream.n_udp, attempts);
    fixture_stop(&f);
}

static void a_silent_server_is_asked_so_many_times(void **state)
{
    (void)state;
    check_attempts(1);
    check_attempts(2);
    check_attempts(4);
}

static void check_transport(bool (*script)(struct fake *fake, bool tcp, struct message *answer),
                            enum cf_transport transport, unsigned n_udp, unsigned n_tcp, bool cut,
                            const char *addr)
{
    fixture_start(&f, script);
    fixture_allow(&f, "**.example");
    f.profile->dns.transport = transport;
    fixture_open(&f, 100);
    assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), 0);
    assert_int_equal(f.upstream.n_udp, n_udp);
    assert_int_equal(f.upstream.n_tcp, n_tcp);
    assert_int_equal((f.reply.data[2] & CF_WIRE_TC >> 8) != 0, cut);
    assert_string_equal(reply_addr(&f, 0), addr);
    /* What was cut is not kept: the next one asks again. */
    assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), 0);
    assert_int_equal(f.upstream.n_udp + f.upstream.n_tcp, (n_udp + n_tcp) * (cut ? 2 : 1));
    fixture_stop(&f);
}

static void servers_are_asked_over_the_transport_of_the_policy(void **state)
{
    (void)state;
    check_transport(plain, CF_TRANSPORT_AUTO, 1, 0, false, "192.0.2.1");
    check_transport(plain, CF_TRANSPORT_UDP, 1, 0, false, "192.0.2.1");
    check_transport(plain, CF_TRANSPORT_TCP, 0, 1, false, "192.0.2.1");
    check_transport(too_long, CF_TRANSPORT_AUTO, 1, 1, false, "192.0.2.1");
    check_transport(too_long, CF_TRANSPORT_UDP, 1, 0, true, "none");
    check_transport(too_long, CF_TRANSPORT_TCP, 0, 1, false, "192.0.2.1");
}

/* Names a, b, a are asked for; so many questions go out. */
static void check_cache(size_t entries, unsigned n_upstream)
{
    fixture_start(&f, plain);
    fixture_allow(&f, "**.example");
    fixture_open(&f, entries);
    assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), 0);
    assert_int_equal(fixture_ask(&f, "b.example", CF_TYPE_A), 0);
    assert_int_equal(fixture_ask(&f, "b.example", CF_TYPE_A), 0);
    assert_int_equal(fixture_ask(&f, "a.example", CF_TYPE_A), 0);
    assert_int_equal(f.upstream.n_udp, n_upstream);
    fixture_stop(&f);
}

static void the_cache_has_room_for_so_many_answers(void **state)
{
    (void)state;
    check_cache(0, 4);
    check_cache(1, 3);
    check_cache(2, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_timeout_says_how_long_a_silent_server_is_waited_for),
        cmocka_unit_test(a_silent_server_is_asked_so_many_times),
        cmocka_unit_test(servers_are_asked_over_the_transport_of_the_policy),
        cmocka_unit_test(the_cache_has_room_for_so_many_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
