/* worker.c -- one event loop's thread: listener, pools, ledger's writer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/request.h"

/* More than the longest head that limits.header_bytes lets in. */
enum {
	TEXT_MAX = 256 * 1024
};

static struct server_limits server_limits_of(const struct config *config)
{
	const struct config_limits *limits = &config->limits;

	return (struct server_limits){
	    .head =
		{
		    .line = (size_t)limits->line,
		    .headers = (size_t)limits->headers,
		    .header_bytes = (size_t)limits->header_bytes,
		},
	    .body = (size_t)limits->body,
	    .header_time_ns = limits->header_time,
	    .idle_ns = limits->idle,
	};
}

static void find_series(struct worker *worker)
{
	static const char *const endpoints[] = {
	    "chat", "completions", "embeddings", "other"};
	struct metrics *metrics = worker->metrics;

	for (size_t i = 0; i < 4; i++)
		worker->duration[i] =
		    metrics_get(metrics, METRIC_DURATION, &endpoints[i]);
	worker->cache_bypassed = metrics_get(metrics, METRIC_CACHE_REQUESTS,
	    (const char *const[]){"bypass", "none"});
	worker->overhead = metrics_get(metrics, METRIC_OVERHEAD, NULL);
	worker->in_flight =
	    metrics_get(metrics, METRIC_REQUESTS_IN_FLIGHT, NULL);
	worker->gone = metrics_get(metrics, METRIC_CLIENTS_GONE, NULL);
	worker->ledger_failures =
	    metrics_get(metrics, METRIC_LEDGER_FAILURES, NULL);
}

static bool is_same_redis(const struct config *a, const struct config *b)
{
	return a->cache.redis && b->cache.redis &&
	       redis_url_eq(a->cache.redis, b->cache.redis) &&
	       a->cache.deadline == b->cache.deadline &&
	       a->cache.entry_max == b->cache.entry_max;
}

/*
 * A connection borrows its url from the configuration that it was made by,
 * and stays, with a reference to that, while new ones say the same.
 */
static void connect_redis(struct worker *worker, const struct snapshot *next)
{
	if (worker->redis && next->cache &&
	    is_same_redis(worker->redis_config, next->config))
		return;
	redis_store_free(&worker->redis);
	config_unref(&worker->redis_config);
	if (!next->cache)
		return;
	worker->redis =
	    answer_cache_connect(next->cache, next->config, worker->loop);
	if (worker->redis)
		worker->redis_config = config_ref(next->config);
}

struct worker *worker_new(
    const struct worker_options *options, struct error *err)
{
	struct worker *worker = mem_new(struct worker);
	const struct config *config = options->snapshot->config;

	worker->index = options->index;
	worker->gateway = options->gateway;
	worker->ledger = options->ledger;
	worker->metrics = options->metrics;
	worker->is_tls = config->tls != NULL;
	worker->snapshot = snapshot_ref(options->snapshot);
	arena_init(&worker->scratch, RELAY_SCRATCH);
	buf_init(&worker->text, TEXT_MAX);
	find_series(worker);
	worker->recent = recent_new();
	worker->classified = classified_new();
	worker->class_memo = class_memo_new();
	list_init(&worker->class_asks);
	worker->loop = loop_new(err);
	if (!worker->loop) {
		worker_stop(&worker);
		return NULL;
	}
	worker->access_log =
	    access_log_new(worker->loop, options->access_log_fd);
	worker->client = client_new(worker->loop);
	list_init(&worker->headless);
	connect_redis(worker, worker->snapshot);
	worker->server = server_open(worker->loop,
	    &(struct server_options){
		.address = config->listen,
		.limits = server_limits_of(config),
		.tls = config->tls,
		.reuse_port = true,
		.handler = &request_handler,
		.arg = worker,
	    },
	    err);
	if (!worker->server)
		worker_stop(&worker);
	return worker;
}

static void *run(void *arg)
{
	struct worker *worker = arg;
	char name[16];

	/* For top -H and debuggers; the kernel keeps 15 bytes. */
	snprintf(name, sizeof(name), "worker-%u", worker->index);
	pthread_setname_np(pthread_self(), name);
	loop_run(worker->loop);
	return NULL;
}

enum result worker_start(struct worker *worker, struct error *err)
{
	sigset_t all, before;
	int failed;

	/* Signals are the control thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed) {
		error_set(err, "worker %u: cannot start a thread: %s",
		    worker->index, strerror(failed));
		return FAILED;
	}
	worker->is_started = true;
	return OK;
}

/* --- messages from the control thread
 * ------------------------------------------- */

struct swap {
	struct worker *worker;
	struct snapshot *snapshot;
};

static void swap_snapshot(void *arg)
{
	struct swap *swap = arg;
	struct worker *worker = swap->worker;
	struct server_limits limits = server_limits_of(swap->snapshot->config);

	connect_redis(worker, swap->snapshot);
	snapshot_unref(&worker->snapshot);
	worker->snapshot = swap->snapshot;
	server_set_limits(worker->server, &limits);
	/* New files, but never from TLS to plain or back under one port. */
	if (worker->is_tls && worker->snapshot->config->tls)
		server_set_tls(worker->server, worker->snapshot->config->tls);
	free(swap);
}

void worker_set_snapshot(struct worker *worker, struct snapshot *snapshot)
{
	struct swap *swap = mem_new(struct swap);

	swap->worker = worker;
	swap->snapshot = snapshot_ref(snapshot);
	loop_post(worker->loop, swap_snapshot, swap);
}

struct drain {
	struct worker *worker;
	loop_fn *fn;
	void *arg;
};

static void drain_worker(void *arg)
{
	struct drain *drain = arg;

	drain->worker->is_draining = true;
	server_drain(drain->worker->server, drain->fn, drain->arg);
	free(drain);
}

void worker_drain(struct worker *worker, loop_fn *fn, void *arg)
{
	struct drain *drain = mem_new(struct drain);

	*drain = (struct drain){worker, fn, arg};
	loop_post(worker->loop, drain_worker, drain);
}

static void close_worker(void *arg)
{
	struct worker *worker = arg;

	worker->is_closing = true;
	request_end_headless(worker);
	server_close(&worker->server);
	loop_stop(worker->loop);
}

void worker_stop(struct worker **worker)
{
	struct worker *old = *worker;

	if (!old)
		return;
	*worker = NULL;
	if (old->is_started) {
		loop_post(old->loop, close_worker, old);
		pthread_join(old->thread, NULL);
	} else if (old->server) {
		server_close(&old->server);
	}
	classes_close(old);
	client_free(&old->client);
	redis_store_free(&old->redis);
	config_unref(&old->redis_config);
	access_log_free(&old->access_log);
	if (old->loop)
		loop_free(&old->loop);
	recent_free(&old->recent);
	classified_free(&old->classified);
	class_memo_free(&old->class_memo);
	snapshot_unref(&old->snapshot);
	arena_free(&old->scratch);
	buf_free(&old->text);
	free(old);
}

uint16_t worker_port(const struct worker *worker)
{
	return server_port(worker->server);
}
