/* memory_shard.c -- entries that come, stay and leave by S3-FIFO. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/memory_shard.h"

#include <stdlib.h>

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
 */
enum {
	ROOM_PER_BUCKET = 512,
	BUCKETS_MIN = 16,
	GHOST_WAYS = 4, /* places that one fingerprint may have */
	USES_MAX = 3,
	SMALL_SHARE = 10, /* the small queue's part of the room: 1 / 10 */
	LARGEST_SHARE = 8,
	STAYS_MAX = 128, /* entries that one put lets stay */
};

/* --- tables --------------------------------------------------------------- */

/* Buckets for a shard that has <bytes> in all. */
static size_t buckets_for(size_t bytes)
{
	size_t n = BUCKETS_MIN;

	while (n <= bytes / ROOM_PER_BUCKET / 2)
		n *= 2;
	return n;
}

static size_t table_size(size_t n)
{
	return n * (sizeof(struct memory_node *) + sizeof(struct memory_ghost));
}

/* One zeroed block; large ones are not touched before they are used. */
struct memory_table memory_table_new(size_t bytes)
{
	size_t n = buckets_for(bytes);
	char *block = mem_zalloc(table_size(n));

	return (struct memory_table){
	    .n = n,
	    .buckets = (struct memory_node **)(void *)block,
	    .ghosts =
		(struct memory_ghost *)(void *)(block + n * sizeof(void *)),
	};
}

void memory_table_free(struct memory_table *table)
{
	free(table->buckets);
	*table = (struct memory_table){.n = 0};
}

static struct memory_node **bucket_of(struct memory_table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->n - 1)];
}

/* What a shard of <bytes> leaves to entries. */
static size_t room_of(size_t bytes, size_t n_buckets)
{
	size_t fixed = sizeof(struct memory_shard) + table_size(n_buckets);

	return bytes > fixed ? bytes - fixed : 0;
}

/* --- life ----------------------------------------------------------------- */

void memory_shard_init(struct memory_shard *shard, size_t bytes)
{
	pthread_mutex_init(&shard->lock, NULL);
	list_init(&shard->small);
	list_init(&shard->main);
	shard->table = memory_table_new(bytes);
	shard->room = room_of(bytes, shard->table.n);
}

void memory_shard_free(struct memory_shard *shard)
{
	for (size_t b = 0; b < shard->table.n; b++)
		memory_node_free_all(shard->table.buckets[b]);
	memory_table_free(&shard->table);
	pthread_mutex_destroy(&shard->lock);
}

struct memory_node *memory_node_new(struct cache_entry *entry, uint64_t hash)
{
	struct memory_node *node = mem_new(struct memory_node);

	list_init(&node->link);
	node->entry = cache_entry_ref(entry);
	node->hash = hash;
	node->size = cache_entry_size(entry) + sizeof(*node) + 8;
	return node;
}

void memory_node_free_all(struct memory_node *dropped)
{
	while (dropped) {
		struct memory_node *node = dropped;

		dropped = node->next;
		cache_entry_unref(&node->entry);
		free(node);
	}
}

/* --- queues --------------------------------------------------------------- */

static struct memory_node *find_node(
    struct memory_shard *shard, const struct sha256 *key, uint64_t hash)
{
	struct memory_node *node = *bucket_of(&shard->table, hash);

	while (
	    node && (node->hash != hash || memcmp(cache_entry_key(node->entry),
					       key, sizeof(*key)) != 0))
		node = node->next;
	return node;
}

static void enqueue(
    struct memory_shard *shard, struct memory_node *node, bool is_main)
{
	node->is_main = is_main;
	list_push_front(is_main ? &shard->main : &shard->small, &node->link);
	*(is_main ? &shard->main_bytes : &shard->small_bytes) += node->size;
}

static void dequeue(struct memory_shard *shard, struct memory_node *node)
{
	list_remove(&node->link);
	*(node->is_main ? &shard->main_bytes : &shard->small_bytes) -=
	    node->size;
}

static void insert(
    struct memory_shard *shard, struct memory_node *node, bool is_main)
{
	struct memory_node **bucket = bucket_of(&shard->table, node->hash);

	node->next = *bucket;
	*bucket = node;
	enqueue(shard, node, is_main);
	shard->n_nodes++;
}

