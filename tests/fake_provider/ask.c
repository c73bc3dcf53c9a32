/* ask.c -- reads what a request's body asks for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/ask.h"

#define BYTES_A_TOKEN 4

uint64_t ask_tokens(uint64_t bytes)
{
	return bytes < BYTES_A_TOKEN ? 1 : bytes / BYTES_A_TOKEN;
}

static uint32_t member(const struct ask *ask, struct span name)
{
	return json_find(&ask->doc, 0, name);
}

/* null counts as absent, as with the real server. */
static bool is_given(const struct ask *ask, uint32_t node)
{
	return node != JSON_NONE && !json_is(&ask->doc, node, JSON_NULL);
}

static bool is_true(const struct ask *ask, uint32_t node)
{
	return json_is(&ask->doc, node, JSON_TRUE);
}

static bool refuse(
    struct ask_fault *fault, const char *message, const char *param)
{
	*fault = (struct ask_fault){
	    .status = 400, .message = message, .param = param};
	return false;
}

/* Bytes of a string, its escapes decoded. */
static uint64_t text_bytes(const struct ask *ask, uint32_t node)
{
	return json_text(&ask->doc, node, ask->arena).len;
}

/* An integer within bounds; left alone when it is not given. */
static bool read_int(const struct ask *ask, struct span name, int64_t least,
    int64_t most, int64_t *value)
{
	uint32_t node = member(ask, name);

	if (!is_given(ask, node))
		return true;
	return json_int(&ask->doc, node, value) && *value >= least &&
	       *value <= most;
}

static void read_stops(struct ask *ask)
{
	uint32_t stop = member(ask, SPAN("stop"));

	if (json_is(&ask->doc, stop, JSON_STRING))
		ask->stops[ask->n_stops++] =
		    json_text(&ask->doc, stop, ask->arena);
	if (!json_is(&ask->doc, stop, JSON_ARRAY))
		return;
	json_for_each(&ask->doc, stop, item) {
		if (ask->n_stops < ASK_STOPS_MAX &&
		    json_is(&ask->doc, item, JSON_STRING))
			ask->stops[ask->n_stops++] =
			    json_text(&ask->doc, item, ask->arena);
	}
}

/* --- chat ------------------------------------------------------------------
 */

/* Adds up a message's text; the last piece of it stays in <last>. */
static uint64_t measure_content(
    const struct ask *ask, uint32_t content, uint32_t *last)
{
	uint64_t bytes = 0;

	if (json_is(&ask->doc, content, JSON_STRING)) {
		*last = content;
		return text_bytes(ask, content);
	}
	if (!json_is(&ask->doc, content, JSON_ARRAY))
		return 0;
	json_for_each(&ask->doc, content, part) {
		uint32_t text = json_find(&ask->doc, part, SPAN("text"));

		if (json_is(&ask->doc, text, JSON_STRING)) {
			*last = text;
			bytes += text_bytes(ask, text);
		}
	}
	return bytes;
}

/*
 * Which function an answer calls, by <is_after_tool>: not again once the last
 * message is a tool's result.
 */
static void choose_tool(struct ask *ask, bool is_after_tool)
{
	uint32_t tools = member(ask, SPAN("tools"));
	uint32_t choice = member(ask, SPAN("tool_choice"));
	uint32_t named = json_find(&ask->doc, choice, SPAN("function"));
	struct span how = choice == JSON_NONE ? SPAN("\"auto\"")
					      : json_raw(&ask->doc, choice);

	if (!json_is(&ask->doc, tools, JSON_ARRAY) ||
	    span_eq(how, SPAN("\"none\"")))
		return;
	if (span_eq(how, SPAN("\"auto\"")) &&
	    (is_after_tool ||
		span_find(ask->last_text, SPAN("tool"), 0) == SIZE_MAX))
		return;
	named = json_find(&ask->doc, named, SPAN("name"));
	json_for_each(&ask->doc, tools, tool) {
		uint32_t function =
		    json_find(&ask->doc, tool, SPAN("function"));
		uint32_t name = json_find(&ask->doc, function, SPAN("name"));

		if (!json_is(&ask->doc, name, JSON_STRING))
			continue;
		if (named == JSON_NONE || span_eq(json_raw(&ask->doc, name),
					      json_raw(&ask->doc, named))) {
			ask->tool = function;
			return;
		}
	}
}

