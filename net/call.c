/* call.c -- one call's machine: from a stream to the answer's last byte. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "net/call.h"

/* 1xx answers before the final one; more is somebody's idea of a joke. */
#define INTERIM_MAX 16

/* Written to the stream at once, so that a big body is not copied whole. */
#define SLICE ((size_t)64 * 1024)

/* Wider than for requests: providers send long security headers. */
static const struct http1_limits answer_limits = {
    .line = 16 * 1024,
    .headers = HTTP1_HEADERS_MAX,
    .header_bytes = 64 * 1024,
};

static const struct stream_handler stream_handler;

/* --- limits of time --------------------------------------------------------
 */

static void arm(struct call *call)
{
	int64_t at = call->step_at_ns;

	if (call->total_at_ns && (at == 0 || call->total_at_ns < at))
		at = call->total_at_ns;
	if (at)
		deadline_set(&call->deadline, at);
	else
		deadline_clear(&call->deadline);
}

/* The step may last <ns> from now on; 0: as long as the call. */
static void limit_step(struct call *call, int64_t ns)
{
	call->step_at_ns = ns > 0 ? loop_now_ns(call->client->loop) + ns : 0;
	arm(call);
}

void call_limit_total(struct call *call, int64_t ns)
{
	int64_t at = loop_now_ns(call->client->loop) + ns;

	if (call->total_at_ns == 0 || at < call->total_at_ns)
		call->total_at_ns = at;
	arm(call);
}

/* The limit of waiting or reading; none while we do not want to read. */
static void limit_answer(struct call *call)
{
	if (call->is_paused)
		limit_step(call, 0);
	else if (call->step == CALL_WAITING)
		limit_step(call, call->first_byte_ns);
	else if (call->step == CALL_READING)
		limit_step(call, call->origin->timeouts.silence_ns);
}

/* --- endings ---------------------------------------------------------------
 */

static void fail(struct call *call, enum call_failure failure, const char *fmt,
    ...) printf_like(3, 4);

static void fail(
    struct call *call, enum call_failure failure, const char *fmt, ...)
{
	char detail[640];
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	call_end(call);
	call->handler->on_failed(call, failure, detail, call->arg);
}

/*
 * The answer is whole. The stream is kept when both sides agree where they
 * are: our request left us to its end, theirs ended without a byte to spare.
 */
static void finish(struct call *call, bool has_rest)
{
	bool is_reusable = call->keeps_alive && !has_rest &&
			   call->piece == call->n_pieces &&
			   stream_pending(call->stream) == 0;

	if (is_reusable) {
		struct stream *stream = call->stream;

		call->was_sent = true;
		call->stream = NULL;
		if (call->is_paused)
			stream_resume(stream);
		pools_put(&call->client->pools, call->origin, stream);
	}
	call_end(call);
	call->handler->on_done(call, call->arg);
}

/* --- the request -----------------------------------------------------------
 */

static void send_more(struct call *call)
{
	while (call->piece < call->n_pieces && !stream_is_full(call->stream)) {
		struct span piece =
		    span_from(call->pieces[call->piece], call->offset);
		struct span slice = span_head(piece, SLICE);

		stream_write(call->stream, slice);
		call->offset += slice.len;
		if (slice.len == piece.len) {
			call->piece++;
			call->offset = 0;
		}
	}
}

static void expect_head(struct call *call)
{
	call->reader = (struct http1_reader){
	    .limits = &answer_limits,
	    .is_head_answer = call->is_head_method,
	};
}

static void start_sending(struct call *call, struct stream *stream)
{
	call->stream = stream;
	call->step = CALL_SENDING;
	call->piece = 0;
	call->offset = 0;
	call->out_mark = stream_bytes_out(stream);
	call->has_answered = false;
	call->n_interim = 0;
	call->keeps_alive = false;
	expect_head(call);
	stream_set_handler(stream, &stream_handler, call);
	if (call->is_paused)
		stream_pause(stream);
	send_more(call);
	limit_step(call, call->first_byte_ns);
	if (!call->was_told) {
		call->was_told = true;
		call->handler->on_sent(call, call->arg);
	}
}

static void dial(struct call *call)
{
	struct client *client = call->client;

	if (!client->resolver && !call->origin->is_numeric)
		client->resolver =
		    resolver_new(client->loop, &client->resolver_options);
	call->step = CALL_DIALLING;
	call->is_reused = false;
	limit_step(call, call->origin->timeouts.connect_ns);
	dial_start(&call->dial, call->origin, client->resolver);
}

