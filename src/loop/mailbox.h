/*
 * mailbox.h - messages from one thread's loop to another's
 *
 * Any thread may send; the thread that runs the loop receives, in the order
 * that each sender sent. A message is embedded in what it is about and may wait
 * in one mailbox at a time: whoever has received it owns it. Without locks, and
 * sending cannot fail.
 */
#ifndef CF_LOOP_MAILBOX_H
#define CF_LOOP_MAILBOX_H

#include <stdatomic.h>

#include "base/error.h"
#include "loop/loop.h"

struct cf_mail {
    struct cf_mail *next;
};

struct cf_mailbox {
    struct cf_loop *loop;
    struct cf_watch watch; /* of an eventfd(2) */
    _Atomic(struct cf_mail *) newest;
    void (*fn)(struct cf_mailbox *box, struct cf_mail *mail);
};

/*
 * Receive from here on; fn is called by the loop for each message, and may give
 * it away or free it. Returns 0 or -errno with a message.
 */
int cf_mailbox_open(struct cf_mailbox *box, struct cf_loop *loop,
                    void (*fn)(struct cf_mailbox *box, struct cf_mail *mail), struct cf_error *err);

/* No thread may send any more; what waits is forgotten. For one that was never opened too. */
void cf_mailbox_close(struct cf_mailbox *box);

/* From any thread. What the sender wrote before, the receiver sees. */
void cf_mailbox_send(struct cf_mailbox *box, struct cf_mail *mail);

/* Take what waits at once, and not when the loop comes to it. */
void cf_mailbox_receive(struct cf_mailbox *box);

#endif
