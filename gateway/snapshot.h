/* snapshot.h -- a configuration in force, and what it points at. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_SNAPSHOT_H
#define GATEWAY_SNAPSHOT_H

#include "gateway/answer_cache.h"
#include "gateway/config.h"
#include "gateway/local/models.h"
#include "gateway/upstream.h"

/*
 * The immutable view that a request keeps from its first step to its last: the
 * configuration and, beside each model, its upstream. A worker has one current
 * snapshot and swaps it whole when told to; each request holds a reference.
 */
struct snapshot {
	struct config *config;
	struct upstream **upstreams; /* (n_models) */
	struct local_model **locals; /* (n_models) NULL: an upstream's */
	struct answer_cache *cache;  /* NULL: none */
	_Atomic unsigned references;
};

/* Takes over the references to <config> and <cache> (NULL: none). */
struct snapshot *snapshot_new(struct config *config,
    struct upstreams *upstreams, struct answer_cache *cache);

/*
 * Takes references to the local models that the configuration names; those
 * that are new begin to load. From the control thread, before it is used.
 */
void snapshot_find_locals(
    struct snapshot *snapshot, struct local_models *models);

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot **snapshot);

/* How each model stands at <now_ns>, into <load> (n_models). */
void snapshot_load(
    const struct snapshot *snapshot, int64_t now_ns, struct router_load *load);

#endif
