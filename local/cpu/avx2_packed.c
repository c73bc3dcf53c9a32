/* avx2_packed.c -- packed groups of 16 rows times one token, or a few. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx2_few.h"

/*
 * The sums of avx2_gemm.c for a few tokens at a time, without a panel: pairs of
 * columns are unpacked from nibbles or bytes in registers and meet the tokens
 * there. A pair costs six instructions to unpack, a load for each token and,
 * for eight rows and a token, a multiplication and an addition. Zen 3 does 1.6
 * of these couples a cycle, 82 products a nanosecond; 63 are reached. (Eight
 * rows by eight tokens, with twice the loads, reached 56.)
 *
 * One token: 0.45 vector instructions a byte of weights, so memory is the
 * limit: 20 bytes for 32 weights of four bits, 34 of eight.
 */
#if defined(__x86_64__)

/* Pair <k> of four that a vector of nibbles holds; <k> is a constant. */
AVX2_INLINE __m256i nibbles_at(__m256i w, const int k)
{
	const __m256i low = _mm256_set1_epi16(15);

	if (k == 3)
		return _mm256_srli_epi16(w, 12);
	return _mm256_and_si256(_mm256_srli_epi16(w, 4 * k), low);
}

/* Eight rows' bytes of a pair as words. */
AVX2_INLINE __m256i bytes_at(const uint8_t *p)
{
	return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i_u *)p));
}

/* Pair <i> of the block at <p>, 16 rows; the last two are constants. */
AVX2_INLINE struct few_ints pair_of(
    const uint8_t *p, const int i, const bool is_nibbles)
{
	if (!is_nibbles)
		return (struct few_ints){
		    bytes_at(p + 32 + 32 * i), bytes_at(p + 48 + 32 * i)};
	p += 64 + 64 * (i / 4);
	return (struct few_ints){nibbles_at(avx2_load(p), i % 4),
	    nibbles_at(avx2_load(p + 32), i % 4)};
}

/* Adds block <b>; the last two are constants. */
AVX2_INLINE void add_block(const struct few *f, size_t b,
    struct few_floats to[FEW], const int tokens, const bool is_nibbles)
{
	const uint8_t *p =
	    f->p + b * (is_nibbles ? PACKED_NIBBLES_BYTES : PACKED_BYTES_BYTES);
	struct few_floats d, m;
	struct few_ints sums[FEW];
	const int16_t *at[FEW];

#pragma GCC unroll 4
	for (int t = 0; t < tokens; t++) {
		at[t] = f->words + (size_t)t * f->cols + b * BLOCK_COLS;
		sums[t] = few_none();
	}
#pragma GCC unroll 16
	for (int i = 0; i < BLOCK_COLS / 2; i++) {
		struct few_ints w = pair_of(p, i, is_nibbles);

#pragma GCC unroll 4
		for (int t = 0; t < tokens; t++) {
			__m256i x = avx2_pair(at[t] + 2 * i);

			sums[t].low = _mm256_add_epi32(
			    sums[t].low, _mm256_madd_epi16(w.low, x));
			sums[t].high = _mm256_add_epi32(
			    sums[t].high, _mm256_madd_epi16(w.high, x));
			few_keep(&sums[t]);
		}
	}
	d = m = few_halves(p);
	if (is_nibbles)
		m = few_halves(p + 32);
#pragma GCC unroll 4
	for (int t = 0; t < tokens; t++) {
		size_t block = (size_t)t * f->blocks + b;

		to[t] = few_scaled(to[t], f->scales[block], d, sums[t]);
		if (is_nibbles)
			to[t] = few_plus(to[t], f->totals[block], m);
	}
}

/* All the group's blocks; <tokens> and <is_nibbles> are constants. */
AVX2_INLINE void add_group(
    const struct few *few, const int tokens, const bool is_nibbles)
{
	const struct few f = *few;
	const size_t bytes =
	    is_nibbles ? PACKED_NIBBLES_BYTES : PACKED_BYTES_BYTES;

	struct few_floats to[FEW];

	few_begin(to, tokens);
	for (size_t b = 0; b < f.blocks; b++) {
		few_prefetch(f.p + b * bytes, bytes);
		add_block(&f, b, to, tokens, is_nibbles);
	}
	few_end(&f, to, tokens);
}

FEW_OWN void two_nibbles(const struct few *f)
{
	add_group(f, 2, true);
}

FEW_OWN void two_bytes(const struct few *f)
{
	add_group(f, 2, false);
}

