/* tokenizer_bench.c -- how fast text becomes ids, and a tokenizer is read. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/memory.h"
#include "local/tokenizer.h"

/*
 * tokenizer_bench tokenizer.json text... : megabytes a CPU second for each
 * text, the first time (words are new) and after, in pieces of a request's
 * size.
 */
#define ROUND_NS 300000000
#define ROUNDS 5
#define REQUEST 4096 /* bytes */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct span read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct buf buf;
	char *at;
	size_t n;

	if (!file) {
		perror(path);
		exit(1);
	}
	buf_init(&buf, (size_t)1 << 30);
	do {
		at = buf_reserve(&buf, 1 << 16);
		if (!at)
			exit(1);
		n = fread(at, 1, 1 << 16, file);
		buf_commit(&buf, n);
	} while (n > 0);
	fclose(file);
	return buf_span(&buf); /* lives as long as the program */
}

/* Up to <max> bytes that end at a character's end. */
static struct span take(struct span *text, size_t max)
{
	struct span part = span_head(*text, max);

	while (part.len < text->len && part.len > 0 &&
	       ((unsigned char)text->ptr[part.len] & 0xc0) == 0x80)
		part.len--;
	*text = span_from(*text, part.len);
	return part;
}

static size_t encode(
    struct tokenizer_work *work, struct span text, struct token_buf *ids)
{
	struct error err;
	size_t n = 0;

	while (text.len > 0) {
		ids->len = 0;
		if (tokenizer_encode(work, take(&text, REQUEST),
			TOKENIZER_NO_SPECIAL, ids, &err) == FAILED) {
			fprintf(stderr, "tokenizer_bench: %s\n", err.text);
			exit(1);
		}
		n += ids->len;
	}
	return n;
}

static void report(
    const struct tokenizer *tokenizer, const char *path, struct span text)
{
	struct tokenizer_work *work = tokenizer_work_new(tokenizer);
	struct token_buf ids;
	double best = 1e300, first;
	int64_t start = now_ns();
	size_t n;

	token_buf_init(&ids, SIZE_MAX);
	n = encode(work, text, &ids);
	first = (double)(now_ns() - start);
	for (int round = 0; round < ROUNDS; round++) {
		int64_t spent = 0, times = 0;

		start = now_ns();
		for (; spent < ROUND_NS; times++) {
			encode(work, text, &ids);
			spent = now_ns() - start;
		}
		if ((double)spent / (double)times < best)
			best = (double)spent / (double)times;
	}
	printf("%-32s %9zu bytes %5.2f bytes a token, first %7.2f MB/s, "
	       "then %7.2f MB/s\n",
	    path, text.len, (double)text.len / (double)n,
	    (double)text.len / first * 1e3, (double)text.len / best * 1e3);
	token_buf_free(&ids);
	tokenizer_work_free(&work);
}

int main(int argc, char **argv)
{
	struct tokenizer *tokenizer;
	struct error err;
	struct span json;
	int64_t start;

	if (argc < 3) {
		fprintf(stderr, "usage: tokenizer_bench tokenizer.json "
				"text...\n");
		return 2;
	}
	json = read_file(argv[1]);
	start = now_ns();
	tokenizer = tokenizer_from_json(json, SPAN(""), &err);
	if (!tokenizer) {
		fprintf(stderr, "tokenizer_bench: %s\n", err.text);
		return 1;
	}
	printf("%-32s %9zu bytes read in %.2f ms, %u tokens\n", argv[1],
	    json.len, (double)(now_ns() - start) / 1e6,
	    tokenizer_vocab_size(tokenizer));
	for (int i = 2; i < argc; i++)
		report(tokenizer, argv[i], read_file(argv[i]));
	tokenizer_free(&tokenizer);
	return 0;
}
