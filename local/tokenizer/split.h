/* split.h -- cuts a text into the pieces that the model reads. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TOKENIZER_SPLIT_H
#define LOCAL_TOKENIZER_SPLIT_H

#include "base/buf.h"
#include "local/tokenizer/pattern.h"

/*
 * A pre-tokenizer as a flat list of steps. Each step cuts every piece, or
 * rewrites it; empty pieces are dropped.
 */
enum split_kind {
	SPLIT_CUT,          /* by <pattern> */
	SPLIT_PREFIX_SPACE, /* a space before pieces that have none */
	SPLIT_METASPACE,    /* spaces become <content>, and one goes before */
	SPLIT_BYTES,        /* bytes to GPT-2's alphabet */
};

enum split_behavior {
	SPLIT_REMOVED,
	SPLIT_ISOLATED,
	SPLIT_MERGED_WITH_PREVIOUS,
	SPLIT_MERGED_WITH_NEXT,
	SPLIT_CONTIGUOUS,
};

enum split_prepend {
	PREPEND_ALWAYS,
	PREPEND_FIRST, /* only where the user's text starts */
	PREPEND_NEVER,
};

struct split_step {
	enum split_kind kind;
	enum split_behavior behavior;
	bool is_inverted; /* what is between the matches is the match */
	enum split_prepend prepend;
	struct span content;
	struct pattern pattern;
};

struct piece {
	uint32_t start, end; /* in the text */
};

struct piece_list {
	struct piece *items; /* (len) */
	size_t len;
	size_t cap;
};

void piece_list_free(struct piece_list *list);

/* Texts and lists take turns, as steps make one from the other. */
struct split_room {
	struct buf bufs[2];
	struct piece_list lists[2];
	struct match_list matches;
};

/* A text, what is cut from it, and whether it starts the user's text. */
struct split_text {
	struct span text;
	const struct piece_list *pieces;
	bool is_origin;
};

/*
 * Cuts split->text by <steps> (n): sets its pieces, which belong to the room,
 * and its text where a step rewrote it. FAILED past the buffers' maximum or
 * when a pattern fails.
 */
enum result split_run(const struct split_step *steps, size_t n,
    struct split_text *split, struct split_room *room,
    struct error *err) must_check;

#endif
