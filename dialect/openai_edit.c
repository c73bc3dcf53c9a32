/* openai_edit.c -- splices a request's few changes into the client's bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

/*
 * A body is never printed anew: re-serialising corrupts numbers, reorders keys
 * and breaks the providers' prefix caches. It is cut at the bytes that change,
 * at most two places, and what comes between goes out as it came in.
 */
struct splice {
	struct byte_range range; /* of the body; len 0 inserts */
	struct span bytes;       /* in its place */
};

/* Whether <s> stands in a JSON string as it is. */
static bool is_plain(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			return false;
	}
	return true;
}

/* <name> as a JSON string in <arena>; ptr NULL when that is exhausted. */
static struct span quote(struct span name, struct arena *arena)
{
	struct span quoted = {0};
	struct buf buf;

	if (is_plain(name)) {
		char *at = arena_alloc(arena, name.len + 2);

		if (!at)
			return quoted;
		at[0] = '"';
		memcpy(at + 1, name.ptr, name.len);
		at[name.len + 1] = '"';
		return span_make(at, name.len + 2);
	}
	buf_init(&buf, name.len * 6 + 2); /* \u0001 is the longest */
	if (json_write_string(&buf, name))
		quoted = arena_copy(arena, buf_span(&buf));
	buf_free(&buf);
	return quoted;
}

/* What makes the upstream report usage at the end of the stream. */
static struct splice ask_usage(const struct dialect_request *request)
{
	struct byte_range options = request->stream_options_at;
	struct splice splice = {0};

	if (request->include_usage_at.len > 0) {
		splice.range = request->include_usage_at;
		splice.bytes = SPAN("true");
	} else if (options.len == 0) {
		splice.range.at = request->members_from;
		splice.bytes =
		    request->has_members
			? SPAN("\"stream_options\":{\"include_usage\":true},")
			: SPAN("\"stream_options\":{\"include_usage\":true}");
	} else if (request->body.ptr[options.at] == '{') {
		splice.range.at = options.at + 1;
		splice.bytes = request->stream_options_has_members
				   ? SPAN("\"include_usage\":true,")
				   : SPAN("\"include_usage\":true");
	} else {
		splice.range = options; /* null */
		splice.bytes = SPAN("{\"include_usage\":true}");
	}
	return splice;
}

/* The body with <n> splices, which stand in order and apart. */
static size_t cut(struct span body, const struct splice *splices, size_t n,
    struct span pieces[DIALECT_PIECES_MAX])
{
	size_t count = 0, at = 0;

	for (size_t i = 0; i < n; i++) {
		struct byte_range range = splices[i].range;

		if (range.at > at)
			pieces[count++] =
			    span_make(body.ptr + at, range.at - at);
		pieces[count++] = splices[i].bytes;
		at = range.at + range.len;
	}
	if (at < body.len)
		pieces[count++] = span_from(body, at);
	return count;
}

size_t dialect_edit_request(const struct dialect_request *request,
    struct span upstream_model, bool asks_usage, struct arena *arena,
    struct span pieces[DIALECT_PIECES_MAX])
{
	struct splice splices[2];
	size_t n = 0;

	if (!span_eq(request->model, upstream_model)) {
		splices[n].range = request->model_at;
		splices[n].bytes = quote(upstream_model, arena);
		if (!splices[n++].bytes.ptr)
			return 0;
	}
	if (asks_usage && request->stream && !request->has_include_usage) {
		splices[n] = ask_usage(request);
		if (n == 1 && splices[1].range.at < splices[0].range.at) {
			struct splice model = splices[0];

			splices[0] = splices[1];
			splices[1] = model;
		}
		n++;
	}
	return cut(request->body, splices, n, pieces);
}
