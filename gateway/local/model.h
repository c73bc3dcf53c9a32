/* model.h -- inside models*.c: one local model and the registry around it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_MODEL_H
#define GATEWAY_LOCAL_MODEL_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/local/models.h"

/* Its series; those of other labels beside them. */
struct local_series {
	struct metric *state, *load_seconds, *weight_bytes;
	struct metric *kv_used, *kv_cached, *kv_max;
	struct metric *waiting, *running;
	struct metric *steps, *rows, *busy;
	struct metric *prompt, *cached, *output, *recomputed;
	struct metric *finished, *cancelled, *failed, *refused, *preempted;
};

/*
 * Settings never change; `parts` is written before `state` says READY, `error`
 * before it says FAILED, and neither after. The registry's lock guards the
 * list, `told` and every step from the last reference to none.
 */
struct local_model {
	struct list link; /* of the registry's, while there are references */
	struct local_models *models;
	_Atomic unsigned references;
	_Atomic int state;           /* enum local_state */
	_Atomic(const char *) stage; /* of its loading; static text */
	_Atomic int64_t load_ns;     /* 0: not over */
	int64_t began_ns;            /* monotonic */
	char *name;
	struct config_local settings; /* path, identity: its own copies */
	struct checkpoint *checkpoint;
	struct local_parts parts;
	struct error error;
	struct local_series series;
	struct lane_stats told; /* what the counters have been told */
};

struct local_models {
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct config_engine engine; /* without its texts */
	struct metrics *metrics;
	struct scheduler *scheduler; /* made by the first that loads */
	struct list models;          /* that have references */
	struct local_model *loading; /* whose turn it is */
	unsigned alive;              /* models that are not freed yet */
	_Atomic bool is_closing;
};

/* The thread that loads <arg>, a model, and drops its reference. */
void *local_load(void *arg);

/* Ends and frees a model that nobody refers to; takes as long as it takes. */
void local_close(struct local_model *model);

void local_series_find(struct local_model *model, struct metrics *metrics);

/* The counters' news since the last time; the registry's lock is held. */
void local_series_update(struct local_model *model);

/* Its gauges say that there is none. */
void local_series_clear(struct local_model *model);

#endif
