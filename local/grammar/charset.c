/* charset.c -- sets of characters as ranges, and as ranges of bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/charset.h"

#include <stdlib.h>

#define UNICODE_MAX 0x10ffff

void charset_add(struct charset *set, uint32_t low, uint32_t high)
{
	if (set->n == CHARSET_RANGES) {
		set->is_over = true;
		return;
	}
	set->ranges[set->n++] = (struct char_range){low, high};
}

/* What \d, \w and \s stand for. Source: ECMA-262, 22.2.2.9. */
static const struct {
	char letter;
	struct char_range ranges[10];
} classes[] = {
    {'d', {{'0', '9'}}},
    {'w', {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
    {'s', {{'\t', '\r'}, {' ', ' '}, {0xa0, 0xa0}, {0x1680, 0x1680},
	      {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f},
	      {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}}},
};

bool charset_add_class(struct charset *set, char letter)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		struct charset some = {.n = 0};

		if ((letter | 32) != classes[i].letter)
			continue;
		for (size_t k = 0; k < 10 && classes[i].ranges[k].high; k++)
			charset_add(&some, classes[i].ranges[k].low,
			    classes[i].ranges[k].high);
		if (letter != classes[i].letter)
			charset_invert(&some);
		for (uint32_t k = 0; k < some.n; k++)
			charset_add(
			    set, some.ranges[k].low, some.ranges[k].high);
		return true;
	}
	return false;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct char_range *x = a, *y = b;

	return (x->low > y->low) - (x->low < y->low);
}

void charset_invert(struct charset *set)
{
	struct charset old = *set;
	uint32_t from = 0;

	qsort(old.ranges, old.n, sizeof(*old.ranges), compare_ranges);
	set->n = 0;
	for (uint32_t i = 0; i < old.n; i++) {
		if (old.ranges[i].low > from)
			charset_add(set, from, old.ranges[i].low - 1);
		if (old.ranges[i].high >= from)
			from = old.ranges[i].high + 1;
	}
	if (from <= UNICODE_MAX)
		charset_add(set, from, UNICODE_MAX);
}

/* --- as bytes ------------------------------------------------------------- */

/* Adds a way through the piece by one byte of each of <n> ranges. */
static void add_bytes(struct nfa *nfa, struct nfa_piece *piece,
    const uint8_t (*ranges)[2], size_t n)
{
	uint32_t at = piece->out;

	for (size_t i = n; i-- > 0;)
		at = nfa_add(nfa, (struct nfa_node){.kind = NFA_RANGE,
				      .low = ranges[i][0],
				      .high = ranges[i][1],
				      .out = at});
	nfa_piece_or(nfa, piece, at);
}

/* Code points low..high whose encodings have the same length, n bytes. */
static void add_same_length(
    struct nfa *nfa, struct nfa_piece *piece, struct char_range range, size_t n)
{
	while (range.low <= range.high) {
		struct char_range part = range;
		uint8_t ranges[4][2];
		char low[4], high[4];
		size_t k;

		/*
		 * As many as go through all last bytes together: cut where a
		 * group of 64, of 4096 or of 2^18 begins or ends.
		 */
		for (k = 1; k < n; k++) {
			uint32_t mask = (1u << (6 * k)) - 1;

			if ((part.low & ~mask) == (part.high & ~mask))
				break;
			if ((part.low & mask) != 0)
				part.high = part.low | mask;
			else if ((part.high & mask) != mask)
				part.high = (part.high & ~mask) - 1;
		}
		(void)utf8_encode(part.low, low);
		(void)utf8_encode(part.high, high);
		for (k = 0; k < n; k++) {
			ranges[k][0] = (uint8_t)low[k];
			ranges[k][1] = (uint8_t)high[k];
		}
		add_bytes(nfa, piece, (const uint8_t(*)[2])ranges, n);
		range.low = part.high + 1;
	}
}

/* Where encodings change their length, and what is never written raw. */
static const struct {
	struct char_range range;
	size_t len;
} plain[] = {
    {{0x20, 0x21}, 1},
    {{0x23, 0x5b}, 1},
    {{0x5d, 0x7e}, 1},
    {{0x80, 0x7ff}, 2},
    {{0x800, 0xd7ff}, 3},
    {{0xe000, 0xffff}, 3},
    {{0x10000, UNICODE_MAX}, 4},
};

static void add_raw(
    struct nfa *nfa, struct nfa_piece *piece, struct char_range range)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		struct char_range part = plain[i].range;

		if (part.low < range.low)
			part.low = range.low;
		if (part.high > range.high)
			part.high = range.high;
		if (part.low <= part.high)
			add_same_length(nfa, piece, part, plain[i].len);
	}
}

static void add_escapes(
    struct nfa *nfa, struct nfa_piece *piece, struct char_range range)
{
	static const char names[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";

	for (size_t i = 0; i < sizeof(names) - 1; i++) {
		char escape[2] = {'\\', names[i]};
		uint32_t value = (unsigned char)values[i];

		if (value >= range.low && value <= range.high)
			nfa_piece_text(nfa, piece, span_make(escape, 2));
	}
}

struct nfa_piece charset_raw_piece(struct nfa *nfa, const struct charset *set)
{
	struct nfa_piece piece = nfa_piece_new(nfa);

	for (uint32_t i = 0; i < set->n; i++)
		add_raw(nfa, &piece, set->ranges[i]);
	return piece;
}

struct nfa_piece charset_piece(struct nfa *nfa, const struct charset *set)
{
	struct nfa_piece piece = charset_raw_piece(nfa, set);

	for (uint32_t i = 0; i < set->n; i++)
		add_escapes(nfa, &piece, set->ranges[i]);
	return piece;
}
