/* test_projection.c -- the projection tells what the log tells. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/projection_help.h"

/* --- the same as the log -----------------------------------------------------
 */

static void the_total_is_that_of_the_log_over_restarts(void **state)
{
	struct world *world = *state;

	world_seed = 11;
	for (int run = 0; run < 12; run++) {
		struct log log;

		world_open(world);
		world_work(world, world_draw(60));
		if (world_draw(2))
			world_project(world); /* in the midst of a process */
		world_work(world, world_draw(60));
		ledger_close(&world->ledger);
		world_project(world);
		log = world_log(world);
		world_must_have_all(world, &log);
		free(log.rows);
	}
}

static void a_rebuilt_file_has_the_same_content(void **state)
{
	struct world *world = *state;

	world_seed = 12;
	for (int run = 0; run < 5; run++) {
		char *grown, *made;

		world_open(world);
		for (int i = 0; i < 4; i++) {
			world_work(world, world_draw(80));
			world_project(world);
		}
		ledger_close(&world->ledger);
		world_project(world);
		grown = world_dump(world);
		world_rebuild(world);
		made = world_dump(world);
		assert_string_equal(grown, made);
		free(grown);
		free(made);
	}
}

/* A child projects while the parent writes, until it is killed. */
static pid_t start_child(const struct world *world)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		const struct projection_options options = world_options(world);
		struct error err;

		if (!projection_open(&options, &err))
			_exit(1);
		for (;;)
			pause();
	}
	return pid;
}

static void no_record_is_lost_or_doubled_over_kills(void **state)
{
	struct world *world = *state;
	struct log log;
	char *grown, *made;

#ifdef __SANITIZE_THREAD__
	skip(); /* it cannot follow threads that a forked child makes */
#endif
	world_seed = 13;
	world_open(world);
	for (int run = 0; run < 20; run++) {
		int64_t before = world_records(world);
		pid_t child = start_child(world);

		world_work(world, world_draw(300));
		/* At times as early as may be, at times after some work. */
		while (world_draw(4) && world_records(world) <= before &&
		       !waitpid(child, NULL, WNOHANG)) {
			world_work(world, 1);
			sched_yield();
		}
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	ledger_close(&world->ledger);
	world_project(world);
	log = world_log(world);
	world_must_have_all(world, &log);
	free(log.rows);
	grown = world_dump(world);
	world_rebuild(world);
	made = world_dump(world);
	assert_string_equal(grown, made);
	free(grown);
	free(made);
}

/* --- questions ---------------------------------------------------------------
 */

static const char *any_name(unsigned dim)
{
	switch (dim) {
	case PROJECTION_KEY:
		return ONE_OF("team-a", "team-b", "", "nobody");
	case PROJECTION_MODEL:
		return ONE_OF("up/small", "up/large", "m\"odd,");
	case PROJECTION_RULE:
		return ONE_OF("default", "long");
	default:
		return ONE_OF("", "code", "chat");
	}
}

static struct projection_query draw_query(void)
{
	struct projection_query query;
	int64_t span = (int64_t)world_draw(2) ? 7200 : 40 * WORLD_DAY;
	int64_t since = WORLD_NOW / NS_PER_S - (int64_t)world_draw(40 * 86400);
	int64_t until = since + 1 + (int64_t)world_draw((uint64_t)span);

	assert_true(projection_plan(
	    since * NS_PER_S, until * NS_PER_S, WORLD_NOW, &query));
	for (unsigned dim = 0; dim < PROJECTION_DIMS; dim++)
		if (world_draw(3) == 0)
			query.names[dim] = any_name(dim);
	return query;
}

static void check_overview(const struct world *world, const struct log *log,
    const struct projection_query *query)
{
	struct projection_overview overview;
	struct projection_sum want = log_sum(log, query);
	struct error err = {{0}};

	if (projection_read_overview(world->path, query, &overview, &err) != OK)
		fail_msg("%s", err.text);
	sums_must_equal(&overview.total, &want);
	assert_int_equal(overview.n_points,
	    (query->until_s - query->since_s) / query->step_s);
	assert_in_range(overview.n_points, 1, 202);
	for (size_t i = 0; i < overview.n_points; i++) {
		struct projection_query part = *query;

		part.since_s += (int64_t)i * query->step_s;
		part.until_s = part.since_s + query->step_s;
		assert_int_equal(overview.points[i].t, part.since_s);
		want = log_sum(log, &part);
		sums_must_equal(&overview.points[i].sum, &want);
	}
	projection_free_overview(&overview);
}

static void check_table(const struct world *world, const struct log *log,
    const struct projection_query *query)
{
	enum projection_dim by =
	    (enum projection_dim)world_draw(PROJECTION_DIMS);
	struct projection_table table;
	struct error err = {{0}};
	size_t wanted = 0, found = 0;

	if (projection_read_table(world->path, query, by, &table, &err) != OK)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < table.n; i++) {
		struct projection_query one = *query;
		struct projection_sum want;

		if (query->names[by])
			assert_string_equal(
			    query->names[by], table.rows[i].name);
		one.names[by] = table.rows[i].name;
		want = log_sum(log, &one);
		sums_must_equal(&table.rows[i].sum, &want);
		found += (size_t)want.requests;
		if (i > 0)
			assert_true(table.rows[i - 1].sum.cost_nano >=
				    table.rows[i].sum.cost_nano);
	}
	wanted = (size_t)log_sum(log, query).requests;
	assert_int_equal(found, wanted);
	projection_free_table(&table);
}

