/* avx512_ops.c -- words, softmax, norms, activations with AVX-512. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "local/cpu/avx512.h"

/*
 * Rows of a batch, as in avx2_ops.c and with its errors, by vectors of 16; the
 * last of a row leaves out the lanes past its end. Rotations stay with AVX2:
 * heads have some 32 pairs.
 */
#if defined(__x86_64__)

/*
 * exp(x) = 2^k exp(r), k = round(x / ln 2), |r| <= ln 2 / 2, by Taylor's
 * polynomial of degree 7, whose rest is 5e-9. ln 2 is split in two so that r
 * is exact.
 */
AVX512_INLINE __m512 exp16(__m512 x)
{
	const __m512 one = _mm512_set1_ps(1);
	__m512i whole;
	__m512 k, r, p;

	x = _mm512_min_ps(x, _mm512_set1_ps(88.0F));
	x = _mm512_max_ps(x, _mm512_set1_ps(-87.0F));
	whole = _mm512_cvtps_epi32(
	    _mm512_mul_ps(x, _mm512_set1_ps((float)M_LOG2E)));
	k = _mm512_cvtepi32_ps(whole);
	r = _mm512_fnmadd_ps(k, _mm512_set1_ps(0x1.62e4p-1F), x);
	r = _mm512_fnmadd_ps(k, _mm512_set1_ps(0x1.7f7d1cp-20F), r);
	p = _mm512_set1_ps(1 / 5040.0F);
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1 / 720.0F));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1 / 120.0F));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1 / 24.0F));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1 / 6.0F));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5F));
	p = _mm512_fmadd_ps(p, r, one);
	p = _mm512_fmadd_ps(p, r, one);
	return _mm512_castsi512_ps(_mm512_add_epi32(
	    _mm512_castps_si512(p), _mm512_slli_epi32(whole, 23)));
}

AVX512_INLINE __m512 silu16(__m512 x)
{
	__m512 e = exp16(_mm512_sub_ps(_mm512_setzero_ps(), x));

	return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1), e));
}

AVX512_INLINE __m512 tanh16(__m512 x)
{
	const __m512 one = _mm512_set1_ps(1), two = _mm512_set1_ps(2);
	__m512 e = exp16(_mm512_mul_ps(two, x));

	return _mm512_sub_ps(one, _mm512_div_ps(two, _mm512_add_ps(e, one)));
}

AVX512_INLINE __m512 erf16(__m512 x)
{
	const __m512 sign = _mm512_set1_ps(-0.0F), one = _mm512_set1_ps(1);
	__m512 a = _mm512_andnot_ps(sign, x), t, p, e;

	t = _mm512_div_ps(
	    one, _mm512_fmadd_ps(a, _mm512_set1_ps(0.3275911F), one));
	p = _mm512_set1_ps(1.061405429F);
	p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-1.453152027F));
	p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(1.421413741F));
	p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-0.284496736F));
	p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.254829592F));
	e = exp16(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(a, a)));
	a = _mm512_fnmadd_ps(_mm512_mul_ps(p, t), e, one);
	return _mm512_or_ps(a, _mm512_and_ps(sign, x));
}

AVX512_INLINE __m512 gelu16(__m512 x)
{
	__m512 half = _mm512_mul_ps(_mm512_set1_ps(0.5F), x);
	__m512 e = erf16(_mm512_mul_ps(x, _mm512_set1_ps((float)M_SQRT1_2)));

	return _mm512_fmadd_ps(half, e, half);
}

AVX512_INLINE __m512 gelu_tanh16(__m512 x)
{
	const float factor = (float)(M_SQRT2 * M_2_SQRTPI * 0.5);
	__m512 half = _mm512_mul_ps(_mm512_set1_ps(0.5F), x);
	__m512 cube = _mm512_mul_ps(_mm512_mul_ps(x, x), x);
	__m512 inner = _mm512_fmadd_ps(cube, _mm512_set1_ps(0.044715F), x);

	inner = tanh16(_mm512_mul_ps(inner, _mm512_set1_ps(factor)));
	return _mm512_fmadd_ps(half, inner, half);
}

AVX512_INLINE __m512 activate16(const enum activation activation, __m512 x)
{
	switch (activation) {
	case ACTIVATION_SILU:
		return silu16(x);
	case ACTIVATION_GELU:
		return gelu16(x);
	case ACTIVATION_GELU_TANH:
		return gelu_tanh16(x);
	case ACTIVATION_RELU:
		return _mm512_max_ps(x, _mm512_setzero_ps());
	case ACTIVATION_TANH:
		return tanh16(x);
	}
	return x;
}

/* The lanes of x + i that are before x + n. */
AVX512_INLINE __mmask16 lanes_at(size_t i, size_t n)
{
	return avx512_below(n - i >= 16 ? 16 : (uint32_t)(n - i));
}

