/* attend.c -- attention over pages of keys and values. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "local/cpu/spread.h"

/*
 * out = softmax(scale q K) V for each query head. A task is a block: up to 24
 * queries, which are the heads that share a key-value head, of some tokens
 * that follow each other in a sequence. Pages of 16 tokens that any of them
 * sees are multiplied with all of them:
 *
 *	scores (24, tokens)   = queries (24, d) times keys (d, 16) of each page
 *	weights (24, tokens)  = softmax of what each token sees, 0 elsewhere
 *	out (24, d)           = weights times values (16, d) of all pages
 *
 * so a page is read once for 24 queries. Blocks of long texts have fewer
 * tokens, to keep the scores in second-level cache.
 */
#define QUERIES 24
#define SCORES_MAX 65536

/* Rows <first> .. <first> + n - 1 of the batch: one sequence's, in order. */
struct stretch {
	uint32_t first, n;
};

struct attend_job {
	struct cpu *cpu;
	const struct attention *a;
	const struct stretch *stretches;
	uint32_t parts; /* of a key-value head's queries: 1 up to 24 of them */
	bool places;    /* each task places its own rows */
};

/* The tokens that a row sees: <first> up to <end>. */
struct view {
	uint32_t first, end;
};

static struct view seen(const struct attention *a, const struct row *row)
{
	uint32_t position = row->position, window = a->window;
	struct view view = {0, a->both_ways ? row->kv->length : position + 1};

	if (!window)
		return view;
	if (a->both_ways) {
		if (position > window)
			view.first = position - window;
		if (view.end - position > window + 1)
			view.end = position + window + 1;
	} else if (position + 1 > window) {
		view.first = position + 1 - window;
	}
	return view;
}

/* One stretch's queries of one key-value head. */
struct block {
	const struct kernels *kernels;
	const struct attention *a;
	const struct row *rows;          /* (n) */
	uint32_t n;                      /* tokens */
	uint32_t first_query, n_queries; /* of the head's, for each token */
	struct kv_place place;
	uint32_t first, n_tokens; /* from a page's beginning on */
	uint32_t pitch;           /* n_tokens, in whole pages */
	bool is_half;             /* what the pages hold */
	const float *q[QUERIES];
	float *out[QUERIES];
	float *scores[QUERIES];
	const void **tiles; /* (pages) */
};

static void find_tiles(struct block *b, bool is_value)
{
	b->place.is_value = is_value;
	for (uint32_t t = 0; t < b->n_tokens; t += KV_PAGE_TOKENS)
		b->tiles[t / KV_PAGE_TOKENS] =
		    kv_tile(b->rows[0].kv, &b->place, b->first + t);
}

/*
 * Fetches a tile while the one before it is multiplied: tiles of a layer lie a
 * page apart, further than the machine looks ahead by itself.
 */
static void fetch_tile(const struct block *b, uint32_t tile)
{
	const char *at;
	size_t bytes = (size_t)KV_PAGE_TOKENS * b->a->head_dim *
		       (b->is_half ? 2 : sizeof(float));

	if (tile * KV_PAGE_TOKENS >= b->n_tokens)
		return;
	at = b->tiles[tile];
	for (size_t i = 0; i < bytes; i += 64)
		__builtin_prefetch(at + i);
}

static void score_tokens(struct block *b)
{
	uint32_t m = b->n * b->n_queries;
	float *c[QUERIES];

	find_tiles(b, false);
	for (uint32_t t = 0; t < b->n_tokens; t += KV_PAGE_TOKENS) {
		fetch_tile(b, t / KV_PAGE_TOKENS + 1);
		for (uint32_t i = 0; i < m; i++)
			c[i] = b->scores[i] + t;
		b->kernels->blend(&(struct blend){
		    .a = b->q,
		    .c = c,
		    .b = &b->tiles[t / KV_PAGE_TOKENS],
		    .m = m,
		    .k = b->a->head_dim,
		    .n = KV_PAGE_TOKENS,
		    .tile_rows = b->a->head_dim,
		    .is_half = b->is_half,
		});
	}
}

static void weigh_tokens(struct block *b)
{
	for (uint32_t i = 0; i < b->n * b->n_queries; i++) {
		struct view view = seen(b->a, &b->rows[i / b->n_queries]);
		uint32_t from = view.first - b->first;
		uint32_t to = view.end - b->first;
		float *x = b->scores[i];

		memset(x, 0, from * sizeof(*x));
		b->kernels->softmax(x + from, to - from, b->a->scale);
		memset(x + to, 0, (b->n_tokens - to) * sizeof(*x));
	}
}

static void mix_values(struct block *b)
{
	find_tiles(b, true);
	b->kernels->blend(&(struct blend){
	    .a = (const float *const *)b->scores,
	    .c = b->out,
	    .b = b->tiles,
	    .m = b->n * b->n_queries,
	    .k = b->n_tokens,
	    .n = b->a->head_dim,
	    .tile_rows = KV_PAGE_TOKENS,
	    .is_half = b->is_half,
	});
}

