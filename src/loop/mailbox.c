/*
 * mailbox.c - messages from one thread's loop to another's
 *
 * How this works. Messages are a list with the newest in front: a sender puts its
 * own there by compare-and-swap, the receiver takes the whole list by one
 * exchange and turns it round. So no message is ever taken out of a list that
 * others can see, and the usual trouble of such lists (one that was taken and
 * put back in between) cannot arise. Only the sender that finds the list empty
 * wakes the receiver: the others' messages are taken with its own. The eventfd
 * is watched for edges, each write makes one, and so nobody reads it.
 */
#include "loop/mailbox.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"

void cf_mailbox_receive(struct cf_mailbox *box)
{
    struct cf_mail *newest = atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
    struct cf_mail *oldest = NULL;

    while (newest) {
        struct cf_mail *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct cf_mail *mail = oldest;

        oldest = mail->next;
        box->fn(box, mail);
    }
}

static void mail_came(struct cf_watch *watch, uint32_t events)
{
    (void)events;
    cf_mailbox_receive(cf_container_of(watch, struct cf_mailbox, watch));
}

int cf_mailbox_open(struct cf_mailbox *box, struct cf_loop *loop,
                    void (*fn)(struct cf_mailbox *box, struct cf_mail *mail), struct cf_error *err)
{
    int r, fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return cf_error_errno(err, -errno, "cannot make an eventfd");
    box->loop = loop;
    box->fn = fn;
    box->watch = (struct cf_watch) { .fd = -1, .fn = mail_came };
    atomic_init(&box->newest, NULL);
    r = cf_loop_watch(loop, &box->watch, fd, EPOLLIN | EPOLLET);
    if (r < 0) {
        close(fd);
        box->loop = NULL;
        return cf_error_errno(err, r, "cannot watch an eventfd");
    }
    return 0;
}

void cf_mailbox_close(struct cf_mailbox *box)
{
    int fd = box->watch.fd;

    if (!box->loop)
        return;
    cf_loop_unwatch(box->loop, &box->watch);
    cf_fd_close(&fd);
    box->loop = NULL;
}

void cf_mailbox_send(struct cf_mailbox *box, struct cf_mail *mail)
{
    struct cf_mail *newest = atomic_load_explicit(&box->newest, memory_order_relaxed);

    do
        mail->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&box->newest, &newest, mail, memory_order_release,
                                                  memory_order_relaxed));
    if (!newest)
        eventfd_write(box->watch.fd, 1);
}
