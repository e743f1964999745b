/*
 * probe_stream.c - bytes of a connection: all of them, in order, whatever their shape
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "probe.h"

#define MIB (UINT64_C(1) << 20)
#define DUPLEX_BYTES (64 * MIB)

/* The server has said what it read: is it what was sent? */
static void say_sink(int fd, uint64_t bytes)
{
    struct pattern_hash expected;
    char text[64], want[64];
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_WAITALL);

    text[n > 0 ? n : 0] = '\0';
    expect_pattern(bytes, &expected);
    snprintf(want, sizeof want, "%llu %016llx", (unsigned long long)bytes,
             (unsigned long long)pattern_hash_value(&expected));
    if (n < 0)
        say("answer %s", name_of(errno));
    else
        say("%llu bytes %s", (unsigned long long)bytes, strcmp(text, want) == 0 ? "same" : text);
}

static void say_hash(const struct pattern_hash *hash, int error, uint64_t bytes)
{
    struct pattern_hash expected;

    expect_pattern(bytes, &expected);
    say("%llu bytes %s, end %s", (unsigned long long)hash->bytes,
        pattern_hash_value(hash) == pattern_hash_value(&expected) ? "same" : "not the same",
        name_of(error));
}

/* MIB */
static void upload(void)
{
    uint64_t bytes = (uint64_t)probe_arguments[0] * MIB;
    int fd = dial(PORT_SINK);

    send_pattern(fd, bytes);
    shutdown(fd, SHUT_WR);
    say_sink(fd, bytes);
}

static int source(uint64_t bytes)
{
    int fd = dial(PORT_SOURCE);

    if (write_all(fd, &bytes, sizeof bytes) > 0)
        give_up("send");
    return fd;
}

/* MIB */
static void download(void)
{
    uint64_t bytes = (uint64_t)probe_arguments[0] * MIB;
    struct pattern_hash hash = { 0 };
    int fd = source(bytes), error = read_all(fd, &hash);

    say_hash(&hash, error, bytes);
}

static void *upload_run(void *data)
{
    int fd = *(int *)data;

    send_pattern(fd, DUPLEX_BYTES);
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void duplex(void)
{
    struct pattern_hash hash = { 0 };
    int fd = dial(PORT_DUPLEX), error;
    pthread_t thread;

    if (pthread_create(&thread, NULL, upload_run, &fd) != 0)
        give_up("pthread_create");
    error = read_all(fd, &hash);
    pthread_join(thread, NULL);
    say_hash(&hash, error, DUPLEX_BYTES);
}

static void ping_pong(void)
{
    int fd = dial(PORT_ECHO), good = 0;

    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    while (good < 2000 && echo_byte(fd, (char)good) == 0)
        good++;
    say("%d of 2000 came back", good);
}

static void *sleeper_run(void *data)
{
    send_pattern(*(int *)data, 20 * MIB);
    return NULL;
}

/* 20 MB are written while nobody reads; another connection goes on meanwhile. */
static void sleeping_reader(void)
{
    int fd = dial(PORT_SLEEPER), other = dial(PORT_ECHO), good = 0;
    pthread_t thread;

    if (pthread_create(&thread, NULL, sleeper_run, &fd) != 0)
        give_up("pthread_create");
    while (good < 500 && echo_byte(other, 'x') == 0)
        good++;
    say("%d of 500 came back on another", good);
    open_gate(PORT_SLEEPER);
    pthread_join(thread, NULL);
    shutdown(fd, SHUT_WR);
    say_sink(fd, 20 * MIB);
}

/* As above, and it is this program that does not read. */
static void sleeping_client(void)
{
    struct pattern_hash hash = { 0 };
    int fd = source(20 * MIB), other = dial(PORT_ECHO), good = 0, error;

    while (good < 500 && echo_byte(other, 'x') == 0)
        good++;
    say("%d of 500 came back on another", good);
    error = read_all(fd, &hash);
    say_hash(&hash, error, 20 * MIB);
}

static void sizes(void)
{
    static const size_t sizes[] = { 24, 100, 536, 1448, 1460, 4096, 16384, 65536 };
    static uint8_t block[65536];
    int fd = dial(PORT_SINK);
    uint64_t at = 0;

    /* Whole words, so that the pattern can go on from there. */
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int k = 0; k < 100; k++) {
            size_t n = sizes[i] & ~(size_t)7;

            pattern_fill(at, block, n);
            if (write_all(fd, block, n) > 0)
                give_up("send");
            at += n;
        }
    shutdown(fd, SHUT_WR);
    say_sink(fd, at);
}

