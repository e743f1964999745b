/*
 * shards.c - relays on several threads
 *
 * How this works. A relay is handed over whole: the caller's thread takes its
 * sockets out of its own loop and sends the relay to a shard's mailbox; the shard
 * watches them (what is ready by then is told at once, so no event is lost) and runs
 * the relay as the caller would have. At its end the shard sends it back, and the
 * caller's thread writes the log and frees it. A relay is in one thread's hands at any
 * moment, a message hands it on, and so there is no lock.
 *
 * Nothing is called back: there is no message that stops one relay. The caller
 * wants relays back only when the run ends, and then all of them: each shard is told
 * to leave its loop and its thread is joined, which no lock could make simpler. What
 * is left there moves to the caller's loop (cf_relay_move()).
 *
 * The shard with the fewest relays gets the next, the caller's own when there are
 * several: so one connection after the other, and the only large one, never pay for a
 * hand-over.
 *
 * A thread is named cf-relay-N, blocks all signals, stays in the host's network
 * namespace and has the rights of the process. When its loop fails, the caller's is
 * stopped with that error: the run cannot go on.
 */
#include "engine/shards.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "engine/outward.h"

/* Touched as far as it is used. Half of it did in a build with sanitizers. */
#define STACK_BYTES (256 * 1024)
#define NAME_SIZE 32 /* the kernel takes 16, which 64 threads fit into */

struct cf_shard {
    struct cf_shards *shards;
    struct cf_loop *loop;
    struct cf_pipe_pool *pipes;
    struct cf_list relays;
    size_t n_relays;
    /* Of a shard with a thread: */
    struct cf_pipe_pool own_pipes;
    struct cf_mailbox inbox;
    struct cf_mail leave;  /* to the shard: leave the loop */
    struct cf_mail failed; /* from it: its loop has failed */
    struct cf_mail asked;  /* to it: tell what is over; and back, behind those */
    struct cf_task tell;
    bool looked;           /* `tell` has seen one turn */
    int result;            /* of the loop */
    bool running;
    pthread_t thread;
};

struct cf_shards {
    struct cf_shards_config config;
    struct cf_mailbox inbox; /* relays that have ended elsewhere */
    struct cf_shard *each;
    size_t n;
    size_t n_asked; /* shards that have not answered yet */
};

static struct cf_relay *relay_of(struct cf_mail *mail)
{
    return cf_container_of(mail, struct cf_relay, shard.mail);
}

/* In the shard's thread: back to the caller. */
static void ended_here(struct cf_relay *relay, enum cf_flow_result result)
{
    struct cf_shard *shard = relay->shard.at;

    relay->shard.result = result;
    cf_mailbox_send(&shard->shards->inbox, &relay->shard.mail);
}

/*
 * In the shard's thread. The turn that the question came in may have begun before it was
 * asked; the next one has heard of all that had happened by then.
 */
static void tell(struct cf_task *task)
{
    struct cf_shard *shard = cf_container_of(task, struct cf_shard, tell);

    shard->looked = !shard->looked;
    if (shard->looked) {
        cf_loop_task_add(shard->loop, task);
        return;
    }
    cf_loop_rest(shard->loop);
    cf_mailbox_send(&shard->shards->inbox, &shard->asked);
}

/* In the shard's thread. */
static void shard_mail(struct cf_mailbox *box, struct cf_mail *mail)
{
    struct cf_shard *shard = cf_container_of(box, struct cf_shard, inbox);
    struct cf_relay *relay = relay_of(mail);
    int r;

    if (mail == &shard->leave) {
        cf_loop_stop(shard->loop, 0);
        return;
    }
    if (mail == &shard->asked) {
        cf_loop_task_add(shard->loop, &shard->tell);
        return;
    }
    r = cf_relay_start(relay, relay->shard.events, relay->shard.error);
    if (r < 0) {
        relay->error = -r;
        cf_relay_side_reset(relay, &relay->inside);
        cf_relay_side_reset(relay, &relay->outside);
        ended_here(relay, CF_RESULT_LIMIT);
    }
}

static void *shard_main(void *data)
{
    struct cf_shard *shard = data;

    shard->result = cf_loop_run(shard->loop);
    if (shard->result < 0)
        cf_mailbox_send(&shard->shards->inbox, &shard->failed);
    return NULL;
}

