/* fuzz_cache_key.c -- canonical text: the same for any order and any blanks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>

#include "cache/key.h"

/*
 * Of a text that is JSON the canonical text must be JSON, no longer, and its
 * own canonical text. Written again with the members of each object in the
 * opposite order (where no two have one name) and blanks between all tokens, it
 * must have the same one.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void put(struct buf *out, struct span text)
{
	check(buf_append(out, text));
}

/* The members' nodes of <object>, turned round where that changes nothing. */
static uint32_t *members_of(
    const struct json_doc *doc, uint32_t object, size_t n, struct arena *arena)
{
	struct json_fault fault;
	bool is_turned = json_keys_are_unique(doc, object, arena, &fault);
	uint32_t *members = arena_alloc(arena, n * sizeof(*members));
	size_t i = 0;

	check(members != NULL);
	for (uint32_t key = object + 1; i < n; i++) {
		members[is_turned ? n - 1 - i : i] = key;
		key = doc->nodes[key + 1].next;
	}
	return members;
}

/* Recursive, as deep as the reader lets a document be. */
static void write_turned(const struct json_doc *doc, uint32_t node,
    struct arena *arena, struct buf *out)
{
	size_t n = json_count(doc, node);

	if (json_is(doc, node, JSON_ARRAY)) {
		bool is_first = true;

		put(out, SPAN("[ "));
		json_for_each(doc, node, item) {
			if (!is_first)
				put(out, SPAN(" ,\t"));
			is_first = false;
			write_turned(doc, item, arena, out);
		}
		put(out, SPAN("\n]"));
	} else if (json_is(doc, node, JSON_OBJECT)) {
		uint32_t *members = members_of(doc, node, n, arena);

		put(out, SPAN("{\r\n"));
		for (size_t i = 0; i < n; i++) {
			put(out, i ? SPAN(" , ") : SPAN(" "));
			put(out, json_raw(doc, members[i]));
			put(out, SPAN(" : "));
			write_turned(doc, members[i] + 1, arena, out);
		}
		put(out, SPAN(" }"));
	} else {
		put(out, json_raw(doc, node));
	}
}

static struct span canonical_of(
    struct span text, struct arena *arena, struct json_doc *doc)
{
	struct json_fault fault;

	check(json_parse(text, arena, doc, &fault));
	return cache_canonical(doc, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_make((const char *)data, size), text;
	struct cache_question question = {.tenant = SPAN("t")};
	struct sha256 key, again;
	struct json_doc doc, other;
	struct json_fault fault;
	struct arena arena;
	struct buf turned;

	arena_init(&arena, (size_t)1 << 28);
	if (!json_parse(in, &arena, &doc, &fault)) {
		arena_free(&arena);
		return 0;
	}
	text = cache_canonical(&doc, &arena);
	check(text.ptr != NULL && text.len <= size);
	check(span_eq(text, canonical_of(text, &arena, &other)));
	buf_init(&turned, (size_t)1 << 28);
	write_turned(&doc, 0, &arena, &turned);
	check(span_eq(text, canonical_of(buf_span(&turned), &arena, &other)));
	question.body = &doc;
	if (cache_key(&question, &arena, &key)) {
		check(json_is(&doc, 0, JSON_OBJECT));
		question.body = &other;
		check(cache_key(&question, &arena, &again));
		check(memcmp(&key, &again, sizeof(key)) == 0);
	} else {
		check(!json_is(&doc, 0, JSON_OBJECT));
	}
	buf_free(&turned);
	arena_free(&arena);
	return 0;
}
