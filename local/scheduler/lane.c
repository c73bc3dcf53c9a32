/* lane.c -- a model that serves: coming, going, its share, how it stands. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "local/scheduler/internal.h"

#define BATCH_DEFAULT 8
#define QUEUE_DEFAULT 64
#define ROOM_MIN 256 /* tokens of a text that a lane must have memory for */

/* The most tokens that <bytes> hold, up to <context>. */
static uint32_t tokens_in(
    const struct model *model, uint64_t bytes, uint32_t context)
{
	uint32_t low = 0, high = context;

	while (low < high) {
		uint32_t middle = low + (high - low + 1) / 2;

		if (model_kv_bytes(model, middle) <= bytes)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* Those that keep keys and values, and <added>. */
static uint64_t sum_weights(const struct scheduler *s, const struct lane *added)
{
	uint64_t sum = 0;

	list_for_each(at, &s->lanes) {
		const struct lane *lane = container_of(at, struct lane, link);

		if (!lane->info.is_encoder)
			sum += lane->options.weight;
	}
	return added && !added->info.is_encoder ? sum + added->options.weight
						: sum;
}

static uint64_t share_of(
    const struct scheduler *s, const struct lane *lane, uint64_t sum)
{
	return (
	    uint64_t)((double)s->kv_bytes * lane->options.weight / (double)sum);
}

/* What is published of a lane's share, by what it was last seen to use. */
static void tell_share(struct lane *lane)
{
	struct lane_stats *told = &lane->stats;

	told->kv_max_bytes = lane->kv_max;
	told->kv_free = 0;
	if (lane->info.is_encoder)
		told->kv_free = 1;
	else if (told->kv_used_bytes < lane->kv_max)
		told->kv_free =
		    1 - (double)told->kv_used_bytes / (double)lane->kv_max;
}

void lane_count_memory(struct lane *lane)
{
	if (!lane->info.is_encoder) {
		lane->stats.kv_used_bytes = kv_pool_used(lane->model->kv);
		lane->stats.kv_cached_bytes = kv_pool_idle(lane->model->kv);
	}
	tell_share(lane);
}

/* An idle lane has no step in which it could publish its new share. */
void lane_reshare(struct scheduler *s)
{
	uint64_t sum = sum_weights(s, NULL);

	list_for_each(at, &s->lanes) {
		struct lane *lane = container_of(at, struct lane, link);

		if (lane->info.is_encoder)
			continue;
		lane->kv_max = share_of(s, lane, sum);
		lane->room =
		    tokens_in(lane->model, lane->kv_max, lane->options.context);
		tell_share(lane);
	}
	s->is_resharing = true;
}

static bool has_room(const struct scheduler *s, const struct lane *lane,
    uint64_t sum, struct error *err)
{
	uint64_t share = share_of(s, lane, sum);
	uint32_t least =
	    lane->options.context < ROOM_MIN ? lane->options.context : ROOM_MIN;
	uint32_t tokens;

	if (lane->info.is_encoder)
		return true;
	tokens = tokens_in(lane->model, share, lane->options.context);
	if (tokens >= least)
		return true;
	error_set(err,
	    "%s: its share of the memory for keys and values, %llu bytes, "
	    "holds a text of %u tokens: at least %u are needed, %llu bytes",
	    lane->options.name, (unsigned long long)share, tokens, least,
	    (unsigned long long)model_kv_bytes(lane->model, least));
	return false;
}

/* Whether every lane still holds a text beside <added>. */
static bool fits(
    const struct scheduler *s, const struct lane *added, struct error *err)
{
	uint64_t sum = sum_weights(s, added);

	if (!has_room(s, added, sum, err))
		return false;
	list_for_each(at, &s->lanes) {
		if (!has_room(s, container_of(at, struct lane, link), sum, err))
			return false;
	}
	return true;
}

static void free_lane(struct lane *lane)
{
	queue_forget_all(lane);
	prefix_free(&lane->prefix);
	grammar_vocab_unref(&lane->vocab);
	free(lane->vocab_error);
	free(lane->bound);
	free((void *)(uintptr_t)lane->options.name);
	free(lane->logits);
	free(lane->parts);
	free(lane->planned);
	free(lane);
}

static void fill_options(struct lane *lane, const struct lane_options *options)
{
	struct lane_options *o = &lane->options;
	uint32_t chunk = lane->model->chunk;

	*o = *options;
	o->name = mem_strdup(options->name ? options->name : "local");
	if (!o->weight)
		o->weight = 1;
	if (!o->batch)
		o->batch = BATCH_DEFAULT;
	if (o->batch > chunk)
		o->batch = chunk;
	if (!o->context || o->context > lane->info.context)
		o->context = lane->info.context;
	if (!o->queue)
		o->queue = QUEUE_DEFAULT;
	if (!o->budget || o->budget > chunk)
		o->budget = chunk;
	lane->room = o->context;
	lane->turn.weight = o->weight;
}

static struct lane *make_lane(struct scheduler *scheduler,
    const struct checkpoint *checkpoint, const struct lane_options *options)
{
	struct lane *lane = mem_new(struct lane);
	uint32_t batch;

	lane->scheduler = scheduler;
	lane->checkpoint = checkpoint;
	lane->model = checkpoint_model(checkpoint);
	lane->info = model_info(lane->model);
	list_init(&lane->link);
	list_init(&lane->arrivals);
	list_init(&lane->waiting);
	list_init(&lane->running);
	list_init(&lane->tenants);
	fill_options(lane, options);
	if (lane->info.is_encoder)
		return lane;
	batch = lane->options.batch;
	lane->ends = ends_collect(checkpoint);
	lane->prefix =
	    prefix_new(lane->model->kv, !lane->options.keeps_no_prefix);
	lane->parts = mem_alloc(batch * sizeof(*lane->parts));
	lane->planned = mem_alloc(batch * sizeof(*lane->planned));
	lane->bound = mem_alloc(batch * sizeof(*lane->bound));
	lane->logits =
	    mem_alloc((size_t)batch * lane->info.vocab * sizeof(*lane->logits));
	return lane;
}

struct lane *lane_new(struct scheduler *scheduler,
    const struct checkpoint *checkpoint, const struct lane_options *options,
    struct error *err)
{
	struct lane *lane = make_lane(scheduler, checkpoint, options);
	bool is_in;

	pthread_mutex_lock(&scheduler->lock);
	is_in = fits(scheduler, lane, err);
	if (is_in) {
		list_push_back(&scheduler->lanes, &lane->link);
		lane_reshare(scheduler);
		pthread_cond_signal(&scheduler->work);
	}
	lane_count_memory(lane);
	pthread_mutex_unlock(&scheduler->lock);
	if (is_in)
		return lane;
	free_lane(lane);
	return NULL;
}

void lane_close(struct lane **lane, int64_t grace_ns)
{
	struct lane *l = *lane;
	struct scheduler *s;

	if (!l)
		return;
	s = l->scheduler;
	pthread_mutex_lock(&s->lock);
	l->is_closing = true;
	l->close_at = clock_mono_ns() + grace_ns;
	pthread_cond_signal(&s->work);
	while (!l->is_gone)
		pthread_cond_wait(&s->gone, &s->lock);
	pthread_mutex_unlock(&s->lock);
	free_lane(l);
	*lane = NULL;
}

/* --- how it stands -------------------------------------------------------- */

void lane_publish(struct lane *lane)
{
	struct scheduler *s = lane->scheduler;

	lane->now.waiting = lane->n_jobs - lane->n_running;
	lane->now.running = lane->n_running;
	pthread_mutex_lock(&s->lock);
	lane->stats = lane->now;
	lane_count_memory(lane);
	lane->is_blocked = lane->waits_for_memory;
	lane->leave_ns = (int64_t)lane->leave;
	pthread_mutex_unlock(&s->lock);
}

void lane_stats(const struct lane *lane, struct lane_stats *out)
{
	struct scheduler *s = lane->scheduler;

	pthread_mutex_lock(&s->lock);
	*out = lane->stats;
	out->waiting += lane->n_arrivals;
	out->refused += lane->n_refused;
	pthread_mutex_unlock(&s->lock);
}
