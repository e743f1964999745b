/*
 * explain_text.c - answers for people: a block each, its lines aligned
 *
 * How this works: every line of a block is a row of cells (label, action,
 * rule, place, remark). The rows are collected first, so that the columns are
 * as wide as their widest cell, and printed when the block is complete.
 */
#include "report/explain.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/explain_reason.h"
#include "report/show.h"

/* Lines of one kind that are shown; the JSON has all of them. */
#define LOSERS_MAX 12
#define CONDITIONS_MAX 8
#define RANGES_MAX 8

#define CELL_WIDTH_MAX 200
/* Of what is to be copied, so hardly ever cut. */
#define LINE_WIDTH_MAX 8192

static const char *const outcome_names[] = {
    [CF_OUTCOME_ALLOWED] = "allowed",       [CF_OUTCOME_PARTLY] = "partly_allowed",
    [CF_OUTCOME_WOULD_DENY] = "would_deny", [CF_OUTCOME_DENIED] = "denied",
    [CF_OUTCOME_NEVER] = "never",
};
static_assert(sizeof outcome_names / sizeof outcome_names[0] == CF_OUTCOME_COUNT,
              "a name for each");

static const char *const outcome_texts[] = {
    [CF_OUTCOME_ALLOWED] = "allowed",
    [CF_OUTCOME_PARTLY] = "allowed in part",
    [CF_OUTCOME_WOULD_DENY] = "would be denied, audit mode lets it through",
    [CF_OUTCOME_DENIED] = "denied",
    [CF_OUTCOME_NEVER] = "never carried, whatever the policy says",
};
static_assert(sizeof outcome_texts / sizeof outcome_texts[0] == CF_OUTCOME_COUNT,
              "a text for each");

const char *cf_outcome_name(enum cf_outcome outcome)
{
    return outcome_names[outcome];
}

enum cell { CELL_LABEL, CELL_ACTION, CELL_RULE, CELL_PLACE, CELL_REMARK, CELL_COUNT };

struct line {
    char *text[CELL_COUNT]; /* NULL: empty */
    unsigned width[CELL_COUNT];
};

struct block {
    const struct cf_explanation *explanation;
    struct line *lines;
    size_t n_lines;
    bool failed;
};

static void block_clear(struct block *block)
{
    for (size_t i = 0; i < block->n_lines; i++) {
        for (int k = 0; k < CELL_COUNT; k++)
            free(block->lines[i].text[k]);
    }
    free(block->lines);
    block->lines = NULL;
    block->n_lines = 0;
}

static void add_line(struct block *block)
{
    size_t n = block->n_lines;

    if ((n & (n - 1)) == 0) {
        struct line *grown = reallocarray(block->lines, n ? n * 2 : 1, sizeof *block->lines);

        if (!grown) {
            block->failed = true;
            return;
        }
        block->lines = grown;
    }
    block->lines[block->n_lines++] = (struct line) { 0 };
}

/* Set a cell of the line that was added last. */
static void set_cell(struct block *block, enum cell cell, const char *text)
{
    struct line *line;

    if (block->failed || !text || !*text)
        return;
    line = &block->lines[block->n_lines - 1];
    free(line->text[cell]);
    line->text[cell] = cf_show_text(text, CELL_WIDTH_MAX, &line->width[cell]);
    block->failed = block->failed || !line->text[cell];
}

static void set_cell_from(struct block *block, enum cell cell, struct cf_buffer *text)
{
    block->failed = block->failed || text->failed;
    set_cell(block, cell, text->data);
    cf_buffer_done(text);
}

static void set_place(struct block *block, const struct cf_origin *origin)
{
    struct cf_buffer text;

    if (!origin || !origin->file)
        return;
    cf_buffer_init(&text, 0);
    cf_buffer_puts(&text, origin->file);
    if (origin->line > 0)
        cf_buffer_printf(&text, ":%u", origin->line);
    set_cell_from(block, CELL_PLACE, &text);
}

