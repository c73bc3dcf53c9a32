/* dialect_bench.c -- what reading requests, chunks and prompts costs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUND_NS 100000000 /* a measurement lasts at least this long */
#define ROUNDS 7           /* and the best of so many counts */
#define MEMORY_MAX ((size_t)1 << 26)

/* One thing to measure, done once; it must use its result. */
typedef int64_t (*work_fn)(struct span text, struct arena *arena);

static int64_t sink; /* so that no work is optimised away */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void report(const char *what, work_fn work, struct span text)
{
	struct arena arena;
	double best = 1e300;

	arena_init(&arena, MEMORY_MAX);
	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = now_ns(), spent = 0, n = 0;

		while (spent < ROUND_NS) {
			for (int i = 0; i < 16; i++) {
				arena_reset(&arena);
				sink += work(text, &arena);
			}
			n += 16;
			spent = now_ns() - start;
		}
		if ((double)spent / (double)n < best)
			best = (double)spent / (double)n;
	}
	printf("%-34s %7zu bytes %10.3f us %7.2f ns a byte\n", what, text.len,
	    best / 1e3, best / (double)text.len);
	arena_free(&arena);
}

static int64_t read_request(struct span text, struct arena *arena)
{
	struct dialect_request request;
	struct dialect_refusal refusal;

	if (!dialect_read_request(
		ENDPOINT_CHAT, text, arena, &request, &refusal)) {
		fprintf(stderr, "dialect_bench: %s\n", refusal.message);
		exit(1);
	}
	return (int64_t)request.n_parts;
}

static int64_t read_and_edit(struct span text, struct arena *arena)
{
	struct dialect_request request;
	struct dialect_refusal refusal;
	struct span pieces[DIALECT_PIECES_MAX];

	if (!dialect_read_request(
		ENDPOINT_CHAT, text, arena, &request, &refusal))
		exit(1);
	return (int64_t)dialect_edit_request(
	    &request, SPAN("up-small-1"), true, arena, pieces);
}

static int64_t read_chunk(struct span text, struct arena *arena)
{
	struct dialect_stream stream = {0};
	struct dialect_chunk chunk;

	dialect_read_chunk(ENDPOINT_CHAT, text, arena, &stream, &chunk);
	return (int64_t)chunk.output_bytes + chunk.has_usage;
}

static int64_t read_answer(struct span text, struct arena *arena)
{
	struct dialect_answer answer;

	dialect_read_answer(ENDPOINT_CHAT, text, arena, &answer);
	return answer.usage.output_tokens;
}

static int64_t estimate(struct span text, struct arena *arena)
{
	(void)arena;
	return dialect_estimate_tokens(text);
}

static void append(struct buf *buf, const char *text)
{
	if (!buf_append(buf, span_of(text)))
		exit(1);
}

/* A conversation of <len> bytes or a little more. */
static void write_request(struct buf *buf, size_t len)
{
	append(buf,
	    "{\"model\": \"gpt-small\", \"stream\": true, \"temperature\": 0.2,"
	    " \"max_tokens\": 512, \"messages\": [{\"role\": \"system\","
	    " \"content\": \"You answer briefly.\"}");
	for (int i = 0; buf_len(buf) < len - 2; i++)
		append(buf,
		    i % 2
			? ", {\"role\": \"assistant\", \"content\": \"It was "
			  "built in 1887, and the second tower followed two "
			  "years later.\\nMore is not known.\"}"
			: ", {\"role\": \"user\", \"content\": \"When was the "
			  "old harbour's lighthouse built, who paid for it, "
			  "and which of the three plans was taken in the "
			  "end? Please give your sources, as far as there "
			  "are any.\"}");
	append(buf, "]}");
}

static void measure_requests(size_t len)
{
	struct buf buf;

	buf_init(&buf, 2 * len);
	write_request(&buf, len);
	report("read_request", read_request, buf_span(&buf));
	report("read_request and edit_request", read_and_edit, buf_span(&buf));
	report("estimate, English in JSON", estimate, buf_span(&buf));
	buf_free(&buf);
}

#define CHUNK(choices, usage)                                                  \
	"{\"id\":\"chatcmpl-2fb74a4f6064\",\"object\":"                        \
	"\"chat.completion.chunk\",\"created\":1794300000,\"model\":"          \
	"\"gpt-6.1-sol\",\"system_fingerprint\":\"fp_44709d6fcb\","            \
	"\"choices\":[" choices "],\"usage\":" usage "}"

static void measure_answers(void)
{
	report("read_chunk, content", read_chunk,
	    SPAN(CHUNK("{\"index\":0,\"delta\":{\"content\":\" lighthouse\"},"
		       "\"logprobs\":null,\"finish_reason\":null}",
		"null")));
	report("read_chunk, tool call", read_chunk,
	    SPAN(CHUNK("{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
		       "\"function\":{\"arguments\":\"{\\\"a\\\":\"}}]},"
		       "\"logprobs\":null,\"finish_reason\":null}",
		"null")));
	report("read_chunk, usage", read_chunk,
	    SPAN(CHUNK("",
		"{\"prompt_tokens\":421,\"completion_tokens\":433,"
		"\"total_tokens\":854,\"prompt_tokens_details\":"
		"{\"cached_tokens\":128},\"completion_tokens_details\":"
		"{\"reasoning_tokens\":64}}")));
	report("read_answer", read_answer,
	    SPAN(CHUNK("{\"index\":0,\"message\":{\"role\":\"assistant\","
		       "\"content\":\"It was built in 1887.\",\"refusal\":null}"
		       ",\"finish_reason\":\"stop\"}",
		"{\"prompt_tokens\":21,\"completion_tokens\":9}")));
}

int main(void)
{
	measure_requests(1024);
	measure_requests(32768);
	measure_answers();
	return sink == 0;
}
