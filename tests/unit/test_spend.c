/* test_spend.c -- sums by key, model, rule and day. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/ledger_help.h"

#define DAY (86400)

static int begin(void **state)
{
	char *directory = mem_alloc(HELP_PATH_MAX);

	help_make_directory(directory);
	*state = directory;
	return 0;
}

static int end(void **state)
{
	help_remove_directory(*state);
	free(*state);
	return 0;
}

static struct ledger_spend spend_of(
    const char *directory, struct ledger_query query)
{
	struct ledger_spend spend;
	struct error err = {{0}};

	if (ledger_spend(directory, &query, &spend, &err) != OK)
		fail_msg("%s", err.text);
	return spend;
}

/* The ledger that most tests sum: see the comments for each attempt. */
static void write_sample(const char *directory)
{
	struct ledger *ledger = help_open(directory, 1, 0);
	struct ledger_writer *writer = ledger_writer(ledger, 0);
	struct ledger_reserve reserve;
	struct ledger_settle settle;

	/* 10: plain, team-a, up/small. Costs 10, saves 20. */
	help_must_reserve(writer, 10);
	help_must_settle(writer, 10);
	/* 11: refused by up/small, */
	reserve = help_reserve(11);
	reserve.key = "team-b";
	settle = help_settle(11);
	settle.outcome = LEDGER_REFUSED;
	settle.cost_nano = settle.baseline_nano = settle.saved_nano = 0;
	assert_int_equal(ledger_reserve(writer, &reserve, NULL), OK);
	ledger_settle(writer, &settle);
	/* 12: the same request answered by up/large, estimated, dearer. */
	reserve = help_reserve(12);
	reserve.request = help_id(11);
	reserve.attempt_number = 2;
	reserve.key = "team-b";
	reserve.model = "up/large";
	settle = help_settle(12);
	settle.is_estimated = true;
	settle.cost_nano = 500;
	settle.baseline_nano = 400;
	settle.saved_nano = -100;
	assert_int_equal(ledger_reserve(writer, &reserve, NULL), OK);
	ledger_settle(writer, &settle);
	/* 13: a cache hit on the next day. */
	reserve = help_reserve(DAY + 13);
	reserve.kind = LEDGER_CACHE_HIT;
	reserve.rule = "code";
	settle = help_settle(DAY + 13);
	settle.cost_nano = 0;
	settle.baseline_nano = settle.saved_nano = 7;
	assert_int_equal(ledger_reserve(writer, &reserve, NULL), OK);
	ledger_settle(writer, &settle);
	/* 14: no price known. */
	reserve = help_reserve(DAY + 14);
	reserve.model = "up/free";
	settle = help_settle(DAY + 14);
	settle.cost_nano = settle.baseline_nano = MONEY_UNPRICED;
	settle.saved_nano = MONEY_UNPRICED;
	assert_int_equal(ledger_reserve(writer, &reserve, NULL), OK);
	ledger_settle(writer, &settle);
	/* 15: never settled. */
	help_must_reserve(writer, DAY + 15);
	ledger_close(&ledger);
}

static void expect_row(const struct ledger_sum *row, const char *name,
    int64_t requests, int64_t cost)
{
	assert_string_equal(row->name, name);
	assert_int_equal(row->requests, requests);
	assert_int_equal(row->cost_nano, cost);
}

static void the_total_counts_requests_and_adds_what_is_known(void **state)
{
	struct ledger_spend spend;

	write_sample(*state);
	spend = spend_of(*state, (struct ledger_query){0});
	assert_int_equal(spend.n_rows, 0);
	assert_string_equal(spend.total.name, "");
	assert_int_equal(spend.total.requests, 5);
	assert_int_equal(spend.total.cache_hits, 1);
	assert_int_equal(spend.total.cost_nano, 510);
	assert_int_equal(spend.total.baseline_nano, 437);
	assert_int_equal(spend.total.saved_nano, -73);
	assert_int_equal(spend.total.unknown, 1);
	assert_int_equal(spend.total.estimated, 1);
	assert_int_equal(spend.total.unpriced, 1);
	assert_int_equal(spend.n_damages, 0);
	ledger_spend_free(&spend);
}

static void a_request_counts_under_the_model_that_answered_last(void **state)
{
	struct ledger_spend spend;

	write_sample(*state);
	spend = spend_of(*state, (struct ledger_query){.by = LEDGER_BY_MODEL});
	assert_int_equal(spend.n_rows, 3);
	expect_row(&spend.rows[0], "up/large", 1, 500);
	expect_row(&spend.rows[1], "up/small", 3, 10);
	expect_row(&spend.rows[2], "up/free", 1, 0);
	assert_int_equal(spend.rows[0].saved_nano, -100);
	assert_int_equal(spend.rows[0].estimated, 1);
	assert_int_equal(spend.rows[1].cache_hits, 1);
	assert_int_equal(spend.rows[1].unknown, 1);
	assert_int_equal(spend.rows[2].unpriced, 1);
	assert_int_equal(spend.total.requests, 5);
	ledger_spend_free(&spend);
}

