/*
 * fuzz_hello.c - any octets as the first that a client sends
 *
 * What is read does not depend on how much has come beside it: once a prefix is no
 * message any more, no longer one is; and what shows a name shows the same name with
 * more behind it. As it grows it is told the same, but for what shows no name, which
 * may be told late.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/hello.h"
#include "profile/endpoint.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())
#define STEPS 24 /* prefixes that are tried; octet by octet would be quadratic */
#define EAGER 2000 /* with fewer octets than this it is not much */

static void check_named(const struct cf_hello *hello)
{
    char again[CF_NAME_SIZE];

    CHECK(hello->kind != CF_HELLO_UNKNOWN);
    CHECK(strlen(hello->text) < CF_HELLO_TEXT_SIZE && strlen(hello->alpn) < CF_HELLO_ALPN_SIZE);
    for (const char *at = hello->text; *at; at++)
        CHECK(*at > 0x20 && *at < 0x7f && *at != '@');
    if (hello->name[0]) {
        CHECK(hello->addr.family == CF_FAMILY_NONE);
        CHECK(cf_name_normalize(hello->name, again, NULL) == 0);
        CHECK(strcmp(hello->name, again) == 0);
    }
}

/* In steps of so many octets, up to the first answer. */
static void check_grown(const uint8_t *data, size_t size, size_t step,
                        const struct cf_hello *whole, enum cf_hello_status end)
{
    struct cf_hello_wait wait = { 0 };
    enum cf_hello_status status = CF_HELLO_MORE;
    struct cf_hello hello, now;

    for (size_t length = 0; status == CF_HELLO_MORE && length < size;) {
        length = length + step < size ? length + step : size;
        status = cf_hello_read_on(data, length, &wait, &hello);
        CHECK(status != CF_HELLO_NAMED || cf_hello_read(data, length, &now) == CF_HELLO_NAMED);
        CHECK(status == CF_HELLO_NAMED || cf_hello_read(data, length, &now) != CF_HELLO_NAMED);
    }
    CHECK(status == end || (status == CF_HELLO_MORE && end == CF_HELLO_NAMELESS));
    CHECK(size < CF_HELLO_MAX || status != CF_HELLO_MORE);
    if (status == CF_HELLO_NAMED)
        CHECK(strcmp(hello.name, whole->name) == 0 && strcmp(hello.text, whole->text) == 0 &&
              cf_addr_equal(&hello.addr, &whole->addr));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cf_hello whole, part;
    enum cf_hello_status end = cf_hello_read(data, size, &whole);

    if (end == CF_HELLO_NAMED)
        check_named(&whole);
    CHECK(end != CF_HELLO_MORE || size < CF_HELLO_MAX);
    for (size_t i = 0; i < STEPS; i++) {
        size_t length = size < STEPS ? i : size * i / STEPS;
        enum cf_hello_status status;

        if (length > size)
            break;
        status = cf_hello_read(data, length, &part);
        CHECK(status == CF_HELLO_MORE || status == end);
        if (status == CF_HELLO_NAMED)
            CHECK(strcmp(part.name, whole.name) == 0 && strcmp(part.text, whole.text) == 0 &&
                  cf_addr_equal(&part.addr, &whole.addr));
    }
    check_grown(data, size, size / STEPS + 1, &whole, end);
    check_grown(data, size, size < EAGER ? 1 : size / 3, &whole, end);
    return 0;
}
