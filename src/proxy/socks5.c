/*
 * socks5.c - SOCKS 5, the client's side
 *
 * How this works. A step sends one message and reads one:
 *
 *   METHODS   VER NMETHODS METHODS     VER METHOD             then LOGIN or REQUEST
 *   LOGIN     VER ULEN USER PLEN PASS  VER STATUS             then REQUEST
 *   REQUEST   VER CMD RSV ADDR PORT    VER REP RSV ADDR PORT  then DONE
 *
 * The machine knows at any time how many bytes it needs at least, and takes no
 * more: the reply's length shows in its fifth byte. A code of failure is
 * believed as soon as it is read, for some proxies close behind it. RSV is not
 * looked at. DONE and FAILED are the end.
 */
#include "proxy/socks5.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VERSION 5
#define LOGIN_VERSION 1
#define METHOD_NONE 0
#define METHOD_LOGIN 2
#define METHOD_NO_ACCEPTABLE 0xff

enum { ATYP_IPV4 = 1, ATYP_NAME = 3, ATYP_IPV6 = 4 };

static bool has_login(const struct cf_socks5 *socks)
{
    return socks->login && socks->login->user;
}

static void step_begin(struct cf_socks5 *socks, enum cf_socks5_step step, size_t need)
{
    socks->step = step;
    socks->n_in = 0;
    socks->n_need = need;
}

void cf_socks5_init(struct cf_socks5 *socks, enum cf_socks5_command command,
                    const struct cf_proxy_target *target, const struct cf_proxy_login *login)
{
    memset(socks, 0, sizeof *socks);
    socks->command = command;
    socks->target = target;
    socks->login = login;
    socks->reply = -1;
    step_begin(socks, CF_SOCKS5_METHODS, 2);
}

/* ATYP, address and port. Returns the length or -EINVAL. */
static int address_format(const struct cf_proxy_target *target, uint8_t *ret)
{
    size_t n;

    if (target->name) {
        n = strlen(target->name);
        if (n == 0 || n > 255)
            return -EINVAL;
        ret[0] = ATYP_NAME;
        ret[1] = (uint8_t)n;
        memcpy(ret + 2, target->name, n);
        n += 2;
    } else if (target->at.addr.family == CF_FAMILY_IPV4) {
        ret[0] = ATYP_IPV4;
        memcpy(ret + 1, target->at.addr.bytes, 4);
        n = 5;
    } else if (target->at.addr.family == CF_FAMILY_IPV6) {
        ret[0] = ATYP_IPV6;
        memcpy(ret + 1, target->at.addr.bytes, 16);
        n = 17;
    } else {
        return -EINVAL;
    }
    ret[n] = (uint8_t)(target->at.port >> 8);
    ret[n + 1] = (uint8_t)target->at.port;
    return (int)n + 2;
}

static int login_format(const struct cf_proxy_login *login, uint8_t *ret)
{
    const char *password = login->password ? login->password : "";
    size_t n_user = strlen(login->user), n_password = strlen(password);

    if (n_user == 0 || n_user > CF_SOCKS5_LOGIN_MAX || n_password > CF_SOCKS5_LOGIN_MAX)
        return -E2BIG;
    ret[0] = LOGIN_VERSION;
    ret[1] = (uint8_t)n_user;
    memcpy(ret + 2, login->user, n_user);
    ret[2 + n_user] = (uint8_t)n_password;
    memcpy(ret + 3 + n_user, password, n_password);
    return (int)(3 + n_user + n_password);
}

int cf_socks5_format(const struct cf_socks5 *socks, uint8_t ret[CF_SOCKS5_MESSAGE_MAX])
{
    int n;

    switch (socks->step) {
    case CF_SOCKS5_METHODS:
        ret[0] = VERSION;
        ret[1] = has_login(socks) ? 2 : 1;
        ret[2] = METHOD_NONE;
        ret[3] = METHOD_LOGIN;
        return 2 + ret[1];
    case CF_SOCKS5_LOGIN:
        return login_format(socks->login, ret);
    case CF_SOCKS5_REQUEST:
        ret[0] = VERSION;
        ret[1] = (uint8_t)socks->command;
        ret[2] = 0;
        n = address_format(socks->target, ret + 3);
        return n < 0 ? n : n + 3;
    default:
        return 0;
    }
}

size_t cf_socks5_need(const struct cf_socks5 *socks)
{
    return socks->n_need - socks->n_in;
}

static int fail(struct cf_socks5 *socks, struct cf_proxy_outcome outcome)
{
    socks->step = CF_SOCKS5_FAILED;
    socks->outcome = outcome;
    socks->n_need = socks->n_in;
    return 1;
}

static int methods_read(struct cf_socks5 *socks)
{
    if (socks->in[0] != VERSION)
        return fail(socks, cf_proxy_outcome_of(CF_PROXY_MALFORMED));
    if (socks->n_in < 2)
        return 0;
    if (socks->in[1] == METHOD_NONE)
        step_begin(socks, CF_SOCKS5_REQUEST, 5);
    else if (socks->in[1] == METHOD_LOGIN && has_login(socks))
        step_begin(socks, CF_SOCKS5_LOGIN, 2);
    else if (socks->in[1] == METHOD_NO_ACCEPTABLE)
        return fail(socks, cf_proxy_outcome_of(CF_PROXY_LOGIN));
    else
        return fail(socks, cf_proxy_outcome_of(CF_PROXY_MALFORMED));
    return 1;
}

