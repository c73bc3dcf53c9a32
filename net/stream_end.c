/* stream_end.c -- how a stream ends: failed, closed, or parting in order. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/stream_io.h"
#include "net/stream_priv.h"

#define PARTING_SEND_NS (30 * NS_PER_S)
#define PARTING_DROPS ((size_t)1 << 20)

/* A stream that was let go of but has something left to say or to hear. */
struct stream_parting {
	struct list link; /* of hub->partings */
	struct stream *stream;
	struct deadline deadline;
	int64_t linger_ns;
	size_t dropped; /* bytes */
	bool is_lingering;
};

/* --- failing ------------------------------------------------------------- */

void stream_set_detail(struct stream *stream, const char *detail)
{
	if (!stream->detail)
		stream->detail = mem_strdup(detail);
}

const char *stream_detail(const struct stream *stream)
{
	return stream->detail ? stream->detail : "";
}

void stream_fail(struct stream *stream, enum stream_end end)
{
	stream->state = STREAM_OVER;
	event_del(&stream->event);
	stream_drop_out(stream);
	stream->handler->on_end(stream, end, stream->arg);
}

/* --- closing ------------------------------------------------------------- */

static void free_stream(void *arg)
{
	struct stream *stream = arg;

	stream->ops->free(stream);
	buf_free(&stream->held);
	if (stream->parting)
		deadline_free(&stream->parting->deadline);
	free(stream->parting);
	free(stream->peer);
	free(stream->detail);
	free(stream);
}

static void reset_on_close(struct stream *stream)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (stream->fd >= 0)
		(void)setsockopt(
		    stream->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* Gives everything back that others could use; the rest after the turn. */
static void dispose(struct stream *stream)
{
	if (stream->out.len > 0)
		reset_on_close(stream);
	else if (stream->state == STREAM_OPEN)
		stream->ops->say_goodbye(stream);
	stream->state = STREAM_CLOSED;
	event_del(&stream->event);
	list_remove(&stream->work);
	if (stream->parting)
		list_remove(&stream->parting->link);
	stream_drop_out(stream);
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
	stream->hub->streams--;
	loop_retire(stream->loop, free_stream, stream);
}

void stream_close(struct stream **stream_ptr)
{
	struct stream *stream = *stream_ptr;

	*stream_ptr = NULL;
	if (stream)
		dispose(stream);
}

void stream_abort(struct stream **stream_ptr)
{
	struct stream *stream = *stream_ptr;

	*stream_ptr = NULL;
	if (!stream)
		return;
	reset_on_close(stream);
	stream->state = STREAM_OVER;
	dispose(stream);
}

/* --- parting ------------------------------------------------------------- */

/* Everything is sent: says so, and closes or begins to linger. */
static void on_parting_sent(struct stream *stream, void *arg)
{
	struct stream_parting *parting = arg;

	if (parting->is_lingering)
		return;
	if (parting->linger_ns == 0 || stream->saw_eof) {
		dispose(stream);
		return;
	}
	parting->is_lingering = true;
	stream->ops->say_goodbye(stream);
	(void)shutdown(stream->fd, SHUT_WR);
	deadline_after(&parting->deadline, parting->linger_ns);
}

static size_t on_parting_data(struct stream *stream, struct span in, void *arg)
{
	struct stream_parting *parting = arg;

	parting->dropped += in.len;
	if (parting->dropped > PARTING_DROPS)
		dispose(stream);
	return in.len;
}

/* A peer that only shut down its side still gets what is pending. */
static void on_parting_end(
    struct stream *stream, enum stream_end end, void *arg)
{
	struct stream_parting *parting = arg;

	if (end != STREAM_EOF || parting->is_lingering)
		dispose(stream);
}

static void on_parting_deadline(void *arg)
{
	struct stream_parting *parting = arg;

	dispose(parting->stream);
}

static const struct stream_handler parting_handler = {
    .on_data = on_parting_data,
    .on_sent = on_parting_sent,
    .on_end = on_parting_end,
};

void stream_finish(struct stream **stream_ptr, int64_t linger_ns)
{
	struct stream *stream = *stream_ptr;
	struct stream_parting *parting;

	if (!stream || stream->state != STREAM_OPEN ||
	    (stream->out.len == 0 && (linger_ns == 0 || stream->saw_eof))) {
		stream_close(stream_ptr);
		return;
	}
	*stream_ptr = NULL;
	parting = mem_new(struct stream_parting);
	parting->stream = stream;
	parting->linger_ns = linger_ns;
	list_push_back(&stream->hub->partings, &parting->link);
	deadline_init(
	    &parting->deadline, stream->loop, on_parting_deadline, parting);
	deadline_after(&parting->deadline, PARTING_SEND_NS);
	stream->parting = parting;
	stream_set_handler(stream, &parting_handler, parting);
	stream_write(stream, SPAN(""));
	stream_resume(stream);
}

void stream_end_partings(struct list *partings)
{
	list_for_each_safe(link, partings)
		dispose(
		    container_of(link, struct stream_parting, link)->stream);
}
