/* test_cost.c -- what a local model's time costs, to the last digit. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "gateway/local/cost.h"

static struct config_local powered(
    int64_t milliwatts, int64_t tariff_nano, int64_t hour_nano)
{
	return (struct config_local){
	    .power = {true, milliwatts, tariff_nano, hour_nano}};
}

/* Computed with Python's integers. */
static void time_costs_what_power_and_machine_do(void **state)
{
	static const struct {
		int64_t milliwatts, tariff_nano, hour_nano, busy_ns;
		int64_t marginal, full;
	} rows[] = {
	    /* 65 W at $0.30 a kWh for a second, and $0.05 an hour */
	    {65000, 300000000, 50000000, 1000000000, 5417, 19306},
	    {65000, 300000000, 50000000, 123456789, 669, 2383},
	    {65000, 300000000, 0, INT64_C(3600000000000), 19500000, 19500000},
	    {0, 300000000, 50000000, 1000000000, 0, 13889},
	    {65000, 0, 50000000, 7, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_local local = powered(
		    rows[i].milliwatts, rows[i].tariff_nano, rows[i].hour_nano);

		assert_int_equal(
		    local_cost_nano(&local, rows[i].busy_ns, false),
		    rows[i].marginal);
		assert_int_equal(local_cost_nano(&local, rows[i].busy_ns, true),
		    rows[i].full);
	}
}

static void halves_go_to_the_even_neighbour(void **state)
{
	/* A watt at $3.60 a kWh: a nano-dollar each millisecond. */
	struct config_local local = powered(1000, 3600000000, 0);

	(void)state;
	assert_int_equal(local_cost_nano(&local, 1000000, false), 1);
	assert_int_equal(local_cost_nano(&local, 500000, false), 0);
	assert_int_equal(local_cost_nano(&local, 500001, false), 1);
	assert_int_equal(local_cost_nano(&local, 1500000, false), 2);
	assert_int_equal(local_cost_nano(&local, 2500000, false), 2);
}

static void what_is_too_much_saturates(void **state)
{
	struct config_local local = powered(
	    1000000000, INT64_C(1000000000000), INT64_C(100000000000000));

	(void)state;
	assert_int_equal(local_cost_nano(&local, INT64_MAX, true), INT64_MAX);
	assert_int_equal(local_cost_nano(&local, INT64_MAX, false), INT64_MAX);
	assert_int_equal(local_token_femto(&local, 3e18), INT64_MAX);
}

static void no_time_costs_nothing_and_no_power_is_unpriced(void **state)
{
	struct config_local local = powered(65000, 300000000, 50000000);
	const struct config_local none = {.path = NULL};

	(void)state;
	assert_int_equal(local_cost_nano(&local, 0, true), 0);
	assert_int_equal(local_cost_nano(&local, -5, true), 0);
	assert_int_equal(local_cost_nano(&none, 1000, true), MONEY_UNPRICED);
	assert_int_equal(local_token_femto(&none, 1000), MONEY_UNPRICED);
}

static void a_token_has_a_marginal_price_once_it_is_measured(void **state)
{
	struct config_local local = powered(65000, 300000000, 50000000);
	struct config_local other = powered(350000, 120000000, 0);

	(void)state;
	assert_int_equal(local_token_femto(&local, 8e6), 43333333);
	assert_int_equal(local_token_femto(&local, 1), 5);
	assert_int_equal(local_token_femto(&other, 123456.6), 1440332);
	assert_int_equal(local_token_femto(&local, 0), MONEY_UNPRICED);
	assert_int_equal(local_token_femto(&local, -1), MONEY_UNPRICED);
	assert_int_equal(
	    local_token_femto(&local, (double)NAN), MONEY_UNPRICED);
	assert_int_equal(
	    local_token_femto(&local, (double)INFINITY), MONEY_UNPRICED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(time_costs_what_power_and_machine_do),
	    cmocka_unit_test(halves_go_to_the_even_neighbour),
	    cmocka_unit_test(what_is_too_much_saturates),
	    cmocka_unit_test(no_time_costs_nothing_and_no_power_is_unpriced),
	    cmocka_unit_test(a_token_has_a_marginal_price_once_it_is_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
