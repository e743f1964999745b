/*
 * nss_leak.c - a module of the name service switch that asks a daemon outside
 *
 * Stands for libnss-resolve, libnss-mdns and the like: for each name it
 * connects to the unix socket that LEAK_SOCKET names, says the name, waits for a
 * line, and knows nothing.
 */
#include <netdb.h>
#include <nss.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum nss_status _nss_leak_gethostbyname2_r(const char *name, int family, struct hostent *ret,
                                           char *buffer, size_t size, int *ret_errno,
                                           int *ret_h_errno);

enum nss_status _nss_leak_gethostbyname2_r(const char *name, int family, struct hostent *ret,
                                           char *buffer, size_t size, int *ret_errno,
                                           int *ret_h_errno)
{
    const char *path = getenv("LEAK_SOCKET");
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char line[100];

    (void)family;
    (void)ret;
    (void)buffer;
    (void)size;
    (void)ret_errno;
    *ret_h_errno = HOST_NOT_FOUND;
    if (fd < 0)
        return NSS_STATUS_UNAVAIL;
    if (path && strlen(path) < sizeof sun.sun_path) {
        memcpy(sun.sun_path, path, strlen(path));
        if (connect(fd, (struct sockaddr *)&sun, sizeof sun) == 0 &&
            send(fd, name, strlen(name), MSG_NOSIGNAL) > 0 &&
            send(fd, "\n", 1, MSG_NOSIGNAL) > 0)
            (void)!recv(fd, line, sizeof line, 0);
    }
    close(fd);
    return NSS_STATUS_NOTFOUND;
}
