/* draw.c -- one of many tokens by chance. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/draw.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/base.h"
#include "local/logits.h"

struct candidate {
	uint32_t token;
	float logit;
};

struct draw {
	uint32_t vocab;
	float *blocks;            /* (vocab / LOGITS_BLOCK, rounded up) */
	struct candidate *ranked; /* (vocab), made when first needed */
};

struct draw *draw_new(uint32_t vocab)
{
	struct draw *draw = mem_new(struct draw);

	draw->vocab = vocab;
	draw->blocks =
	    mem_alloc((vocab / LOGITS_BLOCK + 1) * sizeof(*draw->blocks));
	return draw;
}

void draw_free(struct draw **draw)
{
	struct draw *d = *draw;

	if (!d)
		return;
	free(d->blocks);
	free(d->ranked);
	free(d);
	*draw = NULL;
}

/* --- of all --------------------------------------------------------------- */

/* The token of a block where <at> of its weight is passed, or its last. */
static uint32_t find_in_block(
    const float *logits, uint32_t n, struct logits_scale how, double at)
{
	float weights[LOGITS_BLOCK];
	uint32_t last = 0;

	logits_weigh_block(logits, n, how, weights);
	for (uint32_t i = 0; i < n; i++) {
		if (weights[i] > 0)
			last = i;
		at -= (double)weights[i];
		if (at < 0)
			return last;
	}
	return last;
}

/* Sums are rounded: what is left at the end falls on the last with weight. */
static uint32_t draw_of_all(struct draw *draw, const float *logits,
    struct logits_scale how, double chance)
{
	double at =
	    chance * logits_weigh(logits, draw->vocab, how, draw->blocks);
	uint32_t last = 0;

	for (uint32_t i = 0; i < draw->vocab; i += LOGITS_BLOCK) {
		double weight = (double)draw->blocks[i / LOGITS_BLOCK];

		if (weight > 0)
			last = i;
		if (at < weight)
			break;
		at -= weight;
	}
	return last + find_in_block(logits + last,
			  draw->vocab - last < LOGITS_BLOCK ? draw->vocab - last
							    : LOGITS_BLOCK,
			  how, at);
}

/* --- of the likeliest ----------------------------------------------------- */

/*
 * Candidates in the order of likelihood, as far as somebody looks: few draws go
 * past the likeliest handful, and a vocabulary takes long to sort. The next
 * ones are a heap at the array's other end, its first at the very end; when
 * it is empty it is filled with those that lie somewhat lower.
 */
struct ranking {
	struct candidate *c; /* (vocab) */
	const float *logits; /* (vocab) */
	uint32_t vocab;
	uint32_t n, heaped; /* in order, and in the heap */
	struct logits_scale how;
	float floor; /* what is below it was not looked for, once scaled */
	float reach; /* of the next look below <how.top> */
};

#define REACH_FIRST 4.0F
#define REACH_LAST 100.0F

/* Before: the better of two candidates, for ties the lower id. */
static bool is_before(const struct candidate *a, const struct candidate *b)
{
	return a->logit > b->logit ||
	       (a->logit >= b->logit && a->token < b->token);
}

static struct candidate *in_heap(const struct ranking *r, uint32_t i)
{
	return &r->c[r->vocab - 1 - i];
}

/* Lets number <i> of the heap down to where it belongs. */
static void sink(struct ranking *r, uint32_t i)
{
	struct candidate sinking = *in_heap(r, i);

	for (uint32_t child; (child = 2 * i + 1) < r->heaped; i = child) {
		if (child + 1 < r->heaped &&
		    is_before(in_heap(r, child + 1), in_heap(r, child)))
			child++;
		if (!is_before(in_heap(r, child), &sinking))
			break;
		*in_heap(r, i) = *in_heap(r, child);
	}
	*in_heap(r, i) = sinking;
}

/* Fills the heap, which is empty, with those down to the next floor. */
static void look_lower(struct ranking *r)
{
	float floor = r->how.top - r->reach;

	if (r->reach > REACH_LAST)
		floor = -INFINITY;
	for (uint32_t i = 0; i < r->vocab; i++) {
		float scaled = r->logits[i] * r->how.scale;

		if (scaled >= floor && scaled < r->floor &&
		    r->logits[i] > -INFINITY)
			*in_heap(r, r->heaped++) =
			    (struct candidate){i, r->logits[i]};
	}
	for (uint32_t i = r->heaped / 2; i > 0; i--)
		sink(r, i - 1);
	r->floor = floor;
	r->reach *= 2;
}

/* Puts the next one in order; false when there is none. */
static bool take_next(struct ranking *r)
{
	struct candidate next;

	while (r->heaped == 0) {
		if (!(r->floor > -INFINITY))
			return false;
		look_lower(r);
	}
	next = *in_heap(r, 0);
	*in_heap(r, 0) = *in_heap(r, --r->heaped);
	if (r->heaped > 0)
		sink(r, 0);
	r->c[r->n++] = next;
	return true;
}

/* The weight of number <i> by likelihood; 0 where there are no more. */
static double weight_at(struct ranking *r, uint32_t i)
{
	while (i >= r->n) {
		if (!take_next(r))
			return 0;
	}
	return exp((double)(r->c[i].logit * r->how.scale - r->how.top));
}

/* How many the limits leave, at least one, and their weight. */
static uint32_t narrow(struct ranking *r, const struct draw_limits *limits,
    double all, double *kept)
{
	bool has_top_p = limits->top_p > 0 && limits->top_p < 1;
	uint32_t most = limits->top_k ? limits->top_k : r->vocab, k;
	double enough = 0;

	if (has_top_p && limits->top_k)
		for (all = 0, k = 0; k < most && k < r->vocab; k++)
			all += weight_at(r, k);
	if (has_top_p)
		enough = (double)limits->top_p * all;
	*kept = 0;
	for (k = 0; k < most && k < r->vocab; k++) {
		double weight = weight_at(r, k);

		if (k > 0 && (k >= r->n || weight < (double)limits->min_p ||
				 (has_top_p && *kept >= enough)))
			break;
		*kept += weight;
	}
	return k;
}

static uint32_t draw_of_likeliest(struct draw *draw, const float *logits,
    struct logits_scale how, const struct draw_limits *limits, double chance)
{
	struct ranking r = {
	    .logits = logits,
	    .vocab = draw->vocab,
	    .how = how,
	    .floor = INFINITY,
	    .reach = REACH_FIRST,
	};
	double at, kept, all = 0;
	uint32_t n;

	if (!draw->ranked)
		draw->ranked = mem_alloc(draw->vocab * sizeof(*draw->ranked));
	r.c = draw->ranked;
	if (limits->top_p > 0 && limits->top_p < 1 && !limits->top_k)
		all = logits_weigh(logits, draw->vocab, how, draw->blocks);
	n = narrow(&r, limits, all, &kept);
	at = chance * kept;
	for (uint32_t i = 0; i + 1 < n; i++) {
		at -= weight_at(&r, i);
		if (at < 0)
			return r.c[i].token;
	}
	return r.c[n - 1].token;
}

uint32_t draw_token(struct draw *draw, const float *logits, float max,
    const struct draw_limits *limits, double chance)
{
	struct logits_scale how = {.scale = 1 / limits->temperature};
	bool is_narrow = (limits->top_k && limits->top_k < draw->vocab) ||
			 (limits->top_p > 0 && limits->top_p < 1) ||
			 limits->min_p > 0;

	how.top = max * how.scale;
	return is_narrow ? draw_of_likeliest(draw, logits, how, limits, chance)
			 : draw_of_all(draw, logits, how, chance);
}
