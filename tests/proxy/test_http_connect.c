/*
 * test_http_connect.c - CONNECT: what is asked, and every way to answer
 *
 * Each answer is read in one piece, cut in two at every place, and byte by
 * byte; the verdict must be the same.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "proxy/http_connect.h"

/* A result of the reader that is no return value: all was taken, and more is needed. */
#define MORE 0

static struct cf_proxy_target target_of(const char *name, const char *addr, uint16_t port)
{
    struct cf_proxy_target target = { .name = name, .at.port = port };

    if (addr)
        assert_int_equal(cf_addr_parse(addr, &target.at.addr), 0);
    return target;
}

static void check_request(struct cf_proxy_target target, const char *user, const char *password,
                          const char *expected)
{
    struct cf_proxy_login login = { user, password };
    char text[CF_HTTP_CONNECT_REQUEST_MAX];
    int n = cf_http_connect_request(&target, &login, text);

    assert_int_equal(n, (int)strlen(expected));
    assert_memory_equal(text, expected, (size_t)n);
}

static void check_no_request(struct cf_proxy_target target, const char *user, const char *password,
                             int expected)
{
    struct cf_proxy_login login = { user, password };
    char text[CF_HTTP_CONNECT_REQUEST_MAX];

    assert_int_equal(cf_http_connect_request(&target, &login, text), expected);
}

static void a_request_names_its_target(void **state)
{
    (void)state;
    check_request(target_of("www.example.com", NULL, 443), NULL, NULL,
                  "CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n\r\n");
    check_request(target_of("www.example.com", "192.0.2.1", 80), NULL, NULL,
                  "CONNECT www.example.com:80 HTTP/1.1\r\nHost: www.example.com:80\r\n\r\n");
    check_request(target_of(NULL, "192.0.2.1", 65535), NULL, NULL,
                  "CONNECT 192.0.2.1:65535 HTTP/1.1\r\nHost: 192.0.2.1:65535\r\n\r\n");
    check_request(target_of(NULL, "2001:db8::1", 22), NULL, NULL,
                  "CONNECT [2001:db8::1]:22 HTTP/1.1\r\nHost: [2001:db8::1]:22\r\n\r\n");
}

