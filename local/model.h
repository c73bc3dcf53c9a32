/* model.h -- open-weight models: opening one, feeding it tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_MODEL_H
#define LOCAL_MODEL_H

#include "base/base.h"

/*
 * A model is a Hugging Face checkpoint directory, a .safetensors file with its
 * config.json beside it, or a .gguf file. It is opened once, mapped and
 * checked, and then used through sessions (text so far, one token after the
 * other), or whole texts at a time (embeddings, classes). Everything here takes
 * and gives token ids: the tokenizer is another part.
 *
 * Any thread may call; calls on one model take turns, its own threads share
 * the work of each.
 */
struct model;
struct session;

struct model_options {
	uint32_t threads;  /* of arithmetic, the caller's included; 0: 1 */
	bool is_exact;     /* the plain F32 arithmetic: slow, the oracle */
	uint64_t kv_bytes; /* for all sessions' keys and values; 0: 1 GiB */
	uint32_t chunk;    /* tokens computed at a time; 0: 64 */
	bool shortens; /* products of eight bits: weights that are floats are
			  rounded at load */
	bool is_plan;  /* only to be told of: nothing can be computed, and
			  no memory is taken for it */
};

/* What a classifier's logits become. */
enum model_scores {
	MODEL_SOFTMAX, /* one label of several */
	MODEL_SIGMOID, /* each label by itself */
	MODEL_LOGITS,  /* regression: they are the scores */
};

struct model_info {
	struct span family;      /* "llama", "bert" ... */
	const char *backend;     /* "plain C", "AVX2" ... */
	const char *weight_type; /* of the first layer's feed-forward part */
	uint32_t n_layers, hidden, vocab, context;
	uint32_t n_heads, n_kv_heads, head_dim;
	uint32_t n_labels; /* 0: it does not classify */
	enum model_scores scores;
	bool is_sentences; /* sentence-transformers: texts to embed lose the
			      white space around them */
	uint32_t text_max; /* and what is past so many tokens; 0: nothing */
	bool is_encoder;   /* embeds and classifies; has no sessions */
	bool embeds;       /* an encoder, or it says how it pools */
	uint64_t parameters;
	uint64_t file_bytes;
	uint64_t token_bytes;  /* keys and values of one token */
	uint64_t fixed_bytes;  /* taken once for computing, beside the files */
	uint64_t packed_bytes; /* weights laid out anew, in the files' place */
	uint64_t step_bytes;   /* of weights, read for each token decoded */
	const uint32_t *eos;   /* (n_eos) every id that ends a text */
	uint32_t n_eos;
	uint32_t bos;              /* UINT32_MAX: none said */
	const struct span *labels; /* (n_labels) or NULL */
};

/*
 * Opens the model at <path>; <options> may be NULL. NULL with the file, and
 * the key or tensor in it, named in <err> when it is damaged or asks for what
 * is not supported.
 */
struct model *model_open(const char *path, const struct model_options *options,
    struct error *err) must_check;

/* All sessions must be gone; NULL is fine. */
void model_close(struct model **model);

/*
 * Bytes of keys and values that a text of <tokens> takes, counted beforehand:
 * layers that see a window keep no more than it.
 */
uint64_t model_kv_bytes(const struct model *model, uint32_t tokens);

/* Bounds the keys and values of all sessions; those there are stay. */
void model_limit_kv(struct model *model, uint64_t bytes);

/* What it is; the pointers live as long as the model. */
struct model_info model_info(const struct model *model);

/*
 * Starts an empty text of at most <max_tokens> tokens (0: the model's
 * context). LongRoPE models use their long factors when that is past their
 * original length, so the same text is computed alike from its first token on.
 * NULL when it is past the context or the model is an encoder.
 */
struct session *session_new(
    struct model *model, uint32_t max_tokens, struct error *err) must_check;
void session_free(struct session **session);

/*
 * Appends <n> >= 1 tokens to the text and writes the logits (vocab) that
 * follow the last one to <logits>, unless that is NULL. FAILED when an id is
 * not in the vocabulary or the context would be passed, the text unchanged, or
 * when keys and values do not fit: session_length says how many were taken.
 */
enum result session_feed(struct session *session, const uint32_t *tokens,
    uint32_t n, float *logits, struct error *err) must_check;

/*
 * Appends one token to each of <n> texts of one model, none of them twice,
 * together: what each would give alone, but for the last bits. Writes the
 * logits (n, vocab). FAILED as session_feed, and nothing appended to any.
 */
enum result session_step(struct session *const *sessions,
    const uint32_t *tokens, uint32_t n, float *logits,
    struct error *err) must_check;

/*
 * A step of several texts of one model, none of them twice: <n> >= 1 tokens
 * are appended to each, a whole prompt's next piece or one token, and computed
 * together. Results do not depend on what else is in the step, but for the
 * last bits.
 */
struct session_part {
	struct session *session;
	const uint32_t *tokens; /* (n) */
	uint32_t n;
	float *logits; /* (vocab) that follow the last token; NULL: none */
};

/*
 * FAILED as session_feed, and nothing appended to any; also when the parts
 * have more tokens together than the model's chunk.
 */
enum result session_run(const struct session_part *parts, uint32_t n_parts,
    struct error *err) must_check;

/* Logits (vocab) that follow token <index> of those given; borrowed. */
typedef void (*session_logits_fn)(
    void *arg, uint32_t index, const float *logits);

struct session_watch {
	session_logits_fn fn;
	void *arg;
};

/* The same, giving the logits after every token to <watch>. */
enum result session_score(struct session *session, const uint32_t *tokens,
    uint32_t n, const struct session_watch *watch,
    struct error *err) must_check;

/* Tokens so far. */
uint32_t session_length(const struct session *session);

/*
 * Forgets the tokens from <length> on; false, and nothing changed, when a
 * sliding window has already dropped what the next token would see.
 */
bool session_truncate(struct session *session, uint32_t length) must_check;

/* One text for an encoder, special tokens included. */
struct model_text {
	const uint32_t *tokens; /* (n) */
	const uint32_t *types;  /* (n) token types, or NULL: all 0 */
	uint32_t n;
};

/*
 * Writes an embedding (hidden) of each text to out (n_texts, hidden), pooled
 * and normalised as the checkpoint says. FAILED for an empty or overlong text
 * or an id that is not in the vocabulary.
 */
enum result model_embed(struct model *model, const struct model_text *texts,
    uint32_t n_texts, float *out, struct error *err) must_check;

/* The scores (n_labels) that such logits become, as info.scores says. */
void model_scores_of(
    const struct model *model, const float *logits, float *out);

/* Writes the classifier's logits (n_labels) of one text. */
enum result model_classify(struct model *model, const struct model_text *text,
    float *logits, struct error *err) must_check;

#endif
