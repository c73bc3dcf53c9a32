/* memory_shard.h -- a part of the memory store: one table and two queues. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_MEMORY_SHARD_H
#define CACHE_MEMORY_SHARD_H

#include <pthread.h>

#include "base/list.h"
#include "cache/entry.h"

/*
 * The store's own: memory_store.c chooses the shard, takes its lock and calls
 * what is below. Under a lock nothing is allocated, freed or copied: nodes and
 * tables are made before, and what leaves is chained to the list <dropped>,
 * which is freed after.
 */
struct memory_node {
	struct memory_node *next; /* in its bucket, or in a list of dropped */
	struct list link;         /* in its queue, newest first */
	struct cache_entry *entry;
	uint64_t hash;
	size_t size; /* the entry's, its node's */
	uint8_t uses;
	bool is_main;
};

/* What left not long ago: <since> is what the shard's clock showed. */
struct memory_ghost {
	uint32_t print; /* odd; 0: none */
	uint32_t since;
};

struct memory_table {
	size_t n; /* buckets and ghosts, a power of two */
	struct memory_node **buckets;
	struct memory_ghost *ghosts; /* in small sets */
};

struct memory_shard {
	_Alignas(64) pthread_mutex_t lock;
	struct memory_table table;
	struct list small;
	struct list main;
	size_t room; /* bytes that nodes and entries may take */
	size_t small_bytes;
	size_t main_bytes;
	size_t n_nodes;
	uint32_t clock; /* ghosts made */
	int64_t now;    /* the latest time that a get told */
	uint64_t evicted;
	uint64_t expired;
	uint64_t refused;
};

/* --- without the lock ----------------------------------------------------- */

/* A zeroed shard that may take <bytes>, itself and its table among them. */
void memory_shard_init(struct memory_shard *shard, size_t bytes);

/* Frees what it holds; nobody else has it any more. */
void memory_shard_free(struct memory_shard *shard);

/* The table of a shard of <bytes>. */
struct memory_table memory_table_new(size_t bytes);
void memory_table_free(struct memory_table *table);

/* Takes a reference of its own. */
struct memory_node *memory_node_new(struct cache_entry *entry, uint64_t hash);

/* Frees a list of dropped nodes. */
void memory_node_free_all(struct memory_node *dropped);

/* --- with the lock held --------------------------------------------------- */

/* The entry with a reference for the caller, or NULL. */
struct cache_entry *memory_shard_get(struct memory_shard *shard,
    const struct sha256 *key, uint64_t hash, int64_t now_utc_ns,
    struct memory_node **dropped);

/* Takes <node>, which is dropped when it is too large; false then. */
bool memory_shard_put(struct memory_shard *shard, struct memory_node *node,
    struct memory_node **dropped);

void memory_shard_remove(struct memory_shard *shard, const struct sha256 *key,
    uint64_t hash, struct memory_node **dropped);

/* Gives it <bytes> and <table>, which was made for them, and takes its own. */
void memory_shard_resize(struct memory_shard *shard, size_t bytes,
    struct memory_table *table, struct memory_node **dropped);

/* All that it takes, in bytes. */
size_t memory_shard_size(const struct memory_shard *shard);

#endif
