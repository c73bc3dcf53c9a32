/* pool.c -- idle streams: the last one in is the first one out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pool.h"

#include <stdlib.h>

struct pool {
	struct list chain; /* of its bucket */
	struct pools *pools;
	struct list idle; /* youngest first */
	size_t n_idle;
	int64_t keep_ns;      /* the last origin's that came by */
	int64_t last_used_ns; /* when a stream was last put */
	struct deadline expiry;
	uint64_t key_hash;
	size_t key_len;
	char key[];
};

struct idle {
	struct list link; /* of its pool, or of the spares */
	struct pool *pool;
	struct stream *stream;
	int64_t since_ns;
};

/* Takes the stream out of its pool and keeps the record for another. */
static struct stream *take_out(struct idle *idle)
{
	struct pool *pool = idle->pool;
	struct stream *stream = idle->stream;

	list_remove(&idle->link);
	pool->n_idle--;
	pool->pools->n_idle--;
	list_push_front(&pool->pools->spares, &idle->link);
	return stream;
}

static void close_idle(struct idle *idle)
{
	struct stream *stream = take_out(idle);

	stream_close(&stream);
}

static struct idle *oldest_of(struct pool *pool)
{
	return container_of(pool->idle.prev, struct idle, link);
}

/* --- what an idle stream may say: nothing good ------------------------------
 */

static size_t drop_on_data(struct stream *stream, struct span in, void *arg)
{
	(void)stream;
	close_idle(arg);
	return in.len;
}

static void drop_on_end(struct stream *stream, enum stream_end end, void *arg)
{
	(void)stream;
	(void)end;
	close_idle(arg);
}

static const struct stream_handler idle_handler = {
    .on_data = drop_on_data,
    .on_end = drop_on_end,
};

/* --- pools -----------------------------------------------------------------
 */

static void free_pool(void *object)
{
	struct pool *pool = object;

	deadline_free(&pool->expiry);
	free(pool);
}

/* This may run in the pool's own deadline, so it is freed after the turn. */
static void forget_pool(struct pool *pool)
{
	list_remove(&pool->chain);
	pool->pools->n_pools--;
	deadline_clear(&pool->expiry);
	loop_retire(pool->pools->loop, free_pool, pool);
}

/* Closes what is too old, and comes again when the next one will be. */
static void expire(void *arg)
{
	struct pool *pool = arg;
	int64_t now = loop_now_ns(pool->pools->loop);

	while (!list_is_empty(&pool->idle)) {
		struct idle *idle = oldest_of(pool);

		if (now - idle->since_ns < pool->keep_ns) {
			deadline_set(
			    &pool->expiry, idle->since_ns + pool->keep_ns);
			return;
		}
		close_idle(idle);
	}
	if (now - pool->last_used_ns < pool->pools->forget_ns)
		deadline_set(
		    &pool->expiry, pool->last_used_ns + pool->pools->forget_ns);
	else
		forget_pool(pool);
}

static struct list *find_bucket(struct pools *pools, uint64_t key_hash)
{
	return &pools->buckets[key_hash % POOL_BUCKETS];
}

static struct pool *find_pool(struct pools *pools, const struct origin *origin)
{
	list_for_each(link, find_bucket(pools, origin->key_hash)) {
		struct pool *pool = container_of(link, struct pool, chain);

		if (pool->key_hash == origin->key_hash &&
		    span_eq(span_make(pool->key, pool->key_len),
			origin_key(origin)))
			return pool;
	}
	return NULL;
}

static struct pool *new_pool(struct pools *pools, const struct origin *origin)
{
	struct pool *pool = mem_zalloc(sizeof(*pool) + origin->key_len);

	pool->pools = pools;
	list_init(&pool->idle);
	pool->key_hash = origin->key_hash;
	pool->key_len = origin->key_len;
	memcpy(pool->key, origin->key, origin->key_len);
	deadline_init(&pool->expiry, pools->loop, expire, pool);
	list_push_front(find_bucket(pools, origin->key_hash), &pool->chain);
	pools->n_pools++;
	return pool;
}

void pools_init(struct pools *pools, struct loop *loop)
{
	pools->loop = loop;
	pools->n_idle = 0;
	pools->n_pools = 0;
	pools->forget_ns = 60 * NS_PER_S;
	list_init(&pools->spares);
	for (size_t i = 0; i < POOL_BUCKETS; i++)
		list_init(&pools->buckets[i]);
}

void pools_close(struct pools *pools)
{
	struct list *link;

	for (size_t i = 0; i < POOL_BUCKETS; i++) {
		list_for_each_safe(chain, &pools->buckets[i]) {
			struct pool *pool =
			    container_of(chain, struct pool, chain);

			while (!list_is_empty(&pool->idle))
				close_idle(oldest_of(pool));
			forget_pool(pool);
		}
	}
	while ((link = list_pop_front(&pools->spares)))
		free(container_of(link, struct idle, link));
}

struct stream *pools_take(struct pools *pools, const struct origin *origin)
{
	struct pool *pool = find_pool(pools, origin);

	while (pool && !list_is_empty(&pool->idle)) {
		struct idle *idle =
		    container_of(pool->idle.next, struct idle, link);
		struct stream *stream = take_out(idle);

		if (stream_is_alive(stream))
			return stream;
		stream_close(&stream);
	}
	return NULL;
}

void pools_put(
    struct pools *pools, const struct origin *origin, struct stream *stream)
{
	struct pool *pool = find_pool(pools, origin);
	struct list *spare = list_pop_front(&pools->spares);
	struct idle *idle = spare ? container_of(spare, struct idle, link)
				  : mem_new(struct idle);
	int64_t now = loop_now_ns(pools->loop);

	if (!pool)
		pool = new_pool(pools, origin);
	idle->pool = pool;
	idle->stream = stream;
	idle->since_ns = now;
	list_init(&idle->link);
	list_push_front(&pool->idle, &idle->link);
	pool->n_idle++;
	pools->n_idle++;
	stream_set_handler(stream, &idle_handler, idle);
	pool->last_used_ns = now;
	pool->keep_ns = origin->pool_keep_ns;
	while (pool->n_idle > origin->pool_idle)
		close_idle(oldest_of(pool));
	if (pool->expiry.at_ns == 0 || now + pool->keep_ns < pool->expiry.at_ns)
		deadline_set(&pool->expiry, now + pool->keep_ns);
}
