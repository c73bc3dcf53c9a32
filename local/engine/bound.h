/* bound.h -- a text that a grammar binds, while it is written. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_ENGINE_BOUND_H
#define LOCAL_ENGINE_BOUND_H

#include "local/grammar.h"
#include "local/sample.h"
#include "local/tokenizer.h"

/*
 * From its first token on, or from behind a text such as "</think>", what is
 * written is held to a grammar: who writes finds a mask before each choice and
 * tells of what was chosen. All empty for free text, which nothing holds.
 */
struct bound {
	struct grammar *grammar;
	struct span after; /* own copy of the text that it begins after */
	struct buf seen;   /* bytes that <after> may begin in */
	bool is_on;        /* it has begun */
	struct grammar_state *state; /* NULL until bound_begin */
	uint32_t *words;             /* (n_words) what may come next */
	size_t n_words;
	bool has_mask; /* something may */
};

/* Takes a reference; <grammar> NULL is free text. <after> is copied. */
void bound_init(
    struct bound *bound, struct grammar *grammar, struct span after);
void bound_free(struct bound *bound);

/*
 * Makes the state, once. FAILED where the vocabulary cannot write all that the
 * grammar may ask for.
 */
enum result bound_begin(struct bound *bound, struct grammar_vocab *vocab,
    struct error *err) must_check;

/* Finds what may come next; for one that is on. Any thread, one at a time. */
void bound_find_mask(struct bound *bound);

/* What a chosen token was. */
struct bound_step {
	bool is_free; /* a choice that tells how sure the model is */
	bool is_over; /* nothing more may come */
};

/*
 * Moves past a chosen token, which is no end of text; false when it should not
 * have been chosen: the answer does not begin as its grammar asks.
 */
bool bound_accept(struct bound *bound, const struct tokenizer *tokenizer,
    uint32_t token, struct bound_step *step) must_check;

#endif
