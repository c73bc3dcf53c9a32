/* say.c -- what the engine wrote, in the bytes of the OpenAI dialect. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/say_parts.h"

#include <stdlib.h>

static void init_choice(struct say_choice *choice, size_t max)
{
	struct buf *const bufs[] = {&choice->content, &choice->reasoning,
	    &choice->calls, &choice->entries, &choice->tokens,
	    &choice->logprobs, &choice->tops, &choice->offsets};

	for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
		buf_init(bufs[i], max);
}

static void free_choice(struct say_choice *choice)
{
	struct buf *const bufs[] = {&choice->content, &choice->reasoning,
	    &choice->calls, &choice->entries, &choice->tokens,
	    &choice->logprobs, &choice->tops, &choice->offsets};

	for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
		buf_free(bufs[i]);
}

struct say *say_new(const struct say_options *options)
{
	struct say *say = mem_new(struct say);

	say->options = *options;
	say->id = span_dup(options->id);
	say->model = span_dup(options->model);
	say->fingerprint = span_dup(options->fingerprint);
	say->choices = mem_zalloc(options->n_choices * sizeof(*say->choices));
	for (uint32_t i = 0; i < options->n_choices; i++)
		init_choice(&say->choices[i], options->max);
	buf_init(&say->out, options->max);
	return say;
}

void say_free(struct say **say)
{
	struct say *s = *say;

	if (!s)
		return;
	for (uint32_t i = 0; i < s->options.n_choices; i++)
		free_choice(&s->choices[i]);
	free(s->choices);
	free(s->id);
	free(s->model);
	free(s->fingerprint);
	buf_free(&s->out);
	free(s);
	*say = NULL;
}

struct buf *say_bytes(struct say *say)
{
	return &say->out;
}

bool say_put_inside(struct buf *out, struct span text)
{
	struct span quoted;
	struct buf string;
	bool ok;

	buf_init(&string, out->max);
	ok = json_write_string(&string, text);
	quoted = buf_span(&string);
	ok = ok &&
	     buf_append(out, span_head(span_from(quoted, 1), quoted.len - 2));
	buf_free(&string);
	return ok;
}

bool say_put_usage(const struct say_usage *usage, struct buf *out)
{
	return buf_printf(out,
	    "\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,"
	    "\"total_tokens\":%lld,\"prompt_tokens_details\":"
	    "{\"cached_tokens\":%lld},\"completion_tokens_details\":"
	    "{\"reasoning_tokens\":%lld}}",
	    (long long)usage->prompt_tokens,
	    (long long)usage->completion_tokens,
	    (long long)(usage->prompt_tokens + usage->completion_tokens),
	    (long long)usage->cached_tokens,
	    (long long)usage->reasoning_tokens);
}

/* --- events ------------------------------------------------------------------
 */

bool say_open(struct say *say, bool is_chunk)
{
	struct buf *out = &say->out;
	bool is_chat = say->options.endpoint == ENDPOINT_CHAT;

	return buf_append(out, SPAN("{\"id\":")) &&
	       json_write_string(out, span_of(say->id)) &&
	       buf_append(out, SPAN(",\"object\":\"")) &&
	       buf_append(out, !is_chat   ? SPAN("text_completion")
			       : is_chunk ? SPAN("chat.completion.chunk")
					  : SPAN("chat.completion")) &&
	       buf_printf(out, "\",\"created\":%lld,\"model\":",
		   (long long)say->options.created) &&
	       json_write_string(out, span_of(say->model)) &&
	       buf_append(out, SPAN(",\"system_fingerprint\":")) &&
	       json_write_string(out, span_of(say->fingerprint)) &&
	       buf_append(out, SPAN(",\"choices\":["));
}

static bool open_event(struct say *say, uint32_t choice)
{
	bool is_chat = say->options.endpoint == ENDPOINT_CHAT;

	return say_put(&say->out, SPAN("data: ")) && say_open(say, true) &&
	       buf_printf(&say->out, "{\"index\":%u,%s", choice,
		   is_chat ? "\"delta\":{" : "\"text\":\"");
}

static bool close_event(struct say *say, uint32_t choice, const char *reason)
{
	struct say_choice *c = &say->choices[choice];
	bool is_chat = say->options.endpoint == ENDPOINT_CHAT;
	const char *quote = reason ? "\"" : "";

	return say_put(&say->out, is_chat ? SPAN("}") : SPAN("\"")) &&
	       say_put_logprobs(say, c, &say->out) &&
	       buf_printf(&say->out, ",\"finish_reason\":%s%s%s}]%s}\n\n",
		   quote, reason ? reason : "null", quote,
		   say->options.says_null ? ",\"usage\":null" : "");
}

