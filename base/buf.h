/* buf.h -- a growing byte buffer with a stated maximum. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/error.h"
#include "base/span.h"

/*
 * Bytes are appended at the end and consumed from the front. An empty buffer
 * holds no memory after buf_free or buf_release_if_empty, so that an idle
 * connection costs nothing. Every buffer states its maximum where it is made.
 */
struct buf {
	char *data;
	size_t start; /* first byte that is not consumed */
	size_t end;   /* one past the last byte */
	size_t cap;
	size_t max; /* end - start never exceeds this */
};

/* An empty buffer of at most <max> bytes; allocates nothing yet. */
void buf_init(struct buf *buf, size_t max);

/* Frees the memory and whatever it held; the buffer stays usable. */
void buf_free(struct buf *buf);

/* Frees the memory when nothing is unconsumed. */
void buf_release_if_empty(struct buf *buf);

/*
 * Room for <len> more bytes at the end (to be filled, then buf_commit);
 * NULL when that would pass the maximum. What is left is moved to the front
 * where that saves growing; else the memory doubles, from 512 bytes on.
 */
char *buf_reserve(struct buf *buf, size_t len) must_check;

/* Counts the first <len> of the bytes last reserved as content. */
void buf_commit(struct buf *buf, size_t len);

/* False (and nothing appended) when the maximum would be passed. */
bool buf_append(struct buf *buf, struct span bytes) must_check;
bool buf_printf(struct buf *buf, const char *fmt, ...) printf_like(2, 3);

/* Drops <len> bytes, at most all, from the front. */
void buf_consume(struct buf *buf, size_t len);

static inline size_t buf_len(const struct buf *buf)
{
	return buf->end - buf->start;
}

/* The unconsumed bytes; valid until the buffer is next changed. */
static inline struct span buf_span(const struct buf *buf)
{
	return span_make(
	    buf->data ? buf->data + buf->start : NULL, buf->end - buf->start);
}

#endif
