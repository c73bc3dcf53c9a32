/* pool.c -- the threads that the arithmetic is spread over. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Looks for work, some 10 us, before a thread sleeps or the caller waits. */
#define SPINS 3000

struct worker {
	struct pool *pool;
	uint32_t index;
	pthread_t thread;
};

/*
 * The ticket holds a job's number of tasks (upper half) and the next one that
 * nobody took (lower half): taking one is an addition, and says at the same
 * time whether it is one of this job's. fn and arg are stable for whoever has
 * a valid ticket, since the job cannot end before that task does.
 */
struct pool {
	_Atomic uint64_t ticket;
	_Atomic uint32_t left; /* tasks that are not done */
	_Atomic uint32_t jobs; /* started so far */
	_Atomic uint32_t sleepers;
	_Atomic bool is_ending;
	_Atomic bool caller_waits;
	pool_fn fn;
	void *arg;
	pthread_mutex_t turn; /* held by the thread whose job runs */
	pthread_mutex_t lock; /* for the two conditions, taken after turn */
	pthread_cond_t work, done;
	uint32_t n_threads; /* the caller included */
	uint32_t n_started;
	struct worker *workers; /* (n_threads - 1) */
};

static void pause_a_little(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

/* Takes tasks until the job has none left. */
static void work_on(struct pool *pool, uint32_t thread)
{
	for (;;) {
		uint64_t ticket = atomic_fetch_add(&pool->ticket, 1);
		uint32_t task = (uint32_t)ticket;

		if (task >= ticket >> 32)
			return;
		pool->fn(pool->arg, task, thread);
		if (atomic_fetch_sub(&pool->left, 1) != 1)
			continue;
		if (atomic_load(&pool->caller_waits)) {
			pthread_mutex_lock(&pool->lock);
			pthread_cond_signal(&pool->done);
			pthread_mutex_unlock(&pool->lock);
		}
	}
}

/* Waits for a job after number <seen>; false when the pool ends. */
static bool wait_for_job(struct pool *pool, uint32_t seen)
{
	for (int i = 0; i < SPINS; i++) {
		if (atomic_load(&pool->jobs) != seen)
			return true;
		pause_a_little();
	}
	pthread_mutex_lock(&pool->lock);
	atomic_fetch_add(&pool->sleepers, 1);
	while (
	    atomic_load(&pool->jobs) == seen && !atomic_load(&pool->is_ending))
		pthread_cond_wait(&pool->work, &pool->lock);
	atomic_fetch_sub(&pool->sleepers, 1);
	pthread_mutex_unlock(&pool->lock);
	return !atomic_load(&pool->is_ending);
}

static void *run_worker(void *arg)
{
	struct worker *worker = arg;
	struct pool *pool = worker->pool;
	uint32_t seen = 0;

	while (wait_for_job(pool, seen)) {
		seen = atomic_load(&pool->jobs);
		work_on(pool, worker->index);
	}
	return NULL;
}

struct pool *pool_new(uint32_t n, struct error *err)
{
	struct pool *pool = mem_new(struct pool);

	assert(n >= 1);
	pool->n_threads = n;
	pthread_mutex_init(&pool->turn, NULL);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->done, NULL);
	pool->workers = mem_zalloc(n * sizeof(*pool->workers));
	for (uint32_t i = 0; i + 1 < n; i++) {
		struct worker *worker = &pool->workers[i];
		int failure;

		worker->pool = pool;
		worker->index = i + 1;
		failure =
		    pthread_create(&worker->thread, NULL, run_worker, worker);
		if (failure) {
			error_set(err, "thread %u of %u: %s", i + 2, n,
			    strerror(failure));
			pool_free(&pool);
			return NULL;
		}
		pool->n_started++;
	}
	return pool;
}

void pool_free(struct pool **pool)
{
	struct pool *p = *pool;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->is_ending, true);
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (uint32_t i = 0; i < p->n_started; i++)
		pthread_join(p->workers[i].thread, NULL);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->done);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->turn);
	free(p->workers);
	free(p);
	*pool = NULL;
}

static void wait_until_done(struct pool *pool)
{
	for (int i = 0; i < SPINS; i++) {
		if (atomic_load(&pool->left) == 0)
			return;
		pause_a_little();
	}
	pthread_mutex_lock(&pool->lock);
	atomic_store(&pool->caller_waits, true);
	while (atomic_load(&pool->left) != 0)
		pthread_cond_wait(&pool->done, &pool->lock);
	atomic_store(&pool->caller_waits, false);
	pthread_mutex_unlock(&pool->lock);
}

void pool_run(struct pool *pool, pool_fn fn, void *arg, uint32_t n)
{
	pthread_mutex_lock(&pool->turn);
	if (pool->n_threads == 1 || n == 1) {
		for (uint32_t task = 0; task < n; task++)
			fn(arg, task, 0);
		pthread_mutex_unlock(&pool->turn);
		return;
	}
	pool->fn = fn;
	pool->arg = arg;
	atomic_store(&pool->left, n);
	atomic_store(&pool->ticket, (uint64_t)n << 32);
	atomic_fetch_add(&pool->jobs, 1);
	if (atomic_load(&pool->sleepers) > 0) {
		pthread_mutex_lock(&pool->lock);
		pthread_cond_broadcast(&pool->work);
		pthread_mutex_unlock(&pool->lock);
	}
	work_on(pool, 0);
	wait_until_done(pool);
	pthread_mutex_unlock(&pool->turn);
}

uint32_t pool_threads(const struct pool *pool)
{
	return pool->n_threads;
}
