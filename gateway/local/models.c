/* models.c -- which local models there are, and how long they live. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/models.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/local/model.h"

/* What the end waits for a model that is in the middle of its loading. */
#define LEAVE_AFTER_S 2

/* --- the registry's life -------------------------------------------------- */

struct local_models *local_models_new(
    const struct config_engine *engine, struct metrics *metrics)
{
	struct local_models *models = mem_new(struct local_models);
	pthread_condattr_t attributes;

	pthread_mutex_init(&models->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&models->change, &attributes);
	pthread_condattr_destroy(&attributes);
	models->engine = *engine;
	models->engine.threads_text = NULL;
	models->metrics = metrics;
	list_init(&models->models);
	return models;
}

/* Waits until all models are freed, or only one that loads is left. */
static bool wait_for_all(struct local_models *models)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LEAVE_AFTER_S;
	while (models->alive > 0) {
		if (!models->loading)
			pthread_cond_wait(&models->change, &models->lock);
		else if (pthread_cond_timedwait(&models->change, &models->lock,
			     &until) == ETIMEDOUT)
			return false;
	}
	return true;
}

void local_models_free(struct local_models **models)
{
	struct local_models *old = *models;
	bool is_over;

	*models = NULL;
	if (!old)
		return;
	pthread_mutex_lock(&old->lock);
	old->is_closing = true;
	pthread_cond_broadcast(&old->change);
	is_over = wait_for_all(old);
	pthread_mutex_unlock(&old->lock);
	if (!is_over) {
		log_info(NULL, "local_model_left",
		    "text=\"it was loading; the process ends without it\"");
		return;
	}
	scheduler_free(&old->scheduler);
	pthread_cond_destroy(&old->change);
	pthread_mutex_destroy(&old->lock);
	free(old);
}

/* --- a model's life ------------------------------------------------------- */

/* One that has failed is not found: whoever reloads wants it tried again. */
static bool is_same(
    const struct local_model *model, const struct config_model *config)
{
	const struct config_local *a = &model->settings;
	const struct config_local *b = config->local;

	/* The identity has what else shapes answers. */
	return local_model_state(model) != LOCAL_FAILED &&
	       !strcmp(model->name, config->name) &&
	       !strcmp(a->identity, b->identity) && a->batch == b->batch &&
	       a->weight == b->weight;
}

static struct local_model *find(
    const struct local_models *models, const struct config_model *config)
{
	list_for_each(link, &models->models) {
		struct local_model *model =
		    container_of(link, struct local_model, link);

		if (is_same(model, config))
			return model;
	}
	return NULL;
}

static struct local_model *make(
    struct local_models *models, const struct config_model *config)
{
	const struct config_local *local = config->local;
	struct local_model *model = mem_new(struct local_model);

	model->models = models;
	model->references = 2; /* the caller's, and that of its loading */
	model->stage = "waiting";
	model->began_ns = clock_mono_ns();
	model->name = mem_strdup(config->name);
	model->settings = (struct config_local){
	    .path = mem_strdup(local->path),
	    .identity = mem_strdup(local->identity),
	    .backend = local->backend,
	    .context = local->context,
	    .batch = local->batch,
	    .weight = local->weight,
	    .int8 = local->int8,
	};
	local_series_find(model, models->metrics);
	metric_set(model->series.state, LOCAL_LOADING);
	return model;
}

/* A thread that nobody joins, without signals: they are the control's. */
static bool start_thread(void *(*fn)(void *), void *arg)
{
	sigset_t all, before;
	pthread_t thread;
	bool is_started;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	is_started = pthread_create(&thread, NULL, fn, arg) == 0;
	if (is_started)
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return is_started;
}

static void fail_to_start(struct local_model *model)
{
	error_set(&model->error, "cannot start a thread to load it");
	log_error(NULL, "local_model_failed", "model=%s why=\"%s\"",
	    model->name, model->error.text);
	atomic_store(&model->state, LOCAL_FAILED);
	metric_set(model->series.state, LOCAL_FAILED);
	local_model_unref(&model);
}

struct local_model *local_models_get(
    struct local_models *models, const struct config_model *config)
{
	struct local_model *model;
	bool is_new = false;

	pthread_mutex_lock(&models->lock);
	model = find(models, config);
	if (model) {
		atomic_fetch_add(&model->references, 1);
	} else {
		model = make(models, config);
		list_push_back(&models->models, &model->link);
		models->alive++;
		is_new = true;
	}
	pthread_mutex_unlock(&models->lock);
	if (is_new && !start_thread(local_load, model))
		fail_to_start(model);
	return model;
}

struct local_model *local_model_ref(struct local_model *model)
{
	atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
	return model;
}

static void *close_it(void *arg)
{
	pthread_setname_np(pthread_self(), "model-close");
	local_close(arg);
	return NULL;
}

/*
 * The last reference is given up under the registry's lock: whoever finds the
 * model in the list there may still take one.
 */
void local_model_unref(struct local_model **model)
{
	struct local_model *old = *model;
	struct local_models *models;
	bool is_last;
	unsigned n;

	*model = NULL;
	if (!old)
		return;
	n = atomic_load(&old->references);
	while (n > 1)
		if (atomic_compare_exchange_weak(&old->references, &n, n - 1))
			return;
	models = old->models;
	pthread_mutex_lock(&models->lock);
	is_last = atomic_fetch_sub(&old->references, 1) == 1;
	if (is_last)
		list_remove(&old->link);
	pthread_mutex_unlock(&models->lock);
	if (is_last && !start_thread(close_it, old))
		local_close(old);
}

/* --- how it stands -------------------------------------------------------- */

enum local_state local_model_state(const struct local_model *model)
{
	return (enum local_state)atomic_load_explicit(
	    &model->state, memory_order_acquire);
}

const char *local_state_name(enum local_state state)
{
	static const char *const names[] = {
	    [LOCAL_LOADING] = "loading",
	    [LOCAL_READY] = "ready",
	    [LOCAL_FAILED] = "failed",
	    [LOCAL_CLOSED] = "closed",
	};

	return names[state];
}

void local_model_error(const struct local_model *model, struct error *text)
{
	text->text[0] = '\0';
	if (local_model_state(model) == LOCAL_FAILED)
		*text = model->error;
}

const char *local_model_stage(
    const struct local_model *model, int64_t *loading_ns)
{
	*loading_ns = atomic_load(&model->load_ns);
	if (*loading_ns == 0)
		*loading_ns = clock_mono_ns() - model->began_ns;
	return atomic_load(&model->stage);
}

const struct local_parts *local_model_parts(const struct local_model *model)
{
	return local_model_state(model) == LOCAL_READY ? &model->parts : NULL;
}

void local_model_stats(
    const struct local_model *model, struct lane_stats *stats)
{
	const struct local_parts *parts = local_model_parts(model);

	*stats = (struct lane_stats){.waiting = 0};
	if (parts)
		lane_stats(parts->lane, stats);
}

void local_models_count(struct local_models *models)
{
	pthread_mutex_lock(&models->lock);
	list_for_each(link, &models->models)
		local_series_update(
		    container_of(link, struct local_model, link));
	pthread_mutex_unlock(&models->lock);
}
