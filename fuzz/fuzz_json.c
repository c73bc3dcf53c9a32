/* fuzz_json.c -- any bytes as JSON: the tree holds together, or a fault. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool claim)
{
	if (!claim)
		abort();
}

static void check_node(const struct json_doc *doc, uint32_t node)
{
	const struct json_node *n = &doc->nodes[node];

	require(n->start < n->end && n->end <= doc->text.len);
	require(n->next > node && n->next <= doc->count);
	require(n->depth <= JSON_DEPTH_MAX);
	if (node + 1 < n->next) {
		const struct json_node *child = &doc->nodes[node + 1];

		require(n->type == JSON_ARRAY || n->type == JSON_OBJECT);
		require(child->depth == n->depth + 1);
		require(child->start > n->start && child->end < n->end);
	}
	if (n->next < doc->count)
		require(doc->nodes[n->next].start >= n->end);
}

/* A string's text, written and read again, is the same text. */
static void check_string(
    const struct json_doc *doc, uint32_t node, struct arena *arena)
{
	struct span text = json_text(doc, node, arena);
	struct json_fault fault;
	struct json_doc again;
	struct buf buf;

	require(text.ptr && utf8_valid_len(text) == text.len);
	buf_init(&buf, 1 << 24);
	require(json_write_string(&buf, text));
	require(json_parse(buf_span(&buf), arena, &again, &fault));
	require(again.count == 1);
	require(span_eq(json_text(&again, 0, arena), text));
	buf_free(&buf);
}

static void check_number(const struct json_doc *doc, uint32_t node)
{
	int64_t whole;
	double value, back;

	if (!json_int(doc, node, &whole))
		return;
	require(json_double(doc, node, &value));
	back = (double)whole;
	require(value >= back && value <= back);
}

static void check_object(
    const struct json_doc *doc, uint32_t object, struct arena *arena)
{
	struct json_fault fault;
	bool is_unique = json_keys_are_unique(doc, object, arena, &fault);
	uint32_t key = json_first(doc, object), value;

	require(is_unique || fault.offset > doc->nodes[object].start);
	for (; key != JSON_NONE; key = json_after(doc, object, value)) {
		struct span name = json_text(doc, key, arena);
		uint32_t found = json_find(doc, object, name);

		require(json_is(doc, key, JSON_STRING));
		value = json_after(doc, object, key);
		require(value == key + 1);
		require(found != JSON_NONE && found >= value);
		require(!is_unique || found == value);
	}
}

static void check_written(struct span bytes, struct arena *arena)
{
	struct json_fault fault;
	struct json_doc doc;
	struct buf buf;

	buf_init(&buf, 1 << 24);
	require(json_write_string(&buf, bytes));
	require(json_parse(buf_span(&buf), arena, &doc, &fault));
	require(doc.count == 1 && doc.nodes[0].type == JSON_STRING);
	buf_free(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make((const char *)data, size);
	struct json_fault fault;
	struct arena arena;
	struct json_doc doc;

	arena_init(&arena, 1 << 26);
	check_written(text, &arena);
	if (!json_parse(text, &arena, &doc, &fault)) {
		require(fault.reason && fault.offset <= size);
		arena_free(&arena);
		return 0;
	}
	require(doc.nodes[0].next == doc.count && doc.nodes[0].depth == 0);
	for (uint32_t node = 0; node < doc.count; node++) {
		check_node(&doc, node);
		if (json_is(&doc, node, JSON_STRING))
			check_string(&doc, node, &arena);
		else if (json_is(&doc, node, JSON_NUMBER))
			check_number(&doc, node);
		else if (json_is(&doc, node, JSON_OBJECT))
			check_object(&doc, node, &arena);
	}
	arena_free(&arena);
	return 0;
}
