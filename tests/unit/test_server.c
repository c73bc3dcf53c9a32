/* test_server.c -- requests, answers and refusals of a server on loopback. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "tests/unit/server_fixture.h"

/* --- requests and their bodies ------------------------------------------- */

static void answers_and_keeps_the_connection(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/one"));
	hear(f, "/one");
	assert_true(has(&f->got, "HTTP/1.1 200 OK\r\n"));
	assert_true(has(&f->got, "\r\ncontent-length: 4\r\n"));
	assert_true(has(&f->got, " GMT\r\n"));
	assert_false(has(&f->got, "connection:"));
	say(f, GET("/two"));
	hear(f, "/two");
	await_events(f, "head(/one) request() done head(/two) request() done ");
	assert_int_equal(server_connections(f->server), 1);
	assert_int_equal(server_exchanges(f->server), 0);
}

static void reads_a_head_byte_by_byte(void **state)
{
	struct fixture *f = *state;
	const char *text = POST("/x", "Content-Length: 3\r\n") "abc";

	call(f);
	for (size_t i = 0; text[i]; i++) {
		assert_int_equal(send(f->client, &text[i], 1, 0), 1);
		turn(f);
	}
	await_events(f, "head(/x) request(abc) done ");
}

static void takes_a_body_that_came_with_its_head(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, POST("/x", "Content-Length: 5\r\n") "hello" GET("/y"));
	hear(f, "/y");
	await_events(
	    f, "head(/x) request(hello) head(/y) request() done done ");
}

static void gathers_a_body_in_pieces(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, POST("/x", "Content-Length: 10\r\n") "he");
	turn_until(f, has(&f->events, "head"));
	say(f, "llo wor");
	turn(f);
	say(f, "l" GET("/y"));
	hear(f, "/y");
	await_events(
	    f, "head(/x) request(hello worl) head(/y) request() done done ");
}

static void gathers_chunks_and_drops_trailers(void **state)
{
	struct fixture *f = *state;

	call_and_say(
	    f, POST("/x", "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n4;");
	turn_until(f, has(&f->events, "head"));
	say(f, "a=b\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n" GET("/y"));
	hear(f, "/y");
	await_events(
	    f, "head(/x) request(abcdefg) head(/y) request() done done ");
}

static void keeps_the_heads_text_for_the_exchange(void **state)
{
	struct fixture *f = *state;
	const struct http1_head *head;

	call_and_say(
	    f, "GET /later?a=b HTTP/1.1\r\nHost: a\r\nX-Mark: value\r\n\r\n");
	await_waiting(f);
	say(f, "overwrites what was read");
	for (int i = 0; i < 3; i++)
		turn(f);
	head = exchange_request(f->waiting);
	assert_true(span_eq(head->method, SPAN("GET")));
	assert_true(span_eq(head->target, SPAN("/later?a=b")));
	assert_true(span_eq(head->query, SPAN("a=b")));
	assert_true(span_eq(head->host, SPAN("a")));
	assert_true(span_eq(http1_header(head, SPAN("x-mark")), SPAN("value")));
	assert_true(span_starts_with(
	    span_of(exchange_peer(f->waiting)), SPAN("127.0.0.1:")));
	assert_true(exchange_started_ns(f->waiting) > 0);
	exchange_set_user(f->waiting, f);
	assert_ptr_equal(exchange_user(f->waiting), f);
}

static void says_continue_to_a_client_that_waits_for_it(void **state)
{
	struct fixture *f = *state;

	call_and_say(
	    f, POST("/x", "Content-Length: 2\r\nExpect: 100-continue\r\n"));
	hear(f, "HTTP/1.1 100 Continue\r\n\r\n");
	say(f, "ab");
	hear(f, "200 OK");
	await_events(f, "head(/x) request(ab) done ");
}

static void says_no_continue_where_the_body_is_there(void **state)
{
	struct fixture *f = *state;

	call_and_say(f,
	    POST("/x", "Content-Length: 2\r\nExpect: 100-continue\r\n") "ab");
	hear(f, "200 OK");
	assert_false(has(&f->got, "100 Continue"));
}

static void answers_early_instead_of_saying_continue(void **state)
{
	struct fixture *f = *state;

	call_and_say(
	    f, POST("/early", "Content-Length: 2\r\nExpect: 100-continue\r\n"));
	hear_end(f, 0);
	assert_false(has(&f->got, "100 Continue"));
	assert_true(has(&f->got, "HTTP/1.1 401 Unauthorized\r\n"));
	assert_true(has(&f->got, "\r\nconnection: close\r\n"));
	await_events(f, "head(/early) done ");
}

static void keeps_the_connection_after_an_early_answer_to_a_whole_body(
    void **state)
{
	struct fixture *f = *state;

	call_and_say(f, POST("/early", "Content-Length: 2\r\n") "ab" GET("/y"));
	hear(f, "/y");
	assert_false(has(&f->got, "connection: close"));
	await_events(f, "head(/early) head(/y) request() done done ");
}

static void lets_a_client_that_still_sends_read_the_early_answer(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, POST("/early", "Content-Length: 900\r\n") "abc");
	hear(f, "401");
	say(f, "more of the body");
	turn(f);
	say(f, "and more");
	hear_end(f, 0);
	assert_body(f, "who?");
}

