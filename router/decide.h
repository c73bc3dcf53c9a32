/* decide.h -- what the decision's two files share: private to router/. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROUTER_DECIDE_H
#define ROUTER_DECIDE_H

#include "router/policy.h"

/*
 * decide.c finds the candidates and their order, refuse.c says why there are
 * none.
 *
 * Memory: one array of candidates and one of reasons, taken before a condition
 * can use the arena up, and a few sentences. A sentence that no longer fits is
 * replaced by a constant one; the decision itself never depends on it.
 */
struct decider {
	const struct router_question *question;
	struct arena *arena;
	struct router_decision *decision;
	struct router_candidate *candidates; /* (n_models) */
	const char **reasons;                /* (max_reasons) */
	size_t max_reasons;
};

/* A sentence, or <otherwise> when the arena could not hold it. */
static inline const char *decide_text(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

void decide_add_reason(struct decider *d, const char *reason);

static inline bool decide_may_use(const struct router_question *q, size_t model)
{
	return !q->caller->may_use || q->caller->may_use[model];
}

/* Tokens of context that the request asks for: prompt and promised output. */
int64_t decide_context_needed(const struct router_question *q);

/* A constraint, and how its failure is told. */
struct need {
	enum router_verdict verdict;
	const char *reason; /* why the model is out */
	const char *what;   /* what the request is or has */
	const char *param;
};

/* The needs' row of a verdict; NULL for MODEL_IN and MODEL_CONTEXT. */
const struct need *decide_need(enum router_verdict verdict);

/* --- refuse.c ------------------------------------------------------------ */

/* The model that was asked for does not exist, or not for this caller. */
void refuse_unknown(struct decider *d);
void refuse_not_allowed(struct decider *d);

/* All candidates are there, and none is eligible. */
void refuse_no_candidate(struct decider *d);

/* The request has used its memory up. */
void refuse_memory(struct decider *d);

#endif
