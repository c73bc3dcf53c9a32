/* exchange.c -- writes answers, and recycles what a request needs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "net/server_priv.h"

/*
 * What an exchange's arena may hold: the head and the handler's own data, which
 * grow with the body (a tree over its bytes takes a multiple of them).
 */
#define ARENA_MIN ((size_t)4 << 20)
#define ARENA_PER_BODY ((size_t)16)

/* --- life ---------------------------------------------------------------- */

struct exchange *exchange_spare(struct server *server)
{
	struct list *link;

	if (server->spare)
		return server->spare;
	link = list_pop_front(&server->free_exchanges);
	if (link) {
		server->n_free--;
		server->spare = container_of(link, struct exchange, link);
	} else {
		server->spare = mem_new(struct exchange);
		list_init(&server->spare->link);
		arena_init(&server->spare->arena, ARENA_MIN);
	}
	return server->spare;
}

struct exchange *exchange_start(
    struct server *server, struct conn *conn, size_t body_max)
{
	struct exchange *exchange = exchange_spare(server);

	server->spare = NULL;
	server->n_exchanges++;
	exchange->server = server;
	exchange->conn = conn;
	exchange->arena.max = body_max < SIZE_MAX / (ARENA_PER_BODY * 2)
				  ? ARENA_MIN + body_max * ARENA_PER_BODY
				  : SIZE_MAX / 2;
	exchange->body = span_make(NULL, 0);
	exchange->user = NULL;
	exchange->awaits_body = false;
	exchange->is_over = false;
	exchange->is_held = false;
	exchange->answer = (struct answer){.state = ANSWER_NONE};
	return exchange;
}

void exchange_free(struct exchange *exchange)
{
	arena_free(&exchange->arena);
	buf_free(&exchange->gathered);
	free(exchange);
}

static void recycle(void *arg)
{
	struct exchange *exchange = arg;
	struct server *server = exchange->server;

	if (server->n_free == EXCHANGES_KEPT) {
		exchange_free(exchange);
		return;
	}
	arena_reset(&exchange->arena);
	buf_free(&exchange->gathered);
	list_push_front(&server->free_exchanges, &exchange->link);
	server->n_free++;
}

void exchange_finish(struct exchange *exchange, enum exchange_over why)
{
	struct server *server = exchange->server;

	list_remove(&exchange->link);
	exchange->is_over = true;
	server->handler->on_over(exchange, why, server->arg);
	exchange->conn = NULL;
	server->n_exchanges--;
	if (exchange->is_held)
		server->n_held++;
	else
		loop_retire(server->loop, recycle, exchange);
}

void exchange_hold(struct exchange *exchange)
{
	exchange->is_held = true;
}

void exchange_release(struct exchange *exchange)
{
	if (!exchange->is_held)
		return;
	exchange->is_held = false;
	/* Not over yet: its end frees it as ever. */
	if (exchange->conn)
		return;
	server_let_go(exchange->server);
	loop_retire(exchange->server->loop, recycle, exchange);
}

/* --- heads --------------------------------------------------------------- */

/* RFC 9110 5.6.7, made anew once a second. */
static struct span date_of(struct server *server)
{
	static const char days[][4] = {
	    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May",
	    "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int64_t now = loop_now_ns(server->loop);
	struct tm tm;
	time_t t;

	if (server->date_ns != 0 && now - server->date_ns < NS_PER_S)
		return span_of(server->date);
	server->date_ns = now;
	t = (time_t)(clock_utc_ns() / NS_PER_S);
	gmtime_r(&t, &tm);
	snprintf(server->date, sizeof(server->date),
	    "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
	    months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour,
	    tm.tm_min, tm.tm_sec);
	return span_of(server->date);
}

/* Handlers' heads are far below the maximum. */
static void put_header(struct buf *out, struct span name, struct span value)
{
	bool fits = http1_write_header(out, name, value);

	assert(fits);
}

static void start_head(struct server *server, int status)
{
	bool fits;

	buf_consume(&server->head, buf_len(&server->head));
	fits = http1_write_status(&server->head, status);
	assert(fits);
	put_header(&server->head, SPAN("date"), date_of(server));
}

static void put_length(struct buf *out, uint64_t length)
{
	char digits[24];

	put_header(out, SPAN("content-length"), span_decimal(length, digits));
}

static void send_head(struct server *server, struct stream *stream)
{
	bool fits = buf_append(&server->head, SPAN("\r\n"));

	assert(fits);
	stream_write(stream, buf_span(&server->head));
}

/* RFC 9112 6.3: which answers never have a body. */
static bool is_bodiless(int status)
{
	return status < 200 || status == 204 || status == 304;
}

/*
 * How the answer's end will be known, and whether the connection lives on. A
 * body that is still unread, or that a draining server need not wait for, ends
 * it.
 */
static void choose_framing(
    struct exchange *exchange, int status, int64_t length)
{
	struct answer *answer = &exchange->answer;
	const struct http1_head *request = &exchange->head;

