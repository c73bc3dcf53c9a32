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

/* --- usage -----------------------------------------------------------------
 */

/*
 * A count is a whole number from 0 to 2^63 - 1, as 12, 12.0 or 2e3; absent and
 * null say nothing, and anything else is no count.
 */
struct count {
	bool is_given;
	bool is_broken;
	int64_t value;
};

enum {
	PROMPT,
	COMPLETION,
	TOTAL,
	CACHED,
	CACHE_HIT,
	REASONING,
	COUNTS
};

/* Where each is found; a name inside of an object has the object before it. */
static const struct count_name {
	struct span object; /* empty: usage itself */
	struct span name;
	unsigned count;
} count_names[] = {
    {SPAN(""), SPAN("prompt_tokens"), PROMPT},
    {SPAN(""), SPAN("completion_tokens"), COMPLETION},
    {SPAN(""), SPAN("total_tokens"), TOTAL},
    {SPAN("prompt_tokens_details"), SPAN("cached_tokens"), CACHED},
    {SPAN(""), SPAN("prompt_cache_hit_tokens"), CACHE_HIT}, /* DeepSeek */
    {SPAN(""), SPAN("cached_tokens"), CACHE_HIT},           /* Moonshot */
    {SPAN("completion_tokens_details"), SPAN("reasoning_tokens"), REASONING},
};

static struct count read_count(const struct json_doc *doc, uint32_t node)
{
	struct count count = {0};

	if (json_is(doc, node, JSON_NULL))
		return count;
	count.is_given = json_int(doc, node, &count.value) && count.value >= 0;
	count.is_broken = !count.is_given;
	return count;
}

/* One level of usage: its own members, or those of the object <inside>. */
static void read_counts(struct answer_reader *r, uint32_t object,
    struct span inside, struct count counts[COUNTS])
{
	const size_t n = sizeof(count_names) / sizeof(count_names[0]);

	for (uint32_t key = json_first(&r->doc, object); key != JSON_NONE;
	     key = openai_next_key(&r->doc, object, key)) {
		struct span name = openai_text(&r->doc, key, r->arena);

		for (size_t i = 0; i < n; i++) {
			const struct count_name *c = &count_names[i];

			if (!span_eq(c->object, inside)) {
				if (inside.len == 0 &&
				    span_eq(c->object, name) &&
				    json_is(&r->doc, key + 1, JSON_OBJECT))
					read_counts(r, key + 1, name, counts);
			} else if (span_eq(c->name, name)) {
				counts[c->count] = read_count(&r->doc, key + 1);
			}
		}
	}
}

/* Input: OpenAI's prompt count holds the cached tokens. */
static void settle_input(
    const struct count counts[COUNTS], struct dialect_usage *usage)
{
	struct count prompt = counts[PROMPT];
	struct count cached = counts[CACHED];

	if (!cached.is_given && counts[CACHE_HIT].is_given)
		cached = counts[CACHE_HIT];
	usage->is_odd |= prompt.is_broken;
	if (!prompt.is_given)
		return;
	usage->has_input = true;
	usage->has_cached = cached.is_given;
	usage->cached_tokens = cached.value;
	usage->input_tokens = prompt.value;
	if (cached.is_broken) {
		/* No discount that nobody can read. */
		usage->cached_tokens = 0;
		usage->is_odd = true;
	} else if (cached.value > prompt.value) {
		/* They cannot be inside, so they stand beside. */
		usage->is_odd = true;
	} else {
		usage->input_tokens -= cached.value;
	}
}

/*
 * Output: reasoning is inside the completion count, unless the total leaves
 * room for exactly that many tokens more (xAI). A total that is larger for no
 * known reason is billed as output, since somebody counted it; a smaller one
 * is ignored.
 */
static void settle_output(
    const struct count counts[COUNTS], struct dialect_usage *usage)
{
	int64_t completion = counts[COMPLETION].value, beside = 0, parts;
	struct count reasoning = counts[REASONING], total = counts[TOTAL];

	usage->is_odd |= counts[COMPLETION].is_broken;
	if (!counts[COMPLETION].is_given)
		return;
	usage->has_output = true;
	usage->output_tokens = completion;
	usage->is_odd |= reasoning.is_broken;
	if (reasoning.is_broken)
		reasoning.value = 0;
	if (total.is_given && counts[PROMPT].is_given &&
	    !__builtin_add_overflow(counts[PROMPT].value, completion, &parts) &&
	    total.value > parts)
		beside = total.value - parts;
	if (beside > 0 && beside != reasoning.value)
		usage->is_odd = true;
	if (reasoning.value > completion && beside != reasoning.value) {
		usage->is_odd = true;
		if (reasoning.value > beside)
			beside = reasoning.value;
	}
	if (__builtin_add_overflow(completion, beside, &usage->output_tokens)) {
		usage->output_tokens = INT64_MAX;
		usage->is_odd = true;
	}
}

/* Embeddings have input only; a lone total is all input, and said to be odd. */
static void settle_embeddings(
    struct count counts[COUNTS], struct dialect_usage *usage)
{
	struct count *prompt = &counts[PROMPT];
	const struct count *total = &counts[TOTAL];

	if (total->is_given &&
	    (!prompt->is_given || total->value > prompt->value)) {
		*prompt = *total;
		usage->is_odd = true;
	}
	settle_input(counts, usage);
}

static void read_usage(struct answer_reader *r, enum endpoint endpoint,
    uint32_t node, struct dialect_usage *usage)
{
	struct count counts[COUNTS] = {0};

	if (node != JSON_NONE)
		read_counts(r, node, SPAN(""), counts);
	if (endpoint == ENDPOINT_EMBEDDINGS) {
		settle_embeddings(counts, usage);
		usage->has_output = true;
		return;
	}
	settle_input(counts, usage);
	settle_output(counts, usage);
}

void dialect_usage_merge(
    struct dialect_usage *into, const struct dialect_usage *from)
{
	bool was_odd = into->is_odd && !(from->has_input && from->has_output);
	struct dialect_usage old = *into;

	if (from->has_input) {
		into->has_input = true;
		into->input_tokens = from->input_tokens;
		into->cached_tokens = from->cached_tokens;
		into->has_cached = from->has_cached;
		/* The cached part was said earlier and is not said again. */
		if (!from->has_cached && old.has_cached &&
		    old.cached_tokens <= from->input_tokens) {
			into->has_cached = true;
			into->cached_tokens = old.cached_tokens;
			into->input_tokens -= old.cached_tokens;
		}
	}
	if (from->has_output) {
		into->has_output = true;
		into->output_tokens = from->output_tokens;
	}
	into->is_odd = was_odd || from->is_odd;
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
	read_usage(&r, endpoint, r.usage, &answer->usage);
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
		read_usage(&r, endpoint, r.usage, &chunk->usage);
	return plain_output(&r);
}
