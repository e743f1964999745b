/*
 * test_merge.c - one tree of two
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "policy/merge.h"

/* A tree and what it lives on. */
struct tree {
    struct cf_source source;
    struct cf_yaml_document document;
};

static void tree_read(struct tree *tree, const char *name, const char *text)
{
    struct cf_diagnostics diagnostics;
    struct cf_yaml_count count = { 0 };

    cf_diagnostics_init(&diagnostics);
    cf_source_init(&tree->source, name, text, strlen(text));
    /* Doubles of a key are reported, and stay in the tree. */
    assert_int_equal(cf_yaml_read(&tree->source, &diagnostics, &count, &tree->document), 0);
    cf_diagnostics_done(&diagnostics);
}

/* As JSON without quotes. */
static void put_node(struct cf_buffer *buffer, const struct cf_yaml_node *node)
{
    if (node->kind == CF_YAML_SCALAR) {
        cf_buffer_puts(buffer, node->text);
        return;
    }
    cf_buffer_puts(buffer, node->kind == CF_YAML_MAP ? "{" : "[");
    for (size_t i = 0; i < node->n_items; i++) {
        const char *separator = node->kind == CF_YAML_MAP && i % 2 ? ": " : ", ";

        cf_buffer_puts(buffer, i ? separator : "");
        put_node(buffer, node->items[i]);
    }
    cf_buffer_puts(buffer, node->kind == CF_YAML_MAP ? "}" : "]");
}

/* override: paths with blanks between them, or NULL. */
static void check_override(const char *below, const char *above, const char *override,
                           const char *expected)
{
    const struct cf_schema_key *rows[8];
    const char *groups[8];
    char paths[8][64] = { 0 };
    struct cf_overrides overrides = { .rows = rows, .groups = groups };
    struct cf_merge merge = { 0 };
    struct tree lower, upper;
    struct cf_yaml_node *merged;
    struct cf_buffer text;

    while (override && *override) {
        size_t length = strcspn(override, " ");
        char *path = paths[overrides.n_rows + overrides.n_groups];

        memcpy(path, override, length);
        if (strncmp(path, CF_OVERRIDE_GROUP, strlen(CF_OVERRIDE_GROUP)) == 0)
            groups[overrides.n_groups++] = path + strlen(CF_OVERRIDE_GROUP);
        else
            rows[overrides.n_rows++] = cf_schema_find(path);
        override += length + (override[length] == ' ');
    }
    tree_read(&lower, "below.yaml", below);
    tree_read(&upper, "above.yaml", above);
    assert_int_equal(
        cf_merge_trees(&merge, lower.document.root, upper.document.root, &overrides, &merged), 0);
    cf_buffer_init(&text, 0);
    put_node(&text, merged);
    assert_string_equal(text.data, expected);
    cf_buffer_done(&text);
    cf_merge_done(&merge);
    cf_yaml_document_done(&upper.document);
    cf_yaml_document_done(&lower.document);
}

static void check_merged(const char *below, const char *above, const char *expected)
{
    check_override(below, above, NULL, expected);
}

static void a_scalar_replaces_a_scalar(void **state)
{
    (void)state;
    check_merged("{mode: audit}", "{mode: enforce}", "{mode: enforce}");
    check_merged("{mode: audit}", "{}", "{mode: audit}");
    check_merged("{}", "{mode: audit}", "{mode: audit}");
    check_merged("{}", "{}", "{}");
    check_merged("{audit: {log: a}}", "{audit: {log: \"\"}}", "{audit: {log: }}");
}

static void maps_merge_by_key_at_every_depth(void **state)
{
    (void)state;
    check_merged("{egress: {ipv6: on, default: deny}, audit: {log: a}}",
                 "{dns: {filter: any}, egress: {default: allow}}",
                 "{egress: {ipv6: on, default: allow}, audit: {log: a}, dns: {filter: any}}");
    check_merged("{egress: {groups: {a: [x], b: [x]}}}", "{egress: {groups: {b: [y], c: [z]}}}",
                 "{egress: {groups: {a: [x], b: [x, y], c: [z]}}}");
}

