/* avx512_portable.h -- AVX-512's intrinsics where there is no AVX-512. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_AVX512_PORTABLE_H
#define TESTS_UNIT_AVX512_PORTABLE_H

/*
 * The sources of local/cpu/avx512*.c are compiled a second time for tests, with
 * this before them: it gives their intrinsics the meaning that SIMDe has for
 * them in portable C, writes those that it lacks by their published definition,
 * and gives what the sources define other names, so that the machine's own
 * kernels can be linked beside them. All but the processor is tested so. Source
 * of the definitions: Intel's Intrinsics Guide.
 */
#define kernels_avx512 portable_kernels
#define kernels_avx512_vnni portable_kernels_vnni
#define kernels_avx512_bf16 portable_kernels_bf16
#define kernels_avx512_run_here portable_run_here
#define kernels_avx512_vnni_run_here portable_vnni_run_here
#define kernels_avx512_bf16_run_here portable_bf16_run_here

#include "local/cpu/avx2.h"

#include <simde/x86/avx512.h>

#define __m512 simde__m512
#define __m512i simde__m512i
#define __m512bh simde__m512bh

#define AVX512 AVX2
#define AVX512_WITH_VNNI AVX2
#define AVX512_WITH_BF16 AVX2
#define AVX512_KEEP(vector) ((void)(vector))

#define avx512_words portable_words
#define avx512_words_vnni portable_words_vnni
#define avx512_bf16 portable_bf16
#define avx512_to_bf16 portable_to_bf16
#define avx512_floats portable_floats
#define avx512_rows portable_rows
#define avx512_to_words portable_to_words
#define avx512_softmax portable_softmax
#define avx512_norm portable_norm
#define avx512_activate portable_activate
#define avx512_blend portable_blend

#define _mm512_abs_ps simde_mm512_abs_ps
#define _mm512_and_ps simde_mm512_and_ps
#define _mm512_andnot_ps simde_mm512_andnot_ps
#define _mm512_castsi256_si512 simde_mm512_castsi256_si512
#undef _mm512_inserti64x4
#define _mm512_inserti64x4 simde_mm512_inserti64x4
#define _mm512_set1_epi8 simde_mm512_set1_epi8
#define _mm512_castps512_ps256 simde_mm512_castps512_ps256
#define _mm512_castps_si512 simde_mm512_castps_si512
#define _mm512_castsi512_ps simde_mm512_castsi512_ps
#define _mm512_div_ps simde_mm512_div_ps
#undef _mm512_extracti64x4_epi64
#define _mm512_extracti64x4_epi64 simde_mm512_extracti64x4_epi64
#define _mm512_fmsub_ps simde_mm512_fmsub_ps
#define _mm512_fnmadd_ps simde_mm512_fnmadd_ps
#define _mm512_mask_add_ps simde_mm512_mask_add_ps
#define _mm512_maskz_sub_ps simde_mm512_maskz_sub_ps
#define _mm512_max_ps simde_mm512_max_ps
#define _mm512_min_ps simde_mm512_min_ps
#define _mm512_or_ps simde_mm512_or_ps
#define _mm512_set1_epi16 simde_mm512_set1_epi16
#define _mm512_setzero_ps simde_mm512_setzero_ps
#define _mm512_setzero_si512 simde_mm512_setzero_si512
#define _mm512_slli_epi32 simde_mm512_slli_epi32
#define _mm512_srli_epi16 simde_mm512_srli_epi16
#define _mm512_sub_ps simde_mm512_sub_ps

/*
 * What the inner loops are full of is called: in line, forty instructions each,
 * it would take a compiler minutes.
 */
/* <type> name(...) that calls SIMDe's. */
#define PORTABLE_1(type, name, type_a)                                         \
	AVX2 static __attribute__((noinline, unused))                          \
	type portable_##name(type_a a)                                         \
	{                                                                      \
		return simde_mm512_##name(a);                                  \
	}
