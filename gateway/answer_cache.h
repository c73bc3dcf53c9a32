/* answer_cache.h -- the cache as this gateway has it: stores and counters. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_ANSWER_CACHE_H
#define GATEWAY_ANSWER_CACHE_H

#include "gateway/config.h"
#include "gateway/metrics.h"

/*
 * What all workers share: the memory store and the flights. Made when the
 * configuration first has a `cache`, kept over reloads as long as it has one
 * (a new size or store changes it in place), held by every snapshot that uses
 * it. A worker's connection to Redis is its own: see worker.c.
 */
enum cache_source {
	CACHE_FROM_MEMORY,
	CACHE_FROM_NEAR, /* the memory store in front of Redis */
	CACHE_FROM_REDIS,
	CACHE_COALESCED, /* along with an equal request */
	CACHE_SOURCES,
};

struct answer_cache {
	_Atomic unsigned references;
	struct memory_store *memory;
	struct flights *flights;

	/* Series: requests by what became of their look-up. */
	struct metric *hits[CACHE_SOURCES];
	struct metric *misses;
	struct metric *kept, *not_kept;
	struct metric *entries, *bytes, *max_bytes, *evicted, *expired, *flying;
	int64_t evicted_before, expired_before; /* by those before this one */
	struct redis_metrics redis;
};

/* The cache for <config>, which has one: <old> with its settings, or new. */
struct answer_cache *answer_cache_get(struct answer_cache *old,
    const struct config *config, struct metrics *metrics);
struct answer_cache *answer_cache_ref(struct answer_cache *cache);
void answer_cache_unref(struct answer_cache **cache);

/* Sets the gauges that are read off the stores; before metrics are written. */
void answer_cache_count(struct answer_cache *cache);

/* A connection to Redis for one loop; NULL when <config> has no Redis. */
struct redis_store *answer_cache_connect(
    struct answer_cache *cache, const struct config *config, struct loop *loop);

#endif
