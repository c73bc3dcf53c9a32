/* call.h -- one request answered by a model in this process. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_CALL_H
#define GATEWAY_LOCAL_CALL_H

#include "dialect/dialect.h"
#include "gateway/local/models.h"
#include "net/net.h"
#include "router/router.h"

/*
 * A local call looks to the relay as an upstream's answer does: a head, bytes
 * in the OpenAI dialect (a JSON object, or events up to [DONE]), an end. So
 * fallback, caching, coalescing, usage and the ledger work alike for both. It
 * belongs to one worker's loop; what the scheduler's thread says is carried
 * over by loop_post, and nothing is called after local_call_cancel.
 *
 * What the engine cannot do is a head with status 400 and an error object that
 * names it; a full queue, or too long a wait in it, is 429 with retry-after; a
 * model that is not loaded is 503. An answer that is held back (policy:
 * escalate) and found wanting fails as LOCAL_CALL_UNSURE before its head.
 */
struct local_call;

enum local_call_failure {
	LOCAL_CALL_FAILED, /* the engine did; detail says how */
	LOCAL_CALL_UNSURE, /* confidence too low, a loop, no agreement */
};

struct local_call_handler {
	void (*on_head)(void *arg, int status,
	    const struct http1_header *headers, size_t n);
	void (*on_data)(void *arg, struct span bytes);
	void (*on_done)(void *arg);
	void (*on_failed)(
	    void *arg, enum local_call_failure failure, const char *detail);
	/* Whether somebody else can answer in its place: else one that is
	   unsure is given all the same. */
	bool (*may_give_up)(void *arg);
};

struct local_call_options {
	struct local_model *model; /* a reference is taken */
	const struct config_model *config;
	const struct dialect_request *request; /* must outlive the call */
	struct span request_id;                /* the answer's "chatcmpl-..." */
	struct span tenant;                    /* the key's name */
	int priority;
	bool asks_usage; /* a stream tells usage though nobody asked */
	const struct router_escalate *escalate; /* NULL: nothing is held */
	const struct local_call_handler *handler;
	void *arg;
};

/* Begins; the first event comes in a later turn of <loop>. */
struct local_call *local_call_new(
    struct loop *loop, const struct local_call_options *options);

/* No more events; what it still computes ends within a step. Sets NULL. */
void local_call_cancel(struct local_call **call);

/* While paused no on_data comes; the text is written on, to its bound. */
void local_call_pause(struct local_call *call);
void local_call_resume(struct local_call *call);

/* What it has used so far, all its texts (n, samples) together. */
struct local_call_use {
	int64_t prompt_tokens, cached_tokens, output_tokens;
	int64_t waited_ns, busy_ns;
	int64_t held_ns;      /* from its first token to its release or end */
	double confidence;    /* 0..1, or -1: not asked for */
	const char *given_up; /* why: "unsure", "loop" ...; NULL: it was not */
	double removed; /* of probability, the mean share that a schema took
			   from its tokens; -1: none held them */
};
void local_call_use(const struct local_call *call, struct local_call_use *out);

#endif
