/* reply.c -- the machine: bytes to reasoning, content and calls. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "local/reply/reply_state.h"

#include <assert.h>
#include <stdlib.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_text(enum reply_place place)
{
	return place >= PLACE_THINK_START && place <= PLACE_TEXT;
}

static bool is_reasoning(enum reply_place place)
{
	return place == PLACE_THINK_START || place == PLACE_THINK;
}

/* ---- telling ---- */

static void tell_run(struct reply *reply)
{
	const struct reply_part part = {
	    .kind = reply->run_kind,
	    .text = buf_span(&reply->run),
	    .call = reply->n_calls - (reply->run_kind == REPLY_ARGUMENTS),
	};

	if (part.text.len > 0)
		reply->fn(&part, reply->arg);
	buf_consume(&reply->run, part.text.len);
}

void reply_run(struct reply *reply, enum reply_kind kind, struct span text)
{
	bool has_room;

	if (kind != reply->run_kind)
		tell_run(reply);
	reply->run_kind = kind;
	has_room = buf_append(&reply->run, text);
	assert(has_room);
	(void)has_room;
}

void reply_tell(struct reply *reply, const struct reply_part *part)
{
	tell_run(reply);
	reply->fn(part, reply->arg);
}

void reply_drop(struct reply *reply)
{
	buf_consume(&reply->held, buf_len(&reply->held));
	reply->mark = 0;
}

/* ---- text ---- */

static enum reply_match match(const struct reply *reply, enum reply_place place,
    struct span text, const struct reply_rule **rule)
{
	enum reply_match found = MATCH_NONE, other = MATCH_NONE;

	if (reply->format)
		found = reply_format_match(reply->format, place, text, rule);
	if (found != MATCH_WHOLE && reply->thinks && is_text(place) &&
	    (is_reasoning(place) || !reply->has_thought))
		other = reply_format_match(&reply_thinking, place, text, rule);
	return other > found ? other : found;
}

/* Whether white space in text may turn out to stand before a mark. */
static bool holds_blanks(const struct reply *reply)
{
	return reply->format || reply->place != PLACE_TEXT;
}

/* How much of white space before content is dropped: up to its last line. */
static size_t edge_of(struct span text)
{
	size_t edge = 0;

	for (size_t i = 0; i < text.len && is_blank(text.ptr[i]); i++)
		if (text.ptr[i] == '\n')
			edge = i + 1;
	return edge;
}

/* The first <len> bytes of what is held are text. */
static void release(struct reply *reply, size_t len)
{
	struct span text = span_head(buf_span(&reply->held), len);
	enum reply_kind kind =
	    is_reasoning(reply->place) ? REPLY_REASONING : REPLY_CONTENT;

	if (len == 0)
		return;
	if (reply->is_edge)
		text = span_from(text, edge_of(text));
	reply->is_edge = false;
	if (text.len > 0)
		reply_run(reply, kind, text);
	buf_consume(&reply->held, len);
	if (reply->place == PLACE_START)
		reply->place = PLACE_TEXT;
	if (reply->place == PLACE_THINK_START)
		reply->place = PLACE_THINK;
}

/*
 * How much of the end of what is held stays so, since it can still begin a word
 * of the text that goes on there: of the last <len> bytes, with the white space
 * before them. Sets the mark for when the rest is released.
 */
static size_t keep_tail(struct reply *reply, size_t len)
{
	enum reply_place place =
	    is_reasoning(reply->place) ? PLACE_THINK : PLACE_TEXT;
	const struct span held = buf_span(&reply->held);
	const struct reply_rule *rule;
	size_t at;

	if (len > REPLY_WORD_MAX)
		len = REPLY_WORD_MAX;
	while (len > 0 && match(reply, place, span_from(held, held.len - len),
			      &rule) != MATCH_PREFIX)
		len--;
	at = held.len - len;
	while (holds_blanks(reply) && at > 0 && is_blank(held.ptr[at - 1]))
		at--;
	reply->mark = held.len - len - at;
	return held.len - at;
}

/* What is held is no call: it is content, but for what may begin one yet. */
static void fail(struct reply *reply)
{
	reply_call_break(reply);
	reply_call_reset(reply);
	reply->place = PLACE_TEXT;
	release(reply,
	    buf_len(&reply->held) - keep_tail(reply, buf_len(&reply->held)));
}

/* ---- words ---- */

static void collect(struct reply *reply, enum reply_deed deed)
{
	struct span held = buf_span(&reply->held);
	struct span letters =
	    span_make(held.ptr + reply->from, reply->mark - reply->from);

	if (deed == DEED_NAME)
		reply_call_set_name(reply, letters);
	else if (deed == DEED_ID)
		reply_call_set_id(reply, letters);
}

/* The word at <mark> is <rule>'s: false when what it opens cannot be. */
static bool follow(struct reply *reply, const struct reply_rule *rule)
{
	collect(reply, rule->deed);
	if (rule->deed == DEED_CLOSE)
		reply_drop(reply);
	if (is_text(rule->next))
		reply->is_edge = true;
	if (rule->next == PLACE_THINK)
		reply->has_thought = true;
	reply->place = rule->next;
	reply->mark = reply->from = buf_len(&reply->held);
	if (rule->next == PLACE_OBJECT || rule->next == PLACE_ARGUMENTS)
		return reply_call_open(reply, rule);
	return true;
}

static bool is_name_letter(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
	       c == '_' || c == '-' || c == '.' || c == '/' || c == ':';
}

