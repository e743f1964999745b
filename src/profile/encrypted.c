/*
 * encrypted.c - public resolvers that speak encrypted DNS
 *
 * Where the list comes from: put together by hand, last in 2026, from what the
 * operators themselves publish about their resolvers. In it are services that
 * answer anybody, over HTTPS (RFC 8484), TLS, QUIC or DNSCrypt: the names that
 * their instructions tell people to enter, and the addresses that are theirs
 * for DNS and nothing else. Not in it are web sites that merely speak of DNS,
 * addresses shared with other services, and resolvers of access providers for
 * their own customers.
 *
 * It cannot be complete: whoever has a web server can answer DNS on it. What it
 * stops are programs that turn to a well-known service by themselves, and it
 * matters most where egress.default is allow. Under a default of deny a
 * service that is missing here is denied like everything else.
 *
 * How to change it: one line an entry, each table sorted (names by bytes,
 * addresses by family and number); a name holds all names below it too.
 * tests/profile/test_protection.c checks the form.
 */
#include "profile/encrypted.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off: one entry a line */
static const char *const known_names[] = {
    "8888.google",
    "ada.openbld.net",
    "adult-filter-dns.cleanbrowsing.org",
    "ahadns.net",
    "antivirus.bebasid.com",
    "anycast.censurfridns.dk",
    "anycast.uncensoreddns.org",
    "basic.rethinkdns.com",
    "blahdns.com",
    "canadianshield.cira.ca",
    "child-noads.joindns4.eu",
    "child.joindns4.eu",
    "cloudflare-dns.com",
    "cloudflare-gateway.com",
    "d.adguard-dns.com",
    "dns-doh.dnsforfamily.com",
    "dns-dot.dnsforfamily.com",
    "dns-family.adguard.com",
    "dns-nosec.quad9.net",
    "dns-tls.qis.io",
    "dns-unfiltered.adguard.com",
    "dns.aa.net.uk",
    "dns.adguard-dns.com",
    "dns.adguard.com",
    "dns.alidns.com",
    "dns.bebasid.com",
    "dns.bitdefender.net",
    "dns.blokada.org",
    "dns.cfiec.net",
    "dns.cloudflare.com",
    "dns.cmrg.net",
    "dns.comss.one",
    "dns.controld.com",
    "dns.decloudus.com",
    "dns.digitale-gesellschaft.ch",
    "dns.dnswarden.com",
    "dns.google",
    "dns.google.com",
    "dns.hostux.net",
    "dns.jupitrdns.com",
    "dns.mullvad.net",
    "dns.nextdns.io",
    "dns.njal.la",
    "dns.opendns.com",
    "dns.pub",
    "dns.quad9.net",
    "dns.rabbitdns.org",
    "dns.switch.ch",
    "dns.twnic.tw",
    "dns.umbrella.com",
    "dns.yandex.net",
    "dns1.nextdns.io",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "dns12.quad9.net",
    "dns13.quad9.net",
    "dns2.nextdns.io",
    "dns3.digitalcourage.de",
    "dns4all.eu",
    "dns9.quad9.net",
    "dnscry.pt",
    "dnsforge.de",
    "doh-pure.onedns.net",
    "doh.360.cn",
    "doh.applied-privacy.net",
    "doh.bortzmeyer.fr",
    "doh.cleanbrowsing.org",
    "doh.crypto.sx",
    "doh.dns.apple.com",
    "doh.dns.sb",
    "doh.ffmuc.net",
    "doh.li",
    "doh.libredns.gr",
    "doh.mullvad.net",
    "doh.onedns.net",
    "doh.opendns.com",
    "doh.pub",
    "doh.qis.io",
    "doh.sb",
    "doh.tiar.app",
    "doh.tiarap.org",
    "doh.umbrella.com",
    "doh.xfinity.com",
    "dot-pure.onedns.net",
    "dot.360.cn",
    "dot.bortzmeyer.fr",
    "dot.ffmuc.net",
    "dot.libredns.gr",
    "dot.onedns.net",
    "dot.pub",
    "dot.sb",
    "dot.tiar.app",
    "dot.xfinity.com",
    "dot1.applied-privacy.net",
    "family-adblock.bebasid.com",
    "family-filter-dns.cleanbrowsing.org",
    "family.adguard-dns.com",
    "family.rabbitdns.org",
    "familyshield.opendns.com",
    "freedns.controld.com",
    "google-public-dns-a.google.com",
    "google-public-dns-b.google.com",
    "internetsehat.bebasid.com",
    "jp.tiar.app",
    "jp.tiarap.org",
    "kaitain.restena.lu",
    "max.rethinkdns.com",
    "noads.joindns4.eu",
    "ns0.fdn.fr",
    "ns1.fdn.fr",
    "odoh.crypto.sx",
    "odvr.nic.cz",
    "one.one.one.one",
    "ordns.he.net",
    "plan9-dns.com",
    "protective.joindns4.eu",
    "public.dns.iij.jp",
    "resolver.dnsprivacy.org.uk",
    "resolver1.dns.watch",
    "resolver2.dns.watch",
    "ric.openbld.net",
    "sandbox.opendns.com",
    "security-filter-dns.cleanbrowsing.org",
    "security.rabbitdns.org",
    "sky.rethinkdns.com",
    "unfiltered.adguard-dns.com",
    "unfiltered.joindns4.eu",
    "unicast.censurfridns.dk",
    "unicast.uncensoreddns.org",
    "wikimedia-dns.org",
};

