/* money.c -- integer money: one multiplication, one sum, one rounding. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/money.h"

#include <assert.h>
#include <stdio.h>

#define FEMTO_PER_NANO UINT64_C(1000000)
#define NANO_PER_USD UINT64_C(1000000000)

/* A price's unit: 1e-6 $ a token = 1e9 femto-dollars a dollar per million. */
#define FEMTO_PER_PRICE_USD UINT64_C(1000000000)
#define PRICE_USD_MAX UINT64_C(1000000000)
#define PRICE_DIGITS_MAX 9

typedef unsigned __int128 wide;

/* One more than the largest sum that still rounds to an int64. */
#define SUM_LIMIT (((wide)INT64_MAX + 1) * FEMTO_PER_NANO)

int64_t money_cost(const struct money_term *terms, size_t n)
{
	wide sum = 0;
	bool is_unpriced = false;
	wide nano, rest;

	for (size_t i = 0; i < n; i++) {
		assert(terms[i].tokens >= 0);
		if (terms[i].tokens == 0)
			continue;
		if (terms[i].femto_usd == MONEY_UNPRICED) {
			is_unpriced = true;
			continue;
		}
		assert(terms[i].femto_usd >= 0);
		/* A product is below 2^126; the clamp keeps the sum there. */
		sum += (wide)terms[i].tokens * (wide)terms[i].femto_usd;
		if (sum > SUM_LIMIT)
			sum = SUM_LIMIT;
	}
	if (is_unpriced)
		return MONEY_UNPRICED;
	nano = sum / FEMTO_PER_NANO;
	rest = sum % FEMTO_PER_NANO;
	if (rest > FEMTO_PER_NANO / 2 ||
	    (rest == FEMTO_PER_NANO / 2 && nano % 2 == 1))
		nano++;
	return nano > (wide)INT64_MAX ? INT64_MAX : (int64_t)nano;
}

int64_t money_saved(int64_t baseline_nano, int64_t cost_nano)
{
	int64_t saved;

	if (baseline_nano == MONEY_UNPRICED || cost_nano == MONEY_UNPRICED)
		return MONEY_UNPRICED;
	if (__builtin_sub_overflow(baseline_nano, cost_nano, &saved))
		return baseline_nano > 0 ? INT64_MAX : -INT64_MAX;
	/* The lowest integer is taken: it means unpriced. */
	return saved == MONEY_UNPRICED ? -INT64_MAX : saved;
}

/* Says what is wrong with <text>; long texts are cut, they may be anything. */
static enum result refuse(struct span text, const char *why, struct error *err)
{
	error_set(err,
	    "price \"%.*s\" %s, expected dollars per million tokens as a plain "
	    "decimal such as 0.10",
	    SPAN_FMT(span_head(text, 40)), why);
	return FAILED;
}

enum result money_parse_price(
    struct span text, int64_t *femto_usd, struct error *err)
{
	size_t dot = span_find(text, SPAN("."), 0);
	struct span whole = span_head(text, dot);
	struct span fraction = span_from(text, whole.len + 1);
	uint64_t dollars, part = 0;

	for (size_t i = 0; i < text.len; i++) {
		if ((text.ptr[i] < '0' || text.ptr[i] > '9') && i != dot)
			return refuse(text, "is not a number", err);
	}
	if (whole.len == 0 || (dot != SIZE_MAX && fraction.len == 0))
		return refuse(text, "lacks digits", err);
	if (fraction.len > PRICE_DIGITS_MAX)
		return refuse(
		    text, "has more than nine fractional digits", err);
	if (!span_to_u64(whole, &dollars) || dollars > PRICE_USD_MAX)
		return refuse(text, "is above 1e9 dollars", err);
	for (size_t i = 0; i < PRICE_DIGITS_MAX; i++) {
		part *= 10;
		if (i < fraction.len)
			part += (uint64_t)(fraction.ptr[i] - '0');
	}
	if (dollars == PRICE_USD_MAX && part > 0)
		return refuse(text, "is above 1e9 dollars", err);
	*femto_usd = (int64_t)(dollars * FEMTO_PER_PRICE_USD + part);
	return OK;
}

size_t money_format(int64_t nano_usd, char *text)
{
	/* The magnitude in unsigned arithmetic, where no value overflows. */
	uint64_t magnitude =
	    nano_usd < 0 ? 0 - (uint64_t)nano_usd : (uint64_t)nano_usd;
	uint64_t part = magnitude % NANO_PER_USD;
	char digits[24];
	struct span whole = span_decimal(magnitude / NANO_PER_USD, digits);
	size_t len = 0;

	if (nano_usd == MONEY_UNPRICED) {
		memcpy(text, "unpriced", sizeof("unpriced"));
		return sizeof("unpriced") - 1;
	}
	if (nano_usd < 0)
		text[len++] = '-';
	memcpy(text + len, whole.ptr, whole.len);
	len += whole.len;
	if (part > 0) {
		text[len++] = '.';
		for (uint64_t unit = NANO_PER_USD / 10; part > 0; unit /= 10) {
			text[len++] = (char)('0' + part / unit);
			part %= unit;
		}
	}
	text[len] = '\0';
	return len;
}
