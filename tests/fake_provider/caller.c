/* caller.c -- one connection: reads its requests strictly, one at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/caller.h"

#include <stdlib.h>

#include "tests/fake_provider/out.h"

#define ARENA_MAX ((size_t)1 << 30)
#define LINGER_NS NS_PER_S

static void free_caller(void *arg)
{
	struct caller *caller = arg;

	deadline_free(&caller->deadline);
	arena_free(&caller->arena);
	buf_free(&caller->in);
	buf_free(&caller->send.body);
	free(caller);
}

void caller_retire(struct caller *caller)
{
	deadline_clear(&caller->deadline);
	list_remove(&caller->link);
	loop_retire(caller->worker->loop, free_caller, caller);
}

void caller_close(struct caller *caller)
{
	if (caller->state != CALLER_HEAD)
		send_over(caller, BILLED_CLIENT_GONE);
	stream_close(&caller->stream);
	caller_retire(caller);
}

static void wait_for_request(struct caller *caller)
{
	caller->state = CALLER_HEAD;
	caller->reader = (struct http1_reader){0};
	caller->send.answer = (struct answer){0};
	caller->send.bytes = 0;
	caller->send.events = 0;
	caller->send.sent_ns = 0;
	arena_reset(&caller->arena);
	deadline_after(&caller->deadline, caller->worker->provider->idle_ns);
}

void caller_answered(struct caller *caller)
{
	send_over(caller, BILLED_COMPLETED);
	if (!caller->keeps_alive) {
		stream_finish(&caller->stream,
		    caller->send.answer.must_close ? LINGER_NS : 0);
		caller_retire(caller);
		return;
	}
	wait_for_request(caller);
	if (caller->has_unread && !caller->is_reading)
		stream_resume(caller->stream);
}

/* --- requests --------------------------------------------------------------
 */

/* An answer to what is no request, or to one too large; then the end. */
static void refuse(struct caller *caller, int status, const char *reason)
{
	struct answer answer = {.status = status,
	    .type = SPAN("application/json"),
	    .directives = &directives_none,
	    .must_close = true};
	struct buf *out = &caller->send.body;

	caller->keeps_alive = false;
	caller->is_head = false;
	OUT(out, "{\"error\":{\"message\":");
	out_string(out, span_of(reason));
	OUT(out, ",\"type\":\"invalid_request_error\",\"param\":null,"
		 "\"code\":null}}\n");
	caller->state = CALLER_ANSWERING;
	send_start(caller, &answer);
}

static void serve(
    struct caller *caller, const struct http1_head *head, struct span body)
{
	caller->state = CALLER_ANSWERING;
	deadline_clear(&caller->deadline);
	if (caller->record)
		record_body(caller->record, body, clock_mono_ns());
	caller->service->on_request(caller, head, body);
}

static void begin_request(
    struct caller *caller, const struct http1_head *head, struct span bytes)
{
	struct provider *provider = caller->worker->provider;

	caller->keeps_alive = head->keeps_alive;
	caller->is_head = span_eq(head->method, SPAN("HEAD"));
	caller->is_old = head->minor == 0;
	/* Only the service with an on_head, the provider's, is recorded. */
	if (provider->records && caller->service->on_head)
		caller->record =
		    record_begin(provider->records, bytes, caller->number);
}

