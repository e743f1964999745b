/*
 * world.c - a fake internet for the engine's tests
 */
#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/futex.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

struct world_shared *world_shared;
static pid_t world_pid = -1;
static int ready[2], linked[2];

uint8_t world_pattern(uint64_t offset)
{
    return (uint8_t)(offset * 131 ^ offset >> 9);
}

void world_pattern_fill(uint64_t offset, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = world_pattern(offset + i);
}

uint64_t world_hash(uint64_t hash, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

void world_tell(void)
{
    __atomic_store_n(&world_shared->told, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &world_shared->told, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void world_expect(void)
{
    memset((void *)world_shared, 0, sizeof *world_shared);
}

void world_wait(void)
{
    while (__atomic_load_n(&world_shared->told, __ATOMIC_ACQUIRE) == 0)
        syscall(SYS_futex, &world_shared->told, FUTEX_WAIT, 0, NULL, NULL, 0);
}

void world_accept(void)
{
    __atomic_store_n(&world_shared->accepting, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &world_shared->accepting, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void write_out(int fd, const void *data, size_t length)
{
    const uint8_t *at = data;

    while (length > 0) {
        ssize_t n = send(fd, at, length, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        at += n;
        length -= (size_t)n;
    }
}

static void reset(int fd)
{
    struct linger at_once = { 1, 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void serve_echo(int fd)
{
    static __thread uint8_t buffer[65536];
    ssize_t n;

    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        write_out(fd, buffer, (size_t)n);
}

static void serve_sink(int fd)
{
    uint8_t *buffer = malloc(1 << 20);
    uint64_t hash = 0, bytes = 0;
    ssize_t n;

    while ((n = recv(fd, buffer, 1 << 20, 0)) > 0) {
        hash = world_hash(hash, buffer, (size_t)n);
        bytes += (uint64_t)n;
    }
    free(buffer);
    world_shared->error = n < 0 ? errno : 0;
    world_shared->bytes = bytes;
    world_shared->hash = hash;
    write_out(fd, &hash, sizeof hash);
    world_tell();
}

static void serve_source(int fd)
{
    uint8_t *buffer = malloc(1 << 20);

    for (uint64_t at = 0; at < WORLD_BULK; at += 1 << 20) {
        world_pattern_fill(at, buffer, 1 << 20);
        write_out(fd, buffer, 1 << 20);
    }
    free(buffer);
}

static void serve_reset(int fd)
{
    char byte;

    write_out(fd, "bye", 3);
    recv(fd, &byte, 1, 0); /* the client has it */
    reset(fd);
}

static void serve_watch(int fd)
{
    char buffer[4096];
    ssize_t n;

    world_shared->bytes = 0;
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        world_shared->bytes += (uint64_t)n;
    world_shared->error = n < 0 ? errno : 0;
    world_tell();
}

/* "ab" then the mark, "!" and what follows. */
static void serve_urgent(int fd)
{
    struct pollfd all_there = { fd, POLLRDHUP, 0 };
    int at_mark = 0;
    size_t length = 0;
    ssize_t n;

    poll(&all_there, 1, -1); /* before that, the mark may not be known */
    for (;;) {
        ioctl(fd, SIOCATMARK, &at_mark);
        if (at_mark)
            world_shared->text[length++] = '|';
        n = recv(fd, world_shared->text + length, at_mark ? 1 : 16, 0);
        if (n <= 0)
            break;
        length += (size_t)n;
    }
    world_tell();
}

static void serve_half(int fd)
{
    write_out(fd, "half", 4);
    shutdown(fd, SHUT_WR);
    serve_watch(fd);
}

static void serve_short(int fd)
{
    write_out(fd, "x", 1);
}

static void serve_shout(int fd)
{
    int on = 1;
    char byte;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    recv(fd, &byte, 1, 0); /* the client is ready */
    write_out(fd, "ab", 2);
    send(fd, "!", 1, MSG_OOB | MSG_NOSIGNAL);
    write_out(fd, "cd", 2);
}

static void serve_greet(int fd)
{
    write_out(fd, "hello", 5);
    serve_echo(fd);
}

static const struct service {
    int port;
    void (*serve)(int fd);
} services[] = {
    { WORLD_ECHO, serve_echo },     { WORLD_SINK, serve_sink },   { WORLD_SOURCE, serve_source },
    { WORLD_GREET, serve_greet },   { WORLD_RESET, serve_reset }, { WORLD_WATCH, serve_watch },
    { WORLD_URGENT, serve_urgent }, { WORLD_HALF, serve_half },   { WORLD_SHORT, serve_short },
    { WORLD_SHOUT, serve_shout },
};

struct connection {
    void (*serve)(int fd);
    int fd;
};

static void *connection_run(void *data)
{
    struct connection connection = *(struct connection *)data;

    free(data);
    connection.serve(connection.fd);
    close(connection.fd);
    return NULL;
}

static void thread_start(void *(*run)(void *), void *data)
{
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, run, data) != 0)
        abort();
    pthread_attr_destroy(&attr);
}

static int bound(int type, int port)
{
    struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
    int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
        abort();
    return fd;
}

static void *accept_run(void *data)
{
    const struct connection *listener = data;

    for (;;) {
        struct connection *connection = malloc(sizeof *connection);

        connection->serve = listener->serve;
        connection->fd = accept(listener->fd, NULL, NULL);
        if (connection->fd < 0)
            abort();
        thread_start(connection_run, connection);
    }
    return NULL;
}

static void *full_run(void *data)
{
    while (__atomic_load_n(&world_shared->accepting, __ATOMIC_ACQUIRE) == 0)
        syscall(SYS_futex, &world_shared->accepting, FUTEX_WAIT, 0, NULL, NULL, 0);
    return accept_run(data);
}

static void *crowd_run(void *data)
{
    const struct connection *listener = data;
    static int fds[WORLD_CROWD_SIZE];
    char byte;

    for (;;) {
        for (int i = 0; i < WORLD_CROWD_SIZE; i++)
            fds[i] = accept(listener->fd, NULL, NULL);
        for (int i = 0; i < WORLD_CROWD_SIZE; i++) {
            if (recv(fds[i], &byte, 1, 0) == 1)
                write_out(fds[i], &byte, 1);
        }
        for (int i = 0; i < WORLD_CROWD_SIZE; i++)
            close(fds[i]);
    }
    return NULL;
}

static void *udp_run(void *data)
{
    int fd = ((const struct connection *)data)->fd, times = 1;
    static __thread char buffer[65536];
    struct sockaddr_storage from;
    struct sockaddr_in6 local;
    socklen_t length = sizeof local;

    getsockname(fd, (struct sockaddr *)&local, &length);
    if (ntohs(local.sin6_port) == WORLD_THRICE)
        times = 3;
    for (;;) {
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &size);

        for (int i = 0; n >= 0 && i < times; i++)
            sendto(fd, buffer, (size_t)n, 0, (struct sockaddr *)&from, size);
    }
    return NULL;
}

static struct connection *listener_new(int type, int port, void (*serve)(int fd))
{
    struct connection *listener = malloc(sizeof *listener);

    listener->serve = serve;
    listener->fd = bound(type, port);
    if (type == SOCK_STREAM) {
        int on = serve == serve_urgent;

        setsockopt(listener->fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on); /* is inherited */
        if (listen(listener->fd, port == WORLD_FULL ? 0 : 4096) < 0)
            abort();
    }
    return listener;
}

static int run_commands(const char *const *commands)
{
    for (; *commands; commands++) {
        if (system(*commands) != 0) {
            fprintf(stderr, "failed: %s\n", *commands);
            return -1;
        }
    }
    return 0;
}

static const char *const world_commands[] = {
    "ip link set lo up",
    "ip link set h0 up",
    "ip addr add 10.9.0.2/24 dev h0",
    "ip addr add 2001:db8:9::2/64 dev h0 nodad",
    "ip addr add " WORLD_IPV4 "/32 dev lo",
    "ip addr add " WORLD_IPV6 "/128 dev lo nodad",
    /* What answers a datagram answers from the address that was asked. */
    "ip route add 10.9.0.1/32 dev h0 src " WORLD_IPV4,
    "ip -6 route add 2001:db8:9::1/128 dev h0 src " WORLD_IPV6,
    "ip route add unreachable " WORLD_UNREACHABLE_IPV4 "/32",
    "ip route add prohibit " WORLD_PROHIBITED_IPV4 "/32",
    "ip route add blackhole " WORLD_BLACKHOLE_IPV4 "/32",
    "ip -6 route add unreachable " WORLD_UNREACHABLE_IPV6 "/128",
    NULL,
};

static void world_main(void)
{
    char byte;

    if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "r", 1) != 1 || read(linked[0], &byte, 1) != 1)
        _exit(1);
    cf_fd_write_file("/proc/sys/net/ipv4/ip_forward", "1");
    cf_fd_write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1");
    cf_fd_write_file("/proc/sys/net/ipv4/icmp_ratelimit", "0");
    cf_fd_write_file("/proc/sys/net/ipv4/icmp_msgs_per_sec", "100000");
    cf_fd_write_file("/proc/sys/net/ipv6/icmp/ratelimit", "0");
    if (run_commands(world_commands) < 0)
        _exit(1);
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        thread_start(accept_run, listener_new(SOCK_STREAM, services[i].port, services[i].serve));
    thread_start(crowd_run, listener_new(SOCK_STREAM, WORLD_CROWD, NULL));
    thread_start(full_run, listener_new(SOCK_STREAM, WORLD_FULL, serve_echo));
    thread_start(udp_run, listener_new(SOCK_DGRAM, WORLD_ECHO, NULL));
    thread_start(udp_run, listener_new(SOCK_DGRAM, WORLD_THRICE, NULL));
    if (write(ready[1], "r", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* The link's queue, in bytes (rtnetlink(7), sch_fifo). */
int world_queue(uint32_t bytes)
{
    struct {
        struct nlmsghdr header;
        struct tcmsg tc;
        struct rtattr kind;
        char name[8];
        struct rtattr options;
        struct tc_fifo_qopt fifo;
    } request = {
        .header = { .nlmsg_len = sizeof request,
                    .nlmsg_type = bytes > 0 ? RTM_NEWQDISC : RTM_DELQDISC,
                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK |
                                   (bytes > 0 ? NLM_F_CREATE | NLM_F_REPLACE : 0) },
        .tc = { .tcm_ifindex = (int)if_nametoindex("w0"), .tcm_parent = TC_H_ROOT },
        .kind = { sizeof request.kind + sizeof request.name, TCA_KIND },
        .name = "bfifo",
        .options = { sizeof request.options + sizeof request.fifo, TCA_OPTIONS },
        .fifo = { .limit = bytes },
    };
    struct {
        struct nlmsghdr header;
        struct nlmsgerr answer;
        char more[1024]; /* what the kernel says beside it */
    } reply = { .answer = { .error = -EPROTO } };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0 || send(fd, &request, sizeof request, 0) != sizeof request ||
        recv(fd, &reply, sizeof reply, 0) < 0)
        reply.answer.error = -errno;
    close(fd);
    return reply.answer.error;
}

/* Whether the world answers. A new link has no route over IPv6 before the kernel has seen it up. */
static bool reached(void)
{
    struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(WORLD_ECHO) };
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct pollfd readable = { fd, POLLIN, 0 };
    char byte;
    bool answered;

    inet_pton(AF_INET6, WORLD_IPV6, &sa.sin6_addr);
    sendto(fd, "x", 1, 0, (struct sockaddr *)&sa, sizeof sa);
    answered = poll(&readable, 1, 50) == 1 && recv(fd, &byte, 1, 0) == 1;
    close(fd);
    return answered;
}

int world_start(void)
{
    char link[128], byte;
    const char *const host_commands[] = {
        "ip link set lo up",
        link,
        "ip link set w0 up",
        "ip addr add 10.9.0.1/24 dev w0",
        "ip addr add 2001:db8:9::1/64 dev w0 nodad",
        "ip route add default via 10.9.0.2",
        "ip -6 route add default via 2001:db8:9::2",
        NULL,
    };

    world_shared =
        mmap(NULL, sizeof *world_shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (world_shared == MAP_FAILED || pipe(ready) < 0 || pipe(linked) < 0)
        return -1;
    world_pid = fork();
    if (world_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        world_main();
    }
    if (world_pid < 0 || read(ready[0], &byte, 1) != 1)
        return -1;
    snprintf(link, sizeof link, "ip link add w0 type veth peer name h0 netns %d", world_pid);
    if (run_commands(host_commands) < 0 || write(linked[1], "l", 1) != 1 ||
        read(ready[0], &byte, 1) != 1)
        return -1;
    for (int i = 0; i < 1000; i++) {
        if (reached())
            return 0;
    }
    fprintf(stderr, "the world does not answer\n");
    return -1;
}

void world_stop(void)
{
    if (world_pid > 0) {
        kill(world_pid, SIGKILL);
        waitpid(world_pid, NULL, 0);
    }
}
