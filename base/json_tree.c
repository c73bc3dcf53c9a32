/* json_tree.c -- walking a parsed document and finding members in it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/json_scan.h"

uint32_t json_first(const struct json_doc *doc, uint32_t container)
{
	if (!json_is(doc, container, JSON_ARRAY) &&
	    !json_is(doc, container, JSON_OBJECT))
		return JSON_NONE;
	if (doc->nodes[container].next == container + 1)
		return JSON_NONE;
	return container + 1;
}

uint32_t json_after(
    const struct json_doc *doc, uint32_t container, uint32_t node)
{
	uint32_t next = doc->nodes[node].next;

	return next < doc->nodes[container].next ? next : JSON_NONE;
}

size_t json_count(const struct json_doc *doc, uint32_t container)
{
	size_t count = 0;

	json_for_each(doc, container, node)
		count++;
	return json_is(doc, container, JSON_OBJECT) ? count / 2 : count;
}

static bool key_is(const struct json_doc *doc, uint32_t node, struct span key)
{
	const struct json_node *n = &doc->nodes[node];
	struct json_cursor c;

	if (!n->has_escape)
		return span_eq(span_make(doc->text.ptr + n->start + 1,
				   n->end - n->start - 2),
		    key);
	c = json_cursor(doc, node);
	for (size_t i = 0; i < key.len; i++) {
		if (json_cursor_next(&c) != (unsigned char)key.ptr[i])
			return false;
	}
	return json_cursor_next(&c) < 0;
}

uint32_t json_find(const struct json_doc *doc, uint32_t object, struct span key)
{
	uint32_t found = JSON_NONE, at, end;

	if (!json_is(doc, object, JSON_OBJECT))
		return JSON_NONE;
	end = doc->nodes[object].next;
	for (at = object + 1; at < end; at = doc->nodes[at + 1].next) {
		if (key_is(doc, at, key))
			found = at + 1;
	}
	return found;
}
