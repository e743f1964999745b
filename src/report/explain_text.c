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
#include "report/show.h"

/* Lines of one kind that are shown; the JSON has all of them. */
#define LOSERS_MAX 12
#define CONDITIONS_MAX 8
#define RANGES_MAX 8

#define CELL_WIDTH_MAX 200

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

static void put_rule_text(struct cf_buffer *text, const struct cf_rule *rule,
                          const struct cf_member *member)
{
    cf_buffer_puts(text, rule->text);
    if (member)
        cf_buffer_printf(text, " (%s)", member->text);
    if (rule->exe)
        cf_buffer_printf(text, " for %s", rule->exe);
}

static const char *action_text(enum cf_action action)
{
    return action == CF_ALLOW ? "allow" : "deny";
}

static void set_rule(struct block *block, const struct cf_rule *rule,
                     const struct cf_member *member)
{
    struct cf_buffer text;

    cf_buffer_init(&text, 0);
    put_rule_text(&text, rule, member);
    set_cell(block, CELL_ACTION, action_text(rule->action));
    set_cell_from(block, CELL_RULE, &text);
    set_place(block, &rule->origin);
}

static void set_default(struct block *block, const struct cf_verdict *verdict)
{
    const struct cf_profile *profile = block->explanation->profile;
    bool denied = verdict->action == CF_DENY || verdict->would_deny;

    set_cell(block, CELL_ACTION, action_text(denied ? CF_DENY : CF_ALLOW));
    set_cell(block, CELL_RULE, "by default");
    if (profile->egress.fallback == (denied ? CF_DENY : CF_ALLOW))
        set_place(block, cf_profile_origin_find(profile, "egress.default"));
}

/* The verdict of a line; an expired rule is named in the remark. */
static void set_verdict(struct block *block, const struct cf_verdict *verdict)
{
    struct cf_buffer text;

    if (verdict->rule && verdict->reason != CF_REASON_EXPIRED) {
        set_rule(block, verdict->rule, verdict->member);
        if (verdict->names_line > 0) {
            cf_buffer_init(&text, 0);
            cf_buffer_printf(&text, "line %u of its file", (unsigned)verdict->names_line);
            set_cell_from(block, CELL_REMARK, &text);
        }
        if (verdict->rule->why)
            set_cell(block, CELL_REMARK, verdict->rule->why);
        return;
    }
    set_default(block, verdict);
    if (verdict->rule)
        set_cell(block, CELL_REMARK, "a rule that would allow it has expired");
}

static const char *proto_name(enum cf_proto proto)
{
    return proto == CF_PROTO_TCP ? "tcp" : proto == CF_PROTO_UDP ? "udp" : "icmp";
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
            cf_buffer_printf(&text, "%s%s", i ? "; " : "", proto_name(range->proto));
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

static void put_by(struct cf_buffer *text, const struct cf_trace_entry *entry)
{
    cf_buffer_printf(text, "%s ", entry->by ? action_text(entry->by->action) : "");
    if (entry->by)
        put_rule_text(text, entry->by, entry->by_member);
}

static void put_edge(struct cf_buffer *text, const struct cf_trace_entry *entry)
{
    static const char *const edges[] = {
        [CF_EDGE_COMMAND_LINE] = "stands on the command line, which wins over files",
        [CF_EDGE_HOST] = "names the host more exactly",
        [CF_EDGE_PROTO] = "names a protocol, and its host is as exact",
        [CF_EDGE_PORTS] = "names ports, and its host is as exact",
        [CF_EDGE_EXE] = "is for a program, and is as exact otherwise",
    };
    static_assert(sizeof edges / sizeof edges[0] == CF_EDGE_COUNT, "a text for each");

    put_by(text, entry);
    cf_buffer_printf(text, " %s", edges[entry->edge]);
}

static const struct cf_endpoint *endpoint_of(const struct cf_rule *rule,
                                             const struct cf_member *member)
{
    return member ? &member->endpoint : &rule->endpoint;
}

static bool is_one_address(const struct cf_rule *rule, const struct cf_member *member)
{
    const struct cf_endpoint *endpoint = endpoint_of(rule, member);

    return endpoint->kind == CF_HOST_PREFIX &&
           endpoint->prefix.bits == cf_addr_bits(&endpoint->prefix.addr);
}

/* Days since 1970-01-01 as a date of the Gregorian calendar. */
static void put_date(struct cf_buffer *text, int32_t day)
{
    /* Years from March, in eras of 400 years (146,097 days). */
    int64_t shifted = (int64_t)day + 719468,
            era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t number = month < 10 ? month + 3 : month - 9;

    cf_buffer_printf(text, "%04d-%02d-%02d", (int)(year + era * 400 + (number <= 2)), (int)number,
                     (int)(of_year - (153 * month + 2) / 5 + 1));
}

static void put_protos(struct cf_buffer *text, unsigned protos)
{
    static const enum cf_proto all[] = { CF_PROTO_TCP, CF_PROTO_UDP, CF_PROTO_ICMP };
    const char *comma = "";

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (protos & (unsigned)all[i]) {
            cf_buffer_printf(text, "%s%s", comma, proto_name(all[i]));
            comma = " and ";
        }
    }
}

