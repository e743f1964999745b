/*
 * message.c - DNS messages written by hand, for the tests of this room
 */
#include "message.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "dns/wire.h"

void message_raw(struct message *message, const void *data, size_t length)
{
    if (length > sizeof message->data - message->length)
        abort();
    if (length)
        memcpy(message->data + message->length, data, length);
    message->length += length;
}

static void put_u16(struct message *message, uint16_t value)
{
    uint8_t octets[2];

    cf_wire_put_u16(octets, value);
    message_raw(message, octets, 2);
}

static void put_u32(struct message *message, uint32_t value)
{
    put_u16(message, (uint16_t)(value >> 16));
    put_u16(message, (uint16_t)value);
}

void message_name(struct message *message, const char *name)
{
    while (*name) {
        uint8_t n = (uint8_t)strcspn(name, ".");

        message_raw(message, &n, 1);
        message_raw(message, name, n);
        name += n;
        name += *name == '.';
    }
    message_raw(message, "", 1);
}

void message_start(struct message *message, uint16_t id, uint16_t flags, const char *name,
                   uint16_t type)
{
    message->length = 0;
    put_u16(message, id);
    put_u16(message, flags);
    put_u16(message, 1);
    message_raw(message, (uint8_t[6]) { 0 }, 6);
    message_name(message, name);
    put_u16(message, type);
    put_u16(message, CF_CLASS_IN);
}

void message_flags(struct message *message, uint16_t flags)
{
    cf_wire_put_u16(message->data + 2, cf_wire_u16(message->data + 2) | flags);
}

void message_count(struct message *message, int section, int by)
{
    uint8_t *at = message->data + 6 + 2 * section;

    cf_wire_put_u16(at, (uint16_t)(cf_wire_u16(at) + by));
}

void message_add(struct message *message, int section, const char *owner, uint16_t type,
                 uint32_t ttl, const void *rdata, size_t length)
{
    message_name(message, owner);
    put_u16(message, type);
    put_u16(message, CF_CLASS_IN);
    put_u32(message, ttl);
    put_u16(message, (uint16_t)length);
    message_raw(message, rdata, length);
    message_count(message, section, 1);
}

void message_add_addr(struct message *message, int section, const char *owner, uint32_t ttl,
                      const char *text)
{
    struct cf_addr addr;

    if (cf_addr_parse(text, &addr) < 0)
        abort();
    if (addr.family == CF_FAMILY_IPV4)
        message_add(message, section, owner, CF_TYPE_A, ttl, addr.bytes, 4);
    else
        message_add(message, section, owner, CF_TYPE_AAAA, ttl, addr.bytes, 16);
}

void message_add_name(struct message *message, int section, const char *owner, uint16_t type,
                      uint32_t ttl, const char *target)
{
    static struct message rdata;

    rdata.length = 0;
    message_name(&rdata, target);
    message_add(message, section, owner, type, ttl, rdata.data, rdata.length);
}

void message_add_soa(struct message *message, const char *owner, uint32_t ttl, uint32_t minimum)
{
    static struct message rdata;

    rdata.length = 0;
    message_name(&rdata, "ns.example");
    message_name(&rdata, "admin.example");
    for (uint32_t i = 1; i < 5; i++)
        put_u32(&rdata, i);
    put_u32(&rdata, minimum);
    message_add(message, SECTION_AUTHORITY, owner, CF_TYPE_SOA, ttl, rdata.data, rdata.length);
}

void message_add_opt(struct message *message, uint16_t size, uint32_t ttl, const void *options,
                     size_t length)
{
    message_name(message, "");
    put_u16(message, CF_TYPE_OPT);
    put_u16(message, size);
    put_u32(message, ttl);
    put_u16(message, (uint16_t)length);
    message_raw(message, options, length);
    message_count(message, SECTION_ADDITIONAL, 1);
}
