/* idmap.c -- a hash table from ids to numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/idmap.h"

#include <stdlib.h>

#define FIRST_LOG2 6

void idmap_free(struct idmap *map)
{
	free(map->entries);
	*map = (struct idmap){0};
}

/* Where the search for <key> begins. Ids are mostly random already. */
static size_t home(const struct idmap *map, const struct ledger_id *key)
{
	uint64_t a, b;

	memcpy(&a, key->bytes, sizeof(a));
	memcpy(&b, key->bytes + 8, sizeof(b));
	a *= UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)((b ^ a ^ a >> 32) * UINT64_C(0xd6e8feb86659fd93) >>
			map->shift);
}

/* The entry of <key>, or the free one where it belongs. */
static struct idmap_entry *probe(
    const struct idmap *map, const struct ledger_id *key)
{
	size_t i = home(map, key);

	while (map->entries[i].value != IDMAP_NONE &&
	       memcmp(map->entries[i].key.bytes, key->bytes,
		   sizeof(key->bytes)) != 0)
		i = (i + 1) & (map->cap - 1);
	return &map->entries[i];
}

static void resize(struct idmap *map, unsigned log2)
{
	struct idmap old = *map;

	map->cap = (size_t)1 << log2;
	map->shift = 64 - log2;
	map->entries = mem_alloc(map->cap * sizeof(*map->entries));
	memset(map->entries, 0xff, map->cap * sizeof(*map->entries));
	for (size_t i = 0; i < old.cap; i++)
		if (old.entries[i].value != IDMAP_NONE)
			*probe(map, &old.entries[i].key) = old.entries[i];
	free(old.entries);
}

uint64_t *idmap_find(const struct idmap *map, const struct ledger_id *key)
{
	struct idmap_entry *entry;

	if (map->count == 0)
		return NULL;
	entry = probe(map, key);
	return entry->value == IDMAP_NONE ? NULL : &entry->value;
}

uint64_t *idmap_put(struct idmap *map, const struct ledger_id *key)
{
	struct idmap_entry *entry;

	if (map->cap == 0)
		resize(map, FIRST_LOG2);
	else if (map->count + 1 > map->cap / 3 * 2)
		resize(map, 64 - map->shift + 1);
	entry = probe(map, key);
	if (entry->value == IDMAP_NONE) {
		entry->key = *key;
		map->count++;
	}
	return &entry->value;
}

uint64_t idmap_take(struct idmap *map, const struct ledger_id *key)
{
	size_t mask = map->cap - 1;
	struct idmap_entry *entry;
	uint64_t value;
	size_t hole, i;

	if (map->count == 0)
		return IDMAP_NONE;
	entry = probe(map, key);
	value = entry->value;
	if (value == IDMAP_NONE)
		return IDMAP_NONE;
	/* Entries that were pushed past the hole move back into it. */
	hole = (size_t)(entry - map->entries);
	for (i = (hole + 1) & mask; map->entries[i].value != IDMAP_NONE;
	     i = (i + 1) & mask) {
		size_t from = home(map, &map->entries[i].key);

		if (((i - from) & mask) >= ((i - hole) & mask)) {
			map->entries[hole] = map->entries[i];
			hole = i;
		}
	}
	map->entries[hole].value = IDMAP_NONE;
	map->count--;
	return value;
}
