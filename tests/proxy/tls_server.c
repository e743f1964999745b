/*
 * tls_server.c - certificates that a test makes itself, and a TLS server in a thread
 */
#include "tls_server.h"

#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_S 60

static void extension_add(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

void identity_make(struct identity *identity, const char *names, const struct identity *issuer,
                   long end_s)
{
    static long serial;
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);
    char common_name[32];

    snprintf(common_name, sizeof common_name, names ? "cn.example" : "authority %ld", ++serial);
    identity->key = EVP_EC_gen("P-256");
    identity->cert = cert;
    assert_non_null(identity->key);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), end_s);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (unsigned char *)common_name, -1, -1,
                               0);
    X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer->cert) : subject);
    X509_set_pubkey(cert, identity->key);
    if (names)
        extension_add(cert, NID_subject_alt_name, names);
    else
        extension_add(cert, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(cert, issuer ? issuer->key : identity->key, EVP_sha256()) > 0);
}

void identity_done(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->cert);
}

char *identity_pem(const struct identity *identity, size_t *ret_length)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *pem;
    long n;

    assert_int_equal(PEM_write_bio_X509(bio, identity->cert), 1);
    n = BIO_get_mem_data(bio, &data);
    pem = calloc(1, (size_t)n + 1);
    assert_non_null(pem);
    memcpy(pem, data, (size_t)n);
    *ret_length = (size_t)n;
    BIO_free(bio);
    return pem;
}

static int alpn_choose(SSL *ssl, const unsigned char **out, unsigned char *n_out,
                       const unsigned char *in, unsigned n_in, void *data)
{
    struct tls_server *server = data;

    (void)ssl;
    if (n_in < 1 || in[0] >= sizeof server->alpn || in[0] + 1u != n_in)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    memcpy(server->alpn, in + 1, in[0]);
    *out = in + 1;
    *n_out = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static SSL *handshake(struct tls_server *server)
{
    SSL *ssl = SSL_new(server->context);
    const char *name;

    SSL_set_fd(ssl, server->fd);
    server->accepted = SSL_accept(ssl) == 1;
    if (!server->accepted) {
        SSL_free(ssl);
        return NULL;
    }
    name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(server->sni, sizeof server->sni, "%s", name ? name : "");
    return ssl;
}

static void *server_run(void *data)
{
    const struct timeval limit = { .tv_sec = WAIT_S };
    struct tls_server *server = data;
    SSL *ssl;

    server->fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (server->fd < 0)
        return NULL;
    setsockopt(server->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(server->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    ssl = handshake(server);
    server->serve(server, ssl);
    SSL_free(ssl);
    if (server->fd >= 0)
        close(server->fd);
    return NULL;
}

void tls_server_start(struct tls_server *server, const struct identity *identity, int max_version,
                      void (*serve)(struct tls_server *server, SSL *ssl))
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct timeval limit = { .tv_sec = WAIT_S };
    socklen_t length = sizeof sa;

    memset(server, 0, sizeof *server);
    server->serve = serve;
    server->context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_cipher_list(server->context, "ALL:@SECLEVEL=0"); /* TLS 1.1 has no better ones */
    SSL_CTX_set_min_proto_version(server->context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(server->context, max_version);
    SSL_CTX_set_alpn_select_cb(server->context, alpn_choose, server);
    assert_int_equal(SSL_CTX_use_certificate(server->context, identity->cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->context, identity->key), 1);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(server->listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(server->listener, 4), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&sa, &length), 0);
    assert_int_equal(cf_addr_port_from_sockaddr((struct sockaddr *)&sa, &server->at), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

void tls_server_join(struct tls_server *server)
{
    pthread_join(server->thread, NULL);
    close(server->listener);
    SSL_CTX_free(server->context);
}

bool tls_server_hear_head(struct tls_server *server, SSL *ssl)
{
    size_t n = 0;

    while (n + 1 < sizeof server->heard && !strstr(server->heard, "\r\n\r\n")) {
        if (SSL_read(ssl, server->heard + n, 1) != 1)
            return false;
        n++;
    }
    return strstr(server->heard, "\r\n\r\n") != NULL;
}

void tls_server_hear_all(struct tls_server *server, SSL *ssl)
{
    uint8_t data[16384];
    int n;

    while ((n = SSL_read(ssl, data, sizeof data)) > 0) {
        for (int i = 0; i < n; i++)
            server->sum_heard += data[i] == pattern_byte(server->n_heard + (uint64_t)i);
        server->n_heard += (uint64_t)n;
    }
    server->ended = SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN;
    server->broken = !server->ended;
}

bool tls_server_say(SSL *ssl, const void *data, size_t length)
{
    return SSL_write(ssl, data, (int)length) == (int)length;
}
