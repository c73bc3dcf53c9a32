/* json_scan.h -- the bytes inside JSON strings; for base/json*.c alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "base/json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/*
 * Bodies are mostly prose in strings, so how fast a string's end is found is
 * how fast JSON is read. The loop over 16 bytes needs nothing but SSE2, which
 * every x86-64 has; elsewhere, and in the last 15 bytes of a text, the plain
 * loop below it does the same.
 */

/* Whether <c> cannot stand in a string as it is: quote, backslash, control. */
static inline bool json_is_special(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/*
 * The first special byte at or after <at>, <end> when there is none.
 * <has_high> is set when a byte above 0x7f was passed, else left as it is.
 */
static inline const char *json_scan_plain(
    const char *at, const char *end, bool *has_high)
{
	unsigned high = 0;

#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i backslash = _mm_set1_epi8('\\');
	const __m128i control = _mm_set1_epi8(0x1f);

	while (end - at >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
		__m128i stop = _mm_or_si128(
		    _mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
		unsigned mask, top = (unsigned)_mm_movemask_epi8(v);

		/* There is no unsigned "less than": min(v, 0x1f) == v is it. */
		stop = _mm_or_si128(
		    stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
		mask = (unsigned)_mm_movemask_epi8(stop);
		if (mask) {
			high |= top & ((mask & (0u - mask)) - 1);
			*has_high |= high != 0;
			return at + __builtin_ctz(mask);
		}
		high |= top;
		at += 16;
	}
#endif
	for (; at < end && !json_is_special((unsigned char)*at); at++)
		high |= (unsigned char)*at & 0x80u;
	*has_high |= high != 0;
	return at;
}

/* The value of four hexadecimal digits at <at>, -1 when they are not that. */
static inline int32_t json_hex4(const char *at, const char *end)
{
	int32_t value = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)at[i];
		int digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (c | 0x20) - 'a' + 10;
		else
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static inline bool json_is_high_surrogate(int32_t unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static inline bool json_is_low_surrogate(int32_t unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

/*
 * Decodes the escape whose backslash is at <at>, in a string that json_parse
 * accepted, into <out> (4 bytes). Returns the escape's length and sets
 * <out_len> to the decoded one.
 */
size_t json_decode_escape(
    const char *at, const char *end, char *out, size_t *out_len);

/* An accepted string's decoded bytes, one by one, without a copy of them. */
struct json_cursor {
	const char *at;
	const char *end;
	char decoded[4]; /* the last escape */
	size_t len;      /* its decoded bytes */
	size_t used;     /* of these, given out */
};

static inline struct json_cursor json_cursor(
    const struct json_doc *doc, uint32_t string)
{
	const struct json_node *n = &doc->nodes[string];
	struct json_cursor c;

	c.at = doc->text.ptr + n->start + 1;
	c.end = doc->text.ptr + n->end - 1;
	c.len = 0;
	c.used = 0;
	return c;
}

/* The next byte, -1 at the end. */
static inline int json_cursor_next(struct json_cursor *c)
{
	if (c->used < c->len)
		return (unsigned char)c->decoded[c->used++];
	if (c->at == c->end)
		return -1;
	if (*c->at != '\\')
		return (unsigned char)*c->at++;
	c->at += json_decode_escape(c->at, c->end, c->decoded, &c->len);
	c->used = 1;
	return (unsigned char)c->decoded[0];
}

#endif
