/* session.c -- a text so far: feeding tokens, getting logits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "local/model/model.h"

struct session {
	struct model *model;
	struct kv kv;
	uint32_t length, max;
	bool is_long; /* LongRoPE */
};

bool model_is_long(const struct model *model, uint32_t max_tokens)
{
	return max_tokens > model->parts.rope[LAYER_FULL].original;
}

struct session *session_new(
    struct model *model, uint32_t max_tokens, struct error *err)
{
	const struct config *c = &model->parts.config;
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
	session->is_long = model_is_long(model, session->max);
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

/* Drops room that was made and not used. */
static void shrink(struct session *s)
{
	bool is_done = kv_truncate(&s->kv, s->length);

	assert(is_done); /* no window has passed it, nobody else reads it */
	(void)is_done;
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

/* --- one step ------------------------------------------------------------- */

/* Room for every part's tokens, or nothing changed. */
static enum result make_room(
    const struct session_part *parts, uint32_t n_parts, struct error *err)
{
	for (uint32_t i = 0; i < n_parts; i++) {
		struct session *s = parts[i].session;

		if (check_tokens(s, parts[i].tokens, parts[i].n, err) == OK &&
		    kv_grow(&s->kv, s->length + parts[i].n, err) == OK)
			continue;
		if (n_parts > 1)
			error_prefix(err, "text %u", i);
		while (i-- > 0)
			shrink(parts[i].session);
		return FAILED;
	}
	return OK;
}

static void fill_rows(
    const struct session_part *parts, uint32_t n_parts, struct row *row)
{
	for (uint32_t i = 0; i < n_parts; i++) {
		struct session *s = parts[i].session;

		for (uint32_t k = 0; k < parts[i].n; k++)
			*row++ = (struct row){
			    .token = parts[i].tokens[k],
			    .position = s->length + k,
			    .is_long = s->is_long,
			    .kv = &s->kv,
			};
	}
}

/* Logits of the last states, gathered, <n> of them for <wants>. */
static void write_logits(struct model *model, uint32_t n, float *const *wants)
{
	size_t vocab = model->parts.config.vocab;
	struct heads *heads = &model->heads;

	if (n == 1) {
		forward_head(model->forward, heads->states, 1, wants[0]);
		return;
	}
	forward_head(model->forward, heads->states, n, heads->logits);
	for (uint32_t i = 0; i < n; i++)
		memcpy(wants[i], heads->logits + i * vocab,
		    vocab * sizeof(*wants[i]));
}

/* Gathers the state (hidden) of each part's last token whose logits count. */
static void compute_heads(struct model *model, const struct session_part *parts,
    uint32_t n_parts, const float *hidden)
{
	size_t width = model->parts.config.hidden;
	struct heads *heads = &model->heads;
	float *wants[HEAD_ROWS];
	uint32_t n = 0;

	if (!heads->states) {
		heads->states =
		    mem_alloc(HEAD_ROWS * width * sizeof(*heads->states));
		heads->logits =
		    mem_alloc((size_t)HEAD_ROWS * model->parts.config.vocab *
			      sizeof(*heads->logits));
	}
	for (uint32_t i = 0; i < n_parts; i++) {
		hidden += parts[i].n * width;
		if (!parts[i].logits)
			continue;
		memcpy(heads->states + n * width, hidden - width,
		    width * sizeof(*hidden));
		wants[n++] = parts[i].logits;
		if (n == HEAD_ROWS) {
			write_logits(model, n, wants);
			n = 0;
		}
	}
	if (n > 0)
		write_logits(model, n, wants);
}

/* The model's turn is the caller's. */
static enum result run_parts(struct model *model,
    const struct session_part *parts, uint32_t n_parts, struct error *err)
{
	struct row *rows;
	uint32_t n = 0;

	if (make_room(parts, n_parts, err) != OK)
		return FAILED;
	for (uint32_t i = 0; i < n_parts; i++)
		n += parts[i].n;
	rows = mem_alloc(n * sizeof(*rows));
	fill_rows(parts, n_parts, rows);
	compute_heads(
	    model, parts, n_parts, forward_run(model->forward, rows, n));
	for (uint32_t i = 0; i < n_parts; i++) {
		struct session *s = parts[i].session;

		s->length += parts[i].n;
		kv_slide(&s->kv, s->length);
	}
	free(rows);
	return OK;
}

enum result session_run(
    const struct session_part *parts, uint32_t n_parts, struct error *err)
{
	struct model *model = parts[0].session->model;
	enum result result;
	uint64_t n = 0;

	for (uint32_t i = 0; i < n_parts; i++)
		n += parts[i].n;
	if (n > model->chunk) {
		error_set(err, "a step of %llu tokens: at most %u",
		    (unsigned long long)n, model->chunk);
		return FAILED;
	}
	pthread_mutex_lock(&model->turn);
	result = run_parts(model, parts, n_parts, err);
	pthread_mutex_unlock(&model->turn);
	return result;
}

enum result session_step(struct session *const *sessions,
    const uint32_t *tokens, uint32_t n, float *logits, struct error *err)
{
	struct model *model = sessions[0]->model;
	size_t vocab = model->parts.config.vocab;
	struct session_part *parts = mem_alloc(n * sizeof(*parts));
	enum result result;

	for (uint32_t i = 0; i < n; i++)
		parts[i] = (struct session_part){
		    sessions[i], &tokens[i], 1, logits + i * vocab};
	pthread_mutex_lock(&model->turn);
	result = run_parts(model, parts, n, err);
	pthread_mutex_unlock(&model->turn);
	free(parts);
	return result;
}

/*
 * Room is made chunk by chunk, so that layers with a window never hold more
 * than it and a chunk.
 */
enum result session_feed(struct session *session, const uint32_t *tokens,
    uint32_t n, float *logits, struct error *err)
{
	struct model *model = session->model;
	enum result result = check_tokens(session, tokens, n, err);

	if (result != OK)
		return result;
	pthread_mutex_lock(&model->turn);
	for (uint32_t i = 0; i < n && result == OK; i += model->chunk) {
		struct session_part part = {.session = session,
		    .tokens = tokens + i,
		    .n = n - i < model->chunk ? n - i : model->chunk};

		part.logits = i + part.n == n ? logits : NULL;
		result = run_parts(model, &part, 1, err);
	}
	pthread_mutex_unlock(&model->turn);
	return result;
}

/* --- scoring -------------------------------------------------------------- */

/* The tokens of one call, and what came out. */
struct score {
	const uint32_t *tokens;
	uint32_t n;
	const struct session_watch *watch;
	float *some;      /* (HEAD_ROWS, vocab) */
	struct row *rows; /* (chunk) */
};

static void show_logits(struct session *s, const struct score *score,
    const float *hidden, uint32_t first, uint32_t n)
{
	const struct config *c = &s->model->parts.config;
	const struct session_watch *watch = score->watch;

	for (uint32_t i = 0; i < n; i += HEAD_ROWS) {
		uint32_t part = n - i < HEAD_ROWS ? n - i : HEAD_ROWS;

		forward_head(s->model->forward, hidden + (size_t)i * c->hidden,
		    part, score->some);
		for (uint32_t k = 0; k < part; k++)
			watch->fn(watch->arg, first + i + k,
			    score->some + (size_t)k * c->vocab);
	}
}

static enum result score_chunks(
    struct session *s, struct score *score, struct error *err)
{
	struct model *model = s->model;

	for (uint32_t i = 0; i < score->n; i += model->chunk) {
		uint32_t left = score->n - i;
		struct session_part part = {.session = s,
		    .tokens = score->tokens + i,
		    .n = left < model->chunk ? left : model->chunk};

		if (make_room(&part, 1, err) != OK)
			return FAILED;
		fill_rows(&part, 1, score->rows);
		show_logits(s, score,
		    forward_run(model->forward, score->rows, part.n), i,
		    part.n);
		s->length += part.n;
		kv_slide(&s->kv, s->length);
	}
	return OK;
}

enum result session_score(struct session *session, const uint32_t *tokens,
    uint32_t n, const struct session_watch *watch, struct error *err)
{
	struct model *model = session->model;
	struct score score = {.tokens = tokens, .n = n, .watch = watch};
	enum result result;

	if (check_tokens(session, tokens, n, err) != OK)
		return FAILED;
	score.rows = mem_alloc(model->chunk * sizeof(*score.rows));
	score.some = mem_alloc((size_t)HEAD_ROWS * model->parts.config.vocab *
			       sizeof(*score.some));
	pthread_mutex_lock(&model->turn);
	result = score_chunks(session, &score, err);
	pthread_mutex_unlock(&model->turn);
	free(score.rows);
	free(score.some);
	return result;
}

/* --- what it holds -------------------------------------------------------- */

struct kv *session_kv(struct session *session)
{
	return &session->kv;
}

void session_adopted(struct session *session)
{
	session->length = session->kv.length;
	kv_slide(&session->kv, session->length);
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
