/* test_pull_progress.c -- what is said while a pull runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/pull/pull_progress.h"

static void assert_text(
    const struct pull_progress *progress, const char *wanted)
{
	char text[160];

	pull_progress_text(progress, text, sizeof(text));
	assert_string_equal(text, wanted);
}

static void says_what_is_known(void **state)
{
	struct pull_progress progress = {
	    .total = 269100000,
	    .done = 110300000,
	    .n_files = 7,
	    .n_done = 3,
	};

	(void)state;
	assert_text(
	    &progress, " 40%  110.3 MB of 269.1 MB  0 bytes/s  3 of 7 files");
	progress.rate = 12.4e6;
	assert_text(&progress,
	    " 40%  110.3 MB of 269.1 MB  12.4 MB/s  0:13 left  3 of 7 files");
	progress.rate = 20000;
	assert_text(&progress, " 40%  110.3 MB of 269.1 MB  20.0 kB/s  "
			       "2:12:20 left  3 of 7 files");
	progress.rate = 2;
	assert_text(
	    &progress, " 40%  110.3 MB of 269.1 MB  2 bytes/s  3 of 7 files");
	progress = (struct pull_progress){0};
	assert_text(
	    &progress, "  0%  0 bytes of 0 bytes  0 bytes/s  0 of 0 files");
}

static void the_rate_is_smoothed(void **state)
{
	struct pull_progress progress = {0};

	(void)state;
	pull_progress_count(&progress, 1000, 0);
	assert_true(progress.rate == 0);
	pull_progress_count(&progress, 1000, NS_PER_S);
	assert_true(progress.rate == 1000);
	/* Five seconds are half of what it looks back at. */
	pull_progress_count(&progress, 15000, 5 * NS_PER_S);
	assert_true(progress.rate == 2000);
	pull_progress_count(&progress, -100000, 5 * NS_PER_S);
	assert_true(progress.rate == 1000);
	/* What was here is no speed. */
	pull_progress_found(&progress, 5000);
	assert_int_equal(progress.done, 5000);
	assert_int_equal(progress.last_done, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(says_what_is_known),
	    cmocka_unit_test(the_rate_is_smoothed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
