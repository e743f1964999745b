/*
 * meter.h - bytes that may still pass, shared by all threads that move them
 *
 * How many bytes a socket takes is known only behind the call, so they are held
 * before it, and what it did not take is put back: at no moment can more pass than
 * there were. A thread that finds nothing left while another holds bytes cannot
 * know yet whether all is spent, and asks again. So the last byte passes as it
 * does with one thread. No locks: what is left and the number of those that hold are
 * one word, changed as one.
 */
#ifndef CF_ENGINE_METER_H
#define CF_ENGINE_METER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Bytes stand in the low 56 bits, holders in the others. */
#define CF_METER_HOLDER (UINT64_C(1) << 56)
#define CF_METER_MOST (CF_METER_HOLDER - 1)

struct cf_meter {
    _Atomic uint64_t word;
};

/* bytes: what is more than CF_METER_MOST, 72 petabytes, counts as that */
static inline void cf_meter_init(struct cf_meter *meter, uint64_t bytes)
{
    atomic_init(&meter->word, bytes < CF_METER_MOST ? bytes : CF_METER_MOST);
}

static inline uint64_t cf_meter_left(const struct cf_meter *meter)
{
    return atomic_load_explicit(&meter->word, memory_order_relaxed) & CF_METER_MOST;
}

/* All has passed, and nobody holds what may come back. */
static inline bool cf_meter_spent(const struct cf_meter *meter)
{
    return atomic_load_explicit(&meter->word, memory_order_relaxed) == 0;
}

/*
 * Hold as many of n bytes as there are; cf_meter_settle() must follow, soon, unless
 * it is none. A thread holds once at a time.
 *
 * ret_wait: set when there is none now, but another thread may put some back
 */
static inline uint64_t cf_meter_hold(struct cf_meter *meter, uint64_t n, bool *ret_wait)
{
    uint64_t word = atomic_load_explicit(&meter->word, memory_order_relaxed), held;

    do {
        uint64_t left = word & CF_METER_MOST;

        *ret_wait = left == 0 && word != 0;
        held = n < left ? n : left;
        if (held == 0)
            return 0;
    } while (!atomic_compare_exchange_weak_explicit(&meter->word, &word,
                                                    word - held + CF_METER_HOLDER,
                                                    memory_order_relaxed, memory_order_relaxed));
    return held;
}

/* The rest of what was held, which may be nothing, is there for others again. */
static inline void cf_meter_settle(struct cf_meter *meter, uint64_t rest)
{
    atomic_fetch_sub_explicit(&meter->word, CF_METER_HOLDER - rest, memory_order_relaxed);
}

/*
 * Take n bytes, or none: what does not fit leaves nothing for others either.
 * What other threads hold at that moment counts as passed.
 */
static inline bool cf_meter_take(struct cf_meter *meter, uint64_t n)
{
    uint64_t word = atomic_load_explicit(&meter->word, memory_order_relaxed), taken;

    do {
        uint64_t left = word & CF_METER_MOST;

        taken = n < left ? n : left;
    } while (!atomic_compare_exchange_weak_explicit(&meter->word, &word, word - taken,
                                                    memory_order_relaxed, memory_order_relaxed));
    return taken == n;
}

/* Of what was taken, n bytes have not passed after all. */
static inline void cf_meter_give(struct cf_meter *meter, uint64_t n)
{
    atomic_fetch_add_explicit(&meter->word, n, memory_order_relaxed);
}

#endif
