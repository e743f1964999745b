/*
 * test_hash.c - the hash table finds what was put in, and only that
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"

#define ENTRIES 5000

struct entry {
    struct cf_hash_node node;
    int key;
};

static struct entry entries[ENTRIES];

static struct entry *entry_find(struct cf_hash *hash, int key)
{
    struct cf_hash_node *node = cf_hash_find(hash, cf_hash_bytes(&key, sizeof key));

    for (; node; node = cf_hash_next(node)) {
        struct entry *entry = cf_container_of(node, struct entry, node);

        if (entry->key == key)
            return entry;
    }
    return NULL;
}

static void hash_finds_each_entry_after_growing_and_none_after_removal(void **state)
{
    struct cf_hash hash;

    (void)state;
    cf_hash_init(&hash);
    assert_null(entry_find(&hash, 1));
    for (int i = 0; i < ENTRIES; i++) {
        entries[i].key = i;
        assert_int_equal(cf_hash_add(&hash, &entries[i].node, cf_hash_bytes(&i, sizeof i)), 0);
    }
    for (int i = 0; i < ENTRIES; i++)
        assert_ptr_equal(entry_find(&hash, i), &entries[i]);
    for (int i = 0; i < ENTRIES; i += 2)
        cf_hash_remove(&hash, &entries[i].node);
    for (int i = 0; i < ENTRIES; i++) {
        if (i % 2)
            assert_ptr_equal(entry_find(&hash, i), &entries[i]);
        else
            assert_null(entry_find(&hash, i));
    }
    assert_int_equal(hash.n_nodes, ENTRIES / 2);
    cf_hash_done(&hash);
}

static void hash_keeps_entries_of_the_same_hash_apart(void **state)
{
    struct cf_hash hash;

    (void)state;
    cf_hash_init(&hash);
    for (int i = 0; i < 3; i++)
        assert_int_equal(cf_hash_add(&hash, &entries[i].node, 42), 0);
    cf_hash_remove(&hash, &entries[1].node);
    int n = 0;
    for (struct cf_hash_node *node = cf_hash_find(&hash, 42); node; node = cf_hash_next(node)) {
        assert_ptr_not_equal(node, &entries[1].node);
        n++;
    }
    assert_int_equal(n, 2);
    cf_hash_done(&hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_finds_each_entry_after_growing_and_none_after_removal),
        cmocka_unit_test(hash_keeps_entries_of_the_same_hash_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
