/* idmap.h -- a hash table from ids to numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_IDMAP_H
#define LEDGER_IDMAP_H

#include "ledger/ledger.h"

/*
 * Open addressing, linear probing, at most two thirds full, doubling. An entry
 * takes 24 bytes. Memory is bounded by what the owner puts in.
 */
#define IDMAP_NONE UINT64_MAX /* not a value that can be kept */

struct idmap_entry {
	struct ledger_id key;
	uint64_t value; /* IDMAP_NONE: free */
};

struct idmap {
	struct idmap_entry *entries; /* (cap) */
	size_t cap;                  /* 0 or a power of two */
	size_t count;
	unsigned shift; /* 64 - log2(cap) */
};

/* A zeroed struct is an empty table. */
void idmap_free(struct idmap *map);

/* The value kept for <key>, which the caller may change, or NULL. */
uint64_t *idmap_find(const struct idmap *map, const struct ledger_id *key);

/*
 * The place for <key>'s value: the one kept, or a new one that holds
 * IDMAP_NONE and must be set at once. Valid until the next change.
 */
uint64_t *idmap_put(struct idmap *map, const struct ledger_id *key);

/* Takes <key> out and returns its value, IDMAP_NONE when it is not there. */
uint64_t idmap_take(struct idmap *map, const struct ledger_id *key);

#endif
