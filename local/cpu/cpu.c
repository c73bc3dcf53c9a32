/* cpu.c -- spreads products and attention over the threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "local/cpu/kernel.h"

#define PRODUCTS_MAX 4
#define ROWS_A_TASK 32

/* Memory that one thread uses during a task; grows to what a task needed. */
struct scratch {
	float *floats;
	size_t n;
};

struct cpu {
	struct crew *crew;
	const struct kernels *kernels;
	struct scratch *scratches; /* (threads) */
	int16_t *words;            /* of the operand last made */
	float *scales;
	size_t n_words;
};

struct cpu *cpu_new(uint32_t threads, enum cpu_mode mode, struct error *err)
{
	struct cpu *cpu = mem_new(struct cpu);

	cpu->kernels = mode == CPU_EXACT ? &kernels_plain : kernels_best();
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
		free(c->scratches[i].floats);
	crew_free(&c->crew);
	free(c->scratches);
	free(c->words);
	free(c->scales);
	free(c);
	*cpu = NULL;
}

const char *cpu_name(const struct cpu *cpu)
{
	return cpu->kernels->name;
}

uint32_t cpu_threads(const struct cpu *cpu)
{
	return crew_threads(cpu->crew);
}

static float *scratch_of(struct cpu *cpu, uint32_t thread, size_t n)
{
	struct scratch *s = &cpu->scratches[thread];

	if (n > s->n) {
		free(s->floats);
		s->n = n + n / 2;
		s->floats = mem_alloc(s->n * sizeof(*s->floats));
	}
	return s->floats;
}

void cpu_operand(struct cpu *cpu, const float *values, uint32_t n,
    uint32_t cols, struct operand *operand)
{
	const struct kernels *k = cpu->kernels;
	size_t need = (size_t)n * cols, blocks = cols / 32;

	*operand = (struct operand){.values = values, .n = n, .cols = cols};
	if (n >= k->words_below || cols % 32)
		return;
	if (need > cpu->n_words) {
		cpu->n_words = need;
		cpu->words =
		    mem_realloc(cpu->words, need * sizeof(*cpu->words));
		cpu->scales =
		    mem_realloc(cpu->scales, need / 16 * sizeof(float));
	}
	operand->words = cpu->words;
	operand->scales = cpu->scales;
	operand->sums = cpu->scales + n * blocks;
	for (uint32_t i = 0; i < n; i++)
		k->to_words(values + (size_t)i * cols, cols,
		    cpu->words + (size_t)i * cols, cpu->scales + i * blocks,
		    cpu->scales + (n + i) * blocks);
}

/* The tasks of several products, one after the other. */
struct multiply_job {
	struct cpu *cpu;
	const struct operand *x;
	const struct product *products;
	uint32_t first_task[PRODUCTS_MAX + 1];
};

static void multiply_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct multiply_job *job = arg;
	uint32_t p = 0, first;
	const struct product *product;
	struct tile tile;

	while (task >= job->first_task[p + 1])
		p++;
	product = &job->products[p];
	first = (task - job->first_task[p]) * ROWS_A_TASK;
	tile = (struct tile){
	    .w = product->w,
	    .x = job->x,
	    .out = product->out,
	    .first = first,
	    .n = product->w->rows - first < ROWS_A_TASK
		     ? product->w->rows - first
		     : ROWS_A_TASK,
	    .scratch = scratch_of(
		job->cpu, thread, (size_t)KERNEL_ROWS * product->w->cols),
	};
	job->cpu->kernels->tile(&tile);
}

void cpu_multiply(struct cpu *cpu, const struct operand *operand,
    const struct product *products, uint32_t count)
{
	struct multiply_job job = {
	    .cpu = cpu, .x = operand, .products = products};

	assert(count >= 1 && count <= PRODUCTS_MAX);
	for (uint32_t p = 0; p < count; p++) {
		assert(products[p].w->cols == operand->cols);
		job.first_task[p + 1] =
		    job.first_task[p] +
		    (products[p].w->rows + ROWS_A_TASK - 1) / ROWS_A_TASK;
	}
	crew_run(cpu->crew, multiply_task, &job, job.first_task[count]);
}