static const char *const known_addrs[] = {
    "1.0.0.1",
    "1.0.0.2",
    "1.0.0.3",
    "1.1.1.1",
    "1.1.1.2",
    "1.1.1.3",
    "1.12.12.12",
    "5.1.66.255",
    "5.9.164.112",
    "8.8.4.4",
    "8.8.8.8",
    "9.9.9.9",
    "9.9.9.10",
    "9.9.9.11",
    "9.9.9.12",
    "45.11.45.11",
    "45.90.28.0/24",
    "45.90.30.0/24",
    "52.80.52.52",
    "52.80.60.30",
    "52.80.66.66",
    "74.82.42.42",
    "76.76.2.0/24",
    "76.76.10.0/24",
    "77.88.8.1",
    "77.88.8.2",
    "77.88.8.3",
    "77.88.8.7",
    "77.88.8.8",
    "77.88.8.88",
    "80.67.169.12",
    "80.67.169.40",
    "84.200.69.80",
    "84.200.70.40",
    "86.54.11.0/24",
    "89.233.43.71",
    "91.239.100.100",
    "94.140.14.14",
    "94.140.14.15",
    "94.140.14.140",
    "94.140.14.141",
    "94.140.15.15",
    "94.140.15.16",
    "95.215.19.53",
    "101.101.101.101",
    "101.102.103.104",
    "101.226.4.6",
    "103.2.57.5",
    "103.2.57.6",
    "116.202.176.26",
    "117.50.10.10",
    "117.50.22.22",
    "117.50.60.30",
    "119.29.29.29",
    "120.53.53.53",
    "123.125.81.6",
    "130.59.31.248",
    "130.59.31.251",
    "140.207.198.6",
    "146.112.41.2",
    "146.112.41.3",
    "146.112.41.4",
    "146.112.41.5",
    "146.255.56.98",
    "149.112.112.9",
    "149.112.112.10",
    "149.112.112.11",
    "149.112.112.12",
    "149.112.112.112",
    "149.112.121.10",
    "149.112.121.20",
    "149.112.121.30",
    "149.112.122.10",
    "149.112.122.20",
    "149.112.122.30",
    "158.64.1.29",
    "162.159.36.1",
    "162.159.46.1",
    "162.159.61.3",
    "162.159.61.4",
    "172.64.41.3",
    "172.64.41.4",
    "176.9.1.117",
    "176.9.93.198",
    "185.43.135.1",
    "185.71.138.138",
    "185.95.218.42",
    "185.95.218.43",
    "185.150.99.255",
    "185.222.222.222",
    "185.228.168.9",
    "185.228.168.10",
    "185.228.168.168",
    "185.228.169.9",
    "185.228.169.11",
    "185.228.169.168",
    "193.17.47.1",
    "194.0.5.3",
    "194.0.5.64",
    "194.242.2.0/24",
    "199.58.81.218",
    "208.67.220.2",
    "208.67.220.123",
    "208.67.220.220",
    "208.67.220.222",
    "208.67.222.2",
    "208.67.222.123",
    "208.67.222.220",
    "208.67.222.222",
    "217.169.20.22",
    "217.169.20.23",
    "218.30.118.6",
    "223.5.5.5",
    "223.6.6.6",
    "2001:300::5",
    "2001:300::6",
    "2001:470:1c:76d::53",
    "2001:470:20::2",
    "2001:620:0:ff::2",
    "2001:620:0:ff::3",
    "2001:678:8::3",
    "2001:678:8::64",
    "2001:678:e68:f000::",
    "2001:678:ed0:f000::",
    "2001:67c:930::1",
    "2001:67c:2354:2::53",
    "2001:67c:28a4::",
    "2001:8b0::2022",
    "2001:8b0::2023",
    "2001:910:800::12",
    "2001:910:800::40",
    "2001:a18:1::29",
    "2001:de4::101",
    "2001:de4::102",
    "2001:148f:fffe::1",
    "2001:148f:ffff::1",
    "2001:1608:10:25::1c04:b12f",
    "2001:1608:10:25::9249:d69b",
    "2001:4860:4860::64",
    "2001:4860:4860::6464",
    "2001:4860:4860::8844",
    "2001:4860:4860::8888",
    "2400:3200::1",
    "2400:3200:baba::1",
    "2400:7fc0:849e:200::4",
    "2400:7fc0:849e:200::8",
    "2402:4e00::",
    "2404:c2c0:85d8:901::4",
    "2404:c2c0:85d8:901::8",
    "240c::6644",
    "240c::6666",
    "2606:1a40::/48",
    "2606:1a40:1::/48",
    "2606:4700:4700::64",
    "2606:4700:4700::1001",
    "2606:4700:4700::1002",
    "2606:4700:4700::1003",
    "2606:4700:4700::1111",
    "2606:4700:4700::1112",
    "2606:4700:4700::1113",
    "2606:4700:4700::6400",
    "2620:0:ccc::2",
    "2620:0:ccd::2",
    "2620:fe::9",
    "2620:fe::10",
    "2620:fe::11",
    "2620:fe::12",
    "2620:fe::fe",
    "2620:fe::fe:9",
    "2620:fe::fe:10",
    "2620:fe::fe:11",
    "2620:fe::fe:12",
    "2620:10a:80bb::10",
    "2620:10a:80bb::20",
    "2620:10a:80bb::30",
    "2620:10a:80bc::10",
    "2620:10a:80bc::20",
    "2620:10a:80bc::30",
    "2620:119:35::35",
    "2620:119:35::123",
    "2620:119:53::53",
    "2620:119:53::123",
    "2620:119:fc::2",
    "2620:119:fc::3",
    "2a01:3a0:53:53::",
    "2a01:4f8:141:316d::117",
    "2a01:4f8:151:34aa::198",
    "2a01:4f8:251:554::2",
    "2a01:4f8:1c0c:8274::1",
    "2a02:1b8:10:234::2",
    "2a02:6b8::feed:ff",
    "2a02:6b8::feed:a11",
    "2a02:6b8::feed:bad",
    "2a02:6b8:0:1::feed:ff",
    "2a02:6b8:0:1::feed:a11",
    "2a02:6b8:0:1::feed:bad",
    "2a05:fc84::42",
    "2a05:fc84::43",
    "2a07:a8c0::/32",
    "2a07:a8c1::/32",
    "2a07:e340::/32",
    "2a09::",
    "2a0d:2a00:1::",
    "2a0d:2a00:1::1",
    "2a0d:2a00:1::2",
    "2a0d:2a00:2::",
    "2a0d:2a00:2::1",
    "2a0d:2a00:2::2",
    "2a10:50c0::1:ff",
    "2a10:50c0::2:ff",
    "2a10:50c0::ad1:ff",
    "2a10:50c0::ad2:ff",
    "2a10:50c0::bad1:ff",
    "2a10:50c0::bad2:ff",
    "2a11::",
    "2a13:1001::86:54:11:0/112",
};
/* clang-format on */

