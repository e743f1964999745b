/*
 * probe_end.c - how connections end: half-closes, resets, and what comes too late
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

static void half_close_client(void)
{
    int fd = dial(PORT_ANSWER_CLOSE);

    if (write_all(fd, "abc", 3) > 0)
        give_up("send");
    say("shutdown %s", name_of(shutdown(fd, SHUT_WR) < 0 ? errno : 0));
    say("send %s", name_of(write_all(fd, "d", 1) > 0 ? errno : 0));
    say_rest(fd);
}

static void half_close_server(void)
{
    int fd = dial(PORT_HALF);

    say_rest(fd);
    say("poll %s", events_text(wait_for(fd, POLLIN | POLLOUT | POLLRDHUP)));
    for (int i = 0; i < 100; i++)
        if (write_all(fd, "0123456789", 10) > 0)
            give_up("send");
    say("sent 1000");
    close(fd);
}

/* The server has closed both ways: the first write goes out, its answer ends the connection. */
static void write_to_closed(void)
{
    int fd = dial(PORT_CLOSE);

    if (write_all(fd, "x", 1) > 0)
        give_up("send");
    say_rest(fd);
    say("first write %s", name_of(write_all(fd, "y", 1) > 0 ? errno : 0));
    say("poll %s", events_text(wait_for_all(fd, POLLERR | POLLHUP)));
    say("second write %s", name_of(write_all(fd, "z", 1) > 0 ? errno : 0));
    say("SO_ERROR %s", name_of(error_of(fd)));
    say_rest(fd);
}

/* The server has reset it, and this program writes before it reads. */
static void write_to_reset(void)
{
    int fd = dial(PORT_RESET_LATE);
    char text[8];

    read_text(fd, text, 3);
    if (write_all(fd, "x", 1) > 0)
        give_up("send");
    wait_for_all(fd, POLLERR | POLLHUP);
    say("first write %s", name_of(write_all(fd, "y", 1) > 0 ? errno : 0));
    say("second write %s", name_of(write_all(fd, "z", 1) > 0 ? errno : 0));
}

static volatile sig_atomic_t pipe_signals;

static void on_pipe(int number)
{
    (void)number;
    pipe_signals++;
}

static void write_signal(void)
{
    int fd = dial(PORT_CLOSE);

    signal(SIGPIPE, on_pipe);
    if (write_all(fd, "x", 1) > 0)
        give_up("send");
    say_rest(fd);
    if (write(fd, "y", 1) != 1)
        give_up("write");
    wait_for_all(fd, POLLERR | POLLHUP);
    say("write %s", name_of(write(fd, "z", 1) < 0 ? errno : 0));
    say("SIGPIPE %d", (int)pipe_signals);
}

/* It may come so fast that connect(2) itself tells of it. */
static void reset_at_once(void)
{
    int fd = new_socket(SOCK_STREAM), error = connect_to(fd, PLACE_WORLD, PORT_RESET);
    char byte;

    if (error == 0)
        error = recv(fd, &byte, 1, 0) < 0 ? errno : 0;
    say("%s", name_of(error));
    say("write %s", name_of(write_all(fd, "x", 1) > 0 ? errno : 0));
}

static void reset_behind_data(void)
{
    int fd = dial(PORT_RESET_LATE);
    char text[8];

    read_text(fd, text, 3);
    say("read %s", text);
    if (write_all(fd, "x", 1) > 0)
        give_up("send");
    say_rest(fd);
    say("SO_ERROR %s", name_of(error_of(fd)));
    say("write %s", name_of(write_all(fd, "x", 1) > 0 ? errno : 0));
}

/* The server did not read all, and closed. */
static void reset_unread_server(void)
{
    int fd = dial(PORT_UNREAD);

    if (write_all(fd, "0123456789", 10) > 0)
        give_up("send");
    say_rest(fd);
}

static void linger_zero(void)
{
    int fd = dial(PORT_WATCH);

    if (write_all(fd, "last words", 10) > 0)
        give_up("send");
    wait_confirmed(fd);
    reset_on_close(fd);
    say("close %s", name_of(close(fd) < 0 ? errno : 0));
}

static void linger_zero_silent(void)
{
    int fd = dial(PORT_WATCH);

    reset_on_close(fd);
    say("close %s", name_of(close(fd) < 0 ? errno : 0));
}

/* Closing waits until all has been confirmed. */
static void linger_long(void)
{
    struct linger wait = { 1, 30 };
    int fd = dial(PORT_WATCH);

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &wait, sizeof wait);
    send_pattern(fd, 1 << 20);
    say("close %s", name_of(close(fd) < 0 ? errno : 0));
}

/* This program closes with bytes unread. */
static void reset_unread_client(void)
{
    int fd = dial(PORT_HALF);
    char text[4];

    wait_for(fd, POLLRDHUP);
    read_text(fd, text, 1);
    say("read %s", text);
    say("close %s", name_of(close(fd) < 0 ? errno : 0));
}

/* A program that writes and is gone: all of it arrives. */
static void leave_behind(void)
{
    int fd, status;
    pid_t pid = fork();

    if (pid == 0) {
        fd = dial(PORT_WATCH);
        send_pattern(fd, 4 << 20);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    say("exit %d", WEXITSTATUS(status));
}

/* A program that is killed: as if it had closed. */
static void killed(void)
{
    int fd = dial(PORT_WATCH);
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    if (write_all(fd, "abc", 3) > 0)
        give_up("send");
    close(fd);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    say("killed");
}

static void shutdown_both(void)
{
    int fd = dial(PORT_WATCH);

    if (write_all(fd, "abc", 3) > 0)
        give_up("send");
    say("shutdown %s", name_of(shutdown(fd, SHUT_RDWR) < 0 ? errno : 0));
    say_rest(fd);
    say("send %s", name_of(write_all(fd, "d", 1) > 0 ? errno : 0));
}

/* Not to read is this program's own affair: the server sees nothing of it. */
static void shutdown_read(void)
{
    int fd = dial(PORT_ECHO);

    say("shutdown %s", name_of(shutdown(fd, SHUT_RD) < 0 ? errno : 0));
    say_rest(fd);
    say("send %s", name_of(write_all(fd, "d", 1) > 0 ? errno : 0));
}

static void poll_at_end(void)
{
    int fd = dial(PORT_SHORT);

    say("poll %s", events_text(wait_for(fd, POLLRDHUP)));
    say_rest(fd);
    say("poll %s", events_text(wait_for(fd, POLLIN | POLLOUT | POLLRDHUP)));
    shutdown(fd, SHUT_WR);
    say("poll %s", events_text(wait_for(fd, 0)));
    say("shutdown %s", name_of(shutdown(fd, SHUT_WR) < 0 ? errno : 0));
}

const struct behaviour end_behaviours[] = {
    { "half-close-client", half_close_client },
    { "half-close-server", half_close_server },
    { "write-to-closed", write_to_closed },
    { "write-to-reset", write_to_reset },
    { "write-signal", write_signal },
    { "reset-at-once", reset_at_once },
    { "reset-behind-data", reset_behind_data },
    { "reset-unread-server", reset_unread_server },
    { "linger-zero", linger_zero },
    { "linger-zero-silent", linger_zero_silent },
    { "linger-long", linger_long },
    { "reset-unread-client", reset_unread_client },
    { "leave-behind", leave_behind },
    { "killed", killed },
    { "shutdown-both", shutdown_both },
    { "shutdown-read", shutdown_read },
    { "poll-at-end", poll_at_end },
    { NULL, NULL },
};
