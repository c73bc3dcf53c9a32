/* embed.c -- a request for vectors, answered by an encoder in this process. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/embed.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/local/encode.h"
#include "gateway/local/encoder_text.h"
#include "gateway/local/float_text.h"

enum {
	TURN_BYTES = 64 << 10, /* of texts, read in one turn */
	PIECE_FLOATS = 2048,   /* written in one turn: 0.3 ms */
	PIECE_MAX = 64 << 20,  /* bytes of a piece */
	IDS_MAX = 16 << 20,    /* tokens of all texts */
	ARENA_MAX = 64 << 20
};

struct embed {
	struct loop *loop;
	struct embed_options options;
	struct model_info info;
	struct arena arena; /* decoded texts */
	bool is_base64;
	uint32_t dimensions; /* of a vector as it is sent */

	struct encoder_text encoder;
	uint32_t item; /* of the list of texts, to be read next */
	bool is_read;
	struct token_buf ids;
	size_t ends[EMBED_TEXTS_MAX]; /* (n_texts) where each text's ids end */
	uint32_t n_texts;

	struct encode *encode;
	struct job_use use;
	float *values; /* (n_texts, dimensions) */
	uint32_t n_written;
	bool is_over; /* no more calls */
	bool is_paused;
	bool is_posted; /* the loop will call on */
};

struct embed *embed_new(struct loop *loop, const struct embed_options *options)
{
	struct embed *e = mem_new(struct embed);

	e->loop = loop;
	e->options = *options;
	e->options.model = local_model_ref(options->model);
	e->info = local_model_parts(options->model)->info;
	encoder_text_init(&e->encoder,
	    local_model_parts(options->model)->checkpoint, TOKENIZER_PLAIN);
	arena_init(&e->arena, ARENA_MAX);
	token_buf_init(&e->ids, IDS_MAX);
	return e;
}

static void free_embed(void *arg)
{
	struct embed *e = arg;

	encoder_text_free(&e->encoder);
	local_model_unref(&e->options.model);
	arena_free(&e->arena);
	token_buf_free(&e->ids);
	free(e->values);
	free(e);
}

void embed_cancel(struct embed **embed)
{
	struct embed *e = *embed;

	*embed = NULL;
	if (!e)
		return;
	e->is_over = true;
	encode_cancel(&e->encode);
	/* What was posted frees it. */
	if (!e->is_posted)
		loop_retire(e->loop, free_embed, e);
}

/* --- refusals ------------------------------------------------------------- */

struct refusal {
	const char *code, *param;
};

static bool refuse(struct embed *e, struct refusal why, const char *fmt, ...)
    printf_like(3, 4);

static bool refuse(struct embed *e, struct refusal why, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	e->is_over = true;
	e->options.handler->on_refused(
	    e->options.arg, &(struct dialect_error){
				.message = text,
				.type = "invalid_request_error",
				.param = why.param,
				.code = why.code,
			    });
	return false;
}

static const struct refusal bad_input = {"invalid_value", "input"};

/* --- what is asked for ---------------------------------------------------- */

static bool read_format(struct embed *e)
{
	const struct json_doc *doc = &e->options.request->doc;
	uint32_t node = json_find(doc, 0, SPAN("encoding_format"));
	struct span text;

	if (node == JSON_NONE || json_is(doc, node, JSON_NULL))
		return true;
	text = json_text(doc, node, &e->arena);
	e->is_base64 = span_eq(text, SPAN("base64"));
	if (e->is_base64 || span_eq(text, SPAN("float")))
		return true;
	return refuse(e, (struct refusal){"invalid_value", "encoding_format"},
	    "Invalid value for 'encoding_format': expected \"float\" or "
	    "\"base64\".");
}

static bool read_dimensions(struct embed *e)
{
	const struct json_doc *doc = &e->options.request->doc;
	uint32_t node = json_find(doc, 0, SPAN("dimensions"));
	int64_t n;

	e->dimensions = e->info.hidden;
	if (node == JSON_NONE || json_is(doc, node, JSON_NULL))
		return true;
	if (!json_int(doc, node, &n) || n < 1 || n > e->info.hidden)
		return refuse(e,
		    (struct refusal){"invalid_value", "dimensions"},
		    "Invalid value for 'dimensions': %s gives vectors of 1 to "
		    "%u.",
		    e->options.name, e->info.hidden);
	e->dimensions = (uint32_t)n;
	return true;
}

/* One more text has its ids at the end of the list. */
static bool end_text(struct embed *e)
{
	size_t start = e->n_texts ? e->ends[e->n_texts - 1] : 0;
	size_t n = e->ids.len - start;

	if (n == 0)
		return refuse(e, bad_input,
		    "Invalid 'input': text %u is empty.", e->n_texts);
	if (n > e->info.context)
		return refuse(e,
		    (struct refusal){"context_length_exceeded", "input"},
		    "The maximum context length of %s is %u tokens, but text "
		    "%u has %zu.",
		    e->options.name, e->info.context, e->n_texts, n);
	e->ends[e->n_texts++] = e->ids.len;
	return true;
}

