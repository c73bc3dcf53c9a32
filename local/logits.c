/* logits.c -- what a model's logits say, in one look. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/logits.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/*
 * Written once for eight floats at a time and compiled twice: for AVX2, and for
 * what every processor has. No product is fused with a sum in either, so both
 * give the same bits.
 */
#define LANES 8
#define BLOCK LOGITS_BLOCK

#define INLINE static inline __attribute__((always_inline))
/* tests/unit/logits_plain.c leaves it out. */
#if defined(__x86_64__) && !defined(LOGITS_PLAIN)
#define WIDE static __attribute__((target("avx2")))
#endif

/* Eight floats, or what a comparison of them gives: all bits or none. */
typedef float floats __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t ints __attribute__((vector_size(LANES * sizeof(int32_t))));

INLINE floats load(const float *x)
{
	floats v;

	memcpy(&v, x, sizeof(v));
	return v;
}

/* <x> where <mask>, else 0. */
INLINE floats keep(floats x, ints mask)
{
	return (floats)((ints)x & mask);
}

INLINE floats choose(ints mask, floats x, floats other)
{
	return (floats)(((ints)x & mask) | ((ints)other & ~mask));
}

INLINE floats all(float x)
{
	return (floats){x, x, x, x, x, x, x, x};
}

/*
 * exp(x) for x of -87 to 0: 2 to the nearest whole number of x / log(2), times
 * a polynomial of what is left. Source: Cephes, expf.
 */
INLINE floats exp_of(floats x)
{
	static const float round = 12582912.0F; /* 1.5 * 2^23 */
	floats t = x * 1.44269504F + round, n = t - round, y;
	ints power = ((ints)t - (ints)all(round)) << 23;

	x = x - n * 0.693359375F + n * 2.12194440e-4F;
	y = ((((1.9875691500e-4F * x + 1.3981999507e-3F) * x +
		  8.3334519073e-3F) *
		     x +
		 4.1665795894e-2F) *
		    x +
		1.6666665459e-1F) *
		x +
	    5.0000001201e-1F;
	return (floats)((ints)(y * x * x + x + 1) + power);
}

INLINE double add_lanes(floats x)
{
	double sum = 0;

	for (int i = 0; i < LANES; i++)
		sum += (double)x[i];
	return sum;
}

/* Whether <mask> has a lane of all bits. */
INLINE bool has_any(ints mask)
{
	int64_t halves[LANES / 2], any = 0;

	memcpy(halves, &mask, sizeof(halves));
	for (int i = 0; i < LANES / 2; i++)
		any |= halves[i];
	return any != 0;
}

/* Sums of e = exp(d) and of e * d, d = x - max; and of the e that count. */
struct sums {
	double e, ed, among;
};

/* Eight floats of all bits or none, by the eight lowest bits of <bits>. */
INLINE ints lanes_of(uint32_t bits)
{
	ints each = {1, 2, 4, 8, 16, 32, 64, 128};
	int32_t low = (int32_t)(bits & 255);

	return ((ints){low, low, low, low, low, low, low, low} & each) != 0;
}

/* <words> NULL: none count; else <x> begins at the first one's lowest bit. */
INLINE void add_block(struct sums *sums, const float *x, uint32_t n, float max,
    const uint32_t *words)
{
	floats e_sum = all(0), ed_sum = all(0), among = all(0);

	for (uint32_t i = 0; i + LANES <= n; i += LANES) {
		floats d = load(x + i) - all(max), e;

		d = choose(d > all(-87), d, all(-87));
		/* Not for what is no number, nor for what is -87 and less. */
		e = keep(exp_of(d), d > all(-87));
		e_sum += e;
		ed_sum += e * d;
		if (words)
			among += keep(e, lanes_of(words[i / 32] >> (i % 32)));
	}
	sums->e += add_lanes(e_sum);
	sums->ed += add_lanes(ed_sum);
	sums->among += add_lanes(among);
}

/* The words of the block at <i>, or NULL where none has a bit. */
static const uint32_t *block_words(
    const struct logits_mask *among, uint32_t i, uint32_t copy[BLOCK / 32])
{
	size_t first = i / 32, n;

	if (first >= among->n_words)
		return NULL;
	if (among->n_words - first >= BLOCK / 32)
		return among->words + first;
	n = among->n_words - first;
	memset(copy, 0, BLOCK / 8);
	memcpy(copy, among->words + first, n * sizeof(*copy));
	return copy;
}

INLINE struct sums sum_all(
    const float *x, uint32_t n, float max, const struct logits_mask *among)
{
	struct sums sums = {.e = 0};
	float rest[LANES];
	uint32_t whole = n / LANES * LANES, copy[BLOCK / 32], bits = 0;

	for (uint32_t i = 0; i < whole; i += BLOCK) {
		uint32_t len = whole - i < BLOCK ? whole - i : BLOCK;
		const uint32_t *words = block_words(among, i, copy);

		if (words)
			add_block(&sums, x + i, len, max, words);
		else
			add_block(&sums, x + i, len, max, NULL);
	}
	for (uint32_t k = 0; k < LANES; k++)
		rest[k] = -INFINITY;
	for (uint32_t i = whole; i < n; i++) {
		rest[i - whole] = x[i];
		if (i / 32 < among->n_words)
			bits |= (among->words[i / 32] >> (i % 32) & 1)
				<< (i - whole);
	}
	add_block(&sums, rest, LANES, max, &bits);
	return sums;
}

