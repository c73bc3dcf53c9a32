/* upstream.c -- how a model's upstream stands: breaker, load, counters. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/upstream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct entry {
	struct list link;
	struct upstream upstream;
	char *name;
};

struct upstreams {
	pthread_mutex_t mutex;
	struct metrics *metrics;
	struct list entries;
};

struct upstreams *upstreams_new(struct metrics *metrics)
{
	struct upstreams *upstreams = mem_new(struct upstreams);

	pthread_mutex_init(&upstreams->mutex, NULL);
	upstreams->metrics = metrics;
	list_init(&upstreams->entries);
	return upstreams;
}

void upstreams_free(struct upstreams **upstreams)
{
	struct upstreams *old = *upstreams;

	if (!old)
		return;
	list_for_each_safe(link, &old->entries) {
		struct entry *entry = container_of(link, struct entry, link);

		free(entry->name);
		free(entry);
	}
	pthread_mutex_destroy(&old->mutex);
	free(old);
	*upstreams = NULL;
}

static struct metric *one(
    struct metrics *metrics, enum gateway_metric id, const char *model)
{
	return metrics_get(metrics, id, (const char *const[]){model});
}

static struct metric *two(struct metrics *metrics, enum gateway_metric id,
    const char *model, const char *value)
{
	return metrics_get(metrics, id, (const char *const[]){model, value});
}

static void find_series(struct upstream *u, struct metrics *metrics)
{
	static const char *const endpoints[] = {
	    "chat", "completions", "embeddings"};

	for (size_t i = 0; i < 3; i++)
		u->requests_ok[i] = metrics_get(metrics, METRIC_REQUESTS,
		    (const char *const[]){endpoints[i], u->name, "200"});
	for (int i = 0; i < LEDGER_OUTCOMES; i++)
		u->attempts[i] = two(metrics, METRIC_ATTEMPTS, u->name,
		    ledger_outcome_name((enum ledger_outcome)i));
	u->cost = one(metrics, METRIC_COST, u->name);
	u->baseline = one(metrics, METRIC_BASELINE, u->name);
	u->saved = one(metrics, METRIC_SAVED, u->name);
	u->input = two(metrics, METRIC_TOKENS, u->name, "input");
	u->cached = two(metrics, METRIC_TOKENS, u->name, "cached");
	u->output = two(metrics, METRIC_TOKENS, u->name, "output");
	u->fallbacks = one(metrics, METRIC_FALLBACKS, u->name);
	u->flight = one(metrics, METRIC_IN_FLIGHT, u->name);
	u->breaker_gauge = one(metrics, METRIC_BREAKER, u->name);
	u->opened = one(metrics, METRIC_BREAKER_OPENED, u->name);
	u->credentials = one(metrics, METRIC_UPSTREAM_CREDENTIALS, u->name);
	u->estimated = one(metrics, METRIC_ESTIMATED, u->name);
	u->unpriced = one(metrics, METRIC_UNPRICED, u->name);
	u->held = one(metrics, METRIC_HELD, u->name);
	u->first_token = one(metrics, METRIC_FIRST_TOKEN, u->name);
}

static struct upstream *find(struct upstreams *upstreams, const char *name)
{
	list_for_each(link, &upstreams->entries) {
		struct entry *entry = container_of(link, struct entry, link);

		if (!strcmp(entry->name, name))
			return &entry->upstream;
	}
	return NULL;
}

struct upstream *upstreams_get(struct upstreams *upstreams, const char *name)
{
	struct upstream *found;

	pthread_mutex_lock(&upstreams->mutex);
	found = find(upstreams, name);
	if (!found) {
		struct entry *entry = mem_new(struct entry);

		entry->name = mem_strdup(name);
		entry->upstream.name = entry->name;
		find_series(&entry->upstream, upstreams->metrics);
		list_push_back(&upstreams->entries, &entry->link);
		found = &entry->upstream;
	}
	pthread_mutex_unlock(&upstreams->mutex);
	return found;
}

static void set_state(struct upstream *upstream, enum breaker_state state)
{
	atomic_store(&upstream->breaker, (int)state);
	metric_set(upstream->breaker_gauge, (int64_t)state);
}

bool upstream_looks_healthy(struct upstream *upstream, int64_t now_ns)
{
	int state = atomic_load(&upstream->breaker);

	if (state == BREAKER_CLOSED)
		return true;
	return state == BREAKER_OPEN &&
	       now_ns >= atomic_load(&upstream->retry_at_ns);
}

bool upstream_is_probed(struct upstream *upstream)
{
	return atomic_load(&upstream->breaker) == BREAKER_HALF_OPEN;
}

bool upstream_is_closed(struct upstream *upstream)
{
	return atomic_load(&upstream->breaker) == BREAKER_CLOSED;
}

bool upstream_may_try(struct upstream *upstream, int64_t now_ns)
{
	int open = BREAKER_OPEN;

	if (atomic_load(&upstream->breaker) == BREAKER_CLOSED)
		return true;
	if (now_ns < atomic_load(&upstream->retry_at_ns))
		return false;
	/* Of all workers that find it ripe, one wins the probe. */
	if (!atomic_compare_exchange_strong(
		&upstream->breaker, &open, (int)BREAKER_HALF_OPEN))
		return false;
	metric_set(upstream->breaker_gauge, BREAKER_HALF_OPEN);
	return true;
}

void upstream_succeeded(struct upstream *upstream)
{
	if (atomic_load_explicit(&upstream->failures, memory_order_relaxed))
		atomic_store(&upstream->failures, 0);
	if (atomic_load(&upstream->breaker) == BREAKER_CLOSED)
		return;
	atomic_store(&upstream->open_ns, 0);
	set_state(upstream, BREAKER_CLOSED);
	log_info(NULL, "breaker_closed", "model=%s", upstream->name);
}

static void open_breaker(
    struct upstream *upstream, int64_t open_ns, int64_t now_ns)
{
	atomic_store(&upstream->open_ns, open_ns);
	atomic_store(&upstream->retry_at_ns, now_ns + open_ns);
	set_state(upstream, BREAKER_OPEN);
	metric_add(upstream->opened, 1);
	log_warn(NULL, "breaker_opened", "model=%s failures=%d retry_ms=%lld",
	    upstream->name, atomic_load(&upstream->failures),
	    (long long)(open_ns / NS_PER_MS));
}

void upstream_failed(struct upstream *upstream,
    const struct config_breaker *settings, int64_t now_ns)
{
	int failures = atomic_fetch_add(&upstream->failures, 1) + 1;
	int state = atomic_load(&upstream->breaker);
	int64_t open_ns = atomic_load(&upstream->open_ns) * 2;

	if (state == BREAKER_HALF_OPEN) {
		if (open_ns > settings->open_max)
			open_ns = settings->open_max;
		open_breaker(upstream, open_ns, now_ns);
	} else if (state == BREAKER_CLOSED && failures >= settings->failures) {
		open_breaker(upstream, settings->open, now_ns);
	}
}

void upstream_said_nothing(struct upstream *upstream)
{
	int half = BREAKER_HALF_OPEN;

	/* If it was the probe, the next request is: retry_at is past. */
	if (atomic_compare_exchange_strong(
		&upstream->breaker, &half, (int)BREAKER_OPEN))
		metric_set(upstream->breaker_gauge, BREAKER_OPEN);
}
