/* embed.c -- whole texts: embeddings and classes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "local/model/model.h"

/* Tokens that go through the layers together, whole texts only. */
#define BATCH_TOKENS 256

static enum result check_text(
    const struct model *model, const struct model_text *text, struct error *err)
{
	const struct config *c = &model->parts.config;

	if (text->n == 0 || text->n > model_context(model)) {
		error_set(err, "a text of %u tokens: must be 1 to %u", text->n,
		    model_context(model));
		return FAILED;
	}
	for (uint32_t i = 0; i < text->n; i++) {
		if (text->tokens[i] >= c->vocab) {
			error_set(err, "token %u: id %u is not below %u", i,
			    text->tokens[i], c->vocab);
			return FAILED;
		}
		if (text->types && c->n_types && text->types[i] >= c->n_types) {
			error_set(err, "token %u: type %u is not below %u", i,
			    text->types[i], c->n_types);
			return FAILED;
		}
	}
	return OK;
}

static void fill_rows(const struct model *model, const struct model_text *text,
    struct kv *kv, struct row *rows)
{
	const struct rope *rope = &model->parts.rope[LAYER_FULL];

	for (uint32_t i = 0; i < text->n; i++)
		rows[i] = (struct row){
		    .token = text->tokens[i],
		    .position = i,
		    .type = text->types ? text->types[i] : 0,
		    .is_long = text->n > rope->original,
		    .kv = kv,
		};
}

/* out (hidden) of the hidden states (n, hidden) of one text. */
static void pool_states(const struct config *c, enum pooling pooling,
    const float *hidden, uint32_t n, float *out)
{
	size_t at = pooling == POOLING_LAST ? (size_t)(n - 1) * c->hidden : 0;

	if (pooling != POOLING_MEAN) {
		memcpy(out, hidden + at, c->hidden * sizeof(*out));
		return;
	}
	for (uint32_t k = 0; k < c->hidden; k++) {
		double sum = 0;

		for (uint32_t i = 0; i < n; i++)
			sum += (double)hidden[(size_t)i * c->hidden + k];
		out[k] = (float)(sum / n);
	}
}

static void normalise(float *x, uint32_t n)
{
	double square = 0, length;

	for (uint32_t i = 0; i < n; i++)
		square += (double)x[i] * (double)x[i];
	length = fmax(sqrt(square), 1e-12);
	for (uint32_t i = 0; i < n; i++)
		x[i] = (float)((double)x[i] / length);
}

/* Texts that go through the layers at once. */
struct batch {
	const struct model_text *texts; /* (n) */
	uint32_t n, tokens;
	struct kv *kvs;   /* (n) */
	struct row *rows; /* (tokens) */
};

/* The hidden states (tokens, hidden) of a batch, or NULL. */
static const float *run_batch(
    struct model *model, struct batch *b, struct error *err)
{
	const float *hidden = NULL;
	enum result result = OK;
	uint32_t at = 0;

	b->kvs = mem_alloc(b->n * sizeof(*b->kvs));
	b->rows = mem_alloc(b->tokens * sizeof(*b->rows));
	for (uint32_t i = 0; i < b->n; i++) {
		kv_init(&b->kvs[i], model->kv);
		if (result == OK)
			result = kv_grow(&b->kvs[i], b->texts[i].n, err);
		fill_rows(model, &b->texts[i], &b->kvs[i], b->rows + at);
		at += b->texts[i].n;
	}
	if (result == OK)
		hidden = forward_run(model->forward, b->rows, b->tokens);
	for (uint32_t i = 0; i < b->n; i++)
		kv_clear(&b->kvs[i]);
	free(b->kvs);
	free(b->rows);
	return hidden;
}

static enum result embed_batch(
    struct model *model, struct batch *b, float *out, struct error *err)
{
	const struct config *c = &model->parts.config;
	const float *hidden = run_batch(model, b, err);

	if (!hidden)
		return FAILED;
	for (uint32_t i = 0; i < b->n; i++) {
		float *one = out + (size_t)i * c->hidden;

		pool_states(c, c->pooling, hidden, b->texts[i].n, one);
		if (c->is_normalised)
			normalise(one, c->hidden);
		hidden += (size_t)b->texts[i].n * c->hidden;
	}
	return OK;
}

enum result model_embed(struct model *model, const struct model_text *texts,
    uint32_t n_texts, float *out, struct error *err)
{
	size_t hidden = model->parts.config.hidden;
	enum result result = OK;
	uint32_t i = 0;

	for (i = 0; i < n_texts; i++) {
		if (check_text(model, &texts[i], err) != OK) {
			error_prefix(err, "text %u", i);
			return FAILED;
		}
	}
	pthread_mutex_lock(&model->turn);
	for (i = 0; i < n_texts && result == OK;) {
		struct batch b = {.texts = texts + i};

		while (
		    i + b.n < n_texts &&
		    (b.n == 0 || b.tokens + texts[i + b.n].n <= BATCH_TOKENS))
			b.tokens += texts[i + b.n++].n;
		result = embed_batch(model, &b, out + i * hidden, err);
		i += b.n;
	}
	pthread_mutex_unlock(&model->turn);
	return result;
}

void model_scores_of(const struct model *model, const float *logits, float *out)
{
	struct model_info info = model_info(model);
	double sum = 0, max = -HUGE_VAL;

	for (uint32_t i = 0; i < info.n_labels; i++)
		max = fmax(max, (double)logits[i]);
	for (uint32_t i = 0; i < info.n_labels; i++)
		sum += exp((double)logits[i] - max);
	for (uint32_t i = 0; i < info.n_labels; i++) {
		double x = (double)logits[i];

		if (info.scores == MODEL_SOFTMAX)
			x = exp(x - max) / sum;
		else if (info.scores == MODEL_SIGMOID)
			x = 1 / (1 + exp(-x));
		out[i] = (float)x;
	}
}

enum result model_classify(struct model *model, const struct model_text *text,
    float *logits, struct error *err)
{
	const struct config *c = &model->parts.config;
	struct batch b = {.texts = text, .n = 1, .tokens = text->n};
	const float *hidden;
	float *pooled;

	if (!c->has_classifier) {
		error_set(err, "the model has no classification head");
		return FAILED;
	}
	if (check_text(model, text, err) != OK)
		return FAILED;
	pooled = mem_alloc(c->hidden * sizeof(*pooled));
	pthread_mutex_lock(&model->turn);
	hidden = run_batch(model, &b, err);
	if (hidden) {
		pool_states(c, c->classifier_pooling, hidden, text->n, pooled);
		forward_classify(model->forward, pooled, logits);
	}
	pthread_mutex_unlock(&model->turn);
	free(pooled);
	return hidden ? OK : FAILED;
}
