/* test_expected.c -- when an answer counts as the expected one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/expected.h"

static const struct {
	enum expected_match match;
	const char *answer, *expected;
	bool is_it;
} cases[] = {
    {EXPECTED_CONTAINS, "The capital is Paris.", "paris", true},
    {EXPECTED_CONTAINS, "The capital is Parish.", "paris", false},
    {EXPECTED_CONTAINS, "It is New\n York, I think", "new york", true},
    {EXPECTED_CONTAINS, "", "paris", false},
    {EXPECTED_CONTAINS, "comparison, Paris", "Paris", true},
    {EXPECTED_EXACT, " Yes! ", "yes", true},
    {EXPECTED_EXACT, "Yes, it is", "yes", false},
    {EXPECTED_STARTS, "Yes, it is", "yes", true},
    {EXPECTED_STARTS, "Yesterday", "yes", false},
    {EXPECTED_NUMBER, "12 + 7 = 19.", "19", true},
    {EXPECTED_NUMBER, "it is $1,234.50", "1234.5", true},
    {EXPECTED_NUMBER, "the answer is -4", "-4", true},
    {EXPECTED_NUMBER, "the answer is 4", "-4", false},
    {EXPECTED_NUMBER, "none", "4", false},
    {EXPECTED_NUMBER, "19 apples of 20", "19", false},
    {EXPECTED_VERBATIM, "\n 'a.B' \r\n", "'a.B'", true},
    {EXPECTED_VERBATIM, "'a.b'", "'a.B'", false},
    {EXPECTED_VERBATIM, "5", "-5", false},
    {EXPECTED_VERBATIM, "[1, 2] as it is", "[1, 2]", false},
    {EXPECTED_VERBATIM, " ", "", true},
};

static void answers_are_compared_by_their_words(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_it =
		    expected_is(cases[i].match, span_of(cases[i].answer),
			span_of(cases[i].expected), &arena);

		if (is_it != cases[i].is_it)
			fail_msg("\"%s\" for \"%s\"", cases[i].answer,
			    cases[i].expected);
	}
	arena_free(&arena);
}

static void the_words_for_it_are_known(void **state)
{
	enum expected_match match;

	(void)state;
	assert_true(expected_match_of(SPAN("number"), &match));
	assert_int_equal(match, EXPECTED_NUMBER);
	assert_false(expected_match_of(SPAN("fuzzy"), &match));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_compared_by_their_words),
	    cmocka_unit_test(the_words_for_it_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
