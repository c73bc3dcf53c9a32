/* avx2_blend.c -- the products of attention with AVX2 and FMA. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx2.h"

/*
 * c (m, n) = a (m, k) times b (k, n) in F32, where rows of a and c are queries
 * and b is one tile of keys (head_dim, 16 tokens), or the tiles of values
 * (16 tokens, head_dim) one below the other. Six rows by 16 columns are twelve
 * sums in registers: twelve FMAs for two loads and six broadcasts, near the
 * two FMAs a cycle that the machine has. A tile of b (4 KB for heads of 64)
 * stays in first-level cache while all of m (24 queries) go over it. Up to
 * three rows meet 32 columns where there are so many: six sums would wait for
 * each other. Tiles of halves are half as long and are widened as they are
 * read.
 */
#if defined(__x86_64__)

#define ROWS 6
#define VECTORS 4 /* of a row's sums, at most */

/* Where sums begin; b's type is a constant at each use. */
struct corner {
	uint32_t row, col;
	enum tensor_type type;
};

AVX2_INLINE __m256 value_at(const struct blend *g, uint32_t row, uint32_t k)
{
	return _mm256_set1_ps(g->a[row][k]);
}

AVX2_INLINE __m256 vector_at(
    enum tensor_type type, const uint8_t *b, size_t i, int v)
{
	return avx2_floats(type, b, i + 8 * (size_t)v);
}

/*
 * Sums of <rows> rows and of columns that are <vectors> of eight; both are
 * constants.
 */
AVX2_INLINE void blend_rows(const struct blend *g, const struct corner *at,
    const int rows, const int vectors)
{
	__m256 sums[ROWS][VECTORS];
	uint32_t k = 0;

	for (int r = 0; r < rows; r++) {
		const float *c = g->c[at->row + (uint32_t)r] + at->col;

		for (int v = 0; v < vectors; v++)
			sums[r][v] = g->adds ? _mm256_loadu_ps(c + 8 * v)
					     : _mm256_setzero_ps();
	}
	for (uint32_t tile = 0; k < g->k; tile++) {
		const uint8_t *b = g->b[tile];
		size_t i = at->col;
		uint32_t end =
		    k + g->tile_rows < g->k ? k + g->tile_rows : g->k;

		for (; k < end; k++, i += g->n) {
			__m256 a[ROWS], x[VECTORS];

			/* What there is less of is read first and kept. */
#pragma GCC unroll 3
			for (int r = 0; rows <= 3 && r < rows; r++)
				a[r] = value_at(g, at->row + (uint32_t)r, k);
#pragma GCC unroll 4
			for (int v = 0; rows > 3 && v < vectors; v++)
				x[v] = vector_at(at->type, b, i, v);
#pragma GCC unroll 24
			for (int n = 0; n < rows * vectors; n++) {
				int r = rows > 3 ? n / vectors : n % rows;
				int v = rows > 3 ? n % vectors : n / rows;

				if (rows > 3 && v == 0)
					a[r] = value_at(
					    g, at->row + (uint32_t)r, k);
				if (rows <= 3 && r == 0)
					x[v] = vector_at(at->type, b, i, v);
				sums[r][v] =
				    _mm256_fmadd_ps(a[r], x[v], sums[r][v]);
			}
		}
	}
	for (int r = 0; r < rows; r++) {
		float *c = g->c[at->row + (uint32_t)r] + at->col;

		for (int v = 0; v < vectors; v++)
			_mm256_storeu_ps(c + 8 * v, sums[r][v]);
	}
}

/* All rows of 16 columns; <type> is a constant. */
AVX2_INLINE void blend_columns(
    const struct blend *g, uint32_t col, const enum tensor_type type)
{
	struct corner at = {0, col, type};

	for (; at.row + ROWS <= g->m; at.row += ROWS)
		blend_rows(g, &at, ROWS, 2);
	switch (g->m - at.row) {
	case 5:
		blend_rows(g, &at, 5, 2);
		break;
	case 4:
		blend_rows(g, &at, 4, 2);
		break;
	case 3:
		blend_rows(g, &at, 3, 2);
		break;
	case 2:
		blend_rows(g, &at, 2, 2);
		break;
	case 1:
		blend_rows(g, &at, 1, 2);
		break;
	default:
		break;
	}
}

/* Up to three rows of 32 columns; <type> is a constant. */
AVX2_INLINE void blend_wide(
    const struct blend *g, uint32_t col, const enum tensor_type type)
{
	struct corner at = {0, col, type};

	if (g->m == 3)
		blend_rows(g, &at, 3, 4);
	else if (g->m == 2)
		blend_rows(g, &at, 2, 4);
	else
		blend_rows(g, &at, 1, 4);
}

AVX2 static void blend_floats(const struct blend *g, uint32_t col)
{
	blend_columns(g, col, TENSOR_F32);
}

AVX2 static void blend_halves(const struct blend *g, uint32_t col)
{
	blend_columns(g, col, TENSOR_F16);
}

AVX2 static void blend_wide_floats(const struct blend *g, uint32_t col)
{
	blend_wide(g, col, TENSOR_F32);
}

AVX2 static void blend_wide_halves(const struct blend *g, uint32_t col)
{
	blend_wide(g, col, TENSOR_F16);
}

/* Heads whose size is not a multiple of 16: the last columns one by one. */
static void blend_last(const struct blend *g, uint32_t col)
{
	for (uint32_t i = 0; i < g->m; i++) {
		for (uint32_t c = col; c < g->n; c++) {
			float sum = g->adds ? g->c[i][c] : 0;

			for (uint32_t k = 0; k < g->k; k++)
				sum += g->a[i][k] *
				       ((const float *)g->b[k / g->tile_rows])
					   [k % g->tile_rows * g->n + c];
			g->c[i][c] = sum;
		}
	}
}

void avx2_blend(const struct blend *g)
{
	uint32_t col = 0;

	for (; g->m <= 3 && col + 32 <= g->n; col += 32)
		(g->is_half ? blend_wide_halves : blend_wide_floats)(g, col);
	for (; col + 16 <= g->n; col += 16)
		(g->is_half ? blend_halves : blend_floats)(g, col);
	if (col < g->n)
		blend_last(g, col);
}

AVX2 void avx2_to_halves(const float *x, uint16_t *out, uint32_t n)
{
	const __m256 most = _mm256_set1_ps(65504);
	const __m256 least = _mm256_set1_ps(-65504);

	for (uint32_t i = 0; i < n; i += 8)
		_mm_storeu_si128((__m128i_u *)(out + i),
		    _mm256_cvtps_ph(
			_mm256_max_ps(
			    _mm256_min_ps(most, _mm256_loadu_ps(x + i)), least),
			_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
#else
typedef int avx2_blend_is_for_x86;
#endif
