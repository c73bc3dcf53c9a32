/* openai_prompt.c -- what the model reads: messages, prompts, inputs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai.h"

#include <stdio.h>

/* --- parts -----------------------------------------------------------------
 */

#define FIRST_PARTS 16

static bool refuse_size(struct openai_reader *r)
{
	return openai_refuse(r, "request_too_large", NULL,
	    "The request holds more text than the gateway has memory for.");
}

static bool grow_parts(struct openai_reader *r)
{
	size_t cap = r->parts_cap ? r->parts_cap * 2 : FIRST_PARTS;
	struct prompt_part *parts;

	parts = arena_alloc(r->arena, cap * sizeof(*parts));
	if (!parts)
		return refuse_size(r);
	if (r->parts_cap > 0)
		memcpy(parts, r->parts, r->parts_cap * sizeof(*parts));
	r->parts = parts;
	r->parts_cap = cap;
	return true;
}

/* Adds the text of string node <node>; any other node adds nothing. */
static bool add_text(
    struct openai_reader *r, enum message_role role, uint32_t node)
{
	struct dialect_request *request = r->request;
	struct span text;

	if (!json_is(&r->doc, node, JSON_STRING))
		return true;
	text = openai_text(&r->doc, node, r->arena);
	if (!text.ptr)
		return refuse_size(r);
	if (text.len == 0)
		return true;
	if (request->n_parts == r->parts_cap && !grow_parts(r))
		return false;
	r->parts[request->n_parts++] =
	    (struct prompt_part){.role = role, .text = text};
	return true;
}

/* The parts from <from> on, before <to>, as one text with LF between them. */
static bool join_parts(
    struct openai_reader *r, size_t from, size_t to, struct span *out)
{
	size_t len = 0;
	char *at;

	if (from == to)
		return true;
	if (to - from == 1) {
		*out = r->parts[from].text;
		return true;
	}
	for (size_t i = from; i < to; i++)
		len += r->parts[i].text.len + 1;
	at = arena_alloc(r->arena, len);
	if (!at)
		return refuse_size(r);
	*out = span_make(at, len - 1);
	for (size_t i = from; i < to; i++) {
		struct span text = r->parts[i].text;

		memcpy(at, text.ptr, text.len);
		at[text.len] = '\n';
		at += text.len + 1;
	}
	return true;
}

/* --- messages --------------------------------------------------------------
 */

static const struct {
	struct span name;
	enum message_role role;
} roles[] = {
    {SPAN("system"), ROLE_SYSTEM},
    {SPAN("developer"), ROLE_SYSTEM},
    {SPAN("user"), ROLE_USER},
    {SPAN("assistant"), ROLE_ASSISTANT},
    {SPAN("tool"), ROLE_TOOL},
    {SPAN("function"), ROLE_TOOL},
};

static enum message_role read_role(struct openai_reader *r, uint32_t message)
{
	uint32_t node = json_find(&r->doc, message, SPAN("role"));
	struct span name;

	if (node == JSON_NONE)
		return ROLE_OTHER;
	name = openai_text(&r->doc, node, r->arena);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (span_eq(name, roles[i].name))
			return roles[i].role;
	}
	return ROLE_OTHER;
}

/* Kinds of content parts, also as other servers than OpenAI's name them. */
enum part_kind {
	PART_OTHER,
	PART_IMAGE,
	PART_AUDIO
};

static const struct {
	struct span name;
	enum part_kind kind;
} part_kinds[] = {
    {SPAN("image_url"), PART_IMAGE},
    {SPAN("input_image"), PART_IMAGE},
    {SPAN("image"), PART_IMAGE},
    {SPAN("input_audio"), PART_AUDIO},
    {SPAN("audio_url"), PART_AUDIO},
    {SPAN("audio"), PART_AUDIO},
};

static enum part_kind read_part_kind(struct openai_reader *r, uint32_t part)
{
	uint32_t node = json_find(&r->doc, part, SPAN("type"));
	struct span name;

	if (node == JSON_NONE)
		return PART_OTHER;
	name = openai_text(&r->doc, node, r->arena);
	for (size_t i = 0; i < sizeof(part_kinds) / sizeof(part_kinds[0]);
	     i++) {
		if (span_eq(name, part_kinds[i].name))
			return part_kinds[i].kind;
	}
	return PART_OTHER;
}

/* One element of a content array; <path> names the array. */
static bool read_part(struct openai_reader *r, enum message_role role,
    uint32_t part, const char *path)
{
	static const struct span known[] = {SPAN("type"), SPAN("text")};
	enum part_kind kind;

	if (json_is(&r->doc, part, JSON_STRING))
		return add_text(r, role, part);
	if (!json_is(&r->doc, part, JSON_OBJECT))
		return openai_refuse(r, "invalid_type", path,
		    "Invalid type in '%s': expected content parts.", path);
	if (!openai_check_keys(r, part, path, known, 2))
		return false;
	kind = read_part_kind(r, part);
	if (kind == PART_IMAGE) {
		r->request->has_images = true;
		r->request->image_count++;
	}
	if (kind == PART_AUDIO)
		r->request->has_audio = true;
	return add_text(r, role, json_find(&r->doc, part, SPAN("text"))) &&
	       add_text(r, role, json_find(&r->doc, part, SPAN("refusal")));
}

