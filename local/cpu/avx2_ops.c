/* avx2_ops.c -- words, softmax, norms, activations, rotations with AVX2. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "local/cpu/avx2.h"

/*
 * Rows of a batch, each read once or twice from cache: a tenth of a product's
 * time. Errors, against the correctly rounded value:
 *
 *	exp          2 ulp for -87 <= x <= 88; below 1.6e-38 further down
 *	sigmoid      4 ulp (one exp, an addition, a division)
 *	tanh         3e-7, absolute: 1 - 2 / (exp(2x) + 1)
 *	erf          4e-7, absolute (Abramowitz and Stegun, 7.1.26, whose
 *	             polynomial is off by up to 1.5e-7)
 *	norms, softmax: sums in F32 over eight lanes
 */
#if defined(__x86_64__)

/*
 * exp(x) = 2^k exp(r), k = round(x / ln 2), |r| <= ln 2 / 2, by Taylor's
 * polynomial of degree 7, whose rest is 5e-9. ln 2 is split in two so that r
 * is exact.
 */
AVX2_INLINE __m256 exp8(__m256 x)
{
	const __m256 one = _mm256_set1_ps(1);
	__m256 k, r, p;
	__m256i power;

	x = _mm256_min_ps(x, _mm256_set1_ps(88.0F));
	x = _mm256_max_ps(x, _mm256_set1_ps(-87.0F));
	k = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps((float)M_LOG2E)),
	    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
	r = _mm256_fnmadd_ps(k, _mm256_set1_ps(0x1.62e4p-1F), x);
	r = _mm256_fnmadd_ps(k, _mm256_set1_ps(0x1.7f7d1cp-20F), r);
	p = _mm256_set1_ps(1 / 5040.0F);
	p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1 / 720.0F));
	p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1 / 120.0F));
	p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1 / 24.0F));
	p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1 / 6.0F));
	p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5F));
	p = _mm256_fmadd_ps(p, r, one);
	p = _mm256_fmadd_ps(p, r, one);
	power = _mm256_slli_epi32(_mm256_cvtps_epi32(k), 23);
	return _mm256_castsi256_ps(
	    _mm256_add_epi32(_mm256_castps_si256(p), power));
}

AVX2_INLINE __m256 silu8(__m256 x)
{
	const __m256 one = _mm256_set1_ps(1);
	__m256 e = exp8(_mm256_sub_ps(_mm256_setzero_ps(), x));

	return _mm256_div_ps(x, _mm256_add_ps(one, e));
}

AVX2_INLINE __m256 tanh8(__m256 x)
{
	const __m256 one = _mm256_set1_ps(1), two = _mm256_set1_ps(2);
	__m256 e = exp8(_mm256_mul_ps(two, x));

	return _mm256_sub_ps(one, _mm256_div_ps(two, _mm256_add_ps(e, one)));
}

AVX2_INLINE __m256 erf8(__m256 x)
{
	const __m256 sign = _mm256_set1_ps(-0.0F), one = _mm256_set1_ps(1);
	__m256 a = _mm256_andnot_ps(sign, x), t, p, e;

	t = _mm256_div_ps(
	    one, _mm256_fmadd_ps(a, _mm256_set1_ps(0.3275911F), one));
	p = _mm256_set1_ps(1.061405429F);
	p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-1.453152027F));
	p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(1.421413741F));
	p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-0.284496736F));
	p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(0.254829592F));
	e = exp8(_mm256_sub_ps(_mm256_setzero_ps(), _mm256_mul_ps(a, a)));
	a = _mm256_fnmadd_ps(_mm256_mul_ps(p, t), e, one);
	return _mm256_or_ps(a, _mm256_and_ps(sign, x));
}

AVX2_INLINE __m256 gelu8(__m256 x)
{
	__m256 half = _mm256_mul_ps(_mm256_set1_ps(0.5F), x);
	__m256 e = erf8(_mm256_mul_ps(x, _mm256_set1_ps((float)M_SQRT1_2)));

	return _mm256_fmadd_ps(half, e, half);
}

AVX2_INLINE __m256 gelu_tanh8(__m256 x)
{
	const float factor = (float)(M_SQRT2 * M_2_SQRTPI * 0.5);
	__m256 half = _mm256_mul_ps(_mm256_set1_ps(0.5F), x);
	__m256 cube = _mm256_mul_ps(_mm256_mul_ps(x, x), x);
	__m256 inner = _mm256_fmadd_ps(cube, _mm256_set1_ps(0.044715F), x);

	inner = tanh8(_mm256_mul_ps(inner, _mm256_set1_ps(factor)));
	return _mm256_fmadd_ps(half, inner, half);
}

