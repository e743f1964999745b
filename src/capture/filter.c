/*
 * filter.c - which packets a capture keeps: pcap-filter(7) to a program
 *
 * The only file that knows libpcap. It is not linked, but loaded: it brings
 * libdbus, libsystemd and libgcrypt with it, which every start of childflow
 * would pay for.
 *
 * How this works. filter_words.c cuts the text into words and refuses what
 * would be looked up; libpcap compiles the rest. It has a message for a wrong
 * filter, but no place. The place is found by trying: words at the front are
 * good when they compile with one of `tails` behind them. What stands behind
 * good words cannot make them bad, so the first bad word is searched by
 * halving. Nothing is optimised there, which is where libpcap takes its time.
 */
#include "capture/filter.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "capture/filter_words.h"
#include "profile/quote.h"

static_assert(sizeof(struct bpf_insn) == sizeof(struct sock_filter) &&
                  offsetof(struct bpf_insn, code) == offsetof(struct sock_filter, code) &&
                  offsetof(struct bpf_insn, jt) == offsetof(struct sock_filter, jt) &&
                  offsetof(struct bpf_insn, jf) == offsetof(struct sock_filter, jf) &&
                  offsetof(struct bpf_insn, k) == offsetof(struct sock_filter, k),
              "libpcap's instructions are the kernel's");

/* Words that older versions do not know would be names to them. */
#define VERSION_MAJOR 1
#define VERSION_MINOR 10

/* The end of a text, its closing brackets and what follows them. */
#define TEXT_SIZE (CF_FILTER_TEXT_MAX + CF_FILTER_WORDS_MAX + 64)

/* Places that a comparison is tried at, among the brackets to be closed. */
#define BRACKETS_TRIED 8

#define FUNCTIONS(F)                                                                               \
    F(bpf_filter)                                                                                  \
    F(pcap_close)                                                                                  \
    F(pcap_compile)                                                                                \
    F(pcap_freecode)                                                                               \
    F(pcap_geterr)                                                                                 \
    F(pcap_lib_version)                                                                            \
    F(pcap_open_dead)

static struct {
    void *handle;
#define MEMBER(name) __typeof__(&name) name##_;
    FUNCTIONS(MEMBER)
#undef MEMBER
} lib;

