/* plain.c -- products in plain C: the oracle. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/kernel.h"

/* Four numbers that the compiler computes with at once where it can. */
typedef float lanes __attribute__((vector_size(16)));

static lanes load(const float *p)
{
	lanes x;

	memcpy(&x, p, sizeof(x));
	return x;
}

/* Many sums, so that rounding errors and time both grow more slowly. */
static float dot(const float *a, const float *b, uint32_t n)
{
	lanes sums[4] = {{0}, {0}, {0}, {0}};
	float sum = 0;
	uint32_t i = 0;

	for (; i + 16 <= n; i += 16) {
		sums[0] += load(a + i) * load(b + i);
		sums[1] += load(a + i + 4) * load(b + i + 4);
		sums[2] += load(a + i + 8) * load(b + i + 8);
		sums[3] += load(a + i + 12) * load(b + i + 12);
	}
	for (; i < n; i++)
		sum += a[i] * b[i];
	sums[0] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
	return sum + (sums[0][0] + sums[0][1]) + (sums[0][2] + sums[0][3]);
}

static void axpy(float a, const float *x, float *y, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		y[i] += a * x[i];
}

/* Each row of weights becomes F32 once, for all rows of the operand. */
static void tile_plain(const struct tile *t)
{
	const struct matrix *w = t->w;

	for (uint32_t r = t->first; r < t->first + t->n; r++) {
		float bias = w->bias ? w->bias[r] : 0;

		quant_to_f32(
		    w->type, w->data + r * w->row_bytes, t->scratch, w->cols);
		for (uint32_t i = 0; i < t->x->n; i++)
			t->out[(size_t)i * w->rows + r] =
			    bias + dot(t->scratch,
				       t->x->values + (size_t)i * w->cols,
				       w->cols);
	}
}

const struct kernels kernels_plain = {
    .name = "plain C",
    .tile = tile_plain,
    .dot = dot,
    .axpy = axpy,
};

const struct kernels *kernels_best(void)
{
	return kernels_avx2_run_here() ? &kernels_avx2 : &kernels_plain;
}