void call_begin(struct call *call)
{
	struct stream *stream = pools_take(&call->client->pools, call->origin);

	if (!stream) {
		dial(call);
		return;
	}
	call->is_reused = true;
	start_sending(call, stream);
}

/* --- the answer ------------------------------------------------------------
 */

/*
 * Reads heads until the final one: bytes used, with the call READING, or still
 * before it when more are needed, or OVER.
 */
static size_t read_head(struct call *call, struct span in)
{
	struct http1_head head;
	size_t used = 0;

	while (call->step < CALL_READING) {
		ptrdiff_t n = http1_read_response(
		    &call->reader, span_from(in, used), &head);

		if (n == 0)
			break;
		if (n < 0) {
			fail(call, CALL_ILL_FORMED, "%s: answer's head: %s",
			    call->origin->authority, call->reader.fault.reason);
			break;
		}
		used += (size_t)n;
		expect_head(call);
		if (head.framing == HTTP1_TUNNEL) {
			fail(call, CALL_ILL_FORMED,
			    "%s: answered %d, which was not asked for",
			    call->origin->authority, head.status);
		} else if (head.status >= 200) {
			call->step = CALL_READING;
			call->keeps_alive = head.keeps_alive &&
					    head.framing != HTTP1_UNTIL_CLOSE;
			http1_body_start(&call->body, &head);
			call->handler->on_head(call, &head, call->arg);
		} else if (++call->n_interim > INTERIM_MAX) {
			fail(call, CALL_ILL_FORMED,
			    "%s: more than %d interim answers",
			    call->origin->authority, INTERIM_MAX);
		}
	}
	return used;
}

/* While paused only the end is looked for, which takes no bytes. */
static size_t read_body(struct call *call, struct span in)
{
	size_t used = 0;

	while (call->step == CALL_READING) {
		struct span rest = span_from(in, used);
		struct span data = {0};
		size_t n = 0;

		if (call->is_paused)
			rest.len = 0;
		switch (http1_body_read(&call->body, rest, &n, &data)) {
		case HTTP1_MORE:
			return used + n;
		case HTTP1_DATA:
			used += n;
			call->handler->on_data(call, data, call->arg);
			break;
		case HTTP1_DONE:
			used += n;
			finish(call, used < in.len);
			return in.len;
		case HTTP1_BAD:
			fail(call, CALL_ILL_FORMED, "%s: answer's body: %s",
			    call->origin->authority, call->body.reason);
			break;
		}
	}
	return used;
}

static size_t get_data(struct stream *stream, struct span in, void *arg)
{
	struct call *call = arg;
	size_t used = 0;

	call->has_answered = true;
	if (call->step < CALL_READING)
		used = read_head(call, in);
	if (call->step == CALL_READING)
		used += read_body(call, span_from(in, used));
	if (call->step == CALL_OVER)
		return in.len;
	if (call->step == CALL_READING)
		limit_answer(call);
	/* A reset that came with these bytes would not be told by itself. */
	stream_check(stream);
	return used;
}

/* All that was written has left us. */
static void get_sent(struct stream *stream, void *arg)
{
	struct call *call = arg;

	(void)stream;
	if (call->step == CALL_SENDING && call->piece == call->n_pieces) {
		call->step = CALL_WAITING;
		limit_answer(call);
	}
}

static void get_drained(struct stream *stream, void *arg)
{
	(void)stream;
	send_more(arg);
}

/*
 * A server may close an idle stream in the moment in which we write to it. It
 * has not answered, so it has not begun (RFC 9112, 9.3.1, allows this for what
 * is safe to repeat; that no byte came back makes us take it for safe).
 */
static void retry(struct call *call)
{
	call->is_retry = true;
	call->was_sent = call_was_sent(call);
	stream_close(&call->stream);
	dial(call);
}

static void get_end(struct stream *stream, enum stream_end end, void *arg)
{
	struct call *call = arg;
	const char *how = end == STREAM_EOF ? "closed" : "broke off";
	const char *detail = stream_detail(stream);

	if (call->step == CALL_READING && end == STREAM_EOF &&
	    http1_body_may_end(&call->body))
		finish(call, false);
	else if (call->is_reused && !call->has_answered && !call->is_retry)
		retry(call);
	else
		fail(call, CALL_CLOSED,
		    "%s: the server %s the connection before the answer %s%s%s",
		    call->origin->authority, how,
		    call->step == CALL_READING ? "was whole" : "began",
		    *detail ? ": " : "", detail);
}

