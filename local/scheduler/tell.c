/* tell.c -- what the caller hears of a text while it is written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "local/engine/token_bytes.h"
#include "local/scheduler/internal.h"

#define BYTES_MAX ((size_t)1 << 26) /* of tokens that are held back */

void told_init(struct told *told)
{
	*told = (struct told){.n = 0};
	buf_init(&told->bytes, BYTES_MAX);
}

void told_free(struct told *told)
{
	free(told->choices);
	free(told->tops);
	free(told->spans);
	free(told->ends);
	free(told->free);
	buf_free(&told->bytes);
}

static void make_places(struct told *told, uint32_t n_tops)
{
	if (told->n < told->cap)
		return;
	told->cap = told->cap ? told->cap * 2 : 8;
	told->choices =
	    mem_realloc(told->choices, told->cap * sizeof(*told->choices));
	told->tops =
	    mem_realloc(told->tops, told->cap * n_tops * sizeof(*told->tops));
	told->spans =
	    mem_realloc(told->spans, told->cap * sizeof(*told->spans));
	told->ends = mem_realloc(told->ends, told->cap * sizeof(*told->ends));
	told->free = mem_realloc(told->free, told->cap * sizeof(*told->free));
}

void told_add(struct job *job, const struct sample_choice *choice,
    const float *logits, bool is_free)
{
	const struct lane *lane = job->lane;
	const struct tokenizer *tokenizer =
	    checkpoint_tokenizer(lane->checkpoint);
	struct text *t = job->text;
	struct told *told = &t->told;
	uint32_t n;

	make_places(told, t->n_tops);
	told->choices[told->n] = *choice;
	told->free[told->n] = is_free;
	if (t->n_tops) {
		struct sample_top *tops = told->tops + told->n * t->n_tops;

		n = sample_top(logits, lane->info.vocab, t->n_tops, tops);
		for (; n < t->n_tops; n++)
			tops[n] = (struct sample_top){
			    .token = TOKENIZER_NO_ID, .logprob = -INFINITY};
	}
	/* Past the maximum, which no vocabulary reaches, bytes are missing. */
	if (tokenizer)
		(void)!token_bytes(tokenizer, choice->token, &told->bytes);
	told->ends[told->n++] = buf_len(&told->bytes);
}

/* Drops the first <n> tokens. */
static void forget(struct told *told, uint32_t n_tops, size_t n)
{
	size_t bytes = n ? told->ends[n - 1] : 0, left = told->n - n;

	memmove(
	    told->choices, told->choices + n, left * sizeof(*told->choices));
	memmove(told->ends, told->ends + n, left * sizeof(*told->ends));
	memmove(told->free, told->free + n, left * sizeof(*told->free));
	if (n_tops)
		memmove(told->tops, told->tops + n * n_tops,
		    left * n_tops * sizeof(*told->tops));
	for (size_t i = 0; i < left; i++)
		told->ends[i] -= bytes;
	buf_consume(&told->bytes, bytes);
	told->n = left;
	told->given += n;
}

void told_give(struct job *job)
{
	struct text *t = job->text;
	struct told *told = &t->told;
	struct span bytes = buf_span(&told->bytes);
	struct job_piece piece = {
	    .text = writer_take(t->writer),
	    .choices = told->choices,
	    .bytes = told->spans,
	    .tops = t->n_tops ? told->tops : NULL,
	    .n = (uint32_t)(writer_settled(t->writer) - told->given),
	    .n_tops = t->n_tops,
	    .summary = &t->summary,
	    .use = &job->use,
	};

	if (piece.n == 0 && piece.text.len == 0)
		return;
	for (uint32_t i = 0; i < piece.n; i++) {
		size_t from = i ? told->ends[i - 1] : 0;

		told->spans[i] =
		    span_head(span_from(bytes, from), told->ends[i] - from);
		if (told->free[i])
			sample_summarise(&t->summary, &told->choices[i]);
		sample_summarise_mask(&t->summary, &told->choices[i]);
	}
	job->use.output_tokens += piece.n;
	job->lane->now.output_tokens += piece.n;
	if (t->watch.piece)
		t->watch.piece(t->watch.arg, &piece);
	forget(told, t->n_tops, piece.n);
}
