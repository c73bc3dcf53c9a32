/* session.c -- a text so far: feeding tokens, getting logits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "local/model/model.h"

/* Logits of so many rows are computed at a time when all are wanted. */
#define HEAD_ROWS 16

struct session {
	struct model *model;
	struct kv kv;
	uint32_t length, max;
	bool is_long; /* LongRoPE */
};

struct session *session_new(
    struct model *model, uint32_t max_tokens, struct error *err)
{
	const struct config *c = &model->parts.config;
	const struct rope *rope = &model->parts.rope[LAYER_FULL];
	struct session *session;

	assert(model->forward); /* not a plan */
	if (c->family->traits & TRAIT_ENCODER) {
		error_set(err, "%s is an encoder: it embeds and classifies",
		    c->family->model_type);
		return NULL;
	}
	if (max_tokens > model_context(model)) {
		error_set(err, "%u tokens are past the model's context of %u",
		    max_tokens, model_context(model));
		return NULL;
	}
	session = mem_new(struct session);
	session->model = model;
	session->max = max_tokens ? max_tokens : model_context(model);
	session->is_long = session->max > rope->original;
	kv_init(&session->kv, model->kv);
	return session;
}

void session_free(struct session **session)
{
	if (!*session)
		return;
	kv_clear(&(*session)->kv);
	free(*session);
	*session = NULL;
}

static enum result check_tokens(const struct session *s, const uint32_t *tokens,
    uint32_t n, struct error *err)
{
	uint32_t vocab = s->model->parts.config.vocab;

	if (n == 0 || n > s->max - s->length) {
		error_set(err, "%u tokens after %u: at most %u in all", n,
		    s->length, s->max);
		return FAILED;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (tokens[i] < vocab)
			continue;
		error_set(err, "token %u: id %u is not below %u", i, tokens[i],
		    vocab);
		return FAILED;
	}
	return OK;
}

/* The tokens of one call, where their logits go, and what came out. */
struct feed {
	const uint32_t *tokens;
	uint32_t n;
	float *last;                       /* (vocab) or NULL */
	const struct session_watch *watch; /* or NULL */
	float *some;      /* (HEAD_ROWS, vocab) for the watch */
	struct row *rows; /* (chunk) */
};

static void show_logits(struct session *s, const struct feed *feed,
    const float *hidden, uint32_t first, uint32_t n)
{
	const struct config *c = &s->model->parts.config;

	for (uint32_t i = 0; i < n; i += HEAD_ROWS) {
		uint32_t part = n - i < HEAD_ROWS ? n - i : HEAD_ROWS;

		forward_head(s->model->forward, hidden + (size_t)i * c->hidden,
		    part, feed->some);
		for (uint32_t k = 0; k < part; k++)
			feed->watch->fn(feed->watch->arg, first + i + k,
			    feed->some + (size_t)k * c->vocab);
	}
}

/* Computes tokens <first> .. <first> + n - 1 of the feed. */
static void run_chunk(
    struct session *s, const struct feed *feed, uint32_t first, uint32_t n)
{
	const struct config *c = &s->model->parts.config;
	const float *hidden;

	for (uint32_t i = 0; i < n; i++)
		feed->rows[i] = (struct row){
		    .token = feed->tokens[first + i],
		    .position = s->length + i,
		    .is_long = s->is_long,
		    .kv = &s->kv,
		};
	hidden = forward_run(s->model->forward, feed->rows, n);
	s->length += n;
	if (feed->watch)
		show_logits(s, feed, hidden, first, n);
	else if (feed->last && first + n == feed->n)
		forward_head(s->model->forward,
		    hidden + (size_t)(n - 1) * c->hidden, 1, feed->last);
	kv_slide(&s->kv, s->length);
}

/*
 * Room is made chunk by chunk, so that layers with a window never hold more
 * than it and a chunk.
 */
static enum result run(struct session *s, struct feed *feed, struct error *err)
{
	struct model *model = s->model;
	enum result result = OK;

	feed->rows = mem_alloc(model->chunk * sizeof(*feed->rows));
	if (feed->watch)
		feed->some =
		    mem_alloc((size_t)HEAD_ROWS * model->parts.config.vocab *
			      sizeof(*feed->some));
	pthread_mutex_lock(&model->turn);
	for (uint32_t i = 0; i < feed->n; i += model->chunk) {
		uint32_t n =
		    feed->n - i < model->chunk ? feed->n - i : model->chunk;

		result = kv_grow(&s->kv, s->length + n, err);
		if (result != OK)
			break;
		run_chunk(s, feed, i, n);
	}
	pthread_mutex_unlock(&model->turn);
	free(feed->rows);
	free(feed->some);
	return result;
}

enum result session_feed(struct session *session, const uint32_t *tokens,
    uint32_t n, float *logits, struct error *err)
{
	struct feed feed = {.tokens = tokens, .n = n, .last = logits};

	if (check_tokens(session, tokens, n, err) != OK)
		return FAILED;
	return run(session, &feed, err);
}

enum result session_score(struct session *session, const uint32_t *tokens,
    uint32_t n, const struct session_watch *watch, struct error *err)
{
	struct feed feed = {.tokens = tokens, .n = n, .watch = watch};

	if (check_tokens(session, tokens, n, err) != OK)
		return FAILED;
	return run(session, &feed, err);
}

/* Room for one more token in each text; what was made stays for later. */
static enum result check_steps(struct session *const *sessions,
    const uint32_t *tokens, uint32_t n, struct error *err)
{
	for (uint32_t i = 0; i < n; i++) {
		struct session *s = sessions[i];

		if (check_tokens(s, &tokens[i], 1, err) != OK ||
		    kv_grow(&s->kv, s->length + 1, err) != OK) {
			error_prefix(err, "text %u", i);
			return FAILED;
		}
	}
	return OK;
}

enum result session_step(struct session *const *sessions,
    const uint32_t *tokens, uint32_t n, float *logits, struct error *err)
{
	struct model *model = sessions[0]->model;
	struct row *rows = mem_alloc(n * sizeof(*rows));
	const float *hidden;
	enum result result;

	pthread_mutex_lock(&model->turn);
	result = check_steps(sessions, tokens, n, err);
	for (uint32_t i = 0; i < n && result == OK; i++)
		rows[i] = (struct row){
		    .token = tokens[i],
		    .position = sessions[i]->length++,
		    .is_long = sessions[i]->is_long,
		    .kv = &sessions[i]->kv,
		};
	if (result == OK) {
		hidden = forward_run(model->forward, rows, n);
		forward_head(model->forward, hidden, n, logits);
		for (uint32_t i = 0; i < n; i++)
			kv_slide(&sessions[i]->kv, sessions[i]->length);
	}
	pthread_mutex_unlock(&model->turn);
	free(rows);
	return result;
}

uint32_t session_length(const struct session *session)
{
	return session->length;
}

bool session_truncate(struct session *session, uint32_t length)
{
	if (length >= session->length)
		return true;
	if (!kv_truncate(&session->kv, length))
		return false;
	session->length = length;
	return true;
}
