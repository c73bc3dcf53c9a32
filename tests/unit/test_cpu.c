/* test_cpu.c -- the fast products are the plain ones, at every size. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "local/cpu/kernel.h"

/* A generator of the test's own: the same numbers in every run. */
static uint32_t seed = 1;

static uint32_t next(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static float next_float(void)
{
	return (float)next() / 0x1p23F - 1;
}

/* Bytes of <rows> rows of that type, their scales plain numbers. */
static uint8_t *make_weights(
    enum tensor_type type, uint32_t rows, uint32_t cols)
{
	const struct quant_type *t = quant_type(type);
	uint32_t blocks = rows * cols / t->elements;
	uint8_t *data = mem_alloc((size_t)blocks * t->bytes + 1);

	for (uint32_t b = 0; b < blocks; b++) {
		uint8_t *p = data + 1 + (size_t)b * t->bytes;
		float value = next_float();

		for (uint32_t i = 0; i < t->bytes; i++)
			p[i] = (uint8_t)next();
		if (type == TENSOR_F32)
			memcpy(p, &value, sizeof(value));
		else if (type == TENSOR_BF16)
			p[1] = 0x3f;
		else if (type == TENSOR_Q6_K)
			p[209] = 0x24;
		else
			p[1] = 0x24;
		if (type == TENSOR_Q4_1 || type == TENSOR_Q5_1 ||
		    type == TENSOR_Q4_K || type == TENSOR_Q5_K)
			p[3] = 0xa4;
	}
	return data;
}

/* What the 16-bit values of an operand stand for. */
static void read_words(const struct operand *x, float *values)
{
	for (size_t i = 0; i < (size_t)x->n * x->cols; i++)
		values[i] = x->scales[i / 32] * (float)x->words[i];
}

struct shape {
	uint32_t rows, cols, n;
};

/*
 * The fast product is the plain one of what was multiplied: the operand, or
 * what its 16-bit values stand for. Errors are compared with the sum of
 * the terms' sizes, as rounding is.
 */
static void check_product(struct cpu *fast, struct cpu *plain,
    enum tensor_type type, const struct shape *s)
{
	uint8_t *data = make_weights(type, s->rows, s->cols);
	size_t n_x = (size_t)s->n * s->cols, n_out = (size_t)s->n * s->rows;
	float *x = mem_alloc(n_x * sizeof(float));
	float *a = mem_alloc(n_out * sizeof(float));
	float *b = mem_alloc(n_out * sizeof(float));
	float *bias = mem_alloc(s->rows * sizeof(float));
	struct matrix w = {.data = data + 1,
	    .rows = s->rows,
	    .cols = s->cols,
	    .type = type,
	    .bias = bias,
	    .row_bytes = quant_row_bytes(type, s->cols)};
	struct operand operand;

	for (size_t i = 0; i < n_x; i++)
		x[i] = next_float();
	for (uint32_t i = 0; i < s->rows; i++)
		bias[i] = next_float();
	cpu_operand(fast, x, s->n, s->cols, &operand);
	cpu_multiply(fast, &operand, &(struct product){&w, a}, 1);
	if (operand.words && type > TENSOR_BF16)
		read_words(&operand, x);
	cpu_operand(plain, x, s->n, s->cols, &operand);
	cpu_multiply(plain, &operand, &(struct product){&w, b}, 1);
	for (size_t i = 0; i < n_out; i++) {
		float far = fabsf(a[i] - b[i]);

		if (!(far <= 1e-5F * (float)s->cols))
			fail_msg("%s, %u x %u, %u rows: %g for %g",
			    quant_type(type)->name, s->rows, s->cols, s->n,
			    (double)a[i], (double)b[i]);
	}
	free(data);
	free(x);
	free(a);
	free(b);
	free(bias);
}

static void multiplies_every_type_as_plain_c_does(void **state)
{
	struct error err;
	struct cpu *fast = cpu_new(2, CPU_FAST, &err);
	struct cpu *plain = cpu_new(1, CPU_EXACT, &err);

	(void)state;
	print_message("fast is %s\n", cpu_name(fast));
	for (int type = 0; type <= TENSOR_Q6_K; type++) {
		uint32_t block = quant_type((enum tensor_type)type)->elements;
		const uint32_t odd = block > 1 ? block : 37;
		const struct shape shapes[] = {
		    {1, odd, 1},
		    {35, 3 * odd, 1},
		    {66, odd, 3},
		    {37, 2 * odd, 4},
		    {5, odd, 7},
		    {41, 3 * odd, 12},
		};

		for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
			check_product(
			    fast, plain, (enum tensor_type)type, &shapes[i]);
	}
	cpu_free(&fast);
	cpu_free(&plain);
}

static void keeps_words_within_half_a_step(void **state)
{
	float x[64] = {0};
	struct error err;
	struct cpu *fast = cpu_new(1, CPU_FAST, &err);
	struct operand operand;

	(void)state;
	for (int i = 0; i < 32; i++)
		x[i] = next_float();
	cpu_operand(fast, x, 1, 64, &operand);
	for (int i = 0; operand.words && i < 64; i++) {
		float scale = operand.scales[i / 32];

		assert_true(fabsf(scale * (float)operand.words[i] - x[i]) <=
			    0.51F * scale);
	}
	/* All zeros stay so, without a division by nothing. */
	if (operand.words)
		assert_true(operand.sums[1] == 0);
	cpu_free(&fast);
}

static void sums_long_rows_of_extremes(void **state)
{
	/* The largest values that a block has, and the smallest. */
	uint8_t block[34 * 8];
	float x[256], out;
	struct matrix w = {.data = block,
	    .rows = 1,
	    .cols = 256,
	    .type = TENSOR_Q8_0,
	    .row_bytes = sizeof(block)};
	struct error err;
	struct cpu *fast = cpu_new(1, CPU_FAST, &err);
	struct operand operand;

	(void)state;
	for (int sign = -1; sign <= 1; sign += 2) {
		for (int b = 0; b < 8; b++) {
			memset(block + b * 34, 0x80, 34);
			block[b * 34] = 0;
			block[b * 34 + 1] = 0x3c;
		}
		for (int i = 0; i < 256; i++)
			x[i] = (float)sign * 127;
		cpu_operand(fast, x, 1, 256, &operand);
		cpu_multiply(fast, &operand, &(struct product){&w, &out}, 1);
		assert_true(out == (float)sign * -128.0F * 127 * 256);
	}
	cpu_free(&fast);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(multiplies_every_type_as_plain_c_does),
	    cmocka_unit_test(keeps_words_within_half_a_step),
	    cmocka_unit_test(sums_long_rows_of_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
