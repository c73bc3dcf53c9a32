/* stream.c -- the machine behind a stream: reading, writing, its events. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream.h"

#include <assert.h>

#include "net/stream_io.h"
#include "net/stream_priv.h"

/* How often one stream is read before it is others' turn. */
#define READS_AT_ONCE 4

/* --- reading ------------------------------------------------------------- */

/* Open, but nothing is to be read from it now. */
static bool is_deaf(const struct stream *stream)
{
	return stream->is_paused || stream->saw_eof ||
	       buf_len(&stream->held) >= STREAM_HELD;
}

static bool wants_read(const struct stream *stream)
{
	return stream->state == STREAM_OPEN && stream->may_read &&
	       !is_deaf(stream);
}

/*
 * Shows the owner what is kept and the <fresh> bytes behind it, and keeps what
 * it does not take. It may let go of the stream while it looks.
 */
static void show(struct stream *stream, struct span fresh)
{
	bool is_kept = buf_len(&stream->held) > 0;
	struct span in = fresh;
	size_t taken;

	if (is_kept) {
		bool fits = buf_append(&stream->held, fresh);

		assert(fits);
		in = buf_span(&stream->held);
	}
	taken = stream->handler->on_data(stream, in, stream->arg);
	assert(taken <= in.len);
	if (stream->state == STREAM_CLOSED)
		return;
	if (is_kept) {
		buf_consume(&stream->held, taken);
		buf_release_if_empty(&stream->held);
	} else if (taken < in.len) {
		bool fits = buf_append(&stream->held, span_from(in, taken));

		assert(fits);
	}
}

static void read_on(struct stream *stream)
{
	char *scratch = stream->hub->scratch;

	for (int i = 0; i < READS_AT_ONCE && wants_read(stream); i++) {
		size_t got = 0;

		switch (
		    stream->ops->read(stream, scratch, STREAM_SCRATCH, &got)) {
		case IO_OK:
			stream->bytes_in += got;
			show(stream, span_make(scratch, got));
			break;
		case IO_AGAIN:
			return;
		case IO_EOF:
			stream->saw_eof = true;
			stream->may_read = false;
			stream->handler->on_end(
			    stream, STREAM_EOF, stream->arg);
			return;
		case IO_FAILED:
			stream_fail(stream, STREAM_RESET);
			return;
		}
	}
}

/* What was said before a reset is still to be read, and wanted. */
static bool takes_last_words(const struct stream *stream)
{
	return stream->handler->takes_last_words && !stream->saw_eof;
}

/*
 * A deaf stream would not notice a reset: the kernel is asked for the error
 * itself, which also sees one that stands behind unread bytes. It says so only
 * once, and lets reading end as if the peer had closed in order: so who wants
 * to read these bytes first finds the reset in is_broken.
 */
static bool has_socket_error(struct stream *stream)
{
	if (!is_deaf(stream) || stream_take_error(stream) == 0)
		return false;
	if (!takes_last_words(stream))
		return true;
	stream->is_broken = true;
	stream->may_read = true;
	return false;
}

/* --- writing ------------------------------------------------------------- */

/*
 * A server that answers early and closes resets a client that is still
 * sending: what it said stands before the reset and is read first, by who
 * takes last words also when it wants to read them later.
 */
static void fail_write(struct stream *stream)
{
	stream_drop_out(stream);
	stream->was_full = false;
	stream->owes_sent = false;
	stream->may_write = false;
	stream->may_read = true;
	while (wants_read(stream))
		read_on(stream);
	if (stream->state != STREAM_OPEN)
		return;
	if (is_deaf(stream) && takes_last_words(stream))
		stream->is_broken = true;
	else
		stream_fail(stream, STREAM_RESET);
}

