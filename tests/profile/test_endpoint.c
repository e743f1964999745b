/*
 * test_endpoint.c - the endpoint grammar, row by row
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/endpoint.h"

#define A_PORT "expected a port from 1 to 65535"
#define MORE_THAN_A_STAR "expected a name behind '*.' or '**.', or 'any', which is every address"
#define A_WILDCARD "expected '*' or '**' as the whole first label before a name"
#define A_NAME_OCTET "expected letters, digits, '-' or '_' in a name"
#define A_NUMBER "expected a name, or an address of four decimal numbers"
#define A_LABEL "expected a label beside each dot"
#define AN_IDN "expected a name that IDNA 2008 allows"
#define AN_OWNED "expected a pattern under a name that someone owns"
#define AN_IPV6 "expected an IPv6 address between '[' and ']'"
#define BRACKETS "expected an IPv6 address in brackets"
#define AN_ADDR_BEFORE "expected an IPv4 address, or an IPv6 address in brackets, before '/'"
#define BITS_32 "expected a prefix length from 0 to 32"
#define OUTSIDE                                                                                    \
    "expected a host outside (inside, localhost is the sandbox itself; the machine's own ports "   \
    "stand under egress.host_ports)"
#define NO_PORTS "expected no ports, which icmp does not have"
#define A_PROTO "expected 'tcp', 'udp' or 'icmp' before '://'"
#define ZERO_BITS "(the bits behind the prefix must be zero), "

static void check_equal(const struct cf_endpoint *a, const struct cf_endpoint *b)
{
    assert_int_equal(a->protos, b->protos);
    assert_int_equal(a->proto_given, b->proto_given);
    assert_int_equal(a->kind, b->kind);
    assert_string_equal(a->name ? a->name : "", b->name ? b->name : "");
    assert_true(cf_addr_equal(&a->prefix.addr, &b->prefix.addr));
    assert_int_equal(a->prefix.bits, b->prefix.bits);
    assert_int_equal(a->group, b->group);
    assert_int_equal(a->n_ports, b->n_ports);
    for (size_t i = 0; i < a->n_ports; i++) {
        assert_int_equal(a->ports[i].first, b->ports[i].first);
        assert_int_equal(a->ports[i].last, b->ports[i].last);
    }
}

/* unicode: NULL when the name reads the same */
static void check_accepts(const char *text, const char *canonical, const char *unicode)
{
    struct cf_endpoint endpoint, again;
    struct cf_error err = { 0 };
    char *formatted, *shown;

    if (cf_endpoint_parse(text, &endpoint, NULL, &err) < 0)
        fail_msg("'%s': %s", text, err.text);
    formatted = cf_endpoint_format(&endpoint);
    assert_string_equal(formatted, canonical);
    shown = endpoint.name ? cf_name_to_unicode(endpoint.name) : NULL;
    if (unicode)
        assert_string_equal(shown, unicode);
    else
        assert_null(shown);
    free(shown);
    assert_int_equal(cf_endpoint_parse(formatted, &again, NULL, &err), 0);
    check_equal(&endpoint, &again);
    free(formatted);
    cf_endpoint_done(&endpoint);
    cf_endpoint_done(&again);
}

static void check_rejects_with(const char *text, size_t column, const char *message, size_t length)
{
    struct cf_endpoint endpoint;
    struct cf_error err = { 0 };
    size_t got_column = SIZE_MAX;

    if (cf_endpoint_parse(text, &endpoint, &got_column, &err) == 0)
        fail_msg("'%s' was accepted", text);
    assert_int_equal(err.code, -EINVAL);
    err.text[length < sizeof err.text ? length : sizeof err.text - 1] = '\0';
    assert_string_equal(err.text, message);
    assert_int_equal(got_column, column);
}

static void check_rejects(const char *text, size_t column, const char *message)
{
    check_rejects_with(text, column, message, SIZE_MAX);
}

/* The message goes on with the words of a library. */
static void check_rejects_so(const char *text, size_t column, const char *beginning)
{
    check_rejects_with(text, column, beginning, strlen(beginning));
}

static void names_are_lower_cased_and_lose_the_final_dot(void **state)
{
    (void)state;
    check_accepts("registry.example.com:443", "registry.example.com:443", NULL);
    check_accepts("Registry.Example.COM.:443,80,80-82,443", "registry.example.com:80-82,443", NULL);
    check_accepts("com", "com", NULL);
    check_accepts("foo.0xg", "foo.0xg", NULL);
    check_accepts("a.", "a", NULL);
    check_accepts("a_b.example", "a_b.example", NULL);
    check_accepts("-a.example", "-a.example", NULL);
    check_accepts("xn--a.example", "xn--a.example", NULL);
}

