/*
 * test_name.c - names to compare, names to read, and the address groups
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/endpoint.h"

static void check_normal(const char *text, const char *expected)
{
    char name[CF_NAME_SIZE], again[CF_NAME_SIZE];
    struct cf_error err = { 0 };

    if (cf_name_normalize(text, name, &err) < 0)
        fail_msg("'%s': %s", text, err.text);
    assert_string_equal(name, expected);
    assert_int_equal(cf_name_normalize(name, again, &err), 0);
    assert_string_equal(again, name);
}

static void check_no_name(const char *text)
{
    char name[CF_NAME_SIZE] = "untouched";
    struct cf_error err = { 0 };

    assert_int_equal(cf_name_normalize(text, name, &err), -EINVAL);
    assert_int_equal(err.code, -EINVAL);
    assert_int_equal(strncmp(err.text, "expected ", 9), 0);
    assert_string_equal(name, "untouched");
    assert_int_equal(cf_name_normalize(text, name, NULL), -EINVAL);
}

/* expected: NULL when the name reads the same */
static void check_reads(const char *name, const char *expected)
{
    char *unicode = cf_name_to_unicode(name);

    if (expected)
        assert_string_equal(unicode, expected);
    else
        assert_null(unicode);
    free(unicode);
}

static void check_group(enum cf_addr_group group, const char *text, int expected_bits)
{
    const struct cf_prefix *prefix;
    struct cf_addr addr;

    assert_int_equal(cf_addr_parse(text, &addr), 0);
    prefix = cf_addr_group_find(group, &addr);
    if ((prefix ? prefix->bits : -1) != expected_bits)
        fail_msg("%s in %s: %d", text, cf_addr_group_name(group), prefix ? prefix->bits : -1);
}

static void names_have_one_form_to_compare(void **state)
{
    (void)state;
    check_normal("a", "a");
    check_normal("A.Example.", "a.example");
    check_normal("_dmarc.a.example", "_dmarc.a.example");
    check_normal("localhost", "localhost");
    check_normal("7.0.0.127.in-addr.arpa", "7.0.0.127.in-addr.arpa");
    check_normal("1e100.example", "1e100.example");
    check_normal("b\xc3\xbc"
                 "cher.example.",
                 "xn--bcher-kva.example");
    check_normal("XN--BCHER-KVA.example", "xn--bcher-kva.example");
    check_normal("u\xcc\x88.example", "xn--tda.example"); /* u and a combining diaeresis */
    check_normal("\xe4\xbe\x8b.example\xe3\x80\x82", "xn--fsq.example");
}

static void names_that_read_as_others_are_rejected_but_for_their_ascii_form(void **state)
{
    (void)state;
    check_no_name("registry.ex\u0430mple.com"); /* Cyrillic a */
    check_no_name("registry.ex\u0410mple.com");
    check_no_name("g\u03bfogle.example"); /* Greek omicron */
    check_no_name("\u0430\u0440\u0440\u04cf\u0435.com");
    check_no_name("www\u3002\u0430\u0440\u0440\u04cf\u0435-1\u3002com.");
    check_no_name("\u13aa\u13d3b.example"); /* Cherokee */
    check_no_name("\uff41\u0430.example");  /* full-width a, Cyrillic a */
    check_normal("xn--80ak6aa92e.com", "xn--80ak6aa92e.com");
    check_reads("xn--80ak6aa92e.com", NULL);
    /* Whole words, also of letters that look alike under a name of their own script. */
    check_normal("\u043f\u0440\u0438\u043c\u0435\u0440.example", "xn--e1afmkfd.example");
    check_normal("\u043e\u0441\u0430.\u0440\u0444", "xn--80a1aj.xn--p1ai");
    check_normal("\u03c0\u03b1\u03c1\u03ac\u03b4\u03b5\u03b9\u03b3\u03bc\u03b1.example",
                 "xn--hxajbheg2az3al.example");
    check_normal("\u4f8b-a1.example", "xn---a1-uc0e.example");
    check_normal("www.\u043f\u0440\u0438\u043c\u0435\u0440.com", "www.xn--e1afmkfd.com");
}

