/*
 * terminal.c - standard error, and the line of --live that may stand on it
 */
#include "cli/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"

#define WIDTH_UNKNOWN 80
#define ERASE "\r\033[K" /* to the line's start, and all of it (ECMA-48, EL) */

static bool drawn;
static pid_t shared_with;

const char *cf_terminal_refusal(void)
{
    const char *type = getenv("TERM");

    if (!isatty(STDERR_FILENO))
        return "standard error is not a terminal";
    if (!type || !type[0] || strcmp(type, "dumb") == 0)
        return "TERM names no terminal that can erase a line";
    return NULL;
}

unsigned cf_terminal_width(void)
{
    struct winsize size = { 0 };

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return WIDTH_UNKNOWN;
    return size.ws_col;
}

void cf_terminal_share(pid_t group)
{
    shared_with = group;
}

/* A shell inside takes the terminal for its jobs; a job of the caller's may lose it. */
static bool is_ours(void)
{
    pid_t group = tcgetpgrp(STDERR_FILENO);

    /* It need not be our controlling terminal. */
    return group < 0 || group == getpgrp() || (shared_with > 0 && group == shared_with);
}

static bool takes_bytes(void)
{
    struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

    return poll(&fd, 1, 0) == 1 && fd.revents == POLLOUT;
}

void cf_terminal_give_up(void)
{
    cf_auto_close int nothing = takes_bytes() ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (nothing >= 0)
        (void)dup2(nothing, STDERR_FILENO);
}

bool cf_terminal_draw(const char *line)
{
    struct cf_buffer text;
    bool done = false;

    if (!is_ours() || !takes_bytes())
        return false;
    cf_buffer_init(&text, 0);
    cf_buffer_printf(&text, ERASE "%s", line);
    /* In one piece, so that output of the command falls before or behind it. */
    if (!text.failed)
        done = write(STDERR_FILENO, text.data, text.length) > 0;
    cf_buffer_done(&text);
    drawn = drawn || done;
    return done;
}

void cf_terminal_clear(void)
{
    (void)tcflow(STDERR_FILENO, TCOON); /* what a user stopped by ^S stays so */
    if (!drawn)
        return;
    drawn = false;
    if (is_ours())
        fputs(ERASE, stderr);
}

bool cf_terminal_drawn(void)
{
    return drawn;
}

void cf_terminal_print(const char *text)
{
    int flags = fcntl(STDERR_FILENO, F_GETFL);

    if (flags >= 0 && (flags & O_NONBLOCK))
        fcntl(STDERR_FILENO, F_SETFL, flags & ~O_NONBLOCK);
    cf_terminal_clear();
    fputs(text, stderr);
    if (flags >= 0 && (flags & O_NONBLOCK))
        fcntl(STDERR_FILENO, F_SETFL, flags);
}