static void set_rule(struct block *block, const struct cf_rule *rule,
                     const struct cf_member *member)
{
    struct cf_buffer text;

    cf_buffer_init(&text, 0);
    cf_explain_put_rule(&text, rule, member);
    set_cell(block, CELL_ACTION, cf_explain_action(rule->action));
    set_cell_from(block, CELL_RULE, &text);
    set_place(block, &rule->origin);
}

static void set_default(struct block *block, const struct cf_verdict *verdict)
{
    const struct cf_profile *profile = block->explanation->profile;
    bool denied = verdict->action == CF_DENY || verdict->would_deny;

    set_cell(block, CELL_ACTION, cf_explain_action(denied ? CF_DENY : CF_ALLOW));
    /* Only a look-up is allowed against egress.default. */
    set_cell(block, CELL_RULE,
             !denied && profile->egress.fallback == CF_DENY ? "by dns.filter" : "by default");
    if (profile->egress.fallback == (denied ? CF_DENY : CF_ALLOW))
        set_place(block, cf_profile_origin_find(profile, "egress.default"));
}

/* Where in the file of its group the name stands. */
static void set_names_line(struct block *block, const struct cf_verdict *verdict)
{
    const struct cf_group *group =
        cf_profile_group_find(block->explanation->profile, verdict->rule->endpoint.name);
    const char *slash = group && group->names_file ? strrchr(group->names_file, '/') : NULL;
    struct cf_buffer text;

    cf_buffer_init(&text, 0);
    cf_buffer_printf(&text, "line %u of %s", (unsigned)verdict->names_line,
                     slash ? slash + 1 : "its file");
    set_cell_from(block, CELL_REMARK, &text);
}

/* The verdict of a line; an expired rule is named in the remark. */
static void set_verdict(struct block *block, const struct cf_verdict *verdict)
{
    if (verdict->rule && verdict->reason != CF_REASON_EXPIRED) {
        set_rule(block, verdict->rule, verdict->member);
        if (verdict->names_line > 0)
            set_names_line(block, verdict);
        if (verdict->rule->why)
            set_cell(block, CELL_REMARK, verdict->rule->why);
        return;
    }
    set_default(block, verdict);
    if (verdict->rule)
        set_cell(block, CELL_REMARK, "a rule that would allow it has expired");
}

/* Behind what the remark says already. */
static void add_remark(struct block *block, const char *remark)
{
    const struct line *line = block->failed ? NULL : &block->lines[block->n_lines - 1];
    struct cf_buffer text;

    if (!line || !remark[0])
        return;
    cf_buffer_init(&text, 0);
    if (line->text[CELL_REMARK])
        cf_buffer_printf(&text, "%s; ", line->text[CELL_REMARK]);
    cf_buffer_puts(&text, remark);
    set_cell_from(block, CELL_REMARK, &text);
}

/* How what is allowed leaves, where there is a proxy. */
static void set_route(struct block *block, const struct cf_explain_row *row)
{
    struct cf_buffer text;

    if (block->explanation->profile->proxy.url.scheme == CF_PROXY_NONE ||
        row->verdict.action == CF_DENY || row->verdict.would_deny)
        return;
    if (!row->bypass) {
        add_remark(block, row->route == CF_ROUTE_PROXY ? "through the proxy" : "past the proxy");
        return;
    }
    cf_buffer_init(&text, 0);
    cf_buffer_printf(&text, "past the proxy, by %s", row->bypass->text);
    block->failed = block->failed || text.failed;
    if (!text.failed)
        add_remark(block, text.data);
    cf_buffer_done(&text);
}

