/*
 * proxy.c - the keys of `proxy`
 *
 * How this works: each key is read by itself. What they must have of each
 * other is known when all files and the command line have been read, so
 * cf_read_proxy() keeps the map and cf_read_proxy_whole() looks at it then.
 *
 * People write passwords where they do not belong. What looks like one is
 * refused without being quoted, and the line is shown without it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "policy/read.h"
#include "policy/suggest.h"
#include "policy/writer.h"

#define CA_MAX ((size_t)4 << 20)

/* The scheme that what stands in front of ':' was probably meant to be; NULL when none is near. */
static const char *near_scheme(const char *text)
{
    const char *names[CF_PROXY_SCHEME_COUNT], *colon = strchr(text, ':');
    size_t n = 0, length = colon ? (size_t)(colon - text) : 0;
    char word[16];

    if (length == 0 || length >= sizeof word)
        return NULL;
    memcpy(word, text, length);
    word[length] = '\0';
    for (unsigned i = CF_PROXY_HTTP; i < CF_PROXY_SCHEME_COUNT; i++)
        names[n++] = cf_proxy_scheme_name((enum cf_proxy_scheme)i);
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(names[i], word) == 0)
            return NULL;
    return cf_suggest(word, names, n);
}

void cf_read_proxy_url(struct cf_reader *reader, const struct cf_schema_key *row,
                       const struct cf_yaml_node *node, const char *key)
{
    struct cf_finding finding = { .code = CF_CODE_BAD_VALUE, .key = key };
    struct cf_error err = { 0 };
    struct cf_proxy_url url;
    size_t offset = 0;
    const char *text;
    int r;

    if (!cf_read_text(reader, row, node, key, &text))
        return;
    r = cf_proxy_url_parse(text, &url, &offset, &err);
    if (r == -ENOMEM) {
        cf_read_out_of_memory(reader);
    } else if (r < 0) {
        finding.at = cf_yaml_text_mark(node, offset);
        finding.secret = strchr(text, '@') != NULL;
        finding.suggestion = finding.secret ? NULL : near_scheme(text);
        cf_read_report(reader, &finding, "%s", err.text);
    } else {
        cf_proxy_url_done(&reader->profile->proxy.url);
        reader->profile->proxy.url = url;
    }
}

void cf_write_proxy_url(struct cf_writer *writer, const struct cf_schema_key *row, const char *name)
{
    cf_auto_free char *text = cf_proxy_url_format(&writer->profile->proxy.url);

    if (text)
        cf_writer_text(writer, name, text, cf_writer_origin(writer, row));
    else
        writer->buffer->failed = true;
}

bool cf_proxy_is_shown(const struct cf_profile *profile)
{
    return profile->proxy.url.scheme != CF_PROXY_NONE;
}

void cf_read_proxy_username(struct cf_reader *reader, const struct cf_schema_key *row,
                            const struct cf_yaml_node *node, const char *key)
{
    const char *text;

    if (!cf_read_text(reader, row, node, key, &text))
        return;
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            cf_read_error(reader, node->mark, key, "expected a name without control characters");
            return;
        }
    }
    if (text[0] == '\0')
        cf_read_unexpected(reader, node, key, "a name");
    else
        cf_read_copy(reader, text, &reader->profile->proxy.username);
}

void cf_read_proxy_password_env(struct cf_reader *reader, const struct cf_schema_key *row,
                                const struct cf_yaml_node *node, const char *key)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    const char *text;

    if (!cf_read_text(reader, row, node, key, &text))
        return;
    if (text[0] != '\0' && text[strspn(text, letters)] == '\0' && strspn(text, "0123456789") == 0) {
        cf_read_copy(reader, text, &reader->profile->proxy.password_env);
        return;
    }
    /* It may be the password. */
    cf_read_report(reader,
                   &(struct cf_finding) {
                       .code = CF_CODE_BAD_VALUE, .at = node->mark, .key = key, .secret = true },
                   "expected the name of an environment variable: letters, digits and '_'");
}

