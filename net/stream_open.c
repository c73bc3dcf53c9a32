/* stream_open.c -- how a stream begins: accepted or connected, and opened. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/stream_io.h"
#include "net/stream_priv.h"

static struct stream *make(
    struct loop *loop, int fd, const struct stream_handler *handler, void *arg)
{
	struct stream *stream = mem_new(struct stream);

	stream->loop = loop;
	stream->hub = stream_hub_get(loop);
	stream->ops = &stream_plain_ops;
	stream->handler = handler;
	stream->arg = arg;
	stream->fd = fd;
	list_init(&stream->work);
	buf_init(&stream->held, STREAM_HELD + STREAM_SCRATCH);
	stream->hub->streams++;
	return stream;
}

static void watch(struct stream *stream)
{
	event_assign(&stream->event, loop_base(stream->loop), stream->fd,
	    EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST,
	    stream_on_event, stream);
	if (stream->fd >= 0 && event_add(&stream->event, NULL) < 0)
		stream->connect_errno = errno;
}

struct stream *stream_accept(struct loop *loop, int fd, struct tls_context *tls,
    const struct stream_handler *handler, void *arg)
{
	struct stream *stream = make(loop, fd, handler, arg);

	stream->is_connected = true;
	stream->may_write = true;
	stream->state = STREAM_OPEN;
	if (tls) {
		stream->state = STREAM_OPENING;
		stream_tls_start(stream, tls, NULL);
	}
	watch(stream);
	return stream;
}

static int start_connect(
    struct stream *stream, const struct stream_target *target)
{
	int family = target->address->sa_family;
	int on = 1;

	stream->fd =
	    socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (stream->fd < 0)
		return errno;
	if (family != AF_UNIX)
		(void)setsockopt(
		    stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(stream->fd, target->address, target->address_len) < 0 &&
	    errno != EINPROGRESS)
		return errno;
	return 0;
}

struct stream *stream_connect(struct loop *loop,
    const struct stream_target *target, const struct stream_handler *handler,
    void *arg)
{
	struct stream *stream = make(loop, -1, handler, arg);

	if (target->tls)
		stream_tls_start(stream, target->tls, target->name);
	stream->connect_errno = start_connect(stream, target);
	watch(stream);
	if (stream->connect_errno != 0)
		stream_look_after(stream);
	return stream;
}

/* Whether TCP is there and the stream still its owner's. */
static bool has_connected(struct stream *stream)
{
	int error = stream->connect_errno;

	if (error == 0 && !stream->may_write)
		return false;
	if (error == 0)
		error = stream_take_error(stream);
	if (error != 0) {
		stream_set_detail(stream, strerror(error));
		stream_fail(stream, STREAM_REFUSED);
		return false;
	}
	stream->is_connected = true;
	if (stream->handler->on_connected)
		stream->handler->on_connected(stream, stream->arg);
	return stream->state == STREAM_OPENING;
}

bool stream_open_up(struct stream *stream)
{
	if (!stream->is_connected && !has_connected(stream))
		return false;
	switch (stream->ops->open(stream)) {
	case IO_OK:
		break;
	case IO_AGAIN:
		return false;
	case IO_EOF:
	case IO_FAILED:
		stream_fail(stream, STREAM_TLS_FAILED);
		return false;
	}
	stream->state = STREAM_OPEN;
	if (stream->out.len > 0)
		stream_look_after(stream);
	if (stream->handler->on_open)
		stream->handler->on_open(stream, stream->arg);
	return stream->state == STREAM_OPEN;
}
