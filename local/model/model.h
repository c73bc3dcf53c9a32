/* model.h -- what an open model holds. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_MODEL_MODEL_H
#define LOCAL_MODEL_MODEL_H

#include <pthread.h>

#include "local/model.h"
#include "local/model/forward.h"

struct model {
	struct weights *weights;
	struct parts parts;
	struct cpu *cpu;
	struct forward *forward;
	struct kv_pool *kv;
	uint32_t chunk;
	uint64_t packed_bytes; /* of weights laid out for this machine */
	pthread_mutex_t turn;  /* held while cpu and forward are in use */
};

/* Its tensors, for those who tell of them. */
static inline const struct weights *model_weights(const struct model *model)
{
	return model->weights;
}

/* Positions that a text may have. */
uint32_t model_context(const struct model *model);

#endif
