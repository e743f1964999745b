/*
 * filter_words.c - a capture filter, word by word, before libpcap sees it
 *
 * libpcap asks the host's resolver for every name in a filter: a DNS query
 * that leaves the host when a policy is checked. So no such name gets there.
 *
 * How this works. The text is cut where libpcap's scanner cuts it, or in more
 * places: what it could take for a name is one here too. In its grammar
 * (pcap-filter(7)) a name belongs to the qualifiers in front of it, and what
 * stands behind `and`, `or` and `not` without any inherits those of the term
 * before. Names of services and protocols come from files of the host; they
 * may stand behind `port`, `portrange`, `proto` and `protochain`. Every other
 * keyword ends that, and `)` goes back to what held in front of its `(`:
 * in `host 192.0.2.1 and (port 80) or x`, x is a host.
 */
#include "capture/filter_words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "profile/quote.h"

#define DIGITS "0123456789"
#define HEX DIGITS "abcdefABCDEF"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define ALNUM LETTERS DIGITS
#define RUN ALNUM "-_."

/* Between two blanks: no name begins a word that has the length of one of these. */
static const char *const keywords[] = {
    "aarp", "ah", "and", "arp", "atalk", "broadcast", "byte", "carp", "clnp", "csnp", "decnet",
    "dst", "es-is", "esis", "esp", "ether", "geneve", "greater", "host", "icmp", "icmp6", "igmp",
    "igrp", "iih", "ip", "ip6", "ipx", "is-is", "isis", "iso", "l1", "l2", "lat", "len", "length",
    "less", "link", "llc", "lsp", "mask", "mopdl", "moprc", "mpls", "multicast", "net", "netbeui",
    "not", "or", "pim", "port", "portrange", "pppoed", "pppoes", "proto", "protochain", "psnp",
    "rarp", "sca", "sctp", "snp", "src", "stp", "tcp", "udp", "vlan", "vrrp",
    /* numbers that have a name */
    "icmp-echo", "icmp-echoreply", "icmp-ireq", "icmp-ireqreply", "icmp-maskreply", "icmp-maskreq",
    "icmp-paramprob", "icmp-redirect", "icmp-routeradvert", "icmp-routersolicit",
    "icmp-sourcequench", "icmp-timxceed", "icmp-tstamp", "icmp-tstampreply", "icmp-unreach",
    "icmp6-certpathadvert", "icmp6-certpathsolicit", "icmp6-destinationunreach", "icmp6-echo",
    "icmp6-echoreply", "icmp6-homeagentdiscoveryreply", "icmp6-homeagentdiscoveryrequest",
    "icmp6-ineighbordiscoveryadvert", "icmp6-ineighbordiscoverysolicit", "icmp6-mobileprefixadvert",
    "icmp6-mobileprefixsolicit", "icmp6-multicastlistenerdone", "icmp6-multicastlistenerquery",
    "icmp6-multicastlistenerreportv1", "icmp6-multicastlistenerreportv2",
    "icmp6-multicastrouteradvert", "icmp6-multicastroutersolicit", "icmp6-multicastrouterterm",
    "icmp6-neighboradvert", "icmp6-neighborsolicit", "icmp6-nodeinformationquery",
    "icmp6-nodeinformationresponse", "icmp6-packettoobig", "icmp6-parameterproblem",
    "icmp6-redirect", "icmp6-routeradvert", "icmp6-routerrenum", "icmp6-routersolicit",
    "icmp6-timeexceeded", "icmp6code", "icmp6type", "icmpcode", "icmptype", "tcp-ack", "tcp-cwr",
    "tcp-ece", "tcp-fin", "tcp-push", "tcp-rst", "tcp-syn", "tcp-urg", "tcpflags"
};

/* Those that a capture of childflow cannot tell: libpcap asks the kernel, not the packet. */
static const char *const unknown_here[] = { "inbound", "outbound", "ifindex" };

struct reading {
    const char *text;
    struct cf_filter_words *words;
    size_t *ret_offset;
    struct cf_error *err;
    size_t operands;
    bool names;                        /* may stand here: of services and protocols */
    bool outside[CF_FILTER_WORDS_MAX]; /* names, in front of each `(` that is open */
    size_t depth;
};

static bool is_one_of(const char *at, size_t length, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == length && memcmp(list[i], at, length) == 0)
            return true;
    return false;
}

#define IS_ONE_OF(at, length, list) is_one_of(at, length, list, sizeof(list) / sizeof(list)[0])