/* "tcp 80,443; udp 443"; ranges stand by protocol. */
static void set_ranges(struct block *block, const struct cf_explain_row *row)
{
    struct cf_buffer text;

    cf_buffer_init(&text, 0);
    for (size_t i = 0; i < row->n_ranges && i < RANGES_MAX; i++) {
        const struct cf_explain_range *range = &row->ranges[i];
        bool first = i == 0 || row->ranges[i - 1].proto != range->proto;

        if (first)
            cf_buffer_printf(&text, "%s%s", i ? "; " : "", cf_explain_proto(range->proto));
        if (range->proto == CF_PROTO_ICMP || (range->first <= 1 && range->last == UINT16_MAX))
            continue;
        cf_buffer_printf(&text, "%s%u", first ? " " : ",", (unsigned)range->first);
        if (range->last != range->first)
            cf_buffer_printf(&text, "-%u", (unsigned)range->last);
    }
    if (row->n_ranges > RANGES_MAX)
        cf_buffer_printf(&text, " and %zu more", row->n_ranges - RANGES_MAX);
    set_cell_from(block, CELL_LABEL, &text);
}

static void add_more(struct block *block, const char *label, size_t n)
{
    struct cf_buffer text;

    add_line(block);
    cf_buffer_init(&text, 0);
    cf_buffer_printf(&text, "and %zu more", n);
    set_cell(block, CELL_LABEL, label);
    set_cell_from(block, CELL_RULE, &text);
}

static void add_loser(struct block *block, const struct cf_trace_entry *entry)
{
    struct cf_buffer text;

    add_line(block);
    cf_buffer_init(&text, 0);
    cf_explain_put_fate(&text, entry, block->explanation->exe);
    set_cell(block, CELL_LABEL, cf_fate_is_lost(entry->fate) ? "lost" : "beside");
    set_rule(block, entry->rule, entry->member);
    set_cell_from(block, CELL_REMARK, &text);
}

static bool is_host_loopback(const struct cf_explain_answer *answer)
{
    return answer->name && strcmp(answer->name, CF_HOST_LOOPBACK_NAME) == 0;
}

/* Whether the look-up is one that nobody outside is asked. */
static bool is_answered_inside(const struct cf_explain_answer *answer)
{
    return answer->lookup.action == CF_ALLOW && !answer->lookup.rule &&
           !answer->lookup.would_deny && answer->n_places > 0 &&
           (answer->places[0].hosts || is_host_loopback(answer) ||
            strcmp(answer->name, "localhost") == 0);
}

static void add_addr(struct block *block, const struct cf_explain_answer *answer,
                     const struct cf_explain_place *place)
{
    char addr[CF_ADDR_TEXT_SIZE];

    if (place->addr.family == CF_FAMILY_NONE || (!answer->name && !place->never))
        return;
    add_line(block);
    set_cell(block, CELL_LABEL, "at");
    set_cell(block, CELL_RULE, cf_addr_format(&place->addr, addr));
    set_place(block, place->hosts);
    set_cell(block, CELL_REMARK,
             place->never               ? place->never
             : place->hosts             ? "by 'hosts'"
             : is_host_loopback(answer) ? "which stands for the host's own loopback"
                                        : NULL);
}

/* What is listed among the nearest misses is not listed twice. */
static bool is_near(const struct cf_explain_answer *answer, const struct cf_trace_entry *entry)
{
    for (size_t i = 0; entry->fate == CF_FATE_MISSED && i < answer->n_nears; i++) {
        if (answer->nears[i].rule == entry->rule && answer->nears[i].member == entry->member)
            return true;
    }
    return false;
}

static void add_losers(struct block *block, const struct cf_explain_answer *answer,
                       const struct cf_explain_place *place)
{
    size_t n = 0;

    for (size_t i = 0; i < place->n_losers; i++) {
        if (is_near(answer, &place->losers[i]))
            continue;
        if (n++ < LOSERS_MAX)
            add_loser(block, &place->losers[i]);
    }
    if (n > LOSERS_MAX)
        add_more(block, "lost", n - LOSERS_MAX);
}

static void add_place(struct block *block, const struct cf_explain_answer *answer,
                      const struct cf_explain_place *place)
{
    add_addr(block, answer, place);
    for (size_t i = 0; !place->never && i < place->n_rows; i++) {
        add_line(block);
        if (place->rows[i].rest)
            set_cell(block, CELL_LABEL, place->n_rows > 1 ? "everything else" : "everything");
        else
            set_ranges(block, &place->rows[i]);
        if (place->rows[i].for_resolver) {
            set_cell(block, CELL_RULE, "answered inside, by the resolver");
            set_cell(block, CELL_REMARK, "look-ups are judged by name");
            continue;
        }
        set_verdict(block, &place->rows[i].verdict);
        set_route(block, &place->rows[i]);
    }
    if (!place->never)
        add_losers(block, answer, place);
}

