/* avx2_rows.c -- products with rows as files have them, with AVX2. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx2.h"

/*
 * For few tokens and weights that were not packed: BF16 and halves, which are
 * read once at 2 bytes a weight and multiplied with the operand in F32 (memory
 * is the limit: 4 instructions for 16 bytes), F32 and the K types. Quantised
 * blocks are multiplied as they are with the operand in sixteen bits a value
 * and one scale per 32: a pair of products is at most 2 x 128 x 32767, a lane's
 * sum of a block's below 2^25. A block's minimum, or the offset of its values,
 * is multiplied with the operand's sum instead of each value.
 */
#if defined(__x86_64__)

/* A row of one kind of weights times one operand row. */
typedef float (*row_fn)(const uint8_t *w, const struct operand *x, uint32_t i);

/* Calls <fn> for each row of the tile and each of the operand. */
static void tile_by_rows(const struct tile *t, row_fn fn)
{
	const struct matrix *w = t->w;

	for (uint32_t r = t->first; r < t->first + t->n; r++) {
		float bias = w->bias ? w->bias[r] : 0;

		for (uint32_t i = 0; i < t->x->n; i++)
			t->out[(size_t)i * w->rows + r] =
			    bias + fn(w->data + r * w->row_bytes, t->x, i);
	}
}

AVX2 static float row_f32(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	const float *v = x->values + (size_t)at * x->cols;
	__m256 s0 = _mm256_setzero_ps(), s1 = s0;
	uint32_t n = x->cols, i = 0;

	for (; i + 16 <= n; i += 16) {
		__m256 a = _mm256_castsi256_ps(
		    _mm256_loadu_si256((const __m256i_u *)(w + 4 * (size_t)i)));
		__m256 b = _mm256_castsi256_ps(_mm256_loadu_si256(
		    (const __m256i_u *)(w + 4 * (size_t)i + 32)));

		s0 = _mm256_fmadd_ps(a, _mm256_loadu_ps(v + i), s0);
		s1 = _mm256_fmadd_ps(b, _mm256_loadu_ps(v + i + 8), s1);
	}
	return avx2_sum(_mm256_add_ps(s0, s1)) +
	       quant_dot(TENSOR_F32, w + 4 * (size_t)i, v + i, n - i);
}

/* Halves of either kind; <is_bf16> is a constant at each call. */
AVX2 static inline __attribute__((always_inline)) float row_half(
    const uint8_t *w, const struct operand *x, uint32_t at, bool is_bf16)
{
	const float *v = x->values + (size_t)at * x->cols;
	__m256 s[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
	uint32_t n = x->cols, i = 0;

	for (; i + 16 <= n; i += 16) {
		for (uint32_t k = 0; k < 2; k++) {
			__m128i h = _mm_loadu_si128(
			    (const __m128i_u *)(w + 2 * (size_t)i + 16 * k));
			__m256 a = is_bf16
				       ? _mm256_castsi256_ps(_mm256_slli_epi32(
					     _mm256_cvtepu16_epi32(h), 16))
				       : _mm256_cvtph_ps(h);

			s[k] = _mm256_fmadd_ps(
			    a, _mm256_loadu_ps(v + i + 8 * k), s[k]);
		}
	}
	return avx2_sum(_mm256_add_ps(s[0], s[1])) +
	       quant_dot(is_bf16 ? TENSOR_BF16 : TENSOR_F16, w + 2 * (size_t)i,
		   v + i, n - i);
}

AVX2 static float row_bf16(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_half(w, x, at, true);
}

AVX2 static float row_f16(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_half(w, x, at, false);
}

/* 16 where bit i of <bits> is set, in byte i. */
AVX2 static __m256i fifth_bits(const uint8_t *p)
{
	const __m256i spread = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1,
	    1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
	const __m256i masks =
	    _mm256_set1_epi64x((long long)0x8040201008040201ULL);
	__m256i bits = _mm256_set1_epi32((int)quant_u32(p));
	__m256i own =
	    _mm256_and_si256(_mm256_shuffle_epi8(bits, spread), masks);

	return _mm256_and_si256(
	    _mm256_cmpeq_epi8(own, masks), _mm256_set1_epi8(16));
}

/* Eight partial sums of 32 words, 16 of them each, times x (32). */
AVX2 static __m256i multiply_words(__m256i low, __m256i high, const int16_t *x)
{
	const __m256i_u *at = (const __m256i_u *)x;

	return _mm256_add_epi32(_mm256_madd_epi16(low, _mm256_loadu_si256(at)),
	    _mm256_madd_epi16(high, _mm256_loadu_si256(at + 1)));
}

/* The same of 32 unsigned bytes. */
AVX2 static __m256 multiply_bytes(__m256i q, const int16_t *x)
{
	return _mm256_cvtepi32_ps(
	    multiply_words(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(q)),
		_mm256_cvtepu8_epi16(_mm256_extracti128_si256(q, 1)), x));
}