static void one_group_can_be_overridden(void **state)
{
    (void)state;
    check_override("{egress: {groups: {a: [x], b: [x]}}}", "{egress: {groups: {a: [y], b: [y]}}}",
                   "egress.groups.a", "{egress: {groups: {a: [y], b: [x, y]}}}");
    check_override("{egress: {groups: {a.b: {names_file: x}, b: [x]}}}",
                   "{egress: {groups: {a.b: [y]}}}", "egress.groups.a.b mode",
                   "{egress: {groups: {a.b: [y], b: [x]}}}");
    check_override("{egress: {groups: {a: [x], b: [x]}, ipv6: on}}", "{mode: audit}",
                   "egress.groups.a", "{egress: {groups: {b: [x]}, ipv6: on}, mode: audit}");
    check_override("{hosts: {a: 192.0.2.1}, egress: {groups: {a: [x]}}}", "{hosts: {b: 192.0.2.2}}",
                   "egress.groups.b",
                   "{hosts: {a: 192.0.2.1, b: 192.0.2.2}, egress: {groups: {a: [x]}}}");
}

static void lists_append_what_is_new(void **state)
{
    (void)state;
    check_merged("{dns: {search: [a, b]}}", "{dns: {search: [c, a]}}",
                 "{dns: {search: [a, b, c]}}");
    check_merged("{dns: {search: []}}", "{dns: {search: [a]}}", "{dns: {search: [a]}}");
    check_merged("{dns: {search: [a]}}", "{dns: {search: []}}", "{dns: {search: [a]}}");
    check_merged("{dns: {search: [a, a]}}", "{dns: {search: [b, b]}}",
                 "{dns: {search: [a, a, b]}}");
}

/* Two lists with one item each: one item, or two. */
static void check_same(const char *one, const char *other, bool same)
{
    struct cf_buffer below, above, expected;

    cf_buffer_init(&below, 0);
    cf_buffer_init(&above, 0);
    cf_buffer_init(&expected, 0);
    cf_buffer_printf(&below, "{egress: {allow: [%s]}}", one);
    cf_buffer_printf(&above, "{egress: {allow: [%s, z]}}", other);
    cf_buffer_printf(&expected, "{egress: {allow: [%s%s%s, z]}}", one, same ? "" : ", ",
                     same ? "" : other);
    check_merged(below.data, above.data, expected.data);
    cf_buffer_done(&expected);
    cf_buffer_done(&above);
    cf_buffer_done(&below);
}

static void items_are_the_same_when_they_say_the_same(void **state)
{
    (void)state;
    check_same("a", "a", true);
    check_same("a", "A", false);
    check_same("{to: a, why: b}", "{to: a, why: b}", true);
    check_same("{to: a, why: b}", "{why: b, to: a}", true);
    check_same("{to: a, why: b}", "{to: b, why: a}", false);
    check_same("{to: a, why: b}", "{to: a, why: c}", false);
    check_same("{to: a, why: b}", "{to: a}", false);
    check_same("{to: a}", "{to: a, why: b}", false);
    check_same("{to: a}", "a", false);
    check_same("{to: [a, b]}", "{to: [a, b]}", true);
    check_same("{to: [a, b]}", "{to: [b, a]}", false);
    check_same("[a]", "[a]", true);
    check_same("[a]", "a", false);
    check_same("[]", "{}", false);
}

static void text_in_quotes_is_the_same_but_nothing_is_not_a_word(void **state)
{
    (void)state;
    check_merged("{dns: {search: [a]}}", "{dns: {search: [\"a\"]}}", "{dns: {search: [a]}}");
    check_merged("{dns: {search: [~]}}", "{dns: {search: [\"~\"]}}", "{dns: {search: [~, ~]}}");
}

static void another_kind_of_value_replaces(void **state)
{
    (void)state;
    check_merged("{dns: {search: [a]}}", "{dns: {search: b}}", "{dns: {search: b}}");
    check_merged("{dns: {search: a}}", "{dns: {search: [b]}}", "{dns: {search: [b]}}");
    check_merged("{dns: {search: [a]}}", "{dns: b}", "{dns: b}");
    check_merged("{dns: b}", "{dns: {search: [a]}}", "{dns: {search: [a]}}");
    check_merged("{dns: {filter: any}}", "{dns: ~}", "{dns: ~}");
    check_merged("{egress: {groups: {a: [x]}}}", "{egress: {groups: {a: {names_file: f}}}}",
                 "{egress: {groups: {a: {names_file: f}}}}");
    check_merged("{egress: {groups: {a: {names_file: f}}}}",
                 "{egress: {groups: {a: {names_file: g}}}}",
                 "{egress: {groups: {a: {names_file: g}}}}");
}

