/* rollup.c -- sums of rows by time and name, in memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/rollup.h"

#include <stdlib.h>

#define SECONDS_PER_DAY INT64_C(86400)
#define FIRST_CELLS 64
#define RETAINED_CELLS 1024

const unsigned rollup_masks[ROLLUP_MASKS] = {
    0, 1, 2, 4, 8, 1 | 2, 1 | 4, 1 | 8, 2 | 4, 2 | 8, 4 | 8, ROLLUP_ALL};

unsigned rollup_mask_for(unsigned wanted)
{
	return __builtin_popcount(wanted) <= 2 ? wanted : ROLLUP_ALL;
}

int64_t rollup_seconds(enum rollup_level level)
{
	static const int64_t seconds[ROLLUP_LEVELS] = {
	    [ROLLUP_MINUTE] = 60,
	    [ROLLUP_HOUR] = 3600,
	    [ROLLUP_DAY] = SECONDS_PER_DAY,
	};

	return seconds[level];
}

int64_t rollup_kept_seconds(enum rollup_level level)
{
	static const int64_t seconds[ROLLUP_LEVELS] = {
	    [ROLLUP_MINUTE] = 3 * SECONDS_PER_DAY,
	    [ROLLUP_HOUR] = 100 * SECONDS_PER_DAY,
	    [ROLLUP_DAY] = 0,
	};

	return seconds[level];
}

int64_t rollup_bucket(int64_t second, int64_t seconds)
{
	int64_t into = second % seconds;

	return second - (into < 0 ? into + seconds : into);
}

int64_t rollup_plus(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum) || sum == INT64_MIN)
		return b > 0 ? INT64_MAX : -INT64_MAX;
	return sum;
}

void rollup_add(struct rollup *rollup, enum rollup_sum sum, int64_t amount)
{
	if (amount != MONEY_UNPRICED)
		rollup->sums[sum] = rollup_plus(rollup->sums[sum], amount);
}

void rollup_merge(struct rollup *rollup, const struct rollup *more)
{
	for (size_t i = 0; i < ROLLUP_N_SUMS; i++)
		rollup->sums[i] = rollup_plus(rollup->sums[i], more->sums[i]);
	histogram_merge(&rollup->first_token, &more->first_token);
	histogram_merge(&rollup->duration, &more->duration);
}

/* --- cells by key ------------------------------------------------------------
 */

_Static_assert(sizeof(struct rollup_key) == 24, "a key has no padding");

static uint32_t *probe(
    const struct rollup_map *map, const struct rollup_key *key)
{
	uint64_t hash =
	    hash_fast(span_make((const char *)key, sizeof(*key)), 0);
	size_t i = (size_t)hash & (map->slots - 1);

	while (map->table[i] != 0 && memcmp(&map->cells[map->table[i] - 1].key,
					 key, sizeof(*key)) != 0)
		i = (i + 1) & (map->slots - 1);
	return &map->table[i];
}

static void grow(struct rollup_map *map)
{
	map->cap = map->cap ? map->cap * 2 : FIRST_CELLS;
	map->cells = mem_realloc(map->cells, map->cap * sizeof(*map->cells));
	map->slots = map->cap * 2;
	free(map->table);
	map->table = mem_zalloc(map->slots * sizeof(*map->table));
	for (size_t i = 0; i < map->n; i++)
		*probe(map, &map->cells[i].key) = (uint32_t)(i + 1);
}

struct rollup *rollup_map_get(
    struct rollup_map *map, const struct rollup_key *key)
{
	uint32_t *place;

	if (map->n == map->cap)
		grow(map);
	place = probe(map, key);
	if (*place == 0) {
		map->cells[map->n] = (struct rollup_cell){.key = *key};
		*place = (uint32_t)++map->n;
	}
	return &map->cells[*place - 1].rollup;
}

void rollup_map_clear(struct rollup_map *map)
{
	if (map->cap > RETAINED_CELLS) {
		rollup_map_free(map);
		return;
	}
	map->n = 0;
	if (map->slots > 0)
		memset(map->table, 0, map->slots * sizeof(*map->table));
}

void rollup_map_free(struct rollup_map *map)
{
	free(map->cells);
	free(map->table);
	*map = (struct rollup_map){0};
}

void rollup_map_coarsen(struct rollup_map *into, const struct rollup_map *from,
    enum rollup_level level, unsigned mask, int64_t since)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct rollup_cell *cell = &from->cells[i];
		struct rollup_key key = {
		    .bucket =
			rollup_bucket(cell->key.bucket, rollup_seconds(level))};

		if (cell->key.bucket < since)
			continue;
		for (unsigned dim = 0; dim < ROLLUP_DIMS; dim++)
			if (mask >> dim & 1)
				key.names[dim] = cell->key.names[dim];
		rollup_merge(rollup_map_get(into, &key), &cell->rollup);
	}
}
