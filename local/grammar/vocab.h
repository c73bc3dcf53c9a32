/* vocab.h -- a tokenizer's tokens as a tree of bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GRAMMAR_VOCAB_H
#define LOCAL_GRAMMAR_VOCAB_H

#include <stdatomic.h>

#include "local/grammar.h"

/*
 * Nodes lie in preorder, so that a walk over the tokens that an automaton
 * allows reads memory from front to back and jumps over what it does not.
 */
struct branch {
	uint32_t skip;   /* the node behind this subtree */
	uint32_t tokens; /* of vocab->sorted the first that ends here */
	uint16_t n_tokens;
	uint8_t byte;  /* that leads here */
	uint8_t depth; /* bytes from the root, which is 0 */
};

/*
 * In a string nearly every token is allowed, wherever the string stands. What
 * a token does there is found once: those that stay inside, by how many
 * characters they begin, and the places where one closes the string and goes
 * on with what depends on the schema.
 */
#define BODY_SHORT                                                             \
	16 /* characters; tokens of more are listed by themselves              \
	    */

struct body_exit {
	uint32_t branch; /* behind the closing quote */
	uint32_t count;  /* characters before it */
};

struct body_long {
	uint32_t token;
	uint32_t count; /* characters, more than BODY_SHORT */
};

struct grammar_vocab {
	uint32_t n; /* tokens */
	size_t words;
	struct branch *branches; /* (n_branches) */
	uint32_t n_branches;
	uint32_t *sorted; /* ids, in the order of their bytes */
	uint32_t n_sorted;
	uint32_t *offsets; /* (n + 1) of each token's bytes */
	char *bytes;
	uint32_t *ends; /* (n_ends) */
	size_t n_ends;
	bool has_byte[256]; /* alone, as a token */
	bool has_parts;     /* characters may be written byte by byte */
	bool has_all;       /* and whatever stands in JSON can be */
	uint32_t *inside[BODY_SHORT + 1]; /* (words) begin up to so many */
	uint32_t *all_inside;             /* (words) */
	struct body_exit *exits;          /* (n_exits) */
	size_t n_exits;
	struct body_long *longs; /* (n_longs) */
	size_t n_longs;
	atomic_uint refs;
};

static inline void vocab_set_bit(uint32_t *bits, uint32_t token)
{
	bits[token / 32] |= 1u << (token % 32);
}

/* Sets the bits of the tokens that end at <branch>. */
static inline void vocab_mark(const struct grammar_vocab *vocab,
    const struct branch *branch, uint32_t *bits)
{
	for (uint32_t i = 0; i < branch->n_tokens; i++)
		vocab_set_bit(bits, vocab->sorted[branch->tokens + i]);
}

static inline struct span vocab_bytes(
    const struct grammar_vocab *vocab, uint32_t token)
{
	return span_make(vocab->bytes + vocab->offsets[token],
	    vocab->offsets[token + 1] - vocab->offsets[token]);
}

#endif