/* Takes <node> out of the shard and puts it onto the list <dropped>. */
static void drop(struct memory_shard *shard, struct memory_node *node,
    struct memory_node **dropped)
{
	struct memory_node **at = bucket_of(&shard->table, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	dequeue(shard, node);
	shard->n_nodes--;
	node->next = *dropped;
	*dropped = node;
}

static struct memory_ghost *ghosts_of(struct memory_shard *shard, uint64_t hash)
{
	return &shard->table.ghosts[hash & (shard->table.n - GHOST_WAYS)];
}

static uint32_t print_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

static void add_ghost(struct memory_shard *shard, uint64_t hash)
{
	struct memory_ghost *set = ghosts_of(shard, hash), *oldest = set;

	for (int i = 0; i < GHOST_WAYS && oldest->print; i++) {
		if (!set[i].print ||
		    shard->clock - set[i].since > shard->clock - oldest->since)
			oldest = &set[i];
	}
	*oldest = (struct memory_ghost){print_of(hash), shard->clock++};
}

/* Whether <hash> was a ghost, which it then is no more. */
static bool take_ghost(struct memory_shard *shard, uint64_t hash)
{
	struct memory_ghost *set = ghosts_of(shard, hash);

	for (int i = 0; i < GHOST_WAYS; i++) {
		if (set[i].print != print_of(hash))
			continue;
		set[i].print = 0;
		return shard->clock - set[i].since <= shard->n_nodes;
	}
	return false;
}

/* Of a queue that has one. */
static struct memory_node *oldest_of(struct list *queue)
{
	return container_of(queue->prev, struct memory_node, link);
}

static bool drop_expired(struct memory_shard *shard, struct memory_node *node,
    struct memory_node **dropped)
{
	if (cache_entry_expires_utc_ns(node->entry) > shard->now)
		return false;
	shard->expired++;
	drop(shard, node, dropped);
	return true;
}

/* What nobody asks for again is found here, at the queues' ends. */
static void drop_oldest_expired(
    struct memory_shard *shard, struct memory_node **dropped)
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
static bool advance(struct memory_shard *shard, bool is_main, bool may_stay,
    struct memory_node **dropped)
{
	struct memory_node *node =
	    oldest_of(is_main ? &shard->main : &shard->small);

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
static void make_room(struct memory_shard *shard, struct memory_node **dropped)
{
	int stays = 0;

	while (shard->small_bytes + shard->main_bytes > shard->room) {
		bool is_main = !list_is_empty(&shard->main) &&
			       shard->small_bytes <= shard->room / SMALL_SHARE;

		stays += advance(shard, is_main, stays < STAYS_MAX, dropped);
	}
}

/* --- what the store asks for ---------------------------------------------- */

struct cache_entry *memory_shard_get(struct memory_shard *shard,
    const struct sha256 *key, uint64_t hash, int64_t now_utc_ns,
    struct memory_node **dropped)
{
	struct memory_node *node = find_node(shard, key, hash);

	if (now_utc_ns > shard->now)
		shard->now = now_utc_ns;
	if (!node || drop_expired(shard, node, dropped))
		return NULL;
	if (node->uses < USES_MAX)
		node->uses++;
	return cache_entry_ref(node->entry);
}

bool memory_shard_put(struct memory_shard *shard, struct memory_node *node,
    struct memory_node **dropped)
{
	bool is_kept = node->size <= shard->room / LARGEST_SHARE;
	bool is_main = take_ghost(shard, node->hash);
	struct memory_node *old =
	    find_node(shard, cache_entry_key(node->entry), node->hash);

	if (old) {
		node->uses = old->uses;
		is_main = old->is_main;
		drop(shard, old, dropped);
	}
	if (is_kept) {
		insert(shard, node, is_main);
		drop_oldest_expired(shard, dropped);
		make_room(shard, dropped);
	} else {
		shard->refused++;
		node->next = *dropped;
		*dropped = node;
	}
	return is_kept;
}

void memory_shard_remove(struct memory_shard *shard, const struct sha256 *key,
    uint64_t hash, struct memory_node **dropped)
{
	struct memory_node *node = find_node(shard, key, hash);

	if (node)
		drop(shard, node, dropped);
}

/* Moves the shard's nodes into <table>, and what it had there into <table>. */
static void exchange_table(
    struct memory_shard *shard, struct memory_table *table)
{
	struct memory_table old = shard->table;

	for (size_t b = 0; b < old.n; b++) {
		while (old.buckets[b]) {
			struct memory_node *node = old.buckets[b], **to;

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
void memory_shard_resize(struct memory_shard *shard, size_t bytes,
    struct memory_table *table, struct memory_node **dropped)
{
	if (shard->table.n != table->n)
		exchange_table(shard, table);
	shard->room = room_of(bytes, shard->table.n);
	make_room(shard, dropped);
}

size_t memory_shard_size(const struct memory_shard *shard)
{
	return sizeof(*shard) + table_size(shard->table.n) +
	       shard->small_bytes + shard->main_bytes;
}
