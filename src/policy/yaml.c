/*
 * yaml.c - YAML text to a tree of nodes that know their place
 *
 * How this works
 *
 * libyaml hands over events; a stack of open lists and maps, at most
 * CF_YAML_DEPTH_MAX, puts the nodes together. The document owns every node in
 * one flat array, so freeing needs no walk. An alias is not copied: the tree
 * points at the anchor's node again, and what the copy would have cost is
 * added up from n_expanded, which each node has from the moment it is closed.
 * So the work of everyone who walks the tree is bounded by what the file
 * spells out plus CF_YAML_EXPANDED_MAX.
 *
 * Findings that leave a usable tree (tags, duplicate keys) are reported and
 * reading goes on; syntax errors and broken limits end it.
 */
#include "policy/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/text.h"
#include "policy/guard.h"

struct anchor {
    struct cf_hash_node node;
    char *name;
    struct cf_yaml_node *target;
};

struct builder {
    yaml_parser_t parser;
    struct cf_source *source;
    struct cf_mark end; /* of the text */
    struct cf_diagnostics *diagnostics;
    struct cf_yaml_document *document;
    struct cf_yaml_node *open[CF_YAML_DEPTH_MAX]; /* lists and maps not yet closed */
    size_t depth;
    struct cf_hash anchors;
    struct cf_yaml_count *count;
    size_t n_anchors;
};

/* libyaml's last place is the front of a line that a text without a final line end does not have.
 */
static struct cf_mark mark_of(const struct builder *b, yaml_mark_t mark)
{
    if (mark.line >= b->end.line)
        return b->end;
    return (struct cf_mark) { .line = (unsigned)mark.line + 1,
                              .column = (unsigned)mark.column + 1,
                              .source = b->source };
}

#define report_as(b, code, mark, ...)                                                              \
    cf_diagnostics_add((b)->diagnostics, (b)->source, CF_FINDING((code), (mark), NULL), __VA_ARGS__)

#define report(b, mark, ...) report_as(b, CF_CODE_SYNTAX, mark, __VA_ARGS__)

struct cf_yaml_node *cf_yaml_node_new(struct cf_yaml_document *document, enum cf_yaml_kind kind,
                                      struct cf_mark mark, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    struct cf_yaml_node *node;

    if (document->n_nodes == document->capacity) {
        size_t capacity = document->capacity ? document->capacity * 2 : 64;
        struct cf_yaml_node **nodes = realloc(document->nodes, capacity * sizeof *nodes);

        if (!nodes)
            return NULL;
        document->nodes = nodes;
        document->capacity = capacity;
    }
    node = malloc(sizeof *node + size);
    if (!node)
        return NULL;
    *node = (struct cf_yaml_node) { .kind = kind, .mark = mark, .n_expanded = 1 };
    if (text)
        node->text = memcpy(node + 1, text, size);
    document->nodes[document->n_nodes++] = node;
    return node;
}

/* Put a finished or an open node where it stands: the root, or the innermost open node. */
static int node_attach(struct builder *b, struct cf_yaml_node *node)
{
    struct cf_yaml_node *parent, **items;

    if (b->depth == 0) {
        b->document->root = node;
        return 0;
    }
    parent = b->open[b->depth - 1];
    if (parent->kind == CF_YAML_MAP && parent->n_items % 2 == 0 && node->kind != CF_YAML_SCALAR) {
        report(b, node->mark, "expected a key that is text, got a %s",
               node->kind == CF_YAML_LIST ? "list" : "map");
        return -EINVAL;
    }
    /* Sizes are powers of two from 4 on: grow when one is full. */
    if (parent->n_items == 0 ||
        (parent->n_items >= 4 && !(parent->n_items & (parent->n_items - 1)))) {
        size_t capacity = parent->n_items ? parent->n_items * 2 : 4;

        items = realloc(parent->items, capacity * sizeof(struct cf_yaml_node *));
        if (!items)
            return -ENOMEM;
        parent->items = items;
    }
    parent->items[parent->n_items++] = node;
    return 0;
}

static struct anchor *anchor_find(struct builder *b, const char *name)
{
    uint64_t value = cf_hash_bytes(name, strlen(name));
    struct cf_hash_node *node = cf_hash_find(&b->anchors, value);

