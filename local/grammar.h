/* grammar.h -- holds a model's answer to JSON, or to a JSON schema. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GRAMMAR_H
#define LOCAL_GRAMMAR_H

#include "base/base.h"
#include "local/tokenizer.h"

/*
 * A grammar is a schema compiled to automata over bytes with a bounded stack.
 * A vocabulary is the tree of a tokenizer's tokens, by the bytes they write. A
 * state stands at one place of one answer: it says which tokens may come next,
 * as one bit each, so that whatever is sampled the answer is JSON that the
 * schema accepts; it is moved by each token that was chosen.
 *
 * What is written is the subset that models do well with: one blank at most
 * after a colon or a comma and no other white space, properties in the order
 * of the schema, optional ones left out or not, numbers of bounded length. The
 * text can always be ended: nothing is allowed that leads nowhere. It need not
 * end by itself, for strings and lists without a maximum are as long as the
 * model likes.
 *
 * Grammars and vocabularies never change and may be used by any thread; masks
 * that took time are kept with the grammar. A state belongs to one thread at a
 * time. Nothing recurses on what a schema or an answer holds; every table is
 * bounded, and a schema that passes a bound is refused.
 */
struct grammar;
struct grammar_vocab;
struct grammar_state;

#define GRAMMAR_DEPTH_MAX 64      /* objects and lists inside each other */
#define GRAMMAR_NODES_MAX 4096    /* schemas in a schema */
#define GRAMMAR_DFA_STATES 16384  /* of one pattern, enum or number */
#define GRAMMAR_TOKEN_MAX 255     /* bytes; longer tokens are never allowed */
#define GRAMMAR_WHOLE_DIGITS 18   /* of an integer */
#define GRAMMAR_DECIMAL_DIGITS 15 /* before and after a number's point */

/* --- grammars ------------------------------------------------------------- */

/* Any JSON object ("JSON mode"). The caller's, to be given up with unref. */
struct grammar *grammar_json(void);

/*
 * Compiles the schema at <node> of <doc>, which may be dropped after. NULL with
 * the place and the keyword named in <err> where it is ill-formed, is not
 * supported, passes a bound or contradicts itself, as in
 * `schema.properties.age: "if" is not supported`. docs/engine.md lists the
 * keywords. Source: JSON Schema 2020-12, sections 7 to 10, and OpenAI's
 * "Structured outputs".
 */
struct grammar *grammar_schema(
    const struct json_doc *doc, uint32_t node, struct error *err) must_check;

struct grammar *grammar_ref(struct grammar *grammar);

/* Gives a reference up; NULL is fine. */
void grammar_unref(struct grammar **grammar);

/* --- vocabularies --------------------------------------------------------- */

/*
 * Takes every token that is text, by the bytes that it writes in the middle of
 * an answer; control tokens are never allowed, but <ends> (n_ends) are where
 * the answer is complete. NULL with <err> when the tokenizer's tokens are not
 * text by themselves, or have no token for some character of JSON itself.
 * Costs some tens of milliseconds and 30 bytes for each byte of text: make one
 * for each checkpoint.
 */
struct grammar_vocab *grammar_vocab_new(const struct tokenizer *tokenizer,
    const uint32_t *ends, size_t n_ends, struct error *err) must_check;

/*
 * The same of <tokens> (n): the bytes of each, empty for those that are never
 * allowed. The bytes are borrowed for the call only.
 */
struct grammar_tokens {
	const struct span *tokens; /* (n) */
	uint32_t n;
	const uint32_t *ends; /* (n_ends), ids below n */
	size_t n_ends;
};
struct grammar_vocab *grammar_vocab_of(
    const struct grammar_tokens *tokens, struct error *err) must_check;

struct grammar_vocab *grammar_vocab_ref(struct grammar_vocab *vocab);
void grammar_vocab_unref(struct grammar_vocab **vocab);

/*
 * Whether <vocab> can write on from every place that the grammar leads to.
 * FAILED with the character in <err> that has no token of its own where the
 * grammar leaves nothing else: an answer could come to where no token goes on.
 * At once for vocabularies that have a token for each byte, as most have.
 */
enum result grammar_is_spelled(const struct grammar *grammar,
    const struct grammar_vocab *vocab, struct error *err) must_check;

/* Words of 32 bits in a mask: a bit for each id of the tokenizer. */
size_t grammar_vocab_words(const struct grammar_vocab *vocab);

/* --- states --------------------------------------------------------------- */

/* A state before an answer's first byte; holds references to both. */
struct grammar_state *grammar_state_new(
    struct grammar *grammar, struct grammar_vocab *vocab);
struct grammar_state *grammar_state_clone(const struct grammar_state *state);
void grammar_state_free(struct grammar_state **state);

/*
 * Sets in <bits> (grammar_vocab_words) the bit of each token that may come
 * next, id 0 in the lowest bit of the first word, and clears the others. False
 * when there is none: after an end, or where the vocabulary has no token for a
 * character that the schema asks for (see grammar_is_spelled).
 */
bool grammar_mask(struct grammar_state *state, uint32_t *bits) must_check;

/* Moves past <token>; false, and nothing moves, when it is not allowed. */
bool grammar_accept(struct grammar_state *state, uint32_t token) must_check;

/* The same for text, byte by byte, wherever the tokens' borders are. */
bool grammar_accept_bytes(
    struct grammar_state *state, struct span bytes) must_check;

/* Whether the answer is whole: an end may come, perhaps more text too. */
bool grammar_is_complete(const struct grammar_state *state);

/* Whether an end was accepted: there is nothing more to come. */
bool grammar_has_ended(const struct grammar_state *state);

/*
 * Whether the next byte is a real choice: there are two or more, not counting
 * a blank that may be left out, or the answer may end here or go on.
 */
bool grammar_is_free(const struct grammar_state *state);

/*
 * Whether what was accepted last held a byte that was a real choice. A token
 * may begin with what is forced and go on with what is not (`": "Par`), so
 * that this is what confidence over free choices asks, after each token.
 */
bool grammar_was_free(const struct grammar_state *state);

/*
 * Appends to <out> the text that must come next, where there is only one (a
 * key, a bracket, the rest of a constant); nothing else, and nothing past the
 * buffer's maximum. The state does not move.
 */
void grammar_forced(struct grammar_state *state, struct buf *out);

#endif
