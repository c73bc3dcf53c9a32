/* chain.h -- bytes that wait to be written, in recycled blocks. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_CHAIN_H
#define NET_CHAIN_H

#include "base/base.h"

/*
 * A queue of bytes whose memory comes from a pool that all streams of a loop
 * share: a stream holds blocks only while the peer has not taken their bytes.
 * Bounds are the writer's business (stream_is_full); the pool bounds only what
 * it keeps for later.
 */
#define CHAIN_BLOCK ((size_t)16384) /* one block, header included */
#define CHAIN_POOL_KEEPS 64         /* free blocks kept: 1 MiB */

struct iovec;
struct chain_block;

struct chain_pool {
	struct chain_block *free;
	size_t count;
};

struct chain {
	struct chain_block *first;
	struct chain_block *last;
	size_t len; /* bytes in all blocks */
};

void chain_append(
    struct chain *chain, struct chain_pool *pool, struct span bytes);

/* Fills at most <max> pieces from the front; returns how many. */
int chain_gather(const struct chain *chain, struct iovec *pieces, int max);

/* Drops <len> bytes, at most all, from the front. */
void chain_consume(struct chain *chain, struct chain_pool *pool, size_t len);

/* Frees the pool's blocks; chains must be empty. */
void chain_pool_free(struct chain_pool *pool);

#endif
