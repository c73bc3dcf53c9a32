/* generate.c -- writes texts: the loop from a prompt to its answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/generate.h"

#include <stdlib.h>

#include "local/engine/stop.h"

#define ENDS_MAX 32
#define TEXT_MAX ((size_t)1 << 30)

struct generator {
	struct model *model;
	const struct tokenizer *tokenizer;
	struct model_info info;
	uint32_t ends[ENDS_MAX]; /* (n_ends) */
	size_t n_ends;
	float *logits; /* (vocab) */
};

static void add_end(struct generator *g, uint32_t id)
{
	if (id == TOKENIZER_NO_ID)
		return;
	for (size_t i = 0; i < g->n_ends; i++) {
		if (g->ends[i] == id)
			return;
	}
	if (g->n_ends < ENDS_MAX)
		g->ends[g->n_ends++] = id;
}

static void collect_ends(
    struct generator *g, const struct checkpoint *checkpoint)
{
	const struct chat *chat = checkpoint_chat(checkpoint);
	struct tokenizer_work *work;

	for (uint32_t i = 0; i < g->info.n_eos; i++)
		add_end(g, g->info.eos[i]);
	if (g->tokenizer)
		add_end(g, tokenizer_named_ids(g->tokenizer).eos);
	if (!chat)
		return;
	work = tokenizer_work_new(g->tokenizer);
	add_end(g, chat_end_of_turn(chat, work));
	tokenizer_work_free(&work);
}

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
	collect_ends(g, checkpoint);
	return g;
}

void generator_free(struct generator **generator)
{
	if (!*generator)
		return;
	free((*generator)->logits);
	free(*generator);
	*generator = NULL;
}

const uint32_t *generator_ends(const struct generator *generator, size_t *n)
{
	*n = generator->n_ends;
	return generator->ends;
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
	struct tokenizer_stream *stream;
	struct stop stop;
	size_t *starts;   /* (out->cap) bytes of text when a token came */
	size_t searched;  /* bytes that have no stop string */
	size_t given_out; /* bytes that the watch has */
	uint32_t limit;   /* tokens that may be written */
	struct error *err;
};

static bool is_end(const struct generator *g, uint32_t id)
{
	for (size_t i = 0; i < g->n_ends; i++) {
		if (g->ends[i] == id)
			return true;
	}
	return false;
}

static void keep(struct run *r, const struct sample_choice *choice)
{
	struct generated *out = r->out;
	size_t n = out->ids.len;

	if (n == out->cap) {
		out->cap = out->cap ? out->cap * 2 : 64;
		out->choices =
		    mem_realloc(out->choices, out->cap * sizeof(*out->choices));
		r->starts =
		    mem_realloc(r->starts, out->cap * sizeof(*r->starts));
	}
	out->choices[n] = *choice;
	r->starts[n] = buf_len(&out->text);
	if (!token_buf_append(&out->ids, &choice->token, 1))
		abort(); /* its maximum is past any context */
}

static void give_out(struct run *r, size_t end)
{
	const struct generate_watch *watch = &r->request->watch;
	struct span text = span_head(buf_span(&r->out->text), end);

	if (end <= r->given_out)
		return;
	if (watch->fn)
		watch->fn(watch->arg, span_from(text, r->given_out));
	r->given_out = end;
}

/* Cuts the text, and the tokens that gave nothing of what is left. */
static void cut(struct run *r, size_t at)
{
	struct generated *out = r->out;

	out->text.end = out->text.start + at;
	while (out->ids.len > 0 && r->starts[out->ids.len - 1] >= at)
		out->ids.len--;
}

/* What is new in the text is looked through; true when it ends there. */
static bool meets_stop(struct run *r, bool is_last)
{
	struct span text = buf_span(&r->out->text);
	size_t at = stop_find(&r->stop, text, r->searched);

	r->searched = text.len;
	if (at != SIZE_MAX) {
		cut(r, at);
		give_out(r, at);
		return true;
	}
	give_out(r, is_last ? text.len : stop_safe(&r->stop, text));
	return false;
}

/* Gives out what was held back. */
static enum result finish_text(struct run *r)
{
	struct generated *out = r->out;

	if (tokenizer_stream_finish(r->stream, &out->text, r->err) != OK)
		return FAILED;
	if (meets_stop(r, true)) {
		out->end = GENERATE_STOP;
		return OK;
	}
	/* The whole is right where a piece, given out early, could not be. */
	buf_consume(&out->text, SIZE_MAX);
	return tokenizer_decode(
	    r->g->tokenizer, &out->ids, true, &out->text, r->err);
}

/* Chooses and feeds until something ends the text. */
static enum result write_tokens(struct run *r)
{
	struct generator *g = r->g;
	struct generated *out = r->out;

	out->end = GENERATE_LENGTH;
	while (out->ids.len < r->limit) {
		struct sample_choice choice =
		    sampler_next(r->sampler, g->logits);

		if (is_end(g, choice.token)) {
			out->end = GENERATE_STOP;
			break;
		}
		keep(r, &choice);
		if (r->stream && tokenizer_stream_push(r->stream, choice.token,
				     &out->text, r->err) != OK)
			return FAILED;
		if (meets_stop(r, false)) {
			out->end = GENERATE_STOP;
			return OK;
		}
		if (out->ids.len < r->limit &&
		    session_feed(
			r->session, &choice.token, 1, g->logits, r->err) != OK)
			return FAILED;
	}
	return r->stream ? finish_text(r) : OK;
}

static enum result check_stops(
    const struct generate_options *options, struct error *err)
{
	if (options->n_stops > GENERATE_STOPS_MAX) {
		error_set(err, "%zu stop strings: at most %d", options->n_stops,
		    GENERATE_STOPS_MAX);
		return FAILED;
	}
	for (size_t i = 0; i < options->n_stops; i++) {
		size_t len = options->stops[i].len;

		if (len > 0 && len <= GENERATE_STOP_LEN_MAX)
			continue;
		error_set(err, "stop string %zu has %zu bytes: must be 1 to %d",
		    i, len, GENERATE_STOP_LEN_MAX);
		return FAILED;
	}
	return OK;
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

static enum result run(struct run *r)
{
	const struct generate_request *request = r->request;
	struct generator *g = r->g;
	enum result result;

	if (check_stops(&request->options, r->err) != OK || find_room(r) != OK)
		return FAILED;
	r->sampler =
	    sampler_new(&request->options.sample, g->info.vocab, r->err);
	if (!r->sampler)
		return FAILED;
	sampler_see(r->sampler, request->prompt, request->n);
	r->stop = stop_make(request->options.stops, request->options.n_stops);
	if (g->tokenizer)
		r->stream = tokenizer_stream_new(g->tokenizer, true);
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
	for (size_t i = 0; i < out->ids.len && result == OK; i++)
		sample_summarise(&out->summary, &out->choices[i]);
	tokenizer_stream_free(&r.stream);
	sampler_free(&r.sampler);
	session_free(&r.session);
	free(r.starts);
	return result;
}
