/*
 * test_hello.c - the name that a connection shows, from what real clients and others send
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "engine/hello.h"

/* A ClientHello as it is being made. */
struct made {
    uint8_t bytes[70000];
    size_t length;
};

static void put(struct made *made, const void *data, size_t n)
{
    memcpy(made->bytes + made->length, data, n);
    made->length += n;
}

static void put_text(struct made *made, const char *text)
{
    put(made, text, strlen(text));
}

static void put_number(struct made *made, size_t number, size_t n_bytes)
{
    for (size_t i = n_bytes; i > 0; i--)
        made->bytes[made->length++] = (uint8_t)(number >> 8 * (i - 1));
}

static void put_extension(struct made *made, uint16_t type, const void *data, size_t n)
{
    put_number(made, type, 2);
    put_number(made, n, 2);
    put(made, data, n);
}

static void put_server_name(struct made *made, uint8_t type, const char *name)
{
    struct made list = { .length = 0 };

    put_number(&list, strlen(name) + 3, 2);
    put_number(&list, type, 1);
    put_number(&list, strlen(name), 2);
    put(&list, name, strlen(name));
    put_extension(made, 0, list.bytes, list.length);
}

/* A ClientHello with these extensions, without the head of a record. */
static void make_message(const struct made *extensions, struct made *ret_message)
{
    static const uint8_t random[32] = { 1 };
    struct made body = { .length = 0 };

    put_number(&body, 0x0303, 2);
    put(&body, random, sizeof random);
    put_number(&body, 0, 1);      /* session id */
    put_number(&body, 2, 2);      /* one cipher suite */
    put_number(&body, 0x1301, 2);
    put_number(&body, 0x0100, 2); /* no compression */
    put_number(&body, extensions->length, 2);
    put(&body, extensions->bytes, extensions->length);
    ret_message->length = 0;
    put_number(ret_message, 1, 1);
    put_number(ret_message, body.length, 3);
    put(ret_message, body.bytes, body.length);
}

/* In records of so many bytes each. */
static void make_records(const struct made *message, size_t piece, struct made *ret_records)
{
    ret_records->length = 0;
    for (size_t at = 0; at < message->length; at += piece) {
        size_t n = message->length - at < piece ? message->length - at : piece;

        put_number(ret_records, 0x160301, 3);
        put_number(ret_records, n, 2);
        put(ret_records, message->bytes + at, n);
    }
}

static const char *tell(enum cf_hello_status status, const struct cf_hello *hello, char text[512])
{
    char addr[CF_ADDR_TEXT_SIZE];

    if (status == CF_HELLO_MORE)
        return "more";
    if (status == CF_HELLO_NAMELESS)
        return "nameless";
    if (hello->addr.family != CF_FAMILY_NONE)
        snprintf(text, 512, "address %s", cf_addr_format(&hello->addr, addr));
    else if (hello->name[0])
        snprintf(text, 512, "%s", hello->name);
    else
        snprintf(text, 512, "no host '%s'", hello->text);
    return text;
}

static const char *describe(const uint8_t *data, size_t length, char text[512])
{
    struct cf_hello hello;
    enum cf_hello_status status = cf_hello_read(data, length, &hello);

    return tell(status, &hello, text);
}

/* As it comes in steps of so many bytes, up to the first answer; ret_at: the length by then. */
static const char *describe_grown(const uint8_t *data, size_t length, size_t step, char text[512],
                                  size_t *ret_at)
{
    struct cf_hello_wait wait = { 0 };
    struct cf_hello hello;
    enum cf_hello_status status = CF_HELLO_MORE;

    *ret_at = 0;
    while (status == CF_HELLO_MORE && *ret_at < length) {
        *ret_at = *ret_at + step < length ? *ret_at + step : length;
        status = cf_hello_read_on(data, *ret_at, &wait, &hello);
    }
    return tell(status, &hello, text);
}

/* What is shown is shown with its last byte, whatever the steps. */
static void check_grown(const uint8_t *data, size_t length, const char *expected)
{
    static const size_t steps[] = { 1, 2, 7, 100, 600, 5000 };

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char text[512];
        size_t at;

        assert_string_equal(describe_grown(data, length, steps[i], text, &at), expected);
        if (strcmp(expected, "nameless") != 0)
            assert_int_equal(at, length);
    }
}

/* Of each part that is shorter the answer is "more", unless it was nameless already. */
static void check_bytes(const uint8_t *data, size_t length, const char *expected)
{
    char text[512];

    assert_string_equal(describe(data, length, text), expected);
    check_grown(data, length, expected);
    for (size_t n = 0; n < length; n++) {
        const char *found = describe(data, n, text);

        if (strcmp(expected, "nameless") == 0 && strcmp(found, "more") != 0)
            assert_string_equal(found, "nameless");
        else
            assert_string_equal(found, "more");
    }
}

