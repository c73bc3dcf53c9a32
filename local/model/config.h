/* config.h -- a model's settings, from config.json or from GGUF's keys. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_MODEL_CONFIG_H
#define LOCAL_MODEL_CONFIG_H

#include "local/model/family.h"
#include "local/weights/gguf.h"

/*
 * One struct says all that the arithmetic needs to know, whichever file it
 * came from. Numbers are checked against ranges and against each other, so
 * that no product of them overflows; the tensors' shapes are checked against
 * them when a model is bound to its weights.
 */
#define CONFIG_LAYERS_MAX 1024
#define CONFIG_ROPE_DIMS_MAX 1024
#define CONFIG_EOS_MAX 16

enum layer_kind {
	LAYER_FULL,    /* attends to everything before it (or around it) */
	LAYER_SLIDING, /* to what is nearer than the window */
	LAYER_KINDS,
};

enum rope_type {
	ROPE_NONE,
	ROPE_PLAIN,
	ROPE_LINEAR,
	ROPE_LLAMA3,
	ROPE_YARN,
	ROPE_LONG,
	ROPE_DIVIDED, /* GGUF: each frequency has its divisor in a tensor */
};

/* 0 stands for what was not said, where 0 has no meaning. */
struct rope_settings {
	enum rope_type type;
	uint32_t dims; /* of a head, that turn */
	double theta, factor, attention;
	double low_freq, high_freq;                      /* llama3 */
	double beta_fast, beta_slow, mscale, mscale_all; /* yarn */
	bool keeps_fraction;        /* yarn: "truncate": false */
	double original;            /* positions of the training */
	const float *short_factors; /* (dims / 2) longrope, divided */
	const float *long_factors;  /* (dims / 2) longrope */
};

enum pooling {
	POOLING_NONE,
	POOLING_CLS,
	POOLING_MEAN,
	POOLING_LAST,
};

struct config {
	const struct family *family;
	uint32_t n_layers, hidden, ff;
	uint32_t n_heads, n_kv_heads, head_dim;
	uint32_t vocab, max_positions, n_types, n_labels;
	uint32_t window; /* a causal layer sees window tokens, itself included;
			    one that attends both ways that many each way */
	uint32_t first_position;                  /* of learned positions */
	enum layer_kind kinds[CONFIG_LAYERS_MAX]; /* (n_layers) */
	struct rope_settings rope[LAYER_KINDS];
	bool rope_in_pairs; /* neighbours turn together, not halves */
	double norm_eps, attn_scale, embed_scale;
	double final_softcap; /* 0: none */
	enum activation activation, pooled;
	bool is_tied, has_qkv_bias, has_o_bias, has_mlp_bias, has_norm_bias;
	bool has_pooler_bias, has_classifier_bias;
	bool norm_plus_one;
	enum pooling pooling; /* of embeddings */
	enum pooling classifier_pooling;
	bool has_pooling;   /* the checkpoint says it itself */
	bool is_normalised; /* embeddings have length 1 */
	bool is_sentences;  /* a sentence-transformers checkpoint */
	uint32_t text_max;  /* tokens of a text to embed; 0: not said */
	bool has_classifier;
	bool is_multi_label, is_regression; /* "problem_type" */
	uint32_t eos[CONFIG_EOS_MAX]; /* (n_eos) every id that ends a text */
	uint32_t n_eos;
	uint32_t bos;        /* UINT32_MAX: none said */
	struct span *labels; /* (n_labels) in the arena, or NULL */
};

/*
 * Reads the text of config.json in its old and new shapes, text_config
 * included. Factors and labels are taken from <arena>. FAILED with the key
 * named when one is missing, out of range or asks for what is not supported.
 */
enum result config_from_json(struct span text, struct arena *arena,
    struct config *config, struct error *err) must_check;

/* The same from the keys of a GGUF file. */
enum result config_from_gguf(const struct gguf *gguf, struct config *config,
    struct error *err) must_check;

/* Adds the end-of-text ids of a generation_config.json. */
enum result config_add_generation(struct span text, struct arena *arena,
    struct config *config, struct error *err) must_check;

/* Adds one such id unless it is there. */
void config_add_eos(struct config *config, int64_t id);

/*
 * Reads sentence-transformers' modules.json: <pooling> receives the folder of
 * the pooling module, ptr NULL when there is none. FAILED with the type named
 * of a module that is not supported.
 */
enum result config_read_modules(struct span text, struct arena *arena,
    struct config *config, struct span *pooling, struct error *err) must_check;

/* Reads its sentence_bert_config.json: how texts are cut. */
enum result config_read_sentences(struct span text, struct arena *arena,
    struct config *config, struct error *err) must_check;

/* Reads a sentence-transformers pooling module's config.json. */
enum result config_read_pooling(struct span text, struct arena *arena,
    struct config *config, struct error *err) must_check;

/* What both readers do last: fills what follows from the rest, checks it. */
enum result config_finish(struct config *config, struct error *err) must_check;

#endif
