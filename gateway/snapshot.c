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
	return snapshot;
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
	answer_cache_unref(&old->cache);
	config_unref(&old->config);
	free(old->upstreams);
	free(old);
}

void snapshot_load(
    const struct snapshot *snapshot, int64_t now_ns, struct router_load *load)
{
	for (size_t i = 0; i < snapshot->config->n_models; i++) {
		struct upstream *upstream = snapshot->upstreams[i];

		load[i] = (struct router_load){
		    .queue = atomic_load_explicit(
			&upstream->in_flight, memory_order_relaxed),
		    .kv_free = 1.0,
		    .is_healthy = upstream_looks_healthy(upstream, now_ns),
		};
	}
}
