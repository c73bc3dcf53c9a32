/* grammar_echo.c -- constrained decoding on JSON lines, for tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "local/local.h"

/*
 * grammar_echo tokenizer.json
 * A line {"schema", "walks": N, "seed": K} is answered by {"texts"}: N texts
 * that a dice writes under the schema's masks, each ended; {"schema", "texts"}
 * by {"accepted": [...]}, whether each is one of the schema's; a schema that
 * is refused by {"error"}. "schema" may be "json", for any object.
 */
#define WALK_TOKENS 120 /* after which it looks for the end */
#define WALK_MAX 20000

struct echo {
	struct tokenizer *tokenizer;
	struct grammar_vocab *vocab;
	struct span *tokens; /* (n) what each id writes */
	uint32_t n, end;
	uint32_t *bits;
	uint64_t dice;
	struct arena arena;
	struct buf out;
	struct error err;
};

static void require(bool claim, const char *what)
{
	if (claim)
		return;
	fprintf(stderr, "grammar_echo: %s\n", what);
	exit(2);
}

static struct span read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct buf buf;
	char *at;
	size_t n;

	require(file, path);
	buf_init(&buf, (size_t)1 << 31);
	do {
		at = buf_reserve(&buf, 1 << 16);
		require(at, "the file is too long");
		n = fread(at, 1, 1 << 16, file);
		buf_commit(&buf, n);
	} while (n > 0);
	fclose(file);
	return buf_span(&buf); /* lives as long as the program */
}

/* splitmix64: the same seed gives the same texts. */
static uint32_t roll(struct echo *e, uint32_t n)
{
	uint64_t z = e->dice += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (uint32_t)((z ^ (z >> 31)) >> 32) % n;
}

static bool is_allowed(const struct echo *e, uint32_t id)
{
	return e->bits[id / 32] >> (id % 32) & 1;
}

/*
 * How little a token helps to come to an end: first quotes, which end a text
 * that may hold brackets too, then brackets, the short ones before the long.
 */
static size_t distance(const struct echo *e, uint32_t id)
{
	struct span text = e->tokens[id];

	if (text.len == 0 || !strchr("\"}]", text.ptr[0]))
		return SIZE_MAX;
	return text.len + (text.ptr[0] == '"' ? 0 : 256);
}

/* Any allowed token, or with <wants_end> one that closes, where one does. */
static uint32_t choose(struct echo *e, bool wants_end)
{
	uint32_t any = UINT32_MAX, nearest = UINT32_MAX, n = 0;
	size_t least = SIZE_MAX;

	if (wants_end && is_allowed(e, e->end))
		return e->end;
	for (uint32_t id = 0; id < e->n; id++) {
		if (!is_allowed(e, id))
			continue;
		if (roll(e, ++n) == 0)
			any = id;
		if (wants_end && distance(e, id) < least) {
			least = distance(e, id);
			nearest = id;
		}
	}
	return nearest != UINT32_MAX ? nearest : any;
}

/* What the mask refuses is not accepted either. */
static void try_refused(struct echo *e, struct grammar_state *state)
{
	for (int i = 0; i < 4; i++) {
		uint32_t id = roll(e, e->n);

		if (!is_allowed(e, id))
			require(!grammar_accept(state, id),
			    "a token was accepted that the mask refuses");
	}
}

static void walk(struct echo *e, struct grammar *grammar, struct buf *text)
{
	struct grammar_state *state = grammar_state_new(grammar, e->vocab);

	for (uint32_t i = 0; !grammar_has_ended(state); i++) {
		struct buf forced;
		uint32_t id;

		if (i == WALK_MAX)
			fprintf(stderr, "%.*s\n",
			    SPAN_FMT(span_head(buf_span(text), 500)));
		require(i < WALK_MAX, "a walk does not end");
		require(grammar_mask(state, e->bits), "no token is allowed");
		try_refused(e, state);
		id = choose(e, i > WALK_TOKENS || roll(e, 4) == 0);
		buf_init(&forced, 4096);
		grammar_forced(state, &forced);
		for (size_t k = 0;
		     k < buf_len(&forced) && k < e->tokens[id].len; k++)
			require(
			    buf_span(&forced).ptr[k] == e->tokens[id].ptr[k],
			    "another text than the forced one is allowed");
		buf_free(&forced);
		require(grammar_accept(state, id),
		    "a token is refused that the mask allows");
		require(id == e->end || buf_append(text, e->tokens[id]),
		    "a text is too long");
	}
	grammar_state_free(&state);
}

