/* avx2_block.c -- one block of any type's row as 16-bit words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx2.h"

/*
 * A block of 32 columns becomes words q, a scale d and a minimum m, so that
 * its values are d q + m: exactly so for quantised types. Those with scales
 * for each 16 columns (Q6_K) have them multiplied into the words. Floats,
 * for the few bits they may be shortened to, are rounded to 13 bits and a sign
 * first. Layouts of the types: quant.c.
 *
 * Largest words, and the operand's largest that keeps a block's sum of 32
 * products below 2^31:
 *
 *	four, five, eight bits: 128 x 32767 x 32 = 2^27
 *	Q6_K: 32 x 128 x 16383 x 32 < 2^31
 */
#if defined(__x86_64__)

int32_t avx2_word_limit(const struct matrix *w)
{
	const struct packed *packed = w->packed;

	if (packed && packed->kind == PACKED_QUADS)
		return QUADS_LIMIT;
	if (packed && packed->kind == PACKED_SEVENS)
		return SEVENS_LIMIT;
	return w->type == TENSOR_Q6_K ? 16383 : 32767;
}

AVX2_INLINE void store_words(struct block_words *out, __m256i a, __m256i b)
{
	_mm256_storeu_si256((__m256i_u *)out->words, a);
	_mm256_storeu_si256((__m256i_u *)(out->words + 16), b);
}

/* 32 bytes, unsigned. */
AVX2_INLINE void store_bytes(struct block_words *out, __m256i q)
{
	store_words(out, _mm256_cvtepu8_epi16(_mm256_castsi256_si128(q)),
	    _mm256_cvtepu8_epi16(_mm256_extracti128_si256(q, 1)));
}

AVX2_INLINE void float_block(enum tensor_type type, const uint8_t *row,
    uint32_t b, struct block_words *out)
{
	const __m256 no_sign =
	    _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
	__m256 v[4], max = _mm256_setzero_ps(), inverse;
	__m256i q[4];
	float largest;

	for (int i = 0; i < 4; i++) {
		v[i] = avx2_floats(type, row, (size_t)b * 32 + 8 * (size_t)i);
		max = _mm256_max_ps(max, _mm256_and_ps(no_sign, v[i]));
	}
	largest = avx2_max(max);
	inverse = _mm256_set1_ps(largest > 0 ? BLOCK_LIMIT / largest : 0);
	for (int i = 0; i < 4; i++)
		q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(inverse, v[i]));
	/* packs works in halves of a vector; 0xd8 puts them in order. */
	store_words(out,
	    _mm256_permute4x64_epi64(_mm256_packs_epi32(q[0], q[1]), 0xd8),
	    _mm256_permute4x64_epi64(_mm256_packs_epi32(q[2], q[3]), 0xd8));
	out->scale = largest / BLOCK_LIMIT;
	out->min = 0;
}

AVX2_INLINE void nibble_words(const uint8_t *p, struct block_words *out)
{
	__m256i w = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i_u *)p));

	store_words(out, _mm256_and_si256(w, _mm256_set1_epi16(15)),
	    _mm256_srli_epi16(w, 4));
}

/* 16 where bit i of the four bytes is set, in byte i. */
AVX2_INLINE __m256i fifth_bits(const uint8_t *p)
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

AVX2_INLINE void five_words(
    const uint8_t *nibbles, const uint8_t *fifth, struct block_words *out)
{
	__m128i v = _mm_loadu_si128((const __m128i_u *)nibbles);
	__m256i four = _mm256_and_si256(
	    _mm256_set_m128i(_mm_srli_epi16(v, 4), v), _mm256_set1_epi8(15));

	store_bytes(out, _mm256_or_si256(four, fifth_bits(fifth)));
}

