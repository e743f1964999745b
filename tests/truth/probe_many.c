/*
 * probe_many.c - thousands of connections, and bad ones among good ones
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void say_good_flow(int fd)
{
    int good = 0;

    while (good < 200 && echo_byte(fd, 'x') == 0)
        good++;
    say("%d of 200 came back", good);
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

/* Ten connections are full because nobody reads them. */
static void beside_stalled(void)
{
    uint64_t bytes = UINT64_C(64) << 20;
    int fd = dial(PORT_ECHO);

    for (int i = 0; i < 10; i++)
        if (write_all(dial(PORT_SOURCE), &bytes, sizeof bytes) > 0)
            give_up("send");
    say_good_flow(fd);
}

static volatile bool over;

static void *resets_run(void *data)
{
    (void)data;
    for (int i = 0; i < 200; i++) {
        int fd = new_socket(SOCK_STREAM);

        connect_to(fd, PLACE_WORLD, i % 2 ? PORT_RESET : PORT_ECHO);
        send(fd, "x", 1, MSG_NOSIGNAL);
        reset_on_close(fd);
        close(fd);
    }
    over = true;
    return NULL;
}

/* Connections are reset by both ends, and a stream goes on. */
static void beside_resets(void)
{
    uint64_t bytes = UINT64_C(32) << 20;
    struct pattern_hash hash = { 0 }, expected;
    int fd = dial(PORT_SOURCE), error;
    pthread_t thread;

    if (write_all(fd, &bytes, sizeof bytes) > 0 ||
        pthread_create(&thread, NULL, resets_run, NULL) != 0)
        give_up("start");
    error = read_all(fd, &hash);
    pthread_join(thread, NULL);
    expect_pattern(bytes, &expected);
    say("%s, end %s",
        pattern_hash_value(&hash) == pattern_hash_value(&expected) ? "same" : "not the same",
        name_of(error));
    say("200 resets %s", over ? "done" : "not done");
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
