/* number.c -- compares digit by digit what a number may still become. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/number.h"

#include "local/grammar.h"

/* --- decimals ------------------------------------------------------------- */

/* The exponent of a JSON number, 0 when it has none; far ones are cut. */
static int exponent_of(struct span text, size_t at)
{
	bool is_negative = false;
	int exponent = 0;

	if (at == text.len)
		return 0;
	at++;
	if (text.ptr[at] == '-' || text.ptr[at] == '+')
		is_negative = text.ptr[at++] == '-';
	for (; at < text.len && exponent < 10000; at++)
		exponent = exponent * 10 + (text.ptr[at] - '0');
	return is_negative ? -exponent : exponent;
}

static bool put_digit(struct decimal *d, long place, uint8_t digit)
{
	/* Places count from the point: 0 is the tenths, -1 the ones. */
	if (digit == 0)
		return true;
	if (place >= 0) {
		if (place >= DECIMAL_DIGITS)
			return false;
		d->part[place] = digit;
		if ((uint32_t)place + 1 > d->n_part)
			d->n_part = (uint32_t)place + 1;
		return true;
	}
	if (-place > DECIMAL_DIGITS)
		return false;
	if ((uint32_t)-place > d->n_whole)
		d->n_whole = (uint32_t)-place;
	d->whole[DECIMAL_DIGITS + place] = digit;
	return true;
}

static bool is_zero(const struct decimal *d)
{
	return d->n_whole == 1 && d->whole[0] == 0 && d->n_part == 0;
}

bool decimal_read(struct span text, struct decimal *out)
{
	size_t at = 0, end = 0, point;
	long exponent;

	*out = (struct decimal){.n_whole = 1};
	if (text.ptr[0] == '-') {
		out->is_negative = true;
		at = end = 1;
	}
	while (end < text.len && (text.ptr[end] | 32) != 'e')
		end++;
	exponent = exponent_of(text, end);
	for (point = at; point < end && text.ptr[point] != '.';)
		point++;
	for (; at < end; at++) {
		long place = (long)at - (long)point - (at > point);
		uint8_t digit;

		if (at == point)
			continue;
		digit = (uint8_t)(text.ptr[at] - '0');
		if (!put_digit(out, place - exponent, digit))
			return false;
	}
	memmove(out->whole, out->whole + DECIMAL_DIGITS - out->n_whole,
	    out->n_whole);
	out->is_negative = out->is_negative && !is_zero(out);
	return true;
}

static uint8_t digit_at(const uint8_t *digits, uint32_t n, uint32_t i)
{
	return i < n ? digits[i] : 0;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
	int sign = a->is_negative ? -1 : 1;

	if (a->is_negative != b->is_negative)
		return sign;
	if (a->n_whole != b->n_whole)
		return a->n_whole < b->n_whole ? -sign : sign;
	for (uint32_t i = 0; i < a->n_whole; i++) {
		if (a->whole[i] != b->whole[i])
			return a->whole[i] < b->whole[i] ? -sign : sign;
	}
	for (uint32_t i = 0; i < DECIMAL_DIGITS; i++) {
		uint8_t x = digit_at(a->part, a->n_part, i);
		uint8_t y = digit_at(b->part, b->n_part, i);

		if (x != y)
			return x < y ? -sign : sign;
	}
	return 0;
}

/* --- states --------------------------------------------------------------- */

enum order {
	BELOW,
	SAME,
	ABOVE,
};

enum place {
	AT_START,
	AT_SIGN, /* behind the minus */
	AT_ZERO, /* behind a leading zero */
	AT_WHOLE,
	AT_POINT,
	AT_PART,
	AT_E,
	AT_E_SIGN,
	AT_E_DIGITS,
};

/* What is known of the digits so far; the key of a state. */
struct reading {
	uint32_t place; /* enum place */
	uint32_t is_negative;
	uint32_t n_whole;
	uint32_t n_part;    /* of an exponent, behind the E */
	uint32_t low, high; /* enum order, of the amount against both ends */
	uint32_t rest;      /* of the division by the multiple */
};
#define READING_WORDS (sizeof(struct reading) / sizeof(uint32_t))

/* The ends of the amount, for one sign. */
struct amounts {
	struct bound least, most;
};