/* --- order --------------------------------------------------------------- */

static void answers_pipelined_requests_in_order(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later") GET("/b") GET("/c"));
	await_waiting(f);
	for (int i = 0; i < 3; i++)
		turn(f);
	await_events(f, "head(/later) request() ");
	exchange_answer(f->waiting, 200, NULL, 0, SPAN("/a"));
	hear(f, "/c");
	assert_true(span_find(buf_span(&f->got), SPAN("/a"), 0) <
		    span_find(buf_span(&f->got), SPAN("/b"), 0));
	await_events(
	    f, "head(/b) request() head(/c) request() done done done ");
}

static void answers_a_long_pipeline(void **state)
{
	struct fixture *f = *state;
	const char *request = GET("/x");

	call(f);
	for (int i = 0; i < 100; i++)
		say(f, request);
	turn_until(f, count(&f->got, "HTTP/1.1 200 OK") == 100);
	turn_until(f, server_exchanges(f->server) == 0);
	assert_int_equal(count(&f->events, "done"), 100);
}

static void answers_all_that_a_half_closed_client_asked(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later") GET("/b") "GET /incompl");
	shutdown(f->client, SHUT_WR);
	await_waiting(f);
	for (int i = 0; i < 3; i++)
		turn(f);
	exchange_answer(f->waiting, 200, NULL, 0, SPAN("/a"));
	hear_end(f, 0);
	assert_int_equal(count(&f->got, "HTTP/1.1 200 OK"), 2);
	assert_int_equal(server_connections(f->server), 0);
}

/* --- forms of answers ---------------------------------------------------- */

static void answers_head_without_a_body(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, "HEAD /four HTTP/1.1\r\nHost: a\r\n\r\n" GET("/y"));
	hear(f, "/y");
	assert_true(has(&f->got, "content-length: 5\r\n\r\nHTTP/1.1 200"));
}

static void closes_after_an_answer_to_http_1_0(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, "GET /x HTTP/1.0\r\n\r\n");
	hear_end(f, 0);
	assert_true(has(&f->got, "connection: close\r\n"));
	assert_body(f, "/x");
}

static void keeps_http_1_0_alive_where_asked(void **state)
{
	struct fixture *f = *state;
	const char *request =
	    "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";

	call_and_say(f, request);
	hear(f, "/x");
	assert_true(has(&f->got, "connection: keep-alive\r\n"));
	say(f, request);
	turn_until(f, count(&f->got, "/x") == 2);
}

