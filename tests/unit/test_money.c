/* test_money.c -- golden amounts, and costs against schoolbook arithmetic. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/money.h"

#define DIGITS 48

/* A number as decimal digits, lowest first: nothing shared with money.c. */
struct decimal {
	int digits[DIGITS];
};

static struct decimal decimal_of(uint64_t value)
{
	struct decimal d = {{0}};

	for (size_t i = 0; value > 0; i++, value /= 10)
		d.digits[i] = (int)(value % 10);
	return d;
}

/* sum += a * b, digit by digit as on paper. */
static void add_product(struct decimal *sum, uint64_t a, uint64_t b)
{
	struct decimal x = decimal_of(a), y = decimal_of(b);
	int carry = 0;

	for (size_t i = 0; i < 20; i++) {
		for (size_t j = 0; j < 20; j++)
			sum->digits[i + j] += x.digits[i] * y.digits[j];
	}
	for (size_t i = 0; i < DIGITS; i++) {
		int digit = sum->digits[i] + carry;

		sum->digits[i] = digit % 10;
		carry = digit / 10;
	}
}

/* Drops the last six digits, half to even; saturates as money_cost does. */
static int64_t round_to_nano(const struct decimal *sum)
{
	bool is_half = sum->digits[5] == 5, is_above = sum->digits[5] > 5;
	uint64_t nano = 0;

	for (size_t i = 0; i < 5; i++)
		is_above |= is_half && sum->digits[i] > 0;
	for (size_t i = DIGITS; i-- > 6;) {
		if (nano > (uint64_t)INT64_MAX / 10)
			return INT64_MAX;
		nano = nano * 10 + (uint64_t)sum->digits[i];
	}
	if (is_above || (is_half && sum->digits[6] % 2 == 1))
		nano++;
	return nano > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)nano;
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Of every magnitude alike, and often a multiple of half a nano-dollar. */
static int64_t next_amount(uint64_t *seed)
{
	uint64_t value = next_random(seed) >> 1;

	value >>= next_random(seed) % 63;
	if (next_random(seed) % 3 == 0)
		value = value % 1000 * 500000;
	return (int64_t)value;
}

static void costs_what_schoolbook_arithmetic_says(void **state)
{
	uint64_t seed = 88172645463325252U;
	size_t saturated = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct money_term terms[5];
		size_t n = next_random(&seed) % 6;
		struct decimal sum = {{0}};
		int64_t expected;

		for (size_t i = 0; i < n; i++) {
			terms[i].tokens = next_amount(&seed);
			terms[i].femto_usd = next_amount(&seed);
			add_product(&sum, (uint64_t)terms[i].tokens,
			    (uint64_t)terms[i].femto_usd);
		}
		expected = round_to_nano(&sum);
		saturated += expected == INT64_MAX;
		assert_true(money_cost(terms, n) == expected);
	}
	/* The generator reaches both sides of the bound. */
	assert_in_range(saturated, 100, 19000);
}

static int64_t cost_of(int64_t tokens, int64_t femto_usd)
{
	return money_cost(
	    &(struct money_term){.tokens = tokens, .femto_usd = femto_usd}, 1);
}

static void costs_golden_amounts(void **state)
{
	/* The true sum is 4 above 2^128. */
	const struct money_term enormous[] = {{INT64_MAX, INT64_MAX},
	    {INT64_MAX, INT64_MAX}, {INT64_MAX, INT64_MAX},
	    {INT64_MAX, INT64_MAX}, {INT64_C(1) << 33, INT64_C(1) << 33}};
	/* 1,000 tokens in at $2.00, 200 cached at $0.20, 500 out at $10. */
	const struct money_term row[] = {
	    {1000, 2000000000}, {200, 200000000}, {500, 10000000000}};

	(void)state;
	assert_true(money_cost(NULL, 0) == 0);
	assert_true(money_cost(enormous, 5) == INT64_MAX);
	assert_true(money_cost(row, 3) == 7040000);
	assert_true(cost_of(120, 100000000) == 12000);
	assert_true(cost_of(1, 1000000) == 1);
	assert_true(cost_of(1, 499999) == 0);
	assert_true(cost_of(INT64_MAX, 1000000) == INT64_MAX);
	assert_true(cost_of(INT64_MAX, 1000001) == INT64_MAX);
	assert_true(cost_of(INT64_MAX - 1, 1000000) == INT64_MAX - 1);
	assert_true(cost_of(INT64_MAX, INT64_MAX) == INT64_MAX);
}