AVX2_INLINE __m256 activate8(const enum activation activation, __m256 x)
{
	switch (activation) {
	case ACTIVATION_SILU:
		return silu8(x);
	case ACTIVATION_GELU:
		return gelu8(x);
	case ACTIVATION_GELU_TANH:
		return gelu_tanh8(x);
	case ACTIVATION_RELU:
		return _mm256_max_ps(x, _mm256_setzero_ps());
	case ACTIVATION_TANH:
		return tanh8(x);
	}
	return x;
}

/* <activation> is a constant at each call; <n> is a multiple of 8. */
AVX2_INLINE void activate_all(
    const enum activation activation, float *gate, const float *up, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		__m256 x = activate8(activation, _mm256_loadu_ps(gate + i));

		if (up)
			x = _mm256_mul_ps(x, _mm256_loadu_ps(up + i));
		_mm256_storeu_ps(gate + i, x);
	}
}

AVX2 static void activate_some(
    enum activation activation, float *gate, const float *up, size_t n)
{
	switch (activation) {
	case ACTIVATION_SILU:
		activate_all(ACTIVATION_SILU, gate, up, n);
		break;
	case ACTIVATION_GELU:
		activate_all(ACTIVATION_GELU, gate, up, n);
		break;
	case ACTIVATION_GELU_TANH:
		activate_all(ACTIVATION_GELU_TANH, gate, up, n);
		break;
	case ACTIVATION_RELU:
		activate_all(ACTIVATION_RELU, gate, up, n);
		break;
	case ACTIVATION_TANH:
		activate_all(ACTIVATION_TANH, gate, up, n);
		break;
	}
}

void avx2_activate(
    enum activation activation, float *gate, const float *up, size_t n)
{
	size_t whole = n / 8 * 8;
	float last[8] = {0};

	activate_some(activation, gate, up, whole);
	if (whole == n)
		return;
	memcpy(last, gate + whole, (n - whole) * sizeof(*last));
	activate_some(activation, last, NULL, 8);
	for (size_t i = whole; i < n; i++)
		gate[i] = last[i - whole] * (up ? up[i] : 1);
}

/* Eight floats, those past <n> - <i> being <rest>. */
AVX2_INLINE __m256 load_some(const float *x, uint32_t i, uint32_t n, float rest)
{
	float some[8];

	if (i + 8 <= n)
		return _mm256_loadu_ps(x + i);
	for (uint32_t k = 0; k < 8; k++)
		some[k] = i + k < n ? x[i + k] : rest;
	return _mm256_loadu_ps(some);
}

AVX2_INLINE void store_some(float *x, uint32_t i, uint32_t n, __m256 v)
{
	float some[8];

	if (i + 8 <= n) {
		_mm256_storeu_ps(x + i, v);
		return;
	}
	_mm256_storeu_ps(some, v);
	memcpy(x + i, some, (n - i) * sizeof(*x));
}

AVX2 void avx2_softmax(float *x, uint32_t n, float scale)
{
	__m256 max = _mm256_set1_ps(-INFINITY), sum = _mm256_setzero_ps();
	__m256 factor = _mm256_set1_ps(scale), offset;

	for (uint32_t i = 0; i < n; i += 8)
		max = _mm256_max_ps(max, load_some(x, i, n, -INFINITY));
	offset = _mm256_set1_ps(avx2_max(max) * scale);
	for (uint32_t i = 0; i < n; i += 8) {
		__m256 e = exp8(_mm256_fmsub_ps(
		    load_some(x, i, n, -INFINITY), factor, offset));

		store_some(x, i, n, e);
		if (i + 8 > n)
			e = load_some(x, i, n, 0);
		sum = _mm256_add_ps(sum, e);
	}
	factor = _mm256_set1_ps(1 / avx2_sum(sum));
	for (uint32_t i = 0; i < n; i += 8)
		store_some(
		    x, i, n, _mm256_mul_ps(factor, load_some(x, i, n, 0)));
}

AVX2 void avx2_norm(const struct norm_job *job, const float *x, float *out)
{
	const struct norm *norm = job->norm;
	uint32_t n = norm->n;
	__m256 sum = _mm256_setzero_ps(), square = sum, centre, scale;
	float mean = 0;

	for (uint32_t i = 0; job->takes_mean && i < n; i += 8)
		sum = _mm256_add_ps(sum, load_some(x, i, n, 0));
	mean = avx2_sum(sum) / (float)n;
	centre = _mm256_set1_ps(mean);
	for (uint32_t i = 0; i < n; i += 8) {
		__m256 d = _mm256_sub_ps(load_some(x, i, n, mean), centre);

		square = _mm256_fmadd_ps(d, d, square);
	}
	scale = _mm256_set1_ps(
	    (float)(1 / sqrt((double)avx2_sum(square) / n + job->eps)));
	for (uint32_t i = 0; i < n; i += 8) {
		__m256 d = _mm256_sub_ps(load_some(x, i, n, mean), centre);
		__m256 y = _mm256_mul_ps(
		    _mm256_mul_ps(d, scale), load_some(norm->weight, i, n, 0));

		if (norm->bias)
			y = _mm256_add_ps(y, load_some(norm->bias, i, n, 0));
		store_some(out, i, n, y);
	}
}

