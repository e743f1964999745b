/*
 * probe_many.c - thousands of connections, and bad ones among good ones
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "probe.h"

static int *descriptors_new(long count)
{
    int *fds = calloc((size_t)count, sizeof *fds);

    if (!fds)
        give_up("calloc");
    return fds;
}

/* COUNT: open one after the other, kept, and each used twice. */
static void held(void)
{
    long count = probe_arguments[0], good = 0;
    int *fds = descriptors_new(count);

    for (long i = 0; i < count; i++)
        fds[i] = dial(PORT_CROWD);
    say("%ld open", count);
    for (int round = 0; round < 2; round++)
        for (long i = 0; i < count; i++)
            good += echo_byte(fds[i], (char)i) == 0;
    say("%ld echoes", good);
    free(fds);
}

/* COUNT: all connects are under way before the first has ended. */
static void at_once(void)
{
    long count = probe_arguments[0], good = 0;
    int *fds = descriptors_new(count);

    for (long i = 0; i < count; i++) {
        int error;

        fds[i] = new_socket(SOCK_STREAM | SOCK_NONBLOCK);
        error = connect_to(fds[i], PLACE_WORLD, PORT_CROWD);
        if (error != EINPROGRESS)
            say("connect %s", name_of(error));
    }
    for (long i = 0; i < count; i++) {
        int error;

        wait_for(fds[i], POLLOUT);
        error = error_of(fds[i]);
        fcntl(fds[i], F_SETFL, 0);
        if (error == 0)
            error = echo_byte(fds[i], (char)i);
        if (error != 0)
            say("%s", name_of(error));
        good += error == 0;
    }
    say("%ld echoes", good);
    free(fds);
}

/* COUNT: one after the other; the server closes first. */
static void sequential(void)
{
    long good = 0;

    for (long i = 0; i < probe_arguments[0]; i++) {
        int fd = dial(PORT_SHORT);
        char text[4];

        good += read_text(fd, text, 2) == 1;
        close(fd);
    }
    say("%ld connections", good);
}

static int good_flow(int fd)
{
    int good = 0;

    while (good < 200 && echo_byte(fd, 'x') == 0)
        good++;
    return good;
}

static void say_good_flow(int fd)
{
    say("%d of 200 came back", good_flow(fd));
}

/* Fifty connects that nobody answers are under way; connections come and go all the same. */
static void beside_holes(void)
{
    int fd = dial(PORT_ECHO), good = 0;

    for (int i = 0; i < 50; i++)
        if (connect_to(new_socket(SOCK_STREAM | SOCK_NONBLOCK), PLACE_HOLE, 80) != EINPROGRESS)
            give_up("connect");
    say_good_flow(fd);
    for (int i = 0; i < 100; i++) {
        fd = dial(PORT_CROWD);
        good += echo_byte(fd, 'y') == 0;
        close(fd);
    }
    say("%d of 100 connections", good);
}

#define STALLED 10
#define STALLED_LEAST (32 << 10)

struct stalled {
    int fd;
    uint64_t sent;
};