/* The same of 16 bytes' low nibbles, then the high ones. */
AVX2 static __m256 multiply_nibbles(const uint8_t *p, const int16_t *x)
{
	__m256i words =
	    _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i_u *)p));

	return _mm256_cvtepi32_ps(
	    multiply_words(_mm256_and_si256(words, _mm256_set1_epi16(15)),
		_mm256_srli_epi16(words, 4), x));
}

/* 16 bytes' nibbles and their fifth bits, as 32 bytes. */
AVX2 static __m256i fives(const uint8_t *q, const uint8_t *fifth)
{
	__m128i v = _mm_loadu_si128((const __m128i_u *)q);
	__m256i four = _mm256_and_si256(
	    _mm256_set_m128i(_mm_srli_epi16(v, 4), v), _mm256_set1_epi8(15));

	return _mm256_or_si256(four, fifth_bits(fifth));
}

/* The shape of the four- and five-bit formats with blocks of 32. */
struct small_block {
	uint32_t bytes;
	bool has_min, has_fifth; /* Q4_1, Q5_1; Q5_0, Q5_1 */
};

AVX2 static inline __attribute__((always_inline)) float row_small(
    const uint8_t *w, const struct operand *x, uint32_t at,
    struct small_block f)
{
	uint32_t blocks = x->cols / 32, nibbles_at = f.has_min ? 4 : 2;
	const int16_t *words = x->words + (size_t)at * x->cols;
	const float *scales = x->scales + (size_t)at * blocks;
	const float *sums = x->sums + (size_t)at * blocks;
	float offset = f.has_fifth ? 16 : 8, low = 0;
	__m256 sum = _mm256_setzero_ps();

	for (uint32_t b = 0; b < blocks; b++, w += f.bytes) {
		const int16_t *v = words + (size_t)b * 32;
		float d = avx2_half(w);
		__m256 part =
		    f.has_fifth
			? multiply_bytes(
			      fives(w + nibbles_at + 4, w + nibbles_at), v)
			: multiply_nibbles(w + nibbles_at, v);

		sum = _mm256_fmadd_ps(_mm256_set1_ps(d * scales[b]), part, sum);
		low += (f.has_min ? avx2_half(w + 2) : -offset * d) * sums[b];
	}
	return avx2_sum(sum) + low;
}

AVX2 static float row_q4_0(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_small(w, x, at, (struct small_block){18, false, false});
}

AVX2 static float row_q4_1(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_small(w, x, at, (struct small_block){20, true, false});
}

AVX2 static float row_q5_0(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_small(w, x, at, (struct small_block){22, false, true});
}

AVX2 static float row_q5_1(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_small(w, x, at, (struct small_block){24, true, true});
}

AVX2 static float row_q8_0(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	uint32_t blocks = x->cols / 32;
	const int16_t *words = x->words + (size_t)at * x->cols;
	const float *scales = x->scales + (size_t)at * blocks;
	__m256 sum = _mm256_setzero_ps();

	for (uint32_t b = 0; b < blocks; b++, w += 34) {
		const __m128i_u *q = (const __m128i_u *)(w + 2);
		__m256i part =
		    multiply_words(_mm256_cvtepi8_epi16(_mm_loadu_si128(q)),
			_mm256_cvtepi8_epi16(_mm_loadu_si128(q + 1)),
			words + (size_t)b * 32);

		sum = _mm256_fmadd_ps(_mm256_set1_ps(avx2_half(w) * scales[b]),
		    _mm256_cvtepi32_ps(part), sum);
	}
	return avx2_sum(sum);
}