/* Pairs (i, i + half); <n> pairs, a multiple of 8. */
AVX2 static void turn_halves(const struct rope_turn *turn, float *x, uint32_t n)
{
	float *y = x + turn->half;

	for (uint32_t i = 0; i < n; i += 8) {
		__m256 u = _mm256_loadu_ps(x + i), v = _mm256_loadu_ps(y + i);
		__m256 c = _mm256_loadu_ps(turn->cosines + i);
		__m256 s = _mm256_loadu_ps(turn->sines + i);

		_mm256_storeu_ps(
		    x + i, _mm256_fmsub_ps(u, c, _mm256_mul_ps(v, s)));
		_mm256_storeu_ps(
		    y + i, _mm256_fmadd_ps(v, c, _mm256_mul_ps(u, s)));
	}
}

/* Neighbours; <n> pairs, a multiple of 4. */
AVX2 static void turn_pairs(const struct rope_turn *turn, float *x, uint32_t n)
{
	const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);

	for (uint32_t i = 0; i < n; i += 4) {
		__m256 u = _mm256_loadu_ps(x + 2 * (size_t)i);
		__m256 swapped = _mm256_permute_ps(u, 0xb1);
		__m256 c = _mm256_permutevar8x32_ps(
		    _mm256_castps128_ps256(_mm_loadu_ps(turn->cosines + i)),
		    twice);
		__m256 s = _mm256_permutevar8x32_ps(
		    _mm256_castps128_ps256(_mm_loadu_ps(turn->sines + i)),
		    twice);

		_mm256_storeu_ps(x + 2 * (size_t)i,
		    _mm256_fmaddsub_ps(u, c, _mm256_mul_ps(swapped, s)));
	}
}

void avx2_turn(const struct rope_turn *turn, float *x)
{
	if (turn->in_pairs && turn->half % 4 == 0)
		turn_pairs(turn, x, turn->half);
	else if (!turn->in_pairs && turn->half % 8 == 0)
		turn_halves(turn, x, turn->half);
	else
		rope_apply(turn, x);
}

/* x / scale rounded, the largest of each 32 becoming the limit. */
AVX2 void avx2_to_words(const float *x, const struct words_row *row, uint32_t n)
{
	const __m256 no_sign =
	    _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
	int offset = row->limit == SEVENS_LIMIT ? SEVENS_OFFSET : 0;
	int16_t *words = row->words;

	for (uint32_t b = 0; b < n / 32; b++, x += 32, words += 32) {
		__m256 v[4], max = _mm256_setzero_ps(), inverse;
		__m256i q[4], ab, cd, total;
		float largest;

#pragma GCC unroll 4
		for (int i = 0; i < 4; i++) {
			v[i] = _mm256_loadu_ps(x + 8 * i);
			max = _mm256_max_ps(max, _mm256_and_ps(no_sign, v[i]));
		}
		largest = avx2_max(max);
		inverse = _mm256_set1_ps(
		    largest > 0 ? (float)row->limit / largest : 0);
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++)
			q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(inverse, v[i]));
		total = _mm256_add_epi32(
		    _mm256_add_epi32(q[0], q[1]), _mm256_add_epi32(q[2], q[3]));
		/* packs works in halves of a vector; 0xd8 orders them. */
		ab = _mm256_permute4x64_epi64(
		    _mm256_packs_epi32(q[0], q[1]), 0xd8);
		cd = _mm256_permute4x64_epi64(
		    _mm256_packs_epi32(q[2], q[3]), 0xd8);
		_mm256_storeu_si256((__m256i_u *)words, ab);
		_mm256_storeu_si256((__m256i_u *)(words + 16), cd);
		if (row->bytes)
			avx2_put_bytes(
			    ab, cd, offset, row->bytes + 32 * (size_t)b);
		row->scales[b] = largest / (float)row->limit;
		row->sums[b] =
		    row->scales[b] * avx2_sum(_mm256_cvtepi32_ps(total));
	}
}
#else
typedef int avx2_ops_is_for_x86;
#endif