/* Write until each takes no more. Returns how much went. */
static uint64_t stalled_write(struct stalled *all)
{
    static const uint8_t block[1 << 16];
    uint64_t went = 0;

    for (struct stalled *one = all; one < all + STALLED; one++) {
        ssize_t n;

        while ((n = send(one->fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0) {
            one->sent += (uint64_t)n;
            went += (uint64_t)n;
        }
        if (errno != EAGAIN)
            give_up("send");
    }
    return went;
}

static struct stall_state servers_state(int fd)
{
    struct stall_state state;

    if (write_all(fd, "?", 1) > 0 || recv(fd, &state, sizeof state, MSG_WAITALL) != sizeof state)
        give_up("how the servers are");
    return state;
}

/* How many took as much as the least of buffers holds, of both ends. */
static int full_both_ways(const struct stalled *all)
{
    int full = 0, unread;

    for (const struct stalled *one = all; one < all + STALLED; one++) {
        if (ioctl(one->fd, FIONREAD, &unread) < 0)
            give_up("FIONREAD");
        full += one->sent >= STALLED_LEAST && unread >= STALLED_LEAST;
    }
    return full;
}

/*
 * Ten connections on which both ends write and neither reads. What counts is a round of the good
 * flow at whose start and end no end of the ten can write, and during which, as in the round
 * before, not one byte was taken in either direction: all buffers on the way were full.
 */
static void beside_stalled(void)
{
    struct stalled all[STALLED] = { 0 };
    int fd = dial(PORT_ECHO), teller = dial(PORT_STALL_STATE), good, rounds = 0, silent = 0;
    struct stall_state first = servers_state(teller), before, now = first;
    uint64_t up = 0;

    for (int i = 0; i < STALLED; i++)
        all[i].fd = dial(PORT_STALL);
    do {
        uint64_t went;

        before = now;
        good = good_flow(fd);
        went = stalled_write(all);
        now = servers_state(teller);
        up += went;
        rounds++;
        if (went > 0 || now.bytes != before.bytes || now.open != STALLED || now.full != STALLED ||
            before.full != STALLED || full_both_ways(all) != STALLED)
            silent = 0;
        else
            silent++;
    } while (good == 200 && silent < 2);
    say("%d of %d full both ways", full_both_ways(all), STALLED);
    say("%d of 200 came back", good);
    note("the ten took %llu KiB from the program and %llu KiB from the servers; round %d counted",
         (unsigned long long)up >> 10, (unsigned long long)(now.bytes - first.bytes) >> 10, rounds);
}

#define RESETS 200

/* What the stream and those who reset have in common. */
static struct {
    atomic_bool asked, ended, over;
    sem_t came;
    uint64_t bytes;
    int by_server, by_program;
} resets;

/* Until more of the stream has come; false when it has ended. */
static bool stream_goes_on(void)
{
    resets.asked = true;
    while (sem_wait(&resets.came) < 0)
        ;
    return !resets.ended;
}

static bool reset_by_server(void)
{
    int fd = new_socket(SOCK_STREAM), error = connect_to(fd, PLACE_WORLD, PORT_RESET);
    char byte;

    if (error == 0 && recv(fd, &byte, 1, 0) < 0)
        error = errno;
    close(fd);
    return error == ECONNRESET;
}

static bool reset_by_program(void)
{
    int fd = dial(PORT_ECHO);
    bool stood = echo_byte(fd, 'x') == 0;

    reset_on_close(fd);
    close(fd);
    return stood;
}

static void *resets_run(void *data)
{
    (void)data;
    for (int i = 0; i < RESETS && stream_goes_on(); i++)
        if (i % 2)
            resets.by_server += reset_by_server();
        else
            resets.by_program += reset_by_program();
    stream_goes_on();
    resets.over = true;
    return NULL;
}

/* Read the stream until the resets are over, then end it and read the rest. */
static int stream_read(int fd, struct pattern_hash *hash)
{
    static uint8_t block[1 << 17];
    ssize_t n;

    while ((n = recv(fd, block, sizeof block, 0)) > 0) {
        pattern_hash_add(hash, block, (size_t)n);
        if (resets.over && resets.bytes == 0) {
            resets.bytes = hash->bytes;
            shutdown(fd, SHUT_WR);
        }
        if (atomic_exchange(&resets.asked, false))
            sem_post(&resets.came);
    }
    return n < 0 ? errno : 0;
}

/*
 * Connections are reset by both ends, and a stream goes on: some of it has come before the
 * first reset, between each and the next, and after the last.
 */
static void beside_resets(void)
{
    struct pattern_hash hash = { 0 }, expected;
    int fd = dial(PORT_ENDLESS), error;
    pthread_t thread;

    sem_init(&resets.came, 0, 0);
    if (pthread_create(&thread, NULL, resets_run, NULL) != 0)
        give_up("start");
    error = stream_read(fd, &hash);
    resets.ended = true;
    sem_post(&resets.came);
    sem_post(&resets.came);
    pthread_join(thread, NULL);
    expect_pattern(hash.bytes, &expected);
    say("%s, end %s",
        pattern_hash_value(&hash) == pattern_hash_value(&expected) ? "same" : "not the same",
        name_of(error));
    say("meanwhile %d resets of the server and %d of the program", resets.by_server,
        resets.by_program);
    note("%llu KiB of the stream came meanwhile", (unsigned long long)resets.bytes >> 10);
}

/* Connects that are refused or forbidden do not end what stands. */
static void beside_refusals(void)
{
    static const long places[] = { PLACE_PORT_UNREACHABLE, PLACE_HOST_UNREACHABLE,
                                   PLACE_ADMIN_PROHIBITED, PLACE_HOLE };
    int fd = dial(PORT_ECHO), failures = 0;

    for (int i = 0; i < 100; i++) {
        int refused = new_socket(SOCK_STREAM), other = new_socket(SOCK_STREAM | SOCK_NONBLOCK);

        connect_to(other, places[i % 4], 80); /* kept: its error comes later */
        failures += connect_to(refused, PLACE_RESETTING, 80) == ECONNREFUSED;
        close(refused);
    }
    say("%d of 100 failed", failures);
    say_good_flow(fd);
}

/* A flood of datagrams that nobody reads. */
static void beside_datagrams(void)
{
    static char block[1000];
    int fd = dial(PORT_ECHO), datagrams = dial_datagram(PORT_ECHO), good = 0;

    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < 20; k++)
            send(datagrams, block, sizeof block, MSG_DONTWAIT);
        good += echo_byte(fd, 'x') == 0;
    }
    say("%d of 200 came back", good);
}

const struct behaviour many_behaviours[] = {
    { "held", held },
    { "at-once", at_once },
    { "sequential", sequential },
    { "beside-holes", beside_holes },
    { "beside-stalled", beside_stalled },
    { "beside-resets", beside_resets },
    { "beside-refusals", beside_refusals },
    { "beside-datagrams", beside_datagrams },
    { NULL, NULL },
};
