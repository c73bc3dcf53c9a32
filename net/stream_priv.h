/* stream_priv.h -- inside net/: a stream's state, and who works on it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_STREAM_PRIV_H
#define NET_STREAM_PRIV_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "net/stream.h"
#include "net/stream_hub.h"

/*
 * stream_open.c begins a stream, stream.c reads, writes and takes its events,
 * stream_end.c ends it, stream_peer.c asks who is at the other end.
 * stream_plain.c and stream_tls.c move its bytes (stream_io.h).
 *
 * Each socket is registered once, edge-triggered, for reading, writing and the
 * peer's FIN, and never again: so a request costs no epoll_ctl, a stream that
 * is paused or half-closed does not spin, and a reset is still seen on it.
 * The price is to remember what the kernel said: may_read and may_write stay
 * set until the socket is known to be exhausted.
 */
enum stream_state {
	STREAM_OPENING, /* connecting or shaking hands */
	STREAM_OPEN,
	STREAM_OVER,   /* failed; its owner was told and still holds it */
	STREAM_CLOSED, /* let go of; freed after the turn */
};

struct stream_ops;
struct stream_parting;
struct tls_session;

struct stream {
	struct loop *loop;
	struct stream_hub *hub;
	const struct stream_ops *ops;
	const struct stream_handler *handler;
	void *arg;
	struct event event;
	struct list work; /* of hub->work, while it is to be looked after */
	struct chain out;
	struct buf held;
	struct tls_session *tls;
	struct stream_parting *parting; /* once it has no owner */
	char *peer;
	char *detail;
	uint64_t bytes_in;
	uint64_t bytes_out;
	int64_t stuck_ns;
	int fd;
	int connect_errno; /* of a connect that failed at once */
	enum stream_state state;
	bool is_connected : 1;
	bool is_paused : 1;
	bool may_read : 1;   /* the socket may have bytes, an end or an error */
	bool may_write : 1;  /* the socket has room, as far as we know */
	bool saw_fin : 1;    /* the kernel has the peer's FIN */
	bool saw_eof : 1;    /* its owner was told */
	bool shows_held : 1; /* what is kept is to be shown again */
	bool is_doubted : 1; /* stream_check: look for an error */
	bool is_broken : 1;  /* the kernel has told of a reset, once for all */
	bool owes_sent : 1;  /* on_sent is due once nothing is pending */
	bool was_full : 1;   /* on_drained is due below STREAM_LOW */
};

/* Has the stream looked after before the loop sleeps. */
static inline void stream_look_after(struct stream *stream)
{
	if (list_is_empty(&stream->work))
		list_push_back(&stream->hub->work, &stream->work);
}

/* Drops what is pending. */
static inline void stream_drop_out(struct stream *stream)
{
	chain_consume(&stream->out, &stream->hub->pool, stream->out.len);
	stream->stuck_ns = 0;
}

/* --- stream.c ------------------------------------------------------------ */

/* libevent's callback for the stream <arg>. */
void stream_on_event(evutil_socket_t fd, short what, void *arg);

/* What the turn left to do for one stream. */
void stream_settle(struct stream *stream);

/* --- stream_open.c ------------------------------------------------------- */

/* Connects and shakes hands; whether the stream is open after it. */
bool stream_open_up(struct stream *stream);

/* --- stream_end.c -------------------------------------------------------- */

/* Keeps the first message; for stream_detail. */
void stream_set_detail(struct stream *stream, const char *detail);

/* Both sides are over; the owner hears it and has yet to let go. */
void stream_fail(struct stream *stream, enum stream_end end);

/* Closes the streams on hub->partings at once. */
void stream_end_partings(struct list *partings);

/* --- stream_peer.c ------------------------------------------------------- */

/* The error that the kernel keeps for the socket and tells once; 0: none. */
int stream_take_error(const struct stream *stream);

#endif
