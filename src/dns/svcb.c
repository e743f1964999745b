/*
 * svcb.c - parameters of SVCB and HTTPS records
 */
#include "dns/svcb.h"

#include <errno.h>

bool cf_svcb_is(const struct cf_wire_rr *rr)
{
    return rr->type == CF_TYPE_SVCB || rr->type == CF_TYPE_HTTPS;
}

int cf_svcb_open(struct cf_svcb *svcb, const uint8_t *message, const struct cf_wire_rr *rr)
{
    svcb->message = message;
    svcb->end = rr->rdata_at + rr->rdata_length;
    svcb->key = -1;
    if (rr->rdata_length < 3)
        return -EBADMSG;
    return cf_domain_read(message, svcb->end, rr->rdata_at + 2, &svcb->target, &svcb->at);
}

int cf_svcb_next(struct cf_svcb *svcb, struct cf_svcb_param *ret_param)
{
    if (svcb->at == svcb->end)
        return 0;
    if (svcb->end - svcb->at < CF_SVCB_PARAM_HEAD)
        return -EBADMSG;
    ret_param->key = cf_wire_u16(svcb->message + svcb->at);
    ret_param->length = cf_wire_u16(svcb->message + svcb->at + 2);
    ret_param->at = svcb->at + CF_SVCB_PARAM_HEAD;
    if (ret_param->key <= svcb->key || ret_param->length > svcb->end - ret_param->at)
        return -EBADMSG;
    svcb->key = ret_param->key;
    svcb->at = ret_param->at + ret_param->length;
    return 1;
}

int cf_svcb_check(const uint8_t *message, const struct cf_wire_rr *rr)
{
    struct cf_svcb_param param;
    struct cf_svcb svcb;
    int r = cf_svcb_open(&svcb, message, rr);

    if (r < 0)
        return r;
    while ((r = cf_svcb_next(&svcb, &param)) > 0) {
        size_t size = param.key == CF_SVCB_IPV4HINT ? 4 : param.key == CF_SVCB_IPV6HINT ? 16 : 0;

        if (size > 0 && (param.length == 0 || param.length % size != 0))
            return -EBADMSG;
    }
    return r;
}
