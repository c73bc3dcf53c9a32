/* state.c -- a grammar's life, and one answer's way through it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "local/grammar/mask.h"

#define ARENA_MAX ((size_t)1 << 25)

struct grammar *grammar_new(void)
{
	struct grammar *g = mem_new(struct grammar);

	arena_init(&g->arena, ARENA_MAX);
	atomic_init(&g->refs, 1);
	pthread_mutex_init(&g->lock, NULL);
	return g;
}

struct grammar *grammar_ref(struct grammar *grammar)
{
	atomic_fetch_add(&grammar->refs, 1);
	return grammar;
}

void grammar_unref(struct grammar **grammar)
{
	struct grammar *g = *grammar;

	*grammar = NULL;
	if (!g || atomic_fetch_sub(&g->refs, 1) > 1)
		return;
	machines_free(g->machines);
	for (uint32_t i = 0; i < g->n_dfas; i++)
		dfa_free(&g->dfas[i]);
	free(g->dfas);
	free(g->nodes);
	arena_free(&g->arena);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* --- states --------------------------------------------------------------- */

struct grammar_state {
	struct grammar *grammar;
	struct grammar_vocab *vocab;
	struct machine *machine;
	struct run run; /* settled: one set of spots */
	bool has_ended;
	bool was_free;
};

struct grammar_state *grammar_state_new(
    struct grammar *grammar, struct grammar_vocab *vocab)
{
	struct grammar_state *s = mem_new(struct grammar_state);

	s->grammar = grammar_ref(grammar);
	s->vocab = grammar_vocab_ref(vocab);
	s->machine = machine_of(grammar, vocab);
	run_init(&s->run, grammar);
	run_begin(&s->run);
	return s;
}

struct grammar_state *grammar_state_clone(const struct grammar_state *state)
{
	struct grammar_state *s = mem_new(struct grammar_state);

	*s = *state;
	grammar_ref(s->grammar);
	grammar_vocab_ref(s->vocab);
	run_init(&s->run, s->grammar);
	run_copy(&s->run, &state->run);
	return s;
}

void grammar_state_free(struct grammar_state **state)
{
	struct grammar_state *s = *state;

	if (!s)
		return;
	run_free(&s->run);
	grammar_unref(&s->grammar);
	grammar_vocab_unref(&s->vocab);
	free(s);
	*state = NULL;
}

bool grammar_mask(struct grammar_state *s, uint32_t *bits)
{
	if (s->has_ended) {
		memset(bits, 0, s->vocab->words * sizeof(*bits));
		return false;
	}
	return machine_mask(s->machine, &s->run, bits);
}

bool grammar_accept_bytes(struct grammar_state *s, struct span bytes)
{
	struct run *run = &s->run;
	uint32_t n_frames = run->n_frames, n_live = run->n_live;
	uint32_t first = 0, end = n_live;
	bool was_free = false;

	if (s->has_ended)
		return false;
	for (size_t i = 0; i < bytes.len; i++) {
		was_free = was_free || run_sole_byte(run, first, end, true) ==
					   DFA_MANY_BYTES;
		if (!run_step(run, first, end, (unsigned char)bytes.ptr[i])) {
			run->n_frames = n_frames;
			run->n_live = n_live;
			run->set = 0;
			return false;
		}
		/* Only the newest set counts; the first stays to go back to. */
		first = run->set;
		end = run->n_live;
	}
	if (bytes.len > 0)
		run_settle(run);
	s->was_free = was_free;
	return true;
}

static bool is_end(const struct grammar_vocab *vocab, uint32_t token)
{
	for (size_t i = 0; i < vocab->n_ends; i++) {
		if (vocab->ends[i] == token)
			return true;
	}
	return false;
}

bool grammar_accept(struct grammar_state *s, uint32_t token)
{
	struct span bytes;

	if (token >= s->vocab->n || s->has_ended)
		return false;
	if (is_end(s->vocab, token)) {
		if (!grammar_is_complete(s))
			return false;
		s->was_free = grammar_is_free(s);
		s->has_ended = true;
		return true;
	}
	bytes = vocab_bytes(s->vocab, token);
	return bytes.len > 0 && bytes.len <= GRAMMAR_TOKEN_MAX &&
	       grammar_accept_bytes(s, bytes);
}

/* --- questions ------------------------------------------------------------ */

bool grammar_is_complete(const struct grammar_state *s)
{
	return run_is_done(&s->run, 0, s->run.n_live);
}

bool grammar_has_ended(const struct grammar_state *s)
{
	return s->has_ended;
}

bool grammar_is_free(const struct grammar_state *s)
{
	return !s->has_ended &&
	       run_sole_byte(&s->run, 0, s->run.n_live, true) == DFA_MANY_BYTES;
}

bool grammar_was_free(const struct grammar_state *s)
{
	return s->was_free;
}

void grammar_forced(struct grammar_state *s, struct buf *out)
{
	struct run *run = &s->run;
	uint32_t n_frames = run->n_frames, n_live = run->n_live;
	uint32_t first = 0, end = n_live;
	unsigned byte;

	while (!s->has_ended &&
	       (byte = run_sole_byte(run, first, end, false)) < DFA_NO_BYTE) {
		char c = (char)byte;

		if (!run_step(run, first, end, (unsigned char)byte) ||
		    !buf_append(out, span_make(&c, 1)))
			break;
		first = run->set;
		end = run->n_live;
	}
	run->n_frames = n_frames;
	run->n_live = n_live;
	run->set = 0;
}
