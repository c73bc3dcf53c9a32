/* test_scheduler_stress.c -- whatever comes, every job ends once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/scheduler_fixture.h"

/*
 * Three threads make jobs of all kinds for two lanes over little memory, cancel
 * some of them at once, later or never, and drop them before or after their
 * end; a third lane comes and goes. In the end every job that was taken has
 * ended once, and all memory is free. An argument gives the jobs of a thread,
 * 60 by default.
 */
#define THREADS 3
#define IN_FLIGHT 12
#define PROMPT_MAX 120

static int n_jobs = 60;

/* One job of a thread, from its making to its end. */
struct slot {
	struct heard heard;
	uint32_t prompt[PROMPT_MAX];
	bool is_taken;
};

struct maker {
	pthread_t thread;
	struct lane *lanes[2];
	uint32_t random;
	uint32_t taken, ended, refused;
	struct slot slots[IN_FLIGHT];
};

static uint32_t below(struct maker *m, uint32_t n)
{
	m->random = m->random * 1664525 + 1013904223;
	return (m->random >> 8) % n;
}

static void finish_slot(struct maker *m, struct slot *slot)
{
	if (!slot->is_taken)
		return;
	heard_wait(&slot->heard);
	m->ended += slot->heard.n_ended;
	heard_done(&slot->heard);
	slot->is_taken = false;
}

static void start_slot(struct maker *m, struct slot *slot)
{
	static const struct span tenants[] = {
	    {.ptr = "a", .len = 1}, {.ptr = "b", .len = 1}, {.len = 0}};
	uint32_t n = 1 + below(m, PROMPT_MAX), fate = below(m, 6);
	struct job_options options;
	struct job_offer offer;
	struct error err;

	/* Few different prompts, so that many begin alike. */
	make_prompt(slot->prompt, n, below(m, 4), VOCAB);
	options =
	    heard_options(&slot->heard, slot->prompt, n, 1 + below(m, 130));
	options.tenant = tenants[below(m, 3)];
	options.priority = below(m, 8) == 0;
	options.n_tops = below(m, 2) * 3;
	options.generate.sample.temperature = (float)below(m, 2);
	options.generate.sample.seed = below(m, 1000);
	offer = job_new(m->lanes[below(m, 2)], &options, &err);
	slot->is_taken = offer.refusal == JOB_TAKEN;
	if (!slot->is_taken) {
		assert_int_equal(offer.refusal, JOB_FULL);
		m->refused++;
		return;
	}
	m->taken++;
	pthread_mutex_lock(&slot->heard.lock);
	slot->heard.job = offer.job;
	slot->heard.cancel_at = fate == 1 ? 1 + below(m, 20) : 0;
	pthread_mutex_unlock(&slot->heard.lock);
	if (fate == 0)
		job_cancel(offer.job);
}

static void *make_jobs(void *arg)
{
	struct maker *m = arg;

	for (int i = 0; i < n_jobs; i++) {
		struct slot *slot = &m->slots[below(m, IN_FLIGHT)];

		if (slot->is_taken && below(m, 3) == 0)
			job_cancel(slot->heard.job);
		finish_slot(m, slot);
		start_slot(m, slot);
	}
	for (int i = 0; i < IN_FLIGHT; i++)
		finish_slot(m, &m->slots[i]);
	return NULL;
}

/* A lane that takes memory from the others for a while. */
static void come_and_go(
    struct scheduler *scheduler, const struct checkpoint *checkpoint)
{
	static uint32_t prompt[20];
	static struct heard heard[4];
	struct lane_options options = {.name = "third"};
	struct error err;
	struct lane *lane = lane_new(scheduler, checkpoint, &options, &err);

	if (!lane)
		fail_msg("%s", err.text);
	make_prompt(prompt, 20, 1, VOCAB);
	for (int i = 0; i < 4; i++) {
		struct job_options job =
		    heard_options(&heard[i], prompt, 20, 30);

		heard_start(&heard[i], lane, &job);
	}
	heard_wait(&heard[0]);
	lane_close(&lane, 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(heard[i].n_ended, 1);
		heard_done(&heard[i]);
	}
}

static void check_lane(struct lane *lane, const char *name)
{
	struct lane_stats stats;

	lane_stats(lane, &stats);
	print_message("%s: %llu finished, %llu cancelled, %llu failed, "
		      "%llu refused, %llu preempted, %llu of %llu prompt "
		      "tokens cached\n",
	    name, (unsigned long long)stats.finished,
	    (unsigned long long)stats.cancelled,
	    (unsigned long long)stats.failed, (unsigned long long)stats.refused,
	    (unsigned long long)stats.preempted,
	    (unsigned long long)stats.cached_tokens,
	    (unsigned long long)stats.prompt_tokens);
	assert_int_equal(stats.running + stats.waiting, 0);
	assert_int_equal(stats.kv_used_bytes, 0);
}

static void ends_every_job_once_and_frees_everything(void **state)
{
	static const struct model_options model = {.threads = 2, .chunk = 32};
	static const struct lane_options small = {.batch = 16, .queue = 4},
					 second = {.batch = 12, .weight = 2};
	static struct maker makers[THREADS];
	struct checkpoint *other = place_checkpoint("gemma3", &model);
	struct checkpoint *third = place_checkpoint("qwen3", &model);
	struct place place = place_open("llama", &model, &small,
	    model_kv_bytes(checkpoint_model(third), 256) * 4);
	struct error err;
	struct lane *lane = lane_new(place.scheduler, other, &second, &err);
	uint32_t taken = 0, ended = 0;

	(void)state;
	if (!lane)
		fail_msg("%s", err.text);
	for (uint32_t i = 0; i < THREADS; i++) {
		makers[i].lanes[0] = place.lane;
		makers[i].lanes[1] = lane;
		makers[i].random = i;
		assert_int_equal(pthread_create(&makers[i].thread, NULL,
				     make_jobs, &makers[i]),
		    0);
	}
	for (int i = 0; i < 3; i++)
		come_and_go(place.scheduler, third);
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(makers[i].thread, NULL);
		taken += makers[i].taken;
		ended += makers[i].ended;
	}
	assert_int_equal(taken, ended);
	check_lane(place.lane, "llama");
	check_lane(lane, "gemma3");
	lane_close(&lane, 0);
	place_close(&place);
	checkpoint_close(&other);
	checkpoint_close(&third);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ends_every_job_once_and_frees_everything),
	};
	uint64_t jobs;

	if (argc > 1 && span_to_u64(span_of(argv[1]), &jobs) &&
	    jobs < INT32_MAX)
		n_jobs = (int)jobs;
	log_set_level(LOG_WARN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
