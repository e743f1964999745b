/*
 * test_mailbox.c - messages between loops: none is lost, none comes before its turn
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "loop/mailbox.h"

#define SENDERS 4
#define MAILS 20000

struct letter {
    struct cf_mail mail;
    int sender, number;
};

static struct cf_loop *loop;
static struct cf_mailbox box;
static struct letter letters[SENDERS][MAILS];
static int next[SENDERS]; /* the number that is expected of each */
static int missing;       /* how many have not come */

static struct letter *letter_of(struct cf_mail *mail)
{
    return cf_container_of(mail, struct letter, mail);
}

/* Each sender's come in order; the last stops the loop. */
static void receive(struct cf_mailbox *at, struct cf_mail *mail)
{
    struct letter *letter = letter_of(mail);

    assert_ptr_equal(at, &box);
    assert_int_equal(letter->number, next[letter->sender]);
    next[letter->sender]++;
    if (--missing == 0)
        cf_loop_stop(loop, 0);
}

static int set_up(void **state)
{
    struct cf_error err;

    (void)state;
    memset(next, 0, sizeof next);
    for (int i = 0; i < SENDERS; i++) {
        for (int k = 0; k < MAILS; k++)
            letters[i][k] = (struct letter) { .sender = i, .number = k };
    }
    if (cf_loop_new(&loop, &err) < 0)
        return -1;
    return cf_mailbox_open(&box, loop, receive, &err);
}

static int tear_down(void **state)
{
    (void)state;
    cf_mailbox_close(&box);
    cf_loop_free(loop);
    return 0;
}

static void send_some(int sender, int first, int n)
{
    for (int i = first; i < first + n; i++)
        cf_mailbox_send(&box, &letters[sender][i].mail);
}

static void messages_come_in_the_order_in_which_they_were_sent(void **state)
{
    (void)state;
    missing = 5;
    send_some(0, 0, 5);
    cf_loop_run(loop);
    assert_int_equal(next[0], 5);
    missing = 2;
    send_some(0, 5, 2);
    cf_loop_run(loop);
    assert_int_equal(next[0], 7);
}

static void what_waits_can_be_taken_at_once(void **state)
{
    (void)state;
    missing = -1;
    send_some(0, 0, 3);
    cf_mailbox_receive(&box);
    assert_int_equal(next[0], 3);
    cf_mailbox_receive(&box);
    assert_int_equal(next[0], 3);
    /* The loop was woken for them; what comes next is told all the same. */
    missing = 1;
    send_some(0, 3, 1);
    cf_loop_run(loop);
    assert_int_equal(next[0], 4);
}

static void closing_a_mailbox_that_was_never_opened_does_nothing(void **state)
{
    struct cf_mailbox never = { 0 };

    (void)state;
    cf_mailbox_close(&never);
}

static void *send_all(void *data)
{
    send_some(*(int *)data, 0, MAILS);
    return NULL;
}

static void nothing_is_lost_when_many_threads_send(void **state)
{
    static int numbers[SENDERS];
    pthread_t threads[SENDERS];

    (void)state;
    missing = SENDERS * MAILS;
    for (int i = 0; i < SENDERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &numbers[i]), 0);
    }
    cf_loop_run(loop);
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(next[i], MAILS);
    }
}

/* Two loops that send one letter to and fro. */

static struct cf_mailbox there;
static int rounds;

static void send_back(struct cf_mailbox *at, struct cf_mail *mail)
{
    int *number = &letter_of(mail)->number;

    if (*number < 0)
        cf_loop_stop(at->loop, 0);
    *number = *number < 0 ? -2 : *number + 1; /* -1 stops one, and -2 is the answer */
    cf_mailbox_send(&box, mail);
}

static void *answer(void *data)
{
    cf_loop_run(data);
    return NULL;
}

static void play(struct cf_mailbox *at, struct cf_mail *mail)
{
    (void)at;
    if (letter_of(mail)->number == -2) {
        cf_loop_stop(loop, 0);
        return;
    }
    assert_int_equal(letter_of(mail)->number, ++rounds);
    if (rounds == MAILS)
        letter_of(mail)->number = -1;
    cf_mailbox_send(&there, mail);
}

static void a_message_goes_to_and_fro_and_wakes_whoever_sleeps(void **state)
{
    struct cf_error err;
    struct cf_loop *other;
    pthread_t thread;

    (void)state;
    rounds = 0;
    box.fn = play;
    assert_int_equal(cf_loop_new(&other, &err), 0);
    assert_int_equal(cf_mailbox_open(&there, other, send_back, &err), 0);
    assert_int_equal(pthread_create(&thread, NULL, answer, other), 0);
    cf_mailbox_send(&there, &letters[0][0].mail);
    cf_loop_run(loop);
    pthread_join(thread, NULL);
    cf_mailbox_close(&there);
    cf_loop_free(other);
    assert_int_equal(rounds, MAILS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_come_in_the_order_in_which_they_were_sent),
        TEST(what_waits_can_be_taken_at_once),
        TEST(closing_a_mailbox_that_was_never_opened_does_nothing),
        TEST(nothing_is_lost_when_many_threads_send),
        TEST(a_message_goes_to_and_fro_and_wakes_whoever_sleeps),
    };

    return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
