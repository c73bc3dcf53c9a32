/* avx512_words.h -- groups of 16 rows times words or bytes, for two machines.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_AVX512_WORDS_H
#define LOCAL_CPU_AVX512_WORDS_H

/*
 * The same sums as in avx2_gemm.c, twice as wide:
 *
 *	out = sum over b of  d sx (words of w . words of x)  +  m sum(x)
 *
 * A file that includes this names its target, WORDS, and how four bytes of x
 * and the vector of weights that meets them are added to sums: add_four. They
 * are a pair of words, of which a block has 16, or with VNNI, WORDS_HAS_BYTES,
 *a quad of bytes, of which it has 8: the sums of avx2_quads.c, bit for bit.
 *Nibbles and bytes are unpacked in registers, once for up to eight tokens,
 *whose sums (8 whole, 8 in F32) stay in registers too: for a block and a token
 *16 multiplications, 16 broadcasts from memory and 5 instructions for the
 *scales; for a block 22 that unpack nibbles. One token reads 320 bytes in some
 *70 instructions, so that memory is the limit.
 *
 * Quads cost half of the multiplications and broadcasts.
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
	QUADS,
	SEVENS,
	LAYOUTS
};

#define PANEL_BLOCKS 20
#define PANEL_WORDS ((size_t)PANEL_BLOCKS * 512)

/* Blocks of a group, and the first of some tokens. */
struct step {
	const uint8_t *w;
	const float *d, *m; /* (n, 16) of a panel */
	const uint8_t *x;   /* words or bytes */
	const float *scales, *totals;
	size_t pitch, blocks; /* from a token to the next: of x, of scales */
	uint32_t n;           /* blocks */
	struct avx512_out out;
};

WORDS_INLINE __m512i add_four(
    __m512i sum, __m512i w, __m512i x, const enum layout layout);

/* How x comes: see struct operand. */
static inline bool is_short(const enum layout layout)
{
	return layout == QUADS || layout == SEVENS;
}

/* What a quarter of a block has: pairs, or quads. */
static inline int fours(const enum layout layout)
{
	return is_short(layout) ? 2 : 4;
}

/* Two vectors of eight rows each. */
WORDS_INLINE __m512i load_rows(const uint8_t *p, size_t further)
{
	return _mm512_inserti64x4(
	    _mm512_castsi256_si512(avx2_load(p)), avx2_load(p + further), 1);
}

/* Quads 2v and 2v + 1 of a block. */
WORDS_INLINE void load_quads(
    const uint8_t *p, const int v, const enum layout layout, __m512i q[4])
{
	const __m512i low = _mm512_set1_epi8(15);

	if (layout == QUADS) {
		__m512i w = load_rows(p + 64 + 32 * v, 128);

		q[0] = _mm512_and_si512(w, low);
		q[1] = _mm512_and_si512(_mm512_srli_epi16(w, 4), low);
	} else {
		q[0] = load_rows(p + 128 + 64 * v, 256);
		q[1] = load_rows(p + 160 + 64 * v, 256);
	}
}

/* Pairs 4v .. 4v + 3 of a block, or its quads. */
WORDS_INLINE void load_fours(
    const uint8_t *p, const int v, const enum layout layout, __m512i q[4])
{
	const __m512i low = _mm512_set1_epi16(15);

	if (is_short(layout)) {
		load_quads(p, v, layout, q);
		return;
	}
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
	return layout == NIBBLES  ? PACKED_NIBBLES_BYTES
	       : layout == BYTES  ? PACKED_BYTES_BYTES
	       : layout == QUADS  ? PACKED_QUADS_BYTES
	       : layout == SEVENS ? PACKED_SEVENS_BYTES
				  : 1024;
}

/* Block <b>'s d and m, its weights being at <p>. */
WORDS_INLINE void load_scales(const struct step *s, uint32_t b,
    const uint8_t *p, const enum layout layout, __m512 scales[2])
{
	scales[1] = _mm512_setzero_ps();
	if (layout == SEVENS) {
		scales[0] = _mm512_loadu_ps((const float *)p);
		scales[1] = _mm512_loadu_ps((const float *)p + GROUP_ROWS);
	} else if (layout == PANEL || layout == PANEL_MIN) {
		scales[0] = _mm512_loadu_ps(s->d + (size_t)b * GROUP_ROWS);
		if (layout == PANEL_MIN)
			scales[1] =
			    _mm512_loadu_ps(s->m + (size_t)b * GROUP_ROWS);
	} else {
		scales[0] = avx512_halves(p);
		if (layout != BYTES)
			scales[1] = avx512_halves(p + 32);
	}
}

