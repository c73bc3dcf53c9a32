/* sample.h -- choosing the next token, and how sure the model was. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_SAMPLE_H
#define LOCAL_SAMPLE_H

#include "base/base.h"

/*
 * A sampler turns logits into a token: penalties on what the text has, the
 * caller's bias, temperature, the k likeliest, the likeliest whose
 * probabilities reach p, those at least min_p times the likeliest, then one
 * draw. The same seed, options and logits give the same tokens.
 *
 * What is told of each token (its log-probability, the margin between the two
 * likeliest, the entropy) comes from the logits as the model gave them, before
 * any of that: it says what the model thought, not what the options made of it.
 */
struct sample_bias {
	uint32_t token;
	float bias; /* added to its logit */
};

struct sample_options {
	float temperature; /* 0: the likeliest token */
	float top_p;       /* above 0 to 1; 0: 1 */
	float min_p;       /* 0 to 1 */
	uint32_t top_k;    /* 0: all */
	float repetition;  /* divides positive and multiplies negative logits
			      of tokens in the text; 0: 1 */
	float frequency;   /* subtracted for each time that one was chosen */
	float presence;    /* subtracted once where one was chosen */
	const struct sample_bias *biases; /* (n_biases), copied */
	size_t n_biases;
	uint64_t seed;
};

struct sample_choice {
	uint32_t token;
	float logprob; /* nat */
	float margin;  /* nat, between the two likeliest; INFINITY for one */
	float entropy; /* nat */
	uint32_t likeliest;
	bool is_masked;
	float removed; /* of all probability, the share that the mask took */
};

struct sampler;

/* FAILED when an option is out of range, which <err> names. */
enum result sample_check(const struct sample_options *options, uint32_t vocab,
    struct error *err) must_check;

/* NULL when an option is out of range, which <err> names. */
struct sampler *sampler_new(const struct sample_options *options,
    uint32_t vocab, struct error *err) must_check;
void sampler_free(struct sampler **sampler);

/* Tells of a prompt's tokens: the repetition penalty counts them too. */
void sampler_see(struct sampler *sampler, const uint32_t *tokens, size_t n);

/*
 * Chooses from logits (vocab), which it leaves alone, and counts the choice.
 * Logits that are not numbers are never chosen.
 */
struct sample_choice sampler_next(struct sampler *sampler, const float *logits);

/* Tokens that may be chosen: a bit each, id 0 the lowest of the first word. */
struct sample_mask {
	const uint32_t *words; /* (n_words); what is past them may not */
	size_t n_words;
};

/* The same among those of <mask> alone, of which there is one; NULL: all. */
struct sample_choice sampler_choose(struct sampler *sampler,
    const float *logits, const struct sample_mask *mask);

/* The log-probability of <token> among logits (vocab), in nat. */
float sample_logprob(const float *logits, uint32_t vocab, uint32_t token);

/*
 * The <k> likeliest of logits (vocab), best first, lower ids first among
 * equals, with their log-probabilities. Returns how many there are.
 */
struct sample_top {
	uint32_t token;
	float logprob;
};
uint32_t sample_top(
    const float *logits, uint32_t vocab, uint32_t k, struct sample_top *out);

/*
 * How sure the model was of the text so far, kept as it is written, in constant
 * space: sums, the worst token and the worst stretch, how the text began, and
 * how many margins lie between the bounds of a few steps.
 */
#define SAMPLE_WINDOW 16
#define SAMPLE_FIRST 8
#define SAMPLE_STEPS 9

/* Upper bounds of the steps, in nat; the last is infinite. */
extern const float sample_steps[SAMPLE_STEPS];

struct sample_summary {
	uint32_t n;
	double sum_logprob, sum_margin, sum_entropy;
	double sum_first; /* log-probabilities of the first SAMPLE_FIRST */
	float min_logprob;
	float min_window; /* lowest mean log-probability of 16 in a row (of
			     all, while there are fewer) */
	float recent[SAMPLE_WINDOW];    /* the last ones, a ring */
	uint32_t margins[SAMPLE_STEPS]; /* tokens whose margin is in each */

	/* Of all tokens that a mask was on, free choices or not. */
	uint32_t n_masked;
	double sum_removed;
};

/* Adds one choice; an all-zero summary is an empty one. */
void sample_summarise(
    struct sample_summary *summary, const struct sample_choice *choice);

/* Adds what a mask took of one choice, if there was one. */
void sample_summarise_mask(
    struct sample_summary *summary, const struct sample_choice *choice);

/*
 * The mean share of probability that masks took: 0 where the model wanted what
 * it was held to, -1 where it was held to nothing.
 */
double sample_mean_removed(const struct sample_summary *summary);

/*
 * The margin, in nat, that a share <q> (0..1) of the tokens does not pass, as
 * near as the steps tell; at most the last finite bound. 0 for no token.
 */
double sample_margin(const struct sample_summary *summary, double q);

/* Mean log-probability in nat; 0 for no token. */
double sample_mean_logprob(const struct sample_summary *summary);

#endif
