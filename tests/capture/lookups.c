#include "lookups.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <net/ethernet.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static unsigned lookups;

unsigned cf_test_lookups(void)
{
    return lookups;
}

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    uint8_t addr[16];

    if (node && inet_pton(AF_INET, node, addr) != 1 && inet_pton(AF_INET6, node, addr) != 1) {
        lookups++;
        return EAI_NONAME;
    }
    if (!symbol)
        abort();
    memcpy(&next, &symbol, sizeof next);
    return next(node, service, hints, ret);
}

struct hostent *gethostbyname(const char *name)
{
    (void)name;
    lookups++;
    return NULL;
}

int getnetbyname_r(const char *restrict name, struct netent *restrict buffer, char *restrict text,
                   size_t size, struct netent **restrict ret, int *restrict ret_error)
{
    (void)name, (void)buffer, (void)text, (void)size;
    lookups++;
    *ret = NULL;
    *ret_error = HOST_NOT_FOUND;
    return 0;
}

int ether_hostton(const char *name, struct ether_addr *addr)
{
    (void)name, (void)addr;
    lookups++;
    return -1;
}