static bool is_word(const char *at, size_t length, const char *word)
{
    return is_one_of(at, length, &word, 1);
}

/* Bytes of a decimal or hexadecimal number at the front of at; 0: none. */
static size_t number_length(const char *at, size_t length)
{
    size_t n;

    if (length > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
        n = strspn(at + 2, HEX);
        if (n > 0)
            return n + 2 < length ? n + 2 : length;
    }
    n = strspn(at, DIGITS);
    return n < length ? n : length;
}

/* One to four numbers with dots between: ret_parts of them. */
static bool is_dotted(const char *at, size_t length, unsigned *ret_parts)
{
    unsigned parts = 0;

    for (;;) {
        size_t n = number_length(at, length);

        if (n == 0)
            return false;
        parts++;
        if (n == length)
            break;
        if (at[n] != '.' || parts == 4)
            return false;
        at += n + 1;
        length -= n + 1;
    }
    *ret_parts = parts;
    return true;
}

/* count groups of minimum to maximum hexadecimal digits with the same mark between. */
static bool is_groups(const char *at, size_t length, char mark, unsigned count, size_t minimum,
                      size_t maximum)
{
    for (unsigned i = 0; i < count; i++) {
        size_t n = strspn(at, HEX);

        n = n < length ? n : length;
        if (n < minimum || n > maximum)
            return false;
        at += n;
        length -= n;
        if (i + 1 == count)
            break;
        if (length == 0 || at[0] != mark)
            return false;
        at++;
        length--;
    }
    return length == 0;
}

static bool is_mac(const char *at, size_t length)
{
    return is_groups(at, length, ':', 6, 1, 2) || is_groups(at, length, '-', 6, 1, 2) ||
           is_groups(at, length, '.', 6, 1, 2) || is_groups(at, length, '.', 3, 4, 4) ||
           is_groups(at, length, '.', 1, 12, 12);
}

static bool is_ip6(const char *at, size_t length)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;

    if (length >= sizeof text || !memchr(at, ':', length))
        return false;
    memcpy(text, at, length);
    text[length] = '\0';
    return inet_pton(AF_INET6, text, &addr) == 1;
}

static enum cf_filter_word_kind kind_of(const char *at, size_t length)
{
    unsigned parts = 0;

    if (is_mac(at, length))
        return CF_FILTER_ADDRESS;
    if (is_dotted(at, length, &parts))
        return parts == 1 ? CF_FILTER_NUMBER : CF_FILTER_ADDRESS;
    return IS_ONE_OF(at, length, keywords) ? CF_FILTER_KEYWORD : CF_FILTER_NAME;
}

/*
 * Behind a ':' libpcap's scanner may take the beginning of a word for the end
 * of an IPv6 address, and go on in the middle of it.
 */
static bool is_safe_behind_colon(const char *at, enum cf_filter_word_kind kind)
{
    return kind == CF_FILTER_NUMBER || (kind == CF_FILTER_KEYWORD && !strchr(HEX, at[0]));
}

/* The word that begins at a letter, digit, ':', '$' or '\\'. */
static struct cf_filter_word long_word(const char *text, size_t offset)
{
    const char *at = text + offset;
    size_t length = strspn(at, RUN ":");
    enum cf_filter_word_kind kind;

    if (at[0] == '\\') {
        length = 1 + strcspn(at + 1, " !()\n\t");
        kind = length > 1 ? CF_FILTER_NAME : CF_FILTER_OTHER;
    } else if (at[0] == '$') {
        length = 1 + strspn(at + 1, RUN);
        kind = is_groups(at + 1, length - 1, '.', 1, 1, 2) ? CF_FILTER_ADDRESS : CF_FILTER_OTHER;
        length = kind == CF_FILTER_ADDRESS ? length : 1;
    } else if (is_ip6(at, length) || is_mac(at, length)) {
        kind = CF_FILTER_ADDRESS;
    } else if (at[0] == ':') {
        length = 1;
        kind = CF_FILTER_OTHER;
    } else {
        length = strspn(at, RUN);
        while (at[length - 1] == '-' || at[length - 1] == '_')
            length--;
        kind = kind_of(at, length);
        if (offset > 0 && text[offset - 1] == ':' && !is_safe_behind_colon(at, kind))
            kind = CF_FILTER_NAME;
    }
    return (struct cf_filter_word) { kind, (uint16_t)offset, (uint16_t)length };
}