/* In the caller's thread. */
static void caller_mail(struct cf_mailbox *box, struct cf_mail *mail)
{
    struct cf_shards *shards = cf_container_of(box, struct cf_shards, inbox);
    struct cf_relay *relay = relay_of(mail);

    for (size_t i = 1; i < shards->n; i++) {
        if (mail == &shards->each[i].failed) {
            cf_loop_stop(shards->config.loop, shards->each[i].result);
            return;
        }
        if (mail == &shards->each[i].asked) {
            shards->n_asked--;
            return;
        }
    }
    relay->ended = shards->config.ended;
    relay->ended(relay, relay->shard.result);
}

/* Returns 0 or a positive errno. */
static int thread_start(struct cf_shard *shard, size_t number)
{
    pthread_attr_t attributes;
    sigset_t all, old;
    char name[NAME_SIZE];
    int r = pthread_attr_init(&attributes);

    if (r != 0)
        return r;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    /* The mask is inherited, so the thread never sees a signal. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&shard->thread, &attributes, shard_main, shard);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    if (r != 0)
        return r;
    shard->running = true;
    snprintf(name, sizeof name, "cf-relay-%zu", number);
    pthread_setname_np(shard->thread, name);
    return 0;
}

static int shard_start(struct cf_shard *shard, size_t number, struct cf_error *err)
{
    int r = cf_loop_new(&shard->loop, err);

    if (r == 0)
        r = cf_mailbox_open(&shard->inbox, shard->loop, shard_mail, err);
    if (r < 0)
        return r;
    r = thread_start(shard, number);
    return r != 0 ? cf_error_errno(err, -r, "cannot start a thread") : 0;
}

static int shards_new(const struct cf_shards_config *config, struct cf_shards **ret_shards,
                      struct cf_error *err)
{
    struct cf_shards *shards = calloc(1, sizeof *shards);
    int r = 0;

    if (shards)
        shards->each = calloc(config->n, sizeof *shards->each);
    if (!shards || !shards->each) {
        free(shards);
        return cf_error_errno(err, -ENOMEM, "cannot start the relays");
    }
    shards->config = *config;
    shards->n = config->n;
    for (size_t i = 0; i < shards->n; i++) {
        struct cf_shard *shard = &shards->each[i];

        shard->shards = shards;
        shard->tell.fn = tell;
        shard->pipes = i == 0 ? config->pipes : &shard->own_pipes;
        cf_pipe_pool_init(shard->pipes, shards->n);
        cf_list_init(&shard->relays);
    }
    shards->each[0].loop = config->loop;
    if (shards->n > 1)
        r = cf_mailbox_open(&shards->inbox, config->loop, caller_mail, err);
    for (size_t i = 1; i < shards->n && r == 0; i++)
        r = shard_start(&shards->each[i], i, err);
    if (r < 0) {
        cf_error_wrap(err, "%u engine threads", config->n);
        cf_shards_free(shards);
        return r;
    }
    *ret_shards = shards;
    return 0;
}

int cf_shards_new(const struct cf_shards_config *config, struct cf_shards **ret_shards,
                  struct cf_error *err)
{
    struct cf_shards_config one = *config;
    int r = shards_new(config, ret_shards, err);

    one.n = 1;
    return r == -EAGAIN && config->or_one ? shards_new(&one, ret_shards, err) : r;
}

unsigned cf_shards_count(const struct cf_shards *shards)
{
    return (unsigned)shards->n;
}

static struct cf_shard *least(struct cf_shards *shards)
{
    struct cf_shard *best = &shards->each[0];

    for (size_t i = 1; i < shards->n && best->n_relays > 0; i++) {
        if (shards->each[i].n_relays < best->n_relays)
            best = &shards->each[i];
    }
    return best;
}

static void join(struct cf_shard *shard, struct cf_relay *relay)
{
    relay->shard.at = shard;
    cf_list_add(&shard->relays, &relay->shard.others);
    shard->n_relays++;
}

static void hand_over(struct cf_shard *shard, struct cf_relay *relay, uint32_t outside_events,
                      int outside_error)
{
    cf_loop_unwatch(relay->loop, &relay->outside.watch);
    cf_outward_ack_send(relay->outside.fd); /* before the caller's next connect */
    relay->loop = shard->loop;
    relay->pipes = shard->pipes;
    relay->ended = ended_here;
    relay->shard.events = outside_events;
    relay->shard.error = outside_error;
    cf_mailbox_send(&shard->inbox, &relay->shard.mail);
}

