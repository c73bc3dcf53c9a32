/* test_mistakes.c -- the list, its bound, and the name that was meant. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mistakes.h"

static void names_file_line_and_column(void **state)
{
	struct mistakes *mistakes = mistakes_new();

	(void)state;
	assert_int_equal(mistakes_count(mistakes), 0);
	mistakes_add(mistakes, "a.yaml", 14, 9, "\"%s\" must be 0 to %d",
	    "max_cost", 100);
	mistakes_add(mistakes, "b.yaml", 0, 7, "cannot be read");
	assert_int_equal(mistakes_count(mistakes), 2);
	assert_string_equal(mistakes_line(mistakes, 0),
	    "a.yaml:14:9: \"max_cost\" must be 0 to 100");
	assert_string_equal(
	    mistakes_line(mistakes, 1), "b.yaml: cannot be read");
	mistakes_free(&mistakes);
	assert_null(mistakes);
	mistakes_free(&mistakes);
}

static void says_how_many_it_left_out(void **state)
{
	struct mistakes *mistakes = mistakes_new();

	(void)state;
	for (unsigned i = 1; i <= 100; i++)
		mistakes_add(mistakes, "f", i, 1, "wrong");
	assert_int_equal(mistakes_count(mistakes), 100);
	mistakes_add(mistakes, "f", 101, 1, "wrong");
	assert_int_equal(mistakes_count(mistakes), 101);
	assert_string_equal(mistakes_line(mistakes, 99), "f:100:1: wrong");
	assert_string_equal(
	    mistakes_line(mistakes, 100), "... and 1 more mistake");
	mistakes_add(mistakes, "f", 102, 1, "wrong");
	assert_int_equal(mistakes_count(mistakes), 101);
	assert_string_equal(
	    mistakes_line(mistakes, 100), "... and 2 more mistakes");
	mistakes_free(&mistakes);
}

static void cuts_a_line_that_is_too_long(void **state)
{
	struct mistakes *mistakes = mistakes_new();
	char letters[3000];

	(void)state;
	memset(letters, 'x', sizeof(letters) - 1);
	letters[sizeof(letters) - 1] = '\0';
	mistakes_add(mistakes, letters, 1, 1, "%s", letters);
	mistakes_add(mistakes, "f", 1, 1, "%s", letters);
	assert_int_equal(strlen(mistakes_line(mistakes, 0)), 1023);
	assert_int_equal(strlen(mistakes_line(mistakes, 1)), 1023);
	mistakes_free(&mistakes);
}

static const char *const known[] = {"listen", "admin", "workers", "state",
    "drain", "limits", "keys", "providers", "models", "local", "policy",
    "cache"};

static const char *nearest(const char *name)
{
	return mistakes_nearest(
	    span_of(name), known, sizeof(known) / sizeof(known[0]));
}

static void finds_the_name_that_was_meant(void **state)
{
	(void)state;
	assert_string_equal(nearest("listne"), "listen"); /* swap */
	assert_string_equal(nearest("model"), "models");  /* one left out */
	assert_string_equal(nearest("adminn"), "admin");  /* one too many */
	assert_string_equal(nearest("polixy"), "policy"); /* one replaced */
	assert_string_equal(nearest("PROVIDERS"), "providers");
	assert_string_equal(nearest("provder"), "providers"); /* two */
	assert_string_equal(
	    nearest("rpoivdesr"), "providers"); /* three swaps */
}

static void does_not_guess_wildly(void **state)
{
	char letters[66];

	(void)state;
	assert_null(nearest("temperature"));
	assert_null(nearest(""));
	assert_null(nearest("ky"));   /* a third of two is none */
	assert_null(nearest("ksy3")); /* two edits from keys */
	assert_null(nearest("pxxxdersz"));
	memset(letters, 'a', 65);
	letters[65] = '\0';
	assert_null(nearest(letters));
	assert_null(mistakes_nearest(SPAN("abc"), NULL, 0));
}

static void prefers_the_fewest_edits_then_the_first(void **state)
{
	static const char *const names[] = {"gpt-mini", "gpt-max1", "gpt-max2"};
	char longest[] =
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
	const char *const long_names[] = {longest + 1};

	(void)state;
	assert_string_equal(
	    mistakes_nearest(SPAN("gpt-max"), names, 3), "gpt-max1");
	assert_string_equal(
	    mistakes_nearest(SPAN("gpt-max2"), names, 3), "gpt-max2");
	/* Exactly as long as is looked at, both of them. */
	assert_int_equal(strlen(longest), 65);
	assert_ptr_equal(
	    mistakes_nearest(span_make(longest, 64), long_names, 1),
	    long_names[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_file_line_and_column),
	    cmocka_unit_test(says_how_many_it_left_out),
	    cmocka_unit_test(cuts_a_line_that_is_too_long),
	    cmocka_unit_test(finds_the_name_that_was_meant),
	    cmocka_unit_test(does_not_guess_wildly),
	    cmocka_unit_test(prefers_the_fewest_edits_then_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
