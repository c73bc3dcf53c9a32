/* memory_store.c -- entries in shards, each kept by S3-FIFO. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/memory_store.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "base/list.h"
#include "base/memory.h"

/*
 * S3-FIFO (Yang et al., SOSP 2023): a new entry goes into a small queue, a
 * tenth of the room. When it comes to that queue's end it has been asked for
 * again, and moves to the main queue, or it leaves and its fingerprint stays
 * among the ghosts; what comes back while it is a ghost goes to the main queue
 * at once. The main queue is a clock: what was asked for since it was last at
 * the end goes round once more for each time, up to three. So a scan passes
 * through the small queue alone. A hit writes one counter and moves nothing,
 * which is why this and not W-TinyLFU: that one's hits update a sketch and two
 * lists, and it must be told how fast to forget.
 *
 * Memory: an entry's block, a node of 64 bytes for it, and for each 512 bytes
 * of the shard's room (rounded to a power of two) one bucket and one ghost.
 * All of it is counted. The table does not grow with the entries, so that no
 * request pays for that; memory_store_set_max changes it.
 *
 * Under a lock nothing is allocated, freed or copied: nodes and tables are made
 * before, and what leaves is chained to a list that is freed after.
 */
enum {
	SHARDS_MAX = 64,
	ROOM_PER_BUCKET = 512,
	BUCKETS_MIN = 16,
	GHOST_WAYS = 4, /* places that one fingerprint may have */
	USES_MAX = 3,
	SMALL_SHARE = 10, /* the small queue's part of the room: 1 / 10 */
	LARGEST_SHARE = 8,
	STAYS_MAX = 128, /* entries that one put lets stay */
};

/* Room that makes a further shard worth it. */
#define SHARD_ROOM ((size_t)8 << 20)

struct node {
	struct node *next; /* in its bucket, or in a list of dropped ones */
	struct list link;  /* in its queue, newest first */
	struct cache_entry *entry;
	uint64_t hash;
	size_t size; /* the entry's, its node's */
	uint8_t uses;
	bool is_main;
};

/* What left not long ago: <since> is what the shard's clock showed. */
struct ghost {
	uint32_t print; /* odd; 0: none */
	uint32_t since;
};

struct table {
	size_t n; /* buckets and ghosts, a power of two */
	struct node **buckets;
	struct ghost *ghosts; /* sets of GHOST_WAYS */
};

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	struct table table;
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

struct memory_store {
	uint64_t seed; /* nobody can choose keys that fall into one bucket */
	size_t n_shards;
	struct shard shards[]; /* (n_shards), a power of two */
};

/* --- tables --------------------------------------------------------------- */

static size_t power_below(size_t n)
{
	size_t power = 1;

	while (power <= n / 2)
		power *= 2;
	return power;
}

/* Buckets for a shard that has <bytes> in all. */
static size_t buckets_for(size_t bytes)
{
	size_t n = power_below(bytes / ROOM_PER_BUCKET);

	return n > BUCKETS_MIN ? n : BUCKETS_MIN;
}

static size_t table_size(size_t n)
{
	return n * (sizeof(struct node *) + sizeof(struct ghost));
}

/* One zeroed block; large ones are not touched before they are used. */
static struct table table_new(size_t n)
{
	char *block = mem_zalloc(table_size(n));

	return (struct table){
	    .n = n,
	    .buckets = (struct node **)(void *)block,
	    .ghosts = (struct ghost *)(void *)(block + n * sizeof(void *)),
	};
}

static struct node **bucket_of(struct table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->n - 1)];
}

/* Each shard's part of <max_bytes>. */
static size_t share_of(size_t max_bytes, size_t n_shards)
{
	size_t fixed = sizeof(struct memory_store);

	return max_bytes > fixed ? (max_bytes - fixed) / n_shards : 0;
}

/* What a shard of <bytes> leaves to entries. */
static size_t room_of(size_t bytes, size_t n_buckets)
{
	size_t fixed = sizeof(struct shard) + table_size(n_buckets);

	return bytes > fixed ? bytes - fixed : 0;
}

/* --- life ----------------------------------------------------------------- */

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
	size_t n = power_below(max_bytes / SHARD_ROOM), len, share;
	struct memory_store *store;

	if (n > SHARDS_MAX)
		n = SHARDS_MAX;
	share = share_of(max_bytes, n);
	len = sizeof(*store) + n * sizeof(struct shard);
	store = aligned_alloc(_Alignof(struct memory_store), len);
	assert(store != NULL);
	memset(store, 0, len);
	store->seed = random_seed();
	store->n_shards = n;
	for (size_t i = 0; i < n; i++) {
		struct shard *shard = &store->shards[i];

		pthread_mutex_init(&shard->lock, NULL);
		list_init(&shard->small);
		list_init(&shard->main);
		shard->table = table_new(buckets_for(share));
		shard->room = room_of(share, shard->table.n);
	}
	return store;
}

static struct node *node_new(struct cache_entry *entry, uint64_t hash)
{
	struct node *node = mem_new(struct node);

