/*
 * ech.c - answers without keys for Encrypted ClientHello
 *
 * How this works. A first walk over the records notes the pieces of the
 * message that go, in order: parameters, places in lists of mandatory ones,
 * whole signatures. Nothing noted, nothing done. Else what stays is copied
 * without gaps, and a second walk over the old message mends the copy: lengths
 * of what lost a piece, and each compression pointer, since what it leads to may
 * have moved. A third one sees that every name is still what it was: a pointer
 * of a hostile message may lead to octets that run into a piece, or that hold
 * a pointer which nobody knows to be one. Names stand in owners and in the data of those types that may
 * be compressed (RFC 3597, 4); no other data is looked into.
 */
#include "dns/ech.h"

#include <errno.h>
#include <string.h>

#include "dns/svcb.h"

#define POINTER 0xc0
#define TYPE_NAPTR 35

struct cut {
    size_t at, length;
};

struct strip {
    const struct cf_wire_answer *answer;
    uint8_t *out;
    struct cut cuts[CF_ECH_CUTS_MAX]; /* by place; none touches another */
    size_t n_cuts;
    uint16_t changed[2]; /* types whose records lose a key; 0: none */
    uint16_t dropped[CF_SECTION_COUNT];
    size_t length; /* of out */
    bool mended;   /* from here on names are compared */
};

static int cut(struct strip *strip, size_t at, size_t length)
{
    if (strip->n_cuts == CF_ECH_CUTS_MAX)
        return -EBADMSG;
    strip->cuts[strip->n_cuts++] = (struct cut) { at, length };
    return 0;
}

/* Where the offset is in the copy; SIZE_MAX for one that was taken out. */
static size_t moved(const struct strip *strip, size_t at)
{
    size_t before = 0;

    for (size_t i = 0; i < strip->n_cuts && strip->cuts[i].at <= at; i++) {
        if (at - strip->cuts[i].at < strip->cuts[i].length)
            return SIZE_MAX;
        before += strip->cuts[i].length;
    }
    return at - before;
}

/* Octets that are taken out of [at, end). */
static size_t lost(const struct strip *strip, size_t at, size_t end)
{
    size_t n = 0;

    for (size_t i = 0; i < strip->n_cuts; i++) {
        if (strip->cuts[i].at >= at && strip->cuts[i].at < end)
            n += strip->cuts[i].length;
    }
    return n;
}

/* The two parameters that matter; at is 0 where there is none. */
struct params {
    struct cf_svcb_param mandatory, ech;
    size_t listed_at; /* where mandatory names ech; 0: it does not */
};

static int params_read(const uint8_t *message, const struct cf_wire_rr *rr,
                       struct params *ret_params)
{
    struct cf_svcb_param param;
    struct cf_svcb svcb;
    int r;

    *ret_params = (struct params) { 0 };
    if (cf_svcb_open(&svcb, message, rr) < 0)
        return -EBADMSG;
    while ((r = cf_svcb_next(&svcb, &param)) > 0) {
        if (param.key == CF_SVCB_ECH)
            ret_params->ech = param;
        else if (param.key == CF_SVCB_MANDATORY)
            ret_params->mandatory = param;
    }
    if (r < 0 || ret_params->mandatory.length % 2)
        return -EBADMSG;
    for (size_t i = 0; i < ret_params->mandatory.length; i += 2) {
        if (cf_wire_u16(message + ret_params->mandatory.at + i) == CF_SVCB_ECH)
            ret_params->listed_at = ret_params->mandatory.at + i;
    }
    return 0;
}

static int cut_param(struct strip *strip, const struct cf_svcb_param *param)
{
    return cut(strip, param->at - CF_SVCB_PARAM_HEAD, CF_SVCB_PARAM_HEAD + (size_t)param->length);
}

static int cut_params(struct strip *strip, const struct cf_wire_rr *rr)
{
    struct params params;
    int r = params_read(strip->answer->message, rr, &params);

    if (r < 0 || params.ech.at == 0)
        return r;
    strip->changed[rr->type == CF_TYPE_HTTPS] = rr->type;
    if (params.listed_at && params.mandatory.length == 2)
        r = cut_param(strip, &params.mandatory);
    else if (params.listed_at)
        r = cut(strip, params.listed_at, 2);
    return r < 0 ? r : cut_param(strip, &params.ech);
}

