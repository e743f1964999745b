/*
 * proxied.h - questions whose names the proxy is to resolve
 *
 * Private to the resolver.
 */
#ifndef CF_DNS_PROXIED_H
#define CF_DNS_PROXIED_H

#include "dns/ask.h"

/*
 * End a question that the policy lets through, when the proxy resolves its
 * name (CF_PROXY_DNS_NAMES, and no entry of `bypass` holds it): A gets the
 * name's stand-in, PTR of a stand-in its name, and everything else no data.
 *
 * Returns false, with nothing done, when the name is resolved here.
 */
bool cf_proxied_answer(struct cf_ask *ask);

#endif
