/*
 * test_find.c - the addresses of one name, asked of a server in a process of its own
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
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dns/find.h"
#include "dns/wire.h"
#include "loop/loop.h"
#include "upstream_fake.h"

static struct cf_profile *profile;
static pid_t server = -1;

/* Whether the question is for this name. */
static bool is_name(const struct fake *fake, const char *expected, uint16_t *ret_type)
{
    struct cf_wire_query query;
    char name[CF_DOMAIN_TEXT_SIZE];

    if (cf_wire_query_parse(fake->query.data, fake->query.length, &query) < 0)
        abort();
    cf_domain_format(&query.name, name);
    *ret_type = query.type;
    return strncmp(name, expected, strlen(expected)) == 0;
}

static void answer_many(struct message *answer, uint16_t type)
{
    char addr[32];

    for (int i = 1; i <= CF_FIND_MAX + 2; i++) {
        snprintf(addr, sizeof addr, type == CF_TYPE_A ? "192.0.2.%d" : "2001:db8::%d", i);
        message_add_addr(answer, SECTION_ANSWER, "many.example", 60, addr);
    }
}

static bool script(struct fake *fake, bool tcp, struct message *answer)
{
    uint16_t type;

    (void)tcp;
    if (is_name(fake, "both.example", &type))
        message_add_addr(answer, SECTION_ANSWER, "both.example", 60,
                         type == CF_TYPE_A ? "192.0.2.1" : "2001:db8::1");
    else if (is_name(fake, "four.example", &type) && type == CF_TYPE_A)
        message_add_addr(answer, SECTION_ANSWER, "four.example", 60, "192.0.2.4");
    else if (is_name(fake, "alias.example", &type)) {
        message_add_name(answer, SECTION_ANSWER, "alias.example", CF_TYPE_CNAME, 60, "end.example");
        message_add_addr(answer, SECTION_ANSWER, "end.example", 60,
                         type == CF_TYPE_A ? "192.0.2.5" : "2001:db8::5");
        message_add_addr(answer, SECTION_ADDITIONAL, "other.example", 60, "192.0.2.66");
    } else if (is_name(fake, "many.example", &type))
        answer_many(answer, type);
    else if (is_name(fake, "gone.example", &type))
        message_flags(answer, 0x8183); /* NXDOMAIN */
    else if (is_name(fake, "broken.example", &type))
        message_raw(answer, "\0\0\0", 3); /* behind the end */
    return !is_name(fake, "silent.example", &type);
}

/* Serve until the parent ends it; its address goes to fd. */
static void serve(int fd)
{
    struct cf_loop *loop;
    static struct fake fake;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (cf_loop_new(&loop, NULL) < 0)
        _exit(1);
    fake_start(&fake, loop, false, script);
    if (write(fd, &fake.at, sizeof fake.at) != sizeof fake.at)
        _exit(1);
    close(fd);
    cf_loop_run(loop);
    _exit(0);
}

static int set_up(void **state)
{
    int fds[2];

    (void)state;
    profile = cf_profile_new();
    if (!profile || pipe(fds) < 0)
        return -1;
    profile->dns.servers = calloc(1, sizeof *profile->dns.servers);
    profile->dns.n_servers = 1;
    profile->dns.timeout_ms = 60000;
    profile->dns.attempts = 1;
    server = fork();
    if (server == 0) {
        close(fds[0]);
        serve(fds[1]);
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], profile->dns.servers, sizeof *profile->dns.servers),
                     sizeof *profile->dns.servers);
    close(fds[0]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
    cf_profile_free(profile);
    return 0;
}

/* expected: addresses with blanks between them */
static void check_finds(const char *name, bool ipv6, const char *expected)
{
    const struct cf_find_config config = { .profile = profile, .ipv6 = ipv6 };
    struct cf_addr addrs[CF_FIND_MAX];
    struct cf_error err = { 0 };
    char text[CF_FIND_MAX * (CF_ADDR_TEXT_SIZE + 1)] = "", addr[CF_ADDR_TEXT_SIZE];
    int n = cf_dns_find(&config, name, addrs, &err);

    if (n < 0)
        fail_msg("%s: %s", name, err.text);
    for (int i = 0; i < n; i++) {
        size_t used = strlen(text);

        snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "",
                 cf_addr_format(&addrs[i], addr));
    }
    assert_string_equal(text, expected);
}

static void ipv6_comes_first_and_only_where_it_is_wanted(void **state)
{
    (void)state;
    check_finds("both.example", true, "2001:db8::1 192.0.2.1");
    check_finds("both.example", false, "192.0.2.1");
    check_finds("four.example", true, "192.0.2.4");
}

static void aliases_are_followed_as_the_server_did(void **state)
{
    (void)state;
    check_finds("alias.example", true, "2001:db8::5 192.0.2.5");
}

static void there_are_no_more_than_there_is_room_for(void **state)
{
    (void)state;
    check_finds("many.example", false,
                "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8");
    check_finds("many.example", true,
                "2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 2001:db8::5 2001:db8::6 "
                "2001:db8::7 2001:db8::8");
}

static void a_name_without_addresses_has_none(void **state)
{
    (void)state;
    check_finds("gone.example", true, "");
    check_finds("empty.example", true, "");
    check_finds("broken.example", true, "");
}

static void a_server_that_is_silent_or_gone_is_given_up(void **state)
{
    (void)state;
    profile->dns.timeout_ms = 100;
    check_finds("silent.example", true, "");
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    server = -1;
    check_finds("both.example", true, "");
}

static void servers_are_asked_over_the_transport_of_the_policy(void **state)
{
    (void)state;
    profile->dns.transport = CF_TRANSPORT_TCP;
    check_finds("both.example", true, "2001:db8::1 192.0.2.1");
}

static void what_is_no_name_is_an_error(void **state)
{
    const struct cf_find_config config = { .profile = profile };
    struct cf_addr addrs[CF_FIND_MAX];
    struct cf_error err = { 0 };

    (void)state;
    assert_int_equal(cf_dns_find(&config, "a..example", addrs, &err), -EINVAL);
    assert_string_equal(err.text, "'a..example' is no name that DNS has");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(ipv6_comes_first_and_only_where_it_is_wanted),
        TEST(aliases_are_followed_as_the_server_did),
        TEST(there_are_no_more_than_there_is_room_for),
        TEST(a_name_without_addresses_has_none),
        TEST(a_server_that_is_silent_or_gone_is_given_up),
        TEST(servers_are_asked_over_the_transport_of_the_policy),
        TEST(what_is_no_name_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
