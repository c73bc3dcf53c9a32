/* schema.c -- a JSON value that fits a JSON schema. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/schema.h"

#include "tests/fake_provider/out.h"

#define DEEPEST 12
#define LARGEST ((size_t)256 * 1024)
#define REFERENCES 8 /* $ref to $ref to ... */

struct writer {
	const struct json_doc *doc;
	uint32_t root; /* what "#" means */
	struct words *words;
	struct buf *out;
	unsigned depth;
};

static void write_value(struct writer *w, uint32_t node);

static struct span string_at(
    const struct writer *w, uint32_t node, struct span name)
{
	uint32_t value = json_find(w->doc, node, name);
	struct span raw;

	if (!json_is(w->doc, value, JSON_STRING))
		return span_make(NULL, 0);
	raw = json_raw(w->doc, value);
	return span_make(raw.ptr + 1, raw.len - 2);
}

static int64_t int_at(
    const struct writer *w, uint32_t node, struct span name, int64_t otherwise)
{
	uint32_t value = json_find(w->doc, node, name);
	int64_t number;

	if (value == JSON_NONE || !json_int(w->doc, value, &number))
		return otherwise;
	return number;
}

/* What "#/$defs/name" points to; JSON_NONE for any other reference. */
static uint32_t resolve(const struct writer *w, struct span reference)
{
	uint32_t node = w->root;
	struct span part;

	if (!span_starts_with(reference, SPAN("#")))
		return JSON_NONE;
	reference = span_from(reference, 1);
	if (reference.len == 0)
		return node;
	reference = span_from(reference, 1);
	while (node != JSON_NONE && span_split(&reference, '/', &part))
		node = json_find(w->doc, node, part);
	return node;
}

/* The schema that counts, behind references and choices. */
static uint32_t settle_schema(const struct writer *w, uint32_t node)
{
	static const struct span choices[] = {
	    {.ptr = "anyOf", .len = 5},
	    {.ptr = "oneOf", .len = 5},
	    {.ptr = "allOf", .len = 5},
	};

	for (int i = 0; i < REFERENCES && node != JSON_NONE; i++) {
		struct span reference = string_at(w, node, SPAN("$ref"));
		uint32_t next = JSON_NONE;

		if (reference.ptr) {
			node = resolve(w, reference);
			continue;
		}
		for (size_t k = 0; k < 3 && next == JSON_NONE; k++)
			next = json_first(
			    w->doc, json_find(w->doc, node, choices[k]));
		if (next == JSON_NONE)
			return node;
		node = next;
	}
	return node;
}

static struct span type_of(const struct writer *w, uint32_t node)
{
	uint32_t types = json_find(w->doc, node, SPAN("type"));
	struct span type = string_at(w, node, SPAN("type"));

	if (type.ptr)
		return type;
	if (json_is(w->doc, types, JSON_ARRAY)) {
		json_for_each(w->doc, types, item) {
			struct span raw = json_raw(w->doc, item);

			if (raw.len > 2 && !span_eq(raw, SPAN("\"null\"")))
				return span_make(raw.ptr + 1, raw.len - 2);
		}
	}
	if (json_find(w->doc, node, SPAN("properties")) != JSON_NONE)
		return SPAN("object");
	return SPAN("string");
}

static void write_object(struct writer *w, uint32_t node)
{
	uint32_t properties = json_find(w->doc, node, SPAN("properties"));
	bool is_key = true, is_first = true;

	OUT(w->out, "{");
	if (json_is(w->doc, properties, JSON_OBJECT)) {
		json_for_each(w->doc, properties, item) {
			if (is_key) {
				if (!is_first)
					OUT(w->out, ",");
				out_span(w->out, json_raw(w->doc, item));
				OUT(w->out, ":");
				is_first = false;
			} else {
				write_value(w, item);
			}
			is_key = !is_key;
		}
	}
	OUT(w->out, "}");
}

static void write_array(struct writer *w, uint32_t node)
{
	int64_t least = int_at(w, node, SPAN("minItems"), 0);
	int64_t most = int_at(w, node, SPAN("maxItems"), 2);
	int64_t count = least > 2 ? least : most < 2 ? most : 2;
	uint32_t items = json_find(w->doc, node, SPAN("items"));

	OUT(w->out, "[");
	for (int64_t i = 0; i < count && buf_len(w->out) < LARGEST; i++) {
		if (i > 0)
			OUT(w->out, ",");
		write_value(w, items);
	}
	OUT(w->out, "]");
}

