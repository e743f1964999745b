/*
 * test_kept.c - what c-ares gets to see of an answer, and how the answer is found again
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns/kept.h"
#include "message.h"

#define COOKIE "\0\x0a\0\x10" "client--server--"

static struct cf_kept kept;
static struct message answer;
static uint8_t stub[CF_KEPT_STUB_MAX];

static void answer_make(const char *name, uint16_t flags)
{
    message_start(&answer, 0x1234, CF_WIRE_QR | CF_WIRE_RD | flags, name, CF_TYPE_A);
    message_add_addr(&answer, SECTION_ANSWER, name, 300, "192.0.2.1");
}

/* Id, flags and question, and an OPT with this option and upper half of the code. */
static void check_stub(const char *name, uint16_t flags, uint8_t high, const char *option,
                       size_t option_length)
{
    struct message expected;
    uint16_t place = kept.first;
    size_t length;
    uint8_t *taken;

    place = (uint16_t)(place + kept.n);
    length = cf_kept_put(&kept, answer.data, answer.length, stub);
    message_start(&expected, 0x1234, CF_WIRE_QR | flags, name, CF_TYPE_A);
    message_add_opt(&expected, place, (uint32_t)high << 24, option, option_length);
    assert_int_equal(length, expected.length);
    assert_memory_equal(stub, expected.data, length);
    assert_int_equal(cf_kept_place(stub, length), place);
    taken = cf_kept_take(&kept, place, &length);
    assert_non_null(taken);
    assert_int_equal(length, answer.length);
    assert_memory_equal(taken, answer.data, length);
    free(taken);
    assert_null(cf_kept_take(&kept, place, &length)); /* once */
}

static void a_stub_has_the_question_and_the_place_and_no_more(void **state)
{
    (void)state;
    answer_make("a.example", 0);
    check_stub("a.example", CF_RCODE_REFUSED, 0, "", 0);
    answer_make("a.example", CF_WIRE_TC | CF_WIRE_RA | CF_RCODE_SERVFAIL);
    check_stub("a.example", CF_WIRE_TC | CF_RCODE_REFUSED, 0, "", 0);
    answer_make("MiXeD.example", 7 << 11);
    check_stub("MiXeD.example", CF_RCODE_REFUSED, 0, "", 0);
    answer_make("a.example", 0);
    answer.length -= 2; /* malformed, which is not for c-ares to say */
    check_stub("a.example", CF_RCODE_REFUSED, 0, "", 0);
    cf_kept_clear(&kept);
}

static void cookies_go_into_the_stub(void **state)
{
    (void)state;
    answer_make("a.example", 0);
    message_add_opt(&answer, 1232, 0, "\0\3\0\2id" COOKIE, 6 + sizeof COOKIE - 1);
    check_stub("a.example", CF_RCODE_REFUSED, 0, COOKIE, sizeof COOKIE - 1);
    answer_make("a.example", 23 & CF_WIRE_RCODE_MASK); /* BADCOOKIE */
    message_add_opt(&answer, 1232, UINT32_C(1) << 24, COOKIE, sizeof COOKIE - 1);
    check_stub("a.example", 23 & CF_WIRE_RCODE_MASK, 1, COOKIE, sizeof COOKIE - 1);
    answer_make("a.example", 0);
    message_add_opt(&answer, 1232, 0, "\0\x0a\0\4shrt", 8); /* too short for a cookie */
    check_stub("a.example", CF_RCODE_REFUSED, 0, "", 0);
    answer_make("a.example", 0);
    message_add_opt(&answer, 1232, 0, "\0\x0a\0\x10" "client", 10); /* longer than there is */
    check_stub("a.example", CF_RCODE_REFUSED, 0, "", 0);
    cf_kept_clear(&kept);
}

static void what_has_no_question_has_a_stub_without_one(void **state)
{
    size_t length;

    (void)state;
    answer_make("a.example", 0);
    answer.length = CF_WIRE_HEADER_SIZE;
    length = cf_kept_put(&kept, answer.data, answer.length, stub);
    assert_int_equal(length, CF_WIRE_HEADER_SIZE + 11);
    assert_int_equal(cf_wire_u16(stub + 4), 0);
    assert_int_equal(cf_kept_place(stub, length), kept.first);
    assert_int_equal(cf_kept_put(&kept, answer.data, CF_WIRE_HEADER_SIZE - 1, stub), 0);
    cf_kept_clear(&kept);
}

