/* avx512_blend.c -- the products of attention with AVX-512. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx512.h"

/*
 * c (m, n) = a (m, k) times b (k, n) in F32, as avx2_blend.c says. Keys' tiles
 * are one vector wide: eight queries meet it, eight sums. Values are taken four
 * vectors at a time, 64 columns: four queries, sixteen sums, sixteen FMAs for
 * four loads and four broadcasts. Heads whose size is not a multiple of 16 end
 * with a vector of which some lanes are left out.
 */
#if defined(__x86_64__)

#define ROWS 8
#define VECTORS 4

/*
 * Columns <col> and on; the last vector's lanes that are there. b's type is a
 * constant at each use; of halves all lanes are there.
 */
struct columns {
	uint32_t col;
	__mmask16 lanes;
	bool is_half;
};

AVX512_INLINE __m512 load_lanes(
    const float *x, const struct columns *at, const int v, const int vectors)
{
	if (v + 1 < vectors)
		return _mm512_loadu_ps(x + 16 * v);
	return _mm512_maskz_loadu_ps(at->lanes, x + 16 * v);
}

/* Numbers <i> .. <i> + 15 of a tile, vector <v> of so many. */
AVX512_INLINE __m512 load_tile(const void *b, size_t i,
    const struct columns *at, const int v, const int vectors)
{
	if (at->is_half)
		return avx512_halves((const uint16_t *)b + i + 16 * v);
	return load_lanes((const float *)b + i, at, v, vectors);
}

/* <rows> rows from <row> on; <rows> and <vectors> are constants. */
AVX512_INLINE void blend_rows(const struct blend *g, uint32_t row,
    const struct columns *at, const int rows, const int vectors)
{
	__m512 sums[ROWS][VECTORS];
	const float *a[ROWS];
	uint32_t k = 0;

	for (int r = 0; r < rows; r++) {
		const float *c = g->c[row + (uint32_t)r] + at->col;

		a[r] = g->a[row + (uint32_t)r];
		for (int v = 0; v < vectors; v++)
			sums[r][v] = g->adds ? load_lanes(c, at, v, vectors)
					     : _mm512_setzero_ps();
	}
	for (uint32_t tile = 0; k < g->k; tile++) {
		const void *b = g->b[tile];
		size_t i = at->col;
		uint32_t end =
		    g->k - k < g->tile_rows ? g->k : k + g->tile_rows;

		for (; k < end; k++, i += g->n) {
			__m512 w[VECTORS];

#pragma GCC unroll 4
			for (int v = 0; v < vectors; v++)
				w[v] = load_tile(b, i, at, v, vectors);
#pragma GCC unroll 8
			for (int r = 0; r < rows; r++) {
				__m512 x = _mm512_set1_ps(a[r][k]);

#pragma GCC unroll 4
				for (int v = 0; v < vectors; v++)
					sums[r][v] = _mm512_fmadd_ps(
					    x, w[v], sums[r][v]);
			}
		}
	}
	for (int r = 0; r < rows; r++) {
		float *c = g->c[row + (uint32_t)r] + at->col;

		for (int v = 0; v < vectors; v++)
			_mm512_mask_storeu_ps(c + 16 * v,
			    v + 1 < vectors ? 0xffff : at->lanes, sums[r][v]);
	}
}

/* One vector of columns, all rows. */
AVX512_INLINE void blend_one(const struct blend *g, const struct columns *at)
{
	uint32_t i = 0;

	for (; i + 8 <= g->m; i += 8)
		blend_rows(g, i, at, 8, 1);
	if (g->m - i >= 4) {
		blend_rows(g, i, at, 4, 1);
		i += 4;
	}
	switch (g->m - i) {
	case 3:
		blend_rows(g, i, at, 3, 1);
		break;
	case 2:
		blend_rows(g, i, at, 2, 1);
		break;
	case 1:
		blend_rows(g, i, at, 1, 1);
		break;
	default:
		break;
	}
}

/* Four vectors of columns, all rows. */
AVX512_INLINE void blend_four(const struct blend *g, const struct columns *at)
{
	uint32_t i = 0;

	for (; i + 4 <= g->m; i += 4)
		blend_rows(g, i, at, 4, VECTORS);
	switch (g->m - i) {
	case 3:
		blend_rows(g, i, at, 3, VECTORS);
		break;
	case 2:
		blend_rows(g, i, at, 2, VECTORS);
		break;
	case 1:
		blend_rows(g, i, at, 1, VECTORS);
		break;
	default:
		break;
	}
}

/* <is_half> is a constant. */
AVX512_INLINE void blend_all(const struct blend *g, const bool is_half)
{
	struct columns at = {0, 0xffff, is_half};

	for (; at.col + 16 * VECTORS <= g->n; at.col += 16 * VECTORS)
		blend_four(g, &at);
	for (; at.col < g->n; at.col += 16) {
		at.lanes = avx512_below(g->n - at.col);
		blend_one(g, &at);
	}
}
AVX512 static void blend_floats(const struct blend *g)
{
	blend_all(g, false);
}

AVX512 static void blend_halves(const struct blend *g)
{
	blend_all(g, true);
}

void avx512_blend(const struct blend *g)
{
	(g->is_half ? blend_halves : blend_floats)(g);
}
#else
typedef int avx512_blend_is_for_x86;
#endif
