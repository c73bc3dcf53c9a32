/* json.c -- reads JSON text into an array of nodes, one pass, no recursion. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/json_scan.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>

/*
 * The reader is a loop over "what may come next". Nodes are gathered in a
 * small array on the stack, which most requests never outgrow, then on the
 * heap, and are copied to the arena once their number is known: an arena
 * cannot shrink, and doubling inside of it would waste three times as much.
 */
enum expect {
	EXPECT_VALUE,
	EXPECT_VALUE_OR_CLOSE, /* after '[' */
	EXPECT_KEY,
	EXPECT_KEY_OR_CLOSE, /* after '{' */
	EXPECT_COMMA_OR_CLOSE,
	EXPECT_NOTHING, /* the root value is complete */
	EXPECT_FAULT,
};

#define LOCAL_NODES 256 /* 4 KiB of stack */

struct reader {
	const char *at; /* next byte */
	const char *end;
	const char *text;
	struct json_node *nodes; /* (capacity) */
	uint32_t count;
	uint32_t capacity;
	size_t max_count;       /* what the arena has room for */
	struct json_node *heap; /* nodes, once they outgrew the stack */
	uint32_t depth;         /* open containers */
	struct json_fault *fault;
	uint32_t open[JSON_DEPTH_MAX]; /* (depth) their nodes */
};

static enum expect refuse(struct reader *r, const char *at, const char *reason)
{
	r->fault->offset = (size_t)(at - r->text);
	r->fault->reason = reason;
	return EXPECT_FAULT;
}

static bool grow(struct reader *r)
{
	size_t capacity = (size_t)r->capacity * 2;

	if (r->count >= r->max_count) {
		refuse(r, r->at, "more values than the request's memory holds");
		return false;
	}
	if (capacity > r->max_count)
		capacity = r->max_count;
	if (capacity > UINT32_MAX)
		capacity = UINT32_MAX;
	if (!r->heap) {
		r->heap = mem_alloc(capacity * sizeof(*r->heap));
		memcpy(r->heap, r->nodes, r->count * sizeof(*r->heap));
	} else {
		r->heap = mem_realloc(r->heap, capacity * sizeof(*r->heap));
	}
	r->nodes = r->heap;
	r->capacity = (uint32_t)capacity;
	return true;
}

/* A node that starts at the next byte; NULL with the fault set past the max. */
static struct json_node *add_node(struct reader *r, enum json_type type)
{
	struct json_node *node;

	if (r->count == r->capacity && !grow(r))
		return NULL;
	node = &r->nodes[r->count++];
	node->start = (uint32_t)(r->at - r->text);
	node->end = node->start;
	node->next = r->count;
	node->type = (uint8_t)type;
	node->has_escape = false;
	node->depth = (uint16_t)r->depth;
	return node;
}

/* Ends <node> before <end> and goes on there. */
static enum expect finish_value(
    struct reader *r, struct json_node *node, const char *end)
{
	node->end = (uint32_t)(end - r->text);
	r->at = end;
	return r->depth == 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_CLOSE;
}

static inline bool is_digit(const struct reader *r, const char *at)
{
	return at < r->end && *at >= '0' && *at <= '9';
}

/* From the backslash at <at> to after the escape; NULL with the fault set. */
static const char *skip_escape(struct reader *r, const char *at)
{
	const char *next = at + 1;
	int32_t unit, low = -1;

	if (next == r->end) {
		refuse(r, next, "string without an end");
		return NULL;
	}
	if (*next != 'u') {
		if (*next && strchr("\"\\/bfnrt", *next))
			return next + 1;
		refuse(r, at, "unknown escape");
		return NULL;
	}
	unit = json_hex4(next + 1, r->end);
	if (unit < 0) {
		refuse(r, at, "\\u without four hexadecimal digits");
		return NULL;
	}
	next += 5;
	if (json_is_high_surrogate(unit)) {
		if (r->end - next >= 6 && next[0] == '\\' && next[1] == 'u')
			low = json_hex4(next + 2, r->end);
		if (json_is_low_surrogate(low))
			return next + 6;
	}
	if (json_is_high_surrogate(unit) || json_is_low_surrogate(unit)) {
		refuse(r, at, "lone surrogate");
		return NULL;
	}
	return next;
}

