/* cpu.h -- the arithmetic of a model's layers on the CPU. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_CPU_H
#define LOCAL_CPU_CPU_H

#include "local/cpu/crew.h"
#include "local/kv.h"
#include "local/model/parts.h"

/*
 * Every operation has a plain version in C that works in F32: the oracle, which
 * the engine uses when it is asked to be exact and which faster versions are
 * tested by. Rows are tokens. Nothing here fails.
 */
struct cpu;

/* How products are computed. */
enum cpu_mode {
	CPU_EXACT, /* the plain versions, whatever the machine can do */
	CPU_FAST,  /* the fastest that this machine has */
};

/* <threads> of 1 or more; NULL when they cannot be started. */
struct cpu *cpu_new(
    uint32_t threads, enum cpu_mode mode, struct error *err) must_check;
void cpu_free(struct cpu **cpu);

/* What is in use: "plain C", "AVX2" ... */
const char *cpu_name(const struct cpu *cpu);

/*
 * Lays matrices that are multiplied again and again out so that this machine
 * multiplies them faster, on all threads, where there is such a layout for
 * their type; the memory is the backend's. Returns its bytes. Weights stay what
 * they are, and operands have 16 bits, but for <shortens>.
 */
struct pack_options {
	bool encodes;  /* many rows at a time: worth it for F32 too */
	bool shortens; /* floats: eight bits and a scale for each 32 columns,
			  or seven for encoders, whose operands then have
			  seven as well; operands of a language model's Q4:
			  eight */
	bool is_plan;  /* only counts the bytes */
};
uint64_t cpu_pack(struct cpu *cpu, struct matrix *const *matrices, uint32_t n,
    const struct pack_options *options);

/* Rows <first> .. <first> + n - 1 of a batch. */
typedef void (*cpu_rows_fn)(void *arg, uint32_t first, uint32_t n);

/* Calls <fn> for parts of <n> rows, on all threads when there are many. */
void cpu_rows(struct cpu *cpu, uint32_t n, cpu_rows_fn fn, void *arg);

/* The same of rows that take long, one by one. */
void cpu_each(struct cpu *cpu, uint32_t n, cpu_rows_fn fn, void *arg);

/*
 * The left side of products: values (n, cols) in F32, and what cpu_multiply
 * made of them to multiply faster with, valid until it is called again. Values
 * may be made on the way, which spares the threads a meeting: <make>, unless it
 * is NULL, is called once for each row and writes it.
 */
struct operand {
	const float *values; /* (n, cols) */
	uint32_t n, cols;
	cpu_rows_fn make;
	void *arg;            /* of make */
	const int16_t *words; /* (n, cols) 16-bit values, or NULL */
	const float *scales;  /* (n, cols / 32) their scales */
	const float *sums;    /* (n, cols / 32) scale times sum of words */
	int32_t limit;        /* of words: the largest, or WORDS_BF16 */
	const uint8_t *bytes; /* (n, cols) the words as bytes, where they fit:
				 see struct words_row */
};

/* Words that are values rounded to BF16, without scales and sums. */
#define WORDS_BF16 INT32_MAX

/* out (n, w->rows) = operand (n, w->cols) times w transposed, plus bias. */
struct product {
	const struct matrix *w;
	float *out;
};

/* Computes <count> products of one operand as one job. */
void cpu_multiply(struct cpu *cpu, struct operand *operand,
    const struct product *products, uint32_t count);

/*
 * What follows works on the caller's thread, for functions of rows. First: out
 * (n, norm->n) from x of the same shape; out may be x.
 */
struct norm_job {
	const struct norm *norm;
	double eps;
	bool takes_mean; /* LayerNorm; else RMS */
	const float *x;  /* (n, norm->n) */
	float *out;      /* (n, norm->n) */
	uint32_t n;
};
void cpu_norm(const struct cpu *cpu, const struct norm_job *job);

/* gate (n) = activation(gate), times up (n) unless that is NULL. */
struct activate_job {
	enum activation activation;
	float *gate;
	const float *up;
	size_t n;
};
void cpu_activate(const struct cpu *cpu, const struct activate_job *job);

/* Turns <n> heads of <head_dim>, the same position's. */
void cpu_turn(const struct cpu *cpu, const struct rope_turn *turn, float *heads,
    uint32_t n, uint32_t head_dim);

/*
 * Halves nearest to <n> floats, a multiple of 16; the largest half for what is
 * more.
 */
void cpu_to_halves(
    const struct cpu *cpu, const float *x, uint16_t *out, uint32_t n);

/* Row <i> of <m> as F32, added to out (cols) where <adds>. */
void cpu_row(const struct matrix *m, uint32_t i, bool adds, float *out);

/* One token of a batch: where it stands in its sequence. */
struct row {
	uint32_t token, position, type;
	bool is_long; /* LongRoPE: its sequence may pass the original length */
	struct kv *kv;
};

/* Key-value head <head> of rows <first> .. <first> + n - 1. */
typedef void (*cpu_head_fn)(
    void *arg, uint32_t first, uint32_t n, uint32_t head);

/*
 * On all threads again: attention of <n> rows. A causal row sees the <window>
 * tokens up to its own (all for 0); one that attends both ways all tokens of
 * its sequence at a distance of at most <window>. Keys and values of tokens
 * before these rows are stored already; <place> stores the rows' own and makes
 * their queries ready. It is called once for each row and head, and before
 * these are attended.
 */
struct attention {
	const struct row *rows; /* (n) */
	uint32_t n;
	const float *q; /* (n, n_heads, head_dim), turned once placed */
	float *out;     /* (n, n_heads, head_dim) */
	uint32_t n_heads, n_kv_heads, head_dim;
	uint32_t window;
	bool both_ways;
	float scale;
	int group;
	uint32_t slot;
	cpu_head_fn place;
	void *arg; /* of place */
};
void cpu_attend(struct cpu *cpu, struct attention *attention);

#endif
