/*
 * bombs_right.c - policies of which much is right, and costs much, and one thing is wrong
 *
 * Or one whose findings cost more than they show.
 */
#include "bombs_write.h"

#include <stdio.h>

void bomb_right_international_names(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++) {
        cf_buffer_puts(text, "  - \"");
        bomb_repeat(text, "\xc3\xa4.", 30);
        cf_buffer_printf(text, "h%u\"\n", i);
    }
    cf_buffer_puts(text, "name: wrong\n");
}

void bomb_right_encoded_names(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++) {
        cf_buffer_puts(text, "  - \"");
        bomb_repeat(text, "xn--4ca.", 30);
        cf_buffer_printf(text, "h%u\"\n", i);
    }
    cf_buffer_puts(text, "nothing: wrong\n");
}

void bomb_international_hosts(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "hosts:\n");
    for (unsigned i = 0; i < 10000; i++) {
        cf_buffer_puts(text, "  \"");
        bomb_repeat(text, "\xc3\xa4.", 30);
        cf_buffer_printf(text, "h%u\": 192.0.2.1\n", i);
    }
    cf_buffer_puts(text, "nothing: wrong\n");
}

void bomb_full_groups(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  groups:\n");
    for (unsigned i = 0; i < 14; i++) {
        cf_buffer_printf(text, "    g%u:\n", i);
        for (unsigned k = 0; k < 10000; k++)
            cf_buffer_printf(text, "    - a%u.c\n", k);
    }
    cf_buffer_puts(text, "nothing: wrong\n");
}

/* Every one is nearly the name of each of a thousand groups. */
void bomb_unknown_groups(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  groups:\n");
    for (unsigned i = 0; i < 1000; i++)
        cf_buffer_printf(text, "    a-rather-long-name-of-a-group-of-endpoints-%04u: [a.c]\n", i);
    cf_buffer_puts(text, "  allow:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "  - group:b-rather-long-name-of-a-group-of-endpoints%05u\n", i);
}

void bomb_known_groups(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  groups:\n");
    for (unsigned i = 0; i < 1000; i++)
        cf_buffer_printf(text, "    a-rather-long-name-of-a-group-of-endpoints-%04u: [a.c]\n", i);
    cf_buffer_puts(text, "  allow:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "  - group:a-rather-long-name-of-a-group-of-endpoints-0999\n");
    cf_buffer_puts(text, "nothing: wrong\n");
}

void bomb_wrong_groups(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  groups:\n");
    for (unsigned i = 0; i < 14; i++) {
        cf_buffer_printf(text, "    g%u:\n", i);
        for (unsigned k = 0; k < 10000; k++)
            cf_buffer_printf(text, "    - a%u.c:x\n", k);
    }
}

void bomb_groups_that_are_none(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  groups:\n");
    for (unsigned i = 0; i < 1000; i++)
        cf_buffer_printf(text, "    g%u: {a: b, c: d, e: f, g: h}\n", i);
}

void bomb_near_words(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "  - privat:%u\n", i + 1);
    cf_buffer_puts(text, "nothing: wrong\n");
}

void bomb_expired_rules(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "  - {to: \"privat:%u\", until: 2001-01-01, exe: /a/*, why: b}\n",
                         i + 1);
    cf_buffer_puts(text, "nothing: wrong\n");
}

void bomb_hosts_in_other_cases(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "hosts:\n");
    for (unsigned i = 0; i < 9000; i++)
        cf_buffer_printf(text, "  h%u.a-rather-long-domain.example.com: 192.0.2.1\n", i);
    for (unsigned i = 0; i < 1000; i++)
        cf_buffer_printf(text, "  H%u.a-rather-long-domain.example.com: 192.0.2.1\n", 8000 + i);
}

void bomb_hosts_of_many_addresses(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "hosts:\n");
    for (unsigned i = 0; i < 2000; i++) {
        cf_buffer_printf(text, "  h%u: [10.0.0.1", i);
        for (unsigned k = 0; k < 63; k++)
            cf_buffer_printf(text, ",10.0.%u.2", k);
        cf_buffer_puts(text, "]\n");
    }
    cf_buffer_puts(text, "nothing: wrong\n");
}

void bomb_a_bypass_of_wrong_names(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "proxy:\n  url: http://proxy.example.com:3128\n  bypass:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "  - tcp://h%u.example.com:x\n", i);
}