static bool add_text(struct embed *e, uint32_t node)
{
	const struct json_doc *doc = &e->options.request->doc;
	struct span text = json_text(doc, node, &e->arena);
	struct error err;
	size_t whole;

	if (!text.ptr)
		return refuse(e, bad_input,
		    "Invalid 'input': it is too long to be read.");
	if (text.len == 0)
		return refuse(e, bad_input,
		    "Invalid 'input': text %u is empty.", e->n_texts);
	if (encoder_text_add(&e->encoder, text, &e->ids, &whole, &err) != OK)
		return refuse(e, bad_input, "Invalid 'input': text %u: %s.",
		    e->n_texts, err.text);
	return end_text(e);
}

/* Tokens as `sluice tokenize` gives them, those around a text included. */
static bool add_tokens(struct embed *e, uint32_t list)
{
	const struct json_doc *doc = &e->options.request->doc;

	json_for_each(doc, list, item) {
		uint32_t id;
		int64_t n;

		if (!json_int(doc, item, &n) || n < 0 || n >= e->info.vocab)
			return refuse(e, bad_input,
			    "Invalid 'input': a token of text %u is no whole "
			    "number from 0 to %u.",
			    e->n_texts, e->info.vocab - 1);
		id = (uint32_t)n;
		if (!token_buf_append(&e->ids, &id, 1))
			return refuse(e, bad_input,
			    "Invalid 'input': more than %d tokens.", IDS_MAX);
	}
	return end_text(e);
}

static bool add_item(struct embed *e, uint32_t node)
{
	const struct json_doc *doc = &e->options.request->doc;

	if (json_is(doc, node, JSON_STRING))
		return add_text(e, node);
	if (json_is(doc, node, JSON_ARRAY))
		return add_tokens(e, node);
	return refuse(e, bad_input,
	    "Invalid 'input': expected texts or lists of tokens.");
}

/* What is one text is read at once, of a list the first item is found. */
static bool begin_input(struct embed *e)
{
	const struct json_doc *doc = &e->options.request->doc;
	uint32_t node = json_find(doc, 0, SPAN("input"));
	uint32_t first = node == JSON_NONE ? node : json_first(doc, node);

	e->item = JSON_NONE;
	if (node == JSON_NONE || json_is(doc, node, JSON_NULL))
		return refuse(e,
		    (struct refusal){"missing_required_parameter", "input"},
		    "Missing required parameter: 'input'.");
	if (!json_is(doc, node, JSON_ARRAY))
		return add_item(e, node);
	if (json_is(doc, first, JSON_NUMBER))
		return add_tokens(e, node);
	if (first == JSON_NONE || json_count(doc, node) > EMBED_TEXTS_MAX)
		return refuse(e, bad_input,
		    "Invalid 'input': expected 1 to %d texts, got %zu.",
		    EMBED_TEXTS_MAX, json_count(doc, node));
	e->item = first;
	return true;
}

/* The next items of the list; false when one is refused. */
static bool read_items(struct embed *e)
{
	const struct json_doc *doc = &e->options.request->doc;
	uint32_t list = json_find(doc, 0, SPAN("input"));
	size_t bytes = 0;

	while (e->item != JSON_NONE && bytes < TURN_BYTES) {
		bytes += json_raw(doc, e->item).len;
		if (!add_item(e, e->item))
			return false;
		e->item = json_after(doc, list, e->item);
	}
	return true;
}

/* --- the answer ----------------------------------------------------------- */

/* The first <n> of a vector, at its length; zeros stay. */
static void shorten(const float *from, uint32_t n, float *out)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += (double)from[i] * (double)from[i];
	for (uint32_t i = 0; i < n; i++)
		out[i] = sum > 0 ? (float)((double)from[i] / sqrt(sum)) : 0;
}

static void keep_values(struct embed *e, const struct encode_result *result)
{
	uint32_t n = e->dimensions;

	e->values = mem_alloc((size_t)e->n_texts * n * sizeof(*e->values));
	for (uint32_t i = 0; i < e->n_texts; i++) {
		const float *from = result->values + (size_t)i * result->width;
		float *to = e->values + (size_t)i * n;

		if (n < result->width)
			shorten(from, n, to);
		else
			memcpy(to, from, n * sizeof(*to));
	}
}