/* Q4_K and Q5_K: see quant.c for the layout. */
AVX2_INLINE void k_block(
    const uint8_t *row, uint32_t b, bool has_fifth, struct block_words *out)
{
	int s = (int)(b % 8);
	const uint8_t *p = row + (size_t)(b / 8) * (has_fifth ? 176 : 144);
	__m256i q = avx2_load(p + 16 + (has_fifth ? 32 : 0) + s / 2 * 32);
	uint8_t scale, min;

	q = _mm256_and_si256(
	    _mm256_srli_epi16(q, s % 2 * 4), _mm256_set1_epi8(15));
	if (has_fifth) {
		__m256i high =
		    _mm256_and_si256(_mm256_srli_epi16(avx2_load(p + 16), s),
			_mm256_set1_epi8(1));

		q = _mm256_or_si256(q, _mm256_slli_epi16(high, 4));
	}
	store_bytes(out, q);
	quant_k_scale(p + 4, s, &scale, &min);
	out->scale = avx2_half(p) * (float)scale;
	out->min = -avx2_half(p + 2) * (float)min;
}

AVX2_INLINE void q6_k_block(
    const uint8_t *row, uint32_t b, struct block_words *out)
{
	uint32_t s = b % 8, half = s / 4, g = s % 4;
	const uint8_t *p = row + (size_t)(b / 8) * 210;
	const int8_t *own = (const int8_t *)p + 192 + 2 * s;
	__m256i low = avx2_load(p + half * 64 + g % 2 * 32);
	__m256i high = avx2_load(p + 128 + half * 32), q;

	low = _mm256_and_si256(
	    _mm256_srli_epi16(low, (int)(g / 2 * 4)), _mm256_set1_epi8(15));
	high = _mm256_and_si256(
	    _mm256_srli_epi16(high, (int)(2 * g)), _mm256_set1_epi8(3));
	q = _mm256_sub_epi8(_mm256_or_si256(low, _mm256_slli_epi16(high, 4)),
	    _mm256_set1_epi8(32));
	store_words(out,
	    _mm256_mullo_epi16(_mm256_cvtepi8_epi16(_mm256_castsi256_si128(q)),
		_mm256_set1_epi16(own[0])),
	    _mm256_mullo_epi16(
		_mm256_cvtepi8_epi16(_mm256_extracti128_si256(q, 1)),
		_mm256_set1_epi16(own[1])));
	out->scale = avx2_half(p + 208);
	out->min = 0;
}

AVX2 static void small_block(enum tensor_type type, const uint8_t *row,
    uint32_t b, struct block_words *out)
{
	const uint8_t *p = row + (size_t)b * quant_type(type)->bytes;

	out->scale = avx2_half(p);
	switch (type) {
	case TENSOR_Q4_0:
		nibble_words(p + 2, out);
		out->min = -8 * out->scale;
		return;
	case TENSOR_Q4_1:
		nibble_words(p + 4, out);
		out->min = avx2_half(p + 2);
		return;
	case TENSOR_Q5_0:
		five_words(p + 6, p + 2, out);
		out->min = -16 * out->scale;
		return;
	case TENSOR_Q5_1:
		five_words(p + 8, p + 4, out);
		out->min = avx2_half(p + 2);
		return;
	default:
		store_words(out,
		    _mm256_cvtepi8_epi16(
			_mm_loadu_si128((const __m128i_u *)(p + 2))),
		    _mm256_cvtepi8_epi16(
			_mm_loadu_si128((const __m128i_u *)(p + 18))));
		out->min = 0;
	}
}

AVX2 void avx2_block(enum tensor_type type, const uint8_t *row, uint32_t b,
    struct block_words *out)
{
	switch (type) {
	case TENSOR_F32:
	case TENSOR_F16:
	case TENSOR_BF16:
		float_block(type, row, b, out);
		return;
	case TENSOR_Q4_K:
		k_block(row, b, false, out);
		return;
	case TENSOR_Q5_K:
		k_block(row, b, true, out);
		return;
	case TENSOR_Q6_K:
		q6_k_block(row, b, out);
		return;
	default:
		small_block(type, row, b, out);
	}
}
#else
typedef int avx2_block_is_for_x86;
#endif