/* <activation> is a constant at each call. */
AVX512_INLINE void activate_all(
    const enum activation activation, float *gate, const float *up, size_t n)
{
	for (size_t i = 0; i < n; i += 16) {
		__mmask16 lanes = lanes_at(i, n);
		__m512 x = activate16(
		    activation, _mm512_maskz_loadu_ps(lanes, gate + i));

		if (up)
			x = _mm512_mul_ps(
			    x, _mm512_maskz_loadu_ps(lanes, up + i));
		_mm512_mask_storeu_ps(gate + i, lanes, x);
	}
}

AVX512 void avx512_activate(
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

AVX512 void avx512_softmax(float *x, uint32_t n, float scale)
{
	const __m512 least = _mm512_set1_ps(-INFINITY);
	__m512 max = least, sum = _mm512_setzero_ps();
	__m512 factor = _mm512_set1_ps(scale), offset;

	for (uint32_t i = 0; i < n; i += 16)
		max = _mm512_max_ps(
		    max, _mm512_mask_loadu_ps(least, lanes_at(i, n), x + i));
	offset = _mm512_set1_ps(avx512_max(max) * scale);
	for (uint32_t i = 0; i < n; i += 16) {
		__mmask16 lanes = lanes_at(i, n);
		__m512 e = exp16(_mm512_fmsub_ps(
		    _mm512_maskz_loadu_ps(lanes, x + i), factor, offset));

		_mm512_mask_storeu_ps(x + i, lanes, e);
		sum = _mm512_mask_add_ps(sum, lanes, sum, e);
	}
	factor = _mm512_set1_ps(1 / avx512_sum(sum));
	for (uint32_t i = 0; i < n; i += 16) {
		__mmask16 lanes = lanes_at(i, n);

		_mm512_mask_storeu_ps(x + i, lanes,
		    _mm512_mul_ps(factor, _mm512_maskz_loadu_ps(lanes, x + i)));
	}
}

/* x - mean in the lanes below the end, 0 in the others. */
AVX512_INLINE __m512 from_mean(
    const float *x, uint32_t i, uint32_t n, __m512 mean)
{
	__mmask16 lanes = lanes_at(i, n);

	return _mm512_maskz_sub_ps(
	    lanes, _mm512_maskz_loadu_ps(lanes, x + i), mean);
}

AVX512 void avx512_norm(const struct norm_job *job, const float *x, float *out)
{
	const struct norm *norm = job->norm;
	uint32_t n = norm->n;
	__m512 sum = _mm512_setzero_ps(), square = sum, mean, scale;

	for (uint32_t i = 0; job->takes_mean && i < n; i += 16)
		sum = _mm512_add_ps(
		    sum, _mm512_maskz_loadu_ps(lanes_at(i, n), x + i));
	mean = _mm512_set1_ps(avx512_sum(sum) / (float)n);
	for (uint32_t i = 0; i < n; i += 16) {
		__m512 d = from_mean(x, i, n, mean);

		square = _mm512_fmadd_ps(d, d, square);
	}
	scale = _mm512_set1_ps(
	    (float)(1 / sqrt((double)avx512_sum(square) / n + job->eps)));
	for (uint32_t i = 0; i < n; i += 16) {
		__mmask16 lanes = lanes_at(i, n);
		__m512 y = _mm512_mul_ps(from_mean(x, i, n, mean), scale);

		y = _mm512_mul_ps(
		    y, _mm512_maskz_loadu_ps(lanes, norm->weight + i));
		if (norm->bias)
			y = _mm512_add_ps(
			    y, _mm512_maskz_loadu_ps(lanes, norm->bias + i));
		_mm512_mask_storeu_ps(out + i, lanes, y);
	}
}

/* x / scale rounded, the largest of each 32 becoming the limit. */
AVX512 void avx512_to_words(
    const float *x, const struct words_row *row, uint32_t n)
{
	int offset = row->limit == SEVENS_LIMIT ? SEVENS_OFFSET : 0;
	int16_t *words = row->words;

	for (uint32_t b = 0; b < n / 32; b++, x += 32, words += 32) {
		__m512 low = _mm512_loadu_ps(x), high = _mm512_loadu_ps(x + 16);
		float largest = avx512_max(
		    _mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high)));
		__m512 inverse = _mm512_set1_ps(
		    largest > 0 ? (float)row->limit / largest : 0);
		__m512i a = _mm512_cvtps_epi32(_mm512_mul_ps(inverse, low));
		__m512i c = _mm512_cvtps_epi32(_mm512_mul_ps(inverse, high));

		__m256i first = _mm512_cvtepi32_epi16(a);
		__m256i second = _mm512_cvtepi32_epi16(c);

		_mm256_storeu_si256((__m256i_u *)words, first);
		_mm256_storeu_si256((__m256i_u *)(words + 16), second);
		if (row->bytes)
			avx2_put_bytes(
			    first, second, offset, row->bytes + 32 * (size_t)b);
		row->scales[b] = largest / (float)row->limit;
		row->sums[b] = row->scales[b] * avx512_sum(_mm512_cvtepi32_ps(
						    _mm512_add_epi32(a, c)));
	}
}
#else
typedef int avx512_ops_is_for_x86;
#endif
