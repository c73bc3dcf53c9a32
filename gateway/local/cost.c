/* cost.c -- what a local model's time costs: power, and the machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/cost.h"

/*
 * Everything is whole numbers. Milliwatts times nanoseconds are picojoules, a
 * kilowatt-hour has 3.6e18 of them; an hour has 3.6e12 nanoseconds. The sum of
 * both prices over 3.6e18 is rounded once.
 */
#define PJ_PER_KWH UINT64_C(3600000000000000000)
#define NS_PER_HOUR UINT64_C(3600000000000)

__extension__ typedef unsigned __int128 wide;

/* a x b / divisor, half to even, INT64_MAX past it. */
static int64_t scale(wide a, uint64_t b, uint64_t divisor)
{
	wide product, whole, rest;

	if (__builtin_mul_overflow(a, (wide)b, &product))
		return INT64_MAX;
	whole = product / divisor;
	rest = product % divisor;
	/* rest < divisor < 2^63: twice that fits. */
	if (rest * 2 > divisor || (rest * 2 == divisor && (whole & 1)))
		whole++;
	return whole > INT64_MAX ? INT64_MAX : (int64_t)whole;
}

/* Of a nanosecond, in nano-dollars times PJ_PER_KWH. */
static wide rate(const struct config_power *power, bool is_full)
{
	wide energy = (wide)power->milliwatts * (wide)power->tariff_nano;
	wide machine = (wide)power->hour_nano * (PJ_PER_KWH / NS_PER_HOUR);

	return is_full ? energy + machine : energy;
}

int64_t local_cost_nano(
    const struct config_local *local, int64_t busy_ns, bool is_full)
{
	if (!local->power.is_there)
		return MONEY_UNPRICED;
	if (busy_ns <= 0)
		return 0;
	return scale(
	    rate(&local->power, is_full), (uint64_t)busy_ns, PJ_PER_KWH);
}

int64_t local_token_femto(const struct config_local *local, double token_ns)
{
	const uint64_t femto_per_nano = 1000000;

	/* More than a century is no measurement. */
	if (!local->power.is_there || !(token_ns > 0) || token_ns > 3e18)
		return MONEY_UNPRICED;
	return scale(rate(&local->power, false), (uint64_t)(token_ns + 0.5),
	    PJ_PER_KWH / femto_per_nano);
}
