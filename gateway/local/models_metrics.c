/* models_metrics.c -- what the metrics say of local models. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/model.h"

static struct metric *two(struct metrics *metrics, enum gateway_metric id,
    const char *model, const char *value)
{
	return metrics_get(metrics, id, (const char *const[]){model, value});
}

void local_series_find(struct local_model *model, struct metrics *metrics)
{
	struct local_series *s = &model->series;
	const char *name = model->name;
	const struct {
		struct metric **series;
		enum gateway_metric id;
		const char *label; /* NULL: it has the model's only */
	} rows[] = {
	    {&s->state, METRIC_LOCAL_STATE, NULL},
	    {&s->load_seconds, METRIC_LOCAL_LOAD, NULL},
	    {&s->weight_bytes, METRIC_LOCAL_WEIGHTS, NULL},
	    {&s->kv_used, METRIC_LOCAL_KV, "used"},
	    {&s->kv_cached, METRIC_LOCAL_KV, "cached"},
	    {&s->kv_max, METRIC_LOCAL_KV, "max"},
	    {&s->waiting, METRIC_LOCAL_TEXTS, "waiting"},
	    {&s->running, METRIC_LOCAL_TEXTS, "running"},
	    {&s->finished, METRIC_LOCAL_ENDED, "finished"},
	    {&s->cancelled, METRIC_LOCAL_ENDED, "cancelled"},
	    {&s->failed, METRIC_LOCAL_ENDED, "failed"},
	    {&s->refused, METRIC_LOCAL_ENDED, "refused"},
	    {&s->preempted, METRIC_LOCAL_PREEMPTED, NULL},
	    {&s->steps, METRIC_LOCAL_STEPS, NULL},
	    {&s->rows, METRIC_LOCAL_ROWS, NULL},
	    {&s->prompt, METRIC_LOCAL_TOKENS, "prompt"},
	    {&s->cached, METRIC_LOCAL_TOKENS, "cached"},
	    {&s->output, METRIC_LOCAL_TOKENS, "output"},
	    {&s->recomputed, METRIC_LOCAL_TOKENS, "recomputed"},
	    {&s->busy, METRIC_LOCAL_BUSY, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		*rows[i].series = two(metrics, rows[i].id, name, rows[i].label);
}

static void set_gauges(
    const struct local_series *s, const struct lane_stats *now)
{
	metric_set(s->waiting, now->waiting);
	metric_set(s->running, now->running);
	metric_set(s->kv_used, (int64_t)now->kv_used_bytes);
	metric_set(s->kv_cached, (int64_t)now->kv_cached_bytes);
	metric_set(s->kv_max, (int64_t)now->kv_max_bytes);
}

static void add(struct metric *metric, uint64_t now, uint64_t before)
{
	metric_add(metric, (int64_t)(now - before));
}

void local_series_update(struct local_model *model)
{
	const struct local_series *s = &model->series;
	const struct lane_stats *old = &model->told;
	const struct model_info *info = &model->parts.info;
	struct lane_stats now;

	metric_set(s->state, local_model_state(model));
	if (local_model_state(model) != LOCAL_READY)
		return;
	lane_stats(model->parts.lane, &now);
	metric_set(
	    s->weight_bytes, (int64_t)(info->file_bytes + info->packed_bytes));
	set_gauges(s, &now);
	add(s->finished, now.finished, old->finished);
	add(s->cancelled, now.cancelled, old->cancelled);
	add(s->failed, now.failed, old->failed);
	add(s->refused, now.refused, old->refused);
	add(s->preempted, now.preempted, old->preempted);
	add(s->steps, now.steps, old->steps);
	add(s->rows, now.rows, old->rows);
	add(s->prompt, now.prompt_tokens, old->prompt_tokens);
	add(s->cached, now.cached_tokens, old->cached_tokens);
	add(s->output, now.output_tokens, old->output_tokens);
	add(s->recomputed, now.recomputed_tokens, old->recomputed_tokens);
	add(s->busy, now.busy_ns, old->busy_ns);
	model->told = now;
}

void local_series_clear(struct local_model *model)
{
	const struct lane_stats none = {.waiting = 0};

	metric_set(model->series.state, LOCAL_CLOSED);
	metric_set(model->series.weight_bytes, 0);
	set_gauges(&model->series, &none);
}
