/* test_calibrate.c -- confidence: features, fits, their file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "local/calibrate.h"

/* A generator of its own, so that every run has the same rows. */
static double draw(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(*state >> 11) / 9007199254740992.0;
}

/* Rows whose chance of being right is the logistic of twice a feature. */
static struct calibrate_row *make_rows(size_t n, bool informs)
{
	struct calibrate_row *rows = mem_zalloc(n * sizeof(*rows));
	uint64_t state = 7;

	for (size_t i = 0; i < n; i++) {
		double x = draw(&state) * 6 - 3;

		for (int k = 0; k < CONFIDENCE_FEATURES; k++)
			rows[i].features[k] = draw(&state);
		if (informs)
			rows[i].features[2] = x * 10 + 100;
		rows[i].is_right = draw(&state) < 1 / (1 + exp(-2 * x));
	}
	return rows;
}

static void a_fit_finds_what_tells_right_from_wrong(void **state)
{
	struct calibrate_row *rows = make_rows(2000, true);
	struct calibrate_quality quality;
	struct confidence_map map;
	struct error err;

	(void)state;
	assert_int_equal(calibrate_fit(rows, 2000, &map, &quality, &err), OK);
	/* The best that anybody could do here is 0.95. */
	assert_true(quality.auroc > .93 && quality.auroc < .97);
	assert_true(quality.ece < .05);
	for (size_t i = 1; i < map.n_points; i++) {
		assert_true(map.points[i].score > map.points[i - 1].score);
		assert_true(map.points[i].chance >= map.points[i - 1].chance);
	}
	assert_true(map.points[0].chance < .1);
	assert_true(map.points[map.n_points - 1].chance > .9);
	free(rows);
}

static void nothing_is_found_where_nothing_is(void **state)
{
	struct calibrate_row *rows = make_rows(2000, false);
	struct calibrate_quality quality;
	struct confidence_map map;
	struct error err;

	(void)state;
	assert_int_equal(calibrate_fit(rows, 2000, &map, &quality, &err), OK);
	assert_true(quality.auroc > .45 && quality.auroc < .55);
	free(rows);
}

static void too_few_or_equal_rows_are_refused(void **state)
{
	struct calibrate_row *rows = make_rows(100, true);
	struct calibrate_quality quality;
	struct confidence_map map;
	struct error err;

	(void)state;
	assert_int_equal(calibrate_fit(rows, 49, &map, &quality, &err), FAILED);
	assert_string_equal(err.text, "49 rows: at least 50 are needed");
	for (size_t i = 0; i < 100; i++)
		rows[i].is_right = true;
	assert_int_equal(
	    calibrate_fit(rows, 100, &map, &quality, &err), FAILED);
	assert_non_null(strstr(err.text, "every one is right"));
	free(rows);
}

static void auroc_counts_pairs_and_halves_ties(void **state)
{
	const struct calibrate_row rows[] = {
	    {.chance = .1, .is_right = false},
	    {.chance = .5, .is_right = true},
	    {.chance = .5, .is_right = false},
	    {.chance = .9, .is_right = true},
	};

	(void)state;
	/* Of four pairs three are in order and one is a tie. */
	assert_true(fabs(calibrate_auroc(rows, 4) - .875) < 1e-12);
}

static void what_is_written_is_read_back(void **state)
{
	struct calibrate_row *rows = make_rows(500, true);
	struct calibrate_quality quality;
	struct confidence_map map, *back;
	struct error err;
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	assert_int_equal(calibrate_fit(rows, 500, &map, &quality, &err), OK);
	map.hold = 48;
	assert_true(calibrate_write(&map, &quality, 500, &out));
	back = confidence_map_new(buf_span(&out), &err);
	assert_non_null(back);
	assert_int_equal(back->hold, 48);
	for (size_t i = 0; i < 500; i++) {
		double a = confidence_chance(
		    &map, confidence_score(&map, rows[i].features));
		double b = confidence_chance(
		    back, confidence_score(back, rows[i].features));

		assert_true(fabs(a - b) < 1e-4);
	}
	confidence_map_free(&back);
	buf_free(&out);
	free(rows);
}

static void a_damaged_file_is_refused_by_name(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
	    {"", "a calibration must be a JSON object of at most 1 MiB"},
	    {"[]", "a calibration must be an object"},
	    {"{}", "\"means\" must be an object"},
	    {"{\"means\": {\"mean_logprob\": \"x\"}}",
		"\"mean_logprob\" must be a number"},
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(confidence_map_new(span_of(cases[i].text), &err));
		assert_string_equal(err.text, cases[i].reason);
	}
}

static void a_summary_becomes_features(void **state)
{
	struct sample_summary summary = {0};
	double features[CONFIDENCE_FEATURES];

	(void)state;
	assert_true(confidence_of(NULL, &summary) == 0.5);
	for (int i = 0; i < 20; i++)
		sample_summarise(&summary,
		    &(struct sample_choice){.logprob = i == 3 ? -2.0f : -0.5f,
			.margin = i < 10 ? 0.3f : 3.0f,
			.entropy = 1.0f});
	confidence_features(&summary, features);
	assert_true(fabs(features[0] - (-0.5 * 19 - 2) / 20) < 1e-6);
	assert_true(fabs(features[1] - -2) < 1e-6);
	assert_true(fabs(features[3] - (-0.5 * 7 - 2) / 8) < 1e-6);
	/* A tenth of the margins is not past the middle of its step. */
	assert_true(features[4] >= .2 && features[4] <= .4);
	assert_true(fabs(features[6] - 1) < 1e-6);
	assert_true(
	    fabs(confidence_of(NULL, &summary) - exp(features[0])) < 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_fit_finds_what_tells_right_from_wrong),
	    cmocka_unit_test(nothing_is_found_where_nothing_is),
	    cmocka_unit_test(too_few_or_equal_rows_are_refused),
	    cmocka_unit_test(auroc_counts_pairs_and_halves_ties),
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(a_damaged_file_is_refused_by_name),
	    cmocka_unit_test(a_summary_becomes_features),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
