/* crew.c -- the threads that the arithmetic is spread over. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/crew.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "local/cpu/pace.h"

/* Looks for work, some 10 us, before a thread sleeps or the caller waits. */
#define SPINS 3000

struct worker {
	struct crew *crew;
	uint32_t index;
	pthread_t thread;
};

/*
 * The ticket holds a job's number of tasks (upper half) and the next one that
 * nobody took (lower half): taking one is an addition, and says at the same
 * time whether it is one of this job's. fn and arg are stable for whoever has
 * a valid ticket, since the job cannot end before that task does.
 */
struct crew {
	_Atomic uint64_t ticket;
	_Atomic uint32_t left; /* tasks that are not done */
	_Atomic uint32_t jobs; /* started so far */
	_Atomic uint32_t sleepers;
	_Atomic bool is_ending;
	_Atomic bool caller_waits;
	crew_fn fn;
	void *arg;
	struct pace pace;     /* under turn */
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
static void work_on(struct crew *crew, uint32_t thread)
{
	for (;;) {
		uint64_t ticket = atomic_fetch_add(&crew->ticket, 1);
		uint32_t task = (uint32_t)ticket;

		if (task >= ticket >> 32)
			return;
		crew->fn(crew->arg, task, thread);
		if (atomic_fetch_sub(&crew->left, 1) != 1)
			continue;
		if (atomic_load(&crew->caller_waits)) {
			pthread_mutex_lock(&crew->lock);
			pthread_cond_signal(&crew->done);
			pthread_mutex_unlock(&crew->lock);
		}
	}
}

/* Waits for a job after number <seen>; false when the crew ends. */
static bool wait_for_job(struct crew *crew, uint32_t seen)
{
	for (int i = 0; i < SPINS; i++) {
		if (atomic_load(&crew->jobs) != seen)
			return true;
		pause_a_little();
	}
	pthread_mutex_lock(&crew->lock);
	atomic_fetch_add(&crew->sleepers, 1);
	while (
	    atomic_load(&crew->jobs) == seen && !atomic_load(&crew->is_ending))
		pthread_cond_wait(&crew->work, &crew->lock);
	atomic_fetch_sub(&crew->sleepers, 1);
	pthread_mutex_unlock(&crew->lock);
	return !atomic_load(&crew->is_ending);
}

static void *run_worker(void *arg)
{
	struct worker *worker = arg;
	struct crew *crew = worker->crew;
	uint32_t seen = 0;

	(void)pthread_setname_np(pthread_self(), "crew");
	while (wait_for_job(crew, seen)) {
		seen = atomic_load(&crew->jobs);
		work_on(crew, worker->index);
	}
	return NULL;
}

struct crew *crew_new(uint32_t n, struct error *err)
{
	struct crew *crew = mem_new(struct crew);

	assert(n >= 1);
	crew->n_threads = n;
	pthread_mutex_init(&crew->turn, NULL);
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->work, NULL);
	pthread_cond_init(&crew->done, NULL);
	crew->workers = mem_zalloc(n * sizeof(*crew->workers));
	for (uint32_t i = 0; i + 1 < n; i++) {
		struct worker *worker = &crew->workers[i];
		int failure;

		worker->crew = crew;
		worker->index = i + 1;
		failure =
		    pthread_create(&worker->thread, NULL, run_worker, worker);
		if (failure) {
			error_set(err, "thread %u of %u: %s", i + 2, n,
			    strerror(failure));
			crew_free(&crew);
			return NULL;
		}
		crew->n_started++;
	}
	return crew;
}

void crew_free(struct crew **crew)
{
	struct crew *p = *crew;

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
	*crew = NULL;
}

/* True when it had to sleep. */
static bool wait_until_done(struct crew *crew)
{
	for (int i = 0; i < SPINS; i++) {
		if (atomic_load(&crew->left) == 0)
			return false;
		pause_a_little();
	}
	pthread_mutex_lock(&crew->lock);
	atomic_store(&crew->caller_waits, true);
	while (atomic_load(&crew->left) != 0)
		pthread_cond_wait(&crew->done, &crew->lock);
	atomic_store(&crew->caller_waits, false);
	pthread_mutex_unlock(&crew->lock);
	return true;
}

/* The caller and whoever is free; returns how long it waited for these. */
static int64_t run_together(
    struct crew *crew, crew_fn fn, void *arg, uint32_t n)
{
	int64_t before;

	crew->fn = fn;
	crew->arg = arg;
	atomic_store(&crew->left, n);
	atomic_store(&crew->ticket, (uint64_t)n << 32);
	atomic_fetch_add(&crew->jobs, 1);
	if (atomic_load(&crew->sleepers) > 0) {
		pthread_mutex_lock(&crew->lock);
		pthread_cond_broadcast(&crew->work);
		pthread_mutex_unlock(&crew->lock);
	}
	work_on(crew, 0);
	before = clock_mono_ns();
	return wait_until_done(crew) ? clock_mono_ns() - before : 0;
}

static void run_alone(crew_fn fn, void *arg, uint32_t n)
{
	for (uint32_t task = 0; task < n; task++)
		fn(arg, task, 0);
}

/* One task is nobody else's to help with, and says nothing of the pace. */
void crew_run(struct crew *crew, crew_fn fn, void *arg, uint32_t n)
{
	pthread_mutex_lock(&crew->turn);
	if (crew->n_threads == 1 || n <= 1) {
		run_alone(fn, arg, n);
	} else {
		struct pace_job job = {.began = clock_mono_ns(), .tasks = n};

		if (pace_is_alone(&crew->pace, job.began))
			run_alone(fn, arg, n);
		else
			job.waited = run_together(crew, fn, arg, n);
		job.worked = clock_mono_ns() - job.began - job.waited;
		pace_note(&crew->pace, &job);
	}
	pthread_mutex_unlock(&crew->turn);
}

uint32_t crew_threads(const struct crew *crew)
{
	return crew->n_threads;
}
