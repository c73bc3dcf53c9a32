/* kernel.h -- what a way of multiplying must offer. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_KERNEL_H
#define LOCAL_CPU_KERNEL_H

#include "local/cpu/cpu.h"

/* Rows first .. first + n - 1 of <w>, for all rows of the operand. */
struct tile {
	const struct matrix *w;
	const struct operand *x;
	float *out; /* (x->n, w->rows) */
	uint32_t first, n;
	float *scratch; /* (w->cols), the thread's */
};

/* Writes its part of out, bias included. */
typedef void (*tile_fn)(const struct tile *tile);

struct kernels {
	const char *name;
	tile_fn by_type[TENSOR_OTHER]; /* NULL: the plain one is used */
	/* Whether operands get eight-bit values for the types above F16. */
	bool uses_bytes;
	/* bytes, scales, sums of one row of <n> values, a multiple of 32 */
	void (*to_bytes)(const float *x, uint32_t n, int8_t *bytes,
	    float *scales, float *sums);
	/* sum of a[i] * b[i] */
	float (*dot)(const float *a, const float *b, uint32_t n);
	/* y[i] += a * x[i] */
	void (*axpy)(float a, const float *x, float *y, uint32_t n);
};

/* The oracle. */
extern const struct kernels kernels_plain;

/* The fastest for this machine; the oracle where it has nothing. */
const struct kernels *kernels_best(void);

#endif
