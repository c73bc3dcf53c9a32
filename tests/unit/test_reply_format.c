/* test_reply_format.c -- which format a checkpoint's calls have. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "local/reply/reply_format.h"

#include <stdio.h>

static const char *const names[] = {
    "hermes", "llama3", "mistral", "phi", "deepseek"};

static void knows_formats_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct reply_format *format =
		    reply_format_named(span_of(names[i]));

		assert_non_null(format);
		assert_string_equal(reply_format_name(format), names[i]);
		assert_true(reply_format_is_known(span_of(names[i])));
	}
	assert_null(reply_format_named(SPAN("none")));
	assert_true(reply_format_is_known(SPAN("none")));
	assert_false(reply_format_is_known(SPAN("Hermes")));
	assert_false(reply_format_is_known(SPAN("")));
	assert_string_equal(reply_format_name(NULL), "none");
}

static const char *format_of(const char *template, const char *family)
{
	return reply_format_name(
	    reply_format_detect(span_of(template), span_of(family)));
}

static void finds_the_format_by_marks_of_the_template(void **state)
{
	(void)state;
	assert_string_equal(format_of("{{ messages }}", "llama"), "none");
	assert_string_equal(format_of("'<tool_call>\\n'", "qwen2"), "hermes");
	assert_string_equal(
	    format_of("<tool_call><function=x>", "qwen3"), "none");
	assert_string_equal(format_of("<tool_call><arg_key>", "glm4"), "none");
	assert_string_equal(format_of("'<|tool|>'", "phi3"), "phi");
	assert_string_equal(format_of("'<|tool|>'", "llama"), "none");
	assert_string_equal(format_of("functools[", "phi3"), "phi");
	assert_string_equal(
	    format_of("<|start_header_id|> '\"parameters\": '", "llama"),
	    "llama3");
	assert_string_equal(format_of("'\"parameters\": '", "llama"), "none");
	assert_string_equal(format_of("", ""), "none");
}

static size_t read_template(const char *name, char *out, size_t max)
{
	char path[512];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/templates/%s.jinja", TEST_DATA, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(out, 1, max, file);
	fclose(file);
	assert_in_range(len, 1, max - 1);
	return len;
}

static void finds_the_formats_of_published_shapes(void **state)
{
	static const struct {
		const char *template, *family, *format;
		bool thinks;
	} rows[] = {
	    {"hermes-tools", "llama", "hermes", false},
	    {"qwen25", "qwen2", "hermes", false},
	    {"qwen3-thinking", "qwen3", "hermes", true},
	    {"smollm3-generation", "smollm3", "hermes", true},
	    {"llama31-tools", "llama", "llama3", false},
	    {"llama32-date", "llama", "none", false},
	    {"mistral-tools", "mistral", "mistral", false},
	    {"mistral", "mistral", "none", false},
	    {"phi4-mini", "phi3", "phi", false},
	    {"phi3", "phi3", "none", false},
	    {"granite", "granite", "phi", false},
	    {"deepseek-r1", "qwen2", "deepseek", true},
	    {"gemma3", "gemma3", "none", false},
	    {"chatml", "llama", "none", false},
	};
	char text[16384];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span template = span_make(
		    text, read_template(rows[i].template, text, sizeof(text)));

		assert_string_equal(reply_format_name(reply_format_detect(
					template, span_of(rows[i].family))),
		    rows[i].format);
		assert_int_equal(
		    reply_template_thinks(template), rows[i].thinks);
	}
}

static void knows_a_prompt_that_opens_reasoning(void **state)
{
	(void)state;
	assert_true(reply_prompt_thinks(SPAN("<｜Assistant｜><think>\n")));
	assert_true(reply_prompt_thinks(SPAN("<think>")));
	assert_false(reply_prompt_thinks(SPAN("<think>\n\n</think>\n\n")));
	assert_false(reply_prompt_thinks(SPAN("<|im_start|>assistant\n")));
	assert_false(reply_prompt_thinks(SPAN("")));
}

static bool has_marker(const struct reply_format *format, const char *text)
{
	const char *marker;

	for (size_t i = 0; (marker = reply_marker(format, i)) != NULL; i++)
		if (!strcmp(marker, text))
			return true;
	return false;
}

static void lists_the_marks_that_may_be_tokens(void **state)
{
	const struct reply_format *hermes = reply_format_named(SPAN("hermes"));
	const struct reply_format *mistral =
	    reply_format_named(SPAN("mistral"));

	(void)state;
	assert_true(has_marker(NULL, "<think>"));
	assert_true(has_marker(NULL, "</think>"));
	assert_null(reply_marker(NULL, 2));
	assert_true(has_marker(hermes, "<tool_call>"));
	assert_true(has_marker(hermes, "</tool_call>"));
	assert_null(reply_marker(hermes, 4));
	assert_true(has_marker(mistral, "[TOOL_CALLS]"));
	assert_true(has_marker(mistral, "[ARGS]"));
	assert_true(has_marker(mistral, "[CALL_ID]"));
	assert_false(has_marker(mistral, "["));
	assert_null(reply_marker(mistral, 5));
	assert_true(
	    has_marker(reply_format_named(SPAN("llama3")), "<|python_tag|>"));
	assert_true(
	    has_marker(reply_format_named(SPAN("phi")), "<|/tool_call|>"));
	assert_true(
	    has_marker(reply_format_named(SPAN("deepseek")), "<｜tool▁sep｜>"));
}

/* The machine counts on it: it never looks for a shorter word first. */
static void has_no_word_that_another_one_begins_with(void **state)
{
	(void)state;
	for (size_t f = 0; f < sizeof(names) / sizeof(names[0]); f++) {
		const struct reply_format *format =
		    reply_format_named(span_of(names[f]));

		for (size_t i = 0; i < format->n_rules; i++) {
			const struct reply_rule *a = &format->rules[i];

			assert_in_range(strlen(a->word), 1, REPLY_WORD_MAX);
			for (size_t j = 0; j < format->n_rules; j++) {
				const struct reply_rule *b = &format->rules[j];

				if (i != j && a->place == b->place)
					assert_false(
					    span_starts_with(span_of(a->word),
						span_of(b->word)));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_formats_by_name),
	    cmocka_unit_test(finds_the_format_by_marks_of_the_template),
	    cmocka_unit_test(finds_the_formats_of_published_shapes),
	    cmocka_unit_test(knows_a_prompt_that_opens_reasoning),
	    cmocka_unit_test(lists_the_marks_that_may_be_tokens),
	    cmocka_unit_test(has_no_word_that_another_one_begins_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
