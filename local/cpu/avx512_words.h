/* avx512_words.h -- groups of 16 rows times words, for two machines. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_AVX512_WORDS_H
#define LOCAL_CPU_AVX512_WORDS_H

/*
 * The same sums as in avx2_gemm.c, twice as wide:
 *
 *	out = sum over b of  d sx (words of w . words of x)  +  m sum(x)
 *
 * A file that includes this names its target, WORDS, and how a pair of words of
 * each row, times a pair of x, is added to sums: add_pairs. A block is 16 such
 * pairs. Nibbles and bytes are unpacked in registers, once for up to eight
 * tokens, whose sums (8 whole, 8 in F32) stay in registers too: for a block and
 * a token 16 multiplications, 16 broadcasts from memory and 5 instructions for
 * the scales; for a block 22 that unpack nibbles. One token reads 320 bytes in
 * some 70 instructions, so that memory is the limit.
 *
 * Words have 16 bits, of which vpdpwssd multiplies 32 pairs; where eight bits
 * are enough see avx512_quads.c.
 */
#include "local/cpu/avx512.h"

#if defined(__x86_64__)

#define WORDS_INLINE WORDS static inline __attribute__((always_inline))

/* How blocks lie: see packed.h; panels with their scales beside them. */
enum layout {
	NIBBLES,
	BYTES,
	PANEL,
	PANEL_MIN,
	LAYOUTS
};

#define PANEL_BLOCKS 20
#define PANEL_WORDS ((size_t)PANEL_BLOCKS * 512)

/* Blocks of a group, and the first of some tokens. */
struct step {
	const uint8_t *w;
	const float *d, *m; /* (n, 16) of a panel */
	const int16_t *x;
	const float *scales, *totals;
	size_t cols, blocks; /* from a token to the next */
	uint32_t n;          /* blocks */
	struct avx512_out out;
};

WORDS_INLINE __m512i add_pairs(__m512i sum, __m512i w, __m512i x);

/* Pairs 4v .. 4v + 3 of a block. */
WORDS_INLINE void load_pairs(
    const uint8_t *p, const int v, const enum layout layout, __m512i q[4])
{
	const __m512i low = _mm512_set1_epi16(15);

	if (layout == NIBBLES) {
		__m512i w = avx512_load(p + 64 + 64 * v);

		q[0] = _mm512_and_si512(w, low);
		q[1] = _mm512_and_si512(_mm512_srli_epi16(w, 4), low);
		q[2] = _mm512_and_si512(_mm512_srli_epi16(w, 8), low);
		q[3] = _mm512_srli_epi16(w, 12);
		return;
	}
#pragma GCC unroll 4
	for (int k = 0; k < 4; k++) {
		if (layout == BYTES)
			q[k] = _mm512_cvtepi8_epi16(
			    avx2_load(p + 32 + 128 * v + 32 * k));
		else
			q[k] = avx512_load(p + 256 * v + 64 * k);
	}
}

static inline size_t block_bytes(const enum layout layout)
{
	return layout == NIBBLES ? PACKED_NIBBLES_BYTES
	       : layout == BYTES ? PACKED_BYTES_BYTES
				 : 1024;
}

/* Adds a block's part to the sums of all tokens. */
WORDS_INLINE void scale_sums(const struct step *s, uint32_t b, const uint8_t *p,
    __m512i whole[AVX512_TOKENS][4], __m512 sums[AVX512_TOKENS],
    const int tokens, const enum layout layout)
{
	bool is_packed = layout == NIBBLES || layout == BYTES;
	__m512 d = is_packed ? avx512_halves(p)
			     : _mm512_loadu_ps(s->d + (size_t)b * GROUP_ROWS);
	__m512 m = _mm512_setzero_ps();
	const float *scale = s->scales + b, *total = s->totals + b;

	if (layout == NIBBLES)
		m = avx512_halves(p + 32);
	if (layout == PANEL_MIN)
		m = _mm512_loadu_ps(s->m + (size_t)b * GROUP_ROWS);
#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		sums[t] =
		    _mm512_fmadd_ps(_mm512_mul_ps(d, _mm512_set1_ps(*scale)),
			_mm512_cvtepi32_ps(whole[t][0]), sums[t]);
		if (layout == NIBBLES || layout == PANEL_MIN)
			sums[t] =
			    _mm512_fmadd_ps(m, _mm512_set1_ps(*total), sums[t]);
		scale += s->blocks;
		total += s->blocks;
		AVX512_HOLD(scale);
		AVX512_HOLD(total);
	}
}

/* Few tokens: a block's sums are several, so that none waits for itself. */
#define LANES(tokens) ((tokens) <= 2 ? 4 : (tokens) <= 4 ? 2 : 1)

/* A block's sums, several for each token; <tokens>, <layout> are constants. */
WORDS_INLINE void block_sums(const uint8_t *p, const int16_t *const x[],
    __m512i whole[AVX512_TOKENS][4], const int tokens, const enum layout layout)
{
	const int lanes = LANES(tokens);

#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		for (int i = 0; i < lanes; i++)
			whole[t][i] = _mm512_setzero_si512();
	}
#pragma GCC unroll 4
	for (int v = 0; v < 4; v++) {
		__m512i q[4];

		load_pairs(p, v, layout, q);
#pragma GCC unroll 4
		for (int k = 0; k < 4; k++) {
#pragma GCC unroll 8
			for (int t = 0; t < tokens; t++)
				whole[t][k % lanes] =
				    add_pairs(whole[t][k % lanes], q[k],
					avx512_pair(x[t] + 8 * v + 2 * k));
		}
	}