	list_init(&node->link);
	node->entry = cache_entry_ref(entry);
	node->hash = hash;
	node->size = cache_entry_size(entry) + sizeof(*node) + 8;
	return node;
}

/* Frees a list of dropped nodes; never under a lock. */
static void free_dropped(struct node *dropped)
{
	while (dropped) {
		struct node *node = dropped;

		dropped = node->next;
		cache_entry_unref(&node->entry);
		free(node);
	}
}

void memory_store_free(struct memory_store **store)
{
	if (!*store)
		return;
	for (size_t i = 0; i < (*store)->n_shards; i++) {
		struct shard *shard = &(*store)->shards[i];

		for (size_t b = 0; b < shard->table.n; b++)
			free_dropped(shard->table.buckets[b]);
		free(shard->table.buckets);
		pthread_mutex_destroy(&shard->lock);
	}
	free(*store);
	*store = NULL;
}

/* --- one shard; all below is called with its lock held ------------------- */

static struct node *find_node(
    struct shard *shard, const struct sha256 *key, uint64_t hash)
{
	struct node *node = *bucket_of(&shard->table, hash);

	while (
	    node && (node->hash != hash || memcmp(cache_entry_key(node->entry),
					       key, sizeof(*key)) != 0))
		node = node->next;
	return node;
}

static void enqueue(struct shard *shard, struct node *node, bool is_main)
{
	node->is_main = is_main;
	list_push_front(is_main ? &shard->main : &shard->small, &node->link);
	*(is_main ? &shard->main_bytes : &shard->small_bytes) += node->size;
}

static void dequeue(struct shard *shard, struct node *node)
{
	list_remove(&node->link);
	*(node->is_main ? &shard->main_bytes : &shard->small_bytes) -=
	    node->size;
}

static void insert(struct shard *shard, struct node *node, bool is_main)
{
	struct node **bucket = bucket_of(&shard->table, node->hash);

	node->next = *bucket;
	*bucket = node;
	enqueue(shard, node, is_main);
	shard->n_nodes++;
}

