/*
 * job.h - the command as a job of the terminal that it shares with its caller
 *
 * Private to the room; the engine's side. See "How this works" in job.c.
 * SIGCONT, SIGTSTP, SIGTTIN and SIGTTOU are to be blocked from
 * cf_job_open() on, and what arrives of them told.
 */
#ifndef CF_SANDBOX_JOB_H
#define CF_SANDBOX_JOB_H

#include <stdbool.h>
#include <sys/types.h>

struct cf_job {
    int tty_fd;    /* the controlling terminal; -1: there is none */
    pid_t own;     /* our process group */
    pid_t command; /* the command's */
    bool piped;    /* part of a pipeline: it gets the terminal when it asks */
    bool given;    /* it has the terminal, or what it started has */
};

/*
 * Look at the terminal, and hand it to the command when it is ours to give.
 *
 * init:    our child that is in our group, and stays in it
 * command: the group of the command, as we see it
 */
void cf_job_open(struct cf_job *job, pid_t init, pid_t command);

/* The group cannot have the terminal any more. No-op when it is not open; job->tty_fd is -1 then. */
void cf_job_close(struct cf_job *job);

/*
 * The command has been stopped by a signal. Either it gets the terminal that it
 * asked for, or this process group is stopped as well, until its shell goes on
 * with it. Returns whether the command is to be continued now.
 *
 * ret_orphaned: set when the terminal is another's and nobody is there who could give it:
 *               then to read from it must fail, and not stop the command again
 */
bool cf_job_stopped(struct cf_job *job, int signal, bool *ret_orphaned);

/*
 * SIGTTIN or SIGTTOU has come: somebody else in our group asked for the terminal.
 * Returns whether they have it now; if not, the whole job is in the background, and
 * the signal is for the command too.
 */
bool cf_job_asked(struct cf_job *job);

/* SIGCONT has come from outside: the terminal may be ours to give again. */
void cf_job_continued(struct cf_job *job);

/* Stop this process group, by SIGTSTP, SIGTTIN or SIGTTOU, until its shell goes on with it. */
void cf_job_suspend(int signal);

/*
 * Nothing of the command is left. The terminal is ours again; a key that
 * ended the command, by this signal, is passed on to the rest of our group.
 */
void cf_job_ended(struct cf_job *job, int signal);

#endif
