/* prefix.h -- pages of texts before, for texts that begin alike. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_SCHEDULER_PREFIX_H
#define LOCAL_SCHEDULER_PREFIX_H

#include "local/kv.h"

/*
 * A full page is found by the hash of its 16 tokens and of the page before it;
 * the first one's parent is the hash of whose text it is. So a page is found
 * only after the same tokens of the same tenant. The hash is SHA-256 of what a
 * random seed precedes, cut to 128 bits: who can choose tokens can not make two
 * prefixes meet.
 *
 * Entries that a running text goes on from are held. The others wait in the
 * order in which they were left, a text's last page first, and go when their
 * memory is needed: so a page goes before the one that leads to it. All by one
 * thread.
 */
struct prefix;
struct prefix_entry;

struct prefix_hash {
	uint8_t bytes[16];
};

/* <pool> outlives it; <keeps> false: an entry goes when nobody holds it. */
struct prefix *prefix_new(struct kv_pool *pool, bool keeps);
void prefix_free(struct prefix **prefix);

/* Where a tenant's texts begin; <kind> tells apart what computes otherwise. */
struct prefix_hash prefix_root(
    const struct prefix *prefix, struct span tenant, uint8_t kind);

/* What follows with the next KV_PAGE_TOKENS tokens. */
struct prefix_hash prefix_next(
    const struct prefix_hash *parent, const uint32_t *tokens);

/*
 * How many pages, from the first on, a sequence that has <from> of them can
 * have in all: hashes (n) are of the whole text's. Writes the entries
 * <from> .. into entries (n).
 */
struct prefix_search {
	const struct prefix_hash *hashes; /* (n) */
	uint32_t from, n;
	struct prefix_entry **entries; /* (n) */
};
uint32_t prefix_find(struct prefix *prefix, const struct prefix_search *search);

/* Whether there is a page of that hash. */
bool prefix_has(const struct prefix *prefix, const struct prefix_hash *hash);

/* Enters a page that is not there, kept by kv_keep, and holds it. */
struct prefix_entry *prefix_enter(struct prefix *prefix,
    const struct prefix_hash *hash, const struct kv_block *block);

void prefix_hold(struct prefix *prefix, struct prefix_entry *entry);

/* Lets go of entries (n), the last one first; some may be NULL. */
void prefix_leave(
    struct prefix *prefix, struct prefix_entry *const *entries, uint32_t n);

const struct kv_block *prefix_block(const struct prefix_entry *entry);

/*
 * Drops what was left longest ago until <bytes> can be taken from the pool;
 * false when not even that makes room.
 */
bool prefix_make_room(struct prefix *prefix, uint64_t bytes);

/* Entries, held ones included. */
uint32_t prefix_count(const struct prefix *prefix);

#endif
