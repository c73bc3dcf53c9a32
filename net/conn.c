/* conn.c -- reads requests from one stream, in order and in time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "net/server_priv.h"

/*
 * After a client's FIN: when first to ask whether it is still there, how often
 * after that, and how many times.
 */
#define FIRST_PROBE_NS (25 * NS_PER_MS)
#define NEXT_PROBE_NS NS_PER_S
#define PROBES_MAX 600

/*
 * How long an answer may take, or the rest of a body, before we look whether
 * the client is still there.
 */
#define CHECK_NS (100 * NS_PER_MS)

enum conn_step {
	CONN_HEAD,    /* waits for a request or reads its head */
	CONN_BODY,    /* reads a request's body */
	CONN_BUSY,    /* waits for the answer */
	CONN_CLOSING, /* closes once all is sent */
	CONN_GONE,    /* let go of; freed after the turn */
};

struct conn {
	struct list link; /* of server->conns */
	struct server *server;
	struct kept_limits *limits;
	struct stream *stream;
	struct exchange *current; /* the request being read or answered */
	struct list ending;       /* exchanges whose bytes are on their way */
	size_t n_ending;
	struct http1_reader reader;
	struct deadline deadline;
	int64_t waits_since_ns; /* for the client, in CONN_HEAD and CONN_BODY */
	int64_t began_ns;       /* first byte of the head; 0 before */
	int64_t fin_ns;         /* when it shut down its side; 0: it did not */
	uint64_t out_at_probe;  /* bytes written when we last looked */
	unsigned probes;
	bool is_checked; /* since this request was whole, or bytes of it came */
	enum conn_step step;
	bool is_open : 1;      /* TLS has shaken hands, if there is TLS */
	bool is_in_head : 1;   /* waits for the rest of a head, or the first */
	bool is_shown : 1;     /* within on_data */
	bool is_held_back : 1; /* unread bytes wait for us, not for more */
	bool needs_linger : 1;
};

static void schedule(struct conn *conn);

struct conn *conn_of_link(struct list *link)
{
	return container_of(link, struct conn, link);
}

struct stream *conn_stream(const struct conn *conn)
{
	return conn->stream;
}

static int64_t now_of(const struct conn *conn)
{
	return loop_now_ns(conn->server->loop);
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

/* All is sent: closes in order, after a linger where more is under way. */
static void close_in_order(struct conn *conn)
{
	bool lingers = conn->needs_linger || conn->is_held_back;

	stream_finish(&conn->stream, lingers ? LINGER_NS : 0);
	let_go(conn);
}

/* Whether a client would take the connection's end for its answer's. */
static bool owes_end(const struct conn *conn)
{
	const struct exchange *last = conn->current;

	if (!last && !list_is_empty(&conn->ending))
		last = container_of(conn->ending.prev, struct exchange, link);
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
		close_in_order(conn);
}

/* --- requests ------------------------------------------------------------ */

/* Refuses what is not even a request; nothing after it can be read. */
static void refuse(struct conn *conn, int status, const char *reason)
{
	conn->step = CONN_CLOSING;
	conn->needs_linger = true;
	exchange_refuse_head(conn->server, conn->stream, status, reason);
}

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
	conn->is_checked = false;
	conn->waits_since_ns = now_of(conn);
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
	conn->is_checked = false;
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
		conn->began_ns = now_of(conn);
	if (!conn->is_in_head)
		conn->waits_since_ns = conn->began_ns;
	conn->is_in_head = true;
	n = http1_read_request(&conn->reader, in, &exchange->head);
	if (n < 0)
		refuse(conn, http1_refusal_status(&conn->reader.fault),
		    conn->reader.fault.reason);
	if (n <= 0)
		return 0;
	conn->is_in_head = false;
	conn->reader = (struct http1_reader){.limits = &limits->head};
	if (exchange->head.framing == HTTP1_LENGTH &&
	    exchange->head.content_length > limits->body) {
		refuse(conn, 413, "the request's body is too large");
		return 0;
	}
	exchange = exchange_start(conn->server, conn, limits->body);
	exchange->started_ns = conn->began_ns;
	conn->began_ns = 0;
	conn->waits_since_ns = now_of(conn);
	conn->current = exchange;
	keep_head(exchange, span_head(in, (size_t)n));
	return (size_t)n + have_head(conn, exchange, span_from(in, (size_t)n));
}

static size_t read_body(struct conn *conn, struct span in)
{
	struct exchange *exchange = conn->current;
	enum http1_progress progress;
	size_t used = 0;

	conn->waits_since_ns = now_of(conn);
	conn->is_checked = false;
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
static size_t on_data(struct stream *stream, struct span in, void *arg)
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
	schedule(conn);
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
	conn->waits_since_ns = now_of(conn);
	if (exchange->answer.closes || conn->server->is_draining) {
		conn->step = CONN_CLOSING;
		conn->needs_linger |= exchange->awaits_body;
		return;
	}
	conn->step = CONN_HEAD;
	if (!conn->is_shown)
		stream_resume(conn->stream);
}

