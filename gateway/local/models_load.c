/* models_load.c -- the threads on which a local model comes and goes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/model.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "gateway/local/probe.h"

static double seconds_of(int64_t ns)
{
	return (double)ns / (double)NS_PER_S;
}

static void tell_stage(void *arg, const char *what)
{
	struct local_model *model = arg;

	atomic_store(&model->stage, what);
	log_info(NULL, "local_model_loading",
	    "model=%s stage=\"%s\" seconds=%.3f", model->name, what,
	    seconds_of(clock_mono_ns() - model->began_ns));
}

/* --- the parts ------------------------------------------------------------ */

static enum result open_checkpoint(struct local_model *model, struct error *err)
{
	const struct config_engine *engine = &model->models->engine;
	struct model_options options =
	    local_model_options(&model->settings, engine->threads);

	model->checkpoint = checkpoint_open(model->settings.path,
	    &(struct checkpoint_options){
		.parts =
		    CHECKPOINT_TOKENIZER | CHECKPOINT_CHAT | CHECKPOINT_MODEL,
		.model = &options,
		.stage = tell_stage,
		.arg = model,
	    },
	    err);
	return model->checkpoint ? OK : FAILED;
}

static enum result open_lane(struct local_model *model, struct error *err)
{
	struct local_models *models = model->models;
	const struct config_engine *engine = &models->engine;
	const struct scheduler_options all = {
	    .nice = (int)engine->nice, .kv_bytes = (uint64_t)engine->memory};
	const struct lane_options options = {
	    .name = model->name,
	    .weight = (uint32_t)model->settings.weight,
	    .batch = (uint32_t)model->settings.batch,
	    .context = (uint32_t)model->settings.context,
	    .queue = (uint32_t)engine->queue,
	    .wait_ns = engine->wait,
	};

	/* One loads at a time, so nobody else makes it. */
	if (!models->scheduler)
		models->scheduler = scheduler_new(&all, err);
	if (!models->scheduler)
		return FAILED;
	model->parts = (struct local_parts){
	    .checkpoint = model->checkpoint,
	    .info = model_info(checkpoint_model(model->checkpoint)),
	};
	model->parts.lane =
	    lane_new(models->scheduler, model->checkpoint, &options, err);
	return model->parts.lane ? OK : FAILED;
}

/* --- the first token ------------------------------------------------------ */

/* What the scheduler's thread says of the warm-up. */
struct warm_up {
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool is_over;
	enum job_end end;
	struct error err;
};

static void note_end(struct warm_up *w, enum job_end end, const char *error)
{
	pthread_mutex_lock(&w->lock);
	w->is_over = true;
	w->end = end;
	if (end == JOB_FAILED)
		error_set(&w->err, "its first token: %s", error);
	pthread_cond_signal(&w->change);
	pthread_mutex_unlock(&w->lock);
}

static void on_text(void *arg, const struct job_ended *ended)
{
	note_end(arg, ended->end, ended->error);
}

static void on_vector(void *arg, const struct encode_result *result)
{
	note_end(arg, result->end, result->error);
}

static struct job_offer offer_first(
    struct local_model *model, struct warm_up *w, struct error *err)
{
	const struct model_info *info = &model->parts.info;
	const uint32_t token = info->bos < info->vocab ? info->bos : 0;
	const struct model_text text = {.tokens = &token, .n = 1};

	if (info->is_encoder)
		return encode_new(model->parts.lane,
		    &(struct encode_options){
			.texts = &text,
			.n_texts = 1,
			.ended = on_vector,
			.arg = w,
		    },
		    err);
	return job_new(model->parts.lane,
	    &(struct job_options){
		.prompt = &token,
		.n_prompt = 1,
		.generate = {.max_tokens = 1},
		.watch = {.ended = on_text, .arg = w},
	    },
	    err);
}

/* Touches the weights and every part of the way once, before anyone waits. */
static enum result write_first(struct local_model *model, struct error *err)
{
	struct warm_up w = {.is_over = false};
	struct job_offer offer;

	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.change, NULL);
	offer = offer_first(model, &w, err);
	if (offer.refusal == JOB_TAKEN) {
		pthread_mutex_lock(&w.lock);
		while (!w.is_over)
			pthread_cond_wait(&w.change, &w.lock);
		pthread_mutex_unlock(&w.lock);
		job_drop(&offer.job);
	}
	pthread_cond_destroy(&w.change);
	pthread_mutex_destroy(&w.lock);
	if (offer.refusal != JOB_TAKEN)
		return FAILED;
	if (w.end == JOB_FAILED)
		*err = w.err;
	return w.end == JOB_FAILED ? FAILED : OK;
}

/* --- loading -------------------------------------------------------------- */

