/* ask_messages.c -- a client's messages as chat templates expect them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "gateway/local/ask_parts.h"

/*
 * Templates are written for plain strings, so content in parts is joined by
 * line feeds. They do not know the role developer, which is a system's, nor
 * function, which is a tool's; and they go through the arguments of a call,
 * which the API has as a string of JSON and they as an object.
 */
struct place {
	struct asker *a;
	struct buf *out;
	size_t message; /* its number */
};

static bool refuse_here(struct place *p, const char *what)
{
	return ask_refuse(p->a, "invalid_value", "messages",
	    "Invalid value for 'messages[%zu]': %s.", p->message, what);
}

static bool refuse_size(struct place *p)
{
	return refuse_here(p, "the conversation is too long");
}

static bool put(struct place *p, struct span text)
{
	return buf_append(p->out, text) || refuse_size(p);
}

static bool put_string(struct place *p, struct span text)
{
	return json_write_string(p->out, text) || refuse_size(p);
}

/* --- content -----------------------------------------------------------------
 */

static bool refuse_part(struct place *p, struct span type)
{
	return ask_refuse(p->a, "unsupported_parameter", "messages",
	    "The model %.*s reads text only: 'messages[%zu]' has a part of "
	    "type \"%.*s\".",
	    SPAN_FMT(span_head(p->a->source->model, 100)), p->message,
	    SPAN_FMT(span_head(type, 60)));
}

static bool add_part(struct place *p, uint32_t part, struct buf *text)
{
	const struct json_doc *doc = p->a->doc;
	struct span type = ask_text(p->a, json_find(doc, part, SPAN("type")));
	struct span said;

	if (!type.ptr)
		return refuse_here(p, "a part of its content has no type");
	if (span_eq(type, SPAN("text")) || span_eq(type, SPAN("input_text")))
		said = ask_text(p->a, json_find(doc, part, SPAN("text")));
	else if (span_eq(type, SPAN("refusal")))
		said = ask_text(p->a, json_find(doc, part, SPAN("refusal")));
	else
		return refuse_part(p, type);
	if (!said.ptr)
		return refuse_here(p, "a part of its content has no text");
	if (buf_len(text) > 0 && !buf_append(text, SPAN("\n")))
		return refuse_size(p);
	return buf_append(text, said) || refuse_size(p);
}

static bool put_parts(struct place *p, uint32_t parts)
{
	struct buf text;
	bool ok = true;

	buf_init(&text, ASK_TEXT_MAX);
	json_for_each(p->a->doc, parts, part) {
		ok = add_part(p, part, &text);
		if (!ok)
			break;
	}
	ok = ok && put_string(p, buf_span(&text));
	buf_free(&text);
	return ok;
}

static bool put_content(struct place *p, uint32_t node)
{
	if (json_is(p->a->doc, node, JSON_ARRAY))
		return put_parts(p, node);
	if (!json_is(p->a->doc, node, JSON_STRING))
		return refuse_here(
		    p, "its content must be a text or a list of parts");
	return put(p, json_raw(p->a->doc, node));
}

/* --- calls -------------------------------------------------------------------
 */

/* A string that holds an object becomes that object. */
static bool put_arguments(struct place *p, uint32_t node)
{
	struct span text = ask_text(p->a, node);
	struct json_fault fault;
	struct json_doc inner;

	if (!text.ptr || p->a->keeps_arguments)
		return put(p, json_raw(p->a->doc, node));
	if (span_trim(text).len == 0)
		return put(p, SPAN("{}"));
	if (!json_parse(text, &p->a->ask->arena, &inner, &fault) ||
	    !json_is(&inner, 0, JSON_OBJECT))
		return put(p, json_raw(p->a->doc, node));
	return put(p, text);
}

