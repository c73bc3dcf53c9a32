/* quant.c -- the types that weights are stored in, and their plain values. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/quant.h"

#include <math.h>

#include <assert.h>

/* Every weight goes through these loops: vectors are worth their size here. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

static const struct quant_type types[] = {
    [TENSOR_F32] = {"F32", "F32", 0, 1, 4, true},
    [TENSOR_F16] = {"F16", "F16", 1, 1, 2, true},
    [TENSOR_BF16] = {"BF16", "BF16", 30, 1, 2, true},
    [TENSOR_Q4_0] = {"Q4_0", NULL, 2, 32, 18, true},
    [TENSOR_Q4_1] = {"Q4_1", NULL, 3, 32, 20, true},
    [TENSOR_Q5_0] = {"Q5_0", NULL, 6, 32, 22, true},
    [TENSOR_Q5_1] = {"Q5_1", NULL, 7, 32, 24, true},
    [TENSOR_Q8_0] = {"Q8_0", NULL, 8, 32, 34, true},
    [TENSOR_Q4_K] = {"Q4_K", NULL, 12, 256, 144, true},
    [TENSOR_Q5_K] = {"Q5_K", NULL, 13, 256, 176, true},
    [TENSOR_Q6_K] = {"Q6_K", NULL, 14, 256, 210, true},
    [TENSOR_I32] = {"I32", "I32", 26, 1, 4, false},
    [TENSOR_I64] = {"I64", "I64", 27, 1, 8, false},
    [TENSOR_OTHER] = {"another type", NULL, -1, 1, 0, false},
};

const struct quant_type *quant_type(enum tensor_type type)
{
	assert(type <= TENSOR_OTHER);
	return &types[type];
}

enum tensor_type quant_type_of_gguf(uint32_t number)
{
	for (int i = 0; i < TENSOR_OTHER; i++) {
		if ((uint32_t)types[i].gguf == number)
			return (enum tensor_type)i;
	}
	return TENSOR_OTHER;
}

enum tensor_type quant_type_of_safetensors(struct span dtype)
{
	for (int i = 0; i < TENSOR_OTHER; i++) {
		if (types[i].safetensors &&
		    span_eq(dtype, span_of(types[i].safetensors)))
			return (enum tensor_type)i;
	}
	return TENSOR_OTHER;
}

float quant_half(uint16_t bits)
{
	uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
	uint32_t exponent = bits >> 10 & 31, fraction = bits & 0x3ff, wide;
	float value;

	if (exponent == 0) {
		/* Zero and subnormals: fraction * 2^-24, exact in F32. */
		value = (float)fraction * 0x1p-24F;
		return sign ? -value : value;
	}
	if (exponent == 31)
		wide = sign | 0x7f800000U | fraction << 13;
	else
		wide = sign | (exponent + 112) << 23 | fraction << 13;
	memcpy(&value, &wide, sizeof(value));
	return value;
}

uint16_t quant_to_half(float value)
{
	uint16_t sign = signbit(value) ? 0x8000 : 0;
	float size = fabsf(value);
	int bits;

	if (isnan(value)) {
		bits = 0x7e00;
	} else if (size >= 65504) {
		bits = 0x7bff;
	} else if (size < 0x1p-14F) {
		bits = (int)rintf(size * 0x1p24F);
	} else {
		int exponent = ilogbf(size);

		/* 1024 .. 2048: the first goes on into the exponent. */
		bits = ((exponent + 14) << 10) +
		       (int)rintf(ldexpf(size, 10 - exponent));
	}
	return (uint16_t)(sign | bits);
}

static float half_at(const uint8_t *p)
{
	return quant_half(quant_u16(p));
}

/* The nibbles of 16 bytes: the low ones, then the high ones. */
static void nibbles(const uint8_t *q, uint8_t out[32])
{
	for (int i = 0; i < 16; i++) {
		out[i] = q[i] & 15;
		out[i + 16] = q[i] >> 4;
	}
}

/* The same with a fifth bit each. */
static void fives(const uint8_t *q, uint32_t fifth, uint8_t out[32])
{
	nibbles(q, out);
	for (int i = 0; i < 32; i++)
		out[i] |= (uint8_t)((fifth >> i & 1) << 4);
}

static void f32_block(const uint8_t *p, float *out)
{
	memcpy(out, p, sizeof(*out));
}

static void f16_block(const uint8_t *p, float *out)
{
	*out = half_at(p);
}

static void bf16_block(const uint8_t *p, float *out)
{
	*out = quant_bf16(quant_u16(p));
}

static void q4_0_block(const uint8_t *p, float *out)
{
	float d = half_at(p);
	uint8_t q[32];

	nibbles(p + 2, q);
	for (int i = 0; i < 32; i++)
		out[i] = d * (float)(q[i] - 8);
}

static void q4_1_block(const uint8_t *p, float *out)
{
	float d = half_at(p), m = half_at(p + 2);
	uint8_t q[32];

	nibbles(p + 4, q);
	for (int i = 0; i < 32; i++)
		out[i] = d * (float)q[i] + m;
}