/* Adds a block's part to the sums of all tokens. */
WORDS_INLINE void scale_sums(const struct step *s, uint32_t b, const uint8_t *p,
    __m512i whole[AVX512_TOKENS][4], __m512 sums[AVX512_TOKENS],
    const int tokens, const enum layout layout)
{
	const float *scale = s->scales + b, *total = s->totals + b;
	__m512 of[2];

	load_scales(s, b, p, layout, of);
#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		__m512 v = _mm512_cvtepi32_ps(whole[t][0]);
		__m512 x = _mm512_set1_ps(*scale);

		if (layout == SEVENS)
			sums[t] = _mm512_fmadd_ps(
			    x, _mm512_fmadd_ps(of[0], v, of[1]), sums[t]);
		else
			sums[t] = _mm512_fmadd_ps(
			    _mm512_mul_ps(of[0], x), v, sums[t]);
		if (layout == NIBBLES || layout == PANEL_MIN || layout == QUADS)
			sums[t] = _mm512_fmadd_ps(
			    of[1], _mm512_set1_ps(*total), sums[t]);
		scale += s->blocks;
		total += s->blocks;
		AVX512_HOLD(scale);
		AVX512_HOLD(total);
	}
}

/* Few tokens: a block's sums are several, so that none waits for itself. */
#define LANES(tokens) ((tokens) <= 2 ? 4 : (tokens) <= 4 ? 2 : 1)

/* A block's sums, several for each token; <tokens>, <layout> are constants. */
WORDS_INLINE void block_sums(const uint8_t *p, const uint8_t *const x[],
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

		load_fours(p, v, layout, q);
#pragma GCC unroll 4
		for (int k = 0; k < fours(layout); k++) {
			const int four = fours(layout) * v + k;
			const int lane = four % lanes;

#pragma GCC unroll 8
			for (int t = 0; t < tokens; t++)
				whole[t][lane] = add_four(whole[t][lane], q[k],
				    avx512_four(x[t] + 4 * four), layout);
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
#pragma GCC unroll 10
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
	const uint8_t *x[AVX512_TOKENS];
	__m512 sums[AVX512_TOKENS];

#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		x[t] = s.x + (size_t)t * s.pitch;
		sums[t] = _mm512_setzero_ps();
	}
	for (uint32_t b = 0; b < s.n; b++, p += block_bytes(layout)) {
		__m512i whole[AVX512_TOKENS][4];

		if (tokens <= 4 && layout != PANEL && layout != PANEL_MIN)
			fetch_block(p, layout);
		block_sums(p, x, whole, tokens, layout);
		scale_sums(&s, b, p, whole, sums, tokens, layout);
#pragma GCC unroll 8
		for (int t = 0; t < tokens; t++) {
			x[t] += 16 * fours(layout);
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
#if defined(WORDS_HAS_BYTES)
STEPS(QUADS)
STEPS(SEVENS)
#endif

/* By layout and tokens: those that avx512_take gives. */
static const step_fn steps[LAYOUTS][AVX512_TOKENS + 1] = {
    STEP_ROW(NIBBLES),
    STEP_ROW(BYTES),
    STEP_ROW(PANEL),
    STEP_ROW(PANEL_MIN),
#if defined(WORDS_HAS_BYTES)
    STEP_ROW(QUADS),
    STEP_ROW(SEVENS),
#endif
};

/* Blocks <first> .. <first> + s->n - 1 of the operand, all its rows. */
static void multiply_tokens(const struct tile *t, uint32_t row, uint32_t first,
    struct step *s, enum layout layout)
{
	const struct operand *x = t->x;
	size_t width = is_short(layout) ? 1 : sizeof(*x->words);
	const uint8_t *values =
	    is_short(layout) ? x->bytes : (const uint8_t *)x->words;
	uint32_t n;

	s->pitch = x->cols * width;
	s->blocks = x->cols / BLOCK_COLS;
	for (uint32_t i = 0; i < x->n; i += n) {
		size_t block = (size_t)i * s->blocks + first;

		n = avx512_take(x->n - i);
		s->x = values + block * BLOCK_COLS * width;
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

/* How what was packed lies. */
static enum layout layout_of(const struct packed *packed)
{
	static const enum layout layouts[] = {
	    [PACKED_NIBBLES] = NIBBLES,
	    [PACKED_BYTES] = BYTES,
	    [PACKED_QUADS] = QUADS,
	    [PACKED_SEVENS] = SEVENS,
	};

	return layouts[packed->kind];
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
		multiply_tokens(t, row, 0, &s, layout_of(packed));
	}
}
#endif
#endif
