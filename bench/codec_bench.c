/* codec_bench.c -- nanoseconds for a head, a chunk and an event. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "net/http1.h"
#include "net/sse.h"

/*
 * Each line is the best of several rounds, so that a busy machine disturbs
 * little; the memcpy of the same bytes is what they cost anybody.
 */
#define ROUNDS 25
#define TIMES 20000

static const struct span request =
    SPAN("POST /v1/chat/completions HTTP/1.1\r\n"
	 "Host: gateway.example.com:8080\r\n"
	 "Accept: application/json\r\n"
	 "Accept-Encoding: gzip, deflate\r\n"
	 "Connection: keep-alive\r\n"
	 "Content-Length: 1843\r\n"
	 "Content-Type: application/json\r\n"
	 "User-Agent: AsyncOpenAI/Python 1.99.9\r\n"
	 "Authorization: Bearer sk-0123456789abcdef0123456789abcdef\r\n"
	 "X-Stainless-Runtime-Version: 3.12.3\r\n"
	 "X-Stainless-Retry-Count: 0\r\n\r\n");

static const struct span response =
    SPAN("HTTP/1.1 200 OK\r\n"
	 "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
	 "Content-Type: text/event-stream; charset=utf-8\r\n"
	 "Transfer-Encoding: chunked\r\n"
	 "Connection: keep-alive\r\n"
	 "Cache-Control: no-cache\r\n"
	 "OpenAI-Processing-Ms: 213\r\n"
	 "X-Request-Id: req_0123456789abcdef0123456789abcdef\r\n\r\n");

static const struct span event_text =
    SPAN("data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":"
	 "\"chat.completion.chunk\",\"created\":1767225600,\"model\":"
	 "\"gpt-5-mini-2025-08-07\",\"service_tier\":\"default\","
	 "\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[{\"index\":0,"
	 "\"delta\":{\"content\":\" Hello\"},\"logprobs\":null,"
	 "\"finish_reason\":null}],\"usage\":null}\n\n");

static struct http1_head head;
static char copy[4096];

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(bool holds)
{
	if (holds)
		return;
	fprintf(stderr, "codec_bench: the codec refused its input\n");
	exit(1);
}

static void copy_request(void)
{
	memcpy(copy, request.ptr, request.len);
	__asm__ volatile("" : : "r"(copy) : "memory");
}

static void read_request(void)
{
	struct http1_reader reader = {0};

	must(http1_read_request(&reader, request, &head) > 0);
}

static void read_response(void)
{
	struct http1_reader reader = {0};

	must(http1_read_response(&reader, response, &head) > 0);
}

/* A head that came in two pieces is walked twice. */
static void read_cut_request(void)
{
	struct http1_reader reader = {0};

	must(!http1_read_request(&reader, span_head(request, 200), &head));
	must(http1_read_request(&reader, request, &head) > 0);
}

static struct span chunk;

static void read_chunk(void)
{
	static const struct http1_head chunked = {.framing = HTTP1_CHUNKED};
	struct http1_body body;
	struct span data;
	size_t used;

	http1_body_start(&body, &chunked);
	must(http1_body_read(&body, chunk, &used, &data) == HTTP1_DATA);
	must(http1_body_read(&body, span_from(chunk, used), &used, &data) ==
	     HTTP1_MORE);
}

static struct sse_splitter splitter;
static struct arena scratch;

static void read_event(void)
{
	struct span in = event_text;
	struct sse_event event;

	must(sse_next(&splitter, &in, &scratch, &event) && event.has_data);
}

static void read_cut_event(void)
{
	struct span in = span_head(event_text, 150);
	struct sse_event event;

	must(!sse_next(&splitter, &in, &scratch, &event));
	in = span_from(event_text, 150);
	must(sse_next(&splitter, &in, &scratch, &event) && event.has_data);
}

static void measure(const char *what, size_t bytes, void (*work)(void))
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns(), spent;

		for (int i = 0; i < TIMES; i++)
			work();
		spent = (now_ns() - start) / TIMES;
		if (spent < best)
			best = spent;
	}
	printf("%-28s %5zu bytes %8.1f ns %6.2f GB/s\n", what, bytes, best,
	    (double)bytes / best);
}

int main(void)
{
	char size[20], *text;
	size_t len = http1_write_chunk_size(event_text.len, size);

	text = malloc(len + event_text.len + 2);
	must(text != NULL);
	memcpy(text, size, len);
	memcpy(text + len, event_text.ptr, event_text.len);
	memcpy(text + len + event_text.len, "\r\n", 2);
	chunk = span_make(text, len + event_text.len + 2);
	sse_init(&splitter, 65536);
	arena_init(&scratch, 65536);

	measure("memcpy of the request", request.len, copy_request);
	measure("request head, 10 headers", request.len, read_request);
	measure("request head in two pieces", request.len, read_cut_request);
	measure("response head, 7 headers", response.len, read_response);
	measure("chunk", chunk.len, read_chunk);
	measure("event", event_text.len, read_event);
	measure("event in two pieces", event_text.len, read_cut_event);

	sse_free(&splitter);
	arena_free(&scratch);
	free(text);
	return 0;
}
