/*
 * hello.c - the name that a connection shows before it is answered
 *
 * How this works. The first byte tells TLS (22, a handshake record) from the rest,
 * which must be HTTP/1.x. Both are read from the start, and nothing of it is
 * kept. What cannot become a message any more is NAMELESS at once, what can is MORE.
 *
 * A client may send byte by byte, and each byte is a look. The first EAGER bytes are
 * read at each of them, which is cheap. Behind them cf_hello_read_on() waits for as many
 * as a ClientHello lacks at least (`due`): if it comes in tiny records, that is
 * still a sixth less each time. The end of a header section is looked for in the
 * new bytes alone: it is an empty line, and a line that does not end in CRLF ends it too.
 * In between the section is read once for each STRIDE bytes.
 *
 * TLS: the ClientHello may lie in several records (RFC 8446, 5.1), of which
 * the contents are put together first. It must be the first handshake message,
 * fill its own length to the byte, and have each extension once. Exactly one
 * server name of type host_name counts.
 *
 * HTTP: the whole header section is read, since a second Host could stand in its
 * last line. Only what RFC 9112 lets a client send passes: CRLF ends lines, one
 * blank separates the parts of the first, no folding, no blank before a colon, one
 * Host. A request target in absolute form (RFC 9112, 3.2.2) or of CONNECT says
 * the host, and Host must say the same.
 */
#include "engine/hello.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "profile/name.h"

#define RECORD_HEADER 5
#define RECORD_HANDSHAKE 22
#define RECORD_MAX 16384
#define HANDSHAKE_HEADER 4
#define CLIENT_HELLO 1
#define RANDOM_SIZE 32
#define SESSION_ID_MAX 32
#define EXTENSION_SERVER_NAME 0
#define EXTENSION_ALPN 16
#define HOST_NAME 0
#define EXTENSIONS_MAX 128 /* of one ClientHello; browsers send about 20 */
#define METHOD_MAX 32
#define VERSION_SIZE 8 /* "HTTP/1.1" */
#define EAGER 1024
#define STRIDE 512

/* Bytes that are there, and where the next are read. */
struct span {
    const uint8_t *at;
    size_t left;
};

static bool take(struct span *from, size_t n, struct span *ret_taken)
{
    if (from->left < n)
        return false;
    *ret_taken = (struct span) { from->at, n };
    from->at += n;
    from->left -= n;
    return true;
}

/* A number of so many bytes, the highest first. */
static bool take_number(struct span *from, size_t n_bytes, size_t *ret_number)
{
    struct span bytes;
    size_t number = 0;

    if (!take(from, n_bytes, &bytes))
        return false;
    for (size_t i = 0; i < n_bytes; i++)
        number = number << 8 | bytes.at[i];
    *ret_number = number;
    return true;
}

/* What stands behind its own length, a number of so many bytes (RFC 8446, 3.4). */
static bool take_vector(struct span *from, size_t length_bytes, struct span *ret_taken)
{
    size_t length;

    return take_number(from, length_bytes, &length) && take(from, length, ret_taken);
}

/* The text as it may be logged: of what has a user part only what follows it. */
static void text_put(struct span from, char ret_text[CF_HELLO_TEXT_SIZE])
{
    size_t n = 0;

    for (size_t i = from.left; i > 0; i--) {
        if (from.at[i - 1] == '@') {
            from.at += i;
            from.left -= i;
            break;
        }
    }
    for (; n < from.left && n < CF_HELLO_TEXT_SIZE - 1; n++)
        ret_text[n] = from.at[n] > 0x20 && from.at[n] < 0x7f ? (char)from.at[n] : '?';
    ret_text[n] = '\0';
}

/* Say which host it is: an address as addr, any other that can be a host as name. */
static void host_put(struct span host, struct cf_hello *hello)
{
    char text[CF_HELLO_TEXT_SIZE];
    bool brackets = host.left > 2 && host.at[0] == '[' && host.at[host.left - 1] == ']';

    text_put(host, hello->text);
    if (brackets)
        host = (struct span) { host.at + 1, host.left - 2 };
    if (host.left == 0 || host.left >= sizeof text || memchr(host.at, '\0', host.left))
        return;
    memcpy(text, host.at, host.left);
    text[host.left] = '\0';
    if (cf_addr_parse(text, &hello->addr) == 0) {
        if (brackets != (hello->addr.family == CF_FAMILY_IPV6))
            hello->addr.family = CF_FAMILY_NONE;
        return;
    }
    hello->addr.family = CF_FAMILY_NONE;
    if (brackets || cf_name_normalize(text, hello->name, NULL) < 0)
        hello->name[0] = '\0';
}

/*
 * The handshake's bytes, without the heads of the records that they lie in. whole: as
 * far as they are needed, when MORE is not returned.
 */
