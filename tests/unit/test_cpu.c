/* test_cpu.c -- the fast products are the plain ones, at every size. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "tests/unit/kernels_under_test.h"

/* What is compared with plain C. */
static const struct kernels *tested;

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
		values[i] = x->limit == WORDS_BF16
				? quant_bf16((uint16_t)x->words[i])
				: x->scales[i / 32] * (float)x->words[i];
}

struct shape {
	uint32_t rows, cols, n;
};

/* How the weights of a check are laid out. */
enum layout {
	AS_READ,
	PACKED,
	SHORTENED,  /* for a language model */
	SHORTENED_7 /* for an encoder */
};

/* What is multiplied, and the two answers. */
struct check {
	struct cpu *fast, *plain;
	struct matrix w;
	uint8_t *data;
	float *x, *a, *b, *bias;
	struct operand operand;
};

static void make_check(
    struct check *c, enum tensor_type type, const struct shape *s)
{
	size_t n_x = (size_t)s->n * s->cols, n_out = (size_t)s->n * s->rows;

	c->data = make_weights(type, s->rows, s->cols);
	c->x = mem_alloc(n_x * sizeof(float));
	c->a = mem_alloc(n_out * sizeof(float));
	c->b = mem_alloc(n_out * sizeof(float));
	c->bias = mem_alloc(s->rows * sizeof(float));
	c->w = (struct matrix){.data = c->data + 1,
	    .rows = s->rows,
	    .cols = s->cols,
	    .type = type,
	    .bias = c->bias,
	    .row_bytes = quant_row_bytes(type, s->cols)};
	for (size_t i = 0; i < n_x; i++)
		c->x[i] = next_float();
	for (uint32_t i = 0; i < s->rows; i++)
		c->bias[i] = next_float();
	c->operand =
	    (struct operand){.values = c->x, .n = s->n, .cols = s->cols};
}

static void free_check(struct check *c)
{
	free(c->data);
	free(c->x);
	free(c->a);
	free(c->b);
	free(c->bias);
}

/*
 * How far a column's product may be off for each column: rounding; for floats
 * that became eight bits 1/254 of their largest, 2, for those of seven 1/126.
 */
static float tolerance(const struct check *c, enum layout layout)
{
	if (c->w.type > TENSOR_BF16)
		return 1e-5F;
	if (c->operand.words && layout == SHORTENED)
		return 1.1F / 254;
	if (c->operand.words && layout == SHORTENED_7)
		return 1.1F / 126;
	return 1e-5F;
}

/*
 * The fast product is the plain one of what was multiplied: the operand, or
 * what its 16-bit values stand for.
 */
static void check_product(struct check *c, enum tensor_type type,
    const struct shape *s, enum layout layout)
{
	struct pack_options options = {
	    .encodes = layout != SHORTENED, .shortens = layout >= SHORTENED};
	struct matrix *list[] = {&c->w};

	make_check(c, type, s);
	if (layout != AS_READ)
		(void)cpu_pack(c->fast, list, 1, &options);
	cpu_multiply(c->fast, &c->operand, &(struct product){&c->w, c->a}, 1);
	if (c->operand.words)
		read_words(&c->operand, c->x);
	cpu_multiply(c->plain,
	    &(struct operand){.values = c->x, .n = s->n, .cols = s->cols},
	    &(struct product){&c->w, c->b}, 1);
	for (size_t i = 0; i < (size_t)s->n * s->rows; i++) {
		float far = fabsf(c->a[i] - c->b[i]);

		if (!(far <= tolerance(c, layout) * (float)s->cols))
			fail_msg("%s, %u x %u, %u rows, layout %d: %g for %g",
			    quant_type(type)->name, s->rows, s->cols, s->n,
			    (int)layout, (double)c->a[i], (double)c->b[i]);
	}
	free_check(c);
}

