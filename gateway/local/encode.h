/* encode.h -- asks an encoder's lane, from an event loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_ENCODE_H
#define GATEWAY_LOCAL_ENCODE_H

#include "gateway/local/models.h"
#include "net/net.h"

/*
 * The scheduler answers on its own thread; this carries the answer over to the
 * loop that asked. It holds the model until the answer has come, also when
 * nobody wants it any more, and the loop may be gone by then.
 */
struct encode;

struct encode_question {
	struct local_model *model;      /* ready; a reference is taken */
	const struct model_text *texts; /* (n_texts), copied */
	uint32_t n_texts;
	bool classifies; /* logits, not embeddings */
	struct span tenant;
	int priority;
	/*
	 * Once, on the loop's thread, unless it is cancelled before; what
	 * <result> points at is for the call only. The encode is over then and
	 * frees itself afterwards.
	 */
	void (*ended)(void *arg, const struct encode_result *result);
	void *arg;
};

/*
 * NULL when the lane does not take it: <offer> says why, with <err> where that
 * is in words. <ended> comes in a later turn of <loop>.
 */
struct encode *encode_start(struct loop *loop,
    const struct encode_question *question, struct job_offer *offer,
    struct error *err) must_check;

/* Nothing is called any more; NULL is fine. From the loop's thread. */
void encode_cancel(struct encode **encode);

#endif
