/* sse.h -- server-sent events: where each one ends, and what it says. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_SSE_H
#define NET_SSE_H

#include "base/base.h"

/*
 * Splits a stream of bytes into events without changing them: their raw bytes,
 * joined, are the stream. An event is everything up to and including its empty
 * line; lines end with LF, CRLF or CR (WHATWG HTML, 9.2.6), and chunk
 * boundaries may fall anywhere. An event that lies whole in the bytes fed is
 * returned in place; only one that is cut is gathered in a buffer. The same
 * bytes give the same events however they were cut.
 *
 * An empty line's CR waits for the LF that may follow, but not in a stream
 * whose lines end with CR alone: there an event would wait for the next one.
 * Should LF follow all the same, it opens the next event's raw bytes. A byte
 * order mark at the stream's start is kept and not read.
 */
struct sse_splitter {
	struct buf held;   /* the beginning of an event that was cut */
	unsigned state;    /* where in a line the bytes seen so far end */
	bool is_started;   /* an event has been returned */
	bool is_held_done; /* held is the event returned last */
	bool is_too_long;
};

struct sse_event {
	struct span raw;  /* the event's own bytes, empty line included */
	struct span data; /* the payload of its data lines, joined by LF */
	struct span name; /* its last event: field, or empty */
	bool has_data;    /* at least one data: line */
};

/* For events of at most <max> bytes; owns nothing before one is cut. */
void sse_init(struct sse_splitter *splitter, size_t max);
void sse_free(struct sse_splitter *splitter);

/*
 * Takes the next event from the front of *in (which is advanced). True with
 * <event> set, whose spans live until the next call or until the bytes fed go
 * away; several data lines are joined in <scratch> (reset by the caller at its
 * leisure). False when *in is used up; what remained is held. False also past
 * <max>, or where <scratch> has no room, with is_too_long set: the stream
 * cannot be read on.
 */
bool sse_next(struct sse_splitter *splitter, struct span *in,
    struct arena *scratch, struct sse_event *event) must_check;

/* Bytes held back that are not a whole event (at the stream's end: a cut). */
struct span sse_rest(const struct sse_splitter *splitter);

/*
 * Writes "data: <payload>\n\n", one data line for each line of the payload.
 * False, and nothing written, past the buffer's maximum; so the next one too.
 */
bool sse_write_data(struct buf *out, struct span payload) must_check;

/* Writes ": <text>\n\n". <text> holds no CR or LF. */
bool sse_write_comment(struct buf *out, struct span text) must_check;

#endif