static void q5_0_block(const uint8_t *p, float *out)
{
	float d = half_at(p);
	uint8_t q[32];

	fives(p + 6, quant_u32(p + 2), q);
	for (int i = 0; i < 32; i++)
		out[i] = d * (float)(q[i] - 16);
}

static void q5_1_block(const uint8_t *p, float *out)
{
	float d = half_at(p), m = half_at(p + 2);
	uint8_t q[32];

	fives(p + 8, quant_u32(p + 4), q);
	for (int i = 0; i < 32; i++)
		out[i] = d * (float)q[i] + m;
}

static void q8_0_block(const uint8_t *p, float *out)
{
	float d = half_at(p);

	for (int i = 0; i < 32; i++)
		out[i] = d * (float)(int8_t)p[2 + i];
}

void quant_k_scale(const uint8_t *packed, int i, uint8_t *scale, uint8_t *min)
{
	/* The first four have bytes of their own; the others' two upper bits
	 * are the upper bits of these. */
	if (i < 4) {
		*scale = packed[i] & 63;
		*min = packed[i + 4] & 63;
		return;
	}
	*scale = (uint8_t)((packed[i + 4] & 15) | packed[i - 4] >> 6 << 4);
	*min = (uint8_t)(packed[i + 4] >> 4 | packed[i] >> 6 << 4);
}

/*
 * Q4_K and Q5_K: d, dmin, 12 bytes of scales, for Q5_K 32 bytes of fifth bits
 * (bit s of byte l belongs to element l of sub-block s), 128 bytes of nibbles:
 * 32 bytes carry the sub-blocks 2g (low) and 2g + 1 (high).
 */
static void k_block(const uint8_t *p, const uint8_t *fifth, float *out)
{
	const uint8_t *q = p + 16 + (fifth ? 32 : 0);
	float d = half_at(p), dmin = half_at(p + 2);

	for (int s = 0; s < 8; s++) {
		uint8_t scale, min;
		float step, low;

		quant_k_scale(p + 4, s, &scale, &min);
		step = d * (float)scale;
		low = dmin * (float)min;
		for (int l = 0; l < 32; l++) {
			int v = q[s / 2 * 32 + l] >> s % 2 * 4 & 15;

			if (fifth)
				v |= (fifth[l] >> s & 1) << 4;
			out[s * 32 + l] = step * (float)v - low;
		}
	}
}

static void q4_k_block(const uint8_t *p, float *out)
{
	k_block(p, NULL, out);
}

static void q5_k_block(const uint8_t *p, float *out)
{
	k_block(p, p + 16, out);
}

/*
 * Two halves of 128 elements, each 64 bytes of low nibbles and 32 of upper
 * pairs: element g * 32 + l of a half has its nibble in byte (g % 2) * 32 + l,
 * low for g < 2, and its upper bits in bits 2g, 2g + 1 of byte l.
 */
static void q6_k_block(const uint8_t *p, float *out)
{
	const uint8_t *low = p, *high = p + 128, *scales = p + 192;
	float d = half_at(p + 208);

	for (int i = 0; i < 256; i++) {
		int half = i / 128, g = i % 128 / 32, l = i % 32;
		int v = low[half * 64 + g % 2 * 32 + l] >> g / 2 * 4 & 15;

		v |= (high[half * 32 + l] >> 2 * g & 3) << 4;
		out[i] = d * (float)(int8_t)scales[i / 16] * (float)(v - 32);
	}
}

typedef void (*block_fn)(const uint8_t *p, float *out);

static const block_fn blocks_of[] = {
    [TENSOR_F32] = f32_block,
    [TENSOR_F16] = f16_block,
    [TENSOR_BF16] = bf16_block,
    [TENSOR_Q4_0] = q4_0_block,
    [TENSOR_Q4_1] = q4_1_block,
    [TENSOR_Q5_0] = q5_0_block,
    [TENSOR_Q5_1] = q5_1_block,
    [TENSOR_Q8_0] = q8_0_block,
    [TENSOR_Q4_K] = q4_k_block,
    [TENSOR_Q5_K] = q5_k_block,
    [TENSOR_Q6_K] = q6_k_block,
};

void quant_to_f32(
    enum tensor_type type, const uint8_t *blocks, float *out, size_t n)
{
	const struct quant_type *t = quant_type(type);

	assert(t->is_weight && n % t->elements == 0);
	if (type == TENSOR_F32) {
		memcpy(out, blocks, n * sizeof(*out));
		return;
	}
	for (size_t i = 0; i < n; i += t->elements, blocks += t->bytes)
		blocks_of[type](blocks, out + i);
}

float quant_dot(
    enum tensor_type type, const uint8_t *blocks, const float *x, size_t n)
{
	const struct quant_type *t = quant_type(type);
	float w[QUANT_BLOCK_MAX], sum = 0;

	assert(t->is_weight && n % t->elements == 0);
	for (size_t i = 0; i < n; i += t->elements, blocks += t->bytes) {
		blocks_of[type](blocks, w);
		for (uint32_t k = 0; k < t->elements; k++)
			sum += w[k] * x[i + k];
	}
	return sum;
}
