/* kernel.h -- what a way of computing must offer. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_KERNEL_H
#define LOCAL_CPU_KERNEL_H

#include "local/cpu/cpu.h"
#include "local/cpu/packed.h"

/* Rows first .. first + n - 1 of <w>, for all rows of the operand. */
struct tile {
	const struct matrix *w;
	const struct operand *x;
	float *out; /* (x->n, w->rows) */
	uint32_t first, n;
	void *scratch; /* (KERNEL_SCRATCH), the thread's, on 64 bytes */
};

/* Bytes that a tile needs with weights of <cols> columns. */
#define KERNEL_SCRATCH(cols) ((size_t)(cols)*4 * sizeof(float) + 32768)

/*
 * c (m, n) = a (m, k) times b (k, n), where c and a are given by rows and b by
 * tiles of <tile_rows> rows, of which the last may hold fewer: the products of
 * attention, and of floats.
 */
struct blend {
	const float *const *a; /* (m) rows (k) */
	float *const *c;       /* (m) rows (n) */
	const void *const *b;  /* tiles (tile_rows, n) */
	uint32_t m, k, n, tile_rows;
	bool adds;    /* to what c holds */
	bool is_half; /* b is of halves, 16 bits each, and n a multiple of 16 */
};

/* The limits of operands for quads, and for sevens and these themselves. */
#define QUADS_LIMIT 127
#define SEVENS_LIMIT 63

/* What is added to an operand's sevens, to make them unsigned. */
#define SEVENS_OFFSET 64

/* Where 16-bit values go: see struct operand. */
struct words_row {
	int16_t *words;
	float *scales, *sums;
	int32_t limit;  /* what the largest of 32 becomes; or WORDS_BF16 */
	uint8_t *bytes; /* the words too, for QUADS_LIMIT; for SEVENS_LIMIT
			   with SEVENS_OFFSET added; else NULL */
};

struct kernels {
	const char *name;
	/* Writes the tile's part of out, bias included. */
	void (*tile)(const struct tile *tile);
	/* Rows of <w> that a tile may begin at: multiples of this. */
	uint32_t tile_rows;
	/* The limit of words for <n> operand rows, or WORDS_BF16; 0: takes
	 * values as they are. */
	int32_t (*word_limit)(const struct matrix *w, uint32_t n);
	/* Words of one row of <n> values, a multiple of 32. */
	void (*to_words)(
	    const float *x, const struct words_row *row, uint32_t n);
	/* Lays a group of rows out as packed.h says; NULL: none is. */
	void (*pack)(const struct packing *packing, uint32_t group);
	/* The shortened kinds too, quads and sevens. */
	bool packs_short;
	void (*blend)(const struct blend *blend);
	/* Halves nearest to <n> floats, a multiple of 16. */
	void (*to_halves)(const float *x, uint16_t *out, uint32_t n);
	/* x (n) = exp(scale * x) over the sum of these; scale >= 0 */
	void (*softmax)(float *x, uint32_t n, float scale);
	/* One row of the job. */
	void (*norm)(const struct norm_job *job, const float *x, float *out);
	void (*activate)(
	    enum activation activation, float *gate, const float *up, size_t n);
	/* One head. */
	void (*turn)(const struct rope_turn *turn, float *x);
};

/* The oracle. */
extern const struct kernels kernels_plain;

/* Needs AVX2, FMA and F16C. */
extern const struct kernels kernels_avx2;
bool kernels_avx2_run_here(void);

/*
 * Need F, BW, VL and DQ of AVX-512, and what AVX2's kernels need; VNNI too; and
 * BF16 too.
 */
extern const struct kernels kernels_avx512;
extern const struct kernels kernels_avx512_vnni;
extern const struct kernels kernels_avx512_bf16;
bool kernels_avx512_run_here(void);
bool kernels_avx512_vnni_run_here(void);
bool kernels_avx512_bf16_run_here(void);

/*
 * Number <i> of those that run on this machine, the fastest first and the
 * oracle last; NULL past it.
 */
const struct kernels *kernels_here(uint32_t i);

/* As cpu_new, with kernels of the caller's choice, which must run here. */
struct cpu *cpu_new_with(uint32_t threads, const struct kernels *kernels,
    struct error *err) must_check;

#endif