static bool push_out(struct stream *stream)
{
	while (stream->out.len > 0 && stream->may_write) {
		size_t sent = 0;

		switch (stream->ops->write(stream, &sent)) {
		case IO_OK:
			chain_consume(&stream->out, &stream->hub->pool, sent);
			stream->bytes_out += sent;
			stream->stuck_ns = loop_now_ns(stream->loop);
			break;
		case IO_AGAIN:
			break;
		case IO_EOF:
		case IO_FAILED:
			fail_write(stream);
			return false;
		}
	}
	if (stream->out.len == 0)
		stream->stuck_ns = 0;
	else if (stream->stuck_ns == 0)
		stream->stuck_ns = loop_now_ns(stream->loop);
	return true;
}

static void flush(struct stream *stream)
{
	if (!push_out(stream))
		return;
	if (stream->was_full && stream->out.len < STREAM_LOW) {
		stream->was_full = false;
		if (stream->handler->on_drained)
			stream->handler->on_drained(stream, stream->arg);
	}
	if (stream->state == STREAM_OPEN && stream->out.len == 0 &&
	    stream->owes_sent) {
		stream->owes_sent = false;
		if (stream->handler->on_sent)
			stream->handler->on_sent(stream, stream->arg);
	}
}

void stream_write(struct stream *stream, struct span bytes)
{
	if (stream->state == STREAM_OVER)
		return;
	chain_append(&stream->out, &stream->hub->pool, bytes);
	stream->owes_sent = true;
	if (stream->out.len > STREAM_HIGH)
		stream->was_full = true;
	stream_look_after(stream);
}

size_t stream_pending(const struct stream *stream)
{
	return stream->out.len;
}

bool stream_is_full(const struct stream *stream)
{
	return stream->out.len > STREAM_HIGH;
}

int64_t stream_stuck_since_ns(const struct stream *stream)
{
	return stream->stuck_ns;
}

/* --- flow and counts ----------------------------------------------------- */

void stream_set_handler(
    struct stream *stream, const struct stream_handler *handler, void *arg)
{
	stream->handler = handler;
	stream->arg = arg;
}

void stream_pause(struct stream *stream)
{
	stream->is_paused = true;
}

void stream_resume(struct stream *stream)
{
	stream->is_paused = false;
	stream->shows_held = true;
	stream_look_after(stream);
}

/* libevent reports an error as readiness, which the last read used up. */
void stream_check(struct stream *stream)
{
	stream->may_read = true;
	stream->is_doubted = true;
	stream_look_after(stream);
}

uint64_t stream_bytes_in(const struct stream *stream)
{
	return stream->bytes_in;
}

uint64_t stream_bytes_out(const struct stream *stream)
{
	return stream->bytes_out;
}

/* --- events -------------------------------------------------------------- */

static void run(struct stream *stream)
{
	if (stream->state == STREAM_OPENING && !stream_open_up(stream))
		return;
	if (has_socket_error(stream)) {
		stream_fail(stream, STREAM_RESET);
		return;
	}
	read_on(stream);
	if (wants_read(stream) ||
	    (stream->state == STREAM_OPEN && stream->out.len > 0))
		stream_look_after(stream);
}

void stream_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct stream *stream = arg;

	(void)fd;
	if ((what & (EV_READ | EV_CLOSED)) || stream->tls)
		stream->may_read = true;
	if (what & EV_CLOSED)
		stream->saw_fin = true;
	if (what & EV_WRITE)
		stream->may_write = true;
	run(stream);
}

void stream_settle(struct stream *stream)
{
	if (stream->state == STREAM_OPENING && !stream_open_up(stream))
		return;
	if (stream->shows_held && stream->state == STREAM_OPEN &&
	    !stream->is_paused) {
		stream->shows_held = false;
		if (buf_len(&stream->held) > 0)
			show(stream, SPAN(""));
	}
	if (stream->is_doubted && stream->state == STREAM_OPEN &&
	    has_socket_error(stream)) {
		stream_fail(stream, STREAM_RESET);
		return;
	}
	stream->is_doubted = false;
	read_on(stream);
	if (stream->state == STREAM_OPEN)
		flush(stream);
	if (wants_read(stream))
		stream_look_after(stream);
}
