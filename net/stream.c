/* stream.c -- the machine behind a stream: events, what waits, endings. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop_priv.h"
#include "net/stream_io.h"

/* How often one stream is read, and all are settled, before others' turn. */
#define READS_AT_ONCE 4
#define SETTLE_ROUNDS 4

#define PARTING_SEND_NS (30 * NS_PER_S)
#define PARTING_DROPS ((size_t)1 << 20)

struct stream_hub {
	struct list work;     /* streams to be looked after at the turn's end */
	struct list partings; /* streams without an owner */
	struct chain_pool pool;
	char *scratch; /* STREAM_SCRATCH bytes */
	size_t streams;
};

static struct stream_hub *hub_of(struct stream *stream)
{
	return loop_hub(stream->loop);
}

/* Has the stream looked after before the loop sleeps. */
static void look_after(struct stream *stream)
{
	if (list_is_empty(&stream->work))
		list_push_back(&hub_of(stream)->work, &stream->work);
}

void stream_set_detail(struct stream *stream, const char *detail)
{
	if (!stream->detail)
		stream->detail = mem_strdup(detail);
}

/* --- endings ------------------------------------------------------------- */

/* Both sides are over; the owner hears it and has yet to let go. */
static void fail(struct stream *stream, enum stream_end end)
{
	stream->state = STREAM_OVER;
	event_del(&stream->event);
	chain_consume(&stream->out, &hub_of(stream)->pool, stream->out.len);
	stream->stuck_ns = 0;
	stream->handler->on_end(stream, end, stream->arg);
}

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
	struct stream_hub *hub = hub_of(stream);

	if (stream->out.len > 0)
		reset_on_close(stream);
	else if (stream->state == STREAM_OPEN)
		stream->ops->say_goodbye(stream);
	stream->state = STREAM_CLOSED;
	event_del(&stream->event);
	list_remove(&stream->work);
	if (stream->parting)
		list_remove(&stream->parting->link);
	chain_consume(&stream->out, &hub->pool, stream->out.len);
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
	hub->streams--;
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
	list_push_back(&hub_of(stream)->partings, &parting->link);
	deadline_init(
	    &parting->deadline, stream->loop, on_parting_deadline, parting);
	deadline_after(&parting->deadline, PARTING_SEND_NS);
	stream->parting = parting;
	stream_set_handler(stream, &parting_handler, parting);
	stream_write(stream, SPAN(""));
	stream_resume(stream);
}

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
	char *scratch = hub_of(stream)->scratch;

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
			fail(stream, STREAM_RESET);
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
	socklen_t len = sizeof(int);
	int error = 0;

	if (!is_deaf(stream))
		return false;
	if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	    error == 0)
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
	chain_consume(&stream->out, &hub_of(stream)->pool, stream->out.len);
	stream->stuck_ns = 0;
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
		fail(stream, STREAM_RESET);
}

static bool push_out(struct stream *stream)
{
	while (stream->out.len > 0 && stream->may_write) {
		size_t sent = 0;

		switch (stream->ops->write(stream, &sent)) {
		case IO_OK:
			chain_consume(
			    &stream->out, &hub_of(stream)->pool, sent);
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
	chain_append(&stream->out, &hub_of(stream)->pool, bytes);
	stream->owes_sent = true;
	if (stream->out.len > STREAM_HIGH)
		stream->was_full = true;
	look_after(stream);
}

/* --- events -------------------------------------------------------------- */

static bool has_connected(struct stream *stream)
{
	socklen_t len = sizeof(int);
	int error = stream->connect_errno;

	if (error == 0 && !stream->may_write)
		return false;
	if (error == 0 &&
	    getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error != 0) {
		stream_set_detail(stream, strerror(error));
		fail(stream, STREAM_REFUSED);
		return false;
	}
	stream->is_connected = true;
	if (stream->handler->on_connected)
		stream->handler->on_connected(stream, stream->arg);
	return stream->state == STREAM_OPENING;
}

/* Connects and shakes hands; whether the stream is open after it. */
static bool open_up(struct stream *stream)
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
		fail(stream, STREAM_TLS_FAILED);
		return false;
	}
	stream->state = STREAM_OPEN;
	if (stream->out.len > 0)
		look_after(stream);
	if (stream->handler->on_open)
		stream->handler->on_open(stream, stream->arg);
	return stream->state == STREAM_OPEN;
}

