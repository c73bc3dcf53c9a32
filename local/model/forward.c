/* forward.c -- the one forward pass that all families share. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/model/forward.h"

#include <math.h>
#include <stdlib.h>

struct forward {
	const struct parts *parts;
	struct cpu *cpu;
	uint32_t *slots;  /* (n_layers) place of each in its group */
	uint32_t cap;     /* rows that the buffers hold */
	float *x;         /* (cap, hidden) the residual stream */
	float *h;         /* (cap, hidden) normed */
	float *y;         /* (cap, hidden) what a part adds */
	float *q, *att;   /* (cap, n_heads * head_dim) */
	float *k, *v;     /* (cap, n_kv_heads * head_dim) */
	float *gate, *up; /* (cap, ff) */
	float *cosines[LAYER_KINDS], *sines[LAYER_KINDS]; /* (cap, dims / 2) */
};

struct forward *forward_new(const struct parts *parts, struct cpu *cpu)
{
	struct forward *f = mem_new(struct forward);
	uint32_t counts[LAYER_KINDS] = {0};

	f->parts = parts;
	f->cpu = cpu;
	f->slots = mem_zalloc(parts->config.n_layers * sizeof(*f->slots));
	if (parts->config.family->traits & TRAIT_ENCODER)
		return f;
	for (uint32_t i = 0; i < parts->config.n_layers; i++)
		f->slots[i] = counts[parts->layers[i].kind]++;
	return f;
}

static void free_buffers(struct forward *f)
{
	float **buffers[] = {&f->x, &f->h, &f->y, &f->q, &f->att, &f->k, &f->v,
	    &f->gate, &f->up, &f->cosines[LAYER_FULL],
	    &f->cosines[LAYER_SLIDING], &f->sines[LAYER_FULL],
	    &f->sines[LAYER_SLIDING]};

	for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
		free(*buffers[i]);
		*buffers[i] = NULL;
	}
}

void forward_free(struct forward **forward)
{
	struct forward *f = *forward;

	if (!f)
		return;
	free_buffers(f);
	free(f->slots);
	free(f);
	*forward = NULL;
}

/* Halves are read in vectors of 16. */
void forward_shapes(const struct parts *parts, bool wants_halves,
    struct kv_shape shapes[KV_GROUPS])
{
	const struct config *c = &parts->config;
	bool is_encoder = (c->family->traits & TRAIT_ENCODER) != 0;

	for (int g = 0; g < KV_GROUPS; g++)
		shapes[g] = (struct kv_shape){
		    .n_heads = c->n_kv_heads,
		    .head_dim = c->head_dim,
		    .window = g == LAYER_SLIDING && !is_encoder ? c->window : 0,
		    .is_half =
			wants_halves && !is_encoder && c->head_dim % 16 == 0,
		};
	for (uint32_t i = 0; i < c->n_layers; i++) {
		struct kv_shape *shape = &shapes[c->kinds[i]];

		if (!is_encoder || shape->n_slots == 0)
			shape->n_slots++;
	}
}

/* A product of x (n, columns of the matrix). */
static void multiply(struct forward *f, const float *x, uint32_t n,
    const struct product *product)
{
	struct operand operand = {
	    .values = x, .n = n, .cols = product->w->cols};

	cpu_multiply(f->cpu, &operand, product, 1);
}

static float *floats(uint32_t rows, uint32_t cols)
{
	return mem_alloc_lines((size_t)rows * cols * sizeof(float));
}

static void grow(struct forward *f, uint32_t n)
{
	const struct config *c = &f->parts->config;
	uint32_t q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;

	if (n <= f->cap)
		return;
	free_buffers(f);
	f->cap = n;
	f->x = floats(n, c->hidden);
	f->h = floats(n, c->hidden);
	f->y = floats(n, c->hidden);
	f->q = floats(n, q);
	f->att = floats(n, q);
	f->k = floats(n, kv);
	f->v = floats(n, kv);
	f->gate = floats(n, c->ff);
	f->up = floats(n, c->ff);
	for (int k = 0; k < LAYER_KINDS; k++) {
		f->cosines[k] = floats(n, f->parts->rope[k].dims / 2);
		f->sines[k] = floats(n, f->parts->rope[k].dims / 2);
	}
}

