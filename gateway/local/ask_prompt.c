/* ask_prompt.c -- the prompts of a completion, in tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/ask_parts.h"

static bool refuse_prompt(struct asker *a, const char *what)
{
	return ask_refuse(a, "invalid_value", "prompt",
	    "Invalid value for 'prompt': %s.", what);
}

/* The ids from <from> on are the next prompt's; the pointers come last. */
static bool end_prompt(struct asker *a, size_t from)
{
	struct ask *ask = a->ask;

	if (ask->ids.len == from)
		return refuse_prompt(a, "it has no tokens");
	ask->prompts[ask->n_prompts++] =
	    (struct ask_prompt){.n = ask->ids.len - from};
	return true;
}

/*
 * A completion's prompt is all that the model reads, as its caller wrote it, so
 * control tokens in it count, unlike those in a conversation.
 */
static bool add_text(
    struct asker *a, struct tokenizer_work *work, uint32_t node)
{
	size_t from = a->ask->ids.len;
	struct error err;

	if (tokenizer_encode(work, ask_text(a, node), 0, &a->ask->ids, &err) ==
	    OK)
		return end_prompt(a, from);
	return a->ask->ids.is_full ? ask_refuse_length(a)
				   : refuse_prompt(a, err.text);
}

static bool add_ids(struct asker *a, uint32_t list)
{
	size_t from = a->ask->ids.len;

	json_for_each(a->doc, list, item) {
		int64_t id;
		uint32_t token;

		if (!json_int(a->doc, item, &id) || id < 0 ||
		    id >= a->source->parts->info.vocab)
			return refuse_prompt(
			    a, "a token id is not in the vocabulary");
		token = (uint32_t)id;
		if (!token_buf_append(&a->ask->ids, &token, 1))
			return ask_refuse_length(a);
	}
	return end_prompt(a, from);
}

static bool add_prompt(
    struct asker *a, struct tokenizer_work *work, uint32_t node)
{
	if (a->ask->n_prompts * a->ask->choices >= ASK_CHOICES_MAX)
		return refuse_prompt(
		    a, "prompts and n together make more than 16 answers");
	/* Each has as much room as the model. */
	a->ask->ids.max = a->ask->ids.len + a->source->parts->info.context;
	if (json_is(a->doc, node, JSON_STRING))
		return add_text(a, work, node);
	if (json_is(a->doc, node, JSON_ARRAY))
		return add_ids(a, node);
	return refuse_prompt(a, "expected a text, token ids, or a list of "
				"either");
}

static bool add_all(struct asker *a, struct tokenizer_work *work)
{
	uint32_t node = ask_find(a, SPAN("prompt"));
	uint32_t first = json_is(a->doc, node, JSON_ARRAY)
			     ? json_first(a->doc, node)
			     : JSON_NONE;

	if (node == JSON_NONE)
		return ask_refuse(a, "missing_required_parameter", "prompt",
		    "You must provide a prompt parameter.");
	if (first == JSON_NONE || json_is(a->doc, first, JSON_NUMBER))
		return add_prompt(a, work, node);
	json_for_each(a->doc, node, item) {
		if (!add_prompt(a, work, item))
			return false;
	}
	return true;
}

bool ask_read_prompts(struct asker *a)
{
	const struct tokenizer *tokenizer =
	    checkpoint_tokenizer(a->source->parts->checkpoint);
	struct tokenizer_work *work;
	struct ask *ask = a->ask;
	size_t at = 0;
	bool ok;

	work = tokenizer_work_new(tokenizer);
	ok = add_all(a, work);
	tokenizer_work_free(&work);
	for (size_t i = 0; i < ask->n_prompts; i++) {
		ask->prompts[i].ids = ask->ids.ids + at;
		at += ask->prompts[i].n;
	}
	return ok && (ask->n_prompts * ask->choices <= ASK_CHOICES_MAX ||
			 refuse_prompt(a, "prompts and n together make more "
					  "than 16 answers"));
}