static void closes_where_the_client_asks_for_it(void **state)
{
	struct fixture *f = *state;

	call_and_say(
	    f, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	hear_end(f, 0);
	assert_true(has(&f->got, "connection: close\r\n"));
}

static void sends_an_answer_in_chunks(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	exchange_begin(f->waiting, 200, server_event_stream, 1, -1);
	assert_true(exchange_has_begun(f->waiting));
	exchange_write(f->waiting, SPAN("data: 1\n\n"));
	exchange_write(f->waiting, SPAN(""));
	hear(f, "9\r\ndata: 1\n\n\r\n");
	exchange_write(f->waiting, SPAN("0123456789abcdefg"));
	exchange_end(f->waiting);
	hear(f, "\r\n0\r\n\r\n");
	assert_true(has(&f->got, "transfer-encoding: chunked\r\n"));
	assert_true(has(&f->got, "11\r\n0123456789abcdefg\r\n"));
	assert_false(has(&f->got, "content-length"));
	await_events(f, "head(/later) request() done ");
}

static void sends_an_answer_in_parts_of_a_known_length(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	exchange_begin(f->waiting, 200, NULL, 0, 6);
	exchange_write(f->waiting, SPAN("abc"));
	hear(f, "abc");
	exchange_write(f->waiting, SPAN("def"));
	exchange_end(f->waiting);
	say(f, GET("/y"));
	hear(f, "/y");
	assert_true(has(&f->got, "content-length: 6\r\n"));
	assert_true(has(&f->got, "abcdefHTTP/1.1"));
}

static void sends_an_answer_until_close_to_http_1_0(void **state)
{
	struct fixture *f = *state;

	call_and_say(
	    f, "GET /later HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	await_waiting(f);
	exchange_begin(f->waiting, 200, NULL, 0, -1);
	exchange_write(f->waiting, SPAN("abc"));
	hear(f, "abc");
	exchange_end(f->waiting);
	hear_end(f, 0);
	assert_true(has(&f->got, "connection: close\r\n"));
	assert_body(f, "abc");
	await_events(f, "head(/later) request() done ");
}

static void sends_no_body_with_204(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later") GET("/y"));
	await_waiting(f);
	exchange_answer(f->waiting, 204, NULL, 0, SPAN("never"));
	hear(f, "/y");
	assert_false(has(&f->got, "never"));
	assert_false(has(&f->got, "content-length: 0"));
	assert_true(has(&f->got, "GMT\r\n\r\nHTTP/1.1 200"));
}

static void cuts_a_chunked_answer_without_its_last_chunk(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	exchange_begin(f->waiting, 200, NULL, 0, -1);
	exchange_write(f->waiting, SPAN("abc"));
	exchange_cut(f->waiting);
	exchange_write(f->waiting, SPAN("after"));
	exchange_end(f->waiting);
	hear_end(f, 0);
	assert_body(f, "3\r\nabc\r\n");
	await_events(f, "head(/later) request() cut ");
}

static void cuts_an_answer_that_is_short_of_its_length(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	exchange_begin(f->waiting, 200, NULL, 0, 5);
	exchange_write(f->waiting, SPAN("abc"));
	exchange_end(f->waiting);
	hear_end(f, 0);
	assert_body(f, "abc");
	await_events(f, "head(/later) request() cut ");
}

static void cuts_an_answer_until_close_with_a_reset(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, "GET /later HTTP/1.0\r\n\r\n");
	await_waiting(f);
	exchange_begin(f->waiting, 200, NULL, 0, -1);
	exchange_write(f->waiting, SPAN("abc"));
	hear(f, "abc");
	exchange_cut(f->waiting);
	hear_end(f, ECONNRESET);
	await_events(f, "head(/later) request() cut ");
}

static void cuts_before_an_answer_has_begun(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/cut"));
	hear_end(f, 0);
	assert_int_equal(buf_len(&f->got), 0);
	await_events(f, "head(/cut) cut ");
}

/* --- refusals ------------------------------------------------------------ */

static void refuses_each_fault_with_its_status(void **state)
{
	struct fixture *f = *state;
	char line[400];

	server_refuses(f, "GET / HTTP/1.1\nHost: a\n\n", 400);
	server_refuses(f, "GET / HTTP/1.1\r\n\r\n", 400);
	server_refuses(f, "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400);
	server_refuses(f, "nonsense\r\n\r\n", 400);
	server_refuses(
	    f, POST("/", "Content-Length: 1\r\nContent-Length: 2\r\n"), 400);
	server_refuses(f, POST("/", "Transfer-Encoding: gzip\r\n"), 501);
	server_refuses(f, "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505);
	server_refuses(f, POST("/", "Expect: the-unexpected\r\n"), 417);
	snprintf(line, sizeof(line), "GET /%0300d HTTP/1.1\r\n", 0);
	server_refuses(f, line, 414);
	snprintf(line, sizeof(line), "GET / HTTP/1.1\r\nX: %0300d\r\n", 0);
	server_refuses(f, line, 431);
	server_refuses(f,
	    "GET / HTTP/1.1\r\nHost: a\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n"
	    "6:\r\n7:\r\n8:\r\n9:\r\n10:\r\n",
	    431);
	assert_int_equal(buf_len(&f->events), 0);
}

static void refuses_a_length_above_the_limit_at_once(void **state)
{
	struct fixture *f = *state;

	server_refuses(f, POST("/", "Content-Length: 1001\r\n"), 413);
	assert_int_equal(buf_len(&f->events), 0);
	call_and_say(f, POST("/", "Content-Length: 1000\r\n") "x");
	turn_until(f, has(&f->events, "head"));
}

static void refuses_chunks_that_pass_the_limit(void **state)
{
	struct fixture *f = *state;
	char chunk[700];

	snprintf(chunk, sizeof(chunk), "258\r\n%0600d\r\n", 0);
	call_and_say(f, POST("/", "Transfer-Encoding: chunked\r\n"));
	say(f, chunk);
	turn_until(f, has(&f->events, "head"));
	assert_int_equal(buf_len(&f->got), 0);
	say(f, chunk);
	hear_end(f, 0);
	assert_body(f, "{\"status\":413}");
	await_events(f, "head(/) done ");
}

static void refuses_an_ill_formed_body(void **state)
{
	struct fixture *f = *state;

	call_and_say(
	    f, POST("/", "Transfer-Encoding: chunked\r\n") "xyz\r\nabc\r\n");
	hear_end(f, 0);
	assert_body(f, "{\"status\":400}");
	await_events(f, "head(/) done ");
}

static void refuses_a_body_that_its_client_cut(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, POST("/", "Content-Length: 10\r\n") "abc");
	shutdown(f->client, SHUT_WR);
	hear_end(f, 0);
	assert_body(f, "{\"status\":400}");
	await_events(f, "head(/) done ");
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, server_set_up, server_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(answers_and_keeps_the_connection),
	    TEST(reads_a_head_byte_by_byte),
	    TEST(takes_a_body_that_came_with_its_head),
	    TEST(gathers_a_body_in_pieces),
	    TEST(gathers_chunks_and_drops_trailers),
	    TEST(keeps_the_heads_text_for_the_exchange),
	    TEST(says_continue_to_a_client_that_waits_for_it),
	    TEST(says_no_continue_where_the_body_is_there),
	    TEST(answers_early_instead_of_saying_continue),
	    TEST(keeps_the_connection_after_an_early_answer_to_a_whole_body),
	    TEST(lets_a_client_that_still_sends_read_the_early_answer),
	    TEST(answers_pipelined_requests_in_order),
	    TEST(answers_a_long_pipeline),
	    TEST(answers_all_that_a_half_closed_client_asked),
	    TEST(answers_head_without_a_body),
	    TEST(closes_after_an_answer_to_http_1_0),
	    TEST(keeps_http_1_0_alive_where_asked),
	    TEST(closes_where_the_client_asks_for_it),
	    TEST(sends_an_answer_in_chunks),
	    TEST(sends_an_answer_in_parts_of_a_known_length),
	    TEST(sends_an_answer_until_close_to_http_1_0),
	    TEST(sends_no_body_with_204),
	    TEST(cuts_a_chunked_answer_without_its_last_chunk),
	    TEST(cuts_an_answer_that_is_short_of_its_length),
	    TEST(cuts_an_answer_until_close_with_a_reset),
	    TEST(cuts_before_an_answer_has_begun),
	    TEST(refuses_each_fault_with_its_status),
	    TEST(refuses_a_length_above_the_limit_at_once),
	    TEST(refuses_chunks_that_pass_the_limit),
	    TEST(refuses_an_ill_formed_body),
	    TEST(refuses_a_body_that_its_client_cut),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
