/* openai_split_read.c -- what of an answer is told where, in which words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_split.h"

/* --- the tables ------------------------------------------------------------
 */

#define LOGPROBS_MAX 16 /* members; one that has more is told as a whole */

/* In the order in which a model says them. */
static const struct split_source chat_sources[] = {
    {SPAN("reasoning_content"), SPLIT_TEXT, false,
	SPAN(",\"delta\":{\"reasoning_content\":\"")},
    {SPAN("reasoning"), SPLIT_TEXT, false,
	SPAN(",\"delta\":{\"reasoning\":\"")},
    {SPAN("content"), SPLIT_TEXT, true, SPAN(",\"delta\":{\"content\":\"")},
    {SPAN("refusal"), SPLIT_TEXT, true, SPAN(",\"delta\":{\"refusal\":\"")},
    {SPAN("tool_calls"), SPLIT_CALLS, false,
	SPAN(",\"delta\":{\"tool_calls\":[")},
    {SPAN("function_call"), SPLIT_OBJECT, false,
	SPAN(",\"delta\":{\"function_call\":")},
};

static const struct split_source text_sources[] = {
    {SPAN("text"), SPLIT_TEXT, true, SPAN(",\"text\":\"")},
};

/* The names that every event repeats. */
static const struct span facts[] = {
    SPAN("id"),
    SPAN("object"),
    SPAN("created"),
    SPAN("model"),
    SPAN("service_tier"),
    SPAN("system_fingerprint"),
};

const struct split_source *split_source(
    const struct split *split, struct span name)
{
	for (unsigned i = 0; i < split->n_sources; i++) {
		if (span_eq(name, split->sources[i].name))
			return &split->sources[i];
	}
	return NULL;
}

/* --- helpers ---------------------------------------------------------------
 */

/* Joins <n> spans in the arena; ptr NULL, and is_full, without room. */
static struct span concat(
    struct split *split, const struct span *spans, size_t n)
{
	size_t len = 0;
	char *text, *at;

	for (size_t i = 0; i < n; i++)
		len += spans[i].len;
	text = at = arena_alloc(split->arena, len);
	if (!text) {
		split->is_full = true;
		return span_make(NULL, 0);
	}
	for (size_t i = 0; i < n; i++) {
		if (spans[i].len > 0)
			at = mempcpy(at, spans[i].ptr, spans[i].len);
	}
	return span_make(text, len);
}

#define CONCAT(split, ...)                                                     \
	concat((split), (const struct span[]){__VA_ARGS__},                    \
	    sizeof((const struct span[]){__VA_ARGS__}) / sizeof(struct span))

static struct span raw_of(const struct split *split, uint32_t node)
{
	return node == JSON_NONE ? span_make(NULL, 0)
				 : json_raw(&split->doc, node);
}

static bool is_string(const struct split *split, uint32_t node, size_t least)
{
	return json_is(&split->doc, node, JSON_STRING) &&
	       raw_of(split, node).len >= least + 2;
}

static bool is_null(const struct split *split, uint32_t node)
{
	return node == JSON_NONE || json_is(&split->doc, node, JSON_NULL);
}

static bool is_empty_list(const struct split *split, uint32_t node)
{
	return json_is(&split->doc, node, JSON_ARRAY) &&
	       json_first(&split->doc, node) == JSON_NONE;
}

/* An object in which no member stands twice. */
static bool is_plain_object(const struct split *split, uint32_t node)
{
	struct json_fault fault;

	return json_is(&split->doc, node, JSON_OBJECT) &&
	       json_keys_are_unique(&split->doc, node, split->arena, &fault);
}

/* --- the top ---------------------------------------------------------------
 */

static bool is_fact(struct span name)
{
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		if (span_eq(name, facts[i]))
			return true;
	}
	return false;
}

bool split_is_extra(const struct split *split, uint32_t key)
{
	struct span name = openai_text(&split->doc, key, split->arena);

	return !is_fact(name) && !span_eq(name, SPAN("choices")) &&
	       !span_eq(name, SPAN("usage"));
}