static void a_request_carries_name_and_password(void **state)
{
    (void)state;
    /* RFC 7617, 2 */
    check_request(target_of("a.example", NULL, 1), "Aladdin", "open sesame",
                  "CONNECT a.example:1 HTTP/1.1\r\nHost: a.example:1\r\n"
                  "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
    check_request(target_of("a.example", NULL, 1), "a", "bc",
                  "CONNECT a.example:1 HTTP/1.1\r\nHost: a.example:1\r\n"
                  "Proxy-Authorization: Basic YTpiYw==\r\n\r\n");
    check_request(target_of("a.example", NULL, 1), "a", "b",
                  "CONNECT a.example:1 HTTP/1.1\r\nHost: a.example:1\r\n"
                  "Proxy-Authorization: Basic YTpi\r\n\r\n");
    check_request(target_of("a.example", NULL, 1), "ab", NULL,
                  "CONNECT a.example:1 HTTP/1.1\r\nHost: a.example:1\r\n"
                  "Proxy-Authorization: Basic YWI6\r\n\r\n");
    check_request(target_of("a.example", NULL, 1), "", "\xc3\xbf\xff",
                  "CONNECT a.example:1 HTTP/1.1\r\nHost: a.example:1\r\n"
                  "Proxy-Authorization: Basic OsO//w==\r\n\r\n");
}

static void what_cannot_be_asked_is_not_asked(void **state)
{
    char name[CF_PROXY_NAME_MAX + 2], password[CF_PROXY_BASIC_LOGIN_MAX + 1];

    (void)state;
    check_no_request(target_of("", NULL, 1), NULL, NULL, -EINVAL);
    check_no_request(target_of(NULL, NULL, 1), NULL, NULL, -EINVAL);
    check_no_request(target_of("a b", NULL, 1), NULL, NULL, -EINVAL);
    check_no_request(target_of("a\r\nX: y", NULL, 1), NULL, NULL, -EINVAL);
    check_no_request(target_of("a/b", NULL, 1), NULL, NULL, -EINVAL);
    check_no_request(target_of("u@a", NULL, 1), NULL, NULL, -EINVAL);
    check_no_request(target_of("a:1", NULL, 1), NULL, NULL, -EINVAL);
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    check_no_request(target_of(name, NULL, 1), NULL, NULL, -EINVAL);
    memset(password, 'x', sizeof password);
    password[sizeof password - 1] = '\0';
    check_no_request(target_of("a.example", NULL, 1), "u", password, -E2BIG);
    check_no_request(target_of("a.example", NULL, 1), "u:v", "x", -EINVAL);
}

static void the_longest_request_has_room(void **state)
{
    char name[CF_PROXY_NAME_MAX + 1], password[CF_PROXY_BASIC_LOGIN_MAX - 1];
    char text[CF_HTTP_CONNECT_REQUEST_MAX];
    struct cf_proxy_target target = target_of(name, NULL, 65535);
    struct cf_proxy_login login = { "u", password };
    int n;

    (void)state;
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    memset(password, 'x', sizeof password);
    password[sizeof password - 1] = '\0';
    n = cf_http_connect_request(&target, &login, text);
    assert_true(n > 0 && n < CF_HTTP_CONNECT_REQUEST_MAX);
    assert_memory_equal(text + n - 4, "\r\n\r\n", 4);
}

/* Read the first `cut` bytes, then the rest; returns the last result. */
static int read_cut(struct cf_http_connect *reply, const char *data, size_t length, size_t cut,
                    size_t *ret_taken)
{
    size_t taken;
    int r;

    cf_http_connect_init(reply);
    r = cf_http_connect_read(reply, data, cut, &taken);
    *ret_taken = taken;
    if (r != 0)
        return r;
    assert_int_equal(taken, cut);
    r = cf_http_connect_read(reply, data + cut, length - cut, &taken);
    *ret_taken = cut + taken;
    return r;
}

static int read_single(struct cf_http_connect *reply, const char *data, size_t length,
                       size_t *ret_taken)
{
    cf_http_connect_init(reply);
    for (size_t i = 0; i < length; i++) {
        size_t taken;
        int r = cf_http_connect_read(reply, data + i, 1, &taken);

        *ret_taken = i + taken;
        if (r != 0)
            return r;
    }
    return 0;
}

/* Every truncation needs more, every cut gives the same. */
static void check_reply_bytes(const char *data, size_t length, int expected, unsigned status,
                              size_t head)
{
    struct cf_http_connect reply;
    size_t taken = 0;

    for (size_t cut = 0; cut <= length; cut++) {
        assert_int_equal(read_cut(&reply, data, length, cut, &taken), expected);
        if (expected == 1) {
            assert_int_equal(reply.status, status);
            assert_int_equal(taken, head);
        }
    }
    assert_int_equal(read_single(&reply, data, length, &taken), expected);
    if (expected == 1)
        assert_int_equal(taken, head);
    for (size_t n = 0; expected == 1 && n < head; n++)
        assert_int_equal(read_single(&reply, data, n, &taken), MORE);
}

static void check_head(const char *head, unsigned status)
{
    static const char behind[] = "\0\r\n\r\nSSH-2.0-example\r\nHTTP/1.1 500 no\r\n\r\n";
    size_t n = strlen(head);
    cf_auto_free char *data = malloc(n + sizeof behind);

    check_reply_bytes(head, n, 1, status, n);
    assert_non_null(data);
    memcpy(data, head, n);
    memcpy(data + n, behind, sizeof behind);
    check_reply_bytes(data, n + sizeof behind, 1, status, n);
}

static void check_garbage(const char *text)
{
    check_reply_bytes(text, strlen(text), -EPROTO, 0, 0);
}

static void a_head_ends_at_its_empty_line(void **state)
{
    (void)state;
    check_head("HTTP/1.1 200 Connection established\r\n\r\n", 200);
    check_head("HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n", 200);
    check_head("HTTP/1.1 200 \r\n\r\n", 200);
    check_head("HTTP/1.1 200\r\n\r\n", 200);
    check_head("HTTP/1.1 299 x\r\nA:\r\nB: \r\nC:c\r\n\r\n", 299);
    check_head("HTTP/1.1 200 OK\n\n", 200);
    check_head("HTTP/1.1 200 OK\nA: b\r\n\n", 200);
    check_head("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\td\r\n\r\n", 200);
    check_head("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
               407);
    check_head("HTTP/1.1 999 \xff\x01\x1b[2J\r\n\r\n", 999);
}

static void length_and_encoding_of_a_tunnel_mean_nothing(void **state)
{
    (void)state;
    check_head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200);
    check_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 200);
}

