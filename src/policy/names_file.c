/*
 * names_file.c - the names of a group, out of a file
 *
 * How this works: lists of names are long, so the file is never held as a
 * whole. It goes through one buffer twice: the first time its lines are
 * counted, so that the table of names is made at its size at once; the second
 * time they are hashed and read. A line is one name or wildcard, or has the
 * form of hosts(5), an address and names; '#' begins a comment. A finding
 * carries the line's own text, which is all of the file that is at hand.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "policy/digest.h"
#include "policy/file.h"
#include "policy/read.h"

/* Of all the names files of a policy together. */
#define BYTES_MAX ((size_t)256 << 20)
#define LINES_MAX ((size_t)16 << 20)

/* A line has at most so many bytes, its end included. */
#define LINE_MAX_BYTES ((size_t)64 << 10)

/* Bytes that most lines have at least, whose names room is made for at once. */
#define SHORT_LINE 12

/* The lines of a file, through one buffer. */
struct lines {
    int fd;
    size_t limit;             /* bytes that may still come */
    size_t start, end;        /* what is read and not given yet */
    bool ended;               /* nothing more comes */
    struct cf_digest *digest; /* of what was read; NULL: not wanted */
    char buffer[LINE_MAX_BYTES + 1];
};

struct names_file {
    struct cf_reader *reader;
    struct cf_group *group;
    const struct cf_yaml_node *node; /* that names the file, for findings about the whole */
    const char *key;
    const char *path;
    bool foreign; /* findings do not show its text */
    struct lines *lines;
    const char *text; /* the line being read, without its end */
    size_t length;
    unsigned line;
    char address[CF_ADDR_TEXT_SIZE]; /* the last one that a line began with */
};

static void lines_init(struct lines *lines, int fd, size_t limit, struct cf_digest *digest)
{
    lines->fd = fd;
    lines->limit = limit;
    lines->start = lines->end = 0;
    lines->ended = false;
    lines->digest = digest;
}

/* More of the file behind what is left in the buffer; -EMSGSIZE when it is full. */
static int lines_fill(struct lines *lines)
{
    ssize_t n;

    memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
    lines->end -= lines->start;
    lines->start = 0;
    if (lines->end == LINE_MAX_BYTES)
        return -EMSGSIZE;
    do
        n = read(lines->fd, lines->buffer + lines->end, LINE_MAX_BYTES - lines->end);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if ((size_t)n > lines->limit)
        return -EFBIG;
    if (lines->digest)
        cf_digest_add(lines->digest, lines->buffer + lines->end, (size_t)n);
    lines->limit -= (size_t)n;
    lines->end += (size_t)n;
    lines->ended = n == 0;
    return 0;
}

/* As memchr() for LF, which a short line has before that could begin. */
static char *find_newline(char *text, size_t length)
{
    size_t at = 0;

    for (; at < SHORT_LINE && at < length; at++)
        if (text[at] == '\n')
            return text + at;
    return memchr(text + at, '\n', length - at);
}

/*
 * The next line without LF or CR LF; a NUL stands behind it. Borrowed until
 * the next call. Returns 1, 0 at the end, or -errno.
 */
static int lines_next(struct lines *lines, char **ret_text, size_t *ret_length)
{
    size_t looked = 0;

    for (;;) {
        char *start = lines->buffer + lines->start;
        size_t left = lines->end - lines->start;
        char *newline = find_newline(start + looked, left - looked);
        size_t length = newline ? (size_t)(newline - start) : left;
        int r;

        if (newline || (lines->ended && left > 0)) {
            lines->start += length + (newline ? 1 : 0);
            if (newline && length > 0 && start[length - 1] == '\r')
                length--;
            start[length] = '\0';
            *ret_text = start;
            *ret_length = length;
            return 1;
        }
        if (lines->ended)
            return 0;
        looked = left;
        r = lines_fill(lines);
        if (r < 0)
            return r;
    }
}

/* Report the current line, at a byte of it. */
static void wrong(struct names_file *file, size_t offset, const char *message)
{
    struct cf_source source;
    struct cf_mark at = { .line = file->line, .column = 1, .source = &source };

    at.column += (unsigned)cf_text_count_characters(file->text, offset);
    cf_source_init_line(&source, file->path, file->line, file->text, file->length);
    source.hidden = file->foreign;
    cf_read_error(file->reader, at, NULL, "%s", message);
}

/* The word at *at or behind it; its length is 0 at the end of the line. */
static size_t next_word(const char *text, size_t end, size_t *at)
{
    size_t length = 0;

    while (*at < end && (text[*at] == ' ' || text[*at] == '\t'))
        ++*at;
    while (*at + length < end && text[*at + length] != ' ' && text[*at + length] != '\t')
        length++;
    return length;
}

