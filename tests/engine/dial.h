/*
 * dial.h - sockets of programs in the sandbox, for the functions that are run there
 */
#ifndef CF_TESTS_ENGINE_DIAL_H
#define CF_TESTS_ENGINE_DIAL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* No rule of the fixture allows them. */
#define DENIED_IPV4 "198.51.100.7"
#define DENIED_IPV6 "2001:db8:bad::7"

/* In a function that returns 0 when all was as it should. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s (errno: %s)\n", __FILE__, __LINE__, #condition,             \
                    strerror(errno));                                                              \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

/* Returns the length of the address. */
socklen_t address(const char *text, int port, struct sockaddr_storage *ret);

/* A connected socket, or -1 with errno. */
int dial(int type, const char *text, int port);
/* Why it cannot be connected; 0 when it can. */
int dial_error(int type, const char *text, int port);

bool write_all(int fd, const void *data, size_t length);
/* Whether exactly this comes, of at most 64 bytes. */
bool reads(int fd, const char *expected);
bool at_end(int fd);

#endif
