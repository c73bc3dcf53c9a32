/* avx2_quads.c -- groups of 16 rows times tokens of eight bits a value. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx2_few.h"

/*
 * For operands of eight bits (--int8): twice the speed of words, at a loss. A
 * lane of 32 bits is a row, a broadcast quad of columns meets eight rows:
 * vpmaddubsw multiplies unsigned bytes with signed ones and adds neighbours.
 * Sums in 16 bits hold
 *
 *	nibbles times -127 .. 127:   8 x 2 x 15 x 127 = 30480
 *	-63 .. 63 times 0 .. 127:    2 x 2 x 63 x 127 = 32004
 *
 * that is all eight quads of a block, or two, before they are widened by
 * vpmaddwd with ones. In the second case the operand is -63 .. 63 and 64 is
 * added to make it unsigned; what that adds to a block's sum, 64 times the
 * weights' sum, is known when they are packed and taken off again with m.
 *
 * Sixteen rows by up to four tokens at a time, as in avx2_packed.c: of 24
 * vector instructions for 256 products of nibbles 16 are the products'.
 */
#if defined(__x86_64__)

#define QUADS (BLOCK_COLS / 4)

/* Four bytes that follow each other, in every lane. */
AVX2_INLINE __m256i quad_at(const uint8_t *x)
{
	int32_t quad;

	memcpy(&quad, x, sizeof(quad));
	return _mm256_set1_epi32(quad);
}

/* Products of a quad of weights, which are unsigned, in 16 bits. */
AVX2_INLINE struct few_ints products(struct few_ints w, __m256i x)
{
	return (struct few_ints){
	    _mm256_maddubs_epi16(w.low, x), _mm256_maddubs_epi16(w.high, x)};
}

AVX2_INLINE struct few_ints sum_of(struct few_ints a, struct few_ints b)
{
	return (struct few_ints){
	    _mm256_add_epi16(a.low, b.low), _mm256_add_epi16(a.high, b.high)};
}

/* Sums in 16 bits, two to a row, become one. */
AVX2_INLINE struct few_ints widened(struct few_ints sums)
{
	const __m256i ones = _mm256_set1_epi16(1);

	return (struct few_ints){_mm256_madd_epi16(sums.low, ones),
	    _mm256_madd_epi16(sums.high, ones)};
}

/* A block of nibbles at <w> times tokens; <tokens> is a constant. */
AVX2_INLINE void sum_nibbles(const uint8_t *w, const uint8_t *const at[FEW],
    struct few_ints sums[FEW], const int tokens)
{
	const __m256i mask = _mm256_set1_epi8(15);

#pragma GCC unroll 8
	for (int q = 0; q < QUADS; q++) {
		__m256i low = avx2_load(w + 32 * (q / 2));
		__m256i high = avx2_load(w + 32 * (q / 2) + 128);
		struct few_ints quad;

		if (q % 2) {
			low = _mm256_srli_epi16(low, 4);
			high = _mm256_srli_epi16(high, 4);
		}
		quad = (struct few_ints){
		    _mm256_and_si256(low, mask), _mm256_and_si256(high, mask)};
#pragma GCC unroll 4
		for (int t = 0; t < tokens; t++) {
			struct few_ints more =
			    products(quad, quad_at(at[t] + 4 * q));

			sums[t] = q ? sum_of(sums[t], more) : more;
			few_keep(&sums[t]);
		}
	}
#pragma GCC unroll 4
	for (int t = 0; t < tokens; t++)
		sums[t] = widened(sums[t]);
}

/* Two quads of weights times a token's two, which are unsigned here. */
AVX2_INLINE __m256i two_sevens_of(
    __m256i w, __m256i next, __m256i x, __m256i next_x)
{
	return _mm256_madd_epi16(_mm256_add_epi16(_mm256_maddubs_epi16(x, w),
				     _mm256_maddubs_epi16(next_x, next)),
	    _mm256_set1_epi16(1));
}

/* The same of sevens. */
AVX2_INLINE void sum_sevens(const uint8_t *w, const uint8_t *const at[FEW],
    struct few_ints sums[FEW], const int tokens)
{
#pragma GCC unroll 4
	for (int t = 0; t < tokens; t++)
		sums[t] = few_none();
#pragma GCC unroll 1
	for (int q = 0; q < QUADS; q += 2) {
		struct few_ints even = {
		    avx2_load(w + 32 * q), avx2_load(w + 32 * q + 256)};
		struct few_ints odd = {
		    avx2_load(w + 32 * q + 32), avx2_load(w + 32 * q + 288)};

		few_keep(&even);
		few_keep(&odd);
#pragma GCC unroll 4
		for (int t = 0; t < tokens; t++) {
			__m256i x = quad_at(at[t] + 4 * q);
			__m256i next = quad_at(at[t] + 4 * q + 4);

			sums[t].low = _mm256_add_epi32(sums[t].low,
			    two_sevens_of(even.low, odd.low, x, next));
			sums[t].high = _mm256_add_epi32(sums[t].high,
			    two_sevens_of(even.high, odd.high, x, next));
			few_keep(&sums[t]);
		}
	}
}

