/* generate.c -- writes texts: the loop from a prompt to its answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/generate.h"

#include <stdlib.h>

#include "local/engine/bound.h"
#include "local/engine/ends.h"
#include "local/engine/writer.h"

#define TEXT_MAX ((size_t)1 << 30)

struct generator {
	struct model *model;
	const struct tokenizer *tokenizer;
	struct model_info info;
	struct ends ends;
	struct grammar_vocab *vocab; /* NULL until an answer needs it */
	float *logits;               /* (vocab) */
};

struct generator *generator_new(
    const struct checkpoint *checkpoint, struct error *err)
{
	struct model *model = checkpoint_model(checkpoint);
	struct generator *g;

	if (model_info(model).is_encoder) {
		error_set(err, "%.*s is an encoder: it embeds and classifies",
		    SPAN_FMT(model_info(model).family));
		return NULL;
	}
	g = mem_new(struct generator);
	g->model = model;
	g->tokenizer = checkpoint_tokenizer(checkpoint);
	g->info = model_info(model);
	g->logits = mem_alloc(g->info.vocab * sizeof(*g->logits));
	g->ends = ends_collect(checkpoint);
	return g;
}

void generator_free(struct generator **generator)
{
	if (!*generator)
		return;
	grammar_vocab_unref(&(*generator)->vocab);
	free((*generator)->logits);
	free(*generator);
	*generator = NULL;
}

const uint32_t *generator_ends(const struct generator *generator, size_t *n)
{
	*n = generator->ends.n;
	return generator->ends.ids;
}

void generated_free(struct generated *generated)
{
	buf_free(&generated->text);
	token_buf_free(&generated->ids);
	free(generated->choices);
	generated->choices = NULL;
	generated->cap = 0;
}

/* --- one answer ----------------------------------------------------------- */

struct run {
	struct generator *g;
	const struct generate_request *request;
	struct generated *out;
	struct sampler *sampler;
	struct session *session;
	struct writer *writer;
	struct bound bound;
	bool *is_free;  /* (out->cap) the grammar left a choice */
	uint32_t limit; /* tokens that may be written */
	struct error *err;
};

static void keep(
    struct run *r, const struct sample_choice *choice, bool is_free)
{
	struct generated *out = r->out;
	size_t n = out->ids.len;

	if (n == out->cap) {
		out->cap = out->cap ? out->cap * 2 : 64;
		out->choices =
		    mem_realloc(out->choices, out->cap * sizeof(*out->choices));
		r->is_free =
		    mem_realloc(r->is_free, out->cap * sizeof(*r->is_free));
	}
	out->choices[n] = *choice;
	r->is_free[n] = is_free;
	if (!token_buf_append(&out->ids, &choice->token, 1))
		abort(); /* its maximum is past any context */
}

static void give_out(struct run *r)
{
	const struct generate_watch *watch = &r->request->watch;
	struct span text = writer_take(r->writer);

	if (watch->fn && text.len > 0)
		watch->fn(watch->arg, text);
}

/* Gives out what was held back; only what the text kept stays. */
static enum result finish_text(struct run *r, bool is_over)
{
	struct generated *out = r->out;

	if (!is_over && writer_finish(r->writer, &is_over, r->err) != OK)
		return FAILED;
	give_out(r);
	out->ids.len = writer_settled(r->writer);
	if (is_over)
		out->end = GENERATE_STOP;
	/* The whole is right where a piece, given out early, could not be. */
	if (!is_over && r->g->tokenizer)
		return tokenizer_decode(
		    r->g->tokenizer, &out->ids, true, &out->text, r->err);
	if (!buf_append(&out->text, writer_text(r->writer)))
		abort(); /* its maximum is the writer's */
	return OK;
}

/* The next token; FAILED where the grammar leaves none. */
static enum result choose(struct run *r, struct sample_choice *choice)
{
	struct bound *b = &r->bound;
	struct sample_mask mask = {b->words, b->n_words};

	if (b->is_on)
		bound_find_mask(b);
	if (b->is_on && !b->has_mask) {
		error_set(r->err, "the vocabulary has no token for what must "
				  "come next");
		return FAILED;
	}
	*choice =
	    sampler_choose(r->sampler, r->g->logits, b->is_on ? &mask : NULL);
	return OK;
}

/* Takes a chosen token into the text; <is_over>: that is its end. */
static enum result take(
    struct run *r, const struct sample_choice *choice, bool *is_over)
{
	struct bound_step step;