FEW_OWN void three_nibbles(const struct few *f)
{
	add_group(f, 3, true);
}

FEW_OWN void three_bytes(const struct few *f)
{
	add_group(f, 3, false);
}

FEW_OWN void four_nibbles(const struct few *f)
{
	add_group(f, 4, true);
}

FEW_OWN void four_bytes(const struct few *f)
{
	add_group(f, 4, false);
}

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

/* One token's products; <is_nibbles> is a constant. */
AVX2_INLINE void add_single(const struct few *f, const bool is_nibbles)
{
	const size_t bytes =
	    is_nibbles ? PACKED_NIBBLES_BYTES : PACKED_BYTES_BYTES;
	__m256 out[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
	const uint8_t *p = f->p;

	for (size_t b = 0; b < f->blocks; b++, p += bytes) {
		const int16_t *words = f->words + b * BLOCK_COLS;
		__m256 scale = _mm256_set1_ps(f->scales[b]);
		__m256i sums[2];

		few_prefetch(p, bytes);
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
	_mm256_storeu_ps(f->out, out[0]);
	_mm256_storeu_ps(f->out + 8, out[1]);
}

FEW_OWN void one_nibbles(const struct few *f)
{
	add_single(f, true);
}

FEW_OWN void one_bytes(const struct few *f)
{
	add_single(f, false);
}

/* Tokens whose operands stay in first-level cache beside a group. */
#define MANY 32

/* Tokens <at> .. <at> + n - 1 times the group whose first row is <row>. */
AVX2 static void multiply_group(
    const struct tile *t, few_fn add, uint32_t row, uint32_t at, uint32_t n)
{
	const struct packed *packed = t->w->packed;
	const struct operand *x = t->x;
	size_t blocks = packed->blocks;
	float *out = t->out + (size_t)at * t->w->rows + row;
	const bool is_whole = !t->w->bias && t->w->rows - row >= GROUP_ROWS;
	float sums[FEW * GROUP_ROWS] __attribute__((aligned(32)));

	add(&(struct few){
	    .p =
		packed->data + (size_t)(row / GROUP_ROWS) * packed->group_bytes,
	    .words = x->words + (size_t)at * x->cols,
	    .bytes = x->bytes ? x->bytes + (size_t)at * x->cols : NULL,
	    .scales = x->scales + at * blocks,
	    .totals = x->sums + at * blocks,
	    .cols = x->cols,
	    .blocks = blocks,
	    .out = is_whole ? out : sums,
	    .rows = is_whole ? t->w->rows : GROUP_ROWS,
	});
	if (is_whole)
		return;
	for (uint32_t i = 0; i < n; i++)
		avx2_put_group(&(struct group_out){
		    .out = out + (size_t)i * t->w->rows,
		    .sums = sums + (size_t)GROUP_ROWS * i,
		    .bias = t->w->bias ? t->w->bias + row : NULL,
		    .rows = t->w->rows - row,
		});
}

/* Tokens <at> .. <at> + n - 1 times all of the tile's groups. */
AVX2 static void multiply_some(
    const struct tile *t, const few_fn of[FEW + 1], uint32_t at, uint32_t n)
{
	uint32_t parts = (n + FEW - 1) / FEW;

	for (uint32_t row = t->first; row < t->first + t->n;
	     row += GROUP_ROWS) {
		for (uint32_t i = 0; i < parts; i++) {
			uint32_t from = n * i / parts;
			uint32_t some = n * (i + 1) / parts - from;

			multiply_group(t, of[some], row, at + from, some);
		}
	}
}

void avx2_few_groups(const struct tile *t, const few_fn of[FEW + 1])
{
	uint32_t n = t->x->n;

	for (uint32_t at = 0; at < n; at += MANY)
		multiply_some(t, of, at, n - at < MANY ? n - at : MANY);
}

void avx2_packed(const struct tile *t)
{
	const struct packed *packed = t->w->packed;
	static const few_fn of_nibbles[FEW + 1] = {
	    NULL, one_nibbles, two_nibbles, three_nibbles, four_nibbles};
	static const few_fn of_bytes[FEW + 1] = {
	    NULL, one_bytes, two_bytes, three_bytes, four_bytes};

	avx2_few_groups(
	    t, packed->kind == PACKED_NIBBLES ? of_nibbles : of_bytes);
}
#else
typedef int avx2_packed_is_for_x86;
#endif
