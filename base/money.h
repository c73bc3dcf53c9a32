/* money.h -- integer money: nano-dollars, and femto-dollar prices. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MONEY_H
#define BASE_MONEY_H

#include "base/error.h"
#include "base/span.h"

/*
 * An amount is an int64 of nano-dollars (1e-9 $); a price is an int64 of
 * femto-dollars per token (1e-15 $), so that one dollar per million tokens is
 * 1e9. A row's tokens are multiplied in 128 bits, summed, and rounded once,
 * half to even. Unknown is a value of its own and never 0.
 */
#define MONEY_UNPRICED INT64_MIN

/* Long enough for any amount that money_format writes, and its NUL. */
#define MONEY_TEXT_MAX 32

struct money_term {
	int64_t tokens;    /* >= 0 */
	int64_t femto_usd; /* per token, >= 0, or MONEY_UNPRICED */
};

/*
 * The sum of tokens x price over <n> terms in nano-dollars, rounded half to
 * even once. MONEY_UNPRICED when a term with tokens > 0 has no price; an
 * amount past int64 saturates at INT64_MAX.
 */
int64_t money_cost(const struct money_term *terms, size_t n);

/* baseline - cost; MONEY_UNPRICED when either is. May be negative. */
int64_t money_saved(int64_t baseline_nano, int64_t cost_nano);

/*
 * A decimal in dollars per million tokens ("0.10") to femto-dollars per token.
 * Refuses signs, exponents, more than nine fractional digits (finer than a
 * femto-dollar) and more than 1e9 dollars.
 */
enum result money_parse_price(
    struct span text, int64_t *femto_usd, struct error *err) must_check;

/*
 * A plain decimal in dollars, up to nine fractional digits, no exponent and no
 * trailing zeros ("0.000012", "-1.5", "0"); "unpriced" for MONEY_UNPRICED.
 * Returns its length; <text> holds MONEY_TEXT_MAX bytes.
 */
size_t money_format(int64_t nano_usd, char *text);

#endif