/* Takes <node> out of the shard and puts it onto the list <dropped>. */
static void drop(struct shard *shard, struct node *node, struct node **dropped)
{
	struct node **at = bucket_of(&shard->table, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	dequeue(shard, node);
	shard->n_nodes--;
	node->next = *dropped;
	*dropped = node;
}

static struct ghost *ghosts_of(struct shard *shard, uint64_t hash)
{
	return &shard->table.ghosts[hash & (shard->table.n - GHOST_WAYS)];
}

static uint32_t print_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

static void add_ghost(struct shard *shard, uint64_t hash)
{
	struct ghost *set = ghosts_of(shard, hash), *oldest = set;

	for (int i = 0; i < GHOST_WAYS && oldest->print; i++) {
		if (!set[i].print ||
		    shard->clock - set[i].since > shard->clock - oldest->since)
			oldest = &set[i];
	}
	*oldest = (struct ghost){print_of(hash), shard->clock++};
}

/* Whether <hash> was a ghost, which it then is no more. */
static bool take_ghost(struct shard *shard, uint64_t hash)
{
	struct ghost *set = ghosts_of(shard, hash);

	for (int i = 0; i < GHOST_WAYS; i++) {
		if (set[i].print != print_of(hash))
			continue;
		set[i].print = 0;
		return shard->clock - set[i].since <= shard->n_nodes;
	}
	return false;
}

/* Of a queue that has one. */
static struct node *oldest_of(struct list *queue)
{
	return container_of(queue->prev, struct node, link);
}

static bool drop_expired(
    struct shard *shard, struct node *node, struct node **dropped)
{
	if (cache_entry_expires_utc_ns(node->entry) > shard->now)
		return false;
	shard->expired++;
	drop(shard, node, dropped);
	return true;
}

/* What nobody asks for again is found here, at the queues' ends. */
static void drop_oldest_expired(struct shard *shard, struct node **dropped)
{
	if (!list_is_empty(&shard->small))
		drop_expired(shard, oldest_of(&shard->small), dropped);
	if (!list_is_empty(&shard->main))
		drop_expired(shard, oldest_of(&shard->main), dropped);
}

/*
 * Looks at the entry at one queue's end, which is not empty. True when that
 * may stay and was asked for: it goes to the main queue's front. Else it is
 * dropped.
 */
static bool advance(
    struct shard *shard, bool is_main, bool may_stay, struct node **dropped)
{
	struct node *node = oldest_of(is_main ? &shard->main : &shard->small);

	if (drop_expired(shard, node, dropped))
		return false;
	if (may_stay && node->uses > 0) {
		node->uses = is_main ? node->uses - 1 : 0;
		dequeue(shard, node);
		enqueue(shard, node, true);
		return true;
	}
	if (!is_main)
		add_ghost(shard, node->hash);
	shard->evicted++;
	drop(shard, node, dropped);
	return false;
}

/*
 * Evicts until the shard is within its room. When all of a large shard is in
 * use, to let each entry stay once more would hold the lock for long, so one
 * call lets STAYS_MAX of them.
 */
static void make_room(struct shard *shard, struct node **dropped)
{
	int stays = 0;

	while (shard->small_bytes + shard->main_bytes > shard->room) {
		bool is_main = !list_is_empty(&shard->main) &&
			       shard->small_bytes <= shard->room / SMALL_SHARE;

		stays += advance(shard, is_main, stays < STAYS_MAX, dropped);
	}
}

/* --- from any thread ------------------------------------------------------ */

static uint64_t hash_key(
    const struct memory_store *store, const struct sha256 *key)
{
	return hash_fast(
	    span_make((const char *)key->bytes, SHA256_LEN), store->seed);
}

/* By bits that neither buckets nor ghosts are chosen by. */
static struct shard *lock_shard(struct memory_store *store, uint64_t hash)
{
	struct shard *shard =
	    &store->shards[hash >> 56 & (store->n_shards - 1)];

	pthread_mutex_lock(&shard->lock);
	return shard;
}

struct cache_entry *memory_store_get(
    struct memory_store *store, const struct sha256 *key, int64_t now_utc_ns)
{
	uint64_t hash = hash_key(store, key);
	struct shard *shard = lock_shard(store, hash);
	struct node *node = find_node(shard, key, hash), *dropped = NULL;
	struct cache_entry *entry = NULL;

	if (now_utc_ns > shard->now)
		shard->now = now_utc_ns;
	if (node && !drop_expired(shard, node, &dropped)) {
		if (node->uses < USES_MAX)
			node->uses++;
		entry = cache_entry_ref(node->entry);
	}
	pthread_mutex_unlock(&shard->lock);
	free_dropped(dropped);
	return entry;
}

bool memory_store_put(struct memory_store *store, struct cache_entry *entry)
{
	const struct sha256 *key = cache_entry_key(entry);
	uint64_t hash = hash_key(store, key);
	struct node *node = node_new(entry, hash), *old, *dropped = NULL;
	struct shard *shard = lock_shard(store, hash);
	bool is_kept = node->size <= shard->room / LARGEST_SHARE, is_main;

	old = find_node(shard, key, hash);
	is_main = take_ghost(shard, hash);
	if (old) {
		node->uses = old->uses;
		is_main = old->is_main;
		drop(shard, old, &dropped);
	}
	if (is_kept) {
		insert(shard, node, is_main);
		drop_oldest_expired(shard, &dropped);
		make_room(shard, &dropped);
	} else {
		shard->refused++;
		node->next = dropped;
		dropped = node;
	}
	pthread_mutex_unlock(&shard->lock);
	free_dropped(dropped);
	return is_kept;
}

void memory_store_remove(struct memory_store *store, const struct sha256 *key)
{
	uint64_t hash = hash_key(store, key);
	struct shard *shard = lock_shard(store, hash);
	struct node *node = find_node(shard, key, hash), *dropped = NULL;

	if (node)
		drop(shard, node, &dropped);
	pthread_mutex_unlock(&shard->lock);
	free_dropped(dropped);
}

/* Moves the shard's nodes into <table>, and what it had there into <table>. */
static void exchange_table(struct shard *shard, struct table *table)
{
	struct table old = shard->table;

	for (size_t b = 0; b < old.n; b++) {
		while (old.buckets[b]) {
			struct node *node = old.buckets[b], **to;

			old.buckets[b] = node->next;
			to = bucket_of(table, node->hash);
			node->next = *to;
			*to = node;
		}
	}
	shard->table = *table;
	*table = old;
}

/* Ghosts of another table's size are forgotten: they only ever help. */
void memory_store_set_max(struct memory_store *store, size_t max_bytes)
{
	size_t share = share_of(max_bytes, store->n_shards);
	size_t n = buckets_for(share);

	for (size_t i = 0; i < store->n_shards; i++) {
		struct shard *shard = &store->shards[i];
		struct table table = table_new(n);
		struct node *dropped = NULL;

		pthread_mutex_lock(&shard->lock);
		if (shard->table.n != n)
			exchange_table(shard, &table);
		shard->room = room_of(share, n);
		make_room(shard, &dropped);
		pthread_mutex_unlock(&shard->lock);
		free_dropped(dropped);
		free(table.buckets);
	}
}

void memory_store_count(
    struct memory_store *store, struct memory_store_counts *counts)
{
	*counts = (struct memory_store_counts){.bytes = sizeof(*store)};
	for (size_t i = 0; i < store->n_shards; i++) {
		struct shard *shard = &store->shards[i];

		pthread_mutex_lock(&shard->lock);
		counts->entries += shard->n_nodes;
		counts->bytes += sizeof(*shard) + table_size(shard->table.n) +
				 shard->small_bytes + shard->main_bytes;
		counts->evicted += shard->evicted;
		counts->expired += shard->expired;
		counts->refused += shard->refused;
		pthread_mutex_unlock(&shard->lock);
	}
}