static void names_that_are_no_host_names_are_rejected(void **state)
{
    (void)state;
    check_rejects("", 0, "expected [proto://]host[:ports], got ''");
    check_rejects("a..b", 2, A_LABEL ", got 'a..b'");
    check_rejects(".a", 0, A_LABEL ", got '.a'");
    check_rejects(".", 0, A_LABEL ", got '.'");
    check_rejects("..", 0, A_LABEL ", got '.'");
    check_rejects("a b", 1, A_NAME_OCTET ", got ' '");
    check_rejects_so("☃.example", 0, AN_IDN ", got '☃.example' (");
    check_rejects_so("a‍b.example", 0, AN_IDN ", got 'a\\xe2\\x80\\x8db.example' (");
    check_rejects(" x.example", 0, A_NAME_OCTET ", got ' '");
    check_rejects("x.example ", 9, A_NAME_OCTET ", got ' '");
    check_rejects("user@x.example", 4, A_NAME_OCTET ", got '@'");
}

static void international_names_become_a_labels_and_keep_what_a_person_reads(void **state)
{
    (void)state;
    check_accepts("bücher.example", "xn--bcher-kva.example", "bücher.example");
    check_accepts("BÜCHER.example:443", "xn--bcher-kva.example:443", "bücher.example");
    check_accepts("*.bücher.example", "*.xn--bcher-kva.example", "bücher.example");
    check_accepts("*.xn--bcher-kva.example", "*.xn--bcher-kva.example", "bücher.example");
    check_accepts("faß.example", "xn--fa-hia.example", "faß.example");
    check_accepts("例え。テスト", "xn--r8jz45g.xn--zckzah", "例え.テスト");
}

/* A name of n letters in labels of at most 63, then ".example". */
static const char *long_name(size_t n, const char *tail)
{
    static char names[2][512]; /* two live at a time */
    static unsigned turn;
    char *name = names[turn++ % 2];
    size_t i;

    for (i = 0; i < n; i++)
        name[i] = i % 64 == 63 ? '.' : 'a';
    snprintf(name + n, sizeof names[0] - n, "%s", tail);
    return name;
}

static void names_have_at_most_63_octets_a_label_and_253_in_all(void **state)
{
    (void)state;
    check_accepts(long_name(63, ".example"), long_name(63, ".example"), NULL);
    check_rejects("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", 0,
                  "expected a label of at most 63 octets, got "
                  "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'");
    check_accepts(long_name(253, ""), long_name(253, ""), NULL);
    check_accepts(long_name(253, "."), long_name(253, ""), NULL);
    check_rejects_so(long_name(254, ""), 0, "expected a name of at most 253 octets, got 'aaaa");
    check_rejects_so(long_name(254, "."), 0, "expected a name of at most 253 octets, got 'aaaa");
}

static void numbers_that_old_programs_take_for_addresses_are_rejected(void **state)
{
    (void)state;
    check_rejects("0x7f.1", 0, A_NUMBER ", got '0x7f.1'");
    check_rejects("127.1", 0, A_NUMBER ", got '127.1'");
    check_rejects("010.0.0.1", 0, A_NUMBER ", got '010.0.0.1'");
    check_rejects("2130706433", 0, A_NUMBER ", got '2130706433'");
    check_rejects("1.2.3.4.", 0, A_NUMBER ", got '1.2.3.4'");
    check_rejects("10.0.0.256", 0, A_NUMBER ", got '10.0.0.256'");
    check_rejects("foo.0x", 0, A_NUMBER ", got 'foo.0x'");
    check_rejects("foo.123", 0, A_NUMBER ", got 'foo.123'");
    check_rejects("*.1.2", 2, A_NUMBER ", got '1.2'");
    check_rejects("１２７.１", 0, A_NUMBER ", got '127.1'");
}

static void names_that_stay_inside_the_sandbox_are_rejected(void **state)
{
    (void)state;
    check_rejects("localhost", 0, OUTSIDE ", got 'localhost'");
    check_rejects("foo.LocalHost:80", 0, OUTSIDE ", got 'foo.LocalHost'");
    check_rejects("host.childflow.internal:5432", 0,
                  "expected its ports under egress.host_ports, which alone opens them, got "
                  "'host.childflow.internal'");
    check_rejects("*.localhost", 0, OUTSIDE ", got '*.localhost'");
}

