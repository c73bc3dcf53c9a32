/* ask_tools.c -- which tools may be called, and a call that must be made. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/ask_parts.h"

#define TOOLS_MAX 128

/* --- the list ----------------------------------------------------------------
 */

static bool refuse_tool(struct asker *a, const char *what)
{
	return ask_refuse(a, "invalid_value", "tools",
	    "Invalid value for 'tools': %s.", what);
}

static bool read_tool(struct asker *a, uint32_t tool, struct span *names)
{
	uint32_t function = json_find(a->doc, tool, SPAN("function"));
	struct span type = ask_text(a, json_find(a->doc, tool, SPAN("type")));
	struct span name =
	    ask_text(a, json_find(a->doc, function, SPAN("name")));

	if (type.ptr && !span_eq(type, SPAN("function")))
		return ask_refuse_unsupported(
		    a, "tools", "its tools are of type \"function\" only");
	if (!json_is(a->doc, function, JSON_OBJECT))
		return refuse_tool(a, "each needs a \"function\"");
	if (name.len == 0 || name.len > REPLY_NAME_MAX)
		return refuse_tool(a, "each function needs a \"name\"");
	names[a->n_names++] = name;
	return true;
}

static bool read_list(struct asker *a)
{
	struct span *names;

	a->tools = ask_find(a, SPAN("tools"));
	if (a->tools == JSON_NONE || json_count(a->doc, a->tools) == 0) {
		a->tools = JSON_NONE;
		return true;
	}
	if (json_count(a->doc, a->tools) > TOOLS_MAX)
		return refuse_tool(a, "at most 128 are taken");
	names = arena_alloc(&a->ask->arena, TOOLS_MAX * sizeof(*names));
	if (!names)
		return refuse_tool(a, "they are too large");
	a->names = names;
	json_for_each(a->doc, a->tools, tool) {
		if (!read_tool(a, tool, names))
			return false;
	}
	return true;
}

/* --- the choice --------------------------------------------------------------
 */

static bool refuse_choice(struct asker *a)
{
	return ask_refuse(a, "invalid_value", "tool_choice",
	    "Invalid value for 'tool_choice': expected \"none\", \"auto\", "
	    "\"required\", or the name of a function among 'tools'.");
}

static bool read_named(struct asker *a, uint32_t node)
{
	uint32_t function = json_find(a->doc, node, SPAN("function"));
	struct span name =
	    ask_text(a, json_find(a->doc, function, SPAN("name")));

	for (size_t i = 0; i < a->n_names; i++) {
		if (name.ptr && span_eq(name, a->names[i])) {
			a->calls = ASK_CALLS_FORCED;
			a->named_tool = name;
			return true;
		}
	}
	return refuse_choice(a);
}

static bool read_choice(struct asker *a)
{
	uint32_t node = ask_find(a, SPAN("tool_choice"));
	struct span word;

	a->calls = a->tools == JSON_NONE ? ASK_CALLS_NONE : ASK_CALLS_MAY;
	if (node == JSON_NONE)
		return true;
	if (json_is(a->doc, node, JSON_OBJECT))
		return read_named(a, node);
	word = ask_text(a, node);
	if (span_eq(word, SPAN("none"))) {
		a->calls = ASK_CALLS_NONE;
		a->tools = JSON_NONE;
		return true;
	}
	if (a->tools == JSON_NONE)
		return ask_refuse(a, "invalid_value", "tool_choice",
		    "'tool_choice' needs 'tools'.");
	if (span_eq(word, SPAN("auto")))
		return true;
	if (!span_eq(word, SPAN("required")))
		return refuse_choice(a);
	a->calls = ASK_CALLS_FORCED;
	return true;
}

static bool check_form(struct asker *a)
{
	if (a->calls == ASK_CALLS_NONE || !a->ask->grammar)
		return true;
	return ask_refuse_unsupported(a, "response_format",
	    "together with tools; ask for one, or set tool_choice to \"none\"");
}

bool ask_read_tools(struct asker *a)
{
	uint32_t parallel = ask_find(a, SPAN("parallel_tool_calls"));

	if (!read_list(a) || !read_choice(a) || !check_form(a))
		return false;
	a->ask->takes_one_call = json_is(a->doc, parallel, JSON_FALSE);
	return true;
}

/* --- a call that must be made ------------------------------------------------
 *
 * Its JSON is held to a grammar: an object with the tool's name and arguments
 * that its schema accepts. The marks that the family puts round a call go into
 * the prompt, so that the model goes on from where a call begins; the text that
 * comes back is read as the plainest of the formats.
 */

