/* checkpoint.h -- a model with all that is published beside its weights. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CHECKPOINT_H
#define LOCAL_CHECKPOINT_H

#include "local/chat.h"
#include "local/model.h"
#include "local/tokenizer.h"

/*
 * A checkpoint is a Hugging Face directory (tokenizer.json,
 * tokenizer_config.json, chat_template.jinja, config.json, safetensors ...),
 * a .safetensors file in one, or a .gguf file that holds all of it. What is
 * asked for is opened: text can be tokenised where there are no weights.
 */
struct checkpoint;

enum checkpoint_part {
	CHECKPOINT_TOKENIZER = 1,
	CHECKPOINT_CHAT = 2, /* with the tokenizer */
	CHECKPOINT_MODEL = 4,
	/* A tokenizer that is not there is none; a bad one is still refused. */
	CHECKPOINT_BARE = 8,
};

struct checkpoint_options {
	unsigned parts;                    /* of enum checkpoint_part */
	const struct model_options *model; /* or NULL */
	/* Told what is read next, "tokenizer" ...; may be NULL. The text
	 * lives for ever. */
	void (*stage)(void *arg, const char *what);
	void *arg;
};

/*
 * NULL with the file, and the key, line or tensor in it, named in <err> when a
 * part that is asked for is missing, damaged or not supported. A chat template
 * is the one part that may be missing.
 */
struct checkpoint *checkpoint_open(const char *path,
    const struct checkpoint_options *options, struct error *err) must_check;
void checkpoint_close(struct checkpoint **checkpoint);

/* The parts, borrowed; NULL for one that was not asked for. */
const struct tokenizer *checkpoint_tokenizer(const struct checkpoint *c);
struct model *checkpoint_model(const struct checkpoint *c);

/* NULL also when the checkpoint has no chat template. */
const struct chat *checkpoint_chat(const struct checkpoint *c);

#endif
