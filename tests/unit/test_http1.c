/* test_http1.c -- heads read and written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/http1.h"

static struct http1_head head;

#define assert_span(s, text)                                                   \
	do {                                                                   \
		struct span got = (s);                                         \
		assert_int_equal(got.len, strlen(text));                       \
		assert_memory_equal(got.ptr ? got.ptr : "", text, got.len);    \
	} while (0)

/* Reads from a copy of exact size, so that a sanitizer sees an overread. */
static ptrdiff_t read_copy(
    struct http1_reader *reader, struct span in, bool is_request)
{
	static char *copy;
	ptrdiff_t len;

	free(copy);
	copy = malloc(in.len ? in.len : 1);
	assert_non_null(copy);
	memcpy(copy, in.ptr, in.len);
	in.ptr = copy;
	len = is_request ? http1_read_request(reader, in, &head)
			 : http1_read_response(reader, in, &head);
	return len;
}

static struct http1_fault refusal_of(struct span in, bool is_request)
{
	struct http1_reader reader = {0};

	if (read_copy(&reader, in, is_request) != -1) {
		fprintf(stderr, "not refused: %.*s\n", SPAN_FMT(in));
		fail();
	}
	assert_non_null(reader.fault.reason);
	return reader.fault;
}

static void expect_request(const char *text)
{
	struct http1_reader reader = {0};
	ptrdiff_t len = read_copy(&reader, span_of(text), true);

	if (len != (ptrdiff_t)strlen(text)) {
		fprintf(stderr, "%td of %zu bytes (%s): %s\n", len,
		    strlen(text),
		    reader.fault.reason ? reader.fault.reason : "fine", text);
		fail();
	}
}

static void expect_response(const char *text)
{
	struct http1_reader reader = {0};

	assert_int_equal(
	    read_copy(&reader, span_of(text), false), strlen(text));
}

/* --- what is understood --- */

static void reads_a_request(void **state)
{
	(void)state;
	expect_request("POST /v1/chat/completions?beta=1&x HTTP/1.1\r\n"
		       "Host: api.example:8080\r\n"
		       "Content-Type:application/json\r\n"
		       "X-Empty:\r\n"
		       "X-Blanks: \t a  b\t \r\n"
		       "content-length: 42\r\n\r\n");
	assert_span(head.method, "POST");
	assert_span(head.target, "/v1/chat/completions?beta=1&x");
	assert_span(head.path, "/v1/chat/completions");
	assert_span(head.query, "beta=1&x");
	assert_span(head.host, "api.example:8080");
	assert_int_equal(head.minor, 1);
	assert_int_equal(head.n_headers, 5);
	assert_span(head.headers[1].name, "Content-Type");
	assert_span(head.headers[1].value, "application/json");
	assert_span(http1_header(&head, SPAN("x-empty")), "");
	assert_span(http1_header(&head, SPAN("X-BLANKS")), "a  b");
	assert_null(http1_header(&head, SPAN("X-None")).ptr);
	assert_int_equal(head.framing, HTTP1_LENGTH);
	assert_int_equal(head.content_length, 42);
	assert_true(head.keeps_alive);
	assert_false(head.expects_continue);
}

