/* test_reply_call.c -- each family's calls, and what only looks like one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/reply_fixture.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A text, and what it is told as; NULL: content, unchanged. */
struct row {
	const char *text, *told;
};

static void check_text(const struct reply_options *options, struct span text,
    const char *expected, size_t len)
{
	struct told told;
	struct span out;

	told_init(&told);
	told_pieces(&told, options, text, len);
	out = buf_span(&told.text);
	if (!expected)
		assert_true(span_starts_with(out, SPAN("<C>")));
	if (!expected ? !span_eq(span_from(out, 3), text)
		      : !span_eq(out, span_of(expected)))
		fail_msg("told \"%.*s\", expected \"%s\"", SPAN_FMT(out),
		    expected ? expected : text.ptr);
	told_free(&told);
}

/* Each row whole and byte by byte. */
static void check_rows(
    const struct reply_options *options, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		check_text(options, span_of(rows[i].text), rows[i].told, 0);
		check_text(options, span_of(rows[i].text), rows[i].told, 1);
	}
}

static void check_format(const char *format, const struct row *rows, size_t n)
{
	struct reply_options options = told_options(format);

	check_rows(&options, rows, n);
}

static void reads_hermes(void **state)
{
	static const struct row rows[] = {
	    {"<tool_call>\n{\"name\": \"get\", \"arguments\": {\"city\": "
	     "\"Rome\"}}\n</tool_call>",
		"<T0 get><A>{\"city\": \"Rome\"}<E>"},
	    {"<tool_call>{\"name\":\"a\",\"arguments\":{}}</tool_call>"
	     "<tool_call>{\"name\":\"b\",\"arguments\":{\"x\":[{},[]]}}"
	     "</tool_call>",
		"<T0 a><A>{}<E><T1 b><A>{\"x\":[{},[]]}<E>"},
	    {"<tool_call>[{\"name\": \"a\", \"arguments\": {}}, {\"name\": "
	     "\"b\", \"arguments\": {}}]</tool_call>",
		"<T0 a><A>{}<E><T1 b><A>{}<E>"},
	    {"<tool_call>\n{\"name\": \"a\", \"arguments\": {}}\n{\"name\": "
	     "\"b\", \"arguments\": {}}\n</tool_call>",
		"<T0 a><A>{}<E><T1 b><A>{}<E>"},
	    {"<tool_call>{\"arguments\": {\"x\": 1}, \"name\": \"a\"}"
	     "</tool_call>",
		"<T0 a><A>{\"x\": 1}<E>"},
	    {"<tool_call>{\"type\": \"function\", \"name\": \"a\", "
	     "\"arguments\": { }, \"why\": [1]}</tool_call>",
		"<T0 a><A>{ }<E>"},
	    {"<tool_call>{\"name\": \"a\"}</tool_call>", "<T0 a><A>{}<E>"},
	    {"<tool_call>{\"name\": \"a\", \"parameters\": {}}</tool_call>",
		"<T0 a><A>{}<E>"},
	    {"<tool_call>{\"n\\u0061me\": \"caf\\u00e9\", \"arguments\": {}}"
	     "</tool_call>",
		"<T0 café><A>{}<E>"},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": {}}",
		"<T0 a><A>{}<E>"},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": {}}\nBye",
		"<T0 a><A>{}<E><C>Bye"},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": {}}}\n</tool_call>",
		"<T0 a><A>{}<E><C>}\n</tool_call>"},
	};

	(void)state;
	check_format("hermes", rows, N_OF(rows));
}

static void keeps_the_bytes_of_arguments(void **state)
{
	static const struct row rows[] = {
	    {"<tool_call>{\"name\": \"a\", \"arguments\": { \"x\" :1.50e+3,\n"
	     "\"y\":\"\\\"}{\\\\\", \"z\": \"é\\u00e9\\ud83d\\ude00😀\","
	     "\"</tool_call>\": null } }</tool_call>",
		"<T0 a><A>{ \"x\" :1.50e+3,\n\"y\":\"\\\"}{\\\\\", \"z\": "
		"\"é\\u00e9\\ud83d\\ude00😀\",\"</tool_call>\": null }<E>"},
	    /* As an OpenAI client sends them, the text of a string. */
	    {"<tool_call>{\"name\": \"a\", \"arguments\": \"{\\\"x\\\": "
	     "\\\"\\\\n\\\"}\"}</tool_call>",
		"<T0 a><A>{\"x\": \"\\n\"}<E>"},
	    {"<tool_call>{\"arguments\": \"{}\", \"name\": \"a\"}</tool_call>",
		"<T0 a><A>{}<E>"},
	};

	(void)state;
	check_format("hermes", rows, N_OF(rows));
}

