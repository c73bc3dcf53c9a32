/* test_upstream.c -- the breaker, step by step and raced for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

#include "gateway/upstream.h"

#define NOW (1000 * NS_PER_S)

static const struct config_breaker settings = {
    .failures = 3,
    .open = NS_PER_S,
    .open_max = 4 * NS_PER_S,
};

struct fixture {
	struct metrics *metrics;
	struct upstreams *upstreams;
	struct upstream *up;
};

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);

	log_set_level(LOG_ERROR);
	f->metrics = metrics_new(gateway_metric_specs, METRIC_COUNT);
	f->upstreams = upstreams_new(f->metrics);
	f->up = upstreams_get(f->upstreams, "up/small");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	upstreams_free(&f->upstreams);
	upstreams_free(&f->upstreams);
	metrics_free(&f->metrics);
	free(f);
	return 0;
}

static void fail_times(struct upstream *up, int times, int64_t now_ns)
{
	for (int i = 0; i < times; i++)
		upstream_failed(up, &settings, now_ns);
}

static void is_one_for_each_name(void **state)
{
	struct fixture *f = *state;
	struct upstream *other = upstreams_get(f->upstreams, "up/large");

	assert_ptr_not_equal(f->up, other);
	assert_ptr_equal(upstreams_get(f->upstreams, "up/small"), f->up);
	assert_ptr_equal(upstreams_get(f->upstreams, "up/large"), other);
	assert_string_equal(other->name, "up/large");
}

static void opens_after_so_many_failures_in_a_row(void **state)
{
	struct fixture *f = *state;

	fail_times(f->up, 2, NOW);
	assert_true(upstream_may_try(f->up, NOW));
	/* A success between them starts the count again. */
	upstream_succeeded(f->up);
	fail_times(f->up, 2, NOW);
	assert_true(upstream_may_try(f->up, NOW));
	assert_true(upstream_looks_healthy(f->up, NOW));
	assert_int_equal(metric_value(f->up->opened), 0);
	fail_times(f->up, 1, NOW);
	assert_false(upstream_may_try(f->up, NOW));
	assert_false(upstream_looks_healthy(f->up, NOW));
	assert_int_equal(metric_value(f->up->opened), 1);
	assert_int_equal(metric_value(f->up->breaker_gauge), BREAKER_OPEN);
}

static void late_failures_do_not_move_an_open_breaker(void **state)
{
	struct fixture *f = *state;

	fail_times(f->up, 3, NOW);
	fail_times(f->up, 5, NOW + NS_PER_S / 2);
	assert_int_equal(metric_value(f->up->opened), 1);
	assert_true(upstream_may_try(f->up, NOW + NS_PER_S));
}

static void lets_one_probe_through_when_its_time_has_come(void **state)
{
	struct fixture *f = *state;

	fail_times(f->up, 3, NOW);
	assert_false(upstream_may_try(f->up, NOW + NS_PER_S - 1));
	assert_true(upstream_looks_healthy(f->up, NOW + NS_PER_S));
	/* Looking takes nothing. */
	assert_true(upstream_looks_healthy(f->up, NOW + NS_PER_S));
	assert_true(upstream_may_try(f->up, NOW + NS_PER_S));
	assert_int_equal(metric_value(f->up->breaker_gauge), BREAKER_HALF_OPEN);
	assert_false(upstream_may_try(f->up, NOW + NS_PER_S));
	assert_false(upstream_may_try(f->up, NOW + 100 * NS_PER_S));
	assert_false(upstream_looks_healthy(f->up, NOW + 100 * NS_PER_S));
}

