/* ends.c -- every token that ends a text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/engine/ends.h"

bool ends_have(const struct ends *ends, uint32_t id)
{
	for (size_t i = 0; i < ends->n; i++) {
		if (ends->ids[i] == id)
			return true;
	}
	return false;
}

static void add(struct ends *ends, uint32_t id)
{
	if (id != TOKENIZER_NO_ID && !ends_have(ends, id) && ends->n < ENDS_MAX)
		ends->ids[ends->n++] = id;
}

struct ends ends_collect(const struct checkpoint *checkpoint)
{
	struct model_info info = model_info(checkpoint_model(checkpoint));
	const struct tokenizer *tokenizer = checkpoint_tokenizer(checkpoint);
	const struct chat *chat = checkpoint_chat(checkpoint);
	struct tokenizer_work *work;
	struct ends ends = {.n = 0};

	for (uint32_t i = 0; i < info.n_eos; i++)
		add(&ends, info.eos[i]);
	if (tokenizer)
		add(&ends, tokenizer_named_ids(tokenizer).eos);
	if (!chat)
		return ends;
	work = tokenizer_work_new(tokenizer);
	add(&ends, chat_end_of_turn(chat, work));
	tokenizer_work_free(&work);
	return ends;
}
