/* logits.h -- what a model's logits say, in one look. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_LOGITS_H
#define LOCAL_LOGITS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Every token that is chosen costs a walk over the whole vocabulary, so these
 * take eight logits at a time and an exponential of their own: within two units
 * in the last place of a float, and the same on every machine. Logits that are
 * not numbers count as impossible.
 */
struct logits_view {
	uint32_t likeliest; /* the first of them */
	float max, second;  /* -INFINITY where there is none */
	double total;       /* log of the sum of exp(logits) */
	double entropy;     /* nat */
};

struct logits_view logits_look(const float *logits, uint32_t n);

/* The same but for total and entropy, which are not found. */
struct logits_view logits_best(const float *logits, uint32_t n);

/* Some of the logits: a bit each, logit 0 the lowest of the first word. */
struct logits_mask {
	const uint32_t *words; /* (n_words); what is past them is left out */
	size_t n_words;
};

/*
 * The same, and in <share> the part of all probability, 0 to 1, that lies on
 * the logits of <mask>, in the same walk.
 */
struct logits_view logits_look_among(const float *logits, uint32_t n,
    const struct logits_mask *mask, double *share);

/* A logit's weight is exp(scale logit - top); top is the largest's. */
struct logits_scale {
	float scale, top;
};

#define LOGITS_BLOCK 256

/*
 * The sum of the weights of logits (n), and in <blocks> (n / LOGITS_BLOCK,
 * rounded up) that of each block of them.
 */
double logits_weigh(
    const float *logits, uint32_t n, struct logits_scale how, float *blocks);

/* The weights (n) of logits (n) of a block. */
void logits_weigh_block(
    const float *logits, uint32_t n, struct logits_scale how, float *weights);

#endif