static void tables_by_key_and_rule_have_the_dearest_first(void **state)
{
	struct ledger_spend spend;

	write_sample(*state);
	spend = spend_of(*state, (struct ledger_query){.by = LEDGER_BY_KEY});
	assert_int_equal(spend.n_rows, 2);
	expect_row(&spend.rows[0], "team-b", 1, 500);
	expect_row(&spend.rows[1], "team-a", 4, 10);
	ledger_spend_free(&spend);
	spend = spend_of(*state, (struct ledger_query){.by = LEDGER_BY_RULE});
	assert_int_equal(spend.n_rows, 2);
	expect_row(&spend.rows[0], "default", 4, 510);
	expect_row(&spend.rows[1], "code", 1, 0);
	ledger_spend_free(&spend);
}

static void days_are_utc_and_ascend(void **state)
{
	struct ledger_spend spend;

	write_sample(*state);
	spend = spend_of(*state, (struct ledger_query){.by = LEDGER_BY_DAY});
	assert_int_equal(spend.n_rows, 2);
	expect_row(&spend.rows[0], "2026-11-23", 2, 510);
	expect_row(&spend.rows[1], "2026-11-24", 3, 0);
	ledger_spend_free(&spend);
}

static void a_range_holds_since_and_not_until(void **state)
{
	struct ledger_spend spend;

	write_sample(*state);
	spend =
	    spend_of(*state, (struct ledger_query){.since_ns = help_time(10),
				 .until_ns = help_time(12)});
	assert_int_equal(spend.total.requests, 2);
	assert_int_equal(spend.total.cost_nano, 10);
	ledger_spend_free(&spend);
	/* The second attempt alone still is a request. */
	spend =
	    spend_of(*state, (struct ledger_query){.since_ns = help_time(12),
				 .until_ns = help_time(13)});
	assert_int_equal(spend.total.requests, 1);
	assert_int_equal(spend.total.cost_nano, 500);
	ledger_spend_free(&spend);
	spend = spend_of(*state, (struct ledger_query){.by = LEDGER_BY_DAY,
				     .since_ns = help_time((uint64_t)7 * DAY)});
	assert_int_equal(spend.total.requests, 0);
	assert_int_equal(spend.n_rows, 0);
	assert_null(spend.rows);
	ledger_spend_free(&spend);
}

static void a_range_finds_settles_in_later_segments(void **state)
{
	struct ledger *ledger = help_open(*state, 1, (size_t)16 << 10);
	struct ledger_writer *writer = ledger_writer(ledger, 0);
	struct ledger_spend spend;

	help_must_reserve(writer, 5);
	for (uint64_t i = 1000; i < 1300; i++) {
		help_must_reserve(writer, i);
		help_must_settle(writer, i);
	}
	help_must_settle(writer, 5);
	ledger_close(&ledger);
	spend =
	    spend_of(*state, (struct ledger_query){.until_ns = help_time(6)});
	assert_int_equal(spend.total.requests, 1);
	assert_int_equal(spend.total.unknown, 0);
	assert_int_equal(spend.total.cost_nano, 5);
	ledger_spend_free(&spend);
}

static void sums_stop_at_the_largest_amount(void **state)
{
	struct ledger *ledger = help_open(*state, 1, 0);
	struct ledger_writer *writer = ledger_writer(ledger, 0);
	struct ledger_spend spend;

	for (uint64_t i = 1; i <= 3; i++) {
		struct ledger_settle settle = help_settle(i);

		settle.cost_nano = INT64_MAX / 2;
		settle.saved_nano = -(INT64_MAX / 2);
		help_must_reserve(writer, i);
		ledger_settle(writer, &settle);
	}
	ledger_close(&ledger);
	spend = spend_of(*state, (struct ledger_query){0});
	assert_true(spend.total.cost_nano == INT64_MAX);
	assert_true(spend.total.saved_nano == -INT64_MAX);
	ledger_spend_free(&spend);
}

static void damage_is_counted_with_the_sums(void **state)
{
	struct ledger_spend spend;
	char path[HELP_PATH_MAX];

	write_sample(*state);
	help_segment(path, *state, 1, 0);
	help_flip(path, 4096 + 3 * 128 + 60, 1); /* the reserve of 10 */
	spend = spend_of(*state, (struct ledger_query){0});
	assert_int_equal(spend.n_damages, 1);
	assert_int_equal(spend.total.cost_nano, 500);
	ledger_spend_free(&spend);
}

static void what_is_not_there_has_no_sums(void **state)
{
	const struct ledger_query query = {0};
	struct ledger_spend spend;
	struct error err;

	(void)state;
	assert_int_equal(
	    ledger_spend("/nonexistent", &query, &spend, &err), FAILED);
	assert_non_null(strstr(err.text, "/nonexistent"));
	assert_null(spend.rows);
	ledger_spend_free(&spend);
}

int main(void)
{
#define in_directory(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    in_directory(the_total_counts_requests_and_adds_what_is_known),
	    in_directory(a_request_counts_under_the_model_that_answered_last),
	    in_directory(tables_by_key_and_rule_have_the_dearest_first),
	    in_directory(days_are_utc_and_ascend),
	    in_directory(a_range_holds_since_and_not_until),
	    in_directory(a_range_finds_settles_in_later_segments),
	    in_directory(sums_stop_at_the_largest_amount),
	    in_directory(damage_is_counted_with_the_sums),
	    cmocka_unit_test(what_is_not_there_has_no_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
