/* stream.h -- one object that moves bytes, plain or TLS. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "net/loop.h"

/*
 * A stream is a connected socket, or one that is being connected, behind one
 * interface: a small vtable underneath does plain or TLS. Its owner gets
 * events and orders bytes; it never sees libevent or OpenSSL.
 *
 * Reading: bytes arrive in the loop's own scratch memory and are shown to
 * on_data; what the owner does not take is kept in the stream and shown again
 * in front of what comes next. An idle stream holds no buffer. Once STREAM_HELD
 * bytes are kept, or after stream_pause, the socket is not read.
 *
 * Writing: stream_write appends; all that was written in one turn leaves as
 * one system call at its end. stream_pending says what the peer has not taken;
 * on_drained comes when it falls below STREAM_LOW after having been above
 * STREAM_HIGH. It is the writer's duty to pause its source when stream_is_full.
 *
 * Ending: stream_close discards what is unsent, stream_finish sends what is
 * pending, shuts down our side and closes when that is done; with a linger it
 * keeps reading and dropping for a moment, so that a peer that is still sending
 * gets to read our last words.
 */
#define STREAM_HELD (256 * 1024) /* unread bytes kept at most */
#define STREAM_HIGH (64 * 1024)  /* pending output above this: full */
#define STREAM_LOW (16 * 1024)

struct stream;
struct tls_context;

enum stream_end {
	STREAM_EOF,     /* the peer shut down its side; ours still works */
	STREAM_RESET,   /* reset, closed or a write failed: both sides over */
	STREAM_REFUSED, /* connecting failed: nobody there, no such name */
	STREAM_TLS_FAILED, /* handshake or certificate; detail says which */
};

/* on_connected, on_open, on_drained and on_sent may be NULL. */
struct stream_handler {
	/* TCP is there, a TLS handshake may follow. Not for accepted ones. */
	void (*on_connected)(struct stream *stream, void *arg);
	/* Connected, TLS handshake done. Not for accepted plain streams. */
	void (*on_open)(struct stream *stream, void *arg);
	/* <in>: every byte not yet taken; returns how many it takes now. */
	size_t (*on_data)(struct stream *stream, struct span in, void *arg);
	void (*on_drained)(struct stream *stream, void *arg);
	/* At a turn's end: all that was written has left us. */
	void (*on_sent)(struct stream *stream, void *arg);
	/* After EOF the stream may still be written; after others it is dead.
	 */
	void (*on_end)(struct stream *stream, enum stream_end end, void *arg);
	/*
	 * A reset is told behind the bytes that came before it, so that while
	 * the stream is paused it waits; else it is told as soon as it is seen.
	 */
	bool takes_last_words;
};

/*
 * Takes a connected, non-blocking socket. <tls> NULL: plain; else the server's
 * side of a handshake begins. Returns a stream that the caller owns until
 * stream_close, stream_finish or stream_abort.
 */
struct stream *stream_accept(struct loop *loop, int fd, struct tls_context *tls,
    const struct stream_handler *handler, void *arg);

struct sockaddr;

/* Where to connect and whom to expect there. */
struct stream_target {
	const struct sockaddr *address;
	unsigned address_len;
	struct tls_context *tls; /* NULL: plain */
	const char *name;        /* for SNI and verification; NUL-terminated */
};

/* Begins to connect; the outcome is on_open or on_end, never before return. */
struct stream *stream_connect(struct loop *loop,
    const struct stream_target *target, const struct stream_handler *handler,
    void *arg);

/* Hands a stream to a new owner; what was kept unread is not shown again
 * until more comes or stream_resume. */
void stream_set_handler(
    struct stream *stream, const struct stream_handler *handler, void *arg);

/* Copies <bytes>. An empty span writes nothing but asks for on_sent. */
void stream_write(struct stream *stream, struct span bytes);
size_t stream_pending(const struct stream *stream);
bool stream_is_full(const struct stream *stream);

/*
 * Since when the peer has taken nothing of what is pending, by loop_now_ns;
 * 0 when it is not kept waiting.
 */
int64_t stream_stuck_since_ns(const struct stream *stream);

/*
 * A paused stream's socket is not read. Resuming shows what is kept once more,
 * at the turn's end at the latest, and reads on.
 */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

/*
 * Looks once whether the peer has reset, at the turn's end. Events tell that by
 * themselves, unless the reset came together with the last bytes.
 */
void stream_check(struct stream *stream);

/*
 * Makes a peer that has closed say so, by a byte beside the stream (TCP's
 * urgent data, RFC 6093): a live peer never reads it, a closed one answers
 * with a reset. Only towards loopback, where nothing on the way could put the
 * byte into the stream. False: not done.
 */
bool stream_poke(struct stream *stream);

/*
 * Whether an idle stream is still good for another request: nothing kept
 * unread, no bytes, EOF or error waiting on the socket (one recv).
 */
bool stream_is_alive(struct stream *stream);

/*
 * Closes at once; NULL is accepted. Where something is pending the peer gets a
 * reset, since it must not take what it got for whole. Frees after the turn.
 */
void stream_close(struct stream **stream);

/* Closes with a reset, so that the peer cannot take the end for a good one. */
void stream_abort(struct stream **stream);

/*
 * Sends what is pending (30 s at most), then FIN, then closes. With a
 * <linger_ns> it goes on reading and dropping for as long, up to 1 MiB, until
 * the peer closes; with 0 it closes at once.
 */
void stream_finish(struct stream **stream, int64_t linger_ns);

/*
 * "127.0.0.1:8080" or "[::1]:8080" of the peer, "unix" or "unknown", for logs;
 * asked of the kernel once, valid as long as the stream.
 */
const char *stream_peer(struct stream *stream);

/* What went wrong, for logs and errors: "certificate has expired". */
const char *stream_detail(const struct stream *stream);

/* Bytes read and written since the stream began. */
uint64_t stream_bytes_in(const struct stream *stream);
uint64_t stream_bytes_out(const struct stream *stream);

#endif
