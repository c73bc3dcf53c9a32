/* avx2.c -- what AVX2, FMA and F16C offer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx2.h"

#if defined(__x86_64__)

#include <cpuid.h>

/* Tokens from which rows that were not packed are worth a panel. */
#define PANEL_TOKENS 4

/* And those from which a panel of packed ones pays. */
#define PANEL_TOKENS_PACKED 24

static enum packed_kind kind_of(const struct matrix *w)
{
	const struct packed *packed = w->packed;

	return packed ? packed->kind : PACKED_NOT;
}

/* Floats are multiplied as such; all else with the operand's words. */
static bool is_float(const struct matrix *w)
{
	enum packed_kind kind = kind_of(w);

	return w->type <= TENSOR_BF16 && kind != PACKED_BYTES &&
	       kind != PACKED_SEVENS;
}

static int32_t word_limit(const struct matrix *w, uint32_t n)
{
	(void)n;
	return is_float(w) ? 0 : avx2_word_limit(w);
}

static void tile(const struct tile *t)
{
	enum packed_kind kind = kind_of(t->w);
	uint32_t n = t->x->n;

	if (is_float(t->w)) {
		if (kind == PACKED_FLOATS || n >= PANEL_TOKENS)
			avx2_gemm_floats(t);
		else
			avx2_rows(t);
	} else if (kind == PACKED_QUADS || kind == PACKED_SEVENS) {
		avx2_quads(t);
	} else if (kind == PACKED_NOT) {
		if (n >= PANEL_TOKENS)
			avx2_gemm(t);
		else
			avx2_rows(t);
	} else if (n >= PANEL_TOKENS_PACKED) {
		avx2_gemm(t);
	} else {
		avx2_packed(t);
	}
}

const struct kernels kernels_avx2 = {
    .name = "AVX2",
    .tile = tile,
    .tile_rows = GROUP_ROWS,
    .word_limit = word_limit,
    .to_words = avx2_to_words,
    .pack = avx2_pack,
    .packs_short = true,
    .blend = avx2_blend,
    .to_halves = avx2_to_halves,
    .softmax = avx2_softmax,
    .norm = avx2_norm,
    .activate = avx2_activate,
    .turn = avx2_turn,
};

/* CPUID leaf 1: clang 14's __builtin_cpu_supports does not know the name. */
static bool has_f16c(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

bool kernels_avx2_run_here(void)
{
	return __builtin_cpu_supports("avx2") &&
	       __builtin_cpu_supports("fma") && has_f16c();
}
#else
const struct kernels kernels_avx2 = {.name = "AVX2"};

bool kernels_avx2_run_here(void)
{
	return false;
}
#endif