static void gives_back_what_is_no_call(void **state)
{
	static const struct row rows[] = {
	    {"The <tool_call> mark opens a call.", NULL},
	    {"<tool_call>", NULL},
	    {"<tool_call>\n", NULL},
	    {"x\n<tool_call>\n{\"name\": \"a\"", NULL},
	    {"<tool_call>\n{\"name\": \"a\", \"arguments\": ", NULL},
	    {"<tool_call>{}</tool_call>", NULL},
	    {"<tool_call>[]</tool_call>", NULL},
	    {"<tool_call>\"a\"</tool_call>", NULL},
	    {"<tool_call>{name: \"a\"}</tool_call>", NULL},
	    {"<tool_call>{'name': 'a'}</tool_call>", NULL},
	    {"<tool_call>{\"name\": 1, \"arguments\": {}}</tool_call>", NULL},
	    {"<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>",
		NULL},
	    {"<tool_call>{\"name\": \"\\n\", \"arguments\": {}}</tool_call>",
		NULL},
	    {"<tool_call>{\"name\": \"a\", \"name\": \"b\", \"arguments\": "
	     "{}}</tool_call>",
		NULL},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": []}</tool_call>",
		NULL},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": null}</tool_call>",
		NULL},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": \"x\"}</tool_call>",
		NULL},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": \"[]\"}</tool_call>",
		NULL},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": \" \"}</tool_call>",
		NULL},
	    {"<tool_call>{\"arguments\": {}}</tool_call>", NULL},
	    {"<tool_call>{\"arguments\": {}, \"parameters\": {}, \"name\": "
	     "\"a\"}</tool_call>",
		NULL},
	    {"<tool_call>{\"name\": \"a\nb\"}</tool_call>", NULL},
	    {"<tool_call>{\"name\": \"\xff\"}</tool_call>", NULL},
	    {"<function=a><parameter=x>1</parameter></function>", NULL},
	};

	(void)state;
	check_format("hermes", rows, N_OF(rows));
}

static void finds_the_call_behind_what_is_none(void **state)
{
	static const struct row rows[] = {
	    {"<tool_call>\n<tool_call>\n{\"name\": \"a\"}\n</tool_call>",
		"<C><tool_call><T0 a><A>{}<E>"},
	    {"<tool_<tool_call>{\"name\": \"a\"}", "<C><tool_<T0 a><A>{}<E>"},
	    {"<tool_call>{\"name\": \"x\n<tool_call>{\"name\": \"a\"}",
		"<C><tool_call>{\"name\": \"x<T0 a><A>{}<E>"},
	};
	static const struct row mistral[] = {
	    {"[TOOL_CALLS][TOOL_CALLS]a{}", "<C>[TOOL_CALLS]<T0 a><A>{}<E>"},
	    {"[[TOOL_CALLS]a{}", "<C>[<T0 a><A>{}<E>"},
	    {"[TOOL_CALLS]x[TOOL_CALLS]a{}", "<C>[TOOL_CALLS]x<T0 a><A>{}<E>"},
	};

	(void)state;
	check_format("hermes", rows, N_OF(rows));
	check_format("mistral", mistral, N_OF(mistral));
}

static void says_when_arguments_break_that_were_told(void **state)
{
	static const struct row rows[] = {
	    {"<tool_call>{\"name\": \"a\", \"arguments\": {\"x\": 1,}}"
	     "</tool_call>",
		"<T0 a><A>{\"x\": 1,<B><C>}}</tool_call>"},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": {\"x\": \"cut",
		"<T0 a><A>{\"x\": \"cut<B>"},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": {}, oops",
		"<T0 a><A>{}<E><C>, oops"},
	};
	static const struct row held[] = {
	    {"<tool_call>{\"name\": \"a\", \"arguments\": {\"x\": 1,}}"
	     "</tool_call>",
		NULL},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": {\"x\": \"cut", NULL},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": {}, oops", NULL},
	    {"<tool_call>{\"name\": \"a\", \"arguments\": {\"x\": 1}}"
	     "</tool_call>",
		"<T0 a><A>{\"x\": 1}<E>"},
	};
	static const struct row held_mistral[] = {
	    {"[TOOL_CALLS]a[ARGS]{\"x\": 1,}", NULL},
	    {"[TOOL_CALLS]a[ARGS]{\"x\": ", NULL},
	    {"[TOOL_CALLS]a[ARGS]{\"x\": {}}\n", "<T0 a><A>{\"x\": {}}<E>"},
	};
	struct reply_options options = told_options("hermes");

	(void)state;
	check_rows(&options, rows, N_OF(rows));
	options.holds_calls = true;
	check_rows(&options, held, N_OF(held));
	options.format = reply_format_named(SPAN("mistral"));
	check_rows(&options, held_mistral, N_OF(held_mistral));
}