static void a_good_probe_closes_it(void **state)
{
	struct fixture *f = *state;

	fail_times(f->up, 3, NOW);
	assert_true(upstream_may_try(f->up, NOW + NS_PER_S));
	upstream_succeeded(f->up);
	assert_int_equal(metric_value(f->up->breaker_gauge), BREAKER_CLOSED);
	assert_true(upstream_may_try(f->up, NOW + NS_PER_S));
	assert_true(upstream_may_try(f->up, NOW + NS_PER_S));
	/* And it takes as many failures as before to open. */
	fail_times(f->up, 2, NOW);
	assert_true(upstream_may_try(f->up, NOW));
	fail_times(f->up, 1, NOW);
	assert_false(upstream_may_try(f->up, NOW + NS_PER_S - 1));
	assert_true(upstream_may_try(f->up, NOW + NS_PER_S));
}

static void each_failed_probe_doubles_the_wait_up_to_its_limit(void **state)
{
	static const int64_t seconds[] = {1, 2, 4, 4, 4};
	struct fixture *f = *state;
	int64_t now = NOW;

	fail_times(f->up, 3, now);
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		int64_t ripe = now + seconds[i] * NS_PER_S;

		assert_false(upstream_may_try(f->up, ripe - 1));
		assert_true(upstream_may_try(f->up, ripe));
		upstream_failed(f->up, &settings, ripe);
		now = ripe;
	}
	assert_int_equal(metric_value(f->up->opened), 6);
}

static void a_probe_that_says_nothing_is_given_to_the_next(void **state)
{
	struct fixture *f = *state;

	fail_times(f->up, 3, NOW);
	assert_true(upstream_may_try(f->up, NOW + NS_PER_S));
	assert_false(upstream_may_try(f->up, NOW + NS_PER_S));
	upstream_said_nothing(f->up);
	assert_int_equal(metric_value(f->up->breaker_gauge), BREAKER_OPEN);
	assert_true(upstream_may_try(f->up, NOW + NS_PER_S));
	assert_false(upstream_may_try(f->up, NOW + NS_PER_S));
}

static void saying_nothing_changes_no_other_state(void **state)
{
	struct fixture *f = *state;

	upstream_said_nothing(f->up);
	assert_true(upstream_may_try(f->up, NOW));
	fail_times(f->up, 2, NOW);
	upstream_said_nothing(f->up);
	fail_times(f->up, 1, NOW);
	assert_false(upstream_may_try(f->up, NOW));
	upstream_said_nothing(f->up);
	assert_false(upstream_may_try(f->up, NOW + NS_PER_S - 1));
}

/* --- the race ---------------------------------------------------------------
 */

enum {
	ROUNDS = 500,
	WORKERS = 4
};

struct race {
	struct upstream *up;
	pthread_barrier_t start, end;
	_Atomic int wins;
};

static void *run(void *arg)
{
	struct race *race = arg;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&race->start);
		if (upstream_may_try(race->up, NOW + NS_PER_S))
			race->wins++;
		pthread_barrier_wait(&race->end);
	}
	return NULL;
}

static void of_workers_that_race_for_the_probe_one_gets_it(void **state)
{
	struct fixture *f = *state;
	struct race race = {.up = f->up};
	pthread_t threads[WORKERS];

	pthread_barrier_init(&race.start, NULL, WORKERS + 1);
	pthread_barrier_init(&race.end, NULL, WORKERS + 1);
	fail_times(f->up, 3, NOW);
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, run, &race), 0);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&race.start);
		pthread_barrier_wait(&race.end);
		if (race.wins != i + 1)
			fail_msg("round %d: %d probes in all", i, race.wins);
		upstream_said_nothing(f->up);
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&race.start);
	pthread_barrier_destroy(&race.end);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(is_one_for_each_name),
	    TEST(opens_after_so_many_failures_in_a_row),
	    TEST(late_failures_do_not_move_an_open_breaker),
	    TEST(lets_one_probe_through_when_its_time_has_come),
	    TEST(a_good_probe_closes_it),
	    TEST(each_failed_probe_doubles_the_wait_up_to_its_limit),
	    TEST(a_probe_that_says_nothing_is_given_to_the_next),
	    TEST(saying_nothing_changes_no_other_state),
	    TEST(of_workers_that_race_for_the_probe_one_gets_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
