/* avx2_packed.c -- packed groups of 16 rows times one token, or a few. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx2.h"

/*
 * The sums of avx2_gemm.c for up to eight tokens at a time, without a panel:
 * pairs of columns are unpacked from nibbles or bytes in registers and meet all
 * the tokens there. Eight rows by eight tokens are eight sums; a pair of
 * columns costs two instructions to unpack and a load, a multiplication and an
 * addition for each token. Zen 3 was measured to do 4.6 thousand million of
 * those triples a second, 74 products a nanosecond; with what a block's end
 * costs 57 are left, where unpacking to a panel first left 40 for eight tokens.
 *
 * One token: 0.45 vector instructions a byte of weights, so memory is the
 * limit: 20 bytes for 32 weights of four bits, 34 of eight.
 *
 * A block's sum is a whole number and exact, and blocks are added up in the
 * order of columns, here and in panels: a token's result has the same bits
 * whatever tokens are computed with it.
 */
#if defined(__x86_64__)

/*
 * Tokens of one pass over a group. Nibbles and eight tokens are more than there
 * are registers for, and still faster than two passes.
 */
#define FEW 8

/* What the machine does not fetch by itself in time, in bytes. */
#define AHEAD 2048

/* A group and some tokens. */
struct few {
	const uint8_t *p;             /* the group's blocks */
	const int16_t *words;         /* the first token's */
	const float *scales, *totals; /* the first token's */
	size_t cols, blocks;          /* from a token to the next */
	float *sums;                  /* (tokens, 16) */
};

/* Pair <k> of four that a vector of nibbles holds; <k> is a constant. */
AVX2_INLINE __m256i nibbles_at(__m256i w, const int k)
{
	const __m256i low = _mm256_set1_epi16(15);

	if (k == 3)
		return _mm256_srli_epi16(w, 12);
	return _mm256_and_si256(_mm256_srli_epi16(w, 4 * k), low);
}

/* Where four pairs of columns, from <col> on, are found. */
struct pairs {
	const uint8_t *p; /* the block */
	const int16_t *const *at;
	int col, half; /* rows 8 <half> and on */
};

/* Pair <k> of the four; the last two are constants. */
AVX2_INLINE __m256i pair_of(
    const struct pairs *f, const bool is_nibbles, const int k)
{
	if (is_nibbles)
		return nibbles_at(
		    avx2_load(f->p + 64 + 8 * f->col + 32 * f->half), k);
	return _mm256_cvtepi8_epi16(
	    _mm_loadu_si128((const __m128i_u *)(f->p + 32 + 16 * f->col +
						32 * k + 16 * f->half)));
}

/* The last two are constants. */
AVX2_INLINE void add_pairs(const struct pairs *f, __m256i sums[FEW],
    const int tokens, const bool is_nibbles)
{
#pragma GCC unroll 4
	for (int k = 0; k < 4; k++) {
		__m256i w = pair_of(f, is_nibbles, k);

#pragma GCC unroll 8
		for (int t = 0; t < tokens; t++) {
			sums[t] = _mm256_add_epi32(
			    sums[t], _mm256_madd_epi16(w,
					 avx2_pair(f->at[t] + f->col + 2 * k)));
			/* In this order: else sums go to the stack. */
			__asm__ volatile("" : "+x"(sums[t]));
		}
	}
}

/*
 * Adds block <b> of rows 8 <half> and on to the sums; <tokens> and <is_nibbles>
 * are constants. Loops are unrolled no further than registers need it.
 */
AVX2_INLINE void add_half(const struct few *f, size_t b, const int tokens,
    const bool is_nibbles, int half)
{
	const uint8_t *p =
	    f->p + b * (is_nibbles ? PACKED_NIBBLES_BYTES : PACKED_BYTES_BYTES);
	__m256 d = avx2_halves(p + 16 * half), m = d;
	const int16_t *at[FEW];
	__m256i sums[FEW];

#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		at[t] = f->words + (size_t)t * f->cols + b * BLOCK_COLS;
		sums[t] = _mm256_setzero_si256();
	}
