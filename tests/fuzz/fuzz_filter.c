/*
 * fuzz_filter.c - any text as the filter of a capture
 *
 * No text makes libpcap look a name up, the place of an error is within the
 * text, and a program that was made can be run on any packet, be it short.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../capture/lookups.h"
#include "capture/filter.h"
#include "capture/filter_words.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

static void check_run(const struct cf_capture_filter *filter, const uint8_t *data, size_t size)
{
    for (size_t captured = size < 64 ? size : 64; captured > 0; captured /= 2) {
        uint8_t *packet = malloc(captured);

        CHECK(packet);
        memcpy(packet, data, captured);
        (void)cf_capture_filter_run(filter, packet, (uint32_t)captured, (uint32_t)size);
        free(packet);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte is the link type. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cf_capture_filter filter = { 0 };
    struct cf_error err = { 0 };
    size_t offset = SIZE_MAX;
    char *text;

    if (size == 0 || size > CF_FILTER_TEXT_MAX + 2)
        return 0;
    text = strndup((const char *)data + 1, size - 1);
    CHECK(text);
    if (cf_capture_filter_compile(text, data[0] == 'r' ? CF_CAPTURE_RAW_IP : CF_CAPTURE_ETHERNET,
                                  262144, &filter, &offset, &err) < 0) {
        CHECK(offset <= strlen(text) && err.text[0] != '\0' && !filter.code);
    } else {
        check_run(&filter, data, size);
    }
    CHECK(cf_test_lookups() == 0);
    cf_capture_filter_done(&filter);
    free(text);
    return 0;
}
