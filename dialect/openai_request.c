/* openai_request.c -- reads a request into what deciding and billing need. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai.h"

#include <stdarg.h>
#include <stdio.h>

/* --- endpoints ------------------------------------------------------------ */

static const struct {
	const char *name;
	const char *path;
} endpoints[ENDPOINT_COUNT] = {
    [ENDPOINT_CHAT] = {"chat", "/chat/completions"},
    [ENDPOINT_COMPLETIONS] = {"completions", "/completions"},
    [ENDPOINT_EMBEDDINGS] = {"embeddings", "/embeddings"},
};

const char *endpoint_name(enum endpoint endpoint)
{
	return endpoints[endpoint].name;
}

const char *endpoint_path(enum endpoint endpoint)
{
	return endpoints[endpoint].path;
}

/* --- refusing ------------------------------------------------------------- */

bool openai_refuse(struct openai_reader *r, const char *code, const char *param,
    const char *fmt, ...)
{
	struct dialect_refusal *refusal = r->refusal;
	va_list args;

	refusal->code = code;
	refusal->param = param;
	va_start(args, fmt);
	vsnprintf(refusal->message, sizeof(refusal->message), fmt, args);
	va_end(args);
	return false;
}

/* The key whose quote is at <offset> of the body, as it was written. */
static struct span key_at(const struct openai_reader *r, size_t offset)
{
	struct span body = r->doc.text;
	size_t at = offset + 1;

	while (at < body.len && body.ptr[at] != '"')
		at += body.ptr[at] == '\\' ? 2 : 1;
	if (at > body.len)
		at = body.len;
	if (offset + 1 > at)
		return span_make(NULL, 0);
	return span_make(body.ptr + offset + 1, at - offset - 1);
}

static bool check_unique(
    struct openai_reader *r, uint32_t object, const char *path)
{
	struct json_fault fault;
	struct span key;

	if (json_keys_are_unique(&r->doc, object, r->arena, &fault))
		return true;
	/* A repeated key begins with its quote, an exhausted arena does not. */
	if (r->doc.text.ptr[fault.offset] != '"')
		return openai_refuse(r, "request_too_large", NULL,
		    "%s (byte %zu).", fault.reason, fault.offset);
	key = span_head(key_at(r, fault.offset), 64);
	return openai_refuse(r, "duplicate_key",
	    path ? path : arena_copy(r->arena, key).ptr,
	    "The key \"%.*s\" stands twice%s%s (byte %zu); keys that differ in "
	    "case or escapes only count as the same.",
	    SPAN_FMT(key), path ? " in " : "", path ? path : "", fault.offset);
}

static bool check_spelling(struct openai_reader *r, struct span key,
    struct span known, const char *path)
{
	if (span_eq(key, known) || !span_eq_nocase(key, known))
		return true;
	return openai_refuse(r, "unknown_parameter", path ? path : known.ptr,
	    "Unknown parameter '%.*s', did you mean '%s'?", SPAN_FMT(key),
	    known.ptr);
}

bool openai_check_keys(struct openai_reader *r, uint32_t object,
    const char *path, const struct span *known, size_t n)
{
	if (!check_unique(r, object, path))
		return false;
	for (uint32_t key = json_first(&r->doc, object); key != JSON_NONE;
	     key = openai_next_key(&r->doc, object, key)) {
		struct span name = openai_text(&r->doc, key, r->arena);

		/* A key that cannot be read might be one that decides. */
		if (!name.ptr)
			return openai_refuse(r, "request_too_large", path,
			    "A key is too long (byte %u).",
			    r->doc.nodes[key].start);
		for (size_t i = 0; i < n; i++) {
			if (!check_spelling(r, name, known[i], path))
				return false;
		}
	}
	return true;
}

static bool refuse_type(
    struct openai_reader *r, const char *name, const char *expected)
{
	return openai_refuse(r, "invalid_type", name,
	    "Invalid type for '%s': expected %s.", name, expected);
}

/* --- the members that decide ---------------------------------------------- */

static struct byte_range range_of(const struct openai_reader *r, uint32_t node)
{
	const struct json_node *n = &r->doc.nodes[node];

	return (struct byte_range){.at = n->start, .len = n->end - n->start};
}

/* true, false; null counts as false. */
static bool read_flag(
    struct openai_reader *r, uint32_t node, const char *name, bool *out)
{
	enum json_type type = json_type(&r->doc, node);

	if (type != JSON_TRUE && type != JSON_FALSE && type != JSON_NULL)
		return refuse_type(r, name, "a boolean");
	*out = type == JSON_TRUE;
	return true;
}

/* A whole number, 0 or more, that raises <out>; null leaves it as it is. */
static bool read_count(
    struct openai_reader *r, uint32_t node, const char *name, int64_t *out)
{
	int64_t value;