static bool is_broken_signature(const struct strip *strip, const struct cf_wire_rr *rr)
{
    uint16_t covered;

    if (rr->type != CF_TYPE_RRSIG || rr->rdata_length < 2)
        return false;
    covered = cf_wire_u16(strip->answer->message + rr->rdata_at);
    return covered != 0 && (covered == strip->changed[0] || covered == strip->changed[1]);
}

/* Note the pieces. Signatures may stand in front of what they sign, so types are found first. */
static int find_cuts(struct strip *strip)
{
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    int r = 0;

    cf_wire_answer_walk(strip->answer, &walk);
    while (r == 0 && cf_wire_walk_next(&walk, &rr) > 0) {
        if (cf_svcb_is(&rr))
            r = cut_params(strip, &rr);
    }
    if (r < 0 || strip->n_cuts == 0)
        return r;
    strip->n_cuts = 0;
    cf_wire_answer_walk(strip->answer, &walk);
    while (r == 0 && cf_wire_walk_next(&walk, &rr) > 0) {
        if (cf_svcb_is(&rr)) {
            r = cut_params(strip, &rr);
        } else if (is_broken_signature(strip, &rr)) {
            r = cut(strip, rr.at, walk.at - rr.at);
            strip->dropped[rr.section]++;
        }
    }
    return r;
}

static size_t copy(struct strip *strip)
{
    const struct cf_wire_answer *answer = strip->answer;
    size_t from = 0, length = 0;

    for (size_t i = 0; i <= strip->n_cuts; i++) {
        size_t end = i < strip->n_cuts ? strip->cuts[i].at : answer->length;

        memcpy(strip->out + length, answer->message + from, end - from);
        length += end - from;
        from = end + (i < strip->n_cuts ? strip->cuts[i].length : 0);
    }
    return length;
}

/* Does the copy have the name at the place where it is now? */
static bool name_is_the_same(const struct strip *strip, size_t at, const struct cf_domain *domain)
{
    struct cf_domain copied;
    size_t next;

    return cf_domain_read(strip->out, strip->length, moved(strip, at), &copied, &next) == 0 &&
           copied.length == domain->length &&
           memcmp(copied.bytes, domain->bytes, domain->length) == 0;
}

/* Mend the pointer that ends a name, if one does, or compare; *at moves behind the name. */
static int mend_name(struct strip *strip, size_t *at, size_t end)
{
    const uint8_t *message = strip->answer->message;
    struct cf_domain domain;
    size_t next, target;
    int r;

    if (cf_domain_read(message, end, *at, &domain, &next) < 0)
        return -EBADMSG;
    if (strip->mended) {
        r = name_is_the_same(strip, *at, &domain) ? 0 : -EBADMSG;
        *at = next;
        return r;
    }
    while (message[*at] != 0 && message[*at] < POINTER)
        *at += 1 + (size_t)message[*at];
    if (message[*at] >= POINTER) {
        target = moved(strip, cf_wire_u16(message + *at) & 0x3fff);
        if (target == SIZE_MAX)
            return -EBADMSG;
        cf_wire_put_u16(strip->out + moved(strip, *at), (uint16_t)(POINTER << 8 | target));
    }
    *at = next;
    return 0;
}

/* RFC 1035, 3.3 and 3.4; RFC 3597, 4; RFC 9460: octets in front of names in the data, and how many.
 */
