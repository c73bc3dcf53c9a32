/* model.h -- what an open model holds. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_MODEL_MODEL_H
#define LOCAL_MODEL_MODEL_H

#include <pthread.h>

#include "local/model.h"
#include "local/model/forward.h"

/* Where the logits of several texts are made. */
struct heads {
	float *states; /* (HEAD_ROWS, hidden), NULL until first used */
	float *logits; /* (HEAD_ROWS, vocab) */
};

/* Logits of so many rows are computed at a time. */
#define HEAD_ROWS 16

struct model {
	struct weights *weights;
	struct parts parts;
	struct cpu *cpu;
	struct forward *forward;
	struct kv_pool *kv;
	struct heads heads;
	bool has_halves; /* of keys and values, where that can be */
	uint32_t chunk;
	uint64_t packed_bytes; /* of weights laid out for this machine */
	pthread_mutex_t turn;  /* held while cpu, forward, heads are in use */
};

/* Its tensors, for those who tell of them. */
static inline const struct weights *model_weights(const struct model *model)
{
	return model->weights;
}

/* A text's keys and values. */
struct kv *session_kv(struct session *session);

/* To be called when its keys and values have adopted pages. */
void session_adopted(struct session *session);

/* Whether a text made for <max_tokens> takes LongRoPE's long factors. */
bool model_is_long(const struct model *model, uint32_t max_tokens);

/* Positions that a text may have. */
uint32_t model_context(const struct model *model);

#endif