struct attend_job {
	struct cpu *cpu;
	const struct attention *a;
};

/* The tokens that a row sees: <first> up to <end>. */
static void seen(const struct attention *a, const struct row *row,
    uint32_t *first, uint32_t *end)
{
	uint32_t position = row->position, window = a->window;

	*first = 0;
	*end = a->both_ways ? row->kv->length : position + 1;
	if (!window)
		return;
	if (a->both_ways) {
		if (position > window)
			*first = position - window;
		if (*end - position > window + 1)
			*end = position + window + 1;
	} else if (position + 1 > window) {
		*first = position + 1 - window;
	}
}

static void softmax(float *scores, uint32_t n)
{
	float max = scores[0], sum = 0;

	for (uint32_t i = 1; i < n; i++)
		max = scores[i] > max ? scores[i] : max;
	for (uint32_t i = 0; i < n; i++) {
		scores[i] = expf(scores[i] - max);
		sum += scores[i];
	}
	for (uint32_t i = 0; i < n; i++)
		scores[i] /= sum;
}

/* One row's query heads that share a key-value head. */
struct group {
	const struct kernels *kernels;
	const struct attention *a;
	const struct row *row;
	struct kv_place place;
	uint32_t first, end; /* tokens seen */
	uint32_t n_queries;
	const float *q; /* (n_queries, head_dim) */
	float *out;     /* (n_queries, head_dim) */
	float *scores;  /* (n_queries, end - first) */
};

static void score_tokens(const struct group *g)
{
	uint32_t d = g->a->head_dim, n = g->end - g->first;
	const float *tile = NULL;

	for (uint32_t t = g->first; t < g->end; t++) {
		if (!tile || t % KV_PAGE_TOKENS == 0)
			tile = kv_tile(g->row->kv, &g->place, t);
		for (uint32_t h = 0; h < g->n_queries; h++)
			g->scores[(size_t)h * n + t - g->first] =
			    g->a->scale * g->kernels->dot(g->q + (size_t)h * d,
					      tile + t % KV_PAGE_TOKENS * d, d);
	}
}

static void mix_values(const struct group *g)
{
	uint32_t d = g->a->head_dim, n = g->end - g->first;
	const float *tile = NULL;

	memset(g->out, 0, (size_t)g->n_queries * d * sizeof(float));
	for (uint32_t t = g->first; t < g->end; t++) {
		if (!tile || t % KV_PAGE_TOKENS == 0)
			tile = kv_tile(g->row->kv, &g->place, t);
		for (uint32_t h = 0; h < g->n_queries; h++)
			g->kernels->axpy(
			    g->scores[(size_t)h * n + t - g->first],
			    tile + t % KV_PAGE_TOKENS * d,
			    g->out + (size_t)h * d, d);
	}
}

static void attend_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct attend_job *job = arg;
	const struct attention *a = job->a;
	uint32_t row = task / a->n_kv_heads, head = task % a->n_kv_heads;
	uint32_t n_queries = a->n_heads / a->n_kv_heads;
	size_t at =
	    ((size_t)row * a->n_heads + (size_t)head * n_queries) * a->head_dim;
	struct group g = {
	    .kernels = job->cpu->kernels,
	    .a = a,
	    .row = &a->rows[row],
	    .place = {.group = a->group, .slot = a->slot, .head = head},
	    .n_queries = n_queries,
	    .q = a->q + at,
	    .out = a->out + at,
	};

	seen(a, g.row, &g.first, &g.end);
	g.scores =
	    scratch_of(job->cpu, thread, (size_t)n_queries * (g.end - g.first));
	score_tokens(&g);
	for (uint32_t h = 0; h < n_queries; h++)
		softmax(
		    g.scores + (size_t)h * (g.end - g.first), g.end - g.first);
	g.place.is_value = true;
	mix_values(&g);
}

void cpu_attend(struct cpu *cpu, const struct attention *attention)
{
	struct attend_job job = {.cpu = cpu, .a = attention};

	crew_run(
	    cpu->crew, attend_task, &job, attention->n * attention->n_kv_heads);
}
