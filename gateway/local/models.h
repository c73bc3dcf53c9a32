/* models.h -- the open-weight models that this process answers with. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_MODELS_H
#define GATEWAY_LOCAL_MODELS_H

#include "gateway/config.h"
#include "gateway/local/cost.h"
#include "gateway/metrics.h"
#include "local/local.h"

/*
 * A registry keeps one struct for each local model that some snapshot names,
 * by its name and settings; a reload that names the same again finds it as it
 * is, loaded. A new one loads on a thread of its own, one after the other,
 * while everything else goes on; one that has failed is tried again by the
 * next reload, and one that no snapshot names any more is closed, after its
 * texts. All of them compute on one scheduler.
 */
struct local_models;
struct local_model;

/* <engine> is read once: what it says holds for all models to come. */
struct local_models *local_models_new(
    const struct config_engine *engine, struct metrics *metrics);

/*
 * Ends what runs; every reference must be gone. A model that is in the middle
 * of its loading is given a moment; then its thread is left to the process'
 * end. NULL is fine.
 */
void local_models_free(struct local_models **models);

/*
 * The model that <config> (whose `local` is set) describes, with a reference;
 * one that is not there yet begins to load. From the control thread.
 */
struct local_model *local_models_get(
    struct local_models *models, const struct config_model *config);

/* Brings the metrics of all of them up to date. From the control thread. */
void local_models_count(struct local_models *models);

/* From any thread; the last one closes it (on a thread of its own). */
struct local_model *local_model_ref(struct local_model *model);
void local_model_unref(struct local_model **model);

enum local_state {
	LOCAL_LOADING,
	LOCAL_READY,
	LOCAL_FAILED, /* local_model_error says why */
	LOCAL_CLOSED, /* nothing names it any more */
};
enum local_state local_model_state(const struct local_model *model);

/* "loading", "ready", "failed", "closed". */
const char *local_state_name(enum local_state state);

/* For people; a copy in <text>. "" unless it failed. */
void local_model_error(const struct local_model *model, struct error *text);

/* What loading is at ("weights"), and how long it takes or took. */
const char *local_model_stage(
    const struct local_model *model, int64_t *loading_ns);

/* What there is once it is ready; it lives as long as the reference. */
struct local_parts {
	const struct checkpoint *checkpoint;
	struct lane *lane;
	struct model_info info;
};
const struct local_parts *local_model_parts(const struct local_model *model);

/* How it stands, for the router and the metrics: zeros until it is ready. */
void local_model_stats(
    const struct local_model *model, struct lane_stats *stats);

#endif
