/* avx512.h -- what the files of AVX-512 kernels share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_AVX512_H
#define LOCAL_CPU_AVX512_H

#include "local/cpu/avx2.h"

#if defined(__x86_64__)

/*
 * A vector holds one number of each of a group's 16 rows, so that the layouts
 * of packed.h and the panels of avx2_panel.c serve here too. All files need F,
 * BW, VL and DQ; those that need more (VNNI, BF16) are chosen by themselves.
 *
 * A test compiles these same files for machines without AVX-512, against a
 * library of its intrinsics in plain C: it defines the attributes before.
 */
#if !defined(AVX512)
#define AVX512_BASE "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq"
#define AVX512 __attribute__((target(AVX512_BASE)))
#define AVX512_WITH_VNNI __attribute__((target(AVX512_BASE ",avx512vnni")))
#define AVX512_WITH_BF16 __attribute__((target(AVX512_BASE ",avx512bf16")))
/* Has <vector> computed here, and kept in a register. */
#define AVX512_KEEP(vector) __asm__ volatile("" : "+v"(vector))
#endif
#define AVX512_INLINE AVX512 static inline __attribute__((always_inline))

/* Rows of an operand that kernels take at once, at most. */
#define AVX512_TOKENS 8

/* How many of <n> rows to take now: kernels are made for these numbers. */
static inline uint32_t avx512_take(uint32_t n)
{
	static const uint8_t sizes[] = {0, 1, 2, 2, 4, 4, 4, 4};

	return n < AVX512_TOKENS ? sizes[n] : AVX512_TOKENS;
}

/* The lanes below <n>. */
static inline __mmask16 avx512_below(uint32_t n)
{
	return (__mmask16)(n >= 16 ? 0xffffU : (1U << n) - 1);
}

/*
 * Keeps an address as it is: made of another one and a distance for each use,
 * there would soon be more of them than registers.
 */
#define AVX512_HOLD(pointer) __asm__ volatile("" : "+r"(pointer))

/* Four bytes of an operand, for all rows. */
AVX512_INLINE __m512i avx512_four(const void *x)
{
	int32_t four;

	memcpy(&four, x, sizeof(four));
	return _mm512_set1_epi32(four);
}

AVX512_INLINE __m256 avx512_upper(__m512 x)
{
	return _mm256_castsi256_ps(
	    _mm512_extracti64x4_epi64(_mm512_castps_si512(x), 1));
}

AVX512_INLINE float avx512_sum(__m512 x)
{
	return avx2_sum(
	    _mm256_add_ps(_mm512_castps512_ps256(x), avx512_upper(x)));
}

AVX512_INLINE float avx512_max(__m512 x)
{
	return avx2_max(
	    _mm256_max_ps(_mm512_castps512_ps256(x), avx512_upper(x)));
}

AVX512_INLINE __m512i avx512_load(const void *p)
{
	return _mm512_loadu_si512(p);
}

/* Sixteen halves as floats. */
AVX512_INLINE __m512 avx512_halves(const void *p)
{
	return _mm512_cvtph_ps(avx2_load(p));
}

/* What a group's sums become: 16 rows of out, fewer in the last group. */
struct avx512_out {
	float *out;        /* of the first token */
	const float *bias; /* NULL: none */
	size_t pitch;      /* floats from a token to the next */
	__mmask16 rows;
	bool adds; /* to what is there; else to the bias */
};

/* Writes the sums of token <t>. */
AVX512_INLINE void avx512_put(const struct avx512_out *o, int t, __m512 sum)
{
	float *out = o->out + (size_t)t * o->pitch;
	const float *add = o->adds ? out : o->bias;

	if (add)
		sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(o->rows, add));
	_mm512_mask_storeu_ps(out, o->rows, sum);
}

/* Where a group's sums of tokens <token> and on go. */
static inline struct avx512_out avx512_out(
    const struct tile *t, uint32_t row, uint32_t token)
{
	const struct matrix *w = t->w;

	return (struct avx512_out){
	    .out = t->out + (size_t)token * w->rows + row,
	    .bias = w->bias ? w->bias + row : NULL,
	    .pitch = w->rows,
	    .rows = avx512_below(w->rows - row),
	};
}

/*
 * avx512_words.c, avx512_vnni.c: words times packed rows or panels; with VNNI
 * bytes too, times quads and sevens.
 */
void avx512_words(const struct tile *tile);
void avx512_words_vnni(const struct tile *tile);

/* avx512_bf16.c: words that are BF16 times rows that are. */
void avx512_bf16(const struct tile *tile);
void avx512_to_bf16(const float *x, int16_t *words, uint32_t n);

/* avx512_float.c: floats, packed or not; avx512_rows.c: few tokens. */
void avx512_floats(const struct tile *tile);
void avx512_rows(const struct tile *tile);

/* avx512_ops.c, avx512_blend.c: the rest of struct kernels. */
void avx512_to_words(const float *x, const struct words_row *row, uint32_t n);
void avx512_softmax(float *x, uint32_t n, float scale);
void avx512_norm(const struct norm_job *job, const float *x, float *out);
void avx512_activate(
    enum activation activation, float *gate, const float *up, size_t n);
void avx512_blend(const struct blend *g);

#endif
#endif
