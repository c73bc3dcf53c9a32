/* avx512.c -- what AVX-512 offers, with VNNI and BF16 and without. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/cpu/avx512.h"

#if defined(__x86_64__)

/* Tokens from which rows that were not packed are worth a panel. */
#define PANEL_TOKENS 4

/* The same for floats, whose rows meet eight tokens at once. */
#define FLOAT_PANEL_TOKENS 32

/* Tokens from which BF16 is multiplied as such: prompts; see avx512_bf16.c. */
#define BF16_TOKENS 32

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

static int32_t word_limit_bf16(const struct matrix *w, uint32_t n)
{
	if (w->type == TENSOR_BF16 && !w->packed && n >= BF16_TOKENS)
		return WORDS_BF16;
	return word_limit(w, n);
}

static void to_words_bf16(
    const float *x, const struct words_row *row, uint32_t n)
{
	if (row->limit == WORDS_BF16)
		avx512_to_bf16(x, row->words, n);
	else
		avx512_to_words(x, row, n);
}

/* Few tokens times quantised rows as files have them are left to AVX2. */
static void multiply(const struct tile *t, void (*words)(const struct tile *))
{
	enum packed_kind kind = kind_of(t->w);
	uint32_t n = t->x->n;

	if (!is_float(t->w)) {
		if (kind == PACKED_NOT && n < PANEL_TOKENS)
			avx2_rows(t);
		else
			words(t);
	} else if (kind == PACKED_FLOATS || n >= FLOAT_PANEL_TOKENS) {
		avx512_floats(t);
	} else {
		avx512_rows(t);
	}
}

static void tile(const struct tile *t)
{
	multiply(t, avx512_words);
}

static void tile_vnni(const struct tile *t)
{
	multiply(t, avx512_words_vnni);
}

static void tile_bf16(const struct tile *t)
{
	if (t->w->type == TENSOR_BF16 && t->x->limit == WORDS_BF16)
		avx512_bf16(t);
	else
		multiply(t, avx512_words_vnni);
}

/* What all three share. */
#define SHARED                                                                 \
	.tile_rows = GROUP_ROWS, .pack = avx2_pack, .blend = avx512_blend,     \
	.to_halves = avx2_to_halves, .softmax = avx512_softmax,                \
	.norm = avx512_norm, .activate = avx512_activate, .turn = avx2_turn

const struct kernels kernels_avx512 = {
    .name = "AVX-512",
    .tile = tile,
    .word_limit = word_limit,
    .to_words = avx512_to_words,
    SHARED,
};

const struct kernels kernels_avx512_vnni = {
    .name = "AVX-512 VNNI",
    .tile = tile_vnni,
    .packs_short = true,
    .word_limit = word_limit,
    .to_words = avx512_to_words,
    SHARED,
};

const struct kernels kernels_avx512_bf16 = {
    .name = "AVX-512 VNNI BF16",
    .tile = tile_bf16,
    .packs_short = true,
    .word_limit = word_limit_bf16,
    .to_words = to_words_bf16,
    SHARED,
};

/* The compiler's answer holds CPUID and what XCR0 says the system keeps. */
bool kernels_avx512_run_here(void)
{
	return kernels_avx2_run_here() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512dq");
}

bool kernels_avx512_vnni_run_here(void)
{
	return kernels_avx512_run_here() &&
	       __builtin_cpu_supports("avx512vnni");
}

bool kernels_avx512_bf16_run_here(void)
{
	return kernels_avx512_vnni_run_here() &&
	       __builtin_cpu_supports("avx512bf16");
}
#else
const struct kernels kernels_avx512 = {.name = "AVX-512"};
const struct kernels kernels_avx512_vnni = {.name = "AVX-512 VNNI"};
const struct kernels kernels_avx512_bf16 = {.name = "AVX-512 VNNI BF16"};

bool kernels_avx512_run_here(void)
{
	return false;
}

bool kernels_avx512_vnni_run_here(void)
{
	return false;
}

bool kernels_avx512_bf16_run_here(void)
{
	return false;
}
#endif