static enum cf_hello_status records_join(struct span data, uint8_t joined[CF_HELLO_MAX],
                                         struct span *ret_message)
{
    size_t n = 0;

    while (data.left > 0) {
        size_t length, there;

        if (data.at[0] != RECORD_HANDSHAKE || (data.left > 1 && data.at[1] != 3))
            return CF_HELLO_NAMELESS;
        if (data.left < RECORD_HEADER)
            return CF_HELLO_MORE;
        length = (size_t)data.at[3] << 8 | data.at[4];
        if (length == 0 || length > RECORD_MAX)
            return CF_HELLO_NAMELESS;
        data.at += RECORD_HEADER;
        data.left -= RECORD_HEADER;
        there = length < data.left ? length : data.left;
        memcpy(joined + n, data.at, there);
        n += there;
        data.at += there;
        data.left -= there;
        if (n > 0 && joined[0] != CLIENT_HELLO)
            return CF_HELLO_NAMELESS;
        if (n < HANDSHAKE_HEADER)
            continue;
        length = (size_t)joined[1] << 16 | (size_t)joined[2] << 8 | joined[3];
        if (length > CF_HELLO_MAX - HANDSHAKE_HEADER - RECORD_HEADER)
            return CF_HELLO_NAMELESS;
        if (n >= HANDSHAKE_HEADER + length) {
            *ret_message = (struct span) { joined + HANDSHAKE_HEADER, length };
            return CF_HELLO_NAMED;
        }
    }
    return CF_HELLO_MORE;
}

/* RFC 6066, 3: one name, of the one type that there is. */
static bool server_name_read(struct span extension, struct cf_hello *hello)
{
    struct span list, name;
    size_t type;

    if (!take_vector(&extension, 2, &list) || extension.left > 0 ||
        !take_number(&list, 1, &type) || type != HOST_NAME || !take_vector(&list, 2, &name) ||
        list.left > 0 || name.left == 0)
        return false;
    host_put(name, hello);
    return true;
}

/* RFC 7301, 3.1; only for the log. */
static void alpn_read(struct span extension, char ret_alpn[CF_HELLO_ALPN_SIZE])
{
    struct span list, name;
    size_t n = 0;

    if (!take_vector(&extension, 2, &list))
        return;
    while (take_vector(&list, 1, &name)) {
        if (n + name.left + 2 > CF_HELLO_ALPN_SIZE)
            break;
        if (n > 0)
            ret_alpn[n++] = ',';
        for (size_t i = 0; i < name.left; i++)
            ret_alpn[n++] = name.at[i] > 0x20 && name.at[i] < 0x7f ? (char)name.at[i] : '?';
    }
    ret_alpn[n] = '\0';
}

/* Returns whether there is a name. RFC 8446, 4.2: no extension stands there twice. */
static bool extensions_read(struct span all, struct cf_hello *hello)
{
    uint16_t types[EXTENSIONS_MAX];
    struct span extension;
    bool named = false;
    size_t n = 0, type;

    while (all.left > 0) {
        if (n == EXTENSIONS_MAX || !take_number(&all, 2, &type) ||
            !take_vector(&all, 2, &extension))
            return false;
        for (size_t i = 0; i < n; i++)
            if (types[i] == type)
                return false;
        types[n++] = (uint16_t)type;
        if (type == EXTENSION_ALPN)
            alpn_read(extension, hello->alpn);
        if (type != EXTENSION_SERVER_NAME)
            continue;
        if (!server_name_read(extension, hello))
            return false;
        named = true;
    }
    return named;
}

static enum cf_hello_status tls_read(struct span data, struct cf_hello *hello)
{
    uint8_t joined[CF_HELLO_MAX];
    struct span message, part;
    enum cf_hello_status status = records_join(data, joined, &message);
    size_t version;

    if (status != CF_HELLO_NAMED)
        return status;
    if (!take_number(&message, 2, &version) || !take(&message, RANDOM_SIZE, &part) ||
        !take_vector(&message, 1, &part) || part.left > SESSION_ID_MAX ||
        !take_vector(&message, 2, &part) || part.left < 2 || part.left % 2 != 0 ||
        !take_vector(&message, 1, &part) || part.left == 0 ||
        !take_vector(&message, 2, &part) || message.left > 0)
        return CF_HELLO_NAMELESS;
    return extensions_read(part, hello) ? CF_HELLO_NAMED : CF_HELLO_NAMELESS;
}

/* RFC 9110, 5.6.2 */
static bool is_token(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || (byte && strchr("!#$%&'*+-.^_`|~", byte));
}

static bool is_visible(uint8_t byte)
{
    return byte > 0x20 && byte < 0x7f;
}

