/* snapshot.c -- a configuration in force, and what it points at. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>

struct snapshot *snapshot_new(struct config *config,
    struct upstreams *upstreams, struct answer_cache *cache)
{
	struct snapshot *snapshot = mem_new(struct snapshot);

	snapshot->references = 1;
	snapshot->config = config;
	snapshot->cache = cache;
	snapshot->upstreams =
	    mem_zalloc((config->n_models + 1) * sizeof(*snapshot->upstreams));
	for (size_t i = 0; i < config->n_models; i++)
		snapshot->upstreams[i] =
		    upstreams_get(upstreams, config->models[i].name);
	snapshot->locals =
	    mem_zalloc((config->n_models + 1) * sizeof(*snapshot->locals));
	return snapshot;
}

void snapshot_find_locals(
    struct snapshot *snapshot, struct local_models *models)
{
	const struct config *config = snapshot->config;

	for (size_t i = 0; i < config->n_models; i++)
		if (config->models[i].local)
			snapshot->locals[i] =
			    local_models_get(models, &config->models[i]);
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	atomic_fetch_add_explicit(
	    &snapshot->references, 1, memory_order_relaxed);
	return snapshot;
}

void snapshot_unref(struct snapshot **snapshot)
{
	struct snapshot *old = *snapshot;

	*snapshot = NULL;
	if (!old || atomic_fetch_sub_explicit(
			&old->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < old->config->n_models; i++)
		local_model_unref(&old->locals[i]);
	free(old->locals);
	answer_cache_unref(&old->cache);
	config_unref(&old->config);
	free(old->upstreams);
	free(old);
}

/* The marginal price of its tokens, once they have been measured. */
static void price(const struct config_local *local,
    const struct lane_stats *stats, struct router_load *load)
{
	load->input_femto = local_token_femto(local, stats->prompt_token_ns);
	load->output_femto = local_token_femto(local, stats->output_token_ns);
	load->has_price =
	    load->input_femto != MONEY_UNPRICED &&
	    (local->is_encoder || load->output_femto != MONEY_UNPRICED);
}

static void load_local(const struct local_model *model,
    const struct config_local *local, struct router_load *load)
{
	struct lane_stats stats;

	if (local_model_state(model) != LOCAL_READY) {
		load->is_healthy = false;
		return;
	}
	local_model_stats(model, &stats);
	load->queue = (int64_t)stats.waiting + stats.running;
	if (!local->is_encoder)
		load->kv_free = stats.kv_free;
	price(local, &stats, load);
}

void snapshot_load(
    const struct snapshot *snapshot, int64_t now_ns, struct router_load *load)
{
	const struct config *config = snapshot->config;

	for (size_t i = 0; i < config->n_models; i++) {
		struct upstream *upstream = snapshot->upstreams[i];

		load[i] = (struct router_load){
		    .queue = atomic_load_explicit(
			&upstream->in_flight, memory_order_relaxed),
		    .kv_free = 1.0,
		    .is_healthy = upstream_looks_healthy(upstream, now_ns),
		};
		if (snapshot->locals[i])
			load_local(snapshot->locals[i], config->models[i].local,
			    &load[i]);
	}
}