#define N_NAMES (sizeof known_names / sizeof known_names[0])
#define N_ADDRS (sizeof known_addrs / sizeof known_addrs[0])

/*
 * Names that are asked for as a question to the network, not to be contacted:
 * whether browsers shall leave DNS to the system (they do on NXDOMAIN), and
 * where the resolver's own encrypted service is (RFC 9462, 4: no data says
 * that there is none).
 */
static const struct {
    const char *name; /* with all below it */
    enum cf_canary answer;
} canaries[] = {
    { "use-application-dns.net", CF_CANARY_NXDOMAIN },
    { "resolver.arpa", CF_CANARY_NODATA },
};

/* Bits of a filter: a power of two, and many more than there are entries. */
#define FILTER_BITS 4096u

/*
 * What is asked for is almost never in the list. So that this costs little, a
 * filter has a bit for the beginning of each entry; only what has its bit set
 * is looked for. A bit that two beginnings share costs a search in vain.
 */
struct cf_encrypted {
    uint64_t name_filter[FILTER_BITS / 64], addr_filter[FILTER_BITS / 64];
    struct cf_prefix prefixes[N_ADDRS]; /* sorted; none holds another */
};

/* Octets of a name or an address of which a filter knows. */
#define BEGINNING 4

static uint32_t bit_of(const void *text, uint32_t more)
{
    uint32_t word;

    memcpy(&word, text, sizeof word);
    return ((word ^ more * UINT32_C(0x85ebca6b)) * UINT32_C(0x9e3779b1)) >> 20;
}
static_assert(FILTER_BITS == 1u << (32 - 20), "all bits of the filter are used");

