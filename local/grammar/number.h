/* number.h -- automata of numbers between bounds. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GRAMMAR_NUMBER_H
#define LOCAL_GRAMMAR_NUMBER_H

#include "local/grammar/dfa.h"

#define DECIMAL_DIGITS 40

/* A decimal as it is compared: without sign, leading or trailing zeros. */
struct decimal {
	bool is_negative;
	uint8_t whole[DECIMAL_DIGITS]; /* (n_whole) at least one digit */
	uint32_t n_whole;
	uint8_t part[DECIMAL_DIGITS]; /* (n_part) behind the point */
	uint32_t n_part;
};

struct bound {
	bool is_there;
	bool is_outside; /* the bound itself is not in the range */
	struct decimal value;
};

struct number_range {
	bool is_integer; /* digits only: 1, not 1.0 or 1e0 */
	struct bound low, high;
	uint32_t multiple; /* integers: of this, 1 for any */
};

/*
 * Reads a JSON number exactly. False when it has more than DECIMAL_DIGITS
 * digits before or behind the point once its exponent is applied.
 */
bool decimal_read(struct span text, struct decimal *out);

/* Below, equal or above: negative, 0, positive. */
int decimal_compare(const struct decimal *a, const struct decimal *b);

/*
 * The numbers in <range>: integers of up to GRAMMAR_WHOLE_DIGITS digits (9 for
 * multiples of more than 64), others of up to GRAMMAR_DECIMAL_DIGITS before
 * and behind the point, with an exponent of up to two digits, or, where there
 * are bounds, of as many digits in all and no exponent, so that a reader's
 * rounding passes no bound. NULL when there are too many states; it may be
 * empty.
 */
struct dfa *number_dfa(const struct number_range *range) must_check;

#endif
