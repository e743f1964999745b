/*
 * advise.c - what to write so that a question is allowed
 *
 * How this works. A candidate is YAML as it would be pasted into the policy. To
 * try it, a policy is read that extends the one of the question and has the
 * candidate as its own keys: lists are added to, as pasting would, and what
 * the command line says comes on top. Then the same question is put to it by
 * cf_answer_make(). The candidates, the smaller first:
 *
 *   an allow of just this flow; for a port of host.childflow.internal, that port
 *   where egress.quic denies what is asked, `quic: allow` alone; and then it
 *   stands beside each of the others
 *   where --address says where the name leads: `hosts` with that address,
 *   alone and with that allow; an allow of that address, alone and with that
 *   allow
 *
 * What stood in the way of the first is named where a later one is needed, or
 * where none helps.
 */
#include "cli/advise.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/json.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "profile/match.h"

/* A port for a question without one: an allow is for some port. */
#define USUAL_PORT 443

/* What a candidate has, as bits of a mask. */
enum candidate {
    CANDIDATE_ALLOW = 1, /* of what was asked for */
    CANDIDATE_HOST_PORT = 2,
    CANDIDATE_PIN = 4,
    CANDIDATE_ADDRESS = 8, /* an allow of the name's address */
    CANDIDATE_QUIC = 16,   /* egress.quic lets it through */
};

struct advising {
    const struct cf_options *options;
    const struct cf_inquiry *inquiry;
    struct cf_answer *answer;
    struct cf_buffer obstacle; /* "'private' (FILE:LINE)": what denies with the first candidate */
    bool obstacle_of_command_line;
    bool obstacle_by_address;
    bool obstacle_by_key;   /* dns.block_encrypted, which no rule lifts */
    bool obstacle_by_proxy; /* proxy.require, which none lifts either */
    bool quic;              /* what is asked is UDP to the port of QUIC, and egress.quic denies it */
};

static bool is_host_name(const struct cf_question *question)
{
    return strcmp(question->name, CF_HOST_LOOPBACK_NAME) == 0;
}

/* proto://host:port of the question, for this address of it or for its name when NULL. */
static void put_endpoint(struct cf_buffer *text, const struct cf_question *question,
                         const struct cf_addr *addr)
{
    uint16_t port = question->port;
    char addr_text[CF_ADDR_TEXT_SIZE];

    if (question->proto_given)
        cf_buffer_printf(text, "%s://",
                         question->protos == CF_PROTO_TCP   ? "tcp"
                         : question->protos == CF_PROTO_UDP ? "udp"
                                                            : "icmp");
    if (!addr)
        cf_buffer_puts(text, question->name);
    else
        cf_buffer_printf(text, addr->family == CF_FAMILY_IPV6 ? "[%s]" : "%s",
                         cf_addr_format(addr, addr_text));
    if (port == 0 && question->protos != CF_PROTO_ICMP)
        port = USUAL_PORT;
    if (port > 0)
        cf_buffer_printf(text, ":%u", (unsigned)port);
}

static void put_quoted(struct cf_buffer *yaml, const char *text)
{
    struct cf_json json;

    cf_json_init(&json, yaml);
    cf_json_text(&json, NULL, text);
}

/* "    - ENDPOINT", with what the question says of its program. */
static void put_item(const struct advising *advising, struct cf_buffer *yaml,
                     const struct cf_addr *addr)
{
    struct cf_buffer endpoint;

    cf_buffer_init(&endpoint, 0);
    put_endpoint(&endpoint, &advising->answer->question, addr);
    cf_buffer_puts(yaml, "    - ");
    if (endpoint.failed)
        yaml->failed = true;
    else if (advising->inquiry->exe)
        cf_buffer_puts(yaml, "{to: "), put_quoted(yaml, endpoint.data),
            cf_buffer_puts(yaml, ", exe: "), put_quoted(yaml, advising->inquiry->exe),
            cf_buffer_puts(yaml, "}");
    else if (endpoint.data[0] == '[')
        put_quoted(yaml, endpoint.data);
    else
        cf_buffer_puts(yaml, endpoint.data);
    cf_buffer_puts(yaml, "\n");
    cf_buffer_done(&endpoint);
}

