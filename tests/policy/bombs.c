/*
 * bombs.c - policies that were written to cost memory or time
 *
 * Each fills the 4 MiB that a policy may have, or as much of it as does the
 * harm, with one thing.
 */
#include "bombs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bombs_write.h"

void bomb_begin(struct cf_buffer *text, const char *key)
{
    cf_buffer_puts(text, "version: 1\nname: bomb\n");
    cf_buffer_puts(text, key);
}

/* what, over and over, until the text with tail is as long as it may be. */
void bomb_fill(struct cf_buffer *text, const char *what, const char *tail)
{
    struct cf_buffer block;
    size_t room = TEXT_MAX - text->length, used;

    cf_buffer_init(&block, 0);
    cf_buffer_puts(&block, what);
    used = block.length;
    for (const char *at = tail; *at; at++)
        room--;
    for (size_t n = room / used; n > 0; n--)
        cf_buffer_append(text, block.data, used);
    cf_buffer_puts(text, tail);
    cf_buffer_done(&block);
}

void bomb_repeat(struct cf_buffer *text, const char *what, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cf_buffer_puts(text, what);
}

/* A bomb that is one thing over and over. */
#define FILLED(function, key, what, tail)                                                          \
    static void function(struct cf_buffer *text, struct cf_buffer *file)                           \
    {                                                                                              \
        (void)file;                                                                                \
        bomb_begin(text, key);                                                                     \
        bomb_fill(text, what, tail);                                                               \
    }

FILLED(lists_in_a_line, "command: ", "[", "")
FILLED(lists_in_lines, "command: ", "[\n", "")
FILLED(maps_in_a_line, "command: ", "{a: ", "")
FILLED(maps_in_maps, "command: ", "{", "")
FILLED(lists_of_maps, "command: ", "[{a: ", "")
FILLED(closing_brackets, "command: ", "]", "")
FILLED(commas, "command: [", ",", "]\n")
FILLED(colons, "command: ", ": ", "\n")
FILLED(dashes, "command:\n", "- ", "\n")
FILLED(question_marks, "command:\n", "? ", "\n")
FILLED(anchors_in_a_line, "command: ", "&a ", "\n")
FILLED(anchored_lists, "command: ", "&a [", "\n")
FILLED(tags_in_a_line, "command: ", "!a ", "\n")
FILLED(tagged_items, "command: [", "!a x,", "]\n")
FILLED(aliases, "command: [&a x", ",*a", "]\n")
FILLED(pipes, "command:\n", "- |\n", "")
FILLED(percents, "", "%", "\n")
FILLED(documents, "", "--- a\n", "")
FILLED(document_ends, "", "...\n", "")
FILLED(words_in_lines, "description: a\n", "  b\n", "")
FILLED(words_in_a_line, "description: ", "b ", "\n")
FILLED(quoted_lines, "description: \"", "b\n ", "\"\n")
FILLED(single_quotes, "description: '", "''", "'\n")
FILLED(escapes, "description: \"", "\\n", "\"\n")
FILLED(quote_without_end, "description: \"", "b", "")
FILLED(block_of_lines, "description: |\n", "  b\n", "")
FILLED(folded_lines, "description: >\n", "  b\n", "")
FILLED(long_key, "", "k", ": 1\n")
FILLED(long_anchor, "description: &", "a", " x\n")
FILLED(long_alias, "description: *", "a", "\n")
FILLED(long_tag, "description: !", "a", " x\n")
FILLED(blanks_behind_a_value, "description: a", " ", "\n")
FILLED(characters_of_two_bytes, "description: ", "\xc3\xa9", "\n")
FILLED(duplicate_keys, "", "name: p\n", "")
FILLED(near_keys, "", "nam: p\n", "")
FILLED(keys_in_a_line, "egress: {", "alow: 1, ", "}\n")

static void aliases_of_aliases(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "a0: &a0 [lol]\n");
    for (int i = 1; i < 100; i++) {
        cf_buffer_printf(text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 9; j++)
            cf_buffer_printf(text, "*a%d,", i - 1);
        cf_buffer_puts(text, "]\n");
    }
}

