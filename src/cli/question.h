/*
 * question.h - what childflow explain is asked: one flow, or all flows to a host
 *
 * tcp://HOST:PORT, udp://HOST:PORT, icmp://HOST, HOST:PORT (tcp and udp), or
 * HOST alone: its look-up and every flow to it.
 */
#ifndef CF_CLI_QUESTION_H
#define CF_CLI_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "profile/endpoint.h"

struct cf_question {
    const char *text;        /* as it was asked; borrowed */
    char name[CF_NAME_SIZE]; /* normalised; "" for an address */
    struct cf_addr addr;     /* family NONE for a name */
    unsigned protos;         /* mask of enum cf_proto; never 0 */
    bool proto_given;
    uint16_t port; /* 0: every port, or ICMP */
};

/*
 * Read a question. text is borrowed by ret_question. Returns 0, -EINVAL with
 * what was expected, or -ENOMEM.
 */
int cf_question_parse(const char *text, struct cf_question *ret_question, struct cf_error *err);

#endif