static void wildcards_stand_for_the_whole_first_label(void **state)
{
    (void)state;
    check_accepts("*.mirror.example.org:80,443", "*.mirror.example.org:80,443", NULL);
    check_accepts("**.mirror.example.org", "**.mirror.example.org", NULL);
    check_accepts("*.internal", "*.internal", NULL);
}

static void wildcards_elsewhere_or_over_public_suffixes_are_rejected(void **state)
{
    (void)state;
    check_rejects("*.com", 0, AN_OWNED " ('com' is a public suffix), got '*.com'");
    check_rejects("**.co.uk", 0, AN_OWNED " ('co.uk' is a public suffix), got '**.co.uk'");
    check_rejects("*.github.io", 0,
                  AN_OWNED " ('github.io' is a public suffix), got '*.github.io'");
    check_rejects("*.xn--p1ai", 0, AN_OWNED " ('xn--p1ai' is a public suffix), got '*.xn--p1ai'");
    check_rejects("*.рф", 0, AN_OWNED " ('xn--p1ai' is a public suffix), got '*.рф'");
    check_rejects("**.compute.amazonaws.com", 0,
                  AN_OWNED
                  " ('compute.amazonaws.com' is a public suffix), got '**.compute.amazonaws.com'");
    check_rejects("*", 0, MORE_THAN_A_STAR ", got '*'");
    check_rejects("**", 0, MORE_THAN_A_STAR ", got '**'");
    check_rejects("*.", 0, A_WILDCARD ", got '*.'");
    check_rejects("***.example.com", 0, A_WILDCARD ", got '***.example.com'");
    check_rejects("foo.*.example.com", 0, A_WILDCARD ", got 'foo.*.example.com'");
    check_rejects("*foo.example.com", 0, A_WILDCARD ", got '*foo.example.com'");
    check_rejects("**x.example.com", 0, A_WILDCARD ", got '**x.example.com'");
}

static void ipv4_addresses_and_cidrs_are_read(void **state)
{
    (void)state;
    check_accepts("10.20.0.0/16:5432", "10.20.0.0/16:5432", NULL);
    check_accepts("10.20.0.1/32", "10.20.0.1", NULL);
    check_accepts("0.0.0.0/0", "0.0.0.0/0", NULL);
}

static void cidrs_with_host_bits_or_a_wrong_length_are_rejected(void **state)
{
    (void)state;
    check_rejects("10.20.0.1/16", 0, "expected '10.20.0.0/16' " ZERO_BITS "got '10.20.0.1/16'");
    check_rejects("10.0.0.0/33", 9, BITS_32 ", got '33'");
    check_rejects("10.0.0.0/08", 9, BITS_32 ", got '08'");
    check_rejects("10.0.0.0/", 9, BITS_32 ", got ''");
    check_rejects("10.0.0/8", 0, AN_ADDR_BEFORE ", got '10.0.0'");
    check_rejects("[2001:db8:20::1]/48", 0,
                  "expected '[2001:db8:20::]/48' " ZERO_BITS "got '[2001:db8:20::1]/48'");
    check_rejects("[::ffff:10.0.0.0]/96", 0,
                  "expected '0.0.0.0/0' " ZERO_BITS "got '[::ffff:10.0.0.0]/96'");
    check_rejects("[::ffff:0:0]/95", 0,
                  "expected '[::fffe:0:0]/95' " ZERO_BITS "got '[::ffff:0:0]/95'");
    check_rejects("[::ffff:10.0.0.0]/90", 0,
                  "expected '[::ffc0:0:0]/90' " ZERO_BITS "got '[::ffff:10.0.0.0]/90'");
    check_rejects("example.com/path", 0, AN_ADDR_BEFORE ", got 'example.com'");
}

static void ipv6_stands_in_brackets_and_mapped_ipv4_is_folded(void **state)
{
    (void)state;
    check_accepts("[2001:db8:20::]/48:8000-8080", "[2001:db8:20::]/48:8000-8080", NULL);
    check_accepts("[2001:db8:20::/48]:8000-8080", "[2001:db8:20::]/48:8000-8080", NULL);
    check_accepts("[2001:DB8:0:0::1]", "[2001:db8::1]", NULL);
    check_accepts("[::]/0", "[::]/0", NULL);
    check_accepts("[::ffff:10.0.0.1]", "10.0.0.1", NULL);
    check_accepts("[::ffff:10.0.0.0]/104", "10.0.0.0/8", NULL);
    check_accepts("[::ffff:0:0]/96", "0.0.0.0/0", NULL);
}

