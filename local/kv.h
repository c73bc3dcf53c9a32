/* kv.h -- keys and values of the tokens so far, in pages. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_KV_H
#define LOCAL_KV_H

#include "base/base.h"

/*
 * A sequence's keys and values lie in pages of 16 tokens. Layers of one kind
 * share a group: a page of it holds its 16 tokens for all of the group's
 * layers, and a group whose layers see a window only gives back the pages that
 * the window has passed. Inside a page:
 *
 *	[slot][kv_head] keys   [head_dim][16]
 *	[slot][kv_head] values [16][head_dim]
 *
 * in F32, or in halves of 16 bits where the group's shape says so
 * (all keys of a slot, then all its values; keys turned about, so that a
 * query meets sixteen of them side by side),
 * where a layer's slot is its number within the group (encoders, which need
 * one layer at a time, give all layers slot 0).
 *
 * A full page never changes, so several sequences that begin alike may read
 * one; and it may be kept when none does, for a sequence to come.
 */
#define KV_PAGE_TOKENS 16
#define KV_GROUPS 2

/* What a group's layers need. */
struct kv_shape {
	uint32_t n_slots; /* 0: no layer is of this kind */
	uint32_t n_heads, head_dim;
	uint32_t window; /* tokens that are kept at least; 0: all */
	bool is_half;    /* numbers have 16 bits, not 32 */
};

/* Where pages come from: free ones are kept for the next sequence. */
struct kv_pool;

/* <max_bytes> bounds all pages together. */
struct kv_pool *kv_pool_new(
    const struct kv_shape shapes[KV_GROUPS], uint64_t max_bytes);

/* All sequences must be gone; NULL is fine. */
void kv_pool_free(struct kv_pool **pool);

/* Bounds all pages together from now on; those in use stay. */
void kv_pool_limit(struct kv_pool *pool, uint64_t max_bytes);

/* Bytes of the pages that sequences use, each counted once. */
uint64_t kv_pool_used(struct kv_pool *pool);

/* Bytes of the pages that are kept and that no sequence uses. */
uint64_t kv_pool_idle(struct kv_pool *pool);

/* The bound, and the bytes of one token in every group. */
uint64_t kv_pool_max(struct kv_pool *pool);
uint64_t kv_token_bytes(const struct kv_pool *pool);

struct kv_page;

struct kv_pages {
	struct kv_page **pages; /* (n): NULL where the window has passed */
	uint32_t n, cap;
	uint32_t first; /* pages before it were given back */
};

/* One sequence: tokens 0 .. length - 1 are stored or may be stored. */
struct kv {
	struct kv_pool *pool;
	struct kv_pages groups[KV_GROUPS];
	uint32_t length;
};

void kv_init(struct kv *kv, struct kv_pool *pool);

/* Gives all pages back; the sequence is empty and usable. */
void kv_clear(struct kv *kv);

/*
 * Makes room for tokens up to <length>; FAILED, and nothing changed, when the
 * pool's bytes would be passed.
 */
enum result kv_grow(
    struct kv *kv, uint32_t length, struct error *err) must_check;

/*
 * Gives back the pages that no later token can see: all tokens below
 * <position> are computed.
 */
void kv_slide(struct kv *kv, uint32_t position);

/* Bytes of the pages that kv_grow to <length> would take. */
uint64_t kv_needs(const struct kv *kv, uint32_t length);

/* Bytes of the pages that the sequence has, shared ones included. */
uint64_t kv_bytes(const struct kv *kv);

/*
 * Drops the tokens from <length> on; false when the window passed what the
 * next one sees, or when it would be written to a page that others read.
 */
bool kv_truncate(struct kv *kv, uint32_t length) must_check;

/* --- pages that are kept -------------------------------------------------- */

/* The pages of the same 16 tokens in every group; NULL where there is none. */
struct kv_block {
	struct kv_page *pages[KV_GROUPS];
};

/* Keeps page <index>, all of whose tokens are computed. */
struct kv_block kv_keep(struct kv *kv, uint32_t index);

/* Keeps a block's page of <group> no longer; NULL from then on. */
void kv_release(struct kv_pool *pool, struct kv_block *block, int group);

/* Whether a sequence uses the block's page of <group>. */
bool kv_is_used(struct kv_pool *pool, const struct kv_block *block, int group);

/* Whether any layer is of the group's kind. */
bool kv_has_group(const struct kv_pool *pool, int group);

/*
 * The first page of <group> that a sequence of <length> tokens needs to go on
 * from there.
 */
uint32_t kv_first_page(const struct kv_pool *pool, int group, uint32_t length);

/*
 * Appends 16 tokens to a sequence that ends at a page's border: blocks that
 * are kept, and that have a page in every group whose layers will see it.
 */
void kv_adopt(struct kv *kv, const struct kv_block *block);

/* Where keys (or values) are read or written. */
struct kv_place {
	int group;
	uint32_t slot, head;
	bool is_value;
};

/* The tile that holds token <position>, laid out as above; its page exists. */
void *kv_tile(
    const struct kv *kv, const struct kv_place *place, uint32_t position);

/* Whether the group's tiles are of halves. */
bool kv_is_half(const struct kv *kv, int group);

/* Bytes of a page of such layers. */
uint64_t kv_page_bytes(const struct kv_shape *shape);

#endif