	if (json_is(&r->doc, node, JSON_NULL))
		return true;
	if (!json_is(&r->doc, node, JSON_NUMBER))
		return refuse_type(r, name, "an integer");
	if (!json_int(&r->doc, node, &value) || value < 0)
		return openai_refuse(r, "invalid_value", name,
		    "Invalid value for '%s': expected a whole number, 0 or "
		    "more.",
		    name);
	if (value > *out)
		*out = value;
	return true;
}

/* An upstream's log or a C string in it must not end a name early. */
static bool has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

static bool read_model(struct openai_reader *r, uint32_t node)
{
	struct span model;

	if (json_is(&r->doc, node, JSON_NULL))
		return true;
	if (!json_is(&r->doc, node, JSON_STRING))
		return refuse_type(r, "model", "a string");
	model = openai_text(&r->doc, node, r->arena);
	if (!model.ptr)
		return openai_refuse(r, "request_too_large", "model",
		    "The model's name is too long.");
	if (has_control(model))
		return openai_refuse(r, "invalid_value", "model",
		    "Invalid value for 'model': control characters in the "
		    "name.");
	r->request->model = model;
	r->request->model_at = range_of(r, node);
	return true;
}

static bool read_stream(struct openai_reader *r, uint32_t node)
{
	return read_flag(r, node, "stream", &r->request->stream);
}

static bool read_stream_options(struct openai_reader *r, uint32_t node)
{
	static const struct span include_usage = SPAN("include_usage");
	struct dialect_request *request = r->request;
	uint32_t usage;

	request->stream_options_at = range_of(r, node);
	if (json_is(&r->doc, node, JSON_NULL))
		return true;
	if (!json_is(&r->doc, node, JSON_OBJECT))
		return refuse_type(r, "stream_options", "an object");
	if (!openai_check_keys(r, node, "stream_options", &include_usage, 1))
		return false;
	request->stream_options_has_members = json_count(&r->doc, node) > 0;
	usage = json_find(&r->doc, node, include_usage);
	if (usage == JSON_NONE)
		return true;
	request->include_usage_at = range_of(r, usage);
	return read_flag(r, usage, "stream_options.include_usage",
	    &request->has_include_usage);
}

static bool read_choices(struct openai_reader *r, uint32_t node)
{
	return read_count(r, node, "n", &r->request->choices);
}

static bool read_best_of(struct openai_reader *r, uint32_t node)
{
	return read_count(r, node, "best_of", &r->request->choices);
}

/* Servers differ in which limit they obey when both stand: the larger counts.
 */
static bool read_max_tokens(struct openai_reader *r, uint32_t node)
{
	return read_count(r, node, "max_tokens", &r->request->output_limit);
}

static bool read_max_completion_tokens(struct openai_reader *r, uint32_t node)
{
	return read_count(
	    r, node, "max_completion_tokens", &r->request->output_limit);
}

static bool read_temperature(struct openai_reader *r, uint32_t node)
{
	double value;

	r->request->is_deterministic =
	    json_double(&r->doc, node, &value) && value >= 0 && value <= 0;
	return true;
}

/* <name> is "tools" or "functions". */
static bool read_tool_list(
    struct openai_reader *r, uint32_t node, const char *name)
{
	if (json_is(&r->doc, node, JSON_NULL))
		return true;
	if (!json_is(&r->doc, node, JSON_ARRAY))
		return refuse_type(r, name, "an array");
	if (json_first(&r->doc, node) == JSON_NONE)
		return true;
	r->request->has_tools = true;
	r->request->tool_bytes += json_raw(&r->doc, node).len;
	return true;
}

static bool read_tools(struct openai_reader *r, uint32_t node)
{
	return read_tool_list(r, node, "tools");
}

static bool read_functions(struct openai_reader *r, uint32_t node)
{
	return read_tool_list(r, node, "functions");
}

static bool read_response_format(struct openai_reader *r, uint32_t node)
{
	static const struct span type_key = SPAN("type");
	struct dialect_request *request = r->request;
	struct span type;
	uint32_t at;

	if (json_is(&r->doc, node, JSON_NULL))
		return true;
	if (!json_is(&r->doc, node, JSON_OBJECT))
		return refuse_type(r, "response_format", "an object");
	if (!openai_check_keys(r, node, "response_format", &type_key, 1))
		return false;
	request->schema_bytes = json_raw(&r->doc, node).len;
	at = json_find(&r->doc, node, type_key);
	if (at == JSON_NONE)
		return true;
	type = openai_text(&r->doc, at, r->arena);
	request->has_json_object = span_eq(type, SPAN("json_object"));
	request->has_json_schema = span_eq(type, SPAN("json_schema"));
	return true;
}

