/* test_http1_body.c -- bodies read off their framing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "net/http1.h"

/* What came of a body: its bytes, how it ended, what was left of the input. */
struct outcome {
	char bytes[20000];
	size_t len;
	enum http1_progress progress;
	struct span rest;
};

static struct outcome outcome;

/* Feeds <in> in pieces of <piece> bytes. */
static void read_body(struct http1_head head, struct span in, size_t piece)
{
	struct http1_body body;
	struct span data, part = span_make(NULL, 0);
	size_t used;

	http1_body_start(&body, &head);
	outcome.len = 0;
	do {
		if (part.len == 0)
			part = span_head(in, piece);
		outcome.progress = http1_body_read(&body, part, &used, &data);
		assert_true(used <= part.len);
		part = span_from(part, used);
		in = span_from(in, used);
		if (outcome.progress != HTTP1_DATA)
			continue;
		assert_true(data.len > 0);
		memcpy(outcome.bytes + outcome.len, data.ptr, data.len);
		outcome.len += data.len;
	} while (outcome.progress == HTTP1_DATA ||
		 (outcome.progress == HTTP1_MORE && in.len > 0));
	outcome.rest = in;
	if (outcome.progress == HTTP1_BAD)
		assert_non_null(body.reason);
}

static const struct http1_head chunked = {.framing = HTTP1_CHUNKED};

static void expect_chunked(struct span in, const char *bytes, const char *rest)
{
	for (size_t piece = 1; piece <= in.len; piece++) {
		read_body(chunked, in, piece);
		assert_int_equal(outcome.progress, HTTP1_DONE);
		assert_int_equal(outcome.len, strlen(bytes));
		assert_memory_equal(outcome.bytes, bytes, outcome.len);
		assert_true(span_eq(outcome.rest, span_of(rest)));
	}
}

static void expect_bad(struct span in)
{
	for (size_t piece = 1; piece <= in.len; piece++) {
		read_body(chunked, in, piece);
		if (outcome.progress != HTTP1_BAD) {
			fprintf(stderr, "not refused: %.*s\n", SPAN_FMT(in));
			fail();
		}
	}
}

