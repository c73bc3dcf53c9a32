/* openai_answer.c -- looks at answers and stream chunks; changes nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai.h"

/*
 * A chunk and a whole answer have the same shape but for delta and message, so
 * one walk reads both. It runs for every event that is relayed: each object's
 * members are visited once, and text is measured, not copied, unless it has
 * escapes. What an upstream says twice counts as its last word.
 */
struct answer_reader {
	struct json_doc doc;
	struct arena *arena;
	uint32_t usage;        /* top level: node, or JSON_NONE */
	uint32_t groq_usage;   /* x_groq.usage */
	uint32_t choice_usage; /* choices[].usage, the last one */
	bool is_error;
	bool has_choices; /* the member is an array */
	bool has_data;    /* the member is an array */
	bool has_content;
	bool has_tool_calls;
	bool has_audio;
	bool is_cut; /* a finish_reason that is no good end */
	size_t choices;
	size_t finished;        /* choices with a finish_reason */
	uint64_t choice_bits;   /* by index, as a chunk says them */
	uint64_t finished_bits; /* likewise */
	size_t output_bytes;
	int64_t output_estimate; /* tokens of the same text */
	unsigned outputs;        /* members that say something */
	uint32_t output_node;    /* the last of them */
};

/* --- content ---------------------------------------------------------------
 */

/*
 * The decoded length of a string, whose tokens are counted on the way; 0 for
 * any other node or none.
 */
static size_t text_len(struct answer_reader *r, uint32_t node)
{
	struct span text;

	if (node == JSON_NONE)
		return 0;
	text = openai_text(&r->doc, node, r->arena);
	r->output_estimate += dialect_estimate_tokens(text);
	return text.len;
}

/* Whether the value says anything: not null, false, "", [] or {}. */
static bool is_something(const struct answer_reader *r, uint32_t node)
{
	const struct json_node *n = &r->doc.nodes[node];

	switch ((enum json_type)n->type) {
	case JSON_STRING:
		return n->end - n->start > 2;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return n->next > node + 1;
	case JSON_NULL:
	case JSON_FALSE:
		return false;
	case JSON_NUMBER:
	case JSON_TRUE:
		break;
	}
	return true;
}

/*
 * Content is a string, or a list of parts whose texts stand in text or, for
 * Mistral's thinking, one list deeper.
 */
static size_t content_len(struct answer_reader *r, uint32_t node)
{
	size_t len = text_len(r, node);

	json_for_each(&r->doc, node, part) {
		uint32_t inner = json_find(&r->doc, part, SPAN("thinking"));

		len += text_len(r, json_find(&r->doc, part, SPAN("text")));
		json_for_each(&r->doc, inner, piece)
			len += text_len(
			    r, json_find(&r->doc, piece, SPAN("text")));
	}
	return len;
}

static size_t call_len(struct answer_reader *r, uint32_t function)
{
	const struct json_doc *doc = &r->doc;

	return text_len(r, json_find(doc, function, SPAN("name"))) +
	       text_len(r, json_find(doc, function, SPAN("arguments"))) +
	       text_len(r, json_find(doc, function, SPAN("input")));
}

static size_t calls_len(struct answer_reader *r, uint32_t calls)
{
	size_t len = 0;

	json_for_each(&r->doc, calls, call) {
		len += call_len(r, json_find(&r->doc, call, SPAN("function")));
		len += call_len(r, json_find(&r->doc, call, SPAN("custom")));
	}
	return len;
}

static size_t transcript_len(struct answer_reader *r, uint32_t audio)
{
	return text_len(r, json_find(&r->doc, audio, SPAN("transcript")));
}

/* Members of a delta, a message, or a choice that are the model's output. */
static const struct output {
	struct span name;
	size_t (*len)(struct answer_reader *r, uint32_t node);
	bool is_tool_call;
	bool is_reasoning; /* servers may send the same under two names */
	bool is_audio;
} outputs[] = {
    {SPAN("content"), content_len, false, false, false},
    {SPAN("reasoning_content"), text_len, false, true, false},
    {SPAN("reasoning"), text_len, false, true, false},
    {SPAN("refusal"), text_len, false, false, false},
    {SPAN("tool_calls"), calls_len, true, false, false},
    {SPAN("function_call"), call_len, true, false, false},
    {SPAN("audio"), transcript_len, false, false, true},
};

