/*
 * test_way.c - what a run has of its proxy, and dials through it
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "fake.h"
#include "proxy/race.h"
#include "proxy/way.h"
#include "proxy/words.h"

#define NEVER_MS 600000
#define TUNNEL "HTTP/1.1 200 Connection established\r\n\r\n"

static struct cf_loop *loop;
static struct fake fake;
static struct cf_proxy policy;
static struct cf_proxy_way *way;
static struct cf_proxy_dial *dial;

static struct {
    bool called;
    struct cf_proxy_dialled dialled;
    char words[CF_PROXY_WORDS_SIZE];
} result;

static int make_socket(void *data, const struct cf_addr *to)
{
    (void)data;
    return socket(to->family == CF_FAMILY_IPV4 ? AF_INET : AF_INET6,
                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void done(void *data, const struct cf_proxy_dialled *dialled)
{
    assert_ptr_equal(data, &result);
    result.called = true;
    result.dialled = *dialled;
    snprintf(result.words, sizeof result.words, "%s", dialled->words);
}

static bool is_done(void)
{
    return result.called;
}

static int set_up(void **state)
{
    (void)state;
    memset(&result, 0, sizeof result);
    memset(&policy, 0, sizeof policy);
    policy.timeout_ms = NEVER_MS;
    way = NULL;
    if (cf_loop_new(&loop, NULL) < 0)
        return -1;
    fake_open(&fake, loop, "127.0.0.1", NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cf_fd_close(&result.dialled.fd);
    cf_proxy_way_free(way);
    fake_close(&fake);
    cf_loop_free(loop);
    cf_proxy_done(&policy);
    return 0;
}

static int open_way(const char *url, const struct cf_addr_port *addrs, size_t n,
                    struct cf_error *err)
{
    const struct cf_proxy_way_config config = {
        .loop = loop, .proxy = &policy, .addrs = addrs, .n_addrs = n, .password = "hunter2"
    };

    cf_proxy_url_done(&policy.url);
    assert_int_equal(cf_proxy_url_parse(url, &policy.url, NULL, NULL), 0);
    return cf_proxy_way_new(&config, &way, err);
}

static int dial_to(const char *name, const char *addr, uint16_t port, bool udp)
{
    struct cf_proxy_call call = {
        .target = { .name = name, .at.port = port },
        .udp = udp,
        .make_socket = make_socket,
        .done = done,
        .data = &result,
    };

    if (addr)
        assert_int_equal(cf_addr_parse(addr, &call.target.at.addr), 0);
    return cf_proxy_way_dial(way, &call, &dial);
}

static void check_connected(void)
{
    run_until(loop, is_done);
    assert_int_equal(result.dialled.outcome.why, CF_PROXY_CONNECTED);
    assert_true(result.dialled.fd >= 0);
    assert_int_equal(cf_proxy_way_owing(way), 0);
}

/* expected: how the log names it; local: what is dialled is a socket of the machine */
static void check_url(const char *url, const char *expected, bool local)
{
    assert_int_equal(open_way(url, &fake.at, 1, NULL), 0);
    assert_string_equal(cf_proxy_way_url(way), expected);
    assert_int_equal(cf_proxy_way_is_local(way), local);
    cf_proxy_way_free(way);
    way = NULL;
}

static void a_way_is_named_by_its_url_without_secrets(void **state)
{
    static char name[] = "ci";

    (void)state;
    policy.username = strdup(name);
    check_url("HTTP://Proxy.Internal:3128/", "http://proxy.internal:3128", false);
    check_url("socks5h://[2001:db8::1]", "socks5h://[2001:db8::1]:1080", false);
    check_url("socks5+unix:/run/proxy.sock", "socks5+unix:/run/proxy.sock", true);
    cf_proxy_way_free(NULL);
}

static void a_login_goes_to_the_proxy(void **state)
{
    (void)state;
    policy.username = strdup("ci");
    assert_int_equal(open_way("http://proxy.internal", &fake.at, 1, NULL), 0);
    fake_says(&fake,
              "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n"
              "Proxy-Authorization: Basic Y2k6aHVudGVyMg==\r\n\r\n",
              TUNNEL);
    assert_int_equal(dial_to("a.example", NULL, 443, false), 0);
    check_connected();
}

static void a_name_that_cannot_be_said_goes_by_its_address(void **state)
{
    (void)state;
    assert_int_equal(open_way("http://proxy.internal", &fake.at, 1, NULL), 0);
    fake_says(&fake, "CONNECT 192.0.2.7:443 HTTP/1.1\r\nHost: 192.0.2.7:443\r\n\r\n", TUNNEL);
    assert_int_equal(dial_to("a b\r\n.example", "192.0.2.7", 443, false), 0);
    check_connected();
    /* Without an address there is no way for it. */
    assert_int_equal(dial_to("a b\r\n.example", NULL, 443, false), -EINVAL);
    assert_int_equal(dial_to(NULL, NULL, 443, false), -EINVAL);
    assert_int_equal(dial_to("a.example", "192.0.2.7", 443, true), -EINVAL); /* UDP by HTTP */
}

