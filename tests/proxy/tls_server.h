/*
 * tls_server.h - certificates that a test makes itself, and a TLS server in a thread
 *
 * The server takes one connection, then does what the test gave it; its calls
 * block, for a minute at most. It judges nothing: what it saw is in its struct
 * once it is joined.
 */
#ifndef CF_TESTS_PROXY_TLS_SERVER_H
#define CF_TESTS_PROXY_TLS_SERVER_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct identity {
    EVP_PKEY *key;
    X509 *cert;
};

/*
 * names:    a subjectAltName as OpenSSL writes it: "DNS:proxy.example"; NULL for an authority
 *           (a host's common name is cn.example)
 * issuer:   NULL: signed by itself
 * end_s:    how long it holds from now; negative: it has expired
 */
void identity_make(struct identity *identity, const char *names, const struct identity *issuer,
                   long end_s);
void identity_done(struct identity *identity);

/* Its certificate as PEM; free(). */
char *identity_pem(const struct identity *identity, size_t *ret_length);

struct tls_server {
    struct cf_addr_port at;
    /* What it does once the handshake is done (or failed: ssl is NULL); closes nothing. */
    void (*serve)(struct tls_server *server, SSL *ssl);
    /* What it saw. */
    bool accepted; /* the handshake */
    char sni[64], alpn[16];
    char heard[4096]; /* the head of the request */
    uint64_t n_heard, sum_heard;
    bool ended, broken; /* by close_notify; by anything else */
    int fd;
    /* Its own. */
    int listener;
    SSL_CTX *context;
    pthread_t thread;
};

/* max_version: TLS1_2_VERSION and so on; 0: the latest */
void tls_server_start(struct tls_server *server, const struct identity *identity, int max_version,
                      void (*serve)(struct tls_server *server, SSL *ssl));
/* Wait for it to end. */
void tls_server_join(struct tls_server *server);

/* Read up to the end of a request's head; false when there is none. */
bool tls_server_hear_head(struct tls_server *server, SSL *ssl);
/* Read to the end, counting; sets ended or broken. */
void tls_server_hear_all(struct tls_server *server, SSL *ssl);
bool tls_server_say(SSL *ssl, const void *data, size_t length);

/* Byte i of what is sent to be counted. */
static inline uint8_t pattern_byte(uint64_t i)
{
    return (uint8_t)(i * 131 + (i >> 9));
}

#endif
