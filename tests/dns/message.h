/*
 * message.h - DNS messages written by hand, for the tests of this room
 */
#ifndef TEST_DNS_MESSAGE_H
#define TEST_DNS_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

struct message {
    size_t length;
    uint8_t data[65535];
};

#define SECTION_ANSWER 0
#define SECTION_AUTHORITY 1
#define SECTION_ADDITIONAL 2

/* A header and one question of class IN. Names are text; "" is the root. */
void message_start(struct message *message, uint16_t id, uint16_t flags, const char *name,
                   uint16_t type);
void message_flags(struct message *message, uint16_t flags);
/* Octets behind the end, counted nowhere. */
void message_raw(struct message *message, const void *data, size_t length);
void message_name(struct message *message, const char *name);
void message_count(struct message *message, int section, int by);

void message_add(struct message *message, int section, const char *owner, uint16_t type,
                 uint32_t ttl, const void *rdata, size_t length);
/* A or AAAA by what the text is. */
void message_add_addr(struct message *message, int section, const char *owner, uint32_t ttl,
                      const char *addr);
/* CNAME, NS, PTR, DNAME. */
void message_add_name(struct message *message, int section, const char *owner, uint16_t type,
                      uint32_t ttl, const char *target);
void message_add_soa(struct message *message, const char *owner, uint32_t ttl, uint32_t minimum);
void message_add_opt(struct message *message, uint16_t size, uint32_t ttl, const void *options,
                     size_t length);

#endif