static void a_name_goes_by_its_name_although_there_is_an_address(void **state)
{
    (void)state;
    assert_int_equal(open_way("socks5h://proxy.internal", &fake.at, 1, NULL), 0);
    fake_says_bytes(&fake, "\5\1\0", 3, "\5\0", 2);
    fake_says_bytes(&fake, "\5\1\0\3\11a.example\1\273", 16, "\5\0\0\1\0\0\0\0\0\0", 10);
    assert_int_equal(dial_to("a.example", "192.0.2.7", 443, false), 0);
    check_connected();
}

static void all_addresses_are_tried_and_no_more_than_there_is_room_for(void **state)
{
    struct cf_addr_port addrs[CF_PROXY_RACE_MAX + 1];

    (void)state;
    /* Nobody listens at 127.0.0.2, where the port is the fake's. */
    for (size_t i = 0; i < CF_PROXY_RACE_MAX + 1; i++) {
        addrs[i] = fake.at;
        addrs[i].addr.bytes[3] = 2;
    }
    addrs[CF_PROXY_RACE_MAX - 1] = fake.at;
    assert_int_equal(open_way("http://proxy.internal", addrs, CF_PROXY_RACE_MAX + 1, NULL), 0);
    memset(addrs, 0, sizeof addrs); /* they were copied */
    fake_says(&fake, "CONNECT 192.0.2.7:80 HTTP/1.1\r\nHost: 192.0.2.7:80\r\n\r\n", TUNNEL);
    assert_int_equal(dial_to(NULL, "192.0.2.7", 80, false), 0);
    check_connected();
    assert_true(cf_addr_port_equal(&result.dialled.proxy, &fake.at));
}

static void without_an_address_there_is_no_dial(void **state)
{
    (void)state;
    assert_int_equal(open_way("http://proxy.internal", NULL, 0, NULL), 0);
    assert_int_equal(dial_to("a.example", NULL, 443, false), -EDESTADDRREQ);
}

static void a_proxy_by_a_path_needs_no_address(void **state)
{
    char folder[] = "/tmp/cf-test-way-XXXXXX", path[64], url[80];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/sock", folder);
    snprintf(url, sizeof url, "socks5+unix:%s", path);
    fake_close(&fake);
    fake_open(&fake, loop, NULL, path);
    assert_int_equal(open_way(url, NULL, 0, NULL), 0);
    fake_says_bytes(&fake, "\5\1\0", 3, "\5\0", 2);
    fake_says_bytes(&fake, "\5\1\0\1\300\0\2\7\0\120", 10, "\5\0\0\1\0\0\0\0\0\0", 10);
    assert_int_equal(dial_to(NULL, "192.0.2.7", 80, false), 0);
    check_connected();
    assert_int_equal(result.dialled.proxy.addr.family, CF_FAMILY_NONE);
    unlink(path);
    rmdir(folder);
}

static void the_policys_time_is_the_dials(void **state)
{
    (void)state;
    policy.timeout_ms = 100;
    assert_int_equal(open_way("http://proxy.internal", &fake.at, 1, NULL), 0);
    assert_int_equal(dial_to("a.example", NULL, 443, false), 0);
    run_until(loop, is_done);
    assert_int_equal(result.dialled.outcome.why, CF_PROXY_TIMEOUT);
}

static void authorities_that_cannot_be_read_refuse_the_way(void **state)
{
    struct cf_error err = { 0 };

    (void)state;
    policy.ca_text = strdup("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n");
    policy.ca_length = strlen(policy.ca_text);
    assert_true(open_way("https://proxy.internal", &fake.at, 1, &err) < 0);
    assert_non_null(strstr(err.text, "proxy 'https://proxy.internal:443': "));
    assert_null(way);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_way_is_named_by_its_url_without_secrets),
        TEST(a_login_goes_to_the_proxy),
        TEST(a_name_that_cannot_be_said_goes_by_its_address),
        TEST(a_name_goes_by_its_name_although_there_is_an_address),
        TEST(all_addresses_are_tried_and_no_more_than_there_is_room_for),
        TEST(without_an_address_there_is_no_dial),
        TEST(a_proxy_by_a_path_needs_no_address),
        TEST(the_policys_time_is_the_dials),
        TEST(authorities_that_cannot_be_read_refuse_the_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
