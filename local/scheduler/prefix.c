/* prefix.c -- pages of texts before, for texts that begin alike. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/scheduler/prefix.h"

#include <stdlib.h>
#include <sys/random.h>

#define BUCKETS_FIRST 256

struct prefix_entry {
	struct prefix_entry *next; /* of its bucket */
	struct list link;          /* of idle, or of held */
	struct prefix_hash hash;
	struct kv_block block;
	uint32_t holders;
};

struct prefix {
	struct kv_pool *pool;
	bool keeps;
	uint8_t seed[16];
	struct prefix_entry **buckets; /* (mask + 1) */
	uint32_t mask, n;
	struct list idle; /* first who goes first */
	struct list held;
};

struct prefix *prefix_new(struct kv_pool *pool, bool keeps)
{
	struct prefix *p = mem_new(struct prefix);

	p->pool = pool;
	p->keeps = keeps;
	if (getrandom(p->seed, sizeof(p->seed), 0) != sizeof(p->seed))
		abort(); /* so few bytes never fail once the system is up */
	p->mask = BUCKETS_FIRST - 1;
	p->buckets = mem_zalloc(BUCKETS_FIRST * sizeof(struct prefix_entry *));
	list_init(&p->idle);
	list_init(&p->held);
	return p;
}

/* --- hashes --------------------------------------------------------------- */

static struct prefix_hash cut_hash(const void *bytes, size_t len)
{
	struct sha256 whole = hash_sha256(span_make(bytes, len));
	struct prefix_hash hash;

	memcpy(hash.bytes, whole.bytes, sizeof(hash.bytes));
	return hash;
}

struct prefix_hash prefix_root(
    const struct prefix *p, struct span tenant, uint8_t kind)
{
	size_t len = sizeof(p->seed) + 1 + tenant.len;
	char *text = mem_alloc(len);
	struct prefix_hash hash;

	memcpy(text, p->seed, sizeof(p->seed));
	text[sizeof(p->seed)] = (char)kind;
	if (tenant.len)
		memcpy(text + sizeof(p->seed) + 1, tenant.ptr, tenant.len);
	hash = cut_hash(text, len);
	free(text);
	return hash;
}

struct prefix_hash prefix_next(
    const struct prefix_hash *parent, const uint32_t *tokens)
{
	struct {
		struct prefix_hash parent;
		uint32_t tokens[KV_PAGE_TOKENS];
	} text = {.parent = *parent};

	memcpy(text.tokens, tokens, sizeof(text.tokens));
	return cut_hash(&text, sizeof(text));
}

/* --- the table ------------------------------------------------------------ */

static struct prefix_entry **bucket_of(
    const struct prefix *p, const struct prefix_hash *hash)
{
	uint32_t at;

	memcpy(&at, hash->bytes, sizeof(at));
	return &p->buckets[at & p->mask];
}

static struct prefix_entry *find(
    const struct prefix *p, const struct prefix_hash *hash)
{
	struct prefix_entry *entry = *bucket_of(p, hash);

	while (entry && memcmp(&entry->hash, hash, sizeof(*hash)) != 0)
		entry = entry->next;
	return entry;
}

static void grow(struct prefix *p)
{
	struct prefix_entry **old = p->buckets;
	uint32_t n = p->mask + 1;

	if (p->n < n)
		return;
	p->mask = 2 * n - 1;
	p->buckets = mem_zalloc(2 * (size_t)n * sizeof(struct prefix_entry *));
	for (uint32_t i = 0; i < n; i++) {
		for (struct prefix_entry *e = old[i], *next; e; e = next) {
			struct prefix_entry **bucket = bucket_of(p, &e->hash);

			next = e->next;
			e->next = *bucket;
			*bucket = e;
		}
	}
	free(old);
}

static void drop(struct prefix *p, struct prefix_entry *entry)
{
	struct prefix_entry **at = bucket_of(p, &entry->hash);

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	p->n--;
	list_remove(&entry->link);
	for (int g = 0; g < KV_GROUPS; g++)
		kv_release(p->pool, &entry->block, g);
	free(entry);
}