static void put_walks(struct echo *e, struct grammar *grammar, int64_t n)
{
	require(buf_append(&e->out, SPAN("{\"texts\": [")), "too long");
	for (int64_t i = 0; i < n; i++) {
		struct buf text;

		buf_init(&text, (size_t)1 << 24);
		walk(e, grammar, &text);
		require(utf8_valid_len(buf_span(&text)) == buf_len(&text),
		    "a text is not UTF-8");
		require((i == 0 || buf_append(&e->out, SPAN(", "))) &&
			    json_write_string(&e->out, buf_span(&text)),
		    "too long");
		buf_free(&text);
	}
	require(buf_append(&e->out, SPAN("]}")), "too long");
}

static void put_accepted(struct echo *e, struct grammar *grammar,
    const struct json_doc *doc, uint32_t texts)
{
	bool is_first = true;

	require(buf_append(&e->out, SPAN("{\"accepted\": [")), "too long");
	json_for_each(doc, texts, item) {
		struct grammar_state *state =
		    grammar_state_new(grammar, e->vocab);
		bool is_ok = grammar_accept_bytes(
				 state, json_text(doc, item, &e->arena)) &&
			     grammar_is_complete(state) &&
			     grammar_accept(state, e->end);

		grammar_state_free(&state);
		require(buf_printf(&e->out, "%s%s", is_first ? "" : ", ",
			    is_ok ? "true" : "false"),
		    "too long");
		is_first = false;
	}
	require(buf_append(&e->out, SPAN("]}")), "too long");
}

static void echo_line(struct echo *e, struct span line)
{
	uint32_t schema, texts;
	struct grammar *grammar;
	struct json_fault fault;
	struct json_doc doc;
	int64_t number = 1;

	arena_reset(&e->arena);
	require(json_parse(line, &e->arena, &doc, &fault), "not JSON");
	schema = json_find(&doc, 0, SPAN("schema"));
	texts = json_find(&doc, 0, SPAN("texts"));
	require(schema != JSON_NONE, "no schema");
	if (json_int(&doc, json_find(&doc, 0, SPAN("seed")), &number))
		e->dice = (uint64_t)number;
	number = 1;
	(void)json_int(&doc, json_find(&doc, 0, SPAN("walks")), &number);
	grammar = json_is(&doc, schema, JSON_STRING)
		      ? grammar_json()
		      : grammar_schema(&doc, schema, &e->err);
	if (!grammar)
		require(buf_append(&e->out, SPAN("{\"error\": ")) &&
			    json_write_string(&e->out, span_of(e->err.text)) &&
			    buf_append(&e->out, SPAN("}")),
		    "too long");
	else if (texts != JSON_NONE)
		put_accepted(e, grammar, &doc, texts);
	else
		put_walks(e, grammar, number);
	grammar_unref(&grammar);
}

/* The tokens as the vocabulary has them; the last id is the end. */
static void read_tokens(struct echo *e)
{
	struct tokenizer_stream *stream =
	    tokenizer_stream_new(e->tokenizer, true);
	struct buf text;

	e->n = tokenizer_vocab_size(e->tokenizer);
	e->end = e->n - 1;
	e->tokens = mem_zalloc(e->n * sizeof(*e->tokens));
	for (uint32_t i = 0; i < e->n; i++) {
		buf_init(&text, 1 << 16);
		require(tokenizer_stream_bytes(stream, i, &text, &e->err) == OK,
		    e->err.text);
		e->tokens[i] = buf_span(&text); /* as long as the program */
	}
	tokenizer_stream_free(&stream);
	e->vocab = grammar_vocab_new(e->tokenizer, &e->end, 1, &e->err);
	require(e->vocab, e->err.text);
	e->bits = mem_zalloc(grammar_vocab_words(e->vocab) * sizeof(*e->bits));
}

static void echo_input(struct echo *e)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	while ((len = getline(&line, &cap, stdin)) > 0) {
		buf_consume(&e->out, SIZE_MAX);
		echo_line(e, span_trim(span_make(line, (size_t)len)));
		require(buf_append(&e->out, SPAN("\n")), "too long");
		fwrite(buf_span(&e->out).ptr, 1, buf_len(&e->out), stdout);
	}
	free(line);
}

int main(int argc, char **argv)
{
	struct echo e = {0};
	struct span json;

	require(argc == 2, "usage: grammar_echo tokenizer.json < lines");
	json = read_file(argv[1]);
	e.tokenizer = tokenizer_from_json(json, SPAN(""), &e.err);
	require(e.tokenizer, e.err.text);
	arena_init(&e.arena, (size_t)1 << 31);
	buf_init(&e.out, (size_t)1 << 31);
	read_tokens(&e);
	echo_input(&e);
	for (uint32_t i = 0; i < e.n; i++)
		free((void *)(uintptr_t)e.tokens[i].ptr);
	free(e.tokens);
	free(e.bits);
	grammar_vocab_unref(&e.vocab);
	tokenizer_free(&e.tokenizer);
	arena_free(&e.arena);
	buf_free(&e.out);
	free((void *)(uintptr_t)json.ptr);
	return 0;
}
