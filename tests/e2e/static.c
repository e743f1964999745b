/*
 * static.c - a program with a resolver of its own, linked without any library
 *
 * usage: static ADDRESS NAME   asks for NAME's address there, port 53, over UDP
 * and then over TCP, and says how many octets came back from each. Nothing that
 * a library preloads, and no configuration of the system, has a say in it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define HEADER "\x4c\x4b\1\0\0\1\0\0\0\0\0\0"
#define HEADER_SIZE 12

/* The question behind two octets of length, as TCP has it; 0 when the name is too long. */
static size_t question(unsigned char *out, size_t size, const char *name)
{
    size_t at = 2 + HEADER_SIZE;

    memcpy(out + 2, HEADER, HEADER_SIZE);
    while (*name) {
        size_t n = strcspn(name, ".");

        if (n == 0 || n > 63 || at + n + 6 > size)
            return 0;
        out[at++] = (unsigned char)n;
        memcpy(out + at, name, n);
        at += n;
        name += n + (name[n] == '.');
    }
    memcpy(out + at, "\0\0\1\0\1", 5);
    at += 5;
    out[0] = (unsigned char)((at - 2) >> 8);
    out[1] = (unsigned char)(at - 2);
    return at;
}

static void ask(int type, const struct sockaddr *to, socklen_t length, const unsigned char *data,
                size_t size)
{
    struct timeval wait = { .tv_sec = 30 };
    unsigned char answer[65536];
    int fd = socket(to->sa_family, type | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (fd < 0 || connect(fd, to, length) < 0 || send(fd, data, size, 0) < 0)
        perror("ask");
    else
        printf("%zd octets\n", recv(fd, answer, sizeof answer, 0));
    close(fd);
}

int main(int argc, char **argv)
{
    struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
    struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = htons(53) };
    const struct sockaddr *to = (const struct sockaddr *)&to4;
    socklen_t length = sizeof to4;
    unsigned char data[512];
    size_t size = argc == 3 ? question(data, sizeof data, argv[2]) : 0;

    if (size == 0)
        return 2;
    if (inet_pton(AF_INET6, argv[1], &to6.sin6_addr) == 1) {
        to = (const struct sockaddr *)&to6;
        length = sizeof to6;
    } else if (inet_pton(AF_INET, argv[1], &to4.sin_addr) != 1) {
        return 2;
    }
    ask(SOCK_DGRAM, to, length, data + 2, size - 2);
    ask(SOCK_STREAM, to, length, data, size);
    return 0;
}
