/* memory_store.c -- shards of entries, each behind its lock. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/memory_store.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "cache/memory_shard.h"

#define SHARDS_MAX 64

/* Room that makes a further shard worth it. */
#define SHARD_ROOM ((size_t)8 << 20)

struct memory_store {
	uint64_t seed; /* nobody can choose keys that fall into one bucket */
	size_t n_shards;
	struct memory_shard shards[]; /* (n_shards), a power of two */
};

/* --- life ----------------------------------------------------------------- */

static size_t power_below(size_t n)
{
	size_t power = 1;

	while (power <= n / 2)
		power *= 2;
	return power;
}

/* Each shard's part of <max_bytes>. */
static size_t share_of(size_t max_bytes, size_t n_shards)
{
	size_t fixed = sizeof(struct memory_store);

	return max_bytes > fixed ? (max_bytes - fixed) / n_shards : 0;
}

static uint64_t random_seed(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t seed = 0;

	if (random)
		memcpy(&seed, random, sizeof(seed));
	return seed;
}

struct memory_store *memory_store_new(size_t max_bytes)
{
	size_t n = power_below(max_bytes / SHARD_ROOM), len;
	struct memory_store *store;

	if (n > SHARDS_MAX)
		n = SHARDS_MAX;
	len = sizeof(*store) + n * sizeof(struct memory_shard);
	store = aligned_alloc(_Alignof(struct memory_store), len);
	assert(store != NULL);
	memset(store, 0, len);
	store->seed = random_seed();
	store->n_shards = n;
	for (size_t i = 0; i < n; i++)
		memory_shard_init(&store->shards[i], share_of(max_bytes, n));
	return store;
}

void memory_store_free(struct memory_store **store)
{
	if (!*store)
		return;
	for (size_t i = 0; i < (*store)->n_shards; i++)
		memory_shard_free(&(*store)->shards[i]);
	free(*store);
	*store = NULL;
}

/* --- from any thread ------------------------------------------------------ */

static uint64_t hash_key(
    const struct memory_store *store, const struct sha256 *key)
{
	return hash_fast(
	    span_make((const char *)key->bytes, SHA256_LEN), store->seed);
}

/* By bits that neither buckets nor ghosts are chosen by. */
static struct memory_shard *lock_shard(
    struct memory_store *store, uint64_t hash)
{
	struct memory_shard *shard =
	    &store->shards[hash >> 56 & (store->n_shards - 1)];

	pthread_mutex_lock(&shard->lock);
	return shard;
}

struct cache_entry *memory_store_get(
    struct memory_store *store, const struct sha256 *key, int64_t now_utc_ns)
{
	uint64_t hash = hash_key(store, key);
	struct memory_shard *shard = lock_shard(store, hash);
	struct memory_node *dropped = NULL;
	struct cache_entry *entry =
	    memory_shard_get(shard, key, hash, now_utc_ns, &dropped);

	pthread_mutex_unlock(&shard->lock);
	memory_node_free_all(dropped);
	return entry;
}

bool memory_store_put(struct memory_store *store, struct cache_entry *entry)
{
	uint64_t hash = hash_key(store, cache_entry_key(entry));
	struct memory_node *node = memory_node_new(entry, hash);
	struct memory_shard *shard = lock_shard(store, hash);
	struct memory_node *dropped = NULL;
	bool is_kept = memory_shard_put(shard, node, &dropped);

	pthread_mutex_unlock(&shard->lock);
	memory_node_free_all(dropped);
	return is_kept;
}

void memory_store_remove(struct memory_store *store, const struct sha256 *key)
{
	uint64_t hash = hash_key(store, key);
	struct memory_shard *shard = lock_shard(store, hash);
	struct memory_node *dropped = NULL;

	memory_shard_remove(shard, key, hash, &dropped);
	pthread_mutex_unlock(&shard->lock);
	memory_node_free_all(dropped);
}

void memory_store_set_max(struct memory_store *store, size_t max_bytes)
{
	size_t share = share_of(max_bytes, store->n_shards);

	for (size_t i = 0; i < store->n_shards; i++) {
		struct memory_shard *shard = &store->shards[i];
		struct memory_table table = memory_table_new(share);
		struct memory_node *dropped = NULL;

		pthread_mutex_lock(&shard->lock);
		memory_shard_resize(shard, share, &table, &dropped);
		pthread_mutex_unlock(&shard->lock);
		memory_node_free_all(dropped);
		memory_table_free(&table);
	}
}

void memory_store_count(
    struct memory_store *store, struct memory_store_counts *counts)
{
	*counts = (struct memory_store_counts){.bytes = sizeof(*store)};
	for (size_t i = 0; i < store->n_shards; i++) {
		struct memory_shard *shard = &store->shards[i];

		pthread_mutex_lock(&shard->lock);
		counts->entries += shard->n_nodes;
		counts->bytes += memory_shard_size(shard);
		counts->evicted += shard->evicted;
		counts->expired += shard->expired;
		counts->refused += shard->refused;
		pthread_mutex_unlock(&shard->lock);
	}
}
