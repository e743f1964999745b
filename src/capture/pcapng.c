/*
 * pcapng.c - the blocks of a capture file
 *
 * How this works: block_open() leaves room for the two words that every block
 * begins with, what follows is appended, and block_close() pads it, writes the
 * length in front and behind, and cuts the block off again when any append
 * has failed.
 */
#include "capture/pcapng.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Block types, and the options that are used of each. */
#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_NAMES 4u
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET ((uint32_t)CF_PCAPNG_PACKET)
#define BLOCK_SECRETS 10u

#define OPTION_END 0
#define OPTION_COMMENT 1
#define SECTION_HARDWARE 2
#define SECTION_OS 3
#define SECTION_APPLICATION 4
#define INTERFACE_NAME 2
#define INTERFACE_DESCRIPTION 3
#define INTERFACE_RESOLUTION 9
#define INTERFACE_FILTER 11
#define PACKET_FLAGS 2
#define STATISTICS_START 2
#define STATISTICS_END 3
#define STATISTICS_RECEIVED 4
#define STATISTICS_DROPPED 5
#define STATISTICS_WRITTEN 8

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define RESOLUTION_NS 9     /* 10^-9 s */
#define FILTER_IS_TEXT '\0' /* a libpcap expression follows */
#define SECRETS_TLS_KEYS 0x544c534bu
#define NAME_END 0
#define NAME_IPV4 1
#define NAME_IPV6 2

#define PCAP_MAGIC_NS 0xa1b23c4du
#define NS_PER_S INT64_C(1000000000)

static void put_u16(struct cf_buffer *out, uint16_t value)
{
    cf_buffer_append(out, &value, sizeof(value));
}

static void put_u32(struct cf_buffer *out, uint32_t value)
{
    cf_buffer_append(out, &value, sizeof(value));
}

static void put_u64(struct cf_buffer *out, uint64_t value)
{
    cf_buffer_append(out, &value, sizeof(value));
}

/* The upper half comes first, whatever the byte order. */
static void put_time(struct cf_buffer *out, int64_t time_ns)
{
    put_u32(out, (uint32_t)((uint64_t)time_ns >> 32));
    put_u32(out, (uint32_t)time_ns);
}

static void put_padded(struct cf_buffer *out, const void *data, size_t length)
{
    static const uint8_t zeros[4];

    cf_buffer_append(out, data, length);
    cf_buffer_append(out, zeros, -length & 3);
}

static void put_option(struct cf_buffer *out, uint16_t code, const void *value, size_t length)
{
    put_u16(out, code);
    put_u16(out, (uint16_t)length);
    put_padded(out, value, length);
}

