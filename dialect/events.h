/* events.h -- the events of a whole stream that lies in memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIALECT_EVENTS_H
#define DIALECT_EVENTS_H

#include "dialect/dialect.h"

/*
 * A stream that was kept is read from its first byte to its last, so there is
 * nothing to wait for and nothing to hold: each event is a range of the bytes,
 * up to and including its empty line. Lines end with LF, CRLF or CR (WHATWG
 * HTML, 9.2.6); a byte order mark at the start is not read.
 */
struct events {
	struct span text;
	size_t at;      /* of the next event */
	size_t line;    /* of the next line */
	size_t feed_at; /* the first LF at or after line; text.len: none */
	bool has_feed;  /* feed_at is known */
	bool is_full;   /* several data lines, and no room to join them */
};

struct event {
	struct byte_range raw; /* of the stream, empty line included */
	struct span data;      /* its data lines' payload, joined by LF */
	bool has_data;
	bool is_named_error; /* event: error */
	bool is_whole;       /* false: the stream ends before its empty line */
};

void events_init(struct events *events, struct span text);

/*
 * The next event; false at the end, and with is_full set when several data
 * lines do not fit into <arena>. An event without any field, as a comment or an
 * empty line makes one, is an event without data. Linear in the stream.
 */
bool events_next(
    struct events *events, struct arena *arena, struct event *event) must_check;

/* Whether the payload is [DONE]. */
bool event_is_done(const struct event *event);

#endif
