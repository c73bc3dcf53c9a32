/* reply_call.c -- one call: its name, its id, its arguments. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "local/reply/reply_state.h"

/* A decoded string of REPLY_HELD_MAX bytes, its one node, and rounding. */
#define DECODE_MAX (REPLY_HELD_MAX + 4096)

void reply_call_reset(struct reply *reply)
{
	memset(&reply->call, 0, sizeof(reply->call));
}

void reply_call_set_name(struct reply *reply, struct span name)
{
	struct reply_call *call = &reply->call;

	call->has_name = name.len > 0 && name.len <= sizeof(call->name);
	for (size_t i = 0; i < name.len; i++)
		if ((uint8_t)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f)
			call->has_name = false;
	if (!call->has_name)
		return;
	memcpy(call->name, name.ptr, name.len);
	call->name_len = name.len;
}

static bool is_letter_or_digit(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

void reply_call_set_id(struct reply *reply, struct span id)
{
	if (id.len != REPLY_ID_LEN || !reply->format->has_ids)
		return;
	for (size_t i = 0; i < id.len; i++)
		if (!is_letter_or_digit(id.ptr[i]))
			return;
	memcpy(reply->call.id, id.ptr, id.len);
	reply->call.id_len = id.len;
}

static bool may_call(const struct reply *reply)
{
	const struct reply_call *call = &reply->call;
	const struct span name = span_make(call->name, call->name_len);

	if (!call->has_name || reply->n_calls >= REPLY_CALLS_MAX)
		return false;
	for (size_t i = 0; i < reply->n_tools; i++)
		if (span_eq(name, reply->tools[i]))
			return true;
	return reply->n_tools == 0;
}

/* ---- telling ---- */

/* Source of the mixing: splitmix64, Steele, Lea and Flood, 2014. */
static void make_letters(uint64_t seed, size_t len, char *out)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789";

	for (size_t i = 0; i < len; i++) {
		uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		out[i] = letters[(z ^ z >> 31) % (sizeof(letters) - 1)];
	}
}

static void begin(struct reply *reply)
{
	static const char prefix[] = "call_";
	const struct reply_call *call = &reply->call;
	/* Apart from each other by more steps than an id takes. */
	uint64_t seed = reply->seed + UINT64_C(0xd1342543de82ef95) *
					  (reply->n_calls + UINT64_C(1));
	char made[sizeof(prefix) - 1 + 24];
	struct reply_part part = {
	    .kind = REPLY_CALL,
	    .call = reply->n_calls,
	    .name = span_make(call->name, call->name_len),
	    .id = span_make(call->id, call->id_len),
	};

	if (call->id_len == 0 && reply->format->has_ids) {
		make_letters(seed, REPLY_ID_LEN, made);
		part.id = span_make(made, REPLY_ID_LEN);
	} else if (call->id_len == 0) {
		memcpy(made, prefix, sizeof(prefix) - 1);
		make_letters(seed, 24, made + sizeof(prefix) - 1);
		part.id = span_make(made, sizeof(made));
	}
	reply_tell(reply, &part);
	reply->n_calls++;
	reply->is_edge = true;
}

static void end(struct reply *reply, bool is_whole)
{
	const struct reply_part part = {
	    .kind = REPLY_CALL_END,
	    .call = reply->n_calls - 1,
	    .is_whole = is_whole,
	};

	reply_tell(reply, &part);
	reply->call.arguments = ARGUMENTS_TOLD;
}

static void tell_whole(struct reply *reply, struct span arguments)
{
	begin(reply);
	reply_run(reply, REPLY_ARGUMENTS, arguments);
	end(reply, true);
	reply_drop(reply);
}

void reply_call_break(struct reply *reply)
{
	if (reply->call.arguments == ARGUMENTS_STREAMING)
		end(reply, false);
}

/* ---- strings ---- */

/* The text of a JSON string that is known to be one, in <arena>. */
static struct span decode(struct span quoted, struct arena *arena)
{
	struct json_doc doc;
	struct json_fault fault;

	if (!json_parse(quoted, arena, &doc, &fault))
		return span_make(NULL, 0);
	return json_text(&doc, 0, arena);
}

/*
 * Tells a call whose arguments are held. A model that was shown its earlier
 * calls with the arguments as an OpenAI client sends them, a string of JSON,
 * writes such a string itself: then they are the string's text.
 */
static bool tell_held(struct reply *reply)
{
	const struct reply_call *call = &reply->call;
	const struct span held = buf_span(&reply->held);
	struct span arguments = span_make(
	    held.ptr + call->args_from, call->args_to - call->args_from);
	struct arena arena;
	bool is_fine;

	arena_init(&arena, DECODE_MAX);
	if (arguments.ptr[0] == '"')
		arguments = decode(arguments, &arena);
	is_fine = reply_json_is_object(arguments);
	if (is_fine)
		tell_whole(reply, arguments);
	arena_free(&arena);
	return is_fine;
}

/* ---- members ---- */

static bool may_tell_early(const struct reply *reply)
{
	/* An id stands behind the arguments, but has to be told before. */
	return !reply->holds_calls &&
	       !(reply->format->has_ids && reply->call.level > 1);
}

static struct span since(const struct reply *reply, size_t from)
{
	return span_from(buf_span(&reply->held), from);
}

