/* fuzz_sse.c -- the event splitter: no cut matters, no byte is lost. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>

#include "net/sse.h"

/*
 * The first byte is where to cut, the second the maximum; the rest is a stream.
 * Whole, cut in two, and byte by byte it must give the same events; what they
 * held and what is held back, joined, is the stream again. An event's data and
 * name are also read by another, plainer way.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct story {
	uint64_t hash;
	size_t n_events;
	size_t n_bytes;
	bool is_too_long;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void tell(struct story *story, struct span s)
{
	story->hash = (story->hash ^ s.len) * 0x100000001b3;
	for (size_t i = 0; i < s.len; i++)
		story->hash =
		    (story->hash ^ (unsigned char)s.ptr[i]) * 0x100000001b3;
}

/* The standard's own algorithm (9.2.6), a byte at a time. */
static void check_fields(const struct sse_event *event, struct span raw)
{
	char *out = malloc(raw.len + 1);
	size_t len = 0, at = 0;
	struct span name = span_make(NULL, 0);
	bool has_data = false;

	check(out != NULL);
	while (at < raw.len) {
		struct span line = span_make(raw.ptr + at, 0), value;
		const char *colon;

		while (
		    at < raw.len && raw.ptr[at] != '\n' && raw.ptr[at] != '\r')
			at++, line.len++;
		at++;
		colon = line.len ? memchr(line.ptr, ':', line.len) : NULL;
		value = colon ? span_from(line, (size_t)(colon - line.ptr) + 1)
			      : span_make(NULL, 0);
		if (colon)
			line.len = (size_t)(colon - line.ptr);
		if (value.len && value.ptr[0] == ' ')
			value = span_from(value, 1);
		if (span_eq(line, SPAN("event")))
			name = value;
		if (!span_eq(line, SPAN("data")))
			continue;
		if (has_data)
			out[len++] = '\n';
		has_data = true;
		if (value.len)
			memcpy(out + len, value.ptr, value.len);
		len += value.len;
	}
	check(event->has_data == has_data);
	check(span_eq(event->data, span_make(out, len)));
	check(span_eq(event->name, name));
	free(out);
}

/* The stream's bytes come up to <cut> first, then <step> at a time. */
static struct story live(struct span in, size_t cut, size_t step, size_t max)
{
	struct story story = {.hash = 0xcbf29ce484222325};
	const char *at = in.ptr;
	struct sse_splitter splitter;
	struct sse_event event;
	struct arena scratch;

	sse_init(&splitter, max);
	arena_init(&scratch, (size_t)1 << 24);
	while (in.len > 0 && !splitter.is_too_long) {
		struct span part = span_head(in, cut ? cut : step);

		cut = 0;
		in = span_from(in, part.len);
		while (sse_next(&splitter, &part, &scratch, &event)) {
			struct span fields = event.raw;

			check(event.raw.len > 0 && event.raw.len <= max);
			check(!memcmp(at, event.raw.ptr, event.raw.len));
			at += event.raw.len;
			if (story.n_events == 0 &&
			    span_starts_with(fields, SPAN("\xef\xbb\xbf")))
				fields = span_from(fields, 3);
			check_fields(&event, fields);
			tell(&story, event.raw);
			story.n_events++;
		}
		check(part.len == 0 || splitter.is_too_long);
	}
	story.is_too_long = splitter.is_too_long;
	if (!story.is_too_long) {
		struct span rest = sse_rest(&splitter);

		check(rest.len == (size_t)(in.ptr - at));
		check(rest.len == 0 || !memcmp(at, rest.ptr, rest.len));
		tell(&story, rest);
	}
	sse_free(&splitter);
	arena_free(&scratch);
	return story;
}

static void check_same(struct story a, struct story b)
{
	check(a.hash == b.hash);
	check(a.n_events == b.n_events);
	check(a.is_too_long == b.is_too_long);
}

/* A payload written as an event must come back, its line ends all LF. */
static void check_written(struct span payload)
{
	struct sse_splitter splitter;
	struct sse_event event;
	struct arena scratch;
	struct span in;
	struct buf out;

	buf_init(&out, (size_t)1 << 24);
	sse_init(&splitter, (size_t)1 << 24);
	arena_init(&scratch, (size_t)1 << 24);
	check(sse_write_data(&out, payload));
	in = buf_span(&out);
	check(sse_next(&splitter, &in, &scratch, &event));
	check(in.len == 0 && event.has_data && event.data.len <= payload.len);
	for (size_t i = 0, j = 0; j < payload.len; i++, j++) {
		if (payload.ptr[j] == '\r' && j + 1 < payload.len &&
		    payload.ptr[j + 1] == '\n')
			j++;
		check(event.data.ptr[i] ==
		      (payload.ptr[j] == '\r' ? '\n' : payload.ptr[j]));
	}
	arena_free(&scratch);
	sse_free(&splitter);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct story whole;
	struct span in;
	size_t max;

	if (size < 3)
		return 0;
	in = span_make((const char *)data + 2, size - 2);
	max = data[1] < 128 ? (size_t)1 << 20 : (size_t)data[1] - 120;
	whole = live(in, 0, in.len, max);
	check_same(whole, live(in, data[0] % in.len, in.len, max));
	check_same(whole, live(in, 0, 1, max));
	check_written(in);
	return 0;
}
