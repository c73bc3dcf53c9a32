/* test_cpu_ops.c -- what is not a product of weights, against plain C. */
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
static const struct kernels *fast;

/* A generator of the test's own: the same numbers in every run. */
static uint32_t seed = 1;

static float next_float(void)
{
	seed = seed * 1664525 + 1013904223;
	return (float)(seed >> 8) / 0x1p23F - 1;
}

static void fill(float *x, size_t n, float scale)
{
	for (size_t i = 0; i < n; i++)
		x[i] = scale * next_float();
}

static void check(const char *what, const float *a, const float *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!(fabsf(a[i] - b[i]) <= 2e-6F + 2e-6F * fabsf(b[i])))
			fail_msg("%s, %zu of %zu: %.9g for %.9g", what, i, n,
			    (double)a[i], (double)b[i]);
	}
}

static const uint32_t sizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 64, 67};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void activates_as_plain_c_does(void **state)
{
	float a[67], b[67], up[67];

	(void)state;
	for (int kind = 0; kind <= ACTIVATION_TANH; kind++) {
		for (size_t i = 0; i < SIZES * 40; i++) {
			uint32_t n = sizes[i % SIZES];
			const float *factor = i % 3 ? up : NULL;

			fill(a, n, (float)(1 + i / SIZES));
			fill(up, n, 1);
			memcpy(b, a, sizeof(b));
			fast->activate((enum activation)kind, a, factor, n);
			kernels_plain.activate(
			    (enum activation)kind, b, factor, n);
			check("activation", a, b, n);
		}
	}
}

static void activates_the_largest_numbers(void **state)
{
	const float x[] = {0, -0.0F, 1e-30F, -1e-30F, 50, -50, 1e4F, -1e4F};

	(void)state;
	for (int kind = 0; kind <= ACTIVATION_TANH; kind++) {
		float a[8], b[8];

		memcpy(a, x, sizeof(a));
		memcpy(b, x, sizeof(b));
		fast->activate((enum activation)kind, a, NULL, 8);
		kernels_plain.activate((enum activation)kind, b, NULL, 8);
		check("activation", a, b, 8);
	}
}

/* Softmax of two numbers gives exp alone: 1 / (1 + exp(x)). */
static void takes_exponentials_within_four_ulp(void **state)
{
	double worst = 0;

	(void)state;
	for (int i = 0; i <= 87000; i++) {
		float x = -(float)i / 1000, pair[2] = {x, 0};
		double e, far;

		fast->softmax(pair, 2, 1);
		e = exp((double)x);
		far = fabs((double)pair[0] / (e / (1 + e)) - 1) / 0x1p-24;
		worst = far > worst ? far : worst;
	}
	print_message("off by up to %.2f half ulp\n", worst);
	assert_true(worst < 8);
}

static void takes_softmax_as_plain_c_does(void **state)
{
	float a[67], b[67];

	(void)state;
	for (size_t i = 0; i < SIZES; i++) {
		fill(a, sizes[i], 30);
		memcpy(b, a, sizeof(b));
		fast->softmax(a, sizes[i], 0.7F);
		kernels_plain.softmax(b, sizes[i], 0.7F);
		check("softmax", a, b, sizes[i]);
	}
}

static void norms_as_plain_c_does(void **state)
{
	float x[67], weight[67], bias[67], a[67], b[67];

	(void)state;
	fill(weight, 67, 1);
	fill(bias, 67, 1);
	for (size_t i = 0; i < SIZES * 4; i++) {
		struct norm norm = {.weight = weight,
		    .bias = i / SIZES % 2 ? bias : NULL,
		    .n = sizes[i % SIZES]};
		struct norm_job job = {.norm = &norm,
		    .eps = 1e-5,
		    .takes_mean = i / SIZES / 2 != 0};

		fill(x, norm.n, 3);
		fast->norm(&job, x, a);
		kernels_plain.norm(&job, x, b);
		check("norm", a, b, norm.n);
	}
}

static void turns_heads_as_plain_c_does(void **state)
{
	float cosines[67], sines[67], a[134], b[134];

	(void)state;
	for (size_t i = 0; i < SIZES * 2; i++) {
		struct rope_turn turn = {.cosines = cosines,
		    .sines = sines,
		    .half = sizes[i % SIZES],
		    .in_pairs = i >= SIZES};

		fill(cosines, 67, 1);
		fill(sines, 67, 1);
		fill(a, 134, 1);
		memcpy(b, a, sizeof(b));
		fast->turn(&turn, a);
		kernels_plain.turn(&turn, b);
		check("turned", a, b, 134);
	}
}

/* Products of attention, of odd sizes in every direction. */
struct blend_case {
	uint32_t m, k, n, tile_rows;
	bool is_half;
};

