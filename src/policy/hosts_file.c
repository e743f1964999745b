/*
 * hosts_file.c - a file in the form of /etc/hosts, merged into `hosts`
 *
 * Each line is an address and the names that have it; '#' begins a comment
 * (hosts(5)). Findings carry this file's own line and column.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "policy/read.h"

#define FILE_MAX ((size_t)4 << 20)

/* The next word of a line; NULL at its end. Moves *at behind it. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " \t");
    size_t length = strcspn(word, " \t");

    if (length == 0)
        return NULL;
    *at = word + length;
    if (**at)
        *(*at)++ = '\0';
    return word;
}

/* Characters of a line from one byte to another. */
static unsigned count_characters(const char *from, const char *to)
{
    return (unsigned)cf_text_count_characters(from, (size_t)(to - from));
}

/* One more address for a name. False when there are too many, of names or of its addresses. */
static bool add_address(struct cf_reader *reader, const char *name, const char *address,
                        struct cf_mark at, struct cf_mark name_at)
{
    const struct cf_host *host = cf_profile_host_find(reader->profile, name);
    size_t maximum = cf_schema_find("hosts")->max_items;

    if (!host && reader->profile->n_hosts >= maximum) {
        cf_read_report(reader, CF_FINDING(CF_CODE_LIMIT, name_at, NULL),
                       "expected at most %zu names, got more", maximum);
        return false;
    }
    if (host && host->n_addrs >= CF_HOST_ADDRESSES_MAX) {
        cf_read_report(reader, CF_FINDING(CF_CODE_LIMIT, name_at, NULL),
                       "expected at most %d addresses of a name, got more", CF_HOST_ADDRESSES_MAX);
        return false;
    }
    cf_read_host_addr(reader, name, address, at, NULL);
    return true;
}

/* One line without comment: an address and its names. False when the file ends here. */
static bool read_line(struct cf_reader *reader, char *line, unsigned number)
{
    char *rest = line, *address = next_word(&rest), *before, *word;
    struct cf_mark at = { .line = number }, name_at;
    char quoted[CF_QUOTED_SIZE];
    struct cf_addr addr;
    unsigned n = 0;

    if (!address)
        return true;
    at.column = 1 + count_characters(line, address);
    if (cf_addr_parse(address, &addr) < 0) {
        cf_read_error(reader, at, NULL, "expected an IPv4 or IPv6 address, got %s",
                      cf_quote_text(address, quoted));
        return true;
    }
    name_at = at;
    for (before = address; (word = next_word(&rest)); before = word, n++) {
        char name[CF_NAME_SIZE];

        if (cf_diagnostics_full(reader->diagnostics))
            return false;
        name_at.column += count_characters(before, word);
        if (!cf_read_host_name(reader, word, name_at, NULL, name))
            continue;
        if (!add_address(reader, name, address, at, name_at))
            return false;
    }
    if (n == 0)
        cf_read_error(reader, at, NULL, "expected a name behind the address, got none");
    return true;
}

/* Lines and words are cut in a copy: messages show the text as it is. */
static void read_lines(struct cf_reader *reader, const struct cf_source *source)
{
    cf_auto_free char *copy = malloc(source->length + 1);
    char *text = copy, *end;
    unsigned number = 1;

    if (!copy) {
        cf_read_out_of_memory(reader);
        return;
    }
    memcpy(copy, source->text, source->length);
    copy[source->length] = '\0';
    end = copy + source->length;
    while (text < end && !cf_diagnostics_full(reader->diagnostics)) {
        char *newline = memchr(text, '\n', (size_t)(end - text));
        char *stop = newline ? newline : end, *comment;

        *stop = '\0';
        if (stop > text && stop[-1] == '\r')
            stop[-1] = '\0';
        comment = strchr(text, '#');
        if (comment)
            *comment = '\0';
        if (!read_line(reader, text, number++) || !newline)
            return;
        text = newline + 1;
    }
}

void cf_read_hosts_file(struct cf_reader *reader)
{
    struct cf_read_file file = { 0 };
    struct cf_source source, *policy = reader->source;

    if (!reader->hosts_file ||
        !cf_read_file(reader, reader->hosts_file, "hosts_file", FILE_MAX, &file))
        return;
    cf_source_init(&source, file.path, file.text, file.length);
    source.hidden = cf_read_is_foreign(reader, reader->hosts_file, file.path);
    cf_reader_source(reader, &source);
    if (!reader->out_of_memory && cf_source_check(&source, reader->diagnostics) == 0)
        read_lines(reader, &source);
    cf_reader_source(reader, policy);
    cf_read_file_done(&file);
}