static const struct stream_handler stream_handler = {
    .on_data = get_data,
    .on_drained = get_drained,
    .on_sent = get_sent,
    .on_end = get_end,
    .takes_last_words = true,
};

/* --- the dial --------------------------------------------------------------
 */

static void get_connected(void *arg)
{
	struct call *call = arg;

	call->step = CALL_SECURING;
	limit_step(call, call->origin->timeouts.tls_ns);
}

static void get_open(struct stream *stream, void *arg)
{
	start_sending(arg, stream);
}

static void get_dial_failed(
    enum call_failure failure, const char *detail, void *arg)
{
	fail(arg, failure, "%s", detail);
}

static const struct dial_handler dial_handler = {
    .on_connected = get_connected,
    .on_open = get_open,
    .on_failed = get_dial_failed,
};

/* --- time is up ------------------------------------------------------------
 */

static double seconds(int64_t ns)
{
	return (double)ns / (double)NS_PER_S;
}

/* A peer that takes the request, however slowly, is not silent. */
static void check_sending(struct call *call)
{
	int64_t now = loop_now_ns(call->client->loop);
	int64_t since = stream_stuck_since_ns(call->stream);

	if (since == 0)
		since = now;
	if (now - since < call->first_byte_ns) {
		limit_step(call, call->first_byte_ns - (now - since));
		return;
	}
	fail(call, CALL_FIRST_BYTE_TIMEOUT,
	    "%s: took nothing of the request for %g s", call->origin->authority,
	    seconds(call->first_byte_ns));
}

static void fail_step(struct call *call)
{
	const struct origin *origin = call->origin;
	const struct client_timeouts *timeouts = &origin->timeouts;

	switch (call->step) {
	case CALL_DIALLING:
		if (call->dial.is_looking_up)
			fail(call, CALL_NO_NAME, "look up %s: nothing in %g s",
			    origin->host, seconds(timeouts->connect_ns));
		else
			fail(call, CALL_NO_CONNECTION,
			    "connect to %s: nothing in %g s", origin->authority,
			    seconds(timeouts->connect_ns));
		break;
	case CALL_SECURING:
		fail(call, CALL_TLS, "TLS with %s: not done in %g s",
		    origin->authority, seconds(timeouts->tls_ns));
		break;
	case CALL_SENDING:
		check_sending(call);
		break;
	case CALL_WAITING:
		fail(call, CALL_FIRST_BYTE_TIMEOUT,
		    "%s: no answer within %g s of the request",
		    origin->authority, seconds(call->first_byte_ns));
		break;
	case CALL_READING:
		fail(call, CALL_SILENCE_TIMEOUT,
		    "%s: silent for %g s in the middle of its answer",
		    origin->authority, seconds(timeouts->silence_ns));
		break;
	case CALL_STARTING:
	case CALL_OVER:
		break;
	}
}

static void get_deadline(void *arg)
{
	struct call *call = arg;
	int64_t now = loop_now_ns(call->client->loop);

	if (call->total_at_ns && now >= call->total_at_ns)
		fail(call, CALL_TOTAL_TIMEOUT, "%s: not done in %g s",
		    call->origin->authority,
		    seconds(call->origin->timeouts.total_ns));
	else if (call->step_at_ns && now >= call->step_at_ns)
		fail_step(call);
	else
		arm(call);
}

void call_prepare(struct call *call, struct client *client)
{
	list_init(&call->link);
	call->client = client;
	deadline_init(&call->deadline, client->loop, get_deadline, call);
	dial_init(&call->dial, client->loop, &dial_handler, call);
}

/* --- back-pressure ---------------------------------------------------------
 */

void call_pause(struct call *call)
{
	if (call->is_paused || call->step == CALL_OVER)
		return;
	call->is_paused = true;
	if (!call->stream)
		return;
	stream_pause(call->stream);
	limit_answer(call);
}

void call_resume(struct call *call)
{
	if (!call->is_paused || call->step == CALL_OVER)
		return;
	call->is_paused = false;
	if (!call->stream)
		return;
	stream_resume(call->stream);
	limit_answer(call);
}
