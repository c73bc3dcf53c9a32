/* openai_split.c -- tells a whole answer as the events of a stream. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_split.h"

/*
 * Each event is put together from spans: what is the same in all events of a
 * run was joined once, before and after its text, so that a word costs a
 * handful of copies.
 */

/* --- writing ---------------------------------------------------------------
 */

#define PUT(split, ...)                                                        \
	put((split), (const struct span[]){__VA_ARGS__},                       \
	    sizeof((const struct span[]){__VA_ARGS__}) / sizeof(struct span))

static void put(struct split *split, const struct span *spans, size_t n)
{
	size_t len = 0;
	char *at;

	for (size_t i = 0; i < n; i++)
		len += spans[i].len;
	at = split->is_full ? NULL : buf_reserve(split->out, len);
	if (!at) {
		split->is_full = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (spans[i].len > 0)
			at = mempcpy(at, spans[i].ptr, spans[i].len);
	}
	buf_commit(split->out, len);
}

static void put_member(struct split *split, uint32_t key)
{
	PUT(split, json_raw(&split->doc, key), SPAN(":"),
	    json_raw(&split->doc, key + 1));
}

/*
 * Begins an event with <open>, which begins with the head. The first event
 * says behind its head what no other repeats.
 */
static void put_open(struct split *split, struct span open)
{
	const struct json_doc *doc = &split->doc;

	if (split->has_begun) {
		PUT(split, open);
		return;
	}
	split->has_begun = true;
	PUT(split, split->head);
	for (uint32_t key = json_first(doc, 0); key != JSON_NONE;
	     key = openai_next_key(doc, 0, key)) {
		if (!split_is_extra(split, key))
			continue;
		put_member(split, key);
		PUT(split, SPAN(","));
	}
	PUT(split, span_from(open, split->head.len));
}

static void put_choice_open(
    struct split *split, const struct split_choice *choice)
{
	put_open(split, split->head);
	PUT(split, SPAN("\"choices\":[{\"index\":"), choice->index);
}

/* After a text: its quote, and the event's end. */
static struct span close_of(
    const struct split *split, const struct split_choice *choice)
{
	return choice->logprobs == JSON_NONE ? split->close : split->close_null;
}

/* --- the events of a choice ------------------------------------------------
 */

/*
 * The first delta says whose message it is, and what is not told in pieces.
 * Content is there from the start, as "" or null.
 */
static void put_opening(struct split *split, const struct split_choice *choice)
{
	const struct json_doc *doc = &split->doc;
	bool is_first = true;

	put_choice_open(split, choice);
	PUT(split, SPAN(",\"delta\":{"));
	for (uint32_t key = json_first(doc, choice->message); key != JSON_NONE;
	     key = openai_next_key(doc, choice->message, key)) {
		struct span name = openai_text(doc, key, split->arena);
		struct span value = json_raw(doc, key + 1);
		const struct split_source *source = split_source(split, name);

		if (source && split_is_told(split, source, key + 1)) {
			if (span_eq(name, SPAN("content")))
				value = SPAN("\"\"");
			else if (span_eq(name, SPAN("refusal")))
				value = SPAN("null");
			else
				continue;
		}
		PUT(split, is_first ? SPAN("") : SPAN(","), json_raw(doc, key),
		    SPAN(":"), value);
		is_first = false;
	}
	PUT(split, span_from(close_of(split, choice), 1));
}

/* A piece with the probabilities of its tokens. */
static void put_tokens(struct split *split, struct split_run *run)
{
	struct token_columns *columns = &run->columns;
	struct token_piece piece;

	token_take(&split->doc, columns, run->text, split->arena, &piece);
	put_open(split, run->open);
	PUT(split, span_head(run->text, piece.len), split->close_logprobs);
	for (size_t i = 0; i < columns->n; i++)
		PUT(split, columns->before[i], piece.lists[i]);
	PUT(split, columns->after, split->end_logprobs);
	run->text = span_from(run->text, piece.len);
}

static bool has_tokens(const struct split_run *run)
{
	return run->columns.n > 0 &&
	       run->columns.at[run->columns.names] != JSON_NONE;
}

