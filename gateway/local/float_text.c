/* float_text.c -- vectors as text: short decimals, and base64. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/float_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * A float is m x 2^e, m of 24 bits, and every decimal between its two
 * neighbours' halfway points reads as it. For what vectors hold (1e-8 to 2^24)
 * these points times a power of ten that leaves nine digits before the point
 * are exact in 128 bits: 25 bits of m, 57 of 10^17. Nine digits always have a
 * whole number between them; the shortest decimal is the whole number there
 * with the most zeros at its end.
 */
__extension__ typedef unsigned __int128 wide;

#define SMALLEST 1e-8f
#define LARGEST 16777216.0f
#define DIGITS 9

static const uint64_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000,
    10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
    10000000000000, 100000000000000, 1000000000000000, 10000000000000000,
    100000000000000000};

/* Whole numbers, of 10^-scale each, that read as one float. */
struct between {
	uint64_t low, high, middle; /* the float itself, rounded down */
	unsigned scale;
};

static struct between find_between(float value)
{
	struct between b = {.scale = 0};
	int exponent;
	float fraction = frexpf(value, &exponent);
	uint64_t m = (uint64_t)ldexpf(fraction, 24);
	/* In quarters of m's unit, for the lower neighbour of a power of two
	   is nearer. */
	uint64_t below = m == 1 << 23 ? 4 * m - 1 : 4 * m - 2;
	unsigned shift = (unsigned)(26 - exponent);
	wide unit = (wide)1 << shift;
	wide low, high;

	/* Nine digits before the point: 1e8 <= value x 10^scale < 1e9. The
	   value is below 2^exponent, so no fewer than these; at most one
	   more. */
	b.scale = (unsigned)(26 - exponent) * 30103 / 100000;
	if (exponent > 26)
		b.scale = 0;
	while (b.scale < sizeof(tens) / sizeof(tens[0]) - 1 &&
	       ((wide)(4 * m) * tens[b.scale] >> shift) < tens[DIGITS - 1])
		b.scale++;
	low = (wide)below * tens[b.scale];
	high = (wide)(4 * m + 2) * tens[b.scale];
	b.middle = (uint64_t)((wide)(4 * m) * tens[b.scale] >> shift);
	b.low = (uint64_t)((low + unit - 1) >> shift);
	b.high = (uint64_t)(high >> shift);
	/* The points themselves read as the neighbour of even m. */
	if (m & 1) {
		b.low += ((wide)b.low << shift) == low;
		b.high -= ((wide)b.high << shift) == high;
	}
	return b;
}

/* The number with the most zeros; <scale> loses as many digits. */
static uint64_t shorten(const struct between *b, unsigned *scale)
{
	uint64_t best = b->middle;
	unsigned zeros = 0;

	*scale = b->scale;
	if (best < b->low || best > b->high)
		best = b->low;
	for (unsigned i = 1; i <= DIGITS; i++) {
		uint64_t below = b->middle / tens[i] * tens[i];
		uint64_t above = below + tens[i];
		bool has_below = below >= b->low && below > 0;
		bool has_above = above <= b->high;

		if (!has_below && !has_above)
			break;
		best = has_below && (!has_above ||
					b->middle - below < above - b->middle)
			   ? below
			   : above;
		zeros = i;
	}
	while (zeros > *scale)
		zeros--;
	*scale -= zeros;
	return best / tens[zeros];
}

static size_t write_decimal(uint64_t number, unsigned scale, char *text)
{
	char digits[24];
	struct span whole = span_decimal(number / tens[scale], digits);
	uint64_t part = number % tens[scale];
	size_t len = whole.len;

	memcpy(text, whole.ptr, len);
	if (scale == 0)
		return len;
	text[len] = '.';
	for (unsigned i = scale; i > 0; i--) {
		text[len + i] = (char)('0' + part % 10);
		part /= 10;
	}
	return len + 1 + scale;
}

/* The few that lie outside of what is exact above. */
static size_t write_slowly(float value, char text[FLOAT_TEXT_MAX])
{
	int len = 0;

	for (int digits = 1; digits <= DIGITS; digits++) {
		len = snprintf(
		    text, FLOAT_TEXT_MAX, "%.*g", digits, (double)value);
		if (strtof(text, NULL) == value)
			break;
	}
	return (size_t)len;
}

size_t float_text(float value, char text[FLOAT_TEXT_MAX])
{
	struct between between;
	size_t sign = signbit(value) ? 1 : 0;
	unsigned scale;
	uint64_t number;

	if (!isfinite(value)) {
		memcpy(text, "null", 4);
		return 4;
	}
	if (value == 0) {
		text[0] = '-';
		text[sign] = '0';
		return sign + 1;
	}
	if (fabsf(value) < SMALLEST || fabsf(value) >= LARGEST)
		return write_slowly(value, text);
	between = find_between(fabsf(value));
	number = shorten(&between, &scale);
	text[0] = '-';
	return sign + write_decimal(number, scale, text + sign);
}

bool float_text_list(struct buf *out, const float *values, size_t n)
{
	char *start = buf_reserve(out, n * (FLOAT_TEXT_MAX + 1) + 2);
	char *at = start;

	if (!start)
		return false;
	*at++ = '[';
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			*at++ = ',';
		at += float_text(values[i], at);
	}
	*at++ = ']';
	buf_commit(out, (size_t)(at - start));
	return true;
}

/* --- base64: RFC 4648, section 4
 * --------------------------------------------------- */

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Byte <i> of the list as it is sent. */
static uint32_t byte_at(const float *values, size_t n, size_t i)
{
	uint32_t bits;

	if (i >= 4 * n)
		return 0;
	memcpy(&bits, &values[i / 4], sizeof(bits));
	return bits >> i % 4 * 8 & 0xff;
}

bool float_text_base64(struct buf *out, const float *values, size_t n)
{
	size_t bytes = 4 * n;
	char *start = buf_reserve(out, (bytes + 2) / 3 * 4 + 2);
	char *at = start;

	if (!start)
		return false;
	*at++ = '"';
	for (size_t i = 0; i < bytes; i += 3) {
		uint32_t three = byte_at(values, n, i) << 16 |
				 byte_at(values, n, i + 1) << 8 |
				 byte_at(values, n, i + 2);

		*at++ = alphabet[three >> 18];
		*at++ = alphabet[three >> 12 & 63];
		*at++ = i + 1 < bytes ? alphabet[three >> 6 & 63] : '=';
		*at++ = i + 2 < bytes ? alphabet[three & 63] : '=';
	}
	*at++ = '"';
	buf_commit(out, (size_t)(at - start));
	return true;
}
