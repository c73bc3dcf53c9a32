/* scheduler.c -- the thread that computes, and whose turn it is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "local/scheduler/internal.h"

#define KV_BYTES_DEFAULT ((uint64_t)1 << 30)
#define NICE_MAX 19

/* Linux has a priority for each thread; elsewhere this is refused. */
static void be_nice(const struct scheduler *s)
{
	id_t thread = (id_t)syscall(SYS_gettid);

	(void)pthread_setname_np(pthread_self(), "engine");
	if (s->nice > 0 && setpriority(PRIO_PROCESS, thread, s->nice) != 0)
		log_warn(NULL, "engine_nice", "value=%d error=\"%s\"", s->nice,
		    strerror(errno));
}

/* What memory became another lane's is given up. */
static void apply_shares(struct scheduler *s)
{
	list_for_each(at, &s->lanes) {
		struct lane *lane = container_of(at, struct lane, link);

		lane->kv_now = lane->kv_max;
		lane->room_now = lane->room;
		if (lane->info.is_encoder)
			continue;
		model_limit_kv(lane->model, lane->kv_max);
		(void)prefix_make_room(lane->prefix, 0);
		lane_count_memory(lane);
	}
	s->is_resharing = false;
}

/*
 * Takes arrivals, finds who must leave, and says which lane is furthest behind
 * its share of the time; NULL when there is nothing to do. The lock is held.
 */
static struct lane *choose_lane(struct scheduler *s, struct list *leaving)
{
	struct lane *chosen = NULL;
	int64_t now = clock_mono_ns();

	list_for_each(at, &s->lanes) {
		struct lane *lane = container_of(at, struct lane, link);
		bool was_idle = lane->n_jobs == 0;

		queue_take_arrivals(lane);
		if (lane->n_jobs == 0)
			continue;
		queue_sweep(lane, now, leaving);
		if (was_idle)
			turn_come(&lane->turn, s->taken_at);
		if (!chosen || turn_is_before(&lane->turn, &chosen->turn))
			chosen = lane;
	}
	if (chosen)
		s->taken_at = chosen->turn.at;
	return chosen;
}

/* Lanes that are closing and empty leave; the lock is held. */
static void let_lanes_go(struct scheduler *s)
{
	list_for_each_safe(at, &s->lanes) {
		struct lane *lane = container_of(at, struct lane, link);

		if (!lane->is_closing || lane->n_jobs > 0)
			continue;
		list_remove(&lane->link);
		lane_reshare(s);
		lane->is_gone = true;
		pthread_cond_broadcast(&s->gone);
	}
}

static void end_leaving(struct list *leaving)
{
	while (!list_is_empty(leaving)) {
		struct job *job = container_of(leaving->next, struct job, link);

		job_end(job, job->leaves_as, NULL);
	}
}

static void step(struct lane *lane)
{
	int64_t from = clock_mono_ns(), took;

	admit_next(lane, from);
	lane_publish(lane);
	if (lane->info.is_encoder)
		encode_step(lane);
	else
		text_step(lane);
	took = clock_mono_ns() - from;
	lane->now.steps++;
	lane->now.busy_ns += (uint64_t)took;
	turn_charge(&lane->turn, (uint64_t)took);
	lane_publish(lane);
}

static void *run(void *arg)
{
	struct scheduler *s = arg;
	struct list leaving;
	struct lane *lane;

	be_nice(s);
	list_init(&leaving);
	pthread_mutex_lock(&s->lock);
	while (!s->is_ending) {
		if (s->is_resharing)
			apply_shares(s);
		lane = choose_lane(s, &leaving);
		let_lanes_go(s);
		if (!lane) {
			pthread_cond_wait(&s->work, &s->lock);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		end_leaving(&leaving);
		step(lane);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

struct scheduler *scheduler_new(
    const struct scheduler_options *options, struct error *err)
{
	struct scheduler *s;
	int failure;

	if (options->nice < 0 || options->nice > NICE_MAX) {
		error_set(err, "nice must be 0 to %d, got %d", NICE_MAX,
		    options->nice);
		return NULL;
	}
	s = mem_new(struct scheduler);
	s->nice = options->nice;
	s->kv_bytes = options->kv_bytes ? options->kv_bytes : KV_BYTES_DEFAULT;
	s->masks = masks_new();
	list_init(&s->lanes);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->gone, NULL);
	failure = pthread_create(&s->thread, NULL, run, s);
	if (failure) {
		error_set(err, "the engine's thread: %s", strerror(failure));
		masks_free(&s->masks);
		free(s);
		return NULL;
	}
	return s;
}

void scheduler_free(struct scheduler **scheduler)
{
	struct scheduler *s = *scheduler;

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	assert(list_is_empty(&s->lanes));
	s->is_ending = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	masks_free(&s->masks);
	pthread_cond_destroy(&s->gone);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s);
	*scheduler = NULL;
}