static void text_byte(struct reply *reply, char c)
{
	const struct reply_rule *rule = NULL;
	struct span word;

	if (!buf_append(&reply->held, span_make(&c, 1))) {
		release(reply, buf_len(&reply->held));
		reply->mark = 0;
		text_byte(reply, c);
		return;
	}
	word = span_from(buf_span(&reply->held), reply->mark);
	if (word.len == 1 && is_blank(c) && holds_blanks(reply)) {
		reply->mark++;
		return;
	}
	switch (match(reply, reply->place, word, &rule)) {
	case MATCH_PREFIX:
		return;
	case MATCH_WHOLE:
		if (!follow(reply, rule))
			fail(reply);
		return;
	case MATCH_NONE:
		release(reply,
		    buf_len(&reply->held) - keep_tail(reply, word.len - 1));
		return;
	}
}

/* A byte around a call's JSON; false when it cannot stand there. */
static bool mark_byte(struct reply *reply, char c)
{
	enum reply_place letter = reply_place_after_letter(reply->place);
	const struct reply_rule *rule = NULL;
	size_t held = buf_len(&reply->held);

	if (!buf_append(&reply->held, span_make(&c, 1)))
		return false;
	if (held == reply->mark && is_blank(c) &&
	    reply_place_skips_blanks(reply->place)) {
		reply->mark = reply->from = held + 1;
		return true;
	}
	switch (match(reply, reply->place,
	    span_from(buf_span(&reply->held), reply->mark), &rule)) {
	case MATCH_PREFIX:
		return true;
	case MATCH_WHOLE:
		if (!follow(reply, rule))
			fail(reply);
		return true;
	case MATCH_NONE:
		break;
	}
	if (held == reply->mark && letter != PLACE_NONE && is_name_letter(c) &&
	    held - reply->from < REPLY_NAME_MAX) {
		reply->place = letter;
		reply->mark = held + 1;
		return true;
	}
	reply->held.end--; /* the byte is for the text that goes on here */
	return false;
}

static void byte(struct reply *reply, char c)
{
	if (is_text(reply->place)) {
		text_byte(reply, c);
		return;
	}
	if (reply->place == PLACE_OBJECT || reply->place == PLACE_ARGUMENTS) {
		switch (reply_call_byte(reply, c)) {
		case CALL_ON:
			return;
		case CALL_DONE:
			reply->place = reply->call.back;
			reply_call_reset(reply);
			reply_drop(reply);
			return;
		case CALL_REFUSED:
			fail(reply);
			return;
		case CALL_BROKEN:
			break;
		}
	} else if (mark_byte(reply, c)) {
		return;
	}
	fail(reply);
	text_byte(reply, c);
}

/* ---- life ---- */

static void copy_tools(struct reply *reply, const struct reply_options *options)
{
	size_t len = 0;
	char *at;

	for (size_t i = 0; i < options->n_tools; i++)
		len += options->tools[i].len;
	reply->tools = mem_alloc(options->n_tools * sizeof(struct span));
	reply->tool_text = at = mem_alloc(len);
	for (size_t i = 0; i < options->n_tools; i++) {
		struct span name = options->tools[i];

		reply->tools[i] = span_make(at, name.len);
		if (name.len > 0)
			memcpy(at, name.ptr, name.len);
		at += name.len;
	}
	reply->n_tools = options->n_tools;
}

struct reply *reply_new(const struct reply_options *options)
{
	struct reply *reply = mem_new(struct reply);

	reply->format = options->has_tools ? options->format : NULL;
	reply->thinks = options->thinks || options->starts_thinking;
	reply->holds_calls = options->holds_calls;
	reply->has_thought = options->starts_thinking;
	reply->is_edge = options->starts_thinking;
	reply->seed = options->seed;
	reply->place =
	    options->starts_thinking ? PLACE_THINK_START : PLACE_START;
	buf_init(&reply->held, REPLY_HELD_MAX);
	buf_init(&reply->run, REPLY_HELD_MAX + REPLY_SLICE_MAX + 8);
	copy_tools(reply, options);
	return reply;
}

void reply_free(struct reply **reply)
{
	struct reply *old = *reply;

	if (!old)
		return;
	free(old->tools);
	free(old->tool_text);
	buf_free(&old->held);
	buf_free(&old->run);
	free(old);
	*reply = NULL;
}

void reply_push(
    struct reply *reply, struct span piece, reply_part_fn *fn, void *arg)
{
	assert(!reply->has_ended);
	reply->fn = fn;
	reply->arg = arg;
	for (size_t i = 0; i < piece.len; i++) {
		size_t len = buf_len(&reply->run);
		bool is_inside = ((uint8_t)piece.ptr[i] & 0xc0) == 0x80;

		/* Not between two bytes of a character. */
		if (len >= REPLY_SLICE_MAX + (is_inside ? 3 : 0))
			tell_run(reply);
		byte(reply, piece.ptr[i]);
	}
	tell_run(reply);
}

void reply_finish(struct reply *reply, reply_part_fn *fn, void *arg)
{
	struct span held = buf_span(&reply->held);

	assert(!reply->has_ended);
	reply->has_ended = true;
	reply->fn = fn;
	reply->arg = arg;
	reply_call_break(reply);
	/* White space alone is nothing beside reasoning and calls. */
	if ((reply->is_edge || is_reasoning(reply->place)) &&
	    span_trim(held).len == 0)
		reply_drop(reply);
	release(reply, buf_len(&reply->held));
	tell_run(reply);
}

void reply_split(const struct reply_options *options, struct span text,
    reply_part_fn *fn, void *arg)
{
	struct reply *reply = reply_new(options);

	reply_push(reply, text, fn, arg);
	reply_finish(reply, fn, arg);
	reply_free(&reply);
}

uint32_t reply_calls(const struct reply *reply)
{
	return reply->n_calls;
}
