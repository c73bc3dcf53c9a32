/* conn.c -- a server's connection: how it begins, what it hears, its end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/conn.h"

#include <assert.h>
#include <stdlib.h>

struct conn *conn_of_link(struct list *link)
{
	return container_of(link, struct conn, link);
}

struct stream *conn_stream(const struct conn *conn)
{
	return conn->stream;
}

/* The one that came last of those that are not over; NULL: none. */
static const struct exchange *last_exchange(const struct conn *conn)
{
	if (conn->current || list_is_empty(&conn->ending))
		return conn->current;
	return container_of(conn->ending.prev, struct exchange, link);
}

/* --- endings ------------------------------------------------------------- */

static void free_conn(void *arg)
{
	struct conn *conn = arg;

	server_limits_unref(&conn->limits);
	free(conn);
}

/* The stream has been taken care of; exchanges are over. */
static void let_go(struct conn *conn)
{
	assert(!conn->current && conn->n_ending == 0 && !conn->stream);
	conn->step = CONN_GONE;
	deadline_free(&conn->deadline);
	list_remove(&conn->link);
	server_forget(conn->server);
	loop_retire(conn->server->loop, free_conn, conn);
}

static void finish_ending(struct conn *conn, enum exchange_over why)
{
	struct list *link;

	while ((link = list_pop_front(&conn->ending))) {
		struct exchange *exchange =
		    container_of(link, struct exchange, link);
		bool is_cut = why == EXCHANGE_DONE && exchange->answer.is_cut;

		conn->n_ending--;
		exchange_finish(exchange, is_cut ? EXCHANGE_CUT : why);
	}
}

static void finish_all(struct conn *conn, enum exchange_over why)
{
	struct exchange *exchange = conn->current;

	finish_ending(conn, why);
	conn->current = NULL;
	if (exchange)
		exchange_finish(exchange, why);
}

void conn_close(struct conn *conn)
{
	bool lingers = conn->needs_linger || conn->is_held_back;

	stream_finish(&conn->stream, lingers ? LINGER_NS : 0);
	let_go(conn);
}

/* Whether a client would take the connection's end for its answer's. */
static bool owes_end(const struct conn *conn)
{
	const struct exchange *last = last_exchange(conn);

	return last && last->answer.is_until_close;
}

void conn_break(struct conn *conn, enum exchange_over why)
{
	bool resets = why == EXCHANGE_STALLED || owes_end(conn);

	conn->step = CONN_GONE;
	finish_all(conn, why);
	if (resets)
		stream_abort(&conn->stream);
	else
		stream_close(&conn->stream);
	let_go(conn);
}

/* Whether nothing of a request is there and nothing of an answer is due. */
static bool is_idle(const struct conn *conn)
{
	return conn->step == CONN_HEAD && conn->began_ns == 0 &&
	       !conn->is_held_back && conn->n_ending == 0;
}

/* Bytes that have come but were not read yet are a request to be answered. */
void conn_drain(struct conn *conn)
{
	if (is_idle(conn) && stream_is_alive(conn->stream))
		conn_close(conn);
}

/* --- what the stream says ------------------------------------------------ */

static void on_open(struct stream *stream, void *arg)
{
	struct conn *conn = arg;

	(void)stream;
	conn->is_open = true;
}

static void on_drained(struct stream *stream, void *arg)
{
	struct conn *conn = arg;
	struct exchange *exchange = conn->current;

	if (exchange && exchange->answer.state == ANSWER_BEGUN)
		conn->server->handler->on_drained(exchange, conn->server->arg);
	else if (!exchange)
		stream_resume(stream);
}

/* A client that shut down its side gets what it asked for, then the end. */
static bool has_had_everything(const struct conn *conn)
{
	return conn->step == CONN_CLOSING ||
	       (conn->step == CONN_HEAD && conn->fin_ns != 0 &&
		   !conn->is_held_back);
}

/* An answer that ends with the connection is cut by a reset. */
static bool ends_by_reset(const struct conn *conn)
{
	return owes_end(conn) && last_exchange(conn)->answer.is_cut;
}

static void on_sent(struct stream *stream, void *arg)
{
	struct conn *conn = arg;
	bool resets = ends_by_reset(conn);

	finish_ending(conn, EXCHANGE_DONE);
	if (resets) {
		stream_abort(&conn->stream);
		let_go(conn);
	} else if (has_had_everything(conn)) {
		conn_close(conn);
	} else {
		if (conn->is_held_back && !conn->current)
			stream_resume(stream);
		conn_schedule(conn);
	}
}

static void on_fin(struct conn *conn)
{
	conn->fin_ns = conn_now_ns(conn);
	conn->out_at_probe = stream_bytes_out(conn->stream);
	if (conn->step == CONN_BODY)
		exchange_refuse(
		    conn->current, 400, "the request's body ended early");
	if (has_had_everything(conn) && stream_pending(conn->stream) == 0 &&
	    conn->n_ending == 0)
		conn_close(conn);
	else
		conn_schedule(conn);
}

static void on_end(struct stream *stream, enum stream_end end, void *arg)
{
	(void)stream;
	if (end == STREAM_EOF)
		on_fin(arg);
	else
		conn_break(arg, EXCHANGE_GONE);
}

static const struct stream_handler conn_handler = {
    .on_open = on_open,
    .on_data = conn_take,
    .on_drained = on_drained,
    .on_sent = on_sent,
    .on_end = on_end,
};

/* --- life ---------------------------------------------------------------- */

void conn_start(struct server *server, int fd)
{
	struct conn *conn = mem_new(struct conn);

	conn->server = server;
	conn->limits = server->limits;
	conn->limits->references++;
	conn->reader.limits = &conn->limits->limits.head;
	conn->is_in_head = true;
	conn->is_open = !server->tls;
	list_init(&conn->ending);
	list_push_back(&server->conns, &conn->link);
	server->n_conns++;
	deadline_init(&conn->deadline, server->loop, conn_on_deadline, conn);
	conn->waits_since_ns = conn_now_ns(conn);
	conn->stream =
	    stream_accept(server->loop, fd, server->tls, &conn_handler, conn);
	conn_schedule(conn);
}