static void interim_heads_are_skipped(void **state)
{
    (void)state;
    check_head("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 200);
    check_head("HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 403 No\r\n\r\n",
               403);
}

static void what_is_no_answer_is_garbage(void **state)
{
    (void)state;
    check_garbage("SSH-2.0-OpenSSH_9.2\r\n");
    check_garbage("\x05\x01");
    check_garbage("\r\nHTTP/1.1 200 OK\r\n\r\n");
    check_garbage(" HTTP/1.1 200 OK\r\n\r\n");
    check_garbage("http/1.1 200 OK\r\n\r\n");
    check_garbage("HTTP/2 200\r\n\r\n");
    check_garbage("HTTP/1.x 200 OK\r\n\r\n");
    check_garbage("HTTP/1.10 200 OK\r\n\r\n");
    check_garbage("HTTP/1.1  200 OK\r\n\r\n");
    check_garbage("HTTP/1.1 20 OK\r\n\r\n");
    check_garbage("HTTP/1.1 20\r\n\r\n");
    check_garbage("HTTP/1.1 2000 OK\r\n\r\n");
    check_garbage("HTTP/1.1 +20 OK\r\n\r\n");
    check_garbage("HTTP/1.1 099 OK\r\n\r\n");
    check_garbage("HTTP/1.1\r\n\r\n");
    check_garbage("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    check_garbage("HTTP/1.1 200 OK\rX\r\n\r\n");
    check_garbage("HTTP/1.1 200 OK\r\r\n\r\n");
    check_garbage("HTTP/1.1 200 OK\r\n\rX");
    check_garbage("HTTP/1.1 200 OK\r\n folded\r\n\r\n");
    check_garbage("HTTP/1.1 200 OK\r\n: no name\r\n\r\n");
    check_garbage("HTTP/1.1 200 OK\r\nA : b\r\n\r\n");
    check_garbage("HTTP/1.1 200 OK\r\nA b: c\r\n\r\n");
    check_garbage("HTTP/1.1 200 OK\r\nno colon\r\n\r\n");
    check_garbage("HTTP/1.1 200 OK\r\nA\xc3\xa4: b\r\n\r\n");
    check_garbage("HTTP/1.1 100 Continue\r\n\r\nHTP");
    check_reply_bytes("HTTP/1.1 200 O\0K\r\n\r\n", 20, -EPROTO, 0, 0);
    check_reply_bytes("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", 25, -EPROTO, 0, 0);
}

/* A head of `length` bytes that ends there. */
static char *head_of(size_t length)
{
    static const char first[] = "HTTP/1.1 200 OK\r\nA: ", last[] = "\r\n\r\n";
    char *head = malloc(length + 1);

    assert_non_null(head);
    memset(head, 'a', length + 1);
    memcpy(head, first, sizeof first - 1);
    memcpy(head + length - 4, last, 4);
    return head;
}

static void check_length(size_t length, int expected)
{
    cf_auto_free char *head = head_of(length);
    struct cf_http_connect reply;
    size_t taken;

    assert_int_equal(read_cut(&reply, head, length, 0, &taken), expected);
    assert_int_equal(read_cut(&reply, head, length, length - 1, &taken), expected);
    assert_int_equal(read_single(&reply, head, length, &taken), expected);
}

static void a_head_has_a_limit(void **state)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct cf_http_connect reply;
    size_t taken, n = 0;
    int r = 0;

    (void)state;
    check_length(CF_HTTP_CONNECT_HEAD_MAX - 1, 1);
    check_length(CF_HTTP_CONNECT_HEAD_MAX, 1);
    check_length(CF_HTTP_CONNECT_HEAD_MAX + 1, -EMSGSIZE);
    check_length(2 * CF_HTTP_CONNECT_HEAD_MAX, -EMSGSIZE);
    cf_http_connect_init(&reply);
    for (; r == 0; n++)
        r = cf_http_connect_read(&reply, interim, sizeof interim - 1, &taken);
    assert_int_equal(r, -EMSGSIZE);
    assert_int_equal(n, CF_HTTP_CONNECT_HEAD_MAX / (sizeof interim - 1) + 1);
}

static void check_words(const char *head, const char *expected)
{
    struct cf_proxy_login login = { "ci", "correct-horse" };
    char text[CF_PROXY_WORDS_SIZE];
    struct cf_http_connect reply;
    size_t taken;

    (void)read_cut(&reply, head, strlen(head), 0, &taken);
    cf_http_connect_words(&reply, &login, text);
    assert_string_equal(text, expected);
}

static void words_are_the_status_and_what_explains_it(void **state)
{
    (void)state;
    check_words("HTTP/1.1 403 Forbidden\r\n\r\n", "403 Forbidden");
    check_words("HTTP/1.1 403\r\n\r\n", "403");
    check_words("HTTP/1.1 503 Service Unavailable\r\nServer: squid\r\n"
                "X-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n",
                "503 Service Unavailable (ERR_CONNECT_FAIL 111)");
    check_words("HTTP/1.1 407 No\r\nproxy-AUTHENTICATE:\t Basic realm=\"x\"\r\n and more\r\n"
                "X-Squid-Error: late\r\n\r\n",
                "407 No (Basic realm=\"x\" and more)");
    check_words("HTTP/1.1 502 Bad\x1b[31m\x07gateway\r\n\r\n", "502 Bad\\x1b[31m\\x07gateway");
    check_words("HTTP/1.1 100 Continue\r\nX-Squid-Error: early\r\n\r\nHTTP/1.1 500 No\r\n\r\n",
                "500 No");
    check_words("SSH-2.0-OpenSSH_9.2\r\nmore", "SSH-2.0-OpenSSH_9.2");
    check_words("HTTP/1.1 403 for https://ci:correct-horse@proxy.example\r\n\r\n",
                "403 for https://***@proxy.example");
    check_words("HTTP/1.1 403 you said Y2k6Y29ycmVjdC1ob3JzZQ==, that is correct-horse\r\n\r\n",
                "403 you said ***, that is ***");
    check_words("HTTP/1.1 403 Proxy-Authorization: Basic abc\r\n\r\n",
                "403 Proxy-Authorization: ***");
}

static void check_outcome(const char *head, enum cf_proxy_why why, int error,
                          enum cf_flow_result result)
{
    struct cf_http_connect reply;
    struct cf_proxy_outcome outcome;
    size_t taken;

    assert_int_equal(read_cut(&reply, head, strlen(head), 0, &taken), 1);
    assert_false(cf_http_connect_is_tunnel(&reply));
    outcome = cf_http_connect_outcome(&reply);
    assert_int_equal(outcome.why, why);
    assert_int_equal(outcome.error, error);
    assert_int_equal(outcome.result, result);
}

static void a_refusal_says_what_the_program_is_told(void **state)
{
    const enum cf_flow_result gone = CF_RESULT_UNREACHABLE, late = CF_RESULT_TIMEOUT;

    (void)state;
    check_outcome("HTTP/1.1 403 x\r\n\r\n", CF_PROXY_DENIED, EACCES, gone);
    check_outcome("HTTP/1.1 401 x\r\n\r\n", CF_PROXY_LOGIN, EACCES, gone);
    check_outcome("HTTP/1.1 407 x\r\n\r\n", CF_PROXY_LOGIN, EACCES, gone);
    check_outcome("HTTP/1.1 302 x\r\n\r\n", CF_PROXY_DENIED, EACCES, gone);
    check_outcome("HTTP/1.1 405 x\r\n\r\n", CF_PROXY_UNSUPPORTED, EACCES, gone);
    check_outcome("HTTP/1.1 404 x\r\n\r\n", CF_PROXY_FAILED, EHOSTUNREACH, gone);
    check_outcome("HTTP/1.1 408 x\r\n\r\n", CF_PROXY_FAILED, EHOSTUNREACH, late);
    check_outcome("HTTP/1.1 500 x\r\n\r\n", CF_PROXY_FAILED, EHOSTUNREACH, gone);
    check_outcome("HTTP/1.1 501 x\r\n\r\n", CF_PROXY_UNSUPPORTED, EACCES, gone);
    check_outcome("HTTP/1.1 502 x\r\n\r\n", CF_PROXY_FAILED, EHOSTUNREACH, gone);
    check_outcome("HTTP/1.1 503 x\r\n\r\n", CF_PROXY_FAILED, EHOSTUNREACH, gone);
    check_outcome("HTTP/1.1 504 x\r\n\r\n", CF_PROXY_FAILED, EHOSTUNREACH, late);
    check_outcome("HTTP/1.1 999 x\r\n\r\n", CF_PROXY_FAILED, EHOSTUNREACH, gone);
    check_outcome("HTTP/1.1 503 x\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n", CF_PROXY_FAILED,
                  ECONNREFUSED, CF_RESULT_REFUSED);
    check_outcome("HTTP/1.1 503 x\r\nX-Squid-Error: ERR_CONNECT_FAIL 101\r\n\r\n", CF_PROXY_FAILED,
                  ENETUNREACH, gone);
    check_outcome("HTTP/1.1 503 x\r\nX-Squid-Error: ERR_CONNECT_FAIL 110\r\n\r\n", CF_PROXY_FAILED,
                  EHOSTUNREACH, late);
    check_outcome("HTTP/1.1 403 x\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n", CF_PROXY_DENIED,
                  EACCES, gone);
    check_outcome("HTTP/1.1 502 x\r\nProxy-Status: p.example; error=connection_refused\r\n\r\n",
                  CF_PROXY_FAILED, ECONNREFUSED, CF_RESULT_REFUSED);
    check_outcome("HTTP/1.1 502 x\r\nProxy-Status: p; error=destination_ip_prohibited;x=1\r\n\r\n",
                  CF_PROXY_DENIED, EACCES, gone);
    check_outcome("HTTP/1.1 502 x\r\nProxy-Status: p; error=connection_refused_not\r\n\r\n",
                  CF_PROXY_FAILED, EHOSTUNREACH, gone);
    check_outcome("HTTP/1.1 502 x\r\nProxy-Status: p; error=\r\n\r\n", CF_PROXY_FAILED,
                  EHOSTUNREACH, gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_names_its_target),
        cmocka_unit_test(a_request_carries_name_and_password),
        cmocka_unit_test(what_cannot_be_asked_is_not_asked),
        cmocka_unit_test(the_longest_request_has_room),
        cmocka_unit_test(a_head_ends_at_its_empty_line),
        cmocka_unit_test(length_and_encoding_of_a_tunnel_mean_nothing),
        cmocka_unit_test(interim_heads_are_skipped),
        cmocka_unit_test(what_is_no_answer_is_garbage),
        cmocka_unit_test(a_head_has_a_limit),
        cmocka_unit_test(words_are_the_status_and_what_explains_it),
        cmocka_unit_test(a_refusal_says_what_the_program_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
