/* cpu.c -- spreads the arithmetic over the threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "local/cpu/spread.h"

#define PRODUCTS_MAX 4

/*
 * Weights that one task multiplies at least, for its start to cost little; with
 * several rows of operand more where each thread then has some tasks left.
 */
#define TASK_WEIGHTS 16384
#define TASK_PRODUCTS 65536
#define TASKS_EACH 5

/* Rows of a batch that one task takes. */
#define TASK_ROWS 2

struct cpu *cpu_new(uint32_t threads, enum cpu_mode mode, struct error *err)
{
	return cpu_new_with(
	    threads, mode == CPU_EXACT ? &kernels_plain : kernels_here(0), err);
}

struct cpu *cpu_new_with(
    uint32_t threads, const struct kernels *kernels, struct error *err)
{
	struct cpu *cpu = mem_new(struct cpu);

	cpu->kernels = kernels;
	cpu->crew = crew_new(threads, err);
	if (!cpu->crew) {
		cpu_free(&cpu);
		return NULL;
	}
	cpu->scratches = mem_zalloc(threads * sizeof(*cpu->scratches));
	return cpu;
}

void cpu_free(struct cpu **cpu)
{
	struct cpu *c = *cpu;

	if (!c)
		return;
	for (uint32_t i = 0; c->scratches && i < crew_threads(c->crew); i++)
		free(c->scratches[i].data);
	crew_free(&c->crew);
	pack_free(&c->store);
	free(c->scratches);
	free(c->words);
	free(c->bytes);
	free(c->scales);
	free(c);
	*cpu = NULL;
}

const char *cpu_name(const struct cpu *cpu)
{
	return cpu->kernels->name;
}

void *spread_scratch(struct cpu *cpu, uint32_t thread, size_t bytes)
{
	struct scratch *s = &cpu->scratches[thread];

	if (bytes > s->bytes) {
		free(s->data);
		s->bytes = bytes + bytes / 2;
		s->data = mem_alloc_lines(s->bytes);
	}
	return s->data;
}

struct rows_job {
	cpu_rows_fn fn;
	void *arg;
	uint32_t n, some; /* of a task */
};

static void rows_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct rows_job *job = arg;
	uint32_t first = task * job->some, left = job->n - first;

	(void)thread;
	job->fn(job->arg, first, left < job->some ? left : job->some);
}

void cpu_rows(struct cpu *cpu, uint32_t n, cpu_rows_fn fn, void *arg)
{
	struct rows_job job = {fn, arg, n, TASK_ROWS};

	if (n < 2 * TASK_ROWS || crew_threads(cpu->crew) == 1)
		fn(arg, 0, n);
	else
		crew_run(cpu->crew, rows_task, &job,
		    (n + TASK_ROWS - 1) / TASK_ROWS);
}

void cpu_each(struct cpu *cpu, uint32_t n, cpu_rows_fn fn, void *arg)
{
	struct rows_job job = {fn, arg, n, 1};

	crew_run(cpu->crew, rows_task, &job, n);
}

/* An operand on its way to words. */
struct words_job {
	struct cpu *cpu;
	const struct operand *x;
	int32_t limit;
};

static bool fits_bytes(int32_t limit)
{
	return limit == QUADS_LIMIT || limit == SEVENS_LIMIT;
}

static void words_rows(void *arg, uint32_t first, uint32_t n)
{
	const struct words_job *job = arg;
	const struct cpu *cpu = job->cpu;
	size_t cols = job->x->cols, blocks = cols / BLOCK_COLS;

	if (job->x->make)
		job->x->make(job->x->arg, first, n);
	for (size_t i = first; i < first + n; i++)
		cpu->kernels->to_words(job->x->values + i * cols,
		    &(struct words_row){
			.words = cpu->words + i * cols,
			.scales = cpu->scales + i * blocks,
			.sums = cpu->scales + (job->x->n + i) * blocks,
			.limit = job->limit,
			.bytes = fits_bytes(job->limit) ? cpu->bytes + i * cols
							: NULL,
		    },
		    job->x->cols);
}

