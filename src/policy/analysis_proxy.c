/*
 * analysis_proxy.c - what the keys of `proxy` ask for and can never have, as findings
 */
#include "policy/analysis.h"

#include "profile/lint_proxy.h"

static void report(struct cf_reader *reader, const struct cf_load *load, enum cf_code code,
                   const struct cf_origin *origin, const char *key, const char *text)
{
    struct cf_source elsewhere; /* the command line */
    struct cf_finding finding = {
        .code = code,
        .at = { origin->line, origin->column, cf_load_source_find(load, origin->file) },
        .key = key,
    };

    cf_source_init(&elsewhere, origin->file, NULL, 0);
    if (!finding.at.source)
        finding.at.source = &elsewhere;
    cf_read_report(reader, &finding, "%s", text);
}

static void report_dns(struct cf_reader *reader, const struct cf_load *load)
{
    const struct cf_profile *profile = reader->profile;
    const struct cf_addr_port *server = cf_lint_proxy_loopback(profile);
    const struct cf_origin *origin;

    if (cf_lint_proxy_transport(profile)) {
        origin = cf_profile_origin_find(profile, "dns.transport");
        report(reader, load, CF_CODE_PROXY_DNS, origin, "dns.transport",
               "expected auto or tcp, got 'udp': DNS servers are asked through the proxy, over TCP, "
               "and the run is refused");
    }
    if (server) {
        origin = cf_profile_origin_item_find(profile, "dns.servers",
                                             (size_t)(server - profile->dns.servers));
        report(reader, load, CF_CODE_PROXY_DNS, origin, "dns.servers",
               "this server is on the host's loopback, where the proxy does not reach it, and the "
               "run is refused: list it under proxy.bypass, or servers that the proxy reaches");
    }
}

void cf_read_proxy_analysis(struct cf_reader *reader, const struct cf_load *load)
{
    const struct cf_profile *bypass = reader->profile->proxy.bypass;

    report_dns(reader, load);
    for (size_t i = 0; bypass && i < bypass->egress.n_rules; i++) {
        const struct cf_rule *entry = &bypass->egress.rules[i];

        switch (cf_lint_bypass(reader->profile, entry)) {
        case CF_BYPASS_USED:
            break;
        case CF_BYPASS_DENIED:
            report(reader, load, CF_CODE_PROXY_BYPASS, &entry->origin, "proxy.bypass",
                   "can never match: no rule allows a flow that it holds");
            break;
        case CF_BYPASS_UNKNOWN:
            report(reader, load, CF_CODE_PROXY_BYPASS, &entry->origin, "proxy.bypass",
                   "can never match: the proxy resolves the names that are allowed, so their "
                   "addresses are not known here; bypass them by name, or list dns.servers");
            break;
        }
    }
}
