/* answer_cache.c -- the cache as this gateway has it: stores and counters. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/answer_cache.h"

#include <stdatomic.h>
#include <stdlib.h>

static struct metric *one(
    struct metrics *metrics, enum gateway_metric id, const char *value)
{
	return metrics_get(metrics, id, (const char *const[]){value});
}

static struct metric *request_series(
    struct metrics *metrics, const char *result, const char *source)
{
	return metrics_get(metrics, METRIC_CACHE_REQUESTS,
	    (const char *const[]){result, source});
}

static void find_redis_series(
    struct redis_metrics *redis, struct metrics *metrics)
{
	redis->hits = one(metrics, METRIC_REDIS_LOOKUPS, "hit");
	redis->misses = one(metrics, METRIC_REDIS_LOOKUPS, "miss");
	redis->late = one(metrics, METRIC_REDIS_LOOKUPS, "late");
	redis->failed = one(metrics, METRIC_REDIS_LOOKUPS, "failed");
	redis->skipped = one(metrics, METRIC_REDIS_LOOKUPS, "skipped");
	redis->stored = one(metrics, METRIC_REDIS_WRITES, "stored");
	redis->store_failed = one(metrics, METRIC_REDIS_WRITES, "failed");
	redis->connects = metrics_get(metrics, METRIC_REDIS_CONNECTS, NULL);
	redis->breaker = metrics_get(metrics, METRIC_REDIS_BREAKER, NULL);
	redis->duration = metrics_get(metrics, METRIC_REDIS_DURATION, NULL);
	for (int i = CACHE_GOOD + 1; i < CACHE_FAULT_COUNT; i++)
		redis->bad[i] = one(metrics, METRIC_CACHE_BAD_VALUES,
		    cache_fault_name((enum cache_fault)i));
}

static void find_series(struct answer_cache *cache, struct metrics *metrics)
{
	static const char *const sources[CACHE_SOURCES] = {
	    "memory", "near", "redis", "coalesced"};

	for (size_t i = 0; i < CACHE_SOURCES; i++)
		cache->hits[i] = request_series(metrics, "hit", sources[i]);
	cache->misses = request_series(metrics, "miss", "none");
	cache->kept = one(metrics, METRIC_CACHE_ANSWERS, "kept");
	cache->not_kept = one(metrics, METRIC_CACHE_ANSWERS, "not_kept");
	cache->entries = metrics_get(metrics, METRIC_CACHE_ENTRIES, NULL);
	cache->bytes = metrics_get(metrics, METRIC_CACHE_BYTES, NULL);
	cache->max_bytes = metrics_get(metrics, METRIC_CACHE_MAX, NULL);
	cache->evicted = one(metrics, METRIC_CACHE_REMOVED, "evicted");
	cache->expired = one(metrics, METRIC_CACHE_REMOVED, "expired");
	cache->flying = metrics_get(metrics, METRIC_CACHE_FLIGHTS, NULL);
	cache->evicted_before = metric_value(cache->evicted);
	cache->expired_before = metric_value(cache->expired);
	find_redis_series(&cache->redis, metrics);
}

struct answer_cache *answer_cache_get(struct answer_cache *old,
    const struct config *config, struct metrics *metrics)
{
	struct answer_cache *cache = old;
	size_t size = (size_t)config->cache.size;

	if (old) {
		memory_store_set_max(old->memory, size);
		metric_set(old->max_bytes, (int64_t)size);
		return answer_cache_ref(old);
	}
	cache = mem_new(struct answer_cache);
	cache->references = 1;
	cache->memory = memory_store_new(size);
	cache->flights = flights_new();
	find_series(cache, metrics);
	metric_set(cache->max_bytes, (int64_t)size);
	return cache;
}

struct answer_cache *answer_cache_ref(struct answer_cache *cache)
{
	atomic_fetch_add_explicit(&cache->references, 1, memory_order_relaxed);
	return cache;
}

void answer_cache_unref(struct answer_cache **cache)
{
	struct answer_cache *old = *cache;

	*cache = NULL;
	if (!old || atomic_fetch_sub_explicit(
			&old->references, 1, memory_order_acq_rel) != 1)
		return;
	memory_store_free(&old->memory);
	flights_free(&old->flights);
	/* A cache that has taken its place counts itself before it is read. */
	metric_set(old->entries, 0);
	metric_set(old->bytes, 0);
	metric_set(old->flying, 0);
	free(old);
}

/* What the store counts only grows, so the counter gets what is new. */
static void catch_up(struct metric *metric, int64_t before, uint64_t value)
{
	metric_add(metric, before + (int64_t)value - metric_value(metric));
}

void answer_cache_count(struct answer_cache *cache)
{
	struct memory_store_counts counts;

	memory_store_count(cache->memory, &counts);
	metric_set(cache->entries, (int64_t)counts.entries);
	metric_set(cache->bytes, (int64_t)counts.bytes);
	catch_up(cache->evicted, cache->evicted_before, counts.evicted);
	catch_up(cache->expired, cache->expired_before, counts.expired);
	metric_set(cache->flying, (int64_t)flights_count(cache->flights));
}

struct redis_store *answer_cache_connect(
    struct answer_cache *cache, const struct config *config, struct loop *loop)
{
	if (config->cache.store != STORE_REDIS)
		return NULL;
	return redis_store_new(&(struct redis_options){
	    .base = loop_base(loop),
	    .url = config->cache.redis,
	    .deadline_ns = config->cache.deadline,
	    .value_max = (size_t)config->cache.entry_max + 4096,
	    .metrics = cache->redis,
	});
}
