/* ops.c -- norms, activations, sums and table rows, in plain C. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "local/cpu/cpu.h"

/* Sums are taken in double: they are few, and no order of them matters. */
static void norm_row(const struct norm_job *job, const float *x, float *out)
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

void cpu_norm(const struct norm_job *job)
{
	for (uint32_t i = 0; i < job->n; i++)
		norm_row(job, job->x + (size_t)i * job->norm->n,
		    job->out + (size_t)i * job->norm->n);
}

static float activate(enum activation activation, float x)
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

void cpu_activate(
    enum activation activation, float *gate, const float *up, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		gate[i] = activate(activation, gate[i]);
		if (up)
			gate[i] *= up[i];
	}
}

void cpu_add(float *x, const float *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] += y[i];
}

void cpu_row(const struct matrix *m, uint32_t i, bool adds, float *out)
{
	const struct quant_type *t = quant_type(m->type);
	const uint8_t *at = m->data + i * m->row_bytes;
	float block[QUANT_BLOCK_MAX];

	if (!adds) {
		quant_to_f32(m->type, at, out, m->cols);
		return;
	}
	for (uint32_t c = 0; c < m->cols; c += t->elements, at += t->bytes) {
		quant_to_f32(m->type, at, block, t->elements);
		for (uint32_t k = 0; k < t->elements; k++)
			out[c + k] += block[k];
	}
}