    for (; node; node = cf_hash_next(node)) {
        struct anchor *anchor = cf_container_of(node, struct anchor, node);

        if (strcmp(anchor->name, name) == 0)
            return anchor;
    }
    return NULL;
}

/* An anchor may be set again; aliases mean the one before them. */
static int anchor_set(struct builder *b, const yaml_char_t *name, struct cf_yaml_node *target)
{
    struct anchor *anchor;

    if (!name)
        return 0;
    anchor = anchor_find(b, (const char *)name);
    if (anchor) {
        anchor->target = target;
        return 0;
    }
    if (b->n_anchors++ == CF_YAML_ANCHORS_MAX) {
        report_as(b, CF_CODE_LIMIT, target->mark, "expected at most %d anchors, got more",
                  CF_YAML_ANCHORS_MAX);
        return -EINVAL;
    }
    anchor = calloc(1, sizeof *anchor);
    if (!anchor)
        return -ENOMEM;
    anchor->target = target;
    anchor->name = strdup((const char *)name);
    if (!anchor->name || cf_hash_add(&b->anchors, &anchor->node,
                                     cf_hash_bytes(anchor->name, strlen(anchor->name))) < 0) {
        free(anchor->name);
        free(anchor);
        return -ENOMEM;
    }
    return 0;
}

static void anchor_free(struct cf_hash_node *node, void *data)
{
    struct anchor *anchor = cf_container_of(node, struct anchor, node);

    cf_hash_remove(data, node);
    free(anchor->name);
    free(anchor);
}

static void check_tag(struct builder *b, const yaml_char_t *tag, yaml_mark_t mark)
{
    char quoted[CF_QUOTED_SIZE];

    if (tag)
        report(b, mark_of(b, mark), "expected a value without a tag, got %s",
               cf_quote_text((const char *)tag, quoted));
}

/* Where the text stands in its line, byte by byte, or 0. */
static unsigned find_text_column(const yaml_event_t *event)
{
    size_t characters, span;

    if (event->start_mark.line != event->end_mark.line)
        return 0;
    characters =
        cf_text_count_characters((const char *)event->data.scalar.value, event->data.scalar.length);
    span = event->end_mark.column - event->start_mark.column;
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return span == characters ? (unsigned)event->start_mark.column + 1 : 0;
    return span == characters + 2 ? (unsigned)event->start_mark.column + 2 : 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *event)
{
    struct cf_mark mark = mark_of(b, event->start_mark);
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    struct cf_yaml_node *node;
    int r;

    check_tag(b, event->data.scalar.tag, event->start_mark);
    b->count->n_nodes++;
    if (length > CF_YAML_SCALAR_MAX) {
        report_as(b, CF_CODE_LIMIT, mark, "expected a value of at most %zu bytes, got one of %zu",
                  CF_YAML_SCALAR_MAX, length);
        return -EINVAL;
    }
    if (memchr(text, '\0', length)) {
        report(b, mark, "expected text, got a NUL byte");
        return -EINVAL;
    }
    if (cf_text_has_tags(text)) {
        report(b, mark, "expected characters that show, got a hidden one as an escape");
        return -EINVAL;
    }
    node = cf_yaml_node_new(b->document, CF_YAML_SCALAR, mark, text);
    if (!node)
        return -ENOMEM;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text_column = find_text_column(event);
    node->n_expanded = 1 + length / CF_YAML_SCALAR_UNIT;
    r = node_attach(b, node);
    return r < 0 ? r : anchor_set(b, event->data.scalar.anchor, node);
}

static bool is_open(const struct builder *b, const struct cf_yaml_node *node)
{
    for (size_t i = 0; i < b->depth; i++)
        if (b->open[i] == node)
            return true;
    return false;
}