/* The path from anywhere; the caller's. NULL after an error. */
static char *absolute_path(struct cf_reader *reader, const struct cf_yaml_node *node,
                           const char *key)
{
    cf_auto_free char *path = cf_read_path(reader, node), *folder = NULL;
    char *absolute = NULL;
    size_t offset;

    if (!path)
        return NULL;
    folder = path[0] == '/' ? strdup("") : getcwd(NULL, 0);
    if (!folder || asprintf(&absolute, "%s%s%s", folder, path[0] == '/' ? "" : "/", path) < 0) {
        cf_read_out_of_memory(reader);
        return NULL;
    }
    if (!cf_text_fault(absolute, strlen(absolute), &offset))
        return absolute;
    free(absolute);
    cf_read_error(reader, node->mark, key,
                  "expected a file whose whole path is text, got other bytes in it");
    return NULL;
}

static void keep_path(struct cf_reader *reader, const struct cf_yaml_node *node, const char *key,
                      char **field)
{
    char *path = absolute_path(reader, node, key);

    if (path) {
        free(*field);
        *field = path;
    }
}

/* That a path is written; what it leads to is another question. */
static bool is_path(struct cf_reader *reader, const struct cf_schema_key *row,
                    const struct cf_yaml_node *node, const char *key)
{
    const char *text;

    if (!cf_read_text(reader, row, node, key, &text))
        return false;
    if (text[0] == '\0')
        cf_read_unexpected(reader, node, key, cf_schema_describe(row));
    return text[0] != '\0';
}

/* They have other names, so the command cannot be kept from them. */
static bool lies_below_dev_or_proc(const char *path)
{
    return strncmp(path, "/proc/", 6) == 0 ||
           (strncmp(path, "/dev/", 5) == 0 && strncmp(path, "/dev/shm/", 9) != 0);
}

/* Who reviews a policy may not have the file: it is opened when a run begins. */
void cf_read_proxy_password_file(struct cf_reader *reader, const struct cf_schema_key *row,
                                 const struct cf_yaml_node *node, const char *key)
{
    if (!is_path(reader, row, node, key))
        return;
    if (lies_below_dev_or_proc(node->text))
        cf_read_unexpected(reader, node, key,
                           "a file that can be kept from the command, so none of /dev or /proc");
    else
        keep_path(reader, node, key, &reader->profile->proxy.password_file);
}

void cf_read_proxy_ca_file(struct cf_reader *reader, const struct cf_schema_key *row,
                           const struct cf_yaml_node *node, const char *key)
{
    struct cf_proxy *proxy = &reader->profile->proxy;
    struct cf_read_file file = { 0 };

    if (!is_path(reader, row, node, key) || reader->alone ||
        !cf_read_file(reader, node, key, CA_MAX, &file))
        return;
    /* RFC 7468, 5; OpenSSL's form has TRUSTED in it. */
    if (strstr(file.text, "-----BEGIN CERTIFICATE-----") ||
        strstr(file.text, "-----BEGIN TRUSTED CERTIFICATE-----")) {
        keep_path(reader, node, key, &proxy->ca_file);
        free(proxy->ca_text);
        proxy->ca_text = file.text;
        proxy->ca_length = file.length;
        file.text = NULL;
    } else {
        cf_read_unexpected(reader, node, key, "a file of certificates in PEM (RFC 7468)");
    }
    cf_read_file_done(&file);
}

/* "bypass TEXT" for the same endpoint, however it is written. */
static char *identity(const struct cf_endpoint *endpoint)
{
    cf_auto_free char *canonical = cf_endpoint_format(endpoint);
    char *text;

    return canonical && asprintf(&text, "bypass %s", canonical) >= 0 ? text : NULL;
}

static void read_bypass(struct cf_reader *reader, const struct cf_yaml_node *node, const char *key)
{
    struct cf_profile *bypass = reader->profile->proxy.bypass;
    struct cf_endpoint endpoint = { 0 };

    if (!cf_read_endpoint_alone(reader, node, key, "lists of egress.groups are for rules",
                                &endpoint))
        return;
    cf_read_once(reader, "endpoint", identity(&endpoint), node->mark, key);
    if (cf_profile_rule_add(bypass, CF_ALLOW, node->text, &endpoint,
                            cf_read_origin(reader, node->mark)) < 0)
        cf_read_out_of_memory(reader);
    cf_endpoint_done(&endpoint);
}