static void reads_llama(void **state)
{
	static const struct row rows[] = {
	    {"{\"name\": \"get\", \"parameters\": {\"city\": \"Rome\"}}",
		"<T0 get><A>{\"city\": \"Rome\"}<E>"},
	    {"\n{\"type\": \"function\", \"name\": \"a\", \"parameters\": {}}",
		"<T0 a><A>{}<E>"},
	    {"<|python_tag|>{\"name\": \"a\", \"parameters\": {}}",
		"<T0 a><A>{}<E>"},
	    {"{\"name\": \"a\", \"parameters\": {}}; {\"name\": \"b\", "
	     "\"parameters\": {\"x\": \"; {\"}} ;\n{\"name\": \"c\", "
	     "\"arguments\": {}}",
		"<T0 a><A>{}<E><T1 b><A>{\"x\": \"; {\"}<E><T2 c><A>{}<E>"},
	    {"{\"parameters\": {\"x\": 1}, \"name\": \"a\"}",
		"<T0 a><A>{\"x\": 1}<E>"},
	    {"{\"name\": \"a\", \"parameters\": {}}; that is all",
		"<T0 a><A>{}<E><C>; that is all"},
	    {"{\"name\": \"a\"}", NULL},
	    {"{\"name\": \"a\", \"age\": 7}", NULL},
	    {"{\"answer\": 42, \"name\": \"a\", \"parameters\": {}}", NULL},
	    {"{}", NULL},
	    {"{ not JSON }", NULL},
	    {"So {\"name\": \"a\", \"parameters\": {}}", NULL},
	    {"<|python_tag|>search.call(query=\"x\")", NULL},
	    {"<|python_tag|>print({})", NULL},
	};

	(void)state;
	check_format("llama3", rows, N_OF(rows));
}

static void reads_mistral(void **state)
{
	static const struct row rows[] = {
	    {"[TOOL_CALLS] [{\"name\": \"get\", \"arguments\": {\"city\": "
	     "\"Rome\"}}]",
		"<T0 get><A>{\"city\": \"Rome\"}<E>"},
	    {"[TOOL_CALLS][{\"name\": \"a\", \"arguments\": {}, \"id\": "
	     "\"abcdefgh9\"}, {\"name\": \"b\", \"arguments\": {}}]\n",
		"<T0 a><A>{}<E><T1 b><A>{}<E>"},
	    {"[TOOL_CALLS]get[ARGS]{\"a\": 1}", "<T0 get><A>{\"a\": 1}<E>"},
	    {"[TOOL_CALLS]a[ARGS]{}[TOOL_CALLS]b[ARGS] {\"]\": \"[\"}",
		"<T0 a><A>{}<E><T1 b><A>{\"]\": \"[\"}<E>"},
	    {"[TOOL_CALLS]a[CALL_ID]abcdefgh9[ARGS]{}", "<T0 a><A>{}<E>"},
	    {"[TOOL_CALLS]a.b-c/d:e_1{\"x\": {}}",
		"<T0 a.b-c/d:e_1><A>{\"x\": {}}<E>"},
	    {"[TOOL_CALLS]", NULL},
	    {"[TOOL_CALLS] two words[ARGS]{}", NULL},
	    {"[TOOL_CALLS]a[ARGS]", NULL},
	    {"[TOOL_CALLS]a[ARGS]x", NULL},
	    {"[TOOL_CALLS][ARGS]{}", NULL},
	    {"[TOOL_CALLS] [1]", NULL},
	    {"[TOOL_CALLS] [{\"name\": \"a\", \"arguments\": {\"x\": ", NULL},
	    {"[TOOL_CALLS]a[ARGS]{\"x\": ", "<T0 a><A>{\"x\": <B>"},
	};

	(void)state;
	check_format("mistral", rows, N_OF(rows));
}