static void decodes_chunks_however_they_are_cut(void **state)
{
	(void)state;
	expect_chunked(
	    SPAN("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "hello world", "");
	expect_chunked(SPAN("0\r\n\r\nGET /"), "", "GET /");
	expect_chunked(SPAN("0000A\r\n\r\n0\r\n\r\n0\r\n\r\n000\r\n\r\n"),
	    "\r\n0\r\n\r\n0\r\n", "");
}

static void takes_a_chunk_in_place(void **state)
{
	const struct span in = SPAN("5\r\nhello\r\n");
	struct http1_body body;
	struct span data;
	size_t used;

	(void)state;
	http1_body_start(&body, &chunked);
	assert_int_equal(http1_body_read(&body, in, &used, &data), HTTP1_DATA);
	assert_int_equal(used, 8);
	assert_ptr_equal(data.ptr, in.ptr + 3);
	assert_int_equal(data.len, 5);
	assert_int_equal(
	    http1_body_read(&body, span_from(in, 8), &used, &data), HTTP1_MORE);
	assert_int_equal(used, 2);
}

static void drops_extensions_and_trailers(void **state)
{
	(void)state;
	expect_chunked(SPAN("1;a\r\nx\r\n1;a=b;c=\"d \\\" e\"\r\ny\r\n0;z\r\n"
			    "A: b\r\nX-Sum:  1 \xe9\r\n\r\n"),
	    "xy", "");
}

static void refuses_odd_chunk_sizes(void **state)
{
	(void)state;
	expect_bad(SPAN("\r\n"));
	expect_bad(SPAN("x\r\n"));
	expect_bad(SPAN("+1\r\na\r\n"));
	expect_bad(SPAN("-1\r\na\r\n"));
	expect_bad(SPAN("0x1\r\na\r\n"));
	expect_bad(SPAN(" 1\r\na\r\n"));
	expect_bad(SPAN("1 \r\na\r\n"));
	expect_bad(SPAN("1 ;a\r\na\r\n"));
	expect_bad(SPAN("1\na\r\n"));
	expect_bad(SPAN("1\r\r\na\r\n"));
	expect_bad(SPAN("1\ra\r\n"));
	expect_bad(SPAN("00000000000000001\r\na\r\n"));
	expect_bad(SPAN("8000000000000000\r\na\r\n"));
	expect_bad(SPAN("10000000000000000\r\na\r\n"));
}

static void refuses_chunks_that_belie_their_size(void **state)
{
	(void)state;
	expect_bad(SPAN("1\r\nab\r\n"));
	expect_bad(SPAN("1\r\na\n"));
	expect_bad(SPAN("1\r\na\rb"));
	expect_bad(SPAN("3\r\na\r\n0\r\n\r\n"));
}

static void refuses_malformed_extensions(void **state)
{
	(void)state;
	expect_bad(SPAN("1;\r\na\r\n"));
	expect_bad(SPAN("1; a\r\na\r\n"));
	expect_bad(SPAN("1;a=\r\na\r\n"));
	expect_bad(SPAN("1;=a\r\na\r\n"));
	expect_bad(SPAN("1;a =b\r\na\r\n"));
	expect_bad(SPAN("1;a=\"b\r\na\r\n"));
	expect_bad(SPAN("1;a=\"b\"c\r\na\r\n"));
	expect_bad(SPAN("1;a=\"\\\r\"\r\na\r\n"));
	expect_bad(SPAN("1;a\0\r\na\r\n"));
	expect_bad(SPAN("1;a;;b\r\na\r\n"));
	expect_bad(SPAN("1;a\n\r\na\r\n"));
}

static void refuses_malformed_trailers(void **state)
{
	(void)state;
	expect_bad(SPAN("0\r\nA\r\n\r\n"));
	expect_bad(SPAN("0\r\nA : b\r\n\r\n"));
	expect_bad(SPAN("0\r\n A: b\r\n\r\n"));
	expect_bad(SPAN("0\r\nA: b\r\n c\r\n\r\n"));
	expect_bad(SPAN("0\r\nA: b\n\r\n"));
	expect_bad(SPAN("0\r\nA: \x01\r\n\r\n"));
	expect_bad(SPAN("0\r\n\rx"));
	expect_bad(SPAN("0\r\n\n"));
}

static void bounds_extensions_and_trailers(void **state)
{
	static char text[9000];
	const size_t line_max = 256, trailer_max = 8192;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "0;", 2);
	memcpy(text + line_max - 1, "\r\n\r\n", 4);
	read_body(chunked, span_make(text, line_max + 3), SIZE_MAX);
	assert_int_equal(outcome.progress, HTTP1_DONE);
	text[line_max - 1] = 'a';
	memcpy(text + line_max, "\r\n\r\n", 4);
	read_body(chunked, span_make(text, line_max + 4), SIZE_MAX);
	assert_int_equal(outcome.progress, HTTP1_BAD);

	memset(text, 'a', sizeof(text));
	memcpy(text, "0\r\nA:", 5);
	memcpy(text + 3 + trailer_max - 4, "\r\n\r\n", 4);
	read_body(chunked, span_make(text, 3 + trailer_max), SIZE_MAX);
	assert_int_equal(outcome.progress, HTTP1_DONE);
	memcpy(text + 3 + trailer_max - 4, "a\r\n\r\n", 5);
	read_body(chunked, span_make(text, 4 + trailer_max), SIZE_MAX);
	assert_int_equal(outcome.progress, HTTP1_BAD);
}

static void counts_a_length(void **state)
{
	const struct span in = SPAN("hello, world");

	(void)state;
	for (size_t piece = 1; piece <= in.len; piece++) {
		read_body((struct http1_head){.framing = HTTP1_LENGTH,
			      .content_length = 5},
		    in, piece);
		assert_int_equal(outcome.progress, HTTP1_DONE);
		assert_memory_equal(outcome.bytes, "hello", 5);
		assert_int_equal(outcome.rest.len, in.len - 5);
	}
	read_body(
	    (struct http1_head){.framing = HTTP1_LENGTH, .content_length = 13},
	    in, in.len);
	assert_int_equal(outcome.progress, HTTP1_MORE);
	read_body((struct http1_head){.framing = HTTP1_LENGTH}, in, in.len);
	assert_int_equal(outcome.progress, HTTP1_DONE);
	assert_int_equal(outcome.rest.len, in.len);
}

static void takes_no_bytes_where_there_is_no_body(void **state)
{
	(void)state;
	read_body((struct http1_head){.framing = HTTP1_NO_BODY}, SPAN("x"), 1);
	assert_int_equal(outcome.progress, HTTP1_DONE);
	assert_int_equal(outcome.rest.len, 1);
	read_body((struct http1_head){.framing = HTTP1_TUNNEL}, SPAN("x"), 1);
	assert_int_equal(outcome.progress, HTTP1_DONE);
	assert_int_equal(outcome.rest.len, 1);
}

static void only_a_body_until_close_may_end_with_the_connection(void **state)
{
	struct http1_head head = {.framing = HTTP1_UNTIL_CLOSE};
	struct http1_body body;

	(void)state;
	read_body(head, SPAN("anything\r\n"), 3);
	assert_int_equal(outcome.progress, HTTP1_MORE);
	assert_int_equal(outcome.len, 10);
	http1_body_start(&body, &head);
	assert_true(http1_body_may_end(&body));
	for (int i = HTTP1_NO_BODY; i <= HTTP1_TUNNEL; i++) {
		head.framing = (enum http1_framing)i;
		http1_body_start(&body, &head);
		assert_int_equal(
		    http1_body_may_end(&body), i == HTTP1_UNTIL_CLOSE);
	}
}

static void stays_at_its_end(void **state)
{
	struct http1_body body;
	struct span data;
	size_t used;

	(void)state;
	http1_body_start(&body, &chunked);
	assert_int_equal(
	    http1_body_read(&body, SPAN("0\r\n\r\nx"), &used, &data),
	    HTTP1_DONE);
	assert_int_equal(used, 5);
	assert_int_equal(
	    http1_body_read(&body, SPAN("x"), &used, &data), HTTP1_DONE);
	assert_int_equal(used, 0);
	http1_body_start(&body, &chunked);
	assert_int_equal(
	    http1_body_read(&body, SPAN("x"), &used, &data), HTTP1_BAD);
	assert_int_equal(
	    http1_body_read(&body, SPAN("0"), &used, &data), HTTP1_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decodes_chunks_however_they_are_cut),
	    cmocka_unit_test(takes_a_chunk_in_place),
	    cmocka_unit_test(drops_extensions_and_trailers),
	    cmocka_unit_test(refuses_odd_chunk_sizes),
	    cmocka_unit_test(refuses_chunks_that_belie_their_size),
	    cmocka_unit_test(refuses_malformed_extensions),
	    cmocka_unit_test(refuses_malformed_trailers),
	    cmocka_unit_test(bounds_extensions_and_trailers),
	    cmocka_unit_test(counts_a_length),
	    cmocka_unit_test(takes_no_bytes_where_there_is_no_body),
	    cmocka_unit_test(
		only_a_body_until_close_may_end_with_the_connection),
	    cmocka_unit_test(stays_at_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