/* The head is made of six members at most: they stand once each. */
static bool read_top(struct split *split, bool has_usage)
{
	const struct json_doc *doc = &split->doc;
	uint32_t usage = json_find(doc, 0, SPAN("usage"));

	if (!is_null(split, json_find(doc, 0, SPAN("error"))))
		return false;
	split->usage =
	    has_usage && json_is(doc, usage, JSON_OBJECT) ? usage : JSON_NONE;
	split->head = SPAN("data: {");
	for (uint32_t key = json_first(doc, 0); key != JSON_NONE;
	     key = openai_next_key(doc, 0, key)) {
		struct span name = openai_text(doc, key, split->arena);
		struct span value = json_raw(doc, key + 1);

		if (!is_fact(name))
			continue;
		if (span_eq(value, SPAN("\"chat.completion\"")) &&
		    span_eq(name, SPAN("object")))
			value = SPAN("\"chat.completion.chunk\"");
		split->head = CONCAT(split, split->head, json_raw(doc, key),
		    SPAN(":"), value, SPAN(","));
	}
	return !split->is_full;
}

/* What ends events, put together once. */
static void write_ends(struct split *split)
{
	struct span quote = split->is_chat ? SPAN("\"},") : SPAN("\",");
	struct span reason = SPAN("\"finish_reason\":null");

	split->end = split->usage == JSON_NONE ? SPAN("}]}\n\n")
					       : SPAN("}],\"usage\":null}\n\n");
	split->close = CONCAT(split, quote, reason, split->end);
	split->close_null = CONCAT(
	    split, quote, SPAN("\"logprobs\":null,"), reason, split->end);
	split->close_logprobs = CONCAT(split, quote, SPAN("\"logprobs\":"));
	split->end_logprobs = CONCAT(split, SPAN(","), reason, split->end);
}

/* --- choices ---------------------------------------------------------------
 */

bool split_is_told(
    const struct split *split, const struct split_source *source, uint32_t node)
{
	switch (source->kind) {
	case SPLIT_TEXT:
		return is_string(split, node, 1);
	case SPLIT_CALLS:
		return json_is(&split->doc, node, JSON_ARRAY) &&
		       !is_empty_list(split, node);
	case SPLIT_OBJECT:
		return json_is(&split->doc, node, JSON_OBJECT);
	}
	return false;
}

/* Whether calls are objects that say no other index than their place. */
static bool are_calls(const struct split *split, uint32_t array)
{
	int64_t position = 0;

	json_for_each(&split->doc, array, call) {
		uint32_t index = json_find(&split->doc, call, SPAN("index"));
		int64_t said = position;

		if (!json_is(&split->doc, call, JSON_OBJECT) ||
		    (index != JSON_NONE &&
			!json_int(&split->doc, index, &said)) ||
		    said != position++)
			return false;
	}
	return json_is(&split->doc, array, JSON_ARRAY);
}

/* Whether <node> is what its source can tell, or says nothing. */
static bool is_tellable(
    const struct split *split, const struct split_source *source, uint32_t node)
{
	if (is_null(split, node))
		return true;
	switch (source->kind) {
	case SPLIT_TEXT:
		return is_string(split, node, 0);
	case SPLIT_CALLS:
		return are_calls(split, node);
	case SPLIT_OBJECT:
		return json_is(&split->doc, node, JSON_OBJECT);
	}
	return false;
}

/*
 * Whether the choice's logprobs can be told token by token: nothing but lists,
 * each beside a text of its own or, in completions, all beside the one.
 */
