/* kv.c -- keys and values of the tokens so far, in pages. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/kv.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define LINE 64 /* bytes of the processor's cache: tiles begin at one */

struct kv_page {
	struct kv_page *next; /* among the free ones */
	uint32_t users;       /* sequences */
	bool is_kept;
	_Alignas(LINE) uint8_t data[];
};

struct kv_group {
	struct kv_shape shape;
	uint64_t page_bytes;
	struct kv_page *free;
};

struct kv_pool {
	struct kv_group groups[KV_GROUPS];
	uint64_t used, idle, max; /* bytes of pages */
	uint64_t spare;           /* those of the free ones */
	pthread_mutex_t lock;     /* for all above but shapes, and for pages */
};

/* Bytes of a layer's keys, or values, of one head. */
static uint64_t tile_bytes(const struct kv_shape *s)
{
	return (uint64_t)KV_PAGE_TOKENS * s->head_dim * (s->is_half ? 2 : 4);
}

uint64_t kv_page_bytes(const struct kv_shape *shape)
{
	return (uint64_t)shape->n_slots * 2 * shape->n_heads *
	       tile_bytes(shape);
}

struct kv_pool *kv_pool_new(
    const struct kv_shape shapes[KV_GROUPS], uint64_t max_bytes)
{
	struct kv_pool *pool = mem_new(struct kv_pool);

	for (int g = 0; g < KV_GROUPS; g++) {
		pool->groups[g].shape = shapes[g];
		pool->groups[g].page_bytes = kv_page_bytes(&shapes[g]);
	}
	pool->max = max_bytes;
	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

/* The lock is held, or nobody else is there. */
static void free_spare(struct kv_pool *pool)
{
	for (int g = 0; g < KV_GROUPS; g++) {
		struct kv_page *page;

		while ((page = pool->groups[g].free) != NULL) {
			pool->groups[g].free = page->next;
			free(page);
		}
	}
	pool->spare = 0;
}

void kv_pool_free(struct kv_pool **pool)
{
	struct kv_pool *p = *pool;

	if (!p)
		return;
	assert(p->used == 0 && p->idle == 0);
	free_spare(p);
	pthread_mutex_destroy(&p->lock);
	free(p);
	*pool = NULL;
}

void kv_pool_limit(struct kv_pool *pool, uint64_t max_bytes)
{
	pthread_mutex_lock(&pool->lock);
	if (max_bytes < pool->max)
		free_spare(pool);
	pool->max = max_bytes;
	pthread_mutex_unlock(&pool->lock);
}

static uint64_t read_count(struct kv_pool *pool, const uint64_t *count)
{
	uint64_t value;

	pthread_mutex_lock(&pool->lock);
	value = *count;
	pthread_mutex_unlock(&pool->lock);
	return value;
}

uint64_t kv_pool_used(struct kv_pool *pool)
{
	return read_count(pool, &pool->used);
}

uint64_t kv_pool_idle(struct kv_pool *pool)
{
	return read_count(pool, &pool->idle);
}

uint64_t kv_pool_max(struct kv_pool *pool)
{
	return read_count(pool, &pool->max);
}

uint64_t kv_token_bytes(const struct kv_pool *pool)
{
	uint64_t sum = 0;

	for (int g = 0; g < KV_GROUPS; g++)
		sum += pool->groups[g].page_bytes / KV_PAGE_TOKENS;
	return sum;
}

static struct kv_page *make_page(uint64_t bytes)
{
	struct kv_page *page = mem_alloc_lines(sizeof(*page) + (size_t)bytes);

	*page = (struct kv_page){.users = 0};
	return page;
}

/* A page of group <g>, not cleared; NULL when the maximum is reached. */
static struct kv_page *take_page(struct kv_pool *pool, int g)
{
	struct kv_group *group = &pool->groups[g];
	struct kv_page *page = NULL;
	bool has_room;

	pthread_mutex_lock(&pool->lock);
	has_room = pool->used + pool->idle + group->page_bytes <= pool->max;
	if (has_room) {
		pool->used += group->page_bytes;
		page = group->free;
		if (page) {
			group->free = page->next;
			pool->spare -= group->page_bytes;
		}
	}
	pthread_mutex_unlock(&pool->lock);
	if (has_room && !page)
		page = make_page(group->page_bytes);
	if (page)
		page->users = 1;
	return page;
}

/* Kept for the next sequence, unless that is too much; the lock is held. */
static void free_page(struct kv_pool *pool, int g, struct kv_page *page)
{
	struct kv_group *group = &pool->groups[g];

	if (pool->used + pool->idle + pool->spare + group->page_bytes >
	    pool->max) {
		free(page);
		return;
	}
	pool->spare += group->page_bytes;
	page->next = group->free;
	group->free = page;
}

static void give_page(struct kv_pool *pool, int g, struct kv_page *page)
{
	struct kv_group *group = &pool->groups[g];

	pthread_mutex_lock(&pool->lock);
	if (--page->users == 0) {
		pool->used -= group->page_bytes;
		if (page->is_kept)
			pool->idle += group->page_bytes;
		else
			free_page(pool, g, page);
	}
	pthread_mutex_unlock(&pool->lock);
}

void kv_init(struct kv *kv, struct kv_pool *pool)
{
	*kv = (struct kv){.pool = pool};
}

static void drop_pages(struct kv *kv, int g, uint32_t from)
{
	struct kv_pages *pages = &kv->groups[g];

	for (uint32_t i = from; i < pages->n; i++) {
		if (pages->pages[i])
			give_page(kv->pool, g, pages->pages[i]);
	}
	if (pages->n > from)
		pages->n = from;
}

void kv_clear(struct kv *kv)
{
	for (int g = 0; g < KV_GROUPS; g++) {
		drop_pages(kv, g, 0);
		free(kv->groups[g].pages);
		kv->groups[g] = (struct kv_pages){.n = 0};
	}
	kv->length = 0;
}

static uint32_t pages_of(uint32_t length)
{
	return (length + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;
}

static void make_places(struct kv_pages *pages, uint32_t n)
{
	if (n <= pages->cap)
		return;
	pages->cap = n + n / 2 + 8;
	pages->pages =
	    mem_realloc(pages->pages, pages->cap * sizeof(*pages->pages));
}

static bool grow_group(struct kv *kv, int g, uint32_t n)
{
	struct kv_pages *pages = &kv->groups[g];

	if (!kv->pool->groups[g].page_bytes)
		return true;
	make_places(pages, n);
	while (pages->n < n) {
		struct kv_page *page = take_page(kv->pool, g);

		if (!page)
			return false;
		pages->pages[pages->n++] = page;
	}
	return true;
}

enum result kv_grow(struct kv *kv, uint32_t length, struct error *err)
{
	uint32_t n = pages_of(length), had = pages_of(kv->length);

	for (int g = 0; g < KV_GROUPS; g++) {
		if (grow_group(kv, g, n))
			continue;
		for (int back = 0; back < KV_GROUPS; back++)
			drop_pages(kv, back, had);
		error_set(err,
		    "%u tokens do not fit: keys and values have %llu bytes "
		    "in all, %llu a token",
		    length, (unsigned long long)kv_pool_max(kv->pool),
		    (unsigned long long)kv_token_bytes(kv->pool));
		return FAILED;
	}
	if (length > kv->length)
		kv->length = length;
	return OK;
}

uint64_t kv_needs(const struct kv *kv, uint32_t length)
{
	uint64_t sum = 0;

	for (int g = 0; g < KV_GROUPS; g++) {
		uint32_t n = pages_of(length), had = kv->groups[g].n;

		if (n > had)
			sum += (n - had) * kv->pool->groups[g].page_bytes;
	}
	return sum;
}

uint64_t kv_bytes(const struct kv *kv)
{
	uint64_t sum = 0;

	for (int g = 0; g < KV_GROUPS; g++)
		sum += (kv->groups[g].n - kv->groups[g].first) *
		       kv->pool->groups[g].page_bytes;
	return sum;
}

bool kv_has_group(const struct kv_pool *pool, int group)
{
	return pool->groups[group].page_bytes > 0;
}

uint32_t kv_first_page(const struct kv_pool *pool, int group, uint32_t length)
{
	uint32_t window = pool->groups[group].shape.window;

	return window && length >= window
		   ? (length - window + 1) / KV_PAGE_TOKENS
		   : 0;
}

void kv_slide(struct kv *kv, uint32_t position)
{
	for (int g = 0; g < KV_GROUPS; g++) {
		struct kv_pages *pages = &kv->groups[g];
		uint32_t end = kv_first_page(kv->pool, g, position);

		for (; pages->first < end && pages->first < pages->n;
		     pages->first++) {
			struct kv_page *page = pages->pages[pages->first];

			pages->pages[pages->first] = NULL;
			if (page)
				give_page(kv->pool, g, page);
		}
	}
}

/* Whether the page that token <length> is written to has other readers. */
static bool is_shared(const struct kv *kv, uint32_t length)
{
	bool is = false;

	if (length % KV_PAGE_TOKENS == 0)
		return false;
	pthread_mutex_lock(&kv->pool->lock);
	for (int g = 0; g < KV_GROUPS; g++) {
		const struct kv_pages *pages = &kv->groups[g];
		const struct kv_page *page =
		    pages->n ? pages->pages[length / KV_PAGE_TOKENS] : NULL;

		is = is || (page && (page->is_kept || page->users > 1));
	}
	pthread_mutex_unlock(&kv->pool->lock);
	return is;
}

bool kv_truncate(struct kv *kv, uint32_t length)
{
	if (length >= kv->length)
		return true;
	for (int g = 0; g < KV_GROUPS; g++) {
		if (kv_first_page(kv->pool, g, length) < kv->groups[g].first)
			return false;
	}
	if (is_shared(kv, length))
		return false;
	for (int g = 0; g < KV_GROUPS; g++)
		drop_pages(kv, g, pages_of(length));
	kv->length = length;
	return true;
}

/* --- pages that are kept -------------------------------------------------- */

struct kv_block kv_keep(struct kv *kv, uint32_t index)
{
	struct kv_block block = {{NULL}};

	pthread_mutex_lock(&kv->pool->lock);
	for (int g = 0; g < KV_GROUPS; g++) {
		if (index >= kv->groups[g].n)
			continue;
		block.pages[g] = kv->groups[g].pages[index];
		if (block.pages[g])
			block.pages[g]->is_kept = true;
	}
	pthread_mutex_unlock(&kv->pool->lock);
	return block;
}

void kv_release(struct kv_pool *pool, struct kv_block *block, int g)
{
	struct kv_page *page = block->pages[g];

	if (!page)
		return;
	block->pages[g] = NULL;
	pthread_mutex_lock(&pool->lock);
	page->is_kept = false;
	if (page->users == 0) {
		pool->idle -= pool->groups[g].page_bytes;
		free_page(pool, g, page);
	}
	pthread_mutex_unlock(&pool->lock);
}

bool kv_is_used(struct kv_pool *pool, const struct kv_block *block, int g)
{
	bool is;

	pthread_mutex_lock(&pool->lock);
	is = block->pages[g] && block->pages[g]->users > 0;
	pthread_mutex_unlock(&pool->lock);
	return is;
}

/* The lock is held. */
static void use_page(struct kv_pool *pool, int g, struct kv_page *page)
{
	if (page->users++ > 0)
		return;
	pool->idle -= pool->groups[g].page_bytes;
	pool->used += pool->groups[g].page_bytes;
}

void kv_adopt(struct kv *kv, const struct kv_block *block)
{
	assert(kv->length % KV_PAGE_TOKENS == 0);
	for (int g = 0; g < KV_GROUPS; g++) {
		struct kv_pages *pages = &kv->groups[g];

		if (!kv->pool->groups[g].page_bytes)
			continue;
		make_places(pages, pages->n + 1);
		pages->pages[pages->n++] = block->pages[g];
		if (!block->pages[g])
			continue;
		pthread_mutex_lock(&kv->pool->lock);
		use_page(kv->pool, g, block->pages[g]);
		pthread_mutex_unlock(&kv->pool->lock);
	}
	kv->length += KV_PAGE_TOKENS;
}

void *kv_tile(
    const struct kv *kv, const struct kv_place *place, uint32_t position)
{
	const struct kv_shape *s = &kv->pool->groups[place->group].shape;
	const struct kv_pages *pages = &kv->groups[place->group];
	size_t index =
	    ((size_t)place->slot * 2 + place->is_value) * s->n_heads +
	    place->head;

	assert(position / KV_PAGE_TOKENS < pages->n);
	assert(pages->pages[position / KV_PAGE_TOKENS]);
	return pages->pages[position / KV_PAGE_TOKENS]->data +
	       index * tile_bytes(s);
}

bool kv_is_half(const struct kv *kv, int group)
{
	return kv->pool->groups[group].shape.is_half;
}