static int on_alias(struct builder *b, const yaml_event_t *event)
{
    struct cf_mark mark = mark_of(b, event->start_mark);
    const char *name = (const char *)event->data.alias.anchor;
    struct anchor *anchor = anchor_find(b, name);
    char quoted[CF_QUOTED_SIZE];

    if (!anchor) {
        report(b, mark,
               "expected an anchor in front of alias '*%s', got none; "
               "a value that begins with '*' stands in quotes",
               cf_quote(name, strlen(name), quoted));
        return -EINVAL;
    }
    if (is_open(b, anchor->target)) {
        report(b, mark, "expected an alias of something complete, got %s inside itself",
               cf_quote_text(name, quoted));
        return -EINVAL;
    }
    b->count->n_expanded += anchor->target->n_expanded;
    if (b->count->n_expanded > CF_YAML_EXPANDED_MAX) {
        report_as(b, CF_CODE_LIMIT, mark,
                  "expected aliases that stand for at most %d nodes, got more",
                  CF_YAML_EXPANDED_MAX);
        return -EINVAL;
    }
    return node_attach(b, anchor->target);
}

static int on_open(struct builder *b, const yaml_event_t *event, enum cf_yaml_kind kind,
                   const yaml_char_t *anchor, const yaml_char_t *tag)
{
    struct cf_yaml_node *node;
    int r;

    check_tag(b, tag, event->start_mark);
    b->count->n_nodes++;
    node = cf_yaml_node_new(b->document, kind, mark_of(b, event->start_mark), NULL);
    if (!node)
        return -ENOMEM;
    if (b->depth == CF_YAML_DEPTH_MAX) {
        report_as(b, CF_CODE_LIMIT, node->mark, "expected at most %d levels of nesting, got more",
                  CF_YAML_DEPTH_MAX);
        return -EINVAL;
    }
    r = node_attach(b, node);
    if (r < 0)
        return r;
    b->open[b->depth++] = node;
    return anchor_set(b, anchor, node);
}

struct key_place {
    const struct cf_yaml_node *key, *first; /* first: the same key, further up */
    size_t place;
};

static int compare_keys(const void *a, const void *b)
{
    const struct key_place *x = a, *y = b;
    int r = strcmp(x->key->text, y->key->text);

    if (r)
        return r;
    return x->place < y->place ? -1 : x->place > y->place;
}

static int compare_places(const void *a, const void *b)
{
    const struct key_place *x = a, *y = b;

    return x->place < y->place ? -1 : x->place > y->place;
}

static int check_duplicates(struct builder *b, const struct cf_yaml_node *map)
{
    cf_auto_free struct key_place *keys = NULL;
    size_t n = map->n_items / 2;
    char quoted[CF_QUOTED_SIZE];

    if (n < 2)
        return 0;
    keys = calloc(n, sizeof *keys);
    if (!keys)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct key_place) { .key = map->items[2 * i], .place = i };
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n; i++)
        if (strcmp(keys[i].key->text, keys[i - 1].key->text) == 0)
            keys[i].first = keys[i - 1].first ? keys[i - 1].first : keys[i - 1].key;
    qsort(keys, n, sizeof *keys, compare_places);
    for (size_t i = 0; i < n; i++) {
        map->items[2 * i]->again = keys[i].first;
        if (keys[i].first && !cf_diagnostics_full(b->diagnostics))
            report_as(b, CF_CODE_DUPLICATE_KEY, keys[i].key->mark,
                      "expected each key once, got %s again (first at line %u)",
                      cf_quote_text(keys[i].key->text, quoted), keys[i].first->mark.line);
    }
    return 0;
}

static int on_close(struct builder *b)
{
    struct cf_yaml_node *node = b->open[--b->depth];

    for (size_t i = 0; i < node->n_items; i++)
        node->n_expanded += node->items[i]->n_expanded;
    return node->kind == CF_YAML_MAP ? check_duplicates(b, node) : 0;
}

static int on_document_start(struct builder *b, const yaml_event_t *event)
{
    const yaml_tag_directive_t *tags = event->data.document_start.tag_directives.start;

    if (b->document->root) {
        report(b, mark_of(b, event->start_mark), "expected one document, got a second one");
        return -EINVAL;
    }
    if (tags && tags != event->data.document_start.tag_directives.end)
        report(b, mark_of(b, event->start_mark), "expected no tags, got a %%TAG directive");
    return 0;
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document_start(b, event);
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_ALIAS_EVENT:
        return on_alias(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, event, CF_YAML_LIST, event->data.sequence_start.anchor,
                       event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, event, CF_YAML_MAP, event->data.mapping_start.anchor,
                       event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(b);
    default:
        return 0;
    }
}

