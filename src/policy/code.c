/*
 * code.c - the kinds of findings, by names that do not change
 */
#include "policy/code.h"

#include <assert.h>

static const struct {
    const char *name;
    const char *title;
    const char *help;
} codes[] = {
    [CF_CODE_SYNTAX] = { "syntax", "Not YAML, or not text",
                         "A policy is one YAML document in UTF-8, without tags." },
    [CF_CODE_UNKNOWN_KEY] = { "unknown-key", "A key that does not exist",
                              "Every key is listed in childflow-policy(5). Nothing is ignored." },
    [CF_CODE_NOT_BUILT] = { "not-built", "A key that this version cannot enforce",
                            "Leave the key out, or use a version of childflow that has it." },
    [CF_CODE_UNKNOWN_GROUP] = { "unknown-group", "A group that does not exist",
                                "Groups stand under egress.groups, here or in a file that is "
                                "extended." },
    [CF_CODE_MISSING_KEY] = { "missing-key", "A key that must be there is not", "Add the key." },
    [CF_CODE_DUPLICATE_KEY] = { "duplicate-key", "A key is written twice",
                                "Only one of the two values could count. Remove the other." },
    [CF_CODE_BAD_VALUE] = { "bad-value", "A value that the key cannot have",
                            "The message says what is expected and what was found." },
    [CF_CODE_LIMIT] = { "limit", "More than a policy may hold",
                        "Sizes, depths and counts are limited, so that no policy can use up the "
                        "machine that reads it." },
    [CF_CODE_UNREADABLE] = { "unreadable", "A file that cannot be read",
                             "Paths in a policy are relative to the policy's own folder." },
    [CF_CODE_NEAR_GROUP] = { "near-group", "A host that is nearly a group, or reads as one",
                             "Write the group as the message has it, or the name with its "
                             "domain." },
    [CF_CODE_DUPLICATE_VALUE] = { "duplicate-value", "A value is listed twice",
                                  "Remove one of the two." },
    [CF_CODE_EXPIRED] = { "expired", "A rule whose `until` has passed",
                          "The rule does nothing any more. Remove it, or give it a later day." },
    [CF_CODE_DUPLICATE_RULE] = { "duplicate-rule", "A rule that says what another one says",
                                 "Remove one of the two." },
    [CF_CODE_EMPTY_GROUP] = { "empty-group", "A rule for a group without endpoints",
                              "The rule matches nothing. Fill the group, or remove the rule." },
    [CF_CODE_SHADOWED] = { "shadowed", "An allow of which denials leave nothing",
                           "Every flow that the rule allows is denied. Remove the rule, or make "
                           "the denial narrower." },
    [CF_CODE_UNREACHABLE] = { "unreachable", "A rule that never decides",
                              "Other rules decide every flow that this one speaks of. Remove it." },
    [CF_CODE_REDUNDANT] = { "redundant", "An allow that adds nothing",
                            "Without the rule the same is allowed. Remove it, or what makes it "
                            "needless." },
    [CF_CODE_OVER_WIDE] = { "over-wide", "An allow that is wider than it seems to be meant",
                            "Narrow the rule to what is needed." },
    [CF_CODE_QUIC] = { "quic", "An allow by name that opens QUIC without saying so",
                       "egress.verify_names looks at TCP alone. Write the rule with tcp://, and "
                       "one with udp:// beside it where QUIC is meant." },
    [CF_CODE_PINNED] = { "pinned", "A denied address that a name of `hosts` opens",
                         "A pin and an allow of its name beat a denial of the address. Allow the "
                         "address as well, to say that it is meant, or remove the pin." },
    [CF_CODE_RESOLVER_PORT] = { "resolver-port", "A port that the resolver answers inside",
                                "Whatever a program sends to port 53 is answered by childflow's "
                                "resolver, which asks the servers of dns.servers. Remove the port, "
                                "and allow the names that may be looked up." },
    [CF_CODE_PROXY_DNS] = { "proxy-dns", "DNS servers that cannot be asked through the proxy",
                            "With proxy.require DNS servers are asked through the proxy, over TCP. "
                            "The run is refused as it stands." },
    [CF_CODE_PROXY_BYPASS] = { "proxy-bypass", "An entry of proxy.bypass that does nothing",
                               "Remove the entry, or allow what it holds." },
    [CF_CODE_NOT_ANALYSED] = { "not-analysed", "Rules that were not looked at",
                               "The rules are too many, or lie too much on top of each other, to "
                               "be analysed whole." },
};
static_assert(sizeof codes / sizeof codes[0] == CF_CODE_COUNT, "a row for each");

const char *cf_code_name(enum cf_code code)
{
    return codes[code].name;
}

const char *cf_code_title(enum cf_code code)
{
    return codes[code].title;
}

const char *cf_code_help(enum cf_code code)
{
    return codes[code].help;
}

enum cf_severity cf_code_severity(enum cf_code code)
{
    return code < CF_CODE_NEAR_GROUP ? CF_SEVERITY_ERROR : CF_SEVERITY_WARNING;
}