static void check_http(const char *request, const char *expected)
{
    check_bytes((const uint8_t *)request, strlen(request), expected);
}

/* The same whatever the records, from one byte each to one for all. */
static void check_extensions(const struct made *extensions, const char *expected)
{
    struct made *message = calloc(1, sizeof *message), *records = calloc(1, sizeof *records);

    assert_non_null(message);
    assert_non_null(records);
    make_message(extensions, message);
    for (size_t piece = 1; piece <= message->length; piece++) {
        char text[512];

        make_records(message, piece, records);
        assert_string_equal(describe(records->bytes, records->length, text), expected);
    }
    check_bytes(records->bytes, records->length, expected);
    free(message);
    free(records);
}

static void check_file(const char *name, const char *expected, const char *alpn)
{
    char path[512];
    uint8_t data[8192];
    struct cf_hello hello;
    size_t length;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", CORPUS, name);
    file = fopen(path, "rbe");
    assert_non_null(file);
    length = fread(data, 1, sizeof data, file);
    fclose(file);
    check_bytes(data, length, expected);
    cf_hello_read(data, length, &hello);
    assert_string_equal(hello.alpn, alpn);
    assert_int_equal(hello.kind, CF_HELLO_TLS);
}

static void what_openssl_sends_is_read(void **state)
{
    (void)state;
    check_file("tls13", "www.example.com", "h2,http/1.1");
    check_file("tls12", "mirror.example.org", "");
    check_file("no-name", "nameless", "");
    check_file("records", "www.example.com", "h2,http/1.1");
}

static void one_server_name_of_the_one_type_is_the_name(void **state)
{
    struct made extensions = { .length = 0 }, none = { .length = 0 };

    (void)state;
    check_extensions(&none, "nameless");
    put_extension(&extensions, 43, "\2\3\4", 3);
    put_server_name(&extensions, 0, "WWW.Example.COM");
    check_extensions(&extensions, "www.example.com");
    put_server_name(&extensions, 0, "www.example.com");
    check_extensions(&extensions, "nameless"); /* twice */
    extensions.length = 0;
    put_server_name(&extensions, 1, "www.example.com");
    check_extensions(&extensions, "nameless"); /* of another type */
    extensions.length = 0;
    put_server_name(&extensions, 0, "");
    check_extensions(&extensions, "nameless");
    extensions.length = 0;
    put_extension(&extensions, 0, "\0\0", 2); /* an empty list */
    check_extensions(&extensions, "nameless");
    extensions.length = 0;
    put_extension(&extensions, 0, "\0\10\0\0\1a\0\0\1b", 10); /* two names */
    check_extensions(&extensions, "nameless");
}

static void a_server_name_that_is_no_host_is_shown(void **state)
{
    struct made extensions = { .length = 0 };

    (void)state;
    put_server_name(&extensions, 0, "www example");
    check_extensions(&extensions, "no host 'www?example'");
    extensions.length = 0;
    put_server_name(&extensions, 0, "192.0.2.1");
    check_extensions(&extensions, "address 192.0.2.1");
    extensions.length = 0;
    put_extension(&extensions, 0, "\0\6\0\0\3a\0b", 8);
    check_extensions(&extensions, "no host 'a?b'");
}

static void what_is_no_first_handshake_record_is_nameless(void **state)
{
    static const uint8_t empty[] = { 22, 3, 1, 0, 0 }, old[] = { 22, 2, 0, 0, 9 },
                         long_record[] = { 22, 3, 1, 0x40, 1 },
                         server[] = { 22, 3, 3, 0, 4, 2, 0, 0, 0 },
                         between[] = { 22, 3, 1, 0, 1, 1, 21, 3, 1, 0, 2 },
                         huge[] = { 22, 3, 1, 1, 0, 1, 1, 0, 0 };

    (void)state;
    check_bytes(empty, sizeof empty, "nameless");
    check_bytes(old, sizeof old, "nameless");
    check_bytes(long_record, sizeof long_record, "nameless");
    check_bytes(server, sizeof server, "nameless");
    check_bytes(between, sizeof between, "nameless"); /* RFC 8446, 5.1 */
    check_bytes(huge, sizeof huge, "nameless");       /* a ClientHello of 65,536 bytes */
}

static void lengths_inside_a_client_hello_must_agree(void **state)
{
    struct made extensions = { .length = 0 }, message = { .length = 0 }, records;
    char text[512];

    (void)state;
    put_server_name(&extensions, 0, "www.example.com");
    make_message(&extensions, &message);
    for (size_t at = 4 + 2 + 32; at < message.length; at++) {
        /* The lengths: session id, suites, compression, extensions, the name's three. */
        static const size_t offsets[] = { 38, 40, 43, 46, 50, 52, 55 };
        struct made wrong = message;
        bool is_length = false;

        for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
            is_length = is_length || offsets[i] == at;
        if (!is_length)
            continue;
        wrong.bytes[at]++;
        make_records(&wrong, 16384, &records);
        assert_string_not_equal(describe(records.bytes, records.length, text),
                                "www.example.com");
    }
}

