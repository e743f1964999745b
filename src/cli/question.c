/*
 * question.c - what childflow explain is asked
 *
 * How this works: a question is an endpoint of the policy language with one
 * host and at most one port, so cf_endpoint_parse() reads it. Three things are
 * questions and no endpoints, and are looked for first: an IPv6 address
 * without brackets, `localhost`, and host.childflow.internal.
 */
#include "cli/question.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "profile/profile.h"
#include "profile/quote.h"

#define EVERY_PROTO ((unsigned)CF_PROTO_TCP | CF_PROTO_UDP | CF_PROTO_ICMP)

/* What no rule can name; in its place an endpoint with this name is read. */
#define STAND_IN "stand-in.invalid"

static const char *const own_names[] = { "localhost", CF_HOST_LOOPBACK_NAME };

/* Where the host starts, behind "proto://". */
static const char *host_of(const char *text)
{
    const char *slashes = strstr(text, "://");

    return slashes ? slashes + 3 : text;
}

/*
 * The text with STAND_IN for one of own_names; the caller's. *ret_name is NULL
 * when there is none of them, and then NULL is returned.
 */
static char *stand_in(const char *text, const char **ret_name)
{
    const char *host = host_of(text);
    size_t length = strcspn(host, ":");

    *ret_name = NULL;
    for (size_t i = 0; i < sizeof own_names / sizeof own_names[0]; i++) {
        size_t own = strlen(own_names[i]);

        if (strncasecmp(host, own_names[i], own) == 0 &&
            (length == own || (length == own + 1 && host[own] == '.')))
            *ret_name = own_names[i];
    }
    if (*ret_name) {
        struct cf_buffer buffer;
        char *made;

        cf_buffer_init(&buffer, 0);
        cf_buffer_append(&buffer, text, (size_t)(host - text));
        cf_buffer_puts(&buffer, STAND_IN);
        cf_buffer_puts(&buffer, host + length);
        made = cf_buffer_steal(&buffer);
        cf_buffer_done(&buffer);
        return made;
    }
    return NULL;
}

static bool is_one_address(const struct cf_endpoint *endpoint)
{
    return endpoint->kind == CF_HOST_PREFIX &&
           endpoint->prefix.bits == cf_addr_bits(&endpoint->prefix.addr);
}

static int check_host(const struct cf_endpoint *endpoint, const char *quoted, struct cf_error *err)
{
    char addr[CF_ADDR_TEXT_SIZE];

    switch (endpoint->kind) {
    case CF_HOST_NAME:
        return 0;
    case CF_HOST_ONE:
    case CF_HOST_MANY:
        return cf_error_set(err, -EINVAL,
                            "'%s': expected one name, got a pattern; ask for a name that it holds, "
                            "such as 'a.%s'",
                            quoted, endpoint->name);
    case CF_HOST_PREFIX:
        if (is_one_address(endpoint))
            return 0;
        return cf_error_set(err, -EINVAL,
                            "'%s': expected one address, got a prefix; ask for an address in it, "
                            "such as '%s'",
                            quoted, cf_addr_format(&endpoint->prefix.addr, addr));
    default:
        return cf_error_set(err, -EINVAL,
                            "'%s': expected a name or an address, got a group; ask for one that it "
                            "holds",
                            quoted);
    }
}

static int check_ports(const struct cf_endpoint *endpoint, const char *quoted, struct cf_error *err)
{
    if (endpoint->n_ports == 0 ||
        (endpoint->n_ports == 1 && endpoint->ports[0].first == endpoint->ports[0].last))
        return 0;
    return cf_error_set(err, -EINVAL, "'%s': expected one port, got several; ask for each", quoted);
}

static int fill(const struct cf_endpoint *endpoint, const char *own_name,
                struct cf_question *ret_question, struct cf_error *err)
{
    char quoted[CF_QUOTE_SIZE];
    int r;

    cf_quote(ret_question->text, strlen(ret_question->text), quoted);
    r = check_host(endpoint, quoted, err);
    if (r == 0)
        r = check_ports(endpoint, quoted, err);
    if (r < 0)
        return r;
    ret_question->proto_given = endpoint->proto_given;
    ret_question->port = endpoint->n_ports ? endpoint->ports[0].first : 0;
    ret_question->protos =
        endpoint->proto_given || endpoint->n_ports ? endpoint->protos : EVERY_PROTO;
    if (endpoint->kind == CF_HOST_PREFIX)
        ret_question->addr = endpoint->prefix.addr;
    else
        snprintf(ret_question->name, sizeof ret_question->name, "%s",
                 own_name ? own_name : endpoint->name);
    return 0;
}

int cf_question_parse(const char *text, struct cf_question *ret_question, struct cf_error *err)
{
    struct cf_question question = { .text = text, .protos = EVERY_PROTO };
    struct cf_endpoint endpoint = { 0 };
    struct cf_error cause = { 0 };
    cf_auto_free char *stood_in = NULL;
    char quoted[CF_QUOTE_SIZE];
    const char *own_name;
    int r;

    if (cf_addr_parse(text, &question.addr) == 0) {
        *ret_question = question;
        return 0;
    }
    question.addr = (struct cf_addr) { 0 };
    stood_in = stand_in(text, &own_name);
    if (own_name && !stood_in)
        return cf_error_set(err, -ENOMEM, "out of memory");
    r = cf_endpoint_parse(stood_in ? stood_in : text, &endpoint, NULL, &cause);
    if (r < 0)
        return cf_error_set(err, r, "'%s': %s", cf_quote(text, strlen(text), quoted), cause.text);
    r = fill(&endpoint, own_name, &question, err);
    cf_endpoint_done(&endpoint);
    if (r == 0)
        *ret_question = question;
    return r;
}
