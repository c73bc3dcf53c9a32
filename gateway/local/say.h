/* say.h -- what the engine wrote, in the bytes of the OpenAI dialect. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_SAY_H
#define GATEWAY_LOCAL_SAY_H

#include "base/base.h"
#include "dialect/dialect.h"
#include "local/local.h"

/*
 * An answer is said in parts, each as it comes, and ended once. As a stream
 * every part is an event at once; as JSON all is kept and the object comes at
 * the end. Both say the same: what dialect_join makes of the stream is the
 * object. Pure but for memory; the texts may be any bytes, and what is no UTF-8
 * is said as U+FFFD.
 */
struct say;

struct say_options {
	enum endpoint endpoint; /* chat or completions */
	bool is_stream;
	bool tells_usage; /* an event of usage alone, before [DONE] */
	bool says_null;   /* the other events say "usage": null, as for a
			     client that asked for usage itself */
	bool has_logprobs;
	uint32_t n_choices;
	struct span id, model, fingerprint; /* copied */
	int64_t created;                    /* seconds, UTC */
	size_t max;                         /* bytes of the answer */
};

struct say_usage {
	int64_t prompt_tokens; /* cached_tokens among them */
	int64_t cached_tokens;
	int64_t completion_tokens; /* reasoning_tokens among them */
	int64_t reasoning_tokens;
};

/* One token with its likeliest others, as logprobs tell it. */
struct say_token {
	struct span bytes;
	float logprob;
	const struct say_token *tops; /* (n_tops), without tops of their own */
	uint32_t n_tops;
};

struct say *say_new(const struct say_options *options);
void say_free(struct say **say);

/*
 * A choice begins, before its first part and once. Said for every one; the
 * functions below return false when the answer would pass its maximum.
 */
bool say_begin(struct say *say, uint32_t choice) must_check;

/* A part; the next logprobs that were told go with it. */
bool say_part(
    struct say *say, uint32_t choice, const struct reply_part *part) must_check;

/* Told before the part that they are of. Nothing unless has_logprobs. */
bool say_logprobs(struct say *say, uint32_t choice,
    const struct say_token *tokens, uint32_t n) must_check;

/* A choice has ended: "stop", "length", "tool_calls". */
bool say_finish(
    struct say *say, uint32_t choice, const char *reason) must_check;

/* All have: the rest of the answer. */
bool say_end(struct say *say, const struct say_usage *usage) must_check;

/* What is there to be sent; the caller consumes it. */
struct buf *say_bytes(struct say *say);

#endif