static void the_host_of_a_request_is_the_name(void **state)
{
    (void)state;
    check_http("GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n", "www.example.com");
    check_http("GET / HTTP/1.0\r\nhOST:\t WWW.example.com.:8080 \t\r\nA:\r\n\r\n",
               "www.example.com");
    check_http("OPTIONS * HTTP/1.1\r\nA: b\r\nHost: a.example\r\n\r\n", "a.example");
    check_http("POST /x HTTP/1.1\r\nHost: b\xc3\xbc" "cher.example\r\n\r\n",
               "xn--bcher-kva.example");
    check_http("GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n", "address 192.0.2.1");
    check_http("GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", "address 2001:db8::1");
    check_http("GET / HTTP/1.1\r\nHost: [192.0.2.1]\r\n\r\n", "no host '[192.0.2.1]'");
    check_http("GET / HTTP/1.1\r\nHost: 0x7f.1\r\n\r\n", "no host '0x7f.1'");
    check_http("GET / HTTP/1.1\r\nHost: a.example/b\r\n\r\n", "no host 'a.example/b'");
    check_http("GET / HTTP/1.1\r\nHost: user@a.example\r\n\r\n", "no host 'a.example'");
}

static void a_request_without_one_host_is_nameless(void **state)
{
    (void)state;
    check_http("GET / HTTP/1.1\r\n\r\n", "nameless");
    check_http("GET / HTTP/1.0\r\n\r\n", "nameless");
    check_http("GET / HTTP/1.1\r\nHost:\r\n\r\n", "nameless");
    check_http("GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n", "nameless");
    check_http("GET / HTTP/1.1\r\nHost: a.example:80x\r\n\r\n", "nameless");
    check_http("GET http://a.example/ HTTP/1.1\r\n\r\n", "nameless");
}

