/* embed_input.c -- what a request for vectors asks, as tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/embed_input.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	IDS_MAX = 16 << 20, /* tokens of all texts */
	ARENA_MAX = 64 << 20
};

struct embed_input *embed_input_new(const struct embed_source *source)
{
	struct embed_input *in = mem_new(struct embed_input);

	in->source = *source;
	in->list = in->item = JSON_NONE;
	encoder_text_init(
	    &in->encoder, source->parts->checkpoint, TOKENIZER_PLAIN);
	arena_init(&in->arena, ARENA_MAX);
	token_buf_init(&in->ids, IDS_MAX);
	return in;
}

void embed_input_free(struct embed_input **input)
{
	struct embed_input *in = *input;

	*input = NULL;
	if (!in)
		return;
	encoder_text_free(&in->encoder);
	arena_free(&in->arena);
	token_buf_free(&in->ids);
	free(in);
}

/* --- refusals ------------------------------------------------------------- */

struct refusal {
	const char *code, *param;
};

static const struct refusal bad_input = {"invalid_value", "input"};

static enum result refuse(struct embed_input *in, struct refusal why,
    const char *fmt, ...) printf_like(3, 4);

static enum result refuse(
    struct embed_input *in, struct refusal why, const char *fmt, ...)
{
	va_list args;

	in->code = why.code;
	in->param = why.param;
	va_start(args, fmt);
	vsnprintf(in->message, sizeof(in->message), fmt, args);
	va_end(args);
	return FAILED;
}

/* --- what is asked for ---------------------------------------------------- */

static const struct json_doc *doc_of(const struct embed_input *in)
{
	return &in->source.request->doc;
}

/* The member's value, JSON_NONE where it is absent or null. */
static uint32_t find(const struct embed_input *in, const char *name)
{
	uint32_t node = json_find(doc_of(in), 0, span_of(name));

	return json_is(doc_of(in), node, JSON_NULL) ? JSON_NONE : node;
}

static enum result read_format(struct embed_input *in)
{
	uint32_t node = find(in, "encoding_format");
	struct span text;

	if (node == JSON_NONE)
		return OK;
	text = json_text(doc_of(in), node, &in->arena);
	in->is_base64 = span_eq(text, SPAN("base64"));
	if (in->is_base64 || span_eq(text, SPAN("float")))
		return OK;
	return refuse(in, (struct refusal){"invalid_value", "encoding_format"},
	    "Invalid value for 'encoding_format': expected \"float\" or "
	    "\"base64\".");
}

static enum result read_dimensions(struct embed_input *in)
{
	uint32_t node = find(in, "dimensions");
	uint32_t hidden = in->source.parts->info.hidden;
	int64_t n;

	in->dimensions = hidden;
	if (node == JSON_NONE)
		return OK;
	if (!json_int(doc_of(in), node, &n) || n < 1 || n > hidden)
		return refuse(in,
		    (struct refusal){"invalid_value", "dimensions"},
		    "Invalid value for 'dimensions': %s gives vectors of 1 to "
		    "%u.",
		    in->source.name, hidden);
	in->dimensions = (uint32_t)n;
	return OK;
}

/* One text, as a string or as tokens, or a list of them. */
static enum result find_texts(struct embed_input *in)
{
	const struct json_doc *doc = doc_of(in);
	uint32_t node = find(in, "input"), first;

	if (node == JSON_NONE)
		return refuse(in,
		    (struct refusal){"missing_required_parameter", "input"},
		    "Missing required parameter: 'input'.");
	in->item = node;
	first = json_first(doc, node);
	if (!json_is(doc, node, JSON_ARRAY) || json_is(doc, first, JSON_NUMBER))
		return OK;
	if (first == JSON_NONE || json_count(doc, node) > EMBED_TEXTS_MAX)
		return refuse(in, bad_input,
		    "Invalid 'input': expected 1 to %d texts, got %zu.",
		    EMBED_TEXTS_MAX, json_count(doc, node));
	in->list = node;
	in->item = first;
	return OK;
}