static void ipv6_that_is_not_in_brackets_or_not_whole_is_rejected(void **state)
{
    (void)state;
    check_rejects("[2001:db8::1", 0, "expected ']' behind an IPv6 address, got '[2001:db8::1'");
    check_rejects("[2001:db8::1]x", 13,
                  "expected ':' and ports, or nothing, behind the host, got 'x'");
    check_rejects("[fe80::1%eth0]", 1, AN_IPV6 ", got 'fe80::1%eth0'");
    check_rejects("[10.0.0.1]", 1, AN_IPV6 ", got '10.0.0.1'");
    check_rejects("[]", 1, AN_IPV6 ", got ''");
    check_rejects("2001:db8::1", 0, BRACKETS ", got '2001:db8::1'");
    check_rejects("2001:db8::/48", 0, BRACKETS ", got '2001:db8::/48'");
    check_rejects("::1", 0, BRACKETS ", got '::1'");
}

static void groups_are_read_in_any_case(void **state)
{
    (void)state;
    check_accepts("private", "private", NULL);
    check_accepts("Private:443", "private:443", NULL);
    check_accepts("icmp://any", "icmp://any", NULL);
    check_accepts("loopback", "loopback", NULL);
    check_accepts("link_local", "link_local", NULL);
    check_accepts("metadata:80", "metadata:80", NULL);
    check_accepts("udp://multicast", "udp://multicast", NULL);
    check_accepts("any:443", "any:443", NULL);
}

static void names_that_would_read_as_a_group_are_rejected(void **state)
{
    (void)state;
    check_rejects("private.", 0, "expected the group 'private', or another name, got 'private.'");
    check_rejects("ＰＲＩＶＡＴＥ", 0,
                  "expected the group 'private', or another name, got 'ＰＲＩＶＡＴＥ'");
}

static void protocols_are_read_in_any_case(void **state)
{
    (void)state;
    check_accepts("tcp://registry.example.com", "tcp://registry.example.com", NULL);
    check_accepts("TCP://x.example", "tcp://x.example", NULL);
    check_accepts("icmp://10.20.0.1", "icmp://10.20.0.1", NULL);
    check_accepts("udp://ntp.internal:123", "udp://ntp.internal:123", NULL);
}

static void unknown_protocols_and_ports_of_icmp_are_rejected(void **state)
{
    (void)state;
    check_rejects("icmp://10.20.0.1:80", 16, NO_PORTS ", got ':80'");
    check_rejects("icmp://x.example:", 16, NO_PORTS ", got ':'");
    check_rejects("http://example.com", 0, A_PROTO ", got 'http'");
    check_rejects("://x", 0, A_PROTO ", got ''");
    check_rejects("tcp://", 6, "expected a host, got ''");
}

static void ports_are_sorted_and_merged(void **state)
{
    (void)state;
    check_accepts("example.com:1-65535", "example.com:1-65535", NULL);
    check_accepts("x.example:81,80,82-90,85-95,97", "x.example:80-95,97", NULL);
    check_accepts("x.example:65535,1", "x.example:1,65535", NULL);
    check_accepts("x.example:10-20,12-15,30", "x.example:10-20,30", NULL);
    check_accepts("x.example:65534-65535,65535", "x.example:65534-65535", NULL);
}

static void ports_that_are_no_ports_are_rejected(void **state)
{
    (void)state;
    check_rejects("tcp://tcp://x", 10, A_PORT ", got '//x'");
    check_rejects("example.com:0", 12, A_PORT ", got '0'");
    check_rejects("example.com:65536", 12, A_PORT ", got '65536'");
    check_rejects("example.com:", 12, A_PORT ", got ''");
    check_rejects("example.com:80,", 15, A_PORT ", got ''");
    check_rejects("example.com:,80", 12, A_PORT ", got ''");
    check_rejects("example.com:90-80", 12,
                  "expected a range with the lower port first, got '90-80'");
    check_rejects("example.com:-80", 12, A_PORT ", got ''");
    check_rejects("example.com:80-", 15, A_PORT ", got ''");
    check_rejects("example.com:080", 12, A_PORT ", got '080'");
    check_rejects("example.com:+80", 12, A_PORT ", got '+80'");
    check_rejects("example.com:80:90", 12, A_PORT ", got '80:90'");
    check_rejects("example.com:http", 12, A_PORT ", got 'http'");
}

