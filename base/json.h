/* json.h -- strict JSON: a flat tree over the sender's own bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/span.h"

/*
 * Two programs that read the same JSON differently are a way round every
 * budget, so this reader accepts RFC 8259 and nothing else: UTF-8 checked, no
 * raw control characters, no leading zeros, no trailing bytes, escapes
 * checked, lone surrogates in \u escapes refused, depth bounded. It copies
 * nothing: a document is an array of nodes in document order, each with its
 * byte range, so that an editor can splice the bytes that it must change and
 * pass the others on untouched. Numbers stay text.
 *
 * Walking: a container's first child is the node after it; `next` of a node is
 * the index after its whole subtree. In an object keys and values alternate.
 */
enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_node {
	uint32_t
	    start;     /* offset of the first byte, a string's quote included */
	uint32_t end;  /* one past the last byte */
	uint32_t next; /* index of the node after this subtree */
	uint8_t type;  /* enum json_type */
	bool has_escape; /* a string with a backslash */
	uint16_t depth;  /* root 0 */
};

struct json_doc {
	struct span text;
	const struct json_node *nodes; /* (count), in the arena given */
	uint32_t count;
};

#define JSON_NONE UINT32_MAX /* "no such node" */
#define JSON_DEPTH_MAX 128

struct json_fault {
	size_t offset;      /* of the byte that is wrong */
	const char *reason; /* static text: "raw control character", ... */
};

/*
 * Reads <text>, at most 2^32 - 2 bytes and JSON_DEPTH_MAX levels, into <doc>.
 * Nodes are taken from <arena>, 16 bytes each and no more; the text must
 * outlive the document. False with <fault> set when it is not JSON (or the
 * arena is exhausted). Iterative. "\u0000" is JSON: who hands texts to C
 * strings looks for it. Source: RFC 8259.
 */
bool json_parse(struct span text, struct arena *arena, struct json_doc *doc,
    struct json_fault *fault) must_check;

/*
 * The value of member <key> of object node <object>, JSON_NONE when there is
 * none or <object> is none or not an object. Keys are compared as decoded text,
 * so "mod\u0065l" is model. With duplicates the last one counts.
 */
uint32_t json_find(
    const struct json_doc *doc, uint32_t object, struct span key);

/*
 * Refuses keys that stand twice in object node <object> itself, not in what
 * it holds, also when they differ in ASCII case only or in escapes. Returns
 * false with <fault> at the first key that repeats one. Takes 8 bytes a key
 * from <arena>, false when that is exhausted. O(n log n) whatever the keys.
 */
bool json_keys_are_unique(const struct json_doc *doc, uint32_t object,
    struct arena *arena, struct json_fault *fault) must_check;

/* The node's own bytes, quotes included. */
static inline struct span json_raw(const struct json_doc *doc, uint32_t node)
{
	const struct json_node *n = &doc->nodes[node];

	return span_make(doc->text.ptr + n->start, n->end - n->start);
}

static inline enum json_type json_type(
    const struct json_doc *doc, uint32_t node)
{
	return (enum json_type)doc->nodes[node].type;
}

/* Whether <node> is there and of <type>. */
static inline bool json_is(
    const struct json_doc *doc, uint32_t node, enum json_type type)
{
	return node != JSON_NONE && doc->nodes[node].type == type;
}

/* First child, or JSON_NONE. */
uint32_t json_first(const struct json_doc *doc, uint32_t container);

/* The next sibling inside <container>, or JSON_NONE. */
uint32_t json_after(
    const struct json_doc *doc, uint32_t container, uint32_t node);

/* Elements of an array, or pairs of an object. */
size_t json_count(const struct json_doc *doc, uint32_t container);

/* All elements of an array: json_for_each(doc, array, item) { ... } */
#define json_for_each(doc, container, node)                                    \
	for (uint32_t node = json_first(doc, container); node != JSON_NONE;    \
	     node = json_after(doc, container, node))

/*
 * A string's decoded text: the sender's bytes when it has no escape, else a
 * copy in <arena> (ptr NULL when that is exhausted, or for another node).
 */
struct span json_text(
    const struct json_doc *doc, uint32_t node, struct arena *arena);

/*
 * A number whose value is whole and fits: 12, 12.0, 2e3. False for any other
 * node or value.
 */
bool json_int(const struct json_doc *doc, uint32_t node, int64_t *out);

/*
 * A number as the nearest double, rounded once; false for another node or past
 * the largest one. What is too small becomes 0. Independent of the locale.
 */
bool json_double(const struct json_doc *doc, uint32_t node, double *out);

/*
 * Writing: <text> as a JSON string with quotes; each byte of invalid UTF-8
 * becomes U+FFFD. False, and nothing appended, past the buffer's maximum.
 */
bool json_write_string(struct buf *buf, struct span text) must_check;

#endif
