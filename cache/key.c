/* key.c -- a request's canonical text, and SHA-256 over who asks what. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/key.h"

#include <assert.h>
#include <stdlib.h>

/*
 * The document is a flat array of nodes, so the text is written by a loop that
 * keeps a level for each container that is open. Only objects cost more than a
 * copy: their members are sorted by decoded name, then by where they stand,
 * which keeps members of one name in the sender's order. The text is never
 * longer than the sender's, which is how much is allocated for it.
 */

/* Named in the hash: what is in the key may change with a version of it. */
#define SCHEME SPAN("sluice-cache-key-1")

/* Up to so many members are sorted in place; real objects are rarely larger. */
#define FEW 16

struct member {
	const char *name; /* decoded, not terminated */
	uint32_t len;
	uint32_t key; /* its key's node */
};

struct level {
	const struct member *members; /* canonical order; NULL: an array */
	uint32_t at;  /* the next member, of an array its next node */
	uint32_t end; /* one past the last */
};

struct writer {
	const struct json_doc *doc;
	struct arena *scratch;
	char *to;
	uint32_t depth; /* containers that are open */
	struct level levels[JSON_DEPTH_MAX];
};

static bool is_denied(struct span name)
{
	static const struct span names[] = {
	    {"stream", 6},
	    {"stream_options", 14},
	    {"user", 4},
	    {"metadata", 8},
	    {"service_tier", 12},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (span_eq(name, names[i]))
			return true;
	}
	return false;
}

static int compare(const struct member *a, const struct member *b)
{
	int order = memcmp(a->name, b->name, a->len < b->len ? a->len : b->len);

	if (order != 0)
		return order;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return (a->key > b->key) - (a->key < b->key);
}

static int compare_members(const void *a, const void *b)
{
	return compare(a, b);
}

/* Whoever sends 100,000 members pays n log n for them like everybody else. */
static void sort_members(struct member *members, uint32_t n)
{
	if (n > FEW) {
		qsort(members, n, sizeof(*members), compare_members);
		return;
	}
	for (uint32_t i = 1; i < n; i++) {
		struct member moved = members[i];
		uint32_t to = i;

		for (; to > 0 && compare(&moved, &members[to - 1]) < 0; to--)
			members[to] = members[to - 1];
		members[to] = moved;
	}
}

/* The level of <object>; false when the scratch memory is exhausted. */
static bool open_object(struct writer *w, uint32_t object, struct level *level)
{
	uint32_t end = w->doc->nodes[object].next, n = 0;
	struct member *members;

	for (uint32_t key = object + 1; key < end;
	     key = w->doc->nodes[key + 1].next)
		n++;
	members = arena_alloc(w->scratch, n * sizeof(*members));
	if (!members)
		return false;
	n = 0;
	for (uint32_t key = object + 1; key < end;
	     key = w->doc->nodes[key + 1].next) {
		struct span name = json_text(w->doc, key, w->scratch);

		if (!name.ptr)
			return false;
		if (object == 0 && is_denied(name))
			continue;
		members[n++] =
		    (struct member){name.ptr, (uint32_t)name.len, key};
	}
	sort_members(members, n);
	*level = (struct level){.members = members, .end = n};
	return true;
}

static void put(struct writer *w, struct span text)
{
	memcpy(w->to, text.ptr, text.len);
	w->to += text.len;
}

/* Writes the scalar <node>, or opens the container that it is. */
static bool write_value(struct writer *w, uint32_t node)
{
	enum json_type type = json_type(w->doc, node);
	struct level *level;

	if (type != JSON_OBJECT && type != JSON_ARRAY) {
		put(w, json_raw(w->doc, node));
		return true;
	}
	assert(w->depth < JSON_DEPTH_MAX);
	level = &w->levels[w->depth++];
	*w->to++ = type == JSON_OBJECT ? '{' : '[';
	if (type == JSON_OBJECT)
		return open_object(w, node, level);
	*level = (struct level){
	    .at = node + 1,
	    .end = w->doc->nodes[node].next,
	};
	return true;
}

/* The value that follows in <level>, behind its name where it has one. */
static uint32_t next_value(struct writer *w, struct level *level)
{
	uint32_t node;

	if (!level->members) {
		node = level->at;
		level->at = w->doc->nodes[node].next;
		return node;
	}
	node = level->members[level->at++].key;
	put(w, json_raw(w->doc, node));
	*w->to++ = ':';
	return node + 1;
}

/* Writes all of the document at <w->to>; false: no more scratch memory. */
static bool write_document(struct writer *w)
{
	if (!write_value(w, 0))
		return false;
	while (w->depth > 0) {
		struct level *level = &w->levels[w->depth - 1];
		bool is_object = level->members != NULL;

		if (level->at == level->end) {
			*w->to++ = is_object ? '}' : ']';
			w->depth--;
			continue;
		}
		if (w->to[-1] != '{' && w->to[-1] != '[')
			*w->to++ = ',';
		if (!write_value(w, next_value(w, level)))
			return false;
	}
	return true;
}

/* Writes the text at <to>, the document's length; the length written, or 0. */
static size_t write_canonical(
    const struct json_doc *body, struct arena *scratch, char *to)
{
	struct writer w;

	w.doc = body;
	w.scratch = scratch;
	w.to = to;
	w.depth = 0;
	return write_document(&w) ? (size_t)(w.to - to) : 0;
}

struct span cache_canonical(const struct json_doc *body, struct arena *scratch)
{
	char *text = arena_alloc(scratch, body->text.len);
	size_t len = text ? write_canonical(body, scratch, text) : 0;

	return span_make(len ? text : NULL, len);
}

static char *put_length(char *to, size_t len)
{
	for (int i = 0; i < 8; i++)
		*to++ = (char)((uint64_t)len >> 8 * i & 0xff);
	return to;
}

bool cache_key(const struct cache_question *question, struct arena *scratch,
    struct sha256 *key)
{
	const struct span parts[] = {SCHEME, question->tenant,
	    question->upstream, question->policy, question->endpoint,
	    question->headers};
	const size_t n_parts = sizeof(parts) / sizeof(*parts);
	size_t room = question->body->text.len + 8 * (n_parts + 1), len;
	char *tuple, *to;

	if (!json_is(question->body, 0, JSON_OBJECT))
		return false;
	for (size_t i = 0; i < n_parts; i++)
		room += parts[i].len;
	tuple = arena_alloc(scratch, room);
	if (!tuple)
		return false;
	to = tuple;
	for (size_t i = 0; i < n_parts; i++) {
		to = put_length(to, parts[i].len);
		if (parts[i].len)
			memcpy(to, parts[i].ptr, parts[i].len);
		to += parts[i].len;
	}
	len = write_canonical(question->body, scratch, to + 8);
	if (!len)
		return false;
	put_length(to, len);
	*key = hash_sha256(span_make(tuple, (size_t)(to - tuple) + 8 + len));
	return true;
}