enum result embed_input_begin(struct embed_input *in)
{
	const struct model_info *info = &in->source.parts->info;

	if (!info->is_encoder || !info->embeds)
		return refuse(in, (struct refusal){"invalid_value", "model"},
		    "%s is a language model: it does not give vectors.",
		    in->source.name);
	if (read_format(in) != OK || read_dimensions(in) != OK)
		return FAILED;
	return find_texts(in);
}

bool embed_input_is_long(const struct dialect_request *request, size_t bytes)
{
	const struct json_doc *doc = &request->doc;
	uint32_t node;

	if (request->body.len <= bytes)
		return false;
	node = json_find(doc, 0, SPAN("input"));
	if (node == JSON_NONE || json_raw(doc, node).len <= bytes)
		return false;
	if (!json_is(doc, node, JSON_ARRAY) ||
	    json_is(doc, json_first(doc, node), JSON_NUMBER))
		return true;
	json_for_each(doc, node, item) {
		if (json_raw(doc, item).len > bytes)
			return true;
	}
	return false;
}

/* --- texts ---------------------------------------------------------------- */

/* One more text has its ids at the end of the list. */
static enum result end_text(struct embed_input *in)
{
	size_t start = in->n_texts ? in->ends[in->n_texts - 1] : 0;
	size_t n = in->ids.len - start;
	uint32_t context = in->source.parts->info.context;

	if (n == 0)
		return refuse(in, bad_input,
		    "Invalid 'input': text %u is empty.", in->n_texts);
	if (n > context)
		return refuse(in,
		    (struct refusal){"context_length_exceeded", "input"},
		    "The maximum context length of %s is %u tokens, but text "
		    "%u has %zu.",
		    in->source.name, context, in->n_texts, n);
	in->ends[in->n_texts++] = in->ids.len;
	return OK;
}

static enum result add_text(struct embed_input *in, uint32_t node)
{
	struct span text = json_text(doc_of(in), node, &in->arena);
	struct error err;
	size_t whole;

	if (!text.ptr)
		return refuse(in, bad_input,
		    "Invalid 'input': it is too long to be read.");
	if (text.len == 0)
		return refuse(in, bad_input,
		    "Invalid 'input': text %u is empty.", in->n_texts);
	if (encoder_text_add(&in->encoder, text, &in->ids, &whole, &err) != OK)
		return refuse(in, bad_input, "Invalid 'input': text %u: %s.",
		    in->n_texts, err.text);
	return end_text(in);
}

/* Tokens as `sluice tokenize` gives them, those around a text included. */
static enum result add_tokens(struct embed_input *in, uint32_t list)
{
	uint32_t vocab = in->source.parts->info.vocab;

	json_for_each(doc_of(in), list, item) {
		uint32_t id;
		int64_t n;

		if (!json_int(doc_of(in), item, &n) || n < 0 || n >= vocab)
			return refuse(in, bad_input,
			    "Invalid 'input': a token of text %u is no whole "
			    "number from 0 to %u.",
			    in->n_texts, vocab - 1);
		id = (uint32_t)n;
		if (!token_buf_append(&in->ids, &id, 1))
			return refuse(in, bad_input,
			    "Invalid 'input': more than %d tokens.", IDS_MAX);
	}
	return end_text(in);
}

static enum result add_item(struct embed_input *in, uint32_t node)
{
	if (json_is(doc_of(in), node, JSON_STRING))
		return add_text(in, node);
	if (json_is(doc_of(in), node, JSON_ARRAY))
		return add_tokens(in, node);
	return refuse(in, bad_input,
	    "Invalid 'input': expected texts or lists of tokens.");
}

enum result embed_input_read(struct embed_input *in, size_t bytes)
{
	size_t read = 0;

	while (in->item != JSON_NONE && read < bytes) {
		uint32_t item = in->item;

		read += json_raw(doc_of(in), item).len;
		if (add_item(in, item) != OK)
			return FAILED;
		in->item = in->list == JSON_NONE
			       ? JSON_NONE
			       : json_after(doc_of(in), in->list, item);
	}
	return in->item == JSON_NONE ? OK : AGAIN;
}
