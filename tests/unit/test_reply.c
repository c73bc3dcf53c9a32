/* test_reply.c -- the same parts however the text is cut. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "tests/unit/reply_fixture.h"

#include <stdlib.h>

/* A text, and what it is told as by a format. */
struct row {
	const char *format, *text, *told;
};

static void check_told(const struct told *told, const char *expected)
{
	if (!span_eq(buf_span(&told->text), span_of(expected)))
		fail_msg("told \"%.*s\", expected \"%s\"",
		    SPAN_FMT(buf_span(&told->text)), expected);
}

/* Whole, byte by byte, in pieces, and cut at random. */
static void check(
    const struct reply_options *options, struct span text, const char *expected)
{
	uint64_t seed = 1;
	struct told whole;

	told_init(&whole);
	told_pieces(&whole, options, text, 0);
	check_told(&whole, expected);
	for (size_t i = 1; i < 40; i++) {
		struct told told;

		told_init(&told);
		if (i < 8)
			told_pieces(&told, options, text, i);
		else
			told_cuts(&told, options, text, &seed, i % 2);
		told_assert_equal(&whole, &told);
		told_free(&told);
	}
	told_free(&whole);
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct reply_options options = told_options(rows[i].format);

		check(&options, span_of(rows[i].text), rows[i].told);
	}
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void tells_text_without_marks_unchanged(void **state)
{
	static const struct row rows[] = {
	    {"hermes", "", ""},
	    {"hermes", "Hi", "<C>Hi"},
	    {"hermes", " \n Hi \n", "<C> \n Hi \n"},
	    {"hermes", "\n", "<C>\n"},
	    {"none", "<tool_call>\n{}", "<C><tool_call>\n{}"},
	    {"hermes", "a < b <t <tool_ <<tool_call",
		"<C>a < b <t <tool_ <<tool_call"},
	    {"deepseek", "<｜tool▁ x｜ é漢字<", "<C><｜tool▁ x｜ é漢字<"},
	    {"mistral", "[TOOL_ [TOOL_CALLS [", "<C>[TOOL_ [TOOL_CALLS ["},
	    {"phi", "functool functools x[", "<C>functool functools x["},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void tells_reasoning_apart(void **state)
{
	static const struct row rows[] = {
	    {"none", "<think>\nHm.\nYes.\n</think>\n\nHi", "<R>Hm.\nYes.<C>Hi"},
	    {"none", "\n<think>Hm.</think>Hi\n", "<R>Hm.<C>Hi\n"},
	    {"none", "<think>\n\n</think>\n\nHi", "<C>Hi"},
	    {"none", "<think>a</think>\n  indented", "<R>a<C>  indented"},
	    {"none", "<think>a < b </thin </think>", "<R>a < b </thin"},
	    {"none", "<think>Hm. \n", "<R>Hm."},
	    {"none", "<think>Hm. </th", "<R>Hm. </th"},
	    {"none", "<think>", ""},
	    {"none", "<thin", "<C><thin"},
	    {"none", "Hi <think>a</think>", "<C>Hi <think>a</think>"},
	    {"none", "<think>a</think>b<think>c</think>",
		"<R>a<C>b<think>c</think>"},
	    {"none", "<think>a</think><think>c</think>",
		"<R>a<C><think>c</think>"},
	    {"none", "a</think>b", "<C>a</think>b"},
	    {"hermes",
		"<think><tool_call>\n{\"name\": \"f\"}</tool_call></think>",
		"<R><tool_call>\n{\"name\": \"f\"}</tool_call>"},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void begins_inside_reasoning_that_the_prompt_opened(void **state)
{
	static const struct row rows[] = {
	    {"none", "Hm.\n</think>\n\nHi", "<R>Hm.<C>Hi"},
	    {"none", "\n<think>\nHm.</think>Hi", "<R>Hm.<C>Hi"},
	    {"none", "</think>Hi", "<C>Hi"},
	    {"none", "Never <think> done", "<R>Never <think> done"},
	    {"llama3", "x</think>\n{\"name\": \"f\", \"parameters\": {}}",
		"<R>x<T0 f><A>{}<E>"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply_options options = told_options(rows[i].format);

		options.starts_thinking = true;
		check(&options, span_of(rows[i].text), rows[i].told);
	}
}

static void leaves_think_alone_in_families_that_do_not(void **state)
{
	struct reply_options options = told_options("hermes");

	(void)state;
	options.thinks = false;
	check(&options, SPAN("<think>a</think>\nb"), "<C><think>a</think>\nb");
}

static void finds_no_calls_without_tools(void **state)
{
	struct reply_options options = told_options("hermes");

	(void)state;
	options.has_tools = false;
	check(&options, SPAN("<tool_call>{\"name\": \"f\"}</tool_call>"),
	    "<C><tool_call>{\"name\": \"f\"}</tool_call>");
}

static void tells_content_beside_calls(void **state)
{
	static const struct row rows[] = {
	    {"hermes",
		"Let me see. \n<tool_call>\n{\"name\": \"f\", \"arguments\": "
		"{}}\n</tool_call>\n\nThere.\n",
		"<C>Let me see.<T0 f><A>{}<E><C>There.\n"},
	    {"hermes",
		"<think>\nHm.\n</think>\n\n<tool_call>\n{\"name\": \"f\", "
		"\"arguments\": {\"a\": 1}}\n</tool_call>\n<tool_call>\n"
		"{\"name\": \"g\", \"arguments\": {}}\n</tool_call>\n",
		"<R>Hm.<T0 f><A>{\"a\": 1}<E><T1 g><A>{}<E>"},
	    {"hermes",
		"<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call> "
		"and\n <tool_call>{\"name\": \"f\", \"arguments\": "
		"{}}</tool_call>",
		"<T0 f><A>{}<E><C> and<T1 f><A>{}<E>"},
	    {"mistral", "So: [TOOL_CALLS]f[ARGS]{}\n", "<C>So:<T0 f><A>{}<E>"},
	    {"llama3",
		"So: <|python_tag|>{\"name\": \"f\", \"parameters\": {}}",
		"<C>So:<T0 f><A>{}<E>"},
	    {"phi", "x functools[{\"name\": \"f\", \"arguments\": {}}] y",
		"<C>x<T0 f><A>{}<E><C> y"},
	    {"deepseek",
		"A.\n<｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>B",
		"<C>A.<T0 f><A>{}<E><C>B"},
	};

	(void)state;
	CHECK_ROWS(rows);
}

/* Pieces of which random texts are made: mostly what is almost a call. */
static const char *const scraps[] = {"<tool_call>", "</tool_call>", "<tool",
    "<", ">", "\n", " ", "\n\n", "{", "}", "[", "]", ",", ";", ": ", "\"",
    "\\\"", "\\u00e9", "\\ud83d", "é漢😀", "text ", "{}", "1.5e3", "null",
    "{\"name\": \"f\", \"arguments\": {\"a\": [1, {\"b\": \"}\"}]}}",
    "{\"name\": \"f\", \"parameters\": {}}",
    "{\"arguments\": {\"x\": \"\\\"\"}, \"name\": \"g\"}",
    "{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}", "{\"name\": \"h\"}",
    "{\"name\": \"f\", \"arguments\": {", "\"name\": \"f\"",
    "\"arguments\": ", "\"id\": \"abcdefgh9\"", "<think>", "</think>",
    "[TOOL_CALLS]", "[TOOL_CALLS] [", "[ARGS]", "[CALL_ID]", "123456789", "f",
    "name", "<|python_tag|>", "; ", "<|tool_call|>", "<|/tool_call|>",
    "functools", "functools[", "<｜tool▁calls▁begin｜>",
    "<｜tool▁call▁begin｜>", "function", "<｜tool▁sep｜>", "f\n```json\n",
    "\n```", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"};

/* Calls as each format has them. */
static const char *const calls[] = {
    "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, {}]}}\n"
    "</tool_call>",
    "{\"name\": \"g\", \"parameters\": {\"a\": \"é\\n\"}}; {\"parameters\": "
    "{}, \"name\": \"f\"}",
    "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": {}}, \"id\": "
    "\"abcdefgh9\"}, {\"name\": \"g\", \"arguments\": {}}]",
    "[TOOL_CALLS]f[CALL_ID]123456789[ARGS]{\"a\": 1}[TOOL_CALLS]g{}",
    "<|tool_call|>[{\"name\": \"f\", \"arguments\": {\"a\": true}}]"
    "<|/tool_call|>functools[{\"name\": \"g\", \"arguments\": {}}]",
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n"
    "```json\n{\"a\": \"}\"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>g"
    "<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
};

/* Scraps and calls, now and then with a byte that is gone. */
static size_t random_text(uint64_t *seed, char *out, size_t max)
{
	size_t n = 1 + told_random(seed, 16), len = 0, more, gone;

	while (n-- > 0) {
		const char *scrap =
		    scraps[told_random(seed, sizeof(scraps) / sizeof(char *))];

		if (told_random(seed, 3) == 0)
			scrap = calls[told_random(
			    seed, sizeof(calls) / sizeof(char *))];
		more = strlen(scrap);
		if (len + more > max)
			break;
		memcpy(out + len, scrap, more);
		if (told_random(seed, 16) == 0) {
			gone = len + told_random(seed, more);
			memmove(
			    out + gone, out + gone + 1, len + more - gone - 1);
			more--;
		}
		len += more;
	}
	return len;
}

static void tells_random_texts_alike_however_they_are_cut(void **state)
{
	static const char *const formats[] = {
	    "hermes", "llama3", "mistral", "phi", "deepseek", "none"};
	struct span tools[] = {SPAN("f"), SPAN("g"), SPAN("function")};
	uint64_t seed = 42;
	size_t n_calls = 0;
	char text[4096];

	(void)state;
	for (size_t i = 0; i < 12000; i++) {
		struct reply_options options = told_options(formats[i % 6]);
		struct span s =
		    span_make(text, random_text(&seed, text, sizeof(text)));
		struct told whole, cut;

		options.starts_thinking = told_random(&seed, 8) == 0;
		options.holds_calls = told_random(&seed, 4) == 0;
		options.tools = tools;
		options.n_tools = told_random(&seed, 2) * 3;
		told_init(&whole);
		told_init(&cut);
		told_pieces(&whole, &options, s, 0);
		if (i % 3 == 0)
			told_pieces(&cut, &options, s, 1);
		else
			told_cuts(&cut, &options, s, &seed, i % 3 == 1);
		told_assert_equal(&whole, &cut);
		n_calls += whole.n_calls;
		told_free(&whole);
		told_free(&cut);
	}
	assert_true(n_calls > 5000);
}

static void loses_nothing_of_what_is_no_call(void **state)
{
	static const char *const formats[] = {
	    "hermes", "llama3", "mistral", "phi", "deepseek"};
	uint64_t seed = 4711;
	char text[4096];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		struct reply_options options = told_options(formats[i % 5]);
		struct span s =
		    span_make(text, random_text(&seed, text, sizeof(text)));
		struct told told;

		options.thinks = false;
		told_init(&told);
		told_cuts(&told, &options, s, &seed, false);
		if (told.n_calls == 0 && s.len > 0) {
			struct span out = buf_span(&told.text);

			assert_true(span_starts_with(out, SPAN("<C>")));
			assert_true(span_eq(span_from(out, 3), s));
			n++;
		}
		told_free(&told);
	}
	assert_true(n > 500);
}

static void bounds_what_it_holds(void **state)
{
	static const char begin[] = "<tool_call>{\"name\": \"";
	const size_t len = 3 * REPLY_HELD_MAX;
	struct reply_options options = told_options("hermes");
	char *text = mem_alloc(len);
	struct told told;

	(void)state;
	memset(text, 'x', len);
	memcpy(text, begin, sizeof(begin) - 1);
	told_init(&told);
	told_pieces(&told, &options, span_make(text, len), 4096);
	assert_int_equal(buf_len(&told.text), len + 3);
	told_free(&told);
	memset(text, ' ', len);
	told_init(&told);
	told_pieces(&told, &options, span_make(text, len), 4096);
	assert_int_equal(buf_len(&told.text), len + 3);
	told_free(&told);
	/* No character begins here: there is no good place to cut. */
	memset(text, 0x80, len);
	told_init(&told);
	told_pieces(&told, &options, span_make(text, len), 0);
	assert_int_equal(buf_len(&told.text), len + 3);
	told_free(&told);
	free(text);
}

static void streams_arguments_of_any_length(void **state)
{
	static const char begin[] =
	    "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"";
	static const char end[] = "\"}}</tool_call>";
	const size_t len = 3 * REPLY_HELD_MAX;
	struct reply_options options = told_options("hermes");
	char *text = mem_alloc(len);
	struct told told;

	(void)state;
	memset(text, 'x', len);
	memcpy(text, begin, sizeof(begin) - 1);
	memcpy(text + len - (sizeof(end) - 1), end, sizeof(end) - 1);
	told_init(&told);
	told_pieces(&told, &options, span_make(text, len), 1000);
	assert_int_equal(told.n_calls, 1);
	assert_true(span_ends_with(buf_span(&told.text), SPAN("xx\"}<E>")));
	told_free(&told);
	free(text);
}

static void takes_no_more_than_so_many_calls(void **state)
{
	static const char one[] =
	    "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>";
	struct reply_options options = told_options("hermes");
	struct buf text;
	struct told told;

	(void)state;
	buf_init(&text, 1 << 20);
	for (size_t i = 0; i < REPLY_CALLS_MAX + 1; i++)
		assert_true(buf_append(&text, span_of(one)));
	told_init(&told);
	told_pieces(&told, &options, buf_span(&text), 5);
	assert_int_equal(told.n_calls, REPLY_CALLS_MAX);
	assert_true(span_ends_with(buf_span(&told.text), span_of(one)));
	told_free(&told);
	buf_free(&text);
}

static void takes_no_more_than_so_many_calls_of_a_list(void **state)
{
	struct reply_options options = told_options("mistral");
	struct buf text;
	struct told told;

	(void)state;
	buf_init(&text, 1 << 20);
	assert_true(buf_append(&text, SPAN("[TOOL_CALLS][")));
	for (size_t i = 0; i < REPLY_CALLS_MAX + 1; i++)
		assert_true(buf_append(&text, SPAN("{\"name\": \"f\"},")));
	told_init(&told);
	told_pieces(&told, &options, buf_span(&text), 5);
	assert_int_equal(told.n_calls, REPLY_CALLS_MAX);
	assert_true(span_ends_with(
	    buf_span(&told.text), SPAN("<E><C>,{\"name\": \"f\"},")));
	told_free(&told);
	buf_free(&text);
}

static void cuts_long_pieces_between_characters(void **state)
{
	struct reply_options options = told_options("none");
	const size_t n = 200000;
	char *text = mem_alloc(3 * n + 1);
	struct told told;

	(void)state;
	memset(text, 'x', 3 * n + 1);
	for (size_t i = 0; i < n; i++)
		memcpy(text + 1 + 3 * i, "漢", 3);
	told_init(&told);
	told.checks_utf8 = true;
	told_pieces(&told, &options, span_make(text, 3 * n + 1), 0);
	assert_int_equal(buf_len(&told.text), 3 + 3 * n + 1);
	told_free(&told);
	free(text);
}

static void tells_what_is_certain_at_once(void **state)
{
	struct reply_options options = told_options("hermes");
	struct reply *reply = reply_new(&options);
	struct told told;

	(void)state;
	told_init(&told);
	reply_push(reply, SPAN("See. <"), told_part, &told);
	check_told(&told, "<C>See.");
	reply_push(reply, SPAN("tool_call>{\"name\": \"f\", \"arguments\": {"),
	    told_part, &told);
	check_told(&told, "<C>See.<T0 f><A>{");
	reply_push(reply, SPAN("\"a\""), told_part, &told);
	check_told(&told, "<C>See.<T0 f><A>{\"a\"");
	reply_push(reply, SPAN(": 1}"), told_part, &told);
	check_told(&told, "<C>See.<T0 f><A>{\"a\": 1}<E>");
	reply_push(reply, SPAN("}</tool_call>"), told_part, &told);
	reply_finish(reply, told_part, &told);
	check_told(&told, "<C>See.<T0 f><A>{\"a\": 1}<E>");
	reply_free(&reply);
	assert_null(reply);
	reply_free(&reply);
	told_free(&told);
}

static void splits_a_whole_text(void **state)
{
	struct reply_options options = told_options("llama3");
	struct told told;

	(void)state;
	told_init(&told);
	reply_split(&options, SPAN("{\"name\": \"f\", \"parameters\": {}}"),
	    told_part, &told);
	check_told(&told, "<T0 f><A>{}<E>");
	told_free(&told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_text_without_marks_unchanged),
	    cmocka_unit_test(tells_reasoning_apart),
	    cmocka_unit_test(begins_inside_reasoning_that_the_prompt_opened),
	    cmocka_unit_test(leaves_think_alone_in_families_that_do_not),
	    cmocka_unit_test(finds_no_calls_without_tools),
	    cmocka_unit_test(tells_content_beside_calls),
	    cmocka_unit_test(tells_random_texts_alike_however_they_are_cut),
	    cmocka_unit_test(loses_nothing_of_what_is_no_call),
	    cmocka_unit_test(bounds_what_it_holds),
	    cmocka_unit_test(streams_arguments_of_any_length),
	    cmocka_unit_test(takes_no_more_than_so_many_calls),
	    cmocka_unit_test(takes_no_more_than_so_many_calls_of_a_list),
	    cmocka_unit_test(cuts_long_pieces_between_characters),
	    cmocka_unit_test(tells_what_is_certain_at_once),
	    cmocka_unit_test(splits_a_whole_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
