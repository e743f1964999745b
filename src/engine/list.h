/*
 * list.h - an intrusive ring of entries in order of age
 *
 * The head is an entry that belongs to nothing; an entry alone points at
 * itself. Used for what must be found oldest first: idle flows, answers.
 */
#ifndef CF_ENGINE_LIST_H
#define CF_ENGINE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct cf_list {
    struct cf_list *prev, *next;
};

static inline void cf_list_init(struct cf_list *entry)
{
    entry->prev = entry->next = entry;
}

static inline bool cf_list_empty(const struct cf_list *head)
{
    return head->next == head;
}

/* No-op when it is in no list. */
static inline void cf_list_remove(struct cf_list *entry)
{
    entry->prev->next = entry->next;
    entry->next->prev = entry->prev;
    cf_list_init(entry);
}

/* Make entry the youngest of head's list, wherever it was. */
static inline void cf_list_add(struct cf_list *head, struct cf_list *entry)
{
    cf_list_remove(entry);
    entry->prev = head->prev;
    entry->next = head;
    head->prev->next = entry;
    head->prev = entry;
}

/* The oldest entry, NULL when there is none. */
static inline struct cf_list *cf_list_first(const struct cf_list *head)
{
    return cf_list_empty(head) ? NULL : head->next;
}

#endif