static bool write_text(struct say *say, struct span name, struct span text)
{
	struct buf *out = &say->out;

	if (say->options.endpoint != ENDPOINT_CHAT)
		return say_put_inside(out, text);
	return say_put(out, SPAN("\"")) && say_put(out, name) &&
	       say_put(out, SPAN("\":")) && json_write_string(out, text);
}

static bool write_call(struct say *say, const struct reply_part *part)
{
	struct buf *out = &say->out;

	return buf_printf(
		   out, "\"tool_calls\":[{\"index\":%u,\"id\":", part->call) &&
	       json_write_string(out, part->id) &&
	       say_put(out, SPAN(",\"type\":\"function\",\"function\":{"
				 "\"name\":")) &&
	       json_write_string(out, part->name) &&
	       say_put(out, SPAN(",\"arguments\":\"\"}}]"));
}

static bool write_arguments(struct say *say, const struct reply_part *part)
{
	struct buf *out = &say->out;

	return buf_printf(out,
		   "\"tool_calls\":[{\"index\":%u,\"function\":{"
		   "\"arguments\":",
		   part->call) &&
	       json_write_string(out, part->text) && say_put(out, SPAN("}}]"));
}

static bool write_part(struct say *say, const struct reply_part *part)
{
	switch (part->kind) {
	case REPLY_REASONING:
		return write_text(say, SPAN("reasoning_content"), part->text);
	case REPLY_CONTENT:
		return write_text(say, SPAN("content"), part->text);
	case REPLY_CALL:
		return write_call(say, part);
	case REPLY_ARGUMENTS:
		return write_arguments(say, part);
	case REPLY_CALL_END:
		break;
	}
	return true;
}

bool say_begin(struct say *say, uint32_t choice)
{
	if (!say->options.is_stream || say->options.endpoint != ENDPOINT_CHAT)
		return true;
	return open_event(say, choice) &&
	       say_put(&say->out,
		   SPAN("\"role\":\"assistant\",\"content\":\"\"")) &&
	       close_event(say, choice, NULL);
}

/* --- parts that are kept for the object
 * ----------------------------------------
 */

static bool close_call(struct say_choice *choice)
{
	if (!choice->has_open_call)
		return true;
	choice->has_open_call = false;
	return say_put(&choice->calls, SPAN("\"}}"));
}

static bool keep_call(struct say_choice *choice, const struct reply_part *part)
{
	struct buf *out = &choice->calls;

	if (!close_call(choice) ||
	    (buf_len(out) > 0 && !say_put(out, SPAN(","))) ||
	    !say_put(out, SPAN("{\"id\":")) ||
	    !json_write_string(out, part->id) ||
	    !say_put(out, SPAN(",\"type\":\"function\",\"function\":{"
			       "\"name\":")) ||
	    !json_write_string(out, part->name) ||
	    !say_put(out, SPAN(",\"arguments\":\"")))
		return false;
	choice->has_open_call = true;
	return true;
}

static bool keep_part(struct say_choice *choice, const struct reply_part *part)
{
	switch (part->kind) {
	case REPLY_REASONING:
		return buf_append(&choice->reasoning, part->text);
	case REPLY_CONTENT:
		return buf_append(&choice->content, part->text);
	case REPLY_CALL:
		return keep_call(choice, part);
	case REPLY_ARGUMENTS:
		return say_put_inside(&choice->calls, part->text);
	case REPLY_CALL_END:
		break;
	}
	return true;
}

bool say_part(struct say *say, uint32_t choice, const struct reply_part *part)
{
	if (!say->options.is_stream)
		return keep_part(&say->choices[choice], part);
	if (part->kind == REPLY_CALL_END)
		return true;
	return open_event(say, choice) && write_part(say, part) &&
	       close_event(say, choice, NULL);
}

bool say_finish(struct say *say, uint32_t choice, const char *reason)
{
	say->choices[choice].reason = reason;
	if (!say->options.is_stream)
		return close_call(&say->choices[choice]);
	return open_event(say, choice) && close_event(say, choice, reason);
}

bool say_end(struct say *say, const struct say_usage *usage)
{
	struct buf *out = &say->out;

	if (!say->options.is_stream)
		return say_whole(say, usage);
	if (say->options.tells_usage &&
	    (!say_put(out, SPAN("data: ")) || !say_open(say, true) ||
		!say_put(out, SPAN("],")) || !say_put_usage(usage, out) ||
		!say_put(out, SPAN("}\n\n"))))
		return false;
	return say_put(out, SPAN("data: [DONE]\n\n"));
}
