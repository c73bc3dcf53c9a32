/* test_server.c -- a server on loopback, its clients bare sockets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop_priv.h"
#include "net/server.h"
#include "net/stream.h"
#include "net/tls.h"
#include "tests/unit/certificates.h"

#define BODY_MAX 1000

struct fixture {
	struct loop *loop;
	struct server *server;
	int client;
	struct buf got;    /* what the client has read */
	int read_errno;    /* how the client's reading ended; -1: not yet */
	struct buf events; /* what the handler was told, a word each */
	struct exchange *waiting; /* at /later: the test answers it */
	bool is_drained;
	struct deadline timer;
	bool is_late;
};

/* --- the handler, steered by the path ---------------------------------------
 */

static void tell(struct fixture *f, const char *fmt, ...) printf_like(2, 3);

static void tell(struct fixture *f, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	assert_true(buf_append(&f->events, span_of(text)));
}

static bool has_path(const struct exchange *exchange, const char *path)
{
	return span_eq(exchange_request(exchange)->path, span_of(path));
}

static void on_head(struct exchange *exchange, void *arg)
{
	struct fixture *f = arg;

	tell(f, "head(%.*s) ", SPAN_FMT(exchange_request(exchange)->path));
	if (has_path(exchange, "/early"))
		exchange_answer(exchange, 401, NULL, 0, SPAN("who?"));
	else if (has_path(exchange, "/cut"))
		exchange_cut(exchange);
}

static void on_request(struct exchange *exchange, void *arg)
{
	struct fixture *f = arg;
	struct span body = exchange_body(exchange);

	tell(f, "request(%.*s) ", SPAN_FMT(span_head(body, 40)));
	if (has_path(exchange, "/later"))
		f->waiting = exchange;
	else if (has_path(exchange, "/close"))
		server_close(&f->server);
	else
		exchange_answer(exchange, 200, NULL, 0,
		    body.len > 0 ? body : exchange_request(exchange)->path);
}

static void on_drained(struct exchange *exchange, void *arg)
{
	(void)exchange;
	tell(arg, "drained ");
}

static void on_over(
    struct exchange *exchange, enum exchange_over why, void *arg)
{
	static const char *const names[] = {"done", "gone", "stalled", "cut"};
	struct fixture *f = arg;

	tell(f, "%s ", names[why]);
	if (f->waiting == exchange)
		f->waiting = NULL;
}

static struct span refusal_body(
    int status, const char *reason, struct arena *arena, void *arg)
{
	(void)arg;
	assert_true(strlen(reason) > 0);
	if (status == 505)
		return span_make(NULL, 0);
	return span_of(arena_printf(arena, "{\"status\":%d}", status));
}

static const struct server_handler handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_drained = on_drained,
    .on_over = on_over,
    .refusal_body = refusal_body,
};

/* --- the fixture ------------------------------------------------------------
 */

static const struct server_limits patient = {
    .head = {.line = 200, .headers = 10, .header_bytes = 600},
    .body = BODY_MAX,
    .header_time_ns = 60 * NS_PER_S,
    .idle_ns = 60 * NS_PER_S,
};

static void open_server(struct fixture *f, const struct server_limits *limits,
    struct tls_context *tls)
{
	struct server_options options = {
	    .address = "127.0.0.1:0",
	    .limits = *limits,
	    .tls = tls,
	    .handler = &handler,
	    .arg = f,
	};
	struct error err;

	f->server = server_open(f->loop, &options, &err);
	assert_non_null(f->server);
}

static void set_late(void *arg)
{
	((struct fixture *)arg)->is_late = true;
}

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	struct error err;

	f->loop = loop_new(&err);
	assert_non_null(f->loop);
	f->client = -1;
	f->read_errno = -1;
	buf_init(&f->got, 64 << 20);
	buf_init(&f->events, 1 << 20);
	deadline_init(&f->timer, f->loop, set_late, f);
	open_server(f, &patient, NULL);
	*state = f;
	return 0;
}

