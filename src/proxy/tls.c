/*
 * tls.c - TLS towards an https proxy
 *
 * The only file that knows OpenSSL. It is not linked, but loaded: linking costs
 * every start of childflow 1.2 ms (0.6 to 1.8 for a program that does
 * nothing), loading it costs the runs with an https proxy 3 ms.
 *
 * How this works. FUNCTIONS lists what is called; each becomes a member of
 * `lib` with the type that OpenSSL's header gives it, so that the compiler
 * checks every call. The library stays loaded. It is told not to clean up at
 * exit, which would run while other threads still go on.
 *
 * The system's authorities are looked up in the directory of the library one
 * by one, when a certificate is to be verified; where there is a bundle, it is
 * read (Debian has none there). Variables such as SSL_CERT_FILE mean nothing.
 */
#include "proxy/tls.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/fd.h"

#define TEXT_OF(number) #number
#define LIBRARY(version) "libssl.so." TEXT_OF(version)

/* What is read from a socket in one call, for as long as there is something. */
#define READ_BYTES 65536

#define FUNCTIONS(F)                                                                               \
    F(OPENSSL_init_ssl)                                                                            \
    F(OpenSSL_version)                                                                             \
    F(ERR_clear_error)                                                                             \
    F(ERR_peek_error)                                                                              \
    F(ERR_peek_last_error)                                                                         \
    F(ERR_reason_error_string)                                                                     \
    F(BIO_new_mem_buf)                                                                             \
    F(BIO_free)                                                                                    \
    F(PEM_read_bio_X509)                                                                           \
    F(X509_free)                                                                                   \
    F(X509_STORE_add_cert)                                                                         \
    F(X509_get_default_cert_dir)                                                                   \
    F(X509_get_default_cert_file)                                                                  \
    F(X509_VERIFY_PARAM_set1_ip_asc)                                                               \
    F(X509_verify_cert_error_string)                                                               \
    F(TLS_client_method)                                                                           \
    F(SSL_CTX_new)                                                                                 \
    F(SSL_CTX_free)                                                                                \
    F(SSL_CTX_ctrl)                                                                                \
    F(SSL_CTX_set_options)                                                                         \
    F(SSL_CTX_set_verify)                                                                          \
    F(SSL_CTX_set_alpn_protos)                                                                     \
    F(SSL_CTX_get_cert_store)                                                                      \
    F(SSL_CTX_load_verify_dir)                                                                     \
    F(SSL_CTX_set_default_read_buffer_len)                                                         \
    F(SSL_CTX_load_verify_file)                                                                    \
    F(SSL_new)                                                                                     \
    F(SSL_free)                                                                                    \
    F(SSL_ctrl)                                                                                    \
    F(SSL_set_fd)                                                                                  \
    F(SSL_set1_host)                                                                               \
    F(SSL_set_hostflags)                                                                           \
    F(SSL_get0_param)                                                                              \
    F(SSL_connect)                                                                                 \
    F(SSL_read)                                                                                    \
    F(SSL_peek)                                                                                    \
    F(SSL_write)                                                                                   \
    F(SSL_shutdown)                                                                                \
    F(SSL_get_error)                                                                               \
    F(SSL_get_verify_result)

static struct {
    void *handle;
#define MEMBER(name) __typeof__(&name) name##_;
    FUNCTIONS(MEMBER)
#undef MEMBER
} lib;

struct cf_tls {
    SSL_CTX *context;
    bool is_addr; /* host is an address */
    char host[];
};

struct cf_tls_stream {
    SSL *ssl;
    int fd;
    uint32_t wants;
    char words[128];
};

static bool symbol_find(const char *name, void *ret)
{
    void *symbol = dlsym(lib.handle, name);

    memcpy(ret, &symbol, sizeof symbol);
    return symbol != NULL;
}

