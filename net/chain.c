/* chain.c -- bytes that wait to be written, in recycled blocks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/chain.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/uio.h>

struct chain_block {
	struct chain_block *next;
	uint32_t start; /* first byte not consumed */
	uint32_t end;   /* one past the last */
	char data[];
};

#define BLOCK_CAP (CHAIN_BLOCK - sizeof(struct chain_block))

static struct chain_block *take_block(struct chain_pool *pool)
{
	struct chain_block *block = pool->free;

	if (block) {
		pool->free = block->next;
		pool->count--;
	} else {
		block = mem_alloc(CHAIN_BLOCK);
	}
	block->next = NULL;
	block->start = 0;
	block->end = 0;
	return block;
}

static void give_block(struct chain_pool *pool, struct chain_block *block)
{
	if (pool->count == CHAIN_POOL_KEEPS) {
		free(block);
		return;
	}
	block->next = pool->free;
	pool->free = block;
	pool->count++;
}

void chain_append(
    struct chain *chain, struct chain_pool *pool, struct span bytes)
{
	chain->len += bytes.len;
	while (bytes.len > 0) {
		struct chain_block *block = chain->last;
		struct span part;

		if (!block || block->end == BLOCK_CAP) {
			block = take_block(pool);
			if (chain->last)
				chain->last->next = block;
			else
				chain->first = block;
			chain->last = block;
		}
		part = span_head(bytes, BLOCK_CAP - block->end);
		memcpy(block->data + block->end, part.ptr, part.len);
		block->end += (uint32_t)part.len;
		bytes = span_from(bytes, part.len);
	}
}

int chain_gather(const struct chain *chain, struct iovec *pieces, int max)
{
	struct chain_block *block = chain->first;
	int n = 0;

	for (; block && n < max; block = block->next, n++) {
		pieces[n].iov_base = block->data + block->start;
		pieces[n].iov_len = block->end - block->start;
	}
	return n;
}

void chain_consume(struct chain *chain, struct chain_pool *pool, size_t len)
{
	assert(len <= chain->len);
	chain->len -= len;
	while (len > 0) {
		struct chain_block *block = chain->first;
		size_t live = block->end - block->start;

		if (len < live) {
			block->start += (uint32_t)len;
			return;
		}
		len -= live;
		chain->first = block->next;
		if (!chain->first)
			chain->last = NULL;
		give_block(pool, block);
	}
}

void chain_pool_free(struct chain_pool *pool)
{
	while (pool->free) {
		struct chain_block *block = pool->free;

		pool->free = block->next;
		free(block);
	}
	pool->count = 0;
}
