/*
 * format.c - profile to YAML that parses to the same profile
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "policy/policy.h"
#include "policy/source.h"

struct writer {
    struct cf_buffer *buffer;
    const struct cf_profile *profile;
    bool origins;
};

/* Words that some reader of YAML takes for something else than text. */
static bool is_reserved(const char *text)
{
    static const char *const words[] = { "null", "true", "false", "yes", "no",  "on",
                                         "off",  "y",    "n",     "~",   "nan", "inf" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

/* Whether text can stand without quotes and is text to every reader of YAML. */
static bool is_plain(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@+";
    size_t length = strlen(text);
    const char *dot = strchr(text, '.');

    if (length == 0 || length > 200 || strspn(text, allowed) != length || is_reserved(text))
        return false;
    if (text[length - 1] == ':' || strchr("-:@+.", text[0]))
        return false;
    /* Digits may be a number or a time; an IPv4 address has too many dots for one. */
    if (text[0] >= '0' && text[0] <= '9')
        return dot && strchr(dot + 1, '.') && !strchr(text, ':');
    return true;
}

static void put_quoted(struct cf_buffer *buffer, const char *text)
{
    size_t left = strlen(text);

    cf_buffer_puts(buffer, "\"");
    while (left > 0) {
        unsigned code = 0;
        unsigned length = cf_utf8_length(text, left, &code);

        if (length == 0) {
            /* Nothing that was read is like this; keep the output UTF-8 all the same. */
            cf_buffer_puts(buffer, "\\uFFFD");
            length = 1;
        } else if (code == '"' || code == '\\') {
            cf_buffer_printf(buffer, "\\%c", (char)code);
        } else if (code == '\n') {
            cf_buffer_puts(buffer, "\\n");
        } else if (code == '\t') {
            cf_buffer_puts(buffer, "\\t");
        } else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
            cf_buffer_printf(buffer, "\\x%02x", code);
        } else if (code == 0x2028 || code == 0x2029 || code == 0xfeff || code == 0xfffe ||
                   code == 0xffff) {
            cf_buffer_printf(buffer, "\\u%04x", code);
        } else {
            cf_buffer_append(buffer, text, length);
        }
        text += length;
        left -= length;
    }
    cf_buffer_puts(buffer, "\"");
}

static void put_text(struct cf_buffer *buffer, const char *text)
{
    if (is_plain(text))
        cf_buffer_puts(buffer, text);
    else
        put_quoted(buffer, text);
}

/* End a line, with the place where its value was written when that is asked for. */
static void end_line(struct writer *writer, const struct cf_origin *origin)
{
    char quoted[CF_QUOTE_SIZE];

    if (writer->origins && origin && origin->file) {
        cf_buffer_printf(writer->buffer, "  # %s",
                         cf_quote(origin->file, strlen(origin->file), quoted));
        if (origin->line > 0)
            cf_buffer_printf(writer->buffer, ":%u", origin->line);
    }
    cf_buffer_puts(writer->buffer, "\n");
}

/* The line of one key; path finds where it was written. */
static void end_key(struct writer *writer, const char *path)
{
    const struct cf_origin *origin = cf_profile_origin_find(writer->profile, path);

    if (origin)
        end_line(writer, origin);
    else
        cf_buffer_puts(writer->buffer, writer->origins ? "  # default\n" : "\n");
}

static void put_word(struct writer *writer, const char *path, const char *indent, const char *word)
{
    const char *dot = strrchr(path, '.');

    cf_buffer_printf(writer->buffer, "%s%s: ", indent, dot ? dot + 1 : path);
    put_text(writer->buffer, word);
    end_key(writer, path);
}

static void put_strings(struct cf_buffer *buffer, char *const *strings, size_t n)
{
    cf_buffer_puts(buffer, "[");
    for (size_t i = 0; i < n; i++) {
        cf_buffer_puts(buffer, i ? ", " : "");
        put_text(buffer, strings[i]);
    }
    cf_buffer_puts(buffer, "]");
}

static void put_dns(struct writer *writer)
{
    const struct cf_profile *profile = writer->profile;
    char text[CF_ADDR_PORT_TEXT_SIZE];

    cf_buffer_puts(writer->buffer, "\ndns:\n  servers: [");
    for (size_t i = 0; i < profile->dns.n_servers; i++) {
        cf_buffer_puts(writer->buffer, i ? ", " : "");
        put_text(writer->buffer, cf_addr_port_format(&profile->dns.servers[i], text));
    }
    cf_buffer_puts(writer->buffer, "]");
    end_key(writer, "dns.servers");
    cf_buffer_puts(writer->buffer, "  search: ");
    put_strings(writer->buffer, profile->dns.search, profile->dns.n_search);
    end_key(writer, "dns.search");
    put_word(writer, "dns.filter", "  ", cf_dns_filter_name(profile->dns.filter));
    put_word(writer, "dns.deny_answer", "  ", cf_deny_answer_name(profile->dns.deny_answer));
}

static void put_hosts(struct writer *writer)
{
    const struct cf_profile *profile = writer->profile;
    char text[CF_ADDR_TEXT_SIZE];

    cf_buffer_puts(writer->buffer, profile->n_hosts ? "\nhosts:\n" : "\nhosts: {}\n");
    for (size_t i = 0; i < profile->n_hosts; i++) {
        const struct cf_host *host = &profile->hosts[i];

        cf_buffer_puts(writer->buffer, "  ");
        put_text(writer->buffer, host->name);
        cf_buffer_puts(writer->buffer, ": [");
        for (size_t j = 0; j < host->n_addrs; j++) {
            cf_buffer_puts(writer->buffer, j ? ", " : "");
            put_text(writer->buffer, cf_addr_format(&host->addrs[j], text));
        }
        cf_buffer_puts(writer->buffer, "]");
        end_line(writer, &host->origin);
    }
}

static void put_rule(struct writer *writer, const struct cf_rule *rule)
{
    cf_buffer_puts(writer->buffer, "    - ");
    if (rule->why) {
        cf_buffer_puts(writer->buffer, "{to: ");
        put_quoted(writer->buffer, rule->text);
        cf_buffer_puts(writer->buffer, ", why: ");
        put_text(writer->buffer, rule->why);
        cf_buffer_puts(writer->buffer, "}");
    } else {
        put_text(writer->buffer, rule->text);
    }
    end_line(writer, &rule->origin);
}

static void put_rules(struct writer *writer, const char *name, enum cf_action action)
{
    const struct cf_profile *profile = writer->profile;
    size_t n = 0;

    for (size_t i = 0; i < profile->egress.n_rules; i++) {
        if (profile->egress.rules[i].action != action)
            continue;
        if (n++ == 0)
            cf_buffer_printf(writer->buffer, "  %s:\n", name);
        put_rule(writer, &profile->egress.rules[i]);
    }
    if (n == 0)
        cf_buffer_printf(writer->buffer, "  %s: []\n", name);
}

static void put_egress(struct writer *writer)
{
    const struct cf_profile *profile = writer->profile;

    cf_buffer_puts(writer->buffer, "\negress:\n");
    put_word(writer, "egress.ipv6", "  ", cf_ipv6_name(profile->egress.ipv6));
    cf_buffer_printf(writer->buffer, "  default: %s",
                     profile->egress.fallback == CF_ALLOW ? "allow" : "deny");
    end_key(writer, "egress.default");
    put_rules(writer, "allow", CF_ALLOW);
    put_rules(writer, "deny", CF_DENY);
    cf_buffer_puts(writer->buffer, "  host_ports: [");
    for (size_t i = 0; i < profile->egress.n_host_ports; i++)
        cf_buffer_printf(writer->buffer, "%s%u", i ? ", " : "",
                         (unsigned)profile->egress.host_ports[i]);
    cf_buffer_puts(writer->buffer, "]");
    end_key(writer, "egress.host_ports");
}

static void put_audit(struct writer *writer)
{
    const struct cf_profile *profile = writer->profile;

    cf_buffer_puts(writer->buffer, "\naudit:\n");
    put_word(writer, "audit.log", "  ", profile->audit.log ? profile->audit.log : "");
    put_word(writer, "audit.summary", "  ", cf_summary_name(profile->audit.summary));
    cf_buffer_printf(writer->buffer, "  fail_on_denial: %s",
                     profile->audit.fail_on_denial ? "true" : "false");
    end_key(writer, "audit.fail_on_denial");
}

static void put_command(struct writer *writer)
{
    char *const *command = writer->profile->command;
    size_t n = 0;

    if (!command)
        return;
    while (command[n])
        n++;
    cf_buffer_puts(writer->buffer, "\ncommand: ");
    put_strings(writer->buffer, command, n);
    end_key(writer, "command");
}

int cf_policy_format(const struct cf_profile *profile, bool origins, struct cf_buffer *buffer)
{
    struct writer writer = { .buffer = buffer, .profile = profile, .origins = origins };

    cf_buffer_puts(buffer, "version: 1\n");
    put_word(&writer, "name", "", profile->name);
    if (profile->description)
        put_word(&writer, "description", "", profile->description);
    put_word(&writer, "mode", "", cf_mode_name(profile->mode));
    put_dns(&writer);
    put_hosts(&writer);
    put_egress(&writer);
    put_audit(&writer);
    put_command(&writer);
    return buffer->failed ? -ENOMEM : 0;
}
