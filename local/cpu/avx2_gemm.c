/* avx2_gemm.c -- groups of 16 weight rows times one token, or many. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx2.h"

/*
 * out (n, rows) = x (n, cols) times w (rows, cols) transposed. In a block of 32
 * columns b, x is sx[b] times words, w is d[b] times words plus m[b]:
 *
 *	out = sum over b of  d sx (words of w . words of x)  +  m sum(x)
 *
 * vpmaddwd multiplies 16 pairs of words and adds neighbours: a lane is a row, a
 * broadcast pair of x meets eight rows, and nothing is summed across lanes. A
 * block's sum stays below 2^31 (avx2_block.c), is widened to float once, and is
 * exact until then.
 *
 * Many tokens: a panel of 16 rows and up to 640 columns (20 KB) lies in the
 * first-level cache. Two vectors of rows by four tokens are eight sums in
 * registers; a pair of columns costs 6 loads, 8 multiplications and 8 additions
 * for 256 products: two vpmaddwd a cycle would be 32 products a cycle, twice
 * what FMA in F32 can do, widening takes an eighth of that. Activations have
 * 16 bits with a scale of their own each 32 columns, weights are exact: the
 * answers are those of F32 to some 1e-3 nat. Weights are read from memory once
 * for all tokens of a pass.
 *
 * One token: the packed block is unpacked in registers, 0.45 vector
 * instructions a byte, so memory is the limit: 20 bytes for 32 weights of four
 * bits, 34 of eight, 64 of words.
 */
#if defined(__x86_64__)

#define TOKENS 4
#define PANEL_BLOCKS 20
#define PANEL_WORDS ((size_t)PANEL_BLOCKS * 512)
#define BLOCK_PAIRS 16

/* One panel and where its products go. */
struct gemm {
	const struct operand *x;
	struct panel panel;
	uint32_t first, n; /* blocks of the operand */
	const float *bias; /* of the group, added by the first panel; or NULL */
	float *out;        /* the group's first column */
	size_t pitch;      /* floats between rows of out */
	uint32_t rows;     /* 1 .. 16 */
	bool adds;         /* to what earlier panels of the group gave */
};

AVX2_INLINE __m256i pair_at(const int16_t *x)
{
	int32_t pair;

	memcpy(&pair, x, sizeof(pair));
	return _mm256_set1_epi32(pair);
}

/* All ones in the lanes below <n>. */
AVX2_INLINE __m256i lanes_below(uint32_t n)
{
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n),
	    _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* Writes 16 sums of one token, fewer in the last group. */
AVX2_INLINE void put_sums(
    const struct gemm *g, float *out, __m256 low, __m256 high)
{
	__m256i in_low = lanes_below(g->rows);
	__m256i in_high = lanes_below(g->rows > 8 ? g->rows - 8 : 0);
	const float *add = g->adds ? out : g->bias;

	if (g->rows == GROUP_ROWS) {
		if (add) {
			low = _mm256_add_ps(low, _mm256_loadu_ps(add));
			high = _mm256_add_ps(high, _mm256_loadu_ps(add + 8));
		}
		_mm256_storeu_ps(out, low);
		_mm256_storeu_ps(out + 8, high);
		return;
	}
	if (add) {
		low = _mm256_add_ps(low, _mm256_maskload_ps(add, in_low));
		high =
		    _mm256_add_ps(high, _mm256_maskload_ps(add + 8, in_high));
	}
	_mm256_maskstore_ps(out, in_low, low);
	_mm256_maskstore_ps(out + 8, in_high, high);
}

/* A panel and up to four tokens. */
struct step {
	const int16_t *w, *x;         /* words; the first token's */
	const float *d, *m;           /* (n, 16) scales and minima */
	const float *scales, *totals; /* the first token's */
	size_t cols, blocks;          /* from a token to the next */
	uint32_t n;                   /* blocks of the panel */
	float *sums;                  /* (tokens, 16) */
};

