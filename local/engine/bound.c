/* bound.c -- a text that a grammar binds, while it is written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/engine/bound.h"

#include <stdlib.h>

#include "local/engine/token_bytes.h"

#define SEEN_MAX ((size_t)1 << 16) /* bytes looked through at a time */

void bound_init(struct bound *b, struct grammar *grammar, struct span after)
{
	*b = (struct bound){.grammar = NULL};
	if (!grammar)
		return;
	b->grammar = grammar_ref(grammar);
	b->after = span_make(span_dup(after), after.len);
	buf_init(&b->seen, SEEN_MAX);
}

void bound_free(struct bound *b)
{
	grammar_state_free(&b->state);
	grammar_unref(&b->grammar);
	free((void *)(uintptr_t)b->after.ptr);
	free(b->words);
	buf_free(&b->seen);
}

enum result bound_begin(
    struct bound *b, struct grammar_vocab *vocab, struct error *err)
{
	if (grammar_is_spelled(b->grammar, vocab, err) != OK)
		return FAILED;
	b->n_words = grammar_vocab_words(vocab);
	b->words = mem_alloc(b->n_words * sizeof(*b->words));
	b->state = grammar_state_new(b->grammar, vocab);
	b->is_on = b->after.len == 0;
	return OK;
}

void bound_find_mask(struct bound *b)
{
	b->has_mask = grammar_mask(b->state, b->words);
}

/* Looks for the text that the grammar begins after. */
static bool look_for_start(
    struct bound *b, const struct tokenizer *tokenizer, uint32_t token)
{
	struct span rest;
	size_t at, keep = b->after.len - 1;

	if (!token_bytes(tokenizer, token, &b->seen))
		return true; /* longer than any token is: nothing to find */
	at = span_find(buf_span(&b->seen), b->after, 0);
	if (at == SIZE_MAX) {
		if (buf_len(&b->seen) > keep)
			buf_consume(&b->seen, buf_len(&b->seen) - keep);
		return true;
	}
	b->is_on = true;
	rest = span_trim(span_from(buf_span(&b->seen), at + b->after.len));
	return rest.len == 0 || grammar_accept_bytes(b->state, rest);
}

bool bound_accept(struct bound *b, const struct tokenizer *tokenizer,
    uint32_t token, struct bound_step *step)
{
	*step = (struct bound_step){.is_free = true};
	if (!b->state)
		return true;
	if (!b->is_on)
		return look_for_start(b, tokenizer, token);
	if (!grammar_accept(b->state, token))
		return false;
	step->is_free = grammar_was_free(b->state);
	step->is_over =
	    grammar_is_complete(b->state) && !grammar_is_free(b->state);
	return true;
}
