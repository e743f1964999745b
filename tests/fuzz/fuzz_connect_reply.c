/*
 * fuzz_connect_reply.c - any octets as a proxy's answer to CONNECT
 *
 * The first two octets say where the answer is cut in two. However it is cut,
 * the verdict is the same, and the words are fit for a log.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proxy/http_connect.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

static const struct cf_proxy_login login = { "user", "Password1" };

static int read_cut(struct cf_http_connect *reply, const uint8_t *data, size_t size, size_t cut,
                    size_t *ret_taken)
{
    size_t taken;
    int r;

    cf_http_connect_init(reply);
    r = cf_http_connect_read(reply, data, cut, &taken);
    CHECK(taken <= cut && (r == 1 || taken == cut));
    *ret_taken = taken;
    if (r != 0)
        return r;
    r = cf_http_connect_read(reply, data + cut, size - cut, &taken);
    CHECK(taken <= size - cut && (r == 1 || taken == size - cut));
    *ret_taken = cut + taken;
    return r;
}

static void check_words(const struct cf_http_connect *reply)
{
    char text[CF_PROXY_WORDS_SIZE];
    size_t length, n;

    memset(text, '\xff', sizeof text);
    cf_http_connect_words(reply, &login, text);
    CHECK(memchr(text, '\0', sizeof text));
    length = strlen(text);
    CHECK(!strstr(text, login.password));
    for (size_t at = 0; at < length; at += n) {
        uint32_t point;
        bool valid;

        n = cf_text_decode(text + at, length - at, &point, &valid);
        CHECK(valid && cf_text_is_printable(point));
    }
}

static void check_outcome(const struct cf_http_connect *reply)
{
    struct cf_proxy_outcome outcome = cf_http_connect_outcome(reply);

    CHECK(reply->status >= 200 && reply->status <= 999);
    if (!cf_http_connect_is_tunnel(reply))
        CHECK(outcome.error > 0 && outcome.why != CF_PROXY_CONNECTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cf_http_connect whole, halves;
    size_t cut, taken, taken_halves;
    int r;

    if (size < 2)
        return 0;
    cut = (size_t)(data[0] << 8 | data[1]) % (size - 1);
    data += 2;
    size -= 2;
    r = read_cut(&whole, data, size, 0, &taken);
    CHECK(r == 0 || r == 1 || r == -EPROTO || r == -EMSGSIZE);
    CHECK(read_cut(&halves, data, size, cut, &taken_halves) == r);
    CHECK(whole.status == halves.status && whole.state == halves.state);
    if (r == 1) {
        CHECK(taken == taken_halves && taken <= CF_HTTP_CONNECT_HEAD_MAX);
        CHECK(data[taken - 1] == '\n');
        check_outcome(&whole);
    }
    check_words(&whole);
    check_words(&halves);
    return 0;
}