static void add_conditions(struct block *block, const struct cf_explain_answer *answer)
{
    for (size_t i = 0; i < answer->n_conditions && i < CONDITIONS_MAX; i++) {
        const struct cf_explain_condition *condition = &answer->conditions[i];
        char addr[CF_ADDR_TEXT_SIZE];
        struct cf_buffer text;

        add_line(block);
        set_cell(block, CELL_LABEL, "but");
        set_rule(block, condition->rule, condition->member);
        cf_buffer_init(&text, 0);
        if (cf_explain_is_one_address(condition->rule, condition->member))
            cf_buffer_puts(&text, "if it resolves to that");
        else
            cf_buffer_printf(&text, "if it resolves into that, e.g. to %s",
                             cf_addr_format(&condition->addr, addr));
        set_cell_from(block, CELL_REMARK, &text);
    }
    if (answer->n_conditions > CONDITIONS_MAX)
        add_more(block, "but", answer->n_conditions - CONDITIONS_MAX);
}

static void add_nears(struct block *block, const struct cf_explain_answer *answer)
{
    static const char *const texts[] = {
        [CF_NEAR_SAME] = "",
        [CF_NEAR_APEX] = "holds what is below the name, not the name itself",
        [CF_NEAR_DEEPER] = "'*' is exactly one label, '**' would be one or more",
        [CF_NEAR_BELOW] = "holds that name, not what is below it",
        [CF_NEAR_SIBLING] = "reads almost the same",
        [CF_NEAR_PREFIX] = "the address is just outside",
    };
    static_assert(sizeof texts / sizeof texts[0] == CF_NEAR_COUNT, "a text for each");

    for (size_t i = 0; i < answer->n_nears; i++) {
        const struct cf_explain_near *near = &answer->nears[i];
        struct cf_buffer text;

        add_line(block);
        cf_buffer_init(&text, 0);
        cf_buffer_puts(&text, near->near == CF_NEAR_PREFIX &&
                                      cf_explain_is_one_address(near->rule, near->member)
                                  ? "another address, close by"
                                  : texts[near->near]);
        cf_explain_put_misses(&text, near->rule, near->member, near->misses,
                              block->explanation->exe);
        set_cell(block, CELL_LABEL, i == 0 ? "nearest" : "near");
        set_rule(block, near->rule, near->member);
        set_cell_from(block, CELL_REMARK, &text);
    }
}

static void put_lines(const struct block *block, struct cf_buffer *buffer)
{
    unsigned width[CELL_COUNT] = { 0 };

    for (size_t i = 0; i < block->n_lines; i++) {
        for (int k = 0; k < CELL_REMARK; k++) {
            if (block->lines[i].width[k] > width[k])
                width[k] = block->lines[i].width[k];
        }
    }
    for (size_t i = 0; i < block->n_lines; i++) {
        const struct line *line = &block->lines[i];
        unsigned gap = 2;

        for (int k = 0; k < CELL_COUNT; k++) {
            if (line->text[k]) {
                cf_buffer_printf(buffer, "%*s%s", (int)gap, "", line->text[k]);
                gap = 0;
            }
            if (width[k] > 0)
                gap += width[k] - line->width[k] + 2;
        }
        cf_buffer_puts(buffer, "\n");
    }
}

/* Text of several lines, each indented, without what would act on a terminal. */
static int put_indented(struct cf_buffer *buffer, const char *text, const char *indent)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        cf_auto_free char *line = strndup(text, length);
        cf_auto_free char *shown = line ? cf_show_text(line, LINE_WIDTH_MAX, NULL) : NULL;

        if (!shown)
            return -ENOMEM;
        cf_buffer_printf(buffer, "%s%s\n", indent, shown);
        text += length + (text[length] == '\n');
    }
    return 0;
}