/* Whole-number sums of one block, (tokens) of 16 rows; it is a constant. */
AVX2_INLINE void block_sums(const int16_t *w, const int16_t *x, size_t cols,
    __m256i sums[TOKENS][2], const int tokens)
{
	const int16_t *at[TOKENS];

#pragma GCC unroll 4
	for (int t = 0; t < tokens; t++) {
		at[t] = x + (size_t)t * cols;
		sums[t][0] = sums[t][1] = _mm256_setzero_si256();
	}
#pragma GCC unroll 16
	for (int p = 0; p < BLOCK_PAIRS; p++) {
		__m256i low = avx2_load(w + 32 * p);
		__m256i high = avx2_load(w + 32 * p + 16);

#pragma GCC unroll 4
		for (int t = 0; t < tokens; t++) {
			__m256i pair = pair_at(at[t] + 2 * p);

			sums[t][0] = _mm256_add_epi32(
			    sums[t][0], _mm256_madd_epi16(low, pair));
			sums[t][1] = _mm256_add_epi32(
			    sums[t][1], _mm256_madd_epi16(high, pair));
			/* A sum on the stack costs half of the speed: the
			 * next token's words must wait for this one's. */
			__asm__ volatile(""
					 : "+x"(sums[t][0]), "+x"(sums[t][1]));
		}
	}
}

/*
 * Writes the products of a panel. Sums of blocks stay in registers, those of
 * the panel in the step's memory. <tokens> and <has_min> are constants.
 */
AVX2_INLINE void add_blocks(
    const struct step *step, const int tokens, const bool has_min)
{
	/* A copy: stores of sums could change what is pointed to. */
	const struct step s = *step;
	const float *scales[TOKENS], *totals[TOKENS];

#pragma GCC unroll 4
	for (int t = 0; t < tokens; t++) {
		scales[t] = s.scales + (size_t)t * s.blocks;
		totals[t] = s.totals + (size_t)t * s.blocks;
	}
	for (size_t b = 0; b < s.n; b++) {
		__m256i sums[TOKENS][2];
		const float *d = s.d + b * GROUP_ROWS;
		const float *m = has_min ? s.m + b * GROUP_ROWS : NULL;

		block_sums(
		    s.w + b * 512, s.x + b * BLOCK_COLS, s.cols, sums, tokens);
#pragma GCC unroll 4
		for (int t = 0; t < tokens; t++) {
			__m256 scale = _mm256_set1_ps(scales[t][b]);
			__m256 total =
			    _mm256_set1_ps(has_min ? totals[t][b] : 0);

#pragma GCC unroll 2
			for (int h = 0; h < 2; h++) {
				float *to = s.sums + 16 * t + 8 * h;
				__m256 sum = _mm256_load_ps(to);

				if (has_min)
					sum = _mm256_fmadd_ps(total,
					    _mm256_loadu_ps(m + 8 * h), sum);
				sum = _mm256_fmadd_ps(
				    _mm256_mul_ps(
					scale, _mm256_loadu_ps(d + 8 * h)),
				    _mm256_cvtepi32_ps(sums[t][h]), sum);
				_mm256_store_ps(to, sum);
			}
		}
	}
}

#define OWN AVX2 static __attribute__((noinline))

OWN void add_four(const struct step *s)
{
	add_blocks(s, 4, false);
}

OWN void add_four_min(const struct step *s)
{
	add_blocks(s, 4, true);
}

OWN void add_one(const struct step *s)
{
	add_blocks(s, 1, false);
}

OWN void add_one_min(const struct step *s)
{
	add_blocks(s, 1, true);
}

typedef void (*add_fn)(const struct step *s);

/* GCC would clear the sums by "rep stos", which takes longer than a block. */
#if defined(__clang__)
#define NO_STOS
#else
#define NO_STOS __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

