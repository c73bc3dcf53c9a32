/* family.h -- what each family of models does: one table. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_MODEL_FAMILY_H
#define LOCAL_MODEL_FAMILY_H

#include "base/base.h"

/*
 * Every model here is a stack of layers of attention and a feed-forward part.
 * A family says by traits how its stack differs from a plain one (Llama's), by
 * a scheme how its tensors are called, and what its settings are where a
 * checkpoint does not say. To add a family is to add a row.
 */
enum trait {
	TRAIT_ENCODER = 1 << 0,       /* attends both ways, has no head */
	TRAIT_POST_NORM = 1 << 1,     /* norms follow the residual sums: BERT */
	TRAIT_SANDWICH = 1 << 2,      /* norms before and after: Gemma */
	TRAIT_NORM_PLUS_ONE = 1 << 3, /* norms multiply by 1 + weight */
	TRAIT_LAYER_NORM = 1 << 4,    /* mean and variance, not RMS alone */
	TRAIT_QK_NORM = 1 << 5,       /* q and k are normed, head by head */
	TRAIT_QKV_BIAS = 1 << 6,      /* always on q, k, v */
	TRAIT_ALL_BIAS = 1 << 7,      /* always on every product and norm */
	TRAIT_PLAIN_MLP = 1 << 8,     /* up, activation, down: no gate */
	TRAIT_FUSED_QKV = 1 << 9,     /* one tensor holds q, k and v */
	TRAIT_FUSED_MLP = 1 << 10,    /* one tensor holds gate and up */
	TRAIT_EMBED_SCALE = 1 << 11,  /* embeddings times sqrt(hidden) */
	TRAIT_TIED = 1 << 12,         /* the head is the embedding by default */
	TRAIT_POSITIONS = 1 << 13,    /* learned positions, no rope */
	TRAIT_PAST_PAD = 1 << 14,     /* they begin after the padding id */
	TRAIT_WINDOW = 1 << 15,       /* sliding_window is for all layers */
	TRAIT_WINDOW_ASKED = 1 << 16, /* only if use_sliding_window says so */
	TRAIT_WINDOW_MIXED = 1 << 17, /* every n-th layer sees everything */
	TRAIT_NO_FIRST_NORM = 1 << 18, /* layer 0 has no norm before it */
	TRAIT_PAIRS_IN_GGUF = 1 << 19, /* q, k rows permuted in GGUF files */
};

/* The parts that a tensor can be. <scheme> gives each its name. */
enum role {
	ROLE_EMBED,
	ROLE_POSITIONS,
	ROLE_TYPES,
	ROLE_EMBED_NORM,
	ROLE_FINAL_NORM,
	ROLE_HEAD,
	ROLE_ATTN_NORM,
	ROLE_ATTN_POST_NORM,
	ROLE_Q,
	ROLE_K,
	ROLE_V,
	ROLE_QKV,
	ROLE_Q_NORM,
	ROLE_K_NORM,
	ROLE_O,
	ROLE_MLP_NORM,
	ROLE_MLP_POST_NORM,
	ROLE_GATE,
	ROLE_UP,
	ROLE_GATE_UP,
	ROLE_DOWN,
	ROLE_POOLER, /* what stands before a classification head */
	ROLE_POOLER_NORM,
	ROLE_CLASSIFIER,
	ROLE_COUNT,
};

struct scheme {
	/* What may stand before every name but those of <heads>; "" ends. */
	const char *const *prefixes;
	const char *layers; /* "layers.": what opens a layer's tensor */
	/* By role, without ".weight"; '#' stands for the layer's number and
	 * a leading '/' for "no prefix". NULL: the family has no such part. */
	const char *names[ROLE_COUNT];
};

enum activation {
	ACTIVATION_SILU,
	ACTIVATION_GELU,      /* with erf */
	ACTIVATION_GELU_TANH, /* its approximation */
	ACTIVATION_RELU,
	ACTIVATION_TANH,
};

/* Settings where a checkpoint is silent; 0: it must say. */
struct family_defaults {
	uint32_t n_heads, n_kv_heads, head_dim, vocab, max_positions;
	uint32_t window, pattern;
	double norm_eps, rope_theta, local_theta, attn_scalar;
	enum activation activation;
};

struct family {
	const char *model_type;   /* in config.json */
	const char *architecture; /* in GGUF; NULL: not there */
	unsigned traits;
	const struct scheme *scheme, *gguf_scheme;
	enum activation pooled; /* of what stands before a classifier */
	struct family_defaults defaults;
};

/* The family of that model_type, or of that GGUF architecture; or NULL. */
const struct family *family_find(struct span model_type);
const struct family *family_find_gguf(struct span architecture);

/* The names of all families, for messages: "llama, mistral, ...". */
const char *family_names(void);

#endif