/* A key that libyaml keeps a buffer for, which it clears at each word behind. */
static void blanks_then_words(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "description: a");
    bomb_repeat(text, " ", TEXT_MAX / 4);
    bomb_fill(text, "b ", "\n");
}

static void empty_lines_then_words(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "description: a\n");
    bomb_repeat(text, "\n", TEXT_MAX / 4);
    bomb_fill(text, "  b\n", "");
}

static void empty_lines_then_quoted_words(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "description: \"a\n");
    bomb_repeat(text, "\n", TEXT_MAX / 4);
    bomb_fill(text, "b\n", "\"\n");
}

static void empty_lines_then_a_block(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "description: |\n  a\n");
    bomb_repeat(text, "\n", TEXT_MAX / 4);
    bomb_fill(text, "  b\n", "");
}

/* Each is compared with all before it. */
static void tag_directives(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    for (unsigned i = 0; text->length < TEXT_MAX - 64; i++)
        cf_buffer_printf(text, "%%TAG !%x! !\n", i);
    cf_buffer_puts(text, "---\nversion: 1\n");
}

static void tag_directives_behind_the_document(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "...\n");
    for (unsigned i = 0; text->length < TEXT_MAX - 64; i++)
        cf_buffer_printf(text, "%%TAG !%x! !\n", i);
    cf_buffer_puts(text, "---\nversion: 1\n");
}

static void many_anchors(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "command: [");
    for (unsigned i = 0; text->length < TEXT_MAX - 64; i++)
        cf_buffer_printf(text, "&%x x,", i);
    cf_buffer_puts(text, "]\n");
}

static void different_keys(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "");
    for (unsigned i = 0; i < 70000; i++)
        cf_buffer_printf(text, "key%u: 1\n", i);
}

/* Every map has a finding at a key and then one at its front. */
static void findings_back_and_forth_in_lines(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "");
    bomb_repeat(text, "#\n", TEXT_MAX / 4);
    cf_buffer_puts(text, "egress:\n  allow:\n");
    bomb_repeat(text, "  - why: a\n    wy: b\n", 10000);
}

static void findings_back_and_forth_in_a_line(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    cf_buffer_puts(text, "{version: 1, name: bomb, command: [");
    for (int i = 0; i < 40; i++) {
        bomb_repeat(text, "x", 60000);
        cf_buffer_puts(text, ", ");
    }
    cf_buffer_puts(text, "], egress: {allow: [");
    bomb_repeat(text, "{why: a, wy: b}, ", 10000);
    cf_buffer_puts(text, "]}}\n");
}

/* What is inside is closed, and reported, first. */
static void findings_from_the_inside_out(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "command: [");
    bomb_repeat(text, "xxxxxxxxxxxxxxxx xxxxxxxxxxxxxxxx, ", 60000);
    for (int i = 0; i < 60; i++) {
        cf_buffer_puts(text, "{");
        bomb_repeat(text, "a: 1, ", 5);
        cf_buffer_puts(text, "b: ");
    }
    for (int i = 0; i < 60; i++)
        cf_buffer_puts(text, ", a: 1}");
    cf_buffer_puts(text, "]\n");
}

static void wrong_rules(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "  - \"privat%u: %0380u\"\n", i % 10, i);
}

static void international_names(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++) {
        cf_buffer_puts(text, "  - \"");
        bomb_repeat(text, "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa9.", 42);
        cf_buffer_printf(text, "%u\"\n", i);
    }
}

static void many_ports(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n");
    for (unsigned i = 0; i < 64; i++) {
        cf_buffer_puts(text, "  - \"h.example.com:");
        for (unsigned port = 0; port < 10000; port++)
            cf_buffer_printf(text, "%u,", 1 + port * 7919 % 65535);
        cf_buffer_puts(text, "x\"\n");
    }
}

static void a_rule_by_many_aliases(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n  - &a {to: \"h.example.com:");
    for (unsigned port = 0; port < 30; port++)
        cf_buffer_printf(text, "%u,", 1 + port);
    cf_buffer_puts(text, "x\"}\n");
    bomb_repeat(text, "  - *a\n", 9999);
}

