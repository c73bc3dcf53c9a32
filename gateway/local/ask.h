/* ask.h -- a request in the OpenAI dialect as texts for the engine to write. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_ASK_H
#define GATEWAY_LOCAL_ASK_H

#include "dialect/dialect.h"
#include "gateway/local/models.h"

/*
 * An ask is what a chat or a completion request means to the engine: prompts in
 * tokens, sampling, limits, a grammar where the answer must have a form, and
 * how the text is to be read when it comes back. What the engine cannot do is
 * refused here, by its parameter's name. No I/O and no clock; costs as much as
 * rendering the conversation and finding its tokens.
 */
enum {
	ASK_CHOICES_MAX = 16, /* n, and prompts of a completion, together */
	ASK_TOPS_MAX = 20,
};

struct ask_prompt {
	const uint32_t *ids; /* (n) */
	size_t n;
};

struct ask {
	struct arena arena; /* all below lives in it, or where it says else */
	struct token_buf ids;
	struct ask_prompt prompts[ASK_CHOICES_MAX]; /* (n_prompts) */
	size_t n_prompts;
	uint32_t choices; /* answers to each prompt */

	struct generate_options generate;
	bool has_seed;
	bool has_logprobs;
	uint32_t n_tops;

	struct grammar *grammar; /* a reference, or NULL */
	struct span grammar_after;
	const uint32_t *shown; /* (n_shown) control tokens that are text */
	size_t n_shown;

	/* Chat: how the text is read. A call that was asked for is written
	   without its marks: they are put round it. */
	struct reply_options reply;
	struct span before, after;
	bool takes_one_call; /* parallel_tool_calls is false */
};

/* Why it cannot be done: an answer with this status. */
struct ask_refusal {
	int status;
	const char *code;
	const char *param; /* or NULL */
	char message[600];
};

/* What it is made from; borrowed. */
struct ask_source {
	const struct dialect_request *request; /* chat or completions */
	const struct local_parts *parts;
	struct span model;               /* configured name, for messages */
	struct config_sampling sampling; /* where the request says nothing */
};

/* False with <refusal>. To be freed either way. */
bool ask_make(struct ask *ask, const struct ask_source *source,
    struct ask_refusal *refusal) must_check;
void ask_free(struct ask *ask);

#endif