static void places_have_a_most_and_do_not_come_again_soon(void **state)
{
    uint16_t first = kept.first;
    size_t length;

    (void)state;
    answer_make("a.example", 0);
    for (unsigned round = 1; round <= 3; round++) {
        for (size_t i = 0; i < CF_KEPT_MAX; i++)
            assert_true(cf_kept_put(&kept, answer.data, answer.length, stub) > 0);
        assert_int_equal(cf_kept_put(&kept, answer.data, answer.length, stub), 0);
        cf_kept_clear(&kept);
        assert_null(cf_kept_take(&kept, first, &length));
        assert_int_equal(kept.first, (uint16_t)(first + round * CF_KEPT_MAX));
    }
}

/* As many octets at a time of what comes, and as many at a time of what is read. */
static void check_stream(size_t in, size_t out)
{
    struct cf_kept_stream *stream = calloc(1, sizeof *stream);
    static uint8_t frames[5 * 600], got[5 * 600];
    size_t length = 0, n_got = 0, at = 0;
    int fds[2];

    assert_non_null(stream);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    for (size_t i = 0; i < 5; i++) {
        answer_make("a.example", 0);
        cf_wire_put_u16(answer.data, (uint16_t)i);
        cf_wire_put_u16(frames + length, (uint16_t)answer.length);
        memcpy(frames + length + 2, answer.data, answer.length);
        length += 2 + answer.length;
    }
    while (at < length) {
        size_t piece = length - at < in ? length - at : in;
        ssize_t n;

        assert_int_equal(send(fds[0], frames + at, piece, 0), piece);
        at += piece;
        while ((n = cf_kept_stream_read(stream, &kept, fds[1], got + n_got, out)) > 0)
            n_got += (size_t)n;
        assert_int_equal(n, -1);
        assert_int_equal(errno, EAGAIN);
        assert_false(cf_kept_stream_ready(stream));
    }
    assert_int_equal(kept.n, 5);
    at = 0;
    for (size_t i = 0; i < 5; i++) {
        length = cf_wire_u16(got + at);
        assert_int_equal(cf_wire_u16(got + at + 2), i);
        assert_int_equal(cf_kept_place(got + at + 2, length), (uint16_t)(kept.first + i));
        at += 2 + length;
    }
    assert_int_equal(at, n_got);
    close(fds[0]);
    assert_int_equal(cf_kept_stream_read(stream, &kept, fds[1], got, out), 0);
    close(fds[1]);
    cf_kept_clear(&kept);
    free(stream);
}

static void a_stream_gives_a_stub_for_each_answer(void **state)
{
    (void)state;
    check_stream(1, 1);
    check_stream(1, 600);
    check_stream(43, 2);
    check_stream(3000, 7);
    check_stream(3000, 3000);
}

/* 0 for what is less than a header, which is left out, and more answers than there are places. */
static void a_stream_with_more_than_has_room_goes_on_later(void **state)
{
    struct cf_kept_stream *stream = calloc(1, sizeof *stream);
    static uint8_t got[sizeof stream->out];
    size_t n = 0;
    int fds[2];

    (void)state;
    assert_non_null(stream);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    answer_make("a.example", 0);
    assert_int_equal(send(fds[0], "\0\3abc\0\0", 7, 0), 7);
    for (size_t i = 0; i < CF_KEPT_MAX + 1; i++) {
        uint8_t prefix[2] = { 0, (uint8_t)answer.length };

        assert_int_equal(send(fds[0], prefix, 2, 0), 2);
        assert_int_equal(send(fds[0], answer.data, answer.length, 0), answer.length);
    }
    assert_true(cf_kept_stream_read(stream, &kept, fds[1], got, sizeof got) > 0);
    n += kept.n;
    assert_false(cf_kept_stream_pending(stream));
    assert_true(cf_kept_stream_ready(stream));
    assert_int_equal(cf_kept_stream_read(stream, &kept, fds[1], got, sizeof got), -1);
    cf_kept_clear(&kept);
    assert_true(cf_kept_stream_read(stream, &kept, fds[1], got, sizeof got) > 0);
    n += kept.n;
    assert_int_equal(n, CF_KEPT_MAX + 1);
    assert_false(cf_kept_stream_ready(stream));
    close(fds[0]);
    close(fds[1]);
    cf_kept_clear(&kept);
    free(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stub_has_the_question_and_the_place_and_no_more),
        cmocka_unit_test(cookies_go_into_the_stub),
        cmocka_unit_test(what_has_no_question_has_a_stub_without_one),
        cmocka_unit_test(places_have_a_most_and_do_not_come_again_soon),
        cmocka_unit_test(a_stream_gives_a_stub_for_each_answer),
        cmocka_unit_test(a_stream_with_more_than_has_room_goes_on_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