static void run(struct stream *stream)
{
	if (stream->state == STREAM_OPENING && !open_up(stream))
		return;
	if (has_socket_error(stream)) {
		fail(stream, STREAM_RESET);
		return;
	}
	read_on(stream);
	if (wants_read(stream) ||
	    (stream->state == STREAM_OPEN && stream->out.len > 0))
		look_after(stream);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
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

/* What the turn left to do for one stream. */
static void settle(struct stream *stream)
{
	if (stream->state == STREAM_OPENING && !open_up(stream))
		return;
	if (stream->shows_held && stream->state == STREAM_OPEN &&
	    !stream->is_paused) {
		stream->shows_held = false;
		if (buf_len(&stream->held) > 0)
			show(stream, SPAN(""));
	}
	if (stream->is_doubted && stream->state == STREAM_OPEN &&
	    has_socket_error(stream)) {
		fail(stream, STREAM_RESET);
		return;
	}
	stream->is_doubted = false;
	read_on(stream);
	if (stream->state == STREAM_OPEN)
		flush(stream);
	if (wants_read(stream))
		look_after(stream);
}

/* --- the hub ------------------------------------------------------------- */

static struct stream_hub *get_hub(struct loop *loop)
{
	struct stream_hub *hub = loop_hub(loop);

	if (hub)
		return hub;
	hub = mem_new(struct stream_hub);
	list_init(&hub->work);
	list_init(&hub->partings);
	hub->scratch = mem_alloc(STREAM_SCRATCH);
	loop_set_hub(loop, hub);
	return hub;
}

bool stream_hub_has_work(const struct stream_hub *hub)
{
	return hub && !list_is_empty(&hub->work);
}

/*
 * Settling one stream may give work to another (a relay reads here and writes
 * there), so there are some rounds; what is left then waits for the next turn,
 * which does not sleep.
 */
void stream_hub_settle(struct stream_hub *hub)
{
	for (int i = 0; i < SETTLE_ROUNDS && stream_hub_has_work(hub); i++) {
		struct list round = hub->work;
		struct list *link;

		round.prev->next = &round;
		round.next->prev = &round;
		list_init(&hub->work);
		while ((link = list_pop_front(&round)))
			settle(container_of(link, struct stream, work));
	}
}

void stream_hub_free(struct stream_hub **hub_ptr)
{
	struct stream_hub *hub = *hub_ptr;

	if (!hub)
		return;
	list_for_each_safe(link, &hub->partings)
		dispose(
		    container_of(link, struct stream_parting, link)->stream);
	assert(hub->streams == 0);
	chain_pool_free(&hub->pool);
	free(hub->scratch);
	free(hub);
	*hub_ptr = NULL;
}

/* --- life ---------------------------------------------------------------- */

static struct stream *make(
    struct loop *loop, int fd, const struct stream_handler *handler, void *arg)
{
	struct stream *stream = mem_new(struct stream);

	stream->loop = loop;
	stream->ops = &stream_plain_ops;
	stream->handler = handler;
	stream->arg = arg;
	stream->fd = fd;
	list_init(&stream->work);
	buf_init(&stream->held, STREAM_HELD + STREAM_SCRATCH);
	get_hub(loop)->streams++;
	return stream;
}

static void watch(struct stream *stream)
{
	event_assign(&stream->event, loop_base(stream->loop), stream->fd,
	    EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_event,
	    stream);
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
		look_after(stream);
	return stream;
}

void stream_set_handler(
    struct stream *stream, const struct stream_handler *handler, void *arg)
{
	stream->handler = handler;
	stream->arg = arg;
}

/* --- flow and queries ---------------------------------------------------- */

void stream_pause(struct stream *stream)
{
	stream->is_paused = true;
}

void stream_resume(struct stream *stream)
{
	stream->is_paused = false;
	stream->shows_held = true;
	look_after(stream);
}

/* libevent reports an error as readiness, which the last read used up. */
void stream_check(struct stream *stream)
{
	stream->may_read = true;
	stream->is_doubted = true;
	look_after(stream);
}

static bool is_loopback(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage room;
	} peer = {.any.sa_family = AF_UNSPEC};
	socklen_t len = sizeof(peer);

	if (getpeername(fd, &peer.any, &len) < 0)
		return false;
	if (peer.any.sa_family == AF_INET)
		return ntohl(peer.in.sin_addr.s_addr) >> 24 == 127;
	return peer.any.sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&peer.in6.sin6_addr);
}

bool stream_poke(struct stream *stream)
{
	if (stream->state != STREAM_OPEN || stream->out.len > 0 ||
	    !is_loopback(stream->fd))
		return false;
	return send(stream->fd, "", 1, MSG_OOB | MSG_NOSIGNAL) == 1;
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

bool stream_is_alive(struct stream *stream)
{
	return stream->state == STREAM_OPEN && !stream->saw_eof &&
	       buf_len(&stream->held) == 0 && stream->ops->is_quiet(stream);
}

const char *stream_detail(const struct stream *stream)
{
	return stream->detail ? stream->detail : "";
}

uint64_t stream_bytes_in(const struct stream *stream)
{
	return stream->bytes_in;
}

uint64_t stream_bytes_out(const struct stream *stream)
{
	return stream->bytes_out;
}