static bool symbol_find(const char *name, void *ret)
{
    void *symbol = dlsym(lib.handle, name);

    memcpy(ret, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool is_recent(const char *version)
{
    unsigned major = 0, minor = 0;

    return sscanf(version, "libpcap version %u.%u", &major, &minor) == 2 &&
           (major > VERSION_MAJOR || (major == VERSION_MAJOR && minor >= VERSION_MINOR));
}

static int library_load(struct cf_error *err)
{
    const char *wrong = NULL;

    if (lib.handle)
        return 0;
    lib.handle = dlopen("libpcap.so.0.8", RTLD_NOW | RTLD_LOCAL); /* Debian's */
    if (!lib.handle)
        lib.handle = dlopen("libpcap.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!lib.handle)
        return cf_error_set(err, -ENOPKG, "a filter needs libpcap %d.%d (libpcap0.8): %s",
                            VERSION_MAJOR, VERSION_MINOR, dlerror());
#define FIND(name)                                                                                 \
    if (!symbol_find(#name, &lib.name##_))                                                         \
        wrong = #name;
    FUNCTIONS(FIND)
#undef FIND
    if (!wrong && is_recent(lib.pcap_lib_version_()))
        return 0;
    cf_error_set(err, -ENOPKG, "a filter needs libpcap %d.%d, this is another: '%s'", VERSION_MAJOR,
                 VERSION_MINOR, wrong ? wrong : lib.pcap_lib_version_());
    dlclose(lib.handle);
    memset(&lib, 0, sizeof lib);
    return -ENOPKG;
}

static void handle_close(pcap_t **handle)
{
    if (*handle)
        lib.pcap_close_(*handle);
}

#define auto_handle CF_CLEANUP(handle_close)

/* libpcap's words for what is wrong, without those that each message begins with. */
static void message_copy(const char *message, char text[PCAP_ERRBUF_SIZE])
{
    static const char front[] = "can't parse filter expression: ";

    if (strncmp(message, front, sizeof front - 1) == 0)
        message += sizeof front - 1;
    snprintf(text, PCAP_ERRBUF_SIZE, "%s", message);
}

/* Compile text; false with libpcap's message. program may be NULL, when only that is of interest.
 */
static bool compile(const char *text, int dlt, uint32_t snaplen, bool optimise,
                    struct bpf_program *program, char message[PCAP_ERRBUF_SIZE])
{
    auto_handle pcap_t *handle = lib.pcap_open_dead_(dlt, (int)snaplen);
    struct bpf_program unused = { 0 };

    if (!handle) {
        snprintf(message, PCAP_ERRBUF_SIZE, "out of memory");
        return false;
    }
    if (lib.pcap_compile_(handle, program ? program : &unused, text, optimise,
                          PCAP_NETMASK_UNKNOWN) < 0) {
        message_copy(lib.pcap_geterr_(handle), message);
        return false;
    }
    if (!program)
        lib.pcap_freecode_(&unused);
    return true;
}

/*
 * What can stand behind the beginning of a good filter: an operand, a term, half a term. No name:
 * it could stand where that of a host does.
 */
static const char *const tails[] = {
    "",
    " 1",
    " 32",
    " 128",
    " 192.0.2.1",
    " 255.255.255.255",
    " ::1",
    " 00:00:5e:00:53:01",
    " $1",
    " host 192.0.2.1",
    " host ::1",
    " host 00:00:5e:00:53:01",
    " src host 192.0.2.1",
    " src host ::1",
    " src host 00:00:5e:00:53:01",
    " dst host 192.0.2.1",
    " dst host ::1",
    " dst host 00:00:5e:00:53:01",
    " host $1",
    " port 1",
    " src port 1",
    " dst port 1",
    " multicast",
    " proto 1",
    " ip",
    "[1]",
};

/* The brackets that words leave open, the last first; returns how many end with the last `[`. */
static size_t brackets_close(const char *text, const struct cf_filter_word *words, size_t n,
                             char *ret_closing)
{
    char open[CF_FILTER_WORDS_MAX];
    size_t depth = 0, inside = 0;

    for (size_t i = 0; i < n; i++) {
        char c = words[i].length == 1 ? text[words[i].offset] : '\0';

        if (c == '(' || c == '[')
            open[depth++] = c;
        else if ((c == ')' || c == ']') && depth > 0)
            depth--;
    }
    for (size_t i = 0; i < depth; i++) {
        char c = open[depth - 1 - i];

        ret_closing[i] = c == '[' ? ']' : ')';
        if (c == '[')
            inside = i + 1;
    }
    ret_closing[depth] = '\0';
    return inside;
}

/* Whether a text compiles with a tail and all brackets closed. */
static bool is_good_with(const char *text, int length, const char *tail, const char *closing,
                         size_t inside, int dlt)
{
    char full[TEXT_SIZE], message[PCAP_ERRBUF_SIZE];
    size_t depth = strlen(closing);

    snprintf(full, sizeof full, "%.*s%s%s", length, text, tail, closing);
    if (compile(full, dlt, 1, false, NULL, message))
        return true;
    /* Of `(1 + (2 - ip[0` some brackets belong to the sum, others stand around the comparison. */
    for (size_t i = inside; i <= depth && i <= inside + BRACKETS_TRIED; i++) {
        snprintf(full, sizeof full, "%.*s%s%.*s = 1%s", length, text, tail, (int)i, closing,
                 closing + i);
        if (compile(full, dlt, 1, false, NULL, message))
            return true;
    }
    return false;
}

/* Whether words 0 to n - 1 can begin a filter. */
static bool is_viable(const char *text, const struct cf_filter_words *words, size_t n, int dlt)
{
    char closing[CF_FILTER_WORDS_MAX + 1];
    size_t inside = brackets_close(text, words->items, n, closing);
    int length = n > 0 ? words->items[n - 1].offset + words->items[n - 1].length : 0;

    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++)
        if (is_good_with(text, length, tails[i], closing, inside, dlt))
            return true;
    return false;
}

/* How many words at the front can begin a filter. */
static size_t viable_find(const char *text, const struct cf_filter_words *words, int dlt)
{
    size_t good = 0, bad = words->n + 1;

    while (bad - good > 1) {
        size_t middle = good + (bad - good) / 2;

        if (is_viable(text, words, middle, dlt))
            good = middle;
        else
            bad = middle;
    }
    return good;
}

/* Say what is wrong with a text that libpcap refused with a message, and where. */
static int refuse(const char *text, const struct cf_filter_words *words, int dlt,
                  const char *message, size_t *ret_offset, struct cf_error *err)
{
    char quoted[CF_QUOTE_SIZE], unused[PCAP_ERRBUF_SIZE];
    size_t n;

    if (compile(text, dlt, 1, false, NULL, unused)) {
        /* Not for its words, but for what they say together. */
        *ret_offset = words->items[0].offset;
        return cf_error_set(err, -EINVAL, "expected a filter that can be used (%s), got '%s'",
                            message, cf_quote(text, strlen(text), quoted));
    }
    n = viable_find(text, words, dlt);
    if (n == words->n) {
        *ret_offset = strlen(text);
        return cf_error_set(err, -EINVAL, "expected a whole filter (%s), got its end", message);
    }
    *ret_offset = words->items[n].offset;
    return cf_error_set(err, -EINVAL, "expected a filter of pcap-filter(7) (%s), got '%s'", message,
                        cf_quote(text + words->items[n].offset, words->items[n].length, quoted));
}

/* Whether an instruction reads what is no part of the packet: what the kernel knows beside it. */
static bool is_beside_packet(const struct bpf_insn *insn)
{
    unsigned class = BPF_CLASS(insn->code), mode = BPF_MODE(insn->code);

    return insn->k > INT32_MAX && ((class == BPF_LD && (mode == BPF_ABS || mode == BPF_IND)) ||
                                   (class == BPF_LDX && mode == BPF_MSH));
}

static int program_take(const struct bpf_program *program, struct cf_capture_filter *ret_filter,
                        struct cf_error *err)
{
    if (program->bf_len > UINT16_MAX)
        return cf_error_set(err, -E2BIG, "expected at most %u instructions, got %u", UINT16_MAX,
                            program->bf_len);
    for (unsigned i = 0; i < program->bf_len; i++)
        if (is_beside_packet(&program->bf_insns[i]))
            return cf_error_set(err, -EINVAL, "expected offsets within a packet, got %u",
                                program->bf_insns[i].k);
    ret_filter->code = malloc(program->bf_len * sizeof *ret_filter->code);
    if (!ret_filter->code)
        return cf_error_errno(err, -ENOMEM, "cannot keep a filter");
    memcpy(ret_filter->code, program->bf_insns, program->bf_len * sizeof *ret_filter->code);
    ret_filter->length = (unsigned short)program->bf_len;
    return 0;
}

int cf_capture_filter_compile(const char *text, int link_type, uint32_t snaplen,
                              struct cf_capture_filter *ret_filter, size_t *ret_offset,
                              struct cf_error *err)
{
    cf_auto_free struct cf_filter_words *words = malloc(sizeof *words);
    int dlt = link_type == CF_CAPTURE_RAW_IP ? DLT_RAW : DLT_EN10MB, r;
    char message[PCAP_ERRBUF_SIZE];
    struct bpf_program program;

    *ret_offset = 0;
    if (link_type != CF_CAPTURE_ETHERNET && link_type != CF_CAPTURE_RAW_IP)
        return cf_error_set(err, -EINVAL, "packets of link type %d cannot be filtered", link_type);
    if (!words)
        return cf_error_errno(err, -ENOMEM, "cannot read a filter");
    r = cf_filter_words_read(text ? text : "", words, ret_offset, err);
    if (r < 0)
        return r;
    if (words->n == 0) {
        *ret_filter = (struct cf_capture_filter) { 0 };
        return 0;
    }
    r = library_load(err);
    if (r < 0)
        return r;
    if (!compile(text, dlt, snaplen, true, &program, message))
        return refuse(text, words, dlt, message, ret_offset, err);
    r = program_take(&program, ret_filter, err);
    lib.pcap_freecode_(&program);
    return r;
}

/* What begins a connection of TCP, in front of a filter: some words change what is behind them. */
#define BEGINS                                                                                     \
    "(tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn) or (ip6[6] = 6 and ip6[53] & 18 = 2) or ("

int cf_capture_filter_compile_outside(const char *text, uint32_t snaplen,
                                      struct cf_capture_filter *ret_wanted,
                                      struct cf_capture_filter *ret_taken, size_t *ret_offset,
                                      struct cf_error *err)
{
    const size_t front = sizeof BEGINS - 1;
    struct cf_capture_filter wanted = { 0 }, taken = { 0 };
    cf_auto_free char *with = NULL;
    int r = cf_capture_filter_compile(text, CF_CAPTURE_RAW_IP, snaplen, &wanted, ret_offset, err);

    if (r < 0)
        return r;
    if (wanted.length > 0) {
        if (asprintf(&with, BEGINS "%s)", text) < 0) {
            with = NULL;
            cf_capture_filter_done(&wanted);
            return cf_error_set(err, -ENOMEM, "out of memory");
        }
        r = cf_capture_filter_compile(with, CF_CAPTURE_RAW_IP, snaplen, &taken, ret_offset, err);
    }
    if (r < 0) {
        cf_capture_filter_done(&wanted);
        *ret_offset = *ret_offset > front ? *ret_offset - front : 0;
        if (*ret_offset > strlen(text))
            *ret_offset = strlen(text);
        return cf_error_wrap(err, "beside what begins each connection, which is taken too");
    }
    *ret_wanted = wanted;
    *ret_taken = taken;
    return 0;
}

void cf_capture_filter_done(struct cf_capture_filter *filter)
{
    free(filter->code);
    *filter = (struct cf_capture_filter) { 0 };
}

int cf_capture_filter_attach(const struct cf_capture_filter *filter, int fd, bool *ret_in_kernel,
                             struct cf_error *err)
{
    const struct sock_fprog program = { .len = filter->length, .filter = filter->code };
    int r;

    if (filter->length == 0 ||
        setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0) {
        *ret_in_kernel = true;
        return 0;
    }
    r = -errno;
    if (r != -ENOMEM && r != -EINVAL)
        return cf_error_errno(err, r, "cannot filter packets");
    *ret_in_kernel = false;
    return 0;
}

uint32_t cf_capture_filter_run(const struct cf_capture_filter *filter, const uint8_t *packet,
                               uint32_t captured, uint32_t length)
{
    if (filter->length == 0)
        return captured;
    return lib.bpf_filter_((const struct bpf_insn *)(const void *)filter->code, packet, length,
                           captured);
}