static bool is_value(uint8_t byte)
{
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

/* The bytes up to the first that is not of this kind, which ret_end is set to when it is there. */
static struct span take_while(struct span *from, bool (*is)(uint8_t byte), int *ret_end)
{
    struct span taken = { from->at, 0 };

    while (taken.left < from->left && is(from->at[taken.left]))
        taken.left++;
    from->at += taken.left;
    from->left -= taken.left;
    *ret_end = from->left > 0 ? from->at[0] : -1;
    return taken;
}

/* What ends a line. */
static enum cf_hello_status take_crlf(struct span *from)
{
    if ((from->left > 0 && from->at[0] != '\r') || (from->left > 1 && from->at[1] != '\n'))
        return CF_HELLO_NAMELESS;
    if (from->left < 2)
        return CF_HELLO_MORE;
    from->at += 2;
    from->left -= 2;
    return CF_HELLO_NAMED;
}

static bool equals(struct span span, const char *text)
{
    return span.left == strlen(text) && strncasecmp((const char *)span.at, text, span.left) == 0;
}

/* host [ ":" port ], RFC 3986, 3.2. Returns false when it is something else. */
static bool authority_read(struct span authority, struct span *ret_host)
{
    const uint8_t *bracket = authority.left > 0 && authority.at[0] == '['
                                 ? memchr(authority.at, ']', authority.left)
                                 : NULL;
    size_t host = bracket ? (size_t)(bracket - authority.at) + 1 : 0;

    while (host < authority.left && authority.at[host] != ':')
        host++;
    for (size_t i = host + 1; i < authority.left; i++)
        if (authority.at[i] < '0' || authority.at[i] > '9')
            return false;
    *ret_host = (struct span) { authority.at, host };
    return host > 0;
}

/* What a request says of hosts. */
struct request {
    bool version_1_0;
    bool by_target; /* the target says the host */
    struct span target_host;
    unsigned n_hosts;
    struct span host; /* the value of Host */
};

/* RFC 9112, 3.2. Returns false for a target of no form. */
static bool target_read(struct span method, struct span target, struct request *request)
{
    static const char *const schemes[] = { "http://", "https://" };

    if (equals(method, "CONNECT")) {
        request->by_target = true;
        return authority_read(target, &request->target_host);
    }
    if (target.at[0] == '/' || (equals(method, "OPTIONS") && equals(target, "*")))
        return true;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i]), length = 0;

        if (target.left < n || strncasecmp((const char *)target.at, schemes[i], n) != 0)
            continue;
        while (n + length < target.left && !strchr("/?#", target.at[n + length]))
            length++;
        request->by_target = true;
        return authority_read((struct span) { target.at + n, length }, &request->target_host);
    }
    return false;
}

static enum cf_hello_status request_line_read(struct span *data, struct request *request)
{
    struct span method, target, version;
    int end;

    method = take_while(data, is_token, &end);
    if (method.left > METHOD_MAX || (end >= 0 && (end != ' ' || method.left == 0)))
        return CF_HELLO_NAMELESS;
    if (end < 0)
        return CF_HELLO_MORE;
    data->at++;
    data->left--;
    target = take_while(data, is_visible, &end);
    if (end >= 0 && (end != ' ' || target.left == 0))
        return CF_HELLO_NAMELESS;
    if (end < 0)
        return CF_HELLO_MORE;
    if (!target_read(method, target, request))
        return CF_HELLO_NAMELESS;
    data->at++;
    data->left--;
    version = (struct span) { data->at, data->left < VERSION_SIZE ? data->left : VERSION_SIZE };
    if (memcmp(version.at, "HTTP/1.1", version.left) != 0 &&
        memcmp(version.at, "HTTP/1.0", version.left) != 0)
        return CF_HELLO_NAMELESS;
    if (version.left < VERSION_SIZE)
        return CF_HELLO_MORE;
    request->version_1_0 = version.at[VERSION_SIZE - 1] == '0';
    data->at += VERSION_SIZE;
    data->left -= VERSION_SIZE;
    return take_crlf(data);
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

/* RFC 9112, 5.1 */
static enum cf_hello_status field_read(struct span *data, struct request *request)
{
    struct span name, value;
    int end;

    name = take_while(data, is_token, &end);
    if (end < 0)
        return CF_HELLO_MORE;
    if (end != ':' || name.left == 0)
        return CF_HELLO_NAMELESS;
    data->at++;
    data->left--;
    value = take_while(data, is_value, &end);
    while (value.left > 0 && is_blank(value.at[0])) {
        value.at++;
        value.left--;
    }
    while (value.left > 0 && is_blank(value.at[value.left - 1]))
        value.left--;
    if (end >= 0 && equals(name, "Host")) {
        request->n_hosts++;
        request->host = value;
    }
    return take_crlf(data);
}

static bool same_host(const struct cf_hello *a, const struct cf_hello *b)
{
    if (a->addr.family != CF_FAMILY_NONE)
        return cf_addr_equal(&a->addr, &b->addr);
    return a->name[0] && strcmp(a->name, b->name) == 0;
}

/* RFC 9112, 3.2 and 3.2.2: HTTP/1.1 has exactly one Host; HTTP/1.0 may have none. */
static enum cf_hello_status hosts_read(const struct request *request, struct cf_hello *hello)
{
    struct cf_hello by_host = { 0 };
    struct span host;

