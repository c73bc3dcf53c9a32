/* test_draw.c -- draws fall where sorting everything puts them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "local/draw.h"

#define VOCAB_MAX 1500

static uint64_t state;

static double next_chance(void)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (double)(state >> 11) * 0x1p-53;
}

/* What the plain way knows of a token. */
struct known {
	uint32_t token;
	double logit, weight;
};

static int by_likelihood(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	if (x->logit > y->logit || x->logit < y->logit)
		return x->logit > y->logit ? -1 : 1;
	return x->token < y->token ? -1 : x->token > y->token;
}

static int by_token(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return x->token < y->token ? -1 : x->token > y->token;
}

/* All numbers, the likeliest first; returns how many. */
static uint32_t sort_all(
    const float *logits, uint32_t n, float temperature, struct known *all)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (logits[i] > -INFINITY)
			all[found++] = (struct known){i, (double)logits[i], 0};
	}
	qsort(all, found, sizeof(*all), by_likelihood);
	for (uint32_t i = 0; i < found; i++)
		all[i].weight =
		    exp((all[i].logit - all[0].logit) / (double)temperature);
	return found;
}

/* How many of <n> the limits leave. */
static uint32_t narrow(
    const struct known *all, uint32_t n, const struct draw_limits *limits)
{
	double sum = 0, reached = 0;
	uint32_t k;

	if (limits->top_k && limits->top_k < n)
		n = limits->top_k;
	for (uint32_t i = 0; i < n; i++)
		sum += all[i].weight;
	for (k = 0; k < n; k++) {
		bool is_enough = limits->top_p > 0 && limits->top_p < 1 &&
				 reached >= (double)limits->top_p * sum;

		if (k > 0 &&
		    (is_enough || all[k].weight < (double)limits->min_p))
			break;
		reached += all[k].weight;
	}
	return k;
}

/* The share of all weight at which <token> begins, and its own. */
static void find(const struct known *all, uint32_t n, uint32_t token,
    double *begin, double *own)
{
	double sum = 0;

	*begin = *own = -1;
	for (uint32_t i = 0; i < n; i++) {
		if (all[i].token == token) {
			*begin = sum;
			*own = all[i].weight;
		}
		sum += all[i].weight;
	}
	*begin /= sum;
	*own /= sum;
}

static void check(const float *logits, uint32_t n,
    const struct draw_limits *limits, struct draw *draw)
{
	static struct known all[VOCAB_MAX];
	uint32_t found = sort_all(logits, n, limits->temperature, all);
	uint32_t kept = narrow(all, found, limits);
	bool is_narrow = (limits->top_k && limits->top_k < n) ||
			 limits->min_p > 0 ||
			 (limits->top_p > 0 && limits->top_p < 1);
	float max = (float)all[0].logit;

	if (!is_narrow)
		qsort(all, kept, sizeof(*all), by_token);
	for (int i = 0; i < 40; i++) {
		double chance = next_chance(), begin, own;
		uint32_t token = draw_token(draw, logits, max, limits, chance);

		find(all, kept, token, &begin, &own);
		if (own < 0 || chance < begin - 1e-5 ||
		    chance > begin + own + 1e-5)
			fail_msg("chance %.9f drew %u, which has %.9f from "
				 "%.9f on; %u of %u kept",
			    chance, token, own, begin, kept, found);
	}
}

static void falls_where_sorting_everything_puts_it(void **unused)
{
	static const struct draw_limits limits[] = {
	    {.temperature = 1},
	    {.temperature = 0.6F},
	    {.temperature = 3},
	    {.temperature = 1, .top_k = 1},
	    {.temperature = 1, .top_k = 40},
	    {.temperature = 2, .top_k = 700},
	    {.temperature = 1, .top_p = 0.5F},
	    {.temperature = 1.5F, .top_p = 0.95F},
	    {.temperature = 0.8F, .min_p = 0.05F},
	    {.temperature = 1, .top_k = 20, .top_p = 0.8F, .min_p = 0.01F},
	};
	static float logits[VOCAB_MAX];

	(void)unused;
	for (uint32_t n = 1; n <= VOCAB_MAX; n += 1 + n / 2) {
		struct draw *draw = draw_new(n);

		for (int row = 0; row < 6; row++) {
			double width = row * 8; /* the first are all equal */

			for (uint32_t i = 0; i < n; i++)
				logits[i] = (float)(next_chance() * width - 9);
			for (uint32_t i = 3; row == 5 && i < n; i += 4)
				logits[i] = i % 8 == 3 ? NAN : -INFINITY;
			for (size_t k = 0; k < sizeof(limits) / sizeof(*limits);
			     k++)
				check(logits, n, &limits[k], draw);
		}
		draw_free(&draw);
		assert_null(draw);
	}
}

/* The ends of what chance can be, with nothing but one token likely. */
static void draws_what_has_weight_at_both_ends(void **unused)
{
	static float logits[1000];
	static const double ends[] = {0, 1 - 0x1p-53};
	const struct draw_limits all = {.temperature = 1};
	struct draw *draw = draw_new(1000);

	(void)unused;
	for (uint32_t only = 0; only < 1000; only += 37) {
		for (uint32_t i = 0; i < 1000; i++)
			logits[i] = i == only ? 30 : -300;
		for (size_t k = 0; k < 2; k++)
			assert_int_equal(
			    draw_token(draw, logits, 30, &all, ends[k]), only);
	}
	draw_free(&draw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(falls_where_sorting_everything_puts_it),
	    cmocka_unit_test(draws_what_has_weight_at_both_ends),
	};

	state = 11;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