static void reads_phi(void **state)
{
	static const struct row rows[] = {
	    {"<|tool_call|>[{\"name\": \"get\", \"arguments\": {\"city\": "
	     "\"Rome\"}}]<|/tool_call|>",
		"<T0 get><A>{\"city\": \"Rome\"}<E>"},
	    {"<|tool_call|>[{\"type\": \"function\", \"name\": \"a\", "
	     "\"arguments\": {}}, {\"name\": \"b\", \"arguments\": {}}]",
		"<T0 a><A>{}<E><T1 b><A>{}<E>"},
	    {"<|tool_call|>{\"name\": \"a\", \"arguments\": {}}"
	     "<|/tool_call|>",
		"<T0 a><A>{}<E>"},
	    {"functools[{\"name\": \"a\", \"arguments\": {\"x\": [\"]\"]}}]",
		"<T0 a><A>{\"x\": [\"]\"]}<E>"},
	    {"from functools import partial", NULL},
	    {"functools[0]", NULL},
	    {"<|tool_call|>get(city)<|/tool_call|>", NULL},
	};

	(void)state;
	check_format("phi", rows, N_OF(rows));
}

static void reads_deepseek(void **state)
{
	static const struct row rows[] = {
	    {"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>"
	     "get\n```json\n{\"city\": \"Rome\"}\n```<｜tool▁call▁end｜>"
	     "<｜tool▁calls▁end｜>",
		"<T0 get><A>{\"city\": \"Rome\"}<E>"},
	    {"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>"
	     "a\n```json\n{}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>"
	     "function<｜tool▁sep｜>b\n```json\n{\"x\": \"```\"}\n```"
	     "<｜tool▁call▁end｜><｜tool▁calls▁end｜>\n",
		"<T0 a><A>{}<E><T1 b><A>{\"x\": \"```\"}<E>"},
	    {"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>a<｜tool▁sep｜>{\"x\": "
	     "1}<｜tool▁call▁end｜><｜tool▁call▁begin｜>b<｜tool▁sep｜>{}"
	     "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
		"<T0 a><A>{\"x\": 1}<E><T1 b><A>{}<E>"},
	    {"<｜tool▁call▁begin｜>function<｜tool▁sep｜>a\n{}\n"
	     "<｜tool▁call▁end｜>",
		"<T0 a><A>{}<E>"},
	    {"<｜tool▁call▁begin｜>function<｜tool▁sep｜>a\n```json\n{}",
		"<T0 a><A>{}<E>"},
	    {"<｜tool▁calls▁begin｜><｜tool▁calls▁end｜>", NULL},
	    {"<｜tool▁call▁begin｜>", NULL},
	    {"<｜tool▁call▁begin｜><｜tool▁sep｜>{}", NULL},
	    {"<｜tool▁call▁begin｜>function<｜tool▁sep｜>a\n```python\n{}",
		NULL},
	    {"<｜tool▁call▁begin｜>function<｜tool▁sep｜>a\n```json\n[]", NULL},
	};

	(void)state;
	check_format("deepseek", rows, N_OF(rows));
}

static void calls_only_tools_of_the_request(void **state)
{
	static const struct row hermes[] = {
	    {"<tool_call>{\"name\": \"get\", \"arguments\": {}}</tool_call>",
		"<T0 get><A>{}<E>"},
	    {"<tool_call>{\"name\": \"ge\", \"arguments\": {}}</tool_call>",
		NULL},
	    {"<tool_call>{\"arguments\": {}, \"name\": \"gets\"}</tool_call>",
		NULL},
	};
	static const struct row llama[] = {
	    {"{\"name\": \"Ada\", \"parameters\": {}}", NULL},
	    {"{\"name\": \"put\", \"parameters\": {}}", "<T0 put><A>{}<E>"},
	};
	static const struct row mistral[] = {
	    {"[TOOL_CALLS]got[ARGS]{\"a\": 1}", NULL},
	    {"[TOOL_CALLS]get[ARGS]{}", "<T0 get><A>{}<E>"},
	};
	struct span tools[] = {SPAN("get"), SPAN("put")};
	struct reply_options options = told_options("hermes");

	(void)state;
	options.tools = tools;
	options.n_tools = N_OF(tools);
	check_rows(&options, hermes, N_OF(hermes));
	options.format = reply_format_named(SPAN("llama3"));
	check_rows(&options, llama, N_OF(llama));
	options.format = reply_format_named(SPAN("mistral"));
	check_rows(&options, mistral, N_OF(mistral));
}