/* An address, one of IPv6 maybe with its zone: fe80::1%lo0. */
static bool is_address(const char *word, size_t length)
{
    const char *zone = memchr(word, '%', length);
    char text[CF_ADDR_TEXT_SIZE];
    struct cf_addr addr;

    if ((word[0] < '0' || word[0] > '9') && !memchr(word, ':', length))
        return false;
    if (zone && memchr(word, ':', length))
        length = (size_t)(zone - word);
    if (length >= sizeof text)
        return false;
    memcpy(text, word, length);
    text[length] = '\0';
    return cf_addr_parse(text, &addr) == 0;
}

/* is_address() of the first word of a line, which lines of one file mostly share. */
static bool is_first_address(struct names_file *file, const char *word, size_t length)
{
    if (length < sizeof file->address && file->address[length] == '\0' &&
        memcmp(file->address, word, length) == 0)
        return true;
    if (!is_address(word, length))
        return false;
    if (length < sizeof file->address) {
        memcpy(file->address, word, length);
        file->address[length] = '\0';
    }
    return true;
}

/* What such lists give to the machine itself; doc/policy.md lists them. */
static bool is_own_name(const char *word)
{
    static const char *const own[] = {
        "localhost",     "localhost.localdomain", "local",        "broadcasthost",
        "ip6-localhost", "ip6-loopback",          "ip6-localnet", "ip6-mcastprefix",
        "ip6-allnodes",  "ip6-allrouters",        "ip6-allhosts",
    };

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(word, own[i]) == 0)
            return true;
    return is_address(word, strlen(word));
}

/* One word that should be a name; behind it stands a NUL only as long as nothing is reported. */
static void read_word(struct names_file *file, char *word, size_t length, bool hosts_form)
{
    struct cf_reader *reader = file->reader;
    char name[CF_NAME_SIZE], behind = word[length];
    struct cf_error err = { 0 };
    enum cf_host_kind kind;
    size_t column = 0;
    bool own;
    int r = 0;

    word[length] = '\0';
    own = hosts_form && is_own_name(word);
    if (!own)
        r = cf_name_pattern_parse(word, &kind, name, &column, &err);
    word[length] = behind;
    if (own)
        return;
    if (r == -EINVAL)
        wrong(file, (size_t)(word - file->text) + column, err.text);
    else if (r < 0 || cf_profile_group_name_add(reader->profile, file->group, kind, name,
                                                strlen(name), file->line) < 0)
        cf_read_out_of_memory(reader);
}

static void read_line(struct names_file *file, char *text)
{
    const char *comment = memchr(text, '#', file->length);
    size_t end = comment ? (size_t)(comment - text) : file->length, at = 0;
    size_t length = next_word(text, end, &at);
    bool hosts_form;

    if (length == 0)
        return;
    hosts_form = is_first_address(file, text + at, length);
    if (hosts_form) {
        size_t address = at;

        at += length;
        length = next_word(text, end, &at);
        if (length == 0)
            wrong(file, address,
                  "expected a name, or an address and names behind it, got an "
                  "address alone");
    }
    while (length > 0 && !cf_diagnostics_full(file->reader->diagnostics)) {
        read_word(file, text + at, length, hosts_form);
        at += length;
        length = next_word(text, end, &at);
        if (length > 0 && !hosts_form) {
            wrong(file, at, "expected one name a line, got another behind it");
            return;
        }
    }
}

/* Only what is no plain ASCII needs a closer look. */
static bool is_text(struct names_file *file)
{
    const char *fault = NULL;
    size_t offset = 0;

    if (cf_text_plain_span(file->text, file->length) < file->length)
        fault = cf_text_fault(file->text, file->length, &offset);
    if (fault)
        wrong(file, offset, fault);
    return !fault;
}

/* The second time through the file. */
static int read_lines(struct names_file *file)
{
    char *text;
    int r;

    while ((r = lines_next(file->lines, &text, &file->length)) > 0) {
        if (++file->line == 1 && file->length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
            text += 3;
            file->length -= 3;
        }
        file->text = text;
        if (is_text(file))
            read_line(file, text);
        if (cf_diagnostics_full(file->reader->diagnostics) || file->reader->out_of_memory)
            return 0;
    }
    file->line++;
    return r;
}