static void hosts_again_and_again(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "hosts:\n");
    for (unsigned i = 0; i < 5000; i++)
        cf_buffer_printf(text, "  h%u.a-rather-long-domain.example.com: 192.0.2.1\n", i);
    for (unsigned i = 0; i < 5000; i++)
        cf_buffer_puts(text, "  h4999.a-rather-long-domain.example.com: 192.0.2.1\n");
}

static void hosts_from_the_last_to_the_first(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "hosts:\n");
    for (unsigned i = 10000; i > 0; i--)
        cf_buffer_printf(text, "  h%05u.example.com: 192.0.2.1\n", i);
    cf_buffer_puts(text, "  h00000.example.com: x\n");
}

static void a_host_of_very_many_addresses(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, "hosts_file: other-file\n");
    for (unsigned i = 0; file->length < TEXT_MAX - 64; i++)
        cf_buffer_printf(file, "10.%u.%u.%u h\n", i >> 16 & 255, i >> 8 & 255, i & 255);
}

static void a_hosts_file_of_very_many_names(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, "hosts_file: other-file\n");
    cf_buffer_puts(file, "192.0.2.1");
    for (unsigned i = 900000; file->length < TEXT_MAX - 64; i--)
        cf_buffer_printf(file, " h%x", i);
}

static void a_hosts_file_of_findings(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, "hosts_file: other-file\n");
    bomb_fill(file, "x\n", "");
}

static void a_names_file_of_findings(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, NAMES_FILE);
    bomb_fill(file, ".\n", "");
}

static void a_names_file_of_one_line(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, NAMES_FILE);
    bomb_fill(file, "a ", "\n");
}

static void a_names_file_of_international_names(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, NAMES_FILE);
    bomb_fill(file, "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa9..example\n", "");
}

/* A policy and its parent, each with the longest list of rules; no two are the same. */
static void a_parent_with_another_list(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, "extends: [other-file]\negress:\n  allow:\n");
    cf_buffer_puts(file, "version: 1\negress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++) {
        cf_buffer_printf(text, "  - {to: a%u.example.com, why: the-same-words-for-all}\n", i);
        cf_buffer_printf(file, "  - {to: b%u.example.com, why: the-same-words-for-all}\n", i);
    }
}

static void a_parent_full_of_findings(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, "extends: [other-file]\negress:\n  allow:\n");
    cf_buffer_puts(file, "version: 1\negress:\n  allow:\n");
    bomb_repeat(text, "  - why: a\n    wy: b\n", 10000);
    bomb_repeat(file, "  - why: a\n    wy: b\n", 10000);
}

static void a_parent_that_is_its_own(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, "extends: [other-file]\n");
    cf_buffer_puts(file, "version: 1\nextends: [other-file");
    bomb_repeat(file, ", other-file", 63);
    cf_buffer_puts(file, "]\n");
}

#define AT_MOST_LEVELS "at most 64 levels"
#define AT_MOST_VALUES "at most 150000 values and keys"
#define AT_MOST_BYTES "a value of at most 65536 bytes"
#define AT_MOST_BLANKS "at most 256 blanks and line ends in a row"
#define AT_MOST_DIRECTIVES "at most 100 directives"
#define AT_MOST_EXPANDED "aliases that stand for at most 10000 nodes"
#define NOTHING "nothing: expected a known key"
#define AT_MOST_ENDPOINTS "at most 30000 endpoints in all lists"
#define AT_MOST_INTERNATIONAL "at most 200000 bytes of international names"
#define READING_ENDED "and perhaps more: reading ended here"