static bool has_columns(
    const struct split *split, const struct split_choice *choice)
{
	const struct json_doc *doc = &split->doc;
	size_t n = 0, lists = 0;

	if (!is_plain_object(split, choice->logprobs) ||
	    json_count(doc, choice->logprobs) > LOGPROBS_MAX)
		return false;
	if (!split->is_chat)
		n = json_count(
		    doc, json_find(doc, choice->logprobs, SPAN("tokens")));
	for (uint32_t key = json_first(doc, choice->logprobs); key != JSON_NONE;
	     key = openai_next_key(doc, choice->logprobs, key)) {
		struct span name = openai_text(doc, key, split->arena);
		const struct split_source *source = split_source(split, name);

		if (is_null(split, key + 1) || is_empty_list(split, key + 1))
			continue;
		if (!name.ptr || !json_is(doc, key + 1, JSON_ARRAY) ||
		    lists++ == COLUMNS_MAX)
			return false;
		if (split->is_chat
			? !source || !source->has_logprobs ||
			      !is_string(split,
				  json_find(doc, choice->message, name), 1)
			: json_count(doc, key + 1) != n)
			return false;
	}
	return lists > 0 &&
	       (split->is_chat ||
		   is_string(
		       split, json_find(doc, choice->node, SPAN("text")), 1));
}

static bool read_message(
    const struct split *split, const struct split_choice *choice)
{
	const struct json_doc *doc = &split->doc;
	uint32_t audio = json_find(doc, choice->message, SPAN("audio"));

	if (!is_null(split, audio))
		return false;
	for (unsigned i = 0; i < split->n_sources; i++) {
		const struct split_source *source = &split->sources[i];

		if (!is_tellable(split, source,
			json_find(doc, choice->message, source->name)))
			return false;
	}
	return split->is_chat ||
	       is_string(split, json_find(doc, choice->node, SPAN("text")), 0);
}

/* <position> among the choices is its index where it says none. */
static bool read_choice(struct split *split, struct split_choice *choice,
    uint32_t node, size_t position)
{
	const struct json_doc *doc = &split->doc;
	uint32_t index = json_find(doc, node, SPAN("index"));
	uint32_t reason = json_find(doc, node, SPAN("finish_reason"));

	choice->node = node;
	choice->message =
	    split->is_chat ? json_find(doc, node, SPAN("message")) : node;
	choice->logprobs = json_find(doc, node, SPAN("logprobs"));
	choice->index = raw_of(split, index);
	choice->finish_reason = raw_of(split, reason);
	if (!is_plain_object(split, node) || !is_string(split, reason, 1) ||
	    (split->is_chat && !is_plain_object(split, choice->message)) ||
	    !read_message(split, choice))
		return false;
	if (index == JSON_NONE) {
		char digits[24];

		choice->index =
		    arena_copy(split->arena, span_decimal(position, digits));
	}
	choice->has_columns = has_columns(split, choice);
	choice->run = arena_new(split->arena, struct split_run);
	return choice->run && choice->index.ptr;
}

/* Whether the choices say each index below their number once. */
static bool has_all_indices(const struct split *split)
{
	bool *is_there = arena_zalloc(split->arena, split->n);

	for (size_t i = 0; is_there && i < split->n; i++) {
		uint32_t node = json_find(
		    &split->doc, split->choices[i].node, SPAN("index"));
		int64_t index = (int64_t)i;

		if (node != JSON_NONE && !json_int(&split->doc, node, &index))
			return false;
		if (index < 0 || (uint64_t)index >= split->n || is_there[index])
			return false;
		is_there[index] = true;
	}
	return is_there;
}

bool split_read(struct split *split, bool has_usage)
{
	const struct json_doc *doc = &split->doc;
	uint32_t choices;
	size_t n = 0;

	split->sources = split->is_chat ? chat_sources : text_sources;
	split->n_sources =
	    split->is_chat ? sizeof(chat_sources) / sizeof(chat_sources[0]) : 1;
	if (!is_plain_object(split, 0) || !read_top(split, has_usage))
		return false;
	write_ends(split);
	choices = json_find(doc, 0, SPAN("choices"));
	if (!json_is(doc, choices, JSON_ARRAY))
		return false;
	split->n = json_count(doc, choices);
	split->choices =
	    arena_zalloc(split->arena, split->n * sizeof(*split->choices));
	if (!split->choices || split->n == 0)
		return false;
	json_for_each(doc, choices, node) {
		if (!read_choice(split, &split->choices[n], node, n))
			return false;
		n++;
	}
	return has_all_indices(split) && !split->is_full;
}

