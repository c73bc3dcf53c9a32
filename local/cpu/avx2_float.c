/* avx2_float.c -- groups of 16 rows of floats times many tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx2.h"

/*
 * out (n, rows) = x (n, cols) times w (rows, cols) transposed, in F32: exact
 * but for the order of sums. A panel is [column][16 rows], 384 columns of it
 * (24 KB) lie in first-level cache, and avx2_blend.c multiplies six tokens with
 * all 16 rows: twelve FMAs for a column's two vectors, so that the FMA units,
 * 16 products a cycle, are the limit. Panels are packed at load for encoders;
 * for other models they are made of the file's rows for each pass, about an
 * instruction a weight.
 */
#if defined(__x86_64__)

#define PANEL_COLS 384
#define TOKENS 48

/* Eight columns of eight rows, those past <rows> being 0. */
AVX2_INLINE void load_square(const struct matrix *w, uint32_t row,
    uint32_t rows, uint32_t col, __m256i r[8])
{
	for (uint32_t i = 0; i < 8; i++)
		r[i] = i < rows ? _mm256_castps_si256(avx2_floats(w->type,
				      w->data + (row + i) * w->row_bytes, col))
				: _mm256_setzero_si256();
}

/* Half of a group: columns first .. first + n - 1 of up to 8 rows. */
AVX2 static void half_panel(
    const struct panel_job *job, uint32_t half, float *out)
{
	const struct matrix *w = job->w;
	uint32_t row = job->group * GROUP_ROWS + 8 * half, c = 0;
	uint32_t rows = w->rows > row ? w->rows - row : 0;

	out += 8 * half;
	for (; c + 8 <= job->n; c += 8) {
		__m256i r[8];

		load_square(w, row, rows, job->first + c, r);
		avx2_transpose(r);
		for (uint32_t i = 0; i < 8; i++)
			_mm256_storeu_si256(
			    (__m256i_u *)(out + (size_t)(c + i) * GROUP_ROWS),
			    r[i]);
	}
	for (; c < job->n; c++) {
		size_t at = quant_row_bytes(w->type, job->first + c);

		for (uint32_t i = 0; i < 8; i++) {
			float value = 0;

			if (i < rows)
				quant_to_f32(w->type,
				    w->data + (row + i) * w->row_bytes + at,
				    &value, 1);
			out[(size_t)c * GROUP_ROWS + i] = value;
		}
	}
}

void avx2_float_panel(const struct panel_job *job, float *out)
{
	half_panel(job, 0, out);
	half_panel(job, 1, out);
}

/* One panel, some tokens of it, and where sums are kept. */
struct part {
	const struct tile *t;
	const float *panel;       /* (n, 16) */
	uint32_t row, first, n;   /* of w; columns */
	uint32_t token, n_tokens; /* at most TOKENS */
};

static void start_sums(const struct part *p, float *const *c, uint32_t rows)
{
	const float *bias = p->t->w->bias;

	for (uint32_t i = 0; i < p->n_tokens; i++) {
		for (uint32_t r = 0; r < rows; r++)
			c[i][r] = bias ? bias[p->row + r] : 0;
	}
}

static void multiply_part(const struct part *p)
{
	const struct operand *x = p->t->x;
	const struct matrix *w = p->t->w;
	uint32_t left = w->rows - p->row;
	uint32_t rows = left < GROUP_ROWS ? left : GROUP_ROWS;
	float few[TOKENS][GROUP_ROWS];
	const float *a[TOKENS];
	float *c[TOKENS];

	for (uint32_t i = 0; i < p->n_tokens; i++) {
		size_t token = p->token + i;
		float *out = p->t->out + token * w->rows + p->row;

		a[i] = x->values + token * x->cols + p->first;
		c[i] = rows < GROUP_ROWS ? few[i] : out;
		if (rows < GROUP_ROWS && p->first)
			memcpy(few[i], out, rows * sizeof(*out));
	}
	if (p->first == 0)
		start_sums(p, c, rows);
	avx2_blend(&(struct blend){.a = a,
	    .c = c,
	    .b = (const void *const *)&p->panel,
	    .m = p->n_tokens,
	    .k = p->n,
	    .n = GROUP_ROWS,
	    .tile_rows = p->n,
	    .adds = true});
	for (uint32_t i = 0; rows < GROUP_ROWS && i < p->n_tokens; i++)
		memcpy(p->t->out + (size_t)(p->token + i) * w->rows + p->row,
		    few[i], rows * sizeof(float));
}

/* The panel of columns <first> .. <first> + n - 1, packed or made now. */
static const float *find_panel(const struct panel_job *job, float *scratch)
{
	const struct packed *packed = job->w->packed;

	if (!packed) {
		avx2_float_panel(job, scratch);
		return scratch;
	}
	return (const float *)(const void *)(packed->data +
					     job->group * packed->group_bytes) +
	       (size_t)job->first * GROUP_ROWS;
}

/* Some columns of the tile's rows from <row> on, for all tokens. */
static void multiply_columns(
    const struct tile *t, uint32_t row, uint32_t end, uint32_t first)
{
	uint32_t left = t->w->cols - first, n = t->x->n;
	struct panel_job job = {
	    t->w, 0, first, left < PANEL_COLS ? left : PANEL_COLS};
	struct part part = {.t = t, .first = first, .n = job.n};

	for (uint32_t i = 0; i < n; i += TOKENS) {
		part.token = i;
		part.n_tokens = n - i < TOKENS ? n - i : TOKENS;
		for (part.row = row; part.row < end; part.row += GROUP_ROWS) {
			job.group = part.row / GROUP_ROWS;
			if (i == 0 || t->w->packed)
				part.panel = find_panel(&job, t->scratch);
			multiply_part(&part);
		}
	}
}

/*
 * Tokens are taken by 48, which stay in second-level cache while the panels of
 * all the tile's groups meet them; a panel that is made for the purpose meets
 * all tokens before the next is.
 */
void avx2_gemm_floats(const struct tile *t)
{
	uint32_t last = t->first + t->n;
	uint32_t step = t->w->packed ? t->n : GROUP_ROWS;

	_Static_assert(
	    KERNEL_SCRATCH(0) >= PANEL_COLS * GROUP_ROWS * sizeof(float),
	    "a panel fits");

	for (uint32_t row = t->first; row < last; row += step) {
		uint32_t end = last - row < step ? last : row + step;

		for (uint32_t c = 0; c < t->w->cols; c += PANEL_COLS)
			multiply_columns(t, row, end, c);
	}
}
#else
typedef int avx2_float_is_for_x86;
#endif
