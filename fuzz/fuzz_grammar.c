/* fuzz_grammar.c -- any schema is refused or leads to an end from everywhere.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "base/base.h"
#include "local/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The input is a schema, and the dice that chooses tokens is seeded by it. One
 * vocabulary is all bytes and a few longer tokens; another lacks capitals and
 * parts of characters, and is asked first whether it can spell the schema.
 */
#define TOKENS 273
#define END (TOKENS - 1)
#define STEPS 200

static struct span token_text(uint32_t id)
{
	static const char *const texts[] = {"\":", "\", \"", "\"}", "{\"", "[1",
	    "true", "\xf0\x9f", "\\u", "abc", " \"", "}}", "a\xc3",
	    "more than sixteen letters", "12", "\\uD83D", "\xc3\xa9"};
	static char bytes[256];

	if (id == END)
		return SPAN("");
	if (id >= 256)
		return span_of(texts[id - 256]);
	bytes[id] = (char)id;
	return span_make(&bytes[id], 1);
}

static bool is_poor_token(struct span text)
{
	return utf8_valid_len(text) == text.len &&
	       !(text.len == 1 && text.ptr[0] >= 'A' && text.ptr[0] <= 'Z');
}

static struct grammar_vocab *make_vocab(bool is_poor)
{
	static const uint32_t end = END;
	struct span tokens[TOKENS];
	struct grammar_vocab *vocab;
	struct error err;

	for (uint32_t i = 0; i < TOKENS; i++) {
		tokens[i] = token_text(i);
		if (is_poor && !is_poor_token(tokens[i]))
			tokens[i].len = 0;
	}
	vocab = grammar_vocab_of(
	    &(struct grammar_tokens){tokens, TOKENS, &end, 1}, &err);
	assert(vocab);
	return vocab;
}

static uint64_t roll(uint64_t *dice)
{
	uint64_t z = *dice += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static uint32_t choose(const uint32_t *bits, uint64_t *dice)
{
	uint32_t start = (uint32_t)(roll(dice) % TOKENS);

	for (uint32_t i = 0; i < TOKENS; i++) {
		uint32_t id = (start + i) % TOKENS;

		if (bits[id / 32] >> (id % 32) & 1)
			return id;
	}
	return TOKENS;
}

/* A mask is never empty, and says what is accepted; the text is JSON. */
static void walk(
    struct grammar *grammar, struct grammar_vocab *vocab, uint64_t dice)
{
	struct grammar_state *state = grammar_state_new(grammar, vocab);
	struct json_fault fault;
	struct buf text, forced;
	struct arena arena;
	struct json_doc doc;

	buf_init(&text, 1 << 20);
	buf_init(&forced, 64);
	for (uint32_t i = 0; i < STEPS && !grammar_has_ended(state); i++) {
		uint32_t bits[(TOKENS + 31) / 32], id;
		bool is_some = grammar_mask(state, bits);

		assert(is_some);
		id = (uint32_t)(roll(&dice) % TOKENS);
		if (!(bits[id / 32] >> (id % 32) & 1))
			assert(!grammar_accept(state, id));
		grammar_forced(state, &forced);
		buf_consume(&forced, SIZE_MAX);
		id = choose(bits, &dice);
		if (bits[END / 32] >> (END % 32) & 1 && roll(&dice) % 2)
			id = END;
		is_some = grammar_accept(state, id);
		assert(is_some);
		is_some = buf_append(&text, token_text(id));
		assert(is_some);
	}
	arena_init(&arena, 1 << 24);
	if (grammar_has_ended(state)) {
		bool is_json =
		    json_parse(buf_span(&text), &arena, &doc, &fault);

		assert(is_json);
	}
	arena_free(&arena);
	buf_free(&forced);
	buf_free(&text);
	grammar_state_free(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct grammar_vocab *vocab, *poor;
	struct span text = span_make((const char *)data, size);
	struct error err = {{0}};
	struct grammar *grammar;
	struct json_fault fault;
	struct arena arena;
	struct json_doc doc;

	if (!vocab) {
		vocab = make_vocab(false);
		poor = make_vocab(true);
	}
	arena_init(&arena, 1 << 24);
	if (json_parse(text, &arena, &doc, &fault)) {
		grammar = grammar_schema(&doc, 0, &err);
		assert(grammar || err.text[0] != '\0');
		for (uint64_t i = 0; grammar && i < 3; i++)
			walk(grammar, vocab, hash_fast(text, i));
		if (grammar && grammar_is_spelled(grammar, poor, &err) == OK)
			walk(grammar, poor, hash_fast(text, 3));
		grammar_unref(&grammar);
	}
	arena_free(&arena);
	return 0;
}
