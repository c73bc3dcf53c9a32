/* stream_io.h -- a stream's insides: its state, and what moves its bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_STREAM_IO_H
#define NET_STREAM_IO_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "net/chain.h"
#include "net/stream.h"

/*
 * stream.c is the machine: events, what is kept, what is pending, endings. It
 * moves bytes through one of two small tables of functions, plain or TLS.
 *
 * Each socket is registered once, edge-triggered, for reading, writing and the
 * peer's FIN, and never again: so a request costs no epoll_ctl, a stream that
 * is paused or half-closed does not spin, and a reset is still seen on it.
 * The price is to remember what the kernel said: may_read and may_write stay
 * set until the socket is known to be exhausted.
 */
#define STREAM_SCRATCH ((size_t)65536) /* bytes read at once at most */

enum stream_io {
	IO_OK,
	IO_AGAIN,  /* not now; an event will come */
	IO_EOF,    /* the peer shut down its side in order */
	IO_FAILED, /* anything else; the stream's detail may say what */
};

struct stream_ops {
	/* Goes on with the handshake of a connected socket; OK once done. */
	enum stream_io (*open)(struct stream *stream);
	/* OK: *got > 0. Clears may_read when there is no more to be had. */
	enum stream_io (*read)(
	    struct stream *stream, char *into, size_t len, size_t *got);
	/* Sends from stream->out. OK: *sent > 0. Clears may_write likewise. */
	enum stream_io (*write)(struct stream *stream, size_t *sent);
	/* Whether nothing waits to be read, no end either. */
	bool (*is_quiet)(struct stream *stream);
	/* Tells the peer that no more comes, as far as the protocol can. */
	void (*say_goodbye)(struct stream *stream);
	void (*free)(struct stream *stream);
};

extern const struct stream_ops stream_plain_ops;
extern const struct stream_ops stream_tls_ops;

enum stream_state {
	STREAM_OPENING, /* connecting or shaking hands */
	STREAM_OPEN,
	STREAM_OVER,   /* failed; its owner was told and still holds it */
	STREAM_CLOSED, /* let go of; freed after the turn */
};

/* A stream that was let go of but has something left to say or to hear. */
struct stream_parting {
	struct list link; /* of hub->partings */
	struct stream *stream;
	struct deadline deadline;
	int64_t linger_ns;
	size_t dropped; /* bytes */
	bool is_lingering;
};

struct tls_session;

struct stream {
	struct loop *loop;
	const struct stream_ops *ops;
	const struct stream_handler *handler;
	void *arg;
	struct event event;
	struct list work; /* of hub->work, while it is to be looked after */
	struct chain out;
	struct buf held;
	struct tls_session *tls;
	struct stream_parting *parting;
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

struct stream_hub; /* what the streams of a loop share: loop_priv.h */

/* Keeps the first message; for stream_detail. */
void stream_set_detail(struct stream *stream, const char *detail);

/* The TLS half of a new stream. <name> NULL: the server's side. */
void stream_tls_start(
    struct stream *stream, struct tls_context *context, const char *name);

/* Whether its handshake resumed an earlier session. */
bool stream_tls_is_resumed(const struct stream *stream);

/* --- the hub, driven by the loop; all take a hub that is NULL ------------ */

bool stream_hub_has_work(const struct stream_hub *hub);

/* At the turn's end: reads what was left, and sends what was written. */
void stream_hub_settle(struct stream_hub *hub);

void stream_hub_free(struct stream_hub **hub);

#endif
