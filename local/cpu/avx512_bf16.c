/* avx512_bf16.c -- prompts through BF16 weights, with AVX-512 BF16. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx512.h"

/*
 * out (n, rows) = x (n, cols) times w (rows, cols) transposed, where w is BF16
 * and x was rounded to it: vdpbf16ps multiplies 16 pairs and adds them to sums
 * in F32, twice the products of an FMA. A panel is [pair][16 rows][2], made of
 * the file's rows for each pass, half an instruction a weight; 512 columns of
 * one are 16 KB, in first-level cache. Rounding x loses 0.012 nat on average
 * (docs/engine.md), so only prompts come here; few tokens are multiplied in
 * F32, where memory is the limit. Two parts for each x would lose nothing, and
 * gain nothing over the FMAs of avx512_float.c.
 */
#if defined(__x86_64__)

#define PANEL_COLS 512

/* Some columns of a group, and some tokens. */
struct step {
	const int16_t *panel; /* (pairs, 16, 2) */
	const int16_t *x;
	size_t cols; /* from a token to the next */
	uint32_t n;  /* columns */
	struct avx512_out out;
};

AVX512_WITH_BF16 static inline __attribute__((always_inline)) __m512 add_pairs(
    __m512 sum, __m512i w, __m512i x)
{
	return _mm512_dpbf16_ps(sum, (__m512bh)w, (__m512bh)x);
}

/* <tokens> is a constant. */
AVX512_WITH_BF16 static inline __attribute__((always_inline)) void
multiply_pairs(const struct step *s, const int tokens)
{
	const int16_t *x[AVX512_TOKENS], *panel = s->panel;
	__m512 sums[AVX512_TOKENS];
	uint32_t pairs = s->n / 2;

#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		x[t] = s->x + (size_t)t * s->cols;
		AVX512_HOLD(x[t]);
		sums[t] = _mm512_setzero_ps();
	}
	for (size_t p = 0; p < pairs; p++) {
		__m512i w = avx512_load(panel + 32 * p);

#pragma GCC unroll 8
		for (int t = 0; t < tokens; t++)
			sums[t] =
			    add_pairs(sums[t], w, avx512_four(x[t] + 2 * p));
	}
	if (s->n % 2) {
		__m512i w = avx512_load(panel + 32 * (size_t)pairs);

#pragma GCC unroll 8
		for (int t = 0; t < tokens; t++)
			sums[t] = add_pairs(sums[t], w,
			    _mm512_set1_epi32((uint16_t)x[t][s->n - 1]));
	}
#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++)
		avx512_put(&s->out, t, sums[t]);
}

typedef void (*step_fn)(const struct step *s);

#define STEP(tokens)                                                           \
	AVX512_WITH_BF16 static                                                \
	    __attribute__((noinline)) void by_##tokens(const struct step *s)   \
	{                                                                      \
		multiply_pairs(s, tokens);                                     \
	}
/* clang-format off */
STEP(1)
STEP(2)
STEP(4)
STEP(8)
/* clang-format on */

/* By tokens: those that avx512_take gives. */
static const step_fn steps[AVX512_TOKENS + 1] = {
    [1] = by_1, [2] = by_2, [4] = by_4, [8] = by_8};

/* Sixteen columns of eight rows, those past <rows> being 0. */
AVX512_INLINE void square(const struct panel_job *job, uint32_t row,
    uint32_t rows, uint32_t col, int16_t *out)
{
	__m256i r[8];

	for (uint32_t i = 0; i < 8; i++)
		r[i] = i < rows ? avx2_load(job->w->data +
					    (row + i) * job->w->row_bytes +
					    2 * (size_t)(job->first + col))
				: _mm256_setzero_si256();
	avx2_transpose(r);
	for (size_t i = 0; i < 8; i++)
		_mm256_storeu_si256(
		    (__m256i_u *)(out + (col + 2 * i) * GROUP_ROWS), r[i]);
}

/* Half of a group's panel: up to 8 rows. An odd column's pair is half 0. */
AVX512 static void half_panel(
    const struct panel_job *job, uint32_t half, int16_t *out)
{
	const struct matrix *w = job->w;
	uint32_t row = job->group * GROUP_ROWS + 8 * half, c = 0;
	uint32_t rows = w->rows > row ? w->rows - row : 0;

	out += 16 * half;
	for (; c + 16 <= job->n; c += 16)
		square(job, row, rows, c, out);
	for (uint32_t k = c; k < (job->n + 1) / 2 * 2; k++) {
		for (uint32_t i = 0; i < 8; i++) {
			const uint8_t *p = w->data + (row + i) * w->row_bytes +
					   2 * (size_t)(job->first + k);

			out[k / 2 * 2 * GROUP_ROWS + 2 * i + k % 2] =
			    i < rows && k < job->n ? (int16_t)quant_u16(p) : 0;
		}
	}
}

/* The panel's columns of one group, for all tokens. */
static void multiply_panel(const struct tile *t, const struct panel_job *job)
{
	const struct operand *x = t->x;
	struct step s = {.panel = t->scratch, .cols = x->cols, .n = job->n};
	uint32_t n;

	half_panel(job, 0, t->scratch);
	half_panel(job, 1, t->scratch);
	for (uint32_t i = 0; i < x->n; i += n) {
		n = avx512_take(x->n - i);
		s.x = x->words + (size_t)i * x->cols + job->first;
		s.out = avx512_out(t, job->group * GROUP_ROWS, i);
		s.out.adds = job->first != 0;
		steps[n](&s);
	}
}

void avx512_bf16(const struct tile *t)
{
	_Static_assert(
	    KERNEL_SCRATCH(0) >= PANEL_COLS * GROUP_ROWS * 2, "a panel fits");

	for (uint32_t row = t->first; row < t->first + t->n;
	     row += GROUP_ROWS) {
		struct panel_job job = {.w = t->w, .group = row / GROUP_ROWS};

		for (; job.first < t->w->cols; job.first += PANEL_COLS) {
			uint32_t left = t->w->cols - job.first;

			job.n = left < PANEL_COLS ? left : PANEL_COLS;
			multiply_panel(t, &job);
		}
	}
}

AVX512_WITH_BF16 void avx512_to_bf16(const float *x, int16_t *words, uint32_t n)
{
	float last[16] = {0};
	int16_t out[16];
	uint32_t i = 0;

	for (; i + 16 <= n; i += 16)
		_mm256_storeu_si256((__m256i_u *)(words + i),
		    (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + i)));
	if (i == n)
		return;
	memcpy(last, x + i, (n - i) * sizeof(*last));
	_mm256_storeu_si256((__m256i_u *)out,
	    (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(last)));
	memcpy(words + i, out, (n - i) * sizeof(*out));
}
#else
typedef int avx512_bf16_is_for_x86;
#endif
