/* test_stop.c -- stop strings in a text that comes in pieces. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "local/engine/stop.h"

#define TEXT(literal) SPAN(literal)

static void ends_a_text_at_the_first_of_several(void **state)
{
	const struct span texts[] = {TEXT("world"), TEXT("lo"), TEXT("d")};
	struct stop stop = stop_make(texts, 3);

	(void)state;
	assert_int_equal(stop_find(&stop, TEXT("hello world"), 0), 3);
	assert_int_equal(stop_find(&stop, TEXT("world"), 0), 0);
	assert_int_equal(stop_find(&stop, TEXT("help"), 0), SIZE_MAX);
	assert_int_equal(stop_find(&stop, TEXT(""), 0), SIZE_MAX);
}

static void finds_one_that_pieces_cut(void **state)
{
	const struct span texts[] = {TEXT("\n\nUser:")};
	struct stop stop = stop_make(texts, 1);
	struct span whole = TEXT("An answer.\n\nUser: what");

	(void)state;
	for (size_t cut = 0; cut < 16; cut++) {
		struct span before = span_head(whole, cut);

		assert_int_equal(stop_find(&stop, before, 0), SIZE_MAX);
		assert_int_equal(stop_find(&stop, whole, cut), 10);
	}
}

static void holds_back_what_may_become_one(void **state)
{
	const struct span texts[] = {TEXT("abab!"), TEXT("xyz")};
	struct stop stop = stop_make(texts, 2);

	(void)state;
	assert_int_equal(stop_safe(&stop, TEXT("hello")), 5);
	assert_int_equal(stop_safe(&stop, TEXT("helloa")), 5);
	assert_int_equal(stop_safe(&stop, TEXT("hello abab")), 6);
	assert_int_equal(stop_safe(&stop, TEXT("ababa")), 2);
	assert_int_equal(stop_safe(&stop, TEXT("ababx")), 4);
	assert_int_equal(stop_safe(&stop, TEXT("x")), 0);
	assert_int_equal(stop_safe(&stop, TEXT("")), 0);
}

static void holds_nothing_back_without_any(void **state)
{
	struct stop stop = stop_make(NULL, 0);

	(void)state;
	assert_int_equal(stop_find(&stop, TEXT("text"), 0), SIZE_MAX);
	assert_int_equal(stop_safe(&stop, TEXT("text")), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ends_a_text_at_the_first_of_several),
	    cmocka_unit_test(finds_one_that_pieces_cut),
	    cmocka_unit_test(holds_back_what_may_become_one),
	    cmocka_unit_test(holds_nothing_back_without_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