/* <tokens> tokens, 1 or 4, from <at> on. */
NO_STOS AVX2 static void multiply_tokens(
    const struct gemm *g, uint32_t at, int tokens, add_fn add)
{
	const struct operand *x = g->x;
	size_t cols = x->cols, blocks = cols / BLOCK_COLS;
	float sums[TOKENS * GROUP_ROWS] __attribute__((aligned(32)));
	struct step s = {
	    .w = g->panel.words,
	    .x = x->words + at * cols + g->first * BLOCK_COLS,
	    .d = g->panel.scales,
	    .m = g->panel.mins,
	    .scales = x->scales + at * blocks + g->first,
	    .totals = x->sums + at * blocks + g->first,
	    .cols = cols,
	    .blocks = blocks,
	    .n = g->n,
	    .sums = sums,
	};

	for (int i = 0; i < TOKENS * GROUP_ROWS; i += 8)
		_mm256_store_ps(sums + i, _mm256_setzero_ps());
	add(&s);
	for (int t = 0; t < tokens; t++)
		put_sums(g, g->out + (at + (size_t)t) * g->pitch,
		    _mm256_load_ps(sums + 16 * t),
		    _mm256_load_ps(sums + 16 * t + 8));
}

static void multiply_panel(const struct gemm *g)
{
	bool has_min = g->panel.mins != NULL;
	uint32_t i = 0, n = g->x->n;

	for (; i + TOKENS <= n; i += TOKENS)
		multiply_tokens(
		    g, i, TOKENS, has_min ? add_four_min : add_four);
	for (; i < n; i++)
		multiply_tokens(g, i, 1, has_min ? add_one_min : add_one);
}

/* The panels of one group, one after the other, in the tile's scratch. */
static void gemm_group(const struct tile *t, uint32_t group)
{
	const struct matrix *w = t->w;
	uint32_t blocks = w->cols / BLOCK_COLS, row = group * GROUP_ROWS;
	uint32_t parts = (blocks + PANEL_BLOCKS - 1) / PANEL_BLOCKS;
	struct gemm g = {
	    .x = t->x,
	    .bias = w->bias ? w->bias + row : NULL,
	    .out = t->out + row,
	    .pitch = w->rows,
	    .rows = w->rows - row < GROUP_ROWS ? w->rows - row : GROUP_ROWS,
	};

	for (uint32_t i = 0; i < parts; i++) {
		uint32_t end = (uint32_t)((uint64_t)blocks * (i + 1) / parts);
		struct panel_job job = {w, group, g.first, end - g.first};

		g.panel.words = t->scratch;
		g.panel.scales = (float *)t->scratch + PANEL_WORDS / 2;
		g.panel.mins = g.panel.scales + PANEL_BLOCKS * GROUP_ROWS;
		g.n = job.n;
		avx2_panel(&job, &g.panel);
		multiply_panel(&g);
		g.first = end;
		g.adds = true;
	}
}

void avx2_gemm(const struct tile *t)
{
	_Static_assert(
	    KERNEL_SCRATCH(0) >=
		PANEL_WORDS * 2 + 2 * PANEL_BLOCKS * GROUP_ROWS * sizeof(float),
	    "a panel fits");

	for (uint32_t row = t->first; row < t->first + t->n; row += GROUP_ROWS)
		gemm_group(t, row / GROUP_ROWS);
}

/*
 * A block of nibbles times 32 words. Of a vector's four pairs two are taken
 * where they stand, in bits 4 .. 7, and their sum is divided by 16 at the end:
 * below 240 x 32767 x 16, so nothing is lost.
 */
AVX2_INLINE void nibble_sums(
    const uint8_t *p, const int16_t *x, __m256i sums[2])
{
	const __m256i low = _mm256_set1_epi16(0xf);
	const __m256i high = _mm256_set1_epi16(0xf0);
	__m256i s[2], by16[2];

	s[0] = s[1] = by16[0] = by16[1] = _mm256_setzero_si256();
#pragma GCC unroll 4
	for (int v = 0; v < 4; v++) {
		__m256i x0 = pair_at(x + 8 * v), x1 = pair_at(x + 8 * v + 2);
		__m256i x2 = pair_at(x + 8 * v + 4);
		__m256i x3 = pair_at(x + 8 * v + 6);

#pragma GCC unroll 2
		for (int h = 0; h < 2; h++) {
			__m256i w = avx2_load(p + 64 * v + 32 * h);
			__m256i up = _mm256_srli_epi16(w, 8);

			s[h] = _mm256_add_epi32(s[h],
			    _mm256_madd_epi16(_mm256_and_si256(w, low), x0));
			by16[h] = _mm256_add_epi32(by16[h],
			    _mm256_madd_epi16(_mm256_and_si256(w, high), x1));
			s[h] = _mm256_add_epi32(s[h],
			    _mm256_madd_epi16(_mm256_and_si256(up, low), x2));
			by16[h] = _mm256_add_epi32(by16[h],
			    _mm256_madd_epi16(_mm256_and_si256(up, high), x3));
		}
	}
	for (int h = 0; h < 2; h++)
		sums[h] = _mm256_add_epi32(s[h], _mm256_srai_epi32(by16[h], 4));
}

