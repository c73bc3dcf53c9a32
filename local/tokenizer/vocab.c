/* vocab.c -- tables of texts: by text, and by prefix. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/vocab.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

void text_map_init(
    struct text_map *map, const struct span *texts, size_t n, uint64_t seed)
{
	size_t size = 16;

	while (size < n * 2)
		size *= 2;
	*map = (struct text_map){
	    .texts = texts,
	    .slots = mem_alloc(size * sizeof(*map->slots)),
	    .mask = size - 1,
	    .seed = seed,
	};
	memset(map->slots, 0xff, size * sizeof(*map->slots));
}

void text_map_free(struct text_map *map)
{
	free(map->slots);
	*map = (struct text_map){0};
}

/* The slot of <text>, or the empty one where it would go. */
static size_t find_slot(const struct text_map *map, struct span text)
{
	size_t slot = hash_fast(text, map->seed) & map->mask;

	while (map->slots[slot] != VOCAB_NONE &&
	       !span_eq(map->texts[map->slots[slot]], text))
		slot = (slot + 1) & map->mask;
	return slot;
}

void text_map_put(struct text_map *map, uint32_t number)
{
	map->slots[find_slot(map, map->texts[number])] = number;
}

uint32_t text_map_find(const struct text_map *map, struct span text)
{
	return map->slots ? map->slots[find_slot(map, text)] : VOCAB_NONE;
}

/* --- the trie ------------------------------------------------------------- */

static int compare_keys(const void *left, const void *right)
{
	const struct trie_key *a = left, *b = right;
	size_t len = a->text.len < b->text.len ? a->text.len : b->text.len;
	int order = memcmp(a->text.ptr, b->text.ptr, len);

	if (order)
		return order;
	if (a->text.len != b->text.len)
		return a->text.len < b->text.len ? -1 : 1;
	return a->value < b->value ? -1 : a->value > b->value;
}

/* The keys below one node while the trie is made. */
struct range {
	uint32_t low, high; /* keys */
	uint32_t depth;     /* bytes that they share */
};

struct builder {
	struct trie *trie;
	struct range *ranges; /* (cap), of the nodes of the same number */
	size_t cap;
};

static void add_node(struct builder *b, unsigned char byte, struct range range)
{
	struct trie *trie = b->trie;

	if (trie->count == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 256;
		trie->nodes =
		    mem_realloc(trie->nodes, b->cap * sizeof(*trie->nodes));
		b->ranges = mem_realloc(b->ranges, b->cap * sizeof(*b->ranges));
	}
	trie->nodes[trie->count] =
	    (struct trie_node){.value = VOCAB_NONE, .byte = byte};
	b->ranges[trie->count++] = range;
}

/* Makes the children of node <n>. */
static void expand(struct builder *b, uint32_t n, const struct trie_key *keys)
{
	struct range range = b->ranges[n];
	uint32_t i = range.low, first = b->trie->count;

	for (; i < range.high && keys[i].text.len == range.depth; i++)
		b->trie->nodes[n].value = keys[i].value;
	while (i < range.high) {
		char byte = keys[i].text.ptr[range.depth];
		uint32_t end = i;

		while (
		    end < range.high && keys[end].text.ptr[range.depth] == byte)
			end++;
		add_node(b, (unsigned char)byte,
		    (struct range){i, end, range.depth + 1});
		i = end;
	}
	b->trie->nodes[n].first = first;
	b->trie->nodes[n].count = (uint16_t)(b->trie->count - first);
}

void trie_init(struct trie *trie, struct trie_key *keys, size_t n)
{
	struct builder b = {.trie = trie};

	assert(n < UINT32_MAX);
	*trie = (struct trie){0};
	if (n > 0)
		qsort(keys, n, sizeof(*keys), compare_keys);
	add_node(&b, 0, (struct range){0, (uint32_t)n, 0});
	for (uint32_t node = 0; node < trie->count; node++)
		expand(&b, node, keys);
	for (uint32_t i = 0; i < trie->nodes[0].count; i++) {
		uint32_t child = trie->nodes[0].first + i;

		trie->root[trie->nodes[child].byte] = child;
	}
	free(b.ranges);
	trie->nodes =
	    mem_realloc(trie->nodes, trie->count * sizeof(*trie->nodes));
}

void trie_free(struct trie *trie)
{
	free(trie->nodes);
	*trie = (struct trie){0};
}