/* Keeps the head until its body has come, since it points into the stream. */
static void await_body(
    struct caller *caller, const struct http1_head *head, struct span bytes)
{
	caller->state = CALLER_BODY;
	caller->head_len = bytes.len;
	out_span(&caller->in, bytes);
	http1_body_start(&caller->body, head);
	if (head->expects_continue)
		stream_write(
		    caller->stream, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
}

/* Reads a head, and its body where all of it is there; how much it took. */
static size_t read_head(struct caller *caller, struct span in)
{
	struct http1_head *head = &caller->worker->head;
	ptrdiff_t n = http1_read_request(&caller->reader, in, head);
	size_t len = (size_t)n;

	if (n == 0)
		return 0;
	if (n < 0) {
		refuse(caller, http1_refusal_status(&caller->reader.fault),
		    caller->reader.fault.reason);
		return in.len;
	}
	begin_request(caller, head, span_head(in, len));
	if (head->framing == HTTP1_TUNNEL) {
		refuse(caller, 405, "no tunnels here");
		return in.len;
	}
	if (caller->service->on_head && caller->service->on_head(caller, head))
		return in.len;
	if (head->framing == HTTP1_NO_BODY) {
		serve(caller, head, SPAN(""));
		return len;
	}
	if (head->framing == HTTP1_LENGTH &&
	    head->content_length <= in.len - len &&
	    head->content_length <= PROVIDER_BODY_MAX) {
		len += (size_t)head->content_length;
		serve(caller, head, span_from(span_head(in, len), (size_t)n));
		return len;
	}
	await_body(caller, head, span_head(in, len));
	return len;
}

/* The body is whole: its head is read once more, from where both now are. */
static void finish_body(struct caller *caller)
{
	struct http1_head *head = &caller->worker->head;
	struct span all = buf_span(&caller->in);
	struct http1_reader reader = {0};
	ptrdiff_t n =
	    http1_read_request(&reader, span_head(all, caller->head_len), head);

	if (n > 0)
		serve(caller, head, span_from(all, caller->head_len));
	else
		refuse(caller, 400, "the head changed");
	buf_free(&caller->in);
}

static size_t read_body(struct caller *caller, struct span in)
{
	size_t total = 0;

	while (caller->state == CALLER_BODY) {
		struct span data = {.ptr = NULL, .len = 0};
		size_t used = 0;

		switch (http1_body_read(
		    &caller->body, span_from(in, total), &used, &data)) {
		case HTTP1_MORE:
			return total + used;
		case HTTP1_DATA:
			if (buf_len(&caller->in) + data.len <=
			    caller->head_len + PROVIDER_BODY_MAX) {
				out_span(&caller->in, data);
				break;
			}
			buf_free(&caller->in);
			refuse(caller, 413, "the body is too large");
			return in.len;
		case HTTP1_DONE:
			finish_body(caller);
			break;
		case HTTP1_BAD:
			buf_free(&caller->in);
			refuse(caller, 400, caller->body.reason);
			return in.len;
		}
		total += used;
	}
	return total;
}

/* --- the stream's events ---------------------------------------------------
 */

static size_t on_data(struct stream *stream, struct span in, void *arg)
{
	struct caller *caller = arg;
	size_t used = 0, took = 1;

	(void)stream;
	caller->is_reading = true;
	while (took > 0 && used < in.len && caller->stream &&
	       caller->state != CALLER_ANSWERING) {
		struct span rest = span_from(in, used);

		took = caller->state == CALLER_HEAD ? read_head(caller, rest)
						    : read_body(caller, rest);
		used += took;
	}
	caller->is_reading = false;
	caller->has_unread = used < in.len;
	return used;
}

static void on_sent(struct stream *stream, void *arg)
{
	(void)stream;
	send_on_sent(arg);
}

static void on_drained(struct stream *stream, void *arg)
{
	(void)stream;
	send_on_drained(arg);
}

/*
 * An end in mid-answer means that the client no longer wants it, also where
 * it shut down only its own side: so do the real providers read it.
 */
static void on_end(struct stream *stream, enum stream_end end, void *arg)
{
	(void)stream;
	(void)end;
	caller_close(arg);
}

static void on_deadline(void *arg)
{
	struct caller *caller = arg;

	if (caller->state == CALLER_ANSWERING)
		send_on_deadline(caller);
	else
		caller_close(caller);
}

static const struct stream_handler handler = {
    .on_data = on_data,
    .on_drained = on_drained,
    .on_sent = on_sent,
    .on_end = on_end,
};

void caller_open(struct worker *worker, int fd, const struct service *service)
{
	struct caller *caller = mem_new(struct caller);
	struct provider *provider = worker->provider;
	bool is_provider = service->on_head != NULL;

	caller->worker = worker;
	caller->service = service;
	caller->number = atomic_fetch_add(&provider->connections, 1) + 1;
	arena_init(&caller->arena, ARENA_MAX);
	buf_init(&caller->in, OUT_MAX);
	buf_init(&caller->send.body, OUT_MAX);
	list_push_back(&worker->callers, &caller->link);
	deadline_init(&caller->deadline, worker->loop, on_deadline, caller);
	caller->stream = stream_accept(worker->loop, fd,
	    is_provider ? provider->tls : NULL, &handler, caller);
	wait_for_request(caller);
}
