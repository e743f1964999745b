/*
 * fuzz_proxy.c - any text is the URL of a proxy or an error, and says the same when written again
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool is_same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What a message says of a URL with a user part depends on nothing in it. */
static void check_refusal(const char *text, size_t column, const struct cf_error *err)
{
    struct cf_proxy_url url;
    struct cf_error plain = { 0 };

    require(err->code < 0 && err->text[0] && column <= strlen(text));
    if (!strchr(text, '@') || strncasecmp(text, "socks5+unix:", strlen("socks5+unix:")) == 0)
        return;
    require(cf_proxy_url_parse("http://user:password@proxy", &url, NULL, &plain) < 0);
    require(strcmp(err->text, plain.text) == 0);
}

static void check_url(const char *text)
{
    cf_auto_free char *formatted = NULL;
    struct cf_proxy_url url, again;
    struct cf_error err = { 0 };
    size_t column = SIZE_MAX;

    if (cf_proxy_url_parse(text, &url, &column, &err) < 0) {
        check_refusal(text, column, &err);
        return;
    }
    formatted = cf_proxy_url_format(&url);
    require(formatted != NULL);
    require(cf_proxy_url_parse(formatted, &again, &column, &err) == 0);
    require(url.scheme == again.scheme && url.scheme != CF_PROXY_NONE);
    require(is_same_text(url.name, again.name) && is_same_text(url.path, again.path));
    require(cf_addr_port_equal(&url.at, &again.at));
    require((url.scheme == CF_PROXY_SOCKS5_UNIX) == (url.path != NULL));
    require(url.path || url.at.port > 0);
    require((url.name != NULL) + (url.path != NULL) + (url.at.addr.family != CF_FAMILY_NONE) == 1);
    cf_proxy_url_done(&url);
    cf_proxy_url_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cf_auto_free char *text = malloc(size + 1);

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_url(text);
    return 0;
}
