/* plain.c -- the arithmetic in plain C: the oracle. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

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

/* Each row of weights becomes F32 once, for all rows of the operand. */
static void tile(const struct tile *t)
{
	const struct matrix *w = t->w;
	float *row = t->scratch;

	for (uint32_t r = t->first; r < t->first + t->n; r++) {
		float bias = w->bias ? w->bias[r] : 0;

		quant_to_f32(w->type, w->data + r * w->row_bytes, row, w->cols);
		for (uint32_t i = 0; i < t->x->n; i++)
			t->out[(size_t)i * w->rows + r] =
			    bias + dot(row, t->x->values + (size_t)i * w->cols,
				       w->cols);
	}
}

static int32_t word_limit(const struct matrix *w, uint32_t n)
{
	(void)w;
	(void)n;
	return 0;
}

/* Number <i> of the tile that holds row <k> of b. */
static float b_number(const struct blend *g, uint32_t k, size_t i)
{
	const void *tile = g->b[k / g->tile_rows];

	if (g->is_half)
		return quant_half(((const uint16_t *)tile)[i]);
	return ((const float *)tile)[i];
}

static void blend(const struct blend *g)
{
	for (uint32_t i = 0; i < g->m; i++) {
		float *c = g->c[i];

		if (!g->adds)
			memset(c, 0, g->n * sizeof(*c));
		for (uint32_t k = 0; k < g->k; k++) {
			size_t at = (size_t)(k % g->tile_rows) * g->n;

			for (uint32_t j = 0; j < g->n; j++)
				c[j] += g->a[i][k] * b_number(g, k, at + j);
		}
	}
}

static void to_halves(const float *x, uint16_t *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = quant_to_half(x[i]);
}

static void softmax(float *x, uint32_t n, float scale)
{
	float max = x[0], sum = 0;

	for (uint32_t i = 1; i < n; i++)
		max = x[i] > max ? x[i] : max;
	for (uint32_t i = 0; i < n; i++) {
		x[i] = expf(scale * (x[i] - max));
		sum += x[i];
	}
	for (uint32_t i = 0; i < n; i++)
		x[i] /= sum;
}

/* Sums are taken in double: they are few, and no order of them matters. */
static void norm(const struct norm_job *job, const float *x, float *out)
{
	const struct norm *norm = job->norm;
	double mean = 0, square = 0;
	float centre, scale;

	if (job->takes_mean) {
		for (uint32_t i = 0; i < norm->n; i++)
			mean += (double)x[i];
		mean /= norm->n;
	}
	for (uint32_t i = 0; i < norm->n; i++) {
		double d = (double)x[i] - mean;

		square += d * d;
	}
	centre = (float)mean;
	scale = (float)(1 / sqrt(square / norm->n + job->eps));
	for (uint32_t i = 0; i < norm->n; i++) {
		out[i] = (x[i] - centre) * scale * norm->weight[i];
		if (norm->bias)
			out[i] += norm->bias[i];
	}
}

static float activated(enum activation activation, float x)
{
	switch (activation) {
	case ACTIVATION_SILU:
		return x / (1 + expf(-x));
	case ACTIVATION_GELU:
		return 0.5F * x * (1 + erff(x * (float)M_SQRT1_2));
	case ACTIVATION_GELU_TANH:
		return 0.5F * x *
		       (1 + tanhf((float)(M_SQRT2 * M_2_SQRTPI * 0.5) *
				  (x + 0.044715F * x * x * x)));
	case ACTIVATION_RELU:
		return x > 0 ? x : 0;
	case ACTIVATION_TANH:
		return tanhf(x);
	}
	return x;
}

static void activate(
    enum activation activation, float *gate, const float *up, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		gate[i] = activated(activation, gate[i]);
		if (up)
			gate[i] *= up[i];
	}
}

const struct kernels kernels_plain = {
    .name = "plain C",
    .tile = tile,
    .tile_rows = 1,
    .word_limit = word_limit,
    .blend = blend,
    .to_halves = to_halves,
    .softmax = softmax,
    .norm = norm,
    .activate = activate,
    .turn = rope_apply,
};

static bool plain_runs_here(void)
{
	return true;
}

const struct kernels *kernels_here(uint32_t i)
{
	static const struct {
		const struct kernels *kernels;
		bool (*run_here)(void);
	} all[] = {
	    {&kernels_avx512_bf16, kernels_avx512_bf16_run_here},
	    {&kernels_avx512_vnni, kernels_avx512_vnni_run_here},
	    {&kernels_avx512, kernels_avx512_run_here},
	    {&kernels_avx2, kernels_avx2_run_here},
	    {&kernels_plain, plain_runs_here},
	};

	for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
		if (all[k].run_here() && i-- == 0)
			return all[k].kernels;
	}
	return NULL;
}
