/* normalize.h -- what is done to a text before it is split. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TOKENIZER_NORMALIZE_H
#define LOCAL_TOKENIZER_NORMALIZE_H

#include "base/buf.h"
#include "local/tokenizer/pattern.h"
#include "local/tokenizer/unicode.h"

/*
 * A normaliser is a flat list of steps; sequences and BertNormalizer are laid
 * out when the file is read. Each step makes a new text from the one before.
 */
enum normalize_kind {
	NORMALIZE_FORM, /* NFC, NFD, NFKC, NFKD by <form> */
	NORMALIZE_LOWER,
	NORMALIZE_DROP,       /* characters with a flag of <flags> */
	NORMALIZE_STRIP,      /* white space, <left> and <right> */
	NORMALIZE_PREPEND,    /* <content>, unless the text is empty */
	NORMALIZE_REPLACE,    /* <pattern> by <content> */
	NORMALIZE_BERT_CLEAN, /* drops controls, blanks become spaces */
	NORMALIZE_CHINESE,    /* spaces around ideographs */
	NORMALIZE_CHARSMAP,   /* SentencePiece's compiled map */
	NORMALIZE_BYTES,      /* bytes to GPT-2's alphabet */
	NORMALIZE_NMT,
};

/*
 * SentencePiece's map: a double-array trie whose values are offsets of
 * NUL-terminated texts.
 */
struct charsmap {
	const uint32_t *units; /* (n_units), owned by the tokenizer */
	size_t n_units;
	struct span texts; /* well-formed UTF-8 */
};

struct normalize_step {
	enum normalize_kind kind;
	enum unicode_flag form;
	unsigned flags;
	bool left, right;
	struct span content;
	struct pattern pattern;
	struct charsmap charsmap;
};

/* Two buffers that take turns, and what patterns found. */
struct normalize_room {
	struct buf bufs[2];
	struct match_list matches;
};

/*
 * Runs <steps> (n) over <text>, which is set to the result: itself where
 * nothing changed, else in one of the room's buffers. <is_origin> tells
 * whether the text starts at the start of what the user gave, and becomes
 * false when characters at its front are dropped. FAILED past the buffers'
 * maximum or when a pattern fails.
 */
struct normalize_text {
	struct span text;
	bool is_origin;
};
enum result normalize_run(const struct normalize_step *steps, size_t n,
    struct normalize_text *text, struct normalize_room *room,
    struct error *err) must_check;

/*
 * Splits the file's bytes into units and texts; <units> has room for
 * blob.len / 4. FAILED when they do not add up.
 */
enum result charsmap_read(struct charsmap *map, uint32_t *units,
    struct span blob, struct error *err) must_check;

/* Appends <text>, mapped; false past the buffer's maximum. */
bool charsmap_apply(
    const struct charsmap *map, struct span text, struct buf *out) must_check;

/* --- bytes.c: GPT-2's alphabet -------------------------------------------- */

/* The character that stands for a byte: itself, or 256 and on. */
uint32_t bytes_to_char(unsigned char byte);

/* The byte that a character stands for, -1 for none. */
int bytes_from_char(uint32_t c);

/* Appends each byte's character; false past the buffer's maximum. */
bool bytes_encode(struct span bytes, struct buf *out) must_check;

/*
 * Writes the bytes that a text in the alphabet stands for into <out>
 * (text.len); SIZE_MAX when a character stands for none.
 */
size_t bytes_decode(struct span text, char *out);

#endif
