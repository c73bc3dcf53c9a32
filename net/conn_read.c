/* conn_read.c -- reads a connection's requests, one after the other. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "net/conn.h"

/* What comes next is waited for from now on. */
static void wait_anew(struct conn *conn)
{
	conn->waits_since_ns = conn_now_ns(conn);
	conn->is_checked = false;
}

void conn_refuse(struct conn *conn, int status, const char *reason)
{
	conn->step = CONN_CLOSING;
	conn->needs_linger = true;
	exchange_refuse_head(conn->server, conn->stream, status, reason);
}

/* --- heads --------------------------------------------------------------- */

/* From the bytes that were read to their copy, but for text of the codec's. */
static void move_span(struct span *s, struct span from, struct span to)
{
	if (s->ptr >= from.ptr && s->ptr <= from.ptr + from.len)
		s->ptr = to.ptr + (s->ptr - from.ptr);
}

/* Copies the head to where it lives as long as the exchange. */
static void keep_head(struct exchange *exchange, struct span bytes)
{
	struct http1_head *head = &exchange->head;
	struct span copy = arena_copy(&exchange->arena, bytes);

	assert(copy.ptr);
	move_span(&head->method, bytes, copy);
	move_span(&head->target, bytes, copy);
	move_span(&head->path, bytes, copy);
	move_span(&head->query, bytes, copy);
	move_span(&head->host, bytes, copy);
	for (size_t i = 0; i < head->n_headers; i++) {
		move_span(&head->headers[i].name, bytes, copy);
		move_span(&head->headers[i].value, bytes, copy);
	}
}

/* The whole request is there, or an answer has been begun without it. */
static void have_request(struct conn *conn, struct exchange *exchange)
{
	struct server *server = conn->server;

	conn->step = CONN_BUSY;
	wait_anew(conn);
	if (exchange->answer.state != ANSWER_NONE)
		return;
	exchange->awaits_body = false;
	server->handler->on_request(exchange, server->arg);
}

/*
 * The head is read: <rest> is what came with it. A body that is wholly among
 * that is copied at once, so that an early answer need not end the connection.
 * Returns the bytes of <rest> taken.
 */
static size_t have_head(
    struct conn *conn, struct exchange *exchange, struct span rest)
{
	const struct http1_head *head = &exchange->head;
	struct server *server = conn->server;
	size_t taken = 0;

	if (head->framing == HTTP1_LENGTH && head->content_length <= rest.len) {
		taken = (size_t)head->content_length;
		if (taken > 0)
			exchange->body = arena_copy(
			    &exchange->arena, span_head(rest, taken));
	} else if (head->framing == HTTP1_LENGTH ||
		   head->framing == HTTP1_CHUNKED) {
		exchange->awaits_body = true;
		buf_init(&exchange->gathered, conn->limits->limits.body);
		http1_body_start(&exchange->reader, head);
	}
	conn->step = CONN_BODY;
	server->handler->on_head(exchange, server->arg);
	if (conn->current != exchange)
		return taken;
	if (!exchange->awaits_body || exchange->answer.state != ANSWER_NONE)
		have_request(conn, exchange);
	else if (head->expects_continue && head->minor >= 1 && rest.len == 0)
		stream_write(
		    conn->stream, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
	return taken;
}

/* Whether the next request must wait for the answers before it. */
static bool must_wait(const struct conn *conn)
{
	return conn->n_ending >= EXCHANGES_ENDING ||
	       stream_is_full(conn->stream);
}

static size_t read_head(struct conn *conn, struct span in)
{
	struct exchange *exchange = exchange_spare(conn->server);
	const struct server_limits *limits = &conn->limits->limits;
	ptrdiff_t n;

	if (conn->began_ns == 0)
		conn->began_ns = conn_now_ns(conn);
	if (!conn->is_in_head)
		conn->waits_since_ns = conn->began_ns;
	conn->is_in_head = true;
	n = http1_read_request(&conn->reader, in, &exchange->head);
	if (n < 0)
		conn_refuse(conn, http1_refusal_status(&conn->reader.fault),
		    conn->reader.fault.reason);
	if (n <= 0)
		return 0;
	conn->is_in_head = false;
	conn->reader = (struct http1_reader){.limits = &limits->head};
	if (exchange->head.framing == HTTP1_LENGTH &&
	    exchange->head.content_length > limits->body) {
		conn_refuse(conn, 413, "the request's body is too large");
		return 0;
	}
	exchange = exchange_start(conn->server, conn, limits->body);
	exchange->started_ns = conn->began_ns;
	conn->began_ns = 0;
	wait_anew(conn);
	conn->current = exchange;
	keep_head(exchange, span_head(in, (size_t)n));
	return (size_t)n + have_head(conn, exchange, span_from(in, (size_t)n));
}

/* --- bodies -------------------------------------------------------------- */

static size_t read_body(struct conn *conn, struct span in)
{
	struct exchange *exchange = conn->current;
	enum http1_progress progress;
	size_t used = 0;

	wait_anew(conn);
	do {
		struct span data = span_make(NULL, 0);
		size_t n = 0;

		progress = http1_body_read(
		    &exchange->reader, span_from(in, used), &n, &data);
		used += n;
		if (progress == HTTP1_DATA &&
		    !buf_append(&exchange->gathered, data)) {
			exchange_refuse(
			    exchange, 413, "the request's body is too large");
			return used;
		}
	} while (progress == HTTP1_DATA);
	if (progress == HTTP1_BAD) {
		exchange_refuse(exchange, 400, exchange->reader.reason);
	} else if (progress == HTTP1_DONE) {
		exchange->body = buf_span(&exchange->gathered);
		have_request(conn, exchange);
	}
	return used;
}

/* --- in order ------------------------------------------------------------ */

/* One step on the bytes at hand; 0 when it can go no further with them. */
static size_t read_on(struct conn *conn, struct span in)
{
	switch (conn->step) {
	case CONN_HEAD:
		conn->is_held_back = must_wait(conn);
		return conn->is_held_back ? 0 : read_head(conn, in);
	case CONN_BODY:
		return read_body(conn, in);
	case CONN_BUSY:
	case CONN_CLOSING:
	case CONN_GONE:
		break;
	}
	conn->is_held_back = true;
	return 0;
}

/*
 * Bytes after the last request of a connection are dropped, so that they do not
 * fill the stream and its end is still seen.
 */
size_t conn_take(struct stream *stream, struct span in, void *arg)
{
	struct conn *conn = arg;
	size_t used = 0;
	size_t n;

	(void)stream;
	conn->is_shown = true;
	conn->is_held_back = false;
	do {
		n = used < in.len ? read_on(conn, span_from(in, used)) : 0;
		used += n;
	} while (n > 0);
	conn->is_shown = false;
	if (conn->step == CONN_GONE)
		return in.len;
	if (conn->step == CONN_CLOSING)
		used = in.len;
	conn_schedule(conn);
	return used;
}

void conn_begun(struct conn *conn)
{
	if (conn->step == CONN_BODY)
		conn->step = CONN_BUSY;
}

void conn_answered(struct conn *conn, struct exchange *exchange)
{
	assert(conn->current == exchange);
	conn->current = NULL;
	list_push_back(&conn->ending, &exchange->link);
	conn->n_ending++;
	wait_anew(conn);
	if (exchange->answer.closes || conn->server->is_draining) {
		conn->step = CONN_CLOSING;
		conn->needs_linger |= exchange->awaits_body;
		return;
	}
	conn->step = CONN_HEAD;
	if (!conn->is_shown)
		stream_resume(conn->stream);
}