static bool read_content(struct openai_reader *r, enum message_role role,
    uint32_t node, size_t index)
{
	const char *path;

	/* Paths are for refusals: made late, since few are needed. */
	if (node == JSON_NONE || json_is(&r->doc, node, JSON_NULL))
		return true;
	if (json_is(&r->doc, node, JSON_STRING))
		return add_text(r, role, node);
	path = arena_printf(r->arena, "messages[%zu].content", index);
	if (!path)
		return refuse_size(r);
	if (!json_is(&r->doc, node, JSON_ARRAY))
		return openai_refuse(r, "invalid_type", path,
		    "Invalid type for '%s': expected a string or an array.",
		    path);
	json_for_each(&r->doc, node, part) {
		if (!read_part(r, role, part, path))
			return false;
	}
	return true;
}

/* A call that the model made earlier: its name and arguments are read again. */
static bool read_call(struct openai_reader *r, uint32_t function)
{
	const struct json_doc *doc = &r->doc;

	return add_text(
		   r, ROLE_ASSISTANT, json_find(doc, function, SPAN("name"))) &&
	       add_text(r, ROLE_ASSISTANT,
		   json_find(doc, function, SPAN("arguments"))) &&
	       add_text(
		   r, ROLE_ASSISTANT, json_find(doc, function, SPAN("input")));
}

/* What stands beside the content of an assistant's message. */
static bool read_beside(struct openai_reader *r, uint32_t message)
{
	static const struct span texts[] = {
	    SPAN("refusal"), SPAN("reasoning_content"), SPAN("reasoning")};
	const struct json_doc *doc = &r->doc;
	uint32_t calls = json_find(doc, message, SPAN("tool_calls"));

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!add_text(
			r, ROLE_ASSISTANT, json_find(doc, message, texts[i])))
			return false;
	}
	if (json_is(doc, calls, JSON_ARRAY)) {
		json_for_each(doc, calls, call) {
			if (!read_call(
				r, json_find(doc, call, SPAN("function"))) ||
			    !read_call(r, json_find(doc, call, SPAN("custom"))))
				return false;
		}
	}
	return read_call(r, json_find(doc, message, SPAN("function_call")));
}

/* "messages[<index>]" */
static void write_path(size_t index, char path[40])
{
	const struct span head = SPAN("messages[");
	char digits[24];
	struct span number = span_decimal(index, digits);

	memcpy(path, head.ptr, head.len);
	memcpy(path + head.len, number.ptr, number.len);
	memcpy(path + head.len + number.len, "]", 2);
}

static bool read_message(struct openai_reader *r, uint32_t message,
    size_t index, enum message_role *role)
{
	static const struct span known[] = {SPAN("role"), SPAN("content")};
	char path[40];

	write_path(index, path);
	if (!json_is(&r->doc, message, JSON_OBJECT))
		return openai_refuse(r, "invalid_type", "messages",
		    "Invalid type for '%s': expected an object.", path);
	if (!openai_check_keys(r, message, path, known, 2)) {
		r->refusal->param = "messages";
		return false;
	}
	*role = read_role(r, message);
	if (!read_content(
		r, *role, json_find(&r->doc, message, SPAN("content")), index))
		return false;
	return *role != ROLE_ASSISTANT || read_beside(r, message);
}

bool openai_read_messages(struct openai_reader *r, uint32_t node)
{
	size_t user_from = 0, user_to = 0, index = 0;

	if (json_is(&r->doc, node, JSON_NULL))
		return true;
	if (!json_is(&r->doc, node, JSON_ARRAY))
		return openai_refuse(r, "invalid_type", "messages",
		    "Invalid type for 'messages': expected an array.");
	json_for_each(&r->doc, node, message) {
		size_t from = r->request->n_parts;
		enum message_role role = ROLE_OTHER;

		if (!read_message(r, message, index++, &role))
			return false;
		if (role == ROLE_USER) {
			user_from = from;
			user_to = r->request->n_parts;
		}
		if (role == ROLE_USER || role == ROLE_ASSISTANT)
			r->request->turns++;
	}
	return join_parts(r, user_from, user_to, &r->request->last_user);
}

/* --- prompts ---------------------------------------------------------------
 */

/*
 * An element of a list of prompts: a text, a list of token ids or, in a list
 * that is itself one prompt, an id. What else servers take (objects with an
 * image to embed) is theirs to judge.
 */
static bool read_prompt_item(struct openai_reader *r, uint32_t item)
{
	enum json_type type = json_type(&r->doc, item);

	if (type == JSON_NUMBER)
		r->request->prompt_token_ids++;
	if (type == JSON_ARRAY)
		r->request->prompt_token_ids += json_count(&r->doc, item);
	return add_text(r, ROLE_USER, item);
}

static bool read_prompts(
    struct openai_reader *r, uint32_t node, const char *name)
{
	struct dialect_request *request = r->request;
	uint32_t first = json_first(&r->doc, node);
	enum json_type type = json_type(&r->doc, node);

	if (type == JSON_NULL)
		return true;
	request->turns = 1;
	if (type != JSON_STRING && type != JSON_ARRAY)
		return openai_refuse(r, "invalid_type", name,
		    "Invalid type for '%s': expected a string or an array.",
		    name);
	if (!add_text(r, ROLE_USER, node))
		return false;
	json_for_each(&r->doc, node, item) {
		if (!read_prompt_item(r, item))
			return false;
	}
	/* [1, 2, 3] is one prompt, ["a", "b"] and [[1], [2]] are several. */
	if (first != JSON_NONE && !json_is(&r->doc, first, JSON_NUMBER))
		request->prompts = json_count(&r->doc, node);
	return join_parts(r, 0, request->n_parts, &request->last_user);
}

bool openai_read_prompt(struct openai_reader *r, uint32_t node)
{
	return read_prompts(r, node, "prompt");
}

bool openai_read_input(struct openai_reader *r, uint32_t node)
{
	return read_prompts(r, node, "input");
}