static void check_type(struct check *c, enum tensor_type type)
{
	uint32_t block = quant_type(type)->elements;
	const uint32_t odd = block > 1 ? block : 37;
	const struct shape shapes[] = {
	    {1, odd, 1},
	    {35, 3 * odd, 1},
	    {66, odd, 3},
	    {37, 2 * odd, 4},
	    {5, odd, 7},
	    {41, 3 * odd, 12},
	    {17, 256, 1},
	    {49, 768, 1},
	    {33, 256, 2},
	    {15, 768, 5},
	    {64, 1536, 9},
	    {49, 768, 33},
	    {20, 15 * odd, 50},
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		check_product(c, type, &shapes[i], AS_READ);
		check_product(c, type, &shapes[i], PACKED);
		check_product(c, type, &shapes[i], SHORTENED);
		check_product(c, type, &shapes[i], SHORTENED_7);
	}
}

static void multiplies_every_type_as_plain_c_does(void **state)
{
	struct error err;
	struct check check = {
	    .fast = cpu_new_with(2, tested, &err),
	    .plain = cpu_new(1, CPU_EXACT, &err),
	};

	(void)state;
	assert_string_equal(cpu_name(check.fast), tested->name);
	for (int type = 0; type <= TENSOR_Q6_K; type++)
		check_type(&check, (enum tensor_type)type);
	cpu_free(&check.fast);
	cpu_free(&check.plain);
}

/* Products of one operand that want different words share the smallest. */
static void multiplies_types_side_by_side(void **state)
{
	const struct shape shape = {21, 256, 6};
	struct error err;
	struct cpu *fast = cpu_new_with(2, tested, &err);
	struct cpu *plain = cpu_new(1, CPU_EXACT, &err);
	struct check checks[3];
	struct product products[3];

	(void)state;
	make_check(&checks[0], TENSOR_Q4_1, &shape);
	make_check(&checks[1], TENSOR_F32, &shape);
	make_check(&checks[2], TENSOR_Q6_K, &shape);
	/* Numbers that words of 15 bits, the smallest limit, hold exactly. */
	for (uint32_t i = 0; i < shape.n * shape.cols; i++)
		checks[0].x[i] =
		    i % 32 ? (float)(int)(next_float() * 16383) : 16383;
	for (int i = 0; i < 3; i++)
		products[i] = (struct product){&checks[i].w, checks[i].a};
	cpu_multiply(fast, &checks[0].operand, products, 3);
	for (int i = 0; i < 3; i++)
		products[i] = (struct product){&checks[i].w, checks[i].b};
	assert_true(
	    !checks[0].operand.words || checks[0].operand.words[0] <= 16383);
	cpu_multiply(plain, &checks[0].operand, products, 3);
	for (int i = 0; i < 3; i++) {
		for (uint32_t k = 0; k < shape.n * shape.rows; k++)
			assert_true(fabsf(checks[i].a[k] - checks[i].b[k]) <=
				    16383 * 256 * 1e-5F);
		free_check(&checks[i]);
	}
	cpu_free(&fast);
	cpu_free(&plain);
}

/* The products of the check's first <n> tokens, from token <at> on. */
static void multiply_some(struct check *c, uint32_t at, uint32_t n, float *out)
{
	struct operand x = {
	    .values = c->x + (size_t)at * c->w.cols, .n = n, .cols = c->w.cols};

	cpu_multiply(c->fast, &x, &(struct product){&c->w, out}, 1);
}

/* Every token alone, and as the last of 2, 3 ... with it. */
static void check_company(struct check *c, enum tensor_type type,
    const struct shape *s, enum layout layout)
{
	struct pack_options options = {
	    .encodes = layout != SHORTENED, .shortens = layout >= SHORTENED};
	struct matrix *list[] = {&c->w};
	size_t row = s->rows * sizeof(float);

	make_check(c, type, s);
	(void)cpu_pack(c->fast, list, 1, &options);
	for (uint32_t i = 0; i < s->n; i++) {
		multiply_some(c, i, 1, c->a);
		multiply_some(c, 0, i + 1, c->b);
		if (memcmp(c->a, c->b + (size_t)i * s->rows, row) != 0)
			fail_msg("%s, %u x %u, layout %d: token %u differs "
				 "among %u",
			    quant_type(type)->name, s->rows, s->cols,
			    (int)layout, i, i + 1);
	}
	free_check(c);
}

