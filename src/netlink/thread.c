/*
 * thread.c - a thread that can be in another network namespace
 *
 * How this works. The state goes IDLE, ASKED (a job waits), DONE (its result
 * waits), IDLE. Only the owner leaves IDLE and DONE, only the thread leaves
 * ASKED. STOP is final; the owner sets it in IDLE, where no job can be lost,
 * and from there on all of this is the thread's, which nobody waits for.
 */
#include "netlink/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum state { IDLE, ASKED, DONE, STOP };

struct cf_gateway_thread {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum state state;
    int (*fn)(void *data);
    void *data;
    int result;
};

static void *thread_main(void *data)
{
    struct cf_gateway_thread *thread = data;
    int result;

    pthread_mutex_lock(&thread->lock);
    for (;;) {
        while (thread->state == IDLE || thread->state == DONE)
            pthread_cond_wait(&thread->changed, &thread->lock);
        if (thread->state == STOP)
            break;
        pthread_mutex_unlock(&thread->lock);
        result = thread->fn(thread->data);
        pthread_mutex_lock(&thread->lock);
        thread->result = result;
        thread->state = DONE;
        pthread_cond_signal(&thread->changed);
    }
    pthread_mutex_unlock(&thread->lock);
    pthread_cond_destroy(&thread->changed);
    pthread_mutex_destroy(&thread->lock);
    free(thread);
    return NULL;
}

int cf_gateway_thread_start(struct cf_gateway_thread **ret, struct cf_error *err)
{
    struct cf_gateway_thread *thread = calloc(1, sizeof(*thread));
    sigset_t all, old;
    pthread_t id;
    int r;

    if (!thread)
        return cf_error_set(err, -ENOMEM, "out of memory");
    pthread_mutex_init(&thread->lock, NULL);
    pthread_cond_init(&thread->changed, NULL);
    /* The mask is inherited, so the thread never sees a signal. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&id, NULL, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r != 0) {
        free(thread);
        return cf_error_errno(err, -r, "cannot start a thread");
    }
    pthread_detach(id);
    *ret = thread;
    return 0;
}

void cf_gateway_thread_begin(struct cf_gateway_thread *thread, int (*fn)(void *data), void *data)
{
    pthread_mutex_lock(&thread->lock);
    thread->fn = fn;
    thread->data = data;
    thread->state = ASKED;
    pthread_cond_signal(&thread->changed);
    pthread_mutex_unlock(&thread->lock);
}

int cf_gateway_thread_finish(struct cf_gateway_thread *thread)
{
    int result = 0;

    if (!thread)
        return 0;
    pthread_mutex_lock(&thread->lock);
    while (thread->state == ASKED)
        pthread_cond_wait(&thread->changed, &thread->lock);
    if (thread->state == DONE) {
        result = thread->result;
        thread->state = IDLE;
    }
    pthread_mutex_unlock(&thread->lock);
    return result;
}

void cf_gateway_thread_stop(struct cf_gateway_thread *thread)
{
    if (!thread)
        return;
    cf_gateway_thread_finish(thread);
    pthread_mutex_lock(&thread->lock);
    thread->state = STOP;
    pthread_cond_signal(&thread->changed);
    pthread_mutex_unlock(&thread->lock);
}
