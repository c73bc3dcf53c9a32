/* test_hold.c -- answers held back: released, or given up. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/local/hold.h"

static const struct router_escalate rule = {.below = 0.6, .hold = 48};

static enum hold_verdict judge(struct hold_view view, enum hold_reason *why)
{
	return hold_judge(&rule, &view, why);
}

static void waits_until_enough_is_written(void **state)
{
	enum hold_reason why;

	(void)state;
	assert_int_equal(
	    judge((struct hold_view){.tokens = 47}, &why), HOLD_ON);
	assert_int_equal(
	    judge((struct hold_view){.tokens = 48, .confidence = .6}, &why),
	    HOLD_RELEASED);
}

static void gives_up_what_is_less_sure_than_the_mark(void **state)
{
	enum hold_reason why = HOLD_REASONS;

	(void)state;
	assert_int_equal(
	    judge((struct hold_view){.tokens = 48, .confidence = .59}, &why),
	    HOLD_GIVEN_UP);
	assert_int_equal(why, HOLD_UNSURE);
	assert_string_equal(hold_reason_name(why), "unsure");
}

static void judges_a_short_answer_at_its_end(void **state)
{
	enum hold_reason why;
	struct hold_view view = {
	    .tokens = 3, .confidence = .9, .has_ended = true};

	(void)state;
	assert_int_equal(judge(view, &why), HOLD_RELEASED);
	view.confidence = .1;
	assert_int_equal(judge(view, &why), HOLD_GIVEN_UP);
}

static void gives_up_a_schema_that_was_cut_however_sure(void **state)
{
	enum hold_reason why = HOLD_REASONS;

	(void)state;
	assert_int_equal(judge((struct hold_view){.tokens = 3,
				   .confidence = 1,
				   .has_ended = true,
				   .is_cut = true},
			     &why),
	    HOLD_GIVEN_UP);
	assert_int_equal(why, HOLD_CUT);
}

static void gives_up_a_loop_at_once(void **state)
{
	enum hold_reason why = HOLD_REASONS;

	(void)state;
	assert_int_equal(judge((struct hold_view){.tokens = 24,
				   .confidence = 1,
				   .is_looping = true},
			     &why),
	    HOLD_GIVEN_UP);
	assert_int_equal(why, HOLD_LOOP);
}

/* --- loops -----------------------------------------------------------------
 */

/* Tokens 1 .. period over and over; how many come until it is seen. */
static size_t seen_after(uint32_t period, size_t most)
{
	struct hold_loop loop = {0};

	for (size_t i = 0; i < most; i++) {
		if (hold_sees_loop(&loop, (uint32_t)(i % period) + 1))
			return i + 1;
	}
	return 0;
}

static void sees_a_loop_of_each_length(void **state)
{
	(void)state;
	assert_int_equal(seen_after(1, 200), HOLD_SPAN);
	assert_int_equal(seen_after(3, 200), HOLD_SPAN);
	for (uint32_t period = 6; period <= HOLD_PERIOD_MAX; period++)
		assert_int_equal(seen_after(period, 400), HOLD_TIMES * period);
	assert_int_equal(seen_after(HOLD_PERIOD_MAX + 1, 1000), 0);
}

static void three_times_the_same_is_no_loop(void **state)
{
	struct hold_loop loop = {0};

	(void)state;
	for (uint32_t i = 0; i < 60; i++)
		assert_false(hold_sees_loop(&loop, i % 20));
	for (uint32_t i = 100; i < 400; i++)
		assert_false(hold_sees_loop(&loop, i));
}

static void sees_a_loop_behind_other_text(void **state)
{
	struct hold_loop loop = {0};
	size_t seen = 0;

	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		assert_false(hold_sees_loop(&loop, 1000 + i));
	for (uint32_t i = 0; i < 40 && seen == 0; i++)
		seen = hold_sees_loop(&loop, i % 8) ? i + 1 : 0;
	assert_int_equal(seen, 32);
}

/* --- agreement --------------------------------------------------------------
 */

#define AGREED(agree, ...) agreed(agree, (const char *[]){__VA_ARGS__, NULL})

static size_t agreed(size_t agree, const char **texts)
{
	struct span spans[HOLD_SAMPLES_MAX];
	struct arena arena;
	size_t n = 0, found;

	for (; texts[n]; n++)
		spans[n] = span_of(texts[n]);
	arena_init(&arena, 1 << 20);
	found = hold_agreed(spans, n, agree, &arena);
	arena_free(&arena);
	return found;
}

static void finds_the_answer_that_enough_gave(void **state)
{
	(void)state;
	assert_int_equal(AGREED(2, "Rome", "Paris", "paris."), 1);
	assert_int_equal(AGREED(3, "Rome", "Paris", "paris."), SIZE_MAX);
	assert_int_equal(AGREED(2, "a", "b", "c"), SIZE_MAX);
	assert_int_equal(AGREED(2, " The sky. ", "x", "the  SKY!"), 0);
}

static void numbers_are_what_they_are(void **state)
{
	(void)state;
	assert_int_equal(AGREED(2, "35", "3.5"), SIZE_MAX);
	assert_int_equal(AGREED(2, "It is -1.", "It is 1."), SIZE_MAX);
	assert_int_equal(AGREED(2, "It is 3.5.", "it is 3.5"), 0);
	assert_int_equal(AGREED(2, "ten-1", "ten 1"), 0);
}

static void json_agrees_in_whatever_order(void **state)
{
	(void)state;
	assert_int_equal(
	    AGREED(2, "{\"a\": 1, \"b\": [true]}", "{\"b\":[true],\"a\":1}"),
	    0);
	assert_int_equal(AGREED(2, "{\"a\": 1}", "{\"a\": 2}"), SIZE_MAX);
	assert_int_equal(
	    AGREED(2, "{\"a\": \"x y\"}", "{\"a\": \"xy\"}"), SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(waits_until_enough_is_written),
	    cmocka_unit_test(gives_up_what_is_less_sure_than_the_mark),
	    cmocka_unit_test(judges_a_short_answer_at_its_end),
	    cmocka_unit_test(gives_up_a_schema_that_was_cut_however_sure),
	    cmocka_unit_test(gives_up_a_loop_at_once),
	    cmocka_unit_test(sees_a_loop_of_each_length),
	    cmocka_unit_test(three_times_the_same_is_no_loop),
	    cmocka_unit_test(sees_a_loop_behind_other_text),
	    cmocka_unit_test(finds_the_answer_that_enough_gave),
	    cmocka_unit_test(numbers_are_what_they_are),
	    cmocka_unit_test(json_agrees_in_whatever_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