void prefix_free(struct prefix **prefix)
{
	struct prefix *p = *prefix;

	if (!p)
		return;
	list_for_each_safe(at, &p->idle)
		drop(p, container_of(at, struct prefix_entry, link));
	free(p->buckets);
	free(p);
	*prefix = NULL;
}

uint32_t prefix_count(const struct prefix *prefix)
{
	return prefix->n;
}

const struct kv_block *prefix_block(const struct prefix_entry *entry)
{
	return &entry->block;
}

/*
 * A text may go on behind a page when every group still has what the window of
 * its layers sees from there: pages in a row up to that one. Those before
 * <from> are the sequence's own.
 */
uint32_t prefix_find(struct prefix *p, const struct prefix_search *s)
{
	uint32_t best = s->from, row[KV_GROUPS];

	for (int g = 0; g < KV_GROUPS; g++)
		row[g] = s->from;
	for (uint32_t i = s->from; i < s->n; i++) {
		struct prefix_entry *entry = find(p, &s->hashes[i]);
		bool is_whole = true;

		if (!entry)
			break;
		s->entries[i] = entry;
		for (int g = 0; g < KV_GROUPS; g++) {
			uint32_t end = i + 1;

			if (!kv_has_group(p->pool, g))
				continue;
			row[g] = entry->block.pages[g] ? row[g] + 1 : 0;
			if (row[g] < end - kv_first_page(p->pool, g,
					       end * KV_PAGE_TOKENS))
				is_whole = false;
		}
		if (is_whole)
			best = i + 1;
	}
	return best;
}

/* --- holding -------------------------------------------------------------- */

struct prefix_entry *prefix_enter(struct prefix *p,
    const struct prefix_hash *hash, const struct kv_block *block)
{
	struct prefix_entry **bucket, *entry;

	grow(p);
	bucket = bucket_of(p, hash);
	entry = mem_new(struct prefix_entry);
	entry->hash = *hash;
	entry->block = *block;
	entry->holders = 1;
	entry->next = *bucket;
	*bucket = entry;
	list_push_back(&p->held, &entry->link);
	p->n++;
	return entry;
}

bool prefix_has(const struct prefix *p, const struct prefix_hash *hash)
{
	return find(p, hash) != NULL;
}

void prefix_hold(struct prefix *p, struct prefix_entry *entry)
{
	if (entry->holders++ > 0)
		return;
	list_remove(&entry->link);
	list_push_back(&p->held, &entry->link);
}

void prefix_leave(
    struct prefix *p, struct prefix_entry *const *entries, uint32_t n)
{
	while (n-- > 0) {
		struct prefix_entry *entry = entries[n];

		if (!entry || --entry->holders > 0)
			continue;
		list_remove(&entry->link);
		list_push_back(&p->idle, &entry->link);
		if (!p->keeps)
			drop(p, entry);
	}
}

/* --- memory --------------------------------------------------------------- */

static bool has_room(const struct prefix *p, uint64_t bytes)
{
	return kv_pool_used(p->pool) + kv_pool_idle(p->pool) + bytes <=
	       kv_pool_max(p->pool);
}

bool prefix_make_room(struct prefix *p, uint64_t bytes)
{
	while (!has_room(p, bytes) && !list_is_empty(&p->idle))
		drop(p, container_of(p->idle.next, struct prefix_entry, link));
	if (has_room(p, bytes))
		return true;
	/* What only a text to come would read, of texts that run. */
	list_for_each(at, &p->held) {
		struct prefix_entry *e =
		    container_of(at, struct prefix_entry, link);

		for (int g = 0; g < KV_GROUPS; g++) {
			if (!kv_is_used(p->pool, &e->block, g))
				kv_release(p->pool, &e->block, g);
		}
		if (has_room(p, bytes))
			return true;
	}
	return false;
}
