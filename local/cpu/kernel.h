/* kernel.h -- what a way of multiplying must offer. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_KERNEL_H
#define LOCAL_CPU_KERNEL_H

#include "local/cpu/cpu.h"

/* Rows of weights that a kernel may turn into F32 at a time. */
#define KERNEL_ROWS 4

/* Rows first .. first + n - 1 of <w>, for all rows of the operand. */
struct tile {
	const struct matrix *w;
	const struct operand *x;
	float *out; /* (x->n, w->rows) */
	uint32_t first, n;
	float *scratch; /* (KERNEL_ROWS, w->cols), the thread's */
};

struct kernels {
	const char *name;
	/* Writes the tile's part of out, bias included. */
	void (*tile)(const struct tile *tile);
	/* Operands of fewer rows get 16-bit values; 0: none does. */
	uint32_t words_below;
	/* words, scales, sums of one row of <n> values, a multiple of 32 */
	void (*to_words)(const float *x, uint32_t n, int16_t *words,
	    float *scales, float *sums);
	/* sum of a[i] * b[i] */
	float (*dot)(const float *a, const float *b, uint32_t n);
	/* y[i] += a * x[i] */
	void (*axpy)(float a, const float *x, float *y, uint32_t n);
};

/* The oracle. */
extern const struct kernels kernels_plain;

/* Needs AVX2, FMA and F16C. */
extern const struct kernels kernels_avx2;
bool kernels_avx2_run_here(void);

/* The fastest for this machine; the oracle where it has nothing. */
const struct kernels *kernels_best(void);

#endif