/* One event for each word, of all of the text or of the next alone. */
static void put_words(struct split *split, const struct split_choice *choice)
{
	const struct span close = close_of(split, choice);
	struct split_run *run = choice->run;
	const struct span open = run->open;

	do {
		struct span word = span_head(run->text, piece_word(run->text));
		size_t len = open.len + word.len + close.len;
		char *at = buf_reserve(split->out, len);

		if (!at) {
			split->is_full = true;
			return;
		}
		at = mempcpy(at, open.ptr, open.len);
		at = mempcpy(at, word.ptr, word.len);
		memcpy(at, close.ptr, close.len);
		buf_commit(split->out, len);
		run->text = span_from(run->text, word.len);
	} while (split->is_alone && run->text.len > 0);
}

static void put_text(struct split *split, const struct split_choice *choice)
{
	struct split_run *run = choice->run;
	struct span word;

	if (has_tokens(run)) {
		put_tokens(split, run);
		return;
	}
	if (split->has_begun && run->again.len == 0) {
		put_words(split, choice);
		return;
	}
	word = span_head(run->text, piece_word(run->text));
	run->text = span_from(run->text, word.len);
	put_open(split, run->open);
	if (run->again.len > 0)
		PUT(split, word, run->again);
	PUT(split, word, close_of(split, choice));
}

/* A call has in a stream the index that its place gives it in an answer. */
static void put_call(struct split *split, const struct split_choice *choice)
{
	const struct json_doc *doc = &split->doc;
	struct split_run *run = choice->run;
	struct span call = json_raw(doc, run->node);
	struct span end = span_from(close_of(split, choice), 1);
	char digits[24];

	put_open(split, run->open);
	if (json_find(doc, run->node, SPAN("index")) != JSON_NONE)
		PUT(split, call);
	else
		PUT(split, SPAN("{\"index\":"),
		    span_decimal(run->position, digits),
		    json_first(doc, run->node) == JSON_NONE ? SPAN("")
							    : SPAN(","),
		    span_from(call, 1));
	PUT(split, SPAN("]"), end);
	run->position++;
	run->node = json_after(doc, run->array, run->node);
}

/* Writes what comes next of the run; false once there is nothing left. */
static bool put_run(struct split *split, const struct split_choice *choice)
{
	struct split_run *run = choice->run;

	if (!run->source)
		return false;
	switch (run->source->kind) {
	case SPLIT_TEXT:
		put_text(split, choice);
		return run->text.len > 0 || has_tokens(run);
	case SPLIT_CALLS:
		put_call(split, choice);
		return run->node != JSON_NONE;
	case SPLIT_OBJECT:
		put_open(split, run->open);
		PUT(split, json_raw(&split->doc, run->node),
		    span_from(close_of(split, choice), 1));
		break;
	}
	return false;
}

/* Whether a choice's member <name> is told elsewhere than at its end. */
static bool is_told(const struct split *split, struct span name)
{
	if (split->is_chat
		? span_eq(name, SPAN("message")) || span_eq(name, SPAN("delta"))
		: span_eq(name, SPAN("text")))
		return true;
	return span_eq(name, SPAN("index")) ||
	       span_eq(name, SPAN("logprobs")) ||
	       span_eq(name, SPAN("finish_reason"));
}

/* The last event says why it ends, and what belongs to the whole choice. */
static void put_finish(struct split *split, const struct split_choice *choice)
{
	const struct json_doc *doc = &split->doc;

	put_choice_open(split, choice);
	PUT(split,
	    split->is_chat ? SPAN(",\"delta\":{}") : SPAN(",\"text\":\"\""));
	if (choice->logprobs != JSON_NONE)
		PUT(split, SPAN(",\"logprobs\":"),
		    choice->has_columns ? SPAN("null")
					: json_raw(doc, choice->logprobs));
	PUT(split, SPAN(",\"finish_reason\":"), choice->finish_reason);
	for (uint32_t key = json_first(doc, choice->node); key != JSON_NONE;
	     key = openai_next_key(doc, choice->node, key)) {
		if (is_told(split, openai_text(doc, key, split->arena)))
			continue;
		PUT(split, SPAN(","));
		put_member(split, key);
	}
	PUT(split, split->end);
}

