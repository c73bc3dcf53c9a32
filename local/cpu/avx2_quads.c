/* avx2_quads.c -- groups of 16 rows times tokens of eight bits a value. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx2.h"

/*
 * For operands of eight bits (--int8): twice the speed of words, at a loss.
 *vpmaddubsw multiplies unsigned bytes with signed ones and adds neighbours; a
 *lane of 32 bits is a row, a broadcast quad of columns meets eight rows. 16-bit
 *sums hold
 *
 *	nibbles times -127 .. 127:   8 x 2 x 15 x 127 = 30480
 *	-63 .. 63 times 0 .. 127:    2 x 2 x 63 x 127 = 32004
 *
 * that is all eight quads of a block, or two, before they are widened by
 * vpmaddwd with ones. In the second case the operand is -63 .. 63 and 64 is
 * added to make it unsigned; what that adds to a block's sum, 64 times the
 * weights' sum, is known when they are packed and taken off again with m.
 *
 * Eight rows by up to eight tokens at a time, as in avx2_packed.c. All whole
 * numbers are exact and blocks are added up in one order: a token's result has
 * the same bits in any company. Of 22 vector instructions for 256 products 17
 * are the products'; sixteen rows by four tokens, sums kept in registers from
 * block to block, or fewer loads were no faster.
 */
#if defined(__x86_64__)

#define FEW 8
#define QUADS (BLOCK_COLS / 4)
#define AHEAD 2048

/* A group and some tokens. */
struct quads {
	const uint8_t *p;             /* the group's blocks */
	const uint8_t *bytes;         /* (tokens, cols) */
	const float *scales, *totals; /* the first token's */
	size_t cols, blocks;          /* from a token to the next */
	float *sums;                  /* (tokens, 16) */
};

/* Four bytes that follow each other, in every lane. */
AVX2_INLINE __m256i quad_at(const uint8_t *x)
{
	int32_t quad;

	memcpy(&quad, x, sizeof(quad));
	return _mm256_set1_epi32(quad);
}

/* One block's whole numbers of eight rows; <tokens> is a constant. */
AVX2_INLINE void sum_nibbles(const uint8_t *w, const uint8_t *const at[FEW],
    __m256i sums[FEW], const int tokens)
{
	const __m256i low = _mm256_set1_epi8(15);

#pragma GCC unroll 4
	for (int q = 0; q < QUADS; q += 2) {
		__m256i u = avx2_load(w + 16 * q);
		__m256i v = _mm256_and_si256(_mm256_srli_epi16(u, 4), low);

		u = _mm256_and_si256(u, low);
#pragma GCC unroll 8
		for (int t = 0; t < tokens; t++) {
			sums[t] = _mm256_add_epi16(sums[t],
			    _mm256_maddubs_epi16(u, quad_at(at[t] + 4 * q)));
			sums[t] = _mm256_add_epi16(
			    sums[t], _mm256_maddubs_epi16(
					 v, quad_at(at[t] + 4 * q + 4)));
			/* In this order: else sums go to the stack. */
			__asm__ volatile("" : "+x"(sums[t]));
		}
	}
#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++)
		sums[t] = _mm256_madd_epi16(sums[t], _mm256_set1_epi16(1));
}

AVX2_INLINE void sum_sevens(const uint8_t *w, const uint8_t *const at[FEW],
    __m256i sums[FEW], const int tokens)
{
	const __m256i ones = _mm256_set1_epi16(1);

#pragma GCC unroll 1
	for (int q = 0; q < QUADS; q += 2) {
		__m256i u = avx2_load(w + 32 * q);
		__m256i v = avx2_load(w + 32 * q + 32);

#pragma GCC unroll 8
		for (int t = 0; t < tokens; t++) {
			__m256i two = _mm256_add_epi16(
			    _mm256_maddubs_epi16(quad_at(at[t] + 4 * q), u),
			    _mm256_maddubs_epi16(
				quad_at(at[t] + 4 * q + 4), v));

			sums[t] = _mm256_add_epi32(
			    sums[t], _mm256_madd_epi16(two, ones));
			__asm__ volatile("" : "+x"(sums[t]));
		}
	}
}

/*
 * Adds block <b> of rows 8 <half> and on to the sums; <tokens> and <is_nibbles>
 * are constants. Loops are unrolled no further than registers need it.
 */