/* Of a name of four characters or more. */
static uint32_t bit_of_name(const char *name, size_t length)
{
    return bit_of(name, (uint32_t)length);
}

/* No prefix of the list is shorter than what counts: 24 bits of IPv4 and 32 of IPv6. */
static uint32_t bit_of_addr(const struct cf_addr *addr)
{
    uint8_t first[BEGINNING] = { addr->bytes[0], addr->bytes[1], addr->bytes[2] };

    if (addr->family == CF_FAMILY_IPV6)
        first[3] = addr->bytes[3];
    return bit_of(first, addr->family);
}

static void filter_add(uint64_t *filter, uint32_t bit)
{
    filter[bit / 64] |= UINT64_C(1) << bit % 64;
}

static bool filter_has(const uint64_t *filter, uint32_t bit)
{
    return filter[bit / 64] >> bit % 64 & 1;
}

static int entry_parse(const char *text, struct cf_prefix *ret_prefix)
{
    char addr[CF_ADDR_TEXT_SIZE];
    size_t length = strcspn(text, "/");

    if (length >= sizeof addr)
        return -EINVAL;
    memcpy(addr, text, length);
    addr[length] = '\0';
    if (cf_addr_parse(addr, &ret_prefix->addr) < 0)
        return -EINVAL;
    ret_prefix->bits = (uint8_t)(text[length] == '/' ? strtoul(text + length + 1, NULL, 10)
                                                     : cf_addr_bits(&ret_prefix->addr));
    return 0;
}

int cf_encrypted_new(struct cf_encrypted **ret_encrypted)
{
    struct cf_encrypted *encrypted = calloc(1, sizeof *encrypted);

    if (!encrypted)
        return -ENOMEM;
    for (size_t i = 0; i < N_ADDRS; i++) {
        (void)entry_parse(known_addrs[i], &encrypted->prefixes[i]); /* a test says it cannot fail */
        filter_add(encrypted->addr_filter, bit_of_addr(&encrypted->prefixes[i].addr));
    }
    for (size_t i = 0; i < N_NAMES; i++)
        filter_add(encrypted->name_filter, bit_of_name(known_names[i], strlen(known_names[i])));
    *ret_encrypted = encrypted;
    return 0;
}

void cf_encrypted_free(struct cf_encrypted *encrypted)
{
    free(encrypted);
}

/* Where the address is: 0 inside the prefix, else in front of it or behind. */
static int compare_addr(const void *key, const void *entry)
{
    const struct cf_addr *addr = key;
    const struct cf_prefix *prefix = entry;

    if (addr->family != prefix->addr.family)
        return addr->family < prefix->addr.family ? -1 : 1;
    if (cf_prefix_contains(prefix, addr))
        return 0;
    return memcmp(addr->bytes, prefix->addr.bytes, sizeof addr->bytes);
}

bool cf_encrypted_has_addr(const struct cf_encrypted *encrypted, const struct cf_addr *addr)
{
    return filter_has(encrypted->addr_filter, bit_of_addr(addr)) &&
           bsearch(addr, encrypted->prefixes, N_ADDRS, sizeof encrypted->prefixes[0],
                   compare_addr) != NULL;
}

/* Most differ in the first character. */
static int compare_name(const void *key, const void *entry)
{
    const unsigned char *name = key, *known = *(const unsigned char *const *)entry;

    return *name != *known ? *name - *known : strcmp(key, *(const char *const *)entry);
}

bool cf_encrypted_has_name(const struct cf_encrypted *encrypted, const char *name)
{
    size_t length = strlen(name);

    while (length >= BEGINNING) {
        const char *dot;

        if (filter_has(encrypted->name_filter, bit_of_name(name, length)) &&
            bsearch(name, known_names, N_NAMES, sizeof known_names[0], compare_name))
            return true;
        dot = memchr(name, '.', length);
        if (!dot)
            return false;
        length -= (size_t)(dot + 1 - name);
        name = dot + 1;
    }
    return false;
}

static bool is_at_or_below(const char *name, size_t length, const char *above)
{
    size_t tail = strlen(above);

    if (length < tail || (length > tail && name[length - tail - 1] != '.'))
        return false;
    return memcmp(name + length - tail, above, tail) == 0;
}

enum cf_canary cf_encrypted_canary(const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof canaries / sizeof canaries[0]; i++) {
        if (is_at_or_below(name, length, canaries[i].name))
            return canaries[i].answer;
    }
    return CF_CANARY_NONE;
}

const char *const *cf_encrypted_names(size_t *ret_n)
{
    *ret_n = N_NAMES;
    return known_names;
}

const char *const *cf_encrypted_addrs(size_t *ret_n)
{
    *ret_n = N_ADDRS;
    return known_addrs;
}