    if (request->n_hosts > 1 ||
        (request->n_hosts == 0 && !(request->version_1_0 && request->by_target)))
        return CF_HELLO_NAMELESS;
    if (request->by_target)
        host_put(request->target_host, hello);
    if (request->n_hosts == 0)
        return CF_HELLO_NAMED;
    if (!authority_read(request->host, &host))
        return CF_HELLO_NAMELESS;
    host_put(host, request->by_target ? &by_host : hello);
    if (request->by_target && !same_host(hello, &by_host)) {
        hello->name[0] = '\0';
        hello->addr.family = CF_FAMILY_NONE;
        memcpy(hello->text, by_host.text, sizeof hello->text);
    }
    return CF_HELLO_NAMED;
}

static enum cf_hello_status http_read(struct span data, struct cf_hello *hello)
{
    struct request request = { 0 };
    enum cf_hello_status status = request_line_read(&data, &request);

    while (status == CF_HELLO_NAMED && data.left > 0 && data.at[0] != '\r')
        status = field_read(&data, &request);
    if (status != CF_HELLO_NAMED)
        return status;
    hello->kind = CF_HELLO_HTTP;
    status = data.left > 0 ? take_crlf(&data) : CF_HELLO_MORE;
    return status == CF_HELLO_NAMED ? hosts_read(&request, hello) : status;
}

enum cf_hello_status cf_hello_read(const uint8_t *data, size_t length, struct cf_hello *ret_hello)
{
    struct span all = { data, length < CF_HELLO_MAX ? length : CF_HELLO_MAX };
    enum cf_hello_status status = CF_HELLO_MORE;

    memset(ret_hello, 0, sizeof *ret_hello);
    if (length > 0 && data[0] == RECORD_HANDSHAKE) {
        ret_hello->kind = CF_HELLO_TLS;
        status = tls_read(all, ret_hello);
    } else if (length > 0) {
        status = http_read(all, ret_hello);
    }
    return status == CF_HELLO_MORE && length >= CF_HELLO_MAX ? CF_HELLO_NAMELESS : status;
}

/*
 * How many bytes a ClientHello lacks at least of which the first are these: what its own length
 * says, without the heads of records that are still to come.
 */
static size_t tls_lack(struct span data)
{
    uint8_t head[HANDSHAKE_HEADER];
    size_t n = 0;

    while (data.left > RECORD_HEADER) {
        size_t length = (size_t)data.at[3] << 8 | data.at[4];
        size_t there = length < data.left - RECORD_HEADER ? length : data.left - RECORD_HEADER;

        for (size_t i = 0; i < there && n + i < HANDSHAKE_HEADER; i++)
            head[n + i] = data.at[RECORD_HEADER + i];
        n += there;
        data.at += RECORD_HEADER + there;
        data.left -= RECORD_HEADER + there;
    }
    if (n < HANDSHAKE_HEADER)
        return 1;
    return HANDSHAKE_HEADER + ((size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3]) - n;
}

/* Whether a line ends from this byte on that ends a header section, or that no client may send. */
static bool http_ends(const uint8_t *data, size_t from, size_t length)
{
    for (const uint8_t *at = data + from; (at = memchr(at, '\n', length - (size_t)(at - data)));
         at++) {
        size_t n = (size_t)(at - data);

        if (n < 2 || at[-1] != '\r' || at[-2] == '\n')
            return true;
    }
    return false;
}

enum cf_hello_status cf_hello_read_on(const uint8_t *data, size_t length,
                                      struct cf_hello_wait *wait, struct cf_hello *ret_hello)
{
    enum cf_hello_status status;
    size_t due;

    memset(ret_hello, 0, sizeof *ret_hello);
    if (length < wait->due &&
        (data[0] == RECORD_HANDSHAKE || !http_ends(data, wait->seen, length))) {
        wait->seen = (uint32_t)length;
        return CF_HELLO_MORE;
    }
    status = cf_hello_read(data, length, ret_hello);
    if (status != CF_HELLO_MORE)
        return status;
    due = length + 1;
    if (length >= EAGER && ret_hello->kind == CF_HELLO_TLS)
        due = length + tls_lack((struct span) { data, length });
    else if (length >= EAGER)
        due = length + STRIDE;
    wait->seen = (uint32_t)length;
    wait->due = (uint32_t)(due < CF_HELLO_MAX ? due : CF_HELLO_MAX);
    return CF_HELLO_MORE;
}
