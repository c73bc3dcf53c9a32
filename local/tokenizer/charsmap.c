/* charsmap.c -- SentencePiece's compiled normalisation map. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <utf8proc.h>

#include "base/utf8.h"
#include "local/tokenizer/normalize.h"

/*
 * The blob: u32 size of the trie in bytes, the trie's units (u32, little
 * endian), the texts. A unit holds a label in its low byte (with bit 31), a
 * leaf mark in bit 8, a shift in bit 9 and an offset from bit 10 on; a value's
 * unit holds the value in 31 bits. Source: darts-clone's format.
 */
#define GRAPHEME_MAX 6 /* longer ones are mapped character by character */

static uint32_t read_u32(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
	       (uint32_t)b[3] << 24;
}

enum result charsmap_read(
    struct charsmap *map, uint32_t *units, struct span blob, struct error *err)
{
	size_t size = blob.len >= 4 ? read_u32(blob.ptr) : SIZE_MAX;

	if (size > blob.len - (blob.len >= 4 ? 4 : blob.len) || size < 4) {
		error_set(err, "a character map whose trie does not fit");
		return FAILED;
	}
	*map = (struct charsmap){
	    .units = units,
	    .n_units = size / 4,
	    .texts = span_from(blob, 4 + size / 4 * 4),
	};
	for (size_t i = 0; i < map->n_units; i++)
		units[i] = read_u32(blob.ptr + 4 + i * 4);
	if (utf8_valid_len(map->texts) == map->texts.len)
		return OK;
	error_set(err, "a character map whose texts are not UTF-8");
	return FAILED;
}

static size_t offset_of(uint32_t unit)
{
	return (size_t)(unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* The value of the shortest entry that <key> begins with, or SIZE_MAX. */
static size_t find_value(const struct charsmap *map, struct span key)
{
	size_t node = offset_of(map->units[0]);

	for (size_t i = 0; i < key.len && key.ptr[i]; i++) {
		unsigned char c = (unsigned char)key.ptr[i];
		uint32_t unit;

		node ^= c;
		if (node >= map->n_units)
			return SIZE_MAX;
		unit = map->units[node];
		if ((unit & (1u << 31 | 0xff)) != c)
			return SIZE_MAX;
		node ^= offset_of(unit);
		if (unit & (1u << 8)) {
			if (node >= map->n_units)
				return SIZE_MAX;
			return map->units[node] & ~(1u << 31);
		}
	}
	return SIZE_MAX;
}

/* What <key> becomes; false when the map does not know it. */
static bool find_text(
    const struct charsmap *map, struct span key, struct span *text)
{
	size_t start = find_value(map, key);
	const char *end;

	if (start > map->texts.len)
		return false;
	*text = span_from(map->texts, start);
	end = text->len ? memchr(text->ptr, 0, text->len) : NULL;
	if (end)
		text->len = (size_t)(end - text->ptr);
	return utf8_valid_len(*text) == text->len;
}

/* Bytes of the grapheme cluster at <text>. Source: UAX 29. */
static size_t grapheme_len(struct span text)
{
	utf8proc_int32_t state = 0;
	size_t at, len;
	uint32_t c = unicode_next(text.ptr, &at);

	while (at < text.len) {
		uint32_t next = unicode_next(text.ptr + at, &len);

		if (c < 0x80 && next < 0x80 && c != '\r')
			break;
		if (utf8proc_grapheme_break_stateful(
			(utf8proc_int32_t)c, (utf8proc_int32_t)next, &state))
			break;
		c = next;
		at += len;
	}
	return at;
}

bool charsmap_apply(
    const struct charsmap *map, struct span text, struct buf *out)
{
	struct span mapped;
	size_t len, part_len;

	for (size_t i = 0; i < text.len; i += len) {
		len = grapheme_len(span_make(text.ptr + i, text.len - i));
		if (len < GRAPHEME_MAX &&
		    find_text(map, span_make(text.ptr + i, len), &mapped)) {
			if (!buf_append(out, mapped))
				return false;
			continue;
		}
		for (size_t k = 0; k < len; k += part_len) {
			struct span part = span_make(text.ptr + i + k, 0);

			unicode_next(part.ptr, &part_len);
			part.len = part_len;
			if (!buf_append(out,
				find_text(map, part, &mapped) ? mapped : part))
				return false;
		}
	}
	return true;
}
