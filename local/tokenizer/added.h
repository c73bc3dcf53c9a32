/* added.h -- tokens that are found in the text before anything else. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TOKENIZER_ADDED_H
#define LOCAL_TOKENIZER_ADDED_H

#include "local/tokenizer.h"
#include "local/tokenizer/vocab.h"

/*
 * Two tries: of tokens that are sought in the text as given, and of those
 * sought in the normalised text between them. Of several tokens the leftmost
 * is taken, and of those the longest.
 */
#define ADDED_TEXT_MAX 1024 /* bytes of one: bounds the time at each place */

struct added_token {
	struct span text;  /* as the file writes it */
	struct span shown; /* normalised where the token is; decodes to this */
	uint32_t id;
	bool is_single_word; /* not inside a word */
	bool strips_left, strips_right;
	bool is_normalized;
	bool is_special;
};

struct added {
	struct added_token *tokens; /* (n), owned by the tokenizer */
	size_t n;
	struct trie raw, normalized; /* values: numbers of tokens */
	/* Control tokens of the second as the file writes them: what is sought
	 * in a text that is trusted in parts. */
	struct trie marked;
};

/* Makes the tries. */
void added_init(struct added *added);
void added_free(struct added *added);

/* Where a search stands. */
struct added_search {
	const struct added *added;
	const struct trie *trie;
	struct span text;
	bool is_plain; /* special tokens are text ... */
	/* ... but where one of these ranges holds them; NULL: everywhere. */
	const struct tokenizer_range *trusted;
	size_t n_trusted;
	size_t offset; /* where the ranges have the text's first byte */
	size_t at;     /* where to look next */
	size_t done;   /* text before it was given out */
};

/* Text, and the token after it: NULL when the text ends there. */
struct added_part {
	struct span text;
	const struct added_token *token;
};

/* Whether one of the trusted ranges holds bytes start .. end - 1. */
bool added_is_trusted(
    const struct added_search *search, size_t start, size_t end);

/* The next part; false when the text is used up. */
bool added_next(struct added_search *search, struct added_part *part);

#endif
