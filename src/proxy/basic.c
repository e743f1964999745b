/*
 * basic.c - a name and a password as the Basic scheme writes them (RFC 7617, 2)
 */
#include "proxy/basic.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* Byte i of user:password. */
static uint32_t login_byte(const struct cf_proxy_login *login, size_t n_user, size_t n, size_t i)
{
    if (i >= n)
        return 0;
    if (i < n_user)
        return (uint8_t)login->user[i];
    return i == n_user ? ':' : (uint8_t)login->password[i - n_user - 1];
}

int cf_proxy_basic_format(const struct cf_proxy_login *login, char text[CF_PROXY_BASIC_SIZE])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n_user = strlen(login->user);
    size_t n = n_user + 1 + (login->password ? strlen(login->password) : 0), length = 0;

    if (memchr(login->user, ':', n_user))
        return -EINVAL;
    if (n > CF_PROXY_BASIC_LOGIN_MAX)
        return -E2BIG;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits = login_byte(login, n_user, n, i) << 16 |
                        login_byte(login, n_user, n, i + 1) << 8 |
                        login_byte(login, n_user, n, i + 2);

        for (size_t k = 0; k < 4; k++)
            text[length++] = i + k <= n ? digits[bits >> (18 - 6 * k) & 63] : '=';
    }
    text[length] = '\0';
    return (int)length;
}
