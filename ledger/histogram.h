/* histogram.h -- how long things took, fine enough for percentiles. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_HISTOGRAM_H
#define LEDGER_HISTOGRAM_H

#include "base/base.h"

/*
 * Four buckets an octave, from 65 microseconds to an hour: a bucket's upper
 * bound is 2^(1/4) times its lower one, so that the geometric middle, which is
 * what a percentile is given as, is within 9.1% of any value in it. The first
 * and the last bucket take what lies outside.
 *
 * Counts may be negative: a difference that takes back what was counted in
 * another histogram. Differences of a time's measurements add up in any order.
 */
#define HISTOGRAM_BUCKETS 106

struct histogram {
	int32_t n[HISTOGRAM_BUCKETS];
	uint8_t from, to; /* buckets before and from there on are 0 */
};

/* Room for the packed form of any histogram. */
#define HISTOGRAM_PACKED_MAX (HISTOGRAM_BUCKETS * 7)

/* The bucket of a time in nanoseconds. */
unsigned histogram_bucket(int64_t ns);

/* Counts <ns>, which is not known when it is not above 0, <times> times. */
void histogram_add(struct histogram *histogram, int64_t ns, int32_t times);

/* Adds what <more> counted; counts saturate. */
void histogram_merge(struct histogram *histogram, const struct histogram *more);

bool histogram_is_empty(const struct histogram *histogram);

/*
 * The <q> quantile (0 to 1) in nanoseconds, -1 when nothing was counted:
 * within 9.1% of the value that so large a share was at or below.
 */
int64_t histogram_quantile(const struct histogram *histogram, double q);

/* Pairs of varints: how many buckets are skipped, the count (zigzag). */
size_t histogram_pack(const struct histogram *histogram, uint8_t *bytes);

/* Adds the packed form of one; false when it is none. */
bool histogram_unpack(struct histogram *histogram, struct span bytes);

#endif
