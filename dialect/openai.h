/* openai.h -- what the readers of OpenAI's formats share; for openai_*.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIALECT_OPENAI_H
#define DIALECT_OPENAI_H

#include "dialect/dialect.h"

/*
 * A request is read in one walk over the top object's members, each handed to
 * the function that a table names. The walk's state is below; a function
 * returns false once it has set the refusal.
 */
struct openai_reader {
	struct json_doc doc;
	struct arena *arena;
	struct dialect_request *request;
	struct dialect_refusal *refusal;
	struct prompt_part *parts; /* (parts_cap), n_parts of them used */
	size_t parts_cap;
};

/*
 * The key after <key> in object node <object>, JSON_NONE after the last:
 *
 *	for (key = json_first(doc, object); key != JSON_NONE;
 *	     key = openai_next_key(doc, object, key))
 *
 * The value of a key is the node after it.
 */
static inline uint32_t openai_next_key(
    const struct json_doc *doc, uint32_t object, uint32_t key)
{
	uint32_t next = doc->nodes[key + 1].next;

	return next < doc->nodes[object].next ? next : JSON_NONE;
}

/* A string's text between the quotes, decoded; empty for any other node. */
static inline struct span openai_text(
    const struct json_doc *doc, uint32_t node, struct arena *arena)
{
	const struct json_node *n = &doc->nodes[node];

	if (n->type != JSON_STRING)
		return span_make(NULL, 0);
	if (n->has_escape)
		return json_text(doc, node, arena);
	return span_make(doc->text.ptr + n->start + 1, n->end - n->start - 2);
}

/* Sets the refusal; always false. <param> may be NULL. */
bool openai_refuse(struct openai_reader *r, const char *code, const char *param,
    const char *fmt, ...) printf_like(4, 5);

/*
 * Refuses object node <object>, called <path>, when a key stands in it twice,
 * or when one differs from one of the <n> names <known> in case only: servers
 * that compare keys so (Go's do) would read what was not decided upon.
 */
bool openai_check_keys(struct openai_reader *r, uint32_t object,
    const char *path, const struct span *known, size_t n) must_check;

/*
 * What the model reads, by endpoint: the value of messages, prompt and input.
 * Fills parts, last_user, turns, prompts, images, audio and token ids.
 */
bool openai_read_messages(struct openai_reader *r, uint32_t node) must_check;
bool openai_read_prompt(struct openai_reader *r, uint32_t node) must_check;
bool openai_read_input(struct openai_reader *r, uint32_t node) must_check;

/*
 * Parses one event. Returns the bytes, within <data>, of the one string that a
 * plain delta says; ptr NULL for an event of any other kind.
 */
struct span openai_read_chunk(enum endpoint endpoint, struct span data,
    struct arena *arena, struct dialect_chunk *chunk);

/*
 * What the object node <node> of an answer to <endpoint> says that was used,
 * by a kind each; JSON_NONE says nothing. <usage> is zeroed before. <arena> is
 * memory for names with escapes.
 */
void openai_read_usage(const struct json_doc *doc, struct arena *arena,
    enum endpoint endpoint, uint32_t node, struct dialect_usage *usage);

/*
 * Whether <data> is the event last remembered with another plain string, <said>
 * without its quotes, in the place of the one that it says.
 */
bool openai_is_alike(const struct dialect_stream *stream, struct span data,
    struct span *said) must_check;

/*
 * Makes <data>, which says the plain string <said> of its own bytes, what later
 * events are held against; nothing, when <said> has no bytes to point to.
 */
void openai_remember(
    struct dialect_stream *stream, struct span data, struct span said);

#endif
