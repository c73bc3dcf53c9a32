/* redis_tls.h -- inside cache/: TLS under a connection to Redis. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_REDIS_TLS_H
#define CACHE_REDIS_TLS_H

#include "base/base.h"

/*
 * Two files have these functions: redis_tls.c where configure found
 * hiredis_ssl, redis_no_tls.c where it did not; then redis_has_tls() says no
 * and no URL with rediss:// is ever taken.
 */
struct redisContext;
struct redis_tls;

/*
 * Begins TLS 1.2 or 1.3 on a connected socket; the certificate must be of
 * <host> (a name or an address) and signed by one of the system's roots
 * (SSL_CERT_FILE and SSL_CERT_DIR honoured). NULL with <err> when it cannot
 * begin; the handshake itself goes on with the first reads and writes.
 */
struct redis_tls *redis_tls_start(
    struct redisContext *redis, const char *host, struct error *err) must_check;

/* After the connection was freed. */
void redis_tls_free(struct redis_tls **tls);

#endif
