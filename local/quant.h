/* quant.h -- the types that weights are stored in, and their plain values. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_QUANT_H
#define LOCAL_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/*
 * A weight matrix is stored by rows, a row as blocks of 1, 32 or 256 elements.
 * What is here is the plain meaning of each type, in F32, by which every faster
 * path is judged. Blocks may lie at any address, as files put them there.
 * Source: the published block layouts of GGUF.
 */
enum tensor_type {
	TENSOR_F32,
	TENSOR_F16,
	TENSOR_BF16,
	TENSOR_Q4_0,
	TENSOR_Q4_1,
	TENSOR_Q5_0,
	TENSOR_Q5_1,
	TENSOR_Q8_0,
	TENSOR_Q4_K,
	TENSOR_Q5_K,
	TENSOR_Q6_K,
	TENSOR_I32,   /* never weights: ids and counters beside them */
	TENSOR_I64,   /* the same */
	TENSOR_OTHER, /* known to be there, not to be read */
};

#define QUANT_BLOCK_MAX 256 /* elements of the largest block */

struct quant_type {
	const char *name;        /* as messages and GGUF call it */
	const char *safetensors; /* its dtype there; NULL: never there */
	int32_t gguf;            /* its number there; -1: never there */
	uint32_t elements;       /* of a block */
	uint32_t bytes;          /* of a block; 0 for TENSOR_OTHER */
	bool is_weight;          /* can be multiplied with */
};

/* What is known of <type>; never NULL. */
const struct quant_type *quant_type(enum tensor_type type);

/* The type that a file means, TENSOR_OTHER when it is not one of the above. */
enum tensor_type quant_type_of_gguf(uint32_t number);
enum tensor_type quant_type_of_safetensors(struct span dtype);

/* Bytes of a row of <n> elements; <n> is a multiple of the type's block. */
static inline uint64_t quant_row_bytes(enum tensor_type type, uint64_t n)
{
	const struct quant_type *t = quant_type(type);

	return n / t->elements * t->bytes;
}

/*
 * Writes <n> elements as F32; <n> is a multiple of the type's block, and the
 * type is a weight's.
 */
void quant_to_f32(
    enum tensor_type type, const uint8_t *blocks, float *out, size_t n);

/*
 * The sum of w[i] * x[i] over <n> elements, in F32, of a weight row as
 * quant_to_f32 gives it: the reference that faster products are tested by.
 */
float quant_dot(
    enum tensor_type type, const uint8_t *blocks, const float *x, size_t n);

/* The value of one IEEE half, and of the upper half of an F32. */
float quant_half(uint16_t bits);

/* The half nearest to <value>, the even one of two; the largest for more. */
uint16_t quant_to_half(float value);

static inline float quant_bf16(uint16_t bits)
{
	uint32_t wide = (uint32_t)bits << 16;
	float value;

	memcpy(&value, &wide, sizeof(value));
	return value;
}

/* Little-endian loads from any address. */
static inline uint16_t quant_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t quant_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

/*
 * The scale and minimum, each of six bits, of sub-block <i> of 8 in a Q4_K or
 * Q5_K block, from its <packed> 12 bytes.
 */
void quant_k_scale(const uint8_t *packed, int i, uint8_t *scale, uint8_t *min);

#endif
