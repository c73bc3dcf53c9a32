/* origin.h -- inside net/: what an origin holds, for client, call and pool. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_ORIGIN_H
#define NET_ORIGIN_H

#include <stdatomic.h>

#include "net/client.h"
#include "net/resolve.h"

/*
 * An origin never changes after it was made, so threads read it without a
 * lock. Everything that a call would otherwise compute again and again is made
 * here once: the pool's key and its hash, the text for messages, and the
 * address where the host is one.
 */
struct origin {
	atomic_uint refs;
	char *host;      /* lower case, without brackets */
	char *authority; /* "host:port" or "[::1]:443", for messages */
	char *key;       /* the pool's: scheme, authority, CA file */
	size_t key_len;
	uint64_t key_hash;
	uint16_t port;
	bool is_numeric; /* <address> is the host: nothing to look up */
	struct address address;
	struct tls_context *tls;
	size_t pool_idle;
	int64_t pool_keep_ns;
	struct client_timeouts timeouts;
};

static inline struct span origin_key(const struct origin *origin)
{
	return span_make(origin->key, origin->key_len);
}

#endif
