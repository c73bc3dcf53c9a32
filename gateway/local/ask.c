/* ask.c -- a request in the OpenAI dialect as texts for the engine to write. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/ask_parts.h"

#include <stdarg.h>
#include <stdio.h>

bool ask_refuse(
    struct asker *a, const char *code, const char *param, const char *fmt, ...)
{
	struct ask_refusal *refusal = a->refusal;
	va_list args;

	refusal->status = 400;
	refusal->code = code;
	refusal->param = param;
	va_start(args, fmt);
	vsnprintf(refusal->message, sizeof(refusal->message), fmt, args);
	va_end(args);
	return false;
}

bool ask_refuse_unsupported(struct asker *a, const char *param, const char *why)
{
	return ask_refuse(a, "unsupported_parameter", param,
	    "The model %.*s does not support '%s' here: %s.",
	    SPAN_FMT(span_head(a->source->model, 100)), param, why);
}

bool ask_refuse_length(struct asker *a)
{
	bool is_chat = a->source->request->endpoint == ENDPOINT_CHAT;
	const char *name = is_chat ? "messages" : "prompt";

	return ask_refuse(a, "context_length_exceeded", name,
	    "The maximum context length of %.*s is %u tokens, and '%s' has "
	    "more than that.",
	    SPAN_FMT(span_head(a->source->model, 100)),
	    a->source->parts->info.context, name);
}

struct span ask_text(struct asker *a, uint32_t node)
{
	if (!json_is(a->doc, node, JSON_STRING))
		return span_make(NULL, 0);
	return json_text(a->doc, node, &a->ask->arena);
}

uint32_t ask_find(const struct asker *a, struct span name)
{
	uint32_t node = json_find(a->doc, 0, name);

	return json_is(a->doc, node, JSON_NULL) ? JSON_NONE : node;
}

/* --- the form of the answer ------------------------------------------------
 */

static bool read_schema(struct asker *a, uint32_t format)
{
	uint32_t named = json_find(a->doc, format, SPAN("json_schema"));
	uint32_t schema = json_find(a->doc, named, SPAN("schema"));
	struct error err;

	if (json_is(a->doc, schema, JSON_NULL))
		schema = JSON_NONE;
	if (named == JSON_NONE)
		return ask_refuse(a, "missing_required_parameter",
		    "response_format.json_schema",
		    "Missing required parameter: "
		    "'response_format.json_schema'.");
	if (schema == JSON_NONE) {
		a->ask->grammar = grammar_json();
		return true;
	}
	a->ask->grammar = grammar_schema(a->doc, schema, &err);
	if (a->ask->grammar)
		return true;
	return ask_refuse(a, "invalid_json_schema", "response_format",
	    "Invalid schema for response_format: %s.", err.text);
}

static bool read_format(struct asker *a)
{
	uint32_t format = ask_find(a, SPAN("response_format"));
	uint32_t type = json_find(a->doc, format, SPAN("type"));
	struct span name;

	if (format == JSON_NONE)
		return true;
	name = ask_text(a, type);
	if (!name.ptr)
		return ask_refuse(a, "missing_required_parameter",
		    "response_format.type",
		    "'response_format.type' must be \"text\", \"json_object\" "
		    "or \"json_schema\".");
	if (span_eq(name, SPAN("text")))
		return true;
	if (span_eq(name, SPAN("json_schema")))
		return read_schema(a, format);
	if (!span_eq(name, SPAN("json_object")))
		return ask_refuse(a, "invalid_value", "response_format.type",
		    "'response_format.type' must be \"text\", \"json_object\" "
		    "or \"json_schema\", got \"%.*s\".",
		    SPAN_FMT(span_head(name, 60)));
	a->ask->grammar = grammar_json();
	return true;
}

/* --- all of it --------------------------------------------------------------
 */

static bool read_chat(struct asker *a)
{
	return ask_read_tools(a) && ask_read_chat(a);
}

bool ask_make(struct ask *ask, const struct ask_source *source,
    struct ask_refusal *refusal)
{
	struct asker a = {
	    .source = source,
	    .doc = &source->request->doc,
	    .ask = ask,
	    .refusal = refusal,
	    .tools = JSON_NONE,
	};

	*ask = (struct ask){.choices = 1};
	arena_init(&ask->arena, TEMPLATE_MEMORY_MAX);
	/* Nobody spends time on a text that the model cannot read anyway. */
	token_buf_init(&ask->ids, source->parts->info.context);
	if (!ask_read_options(&a) || !read_format(&a))
		return false;
	return source->request->endpoint == ENDPOINT_CHAT
		   ? read_chat(&a)
		   : ask_read_prompts(&a);
}

void ask_free(struct ask *ask)
{
	grammar_unref(&ask->grammar);
	token_buf_free(&ask->ids);
	arena_free(&ask->arena);
}
