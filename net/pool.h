/* pool.h -- inside net/: idle streams, kept by where they lead. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_POOL_H
#define NET_POOL_H

#include "net/origin.h"
#include "net/stream.h"

/*
 * A loop's idle streams, in one pool for each origin's key. The one that was
 * put last is taken first: it is the likeliest to be alive, and the ones that
 * a quiet hour no longer needs grow old together and go. An idle stream is
 * still read, so that the server's close drops it at once, and so do bytes
 * that nobody asked for.
 */
#define POOL_BUCKETS 64

struct pools {
	struct loop *loop;
	struct list buckets[POOL_BUCKETS];
	struct list spares; /* records for the next streams */
	size_t n_idle;
	size_t n_pools;
	int64_t forget_ns; /* an empty pool is dropped after this long */
};

void pools_init(struct pools *pools, struct loop *loop);

/* Closes every stream and gives all memory back. */
void pools_close(struct pools *pools);

/*
 * The youngest idle stream to <origin> that is still alive, now the caller's,
 * who sets its handler; NULL when there is none.
 */
struct stream *pools_take(struct pools *pools, const struct origin *origin);

/*
 * Takes <stream> over. Past the origin's number of idle streams the oldest one
 * is closed.
 */
void pools_put(
    struct pools *pools, const struct origin *origin, struct stream *stream);

#endif
