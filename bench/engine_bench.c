/* engine_bench.c -- one model, driven by lines, with what each took. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "local/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * usage: engine_bench MODEL THREADS [exact|short]
 * Reads "prefill N", "decode CONTEXT N", "together TEXTS CONTEXT N" (N steps of
 * so many texts, one token each), "embed TEXTS TOKENS", "mixed" (16 texts of
 * many lengths) and "rss" from its standard input and answers each with one
 * line: "WALL_NS CPU_NS" of the whole process, or KiB resident with those of
 * files among them.
 * bench/engine/run.py drives it beside others.
 */
struct bench {
	struct model *model;
	float *logits, *vectors;
	struct error err;
};

/* Any ids will do: what is computed does not depend on them. */
static uint32_t token(uint32_t i)
{
	return 100 + i * 7919 % 20000;
}

static void quit(const char *text)
{
	fprintf(stderr, "engine_bench: %s\n", text);
	exit(1);
}

static int64_t process_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void print_time(int64_t wall, int64_t cpu)
{
	printf("%lld %lld\n", (long long)(clock_mono_ns() - wall),
	    (long long)(process_cpu_ns() - cpu));
}

static void feed(struct bench *b, struct session *s, uint32_t n)
{
	uint32_t *ids = mem_alloc(n * sizeof(*ids)), at = session_length(s);

	for (uint32_t i = 0; i < n; i++)
		ids[i] = token(at + i);
	if (session_feed(s, ids, n, b->logits, &b->err) != OK)
		quit(b->err.text);
	free(ids);
}

/* <n> steps of <texts> texts that begin with <context> tokens each. */
static void run_together(
    struct bench *b, uint32_t texts, uint32_t context, uint32_t n)
{
	struct session **sessions = mem_alloc(texts * sizeof(*sessions));
	uint32_t *next = mem_alloc(texts * sizeof(*next));
	float *logits = mem_alloc(
	    (size_t)texts * model_info(b->model).vocab * sizeof(float));
	int64_t wall, cpu;

	for (uint32_t i = 0; i < texts; i++) {
		sessions[i] = session_new(b->model, 0, &b->err);
		feed(b, sessions[i], context);
	}
	wall = clock_mono_ns();
	cpu = process_cpu_ns();
	for (uint32_t k = 0; k < n; k++) {
		for (uint32_t i = 0; i < texts; i++)
			next[i] = token(context + k);
		if (session_step(sessions, next, texts, logits, &b->err) != OK)
			quit(b->err.text);
	}
	print_time(wall, cpu);
	for (uint32_t i = 0; i < texts; i++)
		session_free(&sessions[i]);
	free(sessions);
	free(next);
	free(logits);
}

/* Texts of these many tokens, as sentences come. */
static void embed_mixed(struct bench *b)
{
	static const uint32_t lengths[16] = {
	    7, 9, 11, 12, 14, 15, 17, 18, 21, 24, 28, 33, 39, 48, 64, 96};
	struct model_text texts[16] = {{.n = 0}};
	uint32_t ids[96];

	for (uint32_t i = 0; i < 96; i++)
		ids[i] = token(i);
	for (int i = 0; i < 16; i++)
		texts[i] = (struct model_text){.tokens = ids, .n = lengths[i]};
	if (model_embed(b->model, texts, 16, b->vectors, &b->err) != OK)
		quit(b->err.text);
}

static void embed(struct bench *b, uint32_t n, uint32_t tokens)
{
	struct model_text *texts = mem_zalloc(n * sizeof(*texts));
	uint32_t *ids = mem_alloc((size_t)n * tokens * sizeof(*ids));

	for (uint32_t i = 0; i < n * tokens; i++)
		ids[i] = token(i);
	for (uint32_t i = 0; i < n; i++)
		texts[i] = (struct model_text){
		    .tokens = ids + (size_t)i * tokens, .n = tokens};
	if (model_embed(b->model, texts, n, b->vectors, &b->err) != OK)
		quit(b->err.text);
	free(texts);
	free(ids);
}

static void run(struct bench *b, const char *verb, uint32_t n, uint32_t m)
{
	struct session *s = NULL;
	int64_t wall, cpu;

	if (!model_info(b->model).is_encoder)
		s = session_new(b->model, 0, &b->err);
	if (strcmp(verb, "decode") == 0)
		feed(b, s, n);
	wall = clock_mono_ns();
	cpu = process_cpu_ns();
	if (strcmp(verb, "prefill") == 0)
		feed(b, s, n);
	for (uint32_t i = 0; strcmp(verb, "decode") == 0 && i < m; i++)
		feed(b, s, 1);
	if (strcmp(verb, "embed") == 0)
		embed(b, n, m);
	if (strcmp(verb, "mixed") == 0)
		embed_mixed(b);
	print_time(wall, cpu);
	session_free(&s);
}

static void print_resident(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long all = 0, mapped = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "VmRSS:", 6) == 0)
			all = strtol(line + 6, NULL, 10);
		if (strncmp(line, "RssFile:", 8) == 0)
			mapped = strtol(line + 8, NULL, 10);
	}
	if (file)
		fclose(file);
	printf("%ld %ld\n", all, mapped);
}

int main(int argc, char **argv)
{
	struct model_options options = {.chunk = 0};
	struct bench b = {.model = NULL};
	struct model_info info;
	char line[256];
	int status;

	if (argc < 3)
		quit("usage: engine_bench MODEL THREADS [exact|short]");
	/* As the program's own commands do. */
	if (!apart_go(true, &status))
		return status;
	options.threads = (uint32_t)strtoul(argv[2], NULL, 10);
	options.is_exact = argc > 3 && strcmp(argv[3], "exact") == 0;
	options.shortens = argc > 3 && strcmp(argv[3], "short") == 0;
	b.model = model_open(argv[1], &options, &b.err);
	if (!b.model)
		quit(b.err.text);
	info = model_info(b.model);
	b.logits = mem_alloc(info.vocab * sizeof(float));
	b.vectors = mem_alloc((size_t)4096 * info.hidden * sizeof(float));
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		size_t len = strcspn(line, " \n");
		char *rest = line + len;
		uint32_t n = (uint32_t)strtoul(rest, &rest, 10);
		uint32_t m = (uint32_t)strtoul(rest, &rest, 10);
		uint32_t k = (uint32_t)strtoul(rest, NULL, 10);

		line[len] = '\0';
		if (strcmp(line, "rss") == 0)
			print_resident();
		else if (strcmp(line, "together") == 0)
			run_together(&b, n, m, k);
		else
			run(&b, line, n, m);
		fflush(stdout);
	}
	free(b.logits);
	free(b.vectors);
	model_close(&b.model);
	return 0;
}