AVX2_INLINE void add_half(const struct quads *g, size_t b, const int tokens,
    const bool is_nibbles, int half)
{
	const uint8_t *p =
	    g->p + b * (is_nibbles ? PACKED_QUADS_BYTES : PACKED_SEVENS_BYTES);
	const uint8_t *at[FEW];
	__m256i sums[FEW];
	__m256 d, m;

#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		at[t] = g->bytes + (size_t)t * g->cols + b * BLOCK_COLS;
		sums[t] = _mm256_setzero_si256();
	}
	if (is_nibbles) {
		sum_nibbles(p + 64 + 128 * half, at, sums, tokens);
		d = avx2_halves(p + 16 * half);
		m = avx2_halves(p + 32 + 16 * half);
	} else {
		sum_sevens(p + 128 + 256 * half, at, sums, tokens);
		d = _mm256_castsi256_ps(avx2_load(p + 32 * half));
		m = _mm256_castsi256_ps(avx2_load(p + 64 + 32 * half));
	}
#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		float *to = g->sums + GROUP_ROWS * t + 8 * half;
		size_t block = (size_t)t * g->blocks + b;
		__m256 scale = _mm256_set1_ps(g->scales[block]);
		__m256 sum = _mm256_load_ps(to),
		       v = _mm256_cvtepi32_ps(sums[t]);

		if (is_nibbles) {
			sum = _mm256_fmadd_ps(_mm256_mul_ps(scale, d), v, sum);
			sum = _mm256_fmadd_ps(
			    _mm256_set1_ps(g->totals[block]), m, sum);
		} else {
			sum = _mm256_fmadd_ps(
			    scale, _mm256_fmadd_ps(d, v, m), sum);
		}
		_mm256_store_ps(to, sum);
	}
}

/* All the group's blocks; <tokens> and <is_nibbles> are constants. */
AVX2_INLINE void add_group(
    const struct quads *quads, const int tokens, const bool is_nibbles)
{
	/* A copy: stores of sums could change what is pointed to. */
	const struct quads g = *quads;
	size_t bytes = is_nibbles ? PACKED_QUADS_BYTES : PACKED_SEVENS_BYTES;

	for (size_t b = 0; b < g.blocks; b++) {
		const char *next = (const char *)g.p + b * bytes + AHEAD;

		for (size_t i = 0; i < bytes; i += 64)
			_mm_prefetch(next + i, _MM_HINT_T0);
#pragma GCC unroll 1
		for (int half = 0; half < 2; half++)
			add_half(&g, b, tokens, is_nibbles, half);
	}
}

/* A function for each number of tokens: see avx2_packed.c. */
#define OWN AVX2 static __attribute__((noinline))

OWN void one_nibbles(const struct quads *g)
{
	add_group(g, 1, true);
}

OWN void one_sevens(const struct quads *g)
{
	add_group(g, 1, false);
}

OWN void two_nibbles(const struct quads *g)
{
	add_group(g, 2, true);
}

OWN void two_sevens(const struct quads *g)
{
	add_group(g, 2, false);
}

OWN void three_nibbles(const struct quads *g)
{
	add_group(g, 3, true);
}

OWN void three_sevens(const struct quads *g)
{
	add_group(g, 3, false);
}

OWN void four_nibbles(const struct quads *g)
{
	add_group(g, 4, true);
}

OWN void four_sevens(const struct quads *g)
{
	add_group(g, 4, false);
}

OWN void five_nibbles(const struct quads *g)
{
	add_group(g, 5, true);
}

OWN void five_sevens(const struct quads *g)
{
	add_group(g, 5, false);
}

OWN void six_nibbles(const struct quads *g)
{
	add_group(g, 6, true);
}

OWN void six_sevens(const struct quads *g)
{
	add_group(g, 6, false);
}

OWN void seven_nibbles(const struct quads *g)
{
	add_group(g, 7, true);
}

OWN void seven_sevens(const struct quads *g)
{
	add_group(g, 7, false);
}

OWN void eight_nibbles(const struct quads *g)
{
	add_group(g, 8, true);
}

OWN void eight_sevens(const struct quads *g)
{
	add_group(g, 8, false);
}

