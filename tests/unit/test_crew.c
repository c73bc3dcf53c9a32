/* test_crew.c -- every task runs once, whatever the threads do. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "local/cpu/crew.h"

#define TASKS 97

struct counts {
	struct crew *crew;
	_Atomic uint32_t done[TASKS];
	_Atomic uint32_t strays;
};

static void count(void *arg, uint32_t task, uint32_t thread)
{
	struct counts *counts = arg;

	if (thread >= crew_threads(counts->crew))
		atomic_fetch_add(&counts->strays, 1);
	atomic_fetch_add(&counts->done[task], 1);
}

static void check(struct counts *counts, uint32_t times)
{
	for (uint32_t i = 0; i < TASKS; i++)
		assert_int_equal(counts->done[i], times);
	assert_int_equal(counts->strays, 0);
}

static void runs_every_task_once(void **state)
{
	struct error err;

	(void)state;
	for (uint32_t threads = 1; threads <= 5; threads++) {
		struct counts counts = {.strays = 0};

		counts.crew = crew_new(threads, &err);
		assert_int_equal(crew_threads(counts.crew), threads);
		for (int i = 0; i < 300; i++)
			crew_run(counts.crew, count, &counts, TASKS);
		check(&counts, 300);
		crew_free(&counts.crew);
		assert_null(counts.crew);
	}
}

static void runs_no_task_of_an_empty_job(void **state)
{
	struct error err;
	struct counts counts = {.crew = crew_new(3, &err)};

	(void)state;
	crew_run(counts.crew, count, &counts, 0);
	check(&counts, 0);
	crew_free(&counts.crew);
}

/* A job of two tasks in which the other thread takes 30 ms for its own. */
struct delay {
	_Atomic bool other_began;
	_Atomic uint32_t by_others;
	bool is_slow;
};

static void dawdle(void *arg, uint32_t task, uint32_t thread)
{
	struct delay *delay = arg;
	int64_t end = clock_mono_ns() + 30000000;

	(void)task;
	if (thread != 0)
		atomic_fetch_add(&delay->by_others, 1);
	if (!delay->is_slow)
		return;
	if (thread == 0) {
		while (!atomic_load(&delay->other_began))
			continue;
		return;
	}
	atomic_store(&delay->other_began, true);
	while (clock_mono_ns() < end)
		continue;
}

static void works_alone_after_a_long_wait(void **state)
{
	struct error err;
	struct crew *crew = crew_new(2, &err);
	struct delay delay = {.is_slow = true};

	(void)state;
	crew_run(crew, dawdle, &delay, 2);
	assert_int_equal(delay.by_others, 1);
	delay = (struct delay){.is_slow = false};
	crew_run(crew, dawdle, &delay, TASKS);
	assert_int_equal(delay.by_others, 0);
	crew_free(&crew);
}

static void *run_jobs(void *arg)
{
	struct counts *counts = arg;

	for (int i = 0; i < 200; i++)
		crew_run(counts->crew, count, counts, TASKS);
	return NULL;
}

static void takes_jobs_from_several_threads(void **state)
{
	struct error err;
	struct counts counts = {.crew = crew_new(3, &err)};
	pthread_t threads[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, run_jobs, &counts), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	check(&counts, 600);
	crew_free(&counts.crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(runs_every_task_once),
	    cmocka_unit_test(runs_no_task_of_an_empty_job),
	    cmocka_unit_test(works_alone_after_a_long_wait),
	    cmocka_unit_test(takes_jobs_from_several_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