/* Tiles of <c> from <b>, as halves where it wants these; to be freed. */
static void *make_tiles(
    const struct blend_case *c, const float *b, const void **tiles, uint32_t n)
{
	size_t tile = (size_t)c->tile_rows * c->n;
	size_t size = c->is_half ? sizeof(uint16_t) : sizeof(float);
	char *numbers = mem_alloc(n * tile * size);

	if (c->is_half)
		fast->to_halves(
		    b, (uint16_t *)(void *)numbers, (uint32_t)(n * tile));
	else
		memcpy(numbers, b, n * tile * size);
	for (uint32_t i = 0; i < n; i++)
		tiles[i] = numbers + i * tile * size;
	return numbers;
}

static void check_blend(const struct blend_case *c)
{
	uint32_t tiles = (c->k + c->tile_rows - 1) / c->tile_rows;
	float *a = mem_alloc((size_t)c->m * c->k * sizeof(float));
	float *b =
	    mem_alloc((size_t)tiles * c->tile_rows * c->n * sizeof(float));
	float *got = mem_alloc((size_t)2 * c->m * c->n * sizeof(float));
	float *want = got + (size_t)c->m * c->n;
	const float *a_rows[32];
	const void *b_tiles[32];
	void *numbers;
	float *c_rows[32];
	struct blend blend = {a_rows, c_rows, b_tiles, c->m, c->k, c->n,
	    c->tile_rows, false, c->is_half};

	fill(a, (size_t)c->m * c->k, 1);
	fill(b, (size_t)tiles * c->tile_rows * c->n, 1);
	for (uint32_t i = 0; i < c->m; i++) {
		a_rows[i] = a + (size_t)i * c->k;
		c_rows[i] = got + (size_t)i * c->n;
	}
	numbers = make_tiles(c, b, b_tiles, tiles);
	fast->blend(&blend);
	for (uint32_t i = 0; i < c->m; i++)
		c_rows[i] = want + (size_t)i * c->n;
	kernels_plain.blend(&blend);
	for (uint32_t i = 0; i < c->m * c->n; i++)
		assert_true(fabsf(got[i] - want[i]) <= 1e-6F * (float)c->k);
	free(a);
	free(b);
	free(got);
	free(numbers);
}

static void blends_as_plain_c_does(void **state)
{
	const struct blend_case cases[] = {
	    {1, 1, 1, 1, false},
	    {1, 64, 16, 64, false},
	    {24, 64, 16, 64, false},
	    {23, 33, 64, 16, false},
	    {11, 16, 48, 16, false},
	    {3, 100, 20, 16, false},
	    {5, 17, 7, 16, false},
	    {4, 5, 32, 16, false},
	    {2, 130, 80, 16, false},
	    {1, 64, 16, 64, true},
	    {24, 64, 16, 64, true},
	    {23, 33, 64, 16, true},
	    {11, 16, 48, 16, true},
	    {4, 5, 32, 16, true},
	    {2, 130, 80, 16, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_blend(&cases[i]);
}

static void makes_halves_as_plain_c_does(void **state)
{
	static const float edges[] = {0, -0.0F, 1 + 0x1.1p-11F, 0x1p-24F,
	    0x1.8p-25F, -0x1p-14F + 0x1p-30F, 65504, 65519, 65520, -1e30F,
	    INFINITY, -INFINITY};
	float x[64];
	uint16_t got[64], want[64];

	(void)state;
	fill(x, 64, 3);
	memcpy(x + 7, edges, sizeof(edges));
	fast->to_halves(x, got, 64);
	kernels_plain.to_halves(x, want, 64);
	assert_memory_equal(got, want, sizeof(got));
}

/* Bochs 2.7 rounds them up; tools/emulate-avx512 says so. */
static void rounds_ties_to_the_even_half(void **state)
{
	static const float ties[] = {1 + 0x1p-11F, 1 + 0x3p-11F, 0x1p-25F,
	    0x3p-25F, -1 - 0x1p-11F, -1 - 0x3p-11F};
	float x[16] = {0};
	uint16_t got[16], want[16];

	(void)state;
	if (getenv("HALVES_OF_TIES_ARE_WRONG"))
		skip();
	memcpy(x, ties, sizeof(ties));
	fast->to_halves(x, got, 16);
	kernels_plain.to_halves(x, want, 16);
	assert_int_equal(want[0], 0x3c00);
	assert_int_equal(want[1], 0x3c02);
	assert_memory_equal(got, want, sizeof(got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(activates_as_plain_c_does),
	    cmocka_unit_test(activates_the_largest_numbers),
	    cmocka_unit_test(takes_exponentials_within_four_ulp),
	    cmocka_unit_test(takes_softmax_as_plain_c_does),
	    cmocka_unit_test(norms_as_plain_c_does),
	    cmocka_unit_test(turns_heads_as_plain_c_does),
	    cmocka_unit_test(blends_as_plain_c_does),
	    cmocka_unit_test(makes_halves_as_plain_c_does),
	    cmocka_unit_test(rounds_ties_to_the_even_half),
	};

	RUN_FOR_ALL_KERNELS(tests, fast);
}
