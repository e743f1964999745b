/*
 * idn.c - libidn2, loaded by the first name that is not plain ASCII
 *
 * Few policies have such a name. Linked, libidn2 and the libunistring that it needs would be
 * mapped and relocated at each start.
 */
#include "profile/idn.h"

#include <dlfcn.h>
#include <errno.h>
#include <idn2.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "profile/quote.h"

#define FLAGS (IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL)

#define FUNCTIONS(F)                                                                               \
    F(idn2_to_ascii_8z)                                                                            \
    F(idn2_to_unicode_8z8z)                                                                        \
    F(idn2_strerror)                                                                               \
    F(idn2_free)

static struct {
    pthread_once_t once;
    bool loaded;
#define MEMBER(name) __typeof__(&name) name##_;
    FUNCTIONS(MEMBER)
#undef MEMBER
} lib = { .once = PTHREAD_ONCE_INIT };

static void library_open(void)
{
    void *library = dlopen("libidn2.so.0", RTLD_LAZY | RTLD_LOCAL), *symbol;

    if (!library)
        return;
    lib.loaded = true;
#define FIND(name)                                                                                 \
    symbol = dlsym(library, #name);                                                                \
    memcpy(&lib.name##_, &symbol, sizeof symbol);                                                  \
    lib.loaded = lib.loaded && symbol;
    FUNCTIONS(FIND)
#undef FIND
}

static bool library_is_there(void)
{
    pthread_once(&lib.once, library_open);
    return lib.loaded;
}

int cf_idn_to_ascii(const char *text, char **ret_ascii, struct cf_error *err)
{
    char quoted[CF_QUOTE_SIZE];
    int r;

    if (!library_is_there())
        return cf_error_set(err, -ENOPKG,
                            "an international name needs libidn2 (libidn2-0), which cannot be "
                            "loaded; or write its xn-- form");
    r = lib.idn2_to_ascii_8z_(text, ret_ascii, FLAGS);
    if (r == IDN2_OK)
        return 0;
    *ret_ascii = NULL;
    if (r == IDN2_MALLOC)
        return cf_error_errno(err, -ENOMEM, "cannot read a name");
    return cf_error_set(err, -EINVAL, "expected a name that IDNA 2008 allows, got '%s' (%s)",
                        cf_quote(text, strlen(text), quoted), lib.idn2_strerror_(r));
}

char *cf_idn_to_unicode(const char *name)
{
    char *unicode = NULL;

    if (!library_is_there() || lib.idn2_to_unicode_8z8z_(name, &unicode, 0) != IDN2_OK)
        return NULL;
    return unicode;
}

void cf_idn_free(char *text)
{
    if (text)
        lib.idn2_free_(text);
}
