/*
 * hosts_file.c - a file in the form of /etc/hosts, merged into `hosts`
 *
 * Each line is an address and the names that have it; '#' begins a comment
 * (hosts(5)). Findings carry this file's own line and column.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "policy/read.h"

#define FILE_MAX ((size_t)4 << 20)

/* The path as it is opened: beside the policy when it is not absolute. */
static char *file_path(const char *policy, const char *name)
{
    const char *slash = strrchr(policy, '/');
    size_t folder = slash && name[0] != '/' ? (size_t)(slash - policy) + 1 : 0;
    size_t length = strlen(name);
    char *path = malloc(folder + length + 1);

    if (!path)
        return NULL;
    memcpy(path, policy, folder);
    memcpy(path + folder, name, length + 1);
    return path;
}

/* Only a regular file: anything else might block or never end. */
static int file_read(const char *path, char **ret_text, size_t *ret_length)
{
    cf_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    return cf_fd_read_all(fd, FILE_MAX, ret_text, ret_length);
}

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

static unsigned column_of(const char *line, const char *word)
{
    unsigned column = 1;

    for (; line < word; line++)
        if (((unsigned char)*line & 0xc0) != 0x80)
            column++;
    return column;
}

/* One line without comment: an address and its names. False when names are too many. */
static bool read_line(struct cf_reader *reader, char *line, unsigned number)
{
    size_t maximum = cf_schema_find("hosts")->max_items;
    char *rest = line, *address = next_word(&rest), *word;
    struct cf_mark at = { .line = number };
    char quoted[CF_QUOTED_SIZE];
    struct cf_addr addr;
    unsigned n = 0;

    if (!address)
        return true;
    at.column = column_of(line, address);
    if (cf_addr_parse(address, &addr) < 0) {
        cf_read_error(reader, at, NULL, "expected an IPv4 or IPv6 address, got %s",
                      cf_quote_text(address, quoted));
        return true;
    }
    for (; (word = next_word(&rest)); n++) {
        struct cf_mark name_at = { .line = number, .column = column_of(line, word) };
        char name[CF_NAME_SIZE];

        if (!cf_read_host_name(reader, word, name_at, NULL, name))
            continue;
        if (reader->profile->n_hosts >= maximum && !cf_profile_host_find(reader->profile, name)) {
            cf_read_error(reader, name_at, NULL, "expected at most %zu names, got more", maximum);
            return false;
        }
        cf_read_host_addr(reader, name, address, at, NULL, name_at);
    }
    if (n == 0)
        cf_read_error(reader, at, NULL, "expected a name behind the address, got none");
    return true;
}

/* text is cut into lines and words in place. */
static void read_lines(struct cf_reader *reader, char *text, size_t length)
{
    char *end = text + length;
    unsigned number = 1;

    while (text < end) {
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

/* The file's text, checked, as a source of its own. */
static void read_text(struct cf_reader *reader, const char *path, const char *text, size_t length)
{
    struct cf_source source, *policy = reader->source;
    char *copy;

    cf_source_init(&source, path, text, length);
    cf_reader_source(reader, &source);
    if (!reader->out_of_memory && cf_source_check(&source, reader->diagnostics) == 0) {
        copy = malloc(source.length + 1);
        if (copy) {
            memcpy(copy, source.text, source.length);
            copy[source.length] = '\0';
            read_lines(reader, copy, source.length);
        } else {
            cf_read_out_of_memory(reader);
        }
        free(copy);
    }
    cf_reader_source(reader, policy);
}

void cf_read_hosts_file(struct cf_reader *reader)
{
    const struct cf_yaml_node *node = reader->hosts_file;
    cf_auto_free char *path = NULL, *text = NULL;
    char quoted[CF_QUOTED_SIZE];
    size_t length = 0;
    int r;

    if (!node)
        return;
    path = file_path(reader->source->name, node->text);
    if (!path) {
        cf_read_out_of_memory(reader);
        return;
    }
    r = file_read(path, &text, &length);
    if (r == -EFBIG)
        cf_read_error(reader, node->mark, "hosts_file",
                      "expected at most %zu bytes, got more in "
                      "%s",
                      FILE_MAX, cf_quote_text(path, quoted));
    else if (r == -EINVAL)
        cf_read_error(reader, node->mark, "hosts_file", "expected a regular file, got %s",
                      cf_quote_text(path, quoted));
    else if (r < 0)
        cf_read_error(reader, node->mark, "hosts_file",
                      "expected a file that can be read, got %s "
                      "(%s)",
                      cf_quote_text(path, quoted), strerror(-r));
    else
        read_text(reader, path, text, length);
}