static bool write_vector(const struct embed *e, uint32_t i, struct buf *out)
{
	const float *values = e->values + (size_t)i * e->dimensions;

	if (!buf_printf(out,
		"%s{\"object\": \"embedding\", \"index\": %u, \"embedding\": ",
		i ? ", " : "{\"object\": \"list\", \"data\": [", i))
		return false;
	if (!(e->is_base64 ? float_text_base64(out, values, e->dimensions)
			   : float_text_list(out, values, e->dimensions)))
		return false;
	return buf_append(out, SPAN("}"));
}

static bool write_tail(const struct embed *e, struct buf *out)
{
	return buf_append(out, SPAN("], \"model\": ")) &&
	       json_write_string(out, span_of(e->options.name)) &&
	       buf_printf(out,
		   ", \"usage\": {\"prompt_tokens\": %zu, \"total_tokens\": "
		   "%zu}}\n",
		   e->ids.len, e->ids.len);
}

static bool write_piece(struct embed *e, struct buf *out)
{
	uint32_t most = e->n_written + PIECE_FLOATS / e->dimensions + 1;
	bool ok = true;

	if (most > e->n_texts)
		most = e->n_texts;
	while (ok && e->n_written < most)
		ok = write_vector(e, e->n_written++, out);
	if (ok && e->n_written == e->n_texts)
		ok = write_tail(e, out);
	return ok;
}

static void go_on(void *arg);

static void post(struct embed *e)
{
	e->is_posted = true;
	loop_post(e->loop, go_on, e);
}

static void write_on(struct embed *e)
{
	struct buf out;
	bool ok;

	if (e->is_paused)
		return;
	buf_init(&out, PIECE_MAX);
	ok = write_piece(e, &out);
	if (!ok) {
		e->is_over = true;
		e->options.handler->on_failed(
		    e->options.arg, JOB_FAILED, "the answer is too large");
	} else if (e->n_written < e->n_texts) {
		post(e);
		e->options.handler->on_data(e->options.arg, buf_span(&out));
	} else {
		/* The handler may cancel it in the first call, and it is
		   there to the turn's end. */
		e->options.handler->on_data(e->options.arg, buf_span(&out));
		if (!e->is_over)
			e->options.handler->on_done(e->options.arg);
		e->is_over = true;
	}
	buf_free(&out);
}

static void on_encoded(void *arg, const struct encode_result *result)
{
	struct embed *e = arg;

	e->encode = NULL;
	e->use = result->use;
	if (result->end == JOB_STOP) {
		keep_values(e, result);
		post(e);
		return;
	}
	e->is_over = true;
	e->options.handler->on_failed(e->options.arg, result->end,
	    result->error ? result->error : "the engine gave no vector");
}

static void ask(struct embed *e)
{
	struct model_text *texts = mem_zalloc(e->n_texts * sizeof(*texts));
	struct job_offer offer;
	struct error err = {""};
	size_t start = 0;

	e->is_read = true;
	e->use.prompt_tokens = (uint32_t)e->ids.len;
	for (uint32_t i = 0; i < e->n_texts; i++) {
		texts[i].tokens = e->ids.ids + start;
		texts[i].n = (uint32_t)(e->ends[i] - start);
		start = e->ends[i];
	}
	e->encode = encode_start(e->loop,
	    &(struct encode_question){
		.model = e->options.model,
		.texts = texts,
		.n_texts = e->n_texts,
		.tenant = e->options.tenant,
		.priority = e->options.priority,
		.ended = on_encoded,
		.arg = e,
	    },
	    &offer, &err);
	free(texts);
	if (e->encode)
		return;
	e->is_over = true;
	e->options.handler->on_not_taken(e->options.arg, &offer, &err);
}

static void read_on(struct embed *e)
{
	if (!read_items(e))
		return;
	if (e->item != JSON_NONE)
		post(e);
	else
		ask(e);
}

/* A turn of the loop: more of the request, or more of the answer. */
static void go_on(void *arg)
{
	struct embed *e = arg;

	e->is_posted = false;
	if (e->is_over)
		free_embed(e);
	else if (e->is_read)
		write_on(e);
	else
		read_on(e);
}

void embed_start(struct embed *e)
{
	if (!e->info.is_encoder || !e->info.embeds) {
		refuse(e, (struct refusal){"invalid_value", "model"},
		    "%s is a language model: it does not give vectors.",
		    e->options.name);
		return;
	}
	if (read_format(e) && read_dimensions(e) && begin_input(e))
		read_on(e);
}

void embed_pause(struct embed *embed)
{
	embed->is_paused = true;
}

void embed_resume(struct embed *embed)
{
	if (!embed->is_paused)
		return;
	embed->is_paused = false;
	if (embed->values && !embed->is_over && !embed->is_posted)
		post(embed);
}

void embed_use(const struct embed *embed, struct job_use *use)
{
	*use = embed->use;
}
