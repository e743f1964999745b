/*
 * filter_words.h - a capture filter, word by word, before libpcap sees it
 */
#ifndef CF_CAPTURE_FILTER_WORDS_H
#define CF_CAPTURE_FILTER_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Bytes of a filter, its words, and the numbers, addresses and services among them; a range has
 * two numbers. What libpcap takes for longer ones grows with their third power.
 */
#define CF_FILTER_TEXT_MAX 2048
#define CF_FILTER_WORDS_MAX 256
#define CF_FILTER_OPERANDS_MAX 64

enum cf_filter_word_kind {
    CF_FILTER_OTHER, /* operators, and what libpcap will refuse */
    CF_FILTER_NUMBER,
    CF_FILTER_ADDRESS, /* IPv4 (or the beginning of one), IPv6, MAC */
    CF_FILTER_KEYWORD,
    CF_FILTER_NAME, /* anything else that libpcap takes for one */
};

struct cf_filter_word {
    enum cf_filter_word_kind kind;
    uint16_t offset, length; /* bytes of the text */
};

struct cf_filter_words {
    struct cf_filter_word items[CF_FILTER_WORDS_MAX];
    size_t n;
};

/*
 * Cut text into words, and refuse what libpcap must not see: names that it
 * would look up, and more words than it compiles in reasonable time.
 *
 * text:       a filter of pcap-filter(7)
 * ret_words:  written also when the filter is refused, as far as it was read
 * ret_offset: on error: the byte of text that is wrong
 *
 * Returns 0, -EINVAL, or -E2BIG for what is too long.
 */
int cf_filter_words_read(const char *text, struct cf_filter_words *ret_words, size_t *ret_offset,
                         struct cf_error *err);

#endif
