/* test_pace.c -- the faster way is found, kept to and looked at again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "local/cpu/pace.h"

#define MS 1000000LL
#define TASKS 50

/* A machine in numbers: what a job of 50 tasks takes there. */
struct machine {
	int64_t alone;       /* ns */
	int64_t together;    /* ns of the caller's work */
	int64_t waits;       /* ns more in each <every>th job */
	uint32_t every;      /* 0: never */
	int64_t now;         /* ns since it was started */
	int64_t spent_alone; /* ns of these */
	uint32_t jobs;
};

static void run_job(struct machine *m, struct pace *pace)
{
	struct pace_job job = {.began = m->now, .tasks = TASKS};

	m->jobs++;
	if (pace_is_alone(pace, m->now)) {
		job.worked = m->alone;
		m->spent_alone += job.worked;
	} else {
		job.worked = m->together;
		if (m->every && m->jobs % m->every == 0)
			job.waited = m->waits;
	}
	m->now += job.worked + job.waited;
	pace_note(pace, &job);
}

static void run_until(struct machine *m, struct pace *pace, int64_t end)
{
	while (m->now < end)
		run_job(m, pace);
}

static void works_together_while_nothing_is_late(void **state)
{
	struct machine m = {
	    .alone = 40000, .together = 20000, .waits = MS - 1, .every = 100};
	struct pace pace = {0};

	(void)state;
	run_until(&m, &pace, 2000 * MS);
	assert_int_equal(m.spent_alone, 0);
}

static void keeps_to_working_alone_where_that_is_faster(void **state)
{
	struct machine m = {
	    .alone = 40000, .together = 20000, .waits = 6 * MS, .every = 20};
	struct pace pace = {0};

	(void)state;
	run_until(&m, &pace, 10000 * MS);
	assert_true(m.spent_alone > 8500 * MS);
}

static void keeps_to_working_together_where_that_is_faster(void **state)
{
	struct machine m = {
	    .alone = 80000, .together = 20000, .waits = 2 * MS, .every = 100};
	struct pace pace = {0};

	(void)state;
	run_until(&m, &pace, 10000 * MS);
	assert_true(m.spent_alone > 0);
	assert_true(m.spent_alone < 1500 * MS);
}

static void is_calm_again_when_the_others_have_gone(void **state)
{
	struct machine m = {
	    .alone = 40000, .together = 20000, .waits = 6 * MS, .every = 20};
	struct pace pace = {0};
	int64_t before;

	(void)state;
	run_until(&m, &pace, 3000 * MS);
	m.every = 0;
	run_until(&m, &pace, 5000 * MS);
	before = m.spent_alone;
	run_until(&m, &pace, 9000 * MS);
	assert_int_equal(m.spent_alone, before);
}

/* A crew that had nothing to do while it was to try a way. */
static void survives_a_rest(void **state)
{
	struct machine m = {
	    .alone = 40000, .together = 20000, .waits = 6 * MS, .every = 20};
	struct pace pace = {0};

	(void)state;
	for (int i = 0; i < 200; i++) {
		run_until(&m, &pace, m.now + 30 * MS);
		m.now += 5000 * MS;
	}
	m.every = 0;
	run_until(&m, &pace, m.now + 1500 * MS);
	m.spent_alone = 0;
	run_until(&m, &pace, m.now + 1500 * MS);
	assert_int_equal(m.spent_alone, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(works_together_while_nothing_is_late),
	    cmocka_unit_test(keeps_to_working_alone_where_that_is_faster),
	    cmocka_unit_test(keeps_to_working_together_where_that_is_faster),
	    cmocka_unit_test(is_calm_again_when_the_others_have_gone),
	    cmocka_unit_test(survives_a_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
