/* test_logits.c -- sums over a vocabulary are those of a plain loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "local/logits.h"

#define N_MAX 1003

/* logits_plain.c */
struct logits_view plain_look_among(const float *logits, uint32_t n,
    const struct logits_mask *mask, double *share);
struct logits_view plain_best(const float *logits, uint32_t n);
double plain_weigh(
    const float *logits, uint32_t n, struct logits_scale how, float *blocks);

/* Some hundred logits from -50 to 50, another row for each seed. */
static void fill(float *x, uint32_t n, uint32_t seed)
{
	for (uint32_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		x[i] = (float)(seed >> 8) / (float)(1 << 24) * 100 - 50;
	}
}

/* Weights at a temperature of two, of the whole, of blocks and each. */
static void check_weights(const float *x, uint32_t n, float max)
{
	struct logits_scale how = {0.5F, max / 2};
	float blocks[N_MAX / LOGITS_BLOCK + 1], weights[LOGITS_BLOCK];
	double sum = 0, got = logits_weigh(x, n, how, blocks);

	for (uint32_t at = 0; at < n; at += LOGITS_BLOCK) {
		uint32_t len = n - at < LOGITS_BLOCK ? n - at : LOGITS_BLOCK;
		double block = 0;

		logits_weigh_block(x + at, len, how, weights);
		for (uint32_t i = 0; i < len; i++) {
			double w = exp((double)(x[at + i] - max) / 2);

			assert_true(fabs((double)weights[i] - w) < 1e-6 * w);
			block += w;
		}
		assert_true(fabs((double)blocks[at / LOGITS_BLOCK] - block) <
			    1e-5 * block);
		sum += block;
	}
	assert_true(fabs(got - sum) < 1e-6 * sum);
}

static void check(const float *x, uint32_t n)
{
	struct logits_view view = logits_look(x, n);
	double max = -HUGE_VAL, sum = 0, entropy = 0, total;

	for (uint32_t i = 0; i < n; i++)
		max = fmax(max, (double)x[i]);
	for (uint32_t i = 0; i < n; i++)
		sum += exp((double)x[i] - max);
	total = max + log(sum);
	for (uint32_t i = 0; i < n; i++) {
		double logprob = (double)x[i] - total;

		entropy -= exp(logprob) * logprob;
	}
	assert_true(fabs(view.total - total) < 1e-6);
	assert_true(fabs(view.entropy - entropy) < 1e-6);
	assert_true((double)view.max >= max && (double)view.max <= max);
	assert_true(x[view.likeliest] >= view.max);
	check_weights(x, n, view.max);
}

static void sums_as_a_plain_loop_does(void **state)
{
	float x[N_MAX];

	(void)state;
	for (uint32_t n = 1; n <= N_MAX; n += 1 + n / 3) {
		for (uint32_t seed = 0; seed < 5; seed++) {
			fill(x, n, seed + n);
			check(x, n);
		}
	}
}

/* Against a plain loop, with words for all, for some and for none. */
static void shares_what_a_mask_has(void **state)
{
	uint32_t words[(N_MAX + 31) / 32], seed = 7;
	float x[N_MAX];

	(void)state;
	for (uint32_t n = 1; n <= N_MAX; n += 1 + n / 3) {
		for (size_t n_words = 0; n_words <= (n + 31) / 32; n_words++) {
			struct logits_mask mask = {words, n_words};
			struct logits_view view, plain;
			double share, among = 0, sum = 0;

			fill(x, n, n);
			for (size_t i = 0; i < n_words; i++)
				words[i] = seed = seed * 1664525 + 1013904223;
			view = logits_look_among(x, n, &mask, &share);
			plain = logits_look(x, n);
			for (uint32_t i = 0; i < n; i++) {
				double e = exp((double)x[i] - view.total);

				sum += e;
				if (i / 32 < n_words &&
				    words[i / 32] >> (i % 32) & 1)
					among += e;
			}
			assert_true(fabs(share - among / sum) < 1e-6);
			assert_true(view.total >= plain.total &&
				    view.total <= plain.total &&
				    view.likeliest == plain.likeliest);
		}
	}
}

