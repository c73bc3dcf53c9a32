/* chat.h -- conversations to the tokens that a model reads. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CHAT_H
#define LOCAL_CHAT_H

#include "local/template.h"
#include "local/tokenizer.h"

/*
 * A checkpoint's chat templates with what it says of itself (its BOS token and
 * so on), bound to its tokenizer. Control tokens come from the template alone:
 * those that somebody wrote into a message stay text. Threads may share it.
 */
struct chat;

/* What a chat is made of; spans are borrowed for the call only. */
struct chat_source {
	const struct tokenizer *tokenizer; /* must outlive the chat */
	struct span template;              /* Jinja */
	struct span tools_template; /* for requests with tools, or empty */
	struct span trusted;        /* JSON object: "bos_token": "<s>" ... */
};

/* NULL with the line and feature when a template cannot be used. */
struct chat *chat_new(
    const struct chat_source *source, struct error *err) must_check;
void chat_free(struct chat **chat);

/*
 * The template's own text, borrowed: the one for requests with tools where
 * there is one.
 */
struct span chat_template(const struct chat *chat, bool has_tools);

/*
 * Whether a conversation's "tools" reach the model: there is a template for
 * them, or the one there is reads them. Else they would be dropped unsaid.
 */
bool chat_takes_tools(const struct chat *chat);

struct chat_text {
	struct arena *arena;  /* the caller's: all memory but the ids' */
	struct token_buf ids; /* initialised and freed by the caller */
	struct span text;     /* in the arena */
};

/*
 * Renders <data>, an object with "messages" and whatever else the template
 * reads ("tools", "add_generation_prompt" ...), into out->text and appends its
 * ids. FAILED with what the template raised, or where it went wrong.
 */
enum result chat_encode(const struct chat *chat, struct tokenizer_work *work,
    const struct json_doc *data, struct chat_text *out,
    struct error *err) must_check;

/*
 * The control token that the template puts behind what an assistant said, or
 * TOKENIZER_NO_ID: some checkpoints name it nowhere else as an end of text.
 */
uint32_t chat_end_of_turn(const struct chat *chat, struct tokenizer_work *work);

#endif
