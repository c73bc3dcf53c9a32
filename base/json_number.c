/* json_number.c -- the values of JSON numbers, exactly. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * A number is read into its significant digits and a power of ten, and only
 * then turned into an integer or a double, so that neither goes through the
 * other and nothing is rounded twice. 767 digits decide a double's last bit
 * (IEEE 754 binary64, the longest halfway case); of what follows them only
 * "more than nothing" matters.
 */
#define DIGITS_MAX 768
#define EXPONENT_MAX 1000000000000 /* beyond any text's number of digits */

struct decimal {
	bool is_negative;
	int64_t exponent; /* |value| = all significant digits x 10^exponent */
	int64_t total;    /* significant digits; 0 when the value is zero */
	size_t count;     /* of them, kept; one more stands for the rest */
	char digits[DIGITS_MAX + 1 + 24]; /* (count), room for an exponent */
};

/* The part after 'e', whose grammar json_parse has checked. */
static int64_t read_exponent(const char *at, const char *end)
{
	bool is_negative = at < end && *at == '-';
	int64_t value = 0;

	for (; at < end; at++) {
		if (*at >= '0' && value < EXPONENT_MAX)
			value = value * 10 + (*at - '0');
	}
	return is_negative ? -value : value;
}

/* Copies the digits of <first> to <last>, both significant, past any '.'. */
static void keep_digits(struct decimal *d, const char *first, const char *last)
{
	for (const char *at = first; at <= last; at++) {
		if (*at == '.')
			continue;
		if (d->total < DIGITS_MAX)
			d->digits[d->count++] = *at;
		d->total++;
	}
	if (d->total > DIGITS_MAX)
		d->digits[d->count++] = '1';
}

static void read_decimal(struct span text, struct decimal *d)
{
	const char *at = text.ptr, *end = text.ptr + text.len;
	const char *first = NULL, *last = NULL;
	int64_t fraction = 0, zeros = 0;
	bool is_fraction = false;

	d->is_negative = *at == '-';
	d->exponent = d->total = 0;
	d->count = 0;
	for (at += d->is_negative; at < end && (*at | 0x20) != 'e'; at++) {
		if (*at == '.') {
			is_fraction = true;
			continue;
		}
		fraction += is_fraction;
		zeros++;
		if (*at != '0') {
			first = first ? first : at;
			last = at;
			zeros = 0;
		}
	}
	if (!first)
		return;
	keep_digits(d, first, last);
	d->exponent = zeros - fraction;
	if (at < end)
		d->exponent += read_exponent(at + 1, end);
}

bool json_int(const struct json_doc *doc, uint32_t node, int64_t *out)
{
	struct decimal d;
	uint64_t value = 0;

	if (!json_is(doc, node, JSON_NUMBER))
		return false;
	read_decimal(json_raw(doc, node), &d);
	/* The last digit kept is not 0, so a negative power is a fraction. */
	if (d.exponent < 0 || d.total + d.exponent > 19)
		return false;
	for (size_t i = 0; i < d.count; i++)
		value = value * 10 + (uint64_t)(d.digits[i] - '0');
	for (int64_t i = 0; i < d.exponent; i++)
		value *= 10;
	if (value > (uint64_t)INT64_MAX + d.is_negative)
		return false;
	*out = d.is_negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

bool json_double(const struct json_doc *doc, uint32_t node, double *out)
{
	struct decimal d;
	double value = 0;

	if (!json_is(doc, node, JSON_NUMBER))
		return false;
	read_decimal(json_raw(doc, node), &d);
	if (d.total > 0 && d.total + d.exponent > 310)
		return false;
	/* No decimal point: its character depends on the locale. */
	if (d.total > 0 && d.total + d.exponent > -400) {
		snprintf(d.digits + d.count, sizeof(d.digits) - d.count,
		    "e%lld",
		    (long long)(d.exponent + d.total - (int64_t)d.count));
		value = strtod(d.digits, NULL);
		if (isinf(value))
			return false;
	}
	*out = d.is_negative ? -value : value;
	return true;
}
