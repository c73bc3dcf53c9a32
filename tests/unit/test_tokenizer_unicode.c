/* test_tokenizer_unicode.c -- normal forms, lower case, GPT-2's bytes, tries.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "local/tokenizer/normalize.h"
#include "local/tokenizer/vocab.h"

static void assert_form(
    enum unicode_flag form, const char *text, const char *expected)
{
	struct buf out;

	buf_init(&out, 1 << 16);
	assert_true(unicode_normalize(span_of(text), form, &out));
	if (!span_eq(buf_span(&out), span_of(expected)))
		print_error(
		    "\"%s\": \"%.*s\"\n", text, SPAN_FMT(buf_span(&out)));
	assert_true(span_eq(buf_span(&out), span_of(expected)));
	buf_free(&out);
}

static void makes_the_normal_forms(void **state)
{
	(void)state;
	assert_form(UNICODE_NFC, "cafe\u0301!", "caf\u00e9!");
	assert_form(UNICODE_NFD, "caf\u00e9!", "cafe\u0301!");
	assert_form(UNICODE_NFC, "\u212b", "\u00c5");
	assert_form(UNICODE_NFC, "\ufb01", "\ufb01");
	assert_form(UNICODE_NFKC, "\ufb01\u2460", "fi1");
	assert_form(UNICODE_NFKD, "\u1e9b\u0323", "s\u0323\u0307");
	assert_form(UNICODE_NFKC, "\u1e9b\u0323", "\u1e69");
	assert_form(UNICODE_NFC, "", "");
}

static void composes_hangul(void **state)
{
	(void)state;
	assert_form(UNICODE_NFC, "\u1100\u1161\u11a8", "\uac01");
	assert_form(UNICODE_NFC, "\uac00\u11a8x", "\uac01x");
	assert_form(UNICODE_NFD, "\uac01", "\u1100\u1161\u11a8");
}

static void sorts_marks_by_class(void **state)
{
	(void)state;
	assert_form(UNICODE_NFD, "a\u0301\u0316", "a\u0316\u0301");
	assert_form(UNICODE_NFC, "a\u0301\u0316", "\u00e1\u0316");
	assert_form(UNICODE_NFD, "\u0301\u0316", "\u0316\u0301");
	assert_form(UNICODE_NFC, "a\u0316b\u0301", "a\u0316b\u0301");
}

/* Sorting one by one would take an hour for this text. */
static void sorts_a_million_marks(void **state)
{
	struct buf text, out;

	(void)state;
	buf_init(&text, 1 << 23);
	buf_init(&out, 1 << 23);
	assert_true(buf_append(&text, SPAN("q")));
	for (int i = 0; i < 500000; i++)
		assert_true(buf_append(&text, SPAN("\u0301\u0316")));
	assert_true(unicode_normalize(buf_span(&text), UNICODE_NFC, &out));
	assert_int_equal(buf_len(&out), buf_len(&text));
	assert_true(
	    span_starts_with(buf_span(&out), SPAN("q\u0316\u0316\u0316")));
	assert_true(span_ends_with(buf_span(&out), SPAN("\u0301\u0301\u0301")));
	buf_free(&text);
	buf_free(&out);
}

static void lowers_each_character_alone(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 10);
	assert_true(unicode_lower(
	    SPAN("aBC\u00c9\u0130\u03a3\u1e9e\U00010400\u4e00"), &out));
	assert_true(span_eq(buf_span(&out),
	    SPAN("abc\u00e9i\u0307\u03c3\u00df\U00010428\u4e00")));
	buf_free(&out);
}

static void maps_every_byte_there_and_back(void **state)
{
	bool seen[0x200] = {false};

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		uint32_t c = bytes_to_char((unsigned char)byte);

		assert_true(c < 0x200 && c > ' ' && !seen[c]);
		seen[c] = true;
		assert_int_equal(bytes_from_char(c), byte);
	}
	for (uint32_t c = 0; c < 0x10000; c++)
		assert_true(bytes_from_char(c) < 0 || seen[c]);
	assert_int_equal(bytes_to_char(' '), 0x120);
	assert_int_equal(bytes_to_char('\n'), 0x10a);
	assert_int_equal(bytes_to_char('a'), 'a');
}

static uint32_t walk(const struct trie *trie, const char *text)
{
	uint32_t node = 0;

	for (; *text; text++) {
		node = trie_step(trie, node, (unsigned char)*text);
		if (node == 0)
			return VOCAB_NONE;
	}
	return trie->nodes[node].value;
}

static void finds_texts_in_a_trie(void **state)
{
	struct trie_key keys[] = {{SPAN("abc"), 1}, {SPAN("a"), 2},
	    {SPAN("\xff\x80"), 3}, {SPAN("abd"), 4}, {SPAN("a"), 5}};
	struct trie trie;

	(void)state;
	trie_init(&trie, keys, 5);
	assert_int_equal(walk(&trie, "a"), 5);
	assert_int_equal(walk(&trie, "ab"), VOCAB_NONE);
	assert_int_equal(walk(&trie, "abc"), 1);
	assert_int_equal(walk(&trie, "abd"), 4);
	assert_int_equal(walk(&trie, "abe"), VOCAB_NONE);
	assert_int_equal(walk(&trie, "\xff\x80"), 3);
	assert_int_equal(walk(&trie, "b"), VOCAB_NONE);
	trie_free(&trie);
	trie_init(&trie, keys, 0);
	assert_int_equal(walk(&trie, "a"), VOCAB_NONE);
	trie_free(&trie);
}

static void finds_texts_in_a_map(void **state)
{
	char bytes[2000];
	struct span texts[1000];
	struct text_map map;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		bytes[2 * i] = (char)(i % 251);
		bytes[2 * i + 1] = (char)(i / 251);
		texts[i] = span_make(bytes + 2 * i, 2);
	}
	text_map_init(&map, texts, 1000, 7);
	for (uint32_t i = 0; i < 1000; i++)
		text_map_put(&map, i);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(text_map_find(&map, texts[i]), i);
	assert_int_equal(text_map_find(&map, SPAN("a")), VOCAB_NONE);
	text_map_free(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(makes_the_normal_forms),
	    cmocka_unit_test(composes_hangul),
	    cmocka_unit_test(sorts_marks_by_class),
	    cmocka_unit_test(sorts_a_million_marks),
	    cmocka_unit_test(lowers_each_character_alone),
	    cmocka_unit_test(maps_every_byte_there_and_back),
	    cmocka_unit_test(finds_texts_in_a_trie),
	    cmocka_unit_test(finds_texts_in_a_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