/* As much of text as `most` bytes can hold, ending between two characters. */
static size_t text_fit(const char *text, size_t most)
{
    size_t length = strlen(text);

    if (length <= most)
        return length;
    length = most;
    while (length > 0 && ((uint8_t)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

static void put_text_option(struct cf_buffer *out, uint16_t code, const char *text)
{
    if (text && *text)
        put_option(out, code, text, text_fit(text, CF_PCAPNG_OPTION_MAX));
}

static void put_u64_option(struct cf_buffer *out, uint16_t code, uint64_t value)
{
    put_option(out, code, &value, sizeof(value));
}

static void put_time_option(struct cf_buffer *out, uint16_t code, int64_t time_ns)
{
    put_u16(out, code);
    put_u16(out, 8);
    put_time(out, time_ns);
}

static void put_options_end(struct cf_buffer *out)
{
    put_u16(out, OPTION_END);
    put_u16(out, 0);
}

static size_t block_open(struct cf_buffer *out, uint32_t type)
{
    size_t start = out->length;

    put_u32(out, type);
    put_u32(out, 0);
    return start;
}

static int block_close(struct cf_buffer *out, size_t start)
{
    uint32_t length;

    put_u32(out, 0);
    if (out->failed) {
        out->length = start;
        return -ENOBUFS;
    }
    length = (uint32_t)(out->length - start);
    memcpy(out->data + start + 4, &length, sizeof(length));
    memcpy(out->data + out->length - 4, &length, sizeof(length));
    return 0;
}

int cf_pcapng_section_put(struct cf_buffer *out, const struct cf_pcapng_section *section)
{
    size_t start = block_open(out, BLOCK_SECTION);

    put_u32(out, BYTE_ORDER_MAGIC);
    put_u16(out, 1);
    put_u16(out, 0);
    put_u64(out, UINT64_MAX); /* how long the section is: not said */
    put_text_option(out, OPTION_COMMENT, section->comment);
    put_text_option(out, SECTION_HARDWARE, section->hardware);
    put_text_option(out, SECTION_OS, section->os);
    put_text_option(out, SECTION_APPLICATION, section->application);
    put_options_end(out);
    return block_close(out, start);
}

static void put_filter_option(struct cf_buffer *out, const char *filter)
{
    size_t length = text_fit(filter, CF_PCAPNG_OPTION_MAX - 1);
    static const uint8_t zeros[4];

    put_u16(out, INTERFACE_FILTER);
    put_u16(out, (uint16_t)(length + 1));
    cf_buffer_append(out, &(char) { FILTER_IS_TEXT }, 1);
    cf_buffer_append(out, filter, length);
    cf_buffer_append(out, zeros, -(length + 1) & 3);
}

int cf_pcapng_interface_put(struct cf_buffer *out, const struct cf_pcapng_interface *interface)
{
    size_t start = block_open(out, BLOCK_INTERFACE);

    put_u16(out, interface->link_type);
    put_u16(out, 0);
    put_u32(out, interface->snaplen);
    put_text_option(out, INTERFACE_NAME, interface->name);
    put_text_option(out, INTERFACE_DESCRIPTION, interface->description);
    put_option(out, INTERFACE_RESOLUTION, &(uint8_t) { RESOLUTION_NS }, 1);
    if (interface->filter && *interface->filter)
        put_filter_option(out, interface->filter);
    put_options_end(out);
    return block_close(out, start);
}

int cf_pcapng_packet_put(struct cf_buffer *out, const struct cf_pcapng_packet *packet)
{
    size_t start = block_open(out, BLOCK_PACKET);
    bool comment = packet->comment && *packet->comment;
    uint32_t flags = packet->direction;

    put_u32(out, packet->interface);
    put_time(out, packet->time_ns);
    put_u32(out, packet->captured);
    put_u32(out, packet->length);
    put_padded(out, packet->data, packet->captured);
    if (comment)
        put_text_option(out, OPTION_COMMENT, packet->comment);
    if (flags)
        put_option(out, PACKET_FLAGS, &flags, sizeof(flags));
    if (comment || flags)
        put_options_end(out);
    return block_close(out, start);
}

int cf_pcapng_name_put(struct cf_buffer *out, const struct cf_addr *addr, const char *name)
{
    size_t start = block_open(out, BLOCK_NAMES);
    size_t size = cf_addr_bits(addr) / 8, length = text_fit(name, 1024);
    uint8_t record[16 + 1024 + 1];

    memcpy(record, addr->bytes, size);
    memcpy(record + size, name, length);
    record[size + length] = '\0';
    put_option(out, size == 4 ? NAME_IPV4 : NAME_IPV6, record, size + length + 1);
    put_u16(out, NAME_END);
    put_u16(out, 0);
    return block_close(out, start);
}

int cf_pcapng_tls_keys_put(struct cf_buffer *out, const char *lines, size_t length)
{
    size_t start = block_open(out, BLOCK_SECRETS);

    put_u32(out, SECRETS_TLS_KEYS);
    put_u32(out, (uint32_t)length);
    put_padded(out, lines, length);
    return block_close(out, start);
}

int cf_pcapng_statistics_put(struct cf_buffer *out, const struct cf_pcapng_statistics *statistics)
{
    size_t start = block_open(out, BLOCK_STATISTICS);

    put_u32(out, statistics->interface);
    put_time(out, statistics->time_ns);
    put_time_option(out, STATISTICS_START, statistics->start_ns);
    put_time_option(out, STATISTICS_END, statistics->end_ns);
    put_u64_option(out, STATISTICS_RECEIVED, statistics->received);
    put_u64_option(out, STATISTICS_DROPPED, statistics->dropped);
    put_u64_option(out, STATISTICS_WRITTEN, statistics->written);
    put_options_end(out);
    return block_close(out, start);
}

/* A record of classic pcap, which has no lengths to fill in, whole or not at all. */
static int record_close(struct cf_buffer *out, size_t start)
{
    if (!out->failed)
        return 0;
    out->length = start;
    return -ENOBUFS;
}

int cf_pcap_header_put(struct cf_buffer *out, uint16_t link_type, uint32_t snaplen)
{
    size_t start = out->length;

    put_u32(out, PCAP_MAGIC_NS);
    put_u16(out, 2);
    put_u16(out, 4);
    put_u64(out, 0);
    put_u32(out, snaplen);
    put_u32(out, link_type);
    return record_close(out, start);
}

int cf_pcap_packet_put(struct cf_buffer *out, const struct cf_pcapng_packet *packet)
{
    size_t start = out->length;

    put_u32(out, (uint32_t)(packet->time_ns / NS_PER_S));
    put_u32(out, (uint32_t)(packet->time_ns % NS_PER_S));
    put_u32(out, packet->captured);
    put_u32(out, packet->length);
    cf_buffer_append(out, packet->data, packet->captured);
    return record_close(out, start);
}