/* References of a schema begin at its own top, which lies deeper now. */
static bool write_reference(
    struct asker *a, uint32_t node, struct span top, struct buf *out)
{
	struct span to = ask_text(a, node);
	struct span path;

	if (to.len == 0 || to.ptr[0] != '#')
		return ask_copy(a->doc, node, out);
	path = span_of(arena_printf(&a->ask->arena, "%.*s%.*s", SPAN_FMT(top),
	    SPAN_FMT(span_from(to, 1))));
	return path.ptr && json_write_string(out, path);
}

static bool write_schema(
    struct asker *a, uint32_t schema, struct span top, struct buf *out)
{
	const struct json_doc *doc = a->doc;
	const struct json_node *nodes = doc->nodes;
	uint32_t from = nodes[schema].start;

	for (uint32_t i = schema + 1; i < nodes[schema].next; i++) {
		struct span raw = json_raw(doc, i);

		/* A key's next sibling is its value: it stands before a colon.
		 */
		if (!span_eq(raw, SPAN("\"$ref\"")) ||
		    i + 1 >= nodes[schema].next ||
		    !json_is(doc, i + 1, JSON_STRING))
			continue;
		if (!buf_append(out, span_make(doc->text.ptr + from,
					 nodes[i + 1].start - from)) ||
		    !write_reference(a, i + 1, top, out))
			return false;
		from = nodes[i + 1].end;
		i++;
	}
	return buf_append(
	    out, span_make(doc->text.ptr + from, nodes[schema].end - from));
}

static bool write_call_schema(
    struct asker *a, uint32_t tool, struct span top, struct buf *out)
{
	uint32_t function = json_find(a->doc, tool, SPAN("function"));
	uint32_t name = json_find(a->doc, function, SPAN("name"));
	uint32_t schema = json_find(a->doc, function, SPAN("parameters"));

	return buf_append(out, SPAN("{\"type\":\"object\",\"properties\":{"
				    "\"name\":{\"enum\":[")) &&
	       ask_copy(a->doc, name, out) &&
	       buf_append(out, SPAN("]},\"arguments\":")) &&
	       (json_is(a->doc, schema, JSON_OBJECT)
		       ? write_schema(a, schema, top, out)
		       : buf_append(out, SPAN("{\"type\":\"object\"}"))) &&
	       buf_append(out, SPAN("},\"required\":[\"name\",\"arguments\"],"
				    "\"additionalProperties\":false}"));
}

static bool is_wanted(struct asker *a, uint32_t tool)
{
	uint32_t function = json_find(a->doc, tool, SPAN("function"));

	return a->named_tool.len == 0 ||
	       span_eq(a->named_tool,
		   ask_text(a, json_find(a->doc, function, SPAN("name"))));
}

static bool write_any_schema(struct asker *a, struct buf *out)
{
	size_t n = 0;

	if (!buf_append(out, SPAN("{\"anyOf\":[")))
		return false;
	json_for_each(a->doc, a->tools, tool) {
		struct span top;

		if (!is_wanted(a, tool))
			continue;
		top = span_of(arena_printf(
		    &a->ask->arena, "#/anyOf/%zu/properties/arguments", n));
		if ((n > 0 && !buf_append(out, SPAN(","))) ||
		    !write_call_schema(a, tool, top, out))
			return false;
		n++;
	}
	return buf_append(out, SPAN("]}"));
}

static bool compile(struct asker *a, struct span text)
{
	struct json_fault fault;
	struct json_doc doc;
	struct error err;

	text = arena_copy(&a->ask->arena, text);
	if (!text.ptr || !json_parse(text, &a->ask->arena, &doc, &fault))
		return refuse_tool(a, "their schemas are too large");
	a->ask->grammar = grammar_schema(&doc, 0, &err);
	if (a->ask->grammar)
		return true;
	return ask_refuse(a, "invalid_json_schema", "tools",
	    "A call was asked for by 'tool_choice', and the tools' parameters "
	    "cannot be held to: %s.",
	    err.text);
}

bool ask_force_call(struct asker *a)
{
	struct buf out;
	bool ok;

	buf_init(&out, ASK_TEXT_MAX);
	ok = write_any_schema(a, &out);
	if (ok)
		ok = compile(a, buf_span(&out));
	else
		refuse_tool(a, "their schemas are too large");
	buf_free(&out);
	a->ask->before = SPAN("<tool_call>\n");
	a->ask->after = SPAN("\n</tool_call>");
	return ok;
}
