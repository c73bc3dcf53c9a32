/* call.c -- one request answered by a model in this process. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/call_parts.h"

#include <stdio.h>
#include <stdlib.h>

/* --- life ------------------------------------------------------------------
 */

static void on_note(void *arg, const struct call_note *note)
{
	struct local_call *call = arg;

	if (note->job == CALL_START)
		call_open(call);
	else if (note->job == CALL_READ)
		call_take_reading(call);
	else
		call_take_note(call, note);
}

struct local_call *local_call_new(
    struct loop *loop, const struct local_call_options *options)
{
	struct local_call *call = mem_new(struct local_call);

	call->options = *options;
	call->options.model = local_model_ref(options->model);
	call->loop = loop;
	call->confidence = -1;
	call->hold = HOLD_RELEASED;
	call->post = call_post_new(loop, on_note, call);
	call_post_kick(call->post, CALL_START);
	return call;
}

void call_end_jobs(struct local_call *call)
{
	for (uint32_t i = 0; i < call->n_texts; i++) {
		if (call->texts[i].job && !call->texts[i].has_ended)
			job_cancel(call->texts[i].job);
	}
}

static void free_call(void *arg)
{
	struct local_call *call = arg;

	for (uint32_t i = 0; i < call->n_texts; i++) {
		reply_free(&call->texts[i].reply);
		reply_free(&call->texts[i].judge);
		buf_free(&call->texts[i].kept);
	}
	free(call->texts);
	free(call->seen);
	say_free(&call->say);
	local_model_unref(&call->options.model);
	free(call);
}

void local_call_cancel(struct local_call **call)
{
	struct local_call *c = *call;

	if (!c)
		return;
	*call = NULL;
	c->is_over = true;
	embed_cancel(&c->embed);
	call_end_reading(c);
	call_end_jobs(c);
	for (uint32_t i = 0; i < c->n_texts; i++) {
		if (c->texts[i].job)
			job_drop(&c->texts[i].job);
	}
	call_post_close(&c->post);
	loop_retire(c->loop, free_call, c);
}

/* --- events ----------------------------------------------------------------
 */

void call_give(struct local_call *call, struct span bytes)
{
	const struct local_call_handler *handler = call->options.handler;
	const struct http1_header type = {
	    SPAN("content-type"), call->options.request->stream
				      ? SPAN("text/event-stream; charset=utf-8")
				      : SPAN("application/json")};

	if (!call->has_head) {
		call->has_head = true;
		handler->on_head(call->options.arg, 200, &type, 1);
	}
	if (!call->is_over)
		handler->on_data(call->options.arg, bytes);
}

void call_flush(struct local_call *call)
{
	struct buf *bytes;
	size_t len;

	if (call->is_over || call->is_paused || call->hold != HOLD_RELEASED)
		return;
	bytes = say_bytes(call->say);
	len = buf_len(bytes);
	if (len > 0) {
		call_give(call, buf_span(bytes));
		buf_consume(bytes, len);
	}
	if (!call->is_whole || call->is_over || call->is_paused ||
	    call->was_told)
		return;
	call->was_told = true;
	call->options.handler->on_done(call->options.arg);
}

void call_refuse(struct local_call *call, int status,
    const struct dialect_error *error, int64_t retry_ns)
{
	const struct local_call_handler *handler = call->options.handler;
	struct http1_header headers[2] = {
	    {SPAN("content-type"), SPAN("application/json")},
	    {SPAN("retry-after"), SPAN("")},
	};
	char seconds[24];
	struct arena arena;
	struct span body;

	call_end_jobs(call);
	call->has_head = true;
	call->was_told = true;
	headers[1].value = span_decimal(
	    (uint64_t)((retry_ns + NS_PER_S - 1) / NS_PER_S), seconds);
	arena_init(&arena, (size_t)1 << 17);
	body = dialect_write_error(error, &arena);
	handler->on_head(
	    call->options.arg, status, headers, retry_ns > 0 ? 2 : 1);
	if (!call->is_over)
		handler->on_data(call->options.arg, body);
	if (!call->is_over)
		handler->on_done(call->options.arg);
	arena_free(&arena);
}

void call_fail(struct local_call *call, enum local_call_failure failure,
    const char *detail)
{
	call_end_jobs(call);
	call->was_told = true;
	call->options.handler->on_failed(call->options.arg, failure, detail);
}

void local_call_pause(struct local_call *call)
{
	call->is_paused = true;
	if (call->embed)
		embed_pause(call->embed);
}

void local_call_resume(struct local_call *call)
{
	if (!call->is_paused)
		return;
	call->is_paused = false;
	if (call->embed)
		embed_resume(call->embed);
	if (call->say && !call->was_told)
		call_flush(call);
}

static void use_embed(const struct local_call *call, struct local_call_use *out)
{
	struct job_use use;

	embed_use(call->embed, &use);
	out->prompt_tokens = use.prompt_tokens;
	out->waited_ns = use.waited_ns;
	out->busy_ns = use.busy_ns;
}

/* Over the tokens of all texts. */
static double mean_removed(const struct local_call *call)
{
	struct sample_summary all = {0};

	for (uint32_t i = 0; i < call->n_texts; i++) {
		all.n_masked += call->texts[i].summary.n_masked;
		all.sum_removed += call->texts[i].summary.sum_removed;
	}
	return sample_mean_removed(&all);
}

void local_call_use(const struct local_call *call, struct local_call_use *out)
{
	uint32_t prompts = 0;

	*out = (struct local_call_use){
	    .held_ns = call->held_ns,
	    .confidence = call->confidence,
	    .given_up = call->given_up,
	    .removed = mean_removed(call),
	};
	if (call->held_from_ns > 0)
		out->held_ns = loop_now_ns(call->loop) - call->held_from_ns;
	if (call->embed)
		use_embed(call, out);
	for (uint32_t i = 0; i < call->n_texts; i++) {
		const struct call_text *text = &call->texts[i];

		/* Answers to one prompt read it once. */
		if (text->prompt == prompts) {
			out->prompt_tokens += text->use.prompt_tokens;
			out->cached_tokens += text->use.cached_tokens;
			prompts++;
		}
		out->output_tokens += text->use.output_tokens;
		out->busy_ns += text->use.busy_ns;
		if (text->use.waited_ns > out->waited_ns)
			out->waited_ns = text->use.waited_ns;
	}
}