static bool is_same(const void *a, const void *b, size_t bytes)
{
	return memcmp(a, b, bytes) == 0;
}

/* Bits, not values. */
static void says_the_same_on_every_processor(void **state)
{
	float x[N_MAX], blocks[N_MAX / LOGITS_BLOCK + 1];
	float plain_blocks[N_MAX / LOGITS_BLOCK + 1];
	uint32_t words[] = {0xaaaa5555, 0x12345678, 0xffff0000};
	struct logits_mask mask = {words, 3};

	(void)state;
	for (uint32_t n = 1; n <= N_MAX; n += 1 + n / 3) {
		double share, plain_share, sum, plain_sum;
		struct logits_view a, b;
		struct logits_scale how;

		fill(x, n, n + 5);
		a = logits_look_among(x, n, &mask, &share);
		b = plain_look_among(x, n, &mask, &plain_share);
		assert_int_equal(a.likeliest, b.likeliest);
		assert_true(is_same(&a.max, &b.max, sizeof(a.max)) &&
			    is_same(&a.second, &b.second, sizeof(a.second)) &&
			    is_same(&a.total, &b.total, sizeof(a.total)) &&
			    is_same(&a.entropy, &b.entropy, sizeof(a.total)) &&
			    is_same(&share, &plain_share, sizeof(share)));
		b = plain_best(x, n);
		assert_int_equal(logits_best(x, n).likeliest, b.likeliest);
		how = (struct logits_scale){1.25F, a.max * 1.25F};
		sum = logits_weigh(x, n, how, blocks);
		plain_sum = plain_weigh(x, n, how, plain_blocks);
		assert_true(is_same(&sum, &plain_sum, sizeof(sum)));
		assert_memory_equal(blocks, plain_blocks,
		    (n + LOGITS_BLOCK - 1) / LOGITS_BLOCK * sizeof(*blocks));
	}
}

static void finds_the_two_likeliest_wherever_they_are(void **state)
{
	float x[23];

	(void)state;
	for (uint32_t first = 0; first < 23; first++) {
		for (uint32_t second = 0; second < 23; second++) {
			struct logits_view view;

			fill(x, 23, 9);
			x[second] = 60;
			x[first] = 61;
			view = logits_look(x, 23);
			assert_int_equal(view.likeliest, first);
			assert_true(view.max >= 61);
			assert_true(first == second || view.second >= 60);
			assert_true(view.second <= 60);
		}
	}
}

static void counts_equal_ones_twice_and_names_the_first(void **state)
{
	const float x[] = {1, 3, 2, 3, 3};
	struct logits_view view = logits_look(x, 5);

	(void)state;
	assert_int_equal(view.likeliest, 1);
	assert_true(view.second >= 3);
}

static void leaves_out_what_is_not_a_number(void **state)
{
	const float x[] = {NAN, 1, -INFINITY, NAN, 0, NAN};
	struct logits_view view = logits_look(x, 6);

	(void)state;
	assert_int_equal(view.likeliest, 1);
	assert_true(view.second >= 0 && view.second <= 0);
	assert_true(fabs(view.total - log(exp(1) + 1)) < 1e-6);
	view = logits_look(x, 1);
	assert_int_equal(view.likeliest, 0);
	assert_true(isinf(view.total));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sums_as_a_plain_loop_does),
	    cmocka_unit_test(shares_what_a_mask_has),
	    cmocka_unit_test(says_the_same_on_every_processor),
	    cmocka_unit_test(finds_the_two_likeliest_wherever_they_are),
	    cmocka_unit_test(counts_equal_ones_twice_and_names_the_first),
	    cmocka_unit_test(leaves_out_what_is_not_a_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
