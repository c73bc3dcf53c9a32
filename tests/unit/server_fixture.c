/* server_fixture.c -- a server with a scripted handler, and one client. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server_fixture.h"

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX 1000 /* bytes */

/* --- the handler, steered by the path ------------------------------------ */

void tell(struct fixture *f, const char *fmt, ...)
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

const struct server_handler server_handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_drained = on_drained,
    .on_over = on_over,
    .refusal_body = refusal_body,
};

/* --- the fixture --------------------------------------------------------- */

const struct server_limits patient = {
    .head = {.line = 200, .headers = 10, .header_bytes = 600},
    .body = BODY_MAX,
    .header_time_ns = 60 * NS_PER_S,
    .idle_ns = 60 * NS_PER_S,
};

const struct http1_header server_event_stream[1] = {
    {SPAN("content-type"), SPAN("text/event-stream")},
};

static void open_server(struct fixture *f, const struct server_limits *limits,
    struct tls_context *tls)
{
	struct server_options options = {
	    .address = "127.0.0.1:0",
	    .limits = *limits,
	    .tls = tls,
	    .handler = &server_handler,
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

int server_set_up(void **state)
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

void hang_up(struct fixture *f)
{
	if (f->client >= 0)
		close(f->client);
	f->client = -1;
	buf_consume(&f->got, buf_len(&f->got));
	f->read_errno = -1;
}

int server_tear_down(void **state)
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

void reopen(struct fixture *f, const struct server_limits *limits)
{
	server_close(&f->server);
	open_server(f, limits, NULL);
}

void call(struct fixture *f)
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

void say(struct fixture *f, const char *text)
{
	assert_int_equal(
	    send(f->client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void call_and_say(struct fixture *f, const char *text)
{
	call(f);
	say(f, text);
}

void reset(struct fixture *f)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(f->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(f->client);
	f->client = -1;
}

void turn(struct fixture *f)
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

bool has(const struct buf *buf, const char *text)
{
	return span_find(buf_span(buf), span_of(text), 0) != SIZE_MAX;
}

void hear(struct fixture *f, const char *text)
{
	turn_until(f, has(&f->got, text));
}

void hear_end(struct fixture *f, int error)
{
	turn_until(f, f->read_errno >= 0);
	assert_int_equal(f->read_errno, error);
}

void await_events(struct fixture *f, const char *text)
{
	turn_until(f, buf_len(&f->events) >= strlen(text));
	assert_true(buf_append(&f->events, SPAN("\0")));
	assert_string_equal(buf_span(&f->events).ptr, text);
	buf_consume(&f->events, buf_len(&f->events));
}

size_t count(const struct buf *buf, const char *text)
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

void assert_body(struct fixture *f, const char *text)
{
	struct span body = answer_body(f);

	assert_int_equal(body.len, strlen(text));
	assert_memory_equal(body.ptr, text, body.len);
}

void await_waiting(struct fixture *f)
{
	turn_until(f, f->waiting);
}

void server_refuses(struct fixture *f, const char *request, int status)
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