/*
 * Reads the string whose quote is the next byte into a node of its own.
 * Bytes above 0x7f are only noted on the way to the closing quote: a string
 * without any, the common case, never meets the UTF-8 check.
 */
static struct json_node *read_string(struct reader *r)
{
	struct json_node *node = add_node(r, JSON_STRING);
	const char *first = r->at + 1, *at = first;
	bool has_high = false;

	if (!node)
		return NULL;
	for (;;) {
		at = json_scan_plain(at, r->end, &has_high);
		if (at == r->end) {
			refuse(r, at, "string without an end");
			return NULL;
		}
		if (*at == '"')
			break;
		if (*at != '\\') {
			refuse(r, at, "raw control character in a string");
			return NULL;
		}
		node->has_escape = true;
		at = skip_escape(r, at);
		if (!at)
			return NULL;
	}
	if (has_high) {
		struct span s = span_make(first, (size_t)(at - first));
		size_t valid = utf8_valid_len(s);

		if (valid < s.len) {
			refuse(r, first + valid, "invalid UTF-8");
			return NULL;
		}
	}
	node->end = (uint32_t)(at + 1 - r->text);
	r->at = at + 1;
	return node;
}

/* Past the digits at <at>, of which there must be one; NULL when not. */
static const char *skip_digits(struct reader *r, const char *at)
{
	if (!is_digit(r, at)) {
		refuse(r, at, "expected a digit");
		return NULL;
	}
	while (is_digit(r, at))
		at++;
	return at;
}

static enum expect read_number(struct reader *r)
{
	struct json_node *node = add_node(r, JSON_NUMBER);
	const char *at = r->at;

	if (!node)
		return EXPECT_FAULT;
	if (*at == '-')
		at++;
	if (at < r->end && *at == '0' && is_digit(r, at + 1))
		return refuse(r, at, "number with a leading zero");
	at = skip_digits(r, at);
	if (at && at < r->end && *at == '.')
		at = skip_digits(r, at + 1);
	if (at && at < r->end && (*at == 'e' || *at == 'E')) {
		at++;
		if (at < r->end && (*at == '+' || *at == '-'))
			at++;
		at = skip_digits(r, at);
	}
	return at ? finish_value(r, node, at) : EXPECT_FAULT;
}

static enum expect read_word(
    struct reader *r, struct span word, enum json_type type)
{
	struct json_node *node;

	if ((size_t)(r->end - r->at) < word.len ||
	    memcmp(r->at, word.ptr, word.len) != 0)
		return refuse(r, r->at, "expected a value");
	node = add_node(r, type);
	return node ? finish_value(r, node, r->at + word.len) : EXPECT_FAULT;
}

static enum expect open_container(struct reader *r, enum json_type type)
{
	if (r->depth == JSON_DEPTH_MAX)
		return refuse(r, r->at, "nested deeper than 128 levels");
	if (!add_node(r, type))
		return EXPECT_FAULT;
	r->open[r->depth++] = r->count - 1;
	r->at++;
	return type == JSON_ARRAY ? EXPECT_VALUE_OR_CLOSE : EXPECT_KEY_OR_CLOSE;
}

/* The next byte closes the innermost container. */
static enum expect close_container(struct reader *r)
{
	struct json_node *node = &r->nodes[r->open[--r->depth]];

	node->next = r->count;
	return finish_value(r, node, r->at + 1);
}

