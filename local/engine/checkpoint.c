/* checkpoint.c -- opens what is asked for of a checkpoint. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/checkpoint.h"

#include <stdlib.h>

#include "local/engine/beside.h"
#include "local/engine/published.h"
#include "local/model/model.h"

struct checkpoint {
	struct tokenizer *tokenizer;
	struct chat *chat;
	struct model *model;
};

/* Whether <result> of reading a tokenizer lets the rest be read. */
static enum result judge(enum result result, unsigned parts)
{
	if (result == AGAIN)
		return parts & CHECKPOINT_BARE ? OK : FAILED;
	return result;
}

static enum result open_hf(
    struct checkpoint *c, const char *folder, unsigned parts, struct error *err)
{
	enum result result;

	if (!(parts & CHECKPOINT_TOKENIZER))
		return OK;
	result =
	    judge(published_hf_tokenizer(folder, &c->tokenizer, err), parts);
	if (!c->tokenizer || !(parts & CHECKPOINT_CHAT))
		return result;
	return published_hf_chat(folder, c->tokenizer, &c->chat, err);
}

static enum result open_gguf(
    struct checkpoint *c, const char *path, unsigned parts, struct error *err)
{
	enum result result;
	struct weights *weights;

	if (!(parts & CHECKPOINT_TOKENIZER))
		return OK;
	weights = weights_open(path, err);
	if (!weights)
		return FAILED;
	result = judge(
	    published_gguf_tokenizer(weights_gguf(weights), &c->tokenizer, err),
	    parts);
	if (c->tokenizer && (parts & CHECKPOINT_CHAT))
		result = published_gguf_chat(
		    weights_gguf(weights), c->tokenizer, &c->chat, err);
	if (result != OK)
		error_prefix(err, "%s", path);
	weights_close(&weights);
	return result;
}

static void tell(const struct checkpoint_options *options, const char *what)
{
	if (options->stage)
		options->stage(options->arg, what);
}

struct checkpoint *checkpoint_open(const char *path,
    const struct checkpoint_options *options, struct error *err)
{
	struct checkpoint *c = mem_new(struct checkpoint);
	char *folder = beside_folder(path);
	enum result result;

	tell(options, "tokenizer");
	result = folder ? open_hf(c, folder, options->parts, err)
			: open_gguf(c, path, options->parts, err);
	free(folder);
	if (result == OK && (options->parts & CHECKPOINT_MODEL)) {
		tell(options, "weights");
		c->model = model_open(path, options->model, err);
		if (!c->model)
			result = FAILED;
	}
	if (result != OK)
		checkpoint_close(&c);
	return c;
}

void checkpoint_close(struct checkpoint **checkpoint)
{
	struct checkpoint *c = *checkpoint;

	if (!c)
		return;
	model_close(&c->model);
	chat_free(&c->chat);
	tokenizer_free(&c->tokenizer);
	free(c);
	*checkpoint = NULL;
}

const struct tokenizer *checkpoint_tokenizer(const struct checkpoint *c)
{
	return c->tokenizer;
}

const struct chat *checkpoint_chat(const struct checkpoint *c)
{
	return c->chat;
}

struct model *checkpoint_model(const struct checkpoint *c)
{
	return c->model;
}
