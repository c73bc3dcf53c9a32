/* avx2.h -- what the files of AVX2 kernels share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_AVX2_H
#define LOCAL_CPU_AVX2_H

#if defined(__x86_64__)
#include <immintrin.h>

#include "local/cpu/kernel.h"

#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVX2_INLINE AVX2 static inline __attribute__((always_inline))

AVX2_INLINE float avx2_sum(__m256 x)
{
	__m128 s =
	    _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	s = _mm_add_ss(s, _mm_movehdup_ps(s));
	return _mm_cvtss_f32(s);
}

AVX2_INLINE float avx2_max(__m256 x)
{
	__m128 s =
	    _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

	s = _mm_max_ps(s, _mm_movehl_ps(s, s));
	s = _mm_max_ss(s, _mm_movehdup_ps(s));
	return _mm_cvtss_f32(s);
}

AVX2_INLINE float avx2_half(const uint8_t *p)
{
	return _cvtsh_ss(quant_u16(p));
}

AVX2_INLINE __m256i avx2_load(const void *p)
{
	return _mm256_loadu_si256((const __m256i_u *)p);
}

/* Two words that follow each other, in every lane. */
AVX2_INLINE __m256i avx2_pair(const int16_t *x)
{
	int32_t pair;

	memcpy(&pair, x, sizeof(pair));
	return _mm256_set1_epi32(pair);
}

/* Eight halves as floats. */
AVX2_INLINE __m256 avx2_halves(const void *p)
{
	return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)p));
}

/* Eight numbers of a float type, from number <i> of the row on. */
AVX2_INLINE __m256 avx2_floats(
    enum tensor_type type, const uint8_t *row, size_t i)
{
	if (type == TENSOR_F32)
		return _mm256_castsi256_ps(avx2_load(row + 4 * i));
	if (type == TENSOR_F16)
		return avx2_halves(row + 2 * i);
	return _mm256_castsi256_ps(
	    _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(
				  (const __m128i_u *)(row + 2 * i))),
		16));
}

/* What the largest number of a block of floats becomes, as a word. */
#define BLOCK_LIMIT 8191

/* avx2_block.c: one block of 32 columns of any type's row, as words. */
struct block_words {
	int16_t words[BLOCK_COLS];
	float scale, min;
};
void avx2_block(enum tensor_type type, const uint8_t *row, uint32_t b,
    struct block_words *out);

/* The largest word of operands; see avx2_gemm.c for the sums they bound. */
int32_t avx2_word_limit(const struct matrix *w);

/* 32 words, given as two vectors, as bytes with <offset> added. */
AVX2_INLINE void avx2_put_bytes(__m256i a, __m256i b, int offset, uint8_t *out)
{
	/* packs works in halves of a vector; 0xd8 orders them. */
	__m256i bytes =
	    _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xd8);

	_mm256_storeu_si256((__m256i_u *)out,
	    _mm256_add_epi8(bytes, _mm256_set1_epi8((char)offset)));
}

/* Turns 8 vectors of 8 dwords about: r[i] lane j becomes r[j] lane i. */
AVX2_INLINE void avx2_transpose(__m256i r[8])
{
	__m256i a[8], b[8];

	for (int i = 0; i < 4; i++) {
		a[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
		a[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
	}
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 2; k++) {
			__m256i low = a[4 * i + k], high = a[4 * i + k + 2];

			b[4 * i + 2 * k] = _mm256_unpacklo_epi64(low, high);
			b[4 * i + 2 * k + 1] = _mm256_unpackhi_epi64(low, high);
		}
	}
	for (int i = 0; i < 4; i++) {
		r[i] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
		r[i + 4] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
	}
}

/* avx2_panel.c: blocks first .. first + n - 1 of a group as a panel. */
struct panel_job {
	const struct matrix *w;
	uint32_t group, first, n;
};
void avx2_panel(const struct panel_job *job, struct panel *panel);
void avx2_pack(const struct packing *packing, uint32_t group);

/* Sixteen floats as halves. */
void avx2_put_halves(const float *x, uint8_t *p);

/* avx2_quads.c: one block's panel, packed as quads or sevens. */
void avx2_pack_short(
    enum packed_kind kind, const struct panel *panel, uint8_t *p);

/* avx2_float.c: floats of a group, columns first .. first + n - 1. */
void avx2_float_panel(const struct panel_job *job, float *out);

/*
 * Products: avx2_gemm.c and avx2_float.c, of panels; avx2_packed.c, of packed
 * groups with few tokens; avx2_quads.c, of shortened groups; avx2_rows.c, of
 * rows.
 */
void avx2_gemm(const struct tile *tile);
void avx2_gemm_floats(const struct tile *tile);
void avx2_packed(const struct tile *tile);
void avx2_quads(const struct tile *tile);
void avx2_rows(const struct tile *tile);

/* Makes <n> floats, a multiple of 8 on 32 bytes, 0. */
AVX2_INLINE void avx2_clear(float *x, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 8) {
		_mm256_store_ps(x + i, _mm256_setzero_ps());
		/* GCC would clear them by "rep stos", slower than a block. */
		__asm__ volatile("" ::: "memory");
	}
}

/* One token's products with a group. */
struct group_out {
	float *out;        /* the group's first column */
	const float *sums; /* (16) */
	const float *bias; /* the group's, or NULL */
	uint32_t rows;     /* from the group's first on; past 16 are not its */
};

AVX2_INLINE void avx2_put_group(const struct group_out *g)
{
	__m256 low = _mm256_loadu_ps(g->sums);
	__m256 high = _mm256_loadu_ps(g->sums + 8);

	if (g->rows < GROUP_ROWS) {
		for (uint32_t r = 0; r < g->rows; r++)
			g->out[r] = g->sums[r] + (g->bias ? g->bias[r] : 0);
		return;
	}
	if (g->bias) {
		low = _mm256_add_ps(low, _mm256_loadu_ps(g->bias));
		high = _mm256_add_ps(high, _mm256_loadu_ps(g->bias + 8));
	}
	_mm256_storeu_ps(g->out, low);
	_mm256_storeu_ps(g->out + 8, high);
}

/* avx2_ops.c, avx2_blend.c: the rest of struct kernels. */
void avx2_to_words(const float *x, const struct words_row *row, uint32_t n);
void avx2_softmax(float *x, uint32_t n, float scale);
void avx2_norm(const struct norm_job *job, const float *x, float *out);
void avx2_activate(
    enum activation activation, float *gate, const float *up, size_t n);
void avx2_turn(const struct rope_turn *turn, float *x);
void avx2_blend(const struct blend *g);
void avx2_to_halves(const float *x, uint16_t *out, uint32_t n);

#endif
#endif