static void rounds_half_to_even_once(void **state)
{
	const struct money_term halves[] = {{1, 500000}, {1, 500000}};
	const struct money_term above[] = {{1, 500000}, {1, 1}};

	(void)state;
	assert_true(cost_of(1, 500000) == 0);
	assert_true(cost_of(3, 500000) == 2);
	assert_true(cost_of(5, 500000) == 2);
	assert_true(cost_of(7, 500000) == 4);
	assert_true(money_cost(halves, 2) == 1);
	assert_true(money_cost(above, 2) == 1);
}

static void keeps_unknown_apart_from_nothing(void **state)
{
	const struct money_term used[] = {{10, 1000000}, {1, MONEY_UNPRICED}};
	const struct money_term unused[] = {{10, 1000000}, {0, MONEY_UNPRICED}};

	(void)state;
	assert_true(money_cost(used, 2) == MONEY_UNPRICED);
	assert_true(money_cost(unused, 2) == 10);
	assert_true(cost_of(INT64_MAX, MONEY_UNPRICED) == MONEY_UNPRICED);
	assert_true(cost_of(0, MONEY_UNPRICED) == 0);
}

static void saves_less_than_nothing_where_so(void **state)
{
	(void)state;
	assert_true(money_saved(240000, 12000) == 228000);
	assert_true(money_saved(12000, 240000) == -228000);
	assert_true(money_saved(0, MONEY_UNPRICED) == MONEY_UNPRICED);
	assert_true(money_saved(MONEY_UNPRICED, 0) == MONEY_UNPRICED);
	assert_true(money_saved(INT64_MAX, -1) == INT64_MAX);
	assert_true(money_saved(-INT64_MAX, 1) == -INT64_MAX);
	assert_true(money_saved(-2, INT64_MAX) == -INT64_MAX);
}

static void reads_prices_exactly(void **state)
{
	static const struct {
		const char *text;
		int64_t femto_usd;
	} prices[] = {
	    {"0", 0},
	    {"0.10", 100000000},
	    {"2", 2000000000},
	    {"2.00", 2000000000},
	    {"0.000000001", 1},
	    {"0.123456789", 123456789},
	    {"007.5", 7500000000},
	    {"1000000000", INT64_C(1000000000000000000)},
	    {"1000000000.000000000", INT64_C(1000000000000000000)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(prices) / sizeof(prices[0]); i++) {
		struct error err;
		int64_t price = -1;

		assert_int_equal(
		    money_parse_price(span_of(prices[i].text), &price, &err),
		    OK);
		assert_true(price == prices[i].femto_usd);
	}
}

static void refuses_prices_that_are_not_plain_decimals(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} refused[] = {
	    {"", "lacks digits"},
	    {".", "lacks digits"},
	    {".5", "lacks digits"},
	    {"5.", "lacks digits"},
	    {"-1", "is not a number"},
	    {"+1", "is not a number"},
	    {"1e3", "is not a number"},
	    {"1,5", "is not a number"},
	    {"1.2.3", "is not a number"},
	    {" 1", "is not a number"},
	    {"$1", "is not a number"},
	    {"0.1234567891", "has more than nine fractional digits"},
	    {"1000000000.000000001", "is above 1e9 dollars"},
	    {"1000000001", "is above 1e9 dollars"},
	    {"99999999999999999999999", "is above 1e9 dollars"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct span text = span_of(refused[i].text);
		struct error err;
		int64_t price = -1;

		assert_int_equal(money_parse_price(text, &price, &err), FAILED);
		if (span_find(span_of(err.text), span_of(refused[i].why), 0) ==
		    SIZE_MAX)
			fail_msg("\"%s\": %s", refused[i].text, err.text);
		assert_true(price == -1);
	}
}

static void writes_plain_decimals(void **state)
{
	static const struct {
		int64_t nano_usd;
		const char *text;
	} amounts[] = {
	    {0, "0"},
	    {1, "0.000000001"},
	    {12000, "0.000012"},
	    {-1500000000, "-1.5"},
	    {1000000000, "1"},
	    {10000000000, "10"},
	    {-1, "-0.000000001"},
	    {INT64_MAX, "9223372036.854775807"},
	    {-INT64_MAX, "-9223372036.854775807"},
	    {MONEY_UNPRICED, "unpriced"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
		char text[MONEY_TEXT_MAX];
		size_t len = money_format(amounts[i].nano_usd, text);

		assert_string_equal(text, amounts[i].text);
		assert_int_equal(len, strlen(text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(costs_what_schoolbook_arithmetic_says),
	    cmocka_unit_test(costs_golden_amounts),
	    cmocka_unit_test(rounds_half_to_even_once),
	    cmocka_unit_test(keeps_unknown_apart_from_nothing),
	    cmocka_unit_test(saves_less_than_nothing_where_so),
	    cmocka_unit_test(reads_prices_exactly),
	    cmocka_unit_test(refuses_prices_that_are_not_plain_decimals),
	    cmocka_unit_test(writes_plain_decimals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
