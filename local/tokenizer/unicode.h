/* unicode.h -- properties, lower case and normal forms of characters. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TOKENIZER_UNICODE_H
#define LOCAL_TOKENIZER_UNICODE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/span.h"

/*
 * The table is what HF tokenizers answers for each code point (see
 * tools/make-unicode-table.py), so that a character is a letter here exactly
 * when it is one there. Two stages: a page of 128 by the upper bits, then one
 * word of flags.
 */
enum unicode_category {
	CATEGORY_OTHER,
	CATEGORY_LU,
	CATEGORY_LL,
	CATEGORY_LT,
	CATEGORY_LM,
	CATEGORY_LO,
	CATEGORY_M,
	CATEGORY_N,
	CATEGORY_P,
	CATEGORY_S,
};

enum unicode_flag {
	UNICODE_SPACE = 1 << 4,       /* White_Space */
	UNICODE_WORD = 1 << 5,        /* \w of Rust's regex */
	UNICODE_PUNCTUATION = 1 << 6, /* ASCII punctuation and P */
	UNICODE_CONTROL = 1 << 7,     /* what BERT's cleaning drops */
	UNICODE_NUMERIC = 1 << 8,
	UNICODE_NONSPACING = 1 << 9, /* Mn, as BERT strips it */
	UNICODE_MARK = 1 << 10,      /* M, as StripAccents does */
	/*
	 * Stable in a normal form: maps to itself, is a starter and never
	 * joins what stands before it.
	 */
	UNICODE_NFC = 1 << 11,
	UNICODE_NFD = 1 << 12,
	UNICODE_NFKC = 1 << 13,
	UNICODE_NFKD = 1 << 14,
};

struct unicode_run {
	uint32_t first, last;
	uint32_t stride;
	int32_t delta; /* lower case minus upper case */
};

extern const uint16_t unicode_index[0x110000 / 128];
extern const uint16_t unicode_pages[][128];
extern const struct unicode_run unicode_lower_runs[];
extern const size_t unicode_lower_count;

/* Flags and category of a code point below 0x110000. */
static inline unsigned unicode_properties(uint32_t c)
{
	return unicode_pages[unicode_index[c >> 7]][c & 127];
}

static inline unsigned unicode_category_of(uint32_t c)
{
	return unicode_properties(c) & 15;
}

static inline bool unicode_is_space(uint32_t c)
{
	return unicode_properties(c) & UNICODE_SPACE;
}

/*
 * The code point at <p> in well-formed UTF-8, and its length in <len>. Faster
 * than utf8_decode because nothing is checked: texts are checked at the door.
 */
static inline uint32_t unicode_next(const char *p, size_t *len)
{
	const unsigned char *b = (const unsigned char *)p;

	if (b[0] < 0x80) {
		*len = 1;
		return b[0];
	}
	if (b[0] < 0xe0) {
		*len = 2;
		return (uint32_t)(b[0] & 0x1f) << 6 | (b[1] & 0x3f);
	}
	if (b[0] < 0xf0) {
		*len = 3;
		return (uint32_t)(b[0] & 0x0f) << 12 |
		       (uint32_t)(b[1] & 0x3f) << 6 | (b[2] & 0x3f);
	}
	*len = 4;
	return (uint32_t)(b[0] & 0x07) << 18 | (uint32_t)(b[1] & 0x3f) << 12 |
	       (uint32_t)(b[2] & 0x3f) << 6 | (b[3] & 0x3f);
}

/* Appends a scalar value as UTF-8; false past the buffer's maximum. */
bool unicode_put(struct buf *out, uint32_t c) must_check;

/*
 * Appends the lower case of <text>, character by character without context.
 * False past the buffer's maximum.
 */
bool unicode_lower(struct span text, struct buf *out) must_check;

/*
 * Appends <text> in the normal form whose stability flag is <form>. Linear in
 * the text, also for endless runs of combining marks. False past the buffer's
 * maximum. Source: UAX 15.
 */
bool unicode_normalize(
    struct span text, enum unicode_flag form, struct buf *out) must_check;

#endif
