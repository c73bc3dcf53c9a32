/* test_estimate.c -- the token estimate against counts of real tokenizers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "dialect/dialect.h"

static void check_near(
    struct span name, const char *tokenizer, int64_t estimate, int64_t counted)
{
	if (llabs(estimate - counted) * 100 <= counted * 15)
		return;
	fail_msg("%.*s: estimated %lld, %s counts %lld", SPAN_FMT(name),
	    (long long)estimate, tokenizer, (long long)counted);
}

/* Passages whose text is ASCII but for a few signs: every tokenizer agrees. */
static bool is_ascii(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.ptr[i] > 0x7f)
			return false;
	}
	return true;
}

static void check_passage(struct span line)
{
	struct arena arena;
	struct json_doc doc;
	struct json_fault fault;
	struct span name, text;
	int64_t o200k, cl100k, estimate;

	arena_init(&arena, 1 << 20);
	assert_true(json_parse(line, &arena, &doc, &fault));
	name = json_text(&doc, json_find(&doc, 0, SPAN("name")), &arena);
	text = json_text(&doc, json_find(&doc, 0, SPAN("text")), &arena);
	assert_true(json_int(&doc, json_find(&doc, 0, SPAN("o200k")), &o200k));
	assert_true(
	    json_int(&doc, json_find(&doc, 0, SPAN("cl100k")), &cl100k));
	estimate = dialect_estimate_tokens(text);
	check_near(name, "o200k_base", estimate, o200k);
	if (is_ascii(text))
		check_near(name, "cl100k_base", estimate, cl100k);
	arena_free(&arena);
}

static void is_within_15_percent_of_the_reference_counts(void **state)
{
	FILE *file = fopen(TEST_DATA "/token_counts.jsonl", "r");
	char *line = NULL;
	size_t cap = 0, passages = 0;
	ssize_t len;

	(void)state;
	assert_non_null(file);
	for (; (len = getline(&line, &cap, file)) > 0; passages++)
		check_passage(span_make(line, (size_t)len));
	free(line);
	fclose(file);
	assert_true(passages >= 16);
}

static void counts_nothing_for_no_text(void **state)
{
	(void)state;
	assert_int_equal(dialect_estimate_tokens(span_make(NULL, 0)), 0);
	assert_int_equal(dialect_estimate_tokens(SPAN("")), 0);
}

static void counts_at_least_one_token_for_any_text(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char byte = (char)c;

		assert_true(dialect_estimate_tokens(span_make(&byte, 1)) >= 1);
	}
}

static void counts_a_word_as_one_token_or_two(void **state)
{
	(void)state;
	assert_int_equal(dialect_estimate_tokens(SPAN("a")), 1);
	assert_in_range(dialect_estimate_tokens(SPAN("hello")), 1, 2);
	assert_in_range(dialect_estimate_tokens(SPAN("hello world")), 2, 3);
}

static void grows_with_the_text(void **state)
{
	char text[4096];
	int64_t before = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "The 3 quick_brown {foxes}, jumped;\n"[i % 35];
	for (size_t len = 0; len <= sizeof(text); len++) {
		int64_t now = dialect_estimate_tokens(span_make(text, len));

		assert_true(now >= before);
		before = now;
	}
}

static void survives_bytes_that_are_not_text(void **state)
{
	unsigned char bytes[2048];
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (unsigned char)(x >> 24);
	}
	assert_in_range(
	    dialect_estimate_tokens(span_make((char *)bytes, sizeof(bytes))), 1,
	    2 * sizeof(bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_within_15_percent_of_the_reference_counts),
	    cmocka_unit_test(counts_nothing_for_no_text),
	    cmocka_unit_test(counts_at_least_one_token_for_any_text),
	    cmocka_unit_test(counts_a_word_as_one_token_or_two),
	    cmocka_unit_test(grows_with_the_text),
	    cmocka_unit_test(survives_bytes_that_are_not_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