#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		for (int i = 1; i < lanes; i++)
			whole[t][0] =
			    _mm512_add_epi32(whole[t][0], whole[t][i]);
	}
}

/* Further ahead than the machine fetches by itself. */
WORDS_INLINE void fetch_block(const uint8_t *p, const enum layout layout)
{
#pragma GCC unroll 9
	for (size_t i = 0; i < block_bytes(layout); i += 64)
		_mm_prefetch((const char *)p + 2048 + i, _MM_HINT_T0);
}

/* The products of all blocks. */
WORDS_INLINE void multiply_blocks(
    const struct step *step, const int tokens, const enum layout layout)
{
	/* A copy: stores of sums could change what is pointed to. */
	const struct step s = *step;
	const uint8_t *p = s.w;
	const int16_t *x[AVX512_TOKENS];
	__m512 sums[AVX512_TOKENS];

#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		x[t] = s.x + (size_t)t * s.cols;
		sums[t] = _mm512_setzero_ps();
	}
	for (uint32_t b = 0; b < s.n; b++, p += block_bytes(layout)) {
		__m512i whole[AVX512_TOKENS][4];

		if (tokens <= 4 && (layout == NIBBLES || layout == BYTES))
			fetch_block(p, layout);
		block_sums(p, x, whole, tokens, layout);
		scale_sums(&s, b, p, whole, sums, tokens, layout);
#pragma GCC unroll 8
		for (int t = 0; t < tokens; t++) {
			x[t] += BLOCK_COLS;
			AVX512_HOLD(x[t]);
		}
	}
#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++)
		avx512_put(&s.out, t, sums[t]);
}

typedef void (*step_fn)(const struct step *s);

#define STEP(tokens, layout)                                                   \
	WORDS static __attribute__((noinline)) void layout##_##tokens(         \
	    const struct step *s)                                              \
	{                                                                      \
		multiply_blocks(s, tokens, layout);                            \
	}
#define STEPS(layout)                                                          \
	STEP(1, layout)                                                        \
	STEP(2, layout)                                                        \
	STEP(4, layout) STEP(8, layout)
/* clang-format off */
#define STEP_ROW(layout)                                                       \
	[layout] = {[1] = layout##_1, [2] = layout##_2,                        \
	    [4] = layout##_4, [8] = layout##_8}
/* clang-format on */
STEPS(NIBBLES)
STEPS(BYTES)
STEPS(PANEL)
STEPS(PANEL_MIN)

/* By layout and tokens: those that avx512_take gives. */
static const step_fn steps[LAYOUTS][AVX512_TOKENS + 1] = {
    STEP_ROW(NIBBLES),
    STEP_ROW(BYTES),
    STEP_ROW(PANEL),
    STEP_ROW(PANEL_MIN),
};

/* Blocks <first> .. <first> + s->n - 1 of the operand, all its rows. */
static void multiply_tokens(const struct tile *t, uint32_t row, uint32_t first,
    struct step *s, enum layout layout)
{
	const struct operand *x = t->x;
	uint32_t n;

	s->cols = x->cols;
	s->blocks = x->cols / BLOCK_COLS;
	for (uint32_t i = 0; i < x->n; i += n) {
		size_t block = (size_t)i * s->blocks + first;

		n = avx512_take(x->n - i);
		s->x = x->words + block * BLOCK_COLS;
		s->scales = x->scales + block;
		s->totals = x->sums + block;
		s->out = avx512_out(t, row, i);
		s->out.adds = first != 0;
		steps[layout][n](s);
	}
}

/* A group that was not packed: panels of it, in the tile's scratch. */
static void multiply_panels(const struct tile *t, uint32_t row)
{
	uint32_t blocks = t->w->cols / BLOCK_COLS, first = 0;
	uint32_t parts = (blocks + PANEL_BLOCKS - 1) / PANEL_BLOCKS;
	float *scales = (float *)t->scratch + PANEL_WORDS / 2;

	for (uint32_t i = 0; i < parts; i++) {
		uint32_t end = (uint32_t)((uint64_t)blocks * (i + 1) / parts);
		struct panel_job job = {
		    t->w, row / GROUP_ROWS, first, end - first};
		struct panel panel = {
		    t->scratch, scales, scales + PANEL_BLOCKS * GROUP_ROWS};
		struct step s = {.n = job.n};

		avx2_panel(&job, &panel);
		s.w = (const uint8_t *)panel.words;
		s.d = panel.scales;
		s.m = panel.mins;
		multiply_tokens(t, row, first, &s, s.m ? PANEL_MIN : PANEL);
		first = end;
	}
}

static void multiply_tile(const struct tile *t)
{
	const struct packed *packed = t->w->packed;

	_Static_assert(
	    KERNEL_SCRATCH(0) >=
		PANEL_WORDS * 2 + 2 * PANEL_BLOCKS * GROUP_ROWS * sizeof(float),
	    "a panel fits");

	for (uint32_t row = t->first; row < t->first + t->n;
	     row += GROUP_ROWS) {
		struct step s = {.n = packed ? packed->blocks : 0};

		if (!packed) {
			multiply_panels(t, row);
			continue;
		}
		s.w = packed->data + row / GROUP_ROWS * packed->group_bytes;
		multiply_tokens(t, row, 0, &s,
		    packed->kind == PACKED_NIBBLES ? NIBBLES : BYTES);
	}
}
#endif
#endif
