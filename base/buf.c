/* buf.c -- a growing byte buffer with a stated maximum. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define FIRST_CAP ((size_t)512)

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){.max = max};
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	buf_init(buf, buf->max);
}

void buf_release_if_empty(struct buf *buf)
{
	if (buf_len(buf) == 0)
		buf_free(buf);
}

static bool has_place_for(const struct buf *buf, size_t len)
{
	return len <= buf->max - buf_len(buf);
}

/*
 * Moves or grows until <len> bytes fit behind the end. The caller has checked
 * them against the maximum; one more, for a NUL, is allowed.
 */
static void make_room(struct buf *buf, size_t len)
{
	size_t live = buf_len(buf);
	size_t limit = buf->max < SIZE_MAX ? buf->max + 1 : SIZE_MAX;
	size_t cap = buf->cap ? buf->cap : FIRST_CAP;

	if (buf->data && len <= buf->cap - buf->end)
		return;
	if (buf->start > 0) {
		memmove(buf->data, buf->data + buf->start, live);
		buf->start = 0;
		buf->end = live;
	}
	if (buf->data && len <= buf->cap - live)
		return;
	while (cap - live < len)
		cap = cap < limit / 2 ? cap * 2 : limit;
	buf->data = mem_realloc(buf->data, cap);
	buf->cap = cap;
}

char *buf_reserve(struct buf *buf, size_t len)
{
	if (!has_place_for(buf, len))
		return NULL;
	make_room(buf, len);
	return buf->data + buf->end;
}

void buf_commit(struct buf *buf, size_t len)
{
	assert(len <= buf->cap - buf->end && has_place_for(buf, len));
	buf->end += len;
}

bool buf_append(struct buf *buf, struct span bytes)
{
	char *at;

	if (bytes.len == 0)
		return true;
	at = buf_reserve(buf, bytes.len);
	if (!at)
		return false;
	memcpy(at, bytes.ptr, bytes.len);
	buf->end += bytes.len;
	return true;
}

bool buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	size_t room = buf->cap - buf->end;
	int len;

	va_start(args, fmt);
	len = vsnprintf(room ? buf->data + buf->end : NULL, room, fmt, args);
	va_end(args);
	if (len < 0 || !has_place_for(buf, (size_t)len))
		return false;
	if ((size_t)len >= room) {
		/* One more for the NUL, which is not counted as content. */
		make_room(buf, (size_t)len + 1);
		va_start(args, fmt);
		vsnprintf(buf->data + buf->end, (size_t)len + 1, fmt, args);
		va_end(args);
	}
	buf->end += (size_t)len;
	return true;
}

void buf_consume(struct buf *buf, size_t len)
{
	if (len >= buf_len(buf)) {
		buf->start = 0;
		buf->end = 0;
	} else {
		buf->start += len;
	}
}