	answer->drops_body =
	    is_bodiless(status) || span_eq(request->method, SPAN("HEAD"));
	answer->closes = !request->keeps_alive || exchange->awaits_body ||
			 exchange->server->is_draining;
	answer->has_length = length >= 0;
	answer->left = length >= 0 ? (uint64_t)length : 0;
	answer->is_chunked = length < 0 && request->minor >= 1;
	answer->is_until_close =
	    length < 0 && !answer->is_chunked && !answer->drops_body;
	answer->closes |= answer->is_until_close;
}

static void put_framing(struct exchange *exchange, int status)
{
	struct answer *answer = &exchange->answer;
	struct buf *out = &exchange->server->head;

	if (is_bodiless(status))
		;
	else if (answer->has_length)
		put_length(out, answer->left);
	else if (answer->is_chunked)
		put_header(out, SPAN("transfer-encoding"), SPAN("chunked"));
	if (answer->closes)
		put_header(out, SPAN("connection"), SPAN("close"));
	else if (exchange->head.minor == 0)
		put_header(out, SPAN("connection"), SPAN("keep-alive"));
}

static void put_headers(struct exchange *exchange,
    const struct http1_header *headers, size_t n_headers)
{
	struct answer *answer = &exchange->answer;

	for (size_t i = 0; i < n_headers; i++) {
		put_header(
		    &exchange->server->head, headers[i].name, headers[i].value);
		if (span_eq_nocase(headers[i].name, SPAN("content-type")) &&
		    span_starts_with(
			headers[i].value, SPAN("text/event-stream")))
			answer->is_event_stream = true;
	}
}

static bool is_open_for(
    const struct exchange *exchange, enum answer_state state)
{
	return !exchange->is_over && exchange->answer.state == state;
}

/* --- answers ------------------------------------------------------------- */

void exchange_begin(struct exchange *exchange, int status,
    const struct http1_header *headers, size_t n_headers, int64_t length)
{
	struct server *server = exchange->server;

	if (!is_open_for(exchange, ANSWER_NONE))
		return;
	exchange->answer.state = ANSWER_BEGUN;
	exchange->answer.is_between_events = true;
	conn_begun(exchange->conn);
	choose_framing(exchange, status, length);
	start_head(server, status);
	put_headers(exchange, headers, n_headers);
	put_framing(exchange, status);
	send_head(server, conn_stream(exchange->conn));
}

static void note_boundary(struct answer *answer, struct span bytes)
{
	answer->is_between_events = span_ends_with(bytes, SPAN("\n\n")) ||
				    span_ends_with(bytes, SPAN("\r\n\r\n"));
}

static void write_chunk(struct stream *stream, struct span bytes)
{
	char size[20];
	size_t len = http1_write_chunk_size(bytes.len, size);

	stream_write(stream, span_make(size, len));
	stream_write(stream, bytes);
	stream_write(stream, SPAN("\r\n"));
}

void exchange_write(struct exchange *exchange, struct span bytes)
{
	struct answer *answer = &exchange->answer;
	struct stream *stream;

	if (!is_open_for(exchange, ANSWER_BEGUN) || bytes.len == 0 ||
	    answer->drops_body)
		return;
	stream = conn_stream(exchange->conn);
	note_boundary(answer, bytes);
	if (answer->is_chunked) {
		write_chunk(stream, bytes);
		return;
	}
	if (answer->has_length) {
		assert(bytes.len <= answer->left);
		answer->left -= bytes.len;
	}
	stream_write(stream, bytes);
}

/*
 * The empty write has the stream tell the connection when all is sent, also
 * where that is already so.
 */
static void end_answer(struct exchange *exchange)
{
	exchange->answer.state = ANSWER_ENDED;
	stream_write(conn_stream(exchange->conn), SPAN(""));
	conn_answered(exchange->conn, exchange);
}

void exchange_end(struct exchange *exchange)
{
	struct answer *answer = &exchange->answer;

	if (!is_open_for(exchange, ANSWER_BEGUN))
		return;
	if (answer->has_length && answer->left > 0 && !answer->drops_body) {
		exchange_cut(exchange);
		return;
	}
	if (answer->is_chunked && !answer->drops_body)
		stream_write(conn_stream(exchange->conn), SPAN("0\r\n\r\n"));
	end_answer(exchange);
}

void exchange_answer(struct exchange *exchange, int status,
    const struct http1_header *headers, size_t n_headers, struct span body)
{
	if (is_bodiless(status))
		body.len = 0;
	exchange_begin(exchange, status, headers, n_headers, (int64_t)body.len);
	exchange_write(exchange, body);
	exchange_end(exchange);
}

void exchange_cut(struct exchange *exchange)
{
	if (exchange->is_over || exchange->answer.state == ANSWER_ENDED)
		return;
	exchange->answer.is_cut = true;
	exchange->answer.closes = true;
	end_answer(exchange);
}

/* --- refusals ------------------------------------------------------------ */

/* The body of a refusal and its type, from the handler where it has one. */
static struct span refusal_body(struct server *server, int status,
    const char *reason, struct arena *arena, struct http1_header *type)
{
	struct span body = span_make(NULL, 0);
	char *line;

	*type = (struct http1_header){
	    SPAN("content-type"), SPAN("application/json")};
	if (server->handler->refusal_body)
		body = server->handler->refusal_body(
		    status, reason, arena, server->arg);
	if (body.ptr)
		return body;
	type->value = SPAN("text/plain");
	line = arena_printf(
	    arena, "%d %s: %s\n", status, http1_reason(status), reason);
	return span_of(line);
}

void exchange_refuse(struct exchange *exchange, int status, const char *reason)
{
	struct http1_header type;
	struct span body = refusal_body(
	    exchange->server, status, reason, &exchange->arena, &type);

	exchange_answer(exchange, status, &type, 1, body);
}

void exchange_refuse_head(struct server *server, struct stream *stream,
    int status, const char *reason)
{
	struct arena *arena = &exchange_spare(server)->arena;
	struct http1_header type;
	struct span body = refusal_body(server, status, reason, arena, &type);

	start_head(server, status);
	put_header(&server->head, type.name, type.value);
	put_length(&server->head, body.len);
	put_header(&server->head, SPAN("connection"), SPAN("close"));
	send_head(server, stream);
	stream_write(stream, body);
	arena_reset(arena);
}

/*
 * A fully closed client cannot be told from one that shut down its side until
 * something is sent to it. Where stream_poke cannot: 100 Continue may come any
 * number of times before a final answer (RFC 9110 15.2), and a comment between
 * two events means nothing.
 */
struct span exchange_probe(const struct exchange *exchange)
{
	const struct answer *answer = &exchange->answer;