/* Where block <b> of each token is; <tokens> is a constant. */
AVX2_INLINE void find_block(
    const struct few *f, size_t b, const uint8_t *at[FEW], const int tokens)
{
#pragma GCC unroll 4
	for (int t = 0; t < tokens; t++)
		at[t] = f->bytes + (size_t)t * f->cols + b * BLOCK_COLS;
}

/* Adds block <b> of nibbles; <tokens> is a constant. */
AVX2_INLINE void add_nibbles(
    const struct few *f, size_t b, struct few_floats to[FEW], const int tokens)
{
	const uint8_t *p = f->p + b * PACKED_QUADS_BYTES;
	struct few_ints sums[FEW];
	struct few_floats d, m;
	const uint8_t *at[FEW];

	find_block(f, b, at, tokens);
	sum_nibbles(p + 64, at, sums, tokens);
	d = few_halves(p);
	m = few_halves(p + 32);
#pragma GCC unroll 4
	for (int t = 0; t < tokens; t++) {
		size_t block = (size_t)t * f->blocks + b;

		to[t] =
		    few_plus(few_scaled(to[t], f->scales[block], d, sums[t]),
			f->totals[block], m);
	}
}

/* The same of sevens, whose m is of the operand's scale. */
AVX2_INLINE void add_sevens(
    const struct few *f, size_t b, struct few_floats to[FEW], const int tokens)
{
	const uint8_t *p = f->p + b * PACKED_SEVENS_BYTES;
	const float *d = (const float *)(const void *)p, *m = d + GROUP_ROWS;
	const uint8_t *at[FEW];
	struct few_ints sums[FEW];

	find_block(f, b, at, tokens);
	sum_sevens(p + 128, at, sums, tokens);
#pragma GCC unroll 4
	for (int t = 0; t < tokens; t++) {
		__m256 scale =
		    _mm256_set1_ps(f->scales[(size_t)t * f->blocks + b]);
		__m256 low = _mm256_fmadd_ps(_mm256_load_ps(d),
		    _mm256_cvtepi32_ps(sums[t].low), _mm256_load_ps(m));
		__m256 high = _mm256_fmadd_ps(_mm256_load_ps(d + 8),
		    _mm256_cvtepi32_ps(sums[t].high), _mm256_load_ps(m + 8));

		to[t] =
		    (struct few_floats){_mm256_fmadd_ps(scale, low, to[t].low),
			_mm256_fmadd_ps(scale, high, to[t].high)};
	}
}

/* All the group's blocks; <tokens> and <is_nibbles> are constants. */
AVX2_INLINE void add_group(
    const struct few *few, const int tokens, const bool is_nibbles)
{
	const struct few f = *few;
	const size_t bytes =
	    is_nibbles ? PACKED_QUADS_BYTES : PACKED_SEVENS_BYTES;

	struct few_floats to[FEW];

	few_begin(to, tokens);
	for (size_t b = 0; b < f.blocks; b++) {
		few_prefetch(f.p + b * bytes, bytes);
		if (is_nibbles)
			add_nibbles(&f, b, to, tokens);
		else
			add_sevens(&f, b, to, tokens);
	}
	few_end(&f, to, tokens);
}

FEW_OWN void one_nibbles(const struct few *f)
{
	add_group(f, 1, true);
}

FEW_OWN void one_sevens(const struct few *f)
{
	add_group(f, 1, false);
}

FEW_OWN void two_nibbles(const struct few *f)
{
	add_group(f, 2, true);
}

FEW_OWN void two_sevens(const struct few *f)
{
	add_group(f, 2, false);
}

FEW_OWN void three_nibbles(const struct few *f)
{
	add_group(f, 3, true);
}

FEW_OWN void three_sevens(const struct few *f)
{
	add_group(f, 3, false);
}

FEW_OWN void four_nibbles(const struct few *f)
{
	add_group(f, 4, true);
}

FEW_OWN void four_sevens(const struct few *f)
{
	add_group(f, 4, false);
}

void avx2_quads(const struct tile *t)
{
	const struct packed *packed = t->w->packed;
	static const few_fn of_nibbles[FEW + 1] = {
	    NULL, one_nibbles, two_nibbles, three_nibbles, four_nibbles};
	static const few_fn of_sevens[FEW + 1] = {
	    NULL, one_sevens, two_sevens, three_sevens, four_sevens};

	avx2_few_groups(
	    t, packed->kind == PACKED_QUADS ? of_nibbles : of_sevens);
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