static int login_read(struct cf_socks5 *socks)
{
    /* Some proxies say 5 here, which curl and others take too. */
    if (socks->in[0] != LOGIN_VERSION && socks->in[0] != VERSION)
        return fail(socks, cf_proxy_outcome_of(CF_PROXY_MALFORMED));
    if (socks->n_in < 2)
        return 0;
    if (socks->in[1] != 0)
        return fail(socks, cf_proxy_outcome_of(CF_PROXY_LOGIN));
    step_begin(socks, CF_SOCKS5_REQUEST, 5);
    return 1;
}

/* The length of ATYP, address and port, of which two bytes are there; 0 for no known type. */
static size_t address_length(const uint8_t *at)
{
    switch (at[0]) {
    case ATYP_IPV4:
        return 7;
    case ATYP_IPV6:
        return 19;
    case ATYP_NAME:
        return 4u + at[1];
    default:
        return 0;
    }
}

/* All of it is there. A name is left out: family NONE. */
static void address_parse(const uint8_t *at, struct cf_addr_port *ret)
{
    size_t n = address_length(at);

    memset(ret, 0, sizeof *ret);
    if (at[0] == ATYP_IPV4)
        ret->addr = cf_addr_from_ipv4(at + 1);
    else if (at[0] == ATYP_IPV6)
        ret->addr = cf_addr_from_ipv6(at + 1);
    ret->port = (uint16_t)(at[n - 2] << 8 | at[n - 1]);
}

static int reply_read(struct cf_socks5 *socks)
{
    if (socks->in[0] != VERSION)
        return fail(socks, cf_proxy_outcome_of(CF_PROXY_MALFORMED));
    if (socks->n_in < 2)
        return 0;
    if (socks->in[1] != 0) {
        socks->reply = socks->in[1];
        return fail(socks, cf_proxy_outcome_socks5(socks->in[1]));
    }
    if (socks->n_in < 5)
        return 0;
    if (address_length(socks->in + 3) == 0)
        return fail(socks, cf_proxy_outcome_of(CF_PROXY_MALFORMED));
    socks->n_need = 3 + address_length(socks->in + 3);
    if (socks->n_in < socks->n_need)
        return 0;
    address_parse(socks->in + 3, &socks->bound);
    socks->step = CF_SOCKS5_DONE;
    socks->outcome = (struct cf_proxy_outcome) { .why = CF_PROXY_CONNECTED };
    return 1;
}

int cf_socks5_read(struct cf_socks5 *socks, const void *data, size_t length)
{
    if (length == 0 || length > cf_socks5_need(socks))
        return 0;
    memcpy(socks->in + socks->n_in, data, length);
    socks->n_in += length;
    switch (socks->step) {
    case CF_SOCKS5_METHODS:
        return methods_read(socks);
    case CF_SOCKS5_LOGIN:
        return login_read(socks);
    default:
        return reply_read(socks);
    }
}

void cf_socks5_words(const struct cf_socks5 *socks, char *text, size_t size)
{
    static const char *const replies[] = {
        [1] = "general SOCKS server failure", [2] = "connection not allowed by ruleset",
        [3] = "network unreachable",          [4] = "host unreachable",
        [5] = "connection refused",           [6] = "TTL expired",
        [7] = "command not supported",        [8] = "address type not supported",
    };
    size_t known = sizeof replies / sizeof replies[0], n = 0;

    *text = '\0';
    if (socks->reply > 0 && (size_t)socks->reply < known) {
        snprintf(text, size, "%s", replies[socks->reply]);
    } else if (socks->reply > 0) {
        snprintf(text, size, "reply code %d", socks->reply);
    } else if (socks->outcome.why == CF_PROXY_LOGIN && socks->in[0] == VERSION &&
               socks->in[1] == METHOD_NO_ACCEPTABLE) {
        snprintf(text, size, "no acceptable authentication method");
    } else if (socks->outcome.why == CF_PROXY_LOGIN) {
        snprintf(text, size, "name and password refused");
    } else {
        for (size_t i = 0; i < socks->n_in && n + 4 < size; i++)
            n += (size_t)snprintf(text + n, size - n, "%s%02x", i ? " " : "", socks->in[i]);
    }
}

int cf_socks5_udp_format(const struct cf_proxy_target *target,
                         uint8_t ret[CF_SOCKS5_UDP_HEADER_MAX])
{
    int n;

    memset(ret, 0, 3); /* RSV, RSV, FRAG */
    n = address_format(target, ret + 3);
    return n < 0 ? n : n + 3;
}

int cf_socks5_udp_parse(const uint8_t *datagram, size_t length, struct cf_addr_port *ret_from,
                        size_t *ret_header)
{
    size_t n;

    if (length < 5)
        return -EPROTO;
    if (datagram[2] != 0)
        return -EBADMSG;
    n = address_length(datagram + 3);
    if (n == 0 || length < 3 + n)
        return -EPROTO;
    address_parse(datagram + 3, ret_from);
    *ret_header = 3 + n;
    return 0;
}