/* The pages that any row of the stretch sees. */
static void find_range(struct block *b)
{
	uint32_t first = UINT32_MAX, end = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		struct view view = seen(b->a, &b->rows[i]);

		first = view.first < first ? view.first : first;
		end = view.end > end ? view.end : end;
	}
	b->first = first / KV_PAGE_TOKENS * KV_PAGE_TOKENS;
	b->n_tokens = end - b->first;
	b->pitch = (b->n_tokens + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS *
		   KV_PAGE_TOKENS;
}

/* Finds the block's queries and outputs, and room for its scores. */
static void find_rows(
    struct block *b, const struct attend_job *job, uint32_t thread)
{
	const struct attention *a = b->a;
	uint32_t m = b->n * b->n_queries;
	size_t row = (size_t)(b->rows - a->rows);
	size_t floats = (size_t)m * b->pitch;
	float *scores = spread_scratch(job->cpu, thread,
	    floats * sizeof(float) +
		b->pitch / KV_PAGE_TOKENS * sizeof(*b->tiles));

	for (uint32_t i = 0; i < m; i++) {
		size_t head =
		    (size_t)b->place.head * (a->n_heads / a->n_kv_heads) +
		    b->first_query + i % b->n_queries;
		size_t at = ((row + i / b->n_queries) * a->n_heads + head) *
			    a->head_dim;

		b->q[i] = a->q + at;
		b->out[i] = a->out + at;
		b->scores[i] = scores + (size_t)i * b->pitch;
	}
	b->tiles = (const void **)(scores + floats);
	b->is_half = kv_is_half(b->rows[0].kv, b->place.group);
}

/* Tasks: the stretches, the key-value heads, parts of their queries. */
static void attend_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct attend_job *job = arg;
	const struct attention *a = job->a;
	uint32_t part = task % job->parts, head = task / job->parts;
	const struct stretch *s = &job->stretches[head / a->n_kv_heads];
	uint32_t n_queries = a->n_heads / a->n_kv_heads;
	struct block b = {
	    .kernels = job->cpu->kernels,
	    .a = a,
	    .rows = a->rows + s->first,
	    .n = s->n,
	    .first_query = part * n_queries / job->parts,
	    .place = {.group = a->group,
		.slot = a->slot,
		.head = head % a->n_kv_heads},
	};

	b.n_queries = (part + 1) * n_queries / job->parts - b.first_query;
	if (job->places)
		a->place(a->arg, s->first, s->n, b.place.head);
	find_range(&b);
	find_rows(&b, job, thread);
	score_tokens(&b);
	weigh_tokens(&b);
	mix_values(&b);
}

/* How many rows from <at> on are one stretch. */
static uint32_t stretch_at(
    const struct attention *a, uint32_t at, uint32_t queries)
{
	const struct row *row = &a->rows[at];
	uint32_t max = QUERIES / queries, n = 1;
	uint32_t fit = SCORES_MAX / queries / row->kv->length;

	if (max > fit)
		max = fit;
	while (n < max && at + n < a->n && row[n].kv == row->kv &&
	       row[n].position == row->position + n)
		n++;
	return n;
}

/*
 * Whether no task needs what another places: each sequence is one stretch, all
 * of a head's queries one task's. A token of each of many texts is that, and
 * keys are then still in the cache of who stored them.
 */
static bool are_apart(const struct attend_job *job, uint32_t n)
{
	for (uint32_t i = 0; i + 1 < n; i++) {
		if (job->a->rows[job->stretches[i].first].kv ==
		    job->a->rows[job->stretches[i + 1].first].kv)
			return false;
	}
	return job->parts == 1;
}

static void place_rows(void *arg, uint32_t first, uint32_t n)
{
	const struct attention *a = arg;

	for (uint32_t head = 0; head < a->n_kv_heads; head++)
		a->place(a->arg, first, n, head);
}

void cpu_attend(struct cpu *cpu, struct attention *a)
{
	uint32_t n_queries = a->n_heads / a->n_kv_heads, n = 0;
	struct stretch *stretches = mem_alloc(a->n * sizeof(*stretches));
	struct attend_job job = {
	    .cpu = cpu,
	    .a = a,
	    .stretches = stretches,
	    .parts = (n_queries + QUERIES - 1) / QUERIES,
	};
	uint32_t queries = (n_queries + job.parts - 1) / job.parts;

	for (uint32_t at = 0; at < a->n; at += stretches[n++].n)
		stretches[n] = (struct stretch){at, stretch_at(a, at, queries)};
	job.places = are_apart(&job, n);
	if (!job.places)
		cpu_rows(cpu, a->n, place_rows, a);
	crew_run(cpu->crew, attend_task, &job, n * a->n_kv_heads * job.parts);
	free(stretches);
}