static void answers_to_any_question_are_those_of_the_log(void **state)
{
	struct world *world = *state;
	struct log log;

	world_seed = 14;
	world_open(world);
	world_work(world, 1500);
	ledger_close(&world->ledger);
	world_project(world);
	log = world_log(world);
	for (int i = 0; i < 150; i++) {
		struct projection_query query = draw_query();

		check_overview(world, &log, &query);
		check_table(world, &log, &query);
	}
	free(log.rows);
}

static void names_are_those_of_the_range_whatever_the_filters(void **state)
{
	struct world *world = *state;
	struct projection_overview overview;
	struct projection_query query;
	struct error err;

	world_seed = 15;
	world_open(world);
	world_work(world, 300);
	ledger_close(&world->ledger);
	world_project(world);
	assert_true(projection_plan(WORLD_NOW - 40 * WORLD_DAY * NS_PER_S,
	    WORLD_NOW + WORLD_DAY * NS_PER_S, WORLD_NOW, &query));
	query.names[PROJECTION_KEY] = "nobody";
	assert_int_equal(
	    projection_read_overview(world->path, &query, &overview, &err), OK);
	assert_int_equal(overview.total.requests, 0);
	assert_int_equal(overview.total.first_token_p50_ns, -1);
	assert_int_equal(overview.names[PROJECTION_KEY].n, 2);
	assert_string_equal(overview.names[PROJECTION_KEY].items[0], "team-a");
	assert_string_equal(overview.names[PROJECTION_KEY].items[1], "team-b");
	assert_int_equal(overview.names[PROJECTION_MODEL].n, 3);
	assert_int_equal(overview.names[PROJECTION_TASK].n, 2);
	assert_true(overview.as_of_ns > 0);
	projection_free_overview(&overview);
	assert_true(projection_plan(WORLD_NOW - 29 * WORLD_DAY * NS_PER_S,
	    WORLD_NOW - 28 * WORLD_DAY * NS_PER_S, WORLD_NOW, &query));
	assert_int_equal(
	    projection_read_overview(world->path, &query, &overview, &err), OK);
	assert_int_equal(overview.names[PROJECTION_KEY].n, 0);
	projection_free_overview(&overview);
}

static void a_plan_has_at_most_200_whole_steps(void **state)
{
	static const struct {
		int64_t span;
		int64_t step;
	} plans[] = {
	    {900, 60},
	    {3600, 60},
	    {7200, 60},
	    {6 * 3600, 300},
	    {WORLD_DAY, 900},
	    {2 * WORLD_DAY, 900},
	    {7 * WORLD_DAY, 3600},
	    {30 * WORLD_DAY, 21600},
	    {60 * WORLD_DAY, WORLD_DAY},
	    {90 * WORLD_DAY, WORLD_DAY},
	    {1000 * WORLD_DAY, 7 * WORLD_DAY},
	};
	struct projection_query query;

	(void)state;
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		assert_true(
		    projection_plan(WORLD_NOW - plans[i].span * NS_PER_S + 5,
			WORLD_NOW + 5, WORLD_NOW, &query));
		assert_int_equal(query.step_s, plans[i].step);
		assert_int_equal(query.since_s % query.step_s, 0);
		assert_int_equal(query.until_s % query.step_s, 0);
		assert_true(
		    query.since_s <= WORLD_NOW / NS_PER_S - plans[i].span);
		assert_true(query.until_s > WORLD_NOW / NS_PER_S);
	}
	/* Minutes are kept three days, hours a hundred. */
	assert_true(projection_plan(WORLD_NOW - 4 * WORLD_DAY * NS_PER_S,
	    WORLD_NOW - 4 * WORLD_DAY * NS_PER_S + 1, WORLD_NOW, &query));
	assert_int_equal(query.step_s, 3600);
	assert_true(projection_plan(WORLD_NOW - 120 * WORLD_DAY * NS_PER_S,
	    WORLD_NOW - 120 * WORLD_DAY * NS_PER_S + 1, WORLD_NOW, &query));
	assert_int_equal(query.step_s, WORLD_DAY);
	assert_false(projection_plan(WORLD_NOW, WORLD_NOW, WORLD_NOW, &query));
	assert_false(
	    projection_plan(WORLD_NOW, WORLD_NOW - 1, WORLD_NOW, &query));
	assert_false(projection_plan(0, WORLD_NOW, WORLD_NOW, &query));
	assert_false(projection_plan(-NS_PER_S, 5, WORLD_NOW, &query));
}

int main(void)
{
#define in_world(name)                                                         \
	cmocka_unit_test_setup_teardown(name, world_begin, world_end)
	const struct CMUnitTest tests[] = {
	    in_world(the_total_is_that_of_the_log_over_restarts),
	    in_world(a_rebuilt_file_has_the_same_content),
	    in_world(no_record_is_lost_or_doubled_over_kills),
	    in_world(answers_to_any_question_are_those_of_the_log),
	    in_world(names_are_those_of_the_range_whatever_the_filters),
	    cmocka_unit_test(a_plan_has_at_most_200_whole_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
