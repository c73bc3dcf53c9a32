/* avx512_float.c -- groups of 16 rows of floats times many tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx512.h"

/*
 * out (n, rows) = x (n, cols) times w (rows, cols) transposed, in F32: exact
 * but for the order of sums. A panel is [column][16 rows], as in avx2_float.c.
 * Two groups meet eight tokens: sixteen sums in registers, and sixteen FMAs for
 * two loads and eight broadcasts, near the two FMAs a cycle that the larger
 * machines have. 192 columns of two panels are 24 KB, in first-level cache.
 */
#if defined(__x86_64__)

#define PANEL_COLS 192
#define PANEL_FLOATS ((size_t)PANEL_COLS * GROUP_ROWS)
#define GROUPS 2

/* Tokens that stay in second-level cache while all groups meet them. */
#define TOKENS_NEAR 48

/* Panels of one or two groups, and some tokens. */
struct step {
	const float *panels[GROUPS]; /* (n, 16) */
	const float *x;
	size_t cols; /* from a token to the next */
	uint32_t n;  /* columns */
	struct avx512_out out[GROUPS];
};

/* <groups> and <tokens> are constants. */
AVX512_INLINE void multiply_columns(
    const struct step *s, const int groups, const int tokens)
{
	const float *low = s->panels[0], *high = s->panels[1];
	const float *x[AVX512_TOKENS];
	__m512 sums[AVX512_TOKENS][GROUPS];

#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		x[t] = s->x + (size_t)t * s->cols;
		AVX512_HOLD(x[t]);
		sums[t][0] = sums[t][1] = _mm512_setzero_ps();
	}
	for (size_t k = 0; k < s->n; k++) {
		__m512 w0 = _mm512_loadu_ps(low + k * GROUP_ROWS), w1 = w0;

		if (groups > 1)
			w1 = _mm512_loadu_ps(high + k * GROUP_ROWS);
#pragma GCC unroll 8
		for (int t = 0; t < tokens; t++) {
			__m512 v = _mm512_set1_ps(x[t][k]);

			sums[t][0] = _mm512_fmadd_ps(w0, v, sums[t][0]);
			if (groups > 1)
				sums[t][1] = _mm512_fmadd_ps(w1, v, sums[t][1]);
		}
	}
#pragma GCC unroll 8
	for (int t = 0; t < tokens; t++) {
		avx512_put(&s->out[0], t, sums[t][0]);
		if (groups > 1)
			avx512_put(&s->out[1], t, sums[t][1]);
	}
}

typedef void (*step_fn)(const struct step *s);

#define STEP(groups, tokens)                                                   \
	AVX512 static __attribute__((noinline)) void groups##_by_##tokens(     \
	    const struct step *s)                                              \
	{                                                                      \
		multiply_columns(s, groups, tokens);                           \
	}
enum {
	one = 1,
	two = 2
};
#define STEPS(groups)                                                          \
	STEP(groups, 1)                                                        \
	STEP(groups, 2)                                                        \
	STEP(groups, 4) STEP(groups, 8)
/* clang-format off */
#define STEP_ROW(groups)                                                       \
	[groups] = {[1] = groups##_by_1, [2] = groups##_by_2,                  \
	    [4] = groups##_by_4, [8] = groups##_by_8}
/* clang-format on */
STEPS(one)
STEPS(two)

/* By groups and tokens: those that avx512_take gives. */
static const step_fn steps[GROUPS + 1][AVX512_TOKENS + 1] = {
    STEP_ROW(one),
    STEP_ROW(two),
};

/* Some columns of one or two groups, from row <row> on. */
struct part {
	const struct tile *t;
	const float *panels[GROUPS];
	uint32_t row, groups;
	uint32_t first, n; /* columns */
};

/* Tokens first .. end - 1 meet the part's panels. */
static void multiply_part(const struct part *p, uint32_t first, uint32_t end)
{
	const struct operand *x = p->t->x;
	struct step s = {
	    .panels = {p->panels[0], p->panels[1]}, .cols = x->cols, .n = p->n};
	uint32_t n;

	for (uint32_t i = first; i < end; i += n) {
		n = avx512_take(end - i);
		s.x = x->values + (size_t)i * x->cols + p->first;
		for (uint32_t g = 0; g < p->groups; g++) {
			s.out[g] = avx512_out(p->t, p->row + g * GROUP_ROWS, i);
			s.out[g].adds = p->first != 0;
		}
		steps[p->groups][n](&s);
	}
}

/* The part's panels, packed or made now. */
static void find_panels(struct part *p)
{
	const struct matrix *w = p->t->w;
	const struct packed *packed = w->packed;
	float *made = p->t->scratch;

	for (uint32_t g = 0; g < p->groups; g++) {
		struct panel_job job = {
		    w, p->row / GROUP_ROWS + g, p->first, p->n};

		if (packed) {
			p->panels[g] =
			    (const float *)(const void
				    *)(packed->data +
				       job.group * packed->group_bytes) +
			    (size_t)p->first * GROUP_ROWS;
			continue;
		}
		avx2_float_panel(&job, made + g * PANEL_FLOATS);
		p->panels[g] = made + g * PANEL_FLOATS;
	}
}

/* Some columns of the rows from <row> to <end>, for all tokens. */
static void multiply_rows(
    const struct tile *t, uint32_t row, uint32_t end, uint32_t first)
{
	uint32_t left = t->w->cols - first, n = t->x->n;
	struct part p = {
	    .t = t, .first = first, .n = left < PANEL_COLS ? left : PANEL_COLS};

	for (uint32_t i = 0; i < n; i += TOKENS_NEAR) {
		uint32_t stop = n - i < TOKENS_NEAR ? n : i + TOKENS_NEAR;

		for (p.row = row; p.row < end; p.row += GROUPS * GROUP_ROWS) {
			p.groups = end - p.row > GROUP_ROWS ? GROUPS : 1;
			if (i == 0 || t->w->packed)
				find_panels(&p);
			multiply_part(&p, i, stop);
		}
	}
}

/* Panels that are made for the purpose meet all tokens before the next are. */
void avx512_floats(const struct tile *t)
{
	uint32_t last = t->first + t->n;
	uint32_t step = t->w->packed ? t->n : GROUPS * GROUP_ROWS;

	_Static_assert(
	    KERNEL_SCRATCH(0) >= GROUPS * PANEL_FLOATS * sizeof(float),
	    "the panels fit");

	for (uint32_t row = t->first; row < last; row += step) {
		uint32_t end = last - row < step ? last : row + step;

		for (uint32_t c = 0; c < t->w->cols; c += PANEL_COLS)
			multiply_rows(t, row, end, c);
	}
}
#else
typedef int avx512_float_is_for_x86;
#endif