static void a_command_is_one_value(void **state)
{
    (void)state;
    check_merged("{command: [make, -j2]}", "{command: [make]}", "{command: [make]}");
    check_merged("{command: [make, -j2]}", "{}", "{command: [make, -j2]}");
}

static void names_of_hosts_compare_in_normal_form(void **state)
{
    (void)state;
    check_merged("{hosts: {A.Example: 192.0.2.1, b.example: 192.0.2.2}}",
                 "{hosts: {a.example.: 192.0.2.3}}",
                 "{hosts: {a.example.: 192.0.2.3, b.example: 192.0.2.2}}");
    check_merged("{hosts: {b\xc3\xbc"
                 "cher.example: [192.0.2.1]}}",
                 "{hosts: {XN--bcher-kva.example: [192.0.2.2]}}",
                 "{hosts: {XN--bcher-kva.example: [192.0.2.1, 192.0.2.2]}}");
    check_merged("{hosts: {a.example: 192.0.2.1}}", "{hosts: {a.example: [192.0.2.1]}}",
                 "{hosts: {a.example: [192.0.2.1]}}");
    /* No names: as they are written. */
    check_merged("{hosts: {\"a b\": x, \"c d\": y}}", "{hosts: {\"a b\": z, \"A B\": w}}",
                 "{hosts: {a b: z, c d: y, A B: w}}");
    /* Elsewhere case counts. */
    check_merged("{egress: {groups: {A: [x]}}}", "{egress: {groups: {a: [y]}}}",
                 "{egress: {groups: {A: [x], a: [y]}}}");
}

static void what_speaks_of_the_file_is_not_inherited(void **state)
{
    (void)state;
    check_merged(
        "{version: 1, name: a, description: b, extends: [c], override: [mode], mode: audit}",
        "{version: 2}", "{version: 2, mode: audit}");
    check_merged("{name: a, description: b}", "{name: c}", "{name: c}");
    check_merged("{extends: [a], override: [mode]}", "{extends: [b], override: [hosts]}",
                 "{extends: [b], override: [hosts]}");
    /* Only at the top. */
    check_merged("{egress: {groups: {name: [x]}}}", "{}", "{egress: {groups: {name: [x]}}}");
}

static void an_overridden_key_is_that_of_the_upper_tree(void **state)
{
    static const char below[] = "{mode: audit, egress: {default: allow, allow: [a], deny: [d]}, "
                                "hosts: {a.example: 192.0.2.1}, command: [x]}";

    (void)state;
    check_override(below, "{egress: {allow: [b]}}", "egress.allow",
                   "{mode: audit, egress: {default: allow, allow: [b], deny: [d]}, "
                   "hosts: {a.example: 192.0.2.1}, command: [x]}");
    check_override(below, "{egress: {allow: [b]}}", "egress",
                   "{mode: audit, egress: {allow: [b]}, hosts: {a.example: 192.0.2.1}, "
                   "command: [x]}");
    check_override(below, "{hosts: {b.example: 192.0.2.2}}", "hosts mode command",
                   "{egress: {default: allow, allow: [a], deny: [d]}, "
                   "hosts: {b.example: 192.0.2.2}}");
    check_override(below, "{egress: {allow: [b]}}", "egress egress.allow hosts mode command",
                   "{egress: {allow: [b]}}");
}

static void an_overridden_key_that_is_not_written_is_gone(void **state)
{
    static const char below[] = "{egress: {allow: [a], deny: [d]}, audit: {log: a}}";

    (void)state;
    check_override(below, "{}", "egress", "{audit: {log: a}}");
    check_override(below, "{}", "egress.allow", "{egress: {deny: [d]}, audit: {log: a}}");
    check_override(below, "{egress: {deny: [e]}}", "egress.allow",
                   "{egress: {deny: [d, e]}, audit: {log: a}}");
    check_override(below, "{}", "audit.log egress.deny", "{egress: {allow: [a]}, audit: {}}");
    check_override(below, "{mode: audit}", "mode dns hosts_file",
                   "{egress: {allow: [a], deny: [d]}, audit: {log: a}, mode: audit}");
}