#pragma GCC unroll 1
	for (int v = 0; v < BLOCK_COLS; v += 8)
		add_pairs(
		    &(struct pairs){p, at, v, half}, sums, tokens, is_nibbles);
	if (is_nibbles)
		m = avx2_halves(p + 32 + 16 * half);
#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		float *to = f->sums + GROUP_ROWS * t + 8 * half;
		size_t block = (size_t)t * f->blocks + b;
		__m256 sum = _mm256_fmadd_ps(
		    _mm256_mul_ps(_mm256_set1_ps(f->scales[block]), d),
		    _mm256_cvtepi32_ps(sums[t]), _mm256_load_ps(to));

		if (is_nibbles)
			sum = _mm256_fmadd_ps(
			    _mm256_set1_ps(f->totals[block]), m, sum);
		_mm256_store_ps(to, sum);
	}
}

/* All the group's blocks; <tokens> and <is_nibbles> are constants. */
AVX2_INLINE void add_group(
    const struct few *few, const int tokens, const bool is_nibbles)
{
	/* A copy: stores of sums could change what is pointed to. */
	const struct few f = *few;
	size_t bytes = is_nibbles ? PACKED_NIBBLES_BYTES : PACKED_BYTES_BYTES;

	for (size_t b = 0; b < f.blocks; b++) {
		const char *next = (const char *)f.p + b * bytes + AHEAD;

		for (size_t i = 0; i < bytes; i += 64)
			_mm_prefetch(next + i, _MM_HINT_T0);
#pragma GCC unroll 1
		for (int half = 0; half < 2; half++)
			add_half(&f, b, tokens, is_nibbles, half);
	}
}

/*
 * A function for each number of tokens: with several in one the compiler lets
 * sums go to the stack.
 */
#define OWN AVX2 static __attribute__((noinline))

OWN void two_nibbles(const struct few *f)
{
	add_group(f, 2, true);
}

OWN void two_bytes(const struct few *f)
{
	add_group(f, 2, false);
}

OWN void three_nibbles(const struct few *f)
{
	add_group(f, 3, true);
}

OWN void three_bytes(const struct few *f)
{
	add_group(f, 3, false);
}

OWN void four_nibbles(const struct few *f)
{
	add_group(f, 4, true);
}

OWN void four_bytes(const struct few *f)
{
	add_group(f, 4, false);
}

OWN void five_nibbles(const struct few *f)
{
	add_group(f, 5, true);
}

OWN void five_bytes(const struct few *f)
{
	add_group(f, 5, false);
}

OWN void six_nibbles(const struct few *f)
{
	add_group(f, 6, true);
}

OWN void six_bytes(const struct few *f)
{
	add_group(f, 6, false);
}

OWN void seven_nibbles(const struct few *f)
{
	add_group(f, 7, true);
}

OWN void seven_bytes(const struct few *f)
{
	add_group(f, 7, false);
}

OWN void eight_nibbles(const struct few *f)
{
	add_group(f, 8, true);
}

OWN void eight_bytes(const struct few *f)
{
	add_group(f, 8, false);
}

typedef void (*few_fn)(const struct few *f);

static const few_fn few_nibbles[FEW + 1] = {NULL, NULL, two_nibbles,
    three_nibbles, four_nibbles, five_nibbles, six_nibbles, seven_nibbles,
    eight_nibbles};

static const few_fn few_bytes[FEW + 1] = {NULL, NULL, two_bytes, three_bytes,
    four_bytes, five_bytes, six_bytes, seven_bytes, eight_bytes};

