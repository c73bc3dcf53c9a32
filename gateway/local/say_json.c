/* say_json.c -- an answer as one object. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/say_parts.h"

/*
 * Content is null beside a call when nothing was said, as the API has it, and
 * "" where nothing was said at all.
 */
static bool put_message(const struct say_choice *choice, struct buf *out)
{
	bool has_calls = buf_len(&choice->calls) > 0;
	bool is_silent = buf_len(&choice->content) == 0;

	if (!say_put(out, SPAN("\"message\":{\"role\":\"assistant\","
			       "\"content\":")))
		return false;
	if (is_silent && has_calls
		? !say_put(out, SPAN("null"))
		: !json_write_string(out, buf_span(&choice->content)))
		return false;
	if (buf_len(&choice->reasoning) > 0 &&
	    (!say_put(out, SPAN(",\"reasoning_content\":")) ||
		!json_write_string(out, buf_span(&choice->reasoning))))
		return false;
	if (has_calls && (!say_put(out, SPAN(",\"tool_calls\":[")) ||
			     !say_put(out, buf_span(&choice->calls)) ||
			     !say_put(out, SPAN("]"))))
		return false;
	return say_put(out, SPAN("}"));
}

static bool put_text(const struct say_choice *choice, struct buf *out)
{
	return say_put(out, SPAN("\"text\":")) &&
	       json_write_string(out, buf_span(&choice->content));
}

static bool put_choice(struct say *say, uint32_t index)
{
	struct say_choice *choice = &say->choices[index];
	struct buf *out = &say->out;

	return buf_printf(
		   out, "%s{\"index\":%u,", index > 0 ? "," : "", index) &&
	       (say->options.endpoint == ENDPOINT_CHAT
		       ? put_message(choice, out)
		       : put_text(choice, out)) &&
	       say_put_logprobs(say, choice, out) &&
	       buf_printf(out, ",\"finish_reason\":\"%s\"}", choice->reason);
}

bool say_whole(struct say *say, const struct say_usage *usage)
{
	struct buf *out = &say->out;

	if (!say_open(say, false))
		return false;
	for (uint32_t i = 0; i < say->options.n_choices; i++) {
		if (!put_choice(say, i))
			return false;
	}
	return say_put(out, SPAN("],")) && say_put_usage(usage, out) &&
	       say_put(out, SPAN("}"));
}
