/*
 * fuzz_kept.c - any octets as answers that c-ares gets a stub of
 *
 * What comes from a server passes here before anything else has looked at it.
 * The first octet says how much is read of a stream at once. Whatever comes in:
 *
 *   - a stub is a message with the answer's id, no more than one question, and
 *     one OPT behind it; nothing follows
 *   - the answer of its place is what came in, once
 *   - over a stream there is one stub for each whole answer, in their order
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns/kept.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cf_kept kept;
static struct cf_kept_stream stream;

static void check_stub(const uint8_t *stub, size_t length, const uint8_t *answer,
                       size_t answer_length)
{
    struct cf_wire_walk walk;
    struct cf_domain name;
    struct cf_wire_rr rr;
    size_t at = CF_WIRE_HEADER_SIZE, taken_length = 0;
    uint8_t *taken;

    CHECK(length >= CF_WIRE_HEADER_SIZE + 11 && length <= CF_KEPT_STUB_MAX);
    CHECK(memcmp(stub, answer, 2) == 0 && cf_wire_u16(stub + 4) <= 1);
    if (cf_wire_u16(stub + 4) == 1) {
        CHECK(cf_domain_read(stub, length, at, &name, &at) == 0 && length - at > 4);
        at += 4;
    }
    cf_wire_walk_start(&walk, stub, length, at);
    CHECK(cf_wire_walk_next(&walk, &rr) == 1);
    CHECK(rr.section == CF_SECTION_ADDITIONAL && rr.type == CF_TYPE_OPT);
    CHECK(cf_wire_walk_next(&walk, &rr) == 0 && walk.at == length);
    taken = cf_kept_take(&kept, cf_kept_place(stub, length), &taken_length);
    CHECK(taken && taken_length == answer_length && memcmp(taken, answer, taken_length) == 0);
    free(taken);
    CHECK(!cf_kept_take(&kept, cf_kept_place(stub, length), &taken_length));
}

static void datagram(const uint8_t *data, size_t size)
{
    uint8_t stub[CF_KEPT_STUB_MAX];
    size_t length = cf_kept_put(&kept, data, size, stub);

    CHECK((length > 0) == (size >= CF_WIRE_HEADER_SIZE));
    if (length)
        check_stub(stub, length, data, size);
    (void)cf_kept_place(data, size);
    cf_kept_clear(&kept);
}

/* The next whole answer of at least a header; false when there is none. */
static bool next_answer(const uint8_t *data, size_t size, size_t *at, size_t *ret_length)
{
    while (size - *at >= 2 && size - *at - 2 >= cf_wire_u16(data + *at)) {
        *ret_length = cf_wire_u16(data + *at);
        *at += 2 + *ret_length;
        if (*ret_length >= CF_WIRE_HEADER_SIZE)
            return true;
    }
    return false;
}

/* Read as c-ares does: a length, then so much; returns false at the end. */
static bool read_whole(int fd, uint8_t *at, size_t want, size_t piece)
{
    for (size_t have = 0; have < want;) {
        size_t n = want - have < piece ? want - have : piece;
        ssize_t got;

        if (!cf_kept_stream_pending(&stream) && cf_kept_stream_ready(&stream))
            cf_kept_clear(&kept);
        got = cf_kept_stream_read(&stream, &kept, fd, at + have, n);
        if (got == 0)
            return false;
        CHECK(got > 0 || errno == EAGAIN);
        have += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static void over_stream(const uint8_t *data, size_t size, size_t piece)
{
    uint8_t frame[2], stub[CF_KEPT_STUB_MAX];
    size_t at = 0, length;
    int ends[2];

    if (size > 65536)
        return;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK(send(ends[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size);
    close(ends[1]);
    while (read_whole(ends[0], frame, sizeof frame, piece)) {
        CHECK(cf_wire_u16(frame) <= sizeof stub);
        CHECK(read_whole(ends[0], stub, cf_wire_u16(frame), piece));
        CHECK(next_answer(data, size, &at, &length));
        check_stub(stub, cf_wire_u16(frame), data + at - length, length);
    }
    CHECK(!next_answer(data, size, &at, &length));
    close(ends[0]);
    cf_kept_clear(&kept);
    stream.n_in = stream.n_out = stream.out_at = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    datagram(data + 1, size - 1);
    over_stream(data + 1, size - 1, (size_t)data[0] + 1);
    return 0;
}