/* What to do about the syntax errors that policies invite. */
static const char *syntax_hint(struct builder *b, struct cf_mark mark)
{
    const char *context = b->parser.context ? b->parser.context : "";
    size_t left = 0;
    const char *at = cf_source_find(b->source, mark, &left);

    if (strstr(context, "alias"))
        return "; a value that begins with '*' stands in quotes";
    if (at && left > 0 && *at == '\t')
        return "; YAML is not indented with tabs";
    return "";
}

static int report_syntax(struct builder *b)
{
    const yaml_parser_t *parser = &b->parser;
    struct cf_mark mark = mark_of(b, parser->problem_mark);

    if (parser->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    report(b, mark, "expected YAML, got what does not parse: %s%s%s%s",
           parser->problem ? parser->problem : "unknown problem", parser->context ? ", " : "",
           parser->context ? parser->context : "", syntax_hint(b, mark));
    return -EINVAL;
}

/* Whether there is any use in reading on. */
static int check_size(struct builder *b, yaml_mark_t mark)
{
    if (cf_diagnostics_full(b->diagnostics))
        return -EINVAL;
    if (b->count->n_nodes <= CF_YAML_NODES_MAX)
        return 0;
    report_as(b, CF_CODE_LIMIT, mark_of(b, mark), "expected at most %zu values and keys, got more",
              CF_YAML_NODES_MAX);
    return -EINVAL;
}

static int build(struct builder *b)
{
    for (;;) {
        yaml_event_t event;
        bool last;
        int r;

        if (!yaml_parser_parse(&b->parser, &event))
            return report_syntax(b);
        last = event.type == YAML_STREAM_END_EVENT;
        r = on_event(b, &event);
        if (r == 0)
            r = check_size(b, event.start_mark);
        yaml_event_delete(&event);
        if (r < 0)
            return r;
        if (last)
            return 0;
    }
}

int cf_yaml_read(struct cf_source *source, struct cf_diagnostics *diagnostics,
                 struct cf_yaml_count *count, struct cf_yaml_document *ret_document)
{
    struct cf_yaml_document document = { 0 };
    struct builder b = {
        .source = source,
        .diagnostics = diagnostics,
        .document = &document,
        .count = count,
    };
    int r;

    r = cf_yaml_guard(source, diagnostics);
    if (r < 0)
        return r;
    b.end = cf_source_mark(source, source->length);
    b.end.source = source;
    if (!yaml_parser_initialize(&b.parser))
        return -ENOMEM;
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)source->text, source->length);
    cf_hash_init(&b.anchors);
    r = build(&b);
    cf_hash_each(&b.anchors, anchor_free, &b.anchors);
    cf_hash_done(&b.anchors);
    yaml_parser_delete(&b.parser);
    if (r < 0) {
        cf_yaml_document_done(&document);
        return r;
    }
    *ret_document = document;
    return 0;
}

void cf_yaml_document_done(struct cf_yaml_document *document)
{
    for (size_t i = 0; i < document->n_nodes; i++) {
        free(document->nodes[i]->items);
        free(document->nodes[i]->places);
        free(document->nodes[i]->compared);
        free(document->nodes[i]);
    }
    free(document->nodes);
    *document = (struct cf_yaml_document) { 0 };
}

bool cf_yaml_is_null(const struct cf_yaml_node *node)
{
    static const char *const nothing[] = { "", "~", "null", "Null", "NULL" };

    if (node->kind != CF_YAML_SCALAR || !node->plain)
        return false;
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
        if (strcmp(node->text, nothing[i]) == 0)
            return true;
    return false;
}

size_t cf_yaml_item_place(const struct cf_yaml_node *list, size_t item)
{
    return list->places ? list->places[item] : item;
}

struct cf_mark cf_yaml_text_mark(const struct cf_yaml_node *node, size_t offset)
{
    struct cf_mark mark = node->mark;

    if (node->kind != CF_YAML_SCALAR || node->text_column == 0)
        return mark;
    mark.column = node->text_column +
                  (unsigned)cf_text_count_characters(node->text, strnlen(node->text, offset));
    return mark;
}
