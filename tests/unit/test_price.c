/* test_price.c -- what tokens cost, to the nano-dollar. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/ledger.h"

/* $0.10, $0.02 and $0.40 per million tokens. */
static const struct ledger_price small = {
    .input_femto = 100000000,
    .cached_femto = 20000000,
    .output_femto = 400000000,
};

static int64_t cost(const struct ledger_price *price, int64_t input,
    int64_t cached, int64_t output)
{
	return ledger_cost(price, &(struct ledger_usage){
				      .input_tokens = input,
				      .cached_tokens = cached,
				      .output_tokens = output,
				  });
}

static void each_class_of_tokens_has_its_price(void **state)
{
	(void)state;
	assert_int_equal(cost(&small, 0, 0, 0), 0);
	assert_int_equal(cost(&small, 1, 0, 0), 100);
	assert_int_equal(cost(&small, 0, 1, 0), 20);
	assert_int_equal(cost(&small, 0, 0, 1), 400);
	assert_int_equal(cost(&small, 1000000, 0, 0), 100000000);
	assert_int_equal(cost(&small, 7, 5, 3), 700 + 100 + 1200);
}

static void a_row_is_rounded_once_half_to_even(void **state)
{
	const struct ledger_price price = {
	    .input_femto = 500000, /* half a nano-dollar */
	    .cached_femto = 250000,
	    .output_femto = 1500000,
	};

	(void)state;
	assert_int_equal(cost(&price, 1, 0, 0), 0);
	assert_int_equal(cost(&price, 3, 0, 0), 2);
	assert_int_equal(cost(&price, 0, 0, 1), 2);
	/* 0.5 + 0.25 is 0.75; each rounded for itself would give 0. */
	assert_int_equal(cost(&price, 1, 1, 0), 1);
	assert_int_equal(cost(&price, 1, 1, 1), 2);
}

static void an_unknown_price_is_unknown_and_not_nothing(void **state)
{
	struct ledger_price price = small;

	(void)state;
	price.cached_femto = MONEY_UNPRICED;
	assert_true(cost(&price, 5, 1, 5) == MONEY_UNPRICED);
	assert_int_equal(cost(&price, 5, 0, 5), 2500);
	price.output_femto = MONEY_UNPRICED;
	assert_true(cost(&price, 0, 0, 1) == MONEY_UNPRICED);
}

static void a_count_that_cannot_be_costs_an_unknown_amount(void **state)
{
	(void)state;
	assert_true(cost(&small, -1, 0, 0) == MONEY_UNPRICED);
	assert_true(cost(&small, 10, 0, INT64_MIN) == MONEY_UNPRICED);
}

static void a_cost_past_all_money_saturates(void **state)
{
	(void)state;
	assert_true(cost(&small, INT64_MAX, 0, INT64_MAX) == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_class_of_tokens_has_its_price),
	    cmocka_unit_test(a_row_is_rounded_once_half_to_even),
	    cmocka_unit_test(an_unknown_price_is_unknown_and_not_nothing),
	    cmocka_unit_test(a_count_that_cannot_be_costs_an_unknown_amount),
	    cmocka_unit_test(a_cost_past_all_money_saturates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
