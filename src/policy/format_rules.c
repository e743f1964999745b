/*
 * format_rules.c - the values that have a structure of their own: hosts, rules, groups, ports
 */
#include "policy/read.h"
#include "policy/unit.h"
#include "policy/writer.h"

void cf_write_hosts(struct cf_writer *writer, const struct cf_schema_key *row, const char *name)
{
    const struct cf_profile *profile = writer->profile;
    char text[CF_ADDR_TEXT_SIZE];

    cf_writer_map(writer, name, profile->n_hosts, false, cf_writer_origin(writer, row));
    for (size_t i = 0; i < profile->n_hosts; i++) {
        const struct cf_host *host = &profile->hosts[i];

        cf_writer_list(writer, host->name, host->n_addrs, !writer->origins, NULL);
        for (size_t j = 0; j < host->n_addrs; j++)
            cf_writer_text(writer, NULL, cf_addr_format(&host->addrs[j], text), &host->origins[j]);
        cf_writer_end(writer);
    }
    cf_writer_end(writer);
}

/* One rule: its text, or a map when there is more to say. */
static void write_rule(struct cf_writer *writer, const struct cf_rule *rule)
{
    char date[CF_UNIT_SIZE];

    if (!rule->why && !rule->exe && rule->until == CF_DAY_NEVER) {
        cf_writer_text(writer, NULL, rule->text, &rule->origin);
        return;
    }
    cf_writer_map(writer, NULL, 1, true, &rule->origin);
    cf_writer_text(writer, "to", rule->text, NULL);
    if (rule->why)
        cf_writer_text(writer, "why", rule->why, NULL);
    if (rule->exe)
        cf_writer_text(writer, "exe", rule->exe, NULL);
    if (rule->until != CF_DAY_NEVER)
        cf_writer_word(writer, "until", cf_date_format(rule->until, date), NULL);
    cf_writer_end(writer);
}

static void write_rules(struct cf_writer *writer, const struct cf_schema_key *row, const char *name,
                        enum cf_action action)
{
    const struct cf_profile *profile = writer->profile;
    size_t n = 0;

    for (size_t i = 0; i < profile->egress.n_rules; i++)
        n += profile->egress.rules[i].action == action;
    cf_writer_list(writer, name, n, false, cf_writer_origin(writer, row));
    for (size_t i = 0; i < profile->egress.n_rules; i++)
        if (profile->egress.rules[i].action == action)
            write_rule(writer, &profile->egress.rules[i]);
    cf_writer_end(writer);
}

void cf_write_egress_allow(struct cf_writer *writer, const struct cf_schema_key *row,
                           const char *name)
{
    write_rules(writer, row, name, CF_ALLOW);
}

void cf_write_egress_deny(struct cf_writer *writer, const struct cf_schema_key *row,
                          const char *name)
{
    write_rules(writer, row, name, CF_DENY);
}

/* A list of endpoints, or the file by a path that holds from anywhere. */
static void write_group(struct cf_writer *writer, const struct cf_group *group)
{
    if (group->names_file) {
        cf_writer_map(writer, group->name, 1, true, &group->origin);
        cf_writer_text(writer, "names_file", group->names_file, NULL);
        cf_writer_end(writer);
        return;
    }
    cf_writer_list(writer, group->name, group->n_members, false, &group->origin);
    for (size_t i = 0; i < group->n_members; i++)
        cf_writer_text(writer, NULL, group->members[i].text, &group->members[i].origin);
    cf_writer_end(writer);
}

void cf_write_egress_groups(struct cf_writer *writer, const struct cf_schema_key *row,
                            const char *name)
{
    const struct cf_profile *profile = writer->profile;
    size_t n = profile->egress.n_groups;

    cf_writer_map(writer, name, n, false, cf_writer_origin(writer, row));
    for (size_t i = 0; i < n; i++)
        write_group(writer, profile->egress.groups[i]);
    cf_writer_end(writer);
}

void cf_write_egress_host_ports(struct cf_writer *writer, const struct cf_schema_key *row,
                                const char *name)
{
    const struct cf_profile *profile = writer->profile;
    size_t n = profile->egress.n_host_ports;

    cf_writer_list(writer, name, n, !writer->origins, cf_writer_origin(writer, row));
    for (size_t i = 0; i < n; i++)
        cf_writer_number(writer, NULL, profile->egress.host_ports[i],
                         writer->origins ? &profile->egress.host_port_rules[i].origin : NULL);
    cf_writer_end(writer);
}
