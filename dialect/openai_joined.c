/* openai_joined.c -- the answer that a stream's events have added up to. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_join.h"

/* --- from chunks to an answer ----------------------------------------------
 */

/* Gives the member whose key is <key> one value, whatever it had. */
static bool set(struct join *join, struct join_object *object, struct span key,
    struct span value)
{
	struct span name = span_make(key.ptr + 1, key.len - 2);
	struct join_member *member = join_find(object, name);

	if (!member)
		member = join_add(join, object, name);
	if (!member)
		return false;
	member->key = key;
	member->how = JOIN_LAST;
	member->has_value = true;
	member->last = value;
	return true;
}

/* Whether any of it was said. */
static bool has_said(const struct join_object *message, struct span name)
{
	const struct join_member *member = join_find(message, name);

	return member &&
	       (member->first_piece || member->object || member->numbered.n);
}

/*
 * A message always says whose it is and what its content is, which is null
 * where there is another thing to read; the first delta of many servers says ""
 * before it is known what will come.
 */
static bool settle_message(struct join *join, struct join_object *message)
{
	const struct join_member *role = join_find(message, SPAN("role"));
	bool has_content = join_find(message, SPAN("content")) != NULL;
	bool has_other = has_said(message, SPAN("refusal")) ||
			 has_said(message, SPAN("tool_calls")) ||
			 has_said(message, SPAN("function_call"));

	if ((!role || !role->has_value) &&
	    !set(join, message, SPAN("\"role\""), SPAN("\"assistant\"")))
		return false;
	if (has_content && (!has_other || has_said(message, SPAN("content"))))
		return true;
	return set(join, message, SPAN("\"content\""), SPAN("null"));
}

static bool is_finished(const struct join_object *choice)
{
	const struct join_member *reason =
	    join_find(choice, SPAN("finish_reason"));

	return reason && reason->last.len > 2 && reason->last.ptr[0] == '"';
}

static bool settle_choice(
    struct join *join, enum endpoint endpoint, const struct join_object *choice)
{
	const bool is_chat = endpoint == ENDPOINT_CHAT;
	struct join_member *said =
	    choice ? join_find(choice, is_chat ? SPAN("delta") : SPAN("text"))
		   : NULL;

	if (!said || !said->has_value || !is_finished(choice))
		return false;
	if (!is_chat)
		return true;
	said->key = SPAN("\"message\"");
	return settle_message(join, said->object);
}

static bool settle_usage(struct join *join)
{
	struct join_member *usage = join_find(&join->top, SPAN("usage"));

	if (usage && usage->has_value)
		return true;
	if (join->usage_elsewhere.ptr)
		return set(
		    join, &join->top, SPAN("\"usage\""), join->usage_elsewhere);
	/* Only a stream says that there is none yet. */
	if (usage)
		usage->how = JOIN_SKIP;
	return true;
}

static bool settle(struct join *join, enum endpoint endpoint)
{
	struct join_member *choices = join_find(&join->top, SPAN("choices"));
	struct join_member *kind = join_find(&join->top, SPAN("object"));

	if (!choices || choices->numbered.n == 0)
		return false;
	for (size_t i = 0; i < choices->numbered.n; i++) {
		if (!settle_choice(join, endpoint, choices->numbered.at[i]))
			return false;
	}
	if (kind && span_eq(kind->last, SPAN("\"chat.completion.chunk\"")))
		kind->last = SPAN("\"chat.completion\"");
	return settle_usage(join);
}

/* --- writing ---------------------------------------------------------------
 */

struct writer {
	struct buf *out;
	bool is_full; /* something did not fit, or is missing */
};

static void put(struct writer *w, struct span bytes)
{
	w->is_full = w->is_full || !buf_append(w->out, bytes);
}

static void put_pieces(
    struct writer *w, const struct join_member *member, struct span between)
{
	const struct join_piece *piece = member->first_piece;

	for (; piece; piece = piece->next) {
		if (piece != member->first_piece)
			put(w, between);
		put(w, piece->bytes);
	}
}

static void put_object(struct writer *w, const struct join_object *object);

static void put_numbered(struct writer *w, const struct join_numbered *numbered)
{
	put(w, SPAN("["));
	for (size_t i = 0; i < numbered->n; i++) {
		if (i > 0)
			put(w, SPAN(","));
		if (numbered->at[i])
			put_object(w, numbered->at[i]);
		else
			w->is_full = true;
	}
	put(w, SPAN("]"));
}

static void put_value(struct writer *w, const struct join_member *member)
{
	if (!member->has_value) {
		put(w, SPAN("null"));
		return;
	}
	switch (member->how) {
	case JOIN_TEXT:
		put(w, SPAN("\""));
		put_pieces(w, member, SPAN(""));
		put(w, SPAN("\""));
		break;
	case JOIN_LIST:
		put(w, SPAN("["));
		put_pieces(w, member, SPAN(","));
		put(w, SPAN("]"));
		break;
	case JOIN_OBJECT:
		put_object(w, member->object);
		break;
	case JOIN_NUMBERED:
		put_numbered(w, &member->numbered);
		break;
	case JOIN_LAST:
	case JOIN_FACT:
	case JOIN_KIND:
	case JOIN_EITHER:
	case JOIN_USAGE:
	case JOIN_SKIP:
	case JOIN_REFUSE:
		put(w, member->last);
		break;
	}
}

/* As deep as the tables of openai_join.c, and no deeper. */
static void put_object(struct writer *w, const struct join_object *object)
{
	const struct join_member *member = object->first;
	bool is_first = true;

	put(w, SPAN("{"));
	for (; member; member = member->next) {
		if (member->how == JOIN_SKIP || member->how == JOIN_USAGE)
			continue;
		if (!is_first)
			put(w, SPAN(","));
		is_first = false;
		put(w, member->key);
		put(w, SPAN(":"));
		put_value(w, member);
	}
	put(w, SPAN("}"));
}

bool join_finish(struct join *join, enum endpoint endpoint, struct buf *out)
{
	struct writer w = {.out = out};

	if (!settle(join, endpoint))
		return false;
	put_object(&w, &join->top);
	return !w.is_full;
}