INLINE void see(struct logits_view *view, float x)
{
	if (x > view->max) {
		view->second = view->max;
		view->max = x;
	} else if (x > view->second) {
		view->second = x;
	}
}

/* The largest and the next, equal ones counted twice. */
INLINE void find_best(struct logits_view *view, const float *x, uint32_t n)
{
	floats first = all(-INFINITY), second = all(-INFINITY);
	uint32_t i;

	for (i = 0; i + LANES <= n; i += LANES) {
		floats v = load(x + i);
		floats lower = choose(v > first, first, v);

		first = choose(v > first, v, first);
		second = choose(lower > second, lower, second);
	}
	for (int k = 0; k < LANES; k++) {
		see(view, first[k]);
		see(view, second[k]);
	}
	for (; i < n; i++)
		see(view, x[i]);
	for (i = 0; i + LANES <= n && !has_any(load(x + i) >= all(view->max));)
		i += LANES;
	while (i < n && !(x[i] >= view->max))
		i++;
	view->likeliest = i < n ? i : 0;
}

INLINE struct logits_view best(const float *logits, uint32_t n)
{
	struct logits_view view = {
	    .max = -INFINITY,
	    .second = -INFINITY,
	    .total = -HUGE_VAL,
	};

	find_best(&view, logits, n);
	return view;
}

INLINE struct logits_view look_among(const float *logits, uint32_t n,
    const struct logits_mask *mask, double *share)
{
	struct logits_view view = best(logits, n);
	struct sums sums;

	*share = 0;
	if (!isfinite(view.max))
		return view;
	sums = sum_all(logits, n, view.max, mask);
	*share = sums.among / sums.e;
	view.total = (double)view.max + log(sums.e);
	view.entropy = log(sums.e) - sums.ed / sums.e;
	return view;
}

/* --- weights -------------------------------------------------------------- */

/* exp(scale x - top) of eight; 0 for what is no number. */
INLINE floats weigh_lanes(floats x, struct logits_scale how)
{
	floats d = x * all(how.scale) - all(how.top);

	d = choose(d > all(0), all(0), d);
	return keep(exp_of(choose(d > all(-87), d, all(-87))), d > all(-87));
}

INLINE float weigh_block(
    const float *x, uint32_t n, struct logits_scale how, float *weights)
{
	floats sum = all(0);
	float rest[LANES];
	uint32_t i;

	for (i = 0; i + LANES <= n; i += LANES) {
		floats w = weigh_lanes(load(x + i), how);

		sum += w;
		if (weights)
			memcpy(weights + i, &w, sizeof(w));
	}
	if (i < n) {
		floats w;

		for (uint32_t k = 0; k < LANES; k++)
			rest[k] = i + k < n ? x[i + k] : -INFINITY;
		w = weigh_lanes(load(rest), how);
		sum += w;
		if (weights)
			memcpy(weights + i, &w, (n - i) * sizeof(*weights));
	}
	return (float)add_lanes(sum);
}

INLINE double weigh(
    const float *x, uint32_t n, struct logits_scale how, float *blocks)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i += BLOCK) {
		uint32_t len = n - i < BLOCK ? n - i : BLOCK;

		blocks[i / BLOCK] = weigh_block(x + i, len, how, NULL);
		sum += (double)blocks[i / BLOCK];
	}
	return sum;
}

/* --- for this processor --------------------------------------------------- */

#ifdef WIDE
WIDE struct logits_view look_wide(const float *logits, uint32_t n,
    const struct logits_mask *mask, double *share)
{
	return look_among(logits, n, mask, share);
}

WIDE struct logits_view best_wide(const float *logits, uint32_t n)
{
	return best(logits, n);
}

WIDE double weigh_wide(
    const float *x, uint32_t n, struct logits_scale how, float *blocks)
{
	return weigh(x, n, how, blocks);
}
#endif

struct logits_view logits_look_among(const float *logits, uint32_t n,
    const struct logits_mask *mask, double *share)
{
#ifdef WIDE
	if (__builtin_cpu_supports("avx2"))
		return look_wide(logits, n, mask, share);
#endif
	return look_among(logits, n, mask, share);
}

struct logits_view logits_look(const float *logits, uint32_t n)
{
	double share;

	return logits_look_among(
	    logits, n, &(struct logits_mask){NULL, 0}, &share);
}

struct logits_view logits_best(const float *logits, uint32_t n)
{
#ifdef WIDE
	if (__builtin_cpu_supports("avx2"))
		return best_wide(logits, n);
#endif
	return best(logits, n);
}

double logits_weigh(
    const float *x, uint32_t n, struct logits_scale how, float *blocks)
{
#ifdef WIDE
	if (__builtin_cpu_supports("avx2"))
		return weigh_wide(x, n, how, blocks);
#endif
	return weigh(x, n, how, blocks);
}

void logits_weigh_block(
    const float *x, uint32_t n, struct logits_scale how, float *weights)
{
	(void)weigh_block(x, n, how, weights);
}