#define A_LIST "expected a group's name of 1 to 64 letters, digits, '.', '_' and '-'"
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void a_list_of_endpoints_is_named_and_nothing_more(void **state)
{
    (void)state;
    check_accepts("group:artifacts", "group:artifacts", NULL);
    check_accepts("Group:Ads_1.x-y", "group:Ads_1.x-y", NULL);
    check_accepts("group:443", "group:443", NULL);
    check_accepts("group:" X64, "group:" X64, NULL);
    check_accepts("group.example:443", "group.example:443", NULL);
    check_accepts("group", "group", NULL);
    check_accepts("group.:443", "group.:443", NULL);
    check_accepts("tcp://group.", "tcp://group", NULL);
    check_accepts("tcp://GROUP.:443,80", "tcp://group.:80,443", NULL);
    check_rejects("group:" X64 "x", 6, A_LIST ", got '" X64 "x'");
    check_rejects("group:", 6, A_LIST ", got ''");
    check_rejects("group:a b", 6, A_LIST ", got 'a b'");
    check_rejects("group:a/8", 6, A_LIST ", got 'a/8'");
    check_rejects("group:a:443", 7,
                  "expected no ports behind a group (they stand with its endpoints), got ':443'");
    check_rejects("tcp://group:a", 0,
                  "expected no protocol before 'group:' (it stands with the group's endpoints), "
                  "got 'tcp://group:a'");
}

/* kind: one of the patterns, or -1 when text is none, with the column and the message */
static void check_pattern(const char *text, int kind, const char *name_or_message, size_t column)
{
    char name[CF_NAME_SIZE] = "";
    enum cf_host_kind got_kind;
    struct cf_error err = { 0 };
    size_t got_column = SIZE_MAX;
    int r = cf_name_pattern_parse(text, &got_kind, name, &got_column, &err);

    assert_int_equal(r, kind < 0 ? -EINVAL : 0);
    assert_string_equal(kind < 0 ? err.text : name, name_or_message);
    if (kind < 0)
        assert_int_equal(got_column, column);
    else
        assert_int_equal(got_kind, kind);
}

static void a_name_alone_is_read_as_a_host_of_an_endpoint_is(void **state)
{
    (void)state;
    check_pattern("ads.example.com", CF_HOST_NAME, "ads.example.com", 0);
    check_pattern("Ads.Example.COM.", CF_HOST_NAME, "ads.example.com", 0);
    check_pattern("a-_0.9.x", CF_HOST_NAME, "a-_0.9.x", 0);
    check_pattern("host", CF_HOST_NAME, "host", 0);
    check_pattern("*.example.com", CF_HOST_ONE, "example.com", 0);
    check_pattern("**.Example.com", CF_HOST_MANY, "example.com", 0);
    check_pattern("b\xc3\xbc" "cher.example", CF_HOST_NAME, "xn--bcher-kva.example", 0);
    check_pattern("", -1, "expected a name, got ''", 0);
    check_pattern("a..example", -1, A_LABEL ", got 'a..example'", 2);
    check_pattern(".example", -1, A_LABEL ", got '.example'", 0);
    check_pattern(X64 ".example", -1,
                  "expected a label of at most 63 octets, got '" X64 "'", 0);
    check_pattern("a." X64, -1, "expected a label of at most 63 octets, got '" X64 "'", 2);
    check_pattern("a.1", -1, A_NUMBER ", got 'a.1'", 0);
    check_pattern("a.example:443", -1, A_NAME_OCTET ", got ':'", 9);
    check_pattern("private", -1, "expected the group 'private', or another name, got 'private'", 0);
    check_pattern("x.localhost", -1, OUTSIDE ", got 'x.localhost'", 0);
    check_pattern("notlocalhost.notlocalhost", CF_HOST_NAME, "notlocalhost.notlocalhost", 0);
    check_pattern("host.childflow.internal", -1,
                  "expected its ports under egress.host_ports, which alone opens them, got "
                  "'host.childflow.internal'",
                  0);
    check_pattern("*.com", -1, AN_OWNED " ('com' is a public suffix), got '*.com'", 0);
    check_pattern("a*.example.com", -1, A_WILDCARD ", got 'a*.example.com'", 0);
}

