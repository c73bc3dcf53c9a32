/* vocab.h -- tables of texts: by text, and by prefix. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_TOKENIZER_VOCAB_H
#define LOCAL_TOKENIZER_VOCAB_H

#include "base/span.h"

/*
 * A text_map finds the number of a text in an array of texts that it borrows.
 * A trie finds all texts that begin at a place. Both are made once and only
 * read after.
 */
#define VOCAB_NONE UINT32_MAX

struct text_map {
	const struct span *texts; /* borrowed */
	uint32_t *slots;          /* (mask + 1), number or VOCAB_NONE */
	size_t mask;
	uint64_t seed;
};

/* Room for <n> texts; <seed> keeps a file from choosing collisions. */
void text_map_init(
    struct text_map *map, const struct span *texts, size_t n, uint64_t seed);
void text_map_free(struct text_map *map);

/* Enters texts[number]; of equal texts the last one entered counts. */
void text_map_put(struct text_map *map, uint32_t number);

/* The number of <text>, or VOCAB_NONE. */
uint32_t text_map_find(const struct text_map *map, struct span text);

struct trie_key {
	struct span text; /* not empty */
	uint32_t value;
};

/* Children of a node stand together, ordered by byte. */
struct trie_node {
	uint32_t first; /* number of the first child */
	uint32_t value; /* of the text that ends here, or VOCAB_NONE */
	uint16_t count; /* children */
	uint8_t byte;   /* that leads here */
};

struct trie {
	struct trie_node *nodes; /* (count), the root first */
	uint32_t root[256];      /* child of the root by byte, 0 for none */
	uint32_t count;
};

/*
 * Makes a trie of <keys> (n), which are sorted on the way; of equal texts the
 * one with the greatest value counts. All texts together are below 2^32 - 2
 * bytes. At most one node of 12 bytes for each byte of text.
 */
void trie_init(struct trie *trie, struct trie_key *keys, size_t n);
void trie_free(struct trie *trie);

/* The child of <node> by <byte>, or 0. */
static inline uint32_t trie_step(
    const struct trie *trie, uint32_t node, unsigned char byte)
{
	const struct trie_node *parent = &trie->nodes[node];
	uint32_t low, high;

	if (node == 0)
		return trie->root[byte];
	low = parent->first;
	high = low + parent->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (trie->nodes[middle].byte < byte)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < parent->first + parent->count &&
	    trie->nodes[low].byte == byte)
		return low;
	return 0;
}

#endif
