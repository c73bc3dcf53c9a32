/* relay_body.c -- an answer that is not a stream: held whole where it can be.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/keep.h"
#include "gateway/relay.h"

/* Usage stands near an answer's end: so much of a large one is kept. */
enum {
	TAIL = 16 * 1024
};

/* Too large to hold: its amounts cannot stand in its headers. */
static void stop_holding(struct request *request)
{
	struct attempt *attempt = &request->attempt;
	struct http1_header headers[40];
	size_t n = relay_headers(request, headers, false);
	struct span held = buf_span(&attempt->held);

	keep_scattered(request);
	attempt->relay = RELAY_PLAIN;
	attempt->saw_content = true;
	request->status = attempt->status;
	exchange_begin(
	    request->exchange, attempt->status, headers, n, attempt->length);
	exchange_write(request->exchange, held);
	buf_consume(&attempt->held, held.len > TAIL ? held.len - TAIL : 0);
}

static void keep_tail(struct attempt *attempt, struct span bytes)
{
	size_t len;

	if (bytes.len >= TAIL) {
		bytes = span_from(bytes, bytes.len - TAIL);
		buf_consume(&attempt->held, SIZE_MAX);
	}
	len = buf_len(&attempt->held) + bytes.len;
	if (len > TAIL)
		buf_consume(&attempt->held, len - TAIL);
	if (!buf_append(&attempt->held, bytes))
		buf_consume(&attempt->held, SIZE_MAX);
}

void relay_body_feed(struct request *request, struct span bytes)
{
	struct attempt *attempt = &request->attempt;

	attempt->body_len += bytes.len;
	if (attempt->relay == RELAY_JSON) {
		if (buf_len(&attempt->held) + bytes.len <= RELAY_HOLD &&
		    buf_append(&attempt->held, bytes))
			return;
		stop_holding(request);
	}
	exchange_write(request->exchange, bytes);
	if (!attempt->is_encoded)
		keep_tail(attempt, bytes);
	relay_throttle(request);
}

/*
 * Of an answer too large to hold only the end is there. From its last "usage"
 * on it is, with a brace in front, an object again.
 */
static struct span end_as_object(struct request *request, struct span tail)
{
	const struct span mark = SPAN("\"usage\"");
	size_t last = SIZE_MAX;
	char *text;

	for (size_t at = span_find(tail, mark, 0); at != SIZE_MAX;
	     at = span_find(tail, mark, at + 1))
		last = at;
	if (last == SIZE_MAX)
		return SPAN("");
	tail = span_from(tail, last);
	text = arena_alloc(&request->worker->scratch, tail.len + 1);
	if (!text)
		return SPAN("");
	text[0] = '{';
	memcpy(text + 1, tail.ptr, tail.len);
	return span_make(text, tail.len + 1);
}

/*
 * Tokens of an answer that cannot be read, by its length: about four bytes a
 * token, and compressed about two. A vector is no output.
 */
static int64_t estimate_by_len(const struct request *request)
{
	const struct attempt *attempt = &request->attempt;

	if (request->endpoint == ENDPOINT_EMBEDDINGS)
		return 0;
	return (int64_t)(attempt->body_len / (attempt->is_encoded ? 2 : 4));
}

void relay_body_read_usage(struct request *request)
{
	struct attempt *attempt = &request->attempt;
	struct span body = buf_span(&attempt->held);
	struct dialect_answer answer;

	if (attempt->is_encoded) {
		keep_scattered(request);
		attempt->output_estimate = estimate_by_len(request);
		return;
	}
	arena_reset(&request->worker->scratch);
	if (attempt->relay == RELAY_PLAIN)
		body = end_as_object(request, body);
	dialect_read_answer(
	    request->endpoint, body, &request->worker->scratch, &answer);
	dialect_usage_merge(&attempt->usage, &answer.usage);
	attempt->output_estimate = attempt->relay == RELAY_PLAIN
				       ? estimate_by_len(request)
				       : answer.output_estimate;
	attempt->saw_finish = answer.is_finished;
	attempt->is_keepable =
	    attempt->relay == RELAY_JSON && dialect_keeps_answer(&answer);
}