static void read_format(struct ask *ask)
{
	uint32_t format = member(ask, SPAN("response_format"));
	uint32_t type = json_find(&ask->doc, format, SPAN("type"));

	if (!json_is(&ask->doc, type, JSON_STRING))
		return;
	if (span_eq(json_raw(&ask->doc, type), SPAN("\"json_object\""))) {
		ask->format = FORMAT_JSON_OBJECT;
	} else if (span_eq(
		       json_raw(&ask->doc, type), SPAN("\"json_schema\""))) {
		ask->format = FORMAT_JSON_SCHEMA;
		ask->schema = json_find(&ask->doc,
		    json_find(&ask->doc, format, SPAN("json_schema")),
		    SPAN("schema"));
	}
}

static bool read_messages(struct ask *ask, struct ask_fault *fault)
{
	uint32_t messages = member(ask, SPAN("messages")), last = JSON_NONE;
	bool is_after_tool = false;
	uint64_t bytes = 0;

	if (!is_given(ask, messages)) {
		refuse(fault, "Missing required parameter: 'messages'.",
		    "messages");
		fault->code = "missing_required_parameter";
		return false;
	}
	if (!json_is(&ask->doc, messages, JSON_ARRAY) ||
	    json_count(&ask->doc, messages) == 0)
		return refuse(fault,
		    "Invalid 'messages': expected an array with at least one "
		    "message.",
		    "messages");
	json_for_each(&ask->doc, messages, message) {
		uint32_t role = json_find(&ask->doc, message, SPAN("role"));
		uint32_t text = JSON_NONE;

		if (!json_is(&ask->doc, role, JSON_STRING))
			return refuse(fault,
			    "Missing required parameter: 'messages[].role'.",
			    "messages");
		bytes += measure_content(
		    ask, json_find(&ask->doc, message, SPAN("content")), &text);
		if (span_eq(json_raw(&ask->doc, role), SPAN("\"user\"")))
			last = text;
		is_after_tool =
		    span_eq(json_raw(&ask->doc, role), SPAN("\"tool\""));
	}
	ask->last_text = last == JSON_NONE
			     ? SPAN("")
			     : json_text(&ask->doc, last, ask->arena);
	ask->prompt_tokens = ask_tokens(bytes);
	choose_tool(ask, is_after_tool);
	read_format(ask);
	return true;
}

/* --- completions and embeddings --------------------------------------------
 */

/* Tokens of one prompt or input: text, or an array of token numbers. */
static uint64_t measure_input(const struct ask *ask, uint32_t node)
{
	if (json_is(&ask->doc, node, JSON_STRING))
		return ask_tokens(text_bytes(ask, node));
	return json_count(&ask->doc, node);
}

static bool is_input(const struct ask *ask, uint32_t node)
{
	if (json_is(&ask->doc, node, JSON_STRING))
		return true;
	if (!json_is(&ask->doc, node, JSON_ARRAY) ||
	    json_count(&ask->doc, node) == 0)
		return false;
	json_for_each(&ask->doc, node, item) {
		if (!json_is(&ask->doc, item, JSON_NUMBER))
			return false;
	}
	return true;
}

static bool read_inputs(
    struct ask *ask, struct span name, struct ask_fault *fault)
{
	uint32_t inputs = member(ask, name), last = inputs;

	ask->inputs = inputs;
	ask->prompts = 1;
	if (is_input(ask, inputs)) {
		ask->prompt_tokens = measure_input(ask, inputs);
	} else {
		ask->prompts = (unsigned)json_count(&ask->doc, inputs);
		if (!json_is(&ask->doc, inputs, JSON_ARRAY) ||
		    ask->prompts == 0)
			return refuse(fault,
			    "Expected a string, an array of strings or an "
			    "array of tokens.",
			    name.ptr);
		json_for_each(&ask->doc, inputs, item) {
			if (!is_input(ask, item))
				return refuse(fault,
				    "Expected a string or an array of tokens "
				    "in each place of the array.",
				    name.ptr);
			ask->prompt_tokens += measure_input(ask, item);
			last = item;
		}
	}
	if (json_is(&ask->doc, last, JSON_STRING))
		ask->last_text = json_text(&ask->doc, last, ask->arena);
	return true;
}

