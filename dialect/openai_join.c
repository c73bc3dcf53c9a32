/* openai_join.c -- a stream's events, added up to the answer they tell. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_join.h"

#include "dialect/events.h"

#define MEMBERS_MAX 64 /* of one object: looking one up is linear */
#define CHOICES_MAX 4096
#define CALLS_MAX 128 /* of one choice */

/* --- the tables ------------------------------------------------------------
 */

#define RULES(name, n_max, ...)                                                \
	static const struct join_rule name##_table[] = {__VA_ARGS__};          \
	static const struct join_rules name = {.rules = name##_table,          \
	    .max = (n_max),                                                    \
	    .needs_index = (n_max) == CALLS_MAX}
#define OTHERS(how)                                                            \
	{                                                                      \
		SPAN(""), how, NULL                                            \
	}

RULES(function_rules, 0, {SPAN("name"), JOIN_FACT, NULL},
    {SPAN("arguments"), JOIN_TEXT, NULL}, {SPAN("input"), JOIN_TEXT, NULL},
    OTHERS(JOIN_LAST));

RULES(call_rules, CALLS_MAX, {SPAN("index"), JOIN_SKIP, NULL},
    {SPAN("id"), JOIN_FACT, NULL}, {SPAN("type"), JOIN_FACT, NULL},
    {SPAN("function"), JOIN_OBJECT, &function_rules},
    {SPAN("custom"), JOIN_OBJECT, &function_rules}, OTHERS(JOIN_LAST));

RULES(delta_rules, 0, {SPAN("role"), JOIN_FACT, NULL},
    {SPAN("content"), JOIN_TEXT, NULL},
    {SPAN("reasoning_content"), JOIN_TEXT, NULL},
    {SPAN("reasoning"), JOIN_TEXT, NULL}, {SPAN("refusal"), JOIN_TEXT, NULL},
    {SPAN("tool_calls"), JOIN_NUMBERED, &call_rules},
    {SPAN("function_call"), JOIN_OBJECT, &function_rules},
    {SPAN("reasoning_details"), JOIN_LIST, NULL},
    {SPAN("annotations"), JOIN_LIST, NULL}, {SPAN("audio"), JOIN_REFUSE, NULL},
    OTHERS(JOIN_LAST));

RULES(logprobs_rules, 0, OTHERS(JOIN_EITHER));

/* Some servers repeat beside each delta all that was said: it says no more. */
RULES(chat_rules, CHOICES_MAX, {SPAN("index"), JOIN_FACT, NULL},
    {SPAN("delta"), JOIN_OBJECT, &delta_rules},
    {SPAN("message"), JOIN_SKIP, NULL},
    {SPAN("logprobs"), JOIN_OBJECT, &logprobs_rules},
    {SPAN("finish_reason"), JOIN_FACT, NULL},
    {SPAN("token_ids"), JOIN_LIST, NULL}, {SPAN("usage"), JOIN_USAGE, NULL},
    OTHERS(JOIN_LAST));

RULES(text_rules, CHOICES_MAX, {SPAN("index"), JOIN_FACT, NULL},
    {SPAN("text"), JOIN_TEXT, NULL},
    {SPAN("logprobs"), JOIN_OBJECT, &logprobs_rules},
    {SPAN("finish_reason"), JOIN_FACT, NULL},
    {SPAN("token_ids"), JOIN_LIST, NULL}, {SPAN("usage"), JOIN_USAGE, NULL},
    OTHERS(JOIN_LAST));

#define TOP_RULES(name, choice_rules)                                          \
	RULES(name, 0, {SPAN("id"), JOIN_FACT, NULL},                          \
	    {SPAN("object"), JOIN_KIND, NULL},                                 \
	    {SPAN("created"), JOIN_FACT, NULL},                                \
	    {SPAN("model"), JOIN_FACT, NULL},                                  \
	    {SPAN("service_tier"), JOIN_FACT, NULL},                           \
	    {SPAN("system_fingerprint"), JOIN_FACT, NULL},                     \
	    {SPAN("choices"), JOIN_NUMBERED, &(choice_rules)},                 \
	    {SPAN("obfuscation"), JOIN_SKIP, NULL},                            \
	    {SPAN("error"), JOIN_REFUSE, NULL}, OTHERS(JOIN_LAST))

TOP_RULES(chat_top_rules, chat_rules);
TOP_RULES(text_top_rules, text_rules);

/* --- members ---------------------------------------------------------------
 */

struct join_member *join_find(
    const struct join_object *object, struct span name)
{
	struct join_member *member = object->first;

	while (member && !span_eq(member->name, name))
		member = member->next;
	return member;
}

static const struct join_rule *find_rule(
    const struct join_rules *rules, struct span name)
{
	const struct join_rule *rule = rules->rules;

	while (rule->name.len > 0 && !span_eq(rule->name, name))
		rule++;
	return rule;
}

struct join_member *join_add(
    struct join *join, struct join_object *object, struct span name)
{
	struct join_member *member;

