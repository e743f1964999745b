/*
 * dial.c - sockets of programs in the sandbox
 */
#include "dial.h"

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/addr.h"

socklen_t address(const char *text, int port, struct sockaddr_storage *ret)
{
    struct cf_addr_port at = { .port = (uint16_t)port };

    if (cf_addr_parse(text, &at.addr) < 0)
        abort();
    return cf_addr_port_to_sockaddr(&at, ret);
}

int dial(int type, const char *text, int port)
{
    struct sockaddr_storage sa;
    socklen_t length = address(text, port, &sa);
    int saved, fd = socket(sa.ss_family, type, 0);

    if (connect(fd, (struct sockaddr *)&sa, length) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int dial_error(int type, const char *text, int port)
{
    int fd = dial(type, text, port);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

bool write_all(int fd, const void *data, size_t length)
{
    const uint8_t *at = data;

    while (length > 0) {
        ssize_t n = send(fd, at, length, MSG_NOSIGNAL);

        if (n < 0)
            return false;
        at += n;
        length -= (size_t)n;
    }
    return true;
}

bool reads(int fd, const char *expected)
{
    char buffer[64];
    size_t want = strlen(expected);

    return recv(fd, buffer, want, MSG_WAITALL) == (ssize_t)want &&
           memcmp(buffer, expected, want) == 0;
}

bool at_end(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) == 0;
}
