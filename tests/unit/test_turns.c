/* test_turns.c -- busy time is shared by weight. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "local/scheduler/turns.h"

#define LANES 3

/* A lane whose steps take between <shortest> and <longest> virtual ns. */
struct lane {
	struct turn turn;
	uint64_t shortest, longest;
	bool is_busy;
	uint64_t n_turns, busy_ns;
};

struct world {
	struct lane lanes[LANES];
	uint64_t taken_at;
	uint64_t random;
};

static void come(struct world *w, int lane)
{
	w->lanes[lane].is_busy = true;
	turn_come(&w->lanes[lane].turn, w->taken_at);
}

/* As the scheduler does it; the lane that had the step. */
static int step(struct world *w)
{
	struct lane *chosen = NULL;
	uint64_t took;

	for (int i = 0; i < LANES; i++) {
		struct lane *lane = &w->lanes[i];

		if (lane->is_busy &&
		    (!chosen || turn_is_before(&lane->turn, &chosen->turn)))
			chosen = lane;
	}
	assert_non_null(chosen);
	w->taken_at = chosen->turn.at;
	w->random = w->random * UINT64_C(6364136223846793005) + 1442695041;
	took = chosen->shortest +
	       (w->random >> 33) % (chosen->longest - chosen->shortest + 1);
	turn_charge(&chosen->turn, took);
	chosen->n_turns++;
	chosen->busy_ns += took;
	return (int)(chosen - w->lanes);
}

static struct world make(uint32_t weight0, uint32_t weight1, uint32_t weight2)
{
	return (struct world){
	    .lanes =
		{
		    {{0, weight0}, 1000, 1000, false, 0, 0},
		    {{0, weight1}, 1000, 1000, false, 0, 0},
		    {{0, weight2}, 1000, 1000, false, 0, 0},
		},
	};
}

/* No two that were busy all the time are further apart than a step. */
static void check_shares(const struct lane *a, const struct lane *b)
{
	uint64_t had_a = a->busy_ns / a->turn.weight;
	uint64_t had_b = b->busy_ns / b->turn.weight;
	uint64_t apart = had_a > had_b ? had_a - had_b : had_b - had_a;
	uint64_t step_a = a->longest / a->turn.weight;
	uint64_t step_b = b->longest / b->turn.weight;

	/* Each turn counts one more than its time, and rounds down. */
	assert_true(apart <= (step_a > step_b ? step_a : step_b) + 2 +
				 2 * (a->n_turns + b->n_turns));
}

static void equal_steps_of_weights_3_and_1_alternate_3_to_1(void **state)
{
	struct world w = make(3, 1, 1);

	(void)state;
	come(&w, 0);
	come(&w, 1);
	for (int i = 0; i < 400; i++) {
		(void)step(&w);
		check_shares(&w.lanes[0], &w.lanes[1]);
	}
	assert_in_range(w.lanes[0].n_turns, 299, 301);
	assert_in_range(w.lanes[1].n_turns, 99, 101);
}

static void time_is_shared_and_not_steps(void **state)
{
	struct world w = make(3, 1, 1);

	(void)state;
	w.lanes[0].shortest = 200000;
	w.lanes[0].longest = 900000;
	w.lanes[1].shortest = 5000000;
	w.lanes[1].longest = 40000000;
	come(&w, 0);
	come(&w, 1);
	for (int i = 0; i < 20000; i++) {
		(void)step(&w);
		check_shares(&w.lanes[0], &w.lanes[1]);
	}
	assert_in_range(
	    w.lanes[0].busy_ns * 100 / w.lanes[1].busy_ns, 298, 302);
	assert_true(w.lanes[0].n_turns > 50 * w.lanes[1].n_turns);
}

static void three_share_as_two_do(void **state)
{
	struct world w = make(1, 2, 5);

	(void)state;
	for (int i = 0; i < LANES; i++)
		come(&w, i);
	for (int i = 0; i < 8000; i++)
		(void)step(&w);
	assert_in_range(w.lanes[0].n_turns, 990, 1010);
	assert_in_range(w.lanes[1].n_turns, 1990, 2010);
	assert_in_range(w.lanes[2].n_turns, 4990, 5010);
}

static void an_idle_lane_saves_nothing_up(void **state)
{
	struct world w = make(3, 1, 1);
	uint64_t before;

	(void)state;
	come(&w, 0);
	come(&w, 1);
	for (int i = 0; i < 100; i++)
		(void)step(&w);
	w.lanes[1].is_busy = false;
	for (int i = 0; i < 10000; i++)
		assert_int_equal(step(&w), 0);
	before = w.lanes[1].n_turns;
	come(&w, 1);
	for (int i = 0; i < 40; i++)
		(void)step(&w);
	assert_in_range(w.lanes[1].n_turns - before, 9, 11);
}

static void a_new_lane_starts_where_the_others_are(void **state)
{
	struct world w = make(1, 1, 1);

	(void)state;
	come(&w, 0);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(step(&w), 0);
	come(&w, 2);
	for (int i = 0; i < 100; i++)
		(void)step(&w);
	assert_in_range(w.lanes[2].n_turns, 49, 51);
}

static void time_had_in_advance_is_not_forgiven_by_a_pause(void **state)
{
	struct world w = make(1, 1, 1);

	(void)state;
	come(&w, 0);
	come(&w, 1);
	w.lanes[1].shortest = w.lanes[1].longest = 50000;
	while (step(&w) != 1)
		;
	w.lanes[1].is_busy = false;
	for (int i = 0; i < 10; i++)
		assert_int_equal(step(&w), 0);
	come(&w, 1);
	for (int i = 0; i < 38; i++)
		assert_int_equal(step(&w), 0);
}

static void a_step_without_time_is_not_free(void **state)
{
	struct world w = make(1, 1, 1);

	(void)state;
	for (int i = 0; i < 2; i++) {
		w.lanes[i].shortest = w.lanes[i].longest = 0;
		come(&w, i);
	}
	for (int i = 0; i < 100; i++)
		(void)step(&w);
	assert_int_equal(w.lanes[0].n_turns, 50);
	assert_int_equal(w.lanes[1].n_turns, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equal_steps_of_weights_3_and_1_alternate_3_to_1),
	    cmocka_unit_test(time_is_shared_and_not_steps),
	    cmocka_unit_test(three_share_as_two_do),
	    cmocka_unit_test(an_idle_lane_saves_nothing_up),
	    cmocka_unit_test(a_new_lane_starts_where_the_others_are),
	    cmocka_unit_test(time_had_in_advance_is_not_forgiven_by_a_pause),
	    cmocka_unit_test(a_step_without_time_is_not_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