static bool read_embedding_form(struct ask *ask, struct ask_fault *fault)
{
	uint32_t format = member(ask, SPAN("encoding_format"));
	int64_t dimensions = ask->dimensions;

	if (is_given(ask, format)) {
		ask->is_base64 =
		    span_eq(json_raw(&ask->doc, format), SPAN("\"base64\""));
		if (!ask->is_base64 &&
		    !span_eq(json_raw(&ask->doc, format), SPAN("\"float\"")))
			return refuse(fault,
			    "Invalid 'encoding_format': expected 'float' or "
			    "'base64'.",
			    "encoding_format");
	}
	if (!read_int(
		ask, SPAN("dimensions"), 1, ASK_DIMENSIONS_MAX, &dimensions))
		return refuse(
		    fault, "Invalid value for 'dimensions'.", "dimensions");
	ask->dimensions = (unsigned)dimensions;
	return true;
}

/* --- all of them -----------------------------------------------------------
 */

static bool read_numbers(struct ask *ask, struct ask_fault *fault)
{
	int64_t n = 1, top = 0;
	uint32_t logprobs = member(ask, SPAN("logprobs"));

	if (!read_int(ask, SPAN("n"), 1, ASK_CHOICES_MAX, &n))
		return refuse(fault, "Invalid value for 'n'.", "n");
	if (!read_int(
		ask, SPAN("max_tokens"), 0, INT32_MAX, &ask->max_tokens) ||
	    !read_int(ask, SPAN("max_completion_tokens"), 0, INT32_MAX,
		&ask->max_tokens))
		return refuse(
		    fault, "Invalid value for 'max_tokens'.", "max_tokens");
	if (!read_int(ask, SPAN("top_logprobs"), 0, 20, &top))
		return refuse(
		    fault, "Invalid value for 'top_logprobs'.", "top_logprobs");
	ask->n = (unsigned)n;
	ask->wants_logprobs = is_true(ask, logprobs);
	ask->top_logprobs = (unsigned)top;
	if (ask->endpoint == ENDPOINT_TEXT &&
	    json_is(&ask->doc, logprobs, JSON_NUMBER))
		ask->wants_logprobs = true;
	return true;
}

static bool read_endpoint(struct ask *ask, struct ask_fault *fault)
{
	switch (ask->endpoint) {
	case ENDPOINT_CHAT:
		return read_messages(ask, fault);
	case ENDPOINT_TEXT:
		return read_inputs(ask, SPAN("prompt"), fault);
	case ENDPOINT_EMBEDDINGS:
		return read_inputs(ask, SPAN("input"), fault) &&
		       read_embedding_form(ask, fault);
	}
	return false;
}

bool ask_read(struct ask *ask, struct span body, struct ask_fault *fault)
{
	struct json_fault json_fault;
	uint32_t model;

	ask->prompts = 1;
	ask->max_tokens = -1;
	ask->tool = JSON_NONE;
	ask->schema = JSON_NONE;
	ask->dimensions = 256;
	if (!json_parse(body, ask->arena, &ask->doc, &json_fault) ||
	    !json_is(&ask->doc, 0, JSON_OBJECT))
		return refuse(fault,
		    "We could not parse the JSON body of your request.", NULL);
	model = member(ask, SPAN("model"));
	if (!json_is(&ask->doc, model, JSON_STRING))
		return refuse(
		    fault, "you must provide a model parameter", NULL);
	ask->model = json_text(&ask->doc, model, ask->arena);
	ask->is_stream = is_true(ask, member(ask, SPAN("stream")));
	ask->wants_usage = is_true(
	    ask, json_find(&ask->doc, member(ask, SPAN("stream_options")),
		     SPAN("include_usage")));
	read_stops(ask);
	return read_numbers(ask, fault) && read_endpoint(ask, fault);
}