static void write_string(struct writer *w, uint32_t node)
{
	static const struct {
		const char *name;
		const char *value;
	} formats[] = {
	    {"date-time", "2026-01-01T00:00:00Z"},
	    {"date", "2026-01-01"},
	    {"time", "00:00:00Z"},
	    {"email", "keeper@example.com"},
	    {"uri", "https://example.com/"},
	    {"uuid", "00000000-0000-4000-8000-000000000000"},
	    {"ipv4", "192.0.2.1"},
	};
	struct span format = string_at(w, node, SPAN("format"));
	int64_t least = int_at(w, node, SPAN("minLength"), 1);
	int64_t most = int_at(w, node, SPAN("maxLength"), 64);
	uint64_t letter = words_number(w->words);

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (span_eq(format, span_of(formats[i].name))) {
			out_string(w->out, span_of(formats[i].value));
			return;
		}
	}
	if (least < 6)
		least = most < 6 ? most : 6;
	OUT(w->out, "\"");
	for (int64_t i = 0; i < least && buf_len(w->out) < LARGEST; i++) {
		char c = (char)('a' + (letter + (uint64_t)i * 7) % 26);

		out_span(w->out, span_make(&c, 1));
	}
	OUT(w->out, "\"");
}

static void write_integer(struct writer *w, uint32_t node)
{
	int64_t multiple = int_at(w, node, SPAN("multipleOf"), 1);
	int64_t least = int_at(w, node, SPAN("minimum"), INT64_MIN);
	int64_t most = int_at(w, node, SPAN("maximum"), INT64_MAX);
	int64_t above = int_at(w, node, SPAN("exclusiveMinimum"), INT64_MIN);
	int64_t below = int_at(w, node, SPAN("exclusiveMaximum"), INT64_MAX);
	int64_t value = (int64_t)words_below(w->words, 100);

	if (above != INT64_MIN && above + 1 > least)
		least = above + 1;
	if (below != INT64_MAX && below - 1 < most)
		most = below - 1;
	if (value > most)
		value = most;
	if (value < least)
		value = least;
	if (multiple > 1 && value > 0 && value < INT64_MAX - multiple) {
		value = (value + multiple - 1) / multiple * multiple;
		if (value > most)
			value -= multiple;
	}
	out_i64(w->out, value);
}

/* An enum's element or a const, as it was written; false when there is none. */
static bool write_given(struct writer *w, uint32_t node)
{
	uint32_t given = json_find(w->doc, node, SPAN("const"));
	uint32_t options = json_find(w->doc, node, SPAN("enum"));
	size_t count = json_count(w->doc, options);

	if (given == JSON_NONE && json_is(w->doc, options, JSON_ARRAY) &&
	    count > 0) {
		uint64_t chosen = words_below(w->words, count);

		json_for_each(w->doc, options, item) {
			if (chosen-- == 0)
				given = item;
		}
	}
	if (given == JSON_NONE)
		return false;
	out_span(w->out, json_raw(w->doc, given));
	return true;
}

static void write_typed(struct writer *w, uint32_t node)
{
	struct span type = type_of(w, node);

	if (span_eq(type, SPAN("object")))
		write_object(w, node);
	else if (span_eq(type, SPAN("array")))
		write_array(w, node);
	else if (span_eq(type, SPAN("integer")) ||
		 span_eq(type, SPAN("number")))
		write_integer(w, node);
	else if (span_eq(type, SPAN("boolean")))
		out_bool(w->out, words_below(w->words, 2) == 1);
	else if (span_eq(type, SPAN("null")))
		OUT(w->out, "null");
	else
		write_string(w, node);
}

static void write_value(struct writer *w, uint32_t node)
{
	node = settle_schema(w, node);
	if (w->depth == DEEPEST || buf_len(w->out) >= LARGEST ||
	    node == JSON_NONE) {
		OUT(w->out, "null");
		return;
	}
	w->depth++;
	if (!write_given(w, node))
		write_typed(w, node);
	w->depth--;
}

void schema_write(const struct json_doc *doc, uint32_t node,
    struct words *words, struct buf *out)
{
	struct writer w = {
	    .doc = doc, .root = node, .words = words, .out = out};

	if (json_is(doc, node, JSON_OBJECT) && json_count(doc, node) > 0)
		write_value(&w, node);
	else
		OUT(out, "{}");
}