AVX2_INLINE void byte_sums(const uint8_t *p, const int16_t *x, __m256i sums[2])
{
	sums[0] = sums[1] = _mm256_setzero_si256();
#pragma GCC unroll 16
	for (int i = 0; i < BLOCK_PAIRS; i++) {
		const __m128i_u *at = (const __m128i_u *)(p + 32 * i);
		__m256i pair = pair_at(x + 2 * i);

		sums[0] = _mm256_add_epi32(sums[0],
		    _mm256_madd_epi16(
			_mm256_cvtepi8_epi16(_mm_loadu_si128(at)), pair));
		sums[1] = _mm256_add_epi32(sums[1],
		    _mm256_madd_epi16(
			_mm256_cvtepi8_epi16(_mm_loadu_si128(at + 1)), pair));
	}
}

/* A group times the operand's only row; <is_nibbles> is a constant. */
AVX2_INLINE void dot_group(
    const struct gemm *g, const uint8_t *p, const bool is_nibbles)
{
	const struct operand *x = g->x;
	uint32_t bytes = is_nibbles ? PACKED_NIBBLES_BYTES : PACKED_BYTES_BYTES;
	__m256 out[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};

	for (uint32_t b = 0; b < g->n; b++, p += bytes) {
		const int16_t *words = x->words + (size_t)b * BLOCK_COLS;
		__m256 s = _mm256_set1_ps(x->scales[b]);
		__m256i sums[2];

		/* Ahead of what the machine fetches by itself. */
		for (uint32_t i = 0; i < bytes; i += 64)
			_mm_prefetch((const char *)p + 2048 + i, _MM_HINT_T0);
		if (is_nibbles)
			nibble_sums(p + 64, words, sums);
		else
			byte_sums(p + 32, words, sums);
#pragma GCC unroll 2
		for (int h = 0; h < 2; h++) {
			out[h] = _mm256_fmadd_ps(
			    _mm256_mul_ps(s, avx2_halves(p + 16 * h)),
			    _mm256_cvtepi32_ps(sums[h]), out[h]);
			if (is_nibbles)
				out[h] =
				    _mm256_fmadd_ps(_mm256_set1_ps(x->sums[b]),
					avx2_halves(p + 32 + 16 * h), out[h]);
		}
	}
	put_sums(g, g->out, out[0], out[1]);
}

AVX2 static void dot_one(
    const struct gemm *g, enum packed_kind kind, const uint8_t *p)
{
	if (kind == PACKED_NIBBLES)
		dot_group(g, p, true);
	else
		dot_group(g, p, false);
}

void avx2_dot_packed(const struct tile *t)
{
	const struct matrix *w = t->w;
	const struct packed *packed = w->packed;

	for (uint32_t row = t->first; row < t->first + t->n;
	     row += GROUP_ROWS) {
		uint32_t rows = w->rows - row;
		struct gemm g = {
		    .x = t->x,
		    .n = packed->blocks,
		    .bias = w->bias ? w->bias + row : NULL,
		    .out = t->out + row,
		    .rows = rows < GROUP_ROWS ? rows : GROUP_ROWS,
		};

		dot_one(&g, packed->kind,
		    packed->data +
			(size_t)(row / GROUP_ROWS) * packed->group_bytes);
	}
}
#else
typedef int avx2_gemm_is_for_x86;
#endif
