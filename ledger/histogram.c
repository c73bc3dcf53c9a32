/* histogram.c -- how long things took, fine enough for percentiles. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/histogram.h"

#include <math.h>

#define FIRST_OCTAVE 16 /* 2^16 ns: 65.5 us */
#define PER_OCTAVE 4
#define LAST (HISTOGRAM_BUCKETS - 1)

/* 2^(1/4), 2^(2/4), 2^(3/4), in units of 2^-31. */
static const uint64_t quarters[] = {
    UINT64_C(0x9837f052),
    UINT64_C(0xb504f334),
    UINT64_C(0xd744fccb),
};

unsigned histogram_bucket(int64_t ns)
{
	uint64_t value = ns > 0 ? (uint64_t)ns : 0;
	unsigned octave, bucket;
	uint64_t mantissa;

	if (value < UINT64_C(1) << FIRST_OCTAVE)
		return 0;
	octave = 63 - (unsigned)__builtin_clzll(value);
	bucket = 1 + (octave - FIRST_OCTAVE) * PER_OCTAVE;
	/* The leading 32 bits: 1.0 is 2^31. */
	mantissa = value << (63 - octave) >> 32;
	for (size_t i = 0; i < sizeof(quarters) / sizeof(*quarters); i++)
		bucket += mantissa >= quarters[i];
	return bucket < LAST ? bucket : LAST;
}

static void count(struct histogram *histogram, size_t bucket, int64_t times)
{
	/* Most hold a few times that lie close: the rest is not looked at. */
	if (histogram->to == 0 || bucket < histogram->from)
		histogram->from = (uint8_t)bucket;
	if (bucket >= histogram->to)
		histogram->to = (uint8_t)(bucket + 1);
	int64_t sum = histogram->n[bucket] + times;

	if (sum > INT32_MAX)
		sum = INT32_MAX;
	if (sum < -INT32_MAX)
		sum = -INT32_MAX;
	histogram->n[bucket] = (int32_t)sum;
}

void histogram_add(struct histogram *histogram, int64_t ns, int32_t times)
{
	if (ns > 0)
		count(histogram, histogram_bucket(ns), times);
}

void histogram_merge(struct histogram *histogram, const struct histogram *more)
{
	for (size_t i = more->from; i < more->to; i++)
		if (more->n[i] != 0)
			count(histogram, i, more->n[i]);
}

bool histogram_is_empty(const struct histogram *histogram)
{
	for (size_t i = histogram->from; i < histogram->to; i++)
		if (histogram->n[i] != 0)
			return false;
	return true;
}

/* The geometric middle; of the outermost ones the bound that they have. */
static int64_t middle(size_t bucket)
{
	double octave = FIRST_OCTAVE + ((double)bucket - 0.5) / PER_OCTAVE;

	if (bucket == 0)
		return INT64_C(1) << FIRST_OCTAVE;
	if (bucket == LAST)
		octave = FIRST_OCTAVE + (double)(LAST - 1) / PER_OCTAVE;
	return (int64_t)exp2(octave);
}

int64_t histogram_quantile(const struct histogram *histogram, double q)
{
	int64_t total = 0, seen = 0, rank;

	for (size_t i = histogram->from; i < histogram->to; i++)
		if (histogram->n[i] > 0)
			total += histogram->n[i];
	if (total == 0)
		return -1;
	rank = (int64_t)ceil(q * (double)total);
	for (size_t i = histogram->from; i < histogram->to; i++) {
		if (histogram->n[i] > 0)
			seen += histogram->n[i];
		if (seen >= rank && seen > 0)
			return middle(i);
	}
	return middle(LAST);
}

/* --- packed ------------------------------------------------------------------
 */

static size_t put(uint8_t *bytes, uint32_t value)
{
	size_t len = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[len++] = (uint8_t)(value | 0x80);
	bytes[len++] = (uint8_t)value;
	return len;
}

size_t histogram_pack(const struct histogram *histogram, uint8_t *bytes)
{
	uint32_t skipped = histogram->from;
	size_t len = 0;

	for (size_t i = histogram->from; i < histogram->to; i++) {
		int32_t n = histogram->n[i];

		if (n == 0) {
			skipped++;
			continue;
		}
		len += put(bytes + len, skipped);
		len += put(
		    bytes + len, (uint32_t)n << 1 ^ (n < 0 ? UINT32_MAX : 0));
		skipped = 0;
	}
	return len;
}

/* The varint at the front; false when it is cut or too long. */
static bool take(struct span *bytes, uint32_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 35 && bytes->len > 0; shift += 7) {
		uint8_t byte = (uint8_t)bytes->ptr[0];

		*bytes = span_from(*bytes, 1);
		*value |= (uint32_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

bool histogram_unpack(struct histogram *histogram, struct span bytes)
{
	size_t bucket = 0;

	while (bytes.len > 0) {
		uint32_t skipped, n;

		if (!take(&bytes, &skipped) || !take(&bytes, &n) ||
		    skipped >= HISTOGRAM_BUCKETS - bucket)
			return false;
		bucket += skipped;
		count(histogram, bucket, (int32_t)(n >> 1 ^ (0U - (n & 1))));
		/* One past the last: nothing more may come. */
		if (++bucket == HISTOGRAM_BUCKETS)
			return bytes.len == 0;
	}
	return true;
}
