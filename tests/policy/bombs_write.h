/*
 * bombs_write.h - how a bomb is written, and those that bombs.c only lists
 */
#ifndef CF_TESTS_POLICY_BOMBS_WRITE_H
#define CF_TESTS_POLICY_BOMBS_WRITE_H

#include <stddef.h>

#include "base/buffer.h"

/* Bytes that a policy may have. */
#define TEXT_MAX ((size_t)4 << 20)

#define NAMES_FILE "egress: {deny: [group:n], groups: {n: {names_file: other-file}}}\n"

/* The keys that every bomb has, and the one that it is about. */
void bomb_begin(struct cf_buffer *text, const char *key);
/* what, over and over, until the text with tail is as long as it may be. */
void bomb_fill(struct cf_buffer *text, const char *what, const char *tail);
void bomb_repeat(struct cf_buffer *text, const char *what, size_t n);

typedef void bomb_write_fn(struct cf_buffer *text, struct cf_buffer *file);

/* Those of bombs_right.c. */
bomb_write_fn bomb_right_international_names, bomb_right_encoded_names, bomb_international_hosts,
    bomb_full_groups, bomb_unknown_groups, bomb_known_groups, bomb_wrong_groups,
    bomb_groups_that_are_none, bomb_near_words, bomb_expired_rules, bomb_hosts_in_other_cases,
    bomb_hosts_of_many_addresses, bomb_a_bypass_of_wrong_names, bomb_comments, bomb_a_long_comment,
    bomb_long_keys, bomb_hidden_parts, bomb_hidden_parts_in_a_line, bomb_wrong_values_in_a_line,
    bomb_wrong_names_of_wide_characters, bomb_globs, bomb_many_right_ports,
    bomb_parents_full_of_hosts, bomb_overrides, bomb_extended_rules, bomb_parents_beside_each_other,
    bomb_hosts_beside_each_other, bomb_lists_beside_each_other, bomb_everything_at_its_longest,
    bomb_a_names_file_of_empty_lines, bomb_a_names_file_of_many_names_on_a_line,
    bomb_overlapping_ports, bomb_overlapping_prefixes, bomb_values_of_wide_characters;

#endif
