/*
 * socks5.h - SOCKS 5, the client's side
 *
 * RFC 1928 and, for name and password, RFC 1929. Touches no socket: the owner
 * sends what cf_socks5_format() writes, reads as many bytes as the machine
 * needs, and gives them to cf_socks5_read(). Not one byte is sent before the
 * answer to the last was read (RFC 1928, 3): of proxies that were tried, dante
 * takes a request behind the greeting, and microsocks drops it and waits. Not
 * one is read that belongs to the tunnel. No allocation.
 */
#ifndef CF_PROXY_SOCKS5_H
#define CF_PROXY_SOCKS5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/outcome.h"
#include "proxy/target.h"

/* The longest message of a client: a name and a password of 255 bytes each. */
#define CF_SOCKS5_MESSAGE_MAX 513

/* The longest of a proxy: a reply that is bound to a name of 255 bytes. */
#define CF_SOCKS5_REPLY_MAX 262

/* What a name or a password has at most (RFC 1929, 2). */
#define CF_SOCKS5_LOGIN_MAX 255

/* The longest header of a datagram. */
#define CF_SOCKS5_UDP_HEADER_MAX 262

enum cf_socks5_command {
    CF_SOCKS5_CONNECT = 1,
    CF_SOCKS5_UDP_ASSOCIATE = 3,
};

enum cf_socks5_step {
    CF_SOCKS5_METHODS, /* which logins we know */
    CF_SOCKS5_LOGIN,
    CF_SOCKS5_REQUEST,
    CF_SOCKS5_DONE,   /* bound is set */
    CF_SOCKS5_FAILED, /* outcome is set */
};

struct cf_socks5 {
    enum cf_socks5_step step;
    enum cf_socks5_command command;
    const struct cf_proxy_target *target; /* borrowed */
    const struct cf_proxy_login *login;   /* borrowed; NULL: none */
    struct cf_proxy_outcome outcome;
    int reply;                 /* the code that it failed with; -1: it never came to that */
    struct cf_addr_port bound; /* family NONE when the proxy told a name */
    size_t n_in, n_need;
    uint8_t in[CF_SOCKS5_REPLY_MAX];
};

/*
 * target: where to connect to; of UDP ASSOCIATE, where datagrams will come
 *         from: the unspecified address and port 0 when that is not known
 * login:  NULL or without a user: only "no authentication" is offered
 */
void cf_socks5_init(struct cf_socks5 *socks, enum cf_socks5_command command,
                    const struct cf_proxy_target *target, const struct cf_proxy_login *login);

/*
 * The message that this step sends: the same bytes as often as it is asked.
 * The caller wipes them after use (explicit_bzero(3)).
 *
 * Returns the length, -EINVAL for a target without a name and an address or
 * with an empty name or one past 255 bytes, -E2BIG for a login past
 * CF_SOCKS5_LOGIN_MAX or an empty user.
 */
int cf_socks5_format(const struct cf_socks5 *socks, uint8_t ret[CF_SOCKS5_MESSAGE_MAX]);

/* How many bytes the machine can take now, and not more: 0 when it is done or has failed. */
size_t cf_socks5_need(const struct cf_socks5 *socks);

/*
 * Take the next bytes of the proxy; length is at most cf_socks5_need(). Returns
 * 0 when more is needed for this step, 1 when it is over: look at step, and
 * send what the next one says.
 */
int cf_socks5_read(struct cf_socks5 *socks, const void *data, size_t length);

/* What the proxy said: "connection refused", "no acceptable authentication method". */
void cf_socks5_words(const struct cf_socks5 *socks, char *text, size_t size);

/* The header of a datagram to target (RFC 1928, 7). Returns its length or -EINVAL. */
int cf_socks5_udp_format(const struct cf_proxy_target *target,
                         uint8_t ret[CF_SOCKS5_UDP_HEADER_MAX]);

/*
 * Read the header of a datagram from the proxy.
 *
 * ret_from:   who sent it; family NONE when the proxy told a name
 * ret_header: length of the header; what follows is the payload
 *
 * Returns 0, -EPROTO when it is none, or -EBADMSG for a fragment, which is
 * to be dropped (RFC 1928, 7).
 */
int cf_socks5_udp_parse(const uint8_t *datagram, size_t length, struct cf_addr_port *ret_from,
                        size_t *ret_header);

#endif