static const struct names_row {
    uint16_t type;
    uint8_t skip, n_names;
} names_rows[] = {
    { CF_TYPE_NS, 0, 1 },
    { 3, 0, 1 },
    { 4, 0, 1 },
    { CF_TYPE_CNAME, 0, 1 },
    { CF_TYPE_SOA, 0, 2 },
    { 7, 0, 1 },
    { 8, 0, 1 },
    { 9, 0, 1 },
    { CF_TYPE_PTR, 0, 1 },
    { 14, 0, 2 },
    { 17, 0, 2 },
    { CF_TYPE_MX, 2, 1 },
    { 18, 2, 1 },
    { 21, 2, 1 },
    { 24, 18, 1 },
    { 26, 2, 2 },
    { 30, 0, 1 },
    { 36, 2, 1 },
    { CF_TYPE_SRV, 6, 1 },
    { CF_TYPE_DNAME, 0, 1 },
    { CF_TYPE_RRSIG, 18, 1 },
    { 47, 0, 1 },
    { CF_TYPE_SVCB, 2, 1 },
    { CF_TYPE_HTTPS, 2, 1 },
};

static const struct names_row *names_row_find(uint16_t type)
{
    for (size_t i = 0; i < sizeof names_rows / sizeof names_rows[0]; i++) {
        if (names_rows[i].type == type)
            return &names_rows[i];
    }
    return NULL;
}

/* RFC 3403, 4.1: the name stands behind two numbers and three strings. */
static int mend_naptr(struct strip *strip, size_t at, size_t end)
{
    at += 4;
    for (int i = 0; i < 3; i++) {
        if (at >= end)
            return -EBADMSG;
        at += 1 + (size_t)strip->answer->message[at];
    }
    return at < end ? mend_name(strip, &at, end) : -EBADMSG;
}

static int mend_data(struct strip *strip, const struct cf_wire_rr *rr)
{
    const struct names_row *row = names_row_find(rr->type);
    size_t at = rr->rdata_at, end = rr->rdata_at + rr->rdata_length;
    int r = 0;

    if (rr->type == TYPE_NAPTR)
        return mend_naptr(strip, at, end);
    if (!row)
        return 0;
    if (rr->rdata_length <= row->skip)
        return -EBADMSG;
    at += row->skip;
    for (unsigned i = 0; i < row->n_names && r == 0; i++)
        r = at < end ? mend_name(strip, &at, end) : -EBADMSG;
    return r;
}

static void mend_lengths(struct strip *strip, const struct cf_wire_rr *rr)
{
    size_t n = lost(strip, rr->rdata_at, rr->rdata_at + rr->rdata_length);
    struct params params;

    if (n == 0)
        return;
    cf_wire_put_u16(strip->out + moved(strip, rr->rdata_at - 2), (uint16_t)(rr->rdata_length - n));
    if (params_read(strip->answer->message, rr, &params) < 0 || !params.listed_at ||
        params.mandatory.length == 2)
        return;
    cf_wire_put_u16(strip->out + moved(strip, params.mandatory.at - 2),
                    (uint16_t)(params.mandatory.length - 2));
}

static int mend(struct strip *strip)
{
    struct cf_wire_walk walk;
    struct cf_wire_rr rr;
    int r = 0;

    cf_wire_answer_walk(strip->answer, &walk);
    while (r == 0 && cf_wire_walk_next(&walk, &rr) > 0) {
        size_t at = rr.at;

        if (moved(strip, at) == SIZE_MAX)
            continue;
        r = mend_name(strip, &at, strip->answer->length);
        if (r == 0)
            r = mend_data(strip, &rr);
        mend_lengths(strip, &rr);
    }
    return r;
}

int cf_ech_strip(struct cf_wire_answer *answer, uint8_t memory[CF_WIRE_MESSAGE_MAX])
{
    struct strip strip = { .answer = answer, .out = memory };
    int r = find_cuts(&strip);

    if (r < 0 || strip.n_cuts == 0)
        return r;
    strip.length = copy(&strip);
    r = mend(&strip);
    strip.mended = true;
    if (r == 0)
        r = mend(&strip);
    if (r < 0)
        return r;
    answer->message = memory;
    answer->length = strip.length;
    answer->flags &= (uint16_t)~CF_WIRE_AD;
    for (unsigned i = 0; i < CF_SECTION_COUNT; i++)
        answer->counts[i] = (uint16_t)(answer->counts[i] - strip.dropped[i]);
    return 0;
}
