/* No filter, good or wrong, makes libpcap look a name up. */
#include <dlfcn.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "capture/filter.h"
#include "capture/filter_words.h"
#include "lookups.h"

#define FILTERS 10000

static void compile(const char *text)
{
    struct cf_capture_filter filter = { 0 };
    struct cf_error err = { 0 };
    size_t offset;

    if (cf_capture_filter_compile(text, CF_CAPTURE_ETHERNET, 262144, &filter, &offset, &err) < 0)
        assert_true(offset <= strlen(text));
    cf_capture_filter_done(&filter);
    if (cf_test_lookups() != 0)
        fail_msg("'%s' looks a name up", text);
}

static void no_name_of_a_host_is_looked_up(void **state)
{
    static const char *const filters[] = {
        "host example.com",
        "example.com",
        "net corp",
        "ether host router",
        "gateway router",
        "port 80 or host example.com",
        "host 192.0.2.1 and (port 80) or x",
        "host 192.0.2.1 and (port http) or x",
        "src host \\tcp",
        "port 80 or 5 > 3 and x",
        "port http and x",
        "port x and y",
        "host ::ether",
        "len-5 > 3",
        "host 192.0.2.1.5",
        "ip6 host x::1",
        "ether host 00:00:5e:00:53:01x",
        "port 80 and \\x",
        "net  \\) }",
        "net [ \\",
    };

    (void)state;
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        compile(filters[i]);
}

static uint32_t next_number(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 16;
}

/* Words in any order: most are no filter, and many have a name where a host would be. */
static void no_words_in_any_order_make_it_look_up(void **state)
{
    static const char *const words[] = {
        "host ",
        "net ",
        "port ",
        "portrange ",
        "proto ",
        "protochain ",
        "src ",
        "dst ",
        "ether ",
        "ip ",
        "ip6 ",
        "tcp ",
        "udp ",
        "and ",
        "or ",
        "not ",
        "!",
        "(",
        ")",
        "[",
        "]",
        "x ",
        "http ",
        "\\tcp ",
        "\\x ",
        "\\",
        "::1",
        "::e",
        "ther ",
        "1",
        ":",
        "192.0.2.1",
        "-",
        "len",
        "gateway ",
        "$1",
        "a",
        "mask ",
        "/",
        "= ",
        "> ",
        "vlan ",
        "mpls ",
        "broadcast ",
        "192.0.2.1.5 ",
        "00:00:5e:00:53:01",
        "multicast ",
        "llc ",
        "&& ",
        "|| ",
        "1-2 ",
        "link ",
        "decnet ",
    };
    uint32_t seed = 20240601;
    char text[256];

    (void)state;
    for (int i = 0; i < FILTERS; i++) {
        uint32_t n = 1 + next_number(&seed) % 8;

        text[0] = '\0';
        for (uint32_t k = 0; k < n; k++)
            strcat(text, words[next_number(&seed) % (sizeof words / sizeof words[0])]);
        compile(text);
    }
}

/* That the functions of lookups.c are the ones that libpcap calls. */
static void libpcap_alone_would_look_it_up(void **state)
{
    static const char *const filters[] = { "host x.example.com", "net corp", "ether host router" };
    void *library = dlopen("libpcap.so.0.8", RTLD_NOW | RTLD_LOCAL);
    __typeof__(&pcap_open_dead) open_dead;
    __typeof__(&pcap_compile) pcap_compile_;
    __typeof__(&pcap_close) pcap_close_;
    void *symbols[3];

    (void)state;
    if (!library)
        library = dlopen("libpcap.so.1", RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    symbols[0] = dlsym(library, "pcap_open_dead");
    symbols[1] = dlsym(library, "pcap_compile");
    symbols[2] = dlsym(library, "pcap_close");
    memcpy(&open_dead, &symbols[0], sizeof open_dead);
    memcpy(&pcap_compile_, &symbols[1], sizeof pcap_compile_);
    memcpy(&pcap_close_, &symbols[2], sizeof pcap_close_);
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        unsigned before = cf_test_lookups();
        pcap_t *handle = open_dead(DLT_EN10MB, 262144);
        struct bpf_program program;

        assert_int_equal(pcap_compile_(handle, &program, filters[i], 1, PCAP_NETMASK_UNKNOWN), -1);
        assert_true(cf_test_lookups() > before);
        pcap_close_(handle);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(no_name_of_a_host_is_looked_up),
    cmocka_unit_test(no_words_in_any_order_make_it_look_up),
    cmocka_unit_test(libpcap_alone_would_look_it_up),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
