/* thread.c -- the ledger's thread: syncs, closes, prepares what is next. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "ledger/inside.h"

void thread_sync(struct ledger *ledger, struct segment *segment)
{
	struct error err = {{0}};

	if (atomic_load_explicit(&ledger->has_failed, memory_order_relaxed))
		return;
	if (segment_sync(segment, &ledger->io, &err) == OK)
		return;
	log_error("ledger", "sync_failed", "error=\"%s\"", err.text);
	ledger->failure = err;
	atomic_store_explicit(&ledger->has_failed, true, memory_order_release);
}

/*
 * Past half of a segment the next one is made, so that idle writers do not
 * take twice their space on disk.
 */
static bool wants_next(
    const struct ledger_writer *writer, const struct segment *current)
{
	return !writer->next && segment_used(current) > current->slots / 2;
}

static void serve_writer(struct ledger *ledger, struct ledger_writer *writer)
{
	struct error err = {{0}};
	struct segment *current;
	bool is_wanted;

	pthread_mutex_lock(&ledger->mutex);
	current = writer->current;
	is_wanted = wants_next(writer, current);
	pthread_mutex_unlock(&ledger->mutex);
	/* The worker may turn it away now, but only this thread closes it. */
	thread_sync(ledger, current);
	if (!is_wanted)
		return;
	if (writer_prepare_next(writer, &err) == OK) {
		writer->has_complained = false;
	} else if (!writer->has_complained) {
		writer->has_complained = true;
		log_error(
		    "ledger", "next_segment_failed", "error=\"%s\"", err.text);
	}
}

/* Under the mutex: takes all that were turned away. */
static void take_retired(struct ledger *ledger, struct list *taken)
{
	struct list *link;

	list_init(taken);
	while ((link = list_pop_front(&ledger->retired)))
		list_push_back(taken, link);
}

static void close_retired(struct ledger *ledger, struct list *taken)
{
	struct list *link;

	while ((link = list_pop_front(taken))) {
		struct segment *segment =
		    container_of(link, struct segment, link);

		thread_sync(ledger, segment);
		segment_close(&segment);
	}
}

/* Under the mutex: waits for a turn, the end, or the next group's time. */
static void wait_for_work(struct ledger *ledger)
{
	int64_t until = clock_mono_ns() + ledger->sync_ns;
	const struct timespec deadline = {
	    .tv_sec = until / NS_PER_S,
	    .tv_nsec = until % NS_PER_S,
	};

	while (!ledger->is_stopping && list_is_empty(&ledger->retired))
		if (pthread_cond_timedwait(
			&ledger->wake, &ledger->mutex, &deadline) == ETIMEDOUT)
			return;
}

static void *run_thread(void *arg)
{
	struct ledger *ledger = arg;
	bool is_stopping = false;

	pthread_setname_np(pthread_self(), "ledger");
	while (!is_stopping) {
		struct list taken;

		pthread_mutex_lock(&ledger->mutex);
		wait_for_work(ledger);
		take_retired(ledger, &taken);
		is_stopping = ledger->is_stopping;
		pthread_mutex_unlock(&ledger->mutex);
		close_retired(ledger, &taken);
		for (unsigned i = 0; !is_stopping && i < ledger->n_writers; i++)
			serve_writer(ledger, &ledger->writers[i]);
	}
	return NULL;
}

enum result thread_start(struct ledger *ledger, struct error *err)
{
	pthread_condattr_t attributes;
	int error;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&ledger->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	error = pthread_create(&ledger->thread, NULL, run_thread, ledger);
	if (error) {
		pthread_cond_destroy(&ledger->wake);
		error_set(err, "ledger: cannot start its thread: %s",
		    strerror(error));
		return FAILED;
	}
	return OK;
}

void thread_stop(struct ledger *ledger)
{
	pthread_mutex_lock(&ledger->mutex);
	ledger->is_stopping = true;
	pthread_cond_signal(&ledger->wake);
	pthread_mutex_unlock(&ledger->mutex);
	pthread_join(ledger->thread, NULL);
	pthread_cond_destroy(&ledger->wake);
}
