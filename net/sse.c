/* sse.c -- splits and writes server-sent events. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sse.h"

#include <assert.h>

#include "net/scan.h"

/* What the last byte was; each event begins in START or AFTER_CR. */
enum state {
	START,    /* nothing of this line yet */
	IN_LINE,  /* a byte of it */
	AFTER_CR, /* the CR that ended a line; an LF would belong to it */
	EMPTY_CR, /* the CR of the empty line, after a line that LF ended */
};

void sse_init(struct sse_splitter *splitter, size_t max)
{
	*splitter = (struct sse_splitter){.state = START};
	buf_init(&splitter->held, max);
}

void sse_free(struct sse_splitter *splitter)
{
	buf_free(&splitter->held);
}

/*
 * Looks on for the event's end. True with *used the bytes of <in> that still
 * are its own, which may be none: only the byte after a CR tells whether the
 * CR was all. False when all of <in> is its own and its end is not there.
 */
static bool find_end(
    struct sse_splitter *splitter, struct span in, size_t *used)
{
	unsigned state = splitter->state;
	bool is_end = false;
	size_t at = 0;

	while (at < in.len && !is_end) {
		char c = in.ptr[at];

		if (state == IN_LINE) {
			at = scan_line_end(in.ptr, at, in.len);
			if (at < in.len)
				state = in.ptr[at++] == '\n' ? START : AFTER_CR;
		} else if (state == EMPTY_CR) {
			is_end = true;
			state = c == '\n' ? START : AFTER_CR;
			at += c == '\n';
		} else if (c == '\n') {
			is_end = state == START;
			state = START;
			at++;
		} else if (c == '\r') {
			is_end = state == AFTER_CR;
			state = is_end ? AFTER_CR : EMPTY_CR;
			at++;
		} else {
			state = IN_LINE;
		}
	}
	splitter->state = state;
	*used = at;
	return is_end;
}

/* The value of field <name> (with its colon) if <line> is one. */
static bool is_field(struct span line, struct span name, struct span *value)
{
	size_t bare = name.len - 1;

	if (line.len < bare || memcmp(line.ptr, name.ptr, bare) != 0)
		return false;
	if (line.len > bare && line.ptr[bare] != ':')
		return false;
	*value = span_from(line, name.len);
	if (value->len && value->ptr[0] == ' ')
		*value = span_from(*value, 1);
	return true;
}

/* The next line that is not empty, without its end. */
static bool next_line(struct span *rest, struct span *line)
{
	size_t end = 0, start = 0;

	while (start < rest->len &&
	       (rest->ptr[start] == '\n' || rest->ptr[start] == '\r'))
		start++;
	if (start == rest->len)
		return false;
	end = scan_line_end(rest->ptr, start, rest->len);
	*line = span_make(rest->ptr + start, end - start);
	*rest = span_from(*rest, end);
	return true;
}

/* The data lines' payloads joined by LF; at most as long as the event. */
static bool join_data(
    struct span rest, struct arena *scratch, struct span *data)
{
	char *out = arena_alloc(scratch, rest.len);
	struct span line, value;
	size_t len = 0;

	if (!out)
		return false;
	while (next_line(&rest, &line)) {
		if (!is_field(line, SPAN("data:"), &value))
			continue;
		if (value.len)
			memcpy(out + len, value.ptr, value.len);
		len += value.len;
		out[len++] = '\n';
	}
	*data = span_make(out, len - 1);
	return true;
}

static bool read_event(struct sse_splitter *splitter, struct span raw,
    struct arena *scratch, struct sse_event *event)
{
	struct span fields = raw, rest, line, value;
	size_t n_data = 0;

	*event = (struct sse_event){.raw = raw};
	if (!splitter->is_started &&
	    span_starts_with(raw, SPAN("\xef\xbb\xbf")))
		fields = span_from(raw, 3);
	splitter->is_started = true;
	rest = fields;
	while (next_line(&rest, &line)) {
		if (is_field(line, SPAN("data:"), &value)) {
			event->data = value;
			n_data++;
		} else if (is_field(line, SPAN("event:"), &value)) {
			event->name = value;
		}
	}
	event->has_data = n_data > 0;
	if (n_data > 1 && !join_data(fields, scratch, &event->data)) {
		splitter->is_too_long = true;
		return false;
	}
	return true;
}

bool sse_next(struct sse_splitter *splitter, struct span *in,
    struct arena *scratch, struct sse_event *event)
{
	struct buf *held = &splitter->held;
	struct span part;
	bool is_end;
	size_t used;

	if (splitter->is_held_done) {
		buf_consume(held, buf_len(held));
		splitter->is_held_done = false;
	}
	if (splitter->is_too_long || in->len == 0)
		return false;
	is_end = find_end(splitter, *in, &used);
	part = span_head(*in, used);
	if (used > held->max - buf_len(held)) {
		splitter->is_too_long = true;
		return false;
	}
	*in = span_from(*in, used);
	if (is_end && buf_len(held) == 0)
		return read_event(splitter, part, scratch, event);
	if (!buf_append(held, part)) {
		splitter->is_too_long = true;
		return false;
	}
	if (!is_end)
		return false;
	splitter->is_held_done = true;
	return read_event(splitter, buf_span(held), scratch, event);
}

struct span sse_rest(const struct sse_splitter *splitter)
{
	if (splitter->is_held_done)
		return span_make(NULL, 0);
	return buf_span(&splitter->held);
}

/* Where the line after the one that ends at <end> begins. */
static size_t after_line(struct span text, size_t end)
{
	bool is_crlf = text.ptr[end] == '\r' && end + 1 < text.len &&
		       text.ptr[end + 1] == '\n';

	return end + (is_crlf ? 2 : 1);
}

bool sse_write_data(struct buf *out, struct span payload)
{
	const struct span field = SPAN("data: ");
	size_t start = 0, end, len = 0;
	char *at;

	do {
		end = scan_line_end(payload.ptr, start, payload.len);
		len += field.len + (end - start) + 1;
		if (end < payload.len)
			start = after_line(payload, end);
	} while (end < payload.len);
	at = buf_reserve(out, len + 1);
	if (!at)
		return false;
	buf_commit(out, len + 1);
	start = 0;
	do {
		end = scan_line_end(payload.ptr, start, payload.len);
		at = mempcpy(at, field.ptr, field.len);
		if (end > start)
			at = mempcpy(at, payload.ptr + start, end - start);
		*at++ = '\n';
		if (end < payload.len)
			start = after_line(payload, end);
	} while (end < payload.len);
	*at = '\n';
	return true;
}

bool sse_write_comment(struct buf *out, struct span text)
{
	char *at;

	assert(scan_line_end(text.ptr, 0, text.len) == text.len);
	at = buf_reserve(out, text.len + 4);
	if (!at)
		return false;
	*at++ = ':';
	*at++ = ' ';
	if (text.len)
		memcpy(at, text.ptr, text.len);
	at += text.len;
	*at++ = '\n';
	*at = '\n';
	buf_commit(out, text.len + 4);
	return true;
}