static void put_pins(const struct advising *advising, struct cf_buffer *yaml)
{
    const struct cf_inquiry *inquiry = advising->inquiry;
    char text[CF_ADDR_TEXT_SIZE];

    cf_buffer_printf(yaml, "hosts:\n  %s: ", advising->answer->question.name);
    for (size_t i = 0; i < inquiry->n_addrs; i++)
        cf_buffer_printf(yaml, "%s\"%s\"",
                         i                      ? ", "
                         : inquiry->n_addrs > 1 ? "["
                                                : "",
                         cf_addr_format(&inquiry->addrs[i], text));
    cf_buffer_printf(yaml, "%s\n", inquiry->n_addrs > 1 ? "]" : "");
}

static void put_candidate(const struct advising *advising, unsigned candidate,
                          struct cf_buffer *yaml)
{
    const struct cf_question *question = &advising->answer->question;

    if (candidate & CANDIDATE_HOST_PORT)
        cf_buffer_printf(yaml, "egress:\n  host_ports: [%u]\n", (unsigned)question->port);
    if (candidate & (CANDIDATE_ALLOW | CANDIDATE_ADDRESS | CANDIDATE_QUIC))
        cf_buffer_puts(yaml, "egress:\n");
    if (candidate & CANDIDATE_QUIC)
        cf_buffer_puts(yaml, "  quic: allow\n");
    if (candidate & (CANDIDATE_ALLOW | CANDIDATE_ADDRESS))
        cf_buffer_puts(yaml, "  allow:\n");
    if (candidate & CANDIDATE_ALLOW)
        put_item(advising, yaml, question->name[0] ? NULL : &question->addr);
    for (size_t i = 0; candidate & CANDIDATE_ADDRESS && i < advising->inquiry->n_addrs; i++)
        put_item(advising, yaml, &advising->inquiry->addrs[i]);
    if (candidate & CANDIDATE_PIN)
        put_pins(advising, yaml);
}

/* The policy with the candidate; NULL when it cannot be made. */
static struct cf_profile *load_with(const struct advising *advising, const char *candidate)
{
    const char *path = advising->options->policy, *slash = strrchr(path, '/');
    const struct cf_policy_options beats = cf_cli_policy_options(advising->options);
    struct cf_profile *profile = NULL;
    struct cf_diagnostics diagnostics;
    struct cf_buffer text, name;
    struct cf_error err;

    cf_buffer_init(&text, 0);
    cf_buffer_init(&name, 0);
    cf_buffer_append(&name, path, slash ? (size_t)(slash - path) + 1 : 0);
    cf_buffer_puts(&name, "suggestion.yaml");
    cf_buffer_puts(&text, "version: 1\nname: suggestion\nextends: [");
    put_quoted(&text, slash ? slash + 1 : path);
    cf_buffer_printf(&text, "]\n%s", candidate);
    cf_diagnostics_init(&diagnostics);
    if (!text.failed && !name.failed &&
        cf_policy_parse(text.data, text.length, name.data, &beats, &diagnostics, &profile, &err) <
            0)
        profile = NULL;
    cf_diagnostics_done(&diagnostics);
    cf_buffer_done(&name);
    cf_buffer_done(&text);
    return profile;
}

static bool is_denial(const struct cf_verdict *verdict)
{
    return verdict->rule && verdict->rule->action == CF_DENY;
}

/* The rule that denies all the same. */
static const struct cf_verdict *find_obstacle(const struct cf_explain_answer *answer)
{
    if (answer->asks_name && is_denial(&answer->lookup))
        return &answer->lookup;
    for (size_t i = 0; i < answer->n_places; i++) {
        for (size_t k = 0; k < answer->places[i].n_rows; k++) {
            if (is_denial(&answer->places[i].rows[k].verdict))
                return &answer->places[i].rows[k].verdict;
        }
    }
    return NULL;
}

static void keep_obstacle(struct advising *advising, const struct cf_explain_answer *answer)
{
    const struct cf_verdict *verdict = find_obstacle(answer);
    const struct cf_rule *rule = verdict ? verdict->rule : NULL;

    if (!rule || advising->obstacle.length > 0)
        return;
    cf_buffer_printf(&advising->obstacle, "'%s'", rule->text);
    advising->obstacle_of_command_line = rule->beats_file;
    if (rule->origin.line > 0)
        cf_buffer_printf(&advising->obstacle, " (%s:%u)", rule->origin.file, rule->origin.line);
    advising->obstacle_by_address = !cf_verdict_is_by_name(verdict);
    advising->obstacle_by_key = verdict->reason == CF_REASON_ENCRYPTED_DNS;
    advising->obstacle_by_proxy = verdict->reason == CF_REASON_PROXY_REQUIRED;
}

