/* say_parts.h -- inside of an answer under way; for say*.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_SAY_PARTS_H
#define GATEWAY_LOCAL_SAY_PARTS_H

#include "gateway/local/say.h"

struct say_choice {
	struct buf content, reasoning;
	struct buf calls; /* elements of tool_calls, JSON, up to the open
			     string of the last one's arguments */
	bool has_open_call;
	const char *reason;

	/* Logprobs: as lists without their brackets; the streamed ones are
	   emptied with each event. */
	struct buf entries;                         /* chat: {"token", ...} */
	struct buf tokens, logprobs, tops, offsets; /* completions */
	size_t text_len; /* of the tokens told, in code points */
};

struct say {
	struct say_options options;
	char *id, *model, *fingerprint;
	struct say_choice *choices; /* (options.n_choices) */
	struct buf out;
};

/* Every event and object begins so, up to its choices. */
bool say_open(struct say *say, bool is_chunk);

/* ,"logprobs":... with its comma: what the choice has now. */
bool say_put_logprobs(
    struct say *say, struct say_choice *choice, struct buf *out);

/* <text> as the inside of a JSON string. */
bool say_put_inside(struct buf *out, struct span text);

/* "usage":{...} */
bool say_put_usage(const struct say_usage *usage, struct buf *out);

/* say_json.c: the object, whole. */
bool say_whole(struct say *say, const struct say_usage *usage);

static inline bool say_put(struct buf *out, struct span text)
{
	return buf_append(out, text);
}

#endif