static void say_ready(const struct local_model *model)
{
	const struct model_info *info = &model->parts.info;
	uint32_t context = (uint32_t)model->settings.context;
	struct lane_stats stats;

	lane_stats(model->parts.lane, &stats);
	log_info(NULL, "local_model_ready",
	    "model=%s seconds=%.3f family=%.*s backend=\"%s\" weights_mib=%llu "
	    "kv_mib=%llu context=%u",
	    model->name, seconds_of(atomic_load(&model->load_ns)),
	    SPAN_FMT(info->family), info->backend,
	    (unsigned long long)((info->file_bytes + info->fixed_bytes) >> 20),
	    (unsigned long long)(stats.kv_max_bytes >> 20),
	    context ? context : info->context);
}

static void end_loading(struct local_model *model, const struct error *err)
{
	enum local_state state = err ? LOCAL_FAILED : LOCAL_READY;

	atomic_store(&model->load_ns, clock_mono_ns() - model->began_ns);
	if (err) {
		model->error = *err;
		log_error(NULL, "local_model_failed",
		    "model=%s seconds=%.3f why=\"%s\"", model->name,
		    seconds_of(atomic_load(&model->load_ns)), err->text);
	} else {
		say_ready(model);
	}
	atomic_store(&model->stage, local_state_name(state));
	atomic_store_explicit(&model->state, (int)state, memory_order_release);
}

/*
 * Whether anybody but its loading still refers to it. If not it leaves the
 * list, under the lock, so that nobody finds what will never be ready.
 */
static bool is_wanted(struct local_model *model)
{
	if (!model->models->is_closing && atomic_load(&model->references) > 1)
		return true;
	list_remove(&model->link);
	return false;
}

static bool go_on(struct local_model *model)
{
	bool wanted;

	pthread_mutex_lock(&model->models->lock);
	wanted = is_wanted(model);
	pthread_mutex_unlock(&model->models->lock);
	return wanted;
}

/* Waits for its turn; false when nobody wants it any more. */
static bool take_turn(struct local_model *model)
{
	struct local_models *models = model->models;
	bool is_mine;

	pthread_mutex_lock(&models->lock);
	while (models->loading && !models->is_closing)
		pthread_cond_wait(&models->change, &models->lock);
	is_mine = is_wanted(model);
	if (is_mine)
		models->loading = model;
	pthread_mutex_unlock(&models->lock);
	return is_mine;
}

/* The registry may be left to its end by now, and the metrics gone. */
static void give_turn_back(struct local_model *model)
{
	struct local_models *models = model->models;

	pthread_mutex_lock(&models->lock);
	models->loading = NULL;
	if (!models->is_closing) {
		metric_add(
		    model->series.load_seconds, atomic_load(&model->load_ns));
		local_series_update(model);
	}
	pthread_cond_broadcast(&models->change);
	pthread_mutex_unlock(&models->lock);
}

/* OK: ready. AGAIN: nobody wants it any more. */
static enum result load(struct local_model *model, struct error *err)
{
	if (open_checkpoint(model, err) != OK)
		return FAILED;
	if (!go_on(model))
		return AGAIN;
	tell_stage(model, "keys and values");
	if (open_lane(model, err) != OK)
		return FAILED;
	tell_stage(model, "first token");
	return write_first(model, err);
}

void *local_load(void *arg)
{
	struct local_model *model = arg;
	enum result result;
	struct error err;

	pthread_setname_np(pthread_self(), "model-load");
	/* The model's own threads of arithmetic inherit it. */
	(void)setpriority(PRIO_PROCESS, 0, (int)model->models->engine.nice);
	if (take_turn(model)) {
		result = load(model, &err);
		if (result != AGAIN)
			end_loading(model, result == OK ? NULL : &err);
		give_turn_back(model);
	}
	local_model_unref(&model);
	return NULL;
}

/* --- closing -------------------------------------------------------------- */

/* Another of the same name may be in the place of one that goes. */
static bool has_twin(const struct local_model *model)
{
	list_for_each(link, &model->models->models) {
		const struct local_model *other =
		    container_of(link, struct local_model, link);

		if (!strcmp(other->name, model->name))
			return true;
	}
	return false;
}

void local_close(struct local_model *model)
{
	struct local_models *models = model->models;
	bool was_ready = local_model_state(model) == LOCAL_READY;

	log_info(NULL, "local_model_closing", "model=%s", model->name);
	pthread_mutex_lock(&models->lock);
	if (!models->is_closing)
		local_series_update(model);
	atomic_store(&model->state, LOCAL_CLOSED);
	if (!models->is_closing && !has_twin(model))
		local_series_clear(model);
	pthread_mutex_unlock(&models->lock);
	if (model->parts.lane)
		lane_close(&model->parts.lane, 0);
	checkpoint_close(&model->checkpoint);
	if (was_ready)
		log_info(NULL, "local_model_closed", "model=%s", model->name);
	free(model->name);
	free(model->settings.path);
	free(model->settings.identity);
	free(model);
	pthread_mutex_lock(&models->lock);
	models->alive--;
	pthread_cond_broadcast(&models->change);
	pthread_mutex_unlock(&models->lock);
}