static bool put_members(struct place *p, uint32_t object,
    bool (*put_value)(struct place *p, struct span name, uint32_t value))
{
	const struct json_doc *doc = p->a->doc;
	struct span comma = SPAN("{");

	if (json_first(doc, object) == JSON_NONE)
		return put(p, SPAN("{}"));
	for (uint32_t key = json_first(doc, object); key != JSON_NONE;
	     key = ask_next_key(doc, object, key)) {
		struct span name = ask_text(p->a, key);

		if (!put(p, comma) || !put_string(p, name) ||
		    !put(p, SPAN(":")) || !put_value(p, name, key + 1))
			return false;
		comma = SPAN(",");
	}
	return put(p, SPAN("}"));
}

static bool put_function_member(
    struct place *p, struct span name, uint32_t value)
{
	if (span_eq(name, SPAN("arguments")))
		return put_arguments(p, value);
	return put(p, json_raw(p->a->doc, value));
}

static bool put_call_member(struct place *p, struct span name, uint32_t value)
{
	if (span_eq(name, SPAN("function")) &&
	    json_is(p->a->doc, value, JSON_OBJECT))
		return put_members(p, value, put_function_member);
	return put(p, json_raw(p->a->doc, value));
}

static bool names_function(const struct json_doc *doc, uint32_t call)
{
	uint32_t function = json_find(doc, call, SPAN("function"));

	return json_is(
	    doc, json_find(doc, function, SPAN("name")), JSON_STRING);
}

static bool put_calls(struct place *p, uint32_t calls)
{
	struct span comma = SPAN("[");

	if (!json_is(p->a->doc, calls, JSON_ARRAY))
		return refuse_here(p, "its tool_calls must be a list");
	if (json_count(p->a->doc, calls) == 0)
		return put(p, SPAN("[]"));
	json_for_each(p->a->doc, calls, call) {
		if (!json_is(p->a->doc, call, JSON_OBJECT))
			return refuse_here(p, "a tool call must be an object");
		if (!names_function(p->a->doc, call))
			return refuse_here(
			    p, "a tool call needs a function with a name");
		if (!put(p, comma) || !put_members(p, call, put_call_member))
			return false;
		comma = SPAN(",");
	}
	return put(p, SPAN("]"));
}

/* --- messages ----------------------------------------------------------------
 */

static bool put_role(struct place *p, uint32_t node)
{
	struct span role = ask_text(p->a, node);

	if (role.len == 0)
		return refuse_here(p, "its role must be a text");
	if (span_eq(role, SPAN("developer")))
		return put(p, SPAN("\"system\""));
	if (span_eq(role, SPAN("function")))
		return put(p, SPAN("\"tool\""));
	return put_string(p, role);
}

static bool put_message_member(
    struct place *p, struct span name, uint32_t value)
{
	const struct json_doc *doc = p->a->doc;

	if (json_is(doc, value, JSON_NULL))
		return put(p, SPAN("null"));
	if (span_eq(name, SPAN("role")))
		return put_role(p, value);
	if (span_eq(name, SPAN("content")))
		return put_content(p, value);
	if (span_eq(name, SPAN("tool_calls")))
		return put_calls(p, value);
	if (span_eq(name, SPAN("function_call")))
		return refuse_here(p, "use tool_calls, not function_call");
	return put(p, json_raw(doc, value));
}

static bool put_message(struct place *p, uint32_t message)
{
	if (!json_is(p->a->doc, message, JSON_OBJECT))
		return refuse_here(p, "it must be an object");
	if (json_find(p->a->doc, message, SPAN("role")) == JSON_NONE)
		return refuse_here(p, "it has no role");
	return put_members(p, message, put_message_member);
}

bool ask_write_messages(struct asker *a, struct buf *out)
{
	struct place p = {.a = a, .out = out};
	uint32_t messages = ask_find(a, SPAN("messages"));
	struct span comma = SPAN("[");

	if (!json_is(a->doc, messages, JSON_ARRAY) ||
	    json_count(a->doc, messages) == 0)
		return ask_refuse(a, "invalid_value", "messages",
		    "'messages' must be a list of at least one message.");
	json_for_each(a->doc, messages, message) {
		if (!put(&p, comma) || !put_message(&p, message))
			return false;
		comma = SPAN(",");
		p.message++;
	}
	return put(&p, SPAN("]"));
}
