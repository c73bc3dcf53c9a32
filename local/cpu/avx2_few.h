/* avx2_few.h -- packed groups of 16 rows times a few tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_AVX2_FEW_H
#define LOCAL_CPU_AVX2_FEW_H

#include "local/cpu/avx2.h"

/*
 * What avx2_packed.c (tokens in words) and avx2_quads.c (in bytes) share.
 * Sixteen rows by four tokens are eight sums, which registers hold beside the
 * weights. A pass over a group takes so many tokens; its weights are in
 * first-level cache for the next.
 *
 * A block's sum is a whole number and exact, and blocks are added up in the
 * order of columns, here and in panels: a token's result has the same bits
 * whatever tokens are computed with it.
 */
#define FEW 4

/* What the machine does not fetch by itself in time, in bytes. */
#define AHEAD 2048

/* A group and some tokens. */
struct few {
	const uint8_t *p;             /* the group's blocks */
	const int16_t *words;         /* the first token's, or */
	const uint8_t *bytes;         /* these */
	const float *scales, *totals; /* the first token's */
	size_t cols, blocks;          /* from a token to the next */
	float *out;                   /* the first token's 16, written */
	size_t rows;                  /* from a token's to the next's */
};

/* The products of all the group's blocks with so many tokens. */
typedef void (*few_fn)(const struct few *f);

/* The tile's products; functions by number of tokens, 1 .. FEW. */
void avx2_few_groups(const struct tile *tile, const few_fn of[FEW + 1]);

/* Each kind's own functions: a shared one lets sums go to the stack. */
#define FEW_OWN AVX2 static __attribute__((noinline))

AVX2_INLINE void few_prefetch(const uint8_t *p, size_t bytes)
{
#pragma GCC unroll 10
	for (size_t i = 0; i < bytes; i += 64)
		_mm_prefetch((const char *)p + AHEAD + i, _MM_HINT_T0);
}

/* Numbers of 16 rows: rows 0 .. 7, and 8 .. 15. */
struct few_ints {
	__m256i low, high;
};

struct few_floats {
	__m256 low, high;
};

AVX2_INLINE struct few_ints few_none(void)
{
	return (struct few_ints){
	    _mm256_setzero_si256(), _mm256_setzero_si256()};
}

/* Keeps sums in the order of their making: else they go to the stack. */
AVX2_INLINE void few_keep(struct few_ints *sums)
{
	__asm__ volatile("" : "+x"(sums->low), "+x"(sums->high));
}

/* Sixteen halves as floats. */
AVX2_INLINE struct few_floats few_halves(const uint8_t *p)
{
	return (struct few_floats){avx2_halves(p), avx2_halves(p + 16)};
}

/* x + scale d sums */
AVX2_INLINE struct few_floats few_scaled(
    struct few_floats x, float scale, struct few_floats d, struct few_ints sums)
{
	__m256 s = _mm256_set1_ps(scale);

	return (struct few_floats){_mm256_fmadd_ps(_mm256_mul_ps(s, d.low),
				       _mm256_cvtepi32_ps(sums.low), x.low),
	    _mm256_fmadd_ps(_mm256_mul_ps(s, d.high),
		_mm256_cvtepi32_ps(sums.high), x.high)};
}

/* x + total m */
AVX2_INLINE struct few_floats few_plus(
    struct few_floats x, float total, struct few_floats m)
{
	__m256 t = _mm256_set1_ps(total);

	return (struct few_floats){_mm256_fmadd_ps(t, m.low, x.low),
	    _mm256_fmadd_ps(t, m.high, x.high)};
}

/* No sums of so many tokens yet; <tokens> is a constant. */
AVX2_INLINE void few_begin(struct few_floats to[FEW], const int tokens)
{
#pragma GCC unroll 4
	for (int t = 0; t < tokens; t++)
		to[t] = (struct few_floats){
		    _mm256_setzero_ps(), _mm256_setzero_ps()};
}

/* Writes them to where they are wanted; <tokens> is a constant. */
AVX2_INLINE void few_end(
    const struct few *f, const struct few_floats of[FEW], const int tokens)
{
#pragma GCC unroll 4
	for (int t = 0; t < tokens; t++) {
		float *out = f->out + f->rows * (size_t)t;

		_mm256_storeu_ps(out, of[t].low);
		_mm256_storeu_ps(out + 8, of[t].high);
	}
}

#endif