static void what_is_wrong_in_a_file_does_no_harm(void **state)
{
    (void)state;
    check_merged("{mode: a, mode: b}", "{mode: c}", "{mode: c, mode: c}");
    check_merged("{mode: a}", "{mode: b, mode: c}", "{mode: c, mode: b}");
    check_merged("{egress.allow: [a], \"egress[\": 1}", "{egress.allow: [b]}",
                 "{egress.allow: [a, b], egress[: 1}");
    check_merged("{unknown: {a: 1, b: 2}}", "{unknown: {b: 3}}", "{unknown: {a: 1, b: 3}}");
    /* The alias is the anchor's node: merging one leaves the other alone. */
    check_merged("{a: &a [x], b: *a}", "{b: [y]}", "{a: [x], b: [x, y]}");
}

static void every_node_keeps_its_place(void **state)
{
    struct cf_merge merge = { 0 };
    struct tree lower, upper;
    struct cf_yaml_node *merged, *search;

    (void)state;
    tree_read(&lower, "below.yaml", "dns:\n  search: [a]\n");
    tree_read(&upper, "above.yaml", "mode: audit\ndns: {search: [a, b, a, c]}\n");
    assert_int_equal(
        cf_merge_trees(&merge, lower.document.root, upper.document.root, NULL, &merged), 0);
    search = merged->items[1]->items[1];
    assert_int_equal(search->n_items, 3);
    assert_ptr_equal(search->mark.source, &upper.source);
    assert_int_equal(search->mark.line, 2);
    assert_ptr_equal(search->items[0], lower.document.root->items[1]->items[1]->items[0]);
    assert_ptr_equal(search->items[0]->mark.source, &lower.source);
    assert_ptr_equal(search->items[1]->mark.source, &upper.source);
    assert_int_equal(search->items[1]->mark.column, 19);
    assert_int_equal(cf_yaml_item_place(search, 0), 0);
    assert_int_equal(cf_yaml_item_place(search, 1), 1);
    assert_int_equal(cf_yaml_item_place(search, 2), 3);
    assert_int_equal(cf_yaml_item_place(upper.document.root->items[3]->items[1], 1), 1);
    cf_merge_done(&merge);
    cf_yaml_document_done(&upper.document);
    cf_yaml_document_done(&lower.document);
}

/* A map of n pairs as an item, or the same in the reverse order. */
static void put_item(struct cf_buffer *buffer, int n, bool reverse)
{
    cf_buffer_puts(buffer, "{egress: {allow: [{");
    for (int i = 0; i < n; i++)
        cf_buffer_printf(buffer, "k%d: v, ", reverse ? n - 1 - i : i);
    cf_buffer_puts(buffer, "}]}}");
}

static void items_that_take_long_to_compare_end_in_an_error(void **state)
{
    struct cf_merge merge = { 0 };
    struct tree lower, upper;
    struct cf_yaml_node *merged;
    struct cf_buffer below, above;

    (void)state;
    cf_buffer_init(&below, 0);
    cf_buffer_init(&above, 0);
    put_item(&below, 5000, false);
    put_item(&above, 5000, true);
    tree_read(&lower, "below.yaml", below.data);
    tree_read(&upper, "above.yaml", above.data);
    assert_int_equal(
        cf_merge_trees(&merge, lower.document.root, upper.document.root, NULL, &merged), -E2BIG);
    cf_merge_done(&merge);
    cf_yaml_document_done(&upper.document);
    cf_yaml_document_done(&lower.document);
    cf_buffer_done(&above);
    cf_buffer_done(&below);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scalar_replaces_a_scalar),
        cmocka_unit_test(maps_merge_by_key_at_every_depth),
        cmocka_unit_test(one_group_can_be_overridden),
        cmocka_unit_test(lists_append_what_is_new),
        cmocka_unit_test(items_are_the_same_when_they_say_the_same),
        cmocka_unit_test(text_in_quotes_is_the_same_but_nothing_is_not_a_word),
        cmocka_unit_test(another_kind_of_value_replaces),
        cmocka_unit_test(a_command_is_one_value),
        cmocka_unit_test(names_of_hosts_compare_in_normal_form),
        cmocka_unit_test(what_speaks_of_the_file_is_not_inherited),
        cmocka_unit_test(an_overridden_key_is_that_of_the_upper_tree),
        cmocka_unit_test(an_overridden_key_that_is_not_written_is_gone),
        cmocka_unit_test(what_is_wrong_in_a_file_does_no_harm),
        cmocka_unit_test(every_node_keeps_its_place),
        cmocka_unit_test(items_that_take_long_to_compare_end_in_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