static void a_target_with_a_host_counts_and_host_agrees(void **state)
{
    (void)state;
    check_http("GET http://a.example/ HTTP/1.0\r\n\r\n", "a.example");
    check_http("GET HTTP://A.example:80?x HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example");
    check_http("GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
               "no host 'a.example'");
    check_http("GET http://b.example#@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
               "no host 'a.example'");
    check_http("GET http://a.example@b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
               "no host 'a.example'");
    check_http("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example");
    check_http("CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.2\r\n\r\n",
               "no host '192.0.2.2'");
    check_http("GET ftp://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "nameless");
    check_http("GET * HTTP/1.1\r\nHost: a.example\r\n\r\n", "nameless");
    check_http("GET a.example HTTP/1.1\r\nHost: a.example\r\n\r\n", "nameless");
}

static void what_two_servers_could_read_in_two_ways_is_nameless(void **state)
{
    (void)state;
    check_http("\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "nameless");
    check_http("GET / HTTP/1.1\nHost: a.example\n\n", "nameless");
    check_http("GET / HTTP/1.1\r\nHost: a.example\n\r\n", "nameless");
    check_http("GET / HTTP/1.1\r\nHost: a.example\r\r\n\r\n", "nameless");
    check_http("GET / HTTP/1.1\r\nHost: a.example\r\n b.example\r\n\r\n", "nameless");
    check_http("GET / HTTP/1.1\r\n Host: a.example\r\n\r\n", "nameless");
    check_http("GET / HTTP/1.1\r\nHost : a.example\r\n\r\n", "nameless");
    check_http("GET / HTTP/1.1\r\nHost: a.example\r\nB\r\n\r\n", "nameless");
    check_http("GET / HTTP/1.1\r\nHost: a.example\r\n: b\r\n\r\n", "nameless");
    check_http("GET  / HTTP/1.1\r\nHost: a.example\r\n\r\n", "nameless");
    check_http("GET / HTTP/1.1 \r\nHost: a.example\r\n\r\n", "nameless");
    check_http("GET\t/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "nameless");
    check_http("GET / HTTP/1.2\r\nHost: a.example\r\n\r\n", "nameless");
    check_http("GET / http/1.1\r\nHost: a.example\r\n\r\n", "nameless");
    check_http("GET /\r\n", "nameless"); /* HTTP/0.9 */
    check_http("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "nameless");
    check_http("SSH-2.0-x\r\n", "nameless");
    check_http("\x80\x2e\x01\x03\x01", "nameless"); /* an SSL 2 hello */
}

static void what_is_too_long_is_nameless_at_the_limit(void **state)
{
    static const char start[] = "GET / HTTP/1.1\r\nHost: a.example\r\nA: ";
    char *request = malloc(CF_HELLO_MAX + 1), text[512];

    (void)state;
    assert_non_null(request);
    memset(request, 'x', CF_HELLO_MAX + 1);
    memcpy(request, start, sizeof start - 1);
    assert_string_equal(describe((uint8_t *)request, CF_HELLO_MAX - 1, text), "more");
    assert_string_equal(describe((uint8_t *)request, CF_HELLO_MAX, text), "nameless");
    memcpy(request + CF_HELLO_MAX - 4, "\r\n\r\n", 4);
    assert_string_equal(describe((uint8_t *)request, CF_HELLO_MAX, text), "a.example");
    free(request);
}

/* A ClientHello of so many bytes more than it needs, for padding (RFC 7685). */
static void make_padded(size_t padding, size_t piece, struct made *ret_records)
{
    struct made *extensions = calloc(1, sizeof *extensions), *message = calloc(1, sizeof *message);

    assert_non_null(extensions);
    assert_non_null(message);
    put_number(extensions, 21, 2);
    put_number(extensions, padding, 2);
    memset(extensions->bytes + extensions->length, 0, padding);
    extensions->length += padding;
    put_server_name(extensions, 0, "a.example");
    make_message(extensions, message);
    make_records(message, piece, ret_records);
    free(extensions);
    free(message);
}

static void a_long_message_is_read_when_its_last_byte_is_there(void **state)
{
    static const size_t pieces[] = { 1, 2, 3, 50, 1000, 16384 };
    struct made *made = calloc(1, sizeof *made);

    (void)state;
    assert_non_null(made);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        make_padded(5000, pieces[i], made);
        check_grown(made->bytes, made->length, "a.example");
    }
    made->length = 0;
    put_text(made, "GET / HTTP/1.1\r\nHost: a.example\r\n");
    while (made->length < 20000)
        put_text(made, "X-Filler: abc\r\n");
    put_text(made, "\r\n");
    check_grown(made->bytes, made->length, "a.example");
    free(made);
}

/* Behind the first bytes it may be late, but not later than the section's end. */
static void check_late(struct made *made, size_t filler, const char *rest)
{
    made->length = 0;
    put_text(made, "GET / HTTP/1.1\r\nHost: a.example\r\nA: ");
    memset(made->bytes + made->length, 'x', filler);
    made->length += filler;
    put_text(made, rest);
    check_grown(made->bytes, made->length, "nameless");
}

static void a_long_request_that_goes_wrong_is_nameless_by_its_end(void **state)
{
    struct made *made = calloc(1, sizeof *made);

    (void)state;
    assert_non_null(made);
    check_late(made, 3000, "\n");
    check_late(made, 3000, "\r\nA: b\n");
    check_late(made, 3000, "\r\n\n");
    check_late(made, 3000, "\r\nno colon\r\n\r\n");
    check_late(made, 3000, "\r\nHost: b.example\r\n\r\n");
    check_late(made, 3000, "\r\n folded\r\n\r\n");
    check_late(made, 100, "\rx");
    free(made);
}

/* Each look that reads it whole says that it is nameless; what byte 1,100 is shows when one does. */
static void few_looks_read_a_long_message_from_its_start(void **state)
{
    struct made *made = calloc(1, sizeof *made);
    char text[512];
    size_t at;

    (void)state;
    assert_non_null(made);
    put_text(made, "GET / HTTP/1.1\r\nHost: a.example\r\nA: ");
    memset(made->bytes + made->length, 'x', 3000);
    made->length += 3000;
    made->bytes[1100] = 1; /* no control character stands in a value */
    made->bytes[1000] = 'y';
    assert_string_equal(describe_grown(made->bytes, made->length, 1, text, &at), "nameless");
    assert_in_range(at, 1101, 1100 + 512);
    assert_string_equal(describe(made->bytes, 1101, text), "nameless");
    free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_openssl_sends_is_read),
        cmocka_unit_test(one_server_name_of_the_one_type_is_the_name),
        cmocka_unit_test(a_server_name_that_is_no_host_is_shown),
        cmocka_unit_test(what_is_no_first_handshake_record_is_nameless),
        cmocka_unit_test(lengths_inside_a_client_hello_must_agree),
        cmocka_unit_test(the_host_of_a_request_is_the_name),
        cmocka_unit_test(a_request_without_one_host_is_nameless),
        cmocka_unit_test(a_target_with_a_host_counts_and_host_agrees),
        cmocka_unit_test(what_two_servers_could_read_in_two_ways_is_nameless),
        cmocka_unit_test(what_is_too_long_is_nameless_at_the_limit),
        cmocka_unit_test(a_long_message_is_read_when_its_last_byte_is_there),
        cmocka_unit_test(a_long_request_that_goes_wrong_is_nameless_by_its_end),
        cmocka_unit_test(few_looks_read_a_long_message_from_its_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