/* --- runs ------------------------------------------------------------------
 */

/*
 * The columns of a text's tokens, with the choice's logprobs around them: a
 * list that goes with another text is null here.
 */
static void read_columns(struct split *split, const struct split_choice *choice,
    const struct split_source *source, struct token_columns *columns)
{
	const struct json_doc *doc = &split->doc;
	struct span text = SPAN("{");
	bool is_first = true;

	for (uint32_t key = json_first(doc, choice->logprobs); key != JSON_NONE;
	     key = openai_next_key(doc, choice->logprobs, key)) {
		struct span name = openai_text(doc, key, split->arena);
		struct span value = json_raw(doc, key + 1);
		bool is_list = json_is(doc, key + 1, JSON_ARRAY) &&
			       !is_empty_list(split, key + 1);

		text = CONCAT(split, text, is_first ? SPAN("") : SPAN(","),
		    json_raw(doc, key), SPAN(":"));
		is_first = false;
		if (!is_list ||
		    (split->is_chat && !span_eq(name, source->name))) {
			text =
			    CONCAT(split, text, is_list ? SPAN("null") : value);
			continue;
		}
		columns->before[columns->n] = CONCAT(split, text, SPAN("["));
		columns->array[columns->n] = key + 1;
		columns->at[columns->n++] = json_first(doc, key + 1);
		text = SPAN("]");
	}
	columns->after = CONCAT(split, text, SPAN("}"));
}

/* Which column names the tokens. */
static size_t find_names(const struct split *split,
    const struct split_choice *choice, const struct token_columns *columns)
{
	uint32_t tokens =
	    json_find(&split->doc, choice->logprobs, SPAN("tokens"));
	size_t i = 0;

	while (!split->is_chat && columns->array[i] != tokens)
		i++;
	return i;
}

static void begin_text(struct split *split, const struct split_choice *choice,
    uint32_t node, struct split_run *run)
{
	struct span raw = json_raw(&split->doc, node);

	run->text = span_make(raw.ptr + 1, raw.len - 2);
	if (!choice->has_columns || !run->source->has_logprobs)
		return;
	read_columns(split, choice, run->source, &run->columns);
	if (run->columns.n == 0)
		return;
	run->columns.names = find_names(split, choice, &run->columns);
	run->columns.decoded = openai_text(&split->doc, node, split->arena);
	split->is_full |= !run->columns.decoded.ptr;
}

/*
 * Servers that are changing the name of reasoning send it under both, in the
 * same deltas: apart, it would be read twice.
 */
static bool is_sent_twice(
    const struct split *split, const struct split_choice *choice)
{
	const struct json_doc *doc = &split->doc;
	uint32_t old =
	    json_find(doc, choice->message, SPAN("reasoning_content"));
	uint32_t new = json_find(doc, choice->message, SPAN("reasoning"));

	return is_string(split, old, 1) && is_string(split, new, 1) &&
	       span_eq(json_raw(doc, old), json_raw(doc, new));
}

bool split_next_run(struct split *split, struct split_choice *choice)
{
	const struct json_doc *doc = &split->doc;
	struct split_run *run = choice->run;

	while (choice->next < split->n_sources) {
		const struct split_source *source =
		    &split->sources[choice->next++];
		uint32_t node = json_find(doc, choice->message, source->name);

		if (!split_is_told(split, source, node))
			continue;
		*run = (struct split_run){.source = source};
		run->open =
		    CONCAT(split, split->head, SPAN("\"choices\":[{\"index\":"),
			choice->index, source->open);
		if (source->kind == SPLIT_TEXT)
			begin_text(split, choice, node, run);
		else if (source->kind == SPLIT_CALLS)
			run->array = node;
		run->node =
		    source->kind == SPLIT_CALLS ? json_first(doc, node) : node;
		if (split->is_chat && source == &chat_sources[0] &&
		    is_sent_twice(split, choice)) {
			run->again = SPAN("\",\"reasoning\":\"");
			choice->next++;
		}
		return !split->is_full;
	}
	run->source = NULL;
	return false;
}