#define PORTABLE_2(type, name, type_a, type_b)                                 \
	AVX2 static __attribute__((noinline, unused))                          \
	type portable_##name(type_a a, type_b b)                               \
	{                                                                      \
		return simde_mm512_##name(a, b);                               \
	}
#define PORTABLE_3(type, name, type_a, type_b, type_c)                         \
	AVX2 static __attribute__((noinline, unused))                          \
	type portable_##name(type_a a, type_b b, type_c c)                     \
	{                                                                      \
		return simde_mm512_##name(a, b, c);                            \
	}
/* clang-format off */
PORTABLE_2(simde__m512i, madd_epi16, simde__m512i, simde__m512i)
PORTABLE_2(simde__m512i, add_epi32, simde__m512i, simde__m512i)
PORTABLE_3(simde__m512i, dpwssd_epi32, simde__m512i, simde__m512i, simde__m512i)
PORTABLE_3(simde__m512i, dpbusd_epi32, simde__m512i, simde__m512i, simde__m512i)
PORTABLE_3(simde__m512, fmadd_ps, simde__m512, simde__m512, simde__m512)
PORTABLE_3(simde__m512, dpbf16_ps, simde__m512, simde__m512bh, simde__m512bh)
PORTABLE_1(simde__m512i, set1_epi32, int32_t)
PORTABLE_1(simde__m512, set1_ps, float)
PORTABLE_1(simde__m512i, loadu_si512, const void *)
PORTABLE_1(simde__m512, loadu_ps, const void *)
PORTABLE_2(simde__m512i, and_si512, simde__m512i, simde__m512i)
PORTABLE_1(simde__m512i, cvtepi8_epi16, __m256i)
PORTABLE_2(simde__m512, mul_ps, simde__m512, simde__m512)
PORTABLE_2(simde__m512, add_ps, simde__m512, simde__m512)
/* clang-format on */

#define _mm512_madd_epi16 portable_madd_epi16
#define _mm512_add_epi32 portable_add_epi32
#define _mm512_dpwssd_epi32 portable_dpwssd_epi32
#define _mm512_dpbusd_epi32 portable_dpbusd_epi32
#define _mm512_fmadd_ps portable_fmadd_ps
#define _mm512_dpbf16_ps portable_dpbf16_ps
#define _mm512_set1_epi32 portable_set1_epi32
#define _mm512_set1_ps portable_set1_ps
#define _mm512_loadu_si512 portable_loadu_si512
#define _mm512_loadu_ps portable_loadu_ps
#define _mm512_and_si512 portable_and_si512
#define _mm512_cvtepi8_epi16 portable_cvtepi8_epi16
#define _mm512_mul_ps portable_mul_ps
#define _mm512_add_ps portable_add_ps

/* What SIMDe 0.7.4 lacks. */
#define _mm512_cvtepi32_epi16 portable_cvtepi32_epi16
#define _mm512_cvtepi32_ps portable_cvtepi32_ps
#define _mm512_cvtepu16_epi32 portable_cvtepu16_epi32
#define _mm512_cvtneps_pbh portable_cvtneps_pbh
#define _mm512_cvtph_ps portable_cvtph_ps
#define _mm512_cvtps_epi32 portable_cvtps_epi32
#define _mm512_mask_loadu_ps portable_mask_loadu_ps
#define _mm512_mask_storeu_ps portable_mask_storeu_ps
#define _mm512_maskz_loadu_ps portable_maskz_loadu_ps

#define PORTABLE_CALL AVX2 static __attribute__((noinline, unused))

/* Sixteen numbers as memory has them. */
union portable {
	uint32_t bits[16];
	int32_t whole[16];
	float floats[16];
};

/* Moves the bytes of one into the other; both are of the same size. */
#define PORTABLE_MOVE(to, from)                                                \
	do {                                                                   \
		_Static_assert(sizeof(to) == sizeof(from), "the same size");   \
		memcpy(&(to), &(from), sizeof(to));                            \
	} while (0)

