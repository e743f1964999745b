/*
 * awake.c - whether a loop that has nothing to do looks for events before it sleeps
 *
 * How this works. Who sleeps and is woken at once has lost time: a core that
 * has nothing to do is halted, and starting it again takes a virtual machine
 * 20 us. So after some short waits in a row the next one begins with a look
 * that takes CF_AWAKE_US at most. What came during the look is as a short wait.
 * A look in vain ends the row, and twice as many short waits are wanted from
 * then on: what comes at a pace that looks never meet costs less than a
 * thousandth of them. Each look that finds something takes one back.
 *
 * Where something is there already, or several things come at once, a sleep
 * would not have been long, and others want the core: this counts twice
 * against it.
 */
#include "loop/awake.h"

#include <limits.h>

void cf_awake_init(struct cf_awake *awake, bool possible)
{
    awake->streak = 0;
    awake->wanted = possible ? CF_AWAKE_FIRST : UINT_MAX;
}

bool cf_awake_is(const struct cf_awake *awake)
{
    return awake->streak >= awake->wanted;
}

void cf_awake_end(struct cf_awake *awake)
{
    awake->streak = 0;
}

static void looked_in_vain(struct cf_awake *awake)
{
    awake->streak = 0;
    awake->wanted = awake->wanted < CF_AWAKE_MOST / 2 ? awake->wanted * 2 : CF_AWAKE_MOST;
}

void cf_awake_learn(struct cf_awake *awake, const struct cf_wait *wait)
{
    if (awake->wanted == UINT_MAX)
        return;
    if (wait->in_vain) {
        looked_in_vain(awake);
        return;
    }
    if (wait->looked && awake->wanted > CF_AWAKE_FIRST)
        awake->wanted--;
    if (wait->n_events != 1 || wait->us < CF_AWAKE_THERE_US)
        awake->streak -= awake->streak < 2 ? awake->streak : 2;
    else if (wait->us >= CF_AWAKE_SHORT_US)
        awake->streak = 0;
    else if (awake->streak < awake->wanted + CF_AWAKE_FIRST)
        awake->streak++;
}
