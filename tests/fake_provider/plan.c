/* plan.c -- decides what an answer says, before its first byte. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "tests/fake_provider/completion.h"
#include "tests/fake_provider/out.h"
#include "tests/fake_provider/schema.h"

#define TEXT_PIECE 8   /* bytes, of what is not made of words */
#define BIG_PIECE 1024 /* bytes, of what is asked for in KiB */
#define PIECES_MAX 1000000
#define BIG_MAX 65536 /* KiB, over all choices */

struct planner {
	const struct ask *ask;
	const struct completion_means *means;
	const struct directives *directives;
	struct words words;
	struct completion *completion;
};

static uint32_t text_len(const struct planner *p)
{
	return (uint32_t)buf_len(p->means->text);
}

static void add_piece(struct planner *p, struct piece piece)
{
	out_span(
	    p->means->pieces, span_make((const char *)&piece, sizeof(piece)));
}

static void add_words(struct planner *p, int64_t count, enum piece_kind kind)
{
	uint32_t first = text_len(p);

	for (int64_t i = 0; i < count; i++) {
		struct span word = words_next(&p->words);
		uint32_t start = text_len(p);

		out_span(
		    p->means->text, span_from(word, start == first ? 1 : 0));
		add_piece(p, (struct piece){.start = start,
				 .end = text_len(p),
				 .kind = (uint8_t)kind});
	}
}

/* Cuts what was written from <start> on into pieces like <kind>. */
static void cut_up(
    struct planner *p, uint32_t start, uint32_t size, struct piece kind)
{
	struct span text = buf_span(p->means->text);
	uint32_t end;

	for (; start < text.len; start = end) {
		end =
		    start + size < text.len ? start + size : (uint32_t)text.len;
		/* Never inside of a character. */
		while (end < text.len && (text.ptr[end] & 0xc0) == 0x80)
			end++;
		kind.start = start;
		kind.end = end;
		add_piece(p, kind);
	}
}

static void add_letters(struct planner *p, size_t len)
{
	char *at = buf_reserve(p->means->text, len);
	uint64_t letter = words_number(&p->words);

	assert(at);
	for (size_t i = 0; i < len; i++)
		at[i] = (char)('a' + (letter + i) % 26);
	buf_commit(p->means->text, len);
}

static void add_calls(struct planner *p)
{
	const struct json_doc *doc = &p->ask->doc;
	uint32_t name = json_find(doc, p->ask->tool, SPAN("name"));
	uint32_t parameters = json_find(doc, p->ask->tool, SPAN("parameters"));
	int64_t count = directive_or(p->directives->calls, 1);

	for (int64_t i = 0; i < count; i++) {
		struct piece piece = {.start = text_len(p),
		    .kind = PIECE_CALL,
		    .call = (uint8_t)i};

		out_span(p->means->text, json_text(doc, name, p->ask->arena));
		piece.end = text_len(p);
		add_piece(p, piece);
		piece.kind = PIECE_ARGUMENTS;
		schema_write(doc, parameters, &p->words, p->means->text);
		cut_up(p, piece.end, TEXT_PIECE, piece);
	}
}

static void add_content(struct planner *p)
{
	const struct directives *d = p->directives;
	struct buf *text = p->means->text;
	struct piece kind = {.kind = PIECE_CONTENT};
	uint32_t start = text_len(p);
	uint32_t size = TEXT_PIECE;

	if (directive_is_set(d->refusal)) {
		OUT(text, "I'm sorry, but I can't help with that.");
		kind.kind = PIECE_REFUSAL;
	} else if (directive_is_set(d->echo)) {
		out_sha256(text, p->means->request);
	} else if (directive_is_set(d->big)) {
		add_letters(p, (size_t)d->big * 1024);
		size = BIG_PIECE;
	} else if (p->ask->format == FORMAT_JSON_SCHEMA) {
		schema_write(&p->ask->doc, p->ask->schema, &p->words, text);
	} else if (p->ask->format == FORMAT_JSON_OBJECT) {
		OUT(text, "{\"answer\":\"");
		out_span(text, span_from(words_next(&p->words), 1));
		OUT(text, "\",\"simulated\":true}");
	} else {
		add_words(p, directive_or(d->tokens, p->means->tokens),
		    PIECE_CONTENT);
		return;
	}
	cut_up(p, start, size, kind);
}

/* --- where it ends ---------------------------------------------------------
 */