struct numbers {
	const struct number_range *range;
	struct amounts amounts[2]; /* by sign: positive, negative */
	bool has_bounds;
	uint32_t whole_max;
	struct dfa_maker maker;
};

/* The amounts of numbers of one sign in the range; false for no number. */
static bool find_amounts(
    const struct number_range *range, bool is_negative, struct amounts *out)
{
	const struct bound *near = is_negative ? &range->high : &range->low;
	const struct bound *far = is_negative ? &range->low : &range->high;

	*out = (struct amounts){.least = *near, .most = *far};
	if (far->is_there && far->value.is_negative != is_negative)
		return false;
	/* Where zero lies between them any amount will do. */
	if (near->is_there && near->value.is_negative != is_negative &&
	    !is_zero(&near->value))
		out->least.is_there = false;
	return true;
}

static enum order order_digits(enum order before, uint8_t mine, uint8_t other)
{
	if (before != SAME || mine == other)
		return before;
	return mine < other ? BELOW : ABOVE;
}

/* The order after one more whole digit, the <n>th, which none may follow. */
static enum order order_whole(
    const struct bound *bound, enum order before, uint32_t n, uint8_t digit)
{
	if (!bound->is_there)
		return SAME;
	if (n >= bound->value.n_whole)
		return ABOVE;
	return order_digits(before, digit, bound->value.whole[n]);
}

/* The order when the whole digits have ended, of which there are <n>. */
static enum order end_whole(
    const struct bound *bound, enum order before, uint32_t n)
{
	if (bound->is_there && n < bound->value.n_whole)
		return BELOW;
	return before;
}

static enum order order_part(
    const struct bound *bound, enum order before, uint32_t n, uint8_t digit)
{
	if (!bound->is_there)
		return SAME;
	return order_digits(
	    before, digit, digit_at(bound->value.part, bound->value.n_part, n));
}

static enum order end_part(
    const struct bound *bound, enum order before, uint32_t n)
{
	if (bound->is_there && before == SAME && n < bound->value.n_part)
		return BELOW;
	return before;
}

static bool is_inside(const struct amounts *amounts, const struct reading *r)
{
	uint32_t n = r->place == AT_PART ? r->n_part : 0;
	enum order low = r->low, high = r->high;

	if (r->place == AT_WHOLE || r->place == AT_ZERO) {
		low = end_whole(&amounts->least, low, r->n_whole);
		high = end_whole(&amounts->most, high, r->n_whole);
	}
	low = end_part(&amounts->least, low, n);
	high = end_part(&amounts->most, high, n);
	if (amounts->least.is_there &&
	    (low == BELOW || (low == SAME && amounts->least.is_outside)))
		return false;
	return !amounts->most.is_there || high == BELOW ||
	       (high == SAME && !amounts->most.is_outside);
}

static bool is_whole_number(const struct numbers *n, const struct reading *r)
{
	const struct amounts *amounts = &n->amounts[r->is_negative];

	switch (r->place) {
	case AT_ZERO:
		/* An integer has one zero. */
		if (n->range->is_integer && r->is_negative)
			return false;
		return is_inside(amounts, r);
	case AT_WHOLE:
		return r->rest == 0 && is_inside(amounts, r);
	case AT_PART:
		return is_inside(amounts, r);
	case AT_E_DIGITS:
		return true;
	default:
		return false;
	}
}

static bool read_whole_digit(
    const struct numbers *n, struct reading *r, uint8_t digit)
{
	const struct amounts *amounts = &n->amounts[r->is_negative];

	if (r->place == AT_ZERO || r->n_whole == n->whole_max)
		return false;
	r->low = order_whole(&amounts->least, r->low, r->n_whole, digit);
	r->high = order_whole(&amounts->most, r->high, r->n_whole, digit);
	r->place = r->n_whole == 0 && digit == 0 ? AT_ZERO : AT_WHOLE;
	r->n_whole++;
	r->rest = (r->rest * 10 + digit) % n->range->multiple;
	return true;
}

static bool read_part_digit(
    const struct numbers *n, struct reading *r, uint8_t digit)
{
	const struct amounts *amounts = &n->amounts[r->is_negative];
	uint32_t max = GRAMMAR_DECIMAL_DIGITS;

	if (r->n_part == (n->has_bounds ? max - r->n_whole : max))
		return false;
	r->low = order_part(&amounts->least, r->low, r->n_part, digit);
	r->high = order_part(&amounts->most, r->high, r->n_part, digit);
	r->place = AT_PART;
	r->n_part++;
	return true;
}