/* A key has ended: false when a call has no such member, or has it. */
static bool take_key(struct reply *reply)
{
	struct reply_call *call = &reply->call;
	struct arena arena;
	struct span key;

	arena_init(&arena, DECODE_MAX);
	key = decode(since(reply, call->from), &arena);
	call->member = MEMBER_OTHER;
	if (span_eq(key, SPAN("name")))
		call->member = MEMBER_NAME;
	else if (span_eq(key, SPAN("id")))
		call->member = MEMBER_ID;
	else if (span_eq(key, SPAN("arguments")) ||
		 span_eq(key, SPAN("parameters")))
		call->member = MEMBER_ARGUMENTS;
	if (call->is_bare && call->member == MEMBER_OTHER &&
	    !span_eq(key, SPAN("type")))
		call->member = MEMBER_NONE;
	arena_free(&arena);
	if (call->member == MEMBER_NAME)
		return !call->has_name;
	if (call->member == MEMBER_ARGUMENTS)
		return call->arguments == ARGUMENTS_NONE;
	return call->member != MEMBER_NONE;
}

static bool open_arguments(struct reply *reply, char c)
{
	struct reply_call *call = &reply->call;

	if (c != '{' && c != '"')
		return false;
	call->args_from = call->from;
	call->arguments = ARGUMENTS_OPEN;
	if (c != '{' || !call->has_name || !may_tell_early(reply))
		return true;
	begin(reply);
	reply_run(reply, REPLY_ARGUMENTS, SPAN("{"));
	reply_drop(reply);
	call->arguments = ARGUMENTS_STREAMING;
	return true;
}

/* A member's value has begun with <c>. */
static bool open_value(struct reply *reply, char c)
{
	if (reply->call.member == MEMBER_NAME)
		return c == '"';
	if (reply->call.member == MEMBER_ARGUMENTS)
		return open_arguments(reply, c);
	return true;
}

static bool take_name(struct reply *reply)
{
	struct reply_call *call = &reply->call;
	struct arena arena;

	arena_init(&arena, DECODE_MAX);
	reply_call_set_name(reply, decode(since(reply, call->from), &arena));
	arena_free(&arena);
	if (!may_call(reply))
		return false;
	if (call->arguments == ARGUMENTS_READY && may_tell_early(reply))
		return tell_held(reply);
	return true;
}

static bool close_arguments(struct reply *reply)
{
	struct reply_call *call = &reply->call;

	if (call->arguments == ARGUMENTS_STREAMING) {
		end(reply, true);
		return true;
	}
	call->args_to = buf_len(&reply->held);
	call->arguments = ARGUMENTS_READY;
	if (call->has_name && may_tell_early(reply))
		return tell_held(reply);
	return true;
}

/* A member's string or container has ended. */
static bool close_value(struct reply *reply)
{
	struct span value = since(reply, reply->call.from);

	switch (reply->call.member) {
	case MEMBER_NAME:
		return take_name(reply);
	case MEMBER_ARGUMENTS:
		return close_arguments(reply);
	case MEMBER_ID:
		if (value.len == REPLY_ID_LEN + 2 && value.ptr[0] == '"')
			reply_call_set_id(
			    reply, span_make(value.ptr + 1, REPLY_ID_LEN));
		return true;
	default:
		return true;
	}
}

/* The object has ended. */
static bool close_object(struct reply *reply)
{
	struct reply_call *call = &reply->call;

	if (call->arguments == ARGUMENTS_READY && call->has_name)
		return tell_held(reply);
	if (call->arguments == ARGUMENTS_NONE && call->has_name &&
	    !call->is_bare)
		tell_whole(reply, SPAN("{}"));
	return call->arguments == ARGUMENTS_TOLD;
}

/* ---- bytes ---- */

bool reply_call_open(struct reply *reply, const struct reply_rule *rule)
{
	struct reply_call *call = &reply->call;

	call->back = rule->back;
	call->is_bare = rule->place == PLACE_START;
	call->from = buf_len(&reply->held) - 1;
	reply_json_init(&call->json);
	if (reply_json_next(&call->json, '{') == REPLY_JSON_BAD)
		return false;
	if (rule->next == PLACE_OBJECT) {
		call->level = 2;
		return true;
	}
	call->level = 1;
	call->member = MEMBER_ARGUMENTS;
	return may_call(reply) && open_arguments(reply, '{');
}

static bool take_event(struct reply *reply, enum reply_json_event event, char c)
{
	struct reply_call *call = &reply->call;
	uint8_t depth = call->json.depth;
	bool is_container = c == '{' || c == '[';
	bool is_member;

	if (event == REPLY_JSON_VALUE_ENDED && depth == 0)
		return (call->level > 1 || close_arguments(reply)) &&
		       close_object(reply);
	is_member =
	    call->level == 2 &&
	    depth == (event == REPLY_JSON_VALUE_BEGAN && is_container ? 2 : 1);
	if (!is_member)
		return true;
	switch (event) {
	case REPLY_JSON_KEY_BEGAN:
		call->from = buf_len(&reply->held) - 1;
		return true;
	case REPLY_JSON_KEY_ENDED:
		return take_key(reply);
	case REPLY_JSON_VALUE_BEGAN:
		call->from = buf_len(&reply->held) - 1;
		return open_value(reply, c);
	case REPLY_JSON_VALUE_ENDED:
		return close_value(reply);
	default:
		return true;
	}
}

enum reply_call_result reply_call_byte(struct reply *reply, char c)
{
	struct reply_call *call = &reply->call;
	enum reply_json_event event = reply_json_next(&call->json, (uint8_t)c);
	bool is_held = call->arguments != ARGUMENTS_STREAMING;

	if (event == REPLY_JSON_BAD ||
	    (is_held && !buf_append(&reply->held, span_make(&c, 1))))
		return CALL_BROKEN;
	if (!is_held)
		reply_run(reply, REPLY_ARGUMENTS, span_make(&c, 1));
	if (!take_event(reply, event, c))
		return CALL_REFUSED;
	return call->json.depth == 0 ? CALL_DONE : CALL_ON;
}