/* What the candidate has to allow: of a question without a port, what put_endpoint() wrote. */
static struct cf_question question_of(const struct cf_question *question)
{
    struct cf_question narrow = *question;

    if (narrow.port > 0 || narrow.protos == CF_PROTO_ICMP)
        return narrow;
    narrow.port = USUAL_PORT;
    narrow.protos &= ~(unsigned)CF_PROTO_ICMP;
    return narrow;
}

/* Ask again with the candidate. Returns 1 when it allows the question, 0, or -ENOMEM. */
static int try_candidate(struct advising *advising, const char *yaml)
{
    struct cf_profile *profile = load_with(advising, yaml);
    struct cf_inquiry inquiry = *advising->inquiry;
    struct cf_answer again = { .question = question_of(&advising->answer->question) };
    int r;

    if (!profile)
        return 0;
    inquiry.profile = profile;
    r = cf_answer_make(&inquiry, &again);
    if (r == 0 && cf_answer_is_allowed(&again))
        r = 1;
    else if (r == 0)
        keep_obstacle(advising, &again.answer);
    cf_answer_done(&again);
    cf_profile_free(profile);
    return r;
}

/* The same, and keep the text of one that does. */
static int consider(struct advising *advising, unsigned candidate)
{
    struct cf_buffer yaml;
    int r = -ENOMEM;

    cf_buffer_init(&yaml, 0);
    put_candidate(advising, candidate, &yaml);
    if (!yaml.failed)
        r = try_candidate(advising, yaml.data);
    if (r > 0) {
        advising->answer->suggestion = cf_buffer_steal(&yaml);
        advising->answer->answer.suggestion = advising->answer->suggestion;
        r = advising->answer->suggestion ? 1 : -ENOMEM;
    }
    cf_buffer_done(&yaml);
    return r;
}

static int keep_advice(struct advising *advising, struct cf_buffer *text)
{
    if (text->length == 0 && !text->failed)
        return 0;
    advising->answer->advice = cf_buffer_steal(text);
    advising->answer->answer.advice = advising->answer->advice;
    return advising->answer->advice ? 0 : -ENOMEM;
}

/* What `quic: allow` is worth: where the key stands now, and what is no longer looked at. */
static void put_quic_advice(const struct advising *advising, struct cf_buffer *text)
{
    const struct cf_profile *profile = advising->inquiry->profile;
    const struct cf_origin *origin = cf_profile_origin_find(profile, "egress.quic");

    if (origin && origin->line > 0)
        cf_buffer_printf(text, "it takes the place of 'egress.quic' (%s:%u)\n", origin->file,
                         origin->line);
    if (profile->egress.verify_names)
        cf_buffer_puts(text, "names are not verified in QUIC, as they are over TCP\n");
}

/* What to say beside a candidate that helped. */
static void put_advice(const struct advising *advising, unsigned candidate, struct cf_buffer *text)
{
    const struct cf_verdict *denial = find_obstacle(&advising->answer->answer);
    const char *obstacle = advising->obstacle.data ? advising->obstacle.data : "a rule";

    if (candidate & CANDIDATE_QUIC)
        put_quic_advice(advising, text);
    if (candidate & CANDIDATE_PIN)
        cf_buffer_printf(text,
                         "%s denies the address, unless 'hosts' pins it to a name that is allowed, "
                         "or a rule by address as specific allows it\n",
                         obstacle);
    else if (candidate & CANDIDATE_ADDRESS)
        cf_buffer_printf(text, "it stands against %s, and holds for every name at that address\n",
                         obstacle);
    else if (denial && denial->reason != CF_REASON_QUIC && denial->rule->origin.line > 0)
        cf_buffer_printf(text,
                         "it is more specific than '%s' (%s:%u), which goes on to deny the rest\n",
                         denial->rule->text, denial->rule->origin.file, denial->rule->origin.line);
}

/* What to say when none did. */