static bool read_digit(
    const struct numbers *n, struct reading *r, uint8_t digit)
{
	switch (r->place) {
	case AT_POINT:
	case AT_PART:
		return read_part_digit(n, r, digit);
	case AT_E:
	case AT_E_SIGN:
		r->place = AT_E_DIGITS;
		r->n_part = 1;
		return true;
	case AT_E_DIGITS:
		return r->n_part++ < 2;
	default:
		return read_whole_digit(n, r, digit);
	}
}

static bool read_point(const struct numbers *n, struct reading *r)
{
	const struct amounts *amounts = &n->amounts[r->is_negative];

	if (n->range->is_integer ||
	    (r->place != AT_ZERO && r->place != AT_WHOLE))
		return false;
	r->low = end_whole(&amounts->least, r->low, r->n_whole);
	r->high = end_whole(&amounts->most, r->high, r->n_whole);
	r->place = AT_POINT;
	return true;
}

static bool read_e(const struct numbers *n, struct reading *r)
{
	if (n->range->is_integer || n->has_bounds ||
	    (r->place != AT_ZERO && r->place != AT_WHOLE &&
		r->place != AT_PART))
		return false;
	*r = (struct reading){.place = AT_E};
	return true;
}

/* Classes of bytes: the digits, then - + . e; the last one is the others. */
#define CLASSES 15
static const char signs[] = "-+.e";

static bool read_class(const struct numbers *n, struct reading *r, uint32_t c)
{
	if (c < 10)
		return read_digit(n, r, (uint8_t)c);
	switch (signs[c - 10]) {
	case '-':
		if (r->place == AT_E) {
			r->place = AT_E_SIGN;
			return true;
		}
		if (r->place != AT_START)
			return false;
		r->place = AT_SIGN;
		r->is_negative = 1;
		return true;
	case '+':
		if (r->place != AT_E)
			return false;
		r->place = AT_E_SIGN;
		return true;
	case '.':
		return read_point(n, r);
	default:
		return read_e(n, r);
	}
}

static void make_classes(uint8_t class_of[256])
{
	memset(class_of, CLASSES - 1, 256);
	for (uint8_t i = 0; i < 10; i++)
		class_of['0' + i] = i;
	for (uint8_t i = 0; i < 4; i++)
		class_of[(unsigned char)signs[i]] = 10 + i;
	class_of['E'] = class_of['e'];
}

struct dfa *number_dfa(const struct number_range *range)
{
	struct reading reading = {.low = SAME, .high = SAME};
	struct numbers n = {.range = range};
	bool has_sign[2];
	struct dfa *dfa;

	has_sign[0] = find_amounts(range, false, &n.amounts[0]);
	has_sign[1] = find_amounts(range, true, &n.amounts[1]);
	n.has_bounds = range->low.is_there || range->high.is_there;
	n.whole_max = GRAMMAR_DECIMAL_DIGITS;
	if (range->is_integer)
		n.whole_max = range->multiple > 64 ? 9 : GRAMMAR_WHOLE_DIGITS;
	dfa_maker_init(&n.maker, CLASSES);
	make_classes(n.maker.class_of);
	(void)dfa_maker_state(&n.maker, (uint32_t *)&reading, READING_WORDS);
	for (uint32_t i = 1; i < n.maker.n_states && !n.maker.is_over; i++) {
		struct reading from;
		size_t words;

		memcpy(&from, dfa_maker_key(&n.maker, i, &words), sizeof(from));
		n.maker.accepts[i] = is_whole_number(&n, &from);
		for (uint32_t c = 0; c < CLASSES - 1; c++) {
			reading = from;
			if (!read_class(&n, &reading, c) ||
			    !has_sign[reading.is_negative])
				continue;
			n.maker.next[i * CLASSES + c] =
			    (uint16_t)dfa_maker_state(
				&n.maker, (uint32_t *)&reading, READING_WORDS);
		}
	}
	dfa = dfa_maker_finish(&n.maker);
	dfa_maker_free(&n.maker);
	return dfa;
}