static void norm(const struct forward *f, const struct norm *norm,
    const float *x, float *out, uint32_t n)
{
	const struct config *c = &f->parts->config;

	cpu_norm(f->cpu,
	    &(struct norm_job){
		.norm = norm,
		.eps = c->norm_eps,
		.takes_mean = (c->family->traits & TRAIT_LAYER_NORM) != 0,
		.x = x,
		.out = out,
		.n = n,
	    });
}

/* Rows and where they stand. */
struct rows_job {
	struct forward *f;
	const struct row *rows;
};

static void embed(void *arg, uint32_t first, uint32_t n)
{
	const struct rows_job *job = arg;
	struct forward *f = job->f;
	const struct parts *p = f->parts;
	uint32_t hidden = p->config.hidden;
	float scale = (float)p->config.embed_scale;

	for (uint32_t i = first; i < first + n; i++) {
		const struct row *row = &job->rows[i];
		float *x = f->x + (size_t)i * hidden;

		cpu_row(&p->embed, row->token, false, x);
		if (p->types.data)
			cpu_row(&p->types, row->type, true, x);
		if (p->positions.data)
			cpu_row(&p->positions,
			    p->config.first_position + row->position, true, x);
		for (uint32_t k = 0; scale != 1 && k < hidden; k++)
			x[k] *= scale;
		if (p->embed_norm.weight)
			norm(f, &p->embed_norm, x, x, 1);
	}
}

static void make_angles(struct forward *f, const struct row *rows, uint32_t n)
{
	for (int k = 0; k < LAYER_KINDS; k++) {
		const struct rope *rope = &f->parts->rope[k];
		uint32_t half = rope->dims / 2;

		for (uint32_t i = 0; i < n && half; i++)
			rope_angles(rope, rows[i].position, rows[i].is_long,
			    f->cosines[k] + (size_t)i * half,
			    f->sines[k] + (size_t)i * half);
	}
}

/* A tile's column <in_page>, a number from each of <d> rows. */
static void turn_floats(
    float *tile, uint32_t in_page, const float *x, uint32_t d)
{
	for (size_t i = 0; i < d; i++)
		tile[i * KV_PAGE_TOKENS + in_page] = x[i];
}

static void turn_halves(
    uint16_t *tile, uint32_t in_page, const uint16_t *x, uint32_t d)
{
	for (size_t i = 0; i < d; i++)
		tile[i * KV_PAGE_TOKENS + in_page] = x[i];
}

/*
 * Writes a row's key or value to its place in the pages; keys lie there turned
 * about, a column each.
 */
static void store_head(const struct forward *f, const struct row *row,
    const struct kv_place *place, const float *head)
{
	uint32_t d = f->parts->config.head_dim;
	uint32_t in_page = row->position % KV_PAGE_TOKENS;
	void *tile = kv_tile(row->kv, place, row->position);
	uint16_t halves[CONFIG_ROPE_DIMS_MAX];

	if (kv_is_half(row->kv, place->group)) {
		cpu_to_halves(f->cpu, head, halves, d);
		if (place->is_value)
			memcpy((uint16_t *)tile + (size_t)in_page * d, halves,
			    d * sizeof(*halves));
		else
			turn_halves(tile, in_page, halves, d);
	} else if (place->is_value) {
		memcpy((float *)tile + (size_t)in_page * d, head,
		    d * sizeof(*head));
	} else {
		turn_floats(tile, in_page, head, d);
	}
}

/* The rows of a layer whose queries and keys wait to be turned. */
struct place_job {
	const struct forward *f;
	const struct row *rows;
	const struct layer *layer;
	uint32_t slot;
};

