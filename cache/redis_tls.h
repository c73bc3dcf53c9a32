/* redis_tls.h -- inside cache/: TLS under a connection to Redis. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_REDIS_TLS_H
#define CACHE_REDIS_TLS_H

#include "base/base.h"

/*
 * Two files have these functions: redis_tls.c where configure found
 * hiredis_ssl, redis_no_tls.c where it did not; then redis_has_tls() says no
 * and no URL with rediss:// is ever taken.
 *
 * hiredis makes its TLS objects without looking whose certificate it is shown,
 * so they are made here.
 */
struct redisContext;
struct redis_tls;

/*
 * For connections to <host>, a name or an address, whose certificate must be
 * its own and signed by one of the system's roots (SSL_CERT_FILE and
 * SSL_CERT_DIR honoured). Reads files. NULL with <err> when they are unusable.
 */
struct redis_tls *redis_tls_new(const char *host, struct error *err) must_check;

/* No connection may be left. */
void redis_tls_free(struct redis_tls **tls);

/*
 * Begins TLS 1.2 or 1.3 on a connected socket; the handshake goes on with the
 * first reads and writes. One connection at a time. FAILED with <err>.
 */
enum result redis_tls_start(struct redis_tls *tls, struct redisContext *redis,
    struct error *err) must_check;

/* Before each read and write: OpenSSL's errors are those of the thread. */
void redis_tls_prepare(void);

/* Why the last read or write failed, or NULL where TLS does not know. */
const char *redis_tls_problem(const struct redis_tls *tls);

#endif