	if (answer->state == ANSWER_NONE && exchange->head.minor >= 1)
		return SPAN("HTTP/1.1 100 Continue\r\n\r\n");
	if (answer->state == ANSWER_BEGUN && answer->is_chunked &&
	    !answer->drops_body && answer->is_event_stream &&
	    answer->is_between_events)
		return SPAN("4\r\n: \n\n\r\n");
	return span_make(NULL, 0);
}

/* --- queries ------------------------------------------------------------- */

const struct http1_head *exchange_request(const struct exchange *exchange)
{
	return &exchange->head;
}

struct span exchange_body(const struct exchange *exchange)
{
	return exchange->body;
}

struct arena *exchange_arena(struct exchange *exchange)
{
	return &exchange->arena;
}

const char *exchange_peer(const struct exchange *exchange)
{
	return exchange->conn ? stream_peer(conn_stream(exchange->conn))
			      : "unknown";
}

int64_t exchange_started_ns(const struct exchange *exchange)
{
	return exchange->started_ns;
}

void exchange_set_user(struct exchange *exchange, void *user)
{
	exchange->user = user;
}

void *exchange_user(const struct exchange *exchange)
{
	return exchange->user;
}

bool exchange_has_begun(const struct exchange *exchange)
{
	return exchange->answer.state != ANSWER_NONE;
}

size_t exchange_pending(const struct exchange *exchange)
{
	return exchange->conn ? stream_pending(conn_stream(exchange->conn)) : 0;
}

bool exchange_is_full(const struct exchange *exchange)
{
	return exchange->conn && stream_is_full(conn_stream(exchange->conn));
}
