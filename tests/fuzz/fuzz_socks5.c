/*
 * fuzz_socks5.c - any octets as what a SOCKS 5 proxy says, and as datagrams from it
 *
 * The first octet says what is asked of it. The rest is given in the largest
 * pieces that the machine takes, and octet by octet: the end is the same.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/socks5.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

static const struct cf_proxy_login login = { "user", "Password1" };

static void check_message(const struct cf_socks5 *socks)
{
    uint8_t bytes[CF_SOCKS5_MESSAGE_MAX];
    int n = cf_socks5_format(socks, bytes);

    CHECK(n >= 3 && n <= CF_SOCKS5_MESSAGE_MAX && (bytes[0] == 5 || bytes[0] == 1));
}

/* Returns how many octets were taken. */
static size_t talk(struct cf_socks5 *socks, const uint8_t *data, size_t size, size_t piece)
{
    enum cf_socks5_step step = socks->step;
    size_t at = 0, n;

    check_message(socks);
    while ((n = cf_socks5_need(socks)) > 0 && at < size) {
        if (n > size - at)
            n = size - at;
        if (n > piece)
            n = piece;
        CHECK(cf_socks5_read(socks, data + at, n) == (socks->step != step));
        at += n;
        step = socks->step;
        if (step < CF_SOCKS5_DONE)
            check_message(socks);
    }
    return at;
}

static void check_words(const struct cf_socks5 *socks)
{
    char text[64];

    cf_socks5_words(socks, text, sizeof text);
    CHECK(strlen(text) > 0 &&
          strspn(text, " abcdefghijklmnopqrstuvwxyzCKLOSTTL0123456789") == strlen(text));
}

static void check_talk(uint8_t what, const uint8_t *data, size_t size)
{
    const struct cf_proxy_target target = {
        .name = what & 1 ? "www.example.com" : NULL,
        .at = { .addr.family = what & 2 ? CF_FAMILY_IPV4 : CF_FAMILY_IPV6, .port = 443 },
    };
    enum cf_socks5_command command = what & 4 ? CF_SOCKS5_CONNECT : CF_SOCKS5_UDP_ASSOCIATE;
    struct cf_socks5 one, other;
    size_t taken, taken_single;

    cf_socks5_init(&one, command, &target, what & 8 ? &login : NULL);
    cf_socks5_init(&other, command, &target, what & 8 ? &login : NULL);
    taken = talk(&one, data, size, CF_SOCKS5_REPLY_MAX);
    taken_single = talk(&other, data, size, 1);
    CHECK(one.step == other.step && one.reply == other.reply);
    if (one.step == CF_SOCKS5_DONE) {
        CHECK(taken == taken_single && one.outcome.why == CF_PROXY_CONNECTED);
        CHECK(cf_addr_port_equal(&one.bound, &other.bound));
    } else if (one.step == CF_SOCKS5_FAILED) {
        CHECK(one.outcome.error > 0 && one.outcome.error == other.outcome.error);
        check_words(&one);
    }
}

/* A header that is read and written again reads the same. */
static void check_datagram(const uint8_t *data, size_t size)
{
    uint8_t header[CF_SOCKS5_UDP_HEADER_MAX];
    struct cf_proxy_target target = { 0 };
    struct cf_addr_port again;
    size_t length, length_again;
    int r = cf_socks5_udp_parse(data, size, &target.at, &length), n;

    CHECK(r == 0 || r == -EPROTO || r == -EBADMSG);
    if (r < 0)
        return;
    CHECK(length <= size && data[2] == 0);
    if (target.at.addr.family == CF_FAMILY_NONE)
        return;
    n = cf_socks5_udp_format(&target, header);
    CHECK(n > 0 && cf_socks5_udp_parse(header, (size_t)n, &again, &length_again) == 0);
    CHECK(length_again == (size_t)n && cf_addr_port_equal(&again, &target.at));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy;

    if (size < 1)
        return 0;
    /* Exactly as long as it says, so that a sanitizer sees what reads past the end. */
    copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    check_talk(data[0], copy, size - 1);
    check_datagram(copy, size - 1);
    free(copy);
    return 0;
}
