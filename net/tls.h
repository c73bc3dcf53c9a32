/* tls.h -- TLS contexts: whom we trust, and who we say we are. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/base.h"

/*
 * A context is immutable and reference-counted: a reload makes a new one, and
 * connections keep the one they began with. TLS 1.2 and 1.3 only. OpenSSL's
 * types stay in net/.
 */
struct tls_context;

/* The server's side: PEM files. ALPN: http/1.1. */
struct tls_context *tls_server_new(const char *cert_file, const char *key_file,
    struct error *err) must_check;

/*
 * The client's side: verification always on, the system's roots (SSL_CERT_FILE
 * and SSL_CERT_DIR honoured) and, beside them, <ca_file> where not NULL.
 * Sessions are kept for resumption.
 */
struct tls_context *tls_client_new(const char *ca_file, struct error *err)
    must_check;

struct tls_context *tls_ref(struct tls_context *context);
void tls_unref(struct tls_context **context);

#endif