	if (object->n == MEMBERS_MAX)
		return NULL;
	member = arena_new(join->arena, struct join_member);
	if (!member)
		return NULL;
	member->name = name;
	if (object->last)
		object->last->next = member;
	else
		object->first = member;
	object->last = member;
	object->n++;
	return member;
}

/*
 * The member whose key is node <key>, made where it is new. Chunks of one
 * stream name the same members in the same order, so the one after the last is
 * looked at first.
 */
static struct join_member *get_member(struct join *join,
    struct join_object *object, const struct join_rules *rules, uint32_t key)
{
	struct span name = openai_text(&join->doc, key, &join->scratch);
	struct join_member *member =
	    object->hint ? object->hint->next : object->first;

	if (!name.ptr)
		return NULL;
	if (!member || !span_eq(member->name, name))
		member = join_find(object, name);
	if (!member) {
		/* What was decoded lies in memory that the next event takes. */
		if (join->doc.nodes[key].has_escape)
			name = arena_copy(join->arena, name);
		member = name.ptr ? join_add(join, object, name) : NULL;
		if (!member)
			return NULL;
		member->key = json_raw(&join->doc, key);
		member->rule = find_rule(rules, name);
		member->how = member->rule->how;
	}
	object->hint = member;
	return member;
}

/* --- values ----------------------------------------------------------------
 */

static bool add_piece(
    struct join *join, struct join_member *member, struct span bytes)
{
	struct join_piece *piece;

	if (bytes.len == 0)
		return true;
	piece = arena_alloc(join->arena, sizeof(*piece));
	if (!piece)
		return false;
	*piece = (struct join_piece){.bytes = bytes};
	if (member->last_piece)
		member->last_piece->next = piece;
	else
		member->first_piece = piece;
	member->last_piece = piece;
	return true;
}

static bool add_text(
    struct join *join, struct join_member *member, uint32_t node)
{
	const struct json_node *n = &join->doc.nodes[node];
	struct span text =
	    span_make(join->doc.text.ptr + n->start + 1, n->end - n->start - 2);

	if (n->type != JSON_STRING)
		return false;
	if (text.len > 0) {
		join->n_texts++;
		join->said_by = member;
		join->said = n->has_escape ? span_make(NULL, 0) : text;
	}
	return add_piece(join, member, text);
}

static bool add_list(
    struct join *join, struct join_member *member, uint32_t node)
{
	const struct json_node *n = &join->doc.nodes[node];

	if (n->type != JSON_ARRAY)
		return false;
	if (n->next == node + 1)
		return true;
	join->n_lists++;
	return add_piece(join, member,
	    span_trim(span_make(
		join->doc.text.ptr + n->start + 1, n->end - n->start - 2)));
}

/* Whether the value says as little as null: an empty string, 0. */
static bool is_nothing(const struct join *join, uint32_t node)
{
	struct span raw = json_raw(&join->doc, node);

	return span_eq(raw, SPAN("\"\"")) || span_eq(raw, SPAN("0"));
}

static bool add_value(
    struct join *join, struct join_member *member, uint32_t node)
{
	if (member->has_value && member->how != JOIN_LAST &&
	    is_nothing(join, node))
		return true;
	member->last = json_raw(&join->doc, node);
	return true;
}

static bool add_kind(
    struct join *join, struct join_member *member, uint32_t node)
{
	if (span_eq(
		openai_text(&join->doc, node, &join->scratch), SPAN("error")))
		return false;
	return add_value(join, member, node);
}

static bool add_usage(struct join *join, uint32_t node)
{
	if (json_is(&join->doc, node, JSON_OBJECT))
		join->usage_elsewhere = json_raw(&join->doc, node);
	return true;
}

/* The object at <index>, made where it is new; NULL past a maximum. */
static struct join_object *get_object(
    struct join *join, struct join_numbered *list, size_t index)
{
	if (index >= list->cap) {
		size_t cap = list->cap ? list->cap : 1;
		struct join_object **at;

		while (cap <= index)
			cap *= 2;
		at = arena_zalloc(
		    join->arena, cap * sizeof(struct join_object *));
		if (!at)
			return NULL;
		if (list->n > 0)
			memcpy(at, list->at,
			    list->n * sizeof(struct join_object *));
		list->at = at;
		list->cap = cap;
	}
	if (!list->at[index])
		list->at[index] = arena_new(join->arena, struct join_object);
	if (index >= list->n)
		list->n = index + 1;
	return list->at[index];
}

static bool add_object(struct join *join, struct join_object *object,
    const struct join_rules *rules, uint32_t node);

static bool add_numbered(
    struct join *join, struct join_member *member, uint32_t node)
{
	const struct join_rules *rules = member->rule->inside;
	size_t position = 0;

