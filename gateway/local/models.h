/* models.h -- the open-weight models that this process answers with. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_MODELS_H
#define GATEWAY_LOCAL_MODELS_H

#include "gateway/config.h"
#include "gateway/metrics.h"
#include "local/local.h"

/*
 * A registry keeps one struct for each local model that some snapshot names,
 * by its name and settings; a reload that names the same again finds it as it
 * is, loaded. A new one loads on a thread of its own while everything else
 * goes on; one that no snapshot names any more is closed, after its texts. All
 * of them compute on one scheduler.
 */
struct local_models;
struct local_model;

struct local_models *local_models_new(struct metrics *metrics);

/* Ends what runs; every reference must be gone. NULL is fine. */
void local_models_free(struct local_models **models);

/*
 * The model that <config> (whose `local` is set) describes, with a reference;
 * one that is not there yet begins to load. From the control thread.
 */
struct local_model *local_models_get(
    struct local_models *models, const struct config_model *config);

/* From any thread; the last one closes it (on a thread of its own). */
struct local_model *local_model_ref(struct local_model *model);
void local_model_unref(struct local_model **model);

enum local_state {
	LOCAL_LOADING,
	LOCAL_READY,
	LOCAL_FAILED, /* local_model_error says why */
};
enum local_state local_model_state(const struct local_model *model);

/* For people; a copy in <text>. "" unless it failed. */
void local_model_error(const struct local_model *model, struct error *text);

/* What there is once it is ready; it lives as long as the reference. */
struct local_parts {
	const struct checkpoint *checkpoint;
	struct lane *lane;
	struct model_info info;
	const struct grammar_vocab *vocab; /* NULL for encoders */
};
const struct local_parts *local_model_parts(const struct local_model *model);

/* How it stands, for the router and the metrics: zeros until it is ready. */
void local_model_stats(
    const struct local_model *model, struct lane_stats *stats);

/*
 * What <busy_ns> of this model's time cost, in nano-dollars, half-even: with
 * the machine's price by the hour (full) or for its power alone (marginal).
 * Models with a price per token are not asked.
 */
int64_t local_cost_nano(
    const struct config_local *local, int64_t busy_ns, bool is_full);

#endif