void bomb_comments(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "nothing: wrong\n");
    bomb_fill(text, "# a\n", "");
}

void bomb_a_long_comment(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "nothing: wrong\n#");
    bomb_fill(text, "a", "\n");
}

void bomb_long_keys(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "");
    for (unsigned i = 0; text->length < TEXT_MAX - 2048; i++) {
        cf_buffer_puts(text, "\"");
        bomb_repeat(text, "://@password: ", 70);
        cf_buffer_printf(text, "%u\": 1\n", i);
    }
}

void bomb_hidden_parts(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "");
    for (unsigned i = 0; text->length < TEXT_MAX - 2048; i++) {
        cf_buffer_puts(text, "\"");
        bomb_repeat(text, "a://@b ", 130);
        cf_buffer_printf(text, "%u\": 1\n", i);
    }
}

void bomb_hidden_parts_in_a_line(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    cf_buffer_puts(text, "{version: 1, name: bomb, egress: {allow: [");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "\"password: :: token:: a://b@ :: '':: ://@ %u\",", i);
    cf_buffer_puts(text, "]}}\n");
}

void bomb_wrong_values_in_a_line(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    cf_buffer_puts(text, "{version: 1, name: bomb, egress: {allow: [");
    for (unsigned i = 0; i < 10000; i++) {
        cf_buffer_puts(text, "\"");
        bomb_repeat(text, "::: : ", 65);
        cf_buffer_printf(text, "%u\",", i);
    }
    cf_buffer_puts(text, "]}}\n");
}

void bomb_wrong_names_of_wide_characters(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    cf_buffer_puts(text, "{version: 1, name: bomb, egress: {allow: [");
    for (unsigned i = 0; i < 10000; i++) {
        cf_buffer_puts(text, "\"");
        bomb_repeat(text, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e.", 33);
        cf_buffer_printf(text, "%u\",", i);
    }
    cf_buffer_puts(text, "]}}\n");
}

/* Characters of four bytes are those that may be hidden. */
void bomb_values_of_wide_characters(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "command:\n");
    for (unsigned i = 0; i < 63; i++) {
        cf_buffer_puts(text, "  - ");
        bomb_repeat(text, "\xf0\x9f\x98\x80", 16384);
        cf_buffer_puts(text, "\n");
    }
    cf_buffer_puts(text, "nothing: wrong\n");
}

void bomb_globs(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++) {
        cf_buffer_printf(text, "  - {to: \"h.example.com:%u\", exe: \"/", i + 1);
        bomb_repeat(text, "*a?bcdefghijklmnopqrstuvwxyz", 8);
        cf_buffer_printf(text, "%u\"}\n", i);
    }
    cf_buffer_puts(text, "nothing: wrong\n");
}

void bomb_many_right_ports(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n");
    for (unsigned i = 0; i < 60; i++) {
        cf_buffer_puts(text, "  - \"h.example.com:");
        for (unsigned port = 0; port < 11000; port++)
            cf_buffer_printf(text, "%u,", 1 + (port * 7919 + i) % 65535);
        cf_buffer_printf(text, "1\"\n");
    }
    cf_buffer_puts(text, "nothing: wrong\n");
}

void bomb_parents_full_of_hosts(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, "extends: [other-file");
    bomb_repeat(text, ", other-file", 63);
    cf_buffer_puts(text, "]\nhosts:\n");
    cf_buffer_puts(file, "version: 1\nhosts:\n");
    for (unsigned i = 0; i < 10000; i++) {
        cf_buffer_printf(file, "  \"\xc3\xa4.\xc3\xa4.\xc3\xa4.\xc3\xa4.h%u\": 192.0.2.1\n", i);
        cf_buffer_printf(text, "  \"\xc3\xa4.\xc3\xa4.\xc3\xa4.\xc3\xa4.h%u\": 192.0.2.1\n", i);
    }
}

