/* test_reply_template.c -- what a template shows a model is what is read. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/reply_fixture.h"
#include "tests/unit/template_fixture.h"

/*
 * A model writes calls as its template renders those of earlier turns: what
 * stands between the prompt and the end of an assistant's turn, read by the
 * format that is found for the template, gives the calls that were rendered.
 */
#define ASK "{\"role\": \"user\", \"content\": \"Weather?\"}"
#define ARGUMENTS                                                              \
	"{\"city\": \"Zürich \\\"}\\\"\", \"days\": [1, {\"x\": null}]}"
#define CALL                                                                   \
	"{\"id\": \"abcdefgh9\", \"type\": \"function\", \"function\": {"      \
	"\"name\": \"get_weather\", \"arguments\": " ARGUMENTS "}}"
#define TOOLS                                                                  \
	"\"tools\": [{\"type\": \"function\", \"function\": {\"name\": "       \
	"\"get_weather\", \"description\": \"d\", \"parameters\": {\"type\": " \
	"\"object\", \"properties\": {}}}}]"

static const char trusted[] =
    "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}";

/* The rendered text, a copy for the caller to free. */
static struct span render(struct span source, const char *data)
{
	struct rendering r;
	struct span text;

	fixture_render(&r, source, span_of(data), trusted);
	if (r.result != OK)
		fail_msg("%s", r.err.text);
	text = span_make(span_dup(r.out.text), r.out.text.len);
	fixture_free(&r);
	return text;
}

/* What the assistant is shown to have written. */
static struct span said(struct span prompt, struct span talk)
{
	static const char *const ends[] = {"<|im_end|>", "</s>", "<|eot_id|>",
	    "<｜end▁of▁sentence｜>", "<|end_of_text|>"};
	size_t first = SIZE_MAX;

	/* The reasoning of earlier turns is left out. */
	if (reply_prompt_thinks(prompt))
		prompt =
		    span_head(prompt, span_find(prompt, SPAN("<think>"), 0));
	assert_true(span_starts_with(talk, prompt));
	talk = span_from(talk, prompt.len);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t at = span_find(talk, span_of(ends[i]), 0);

		if (at < first)
			first = at;
	}
	assert_int_not_equal(first, SIZE_MAX);
	return span_head(talk, first);
}

static void check(const char *name, const char *calls, const char *expected)
{
	struct span source = fixture_read(name), prompt, talk;
	struct reply_options options = {.thinks = true, .has_tools = true};
	char data[4096];
	struct told told;

	snprintf(data, sizeof(data),
	    "{\"messages\": [" ASK "], " TOOLS
	    ", \"add_generation_prompt\": true}");
	prompt = render(source, data);
	snprintf(data, sizeof(data),
	    "{\"messages\": [" ASK ", {\"role\": \"assistant\", \"content\": "
	    "\"\", \"tool_calls\": [%s]}], " TOOLS "}",
	    calls);
	talk = render(source, data);
	options.format = reply_format_detect(source, SPAN(""));
	told_init(&told);
	told_pieces(&told, &options, said(prompt, talk), 3);
	if (!span_eq(buf_span(&told.text), span_of(expected)))
		fail_msg("%s: \"%.*s\"", name, SPAN_FMT(buf_span(&told.text)));
	told_free(&told);
	fixture_drop(source);
	fixture_drop(prompt);
	fixture_drop(talk);
}

static void reads_back_a_call_that_a_template_renders(void **state)
{
	static const char *const names[] = {"qwen25.jinja",
	    "qwen3-thinking.jinja", "llama31-tools.jinja",
	    "mistral-tools.jinja", "granite.jinja", "hermes-tools.jinja",
	    "deepseek-r1.jinja"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check(names[i], CALL, "<T0 get_weather><A>" ARGUMENTS "<E>");
}

static void reads_back_several(void **state)
{
	static const char *const names[] = {"qwen25.jinja",
	    "qwen3-thinking.jinja", "mistral-tools.jinja", "granite.jinja",
	    "hermes-tools.jinja", "deepseek-r1.jinja"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check(names[i], CALL ", " CALL,
		    "<T0 get_weather><A>" ARGUMENTS
		    "<E><T1 get_weather><A>" ARGUMENTS "<E>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_back_a_call_that_a_template_renders),
	    cmocka_unit_test(reads_back_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