/* Behind the verdict of the look-up, where there is a proxy. */
static void set_resolver(struct block *block, enum cf_resolver_kind resolver)
{
    static const char *const texts[] = {
        [CF_RESOLVER_NONE] = "",
        [CF_RESOLVER_SERVERS] = "DNS servers are asked past the proxy",
        [CF_RESOLVER_TUNNEL] = "DNS servers are asked through the proxy",
        [CF_RESOLVER_PROXY] = "the proxy resolves it",
    };
    static_assert(sizeof texts / sizeof texts[0] == CF_RESOLVER_KIND_COUNT, "a text for each");

    if (block->explanation->profile->proxy.url.scheme != CF_PROXY_NONE)
        add_remark(block, texts[resolver]);
}

static int put_answer(const struct cf_explanation *explanation,
                      const struct cf_explain_answer *answer, struct cf_buffer *buffer)
{
    struct block block = { .explanation = explanation };
    cf_auto_free char *question = cf_show_text(answer->question, CELL_WIDTH_MAX, NULL);

    if (answer->asks_name) {
        add_line(&block);
        set_cell(&block, CELL_LABEL, "look-up");
        if (is_answered_inside(answer)) {
            set_cell(&block, CELL_ACTION, "allow");
            set_cell(&block, CELL_RULE, "answered inside");
        } else {
            set_verdict(&block, &answer->lookup);
            set_resolver(&block, answer->resolver);
        }
    }
    for (size_t i = 0; i < answer->n_places; i++)
        add_place(&block, answer, &answer->places[i]);
    add_conditions(&block, answer);
    add_nears(&block, answer);
    block.failed = block.failed || !question;
    if (!block.failed) {
        cf_buffer_printf(buffer, "%s: %s\n", question, outcome_texts[answer->outcome]);
        put_lines(&block, buffer);
        if (answer->suggestion) {
            cf_buffer_puts(buffer, "  this would allow it (tried with this policy):\n");
            block.failed = put_indented(buffer, answer->suggestion, "    ") < 0;
        }
        if (answer->advice)
            block.failed = put_indented(buffer, answer->advice, "  ") < 0 || block.failed;
    }
    block_clear(&block);
    return block.failed ? -ENOMEM : 0;
}

/* By which interface goes what is allowed. */
static int put_interfaces(const struct cf_profile *profile, struct cf_buffer *buffer)
{
    size_t n = profile->egress.n_interfaces;

    if (n == 0)
        return 0;
    cf_buffer_printf(buffer, "\nwhat is allowed leaves by %s",
                     n > 1 ? "the first that is up of " : "");
    for (size_t i = 0; i < n; i++) {
        cf_auto_free char *name = cf_show_text(profile->egress.interfaces[i], CELL_WIDTH_MAX, NULL);

        if (!name)
            return -ENOMEM;
        cf_buffer_printf(buffer, "%s%s", i ? ", " : "", name);
    }
    cf_buffer_puts(buffer, "\n");
    return 0;
}

int cf_explain_format_text(const struct cf_explanation *explanation, struct cf_buffer *buffer)
{
    int r = 0;

    for (size_t i = 0; i < explanation->n_answers && r == 0; i++) {
        if (i > 0)
            cf_buffer_puts(buffer, "\n");
        r = put_answer(explanation, &explanation->answers[i], buffer);
    }
    if (r == 0)
        r = put_interfaces(explanation->profile, buffer);
    if (r == 0 && explanation->n_not_in_force > 0) {
        cf_buffer_puts(buffer, "\nnot in force in this version, so not counted on: ");
        for (size_t i = 0; i < explanation->n_not_in_force; i++)
            cf_buffer_printf(buffer, "%s%s", i ? ", " : "", explanation->not_in_force[i]);
        cf_buffer_puts(buffer, "\n");
    }
    return r == 0 && buffer->failed ? -ENOBUFS : r;
}