const struct bomb bombs[] = {
    { "[ in a line", lists_in_a_line, AT_MOST_LEVELS },
    { "[ in lines", lists_in_lines, AT_MOST_LEVELS },
    { "{a: in a line", maps_in_a_line, AT_MOST_LEVELS },
    { "{ in a line", maps_in_maps, "expected a key that is text, got a map" },
    { "[{a: in a line", lists_of_maps, AT_MOST_LEVELS },
    { "] in a line", closing_brackets, "did not find expected node content" },
    { "commas", commas, "did not find expected node content" },
    { "colons", colons, "mapping values are not allowed" },
    { "dashes", dashes, AT_MOST_LEVELS },
    { "question marks", question_marks, "expected a key that is text, got a map" },
    { "anchors in a line", anchors_in_a_line, "did not find expected key" },
    { "anchored lists", anchored_lists, AT_MOST_LEVELS },
    { "tags in a line", tags_in_a_line, "did not find expected" },
    { "tagged items", tagged_items, READING_ENDED },
    { "aliases", aliases, AT_MOST_EXPANDED },
    { "pipes", pipes, AT_MOST_VALUES },
    { "percents", percents, "could not find expected directive name" },
    { "documents", documents, "expected one document, got a second one" },
    { "document ends", document_ends, NULL },
    { "words in lines", words_in_lines, AT_MOST_BYTES },
    { "words in a line", words_in_a_line, AT_MOST_BYTES },
    { "quoted lines", quoted_lines, AT_MOST_BYTES },
    { "single quotes", single_quotes, AT_MOST_BYTES },
    { "escapes", escapes, AT_MOST_BYTES },
    { "a quote without end", quote_without_end, "found unexpected end of stream" },
    { "a block of lines", block_of_lines, AT_MOST_BYTES },
    { "folded lines", folded_lines, AT_MOST_BYTES },
    { "a long key", long_key, "could not find expected ':'" },
    { "a long anchor", long_anchor, NULL },
    { "a long alias", long_alias, "expected an anchor in front of alias" },
    { "a long tag", long_tag, "expected a value without a tag" },
    { "blanks behind a value", blanks_behind_a_value, AT_MOST_BLANKS },
    { "characters of two bytes", characters_of_two_bytes, AT_MOST_BYTES },
    { "duplicate keys", duplicate_keys, AT_MOST_VALUES },
    { "near keys", near_keys, AT_MOST_VALUES },
    { "keys in a line", keys_in_a_line, AT_MOST_VALUES },
    { "aliases of aliases", aliases_of_aliases, AT_MOST_EXPANDED },
    { "blanks, then words", blanks_then_words, AT_MOST_BLANKS },
    { "empty lines, then words", empty_lines_then_words, AT_MOST_BLANKS },
    { "empty lines, then quoted words", empty_lines_then_quoted_words, AT_MOST_BLANKS },
    { "empty lines, then a block", empty_lines_then_a_block, AT_MOST_BLANKS },
    { "%TAG directives", tag_directives, AT_MOST_DIRECTIVES },
    { "%TAG behind the document", tag_directives_behind_the_document, AT_MOST_DIRECTIVES },
    { "many anchors", many_anchors, "expected at most 1000 anchors" },
    { "different keys", different_keys, READING_ENDED },
    { "findings back and forth in lines", findings_back_and_forth_in_lines, READING_ENDED },
    { "findings back and forth in a line", findings_back_and_forth_in_a_line, READING_ENDED },
    { "findings from the inside out", findings_from_the_inside_out,
      "command: expected at most 10000 items" },
    { "wrong rules", wrong_rules, READING_ENDED },
    { "international names", international_names, AT_MOST_INTERNATIONAL },
    { "many ports", many_ports, "expected a port from 1 to 65535" },
    { "a rule by many aliases", a_rule_by_many_aliases, AT_MOST_EXPANDED },
    { "hosts again and again", hosts_again_and_again, READING_ENDED },
    { "hosts from the last to the first", hosts_from_the_last_to_the_first, "at most 10000 names" },
    { "a host of very many addresses", a_host_of_very_many_addresses,
      "at most 64 addresses of a name" },
    { "a hosts file of very many names", a_hosts_file_of_very_many_names, "at most 10000 names" },
    { "a hosts file of findings", a_hosts_file_of_findings, READING_ENDED },
    { "a names file of findings", a_names_file_of_findings, READING_ENDED },
    { "a names file of one line", a_names_file_of_one_line,
      "expected lines of at most 65535 bytes" },
    { "a names file of international names", a_names_file_of_international_names, READING_ENDED },
    { "a parent with another list", a_parent_with_another_list, "at most 10000 items" },
    { "a parent full of findings", a_parent_full_of_findings, READING_ENDED },
    { "a parent that is its own", a_parent_that_is_its_own, "circle" },
    { "right international names", bomb_right_international_names, AT_MOST_INTERNATIONAL },
    { "right encoded names", bomb_right_encoded_names, NOTHING },
    { "international hosts", bomb_international_hosts, AT_MOST_INTERNATIONAL },
    { "full groups", bomb_full_groups, AT_MOST_ENDPOINTS },
    { "unknown groups", bomb_unknown_groups, READING_ENDED },
    { "known groups", bomb_known_groups, NOTHING },
    { "wrong groups", bomb_wrong_groups, READING_ENDED },
    { "groups that are none", bomb_groups_that_are_none, READING_ENDED },
    { "near words", bomb_near_words, NOTHING },
    { "expired rules", bomb_expired_rules, NOTHING },
    { "hosts in other cases", bomb_hosts_in_other_cases, READING_ENDED },
    { "hosts of many addresses", bomb_hosts_of_many_addresses, NOTHING },
    { "a bypass of wrong names", bomb_a_bypass_of_wrong_names, READING_ENDED },
    { "comments", bomb_comments, NOTHING },
    { "a long comment", bomb_a_long_comment, NOTHING },
    { "long keys", bomb_long_keys, READING_ENDED },
    { "hidden parts", bomb_hidden_parts, READING_ENDED },
    { "hidden parts in a line", bomb_hidden_parts_in_a_line, READING_ENDED },
    { "wrong values in a line", bomb_wrong_values_in_a_line, READING_ENDED },
    { "wrong names of wide characters", bomb_wrong_names_of_wide_characters,
      AT_MOST_INTERNATIONAL },
    { "globs", bomb_globs, NOTHING },
    { "many right ports", bomb_many_right_ports, NOTHING },
    { "parents full of hosts", bomb_parents_full_of_hosts, AT_MOST_INTERNATIONAL },
    { "overrides", bomb_overrides, NOTHING },
    { "extended rules", bomb_extended_rules, NULL },
    { "parents beside each other", bomb_parents_beside_each_other, "steps" },
    { "hosts beside each other", bomb_hosts_beside_each_other, "steps" },
    { "lists beside each other", bomb_lists_beside_each_other, AT_MOST_ENDPOINTS },
    { "values of wide characters", bomb_values_of_wide_characters, NOTHING },
    { "everything at its longest", bomb_everything_at_its_longest, NOTHING },
    { "a names file of empty lines", bomb_a_names_file_of_empty_lines, "lines" },
    { "a names file of names on a line", bomb_a_names_file_of_many_names_on_a_line, READING_ENDED },
    { "overlapping ports", bomb_overlapping_ports, NULL },
    { "overlapping prefixes", bomb_overlapping_prefixes, NULL },
};
const size_t n_bombs = sizeof bombs / sizeof bombs[0];

#define FILES_MAX 64

static const char *file_name(size_t i, char name[32])
{
    snprintf(name, 32, i > 0 ? "other-file.%zu" : "other-file", i);
    return name;
}

bool bomb_files_write(const struct cf_buffer *file)
{
    const char *at = file->data;
    size_t left = file->length;
    bool written = true;
    char name[32];

    for (size_t i = 0; written && left > 0 && i < FILES_MAX; i++) {
        const char *feed = memchr(at, '\f', left);
        size_t length = feed ? (size_t)(feed - at) : left;
        FILE *stream = fopen(file_name(i, name), "we");

        if (!stream)
            return false;
        written = fwrite(at, 1, length, stream) == length;
        written = fclose(stream) == 0 && written;
        if (!feed)
            break;
        at = feed + 1;
        left -= length + 1;
    }
    return written;
}

void bomb_files_remove(void)
{
    char name[32];

    for (size_t i = 0; i < FILES_MAX; i++)
        unlink(file_name(i, name));
}
