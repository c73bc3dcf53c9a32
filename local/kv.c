/* kv.c -- keys and values of the tokens so far, in pages. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/kv.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct kv_group {
	struct kv_shape shape;
	uint64_t page_bytes;
	float *free; /* a list through the pages' first bytes */
};

struct kv_pool {
	struct kv_group groups[KV_GROUPS];
	uint64_t used, max; /* bytes of pages in use */
	pthread_mutex_t lock;
};

struct kv_pool *kv_pool_new(
    const struct kv_shape shapes[KV_GROUPS], uint64_t max_bytes)
{
	struct kv_pool *pool = mem_new(struct kv_pool);

	for (int g = 0; g < KV_GROUPS; g++) {
		const struct kv_shape *s = &shapes[g];

		pool->groups[g].shape = *s;
		pool->groups[g].page_bytes = (uint64_t)s->n_slots * 2 *
					     s->n_heads * KV_PAGE_TOKENS *
					     s->head_dim * sizeof(float);
	}
	pool->max = max_bytes;
	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

void kv_pool_free(struct kv_pool **pool)
{
	struct kv_pool *p = *pool;

	if (!p)
		return;
	assert(p->used == 0);
	for (int g = 0; g < KV_GROUPS; g++) {
		while (p->groups[g].free) {
			float *page = p->groups[g].free;

			memcpy(&p->groups[g].free, page, sizeof(page));
			free(page);
		}
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
	*pool = NULL;
}

void kv_pool_limit(struct kv_pool *pool, uint64_t max_bytes)
{
	pthread_mutex_lock(&pool->lock);
	pool->max = max_bytes;
	pthread_mutex_unlock(&pool->lock);
}

uint64_t kv_pool_used(const struct kv_pool *pool)
{
	return pool->used;
}

uint64_t kv_token_bytes(const struct kv_pool *pool)
{
	uint64_t sum = 0;

	for (int g = 0; g < KV_GROUPS; g++)
		sum += pool->groups[g].page_bytes / KV_PAGE_TOKENS;
	return sum;
}

/* A page of group <g>, not cleared; NULL when the maximum is reached. */
static float *take_page(struct kv_pool *pool, int g)
{
	struct kv_group *group = &pool->groups[g];
	float *page = NULL;
	bool has_room;

	pthread_mutex_lock(&pool->lock);
	has_room = pool->used + group->page_bytes <= pool->max;
	if (has_room) {
		pool->used += group->page_bytes;
		page = group->free;
		if (page)
			memcpy(&group->free, page, sizeof(page));
	}
	pthread_mutex_unlock(&pool->lock);
	if (has_room && !page)
		page = mem_alloc((size_t)group->page_bytes);
	return page;
}

static void give_page(struct kv_pool *pool, int g, float *page)
{
	struct kv_group *group = &pool->groups[g];

	pthread_mutex_lock(&pool->lock);
	memcpy(page, &group->free, sizeof(page));
	group->free = page;
	pool->used -= group->page_bytes;
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

static bool grow_group(struct kv *kv, int g, uint32_t n)
{
	struct kv_pages *pages = &kv->groups[g];

	if (!kv->pool->groups[g].page_bytes)
		return true;
	if (n > pages->cap) {
		pages->cap = n + n / 2 + 8;
		pages->pages = mem_realloc(
		    pages->pages, pages->cap * sizeof(*pages->pages));
	}
	while (pages->n < n) {
		float *page = take_page(kv->pool, g);

		if (!page)
			return false;
		pages->pages[pages->n++] = page;
	}
	return true;
}

enum result kv_grow(struct kv *kv, uint32_t length, struct error *err)
{
	uint32_t n = (length + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;
	uint32_t had = (kv->length + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;

	for (int g = 0; g < KV_GROUPS; g++) {
		if (grow_group(kv, g, n))
			continue;
		for (int back = 0; back < KV_GROUPS; back++)
			drop_pages(kv, back, had);
		error_set(err,
		    "%u tokens do not fit: keys and values have %llu bytes "
		    "in all, %llu a token",
		    length, (unsigned long long)kv->pool->max,
		    (unsigned long long)kv_token_bytes(kv->pool));
		return FAILED;
	}
	if (length > kv->length)
		kv->length = length;
	return OK;
}

void kv_slide(struct kv *kv, uint32_t position)
{
	for (int g = 0; g < KV_GROUPS; g++) {
		struct kv_pages *pages = &kv->groups[g];
		uint32_t window = kv->pool->groups[g].shape.window, end;

		if (!window || position < window)
			continue;
		end = (position - window + 1) / KV_PAGE_TOKENS;
		for (; pages->first < end && pages->first < pages->n;
		     pages->first++) {
			give_page(kv->pool, g, pages->pages[pages->first]);
			pages->pages[pages->first] = NULL;
		}
	}
}

bool kv_truncate(struct kv *kv, uint32_t length)
{
	uint32_t n = (length + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;

	if (length >= kv->length)
		return true;
	for (int g = 0; g < KV_GROUPS; g++) {
		uint32_t window = kv->pool->groups[g].shape.window;
		uint32_t oldest =
		    window && length > window ? length - window : 0;

		/* The next token looks back that far. */
		if (oldest / KV_PAGE_TOKENS < kv->groups[g].first)
			return false;
	}
	for (int g = 0; g < KV_GROUPS; g++)
		drop_pages(kv, g, n);
	kv->length = length;
	return true;
}

float *kv_tile(
    const struct kv *kv, const struct kv_place *place, uint32_t position)
{
	const struct kv_shape *s = &kv->pool->groups[place->group].shape;
	const struct kv_pages *pages = &kv->groups[place->group];
	size_t tile = (size_t)KV_PAGE_TOKENS * s->head_dim;
	size_t index =
	    ((size_t)place->slot * 2 + place->is_value) * s->n_heads +
	    place->head;

	assert(position / KV_PAGE_TOKENS < pages->n);
	assert(pages->pages[position / KV_PAGE_TOKENS]);
	return pages->pages[position / KV_PAGE_TOKENS] + index * tile;
}