static enum expect read_value(struct reader *r, enum expect expect)
{
	switch (*r->at) {
	case '"':
		if (!read_string(r))
			return EXPECT_FAULT;
		return r->depth == 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_CLOSE;
	case '{':
		return open_container(r, JSON_OBJECT);
	case '[':
		return open_container(r, JSON_ARRAY);
	case 't':
		return read_word(r, SPAN("true"), JSON_TRUE);
	case 'f':
		return read_word(r, SPAN("false"), JSON_FALSE);
	case 'n':
		return read_word(r, SPAN("null"), JSON_NULL);
	case '-':
	case '0' ... '9':
		return read_number(r);
	case ']':
		if (expect == EXPECT_VALUE_OR_CLOSE)
			return close_container(r);
		break;
	default:
		break;
	}
	return refuse(r, r->at, "expected a value");
}

static void skip_space(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' ||
				     *r->at == '\r' || *r->at == '\t'))
		r->at++;
}

/* A key and its colon. */
static enum expect read_key(struct reader *r, enum expect expect)
{
	if (*r->at == '}' && expect == EXPECT_KEY_OR_CLOSE)
		return close_container(r);
	if (*r->at != '"')
		return refuse(r, r->at, "expected a key in quotes");
	if (!read_string(r))
		return EXPECT_FAULT;
	skip_space(r);
	if (r->at == r->end || *r->at != ':')
		return refuse(r, r->at, "expected ':' after a key");
	r->at++;
	return EXPECT_VALUE;
}

static enum expect read_comma(struct reader *r)
{
	bool is_object = r->nodes[r->open[r->depth - 1]].type == JSON_OBJECT;

	if (*r->at == ',') {
		r->at++;
		return is_object ? EXPECT_KEY : EXPECT_VALUE;
	}
	if (*r->at == (is_object ? '}' : ']'))
		return close_container(r);
	return refuse(r, r->at,
	    is_object ? "expected ',' or '}'" : "expected ',' or ']'");
}

static bool read_document(struct reader *r)
{
	enum expect expect = EXPECT_VALUE;

	while (expect != EXPECT_NOTHING && expect != EXPECT_FAULT) {
		skip_space(r);
		if (r->at == r->end) {
			refuse(r, r->at, "unexpected end");
			return false;
		}
		if (expect == EXPECT_COMMA_OR_CLOSE)
			expect = read_comma(r);
		else if (expect <= EXPECT_VALUE_OR_CLOSE)
			expect = read_value(r, expect);
		else
			expect = read_key(r, expect);
	}
	if (expect == EXPECT_FAULT)
		return false;
	skip_space(r);
	if (r->at < r->end) {
		refuse(r, r->at, "more bytes after the value");
		return false;
	}
	return true;
}

/* Copies the nodes to where the document keeps them. */
static bool keep_nodes(
    struct reader *r, struct arena *arena, struct json_doc *doc)
{
	size_t len = r->count * sizeof(*r->nodes);
	struct json_node *kept = arena_alloc(arena, len);

	if (!kept) {
		refuse(
		    r, r->text, "more values than the request's memory holds");
		return false;
	}
	memcpy(kept, r->nodes, len);
	doc->text = span_make(r->text, (size_t)(r->end - r->text));
	doc->nodes = kept;
	doc->count = r->count;
	return true;
}

bool json_parse(struct span text, struct arena *arena, struct json_doc *doc,
    struct json_fault *fault)
{
	struct json_node local[LOCAL_NODES];
	struct reader r;
	bool is_read;

	*doc = (struct json_doc){0};
	*fault = (struct json_fault){0};
	if (text.len > UINT32_MAX - 1) {
		fault->offset = UINT32_MAX - 1;
		fault->reason = "longer than 2^32 - 2 bytes";
		return false;
	}
	r.text = text.ptr ? text.ptr : "";
	r.at = r.text;
	r.end = r.text + text.len;
	r.nodes = local;
	r.count = 0;
	r.capacity = LOCAL_NODES;
	r.max_count = (arena->max - arena->used) / sizeof(*r.nodes);
	r.heap = NULL;
	r.depth = 0;
	r.fault = fault;
	is_read = read_document(&r) && keep_nodes(&r, arena, doc);
	free(r.heap);
	return is_read;
}