static struct cf_filter_word next_word(const char *text, size_t offset)
{
    static const char *const pairs[] = { "&&", "||", ">=", "<=", "!=", "==", "<<", ">>" };
    const char *at = text + offset;
    size_t length = 1;
    uint32_t point;
    bool valid;

    if (strchr(ALNUM ":$\\", at[0]))
        return long_word(text, offset);
    if (at[1] && IS_ONE_OF(at, 2, pairs))
        length = 2;
    else
        length = cf_text_decode(at, strlen(at), &point, &valid);
    return (struct cf_filter_word) { CF_FILTER_OTHER, (uint16_t)offset, (uint16_t)length };
}

static int refuse(struct reading *reading, const struct cf_filter_word *word, const char *expected)
{
    char quoted[CF_QUOTE_SIZE];

    *reading->ret_offset = word->offset;
    return cf_error_set(reading->err, -EINVAL, "expected %s, got '%s'", expected,
                        cf_quote(reading->text + word->offset, word->length, quoted));
}

static int name_judge(struct reading *reading, const struct cf_filter_word *word)
{
    const char *at = reading->text + word->offset;
    bool behind_colon = word->offset > 0 && at[-1] == ':';

    if (IS_ONE_OF(at, word->length, unknown_here))
        return refuse(reading, word,
                      "'src' or 'dst' and an address (a capture has no other "
                      "direction)");
    if (!reading->names || behind_colon)
        return refuse(reading, word,
                      "a keyword of pcap-filter(7), a number or an address (names "
                      "of hosts are not looked up)");
    reading->operands += memchr(at, '-', word->length) ? 2 : 1;
    return 0;
}

static void keyword_take(struct reading *reading, const struct cf_filter_word *word)
{
    static const char *const joins[] = { "and", "or", "not" };
    static const char *const named[] = { "port", "portrange", "proto", "protochain" };
    const char *at = reading->text + word->offset;

    if (!IS_ONE_OF(at, word->length, joins))
        reading->names = IS_ONE_OF(at, word->length, named);
}

static void other_take(struct reading *reading, const struct cf_filter_word *word)
{
    const char *at = reading->text + word->offset;

    if (is_word(at, word->length, "("))
        reading->outside[reading->depth++] = reading->names;
    else if (is_word(at, word->length, ")") && reading->depth > 0)
        reading->names = reading->outside[--reading->depth];
}

static int too_long(struct reading *reading, size_t offset, int limit, const char *what)
{
    *reading->ret_offset = offset;
    return cf_error_set(reading->err, -E2BIG, "expected at most %d %s, got more", limit, what);
}

static int word_judge(struct reading *reading, const struct cf_filter_word *word)
{
    int r = 0;

    if (word->kind == CF_FILTER_NAME)
        r = name_judge(reading, word);
    else if (word->kind == CF_FILTER_KEYWORD)
        keyword_take(reading, word);
    else if (reading->text[word->offset] == '\\')
        r = refuse(reading, word, "a word behind '\\'"); /* what is put there later would be one */
    else if (word->kind == CF_FILTER_OTHER)
        other_take(reading, word);
    else
        reading->operands++;
    if (r == 0 && reading->operands > CF_FILTER_OPERANDS_MAX)
        r = too_long(reading, word->offset, CF_FILTER_OPERANDS_MAX,
                     "numbers, addresses and services");
    return r;
}

int cf_filter_words_read(const char *text, struct cf_filter_words *ret_words, size_t *ret_offset,
                         struct cf_error *err)
{
    struct reading reading = {
        .text = text, .words = ret_words, .ret_offset = ret_offset, .err = err
    };
    size_t offset = strspn(text, " \r\n\t"), length = strlen(text);
    int r = 0;

    ret_words->n = 0;
    if (length > CF_FILTER_TEXT_MAX) {
        *ret_offset = 0;
        return cf_error_set(err, -E2BIG, "expected at most %d bytes, got %zu", CF_FILTER_TEXT_MAX,
                            length);
    }
    while (r == 0 && text[offset]) {
        struct cf_filter_word *word;

        if (ret_words->n == CF_FILTER_WORDS_MAX)
            return too_long(&reading, offset, CF_FILTER_WORDS_MAX, "words");
        word = &ret_words->items[ret_words->n++];
        *word = next_word(text, offset);
        r = word_judge(&reading, word);
        offset += word->length;
        offset += strspn(text + offset, " \r\n\t");
    }
    return r;
}