/* One row's part of a key-value head. */
static void place_head(const struct place_job *job, size_t row, uint32_t head)
{
	const struct forward *f = job->f;
	const struct config *c = &f->parts->config;
	enum layer_kind kind = job->layer->kind;
	size_t d = c->head_dim, at = row * c->n_kv_heads + head;
	uint32_t n = c->n_heads / c->n_kv_heads; /* queries */
	uint32_t half = f->parts->rope[kind].dims / 2;
	float *q = f->q + at * n * d, *k = f->k + at * d;
	struct kv_place place = {
	    .group = (int)kind, .slot = job->slot, .head = head};
	struct rope_turn turn = {
	    .cosines = f->cosines[kind] + row * half,
	    .sines = f->sines[kind] + row * half,
	    .half = half,
	    .in_pairs = c->rope_in_pairs,
	};

	if (job->layer->q_norm.weight) {
		norm(f, &job->layer->q_norm, q, q, n);
		norm(f, &job->layer->k_norm, k, k, 1);
	}
	if (half) {
		cpu_turn(f->cpu, &turn, q, n, c->head_dim);
		cpu_turn(f->cpu, &turn, k, 1, c->head_dim);
	}
	store_head(f, &job->rows[row], &place, k);
	place.is_value = true;
	store_head(f, &job->rows[row], &place, f->v + at * d);
}

static void place_heads(void *arg, uint32_t first, uint32_t n, uint32_t head)
{
	for (uint32_t i = first; i < first + n; i++)
		place_head(arg, i, head);
}

/*
 * What lies between two parts: what the one before gave, y, is added to the
 * residual stream, with the norm that follows that part, of the sum for BERT,
 * of what is added for Gemma; and the norm that comes before the next part.
 */
struct passage {
	const struct forward *f;
	const struct norm *after;  /* or NULL: no part was before */
	const struct norm *before; /* the next; its weight is NULL: no norm */
};

/* x += y, in steps that compilers make vectors of. */
static void add(float *restrict x, const float *restrict y, size_t n)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		for (size_t k = i; k < i + 8; k++)
			x[k] += y[k];
	}
	for (; i < n; i++)
		x[i] += y[i];
}

static void pass_rows(void *arg, uint32_t first, uint32_t n)
{
	const struct passage *p = arg;
	const struct forward *f = p->f;
	const struct config *c = &f->parts->config;
	bool of_sum = (c->family->traits & TRAIT_POST_NORM) != 0;
	size_t at = (size_t)first * c->hidden, all = (size_t)n * c->hidden;
	float *x = f->x + at, *y = f->y + at;

	if (p->after) {
		if (p->after->weight && !of_sum)
			norm(f, p->after, y, y, n);
		add(x, y, all);
		if (p->after->weight && of_sum)
			norm(f, p->after, x, x, n);
	}
	if (p->before->weight)
		norm(f, p->before, x, f->h + at, n);
}

/* What the part after reads. */
static const float *passed(const struct passage *p)
{
	return p->before->weight ? p->f->h : p->f->x;
}

/* The part's operand, made on the way. */
static struct operand entering(struct passage *p, uint32_t n)
{
	return (struct operand){
	    .values = passed(p),
	    .n = n,
	    .cols = p->f->parts->config.hidden,
	    .make = pass_rows,
	    .arg = p,
	};
}

/* y = attention of <in>; stores the rows' keys and values on the way. */
static void attend(
    struct forward *f, uint32_t at, struct operand in, const struct row *rows)
{
	const struct config *c = &f->parts->config;
	const struct layer *layer = &f->parts->layers[at];
	struct product products[] = {
	    {&layer->q, f->q}, {&layer->k, f->k}, {&layer->v, f->v}};
	struct place_job place = {f, rows, layer, f->slots[at]};
	uint32_t n = in.n;