static void hang_up(struct fixture *f)
{
	if (f->client >= 0)
		close(f->client);
	f->client = -1;
	buf_consume(&f->got, buf_len(&f->got));
	f->read_errno = -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	hang_up(f);
	server_close(&f->server);
	deadline_free(&f->timer);
	loop_free(&f->loop);
	buf_free(&f->got);
	buf_free(&f->events);
	free(f);
	return 0;
}

static void reopen(struct fixture *f, const struct server_limits *limits)
{
	server_close(&f->server);
	open_server(f, limits, NULL);
}

static void call(struct fixture *f)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons(server_port(f->server)),
	};

	hang_up(f);
	f->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    connect(f->client, (struct sockaddr *)&address, sizeof(address)),
	    0);
}

static void say(struct fixture *f, const char *text)
{
	assert_int_equal(
	    send(f->client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void call_and_say(struct fixture *f, const char *text)
{
	call(f);
	say(f, text);
}

/* Closes with a reset. */
static void reset(struct fixture *f)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(f->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(f->client);
	f->client = -1;
}

/* One turn of the server, then what has come to the client. */
static void turn(struct fixture *f)
{
	char bytes[65536];
	ssize_t n;

	loop_turn(f->loop, NS_PER_MS);
	if (f->client < 0 || f->read_errno >= 0)
		return;
	n = recv(f->client, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n > 0)
		assert_true(buf_append(&f->got, span_make(bytes, (size_t)n)));
	else if (n == 0)
		f->read_errno = 0;
	else if (errno != EAGAIN)
		f->read_errno = errno;
}

static bool has(const struct buf *buf, const char *text)
{
	return span_find(buf_span(buf), span_of(text), 0) != SIZE_MAX;
}

#define turn_until(f, condition)                                               \
	do {                                                                   \
		for (int turns_ = 0; !(condition); turns_++) {                 \
			if (turns_ == 10000)                                   \
				fail_msg("%.*s", SPAN_FMT(buf_span(&f->got))); \
			turn(f);                                               \
		}                                                              \
	} while (0)

static void hear(struct fixture *f, const char *text)
{
	turn_until(f, has(&f->got, text));
}

/* All to the connection's end, which is to be a FIN (0) or a reset. */
static void hear_end(struct fixture *f, int error)
{
	turn_until(f, f->read_errno >= 0);
	assert_int_equal(f->read_errno, error);
}

static void await_events(struct fixture *f, const char *text)
{
	turn_until(f, buf_len(&f->events) >= strlen(text));
	assert_true(buf_append(&f->events, SPAN("\0")));
	assert_string_equal(buf_span(&f->events).ptr, text);
	buf_consume(&f->events, buf_len(&f->events));
}

static size_t count(const struct buf *buf, const char *text)
{
	size_t n = 0;
	size_t at = 0;

	while ((at = span_find(buf_span(buf), span_of(text), at)) != SIZE_MAX) {
		at += strlen(text);
		n++;
	}
	return n;
}

static struct span answer_body(struct fixture *f)
{
	size_t at = span_find(buf_span(&f->got), SPAN("\r\n\r\n"), 0);

	assert_true(at != SIZE_MAX);
	return span_from(buf_span(&f->got), at + 4);
}

static void assert_body(struct fixture *f, const char *text)
{
	struct span body = answer_body(f);

	assert_int_equal(body.len, strlen(text));
	assert_memory_equal(body.ptr, text, body.len);
}

static void await_waiting(struct fixture *f)
{
	turn_until(f, f->waiting);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, more) "POST " path " HTTP/1.1\r\nHost: a\r\n" more "\r\n"

/* --- requests and their bodies ----------------------------------------------
 */

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

/* --- order -------------------------------------------------------------------
 */

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

/* --- forms of answers
 * --------------------------------------------------------- */

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

static const struct http1_header event_stream[] = {
    {SPAN("content-type"), SPAN("text/event-stream")},
};

static void sends_an_answer_in_chunks(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	exchange_begin(f->waiting, 200, event_stream, 1, -1);
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

/* --- refusals
 * ----------------------------------------------------------------- */

static void refuses(struct fixture *f, const char *request, int status)
{
	char line[32];
	char body[32];

	call_and_say(f, request);
	hear_end(f, 0);
	snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	snprintf(body, sizeof(body), "{\"status\":%d}", status);
	if (!has(&f->got, line))
		fail_msg("%s: %.*s", request, SPAN_FMT(buf_span(&f->got)));
	assert_int_equal(count(&f->got, line), 1);
	assert_true(has(&f->got, "\r\nconnection: close\r\n"));
	if (status == 505) {
		assert_true(has(&f->got, "content-type: text/plain\r\n"));
		return;
	}
	assert_true(has(&f->got, "content-type: application/json\r\n"));
	assert_body(f, body);
}

static void refuses_each_fault_with_its_status(void **state)
{
	struct fixture *f = *state;
	char line[400];

	refuses(f, "GET / HTTP/1.1\nHost: a\n\n", 400);
	refuses(f, "GET / HTTP/1.1\r\n\r\n", 400);
	refuses(f, "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400);
	refuses(f, "nonsense\r\n\r\n", 400);
	refuses(
	    f, POST("/", "Content-Length: 1\r\nContent-Length: 2\r\n"), 400);
	refuses(f, POST("/", "Transfer-Encoding: gzip\r\n"), 501);
	refuses(f, "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505);
	refuses(f, POST("/", "Expect: the-unexpected\r\n"), 417);
	snprintf(line, sizeof(line), "GET /%0300d HTTP/1.1\r\n", 0);
	refuses(f, line, 414);
	snprintf(line, sizeof(line), "GET / HTTP/1.1\r\nX: %0300d\r\n", 0);
	refuses(f, line, 431);
	refuses(f,
	    "GET / HTTP/1.1\r\nHost: a\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n"
	    "6:\r\n7:\r\n8:\r\n9:\r\n10:\r\n",
	    431);
	assert_int_equal(buf_len(&f->events), 0);
}

static void refuses_a_length_above_the_limit_at_once(void **state)
{
	struct fixture *f = *state;

	refuses(f, POST("/", "Content-Length: 1001\r\n"), 413);
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

/* --- time
 * ---------------------------------------------------------------------- */

static void refuses_a_slow_head(void **state)
{
	struct fixture *f = *state;
	struct server_limits limits = patient;

	limits.header_time_ns = 20 * NS_PER_MS;
	reopen(f, &limits);
	refuses(f, "GET / HTTP/1.1\r\nHo", 408);
	refuses(f, "", 408);
	call_and_say(f, GET("/x") "GET");
	hear_end(f, 0);
	assert_int_equal(count(&f->got, "HTTP/1.1 200"), 1);
	assert_int_equal(count(&f->got, "HTTP/1.1 408"), 1);
}

static void refuses_a_slow_body(void **state)
{
	struct fixture *f = *state;
	struct server_limits limits = patient;

	limits.idle_ns = 20 * NS_PER_MS;
	reopen(f, &limits);
	call_and_say(f, POST("/", "Content-Length: 10\r\n") "abc");
	hear_end(f, 0);
	assert_body(f, "{\"status\":408}");
	await_events(f, "head(/) done ");
}

static void closes_an_idle_connection_without_a_word(void **state)
{
	struct fixture *f = *state;
	struct server_limits limits = patient;

	limits.idle_ns = 20 * NS_PER_MS;
	reopen(f, &limits);
	call_and_say(f, GET("/x"));
	hear_end(f, 0);
	assert_body(f, "/x");
	assert_int_equal(server_connections(f->server), 0);
}

static void waits_for_its_handler_as_long_as_that_takes(void **state)
{
	struct fixture *f = *state;
	struct server_limits limits = patient;

	limits.idle_ns = 5 * NS_PER_MS;
	limits.header_time_ns = 5 * NS_PER_MS;
	reopen(f, &limits);
	call_and_say(f, GET("/later"));
	await_waiting(f);
	deadline_after(&f->timer, 30 * NS_PER_MS);
	turn_until(f, f->is_late);
	exchange_answer(f->waiting, 200, NULL, 0, SPAN("at last"));
	hear(f, "at last");
}

static void keeps_the_limits_of_connections_that_are_there(void **state)
{
	struct fixture *f = *state;
	struct server_limits limits = patient;

	call_and_say(f, GET("/x"));
	hear(f, "/x");
	limits.body = 2;
	server_set_limits(f->server, &limits);
	say(f, POST("/y", "Content-Length: 3\r\n") "abc");
	hear(f, "abc");
	refuses(f, POST("/y", "Content-Length: 3\r\n") "abc", 413);
}

/* --- clients that leave
 * --------------------------------------------------------- */

static void sees_a_reset_while_it_waits_for_the_answer(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	reset(f);
	await_events(f, "head(/later) request() gone ");
	assert_int_equal(server_connections(f->server), 0);
}

static void sees_a_reset_behind_pipelined_bytes(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	say(f, GET("/b"));
	turn(f);
	reset(f);
	await_events(f, "head(/later) request() gone ");
}

static void finds_a_closed_client_gone_before_the_answer(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	hang_up(f);
	await_events(f, "head(/later) request() gone ");
}

static void finds_a_closed_client_gone_between_events(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	exchange_begin(f->waiting, 200, event_stream, 1, -1);
	exchange_write(f->waiting, SPAN("data: 1\n\n"));
	hear(f, "data: 1");
	hang_up(f);
	await_events(f, "head(/later) request() gone ");
}

static void does_not_take_a_half_closed_client_for_gone(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	shutdown(f->client, SHUT_WR);
	hear(f, "HTTP/1.1 100 Continue\r\n\r\n");
	exchange_begin(f->waiting, 200, event_stream, 1, -1);
	exchange_write(f->waiting, SPAN("data: 1\n\n"));
	hear(f, "9\r\ndata: 1\n\n\r\n");
	exchange_end(f->waiting);
	hear_end(f, 0);
	assert_true(has(&f->got, "0\r\n\r\n"));
	await_events(f, "head(/later) request() done ");
}

static void puts_comments_between_the_events_of_a_half_closed_client(
    void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	exchange_begin(f->waiting, 200, event_stream, 1, -1);
	exchange_write(f->waiting, SPAN("data: 1\n\n"));
	hear(f, "data: 1");
	shutdown(f->client, SHUT_WR);
	hear(f, "4\r\n: \n\n\r\n");
	exchange_cut(f->waiting);
}

static void puts_nothing_where_it_would_do_harm(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	exchange_begin(f->waiting, 200, event_stream, 1, -1);
	exchange_write(f->waiting, SPAN("data: half of an ev"));
	hear(f, "half");
	shutdown(f->client, SHUT_WR);
	deadline_after(&f->timer, 60 * NS_PER_MS);
	turn_until(f, f->is_late);
	assert_false(has(&f->got, ": \n\n"));
	exchange_cut(f->waiting);
	hear_end(f, 0);

	f->is_late = false;
	call_and_say(f, "GET /later HTTP/1.0\r\n\r\n");
	await_waiting(f);
	shutdown(f->client, SHUT_WR);
	deadline_after(&f->timer, 60 * NS_PER_MS);
	turn_until(f, f->is_late);
	assert_int_equal(buf_len(&f->got), 0);
}

/* --- clients that do not read
 * ----------------------------------------------------- */

static void write_until_full(struct fixture *f)
{
	static const char block[65536];

	exchange_begin(f->waiting, 200, NULL, 0, -1);
	while (!exchange_is_full(f->waiting)) {
		exchange_write(f->waiting, span_make(block, sizeof(block)));
		loop_turn(f->loop, 0);
	}
	assert_true(exchange_pending(f->waiting) > 0);
	buf_consume(&f->events, buf_len(&f->events));
}

static void says_when_a_slow_client_has_caught_up(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	turn_until(f, f->waiting);
	write_until_full(f);
	turn_until(f, has(&f->events, "drained"));
	assert_false(exchange_is_full(f->waiting));
	exchange_end(f->waiting);
	hear(f, "0\r\n\r\n");
	await_events(f, "drained done ");
}

static void gives_up_on_a_client_that_takes_nothing(void **state)
{
	struct fixture *f = *state;
	struct server_limits limits = patient;

	limits.idle_ns = 30 * NS_PER_MS;
	reopen(f, &limits);
	call_and_say(f, GET("/later"));
	turn_until(f, f->waiting);
	write_until_full(f);
	while (f->waiting)
		loop_turn(f->loop, NS_PER_S);
	await_events(f, "stalled ");
	hear_end(f, ECONNRESET);
	assert_int_equal(server_connections(f->server), 0);
}

/* --- the server's life
 * -------------------------------------------------------------- */

static void set_drained(void *arg)
{
	((struct fixture *)arg)->is_drained = true;
}

static void drains_idle_connections_at_once(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/x"));
	hear(f, "/x");
	server_drain(f->server, set_drained, f);
	turn_until(f, f->is_drained);
	hear_end(f, 0);
	assert_int_equal(connect(f->client, NULL, 0), -1);
}

static void drains_after_the_answers_under_way(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	server_drain(f->server, set_drained, f);
	for (int i = 0; i < 3; i++)
		turn(f);
	assert_false(f->is_drained);
	exchange_answer(f->waiting, 200, NULL, 0, SPAN("bye"));
	hear_end(f, 0);
	assert_true(has(&f->got, "\r\nconnection: close\r\n"));
	assert_body(f, "bye");
	turn_until(f, f->is_drained);
}

static void drains_a_request_that_was_not_read_yet(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/x"));
	server_drain(f->server, set_drained, f);
	hear_end(f, 0);
	assert_true(has(&f->got, "\r\nconnection: close\r\n"));
	turn_until(f, f->is_drained);
}

static void says_drained_where_nobody_is_there(void **state)
{
	struct fixture *f = *state;

	server_drain(f->server, set_drained, f);
	assert_false(f->is_drained);
	turn_until(f, f->is_drained);
}

static void closes_everything_at_once(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	server_close(&f->server);
	assert_null(f->waiting);
	hear_end(f, 0);
	await_events(f, "head(/later) request() cut ");
}

static void may_be_closed_by_its_own_handler(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/close") GET("/never"));
	turn_until(f, f->read_errno >= 0);
	await_events(f, "head(/close) request() cut ");
}

static void waits_for_descriptors_when_they_run_out(void **state)
{
	struct fixture *f = *state;
	struct rlimit old;
	struct rlimit low;

	log_set_level(LOG_ERROR);
	call(f);
	say(f, GET("/x"));
	getrlimit(RLIMIT_NOFILE, &old);
	low = (struct rlimit){.rlim_cur = 3, .rlim_max = old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &low);
	for (int i = 0; i < 3; i++)
		turn(f);
	assert_int_equal(server_connections(f->server), 0);
	setrlimit(RLIMIT_NOFILE, &old);
	hear(f, "/x");
	log_set_level(LOG_INFO);
}

static void says_what_is_wrong_with_an_address(void **state)
{
	struct fixture *f = *state;
	struct server_options options = {
	    .limits = patient,
	    .handler = &handler,
	};
	struct error err;
	char address[32];

	options.address = "localhost";
	assert_null(server_open(f->loop, &options, &err));
	assert_non_null(strstr(err.text, "expected HOST:PORT"));
	options.address = "127.0.0.1:99999";
	assert_null(server_open(f->loop, &options, &err));
	assert_non_null(strstr(err.text, "127.0.0.1:99999"));
	snprintf(
	    address, sizeof(address), "127.0.0.1:%d", server_port(f->server));
	options.address = address;
	assert_null(server_open(f->loop, &options, &err));
	assert_non_null(strstr(err.text, "in use"));
}

static void shares_its_port_where_told(void **state)
{
	struct fixture *f = *state;
	struct server_options options = {
	    .address = ":0",
	    .limits = patient,
	    .reuse_port = true,
	    .handler = &handler,
	    .arg = f,
	};
	struct server *first;
	struct server *second;
	struct error err;
	char address[32];

	first = server_open(f->loop, &options, &err);
	assert_non_null(first);
	snprintf(address, sizeof(address), ":%d", server_port(first));
	options.address = address;
	second = server_open(f->loop, &options, &err);
	assert_non_null(second);
	assert_int_equal(server_port(first), server_port(second));
	server_close(&first);
	server_close(&second);
}

/* --- TLS
 * ------------------------------------------------------------------------------
 */

static size_t keep_answer(struct stream *stream, struct span in, void *arg)
{
	struct fixture *f = arg;

	(void)stream;
	assert_true(buf_append(&f->got, in));
	return in.len;
}

static void note_end(struct stream *stream, enum stream_end end, void *arg)
{
	(void)stream;
	tell(arg, "client-end(%d) ", (int)end);
}

static void answers_over_tls(void **state)
{
	static const struct stream_handler client = {
	    .on_data = keep_answer,
	    .on_end = note_end,
	};
	struct fixture *f = *state;
	struct certificate certificate;
	struct tls_context *server_tls;
	struct tls_context *client_tls;
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct stream_target target = {
	    .address = (struct sockaddr *)&address,
	    .address_len = sizeof(address),
	    .name = "localhost",
	};
	struct stream *stream;
	struct error err;

	certificate_make(&certificate, "DNS:localhost", 1);
	server_tls =
	    tls_server_new(certificate.cert_file, certificate.key_file, &err);
	client_tls = tls_client_new(certificate.cert_file, &err);
	certificate_remove(&certificate);
	server_set_tls(f->server, server_tls);
	address.sin_port = htons(server_port(f->server));
	target.tls = client_tls;
	stream = stream_connect(f->loop, &target, &client, f);
	stream_write(stream, SPAN(GET("/one") GET("/two")));
	hear(f, "/two");
	assert_true(has(&f->got, "/one"));
	server_drain(f->server, set_drained, f);
	turn_until(f, has(&f->events, "client-end"));
	await_events(f, "head(/one) request() head(/two) request() done done "
			"client-end(0) ");
	stream_close(&stream);
	tls_unref(&server_tls);
	tls_unref(&client_tls);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
	    TEST(refuses_a_slow_head),
	    TEST(refuses_a_slow_body),
	    TEST(closes_an_idle_connection_without_a_word),
	    TEST(waits_for_its_handler_as_long_as_that_takes),
	    TEST(keeps_the_limits_of_connections_that_are_there),
	    TEST(sees_a_reset_while_it_waits_for_the_answer),
	    TEST(sees_a_reset_behind_pipelined_bytes),
	    TEST(finds_a_closed_client_gone_before_the_answer),
	    TEST(finds_a_closed_client_gone_between_events),
	    TEST(does_not_take_a_half_closed_client_for_gone),
	    TEST(puts_comments_between_the_events_of_a_half_closed_client),
	    TEST(puts_nothing_where_it_would_do_harm),
	    TEST(says_when_a_slow_client_has_caught_up),
	    TEST(gives_up_on_a_client_that_takes_nothing),
	    TEST(drains_idle_connections_at_once),
	    TEST(drains_after_the_answers_under_way),
	    TEST(drains_a_request_that_was_not_read_yet),
	    TEST(says_drained_where_nobody_is_there),
	    TEST(closes_everything_at_once),
	    TEST(may_be_closed_by_its_own_handler),
	    TEST(waits_for_descriptors_when_they_run_out),
	    TEST(says_what_is_wrong_with_an_address),
	    TEST(shares_its_port_where_told),
	    TEST(answers_over_tls),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
