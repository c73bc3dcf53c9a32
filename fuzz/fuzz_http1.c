/* fuzz_http1.c -- the HTTP/1.1 codec: how bytes are cut changes nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>

#include "net/http1.h"

/*
 * The first byte says whose side to take and with which limits, the second
 * where to cut; the rest is what a connection sends. Whole, cut in two, and
 * byte by byte it must come to the same: every head, every body's bytes, the
 * refusal and its reason. A head that was accepted and is written again must
 * be accepted again and say the same.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http1_limits tight = {
    .line = 40, .headers = 4, .header_bytes = 160};

struct setup {
	bool is_request, is_head_answer, is_connect_answer;
	const struct http1_limits *limits;
};

/* What a connection came to: a hash of all that was read, in order. */
struct story {
	uint64_t hash;
	size_t n_messages;
	struct http1_fault fault;
	const char *body_reason;
};

static void tell(struct story *story, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		story->hash =
		    (story->hash ^ (unsigned char)s.ptr[i]) * 0x100000001b3;
}

static void tell_number(struct story *story, uint64_t n)
{
	tell(story, span_make((const char *)&n, sizeof(n)));
}

static void tell_span(struct story *story, struct span s)
{
	tell_number(story, s.len);
	tell(story, s);
}

static void tell_head(struct story *story, const struct http1_head *head)
{
	tell_span(story, head->method);
	tell_span(story, head->target);
	tell_span(story, head->path);
	tell_span(story, head->query);
	tell_span(story, head->host);
	tell_span(story, head->reason);
	tell_number(story, (uint64_t)head->status);
	tell_number(story, head->expects_continue);
	tell_number(story, head->keeps_alive);
	tell_number(story, head->framing);
	tell_number(story, head->content_length);
	tell_number(story, head->n_headers);
	for (size_t i = 0; i < head->n_headers; i++) {
		tell_span(story, head->headers[i].name);
		tell_span(story, head->headers[i].value);
	}
}

static void check(bool holds)
{
	if (!holds)
		abort();
}

static ptrdiff_t read_head(const struct setup *setup,
    struct http1_reader *reader, struct span in, struct http1_head *head)
{
	if (setup->is_request)
		return http1_read_request(reader, in, head);
	return http1_read_response(reader, in, head);
}

static struct http1_reader make_reader(const struct setup *setup)
{
	return (struct http1_reader){
	    .limits = setup->limits,
	    .is_head_answer = setup->is_head_answer,
	    .is_connect_answer = setup->is_connect_answer,
	};
}

/* Writes the head again as HTTP/1.1 and reads that. */
static void check_written(
    const struct setup *setup, const struct http1_head *head)
{
	static struct http1_head again;
	struct setup wide = *setup;
	struct http1_reader reader;
	struct buf out;

	buf_init(&out, 1 << 20);
	if (setup->is_request)
		check(
		    http1_write_request_line(&out, head->method, head->target));
	else
		check(http1_write_status(&out, head->status));
	for (size_t i = 0; i < head->n_headers; i++)
		check(http1_write_header(
		    &out, head->headers[i].name, head->headers[i].value));
	if (setup->is_request && head->host.len == 0)
		check(http1_write_header(&out, SPAN("Host"), SPAN("a")));
	check(buf_append(&out, SPAN("\r\n")));
	wide.limits = &(const struct http1_limits){
	    .line = 1 << 20,
	    .headers = HTTP1_HEADERS_MAX,
	    .header_bytes = 1 << 20,
	};
	reader = make_reader(&wide);
	/* A target may name the host that HTTP/1.0 had no Host beside. */
	if (!setup->is_request || head->minor == 1) {
		check(read_head(&wide, &reader, buf_span(&out), &again) ==
		      (ptrdiff_t)buf_len(&out));
		check(again.framing == head->framing);
		check(again.content_length == head->content_length);
		check(again.n_headers == head->n_headers);
		check(span_eq(again.path, head->path));
		check(span_eq(again.host, head->host));
	}
	buf_free(&out);
}

/* Some bytes that have come and have not been read yet. */
struct inbox {
	struct span all; /* the connection's whole stream */
	size_t read, come;
};

static struct span unread(const struct inbox *inbox)
{
	return span_make(
	    inbox->all.ptr + inbox->read, inbox->come - inbox->read);
}

/* More bytes come: up to the cut, then in steps. False at the stream's end. */
static bool receive(struct inbox *inbox, size_t cut, size_t step)
{
	size_t next = inbox->come + step;

	if (inbox->come == inbox->all.len)
		return false;
	if (inbox->come < cut && next > cut)
		next = cut;
	inbox->come = next < inbox->all.len ? next : inbox->all.len;
	return true;
}

/* False when the connection cannot go on. */
static bool read_body(struct story *story, struct inbox *inbox,
    const struct http1_head *head, size_t cut, size_t step)
{
	struct http1_body body;
	enum http1_progress progress;
	struct span data;
	size_t used;

	http1_body_start(&body, head);
	do {
		struct span in = unread(inbox);

		progress = http1_body_read(&body, in, &used, &data);
		check(used <= in.len);
		inbox->read += used;
		if (progress == HTTP1_DATA) {
			check(data.len > 0 && data.len <= used);
			check(data.ptr + data.len == in.ptr + used);
			tell(story, data);
		}
		if (progress == HTTP1_MORE)
			check(used == in.len);
	} while (progress == HTTP1_DATA ||
		 (progress == HTTP1_MORE && receive(inbox, cut, step)));
	tell_number(story, progress);
	story->body_reason = body.reason;
	return progress == HTTP1_DONE;
}

/* A connection whose bytes come up to <cut> first, then <step> at a time. */
static struct story live(
    const struct setup *setup, struct span all, size_t cut, size_t step)
{
	static struct http1_head head;
	struct story story = {.hash = 0xcbf29ce484222325};
	struct inbox inbox = {.all = all};
	ptrdiff_t len;

	do {
		struct http1_reader reader = make_reader(setup);

		do {
			len = read_head(setup, &reader, unread(&inbox), &head);
		} while (len == 0 && receive(&inbox, cut, step));
		story.fault = reader.fault;
		check((len < 0) == (reader.fault.refusal != HTTP1_FINE));
		check((len < 0) == (reader.fault.reason != NULL));
		if (len <= 0)
			break;
		inbox.read += (size_t)len;
		story.n_messages++;
		tell_head(&story, &head);
		check_written(setup, &head);
	} while (
	    read_body(&story, &inbox, &head, cut, step) && head.keeps_alive);
	return story;
}

static void check_same(struct story a, struct story b)
{
	check(a.hash == b.hash);
	check(a.n_messages == b.n_messages);
	check(a.fault.refusal == b.fault.refusal);
	check(a.fault.reason == b.fault.reason);
	check(a.body_reason == b.body_reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct setup setup;
	struct story whole;
	struct span all;

	if (size < 2)
		return 0;
	setup = (struct setup){
	    .is_request = !(data[0] & 1),
	    .limits = data[0] & 2 ? &tight : NULL,
	    .is_head_answer = data[0] & 4,
	    .is_connect_answer = data[0] & 8,
	};
	all = span_make((const char *)data + 2, size - 2);
	whole = live(&setup, all, all.len, all.len + 1);
	check_same(
	    whole, live(&setup, all, data[1] % (all.len + 1), all.len + 1));
	if (size < 4096)
		check_same(whole, live(&setup, all, all.len, 1));
	return 0;
}
