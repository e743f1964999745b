/*
 * rdata.c - what a record says: whether it can be, and as text
 */
#include "dns/rdata.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dns/svcb.h"

/* Text that is written behind itself until it is full. */
struct text {
    char *data;
    size_t size, length;
    bool full;
};

/* Data that is read; bad once something did not fit. */
struct data {
    const uint8_t *message;
    size_t at, end;
    bool bad;
};

static void put(struct text *text, const char *string, size_t length)
{
    if (text->full || length >= text->size - text->length) {
        text->full = true;
        return;
    }
    memcpy(text->data + text->length, string, length);
    text->length += length;
    text->data[text->length] = '\0';
}

static void put_number(struct text *text, struct data *data, size_t octets)
{
    char number[16];
    unsigned long value = 0;

    if (data->bad || data->end - data->at < octets) {
        data->bad = true;
        return;
    }
    for (size_t i = 0; i < octets; i++)
        value = value << 8 | data->message[data->at++];
    put(text, number, (size_t)snprintf(number, sizeof number, "%lu", value));
}

static void put_name(struct text *text, struct data *data)
{
    char name[CF_DOMAIN_TEXT_SIZE];
    struct cf_domain domain;
    size_t next;

    if (data->bad || cf_domain_read(data->message, data->end, data->at, &domain, &next) < 0) {
        data->bad = true;
        return;
    }
    data->at = next;
    cf_domain_format(&domain, name);
    put(text, name, strlen(name));
}

static void put_string(struct text *text, struct data *data)
{
    size_t length = data->at < data->end ? data->message[data->at++] : SIZE_MAX;

    if (data->bad || length > data->end - data->at) {
        data->bad = true;
        return;
    }
    put(text, "\"", 1);
    for (; length > 0; length--) {
        uint8_t octet = data->message[data->at++];
        char escaped[8];
        const char *format = octet < ' ' || octet >= 0x7f    ? "\\%03u"
                             : octet == '"' || octet == '\\' ? "\\%c"
                                                             : "%c";

        put(text, escaped, (size_t)snprintf(escaped, sizeof escaped, format, octet));
    }
    put(text, "\"", 1);
}

/* RFC 3597, 5: \# length, then the octets. */
static void put_unknown(struct text *text, const uint8_t *rdata, size_t length)
{
    char part[16];

    put(text, part, (size_t)snprintf(part, sizeof part, "\\# %zu%s", length, length ? " " : ""));
    for (size_t i = 0; i < length && !text->full; i++)
        put(text, part, (size_t)snprintf(part, sizeof part, "%02x", rdata[i]));
}

static void put_fields(struct text *text, struct data *data, const char *fields)
{
    for (const char *field = fields; *field; field++) {
        if (field != fields)
            put(text, " ", 1);
        if (*field == 'n')
            put_name(text, data);
        else
            put_number(text, data, (size_t)(*field - '0'));
    }
}

/* n: a name, a digit: a number of so many octets; NULL for types that are not known. */
static const char *fields_of(uint16_t type)
{
    switch (type) {
    case CF_TYPE_NS:
    case CF_TYPE_CNAME:
    case CF_TYPE_PTR:
    case CF_TYPE_DNAME:
        return "n";
    case CF_TYPE_MX:
        return "2n";
    case CF_TYPE_SRV:
        return "222n";
    case CF_TYPE_SOA:
        return "nn44444";
    default:
        return NULL;
    }
}

static void skip_fields(struct data *data, const char *fields)
{
    struct cf_domain name;

    for (const char *field = fields; *field && !data->bad; field++) {
        size_t octets = (size_t)(*field - '0');

        if (*field == 'n')
            data->bad = cf_domain_read(data->message, data->end, data->at, &name, &data->at) < 0;
        else if (data->end - data->at < octets)
            data->bad = true;
        else
            data->at += octets;
    }
}

static void skip_strings(struct data *data)
{
    while (data->at < data->end)
        data->at += 1 + (size_t)data->message[data->at];
}

int cf_rdata_check(const uint8_t *message, const struct cf_wire_rr *rr)
{
    struct data in = { .message = message, .at = rr->rdata_at };
    const char *fields = fields_of(rr->type);

    in.end = rr->rdata_at + rr->rdata_length;
    if (rr->class != CF_CLASS_IN)
        return 0;
    if (cf_svcb_is(rr))
        return cf_svcb_check(message, rr);
    if (rr->type == CF_TYPE_A)
        in.at += 4;
    else if (rr->type == CF_TYPE_AAAA)
        in.at += 16;
    else if (rr->type == CF_TYPE_TXT)
        skip_strings(&in);
    else if (fields)
        skip_fields(&in, fields);
    else
        in.at = in.end;
    return in.bad || in.at != in.end ? -EBADMSG : 0;
}

int cf_rdata_format(const uint8_t *message, const struct cf_wire_rr *rr, char *text, size_t size)
{
    struct text out = { .data = text, .size = size };
    struct data in = { .message = message, .at = rr->rdata_at };
    const char *fields = fields_of(rr->type);
    char addr_text[CF_ADDR_TEXT_SIZE];
    struct cf_addr addr;

    in.end = rr->rdata_at + rr->rdata_length;
    if (size == 0)
        return -ENOBUFS;
    if (cf_wire_rr_addr(message, rr, &addr) == 0) {
        cf_addr_format(&addr, addr_text);
        put(&out, addr_text, strlen(addr_text));
    } else if (rr->type == CF_TYPE_TXT && rr->rdata_length > 0) {
        while (in.at < in.end && !in.bad && !out.full) {
            if (out.length)
                put(&out, " ", 1);
            put_string(&out, &in);
        }
        in.bad = in.bad || (!out.full && in.at != in.end);
    } else if (fields) {
        put_fields(&out, &in, fields);
        in.bad = in.bad || in.at != in.end;
    } else {
        in.bad = true;
    }
    if (in.bad) {
        out.length = 0;
        out.full = false;
        put_unknown(&out, message + rr->rdata_at, rr->rdata_length);
    }
    return out.full ? -ENOBUFS : (int)out.length;
}
