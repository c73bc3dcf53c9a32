/* avx2_gemm.c -- groups of 16 weight rows times many tokens. */
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
 * Few tokens and packed weights: avx2_packed.c.
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
	const float *bias; /* of the group, added by the last panel; or NULL */
	float *out;        /* the group's first column */
	size_t pitch;      /* floats between rows of out */
	uint32_t rows;     /* from the group's first on */
	bool adds;         /* to what earlier panels of the group gave */
};

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
			__m256i pair = avx2_pair(at[t] + 2 * p);

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

				sum = _mm256_fmadd_ps(
				    _mm256_mul_ps(
					scale, _mm256_loadu_ps(d + 8 * h)),
				    _mm256_cvtepi32_ps(sums[t][h]), sum);
				if (has_min)
					sum = _mm256_fmadd_ps(total,
					    _mm256_loadu_ps(m + 8 * h), sum);
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

/* <tokens> tokens, 1 or 4, from <at> on. */
AVX2 static void multiply_tokens(
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

	avx2_clear(sums, TOKENS * GROUP_ROWS);
	for (int t = 0; t < tokens && g->adds; t++)
		memcpy(sums + 16 * t, g->out + (at + (size_t)t) * g->pitch,
		    (g->rows < GROUP_ROWS ? g->rows : GROUP_ROWS) *
			sizeof(*sums));
	add(&s);
	for (int t = 0; t < tokens; t++)
		avx2_put_group(&(struct group_out){
		    .out = g->out + (at + (size_t)t) * g->pitch,
		    .sums = sums + 16 * t,
		    .bias = g->bias,
		    .rows = g->rows,
		});
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
	    .out = t->out + row,
	    .pitch = w->rows,
	    .rows = w->rows - row,
	};

	for (uint32_t i = 0; i < parts; i++) {
		uint32_t end = (uint32_t)((uint64_t)blocks * (i + 1) / parts);
		struct panel_job job = {w, group, g.first, end - g.first};

		g.panel.words = t->scratch;
		g.panel.scales = (float *)t->scratch + PANEL_WORDS / 2;
		g.panel.mins = g.panel.scales + PANEL_BLOCKS * GROUP_ROWS;
		g.n = job.n;
		if (i + 1 == parts && w->bias)
			g.bias = w->bias + row;
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
#else
typedef int avx2_gemm_is_for_x86;
#endif