static void what_is_no_name_is_rejected_and_nothing_is_written(void **state)
{
    (void)state;
    check_no_name("");
    check_no_name(".");
    check_no_name("a..b");
    check_no_name(".a");
    check_no_name("a..");
    check_no_name("a b");
    check_no_name("a/b");
    check_no_name("a:b");
    check_no_name("*.a");
    check_no_name("a\\b");
    check_no_name("1.2.3.4");
    check_no_name("1");
    check_no_name("0x7F000001");
    check_no_name("a.0X1f");
    check_no_name("\xff");
    check_no_name("a\xef\xbc\x8f"
                  "b.example");                 /* a full-width slash */
    check_no_name("\xef\xbc\x91.\xef\xbc\x92"); /* full-width digits */
    check_no_name("a\xe2\x80\xae.example");     /* right-to-left override */
}

static void names_longer_than_any_are_rejected_whatever_their_script(void **state)
{
    char text[5001];

    (void)state;
    for (size_t i = 0; i + 4 < sizeof text; i += 4)
        memcpy(text + i,
               "\xc3\xbc"
               "a.",
               4);
    text[sizeof text - 1] = '\0';
    check_no_name(text);
    text[400] = '\0';
    check_no_name(text);
    memset(text, 'a', sizeof text - 1);
    check_no_name(text);
}

static void a_names_unicode_form_is_shown_only_when_it_stands_for_the_name(void **state)
{
    (void)state;
    check_reads("a.example", NULL);
    check_reads("xn--bcher-kva.example", "b\xc3\xbc"
                                         "cher.example");
    check_reads("a.xn--fsq", "a.\xe4\xbe\x8b");
    check_reads("xn--a.example", NULL);
    check_reads("xn--.example", NULL);
    check_reads("xn--99999999.example", NULL);
    check_reads("axn--b.example", NULL);
    check_reads("xn--n3h.example", NULL); /* a snowman, which IDNA 2008 disallows */
}