static void gives_a_token_the_same_bits_in_any_company(void **state)
{
	const struct {
		enum tensor_type type;
		enum layout layout;
	} kinds[] = {{TENSOR_Q4_0, PACKED}, {TENSOR_Q4_1, PACKED},
	    {TENSOR_Q8_0, PACKED}, {TENSOR_F32, PACKED},
	    {TENSOR_BF16, SHORTENED}, {TENSOR_Q4_1, SHORTENED},
	    {TENSOR_F32, SHORTENED_7}};
	const struct shape shapes[] = {{37, 576, 29}, {48, 1536, 41}};
	struct error err;
	struct check check = {.fast = cpu_new(2, CPU_FAST, &err)};

	(void)state;
	for (size_t t = 0; t < sizeof(kinds) / sizeof(kinds[0]); t++) {
		for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
			check_company(
			    &check, kinds[t].type, &shapes[i], kinds[t].layout);
	}
	cpu_free(&check.fast);
}

/* Rows of a prompt, then few of the same operand: other words, or none. */
static void multiplies_an_operand_again(void **state)
{
	const struct shape shape = {20, 64, 40};
	struct error err;
	struct cpu *fast = cpu_new_with(2, tested, &err);
	struct cpu *plain = cpu_new(1, CPU_EXACT, &err);
	struct check check;

	(void)state;
	make_check(&check, TENSOR_BF16, &shape);
	cpu_multiply(
	    fast, &check.operand, &(struct product){&check.w, check.a}, 1);
	check.operand.n = 2;
	cpu_multiply(
	    fast, &check.operand, &(struct product){&check.w, check.a}, 1);
	cpu_multiply(
	    plain, &check.operand, &(struct product){&check.w, check.b}, 1);
	for (uint32_t i = 0; i < 2 * shape.rows; i++)
		assert_true(fabsf(check.a[i] - check.b[i]) <= 1e-5F * 64);
	free_check(&check);
	cpu_free(&fast);
	cpu_free(&plain);
}

static void keeps_words_within_half_a_step(void **state)
{
	uint8_t blocks[2 * 34] = {0};
	struct matrix w;
	float x[64] = {0}, out;
	struct error err;
	struct cpu *fast = cpu_new_with(1, tested, &err);
	struct operand operand;

	(void)state;
	for (int i = 0; i < 32; i++)
		x[i] = next_float();
	w = (struct matrix){.data = blocks,
	    .rows = 1,
	    .cols = 64,
	    .type = TENSOR_Q8_0,
	    .row_bytes = sizeof(blocks)};
	operand = (struct operand){.values = x, .n = 1, .cols = 64};
	cpu_multiply(fast, &operand, &(struct product){&w, &out}, 1);
	assert_true(out == 0);
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
	struct pack_options options = {.encodes = false};
	struct matrix *list[] = {&w};
	struct error err;
	struct cpu *fast = cpu_new_with(1, tested, &err);
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
		operand = (struct operand){.values = x, .n = 1, .cols = 256};
		cpu_multiply(fast, &operand, &(struct product){&w, &out}, 1);
		assert_true(out == (float)sign * -128.0F * 127 * 256);
		(void)cpu_pack(fast, list, 1, &options);
		cpu_multiply(fast, &operand, &(struct product){&w, &out}, 1);
		assert_true(out == (float)sign * -128.0F * 127 * 256);
		w.packed = NULL;
	}
	cpu_free(&fast);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(multiplies_every_type_as_plain_c_does),
	    cmocka_unit_test(multiplies_types_side_by_side),
	    cmocka_unit_test(gives_a_token_the_same_bits_in_any_company),
	    cmocka_unit_test(multiplies_an_operand_again),
	    cmocka_unit_test(keeps_words_within_half_a_step),
	    cmocka_unit_test(sums_long_rows_of_extremes),
	};

	RUN_FOR_ALL_KERNELS(tests, tested);
}
