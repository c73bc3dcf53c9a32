/* tokenizer_fixture.h -- reads the tokenizers and answers in tests/data. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_TOKENIZER_FIXTURE_H
#define TESTS_UNIT_TOKENIZER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "local/tokenizer.h"

static const char *const kinds[] = {"gpt2", "llama3", "qwen2", "o200k",
    "deepseek", "spm-prepend", "spm-metaspace", "wordpiece", "unigram"};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* A file of tests/data/tokenizers, to be freed with buf_free. */
static inline void read_data(
    const char *kind, const char *ending, struct buf *out)
{
	const char *srcdir = getenv("srcdir");
	char path[512];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/tests/data/tokenizers/%s%s",
	    srcdir ? srcdir : ".", kind, ending);
	file = fopen(path, "rb");
	assert_non_null(file);
	buf_init(out, 1 << 24);
	do {
		char *at = buf_reserve(out, 1 << 16);

		assert_non_null(at);
		n = fread(at, 1, 1 << 16, file);
		buf_commit(out, n);
	} while (n > 0);
	fclose(file);
}

static inline struct tokenizer *load_text(const char *json)
{
	struct error err = {{0}};
	struct tokenizer *t =
	    tokenizer_from_json(span_of(json), SPAN(""), &err);

	if (!t)
		print_error("%s\n", err.text);
	assert_non_null(t);
	return t;
}

static inline struct tokenizer *load_kind(const char *kind)
{
	struct error err = {{0}};
	struct tokenizer *t;
	struct buf json;

	read_data(kind, ".json", &json);
	t = tokenizer_from_json(buf_span(&json), SPAN(""), &err);
	if (!t)
		print_error("%s: %s\n", kind, err.text);
	assert_non_null(t);
	buf_free(&json);
	return t;
}

/* A line of a .goldens file, parsed. */
struct golden {
	struct arena arena;
	struct json_doc doc;
	struct span rest; /* lines to come */
};

static inline bool next_golden(struct golden *g)
{
	struct json_fault fault;
	struct span line;

	if (!span_split(&g->rest, '\n', &line) || line.len == 0)
		return false;
	arena_reset(&g->arena);
	assert_true(json_parse(line, &g->arena, &g->doc, &fault));
	return true;
}

static inline struct span golden_text(struct golden *g, const char *key)
{
	uint32_t node = json_find(&g->doc, 0, span_of(key));
	struct span text = json_text(&g->doc, node, &g->arena);

	assert_non_null(text.ptr);
	return text;
}

/* Whether there is a list <key>; its ids in <out>. */
static inline bool golden_ids(
    struct golden *g, const char *key, struct token_buf *out)
{
	uint32_t list = json_find(&g->doc, 0, span_of(key));
	int64_t value;

	if (list == JSON_NONE)
		return false;
	out->len = 0;
	json_for_each(&g->doc, list, node) {
		uint32_t id;

		assert_true(json_int(&g->doc, node, &value));
		id = (uint32_t)value;
		assert_true(token_buf_append(out, &id, 1));
	}
	return true;
}

static inline void assert_ids(
    const struct token_buf *ids, const struct token_buf *expected)
{
	assert_int_equal(ids->len, expected->len);
	if (ids->len > 0)
		assert_memory_equal(
		    ids->ids, expected->ids, ids->len * sizeof(*ids->ids));
}

#endif
