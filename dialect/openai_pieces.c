/* openai_pieces.c -- where a text may be cut, and where its tokens were. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_split.h"

#define WORD_MAX 24 /* bytes after which a word is cut */

/* --- words -----------------------------------------------------------------
 */

/* The value of the four hexadecimal digits of an escape that was checked. */
static unsigned hex4(const char *at)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)at[i];

		value =
		    value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

size_t piece_unit(struct span raw, size_t *decoded)
{
	unsigned char c = (unsigned char)raw.ptr[0];
	unsigned code;

	if (c != '\\') {
		*decoded = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		return *decoded;
	}
	if (raw.ptr[1] != 'u') {
		*decoded = 1;
		return 2;
	}
	code = hex4(raw.ptr + 2);
	if (code >= 0xd800 && code <= 0xdbff) {
		*decoded = 4;
		return 12;
	}
	*decoded = code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
	return 6;
}

/* What a byte begins, by which most of a text is passed over quickly. */
enum byte_class {
	PLAIN,
	SPACE,
	ESCAPE,
	HIGH,
};

static const uint8_t classes[256] = {
    [' '] = SPACE,
    ['\\'] = ESCAPE,
    [0x80 ... 0xff] = HIGH,
};

size_t piece_word(struct span raw)
{
	const unsigned char *text = (const unsigned char *)raw.ptr;
	size_t end = raw.len < WORD_MAX ? raw.len : WORD_MAX, at = 0;
	bool has_text = false;

	while (at < end) {
		unsigned class = classes[text[at]];
		bool is_space = class == SPACE ||
				(class == ESCAPE && (text[at + 1] == 'n' ||
							text[at + 1] == 'r' ||
							text[at + 1] == 't'));
		size_t decoded;

		if (is_space && has_text)
			break;
		has_text |= !is_space;
		if (class >= ESCAPE)
			at += piece_unit(span_from(raw, at), &decoded);
		else
			at++;
		while (has_text && at < end && classes[text[at]] == PLAIN)
			at++;
	}
	return at;
}

/* --- tokens ----------------------------------------------------------------
 */

/*
 * How many bytes of <text> a token names that is given as a list of bytes;
 * SIZE_MAX when it is another one.
 */
static size_t match_bytes(
    const struct json_doc *doc, uint32_t array, struct span text)
{
	size_t n = 0;

	json_for_each(doc, array, item) {
		int64_t byte;

		if (n == text.len || !json_int(doc, item, &byte) ||
		    byte != (unsigned char)text.ptr[n])
			return SIZE_MAX;
		n++;
	}
	return n;
}

/* Likewise "bytes:\xe2\x80", as completions name parts of a character. */
static size_t match_escaped(struct span token, struct span text)
{
	size_t n = 0;

	if (!span_starts_with(token, SPAN("bytes:")) || (token.len - 6) % 4)
		return SIZE_MAX;
	for (size_t at = 6; at < token.len; at += 4, n++) {
		static const char hex[] = "0123456789abcdef";
		unsigned byte = n < text.len ? (unsigned char)text.ptr[n] : 0;
		const char wanted[] = {
		    '\\', 'x', hex[byte >> 4], hex[byte & 15]};

		if (n == text.len ||
		    memcmp(token.ptr + at, wanted, sizeof(wanted)) != 0)
			return SIZE_MAX;
	}
	return n;
}

/* Likewise any token; <text> is decoded. */
static size_t match_token(const struct json_doc *doc, uint32_t node,
    struct span text, struct arena *arena)
{
	uint32_t bytes = json_find(doc, node, SPAN("bytes"));
	struct span token;

	if (json_is(doc, bytes, JSON_ARRAY))
		return match_bytes(doc, bytes, text);
	if (json_is(doc, node, JSON_OBJECT))
		node = json_find(doc, node, SPAN("token"));
	if (!json_is(doc, node, JSON_STRING))
		return SIZE_MAX;
	token = openai_text(doc, node, arena);
	if (!token.ptr)
		return SIZE_MAX;
	if (span_starts_with(text, token))
		return token.len;
	return match_escaped(token, text);
}

/* Takes <n> elements off each column, all of them for SIZE_MAX. */
static void take_elements(const struct json_doc *doc,
    struct token_columns *columns, size_t n, struct token_piece *piece)
{
	for (size_t i = 0; i < columns->n; i++) {
		uint32_t array = columns->array[i], at = columns->at[i];
		uint32_t first = at, last = at;

		if (n == SIZE_MAX) {
			/* To the bracket, white space before it included. */
			piece->lists[i] = span_trim(
			    span_make(doc->text.ptr + doc->nodes[first].start,
				doc->nodes[array].end - 1 -
				    doc->nodes[first].start));
			columns->at[i] = JSON_NONE;
			continue;
		}
		for (size_t k = 0; k < n; k++) {
			last = at;
			at = json_after(doc, array, at);
		}
		piece->lists[i] =
		    span_make(doc->text.ptr + doc->nodes[first].start,
			doc->nodes[last].end - doc->nodes[first].start);
		columns->at[i] = at;
	}
}

void token_take(const struct json_doc *doc, struct token_columns *columns,
    struct span raw, struct arena *arena, struct token_piece *piece)
{
	size_t named = 0, reached = 0, at = 0, n = 0;
	uint32_t node = columns->at[columns->names];

	while (node != JSON_NONE && (named != reached || at == 0)) {
		size_t decoded, len = match_token(doc, node,
				    span_from(columns->decoded, named), arena);

		if (len == SIZE_MAX)
			break;
		named += len;
		n++;
		node = json_after(doc, columns->array[columns->names], node);
		for (; reached < named; reached += decoded)
			at += piece_unit(span_from(raw, at), &decoded);
	}
	/* A token that is another, or the last one, ends amid a character. */
	if (named != reached || at == raw.len ||
	    (at == 0 && node != JSON_NONE)) {
		piece->len = raw.len;
		take_elements(doc, columns, SIZE_MAX, piece);
		return;
	}
	piece->len = at;
	columns->decoded = span_from(columns->decoded, named);
	take_elements(doc, columns, node == JSON_NONE ? SIZE_MAX : n, piece);
}
