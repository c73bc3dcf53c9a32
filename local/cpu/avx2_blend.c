/* avx2_blend.c -- the products of attention with AVX2 and FMA. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx2.h"

/*
 * c (m, n) = a (m, k) times b (k, n) in F32, where rows of a and c are queries
 * and b is one tile of keys (head_dim, 16 tokens), or the tiles of values
 * (16 tokens, head_dim) one below the other. Six rows by 16 columns are twelve
 * sums in registers: twelve FMAs for two loads and six broadcasts, near the
 * two FMAs a cycle that the machine has. A tile of b (4 KB for heads of 64)
 * stays in first-level cache while all of m (24 queries) go over it.
 */
#if defined(__x86_64__)

#define ROWS 6

/* Sums of <rows> rows and 16 columns from <col> on; <rows> is a constant. */
AVX2_INLINE void blend_rows(
    const struct blend *g, uint32_t at, uint32_t col, const int rows)
{
	__m256 sums[ROWS][2];
	uint32_t k = 0;

	for (int r = 0; r < rows; r++) {
		const float *c = g->c[at + (uint32_t)r] + col;

		sums[r][0] = sums[r][1] = _mm256_setzero_ps();
		if (g->adds) {
			sums[r][0] = _mm256_loadu_ps(c);
			sums[r][1] = _mm256_loadu_ps(c + 8);
		}
	}
	for (uint32_t tile = 0; k < g->k; tile++) {
		const float *b = g->b[tile] + col;
		uint32_t end =
		    k + g->tile_rows < g->k ? k + g->tile_rows : g->k;

		for (; k < end; k++, b += g->n) {
			__m256 low = _mm256_loadu_ps(b);
			__m256 high = _mm256_loadu_ps(b + 8);

#pragma GCC unroll 6
			for (int r = 0; r < rows; r++) {
				__m256 a =
				    _mm256_set1_ps(g->a[at + (uint32_t)r][k]);

				sums[r][0] =
				    _mm256_fmadd_ps(a, low, sums[r][0]);
				sums[r][1] =
				    _mm256_fmadd_ps(a, high, sums[r][1]);
			}
		}
	}
	for (int r = 0; r < rows; r++) {
		float *c = g->c[at + (uint32_t)r] + col;

		_mm256_storeu_ps(c, sums[r][0]);
		_mm256_storeu_ps(c + 8, sums[r][1]);
	}
}

AVX2 static void blend_columns(const struct blend *g, uint32_t col)
{
	uint32_t i = 0;

	for (; i + ROWS <= g->m; i += ROWS)
		blend_rows(g, i, col, ROWS);
	switch (g->m - i) {
	case 5:
		blend_rows(g, i, col, 5);
		break;
	case 4:
		blend_rows(g, i, col, 4);
		break;
	case 3:
		blend_rows(g, i, col, 3);
		break;
	case 2:
		blend_rows(g, i, col, 2);
		break;
	case 1:
		blend_rows(g, i, col, 1);
		break;
	default:
		break;
	}
}

/* Heads whose size is not a multiple of 16: the last columns one by one. */
static void blend_last(const struct blend *g, uint32_t col)
{
	for (uint32_t i = 0; i < g->m; i++) {
		for (uint32_t c = col; c < g->n; c++) {
			float sum = g->adds ? g->c[i][c] : 0;

			for (uint32_t k = 0; k < g->k; k++)
				sum += g->a[i][k] *
				       g->b[k / g->tile_rows]
					   [k % g->tile_rows * g->n + c];
			g->c[i][c] = sum;
		}
	}
}

void avx2_blend(const struct blend *g)
{
	uint32_t col = 0;

	for (; col + 16 <= g->n; col += 16)
		blend_columns(g, col);
	if (col < g->n)
		blend_last(g, col);
}
#else
typedef int avx2_blend_is_for_x86;
#endif
