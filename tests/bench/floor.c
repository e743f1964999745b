/*
 * floor.c - the least that a program does which holds a connect until the outside has answered
 *
 *   floor COMMAND [ARGUMENT]...
 *
 * The floor below childflow's connects: its namespaces, rules and sockets, and of the engine only
 * what no such program can leave out: read the SYN, connect outside, put the SYN back, take the
 * connection, move bytes. No policy, no names, no process, no log; it never sleeps, so that nobody
 * has to wake it. TCP over IPv4 to ports that answer, and nothing else.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/craft.h"
#include "engine/packet.h"
#include "netlink/gateway.h"
#include "netlink/nflog.h"
#include "sandbox/sandbox.h"

#define PAIRS 64
#define MTU 1500

struct pair {
    int outside, inside; /* -1: none, or not yet */
    uint16_t port;       /* of the program */
};

struct floor {
    struct cf_gateway *gateway;
    struct pair pairs[PAIRS];
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "floor: %s\n", what);
    _exit(125);
}

static struct pair *pair_waiting(struct floor *at, uint16_t port)
{
    for (int i = 0; i < PAIRS; i++) {
        if (at->pairs[i].outside >= 0 && at->pairs[i].inside < 0 && at->pairs[i].port == port)
            return &at->pairs[i];
    }
    return NULL;
}

static struct pair *pair_free(struct floor *at)
{
    for (int i = 0; i < PAIRS; i++) {
        if (at->pairs[i].outside < 0)
            return &at->pairs[i];
    }
    return NULL;
}

/* A connection that the kernel has made of a SYN that was put back. */
static void take(struct floor *at)
{
    struct sockaddr_storage from;
    struct cf_addr_port src;
    socklen_t length = sizeof from;
    int fd = accept4(at->gateway->tcp_fd, (struct sockaddr *)&from, &length,
                     SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct pair *pair;

    if (fd < 0)
        return;
    pair = cf_addr_port_from_sockaddr((struct sockaddr *)&from, &src) == 0
               ? pair_waiting(at, src.port)
               : NULL;
    if (pair)
        pair->inside = fd;
    else
        close(fd);
}

static void syn(void *data, const struct cf_nflog_packet *logged)
{
    struct floor *at = data;
    struct pair *pair = pair_free(at);
    struct cf_packet packet;
    struct cf_addr_port to;
    struct sockaddr_storage sa;
    socklen_t length;
    uint8_t again[CF_CRAFT_SIZE];
    size_t n;

    if (cf_packet_parse(logged->data, logged->length, &packet) < 0 || !pair ||
        pair_waiting(at, packet.src_port))
        return;
    to = (struct cf_addr_port) { .addr = packet.dst, .port = packet.dst_port };
    length = cf_addr_port_to_sockaddr(&to, &sa);
    pair->outside = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (pair->outside < 0 || connect(pair->outside, (struct sockaddr *)&sa, length) < 0)
        die("the outside does not answer");
    pair->port = packet.src_port;
    n = cf_craft_syn(&packet, again, sizeof again);
    to.port = 0;
    length = cf_addr_port_to_sockaddr(&to, &sa);
    if (sendto(at->gateway->inject4_fd, again, n, MSG_DONTWAIT, (struct sockaddr *)&sa, length) < 0)
        die("cannot put a SYN back");
    take(at);
}

/* false: it is over */
static bool move(int from, int to)
{
    char data[4096];
    ssize_t n = recv(from, data, sizeof data, MSG_DONTWAIT);

    if (n > 0)
        return send(to, data, (size_t)n, MSG_NOSIGNAL) == n;
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void relay(struct pair *pair)
{
    if (pair->inside < 0 ||
        (move(pair->inside, pair->outside) && move(pair->outside, pair->inside)))
        return;
    close(pair->inside);
    close(pair->outside);
    pair->inside = pair->outside = -1;
}

static pid_t command_run(const struct cf_gateway *gateway, char **argv)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setns(gateway->sandbox_netns_fd, CLONE_NEWNET) == 0)
        execvp(argv[0], argv);
    die("cannot start the command");
}

int main(int argc, char **argv)
{
    const struct cf_gateway_config config = { .ipv4 = true, .mtu = MTU,
                                              .first_gid = getgid(), .last_gid = getgid() };
    struct floor at = { 0 };
    struct cf_identity identity;
    struct cf_error err;
    int status;
    pid_t pid;

    for (int i = 0; i < PAIRS; i++)
        at.pairs[i].inside = at.pairs[i].outside = -1;
    if (argc < 2)
        die("usage: floor COMMAND [ARGUMENT]...");
    if (cf_sandbox_identity(&identity, &err) < 0 || cf_gateway_start(&at.gateway, &err) < 0)
        die(err.text);
    cf_gateway_configure(at.gateway, &config);
    if (cf_gateway_finish(at.gateway, &err) < 0)
        die(err.text);
    pid = command_run(at.gateway, argv + 1);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        cf_nflog_read(at.gateway->flows_fd, 1, syn, &at);
        for (int i = 0; i < PAIRS; i++) {
            if (at.pairs[i].outside >= 0 && at.pairs[i].inside < 0)
                take(&at);
            relay(&at.pairs[i]);
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
