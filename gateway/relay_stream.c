/* relay_stream.c -- events to one client, each as it arrives. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/keep.h"
#include "gateway/relay.h"

#include <stdio.h>

void relay_write_amounts(struct request *request)
{
	const struct amounts *amounts = &request->amounts;
	char cost[MONEY_TEXT_MAX], baseline[MONEY_TEXT_MAX];
	char saved[MONEY_TEXT_MAX];
	char line[256];
	int n;

	money_format(amounts->cost_nano, cost);
	money_format(amounts->baseline_nano, baseline);
	money_format(amounts->saved_nano, saved);
	n = snprintf(line, sizeof(line),
	    ": x-sluice-cost-usd=%s x-sluice-baseline-usd=%s "
	    "x-sluice-saved-usd=%s\n\n",
	    cost, baseline, saved);
	exchange_write(request->exchange, span_make(line, (size_t)n));
}

void relay_stream_release(struct request *request)
{
	struct attempt *attempt = &request->attempt;
	struct http1_header headers[40];
	size_t n;

	if (attempt->is_released)
		return;
	attempt->is_released = true;
	n = relay_headers(request, headers, false);
	headers[n++] =
	    (struct http1_header){SPAN("cache-control"), SPAN("no-cache")};
	headers[n++] =
	    (struct http1_header){SPAN("x-accel-buffering"), SPAN("no")};
	request->status = attempt->status;
	exchange_begin(request->exchange, attempt->status, headers, n, -1);
	exchange_write(request->exchange, buf_span(&attempt->held));
	keep_begin(request, CACHE_EVENTS);
	keep_events(request, FLIGHT_EVENTS, buf_span(&attempt->held));
	buf_free(&attempt->held);
}

/*
 * Events that lie side by side in what the upstream sent leave as one piece,
 * so that a burst of them costs one chunk and not one each.
 */
static void flush_run(struct request *request)
{
	struct attempt *attempt = &request->attempt;

	if (attempt->run.len > 0) {
		exchange_write(request->exchange, attempt->run);
		keep_events(request, FLIGHT_EVENTS, attempt->run);
	}
	attempt->run.len = 0;
}

/* Everything that ends a good stream, the amounts before its last event. */
static void finish_stream(struct request *request, struct span last)
{
	struct attempt *attempt = &request->attempt;

	attempt_settle(request, LEDGER_COMPLETED);
	relay_stream_release(request);
	flush_run(request);
	relay_write_amounts(request);
	if (last.len > 0)
		exchange_write(request->exchange, last);
	exchange_end(request->exchange);
	attempt->is_keepable =
	    dialect_keeps_stream(&attempt->keep, &attempt->usage);
	keep_stream(request, last);
}

static void pass(struct request *request, struct span raw)
{
	struct attempt *attempt = &request->attempt;
	struct span *run = &attempt->run;

	if (attempt->is_released) {
		if (run->len > 0 && run->ptr + run->len == raw.ptr) {
			run->len += raw.len;
			return;
		}
		flush_run(request);
		*run = raw;
		return;
	}
	/* Chunks before the first content wait for it: until then another
	   candidate may still answer. Their number is bounded. */
	if (buf_len(&attempt->held) + raw.len > RELAY_HELD_EVENTS ||
	    !buf_append(&attempt->held, raw)) {
		relay_stream_release(request);
		*run = raw;
		flush_run(request);
	}
}

/*
 * Usage without choices is for a client that asked for it; where the answer is
 * kept, it stands there by itself, for others who ask. Comes at a stream's end,
 * so nothing is lost by letting go what is held before it.
 */
static void pass_usage(struct request *request, struct span raw)
{
	if (!keep_leads(request)) {
		if (!request->asks_usage)
			pass(request, raw);
		return;
	}
	relay_stream_release(request);
	flush_run(request);
	if (!request->asks_usage)
		exchange_write(request->exchange, raw);
	keep_events(request, FLIGHT_USAGE, raw);
}

/* The upstream's own words for what went wrong, for this client alone. */
static void pass_error(struct request *request, struct span raw)
{
	flush_run(request);
	exchange_write(request->exchange, raw);
}

static void take_content(struct request *request)
{
	struct attempt *attempt = &request->attempt;

	if (attempt->saw_content)
		return;
	attempt->saw_content = true;
	relay_stream_release(request);
	if (request->first_token_ns != 0)
		return;
	request->first_token_ns = loop_now_ns(request->worker->loop);
	metric_observe(attempt->upstream->first_token,
	    request->first_token_ns - request->started_ns);
}

static void take_event(struct request *request, const struct sse_event *event)
{
	struct attempt *attempt = &request->attempt;
	struct dialect_chunk chunk;

	if (!event->has_data) {
		pass(request, event->raw);
		return;
	}
	dialect_read_chunk(request->endpoint, event->data,
	    &request->worker->scratch, &attempt->stream, &chunk);
	dialect_usage_merge(&attempt->usage, &chunk.usage);
	attempt->output_estimate += chunk.output_estimate;
	attempt->saw_finish |= chunk.has_finish;
	dialect_keep_add(&attempt->keep, &chunk);
	if (chunk.is_error) {
		attempt->saw_error = true;
		if (attempt->saw_content)
			pass_error(request, event->raw);
		else
			attempt->error_body =
			    arena_copy(request->arena, event->data);
		return;
	}
	if (chunk.is_done) {
		attempt->saw_done = true;
		finish_stream(request, event->raw);
		return;
	}
	if (chunk.is_usage_only) {
		pass_usage(request, event->raw);
		return;
	}
	if (chunk.has_content)
		take_content(request);
	pass(request, event->raw);
}

void relay_stream_feed(struct request *request, struct span bytes)
{
	struct attempt *attempt = &request->attempt;
	struct sse_event event;

	while (!attempt->saw_done && !attempt->saw_error) {
		struct span before = bytes;

		arena_reset(&request->worker->scratch);
		if (!sse_next(&attempt->splitter, &bytes,
			&request->worker->scratch, &event))
			break;
		take_event(request, &event);
		/* One that was gathered from pieces lies in the splitter's
		   memory, which the next one takes. */
		if (event.raw.ptr != before.ptr)
			flush_run(request);
	}
	flush_run(request);
	attempt->is_too_long = attempt->splitter.is_too_long;
	relay_throttle(request);
}

void relay_stream_end(struct request *request)
{
	struct attempt *attempt = &request->attempt;

	if (attempt->saw_done)
		return;
	finish_stream(request, sse_rest(&attempt->splitter));
}
