/* tls.h -- TLS contexts: whom we trust, and who we say we are. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/base.h"

/*
 * A context is immutable and reference-counted: a reload makes a new one, and
 * connections keep the one they began with. TLS 1.2 and 1.3 only. OpenSSL's
 * types stay in net/.
 *
 * OpenSSL writes to sockets with write(2): a program that uses TLS must ignore
 * SIGPIPE.
 */
struct tls_context;

/*
 * The server's side: PEM files, the key without a pass phrase. ALPN: http/1.1.
 * NULL with <err> where a file cannot be read or the key is not the
 * certificate's.
 */
struct tls_context *tls_server_new(
    const char *cert_file, const char *key_file, struct error *err) must_check;

/*
 * The client's side: verification always on, the system's roots (SSL_CERT_FILE
 * and SSL_CERT_DIR honoured) and, beside them, <ca_file> where not NULL. One
 * session a name is kept for resumption.
 */
struct tls_context *tls_client_new(
    const char *ca_file, struct error *err) must_check;

/* From any thread; both accept NULL. */
struct tls_context *tls_ref(struct tls_context *context);
void tls_unref(struct tls_context **context);

#endif
