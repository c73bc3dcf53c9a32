/* send.c -- sends an answer piece by piece, with its waits and its faults. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "tests/fake_provider/caller.h"
#include "tests/fake_provider/out.h"

#define WRITE_MAX ((size_t)32 * 1024) /* bytes written before a look around */

/* --- endings ---------------------------------------------------------------
 */

void send_over(struct caller *caller, enum billed_outcome outcome)
{
	static const char *const names[] = {
	    [BILLED_COMPLETED] = "completed",
	    [BILLED_CUT] = "cut",
	    [BILLED_CLIENT_GONE] = "client_gone",
	};
	struct sending *send = &caller->send;
	const struct completion *events = send->answer.events;

	if (caller->is_billed && outcome != BILLED_COMPLETED) {
		if (events)
			caller->bill.completion_tokens = events->sent_tokens;
		billing_amend(caller->worker->billing, &caller->bill, outcome);
	}
	if (caller->record) {
		struct record_end end = {
		    .status = send->answer.status,
		    .events = send->events,
		    .bytes = send->bytes,
		    .sent_ns = send->sent_ns,
		    .now_ns = clock_mono_ns(),
		    .outcome = names[outcome],
		};

		record_end(&caller->record, &end);
	}
	out_recycle(&send->body);
	caller->is_billed = false;
}

static void wait_until(
    struct caller *caller, enum send_wait wait, int64_t at_ns)
{
	caller->send.wait = wait;
	deadline_set(&caller->deadline, at_ns);
}

static void wait_for(struct caller *caller, enum send_wait wait, int64_t ms)
{
	wait_until(caller, wait,
	    loop_now_ns(caller->worker->loop) + ms * NS_PER_MS + 1);
}

/* Breaks off, by FIN or by reset, once what was written has left. */
static void break_off(struct caller *caller)
{
	bool is_reset = directive_is_set(caller->send.answer.directives->reset);

	if (is_reset && stream_pending(caller->stream) > 0) {
		wait_for(caller, SEND_BREAKS, 30 * 1000);
		return;
	}
	send_over(caller, BILLED_CUT);
	if (is_reset)
		stream_abort(&caller->stream);
	else
		stream_finish(&caller->stream, 0);
	caller_retire(caller);
}

static void finish(struct caller *caller)
{
	struct sending *send = &caller->send;

	if (send->is_chunked && send->has_body)
		stream_write(caller->stream, SPAN("0\r\n\r\n"));
	caller_answered(caller);
}

/* --- the head --------------------------------------------------------------
 */

static void write_line(struct buf *out, struct span name, struct span value)
{
	if (!value.ptr)
		return;
	out_span(out, name);
	OUT(out, ": ");
	out_span(out, value);
	OUT(out, "\r\n");
}

static void write_status(struct buf *out, int status, bool is_old)
{
	out_span(out, is_old ? SPAN("HTTP/1.0 ") : SPAN("HTTP/1.1 "));
	out_u64(out, (uint64_t)status);
	OUT(out, " ");
	out_span(out, span_of(http1_reason(status)));
	OUT(out, "\r\nserver: fake_provider (simulated)\r\n");
}

/* How the body will end: by its length, the last chunk, or the close. */
static void write_framing(struct caller *caller, struct buf *out)
{
	struct sending *send = &caller->send;
	const struct directives *d = send->answer.directives;
	bool is_old = caller->is_old || directive_is_set(d->http10);

	send->is_chunked = false;
	if (send->answer.status == 204 || send->answer.status == 304) {
		/* Neither has a body to speak of. */
	} else if (!send->answer.events &&
		   !directive_is_set(d->no_content_length)) {
		OUT(out, "content-length: ");
		out_u64(out, buf_len(&send->body));
		OUT(out, "\r\n");
	} else if (!is_old && !directive_is_set(d->no_content_length)) {
		OUT(out, "transfer-encoding: chunked\r\n");
		send->is_chunked = true;
	} else {
		caller->keeps_alive = false;
	}
	if (directive_is_set(d->http10) || directive_is_set(d->close) ||
	    send->answer.must_close)
		caller->keeps_alive = false;
	if (!caller->keeps_alive)
		OUT(out, "connection: close\r\n");
	else if (caller->is_old)
		OUT(out, "connection: keep-alive\r\n");
}

