/* tokenizer_echo.c -- a tokenizer on JSON lines, for comparisons by hand. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/memory.h"
#include "local/tokenizer.h"

/*
 * tokenizer_echo tokenizer.json [config.json] [--no-special] [--plain]
 *                [--skip-special] [--stream]
 * A line "text" is answered by its ids, ["first", "second"] by [ids, types],
 * [ids] by its text; an error by {"error": "..."}.
 */
struct echo {
	struct tokenizer *tokenizer;
	struct tokenizer_work *work;
	unsigned flags;
	bool skips_special, streams;
	struct arena arena;
	struct buf out;
	struct error err;
};

static void require(bool claim, const char *what)
{
	if (claim)
		return;
	fprintf(stderr, "tokenizer_echo: %s\n", what);
	exit(2);
}

static struct span read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct buf buf;
	char *at;
	size_t n;

	require(file, path);
	buf_init(&buf, (size_t)1 << 31);
	do {
		at = buf_reserve(&buf, 1 << 16);
		require(at, "the file is too long");
		n = fread(at, 1, 1 << 16, file);
		buf_commit(&buf, n);
	} while (n > 0);
	fclose(file);
	return buf_span(&buf); /* lives as long as the program */
}

static void put_ids(struct buf *out, const struct token_buf *ids)
{
	require(buf_append(out, SPAN("[")), "too long");
	for (size_t i = 0; i < ids->len; i++)
		require(buf_printf(out, i ? ", %u" : "%u", ids->ids[i]),
		    "too long");
	require(buf_append(out, SPAN("]")), "too long");
}

static enum result echo_text(struct echo *e, struct span text)
{
	enum result result;
	struct token_buf ids;

	token_buf_init(&ids, SIZE_MAX);
	result = tokenizer_encode(e->work, text, e->flags, &ids, &e->err);
	if (result == OK)
		put_ids(&e->out, &ids);
	token_buf_free(&ids);
	return result;
}

static enum result echo_pair(struct echo *e, struct tokenizer_pair pair)
{
	enum result result;
	struct token_buf ids, types;

	token_buf_init(&ids, SIZE_MAX);
	token_buf_init(&types, SIZE_MAX);
	result = tokenizer_encode_pair(e->work, &pair, &ids, &types, &e->err);
	if (result == OK) {
		require(buf_append(&e->out, SPAN("[")), "too long");
		put_ids(&e->out, &ids);
		require(buf_append(&e->out, SPAN(", ")), "too long");
		put_ids(&e->out, &types);
		require(buf_append(&e->out, SPAN("]")), "too long");
	}
	token_buf_free(&ids);
	token_buf_free(&types);
	return result;
}

static enum result decode(
    struct echo *e, const struct token_buf *ids, struct buf *text)
{
	struct tokenizer_stream *stream;
	enum result result = OK;

	if (!e->streams)
		return tokenizer_decode(
		    e->tokenizer, ids, e->skips_special, text, &e->err);
	stream = tokenizer_stream_new(e->tokenizer, e->skips_special);
	for (size_t i = 0; i < ids->len && result == OK; i++)
		result =
		    tokenizer_stream_push(stream, ids->ids[i], text, &e->err);
	if (result == OK)
		result = tokenizer_stream_finish(stream, text, &e->err);
	tokenizer_stream_free(&stream);
	return result;
}

static enum result echo_ids(struct echo *e, const struct json_doc *doc)
{
	enum result result;
	struct token_buf ids;
	struct buf text;
	int64_t value;

	token_buf_init(&ids, SIZE_MAX);
	buf_init(&text, (size_t)1 << 30);
	json_for_each(doc, 0, node) {
		uint32_t id;

		require(json_int(doc, node, &value), "not an id");
		id = (uint32_t)value;
		require(token_buf_append(&ids, &id, 1), "too many ids");
	}
	result = decode(e, &ids, &text);
	if (result == OK)
		require(
		    json_write_string(&e->out, buf_span(&text)), "too long");
	buf_free(&text);
	token_buf_free(&ids);
	return result;
}

static enum result echo_line(struct echo *e, struct span line)
{
	struct json_fault fault;
	struct json_doc doc;
	uint32_t first;

	arena_reset(&e->arena);
	require(json_parse(line, &e->arena, &doc, &fault), "not JSON");
	if (json_is(&doc, 0, JSON_STRING))
		return echo_text(e, json_text(&doc, 0, &e->arena));
	require(json_is(&doc, 0, JSON_ARRAY), "not a text or a list");
	first = json_first(&doc, 0);
	if (!json_is(&doc, first, JSON_STRING))
		return echo_ids(e, &doc);
	return echo_pair(e, (struct tokenizer_pair){
				.first = json_text(&doc, first, &e->arena),
				.second = json_text(&doc,
				    json_after(&doc, 0, first), &e->arena),
				.flags = e->flags,
			    });
}

static void echo_input(struct echo *e)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	while ((len = getline(&line, &cap, stdin)) > 0) {
		struct span text = span_trim(span_make(line, (size_t)len));

		buf_consume(&e->out, SIZE_MAX);
		if (echo_line(e, text) == FAILED) {
			buf_consume(&e->out, SIZE_MAX);
			require(buf_append(&e->out, SPAN("{\"error\": ")) &&
				    json_write_string(
					&e->out, span_of(e->err.text)) &&
				    buf_append(&e->out, SPAN("}")),
			    "too long");
		}
		require(buf_append(&e->out, SPAN("\n")), "too long");
		fwrite(buf_span(&e->out).ptr, 1, buf_len(&e->out), stdout);
	}
	free(line);
}

int main(int argc, char **argv)
{
	struct span texts[2] = {{0}};
	struct echo e = {0};
	int n_files = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--no-special"))
			e.flags |= TOKENIZER_NO_SPECIAL;
		else if (!strcmp(argv[i], "--plain"))
			e.flags |= TOKENIZER_PLAIN;
		else if (!strcmp(argv[i], "--skip-special"))
			e.skips_special = true;
		else if (!strcmp(argv[i], "--stream"))
			e.streams = true;
		else if (n_files < 2)
			texts[n_files++] = read_file(argv[i]);
	}
	require(n_files > 0, "usage: tokenizer_echo tokenizer.json "
			     "[config.json] [--no-special] [--plain] "
			     "[--skip-special] [--stream] < lines");
	e.tokenizer = tokenizer_from_json(texts[0], texts[1], &e.err);
	require(e.tokenizer, e.err.text);
	e.work = tokenizer_work_new(e.tokenizer);
	arena_init(&e.arena, (size_t)1 << 31);
	buf_init(&e.out, (size_t)1 << 31);
	echo_input(&e);
	tokenizer_work_free(&e.work);
	tokenizer_free(&e.tokenizer);
	arena_free(&e.arena);
	buf_free(&e.out);
	for (int i = 0; i < n_files; i++)
		free((void *)(uintptr_t)texts[i].ptr);
	return 0;
}
