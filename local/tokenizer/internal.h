/* internal.h -- a tokenizer's parts, for the files of this folder. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TOKENIZER_INTERNAL_H
#define LOCAL_TOKENIZER_INTERNAL_H

#include "base/arena.h"
#include "local/tokenizer.h"
#include "local/tokenizer/added.h"
#include "local/tokenizer/model.h"
#include "local/tokenizer/normalize.h"
#include "local/tokenizer/split.h"

#define STEPS_MAX 32 /* of a normaliser, pre-tokenizer or decoder */

/* A piece of a post-processor's template. */
enum template_kind {
	TEMPLATE_TOKEN,
	TEMPLATE_FIRST,  /* the text, or a pair's first */
	TEMPLATE_SECOND, /* a pair's second */
};

struct template_piece {
	enum template_kind kind;
	uint32_t id; /* of a token */
	uint32_t type;
};

struct template
{
	struct template_piece *pieces; /* (n), in the tokenizer's arena */
	size_t n;
};

/* What is done to each token on its way to text, in order. */
enum decode_kind {
	DECODE_BYTES,     /* GPT-2's alphabet to bytes, and fuse */
	DECODE_FALLBACK,  /* <0x00> to bytes */
	DECODE_FUSE,      /* all tokens become one */
	DECODE_REPLACE,   /* <pattern> by <content> */
	DECODE_STRIP,     /* up to <start> and <stop> times <content> */
	DECODE_WORDPIECE, /* <content> is the prefix */
	DECODE_METASPACE, /* <content> to a space, or nothing at first */
	DECODE_SUFFIX,    /* <content> to a space, or nothing at last */
	DECODE_JOIN,      /* no decoder: a space between tokens */
};

struct decode_step {
	enum decode_kind kind;
	struct span content;
	struct pattern pattern;
	size_t start, stop;
	bool flag; /* WordPiece: cleans up; Metaspace: drops at first */
};

struct tokenizer {
	struct arena arena; /* all texts and arrays that do not say otherwise */
	struct model model;
	struct added added;
	struct normalize_step *normalizer; /* (n_normalizer) */
	size_t n_normalizer;
	struct split_step *splitter; /* (n_splitter) */
	size_t n_splitter;
	struct decode_step *decoder; /* (n_decoder) */
	size_t n_decoder;
	struct template single, pair;
	struct tokenizer_ids ids;

	uint32_t n_ids;            /* one more than the greatest */
	struct span *shown;        /* (n_ids) what an id decodes from */
	uint8_t *special;          /* (n_ids) control tokens */
	uint8_t *skipped;          /* (n_ids) left out when decoding skips */
	struct text_map added_map; /* over added_texts */
	struct span *added_texts;  /* (added.n) */
};

/*
 * Memory of the tokenizer's own, zeroed: what is asked for is proportional to
 * the file, which is what bounds it, so there is no other maximum.
 */
void *tokenizer_take(struct tokenizer *t, size_t len);
struct span tokenizer_keep(struct tokenizer *t, struct span text);

/* An empty tokenizer, to be filled and finished. */
struct tokenizer *tokenizer_new(void);

/*
 * The last step of making one, when the model, the steps and added.tokens
 * (without ids) are there: gives added tokens their ids and makes the tables.
 */
enum result tokenizer_build(
    struct tokenizer *t, uint64_t seed, struct error *err) must_check;

#endif