/* The low sixteen bits of each. */
PORTABLE_CALL __m256i portable_cvtepi32_epi16(simde__m512i x)
{
	union portable p;
	uint16_t out[16];
	__m256i y;

	PORTABLE_MOVE(p, x);
	for (int i = 0; i < 16; i++)
		out[i] = (uint16_t)p.bits[i];
	PORTABLE_MOVE(y, out);
	return y;
}

PORTABLE_CALL simde__m512 portable_cvtepi32_ps(simde__m512i x)
{
	union portable p;
	simde__m512 y;

	PORTABLE_MOVE(p, x);
	for (int i = 0; i < 16; i++)
		p.floats[i] = (float)p.whole[i];
	PORTABLE_MOVE(y, p);
	return y;
}

PORTABLE_CALL simde__m512i portable_cvtepu16_epi32(__m256i x)
{
	union portable p;
	uint16_t in[16];
	simde__m512i y;

	PORTABLE_MOVE(in, x);
	for (int i = 0; i < 16; i++)
		p.bits[i] = in[i];
	PORTABLE_MOVE(y, p);
	return y;
}

/* To nearest, ties to even; subnormals become 0, NaN stays one. */
PORTABLE_CALL __m256i portable_cvtneps_pbh(simde__m512 x)
{
	union portable p;
	uint16_t out[16];
	__m256i y;

	PORTABLE_MOVE(p, x);
	for (int i = 0; i < 16; i++) {
		uint32_t bits = p.bits[i], exponent = bits >> 23 & 0xff;

		if (exponent == 0)
			bits &= 0x80000000;
		else if (exponent == 0xff && bits << 9)
			bits |= 0x400000;
		else
			bits += 0x7fff + (bits >> 16 & 1);
		out[i] = (uint16_t)(bits >> 16);
	}
	PORTABLE_MOVE(y, out);
	return y;
}

PORTABLE_CALL simde__m512 portable_cvtph_ps(__m256i x)
{
	union portable p;
	uint16_t in[16];
	simde__m512 y;

	PORTABLE_MOVE(in, x);
	for (int i = 0; i < 16; i++)
		p.floats[i] = quant_half(in[i]);
	PORTABLE_MOVE(y, p);
	return y;
}

/* To nearest, ties to even. */
PORTABLE_CALL simde__m512i portable_cvtps_epi32(simde__m512 x)
{
	union portable p;
	simde__m512i y;

	PORTABLE_MOVE(p, x);
	for (int i = 0; i < 16; i++)
		p.whole[i] = _mm_cvtss_si32(_mm_set_ss(p.floats[i]));
	PORTABLE_MOVE(y, p);
	return y;
}

/* Lanes that are left out are not touched in memory. */
PORTABLE_CALL simde__m512 portable_mask_loadu_ps(
    simde__m512 other, __mmask16 lanes, const void *from)
{
	union portable p;

	PORTABLE_MOVE(p, other);
	for (int i = 0; i < 16; i++) {
		if (lanes >> i & 1)
			memcpy(&p.bits[i], (const uint8_t *)from + 4 * i, 4);
	}
	PORTABLE_MOVE(other, p);
	return other;
}

PORTABLE_CALL simde__m512 portable_maskz_loadu_ps(
    __mmask16 lanes, const void *from)
{
	return portable_mask_loadu_ps(simde_mm512_setzero_ps(), lanes, from);
}

PORTABLE_CALL void portable_mask_storeu_ps(
    void *to, __mmask16 lanes, simde__m512 x)
{
	union portable p;

	PORTABLE_MOVE(p, x);
	for (int i = 0; i < 16; i++) {
		if (lanes >> i & 1)
			memcpy((uint8_t *)to + 4 * i, &p.bits[i], 4);
	}
}

#endif
