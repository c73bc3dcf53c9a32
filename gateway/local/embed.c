/* embed.c -- a request for vectors, answered by an encoder in this process. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/embed.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "gateway/local/encode.h"
#include "gateway/local/float_text.h"

enum {
	TURN_BYTES = 64 << 10, /* of texts, read in one turn */
	PIECE_FLOATS = 2048,   /* written in one turn: 0.3 ms */
	PIECE_MAX = 64 << 20   /* bytes of a piece */
};

struct embed {
	struct loop *loop;
	struct embed_options options;
	struct embed_input *input;
	bool is_read;
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
	e->input = options->input;
	return e;
}

static void free_embed(void *arg)
{
	struct embed *e = arg;

	embed_input_free(&e->input);
	local_model_unref(&e->options.model);
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
	uint32_t n = e->input->dimensions;

	e->values =
	    mem_alloc((size_t)e->input->n_texts * n * sizeof(*e->values));
	for (uint32_t i = 0; i < e->input->n_texts; i++) {
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
	const float *values = e->values + (size_t)i * e->input->dimensions;

	if (!buf_printf(out,
		"%s{\"object\": \"embedding\", \"index\": %u, \"embedding\": ",
		i ? ", " : "{\"object\": \"list\", \"data\": [", i))
		return false;
	if (!(e->input->is_base64
		    ? float_text_base64(out, values, e->input->dimensions)
		    : float_text_list(out, values, e->input->dimensions)))
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
		   e->input->ids.len, e->input->ids.len);
}

static bool write_piece(struct embed *e, struct buf *out)
{
	uint32_t most = e->n_written + PIECE_FLOATS / e->input->dimensions + 1;
	bool ok = true;

	if (most > e->input->n_texts)
		most = e->input->n_texts;
	while (ok && e->n_written < most)
		ok = write_vector(e, e->n_written++, out);
	if (ok && e->n_written == e->input->n_texts)
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
	} else if (e->n_written < e->input->n_texts) {
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
	struct model_text *texts =
	    mem_zalloc(e->input->n_texts * sizeof(*texts));
	struct job_offer offer;
	struct error err = {""};
	size_t start = 0;

	e->is_read = true;
	e->use.prompt_tokens = (uint32_t)e->input->ids.len;
	for (uint32_t i = 0; i < e->input->n_texts; i++) {
		texts[i].tokens = e->input->ids.ids + start;
		texts[i].n = (uint32_t)(e->input->ends[i] - start);
		start = e->input->ends[i];
	}
	e->encode = encode_start(e->loop,
	    &(struct encode_question){
		.model = e->options.model,
		.texts = texts,
		.n_texts = e->input->n_texts,
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

static void refuse(struct embed *e)
{
	e->is_over = true;
	e->options.handler->on_refused(
	    e->options.arg, &(struct dialect_error){
				.message = e->input->message,
				.type = "invalid_request_error",
				.param = e->input->param,
				.code = e->input->code,
			    });
}

static void read_on(struct embed *e)
{
	enum result result = embed_input_read(e->input, TURN_BYTES);

	if (result == FAILED)
		refuse(e);
	else if (result == AGAIN)
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
	if (e->input->code)
		refuse(e);
	else
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
