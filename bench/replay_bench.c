/* replay_bench.c -- what giving an answer in its other form costs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUND_NS 100000000 /* a measurement lasts at least this long */
#define ROUNDS 7           /* and the best of so many counts */
#define MEMORY_MAX ((size_t)1 << 26)

/* One thing to measure, done once, into a buffer that is empty. */
typedef bool (*work_fn)(struct span text, struct arena *arena, struct buf *out);

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "replay_bench: %s is refused\n", what);
	exit(1);
}

/* The arena and the buffer keep their memory, or are as new each time. */
static void report(
    const char *what, work_fn work, struct span text, bool is_warm)
{
	size_t produced = 0;
	struct arena arena;
	double best = 1e300;
	struct buf out;

	arena_init(&arena, MEMORY_MAX);
	buf_init(&out, MEMORY_MAX);
	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = now_ns(), spent = 0, n = 0;

		while (spent < ROUND_NS) {
			for (int i = 0; i < 16; i++) {
				arena_reset(&arena);
				buf_consume(&out, buf_len(&out));
				if (!is_warm)
					buf_free(&out);
				if (!work(text, &arena, &out))
					fail(what);
			}
			n += 16;
			spent = now_ns() - start;
		}
		if ((double)spent / (double)n < best)
			best = (double)spent / (double)n;
		produced = buf_len(&out);
	}
	printf("%-32s %-8s %7zu to %7zu bytes %9.2f us\n", what,
	    is_warm ? "warm" : "new", text.len, produced, best / 1e3);
	arena_free(&arena);
	buf_free(&out);
}

static bool split(struct span text, struct arena *arena, struct buf *out)
{
	const struct dialect_request request = {
	    .endpoint = ENDPOINT_CHAT,
	    .has_include_usage = true,
	};
	struct dialect_marks marks;

	return dialect_split(&request, text, arena, out, &marks);
}

static bool join(struct span text, struct arena *arena, struct buf *out)
{
	return dialect_join(ENDPOINT_CHAT, text, arena, out);
}

static bool find_marks(struct span text, struct arena *arena, struct buf *out)
{
	struct dialect_marks marks;

	(void)arena;
	(void)out;
	return dialect_find_marks(ENDPOINT_CHAT, text, &marks) &&
	       marks.done.len > 0;
}

static void append(struct buf *buf, struct span text)
{
	if (!buf_append(buf, text))
		exit(1);
}

#define HEAD(object)                                                           \
	"{\"id\":\"chatcmpl-2fb74a4f6064\",\"object\":\"" object               \
	"\",\"created\":1794300000,\"model\":\"gpt-6.1-sol\","                 \
	"\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":["
#define USAGE                                                                  \
	"{\"prompt_tokens\":421,\"completion_tokens\":433,"                    \
	"\"total_tokens\":854,\"prompt_tokens_details\":"                      \
	"{\"cached_tokens\":128},\"completion_tokens_details\":"               \
	"{\"reasoning_tokens\":64}}"

static const struct span words[] = {
    SPAN("The"),
    SPAN(" lighthouse"),
    SPAN(" was"),
    SPAN(" built"),
    SPAN(" in"),
    SPAN(" 1887,"),
    SPAN(" and"),
    SPAN(" who"),
    SPAN(" paid"),
    SPAN(" is"),
    SPAN(" not"),
    SPAN(" known."),
};

#define N_WORDS (sizeof(words) / sizeof(words[0]))

static void write_token(struct buf *buf, struct span word)
{
	append(buf, SPAN("{\"token\":\""));
	append(buf, word);
	append(buf, SPAN("\",\"logprob\":-0.0131,\"bytes\":null,"
			 "\"top_logprobs\":[]}"));
}

/* An answer of <len> bytes or a little more. */
static void write_answer(struct buf *buf, size_t len, bool has_logprobs)
{
	append(buf,
	    SPAN(HEAD(
		"chat.completion") "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\""));
	for (size_t i = 0; buf_len(buf) < len - 300; i++)
		append(buf, words[i % N_WORDS]);
	append(buf, SPAN("\",\"refusal\":null},\"logprobs\":"));
	if (has_logprobs) {
		append(buf, SPAN("{\"content\":["));
		for (size_t i = 0; i < len / 8; i++) {
			if (i > 0)
				append(buf, SPAN(","));
			write_token(buf, words[i % N_WORDS]);
		}
		append(buf, SPAN("],\"refusal\":null}"));
	} else {
		append(buf, SPAN("null"));
	}
	append(buf, SPAN(",\"finish_reason\":\"stop\"}],\"usage\":" USAGE "}"));
}

static void write_event(struct buf *buf, struct span word, bool has_logprobs)
{
	append(buf, SPAN("data: " HEAD("chat.completion.chunk")));
	append(buf, SPAN("{\"index\":0,\"delta\":{\"content\":\""));
	append(buf, word);
	append(buf, SPAN("\"},\"logprobs\":"));
	if (has_logprobs) {
		append(buf, SPAN("{\"content\":["));
		write_token(buf, word);
		append(buf, SPAN("],\"refusal\":null}"));
	} else {
		append(buf, SPAN("null"));
	}
	append(buf, SPAN(",\"finish_reason\":null}],\"usage\":null}\n\n"));
}

/* A stream of <n> events. */
static void write_stream(struct buf *buf, size_t n, bool has_logprobs)
{
	append(buf,
	    SPAN("data: " HEAD(
		"chat.completion.chunk") "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\","
					 "\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],"
					 "\"usage\":null}\n\n"));
	for (size_t i = 0; i + 4 < n; i++)
		write_event(buf, words[i % N_WORDS], has_logprobs);
	append(buf,
	    SPAN("data: " HEAD(
		"chat.completion.chunk") "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":"
					 "\"stop\"}],\"usage\":null}\n\n"));
	append(buf, SPAN("data: " HEAD(
			"chat.completion.chunk") "],\"usage\":" USAGE "}\n\n"));
	append(buf, SPAN("data: [DONE]\n\n"));
}

int main(void)
{
	struct buf buf;

	buf_init(&buf, MEMORY_MAX);
	write_answer(&buf, 4096, false);
	report("split", split, buf_span(&buf), true);
	report("split", split, buf_span(&buf), false);
	buf_free(&buf);
	write_answer(&buf, 4096, true);
	report("split, logprobs", split, buf_span(&buf), true);
	buf_free(&buf);
	write_stream(&buf, 100, false);
	report("join, 100 events", join, buf_span(&buf), true);
	report("join, 100 events", join, buf_span(&buf), false);
	report("find_marks, 100 events", find_marks, buf_span(&buf), true);
	buf_free(&buf);
	write_stream(&buf, 100, true);
	report("join, 100 events, logprobs", join, buf_span(&buf), true);
	buf_free(&buf);
	return 0;
}
