/* test_sse.c -- event streams split, read and written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "net/sse.h"

struct expected {
	const char *raw, *data, *name;
	bool has_data;
};

static void assert_span(struct span s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	if (s.len)
		assert_memory_equal(s.ptr, text, s.len);
}

/* Feeds the stream in pieces of <piece> bytes; <rest> is what is left held. */
static void expect_pieces(struct span in, const struct expected *expected,
    const char *rest, size_t piece)
{
	struct sse_splitter splitter;
	struct sse_event event;
	struct arena scratch;

	sse_init(&splitter, 4096);
	arena_init(&scratch, 65536);
	while (in.len > 0) {
		struct span part = span_head(in, piece);

		in = span_from(in, part.len);
		while (sse_next(&splitter, &part, &scratch, &event)) {
			assert_non_null(expected->raw);
			assert_span(event.raw, expected->raw);
			assert_span(event.data, expected->data);
			assert_span(event.name, expected->name);
			assert_int_equal(event.has_data, expected->has_data);
			expected++;
		}
		assert_int_equal(part.len, 0);
	}
	assert_null(expected->raw);
	assert_span(sse_rest(&splitter), rest);
	assert_false(splitter.is_too_long);
	sse_free(&splitter);
	arena_free(&scratch);
}

static void expect_events(
    const char *text, const struct expected *expected, const char *rest)
{
	for (size_t piece = 1; piece <= strlen(text); piece++)
		expect_pieces(span_of(text), expected, rest, piece);
}

static void splits_at_empty_lines(void **state)
{
	static const struct expected events[] = {
	    {"data: {\"a\":1}\n\n", "{\"a\":1}", "", true},
	    {": ping\n\n", "", "", false},
	    {"event: done\ndata:x\nid: 4\n\n", "x", "done", true},
	    {"data: [DONE]\n\n", "[DONE]", "", true},
	    {0},
	};

	(void)state;
	expect_events("data: {\"a\":1}\n\n: ping\n\nevent: done\ndata:x\n"
		      "id: 4\n\ndata: [DONE]\n\n",
	    events, "");
}

static void takes_crlf_as_one_end(void **state)
{
	static const struct expected events[] = {
	    {"data: a\r\ndata: b\r\n\r\n", "a\nb", "", true},
	    {"data: c\r\n\r\n", "c", "", true},
	    {0},
	};

	(void)state;
	expect_events("data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", events, "");
}

static void takes_cr_alone_without_waiting(void **state)
{
	static const struct expected events[] = {
	    {"data: a\r\r", "a", "", true},
	    {"data: b\revent: e\r\r", "b", "e", true},
	    {0},
	};

	(void)state;
	expect_events("data: a\r\rdata: b\revent: e\r\r", events, "");
}

static void takes_mixed_ends(void **state)
{
	static const struct expected events[] = {
	    {"data: a\r\n\n", "a", "", true},
	    {"data: b\n\r\n", "b", "", true},
	    {"data: c\n\r", "c", "", true},
	    {"data: d\r\r", "d", "", true},
	    {"\ndata: e\n\n", "e", "", true},
	    {"\n", "", "", false},
	    {0},
	};

	(void)state;
	expect_events("data: a\r\n\ndata: b\n\r\ndata: c\n\rdata: d\r\r"
		      "\ndata: e\n\n\n",
	    events, "");
}

static void reads_fields_as_the_standard_does(void **state)
{
	static const struct expected events[] = {
	    {"data\n\n", "", "", true},
	    {"data:\ndata:\n\n", "\n", "", true},
	    {"data:  two\n\n", " two", "", true},
	    {"data:\ta: b\n\n", "\ta: b", "", true},
	    {"database: x\nDATA: y\n data: z\n\n", "", "", false},
	    {"event: a\nevent: b\ndata: 1\n: c\ndata\ndata: 2\n\n", "1\n\n2",
		"b", true},
	    {0},
	};

	(void)state;
	expect_events("data\n\ndata:\ndata:\n\ndata:  two\n\ndata:\ta: b\n\n"
		      "database: x\nDATA: y\n data: z\n\n"
		      "event: a\nevent: b\ndata: 1\n: c\ndata\ndata: 2\n\n",
	    events, "");
}

static void skips_a_byte_order_mark_but_keeps_it(void **state)
{
	static const struct expected events[] = {
	    {"\xef\xbb\xbf"
	     "data: a\n\n",
		"a", "", true},
	    {"\xef\xbb\xbf"
	     "data: b\n\n",
		"", "", false},
	    {0},
	};

	(void)state;
	expect_events("\xef\xbb\xbf"
		      "data: a\n\n\xef\xbb\xbf"
		      "data: b\n\n",
	    events, "");
}

