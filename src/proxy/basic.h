/*
 * basic.h - a name and a password as the Basic scheme writes them (RFC 7617, 2)
 */
#ifndef CF_PROXY_BASIC_H
#define CF_PROXY_BASIC_H

#include <stddef.h>

#include "proxy/target.h"

/* The longest name and password together, with the colon between them, in bytes. */
#define CF_PROXY_BASIC_LOGIN_MAX 1536

/* That in base64 (RFC 4648, 4) and a NUL. */
#define CF_PROXY_BASIC_SIZE ((CF_PROXY_BASIC_LOGIN_MAX + 2) / 3 * 4 + 1)

/*
 * Returns the length of text, without its NUL; -E2BIG when name and password
 * are too long, -EINVAL when the name has a colon, which the scheme cannot
 * say. The caller wipes text (explicit_bzero(3)).
 */
int cf_proxy_basic_format(const struct cf_proxy_login *login, char text[CF_PROXY_BASIC_SIZE]);

#endif