void cf_read_proxy_bypass(struct cf_reader *reader, const struct cf_schema_key *row,
                          const struct cf_yaml_node *node, const char *key)
{
    struct cf_proxy *proxy = &reader->profile->proxy;

    if (!cf_read_list(reader, row, node, key) || node->n_items == 0)
        return;
    cf_profile_free(proxy->bypass);
    proxy->bypass = cf_profile_new();
    if (!proxy->bypass) {
        cf_read_out_of_memory(reader);
        return;
    }
    for (size_t i = 0; i < node->n_items && !cf_diagnostics_full(reader->diagnostics); i++) {
        char item_key[CF_KEY_SIZE];

        read_bypass(reader, node->items[i],
                    cf_key_item(key, cf_yaml_item_place(node, i), item_key));
    }
}

void cf_write_proxy_bypass(struct cf_writer *writer, const struct cf_schema_key *row,
                           const char *name)
{
    const struct cf_profile *bypass = writer->profile->proxy.bypass;
    size_t n = bypass ? bypass->egress.n_rules : 0;

    cf_writer_list(writer, name, n, !writer->origins, cf_writer_origin(writer, row));
    for (size_t i = 0; i < n; i++)
        cf_writer_text(writer, NULL, bypass->egress.rules[i].text,
                       writer->origins ? &bypass->egress.rules[i].origin : NULL);
    cf_writer_end(writer);
}

void cf_read_proxy(struct cf_reader *reader, const struct cf_schema_key *row,
                   const struct cf_yaml_node *node, const char *key)
{
    (void)row;
    (void)key;
    if (node->kind != CF_YAML_MAP || reader->alone)
        return;
    reader->proxy = node;
    reader->proxy_source = reader->source;
}

/* The value of a key of the map, NULL when it is not there. */
static const struct cf_yaml_node *find(const struct cf_yaml_node *map, const char *name)
{
    for (size_t i = 0; i < map->n_items; i += 2)
        if (strcmp(map->items[i]->text, name) == 0)
            return map->items[i + 1];
    return NULL;
}

/* Keys that do nothing without a proxy: who wrote them meant to have one. */
static void want_url(struct cf_reader *reader, const struct cf_yaml_node *map)
{
    if (map->n_items == 0 || find(map, "url"))
        return;
    cf_read_report(reader, CF_FINDING(CF_CODE_MISSING_KEY, map->items[0]->mark, "proxy.url"),
                   "expected this key beside '%s', got none", map->items[0]->text);
}

static void check_credentials(struct cf_reader *reader, const struct cf_yaml_node *map)
{
    const struct cf_proxy *proxy = &reader->profile->proxy;
    const struct cf_yaml_node *username = find(map, "username");
    const struct cf_yaml_node *variable = find(map, "password_env");
    const struct cf_yaml_node *file = find(map, "password_file");
    bool basic = proxy->url.scheme == CF_PROXY_HTTP || proxy->url.scheme == CF_PROXY_HTTPS;

    if (variable && file)
        cf_read_error(reader, file->mark, "proxy.password_file",
                      "expected one place for the password, got password_env too");
    if ((variable || file) && !username)
        cf_read_report(
            reader,
            CF_FINDING(CF_CODE_MISSING_KEY, (variable ? variable : file)->mark, "proxy.username"),
            "expected this key beside a password, got none");
    if (username && !variable && !file && !find(map, "password")) /* that is an error already */
        cf_read_report(reader,
                       CF_FINDING(CF_CODE_MISSING_KEY, username->mark, "proxy.password_env"),
                       "expected this key, or proxy.password_file, beside a name, got none");
    if (username && basic && proxy->username && strchr(proxy->username, ':'))
        cf_read_unexpected(reader, username, "proxy.username",
                           "a name without ':', which Basic cannot carry (RFC 7617, 2)");
}

void cf_read_proxy_whole(struct cf_reader *reader)
{
    const struct cf_proxy *proxy = &reader->profile->proxy;
    const struct cf_yaml_node *map = reader->proxy, *ca_file;
    struct cf_source *source = reader->source;

    if (!map)
        return;
    reader->source = reader->proxy_source;
    if (proxy->url.scheme == CF_PROXY_NONE)
        want_url(reader, map);
    check_credentials(reader, map);
    ca_file = find(map, "ca_file");
    if (ca_file && proxy->url.scheme != CF_PROXY_NONE && proxy->url.scheme != CF_PROXY_HTTPS)
        cf_read_error(reader, ca_file->mark, "proxy.ca_file",
                      "expected none with a proxy of '%s', which has no certificate",
                      cf_proxy_scheme_name(proxy->url.scheme));
    reader->source = source;
}