/* The first time through the file. ret_names: lines that say something. */
static int count_lines(struct lines *lines, size_t lines_max, size_t *ret_lines, size_t *ret_names)
{
    size_t length, at;
    char *text;
    int r;

    *ret_lines = *ret_names = 0;
    while ((r = lines_next(lines, &text, &length)) > 0) {
        if (++*ret_lines > lines_max)
            return -EOVERFLOW;
        at = 0;
        if (next_word(text, length, &at) > 0 && text[at] != '#')
            ++*ret_names;
    }
    return r;
}

/* Findings about the file as a whole, at the place that names it. */
static void report_file(struct names_file *file, int r)
{
    char quoted[CF_QUOTED_SIZE];

    cf_quote_text(file->path, quoted);
    if (r == -EFBIG)
        cf_read_report(file->reader, CF_FINDING(CF_CODE_LIMIT, file->node->mark, file->key),
                       "expected at most %zu bytes of names files, got more with %s", BYTES_MAX,
                       quoted);
    else if (r == -EOVERFLOW)
        cf_read_report(file->reader, CF_FINDING(CF_CODE_LIMIT, file->node->mark, file->key),
                       "expected at most %zu lines of names files, got more with %s", LINES_MAX,
                       quoted);
    else if (r == -EMSGSIZE)
        cf_read_report(file->reader, CF_FINDING(CF_CODE_LIMIT, file->node->mark, file->key),
                       "expected lines of at most %zu bytes, got a longer one in %s",
                       LINE_MAX_BYTES - 1, quoted);
    else
        cf_read_unreadable(file->reader, file->node, file->key, file->path, r);
}

/* Both times through the file; its hash goes into the profile. */
static int read_file(struct names_file *file, int fd, struct cf_digest *digest)
{
    struct cf_reader *reader = file->reader;
    char sha256[CF_DIGEST_TEXT_SIZE];
    size_t n_lines, n_names, n_bytes;
    int r;

    lines_init(file->lines, fd, BYTES_MAX - reader->names_bytes, NULL);
    r = count_lines(file->lines, LINES_MAX - reader->names_lines, &n_lines, &n_names);
    if (r < 0)
        return r;
    n_bytes = BYTES_MAX - reader->names_bytes - file->lines->limit;
    reader->names_bytes += n_bytes;
    reader->names_lines += n_lines;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    /* Lines that are mostly shorter than names are may well be no names; room is still made. */
    if (n_names > n_bytes / SHORT_LINE)
        n_names = n_bytes / SHORT_LINE;
    if (cf_profile_group_names_expect(reader->profile, n_names) < 0)
        return -ENOMEM;
    /* A file that has grown since is not the one that was counted. */
    lines_init(file->lines, fd, n_bytes, digest);
    r = read_lines(file);
    if (r < 0)
        return r == -EFBIG ? -ETXTBSY : r;
    cf_digest_finish(digest, sha256);
    return cf_profile_digest_add(reader->profile, file->path, sha256);
}

/* Where the file is, whatever the working directory; false after an error. */
static bool keep_path(struct names_file *file)
{
    size_t offset;

    free(file->group->names_file);
    file->group->names_file = realpath(file->path, NULL);
    if (!file->group->names_file) {
        report_file(file, -errno);
        return false;
    }
    if (!cf_text_fault(file->group->names_file, strlen(file->group->names_file), &offset))
        return true;
    cf_read_error(file->reader, file->node->mark, file->key,
                  "expected a file whose whole path is text, got other bytes in it");
    return false;
}

static void cleanup_digest(struct cf_digest **digest)
{
    cf_digest_free(*digest);
}

void cf_read_names_file(struct cf_reader *reader, struct cf_group *group,
                        const struct cf_yaml_node *node, const char *key)
{
    cf_auto_free char *path = cf_read_path(reader, node);
    cf_auto_free struct lines *lines = malloc(sizeof *lines);
    CF_CLEANUP(cleanup_digest) struct cf_digest *digest = cf_digest_new();
    struct names_file file = { .reader = reader, .group = group, .node = node, .key = key };
    struct cf_file_id id;
    cf_auto_close int fd = -1;
    int r;

    if (!path || !lines || !digest) {
        cf_read_out_of_memory(reader);
        return;
    }
    file.path = path;
    file.lines = lines;
    file.foreign = cf_read_is_foreign(reader, node, path);
    fd = cf_file_open(path, &id);
    if (fd < 0) {
        report_file(&file, fd);
        return;
    }
    if (!keep_path(&file))
        return;
    r = read_file(&file, fd, digest);
    if (r == -ENOMEM)
        cf_read_out_of_memory(reader);
    else if (r < 0)
        report_file(&file, r);
}