/* The offset of the first stop sequence at or after <start>. */
static size_t find_stop(const struct planner *p, uint32_t start)
{
	size_t first = SIZE_MAX;

	for (unsigned i = 0; i < p->ask->n_stops; i++) {
		size_t at = p->ask->stops[i].len == 0
				? SIZE_MAX
				: span_find(buf_span(p->means->text),
				      p->ask->stops[i], start);

		if (at < first)
			first = at;
	}
	return first;
}

/* How many of <n> pieces begin before <stop>; the last is shortened to it. */
static uint32_t keep_before(struct piece *pieces, uint32_t n, size_t stop)
{
	while (n > 0 && pieces[n - 1].start >= stop)
		n--;
	if (n > 0 && pieces[n - 1].end > stop)
		pieces[n - 1].end = (uint32_t)stop;
	return n;
}

static void end_choice(
    struct planner *p, struct choice *choice, uint32_t content_start)
{
	struct arena *arena = p->ask->arena;
	struct span copy = arena_copy(arena, buf_span(p->means->pieces));
	struct piece *pieces = (struct piece *)(uintptr_t)copy.ptr;
	uint32_t n = (uint32_t)(copy.len / sizeof(struct piece));
	bool is_call = p->ask->tool != JSON_NONE;

	choice->text = arena_copy(arena, buf_span(p->means->text));
	assert(pieces && choice->text.ptr);
	choice->finish_reason = is_call ? "tool_calls" : "stop";
	if (p->ask->n_stops > 0 && !is_call)
		n = keep_before(pieces, n, find_stop(p, content_start));
	if (p->ask->max_tokens >= 0 && n > p->ask->max_tokens) {
		n = (uint32_t)p->ask->max_tokens;
		choice->finish_reason = "length";
	}
	choice->pieces = pieces;
	choice->n_pieces = n;
	for (uint32_t i = 0; i < n; i++)
		p->completion->reasoning_tokens +=
		    pieces[i].kind == PIECE_REASONING;
	p->completion->completion_tokens += n;
}

static void plan_choice(struct planner *p, struct choice *choice)
{
	int64_t reasoning = directive_or(p->directives->reasoning, 0);
	uint32_t content_start;

	buf_consume(p->means->text, SIZE_MAX);
	buf_consume(p->means->pieces, SIZE_MAX);
	if (p->ask->endpoint == ENDPOINT_CHAT)
		add_words(p, reasoning, PIECE_REASONING);
	content_start = text_len(p);
	if (p->ask->tool != JSON_NONE)
		add_calls(p);
	else
		add_content(p);
	end_choice(p, choice, content_start);
}

static bool is_too_much(const struct planner *p, unsigned choices)
{
	const struct directives *d = p->directives;
	int64_t tokens = directive_or(d->tokens, p->means->tokens) +
			 directive_or(d->reasoning, 0);

	return tokens * choices > PIECES_MAX ||
	       directive_or(d->big, 0) * choices > BIG_MAX;
}

struct completion *completion_plan(const struct ask *ask,
    const struct completion_means *means, struct ask_fault *fault)
{
	struct completion *c = arena_new(ask->arena, struct completion);
	struct planner p = {.ask = ask,
	    .means = means,
	    .directives = means->directives,
	    .words = words_from(means->seed),
	    .completion = c};
	unsigned choices = ask->n * ask->prompts;

	if (is_too_much(&p, choices)) {
		*fault = (struct ask_fault){.status = 400,
		    .message = "More was asked for than the simulation holds."};
		return NULL;
	}
	assert(c);
	c->shape = ask->endpoint == ENDPOINT_CHAT ? &completion_chat
						  : &completion_text;
	c->directives = means->directives;
	c->seed = means->seed;
	c->model = arena_copy(ask->arena, ask->model);
	c->choices = arena_zalloc(ask->arena, choices * sizeof(struct choice));
	assert(c->choices);
	c->n_choices = choices;
	c->unfinished = choices;
	c->is_stream = ask->is_stream;
	c->wants_usage = ask->wants_usage;
	c->wants_logprobs = ask->wants_logprobs;
	c->top_logprobs = ask->top_logprobs;
	c->prompt_tokens = ask->prompt_tokens;
	c->cached_tokens = (uint64_t)directive_or(means->directives->cached, 0);
	if (c->cached_tokens > c->prompt_tokens)
		c->cached_tokens = c->prompt_tokens;
	for (unsigned i = 0; i < choices; i++)
		plan_choice(&p, &c->choices[i]);
	return c;
}