/* Q4_K and Q5_K: see quant.c for the layout. */
AVX2 static inline __attribute__((always_inline)) float row_k(
    const uint8_t *w, const struct operand *x, uint32_t at, bool has_fifth)
{
	uint32_t blocks = x->cols / 32;
	const int16_t *words = x->words + (size_t)at * x->cols;
	const float *scales = x->scales + (size_t)at * blocks;
	const float *sums = x->sums + (size_t)at * blocks;
	__m256 sum = _mm256_setzero_ps();
	float low = 0;

	for (uint32_t b = 0; b < blocks; b++) {
		int s = (int)(b % 8);
		const uint8_t *p = w + b / 8 * (has_fifth ? 176 : 144);
		__m256i q = _mm256_loadu_si256(
		    (const __m256i_u *)(p + 16 + (has_fifth ? 32 : 0) +
					s / 2 * 32));
		uint8_t scale, min;

		q = _mm256_and_si256(
		    _mm256_srli_epi16(q, s % 2 * 4), _mm256_set1_epi8(15));
		if (has_fifth) {
			__m256i high =
			    _mm256_loadu_si256((const __m256i_u *)(p + 16));

			high = _mm256_and_si256(
			    _mm256_srli_epi16(high, s), _mm256_set1_epi8(1));
			q = _mm256_or_si256(q, _mm256_slli_epi16(high, 4));
		}
		quant_k_scale(p + 4, s, &scale, &min);
		sum = _mm256_fmadd_ps(
		    _mm256_set1_ps(avx2_half(p) * (float)scale * scales[b]),
		    multiply_bytes(q, words + (size_t)b * 32), sum);
		low += avx2_half(p + 2) * (float)min * sums[b];
	}
	return avx2_sum(sum) - low;
}

AVX2 static float row_q4_k(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_k(w, x, at, false);
}

AVX2 static float row_q5_k(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	return row_k(w, x, at, true);
}

/* 32 values of a Q6_K block, from 32 * s on, as signed bytes. */
AVX2 static __m256i six_bits(const uint8_t *p, uint32_t s)
{
	uint32_t half = s / 4, g = s % 4;
	__m256i low =
	    _mm256_loadu_si256((const __m256i_u *)(p + half * 64 + g % 2 * 32));
	__m256i high =
	    _mm256_loadu_si256((const __m256i_u *)(p + 128 + half * 32));

	low = _mm256_and_si256(
	    _mm256_srli_epi16(low, (int)(g / 2 * 4)), _mm256_set1_epi8(15));
	high = _mm256_and_si256(
	    _mm256_srli_epi16(high, (int)(2 * g)), _mm256_set1_epi8(3));
	return _mm256_sub_epi8(_mm256_or_si256(low, _mm256_slli_epi16(high, 4)),
	    _mm256_set1_epi8(32));
}

AVX2 static float row_q6_k(
    const uint8_t *w, const struct operand *x, uint32_t at)
{
	uint32_t blocks = x->cols / 32;
	const int16_t *words = x->words + (size_t)at * x->cols;
	const float *scales = x->scales + (size_t)at * blocks;
	__m256 sum = _mm256_setzero_ps();

	for (uint32_t b = 0; b < blocks; b++) {
		uint32_t s = b % 8;
		const uint8_t *p = w + b / 8 * 210;
		const int8_t *own = (const int8_t *)p + 192 + 2 * s;
		__m256i q = six_bits(p, s);
		const __m256i_u *v =
		    (const __m256i_u *)(words + (size_t)b * 32);
		__m256i low = _mm256_madd_epi16(
		    _mm256_cvtepi8_epi16(_mm256_castsi256_si128(q)),
		    _mm256_loadu_si256(v));
		__m256i high = _mm256_madd_epi16(
		    _mm256_cvtepi8_epi16(_mm256_extracti128_si256(q, 1)),
		    _mm256_loadu_si256(v + 1));
		float d = avx2_half(p + 208) * scales[b];

		sum = _mm256_fmadd_ps(_mm256_set1_ps(d * (float)own[0]),
		    _mm256_cvtepi32_ps(low), sum);
		sum = _mm256_fmadd_ps(_mm256_set1_ps(d * (float)own[1]),
		    _mm256_cvtepi32_ps(high), sum);
	}
	return avx2_sum(sum);
}

static const row_fn rows_by_type[TENSOR_OTHER] = {
    [TENSOR_F32] = row_f32,
    [TENSOR_F16] = row_f16,
    [TENSOR_BF16] = row_bf16,
    [TENSOR_Q4_0] = row_q4_0,
    [TENSOR_Q4_1] = row_q4_1,
    [TENSOR_Q5_0] = row_q5_0,
    [TENSOR_Q5_1] = row_q5_1,
    [TENSOR_Q8_0] = row_q8_0,
    [TENSOR_Q4_K] = row_q4_k,
    [TENSOR_Q5_K] = row_q5_k,
    [TENSOR_Q6_K] = row_q6_k,
};

void avx2_rows(const struct tile *t)
{
	tile_by_rows(t, rows_by_type[t->w->type]);
}
#else
typedef int avx2_rows_is_for_x86;
#endif