static void write_head(struct caller *caller)
{
	const struct answer *answer = &caller->send.answer;
	const struct directives *d = answer->directives;
	struct buf *out = &caller->worker->scratch;

	buf_consume(out, SIZE_MAX);
	if (directive_is_set(d->continue_first))
		OUT(out, "HTTP/1.1 100 Continue\r\n\r\n"
			 "HTTP/1.1 103 Early Hints\r\n"
			 "link: </simulated>; rel=preload\r\n\r\n");
	write_status(out, answer->status, directive_is_set(d->http10));
	write_line(out, SPAN("content-type"), answer->type);
	out_span(out, answer->more);
	if (answer->id != 0) {
		OUT(out, "x-request-id: req_");
		out_hex64(out, answer->id);
		OUT(out, "\r\n");
	}
	write_line(out, SPAN("retry-after"), d->retry_after);
	write_line(out, SPAN("location"), d->redirect);
	write_line(out, SPAN("content-encoding"), d->encoding_header);
	if (directive_is_set(d->gzip))
		OUT(out, "content-encoding: gzip\r\n");
	write_framing(caller, out);
	OUT(out, "\r\n");
	stream_write(caller->stream, buf_span(out));
}

/* --- the body --------------------------------------------------------------
 */

/* An event that stands on no list: broken JSON, or the error object. */
static bool render_fault(struct sending *send, struct buf *out)
{
	const struct directives *d = send->answer.directives;
	int64_t index = (int64_t)send->events;

	if (d->malformed_event == index) {
		OUT(out, "data: {\"id\":\"chatcmpl-simulated\","
			 "\"choices\":[{\"index\":0,\"del\n\n");
		return true;
	}
	if (d->error_event != index)
		return false;
	OUT(out, "data: {\"error\":{\"message\":\"The server had an error "
		 "while processing your request (simulated).\","
		 "\"type\":\"server_error\",\"param\":null,"
		 "\"code\":\"server_error\"}}\n\n");
	send->has_ended = true;
	return true;
}

static void encode(struct caller *caller, size_t from)
{
	struct sending *send = &caller->send;
	struct buf *plain = &caller->worker->scratch;

	if (!directive_is_set(send->answer.directives->gzip))
		return;
	buf_consume(plain, SIZE_MAX);
	out_span(plain, span_from(buf_span(&send->body), from));
	send->body.end = send->body.start + from;
	gzip_write(&send->gzip, buf_span(plain), &send->body);
	if (send->has_ended)
		gzip_end(&send->gzip, &send->body);
}

/*
 * When the next event is due: counted from the first, so that it does not
 * drift. What comes after the choices' events comes at once.
 */
static int64_t due_ns(const struct sending *send)
{
	int64_t pace = directive_or(send->answer.directives->pace, 0);

	if (pace == 0 || send->events == 0 ||
	    send->answer.events->unfinished == 0)
		return 0;
	return send->first_ns + (int64_t)send->events * pace * NS_PER_MS;
}

/* Renders the next event, when it is due; false when it has to wait. */
static bool render(struct caller *caller)
{
	struct sending *send = &caller->send;
	int64_t now = loop_now_ns(caller->worker->loop), due = due_ns(send);
	size_t from = buf_len(&send->body);

	if (now < due) {
		wait_until(caller, SEND_PACED, due);
		return false;
	}
	if (send->events == 0)
		send->first_ns = now;
	if (render_fault(send, &send->body) ||
	    completion_next(send->answer.events, &send->body))
		send->events++;
	else
		send->has_ended = true;
	encode(caller, from);
	return true;
}

/* Whether an event's number or a byte's has been reached. */
static bool is_at_mark(const struct sending *send, bool by_event, int64_t mark)
{
	if (!directive_is_set(mark))
		return false;
	return by_event ? (uint64_t)mark == send->events
			: (uint64_t)mark == send->bytes;
}

static bool must_break(const struct sending *send)
{
	const struct directives *d = send->answer.directives;

	return is_at_mark(send, false, d->cut) ||
	       (send->answer.events && buf_len(&send->body) == 0 &&
		   is_at_mark(send, true, d->cut_event));
}

static bool must_stall(const struct sending *send)
{
	const struct directives *d = send->answer.directives;

	if (!directive_is_set(d->stall) || send->has_stalled)
		return false;
	if (send->answer.events && buf_len(&send->body) > 0)
		return false;
	return is_at_mark(
	    send, send->answer.events != NULL, directive_or(d->at, 1));
}

/* How long the next piece should be where pieces are asked for. */
static size_t next_split(struct sending *send)
{
	const struct directives *d = send->answer.directives;

	if (!directive_is_set(d->split))
		return 0;
	if (send->next_split == 0 && d->split_seed != 0)
		send->next_split =
		    1 + words_below(&send->splits, (uint64_t)d->split);
	return send->next_split ? send->next_split : (size_t)d->split;
}

