/* grammar_fixture.h -- schemas and small vocabularies for grammars' tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_GRAMMAR_FIXTURE_H
#define TESTS_UNIT_GRAMMAR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/base.h"
#include "local/grammar.h"

/* Ids 0 to 255 are the bytes; those after them these texts; then the end. */
static const char *const fixture_texts[] = {"\":", "\":\"", "\", \"", "\"}",
    "{\"", "[1", "true", "\xf0\x9f", "\x98\x80", "\xc3\xa9", "\\u", "\\uD83D",
    "abc", " \"", "\"]", "}}", "long text of more than sixteen", "name", "\xc3",
    "a\xc3", "12"};
#define FIXTURE_TEXTS (sizeof(fixture_texts) / sizeof(*fixture_texts))
#define FIXTURE_END (256 + FIXTURE_TEXTS)
#define FIXTURE_WORDS ((FIXTURE_END + 32) / 32)

static inline struct grammar_vocab *fixture_vocab(void)
{
	static char bytes[256];
	static const uint32_t end = FIXTURE_END;
	struct span tokens[FIXTURE_END + 1];
	struct error err = {{0}};
	struct grammar_vocab *vocab;

	for (size_t i = 0; i < 256; i++) {
		bytes[i] = (char)i;
		tokens[i] = span_make(&bytes[i], 1);
	}
	for (size_t i = 0; i < FIXTURE_TEXTS; i++)
		tokens[256 + i] = span_of(fixture_texts[i]);
	tokens[FIXTURE_END] = SPAN("");
	vocab = grammar_vocab_of(
	    &(struct grammar_tokens){tokens, FIXTURE_END + 1, &end, 1}, &err);
	if (!vocab)
		print_error("%s\n", err.text);
	assert_non_null(vocab);
	return vocab;
}

/* The grammar of a schema's text, or NULL with <err>. */
static inline struct grammar *compile_text(struct span text, struct error *err)
{
	struct grammar *grammar;
	struct json_fault fault;
	struct arena arena;
	struct json_doc doc;

	arena_init(&arena, (size_t)1 << 26);
	assert_true(json_parse(text, &arena, &doc, &fault));
	grammar = grammar_schema(&doc, 0, err);
	arena_free(&arena);
	return grammar;
}

static inline struct grammar *compile(const char *text)
{
	struct error err = {{0}};
	struct grammar *grammar = compile_text(span_of(text), &err);

	if (!grammar)
		print_error("%s\n", err.text);
	assert_non_null(grammar);
	return grammar;
}

/* Whether <text> is wholly one of the grammar's, byte by byte. */
static inline bool takes_all(struct grammar *grammar, struct span text)
{
	struct grammar_vocab *vocab = fixture_vocab();
	struct grammar_state *state = grammar_state_new(grammar, vocab);
	bool is_ok = true;

	for (size_t i = 0; i < text.len && is_ok; i++)
		is_ok = grammar_accept_bytes(state, span_make(text.ptr + i, 1));
	is_ok = is_ok && grammar_is_complete(state);
	grammar_state_free(&state);
	grammar_vocab_unref(&vocab);
	return is_ok;
}

/* The same for a schema's text and a C string. */
static inline bool takes(const char *schema, const char *text)
{
	struct grammar *grammar = compile(schema);
	bool is_ok = takes_all(grammar, span_of(text));

	grammar_unref(&grammar);
	return is_ok;
}

static inline void assert_takes(const char *schema, const char *text)
{
	if (!takes(schema, text))
		fail_msg("%s does not take %s", schema, text);
}

static inline void assert_refuses(const char *schema, const char *text)
{
	if (takes(schema, text))
		fail_msg("%s takes %s", schema, text);
}

/* The schema is refused with exactly this message. */
static inline void assert_mistake(const char *schema, const char *message)
{
	struct error err = {{0}};
	struct grammar *grammar = compile_text(span_of(schema), &err);

	assert_null(grammar);
	assert_string_equal(err.text, message);
}

#endif
