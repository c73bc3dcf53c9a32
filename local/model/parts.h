/* parts.h -- a model bound to its weights: what the arithmetic reads. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_MODEL_PARTS_H
#define LOCAL_MODEL_PARTS_H

#include "local/model/config.h"
#include "local/model/rope.h"
#include "local/weights/weights.h"

/*
 * Matrices stay in the mapped file, in the file's type; what is small (norms,
 * biases) is copied as F32. A fused tensor becomes several matrices that are
 * ranges of its rows. A part that a family lacks has data NULL.
 */
struct matrix {
	const uint8_t *data; /* (rows, cols), not aligned */
	uint64_t row_bytes;
	uint32_t rows, cols;
	enum tensor_type type;
	const float *bias;  /* (rows) or NULL */
	const void *packed; /* a faster copy that a backend made, or NULL */
};

struct norm {
	const float *weight; /* (n); NULL: no norm here */
	const float *bias;   /* (n) or NULL */
	uint32_t n;
};

struct layer {
	enum layer_kind kind;
	struct norm attn_norm, attn_post_norm; /* (hidden) */
	struct matrix q;            /* (n_heads * head_dim, hidden) */
	struct matrix k;            /* (n_kv_heads * head_dim, hidden) */
	struct matrix v;            /* (n_kv_heads * head_dim, hidden) */
	struct norm q_norm, k_norm; /* (head_dim) */
	struct matrix o;            /* (hidden, n_heads * head_dim) */
	struct norm mlp_norm, mlp_post_norm; /* (hidden) */
	struct matrix gate;                  /* (ff, hidden), or none */
	struct matrix up;                    /* (ff, hidden) */
	struct matrix down;                  /* (hidden, ff) */
};

struct parts {
	struct config config;
	struct matrix embed;     /* (vocab, hidden) */
	struct matrix positions; /* (max_positions, hidden), or none */
	struct matrix types;     /* (n_types, hidden), or none */
	struct norm embed_norm, final_norm; /* (hidden) */
	struct layer *layers;               /* (n_layers) */
	struct matrix head;                 /* (vocab, hidden), or none */
	struct matrix pooler;               /* (hidden, hidden), or none */
	struct norm pooler_norm;            /* (hidden), or none */
	struct matrix classifier;           /* (n_labels, hidden), or none */
	struct rope rope[LAYER_KINDS];
	struct arena arena;
};

/*
 * Finds every part of the model that <parts->config> describes among the
 * tensors and checks its shape and type. What it allocates is in the parts'
 * arena. FAILED with the tensor named that is missing, of another shape, of a
 * type that is not supported, or that lies among the layers unknown.
 */
enum result parts_bind(struct parts *parts, const struct weights *weights,
    struct error *err) must_check;

#endif
