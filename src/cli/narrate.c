/*
 * narrate.c - events as they happen, one line each, for -v
 */
#include "cli/narrate.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "cli/terminal.h"
#include "report/show.h"

/* Columns of a text at most: the longest name of DNS fits. */
#define TEXT_WIDTH 256

/* Text that comes from the network or the command must not move the cursor. */
static void append_safe(struct cf_buffer *line, const char *text)
{
    cf_auto_free char *shown = cf_show_text(text, TEXT_WIDTH, NULL);

    cf_buffer_puts(line, shown ? shown : "?");
}

static void append_verdict(struct cf_buffer *line, const struct cf_verdict *verdict)
{
    cf_buffer_printf(line, ": %s", cf_reason_name(verdict->reason));
    if (verdict->rule) {
        cf_buffer_puts(line, " '");
        append_safe(line, verdict->rule->text);
        if (verdict->member) {
            cf_buffer_puts(line, ": ");
            append_safe(line, verdict->member->text);
        }
        cf_buffer_puts(line, "'");
        if (verdict->rule->origin.file)
            cf_buffer_printf(line, " %s:%u", verdict->rule->origin.file,
                             verdict->rule->origin.line);
    }
}

static const char *word_of(const struct cf_verdict *verdict)
{
    if (verdict->would_deny)
        return "would deny";
    return verdict->action == CF_ALLOW ? "allowed" : "denied";
}

static void append_dns(struct cf_buffer *line, const struct cf_event_dns *dns)
{
    char type[CF_EVENT_CODE_SIZE], rcode[CF_EVENT_CODE_SIZE];

    cf_buffer_printf(line, "%s name ", word_of(&dns->verdict));
    append_safe(line, dns->name);
    cf_buffer_printf(line, " (%s), ", cf_record_type_format(dns->type, type));
    if (dns->rcode < 0)
        cf_buffer_puts(line, "not answered");
    else
        cf_buffer_printf(line, "%s from %s", cf_event_rcode_format(dns->rcode, rcode),
                         cf_dns_source_name(dns->source));
    append_verdict(line, &dns->verdict);
}

static void append_flow(struct cf_buffer *line, const struct cf_event_flow_open *flow)
{
    char text[CF_ADDR_PORT_TEXT_SIZE];

    cf_buffer_printf(line, "%s flow %llu, %s to %s", word_of(&flow->verdict),
                     (unsigned long long)flow->flow, cf_proto_name(flow->proto),
                     flow->proto == CF_PROTO_ICMP ? cf_addr_format(&flow->dst.addr, text)
                                                  : cf_addr_port_format(&flow->dst, text));
    for (size_t i = 0; i < flow->n_names; i++) {
        cf_buffer_puts(line, i ? ", " : " (");
        append_safe(line, flow->names[i].name);
    }
    cf_buffer_puts(line, flow->n_names ? ")" : "");
    append_verdict(line, &flow->verdict);
    if (flow->sni || flow->http_host) {
        cf_buffer_puts(line, ", it showed ");
        append_safe(line, flow->sni ? flow->sni : flow->http_host);
    }
}

static void append_packets(struct cf_buffer *line, const struct cf_event_packets_denied *packets)
{
    char text[CF_ADDR_TEXT_SIZE], protocol[CF_EVENT_CODE_SIZE];

    cf_buffer_printf(line, "denied %llu packet%s, %s to %s: no flow (%s)",
                     (unsigned long long)packets->count, packets->count == 1 ? "" : "s",
                     cf_event_protocol_format(packets->protocol, protocol),
                     cf_addr_format(&packets->dst, text), packets->reason);
}

static bool is_denial(const struct cf_verdict *verdict)
{
    return verdict->action == CF_DENY || verdict->would_deny;
}

static void append_close(struct cf_buffer *line, const struct cf_event_flow_close *flow)
{
    cf_buffer_printf(line, "closed flow %llu: %s, %llu bytes out, %llu in",
                     (unsigned long long)flow->flow, cf_flow_result_name(flow->result),
                     (unsigned long long)flow->bytes_out, (unsigned long long)flow->bytes_in);
    if (!flow->proxy_why)
        return;
    cf_buffer_printf(line, "; proxy: %s", flow->proxy_why);
    if (flow->proxy_words[0]) {
        cf_buffer_puts(line, ": ");
        append_safe(line, flow->proxy_words);
    }
}

void cf_narrate_event(const struct cf_event *event, int level)
{
    struct cf_buffer line;

    cf_buffer_init(&line, 4096);
    switch (event->type) {
    case CF_EVENT_DNS:
        if (level > 1 || is_denial(&event->dns.verdict))
            append_dns(&line, &event->dns);
        break;
    case CF_EVENT_FLOW_OPEN:
    case CF_EVENT_FLOW_DENIED:
        if (level > 1 || is_denial(&event->flow_open.verdict))
            append_flow(&line, &event->flow_open);
        break;
    case CF_EVENT_FLOW_CLOSE:
        if (level > 1 || event->flow_close.proxy_why)
            append_close(&line, &event->flow_close);
        break;
    case CF_EVENT_PACKETS_DENIED:
        append_packets(&line, &event->packets_denied);
        break;
    case CF_EVENT_WARNING:
        cf_buffer_puts(&line, "warning: ");
        append_safe(&line, event->warning.text);
        break;
    default:
        break;
    }
    if (line.length > 0) {
        cf_terminal_clear();
        fprintf(stderr, "childflow: %s\n", line.data);
    }
    cf_buffer_done(&line);
}