	if (!json_is(&join->doc, node, JSON_ARRAY))
		return false;
	json_for_each(&join->doc, node, item) {
		uint32_t at = json_find(&join->doc, item, SPAN("index"));
		int64_t index = (int64_t)position++;
		struct join_object *object;

		if (at == JSON_NONE ? rules->needs_index
				    : !json_int(&join->doc, at, &index))
			return false;
		if (index < 0 || (uint64_t)index >= rules->max)
			return false;
		object = get_object(join, &member->numbered, (size_t)index);
		if (!object || !add_object(join, object, rules, item))
			return false;
	}
	return true;
}

static bool add_inside(
    struct join *join, struct join_member *member, uint32_t node)
{
	if (!member->object)
		member->object = arena_new(join->arena, struct join_object);
	return member->object &&
	       add_object(join, member->object, member->rule->inside, node);
}

static bool add_member_value(
    struct join *join, struct join_member *member, uint32_t node)
{
	if (member->how == JOIN_EITHER)
		member->how = json_is(&join->doc, node, JSON_ARRAY) ? JOIN_LIST
								    : JOIN_LAST;
	switch (member->how) {
	case JOIN_LAST:
	case JOIN_FACT:
		return add_value(join, member, node);
	case JOIN_KIND:
		return add_kind(join, member, node);
	case JOIN_TEXT:
		return add_text(join, member, node);
	case JOIN_LIST:
		return add_list(join, member, node);
	case JOIN_OBJECT:
		return add_inside(join, member, node);
	case JOIN_NUMBERED:
		return add_numbered(join, member, node);
	case JOIN_USAGE:
		return add_usage(join, node);
	case JOIN_SKIP:
		return true;
	case JOIN_EITHER:
	case JOIN_REFUSE:
		break;
	}
	return false;
}

/*
 * Adds object node <node> to <object>. It and what it calls go no deeper than
 * the tables do.
 */
static bool add_object(struct join *join, struct join_object *object,
    const struct join_rules *rules, uint32_t node)
{
	if (!json_is(&join->doc, node, JSON_OBJECT))
		return false;
	object->hint = NULL;
	object->round++;
	for (uint32_t key = json_first(&join->doc, node); key != JSON_NONE;
	     key = openai_next_key(&join->doc, node, key)) {
		struct join_member *member =
		    get_member(join, object, rules, key);

		/* Which of two would count, nobody knows. */
		if (!member || member->round == object->round)
			return false;
		member->round = object->round;
		if (json_is(&join->doc, key + 1, JSON_NULL)) {
			if (!member->has_value)
				member->last = json_raw(&join->doc, key + 1);
			continue;
		}
		if (!add_member_value(join, member, key + 1))
			return false;
		member->has_value = true;
	}
	return true;
}

/* --- events ----------------------------------------------------------------
 */

/* Groq says what a stream used in a member of its own. */
static void find_groq_usage(struct join *join)
{
	uint32_t groq = json_find(&join->doc, 0, SPAN("x_groq"));
	uint32_t usage = json_find(&join->doc, groq, SPAN("usage"));

	if (usage != JSON_NONE)
		(void)add_usage(join, usage);
}

static bool add_event(
    struct join *join, enum endpoint endpoint, struct span data)
{
	struct json_fault fault;

	join->n_texts = join->n_lists = 0;
	join->said = span_make(NULL, 0);
	arena_reset(&join->scratch);
	if (!json_parse(data, &join->scratch, &join->doc, &fault))
		return false;
	if (!add_object(join, &join->top,
		endpoint == ENDPOINT_CHAT ? &chat_top_rules : &text_top_rules,
		0))
		return false;
	find_groq_usage(join);
	return true;
}

/*
 * Adds all events. Most are like the one before but for the text that they say
 * (see openai_stream.c): where that text is all that an event added, one like
 * it adds its own text to the same member, and nothing else.
 */
static bool add_events(
    struct join *join, enum endpoint endpoint, struct span text)
{
	struct dialect_stream stream = {0};
	struct events events;
	struct event event;
	struct span said;

	events_init(&events, text);
	while (events_next(&events, join->arena, &event)) {
		if (event_is_done(&event))
			return true;
		if (!event.has_data)
			continue;
		if (!event.is_whole || event.is_named_error)
			return false;
		if (openai_is_alike(&stream, event.data, &said)) {
			if (!add_piece(join, join->said_by, said))
				return false;
			continue;
		}
		if (!add_event(join, endpoint, event.data))
			return false;
		if (join->n_texts != 1 || join->n_lists != 0)
			join->said = span_make(NULL, 0);
		openai_remember(&stream, event.data, join->said);
	}
	return !events.is_full;
}

bool dialect_join(enum endpoint endpoint, struct span events,
    struct arena *arena, struct buf *out)
{
	struct join join = {.arena = arena};
	size_t len = buf_len(out);
	bool is_joined;

	if (endpoint != ENDPOINT_CHAT && endpoint != ENDPOINT_COMPLETIONS)
		return false;
	arena_init(&join.scratch, arena->max);
	is_joined = add_events(&join, endpoint, events) &&
		    join_finish(&join, endpoint, out);
	arena_free(&join.scratch);
	if (!is_joined)
		out->end = out->start + len;
	return is_joined;
}
