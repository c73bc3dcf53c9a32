/* bound.c -- a text that a grammar binds. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "local/engine/token_bytes.h"
#include "local/scheduler/internal.h"

#define SEEN_MAX ((size_t)1 << 16) /* bytes looked through at a time */

void bound_init(struct bound *b, const struct job_options *options)
{
	if (!options->grammar)
		return;
	b->grammar = grammar_ref(options->grammar);
	b->after = span_make(
	    span_dup(options->grammar_after), options->grammar_after.len);
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

/* Some tens of milliseconds, for the first text of a lane that needs it. */
static enum result find_vocab(struct lane *lane, struct error *err)
{
	if (lane->vocab)
		return OK;
	if (!lane->vocab_error) {
		lane->vocab =
		    grammar_vocab_new(checkpoint_tokenizer(lane->checkpoint),
			lane->ends.ids, lane->ends.n, err);
		if (lane->vocab)
			return OK;
		lane->vocab_error = mem_strdup(err->text);
	}
	error_set(err, "%s", lane->vocab_error);
	return FAILED;
}

enum result bound_begin(struct job *job, struct error *err)
{
	struct bound *b = &job->text->bound;
	struct lane *lane = job->lane;

	if (!b->grammar || b->state)
		return OK;
	if (find_vocab(lane, err) != OK ||
	    grammar_is_spelled(b->grammar, lane->vocab, err) != OK)
		return FAILED;
	b->n_words = grammar_vocab_words(lane->vocab);
	b->words = mem_alloc(b->n_words * sizeof(*b->words));
	b->state = grammar_state_new(b->grammar, lane->vocab);
	b->is_on = b->after.len == 0;
	return OK;
}

/* Looks for the text that the grammar begins after. */
static bool look_for_start(struct job *job, uint32_t token)
{
	const struct tokenizer *tokenizer =
	    checkpoint_tokenizer(job->lane->checkpoint);
	struct bound *b = &job->text->bound;
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

/*
 * <is_free> says whether the token was a choice that tells something of how
 * sure the model is; <is_over> that nothing more may come.
 */
bool bound_accept(struct job *job, uint32_t token, bool *is_free, bool *is_over)
{
	struct bound *b = &job->text->bound;

	*is_free = true;
	*is_over = false;
	if (!b->state)
		return true;
	if (!b->is_on)
		return look_for_start(job, token);
	if (!grammar_accept(b->state, token))
		return false;
	*is_free = grammar_was_free(b->state);
	*is_over = grammar_is_complete(b->state) && !grammar_is_free(b->state);
	return true;
}
