/*
 * thread.h - a thread that can be in another network namespace
 *
 * It does what it is told, one job at a time, with all signals blocked, and
 * shares the process's descriptors. Jobs are given by one thread only.
 */
#ifndef CF_NETLINK_THREAD_H
#define CF_NETLINK_THREAD_H

#include "base/error.h"

struct cf_gateway_thread;

/* Returns 0 or -errno with a message. */
int cf_gateway_thread_start(struct cf_gateway_thread **ret, struct cf_error *err);

/* Waits for the last job; the thread ends behind it, beside the caller. NULL is allowed. */
void cf_gateway_thread_stop(struct cf_gateway_thread *thread);

/* Give a job; it runs beside the caller until cf_gateway_thread_finish(). */
void cf_gateway_thread_begin(struct cf_gateway_thread *thread, int (*fn)(void *data), void *data);

/* Wait for the job; returns what it returned. 0 when none was given, or without a thread. */
int cf_gateway_thread_finish(struct cf_gateway_thread *thread);

#endif