/* The next piece's length; 0 when more is to be rendered first. */
static size_t piece_len(struct sending *send)
{
	const struct directives *d = send->answer.directives;
	size_t len = buf_len(&send->body), split = next_split(send);
	bool is_whole = send->has_ended ||
			is_at_mark(send, true, d->cut_event) ||
			(!send->has_stalled && directive_is_set(d->stall) &&
			    is_at_mark(send, true, directive_or(d->at, 1)));

	if (split > 0 && len > split)
		len = split;
	else if (split > len && !is_whole)
		return 0;
	if (len > WRITE_MAX)
		len = WRITE_MAX;
	if (directive_is_set(d->cut) && len > (uint64_t)d->cut - send->bytes)
		len = (size_t)((uint64_t)d->cut - send->bytes);
	if (directive_is_set(d->stall) && !send->has_stalled &&
	    !send->answer.events) {
		uint64_t at = (uint64_t)directive_or(d->at, 1);

		if (at > send->bytes && len > at - send->bytes)
			len = (size_t)(at - send->bytes);
	}
	return len;
}

/* Writes <len> bytes; false when there is something to wait for then. */
static bool write_piece(struct caller *caller, size_t len)
{
	struct sending *send = &caller->send;
	struct span piece = span_head(buf_span(&send->body), len);
	int64_t limit = caller->worker->provider->idle_ns;
	char size[20];

	if (send->is_chunked)
		stream_write(caller->stream,
		    span_make(size, http1_write_chunk_size(len, size)));
	stream_write(caller->stream, piece);
	if (send->is_chunked)
		stream_write(caller->stream, SPAN("\r\n"));
	buf_consume(&send->body, len);
	send->bytes += len;
	send->sent_ns = loop_now_ns(caller->worker->loop);
	send->next_split = 0;
	if (directive_is_set(send->answer.directives->split))
		wait_until(caller, SEND_LEAVES, send->sent_ns + limit);
	else if (stream_is_full(caller->stream))
		wait_until(caller, SEND_DRAINS, send->sent_ns + limit);
	return send->wait == SEND_GOES;
}

/* One step; false when the answer is over or waits. */
static bool step(struct caller *caller)
{
	struct sending *send = &caller->send;
	size_t len;

	if (must_break(send)) {
		break_off(caller);
		return false;
	}
	if (must_stall(send)) {
		send->has_stalled = true;
		wait_for(caller, SEND_STALLED, send->answer.directives->stall);
		return false;
	}
	len = piece_len(send);
	if (len > 0)
		return write_piece(caller, len);
	if (!send->has_ended)
		return render(caller);
	finish(caller);
	return false;
}

static void run(struct caller *caller)
{
	caller->send.wait = SEND_GOES;
	while (step(caller))
		continue;
}

/* --- from the start --------------------------------------------------------
 */

/* No answer at all: the connection ends, or what comes is not HTTP. */
static bool spoil(struct caller *caller)
{
	const struct directives *d = caller->send.answer.directives;

	if (directive_is_set(d->garbage)) {
		stream_write(caller->stream,
		    SPAN("\x16\x03\x01 this is not HTTP\n\n{]\r\n\r\n"));
		break_off(caller);
		return true;
	}
	if (directive_is_set(d->hangup) ||
	    (directive_is_set(d->reset) && !directive_is_set(d->cut) &&
		!directive_is_set(d->cut_event))) {
		break_off(caller);
		return true;
	}
	return false;
}

static void begin(struct caller *caller)
{
	struct sending *send = &caller->send;

	if (spoil(caller))
		return;
	if (!send->answer.events)
		encode(caller, 0);
	write_head(caller);
	if (!send->has_body) {
		buf_consume(&send->body, SIZE_MAX);
		send->has_ended = true;
	}
	run(caller);
}

void send_start(struct caller *caller, const struct answer *answer)
{
	const struct directives *d = answer->directives;
	struct sending *send = &caller->send;
	struct buf body = send->body;

	assert(caller->state == CALLER_ANSWERING);
	*send = (struct sending){.answer = *answer,
	    .body = body,
	    .splits = words_from(d->split_seed),
	    .has_ended = !answer->events,
	    .has_body = !caller->is_head && answer->status != 204 &&
			answer->status != 304};
	if (directive_or(d->delay, 0) > 0)
		wait_for(caller, SEND_DELAYED, d->delay);
	else
		begin(caller);
}

void send_on_deadline(struct caller *caller)
{
	switch (caller->send.wait) {
	case SEND_DELAYED:
		begin(caller);
		break;
	case SEND_PACED:
	case SEND_STALLED:
		run(caller);
		break;
	case SEND_GOES:
	case SEND_LEAVES:
	case SEND_DRAINS:
	case SEND_BREAKS:
		caller_close(caller);
		break;
	}
}

void send_on_sent(struct caller *caller)
{
	if (caller->state != CALLER_ANSWERING)
		return;
	if (caller->send.wait == SEND_BREAKS)
		break_off(caller);
	else if (caller->send.wait == SEND_LEAVES)
		run(caller);
}

void send_on_drained(struct caller *caller)
{
	if (caller->state == CALLER_ANSWERING &&
	    caller->send.wait == SEND_DRAINS)
		run(caller);
}