typedef void (*quads_fn)(const struct quads *g);

static const quads_fn of_nibbles[FEW + 1] = {NULL, one_nibbles, two_nibbles,
    three_nibbles, four_nibbles, five_nibbles, six_nibbles, seven_nibbles,
    eight_nibbles};

static const quads_fn of_sevens[FEW + 1] = {NULL, one_sevens, two_sevens,
    three_sevens, four_sevens, five_sevens, six_sevens, seven_sevens,
    eight_sevens};

AVX2 static void multiply_group(
    const struct tile *t, uint32_t row, uint32_t at, uint32_t n)
{
	const struct packed *packed = t->w->packed;
	size_t blocks = packed->blocks;
	float sums[FEW * GROUP_ROWS] __attribute__((aligned(32)));
	struct quads g = {
	    .p =
		packed->data + (size_t)(row / GROUP_ROWS) * packed->group_bytes,
	    .bytes = t->x->bytes + at * (size_t)t->x->cols,
	    .scales = t->x->scales + at * blocks,
	    .totals = t->x->sums + at * blocks,
	    .cols = t->x->cols,
	    .blocks = blocks,
	    .sums = sums,
	};

	avx2_clear(sums, n * GROUP_ROWS);
	(packed->kind == PACKED_QUADS ? of_nibbles : of_sevens)[n](&g);
	for (uint32_t i = 0; i < n; i++)
		avx2_put_group(&(struct group_out){
		    .out = t->out + (size_t)(at + i) * t->w->rows + row,
		    .sums = sums + (size_t)GROUP_ROWS * i,
		    .bias = t->w->bias ? t->w->bias + row : NULL,
		    .rows = t->w->rows - row,
		});
}

void avx2_quads(const struct tile *t)
{
	uint32_t n = t->x->n, parts = (n + FEW - 1) / FEW;

	for (uint32_t i = 0; i < parts; i++) {
		uint32_t at = (uint32_t)((uint64_t)n * i / parts);
		uint32_t end = (uint32_t)((uint64_t)n * (i + 1) / parts);

		for (uint32_t row = t->first; row < t->first + t->n;
		     row += GROUP_ROWS)
			multiply_group(t, row, at, end - at);
	}
}

/* A block's column <c> of row <r>. */
static int word_at(const struct panel *panel, int r, int c)
{
	return panel->words[c / 2 * 2 * GROUP_ROWS + 2 * r + c % 2];
}

AVX2 static void pack_quads(const struct panel *panel, uint8_t *p)
{
	avx2_put_halves(panel->scales, p);
	avx2_put_halves(panel->mins, p + 32);
	for (int i = 0; i < 256; i++) {
		int half = i / 128, v = i / 32 % 4, r = 8 * half + i / 4 % 8;
		int c = 8 * v + i % 4;

		p[64 + i] = (uint8_t)(word_at(panel, r, c) |
				      word_at(panel, r, c + 4) << 4);
	}
}

/* The words' largest is BLOCK_LIMIT and becomes SEVENS_LIMIT. */
static void pack_sevens(const struct panel *panel, uint8_t *p)
{
	const int step = (BLOCK_LIMIT + SEVENS_LIMIT - 1) / SEVENS_LIMIT;
	float d[GROUP_ROWS], m[GROUP_ROWS];

	for (int r = 0; r < GROUP_ROWS; r++) {
		int sum = 0;

		for (int c = 0; c < BLOCK_COLS; c++) {
			int word = word_at(panel, r, c);
			int q = (word + (word < 0 ? -step : step) / 2) / step;

			sum += q;
			p[128 + 256 * (r / 8) + c / 4 * 32 + r % 8 * 4 +
			    c % 4] = (uint8_t)(int8_t)q;
		}
		d[r] = panel->scales[r] * (float)step;
		m[r] = -SEVENS_OFFSET * d[r] * (float)sum;
	}
	memcpy(p, d, sizeof(d));
	memcpy(p + sizeof(d), m, sizeof(m));
}

void avx2_pack_short(
    enum packed_kind kind, const struct panel *panel, uint8_t *p)
{
	if (kind == PACKED_QUADS)
		pack_quads(panel, p);
	else
		pack_sevens(panel, p);
}
#else
typedef int avx2_quads_is_for_x86;
#endif