static void groups_hold_what_they_say(void **state)
{
    (void)state;
    check_group(CF_GROUP_PRIVATE, "10.255.255.255", 8);
    check_group(CF_GROUP_PRIVATE, "9.255.255.255", -1);
    check_group(CF_GROUP_PRIVATE, "11.0.0.0", -1);
    check_group(CF_GROUP_PRIVATE, "172.16.0.0", 12);
    check_group(CF_GROUP_PRIVATE, "172.31.255.255", 12);
    check_group(CF_GROUP_PRIVATE, "172.32.0.0", -1);
    check_group(CF_GROUP_PRIVATE, "192.168.1.1", 16);
    check_group(CF_GROUP_PRIVATE, "192.169.0.0", -1);
    check_group(CF_GROUP_PRIVATE, "100.64.0.1", 10);
    check_group(CF_GROUP_PRIVATE, "100.128.0.0", -1);
    check_group(CF_GROUP_PRIVATE, "192.0.0.8", 24);
    check_group(CF_GROUP_PRIVATE, "192.0.2.1", -1);
    check_group(CF_GROUP_PRIVATE, "198.18.0.1", -1);
    check_group(CF_GROUP_PRIVATE, "169.254.1.1", -1);
    check_group(CF_GROUP_PRIVATE, "fd12::1", 7);
    check_group(CF_GROUP_PRIVATE, "fc00::1", 7);
    check_group(CF_GROUP_PRIVATE, "fe00::1", -1);
    check_group(CF_GROUP_PRIVATE, "fec0::1", 10);
    check_group(CF_GROUP_PRIVATE, "2001:db8::1", -1);
    check_group(CF_GROUP_PRIVATE, "::ffff:10.0.0.1", 8);
    check_group(CF_GROUP_PRIVATE, "64:ff9b::10.0.0.1", 104);
    check_group(CF_GROUP_PRIVATE, "64:ff9b::192.0.2.1", -1);
    check_group(CF_GROUP_PRIVATE, "64:ff9b:1::192.0.2.1", 48);
    check_group(CF_GROUP_LOOPBACK, "127.0.0.1", 8);
    check_group(CF_GROUP_LOOPBACK, "127.255.0.1", 8);
    check_group(CF_GROUP_LOOPBACK, "0.0.0.0", 8);
    check_group(CF_GROUP_LOOPBACK, "::1", 128);
    check_group(CF_GROUP_LOOPBACK, "::", 128);
    check_group(CF_GROUP_LOOPBACK, "::2", -1);
    check_group(CF_GROUP_LOOPBACK, "::ffff:127.0.0.1", 8);
    check_group(CF_GROUP_LINK_LOCAL, "169.254.0.1", 16);
    check_group(CF_GROUP_LINK_LOCAL, "fe80::1", 10);
    check_group(CF_GROUP_LINK_LOCAL, "febf::1", 10);
    check_group(CF_GROUP_LINK_LOCAL, "fec0::1", -1);
    check_group(CF_GROUP_METADATA, "169.254.169.254", 32);
    check_group(CF_GROUP_METADATA, "169.254.169.253", -1);
    check_group(CF_GROUP_METADATA, "169.254.170.2", 32);
    check_group(CF_GROUP_METADATA, "100.100.100.200", 32);
    check_group(CF_GROUP_METADATA, "168.63.129.16", 32);
    check_group(CF_GROUP_METADATA, "192.0.0.192", 32);
    check_group(CF_GROUP_METADATA, "fd00:ec2::254", 128);
    check_group(CF_GROUP_METADATA, "fd00:ec2::255", -1);
    check_group(CF_GROUP_METADATA, "fd20:ce::254", 128);
    check_group(CF_GROUP_METADATA, "fd00:42::42", 128);
    check_group(CF_GROUP_METADATA, "fe80::a9fe:a9fe", 128);
    check_group(CF_GROUP_METADATA, "64:ff9b::169.254.169.254", 128);
    check_group(CF_GROUP_MULTICAST, "224.0.0.1", 4);
    check_group(CF_GROUP_MULTICAST, "239.255.255.255", 4);
    check_group(CF_GROUP_MULTICAST, "240.0.0.1", -1);
    check_group(CF_GROUP_MULTICAST, "255.255.255.255", 32);
    check_group(CF_GROUP_MULTICAST, "ff02::1", 8);
    check_group(CF_GROUP_ANY, "192.0.2.1", 0);
    check_group(CF_GROUP_ANY, "2001:db8::1", 0);
}

static void groups_have_names(void **state)
{
    static const char *const names[] = { "private",  "loopback",  "link_local",
                                         "metadata", "multicast", "any" };
    enum cf_addr_group group;

    (void)state;
    assert_int_equal(sizeof names / sizeof names[0], CF_GROUP_COUNT);
    for (int i = 0; i < CF_GROUP_COUNT; i++) {
        assert_string_equal(cf_addr_group_name((enum cf_addr_group)i), names[i]);
        assert_int_equal(cf_addr_group_parse(names[i], &group), 0);
        assert_int_equal(group, i);
    }
    assert_int_equal(cf_addr_group_parse("Link_Local", &group), 0);
    assert_int_equal(group, CF_GROUP_LINK_LOCAL);
    assert_int_equal(cf_addr_group_parse("public", &group), -EINVAL);
    assert_int_equal(cf_addr_group_parse("", &group), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_one_form_to_compare),
        cmocka_unit_test(names_that_read_as_others_are_rejected_but_for_their_ascii_form),
        cmocka_unit_test(what_is_no_name_is_rejected_and_nothing_is_written),
        cmocka_unit_test(names_longer_than_any_are_rejected_whatever_their_script),
        cmocka_unit_test(a_names_unicode_form_is_shown_only_when_it_stands_for_the_name),
        cmocka_unit_test(groups_hold_what_they_say),
        cmocka_unit_test(groups_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