static void leaves_what_follows_the_head(void **state)
{
	struct http1_reader reader = {0};

	(void)state;
	assert_int_equal(
	    http1_read_request(
		&reader, SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /"), &head),
	    27);
	assert_int_equal(head.framing, HTTP1_NO_BODY);
}

static void reads_a_response(void **state)
{
	(void)state;
	expect_response("HTTP/1.1 429 Too  Many \xe9\r\nRetry-After: 7\r\n"
			"Transfer-Encoding: Chunked\r\n\r\n");
	assert_int_equal(head.status, 429);
	assert_span(head.reason, "Too  Many \xe9");
	assert_span(http1_header(&head, SPAN("retry-after")), "7");
	assert_int_equal(head.framing, HTTP1_CHUNKED);
	assert_span(head.method, "");
	expect_response("HTTP/1.1 200\r\n\r\n");
	assert_span(head.reason, "");
	assert_int_equal(head.framing, HTTP1_UNTIL_CLOSE);
	assert_false(head.keeps_alive);
	expect_response("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n");
	assert_span(head.reason, "");
	assert_int_equal(head.framing, HTTP1_LENGTH);
}

static void forgives_one_empty_line_before_a_request(void **state)
{
	(void)state;
	expect_request("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
	refusal_of(SPAN("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), true);
	refusal_of(SPAN("\r\nHTTP/1.1 200 OK\r\n\r\n"), false);
}

static void reads_the_four_forms_of_a_target(void **state)
{
	(void)state;
	expect_request("GET /a/b?c?d HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_span(head.path, "/a/b");
	assert_span(head.query, "c?d");
	expect_request("GET HTTP://Big.Example:80?q HTTP/1.1\r\n"
		       "Host: big.example\r\n\r\n");
	assert_span(head.path, "/");
	assert_span(head.query, "q");
	assert_span(head.host, "Big.Example:80");
	expect_request("GET https://h/x HTTP/1.1\r\nHost: h:443\r\n\r\n");
	assert_span(head.path, "/x");
	assert_span(head.host, "h");
	expect_request("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_span(head.path, "*");
	expect_request("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n");
	assert_span(head.path, "");
	assert_span(head.host, "h:443");
	assert_int_equal(head.framing, HTTP1_TUNNEL);
	assert_false(head.keeps_alive);
}

static void leaves_percent_encoding_alone(void **state)
{
	(void)state;
	expect_request("GET /a%2fb/%zz/\"|\\ HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_span(head.path, "/a%2fb/%zz/\"|\\");
}

static void takes_every_well_formed_host(void **state)
{
	static const char *const hosts[] = {"a", "a.b-c_d~e", "127.0.0.1",
	    "127.0.0.1:8080", "[::1]", "[2001:db8::7]:443", "a:", "a:65535",
	    "0.0.0.0=5000"};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		snprintf(text, sizeof(text),
		    "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
		expect_request(text);
		assert_span(head.host, hosts[i]);
	}
}

static void takes_http_1_0_without_a_host(void **state)
{
	(void)state;
	expect_request("OPTIONS /healthz HTTP/1.0\r\n\r\n");
	assert_int_equal(head.minor, 0);
	assert_int_equal(head.host.len, 0);
	assert_false(head.keeps_alive);
}

static void keeps_alive_by_version_and_connection(void **state)
{
	static const struct {
		const char *lines;
		bool keeps;
	} cases[] = {
	    {"HTTP/1.1\r\n", true},
	    {"HTTP/1.1\r\nConnection: Close\r\n", false},
	    {"HTTP/1.1\r\nConnection: te, close\r\n", false},
	    {"HTTP/1.1\r\nConnection: te\r\nConnection: close\r\n", false},
	    {"HTTP/1.1\r\nConnection: closed, x-close\r\n", true},
	    {"HTTP/1.0\r\n", false},
	    {"HTTP/1.0\r\nConnection: , Keep-Alive\t,\r\n", true},
	    {"HTTP/1.0\r\nConnection: keep-alive, close\r\n", false},
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "GET / %sHost: a\r\n\r\n",
		    cases[i].lines);
		expect_request(text);
		assert_int_equal(head.keeps_alive, cases[i].keeps);
	}
}

static void knows_the_expectation(void **state)
{
	(void)state;
	expect_request("POST / HTTP/1.1\r\nHost: a\r\n"
		       "Expect: 100-Continue\r\n\r\n");
	assert_true(head.expects_continue);
	expect_request("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
	assert_false(head.expects_continue);
}

static void frames_answers_by_what_was_asked(void **state)
{
	static const struct {
		const char *text;
		bool is_head_answer, is_connect_answer;
		enum http1_framing framing;
	} cases[] = {
	    {"200 K\r\nContent-Length: 5\r\n", false, false, HTTP1_LENGTH},
	    {"200 K\r\nContent-Length: 5\r\n", true, false, HTTP1_NO_BODY},
	    {"200 K\r\nTransfer-Encoding: chunked\r\n", true, false,
		HTTP1_NO_BODY},
	    {"200 K\r\nContent-Length: 5\r\n", false, true, HTTP1_TUNNEL},
	    {"407 K\r\nContent-Length: 5\r\n", false, true, HTTP1_LENGTH},
	    {"100 K\r\n", false, false, HTTP1_NO_BODY},
	    {"101 K\r\nContent-Length: 5\r\n", false, false, HTTP1_TUNNEL},
	    {"103 K\r\nLink: x\r\n", false, false, HTTP1_NO_BODY},
	    {"204 K\r\nContent-Length: 5\r\n", false, false, HTTP1_NO_BODY},
	    {"304 K\r\nContent-Length: 5\r\n", false, false, HTTP1_NO_BODY},
	    {"200 K\r\n", false, false, HTTP1_UNTIL_CLOSE},
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http1_reader reader = {
		    .is_head_answer = cases[i].is_head_answer,
		    .is_connect_answer = cases[i].is_connect_answer,
		};

		snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n", cases[i].text);
		assert_int_equal(
		    read_copy(&reader, span_of(text), false), strlen(text));
		assert_int_equal(head.framing, cases[i].framing);
		assert_int_equal(head.keeps_alive,
		    cases[i].framing != HTTP1_TUNNEL &&
			cases[i].framing != HTTP1_UNTIL_CLOSE);
	}
}

/* --- what is refused --- */

static void refuses_malformed_start_lines(void **state)
{
	static const struct {
		const char *line;
		enum http1_refusal refusal;
	} cases[] = {
	    {"GET  / HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET /  HTTP/1.1", HTTP1_BAD_REQUEST},
	    {" GET / HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET / HTTP/1.1 ", HTTP1_BAD_REQUEST},
	    {"GET /\tHTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET\t/ HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET /", HTTP1_BAD_REQUEST},
	    {"GET", HTTP1_BAD_REQUEST},
	    {"GET  HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"G(T / HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET /a b HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET /a#b HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET /\xc3\xa9 HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET a HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET * HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET ftp://a/ HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET http:///x HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET http://u@a/ HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"CONNECT a HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"CONNECT /a HTTP/1.1", HTTP1_BAD_REQUEST},
	    {"GET / http/1.1", HTTP1_BAD_REQUEST},
	    {"GET / HTTP/1", HTTP1_BAD_REQUEST},
	    {"GET / HTTP/1.10", HTTP1_BAD_REQUEST},
	    {"GET / HTTP/1,1", HTTP1_BAD_REQUEST},
	    {"GET / HTTP/1.2", HTTP1_BAD_VERSION},
	    {"GET / HTTP/0.9", HTTP1_BAD_VERSION},
	    {"PRI * HTTP/2.0", HTTP1_BAD_VERSION},
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(
		    text, sizeof(text), "%s\r\nHost: a\r\n\r\n", cases[i].line);
		assert_int_equal(
		    refusal_of(span_of(text), true).refusal, cases[i].refusal);
	}
}

/* Each stands after a good request line and a Host. */
static void refuses_malformed_header_lines(void **state)
{
	static const char *const lines[] = {"X", "X : 1", "X\t: 1", ": 1",
	    " X: 1", "\tX: 1", "X: 1\r\n 2", "X: 1\r\n\t2", "X Y: 1",
	    "X: 1\nY: 2", "X: 1\rY: 2", "X: \x01", "X: \x7f", "X: a\x0b",
	    "X\xc3\xa9: 1", "X(): 1", "X", "\rX: 1", "X:\r\r", "X: 1\n"};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(text, sizeof(text),
		    "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", lines[i]);
		refusal_of(span_of(text), true);
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n\r\n",
		    lines[i]);
		refusal_of(span_of(text), false);
	}
	refusal_of(SPAN("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n"), true);
	refusal_of(SPAN("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), true);
	refusal_of(SPAN("GET / HTTP/1.1\nHost: a\n\n"), true);
}

static void refuses_a_missing_double_or_ill_formed_host(void **state)
{
	static const char *const lines[] = {"X: 1\r\n", "Host:\r\n",
	    "Host: \r\n", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n",
	    "Host: a/?\r\n", "Host: a?\r\n", "Host: a#\r\n", "Host: u@a\r\n",
	    "Host: a b\r\n", "Host: a, b\r\n", "Host: a\\b\r\n",
	    "Host: a:b\r\n", "Host: a:80:80\r\n", "Host: a:65536\r\n",
	    "Host: a:0\r\n", "Host: a:-1\r\n", "Host: :80\r\n",
	    "Host: a%2f\r\n", "Host: [::1\r\n", "Host: [::1]x\r\n",
	    "Host: [a]\r\n", "Host: []\r\n", "Host: ::1\r\n",
	    "Host: [fe80::1%25eth0]\r\n", "Host: http://a\r\n",
	    "Host: \xc3\xa9\r\n"};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(
		    text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", lines[i]);
		refusal_of(span_of(text), true);
	}
	refusal_of(SPAN("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), true);
	refusal_of(SPAN("GET / HTTP/1.0\r\nHost: a/?\r\n\r\n"), true);
}

static void refuses_a_host_that_contradicts_the_target(void **state)
{
	static const char *const texts[] = {
	    "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
	    "GET http://a/ HTTP/1.1\r\nHost: a:81\r\n\r\n",
	    "GET http://a/ HTTP/1.1\r\nHost: a:443\r\n\r\n",
	    "GET https://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n",
	    "GET http://a:8080/ HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET http://a/ HTTP/1.1\r\n\r\n",
	    "CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n",
	    "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		refusal_of(span_of(texts[i]), true);
}

static void refuses_odd_lengths(void **state)
{
	static const char *const values[] = {"", "+1", "-1", "1 2", "5, 5",
	    "5,5", "0x10", "1e3", "18446744073709551616", "9223372036854775808",
	    "1\r\nContent-Length: 1", "1\r\ncontent-length: 2"};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(text, sizeof(text),
		    "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %s\r\n\r\n",
		    values[i]);
		assert_int_equal(
		    refusal_of(span_of(text), true).refusal, HTTP1_BAD_REQUEST);
		snprintf(text, sizeof(text),
		    "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n", values[i]);
		refusal_of(span_of(text), false);
	}
	expect_request("PUT / HTTP/1.1\r\nHost: a\r\n"
		       "Content-Length: 9223372036854775807\r\n\r\n");
	assert_int_equal(head.content_length, INT64_MAX);
}

static void refuses_odd_transfer_codings(void **state)
{
	static const struct {
		const char *value;
		enum http1_refusal refusal;
	} cases[] = {
	    {"", HTTP1_BAD_REQUEST},
	    {"chunked, chunked", HTTP1_BAD_REQUEST},
	    {"chunked\r\nTransfer-Encoding: chunked", HTTP1_BAD_REQUEST},
	    {"chunked,", HTTP1_BAD_REQUEST},
	    {",chunked", HTTP1_BAD_REQUEST},
	    {"chunked;q=1", HTTP1_BAD_REQUEST},
	    {"chun ked", HTTP1_BAD_REQUEST},
	    {"\"chunked\"", HTTP1_BAD_REQUEST},
	    {"xchunked", HTTP1_UNKNOWN_CODING},
	    {"identity", HTTP1_UNKNOWN_CODING},
	    {"gzip, chunked", HTTP1_UNKNOWN_CODING},
	    {"chunked, gzip", HTTP1_UNKNOWN_CODING},
	    {"gzip\r\nTransfer-Encoding: chunked", HTTP1_UNKNOWN_CODING},
	    {"chunked\r\nContent-Length: 1", HTTP1_BAD_REQUEST},
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
		    "PUT / HTTP/1.1\r\nHost: a\r\n"
		    "Transfer-Encoding: %s\r\n\r\n",
		    cases[i].value);
		assert_int_equal(
		    refusal_of(span_of(text), true).refusal, cases[i].refusal);
		snprintf(text, sizeof(text),
		    "HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n",
		    cases[i].value);
		refusal_of(span_of(text), false);
	}
	refusal_of(
	    SPAN("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), true);
	refusal_of(SPAN("HTTP/1.0 200 K\r\nTransfer-Encoding: chunked\r\n\r\n"),
	    false);
}

static void refuses_other_expectations(void **state)
{
	struct http1_fault fault;

	(void)state;
	fault = refusal_of(SPAN("PUT / HTTP/1.1\r\nHost: a\r\n"
				"Expect: 200-ok\r\n\r\n"),
	    true);
	assert_int_equal(fault.refusal, HTTP1_EXPECTATION);
}

static void refuses_malformed_status_lines(void **state)
{
	static const char *const lines[] = {"HTTP/1.1 20 OK", "HTTP/1.1 2000",
	    "HTTP/1.1  200 OK", "HTTP/1.1 200OK", "HTTP/1.1 099 X", "HTTP/1.1",
	    "HTTP/1.1 2x0 OK", "HTTP/2.0 200 OK", "HTP/1.1 200 OK",
	    "HTTP/1.1\t200 OK", "HTTP/1.1 200\tOK", "ICE/1.1 200 OK", ""};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(text, sizeof(text), "%s\r\n\r\n", lines[i]);
		refusal_of(span_of(text), false);
	}
}

/* --- limits and pieces --- */

static const struct http1_limits tight = {
    .line = 20, .headers = 3, .header_bytes = 60};

static enum http1_refusal refusal_within(const char *text)
{
	struct http1_reader reader = {.limits = &tight};
	ptrdiff_t len = read_copy(&reader, span_of(text), true);

	if (len >= 0)
		return HTTP1_FINE;
	return reader.fault.refusal;
}

static void holds_the_limits_to_the_byte(void **state)
{
	(void)state;
	/* 20 bytes a line */
	assert_int_equal(refusal_within("GET /2345678 HTTP/1."), HTTP1_FINE);
	assert_int_equal(refusal_within("GET /23456 HTTP/1.1\r\nHost: a\r\n"
					"Long: 7890123456789\r\n\r\n"),
	    HTTP1_FINE);
	assert_int_equal(
	    refusal_within("GET /2345678 HTTP/1.1"), HTTP1_TARGET_TOO_LONG);
	assert_int_equal(refusal_within("GET / HTTP/1.1\r\nHost: a\r\n"
					"Long: 789012345678901"),
	    HTTP1_LINE_TOO_LONG);
	/* 3 lines */
	assert_int_equal(refusal_within("GET / HTTP/1.1\r\nHost: a\r\n"
					"a:\r\nb:\r\n\r\n"),
	    HTTP1_FINE);
	assert_int_equal(refusal_within("GET / HTTP/1.1\r\nHost: a\r\n"
					"a:\r\nb:\r\nc"),
	    HTTP1_HEADERS_TOO_LARGE);
	/* 60 bytes in all */
	assert_int_equal(refusal_within("GET / HTTP/1.1\r\nHost: a\r\n"
					"a: 4567890123456789\r\nb: 4567890\r\n"
					"\r\n"),
	    HTTP1_FINE);
	assert_int_equal(refusal_within("GET / HTTP/1.1\r\nHost: a\r\n"
					"a: 4567890123456789\r\nb: 45678901\r\n"
					"\r\n"),
	    HTTP1_HEADERS_TOO_LARGE);
}

static void refuses_before_the_head_has_ended(void **state)
{
	(void)state;
	refusal_of(SPAN("\x16\x03\x01"), true); /* a TLS client */
	refusal_of(SPAN("GET / HTTP/1.1\r\nHost : a\r\n"), true);
	refusal_of(SPAN("GET / HTTP/1.1\n"), true);
	refusal_of(SPAN("GET / HTTP/3.0\r\n"), true);
	refusal_of(SPAN("SSH-2.0-x\r\n"), false);
}

/* One call for each byte more, each time at another address. */
static void reads_the_same_byte_by_byte(void **state)
{
	const struct span in =
	    SPAN("\r\nPOST /x?y HTTP/1.1\r\nHost: a\r\nX: yz\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n5\r\n");
	struct http1_reader reader = {0};
	ptrdiff_t len = 0;
	size_t fed = 0;

	(void)state;
	while (len == 0)
		len = read_copy(&reader, span_head(in, ++fed), true);
	assert_int_equal(len, in.len - 3);
	assert_int_equal(fed, in.len - 3);
	assert_span(head.query, "y");
	assert_span(http1_header(&head, SPAN("x")), "yz");
	assert_int_equal(head.framing, HTTP1_CHUNKED);
}

static void reads_the_same_cut_anywhere(void **state)
{
	const struct span in =
	    SPAN("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
		 "Expect: 100-continue\r\nConnection: close\r\n\r\n");

	(void)state;
	for (size_t cut = 1; cut < in.len; cut++) {
		struct http1_reader reader = {0};

		assert_int_equal(
		    read_copy(&reader, span_head(in, cut), true), 0);
		assert_int_equal(read_copy(&reader, in, true), in.len);
		assert_int_equal(head.content_length, 5);
		assert_int_equal(head.n_headers, 4);
		assert_true(head.expects_continue);
		assert_false(head.keeps_alive);
	}
}

static void stays_refused(void **state)
{
	struct http1_reader reader = {0};

	(void)state;
	assert_int_equal(http1_read_request(&reader, SPAN("\n"), &head), -1);
	assert_int_equal(http1_read_request(&reader,
			     SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &head),
	    -1);
}

static void gives_each_refusal_its_status(void **state)
{
	static const int statuses[] = {400, 400, 431, 414, 431, 501, 505, 417};
	struct http1_fault fault = {0};

	(void)state;
	for (int i = HTTP1_FINE; i <= HTTP1_EXPECTATION; i++) {
		fault.refusal = (enum http1_refusal)i;
		assert_int_equal(http1_refusal_status(&fault), statuses[i]);
	}
}

/* --- writing --- */

static void writes_heads(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 200);
	assert_true(http1_write_status(&out, 200));
	assert_true(http1_write_header(&out, SPAN("A"), SPAN("b c")));
	assert_true(http1_write_header(&out, SPAN("E"), span_make(NULL, 0)));
	assert_span(buf_span(&out), "HTTP/1.1 200 OK\r\nA: b c\r\nE: \r\n");
	buf_consume(&out, buf_len(&out));
	assert_true(http1_write_request_line(&out, SPAN("GET"), SPAN("/x?y")));
	assert_true(http1_write_status(&out, 299));
	assert_span(
	    buf_span(&out), "GET /x?y HTTP/1.1\r\nHTTP/1.1 299 Unknown\r\n");
	buf_free(&out);
}

static void writes_all_or_nothing(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 8);
	assert_false(http1_write_status(&out, 200));
	assert_false(http1_write_header(&out, SPAN("Name"), SPAN("abc")));
	assert_int_equal(buf_len(&out), 0);
	assert_true(http1_write_header(&out, SPAN("N"), SPAN("abc")));
	buf_free(&out);
}

static void writes_chunk_sizes(void **state)
{
	char out[20];

	(void)state;
	assert_int_equal(http1_write_chunk_size(0, out), 3);
	assert_memory_equal(out, "0\r\n", 3);
	assert_int_equal(http1_write_chunk_size(0x1aF, out), 5);
	assert_memory_equal(out, "1af\r\n", 5);
	assert_int_equal(http1_write_chunk_size(UINT64_MAX, out), 18);
	assert_memory_equal(out, "ffffffffffffffff\r\n", 18);
}

static void tells_values_and_tokens(void **state)
{
	(void)state;
	assert_true(http1_is_value(SPAN("a\tb \xff")));
	assert_true(http1_is_value(SPAN("")));
	assert_false(http1_is_value(SPAN("a\r\nb")));
	assert_false(http1_is_value(SPAN("a\0")));
	assert_false(http1_is_value(SPAN("\x7f")));
	assert_true(http1_is_token(SPAN("x-sluice_1.~")));
	assert_false(http1_is_token(SPAN("")));
	assert_false(http1_is_token(SPAN("a b")));
	assert_false(http1_is_token(SPAN("a:")));
	assert_string_equal(
	    http1_reason(431), "Request Header Fields Too Large");
	assert_string_equal(http1_reason(799), "Unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_a_request),
	    cmocka_unit_test(leaves_what_follows_the_head),
	    cmocka_unit_test(reads_a_response),
	    cmocka_unit_test(forgives_one_empty_line_before_a_request),
	    cmocka_unit_test(reads_the_four_forms_of_a_target),
	    cmocka_unit_test(leaves_percent_encoding_alone),
	    cmocka_unit_test(takes_every_well_formed_host),
	    cmocka_unit_test(takes_http_1_0_without_a_host),
	    cmocka_unit_test(keeps_alive_by_version_and_connection),
	    cmocka_unit_test(knows_the_expectation),
	    cmocka_unit_test(frames_answers_by_what_was_asked),
	    cmocka_unit_test(refuses_malformed_start_lines),
	    cmocka_unit_test(refuses_malformed_header_lines),
	    cmocka_unit_test(refuses_a_missing_double_or_ill_formed_host),
	    cmocka_unit_test(refuses_a_host_that_contradicts_the_target),
	    cmocka_unit_test(refuses_odd_lengths),
	    cmocka_unit_test(refuses_odd_transfer_codings),
	    cmocka_unit_test(refuses_other_expectations),
	    cmocka_unit_test(refuses_malformed_status_lines),
	    cmocka_unit_test(holds_the_limits_to_the_byte),
	    cmocka_unit_test(refuses_before_the_head_has_ended),
	    cmocka_unit_test(reads_the_same_byte_by_byte),
	    cmocka_unit_test(reads_the_same_cut_anywhere),
	    cmocka_unit_test(stays_refused),
	    cmocka_unit_test(gives_each_refusal_its_status),
	    cmocka_unit_test(writes_heads),
	    cmocka_unit_test(writes_all_or_nothing),
	    cmocka_unit_test(writes_chunk_sizes),
	    cmocka_unit_test(tells_values_and_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
