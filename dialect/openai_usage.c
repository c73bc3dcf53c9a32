/* openai_usage.c -- what an answer says that it used. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai.h"

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
static void read_counts(const struct json_doc *doc, struct arena *arena,
    uint32_t object, struct span inside, struct count counts[COUNTS])
{
	const size_t n = sizeof(count_names) / sizeof(count_names[0]);

	for (uint32_t key = json_first(doc, object); key != JSON_NONE;
	     key = openai_next_key(doc, object, key)) {
		struct span name = openai_text(doc, key, arena);

		for (size_t i = 0; i < n; i++) {
			const struct count_name *c = &count_names[i];

			if (!span_eq(c->object, inside)) {
				if (inside.len == 0 &&
				    span_eq(c->object, name) &&
				    json_is(doc, key + 1, JSON_OBJECT))
					read_counts(
					    doc, arena, key + 1, name, counts);
			} else if (span_eq(c->name, name)) {
				counts[c->count] = read_count(doc, key + 1);
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

void openai_read_usage(const struct json_doc *doc, struct arena *arena,
    enum endpoint endpoint, uint32_t node, struct dialect_usage *usage)
{
	struct count counts[COUNTS] = {0};

	if (node != JSON_NONE)
		read_counts(doc, arena, node, SPAN(""), counts);
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
