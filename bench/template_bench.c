/* template_bench.c -- how long a template takes to load and to render. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "local/template.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * usage: template_bench TEMPLATE.jinja...
 * One line each: bytes, time to load, time to render twenty turns (of 500
 * bytes each), the bytes that makes, the memory it takes. The best of ROUNDS.
 */
#define ROUNDS 50
#define TURNS 20

static struct span read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = mem_alloc(TEMPLATE_SOURCE_MAX);
	size_t len;

	if (!file) {
		perror(path);
		exit(1);
	}
	len = fread(text, 1, TEMPLATE_SOURCE_MAX, file);
	fclose(file);
	return span_make(text, len);
}

/* Twenty messages in turns, with line ends to escape. */
static void make_conversation(struct buf *buf)
{
	bool ok = buf_printf(buf, "{\"messages\": [");

	for (int i = 0; i < TURNS; i++) {
		ok = ok &&
		     buf_printf(buf, "%s{\"role\": \"%s\", \"content\": \"",
			 i ? ", " : "", i % 2 ? "assistant" : "user");
		for (int j = 0; j < 10; j++)
			ok = ok && buf_printf(buf,
				       "Some words that say a thing or two, "
				       "\\\"quoted\\\".\\n");
		ok = ok && buf_printf(buf, "\"}");
	}
	if (!ok || !buf_printf(buf, "], \"add_generation_prompt\": true}"))
		abort();
}

static int64_t time_load(struct span source)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		struct error err;
		int64_t since = clock_thread_cpu_ns(), took;
		struct template *template = template_load(source, &err);

		took = clock_thread_cpu_ns() - since;
		if (!template) {
			fprintf(stderr, "%s\n", err.text);
			exit(1);
		}
		best = took < best ? took : best;
		template_free(&template);
	}
	return best;
}

static void bench_one(const char *path, const struct template_input *input)
{
	struct span source = read_file(path);
	int64_t load = time_load(source), best = INT64_MAX;
	size_t text_len = 0, memory = 0;
	struct error err;
	struct template *template = template_load(source, &err);

	for (int i = 0; i < ROUNDS; i++) {
		struct template_output out;
		struct arena arena;
		int64_t since = clock_thread_cpu_ns(), took;

		arena_init(&arena, TEMPLATE_MEMORY_MAX);
		if (template_render(template, input, &arena, &out, &err) !=
		    OK) {
			fprintf(stderr, "%s: %s\n", path, err.text);
			exit(1);
		}
		text_len = out.text.len;
		memory = arena.used;
		arena_free(&arena);
		took = clock_thread_cpu_ns() - since;
		best = took < best ? took : best;
	}
	printf("%-60s %6zu bytes, load %5.0f us, render %5.0f us, "
	       "%zu bytes, %zu KiB of memory\n",
	    path, source.len, (double)load / 1e3, (double)best / 1e3, text_len,
	    memory / 1024);
	template_free(&template);
	free((char *)(uintptr_t)source.ptr);
}

int main(int argc, char **argv)
{
	struct template_input input = {.now_ns = clock_utc_ns()};
	struct json_doc data, trusted;
	struct json_fault fault;
	struct arena arena;
	struct buf chat;

	arena_init(&arena, 1 << 24);
	buf_init(&chat, 1 << 24);
	make_conversation(&chat);
	if (!json_parse(buf_span(&chat), &arena, &data, &fault) ||
	    !json_parse(
		SPAN("{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}"),
		&arena, &trusted, &fault))
		return 1;
	input.data = &data;
	input.trusted = &trusted;
	for (int i = 1; i < argc; i++)
		bench_one(argv[i], &input);
	buf_free(&chat);
	arena_free(&arena);
	return 0;
}