static void gathered(void)
{
    static uint8_t block[3000];
    struct iovec parts[3] = { { block, 8 }, { block + 8, 992 }, { block + 1000, 2000 } };
    int fd = dial(PORT_SINK);

    pattern_fill(0, block, sizeof block);
    say("writev %zd", writev(fd, parts, 3));
    shutdown(fd, SHUT_WR);
    say_sink(fd, sizeof block);
}

static void from_file(void)
{
    static uint8_t block[1 << 20];
    int file = memfd_create("truth", MFD_CLOEXEC), fd = dial(PORT_SINK);
    off_t at = 0;

    pattern_fill(0, block, sizeof block);
    if (write(file, block, sizeof block) != sizeof block)
        give_up("write");
    while (at < (off_t)sizeof block)
        if (sendfile(fd, file, &at, sizeof block - (size_t)at) <= 0)
            give_up("sendfile");
    shutdown(fd, SHUT_WR);
    say_sink(fd, sizeof block);
}

static void small_receive_buffer(void)
{
    struct pattern_hash hash = { 0 };
    uint64_t bytes = MIB;
    int fd = new_socket(SOCK_STREAM), error;

    set_int(fd, SOL_SOCKET, SO_RCVBUF, 4096);
    errno = connect_to(fd, PLACE_WORLD, PORT_SOURCE);
    if (errno != 0 || write_all(fd, &bytes, sizeof bytes) > 0)
        give_up("connect");
    error = read_all(fd, &hash);
    say_hash(&hash, error, bytes);
}

/* A way with a small MTU: segments of the first size are too large for it. */
static void narrow(void)
{
    uint64_t bytes = MIB;
    int fd = new_socket(SOCK_STREAM);

    errno = connect_to(fd, PLACE_NARROW, PORT_SINK);
    if (errno != 0)
        give_up("connect");
    send_pattern(fd, bytes);
    shutdown(fd, SHUT_WR);
    say_sink(fd, bytes);
}

/* ON: write, write, read, as many protocols do, with Nagle's algorithm and without. */
static void pairs(void)
{
    int fd = dial(PORT_PAIRS), on = 0, good = 0;
    socklen_t length = sizeof on;
    char byte;

    set_int(fd, IPPROTO_TCP, TCP_NODELAY, (int)probe_arguments[0]);
    if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &length) < 0)
        give_up("getsockopt");
    while (good < 20 && write_all(fd, "a", 1) == 0 && write_all(fd, "b", 1) == 0 &&
           recv(fd, &byte, 1, 0) == 1)
        good++;
    say("TCP_NODELAY %d", on);
    say("%d of 20 pairs", good);
}

/* Ten writes under TCP_CORK are one segment, and one read. */
static void corked(void)
{
    int fd = dial(PORT_PIECES);
    char text[8] = "";

    set_int(fd, IPPROTO_TCP, TCP_CORK, 1);
    for (int i = 0; i < 10; i++)
        if (write_all(fd, "0123456789", 10) > 0)
            give_up("send");
    set_int(fd, IPPROTO_TCP, TCP_CORK, 0);
    read_text(fd, text, 4);
    say("read by the server at once: %s", text);
}

/* With TCP_NODELAY, what was confirmed before the next write is read alone. */
static void pieces(void)
{
    int fd = dial(PORT_PIECES);
    char text[8];

    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    for (size_t n = 1; n <= 4; n++) {
        if (write_all(fd, "0123", n) > 0)
            give_up("send");
        read_text(fd, text, 2);
        say("read %s", text);
    }
}

static void peek_and_count(void)
{
    int fd = source(1000), bytes = 0;
    char block[1000];

    say("poll %s", events_text(wait_for(fd, POLLRDHUP)));
    if (ioctl(fd, FIONREAD, &bytes) < 0)
        give_up("FIONREAD");
    say("FIONREAD %d", bytes);
    say("peek %zd", recv(fd, block, sizeof block, MSG_PEEK));
    say("read %zd", recv(fd, block, 400, MSG_WAITALL));
    say("read %zd", recv(fd, block, sizeof block, 0));
    say("read %zd", recv(fd, block, sizeof block, 0));
}