static void put_ports(struct cf_buffer *text, const struct cf_endpoint *endpoint)
{
    cf_buffer_printf(
        text, "port%s ",
        endpoint->n_ports == 1 && endpoint->ports[0].first == endpoint->ports[0].last ? "" : "s");
    for (size_t i = 0; i < endpoint->n_ports; i++) {
        cf_buffer_printf(text, "%s%u", i ? "," : "", (unsigned)endpoint->ports[i].first);
        if (endpoint->ports[i].last != endpoint->ports[i].first)
            cf_buffer_printf(text, "-%u", (unsigned)endpoint->ports[i].last);
    }
}

/* What a rule does not hold, in a list with commas. */
static void put_misses(struct cf_buffer *text, const struct cf_rule *rule,
                       const struct cf_member *member, unsigned misses, const char *exe)
{
    const char *comma = text->length > 0 ? ", " : "";

    if (misses & (CF_MISS_PROTO | CF_MISS_PORTS)) {
        cf_buffer_printf(text, "%sholds ", comma);
        if (misses & CF_MISS_PROTO)
            put_protos(text, endpoint_of(rule, member)->protos);
        else
            put_ports(text, endpoint_of(rule, member));
        cf_buffer_puts(text, " only");
        comma = ", ";
    }
    if (misses & CF_MISS_EXE) {
        cf_buffer_printf(text, "%sis for %s%s", comma, rule->exe,
                         exe ? "" : " (say which program asks with --exe)");
        comma = ", ";
    }
    if (misses & CF_MISS_EXPIRED) {
        cf_buffer_printf(text, "%sexpired on ", comma);
        put_date(text, rule->until);
    }
}

static void put_fate(struct cf_buffer *text, const struct cf_trace_entry *entry, const char *exe)
{
    static const char *const texts[] = {
        [CF_FATE_WON] = NULL,
        [CF_FATE_AGREES] = "agrees: without it a wider denial by address could decide",
        [CF_FATE_LIFTS] = "as specific, lifts the denial for a name that is allowed: ",
        [CF_FATE_LESS_SPECIFIC] = NULL,
        [CF_FATE_TIE] = "as specific as a denial, which wins a tie: ",
        [CF_FATE_EQUAL] = "says the same, as specifically, as ",
        [CF_FATE_ALIAS] = "the name is only an alias here",
        [CF_FATE_DENIED_BY_ADDRESS] = "its address is denied: ",
        [CF_FATE_LIFTED] = "lifted for an allowed name, by as specific a rule: ",
        [CF_FATE_PINNED] = "'hosts' pins the address to a name: ",
        [CF_FATE_BY_NAME] = "its name is denied: ",
        [CF_FATE_MISSED] = NULL,
    };
    static_assert(sizeof texts / sizeof texts[0] == CF_FATE_COUNT, "a text for each");

    if (entry->fate == CF_FATE_LESS_SPECIFIC) {
        put_edge(text, entry);
    } else if (entry->fate == CF_FATE_MISSED) {
        put_misses(text, entry->rule, entry->member, entry->misses, exe);
    } else if (texts[entry->fate]) {
        cf_buffer_puts(text, texts[entry->fate]);
        if (entry->by && entry->fate != CF_FATE_AGREES)
            put_by(text, entry);
    }
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
    put_fate(&text, entry, block->explanation->exe);
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
        set_verdict(block, &place->rows[i].verdict);
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
        if (is_one_address(condition->rule, condition->member))
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
        cf_buffer_puts(&text,
                       near->near == CF_NEAR_PREFIX && is_one_address(near->rule, near->member)
                           ? "another address, close by"
                           : texts[near->near]);
        put_misses(&text, near->rule, near->member, near->misses, block->explanation->exe);
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

/* Text of several lines, each indented; empty lines stay empty. */
static void put_indented(struct cf_buffer *buffer, const char *text, const char *indent)
{
    while (*text) {
        size_t length = strcspn(text, "\n");

        if (length > 0)
            cf_buffer_printf(buffer, "%s%.*s", indent, (int)length, text);
        cf_buffer_puts(buffer, "\n");
        text += length + (text[length] == '\n');
    }
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
            put_indented(buffer, answer->suggestion, "    ");
        }
        if (answer->advice)
            put_indented(buffer, answer->advice, "  ");
    }
    block_clear(&block);
    return block.failed ? -ENOMEM : 0;
}

int cf_explain_format_text(const struct cf_explanation *explanation, struct cf_buffer *buffer)
{
    int r = 0;

    for (size_t i = 0; i < explanation->n_answers && r == 0; i++) {
        if (i > 0)
            cf_buffer_puts(buffer, "\n");
        r = put_answer(explanation, &explanation->answers[i], buffer);
    }
    if (r == 0 && explanation->n_not_in_force > 0) {
        cf_buffer_puts(buffer, "\nnot in force in this version, so not counted on: ");
        for (size_t i = 0; i < explanation->n_not_in_force; i++)
            cf_buffer_printf(buffer, "%s%s", i ? ", " : "", explanation->not_in_force[i]);
        cf_buffer_puts(buffer, "\n");
    }
    return r == 0 && buffer->failed ? -ENOBUFS : r;
}
