/* logits.h -- what a model's logits say, in one look. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_LOGITS_H
#define LOCAL_LOGITS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Every token that is chosen costs a walk over the whole vocabulary, so these
 * take four logits at a time and an exponential of their own: within two units
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

/* The sum of exp(logits - max) of logits (n) of at most <max>. */
double logits_sum(const float *logits, uint32_t n, float max);

#endif