static const struct output *find_output(struct span name)
{
	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
		if (span_eq(name, outputs[i].name))
			return &outputs[i];
	}
	return NULL;
}

/* A delta or a message. */
static void read_message(struct answer_reader *r, uint32_t node)
{
	int64_t reasoning_estimate = 0;
	size_t reasoning = 0;

	if (!json_is(&r->doc, node, JSON_OBJECT))
		return;
	for (uint32_t key = json_first(&r->doc, node); key != JSON_NONE;
	     key = openai_next_key(&r->doc, node, key)) {
		const struct output *output =
		    find_output(openai_text(&r->doc, key, r->arena));
		int64_t before = r->output_estimate;
		size_t len;

		if (!output || !is_something(r, key + 1))
			continue;
		r->has_content = true;
		r->has_tool_calls |= output->is_tool_call;
		r->has_audio |= output->is_audio;
		r->outputs++;
		r->output_node = key + 1;
		len = output->len(r, key + 1);
		if (!output->is_reasoning) {
			r->output_bytes += len;
			continue;
		}
		if (len > reasoning) {
			reasoning = len;
			reasoning_estimate = r->output_estimate - before;
		}
		r->output_estimate = before;
	}
	r->output_bytes += reasoning;
	r->output_estimate += reasoning_estimate;
}

/*
 * Ends that the model came to, or that were asked for. Any other is the
 * upstream's doing (content_filter, abort, error, insufficient resources) or
 * a call.
 */
static bool is_good_end(struct span reason)
{
	static const struct span ends[] = {
	    SPAN("stop"),
	    SPAN("length"),
	    SPAN("eos"),
	    SPAN("eos_token"),
	    SPAN("end_turn"),
	    SPAN("stop_sequence"),
	    SPAN("max_tokens"),
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (span_eq(reason, ends[i]))
			return true;
	}
	return false;
}

/* The bit of the choice that says <index>, or is the <position>th. */
static uint64_t choice_bit(
    const struct json_doc *doc, uint32_t index, size_t position)
{
	int64_t value;

	if (index == JSON_NONE || !json_int(doc, index, &value))
		value = (int64_t)position;
	return (uint64_t)1 << (value < 0 || value > 63 ? 63 : value);
}

static void read_choice(struct answer_reader *r, uint32_t node)
{
	uint32_t index = JSON_NONE;
	bool is_finished = false;
	uint64_t bit;

	r->choices++;
	if (!json_is(&r->doc, node, JSON_OBJECT))
		return;
	for (uint32_t key = json_first(&r->doc, node); key != JSON_NONE;
	     key = openai_next_key(&r->doc, node, key)) {
		struct span name = openai_text(&r->doc, key, r->arena);

		if (span_eq(name, SPAN("delta")) ||
		    span_eq(name, SPAN("message"))) {
			read_message(r, key + 1);
		} else if (span_eq(name, SPAN("finish_reason"))) {
			is_finished = is_something(r, key + 1);
			r->is_cut |=
			    is_finished && !is_good_end(openai_text(
					       &r->doc, key + 1, r->arena));
		} else if (span_eq(name, SPAN("index"))) {
			index = key + 1;
		} else if (span_eq(name, SPAN("text"))) {
			r->has_content |= is_something(r, key + 1);
			r->outputs++;
			r->output_node = key + 1;
			r->output_bytes += text_len(r, key + 1);
		} else if (span_eq(name, SPAN("usage")) &&
			   json_is(&r->doc, key + 1, JSON_OBJECT)) {
			r->choice_usage = key + 1;
		}
	}
	bit = choice_bit(&r->doc, index, r->choices - 1);
	r->choice_bits |= bit;
	r->finished += is_finished;
	r->finished_bits |= is_finished ? bit : 0;
}

/* --- the walk --------------------------------------------------------------
 */

static void read_top_member(
    struct answer_reader *r, struct span name, uint32_t value)
{
	const struct json_doc *doc = &r->doc;
	enum json_type type = json_type(doc, value);