static void keeps_an_event_that_was_cut(void **state)
{
	static const struct expected events[] = {
	    {"data: a\n\n", "a", "", true}, {0}};

	(void)state;
	expect_events("data: a\n\ndata: b\n", events, "data: b\n");
	expect_events("data: a\n\ndata: b", events, "data: b");
}

static void returns_a_whole_event_in_place(void **state)
{
	struct span in = SPAN("data: a\n\ndata: b\n\nda"), fed = in;
	struct sse_splitter splitter;
	struct sse_event event;
	struct arena scratch;

	(void)state;
	sse_init(&splitter, 100);
	arena_init(&scratch, 100);
	assert_true(sse_next(&splitter, &fed, &scratch, &event));
	assert_ptr_equal(event.raw.ptr, in.ptr);
	assert_ptr_equal(event.data.ptr, in.ptr + 6);
	assert_true(sse_next(&splitter, &fed, &scratch, &event));
	assert_ptr_equal(event.raw.ptr, in.ptr + 9);
	assert_int_equal(buf_len(&splitter.held), 0);
	assert_false(sse_next(&splitter, &fed, &scratch, &event));
	assert_span(sse_rest(&splitter), "da");
	sse_free(&splitter);
	arena_free(&scratch);
}

static void refuses_an_event_past_the_maximum(void **state)
{
	const struct span in = SPAN("data: 789\n\ndata: 7890\n\ndata: x\n\n");

	(void)state;
	for (size_t piece = 1; piece <= in.len; piece++) {
		struct sse_splitter splitter;
		struct span left = in;
		struct sse_event event;
		struct arena scratch;
		size_t n_events = 0;

		sse_init(&splitter, 11);
		arena_init(&scratch, 100);
		while (left.len > 0 && !splitter.is_too_long) {
			struct span part = span_head(left, piece);

			left = span_from(left, part.len);
			while (sse_next(&splitter, &part, &scratch, &event))
				n_events++;
		}
		assert_true(splitter.is_too_long);
		assert_int_equal(n_events, 1);
		left = SPAN("\n\n");
		assert_false(sse_next(&splitter, &left, &scratch, &event));
		sse_free(&splitter);
		arena_free(&scratch);
	}
}

static void refuses_when_the_scratch_is_full(void **state)
{
	struct span in = SPAN("data: a\ndata: b\n\n");
	struct sse_splitter splitter;
	struct sse_event event;
	struct arena scratch;

	(void)state;
	sse_init(&splitter, 100);
	arena_init(&scratch, 4);
	assert_false(sse_next(&splitter, &in, &scratch, &event));
	assert_true(splitter.is_too_long);
	sse_free(&splitter);
	arena_free(&scratch);
}

static void writes_a_data_line_for_each_line(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 200);
	assert_true(sse_write_data(&out, SPAN("{}")));
	assert_true(sse_write_data(&out, span_make(NULL, 0)));
	assert_true(sse_write_data(&out, SPAN("a\nb\r\n\rc\n")));
	assert_true(sse_write_comment(&out, SPAN("x=1")));
	assert_span(buf_span(&out),
	    "data: {}\n\ndata: \n\n"
	    "data: a\ndata: b\ndata: \ndata: c\ndata: \n\n: x=1\n\n");
	buf_free(&out);
}

static void writes_nothing_past_the_maximum(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 9);
	assert_false(sse_write_data(&out, SPAN("ab")));
	assert_false(sse_write_comment(&out, SPAN("abcdef")));
	assert_int_equal(buf_len(&out), 0);
	assert_true(sse_write_data(&out, SPAN("a")));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(splits_at_empty_lines),
	    cmocka_unit_test(takes_crlf_as_one_end),
	    cmocka_unit_test(takes_cr_alone_without_waiting),
	    cmocka_unit_test(takes_mixed_ends),
	    cmocka_unit_test(reads_fields_as_the_standard_does),
	    cmocka_unit_test(skips_a_byte_order_mark_but_keeps_it),
	    cmocka_unit_test(keeps_an_event_that_was_cut),
	    cmocka_unit_test(returns_a_whole_event_in_place),
	    cmocka_unit_test(refuses_an_event_past_the_maximum),
	    cmocka_unit_test(refuses_when_the_scratch_is_full),
	    cmocka_unit_test(writes_a_data_line_for_each_line),
	    cmocka_unit_test(writes_nothing_past_the_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