void bomb_overrides(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, "extends: [other-file]\noverride:\n");
    for (unsigned i = 0; i < 64; i++)
        cf_buffer_printf(text, "  - egress.groups.a-rather-long-name-of-a-group-%u\n", i);
    cf_buffer_puts(text, "egress:\n  groups:\n");
    cf_buffer_puts(file, "version: 1\negress:\n  groups:\n");
    for (unsigned i = 0; i < 1000; i++) {
        cf_buffer_printf(text, "    a-rather-long-name-of-a-group-%u: [a.c]\n", 999 - i);
        cf_buffer_printf(file, "    a-rather-long-name-of-a-group-%u: [a.c]\n", i);
    }
    cf_buffer_puts(text, "nothing: wrong\n");
}

void bomb_extended_rules(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, "extends: [other-file");
    bomb_repeat(text, ", other-file", 63);
    cf_buffer_puts(text, "]\n");
    cf_buffer_puts(file, "version: 1\negress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(file, "  - {to: \"a.example.com:%u\", why: a}\n", i + 1);
}

/* The list of the first is looked through again for each of the others. */
void bomb_parents_beside_each_other(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, "extends: [other-file");
    cf_buffer_puts(file, "version: 1\negress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(file, "  - {to: \"a.example.com:%u\", why: a}\n", i + 1);
    for (unsigned i = 1; i < 63; i++) {
        cf_buffer_printf(text, ", other-file.%u", i);
        cf_buffer_printf(file, "\fversion: 1\negress: {allow: [\"b%u.example.com\"]}\n", i);
    }
    cf_buffer_puts(text, "]\n");
}

void bomb_hosts_beside_each_other(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, "extends: [other-file");
    cf_buffer_puts(file, "version: 1\nhosts:\n");
    for (unsigned i = 0; i < 9000; i++)
        cf_buffer_printf(file, "  h%u.example.com: 192.0.2.1\n", i);
    for (unsigned i = 1; i < 63; i++) {
        cf_buffer_printf(text, ", other-file.%u", i);
        cf_buffer_printf(file, "\fversion: 1\nhosts: {\"\xc3\xa4%u.example.com\": 192.0.2.1}\n", i);
    }
    cf_buffer_puts(text, "]\n");
}

void bomb_lists_beside_each_other(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, "extends: [other-file");
    for (unsigned i = 0; i < 63; i++) {
        if (i > 0)
            cf_buffer_printf(text, ", other-file.%u", i);
        cf_buffer_printf(file, "%sversion: 1\negress: {allow: [", i ? "\f" : "");
        for (unsigned k = 0; k < 2200; k++)
            cf_buffer_printf(file, "\"b%u-%u.example.com\",", i, k);
        cf_buffer_puts(file, "]}\n");
    }
    cf_buffer_puts(text, "]\n");
}

void bomb_everything_at_its_longest(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "  - {to: a%u.example.com, exe: /bin/a}\n", i);
    cf_buffer_puts(text, "  deny:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "  - 10.0.%u.%u\n", i >> 8, i & 255);
    cf_buffer_puts(text, "  groups:\n    g:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "    - b%u.example.com\n", i);
    cf_buffer_puts(text, "hosts:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "  c%u.example.com: 192.0.2.1\n", i);
    cf_buffer_puts(text, "nothing: wrong\n");
}

void bomb_a_names_file_of_empty_lines(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, NAMES_FILE);
    bomb_repeat(file, "\n", ((size_t)16 << 20) + 1);
}

void bomb_a_names_file_of_many_names_on_a_line(struct cf_buffer *text, struct cf_buffer *file)
{
    bomb_begin(text, NAMES_FILE);
    for (unsigned i = 0; i < 80; i++) {
        cf_buffer_puts(file, "192.0.2.1");
        bomb_repeat(file, " ..", 20000);
        cf_buffer_puts(file, "\n");
    }
}

void bomb_overlapping_ports(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "  - h.example.com:%u-%u\n", i + 1, 65535 - i);
}

void bomb_overlapping_prefixes(struct cf_buffer *text, struct cf_buffer *file)
{
    (void)file;
    bomb_begin(text, "egress:\n  allow:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "  - {to: \"10.%u.%u.0/24:%u-%u\", exe: /bin/a%u}\n", i >> 8 & 255,
                         i & 255, i + 1, 65535 - i, i);
    cf_buffer_puts(text, "  deny:\n");
    for (unsigned i = 0; i < 10000; i++)
        cf_buffer_printf(text, "  - {to: \"10.0.0.0/%u:%u-%u\", exe: /bin/a%u}\n", 8 + i % 8, i + 1,
                         65535 - i, i);
}