/* The urgent byte on its way out: the server tells what came, with the mark. */
static void urgent_out(void)
{
    int fd = dial(PORT_URGENT);

    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    say("send %zd", send(fd, "ab", 2, 0));
    say("urgent %zd", send(fd, "!", 1, MSG_OOB));
    say("send %zd", send(fd, "cd", 2, 0));
}

/* The urgent byte in the stream. */
static void urgent_in(void)
{
    int fd = dial(PORT_SHOUT), at_mark = 0;
    char text[32] = "";
    size_t length = 0;
    ssize_t n;

    set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1);
    if (send(fd, "?", 1, 0) != 1)
        give_up("send");
    wait_for(fd, POLLRDHUP);
    do {
        ioctl(fd, SIOCATMARK, &at_mark);
        if (at_mark)
            text[length++] = '|';
        n = recv(fd, text + length, 1, 0);
        length += n > 0;
    } while (n > 0);
    say("read %s", text);
}

/* The urgent byte beside the stream. */
static void urgent_beside(void)
{
    int fd = dial(PORT_SHOUT);
    char byte = 0, text[8] = "";
    ssize_t n;

    if (send(fd, "?", 1, 0) != 1)
        give_up("send");
    say("poll %s", events_text(wait_for(fd, POLLPRI)));
    n = recv(fd, &byte, 1, MSG_OOB);
    say("urgent %zd %c", n, byte);
    wait_for(fd, POLLRDHUP);
    n = recv(fd, text, 7, 0);
    say("read %zd", n);
    n = recv(fd, text + n, (size_t)(7 - n), 0);
    say("read %zd", n);
    say("%s", text);
}

static long segments_in(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t length = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return -1;
    return (long)info.tcpi_segs_in;
}

static void keepalive_set(int fd)
{
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 1);
}

/* Wait until as many probes were answered, or there is an error. Returns it. */
static int wait_probes(int fd, long count)
{
    struct pollfd poll_fd = { fd, 0, 0 };
    long before = segments_in(fd);

    while (segments_in(fd) < before + count)
        if (poll(&poll_fd, 1, 20) > 0)
            return error_of(fd);
    return 0;
}

static void keepalive(void)
{
    int fd = dial(PORT_ECHO);

    keepalive_set(fd);
    say("before %s", name_of(echo_byte(fd, 'a')));
    say("two probes %s", name_of(wait_probes(fd, 2)));
    say("after %s", name_of(echo_byte(fd, 'b')));
}

/* A connection whose other end has forgotten it, and cannot say so. */
static int dial_vanished(void)
{
    int fd = dial(PORT_VANISH), other = dial(PORT_VANISHED);
    char byte;

    say("before %s", name_of(echo_byte(fd, 'a')));
    if (echo_byte(fd, 'b') != 0)
        give_up("echo");
    if (recv(other, &byte, 1, 0) != 0)
        give_up("vanished");
    return fd;
}

static void keepalive_vanished(void)
{
    int fd = dial_vanished();

    keepalive_set(fd);
    say("three probes %s", name_of(wait_probes(fd, 3)));
}

static void user_timeout_vanished(void)
{
    int fd = dial_vanished(), bytes = 1;
    struct pollfd poll_fd = { fd, 0, 0 };

    set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 500);
    if (send(fd, "x", 1, 0) != 1)
        give_up("send");
    while (bytes > 0 && poll(&poll_fd, 1, 20) == 0)
        if (ioctl(fd, SIOCOUTQ, &bytes) < 0)
            give_up("SIOCOUTQ");
    say("%s", bytes == 0 ? "confirmed" : name_of(error_of(fd)));
}

const struct behaviour stream_behaviours[] = {
    { "upload", upload },
    { "download", download },
    { "duplex", duplex },
    { "ping-pong", ping_pong },
    { "sleeping-reader", sleeping_reader },
    { "sleeping-client", sleeping_client },
    { "sizes", sizes },
    { "gathered", gathered },
    { "from-file", from_file },
    { "small-receive-buffer", small_receive_buffer },
    { "narrow", narrow },
    { "pairs", pairs },
    { "corked", corked },
    { "pieces", pieces },
    { "peek-and-count", peek_and_count },
    { "urgent-out", urgent_out },
    { "urgent-in", urgent_in },
    { "urgent-beside", urgent_beside },
    { "keepalive", keepalive },
    { "keepalive-vanished", keepalive_vanished },
    { "user-timeout-vanished", user_timeout_vanished },
    { NULL, NULL },
};
