/*
 * way.c - what a run has of its proxy
 */
#include "proxy/way.h"

#include <errno.h>
#include <stdlib.h>

#include "proxy/race.h"
#include "proxy/tls.h"
#include "proxy/tls_pump.h"

struct cf_proxy_way {
    struct cf_loop *loop;
    const struct cf_proxy *proxy;
    char *url;
    struct cf_addr_port addrs[CF_PROXY_RACE_MAX];
    size_t n_addrs;
    struct cf_proxy_login login;
    struct cf_tls *tls; /* https; else NULL */
    struct cf_tls_pumps *pumps;
};

static int tls_start(struct cf_proxy_way *way, struct cf_error *err)
{
    const struct cf_proxy *proxy = way->proxy;
    struct cf_tls_config config = { .ca_pem = proxy->ca_text, .ca_length = proxy->ca_length };
    char text[CF_ADDR_TEXT_SIZE];
    int r;

    config.host = proxy->url.name ? proxy->url.name : cf_addr_format(&proxy->url.at.addr, text);
    r = cf_tls_new(&config, &way->tls, err);
    if (r < 0)
        return cf_error_wrap(err, "proxy '%s'", way->url);
    r = cf_tls_pumps_new(way->loop, NULL, NULL, &way->pumps);
    return r < 0 ? cf_error_errno(err, r, "cannot speak TLS with the proxy") : 0;
}

int cf_proxy_way_new(const struct cf_proxy_way_config *config, struct cf_proxy_way **ret_way,
                     struct cf_error *err)
{
    struct cf_proxy_way *way = calloc(1, sizeof *way);
    int r = 0;

    if (way)
        way->url = cf_proxy_url_format(&config->proxy->url);
    if (!way || !way->url) {
        cf_proxy_way_free(way);
        return cf_error_errno(err, -ENOMEM, "cannot use the proxy");
    }
    way->loop = config->loop;
    way->proxy = config->proxy;
    while (way->n_addrs < config->n_addrs && way->n_addrs < CF_PROXY_RACE_MAX) {
        way->addrs[way->n_addrs] = config->addrs[way->n_addrs];
        way->n_addrs++;
    }
    way->login.user = config->proxy->username;
    way->login.password = config->password;
    if (config->proxy->url.scheme == CF_PROXY_HTTPS)
        r = tls_start(way, err);
    if (r < 0) {
        cf_proxy_way_free(way);
        return r;
    }
    *ret_way = way;
    return 0;
}

void cf_proxy_way_free(struct cf_proxy_way *way)
{
    if (!way)
        return;
    cf_tls_pumps_free(way->pumps);
    cf_tls_free(way->tls);
    free(way->url);
    free(way);
}

const char *cf_proxy_way_url(const struct cf_proxy_way *way)
{
    return way->url;
}

bool cf_proxy_way_is_local(const struct cf_proxy_way *way)
{
    return way->proxy->url.scheme == CF_PROXY_HTTPS ||
           way->proxy->url.scheme == CF_PROXY_SOCKS5_UNIX;
}

size_t cf_proxy_way_owing(const struct cf_proxy_way *way)
{
    return way->pumps ? cf_tls_pumps_owing(way->pumps) : 0;
}

int cf_proxy_way_dial(struct cf_proxy_way *way, const struct cf_proxy_call *call,
                      struct cf_proxy_dial **ret_dial)
{
    struct cf_proxy_dial_config config = {
        .loop = way->loop,
        .scheme = way->proxy->url.scheme,
        .addrs = way->addrs,
        .n_addrs = way->n_addrs,
        .path = way->proxy->url.path,
        .tls = way->tls,
        .pumps = way->pumps,
        .login = way->login,
        .target = call->target,
        .udp = call->udp,
        .timeout_ms = way->proxy->timeout_ms,
        .make_socket = call->make_socket,
        .done = call->done,
        .data = call->data,
    };
    int r = cf_proxy_dial_start(&config, ret_dial);

    if (r != -EINVAL || !call->target.name || call->target.at.addr.family == CF_FAMILY_NONE)
        return r;
    config.target.name = NULL;
    return cf_proxy_dial_start(&config, ret_dial);
}
