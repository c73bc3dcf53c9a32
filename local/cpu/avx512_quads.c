/* avx512_quads.c -- groups of 16 rows times operands of eight bits, with VNNI.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx512.h"

/*
 * The sums of avx2_quads.c, bit for bit: whole numbers are exact and the rest
 * is done in the same order. vpdpbusd multiplies unsigned bytes with signed
 * ones and adds four neighbours to 32 bits, so nothing is widened: a block and
 * a token cost 8 of them, 8 broadcasts from memory and 5 instructions for the
 * scales, where words of sixteen bits cost 16, 16 and 5.
 */
#if defined(__x86_64__)

#define QUADS AVX512_WITH_VNNI
#define QUADS_INLINE QUADS static inline __attribute__((always_inline))
#define QUADS_OF_BLOCK (BLOCK_COLS / 4)

enum layout {
	NIBBLES,
	SEVENS,
	LAYOUTS
};

/* A group and the first of some tokens. */
struct step {
	const uint8_t *w;
	const uint8_t *x;
	const float *scales, *totals;
	size_t cols, blocks; /* from a token to the next */
	struct avx512_out out;
};

static inline size_t block_bytes(const enum layout layout)
{
	return layout == NIBBLES ? PACKED_QUADS_BYTES : PACKED_SEVENS_BYTES;
}

/* Two vectors of eight rows each. */
QUADS_INLINE __m512i load_rows(const uint8_t *p, size_t further)
{
	return _mm512_inserti64x4(
	    _mm512_castsi256_si512(avx2_load(p)), avx2_load(p + further), 1);
}

/* Quads 2v and 2v + 1 of a block's rows. */
QUADS_INLINE void load_quads(
    const uint8_t *p, const int v, const enum layout layout, __m512i q[2])
{
	const __m512i low = _mm512_set1_epi8(15);

	if (layout == NIBBLES) {
		__m512i w = load_rows(p + 64 + 32 * v, 128);

		q[0] = _mm512_and_si512(w, low);
		q[1] = _mm512_and_si512(_mm512_srli_epi16(w, 4), low);
	} else {
		q[0] = load_rows(p + 128 + 64 * v, 256);
		q[1] = load_rows(p + 160 + 64 * v, 256);
	}
}

/* Nibbles are the unsigned side; else the operand is, by what was added. */
QUADS_INLINE __m512i add_quad(
    __m512i sum, __m512i w, const uint8_t *x, const enum layout layout)
{
	__m512i quad;
	int32_t bytes;

	memcpy(&bytes, x, sizeof(bytes));
	quad = _mm512_set1_epi32(bytes);
	return layout == NIBBLES ? _mm512_dpbusd_epi32(sum, w, quad)
				 : _mm512_dpbusd_epi32(sum, quad, w);
}

/* Few tokens: a block's sums are several, so that none waits for itself. */
#define LANES(tokens) ((tokens) <= 2 ? 4 : (tokens) <= 4 ? 2 : 1)

/* A block's sums, several for each token; <tokens>, <layout> are constants. */
QUADS_INLINE void block_sums(const uint8_t *p, const uint8_t *const x[],
    __m512i whole[AVX512_TOKENS][4], const int tokens, const enum layout layout)
{
	const int lanes = LANES(tokens);

#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		for (int i = 0; i < lanes; i++)
			whole[t][i] = _mm512_setzero_si512();
	}
#pragma GCC unroll 4
	for (int v = 0; v < QUADS_OF_BLOCK / 2; v++) {
		__m512i q[2];

		load_quads(p, v, layout, q);
#pragma GCC unroll 2
		for (int k = 0; k < 2; k++) {
			const int lane = (2 * v + k) % lanes;

#pragma GCC unroll 8
			for (int t = 0; t < tokens; t++)
				whole[t][lane] = add_quad(whole[t][lane], q[k],
				    x[t] + 8 * v + 4 * k, layout);
		}
	}
#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		for (int i = 1; i < lanes; i++)
			whole[t][0] =
			    _mm512_add_epi32(whole[t][0], whole[t][i]);
	}
}

/* A block's scales, and the first token's for it. */
struct scales {
	const uint8_t *p;
	const float *scale, *total;
	size_t blocks; /* from a token's to the next one's */
};

