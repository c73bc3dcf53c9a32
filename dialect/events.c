/* events.c -- the events of a whole stream that lies in memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/events.h"

void events_init(struct events *events, struct span text)
{
	*events = (struct events){.text = text};
	if (span_starts_with(text, SPAN("\xef\xbb\xbf")))
		events->line = 3;
}

/* Offset of the first <c> in [from, to) of <s>, <to> when there is none. */
static size_t find_byte(struct span s, char c, size_t from, size_t to)
{
	const char *found =
	    from < to ? memchr(s.ptr + from, c, to - from) : NULL;

	return found ? (size_t)(found - s.ptr) : to;
}

/*
 * Takes the next line, without its end; false at the end of the stream. The
 * search for LF is remembered, so that a stream whose lines end with CR alone
 * is not searched anew for every line. *is_ended: the line has an end.
 */
static bool next_line(struct events *events, struct span *line, bool *is_ended)
{
	struct span text = events->text;
	size_t start = events->line, end;

	if (start >= text.len)
		return false;
	if (!events->has_feed || events->feed_at < start) {
		events->feed_at = find_byte(text, '\n', start, text.len);
		events->has_feed = true;
	}
	end = find_byte(text, '\r', start, events->feed_at);
	*line = span_make(text.ptr + start, end - start);
	*is_ended = end < text.len;
	if (*is_ended)
		end += text.ptr[end] == '\r' && end + 1 < text.len &&
			       text.ptr[end + 1] == '\n'
			   ? 2
			   : 1;
	events->line = end;
	return true;
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

/* The data lines among <fields>, joined by LF; ptr NULL without room. */
static struct span join_data(struct span fields, struct arena *arena)
{
	char *out = arena_alloc(arena, fields.len);
	struct events lines = {.text = fields};
	struct span line, value;
	bool is_ended;
	size_t len = 0;

	if (!out)
		return span_make(NULL, 0);
	while (next_line(&lines, &line, &is_ended)) {
		if (!is_field(line, SPAN("data:"), &value))
			continue;
		if (value.len)
			memcpy(out + len, value.ptr, value.len);
		len += value.len;
		out[len++] = '\n';
	}
	return span_make(out, len - 1);
}

bool events_next(
    struct events *events, struct arena *arena, struct event *event)
{
	struct span line, value;
	size_t n_data = 0, from = events->line;
	bool is_ended = false;

	*event = (struct event){.raw = {.at = events->at}};
	while (!event->is_whole && next_line(events, &line, &is_ended)) {
		if (line.len == 0) {
			event->is_whole = is_ended;
		} else if (is_field(line, SPAN("data:"), &value)) {
			event->data = value;
			n_data++;
		} else if (is_field(line, SPAN("event:"), &value)) {
			event->is_named_error = span_eq(value, SPAN("error"));
		}
	}
	event->raw.len = events->line - events->at;
	if (event->raw.len == 0 || events->at == events->text.len)
		return false;
	events->at = events->line;
	event->has_data = n_data > 0;
	if (n_data > 1) {
		event->data = join_data(
		    span_make(events->text.ptr + from, events->line - from),
		    arena);
		events->is_full = !event->data.ptr;
	}
	return !events->is_full;
}

bool event_is_done(const struct event *event)
{
	return event->has_data && event->data.len < 16 &&
	       span_eq(span_trim(event->data), SPAN("[DONE]"));
}