int cf_shards_start(struct cf_shards *shards, struct cf_relay *relay, uint32_t outside_events,
                    int outside_error)
{
    struct cf_shard *shard;
    int r;

    /* What is over but for closing would count as one that the first shard has. */
    if (shards->n > 1)
        cf_loop_rest(shards->each[0].loop);
    shard = least(shards);
    cf_relay_prepare(relay);
    if (shard == &shards->each[0]) {
        r = cf_relay_start(relay, outside_events, outside_error);
        if (r < 0)
            return r;
    }
    join(shard, relay);
    if (shard != &shards->each[0])
        hand_over(shard, relay, outside_events, outside_error);
    return 0;
}

int cf_shards_start_gated(struct cf_shards *shards, struct cf_relay *relay,
                          uint32_t outside_events, int outside_error)
{
    struct cf_shard *own = &shards->each[0];
    int r;

    cf_relay_prepare(relay);
    r = cf_relay_start(relay, outside_events, outside_error);
    if (r < 0)
        return r;
    join(own, relay);
    return 0;
}

/* Nothing has happened that another thread's cf_relay_start() would not see. */
static bool is_untouched(const struct cf_relay *relay)
{
    return relay->in.total == 0 && !relay->in.pipe && !relay->in_done && !relay->in.has_oob &&
           !relay->in.eof && !relay->inside.failed && !relay->outside.failed && !relay->over;
}

bool cf_shards_spread(struct cf_shards *shards, struct cf_relay *relay)
{
    struct cf_shard *shard;

    if (shards->n == 1 || !is_untouched(relay))
        return false;
    cf_shards_left(relay);
    shard = least(shards);
    join(shard, relay);
    if (shard == &shards->each[0])
        return false;
    relay->gate = NULL;
    cf_relay_confirm(relay);
    cf_loop_task_remove(relay->loop, &relay->task);
    cf_loop_unwatch(relay->loop, &relay->inside.watch);
    hand_over(shard, relay, 0, 0); /* what is ready is told when it is watched there */
    return true;
}

void cf_shards_left(struct cf_relay *relay)
{
    if (!relay->shard.at)
        return;
    cf_list_remove(&relay->shard.others);
    relay->shard.at->n_relays--;
    relay->shard.at = NULL;
}

void cf_shards_ask(struct cf_shards *shards)
{
    if (shards->n_asked > 0)
        return;
    for (size_t i = 1; i < shards->n; i++) {
        shards->n_asked++;
        cf_mailbox_send(&shards->each[i].inbox, &shards->each[i].asked);
    }
}

bool cf_shards_asked(const struct cf_shards *shards)
{
    return shards->n_asked > 0;
}

/* The thread is gone: one of its relays goes on in the caller's loop. */
static void take_back(struct cf_shards *shards, struct cf_relay *relay)
{
    struct cf_shard *own = &shards->each[0];
    int r = cf_relay_move(relay, own->loop, own->pipes);

    cf_shards_left(relay);
    relay->ended = shards->config.ended;
    join(own, relay);
    if (r == 0)
        return;
    relay->error = -r;
    cf_relay_side_reset(relay, &relay->inside);
    cf_relay_side_reset(relay, &relay->outside);
    cf_relay_done(relay);
    relay->ended(relay, CF_RESULT_LIMIT);
}

void cf_shards_gather(struct cf_shards *shards)
{
    for (size_t i = 1; i < shards->n; i++) {
        if (shards->each[i].running)
            cf_mailbox_send(&shards->each[i].inbox, &shards->each[i].leave);
    }
    for (size_t i = 1; i < shards->n; i++) {
        if (shards->each[i].running)
            pthread_join(shards->each[i].thread, NULL);
        shards->each[i].running = false;
    }
    if (shards->inbox.loop)
        cf_mailbox_receive(&shards->inbox);
    for (size_t i = 1; i < shards->n; i++) {
        struct cf_shard *shard = &shards->each[i];

        while (!cf_list_empty(&shard->relays))
            take_back(shards, cf_container_of(cf_list_first(&shard->relays), struct cf_relay,
                                              shard.others));
        cf_mailbox_close(&shard->inbox);
        cf_pipe_pool_done(shard->pipes);
        cf_loop_free(shard->loop);
    }
    cf_mailbox_close(&shards->inbox);
    shards->config.pipes->limit = CF_PIPES_MAX;
    shards->n_asked = 0;
    shards->n = 1;
}

void cf_shards_free(struct cf_shards *shards)
{
    if (!shards)
        return;
    cf_shards_gather(shards);
    free(shards->each);
    free(shards);
}