/* Adds a block's part to the sums of all tokens. */
QUADS_INLINE void scale_sums(const struct scales *s,
    __m512i whole[AVX512_TOKENS][4], __m512 sums[AVX512_TOKENS],
    const int tokens, const enum layout layout)
{
	const uint8_t *p = s->p;
	__m512 d = layout == NIBBLES ? avx512_halves(p)
				     : _mm512_loadu_ps((const float *)p);
	__m512 m = layout == NIBBLES ? avx512_halves(p + 32)
				     : _mm512_loadu_ps((const float *)p + 16);
	const float *scale = s->scale, *total = s->total;

#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		__m512 v = _mm512_cvtepi32_ps(whole[t][0]);
		__m512 x = _mm512_set1_ps(*scale);

		if (layout == NIBBLES) {
			sums[t] =
			    _mm512_fmadd_ps(_mm512_mul_ps(x, d), v, sums[t]);
			sums[t] =
			    _mm512_fmadd_ps(_mm512_set1_ps(*total), m, sums[t]);
		} else {
			sums[t] = _mm512_fmadd_ps(
			    x, _mm512_fmadd_ps(d, v, m), sums[t]);
		}
		scale += s->blocks;
		total += s->blocks;
		AVX512_HOLD(scale);
		AVX512_HOLD(total);
	}
}

/* Further ahead than the machine fetches by itself. */
QUADS_INLINE void fetch_block(const uint8_t *p, const enum layout layout)
{
	for (size_t i = 0; i < block_bytes(layout); i += 64)
		_mm_prefetch((const char *)p + 2048 + i, _MM_HINT_T0);
}

/* The products of all blocks. */
QUADS_INLINE void multiply_blocks(
    const struct step *step, const int tokens, const enum layout layout)
{
	/* A copy: stores of sums could change what is pointed to. */
	const struct step s = *step;
	const uint8_t *p = s.w;
	const uint8_t *x[AVX512_TOKENS];
	__m512 sums[AVX512_TOKENS];

#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		x[t] = s.x + (size_t)t * s.cols;
		sums[t] = _mm512_setzero_ps();
	}
	for (uint32_t b = 0; b < s.blocks; b++, p += block_bytes(layout)) {
		__m512i whole[AVX512_TOKENS][4];

		if (tokens <= 4)
			fetch_block(p, layout);
		block_sums(p, x, whole, tokens, layout);
		scale_sums(
		    &(struct scales){p, s.scales + b, s.totals + b, s.blocks},
		    whole, sums, tokens, layout);
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
	QUADS static __attribute__((noinline)) void layout##_##tokens(         \
	    const struct step *s)                                              \
	{                                                                      \
		multiply_blocks(s, tokens, layout);                            \
	}
#define STEPS(layout)                                                          \
	STEP(1, layout)                                                        \
	STEP(2, layout)                                                        \
	STEP(4, layout) STEP(8, layout)
STEPS(NIBBLES)
STEPS(SEVENS)

/* By layout and tokens: those that avx512_take gives. */
static const step_fn steps[LAYOUTS][AVX512_TOKENS + 1] = {
    [NIBBLES] =
	{[1] = NIBBLES_1, [2] = NIBBLES_2, [4] = NIBBLES_4, [8] = NIBBLES_8},
    [SEVENS] = {[1] = SEVENS_1, [2] = SEVENS_2, [4] = SEVENS_4, [8] = SEVENS_8},
};

static void multiply_group(const struct tile *t, uint32_t row)
{
	const struct packed *packed = t->w->packed;
	const struct operand *x = t->x;
	enum layout layout = packed->kind == PACKED_QUADS ? NIBBLES : SEVENS;
	uint32_t n;

	for (uint32_t i = 0; i < x->n; i += n) {
		n = avx512_take(x->n - i);
		steps[layout][n](&(struct step){
		    .w = packed->data + row / GROUP_ROWS * packed->group_bytes,
		    .x = x->bytes + (size_t)i * x->cols,
		    .scales = x->scales + (size_t)i * packed->blocks,
		    .totals = x->sums + (size_t)i * packed->blocks,
		    .cols = x->cols,
		    .blocks = packed->blocks,
		    .out = avx512_out(t, row, i),
		});
	}
}

void avx512_quads(const struct tile *t)
{
	for (uint32_t row = t->first; row < t->first + t->n; row += GROUP_ROWS)
		multiply_group(t, row);
}
#else
typedef int avx512_quads_is_for_x86;
#endif
