/* stream_io.h -- inside net/: what moves a stream's bytes, plain or TLS. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_STREAM_IO_H
#define NET_STREAM_IO_H

#include "net/stream.h"

/*
 * The machine of stream.c reads and writes through one of two small tables of
 * functions. They work on the stream's socket and on what it has pending, and
 * say by may_read and may_write when the kernel has been exhausted.
 */
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

/* The TLS half of a new stream. <name> NULL: the server's side. */
void stream_tls_start(
    struct stream *stream, struct tls_context *context, const char *name);

/* Whether its handshake resumed an earlier session. */
bool stream_tls_is_resumed(const struct stream *stream);

#endif
