/* model.h -- pieces of text to ids: BPE, WordPiece, Unigram. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TOKENIZER_MODEL_H
#define LOCAL_TOKENIZER_MODEL_H

#include "local/tokenizer.h"
#include "local/tokenizer/vocab.h"

enum model_kind {
	MODEL_BPE,
	MODEL_WORDPIECE,
	MODEL_WORDLEVEL,
	MODEL_UNIGRAM,
};

/* One merge; an empty slot has the rank VOCAB_NONE. */
struct bpe_merge {
	uint32_t left, right;
	uint32_t rank;
	uint32_t id; /* of the joined token */
};

struct bpe {
	struct bpe_merge *merges; /* (mask + 1), open addressing */
	size_t mask;
	uint64_t seed;
	uint32_t bytes[256];    /* id of a byte's character, when is_bytes */
	uint32_t fallback[256]; /* id of <0x00> and on, or VOCAB_NONE */
	struct span prefix;     /* before characters that continue a word */
	struct span suffix;     /* after a word's last character */
	bool has_fallback, fuses_unknown, ignores_merges;
	/*
	 * Pieces are raw bytes, not characters of GPT-2's alphabet: the
	 * last pre-tokenizer's mapping is done here by table.
	 */
	bool is_bytes;
};

struct wordpiece {
	struct trie initial;    /* tokens as they are */
	struct trie continuing; /* tokens that have the prefix, without it */
	size_t max_chars;
};

struct unigram {
	struct trie trie;
	const double *scores; /* (n_tokens), owned by the tokenizer */
	double unknown_score;
	bool has_fallback;
	uint32_t fallback[256];
};

struct model {
	enum model_kind kind;
	const struct span *tokens; /* (n_tokens) by id; NULL pointer: a gap */
	uint32_t n_tokens;
	uint32_t n_entries; /* tokens without the gaps */
	struct text_map map;
	uint32_t unknown;       /* id for what has none, or VOCAB_NONE */
	bool has_unknown;       /* an unknown token is named */
	const uint8_t *special; /* (n_tokens), 1: a control token */
	union {
		struct bpe bpe;
		struct wordpiece wordpiece;
		struct unigram unigram;
	};
};

void model_free(struct model *model);

/* --- making one ----------------------------------------------------------- */

/* An empty table for <n> merges. */
void bpe_init(struct bpe *bpe, size_t n, uint64_t seed);

/* Enters a merge; of equal pairs the last one counts. */
void bpe_put_merge(struct bpe *bpe, const struct bpe_merge *merge);

/* Fills the tables of bytes from the model's vocabulary. */
void bpe_find_bytes(struct model *model);

/* Finds <0x00> and on; ids are VOCAB_NONE where the vocabulary lacks them. */
void model_find_fallback(const struct model *model, uint32_t *ids);

void wordpiece_init(struct model *model, struct span prefix);
void unigram_init(struct model *model);

/* --- using one ------------------------------------------------------------ */

struct bpe_symbol {
	uint32_t id; /* VOCAB_NONE when merged into the one before */
	uint32_t prev, next;
};

struct bpe_candidate {
	uint32_t rank;
	uint32_t at; /* symbol on the left */
	uint32_t id;
};

struct unigram_node {
	double score;
	uint32_t start; /* VOCAB_NONE: no path ends here */
	uint32_t id;
};

/* A word and its ids, as met before: two cache lines of one slot each. */
#define WORD_TEXT 29
#define WORD_IDS 8
struct word {
	uint8_t len; /* 0: empty */
	uint8_t n;
	uint8_t is_plain;
	char text[WORD_TEXT];
	uint32_t ids[WORD_IDS];
};

struct model_room {
	struct word *words; /* (WORDS) or NULL */
	struct bpe_symbol *symbols;
	size_t symbols_cap;
	struct bpe_candidate *heap;
	size_t heap_len, heap_cap;
	struct unigram_node *nodes;
	size_t nodes_cap;
	struct token_buf path;
	char *text; /* to write a symbol or a piece into */
	size_t text_cap;
};

void model_room_free(struct model_room *room);

/* room->text with place for <len> bytes. */
char *model_room_text(struct model_room *room, size_t len);

/* One piece of text to read, never empty. */
struct model_piece {
	struct span text;
	bool is_plain; /* control tokens are not to come out */
};

/*
 * Appends the ids of a piece. FAILED when the vocabulary has no token for what
 * it does not know, or past the maximum of <ids>.
 */
enum result model_encode(const struct model *model, struct model_room *room,
    const struct model_piece *piece, struct token_buf *ids,
    struct error *err) must_check;

enum result bpe_encode(const struct model *model, struct model_room *room,
    const struct model_piece *piece, struct token_buf *ids,
    struct error *err) must_check;
enum result wordpiece_encode(const struct model *model,
    const struct model_piece *piece, struct token_buf *ids,
    struct error *err) must_check;
enum result unigram_encode(const struct model *model, struct model_room *room,
    const struct model_piece *piece, struct token_buf *ids,
    struct error *err) must_check;

/* The id of <text>, VOCAB_NONE also for control tokens in a plain piece. */
static inline uint32_t model_find(
    const struct model *model, struct span text, bool is_plain)
{
	uint32_t id = text_map_find(&model->map, text);

	return id != VOCAB_NONE && is_plain && model->special[id] ? VOCAB_NONE
								  : id;
}

/* Appends ids, FAILED with a message past the maximum. */
enum result model_put(struct token_buf *out, const uint32_t *ids, size_t n,
    struct error *err) must_check;

#endif
