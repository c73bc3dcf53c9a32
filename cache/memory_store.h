/* memory_store.h -- entries in this process, bounded in bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_MEMORY_STORE_H
#define CACHE_MEMORY_STORE_H

#include "cache/entry.h"

/*
 * Shared by all workers: the key's bits choose one of a number of shards, each
 * with its lock, held for a look into a table and never for a copy. What stays
 * is chosen so that a scan (many requests that come once) does not push out
 * what is asked for again and again. memory_shard.c says how, and
 * bench/cache_bench measures it against LRU.
 */
struct memory_store;

/* Room for <max_bytes> of entries with all that it takes to find them. */
struct memory_store *memory_store_new(size_t max_bytes);
void memory_store_free(struct memory_store **store);

/* From any thread; shrinking evicts at once. */
void memory_store_set_max(struct memory_store *store, size_t max_bytes);

/*
 * The entry of <key>, with a reference for the caller, or NULL. One that has
 * expired at <now_utc_ns> is dropped and is NULL.
 */
struct cache_entry *memory_store_get(
    struct memory_store *store, const struct sha256 *key, int64_t now_utc_ns);

/*
 * Keeps <entry> (takes a reference of its own), in the place of one with the
 * same key. False when it is larger than a shard lets one entry be (an eighth
 * of the shard's room).
 */
bool memory_store_put(struct memory_store *store, struct cache_entry *entry);

void memory_store_remove(struct memory_store *store, const struct sha256 *key);

/* Sums over the shards. */
struct memory_store_counts {
	uint64_t entries;
	uint64_t bytes;
	uint64_t evicted;
	uint64_t expired;
	uint64_t refused; /* too large */
};
void memory_store_count(
    struct memory_store *store, struct memory_store_counts *counts);

#endif
