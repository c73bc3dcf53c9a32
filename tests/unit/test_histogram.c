/* test_histogram.c -- buckets, percentiles, packing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger/histogram.h"

static uint64_t seed;

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

/* From 66 us to an hour, as likely in each octave. */
static int64_t draw_time(void)
{
	uint64_t octave = UINT64_C(1) << (17 + draw(24));

	return (int64_t)(octave + draw(octave));
}

static int compare(const void *left, const void *right)
{
	int64_t a, b;

	memcpy(&a, left, sizeof(a));
	memcpy(&b, right, sizeof(b));
	return a < b ? -1 : a > b;
}

static void percentiles_are_within_a_tenth_of_the_true_ones(void **state)
{
	static const double shares[] = {0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 1};
	int64_t values[999];

	(void)state;
	seed = 42;
	for (int round = 0; round < 200; round++) {
		struct histogram histogram = {0};
		size_t n = 1 + draw(999);

		for (size_t i = 0; i < n; i++) {
			values[i] = draw_time();
			histogram_add(&histogram, values[i], 1);
		}
		qsort(values, n, sizeof(values[0]), compare);
		for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
			size_t rank = (size_t)(shares[i] * (double)n);
			double truth, told;

			if ((double)rank < shares[i] * (double)n)
				rank++;
			truth = (double)values[rank - 1];
			told =
			    (double)histogram_quantile(&histogram, shares[i]);
			if (told < truth * 0.9 || told > truth * 1.1)
				fail_msg("%f of %zu: %f, not %f", shares[i], n,
				    told, truth);
		}
	}
}

static void buckets_ascend_without_a_gap(void **state)
{
	unsigned last = 0;

	(void)state;
	for (int64_t ns = 1; ns < INT64_MAX / 3; ns += ns / 64 + 1) {
		unsigned bucket = histogram_bucket(ns);

		assert_in_range(bucket, last, last + 1);
		last = bucket;
	}
	assert_int_equal(last, HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket(-5), 0);
	assert_int_equal(histogram_bucket(INT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static void what_is_not_known_is_not_counted(void **state)
{
	struct histogram histogram = {0};

	(void)state;
	histogram_add(&histogram, 0, 1);
	histogram_add(&histogram, -7, 1);
	assert_true(histogram_is_empty(&histogram));
	assert_int_equal(histogram_quantile(&histogram, 0.5), -1);
	histogram_add(&histogram, 1, 1);
	assert_false(histogram_is_empty(&histogram));
}

static void a_count_that_is_taken_back_leaves_no_trace(void **state)
{
	struct histogram sum = {0}, difference = {0};

	(void)state;
	histogram_add(&sum, 5 * NS_PER_MS, 1);
	histogram_add(&difference, 5 * NS_PER_MS, -1);
	histogram_add(&difference, 900 * NS_PER_MS, 1);
	histogram_merge(&sum, &difference);
	histogram_merge(&sum, &difference);
	histogram_add(&sum, 5 * NS_PER_MS, 1);
	histogram_add(&sum, 900 * NS_PER_MS, -2);
	assert_true(histogram_is_empty(&sum));
}

static void a_packed_histogram_comes_back(void **state)
{
	uint8_t bytes[HISTOGRAM_PACKED_MAX];

	(void)state;
	seed = 7;
	for (int round = 0; round < 500; round++) {
		struct histogram in = {0}, out = {0};
		uint64_t n = draw(200);
		size_t len;

		histogram_add(&in, draw_time(), INT32_MAX);
		histogram_add(&in, draw_time(), -INT32_MAX);
		while (n-- > 0)
			histogram_add(&in, draw_time(),
			    (int32_t)draw(1 << (1 + draw(29))) - 9);
		len = histogram_pack(&in, bytes);
		assert_in_range(len, 0, sizeof(bytes));
		assert_true(histogram_unpack(
		    &out, span_make((const char *)bytes, len)));
		assert_memory_equal(in.n, out.n, sizeof(in.n));
	}
}

static void what_is_no_histogram_is_refused(void **state)
{
	static const struct span wrong[] = {
	    {"\x80", 1},
	    {"\x01", 1},
	    {"\x6a\x02", 2},
	    {"\xff\xff\xff\xff\x0f\x02", 6},
	    {"\x69\x02\x00\x02", 4},
	    {"\x00\xff\xff\xff\xff\xff\xff", 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct histogram histogram = {0};

		assert_false(histogram_unpack(&histogram, wrong[i]));
	}
}

static void counts_stop_at_the_largest(void **state)
{
	struct histogram a = {0}, b = {0};

	(void)state;
	histogram_add(&a, NS_PER_S, INT32_MAX);
	histogram_add(&a, NS_PER_S, 1);
	histogram_add(&b, NS_PER_S, INT32_MAX);
	histogram_merge(&a, &b);
	assert_int_equal(a.n[histogram_bucket(NS_PER_S)], INT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(percentiles_are_within_a_tenth_of_the_true_ones),
	    cmocka_unit_test(buckets_ascend_without_a_gap),
	    cmocka_unit_test(what_is_not_known_is_not_counted),
	    cmocka_unit_test(a_count_that_is_taken_back_leaves_no_trace),
	    cmocka_unit_test(a_packed_histogram_comes_back),
	    cmocka_unit_test(what_is_no_histogram_is_refused),
	    cmocka_unit_test(counts_stop_at_the_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