	cpu_multiply(f->cpu, &in, products, 3);
	cpu_attend(
	    f->cpu, &(struct attention){
			.rows = rows,
			.n = n,
			.q = f->q,
			.out = f->att,
			.n_heads = c->n_heads,
			.n_kv_heads = c->n_kv_heads,
			.head_dim = c->head_dim,
			.window = layer->kind == LAYER_SLIDING ? c->window : 0,
			.both_ways = (c->family->traits & TRAIT_ENCODER) != 0,
			.scale = (float)c->attn_scale,
			.group = (int)layer->kind,
			.slot = f->slots[at],
			.place = place_heads,
			.arg = &place,
		    });
	multiply(f, f->att, n, &(struct product){&layer->o, f->y});
}

/* The inner rows of a feed-forward part that wait for their activation. */
struct inner {
	const struct forward *f;
	float *values;   /* (cap, ff) */
	const float *up; /* (cap, ff), or NULL */
};

static void activate_rows(void *arg, uint32_t first, uint32_t n)
{
	const struct inner *inner = arg;
	const struct config *c = &inner->f->parts->config;
	size_t at = (size_t)first * c->ff;

	cpu_activate(inner->f->cpu, &(struct activate_job){
					.activation = c->activation,
					.gate = inner->values + at,
					.up = inner->up ? inner->up + at : NULL,
					.n = (size_t)n * c->ff,
				    });
}

/* y = the feed-forward part of <in>. */
static void feed(
    struct forward *f, const struct layer *layer, struct operand in)
{
	bool is_gated = layer->gate.data != NULL;
	struct product products[] = {
	    {&layer->up, f->up}, {&layer->gate, f->gate}};
	struct inner inner = {
	    f, is_gated ? f->gate : f->up, is_gated ? f->up : NULL};
	struct operand operand = {
	    .values = inner.values,
	    .n = in.n,
	    .cols = f->parts->config.ff,
	    .make = activate_rows,
	    .arg = &inner,
	};

	cpu_multiply(f->cpu, &in, products, is_gated ? 2 : 1);
	cpu_multiply(
	    f->cpu, &operand, &(struct product){&layer->down, f->y}, 1);
}

const float *forward_run(struct forward *f, const struct row *rows, uint32_t n)
{
	const struct parts *p = f->parts;
	struct rows_job job = {f, rows};
	struct passage passage = {.f = f};

	grow(f, n);
	cpu_rows(f->cpu, n, embed, &job);
	make_angles(f, rows, n);
	for (uint32_t i = 0; i < p->config.n_layers; i++) {
		const struct layer *layer = &p->layers[i];

		passage.before = &layer->attn_norm;
		attend(f, i, entering(&passage, n), rows);
		passage.after = &layer->attn_post_norm;
		passage.before = &layer->mlp_norm;
		feed(f, layer, entering(&passage, n));
		passage.after = &layer->mlp_post_norm;
	}
	passage.before = &p->final_norm;
	cpu_rows(f->cpu, n, pass_rows, &passage);
	return passed(&passage);
}

void forward_head(
    struct forward *f, const float *hidden, uint32_t n, float *logits)
{
	const struct config *c = &f->parts->config;
	float cap = (float)c->final_softcap;

	multiply(f, hidden, n, &(struct product){&f->parts->head, logits});
	for (size_t i = 0; cap > 0 && i < (size_t)n * c->vocab; i++)
		logits[i] = cap * tanhf(logits[i] / cap);
}

void forward_classify(struct forward *f, const float *pooled, float *logits)
{
	const struct parts *p = f->parts;
	const struct config *c = &p->config;

	grow(f, 1);
	if (p->pooler.data) {
		multiply(f, pooled, 1, &(struct product){&p->pooler, f->h});
		cpu_activate(f->cpu, &(struct activate_job){
					 .activation = c->pooled,
					 .gate = f->h,
					 .n = c->hidden,
				     });
	} else {
		memcpy(f->h, pooled, c->hidden * sizeof(*f->h));
	}
	if (p->pooler_norm.weight)
		norm(f, &p->pooler_norm, f->h, f->h, 1);
	multiply(f, f->h, 1, &(struct product){&p->classifier, logits});
}
