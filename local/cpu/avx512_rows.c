/* avx512_rows.c -- floats as files have them times few tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx512.h"

/*
 * For few tokens and BF16, halves or F32 that were not packed: read once, made
 * F32, and multiplied with the operand in F32. Four rows meet up to four
 * tokens, two rows eight: 4 to 16 sums in registers, so that none waits for
 * itself. One token reads 64 bytes of BF16 in about 6 instructions (2 loads
 * that widen, 2 shifts, 2 FMAs): memory is the limit. BF16 need not be split
 * from its neighbour by shifting, as the operand stays in its order.
 */
#if defined(__x86_64__)

#define ROWS_MAX 4

/* Some rows of weights, some of the operand, and where products go. */
struct rows_step {
	const uint8_t *w[ROWS_MAX];
	const float *x;
	uint32_t cols;
	float sums[ROWS_MAX][AVX512_TOKENS];
};

AVX512_INLINE __m512 floats_at(
    const enum tensor_type type, const uint8_t *w, size_t i)
{
	if (type == TENSOR_F32)
		return _mm512_loadu_ps(w + 4 * i);
	if (type == TENSOR_F16)
		return avx512_halves(w + 2 * i);
	return _mm512_castsi512_ps(
	    _mm512_slli_epi32(_mm512_cvtepu16_epi32(avx2_load(w + 2 * i)), 16));
}

/* All but the last columns; <type>, <rows> and <tokens> are constants. */
AVX512_INLINE void multiply_rows(struct rows_step *s,
    const enum tensor_type type, const int rows, const int tokens)
{
	__m512 sums[ROWS_MAX][AVX512_TOKENS];
	const float *x = s->x;
	size_t n = s->cols / 16 * 16, cols = s->cols;

#pragma GCC unroll 4
	for (int r = 0; r < rows; r++) {
#pragma GCC unroll 8
		for (int t = 0; t < tokens; t++)
			sums[r][t] = _mm512_setzero_ps();
	}
	for (size_t i = 0; i < n; i += 16) {
		__m512 w[ROWS_MAX];

#pragma GCC unroll 4
		for (int r = 0; r < rows; r++)
			w[r] = floats_at(type, s->w[r], i);
#pragma GCC unroll 8
		for (int t = 0; t < tokens; t++) {
			__m512 v = _mm512_loadu_ps(x + (size_t)t * cols + i);

#pragma GCC unroll 4
			for (int r = 0; r < rows; r++)
				sums[r][t] =
				    _mm512_fmadd_ps(w[r], v, sums[r][t]);
		}
	}
#pragma GCC unroll 4
	for (int r = 0; r < rows; r++) {
#pragma GCC unroll 8
		for (int t = 0; t < tokens; t++)
			s->sums[r][t] = avx512_sum(sums[r][t]);
	}
}

typedef void (*rows_fn)(struct rows_step *s);

#define STEP(rows, tokens, type)                                               \
	AVX512 static __attribute__((noinline)) void type##_##tokens(          \
	    struct rows_step *s)                                               \
	{                                                                      \
		multiply_rows(s, TENSOR_##type, rows, tokens);                 \
	}
#define STEPS(type)                                                            \
	STEP(4, 1, type)                                                       \
	STEP(4, 2, type)                                                       \
	STEP(4, 4, type) STEP(2, 8, type)
/* clang-format off */
#define STEP_ROW(type)                                                         \
	[TENSOR_##type] = {[1] = type##_1, [2] = type##_2,                       \
	    [4] = type##_4, [8] = type##_8}
/* clang-format on */
STEPS(F32)
STEPS(F16)
STEPS(BF16)

/* By type and tokens: those that avx512_take gives. */
static const rows_fn steps[TENSOR_BF16 + 1][AVX512_TOKENS + 1] = {
    STEP_ROW(F32),
    STEP_ROW(F16),
    STEP_ROW(BF16),
};

/* Rows <row> and on, <rows> of them, times tokens <token> and on. */
static void multiply_some(const struct tile *t, uint32_t row, uint32_t rows,
    uint32_t token, uint32_t tokens)
{
	const struct matrix *w = t->w;
	uint32_t done = w->cols / 16 * 16;
	size_t last = quant_row_bytes(w->type, done);
	struct rows_step s = {
	    .x = t->x->values + (size_t)token * w->cols, .cols = w->cols};

	/* Where the tile ends early its last row is taken again. */
	for (uint32_t r = 0; r < ROWS_MAX; r++)
		s.w[r] =
		    w->data + (row + (r < rows ? r : rows - 1)) * w->row_bytes;
	steps[w->type][tokens](&s);
	for (uint32_t r = 0; r < rows; r++) {
		float bias = w->bias ? w->bias[row + r] : 0;

		for (uint32_t i = 0; i < tokens; i++)
			t->out[(size_t)(token + i) * w->rows + row + r] =
			    bias + s.sums[r][i] +
			    quant_dot(w->type, s.w[r] + last,
				s.x + (size_t)i * w->cols + done,
				w->cols - done);
	}
}

void avx512_rows(const struct tile *t)
{
	uint32_t end = t->first + t->n, n;

	for (uint32_t i = 0; i < t->x->n; i += n) {
		uint32_t step;

		n = avx512_take(t->x->n - i);
		step = n > 4 ? 2 : 4;
		for (uint32_t row = t->first; row < end; row += step)
			multiply_some(
			    t, row, end - row < step ? end - row : step, i, n);
	}
}
#else
typedef int avx512_rows_is_for_x86;
#endif