/*
 * A block of nibbles times one token's 32 words. Of a vector's four pairs two
 * are taken where they stand, in bits 4 .. 7, and their sum is divided by 16 at
 * the end: below 240 x 32767 x 16, so nothing is lost.
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
		__m256i x0 = avx2_pair(x + 8 * v);
		__m256i x1 = avx2_pair(x + 8 * v + 2);
		__m256i x2 = avx2_pair(x + 8 * v + 4);
		__m256i x3 = avx2_pair(x + 8 * v + 6);

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
	for (int i = 0; i < BLOCK_COLS / 2; i++) {
		const __m128i_u *at = (const __m128i_u *)(p + 32 * i);
		__m256i pair = avx2_pair(x + 2 * i);

		sums[0] = _mm256_add_epi32(sums[0],
		    _mm256_madd_epi16(
			_mm256_cvtepi8_epi16(_mm_loadu_si128(at)), pair));
		sums[1] = _mm256_add_epi32(sums[1],
		    _mm256_madd_epi16(
			_mm256_cvtepi8_epi16(_mm_loadu_si128(at + 1)), pair));
	}
}

/* The first token's sums; <is_nibbles> is a constant. */
AVX2_INLINE void add_single(const struct few *f, const bool is_nibbles)
{
	uint32_t bytes = is_nibbles ? PACKED_NIBBLES_BYTES : PACKED_BYTES_BYTES;
	__m256 out[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
	const uint8_t *p = f->p;

	for (size_t b = 0; b < f->blocks; b++, p += bytes) {
		const int16_t *words = f->words + b * BLOCK_COLS;
		__m256 scale = _mm256_set1_ps(f->scales[b]);
		__m256i sums[2];

		for (uint32_t i = 0; i < bytes; i += 64)
			_mm_prefetch((const char *)p + AHEAD + i, _MM_HINT_T0);
		if (is_nibbles)
			nibble_sums(p + 64, words, sums);
		else
			byte_sums(p + 32, words, sums);
#pragma GCC unroll 2
		for (int h = 0; h < 2; h++) {
			out[h] = _mm256_fmadd_ps(
			    _mm256_mul_ps(scale, avx2_halves(p + 16 * h)),
			    _mm256_cvtepi32_ps(sums[h]), out[h]);
			if (is_nibbles)
				out[h] = _mm256_fmadd_ps(
				    _mm256_set1_ps(f->totals[b]),
				    avx2_halves(p + 32 + 16 * h), out[h]);
		}
	}
	_mm256_store_ps(f->sums, out[0]);
	_mm256_store_ps(f->sums + 8, out[1]);
}

OWN void add_one(const struct few *f, bool is_nibbles)
{
	if (is_nibbles)
		add_single(f, true);
	else
		add_single(f, false);
}

/* Tokens <at> .. <at> + tokens - 1 times the group whose first row is <row>. */
AVX2 static void multiply_group(
    const struct tile *t, uint32_t row, uint32_t at, uint32_t tokens)
{
	const struct packed *packed = t->w->packed;
	const struct operand *x = t->x;
	bool is_nibbles = packed->kind == PACKED_NIBBLES;
	size_t blocks = packed->blocks;
	float sums[FEW * GROUP_ROWS] __attribute__((aligned(32)));
	struct few f = {
	    .p =
		packed->data + (size_t)(row / GROUP_ROWS) * packed->group_bytes,
	    .words = x->words + (size_t)at * x->cols,
	    .scales = x->scales + at * blocks,
	    .totals = x->sums + at * blocks,
	    .cols = x->cols,
	    .blocks = blocks,
	    .sums = sums,
	};

	avx2_clear(sums, tokens * GROUP_ROWS);
	if (tokens == 1)
		add_one(&f, is_nibbles);
	else
		(is_nibbles ? few_nibbles : few_bytes)[tokens](&f);
	for (uint32_t i = 0; i < tokens; i++)
		avx2_put_group(&(struct group_out){
		    .out = t->out + (size_t)(at + i) * t->w->rows + row,
		    .sums = sums + (size_t)GROUP_ROWS * i,
		    .bias = t->w->bias ? t->w->bias + row : NULL,
		    .rows = t->w->rows - row,
		});
}

void avx2_packed(const struct tile *t)
{
	uint32_t n = t->x->n;
	uint32_t parts = (n + FEW - 1) / FEW;

	for (uint32_t row = t->first; row < t->first + t->n;
	     row += GROUP_ROWS) {
		for (uint32_t i = 0, at = 0; i < parts; i++) {
			uint32_t end = n * (i + 1) / parts;

			multiply_group(t, row, at, end - at);
			at = end;
		}
	}
}
#else
typedef int avx2_packed_is_for_x86;
#endif
