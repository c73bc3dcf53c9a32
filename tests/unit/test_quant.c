/* test_quant.c -- block formats have the values that gguf gives them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/model_fixture.h"

/* tests/data/models/quants.safetensors: NAME.blocks (bytes), NAME.values. */
static void reads_every_block_as_gguf_does(void **state)
{
	static const enum tensor_type types[] = {TENSOR_F16, TENSOR_Q4_0,
	    TENSOR_Q4_1, TENSOR_Q5_0, TENSOR_Q5_1, TENSOR_Q8_0, TENSOR_Q4_K,
	    TENSOR_Q5_K, TENSOR_Q6_K};
	struct error err;
	struct weights *golden =
	    weights_open(fixture_path("quants.safetensors"), &err);
	float values[1024];

	(void)state;
	assert_non_null(golden);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const char *name = quant_type(types[i])->name;
		const struct tensor *blocks, *expected;
		char key[32];
		uint64_t n;

		(void)snprintf(key, sizeof(key), "%s.blocks", name);
		blocks = weights_find(golden, span_of(key));
		(void)snprintf(key, sizeof(key), "%s.values", name);
		expected = weights_find(golden, span_of(key));
		assert_true(blocks && expected);
		assert_true(tensor_elements(expected, &n) && n <= 1024);
		assert_int_equal(blocks->size, quant_row_bytes(types[i], n));
		quant_to_f32(types[i], blocks->data, values, n);
		assert_memory_equal(values, expected->data, n * sizeof(float));
	}
	weights_close(&golden);
}

static void multiplies_what_it_reads(void **state)
{
	uint8_t block[34 * 2 + 1];
	float x[64], w[64], sum = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i * 37);
	block[2] = block[36] = 0x2e; /* scales that are plain numbers */
	for (int i = 0; i < 64; i++)
		x[i] = (float)(i % 7) - 3;
	/* An odd address, as files have them. */
	quant_to_f32(TENSOR_Q8_0, block + 1, w, 64);
	for (int i = 0; i < 64; i++)
		sum += w[i] * x[i];
	assert_true(sum == quant_dot(TENSOR_Q8_0, block + 1, x, 64));
	assert_true(sum != 0);
}

static void reads_halves_at_their_edges(void **state)
{
	(void)state;
	assert_true(quant_half(0x3c00) == 1);
	assert_true(quant_half(0xc000) == -2);
	assert_true(quant_half(0x7bff) == 65504);
	assert_true(quant_half(0x0001) == 0x1p-24F);
	assert_true(quant_half(0x83ff) == -1023 * 0x1p-24F);
	assert_true(signbit(quant_half(0x8000)) != 0);
	assert_true(isinf(quant_half(0x7c00)));
	assert_true(isnan(quant_half(0x7e00)));
}

static void writes_every_half_as_it_was_read(void **state)
{
	(void)state;
	for (uint32_t bits = 0; bits < 0x10000; bits++) {
		float value = quant_half((uint16_t)bits);

		if (isnan(value))
			assert_true(isnan(quant_half(quant_to_half(value))));
		else if (isinf(value))
			assert_int_equal(quant_to_half(value), bits - 1);
		else
			assert_int_equal(quant_to_half(value), bits);
	}
}

static void rounds_to_the_nearest_half(void **state)
{
	(void)state;
	assert_int_equal(quant_to_half(1 + 0x1p-11F), 0x3c00);
	assert_int_equal(quant_to_half(1 + 0x1.002p-11F), 0x3c01);
	assert_int_equal(quant_to_half(1 + 3 * 0x1p-11F), 0x3c02);
	assert_int_equal(quant_to_half(2 - 0x1p-20F), 0x4000);
	assert_int_equal(quant_to_half(0x1p-14F - 0x1p-30F), 0x0400);
	assert_int_equal(quant_to_half(0x1p-25F), 0);
	assert_int_equal(quant_to_half(-0x1.8p-25F), 0x8001);
	assert_int_equal(quant_to_half(65519), 0x7bff);
	assert_int_equal(quant_to_half(-1e30F), 0xfbff);
}

static void knows_types_by_number_and_by_name(void **state)
{
	(void)state;
	assert_int_equal(quant_type_of_gguf(12), TENSOR_Q4_K);
	assert_int_equal(quant_type_of_gguf(10), TENSOR_OTHER);
	assert_int_equal(quant_type_of_gguf(UINT32_MAX), TENSOR_OTHER);
	assert_int_equal(quant_type_of_safetensors(SPAN("BF16")), TENSOR_BF16);
	assert_int_equal(
	    quant_type_of_safetensors(SPAN("F8_E4M3")), TENSOR_OTHER);
	assert_int_equal(quant_row_bytes(TENSOR_Q6_K, 512), 420);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_every_block_as_gguf_does),
	    cmocka_unit_test(multiplies_what_it_reads),
	    cmocka_unit_test(reads_halves_at_their_edges),
	    cmocka_unit_test(writes_every_half_as_it_was_read),
	    cmocka_unit_test(rounds_to_the_nearest_half),
	    cmocka_unit_test(knows_types_by_number_and_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