/* Whatever is neither null nor false is meant to happen. */
static bool read_side_effect(struct openai_reader *r, uint32_t node)
{
	enum json_type type = json_type(&r->doc, node);

	r->request->has_side_effects |= type != JSON_NULL && type != JSON_FALSE;
	return true;
}

/* Asking for spoken output needs a model that speaks. */
static bool read_modalities(struct openai_reader *r, uint32_t node)
{
	if (!json_is(&r->doc, node, JSON_ARRAY))
		return true;
	json_for_each(&r->doc, node, item) {
		struct span name = openai_text(&r->doc, item, r->arena);

		if (!span_eq(name, SPAN("audio")))
			continue;
		r->request->has_audio = true;
		r->request->has_side_effects = true;
	}
	return true;
}

/* --- the walk --------------------------------------------------------------
 */

enum {
	CHAT = 1 << ENDPOINT_CHAT,
	TEXT = 1 << ENDPOINT_COMPLETIONS,
	VECTORS = 1 << ENDPOINT_EMBEDDINGS,
};

static const struct member {
	struct span name;
	unsigned endpoints; /* where it has this meaning */
	bool (*read)(struct openai_reader *r, uint32_t node);
} members[] = {
    {SPAN("model"), CHAT | TEXT | VECTORS, read_model},
    {SPAN("messages"), CHAT, openai_read_messages},
    {SPAN("prompt"), TEXT, openai_read_prompt},
    {SPAN("input"), VECTORS, openai_read_input},
    {SPAN("stream"), CHAT | TEXT, read_stream},
    {SPAN("stream_options"), CHAT | TEXT, read_stream_options},
    {SPAN("n"), CHAT | TEXT, read_choices},
    {SPAN("best_of"), TEXT, read_best_of},
    {SPAN("max_tokens"), CHAT | TEXT, read_max_tokens},
    {SPAN("max_completion_tokens"), CHAT, read_max_completion_tokens},
    {SPAN("temperature"), CHAT | TEXT, read_temperature},
    {SPAN("tools"), CHAT, read_tools},
    {SPAN("functions"), CHAT, read_functions},
    {SPAN("response_format"), CHAT | TEXT, read_response_format},
    {SPAN("modalities"), CHAT, read_modalities},
    {SPAN("audio"), CHAT, read_side_effect},
    {SPAN("web_search_options"), CHAT, read_side_effect},
    {SPAN("store"), CHAT | TEXT, read_side_effect},
    {SPAN("background"), CHAT | TEXT, read_side_effect},
};

/* The member that <key> is here, NULL when it decides nothing. */
static bool find_member(
    struct openai_reader *r, struct span key, const struct member **member)
{
	unsigned here = 1u << r->request->endpoint;

	*member = NULL;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (!(members[i].endpoints & here))
			continue;
		if (span_eq(key, members[i].name))
			*member = &members[i];
		else if (!check_spelling(r, key, members[i].name, NULL))
			return false;
	}
	return true;
}

static bool read_members(struct openai_reader *r)
{
	for (uint32_t key = json_first(&r->doc, 0); key != JSON_NONE;
	     key = openai_next_key(&r->doc, 0, key)) {
		struct span name = openai_text(&r->doc, key, r->arena);
		const struct member *member;

		if (!find_member(r, name, &member))
			return false;
		if (member && !member->read(r, key + 1))
			return false;
	}
	return true;
}

bool dialect_read_request(enum endpoint endpoint, struct span body,
    struct arena *arena, struct dialect_request *request,
    struct dialect_refusal *refusal)
{
	struct openai_reader r = {
	    .arena = arena, .request = request, .refusal = refusal};
	struct json_fault fault;

	*refusal = (struct dialect_refusal){0};
	*request = (struct dialect_request){
	    .endpoint = endpoint,
	    .body = body,
	    .choices = 1,
	    .output_limit = -1,
	    .prompts = 1,
	};
	if (!json_parse(body, arena, &r.doc, &fault))
		return openai_refuse(&r, "invalid_json", NULL,
		    "The body is not valid JSON: %s (byte %zu).", fault.reason,
		    fault.offset);
	if (!json_is(&r.doc, 0, JSON_OBJECT))
		return openai_refuse(&r, "invalid_json", NULL,
		    "The body must be a JSON object (byte %u).",
		    r.doc.nodes[0].start);
	if (!openai_check_keys(&r, 0, NULL, NULL, 0))
		return false;
	request->doc = r.doc;
	request->members_from = r.doc.nodes[0].start + 1;
	request->has_members = json_first(&r.doc, 0) != JSON_NONE;
	if (!read_members(&r))
		return false;
	request->parts = r.parts;
	if (request->model.len == 0)
		return openai_refuse(&r, "missing_required_parameter", "model",
		    "You must provide a model parameter.");
	return true;
}