/* --- turns -----------------------------------------------------------------
 */

/* Writes the choice's next event; false when it was the last. */
static bool take_turn(struct split *split, struct split_choice *choice)
{
	if (split->is_chat && !choice->is_opened) {
		choice->is_opened = true;
		put_opening(split, choice);
		return true;
	}
	if (choice->run->source || split_next_run(split, choice)) {
		if (!put_run(split, choice))
			choice->run->source = NULL;
		return true;
	}
	put_finish(split, choice);
	return false;
}

/* Each choice says a piece in its turn, until none is left. */
static bool put_choices(struct split *split)
{
	struct split_choice **active =
	    arena_alloc(split->arena, split->n * sizeof(struct split_choice *));
	size_t n = split->n;

	if (!active)
		return false;
	for (size_t i = 0; i < n; i++)
		active[i] = &split->choices[i];
	while (n > 0 && !split->is_full) {
		size_t left = 0;

		split->is_alone = n == 1;
		for (size_t i = 0; i < n; i++) {
			if (take_turn(split, active[i]))
				active[left++] = active[i];
		}
		n = left;
	}
	return !split->is_full;
}

/* An event without choices; where it stands, from <start> on. */
static struct byte_range put_event(
    struct split *split, const struct span *spans, size_t n, size_t start)
{
	struct byte_range range = {.at = buf_len(split->out) - start};

	put(split, spans, n);
	range.len = buf_len(split->out) - start - range.at;
	return range;
}

static void put_end(
    struct split *split, size_t start, struct dialect_marks *marks)
{
	const struct span done = SPAN("data: [DONE]\n\n");

	if (split->usage != JSON_NONE) {
		const struct span usage[] = {
		    split->head,
		    SPAN("\"choices\":[],\"usage\":"),
		    json_raw(&split->doc, split->usage),
		    SPAN("}\n\n"),
		};

		marks->usage = put_event(
		    split, usage, sizeof(usage) / sizeof(usage[0]), start);
	}
	marks->done = put_event(split, &done, 1, start);
}

/*
 * <text>, which is JSON, without white space between its values; ptr NULL when
 * the arena has no room.
 */
static struct span compact(struct span text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.len);
	bool is_string = false;
	size_t len = 0;

	for (size_t i = 0; out && i < text.len; i++) {
		char c = text.ptr[i];

		if (!is_string &&
		    (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
			continue;
		out[len++] = c;
		if (c == '\\')
			out[len++] = text.ptr[++i];
		is_string ^= c == '"';
	}
	return span_make(out, len);
}

/*
 * An answer that goes over several lines cannot stand in a data line. It is
 * read before, since what is not JSON could become so without its white space.
 */
static bool parse(struct split *split, struct span answer)
{
	struct json_fault fault;

	if (!json_parse(answer, split->arena, &split->doc, &fault))
		return false;
	if (!memchr(answer.ptr, '\n', answer.len) &&
	    !memchr(answer.ptr, '\r', answer.len))
		return true;
	answer = compact(answer, split->arena);
	return answer.ptr &&
	       json_parse(answer, split->arena, &split->doc, &fault);
}

bool dialect_split(const struct dialect_request *request, struct span answer,
    struct arena *arena, struct buf *out, struct dialect_marks *marks)
{
	struct split split = {
	    .arena = arena,
	    .out = out,
	    .is_chat = request->endpoint == ENDPOINT_CHAT,
	};
	size_t start = buf_len(out);

	*marks = (struct dialect_marks){0};
	if (!split.is_chat && request->endpoint != ENDPOINT_COMPLETIONS)
		return false;
	if (parse(&split, answer) &&
	    split_read(&split, request->has_include_usage) &&
	    put_choices(&split)) {
		put_end(&split, start, marks);
		if (!split.is_full)
			return true;
	}
	out->end = out->start + start;
	*marks = (struct dialect_marks){0};
	return false;
}