static void put_hopeless(const struct advising *advising, struct cf_buffer *text)
{
    const struct cf_question *question = &advising->answer->question;

    if (is_host_name(question)) {
        cf_buffer_puts(text,
                       "'egress.host_ports' opens TCP and UDP ports of the host; ask for one\n");
    } else if (advising->obstacle.length == 0) {
        cf_buffer_puts(text, "no addition could be tried with this policy\n");
    } else if (advising->obstacle_of_command_line) {
        cf_buffer_printf(text, "leave out --deny %s: no rule of the file wins over it\n",
                         advising->obstacle.data);
    } else if (advising->obstacle_by_key) {
        cf_buffer_printf(text,
                         "no rule lifts %s: it is encrypted DNS, which 'dns: {block_encrypted: "
                         "false}' leaves to the rules\n",
                         advising->obstacle.data);
    } else if (advising->obstacle_by_proxy) {
        cf_buffer_printf(
            text,
            "no rule lifts %s: the proxy has no way for it, and 'proxy.bypass' lets it "
            "go directly; SOCKS 5 has a way for UDP\n",
            advising->obstacle.data);
    } else if (advising->obstacle_by_address && question->name[0] &&
               advising->inquiry->n_addrs == 0) {
        cf_buffer_printf(text,
                         "an allow alone does not lift the denial %s: narrow that, or say with "
                         "--address where the name leads, to see what to pin in 'hosts'\n",
                         advising->obstacle.data);
    } else {
        cf_buffer_printf(text,
                         "no allow that is added can lift the denial %s: narrow or remove it\n",
                         advising->obstacle.data);
    }
}

/* Try the candidates that the question has. Returns 1 and which, 0, or -ENOMEM. */
static int search(struct advising *advising, unsigned *ret_candidate)
{
    static const unsigned candidates[] = {
        CANDIDATE_QUIC,
        CANDIDATE_ALLOW,
        CANDIDATE_PIN,
        CANDIDATE_ALLOW | CANDIDATE_PIN,
        CANDIDATE_ADDRESS,
        CANDIDATE_ALLOW | CANDIDATE_ADDRESS,
    };
    const struct cf_question *question = &advising->answer->question;
    size_t n = question->name[0] && advising->inquiry->n_addrs > 0
                   ? sizeof candidates / sizeof candidates[0]
                   : 2;
    unsigned beside = advising->quic ? CANDIDATE_QUIC : 0;
    int r = 0;

    *ret_candidate = CANDIDATE_HOST_PORT;
    if (is_host_name(question))
        return question->port > 0 ? consider(advising, *ret_candidate) : 0;
    for (size_t i = advising->quic ? 0 : 1; i < n && r == 0; i++) {
        *ret_candidate = candidates[i] | beside;
        r = consider(advising, *ret_candidate);
    }
    return r;
}

/* Whether every flow that is asked about, or that a candidate is for, is QUIC, and that is denied. */
static bool wants_quic(const struct cf_inquiry *inquiry, const struct cf_answer *answer)
{
    const struct cf_question question = question_of(&answer->question);

    return inquiry->profile->egress.quic == CF_DENY && question.protos == CF_PROTO_UDP &&
           question.port == CF_QUIC_PORT;
}

int cf_advise(const struct cf_options *options, const struct cf_inquiry *inquiry,
              struct cf_answer *answer)
{
    struct advising advising = {
        .options = options, .inquiry = inquiry, .answer = answer, .quic = wants_quic(inquiry, answer)
    };
    unsigned candidate;
    struct cf_buffer text;
    int r;

    if (cf_answer_is_allowed(answer) || answer->answer.outcome == CF_OUTCOME_NEVER)
        return 0;
    cf_buffer_init(&advising.obstacle, 0);
    cf_buffer_init(&text, 0);
    /* The built-in policy denies only what the command line denies. */
    if (!options->policy)
        keep_obstacle(&advising, &answer->answer);
    r = options->policy ? search(&advising, &candidate) : 0;
    if (r > 0)
        put_advice(&advising, candidate, &text);
    else if (r == 0)
        put_hopeless(&advising, &text);
    r = r < 0 ? r : keep_advice(&advising, &text);
    cf_buffer_done(&text);
    cf_buffer_done(&advising.obstacle);
    return r;
}
