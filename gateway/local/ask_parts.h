/* ask_parts.h -- what the readers of a request share; for ask*.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_ASK_PARTS_H
#define GATEWAY_LOCAL_ASK_PARTS_H

#include "gateway/local/ask.h"

#define ASK_TEXT_MAX ((size_t)64 << 20)

/* What is to be done about tools. */
enum ask_calls {
	ASK_CALLS_NONE,   /* no tools, or tool_choice none */
	ASK_CALLS_MAY,    /* auto */
	ASK_CALLS_FORCED, /* required, or a tool by its name */
};

struct asker {
	const struct ask_source *source;
	const struct json_doc *doc; /* the request's */
	struct ask *ask;
	struct ask_refusal *refusal;

	uint32_t tools; /* node, JSON_NONE: none that count */
	enum ask_calls calls;
	struct span named_tool;   /* forced by name, or empty */
	const struct span *names; /* (n_names) of the tools */
	size_t n_names;
	bool keeps_arguments; /* of earlier calls, as the strings they are */
};

/* Sets the refusal, a 400; always false. */
bool ask_refuse(struct asker *a, const char *code, const char *param,
    const char *fmt, ...) printf_like(4, 5);

/* The member's value, JSON_NONE where it is absent or null. */
uint32_t ask_find(const struct asker *a, struct span name);

/* A string's text; ptr NULL for any other node, and JSON_NONE. */
struct span ask_text(struct asker *a, uint32_t node);

/*
 * The key after <key> in object <object>, JSON_NONE after the last; a key's
 * value is the node after it.
 */
static inline uint32_t ask_next_key(
    const struct json_doc *doc, uint32_t object, uint32_t key)
{
	uint32_t next = doc->nodes[key + 1].next;

	return next < doc->nodes[object].next ? next : JSON_NONE;
}

/* "unsupported_parameter". */
bool ask_refuse_unsupported(
    struct asker *a, const char *param, const char *why);

/* "context_length_exceeded": more tokens than any text may have. */
bool ask_refuse_length(struct asker *a);

/* ask_options.c: sampling and limits. */
bool ask_read_options(struct asker *a) must_check;

/* ask_tools.c: tools and tool_choice; the grammar of a forced call. */
bool ask_read_tools(struct asker *a) must_check;
bool ask_force_call(struct asker *a) must_check;

/* ask_messages.c: the conversation as a template reads it, into <out>. */
bool ask_write_messages(struct asker *a, struct buf *out) must_check;

/* ask_chat.c and ask_prompt.c: the tokens. */
bool ask_read_chat(struct asker *a) must_check;
bool ask_read_prompts(struct asker *a) must_check;

/* The node's bytes as they are. */
static inline bool ask_copy(
    const struct json_doc *doc, uint32_t node, struct buf *out)
{
	return buf_append(out, json_raw(doc, node));
}

#endif
