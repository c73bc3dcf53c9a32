/* json_bench.c -- how fast JSON is read: prose, a chat request, hostile keys.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUND_NS 300000000 /* a measurement lasts at least this long */
#define ROUNDS 5           /* and the best of so many counts */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void parse_once(
    struct span text, struct arena *arena, struct json_doc *doc)
{
	struct json_fault fault;

	arena_reset(arena);
	if (json_parse(text, arena, doc, &fault))
		return;
	fprintf(stderr, "json_bench: %s at %zu\n", fault.reason, fault.offset);
	exit(1);
}

/* Nanoseconds for one parse, the best of ROUNDS. */
static double time_parse(
    struct span text, struct arena *arena, struct json_doc *doc)
{
	double best = 1e300;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = now_ns(), spent = 0, n = 0;

		while (spent < ROUND_NS) {
			for (int i = 0; i < 16; i++)
				parse_once(text, arena, doc);
			n += 16;
			spent = now_ns() - start;
		}
		if ((double)spent / (double)n < best)
			best = (double)spent / (double)n;
	}
	return best;
}

static void report(const char *what, struct span text)
{
	struct json_doc doc;
	struct arena arena;
	double ns;

	arena_init(&arena, (size_t)1 << 30);
	ns = time_parse(text, &arena, &doc);
	printf("%-28s %9zu bytes %8u nodes %12.3f us %8.2f GB/s "
	       "%8.1f ns a node\n",
	    what, text.len, doc.count, ns / 1e3, (double)text.len / ns,
	    ns / doc.count);
	arena_free(&arena);
}

/* <unit> over and over inside <open> and <close>, <len> bytes or more. */
static struct span repeat(
    const char *open, const char *unit, const char *close, size_t len)
{
	struct buf buf;

	buf_init(&buf, SIZE_MAX / 2);
	if (!buf_append(&buf, span_of(open)))
		exit(1);
	while (buf_len(&buf) < len) {
		if (!buf_append(&buf, span_of(unit)))
			exit(1);
	}
	if (!buf_append(&buf, span_of(close)))
		exit(1);
	return buf_span(&buf); /* lives as long as the program */
}

/* A request as applications send it: 52 nodes. */
#define CHAT                                                                          \
	"{\"model\":\"auto\",\"temperature\":0.7,\"top_p\":1,\"max_tokens\":512,"     \
	"\"stream\":true,\"stream_options\":{\"include_usage\":true},\"user\":"       \
	"\"u-4711\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a "      \
	"helpful assistant that answers in one paragraph and names its sources "      \
	"whenever it has any, and says so when it has none.\"},{\"role\":\"user\","   \
	"\"content\":\"Which of the two plans is cheaper over three years, if the "   \
	"first costs 20 a month and the second 200 a year with a discount of one "    \
	"tenth in the second year? Show the arithmetic.\"},{\"role\":\"assistant\","  \
	"\"content\":\"The first costs 720 over three years. The second costs 200 "   \
	"plus 180 plus 200, which is 580, so the second is cheaper by 140.\"},"       \
	"{\"role\":\"user\",\"content\":\"And if the first had its first six months " \
	"free?\\nPlease keep it short, I only need the number and the better "        \
	"plan.\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"         \
	"\"lookup\",\"parameters\":{\"type\":\"object\"}}}]}"

/* <n> keys of <prefix> and a number, which is 0 for all when <is_same>. */
static void report_keys(
    const char *what, const char *prefix, size_t n, bool is_same)
{
	struct json_fault fault;
	struct json_doc doc;
	struct arena arena;
	struct buf buf;
	int64_t start, spent;
	bool is_unique;

	buf_init(&buf, SIZE_MAX / 2);
	for (size_t i = 0; i < n; i++) {
		if (!buf_printf(&buf, "%c\"%s%07zu\":0", i ? ',' : '{', prefix,
			is_same ? (size_t)0 : i))
			exit(1);
	}
	if (!buf_append(&buf, SPAN("}")))
		exit(1);
	arena_init(&arena, (size_t)1 << 30);
	parse_once(buf_span(&buf), &arena, &doc);
	start = now_ns();
	is_unique = json_keys_are_unique(&doc, 0, &arena, &fault);
	spent = now_ns() - start;
	printf("%-28s %9zu keys, %s: %.3f ms\n", what, n,
	    is_unique ? "unique" : fault.reason, (double)spent / 1e6);
	arena_free(&arena);
	buf_free(&buf);
}

static void report_small_keys(void)
{
	struct json_fault fault;
	struct json_doc doc;
	struct arena arena;
	double best = 1e300;

	arena_init(&arena, 1 << 20);
	for (int round = 0; round < ROUNDS * 100; round++) {
		int64_t start;

		parse_once(SPAN(CHAT), &arena, &doc);
		start = now_ns();
		for (int i = 0; i < 100; i++) {
			if (!json_keys_are_unique(&doc, 0, &arena, &fault))
				exit(1);
		}
		if ((double)(now_ns() - start) / 100 < best)
			best = (double)(now_ns() - start) / 100;
	}
	printf("%-28s %9zu keys: %.3f us\n", "unique keys of the request",
	    json_count(&doc, 0), best / 1e3);
	arena_free(&arena);
}

int main(void)
{
	size_t mib = 1 << 20;

	report("chat request", SPAN(CHAT));
	report("one ASCII string",
	    repeat("\"", "The quick brown fox jumps over the lazy dog. ", "\"",
		mib));
	report("prose with \\n each 72 bytes",
	    repeat("\"",
		"The quick brown fox jumps over the lazy dog and goes on for "
		"a while yet\\n",
		"\"", mib));
	report("one Japanese string",
	    repeat("\"", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", "\"", mib));
	report("one French string",
	    repeat("\"",
		"Portez ce vieux whisky au juge blond qui fume, \xc3\xa0 "
		"c\xc3\xb4t\xc3\xa9 ",
		"\"", mib));
	report("10 MiB of [1,1,...]", repeat("[1", ",1", "]", 10 * mib));
	report(
	    "10 MiB of chat requests", repeat("[0", "," CHAT, "]", 10 * mib));
	report_small_keys();
	report_keys("numbered keys", "key", 1000000, false);
	report_keys("in capitals", "KEY", 1000000, false);
	report_keys("with a common prefix of 60",
	    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
	    140000, false);
	report_keys("all equal", "key", 1000000, true);
	return 0;
}