/* 253 octets are a name, 254 none. */
static void the_longest_name_is_read(void **state)
{
    char text[CF_NAME_SIZE + 1];

    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t i = 49; i < sizeof text - 5; i += 50)
        text[i] = '.';
    text[sizeof text - 1] = '\0';
    check_rejects_so(text, 0, "expected a name of at most 253 octets, got 'x");
    text[sizeof text - 2] = '\0';
    check_pattern(text, CF_HOST_NAME, text, 0);
}

static void messages_quote_what_a_terminal_can_take(void **state)
{
    (void)state;
    check_rejects("a\x1b[1m.example", 1, A_NAME_OCTET ", got '\\x1b'");
    check_rejects("\x1b://x", 0, A_PROTO ", got '\\x1b'");
    check_rejects("a\xc2\x9b://x", 0, A_PROTO ", got 'a\\xc2\\x9b'");
    check_rejects("\xff\xc0\x80://x", 0, A_PROTO ", got '\\xff\\xc0\\x80'");
    check_rejects("\xed\xa0\x80://x", 0, A_PROTO ", got '\\xed\\xa0\\x80'");
    check_rejects("b\xc3\xbc\xf0\x9f\x99\x82://x", 0, A_PROTO ", got 'b\xc3\xbc\xf0\x9f\x99\x82'");
    check_rejects_so("x.example\xff", 0, AN_IDN ", got 'x.example\\xff' (");
}

static void values_are_what_was_written(void **state)
{
    struct cf_endpoint endpoint;

    (void)state;
    assert_int_equal(cf_endpoint_parse("x.example", &endpoint, NULL, NULL), 0);
    assert_int_equal(endpoint.protos, CF_PROTO_TCP | CF_PROTO_UDP);
    assert_false(endpoint.proto_given);
    assert_null(endpoint.ports);
    cf_endpoint_done(&endpoint);
    assert_int_equal(cf_endpoint_parse("udp://**.x.example:53", &endpoint, NULL, NULL), 0);
    assert_int_equal(endpoint.protos, CF_PROTO_UDP);
    assert_true(endpoint.proto_given);
    assert_int_equal(endpoint.kind, CF_HOST_MANY);
    assert_string_equal(endpoint.name, "x.example");
    assert_int_equal(endpoint.n_ports, 1);
    cf_endpoint_done(&endpoint);
    assert_int_equal(cf_endpoint_parse("icmp://metadata", &endpoint, NULL, NULL), 0);
    assert_int_equal(endpoint.protos, CF_PROTO_ICMP);
    assert_int_equal(endpoint.kind, CF_HOST_GROUP);
    assert_int_equal(endpoint.group, CF_GROUP_METADATA);
    cf_endpoint_done(&endpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_lower_cased_and_lose_the_final_dot),
        cmocka_unit_test(names_that_are_no_host_names_are_rejected),
        cmocka_unit_test(international_names_become_a_labels_and_keep_what_a_person_reads),
        cmocka_unit_test(names_have_at_most_63_octets_a_label_and_253_in_all),
        cmocka_unit_test(numbers_that_old_programs_take_for_addresses_are_rejected),
        cmocka_unit_test(names_that_stay_inside_the_sandbox_are_rejected),
        cmocka_unit_test(wildcards_stand_for_the_whole_first_label),
        cmocka_unit_test(wildcards_elsewhere_or_over_public_suffixes_are_rejected),
        cmocka_unit_test(ipv4_addresses_and_cidrs_are_read),
        cmocka_unit_test(cidrs_with_host_bits_or_a_wrong_length_are_rejected),
        cmocka_unit_test(ipv6_stands_in_brackets_and_mapped_ipv4_is_folded),
        cmocka_unit_test(ipv6_that_is_not_in_brackets_or_not_whole_is_rejected),
        cmocka_unit_test(groups_are_read_in_any_case),
        cmocka_unit_test(names_that_would_read_as_a_group_are_rejected),
        cmocka_unit_test(protocols_are_read_in_any_case),
        cmocka_unit_test(unknown_protocols_and_ports_of_icmp_are_rejected),
        cmocka_unit_test(ports_are_sorted_and_merged),
        cmocka_unit_test(ports_that_are_no_ports_are_rejected),
        cmocka_unit_test(messages_quote_what_a_terminal_can_take),
        cmocka_unit_test(values_are_what_was_written),
        cmocka_unit_test(a_list_of_endpoints_is_named_and_nothing_more),
        cmocka_unit_test(a_name_alone_is_read_as_a_host_of_an_endpoint_is),
        cmocka_unit_test(the_longest_name_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