	if (!bound_accept(&r->bound, r->g->tokenizer, choice->token, &step)) {
		error_set(
		    r->err, "the answer does not begin as its schema asks");
		return FAILED;
	}
	keep(r, choice, step.is_free);
	if (writer_push(r->writer, choice->token, is_over, r->err) != OK)
		return FAILED;
	give_out(r);
	if (step.is_over)
		r->out->end = GENERATE_STOP;
	return OK;
}

/* Chooses and feeds until something ends the text. */
static enum result write_tokens(struct run *r)
{
	struct generator *g = r->g;
	struct generated *out = r->out;
	struct sample_choice choice;
	bool is_over = false;

	out->end = GENERATE_LENGTH;
	while (out->ids.len < r->limit && !is_over &&
	       out->end == GENERATE_LENGTH) {
		if (choose(r, &choice) != OK)
			return FAILED;
		if (ends_have(&g->ends, choice.token)) {
			out->end = GENERATE_STOP;
			break;
		}
		if (take(r, &choice, &is_over) != OK)
			return FAILED;
		if (!is_over && out->end == GENERATE_LENGTH &&
		    out->ids.len < r->limit &&
		    session_feed(
			r->session, &choice.token, 1, g->logits, r->err) != OK)
			return FAILED;
	}
	return finish_text(r, is_over);
}

/* How many tokens may be written, and a session for them. */
static enum result find_room(struct run *r)
{
	const struct generate_options *options = &r->request->options;
	uint32_t context =
	    options->max_context ? options->max_context : r->g->info.context;
	size_t n = r->request->n;

	if (n == 0) {
		error_set(r->err, "the prompt has no tokens");
		return FAILED;
	}
	if (n >= context) {
		error_set(r->err,
		    "the prompt has %zu tokens, the context is %u: no room "
		    "for an answer",
		    n, context);
		return FAILED;
	}
	r->limit = context - (uint32_t)n;
	if (options->max_tokens < r->limit)
		r->limit = options->max_tokens;
	r->out->prompt_tokens = (uint32_t)n;
	r->session = session_new(r->g->model, (uint32_t)n + r->limit, r->err);
	return r->session ? OK : FAILED;
}

static enum result bind(struct run *r)
{
	struct generator *g = r->g;

	bound_init(&r->bound, r->request->grammar, r->request->grammar_after);
	if (!r->bound.grammar)
		return OK;
	if (!g->tokenizer) {
		error_set(r->err, "the checkpoint has no tokenizer: no schema "
				  "can hold its answers");
		return FAILED;
	}
	if (!g->vocab)
		g->vocab = grammar_vocab_new(
		    g->tokenizer, g->ends.ids, g->ends.n, r->err);
	return g->vocab ? bound_begin(&r->bound, g->vocab, r->err) : FAILED;
}

static enum result run(struct run *r)
{
	const struct generate_request *request = r->request;
	struct generator *g = r->g;
	struct writer_options options = {
	    .tokenizer = g->tokenizer,
	    .stops = request->options.stops,
	    .n_stops = request->options.n_stops,
	};
	enum result result;

	if (bind(r) != OK || writer_check(&options, r->err) != OK ||
	    find_room(r) != OK)
		return FAILED;
	r->sampler =
	    sampler_new(&request->options.sample, g->info.vocab, r->err);
	if (!r->sampler)
		return FAILED;
	sampler_see(r->sampler, request->prompt, request->n);
	r->writer = writer_new(&options);
	result = session_feed(r->session, request->prompt, (uint32_t)request->n,
	    g->logits, r->err);
	return result == OK ? write_tokens(r) : result;
}

enum result generate(struct generator *generator,
    const struct generate_request *request, struct generated *out,
    struct error *err)
{
	struct run r = {
	    .g = generator, .request = request, .out = out, .err = err};
	enum result result;

	*out = (struct generated){.prompt_tokens = 0};
	buf_init(&out->text, TEXT_MAX);
	token_buf_init(&out->ids, SIZE_MAX);
	result = run(&r);
	for (size_t i = 0; i < out->ids.len && result == OK; i++) {
		if (r.is_free[i])
			sample_summarise(&out->summary, &out->choices[i]);
		sample_summarise_mask(&out->summary, &out->choices[i]);
	}
	bound_free(&r.bound);
	free(r.is_free);
	writer_free(&r.writer);
	sampler_free(&r.sampler);
	session_free(&r.session);
	return result;
}
