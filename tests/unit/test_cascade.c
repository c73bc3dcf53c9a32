/* test_cascade.c -- what giving unsure answers up brings and costs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/cascade.h"

static const struct cascade_row rows[] = {
    {.1, false, 1},
    {.2, false, 1},
    {.7, true, 1},
    {.9, true, 0},
};
static const struct cascade_cost cost = {1, 10};

static bool is_near(double a, double b)
{
	return fabs(a - b) < 1e-12;
}

static void a_mark_gives_up_what_lies_below_it(void **state)
{
	struct cascade_point at = cascade_at(rows, 4, &cost, .5);

	(void)state;
	assert_true(is_near(at.share, .5));
	assert_true(is_near(at.kept, 1));
	assert_true(is_near(at.quality, 1));
	assert_true(is_near(at.cost, 6));
	/* By lot: half of 3/4 and half of 2/4. */
	assert_true(is_near(at.random, .625));
}

static void the_ends_are_none_and_all(void **state)
{
	struct cascade_point none = cascade_at(rows, 4, &cost, 0);
	struct cascade_point all = cascade_at(rows, 4, &cost, 2);

	(void)state;
	assert_true(is_near(none.quality, .5) && is_near(none.cost, 1));
	assert_true(is_near(all.quality, .75) && is_near(all.cost, 11));
	assert_true(isnan(all.kept));
}

static void the_image_is_whole(void **state)
{
	struct buf out;
	struct span text;

	(void)state;
	buf_init(&out, 1 << 20);
	assert_true(cascade_plot(rows, 4, &cost, &out));
	text = buf_span(&out);
	assert_true(span_starts_with(text, SPAN("<svg ")));
	assert_true(span_find(text, SPAN("</svg>\n"), 0) == text.len - 7);
	assert_true(span_find(text, SPAN("nan"), 0) == SIZE_MAX);
	assert_true(span_find(text, SPAN("inf"), 0) == SIZE_MAX);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_mark_gives_up_what_lies_below_it),
	    cmocka_unit_test(the_ends_are_none_and_all),
	    cmocka_unit_test(the_image_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