/* The words that the products want, the smallest limit of all. */
static void make_words(struct cpu *cpu, struct operand *x,
    const struct product *products, uint32_t count)
{
	struct words_job job = {.cpu = cpu, .x = x};
	size_t need = (size_t)x->n * x->cols;

	x->words = NULL;
	x->bytes = NULL;
	for (uint32_t p = 0; p < count; p++) {
		int32_t limit = cpu->kernels->word_limit(products[p].w, x->n);

		if (limit && (!job.limit || limit < job.limit))
			job.limit = limit;
	}
	x->limit = job.limit;
	if (!job.limit) {
		if (x->make)
			cpu_rows(cpu, x->n, x->make, x->arg);
		return;
	}
	if (need > cpu->n_words) {
		cpu->n_words = need;
		cpu->words =
		    mem_realloc(cpu->words, need * sizeof(*cpu->words));
		cpu->bytes = mem_realloc(cpu->bytes, need);
		cpu->scales = mem_realloc(
		    cpu->scales, need / BLOCK_COLS * 2 * sizeof(*cpu->scales));
	}
	cpu_rows(cpu, x->n, words_rows, &job);
	x->words = cpu->words;
	x->bytes = fits_bytes(x->limit) ? cpu->bytes : NULL;
	x->scales = cpu->scales;
	x->sums = cpu->scales + need / BLOCK_COLS;
}

/* The tasks of several products, one after the other. */
struct multiply_job {
	struct cpu *cpu;
	const struct operand *x;
	const struct product *products;
	uint32_t first_task[PRODUCTS_MAX + 1];
	uint32_t rows; /* of a task */
};

static void multiply_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct multiply_job *job = arg;
	uint32_t p = 0, first, left;
	const struct product *product;
	struct tile tile;

	while (task >= job->first_task[p + 1])
		p++;
	product = &job->products[p];
	first = (task - job->first_task[p]) * job->rows;
	left = product->w->rows - first;
	tile = (struct tile){
	    .w = product->w,
	    .x = job->x,
	    .out = product->out,
	    .first = first,
	    .n = left < job->rows ? left : job->rows,
	    .scratch = spread_scratch(
		job->cpu, thread, KERNEL_SCRATCH(product->w->cols)),
	};
	job->cpu->kernels->tile(&tile);
}

/* Rows of weights for a task, of <all>: some microseconds of work. */
static uint32_t rows_of_task(
    const struct cpu *cpu, const struct operand *x, uint64_t all)
{
	uint32_t step = cpu->kernels->tile_rows;
	uint64_t cols = x->cols ? x->cols : 1;
	uint64_t rows = TASK_WEIGHTS / cols;
	uint64_t some = all / ((uint64_t)crew_threads(cpu->crew) * TASKS_EACH);

	if (x->n > 1 && some > rows)
		rows = some < 4 * rows ? some : 4 * rows;

	if (rows * cols * x->n < TASK_PRODUCTS)
		rows = TASK_PRODUCTS / (cols * x->n);
	return (uint32_t)(rows / step + 1) * step;
}

void cpu_multiply(struct cpu *cpu, struct operand *operand,
    const struct product *products, uint32_t count)
{
	struct multiply_job job = {
	    .cpu = cpu, .x = operand, .products = products};
	uint64_t all = 0;

	assert(count >= 1 && count <= PRODUCTS_MAX);
	make_words(cpu, operand, products, count);
	for (uint32_t p = 0; p < count; p++)
		all += products[p].w->rows;
	job.rows = rows_of_task(cpu, operand, all);
	for (uint32_t p = 0; p < count; p++) {
		assert(products[p].w->cols == operand->cols);
		job.first_task[p + 1] =
		    job.first_task[p] +
		    (products[p].w->rows + job.rows - 1) / job.rows;
	}
	crew_run(cpu->crew, multiply_task, &job, job.first_task[count]);
}

void cpu_norm(const struct cpu *cpu, const struct norm_job *job)
{
	for (size_t i = 0; i < job->n; i++)
		cpu->kernels->norm(job, job->x + i * job->norm->n,
		    job->out + i * job->norm->n);
}

void cpu_activate(const struct cpu *cpu, const struct activate_job *job)
{
	cpu->kernels->activate(job->activation, job->gate, job->up, job->n);
}

void cpu_turn(const struct cpu *cpu, const struct rope_turn *turn, float *heads,
    uint32_t n, uint32_t head_dim)
{
	for (size_t h = 0; h < n; h++)
		cpu->kernels->turn(turn, heads + h * head_dim);
}

void cpu_to_halves(
    const struct cpu *cpu, const float *x, uint16_t *out, uint32_t n)
{
	cpu->kernels->to_halves(x, out, n);
}

void cpu_row(const struct matrix *m, uint32_t i, bool adds, float *out)
{
	const struct quant_type *t = quant_type(m->type);
	const uint8_t *at = m->data + i * m->row_bytes;
	float block[QUANT_BLOCK_MAX];

	if (!adds) {
		quant_to_f32(m->type, at, out, m->cols);
		return;
	}
	for (uint32_t c = 0; c < m->cols; c += t->elements, at += t->bytes) {
		quant_to_f32(m->type, at, block, t->elements);
		for (uint32_t k = 0; k < t->elements; k++)
			out[c + k] += block[k];
	}
}