/* --- what else the stream says ------------------------------------------- */

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
	const struct exchange *last;

	if (list_is_empty(&conn->ending))
		return false;
	last = container_of(conn->ending.prev, struct exchange, link);
	return last->answer.is_cut && last->answer.is_until_close;
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
		close_in_order(conn);
	} else {
		if (conn->is_held_back && !conn->current)
			stream_resume(stream);
		schedule(conn);
	}
}

static void on_fin(struct conn *conn)
{
	conn->fin_ns = now_of(conn);
	conn->out_at_probe = stream_bytes_out(conn->stream);
	if (conn->step == CONN_BODY)
		exchange_refuse(
		    conn->current, 400, "the request's body ended early");
	if (has_had_everything(conn) && stream_pending(conn->stream) == 0 &&
	    conn->n_ending == 0)
		close_in_order(conn);
	else
		schedule(conn);
}

static void on_end(struct stream *stream, enum stream_end end, void *arg)
{
	(void)stream;
	if (end == STREAM_EOF)
		on_fin(arg);
	else
		conn_break(arg, EXCHANGE_GONE);
}

static void on_open(struct stream *stream, void *arg)
{
	struct conn *conn = arg;

	(void)stream;
	conn->is_open = true;
}

static const struct stream_handler conn_handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_drained = on_drained,
    .on_sent = on_sent,
    .on_end = on_end,
};

/* --- time ---------------------------------------------------------------- */

/* When the client has kept us waiting for too long; 0: it owes nothing. */
static int64_t patience_ends_ns(const struct conn *conn)
{
	const struct server_limits *limits = &conn->limits->limits;
	int64_t stuck_ns = stream_stuck_since_ns(conn->stream);

	if (stuck_ns != 0)
		return stuck_ns + limits->idle_ns;
	switch (conn->step) {
	case CONN_HEAD:
		return conn->waits_since_ns + (conn->is_in_head
						      ? limits->header_time_ns
						      : limits->idle_ns);
	case CONN_BODY:
		return conn->waits_since_ns + limits->idle_ns;
	case CONN_BUSY:
	case CONN_CLOSING:
	case CONN_GONE:
		break;
	}
	return 0;
}

static int64_t next_probe_ns(const struct conn *conn)
{
	if (conn->fin_ns == 0 || !conn->current || conn->probes >= PROBES_MAX)
		return 0;
	return conn->fin_ns + FIRST_PROBE_NS + conn->probes * NEXT_PROBE_NS;
}

/*
 * When to look for a reset that came along with the request or with the last of
 * it that came: one event told of both.
 */
static int64_t check_ns(const struct conn *conn)
{
	bool is_within = conn->step == CONN_BODY || conn->step == CONN_BUSY;

	if (!is_within || conn->is_checked || conn->fin_ns != 0)
		return 0;
	return conn->waits_since_ns + CHECK_NS;
}

static void put_earlier(int64_t *at, int64_t other)
{
	if (other != 0 && other < *at)
		*at = other;
}

/* Where the client owes nothing now, it may do so before the next look. */
static void schedule(struct conn *conn)
{
	int64_t at = patience_ends_ns(conn);

	if (at == 0)
		at = now_of(conn) + conn->limits->limits.idle_ns;
	put_earlier(&at, next_probe_ns(conn));
	put_earlier(&at, check_ns(conn));
	deadline_set(&conn->deadline, at);
}

static void send_probe(struct conn *conn)
{
	uint64_t out = stream_bytes_out(conn->stream);
	struct span probe = span_make(NULL, 0);

	conn->probes++;
	/* What was written since, or still waits, will tell by itself. */
	if (out == conn->out_at_probe && stream_pending(conn->stream) == 0 &&
	    !stream_poke(conn->stream))
		probe = exchange_probe(conn->current);
	stream_write(conn->stream, probe);
	conn->out_at_probe = out + probe.len;
}

static void lose_patience(struct conn *conn)
{
	if (stream_stuck_since_ns(conn->stream) != 0) {
		conn_break(conn, EXCHANGE_STALLED);
	} else if (conn->step == CONN_BODY) {
		exchange_refuse(
		    conn->current, 408, "the request's body came too slowly");
	} else if (conn->is_in_head && conn->is_open &&
		   stream_bytes_in(conn->stream) > 0) {
		refuse(conn, 408, "the request's head came too slowly");
	} else {
		close_in_order(conn);
	}
}

static void on_deadline(void *arg)
{
	struct conn *conn = arg;
	int64_t now = now_of(conn);
	int64_t probe = next_probe_ns(conn);
	int64_t check = check_ns(conn);
	int64_t at = patience_ends_ns(conn);

	if (probe != 0 && probe <= now)
		send_probe(conn);
	if (check != 0 && check <= now) {
		conn->is_checked = true;
		stream_check(conn->stream);
	}
	if (at != 0 && at <= now)
		lose_patience(conn);
	if (conn->step != CONN_GONE)
		schedule(conn);
}

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
	deadline_init(&conn->deadline, server->loop, on_deadline, conn);
	conn->waits_since_ns = now_of(conn);
	conn->stream =
	    stream_accept(server->loop, fd, server->tls, &conn_handler, conn);
	schedule(conn);
}
