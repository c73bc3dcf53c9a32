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
 *	[slot][kv_head] keys   [head_dim][16], F32
 *	[slot][kv_head] values [16][head_dim], F32
 *
 * (all keys of a slot, then all its values; keys turned about, so that a
 * query meets sixteen of them side by side),
 * where a layer's slot is its number within the group (encoders, which need
 * one layer at a time, give all layers slot 0).
 */
#define KV_PAGE_TOKENS 16
#define KV_GROUPS 2

/* What a group's layers need. */
struct kv_shape {
	uint32_t n_slots; /* 0: no layer is of this kind */
	uint32_t n_heads, head_dim;
	uint32_t window; /* tokens that are kept at least; 0: all */
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

/* Bytes of the pages in use, and those of one token in every group. */
uint64_t kv_pool_used(const struct kv_pool *pool);
uint64_t kv_token_bytes(const struct kv_pool *pool);

struct kv_pages {
	float **pages; /* (n): NULL where the window has passed */
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

/* Drops the tokens from <length> on; false when the window passed them. */
bool kv_truncate(struct kv *kv, uint32_t length) must_check;

/* Where keys (or values) are read or written. */
struct kv_place {
	int group;
	uint32_t slot, head;
	bool is_value;
};

/* The tile that holds token <position>, laid out as above; its page exists. */
float *kv_tile(
    const struct kv *kv, const struct kv_place *place, uint32_t position);

#endif