static void bounds_the_depth_of_arguments(void **state)
{
	struct reply_options options = told_options("mistral");
	struct buf text;
	struct told told;

	(void)state;
	for (size_t depth = REPLY_DEPTH_MAX; depth < REPLY_DEPTH_MAX + 2;
	     depth++) {
		buf_init(&text, 4096);
		assert_true(buf_append(&text, SPAN("[TOOL_CALLS]a{\"x\":")));
		for (size_t i = 1; i < depth; i++)
			assert_true(buf_append(&text, SPAN("[")));
		for (size_t i = 1; i < depth; i++)
			assert_true(buf_append(&text, SPAN("]")));
		assert_true(buf_append(&text, SPAN("}")));
		told_init(&told);
		told_pieces(&told, &options, buf_span(&text), 3);
		assert_int_equal(
		    span_ends_with(buf_span(&told.text), SPAN("<E>")),
		    depth == REPLY_DEPTH_MAX);
		told_free(&told);
		buf_free(&text);
	}
}

static void check_ids(
    const char *format, uint64_t seed, struct span text, struct buf *ids)
{
	struct reply_options options = told_options(format);
	struct told told;

	options.seed = seed;
	told_init(&told);
	told_pieces(&told, &options, text, 1);
	buf_init(ids, 4096);
	assert_true(buf_append(ids, buf_span(&told.ids)));
	told_free(&told);
}

static void makes_ids_from_the_seed(void **state)
{
	const struct span text = SPAN("<tool_call>[{\"name\": \"a\"}, "
				      "{\"name\": \"a\"}]</tool_call>");
	struct buf one, same, other;
	struct span ids;

	(void)state;
	check_ids("hermes", 1, text, &one);
	check_ids("hermes", 1, text, &same);
	check_ids("hermes", 2, text, &other);
	ids = buf_span(&one);
	assert_true(span_eq(ids, buf_span(&same)));
	assert_false(span_eq(ids, buf_span(&other)));
	assert_int_equal(ids.len, 60);
	for (size_t i = 0; i < 60; i += 30)
		assert_true(span_starts_with(span_from(ids, i), SPAN("call_")));
	assert_memory_not_equal(ids.ptr, ids.ptr + 30, 30);
	buf_free(&one);
	buf_free(&same);
	buf_free(&other);
}

static void keeps_the_ids_of_mistral(void **state)
{
	struct buf ids;
	struct span text;

	(void)state;
	check_ids("mistral", 1,
	    SPAN("[TOOL_CALLS] [{\"name\": \"a\", \"arguments\": {}, \"id\": "
		 "\"VvvODy9mT\"}, {\"id\": \"short\", \"name\": \"b\"}]"),
	    &ids);
	text = buf_span(&ids);
	assert_int_equal(text.len, 20);
	assert_true(span_starts_with(text, SPAN("VvvODy9mT ")));
	assert_int_equal(span_find(text, SPAN("_"), 0), SIZE_MAX);
	buf_free(&ids);
	check_ids("mistral", 1, SPAN("[TOOL_CALLS]a[CALL_ID]VvvODy9mT[ARGS]{}"),
	    &ids);
	assert_true(span_eq(buf_span(&ids), SPAN("VvvODy9mT ")));
	buf_free(&ids);
	check_ids("hermes", 1,
	    SPAN("<tool_call>{\"id\": \"VvvODy9mT\", \"name\": \"a\"}"), &ids);
	assert_true(span_starts_with(buf_span(&ids), SPAN("call_")));
	buf_free(&ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_hermes),
	    cmocka_unit_test(keeps_the_bytes_of_arguments),
	    cmocka_unit_test(gives_back_what_is_no_call),
	    cmocka_unit_test(finds_the_call_behind_what_is_none),
	    cmocka_unit_test(says_when_arguments_break_that_were_told),
	    cmocka_unit_test(reads_llama),
	    cmocka_unit_test(reads_mistral),
	    cmocka_unit_test(reads_phi),
	    cmocka_unit_test(reads_deepseek),
	    cmocka_unit_test(calls_only_tools_of_the_request),
	    cmocka_unit_test(bounds_the_depth_of_arguments),
	    cmocka_unit_test(makes_ids_from_the_seed),
	    cmocka_unit_test(keeps_the_ids_of_mistral),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