	if (span_eq(name, SPAN("choices"))) {
		r->has_choices = type == JSON_ARRAY;
		json_for_each(doc, value, choice)
			read_choice(r, choice);
	} else if (span_eq(name, SPAN("usage"))) {
		r->usage = type == JSON_OBJECT ? value : JSON_NONE;
	} else if (span_eq(name, SPAN("x_groq"))) {
		uint32_t usage = json_find(doc, value, SPAN("usage"));

		if (json_is(doc, usage, JSON_OBJECT))
			r->groq_usage = usage;
	} else if (span_eq(name, SPAN("error"))) {
		r->is_error |= is_something(r, value) || type == JSON_OBJECT;
	} else if (span_eq(name, SPAN("object"))) {
		r->is_error |=
		    span_eq(openai_text(doc, value, r->arena), SPAN("error"));
	} else if (span_eq(name, SPAN("data"))) {
		r->has_data = type == JSON_ARRAY;
	}
}

/* Parses and walks; false when it is no JSON. */
static bool read_body(struct answer_reader *r, struct span body)
{
	struct json_fault fault;
	uint32_t top = 0;

	if (!json_parse(body, r->arena, &r->doc, &fault))
		return false;
	r->usage = r->groq_usage = r->choice_usage = JSON_NONE;
	/* Some errors come wrapped in an array (Gemini's compatible face). */
	if (json_is(&r->doc, top, JSON_ARRAY))
		top = json_first(&r->doc, top);
	if (!json_is(&r->doc, top, JSON_OBJECT))
		return true;
	for (uint32_t key = json_first(&r->doc, top); key != JSON_NONE;
	     key = openai_next_key(&r->doc, top, key))
		read_top_member(
		    r, openai_text(&r->doc, key, r->arena), key + 1);
	if (r->usage == JSON_NONE)
		r->usage = r->groq_usage;
	if (r->usage == JSON_NONE)
		r->usage = r->choice_usage;
	return true;
}

void dialect_read_answer(enum endpoint endpoint, struct span body,
    struct arena *arena, struct dialect_answer *answer)
{
	struct answer_reader r = {.arena = arena};

	*answer = (struct dialect_answer){0};
	if (!read_body(&r, body))
		return;
	answer->is_json = true;
	answer->is_error = r.is_error;
	answer->has_tool_calls = r.has_tool_calls;
	answer->has_audio = r.has_audio;
	answer->is_cut = r.is_cut;
	answer->is_finished = endpoint == ENDPOINT_EMBEDDINGS
				  ? r.has_data && !r.is_error
				  : r.choices > 0 && r.finished == r.choices;
	answer->output_bytes = r.output_bytes;
	answer->output_estimate = r.output_estimate;
	openai_read_usage(&r.doc, arena, endpoint, r.usage, &answer->usage);
}

/* The bytes of the one string that a plain delta says; ptr NULL for others. */
static struct span plain_output(const struct answer_reader *r)
{
	const struct json_node *node;

	if (r->outputs != 1 || r->has_tool_calls || r->finished > 0 ||
	    r->is_error || r->usage != JSON_NONE)
		return span_make(NULL, 0);
	node = &r->doc.nodes[r->output_node];
	if (node->type != JSON_STRING || node->has_escape)
		return span_make(NULL, 0);
	return span_make(
	    r->doc.text.ptr + node->start + 1, node->end - node->start - 2);
}

struct span openai_read_chunk(enum endpoint endpoint, struct span data,
    struct arena *arena, struct dialect_chunk *chunk)
{
	struct answer_reader r = {.arena = arena};

	*chunk = (struct dialect_chunk){0};
	if (data.len < 16 && span_eq(span_trim(data), SPAN("[DONE]"))) {
		chunk->is_done = true;
		return span_make(NULL, 0);
	}
	if (!read_body(&r, data))
		return span_make(NULL, 0);
	chunk->is_json = true;
	chunk->is_error = r.is_error;
	chunk->has_content = r.has_content;
	chunk->has_tool_calls = r.has_tool_calls;
	chunk->has_audio = r.has_audio;
	chunk->is_cut = r.is_cut;
	chunk->choices = r.choice_bits;
	chunk->finished = r.finished_bits;
	chunk->has_finish = r.finished > 0;
	chunk->has_usage = r.usage != JSON_NONE;
	chunk->is_usage_only =
	    chunk->has_usage && r.has_choices && r.choices == 0 && !r.is_error;
	chunk->output_bytes = r.output_bytes;
	chunk->output_estimate = r.output_estimate;
	if (chunk->has_usage)
		openai_read_usage(
		    &r.doc, arena, endpoint, r.usage, &chunk->usage);
	return plain_output(&r);
}
