/*
 * target.h - where a flow goes behind a proxy, and who asks for it
 */
#ifndef CF_PROXY_TARGET_H
#define CF_PROXY_TARGET_H

#include "base/addr.h"

/* The longest name: RFC 1035, 2.3.4, as text without the last dot. */
#define CF_PROXY_NAME_MAX 253

struct cf_proxy_target {
    const char *name;       /* given to the proxy instead of the address; NULL: by address */
    struct cf_addr_port at; /* the port always, the address when there is no name */
};

/*
 * Name and password, borrowed: nothing of this room keeps a copy beyond the
 * call that sends it, and what held one is wiped.
 */
struct cf_proxy_login {
    const char *user;     /* NULL: none is sent */
    const char *password; /* NULL is empty */
};

#endif