static int library_load(struct cf_error *err)
{
    const char *missing = NULL;

    if (lib.handle)
        return 0;
    lib.handle = dlopen(LIBRARY(OPENSSL_SHLIB_VERSION), RTLD_NOW | RTLD_LOCAL);
    if (!lib.handle)
        return cf_error_set(err, -ENOPKG, "an https proxy needs OpenSSL 3: %s", dlerror());
#define FIND(name)                                                                                 \
    if (!symbol_find(#name, &lib.name##_))                                                         \
        missing = #name;
    FUNCTIONS(FIND)
#undef FIND
    if (!missing && lib.OPENSSL_init_ssl_(OPENSSL_INIT_NO_ATEXIT, NULL) == 1)
        return 0;
    dlclose(lib.handle);
    memset(&lib, 0, sizeof lib);
    return cf_error_set(err, -ENOPKG, "an https proxy needs OpenSSL 3: '%s' does not work",
                        missing ? missing : LIBRARY(OPENSSL_SHLIB_VERSION));
}

const char *cf_tls_library(void)
{
    return lib.handle ? lib.OpenSSL_version_(OPENSSL_VERSION) : NULL;
}

/* What the library's last error was, in words. */
static const char *error_text(void)
{
    const char *text = lib.ERR_reason_error_string_(lib.ERR_peek_last_error_());

    return text ? text : "unknown error";
}

/* Instead of asking at the terminal for the key of a certificate that is encrypted. */
static int no_passphrase(char *text, int size, int writing, void *data)
{
    (void)text, (void)size, (void)writing, (void)data;
    return -1;
}

static int authorities_add(SSL_CTX *context, const char *pem, size_t length, struct cf_error *err)
{
    BIO *bio = lib.BIO_new_mem_buf_(pem, (int)length);
    unsigned long last;
    int n = 0, r = 0;
    X509 *cert;

    if (!bio)
        return cf_error_errno(err, -ENOMEM, "cannot read the certificate authorities");
    lib.ERR_clear_error_();
    while (r == 0 && (cert = lib.PEM_read_bio_X509_(bio, NULL, no_passphrase, NULL))) {
        if (lib.X509_STORE_add_cert_(lib.SSL_CTX_get_cert_store_(context), cert) != 1)
            r = -EINVAL;
        lib.X509_free_(cert);
        n++;
    }
    last = lib.ERR_peek_last_error_();
    lib.BIO_free_(bio);
    /* The end of the text is no error, anything else is. */
    if (r < 0 || n == 0 || ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
        r = cf_error_set(err, -EINVAL, "certificate %d cannot be read: %s", n + 1, error_text());
    lib.ERR_clear_error_();
    return r;
}

static int authorities_of_system(SSL_CTX *context, struct cf_error *err)
{
    const char *file = lib.X509_get_default_cert_file_();

    if (lib.SSL_CTX_load_verify_dir_(context, lib.X509_get_default_cert_dir_()) != 1)
        return cf_error_set(err, -EIO, "cannot use the certificate authorities of '%s': %s",
                            lib.X509_get_default_cert_dir_(), error_text());
    if (access(file, R_OK) == 0 && lib.SSL_CTX_load_verify_file_(context, file) != 1)
        return cf_error_set(err, -EIO, "cannot read the certificate authorities of '%s': %s", file,
                            error_text());
    return 0;
}

static int context_set(SSL_CTX *context, const struct cf_tls_config *config, struct cf_error *err)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    const long mode = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                      SSL_MODE_RELEASE_BUFFERS;

    lib.SSL_CTX_set_verify_(context, SSL_VERIFY_PEER, NULL);
    lib.SSL_CTX_set_options_(context, SSL_OP_NO_RENEGOTIATION);
    lib.SSL_CTX_ctrl_(context, SSL_CTRL_MODE, mode, NULL);
    lib.SSL_CTX_ctrl_(context, SSL_CTRL_SET_READ_AHEAD, 1, NULL);
    lib.SSL_CTX_set_default_read_buffer_len_(context, READ_BYTES);
    if (lib.SSL_CTX_ctrl_(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL) != 1 ||
        lib.SSL_CTX_set_alpn_protos_(context, alpn, sizeof alpn - 1) != 0)
        return cf_error_set(err, -EIO, "cannot set TLS up: %s", error_text());
    if (config->ca_pem)
        return authorities_add(context, config->ca_pem, config->ca_length, err);
    return authorities_of_system(context, err);
}

int cf_tls_new(const struct cf_tls_config *config, struct cf_tls **ret_tls, struct cf_error *err)
{
    size_t n = strlen(config->host) + 1;
    struct cf_addr addr;
    struct cf_tls *tls;
    int r = library_load(err);

    if (r < 0)
        return r;
    tls = calloc(1, sizeof *tls + n);
    if (!tls)
        return cf_error_errno(err, -ENOMEM, "cannot set TLS up");
    memcpy(tls->host, config->host, n);
    tls->is_addr = cf_addr_parse(config->host, &addr) == 0;
    tls->context = lib.SSL_CTX_new_(lib.TLS_client_method_());
    if (tls->context)
        r = context_set(tls->context, config, err);
    else
        r = cf_error_set(err, -EIO, "cannot set TLS up: %s", error_text());
    lib.ERR_clear_error_();
    if (r < 0) {
        cf_tls_free(tls);
        return r;
    }
    *ret_tls = tls;
    return 0;
}

void cf_tls_free(struct cf_tls *tls)
{
    if (!tls)
        return;
    if (tls->context)
        lib.SSL_CTX_free_(tls->context);
    free(tls);
}

/* Whom the certificate must be for. The subject's common name is not looked at (RFC 9525, 2). */
static bool host_expect(SSL *ssl, const struct cf_tls *tls)
{
    lib.SSL_set_hostflags_(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (tls->is_addr)
        return lib.X509_VERIFY_PARAM_set1_ip_asc_(lib.SSL_get0_param_(ssl), tls->host) == 1;
    return lib.SSL_ctrl_(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                         (void *)(uintptr_t)tls->host) == 1 &&
           lib.SSL_set1_host_(ssl, tls->host) == 1;
}

int cf_tls_stream_open(struct cf_tls *tls, int fd, struct cf_tls_stream **ret_stream)
{
    struct cf_tls_stream *stream = calloc(1, sizeof *stream);

    if (!stream)
        return -ENOMEM;
    stream->fd = -1;
    stream->ssl = lib.SSL_new_(tls->context);
    if (!stream->ssl || !host_expect(stream->ssl, tls) || lib.SSL_set_fd_(stream->ssl, fd) != 1) {
        lib.ERR_clear_error_();
        cf_tls_stream_close(stream);
        return -ENOMEM;
    }
    stream->fd = fd;
    *ret_stream = stream;
    return 0;
}

void cf_tls_stream_close(struct cf_tls_stream *stream)
{
    if (!stream)
        return;
    if (stream->ssl)
        lib.SSL_free_(stream->ssl);
    cf_fd_close(&stream->fd);
    free(stream);
}

int cf_tls_stream_fd(const struct cf_tls_stream *stream)
{
    return stream->fd;
}

static int fail(struct cf_tls_stream *stream, int code, const char *words)
{
    snprintf(stream->words, sizeof stream->words, "%s", words);
    lib.ERR_clear_error_();
    return code;
}

/* A protocol error: what the certificate lacks, or what the library says. */
static int failed_in_protocol(struct cf_tls_stream *stream)
{
    unsigned long error = lib.ERR_peek_error_();
    long verified = lib.SSL_get_verify_result_(stream->ssl);

    if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
        ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return fail(stream, -ECONNRESET, "closed without an end");
    if (verified != X509_V_OK)
        return fail(stream, -EPROTO, lib.X509_verify_cert_error_string_(verified));
    return fail(stream, -EPROTO, error_text());
}

/* A call that has returned r, which is no success; errno is the call's. */
static int failed(struct cf_tls_stream *stream, int r)
{
    int error = errno;

    switch (lib.SSL_get_error_(stream->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        stream->wants = EPOLLIN;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        stream->wants = EPOLLOUT;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return fail(stream, -ECONNRESET, error ? strerror(error) : "closed without an end");
    default:
        return failed_in_protocol(stream);
    }
}

/* What the library says of a call stands in a queue, which has to be empty before it. */
static void begin(void)
{
    lib.ERR_clear_error_();
    errno = 0;
}

int cf_tls_handshake(struct cf_tls_stream *stream)
{
    int r;

    begin();
    r = lib.SSL_connect_(stream->ssl);
    if (r == 1)
        return 0;
    r = failed(stream, r);
    return r == 0 ? fail(stream, -ECONNRESET, "closed in the handshake") : r;
}

static int length_of(size_t length)
{
    return length < INT32_MAX ? (int)length : INT32_MAX;
}

ssize_t cf_tls_send(struct cf_tls_stream *stream, const void *data, size_t length)
{
    int n;

    begin();
    n = lib.SSL_write_(stream->ssl, data, length_of(length));
    if (n > 0)
        return n;
    n = failed(stream, n);
    return n == 0 ? fail(stream, -ECONNRESET, "closed") : n;
}

ssize_t cf_tls_peek(struct cf_tls_stream *stream, void *data, size_t size)
{
    int n;

    begin();
    n = lib.SSL_peek_(stream->ssl, data, length_of(size));
    return n > 0 ? n : failed(stream, n);
}

void cf_tls_take(struct cf_tls_stream *stream, void *scratch, size_t length)
{
    begin();
    /* These bytes were just seen: they are there, in the record that is open. */
    lib.SSL_read_(stream->ssl, scratch, length_of(length));
}

int cf_tls_finish(struct cf_tls_stream *stream)
{
    int r;

    begin();
    r = lib.SSL_shutdown_(stream->ssl);
    if (r >= 0) /* 0: the other side's end has not come yet, which nobody waits for here */
        return 0;
    return failed(stream, r);
}

uint32_t cf_tls_wants(const struct cf_tls_stream *stream)
{
    return stream->wants;
}

const char *cf_tls_words(const struct cf_tls_stream *stream)
{
    return stream->words;
}
