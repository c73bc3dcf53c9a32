/* router.h -- where a request should be answered: a pure function. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROUTER_ROUTER_H
#define ROUTER_ROUTER_H

#include "base/base.h"

/*
 * In: what the request is (features), who asks (caller), what may answer
 * (catalogue), how things stand (load), and the policy. Out: the decision and
 * its reasons. No sockets, no clock, no globals: the same input gives the same
 * decision, which is what makes dry runs and back-tests mean something.
 */

/* --- the request, as the router sees it --------------------------------- */

enum router_endpoint {
	ROUTER_CHAT,
	ROUTER_COMPLETIONS,
	ROUTER_EMBEDDINGS,
};

/* What features are made from; the gateway fills it from the dialect. */
struct router_input {
	enum router_endpoint endpoint;
	struct span model; /* as asked: "auto" or a name */
	bool stream;
	bool tools;
	bool json_object;
	bool json_schema;
	int64_t images;
	bool audio;
	int64_t turns;
	int64_t choices;       /* n */
	int64_t output_limit;  /* -1: none */
	int64_t prompt_tokens; /* estimate over everything the model reads */
	struct span last_user; /* the last user message, UTF-8 */
	struct span system;    /* the first system message, or empty */
};

enum router_task {
	TASK_CODE,
	TASK_MATHEMATICS,
	TASK_EXTRACTION,
	TASK_SUMMARISING,
	TASK_TRANSLATION,
	TASK_CLASSIFICATION,
	TASK_QUESTION,
	TASK_CHAT,
	TASK_CREATIVE,
	TASK_COUNT,
};

/* "code", "mathematics", ... */
const char *router_task_name(enum router_task task);

struct router_features {
	enum router_endpoint endpoint;
	enum router_task task;
	char
	    language[4]; /* ISO 639-1 of the last user message, "und" unknown */
	int64_t tokens;  /* of the whole prompt, estimated */
	int64_t turns;
	double difficulty; /* 0..1 */
	bool tools;
	bool images;
	bool audio;
	bool json_object;
	bool json_schema;
	bool stream;
	int64_t expected_output; /* tokens, for cost estimates */
};

/*
 * Looks at the last user message (at most its first and last 16 KiB), not at
 * its meaning: counts, marks and words. <scratch> may be reset afterwards.
 */
void router_features(const struct router_input *input, struct arena *scratch,
    struct router_features *features);

/* --- what may answer ---------------------------------------------------- */

/* Capability bits of a model. */
enum {
	CAN_CHAT = 1 << 0,
	CAN_COMPLETIONS = 1 << 1,
	CAN_EMBEDDINGS = 1 << 2,
	CAN_TOOLS = 1 << 3,
	CAN_JSON = 1 << 4,
	CAN_VISION = 1 << 5,
	CAN_AUDIO = 1 << 6,
};

/* The names that configuration uses: "chat", ...; 0 when unknown. */
unsigned router_capability(struct span name);

/*
 * When a local answer is given up for another model's: its first tokens are
 * held back, and the chance that it is right is looked at meanwhile.
 */
struct router_escalate {
	double below;   /* the chance under which it is; 0: any will do */
	int64_t hold;   /* tokens held back; short answers are held whole */
	size_t to;      /* the model asked next; SIZE_MAX: next candidate */
	int64_t sample; /* answers written; 0: one */
	int64_t agree;  /* of which so many must say the same */
};

#define ROUTER_HOLD_MAX 4096
#define ROUTER_SAMPLE_MAX 16

/* Where an `escalate` stands, and the models that it may name. */
struct router_model;
struct router_escalate_place {
	const char *file;
	const struct router_model *models; /* (n_models) */
	size_t n_models;
	struct mistakes *mistakes;
};

/*
 * Reads {below, hold, to, sample: {n, agree}}, of which below or sample must be
 * there, or the word "never", which leaves zeros: nothing is given up. False
 * when mistakes were added.
 */
bool router_escalate_read(const struct router_escalate_place *place,
    const struct yaml_node *node, struct router_escalate *out) must_check;

/* Whether it ever gives an answer up. */
static inline bool router_escalates(const struct router_escalate *escalate)
{
	return escalate->below > 0 || escalate->sample > 0;
}

struct router_model {
	const char *name;      /* as configured: "up/small" */
	unsigned capabilities; /* CAN_ bits, endpoints included */
	int64_t context;       /* tokens; 0: unknown, not checked */
	int64_t input_femto;   /* per token, or MONEY_UNPRICED */
	int64_t cached_femto;
	int64_t output_femto;
	bool is_local; /* answered in this process: can be given up */
	const struct router_escalate *escalate; /* its own; NULL: none */
	/* Conditions read it as request.class["name"]; NULL: no classifier. */
	const char *class_name;
};

/* How a model stands now; an array beside the models, same index. */
struct router_load {
	int64_t queue;  /* requests under way or waiting */
	double kv_free; /* 0..1; 1 where unknown */
	bool is_healthy;
	/* What a token costs at the moment, where that is measured. */
	bool has_price;
	int64_t input_femto, output_femto;
};

/* What a classifier in this process said of the request. */
struct router_class {
	const char *label; /* its likeliest class; NULL: it said nothing */
	double score;      /* probability of that, 0..1 */
};

/* Who asks. */
struct router_caller {
	const char *name;        /* the key's */
	const char *const *tags; /* (n_tags) */
	size_t n_tags;
	const bool *may_use; /* (n_models) or NULL: all */
	bool may_auto;
};

/* --- the policy --------------------------------------------------------- */

struct policy;

/*
 * Reads a policy file. <models> (n) are the names that it may use; they are
 * referred to by index, so the same array must be given to router_decide.
 * Mistakes are added with their place; NULL when there were any.
 */
struct policy *policy_new(const struct yaml_doc *doc,
    const struct router_model *models, size_t n_models,
    struct mistakes *mistakes);
void policy_free(struct policy **policy);

enum policy_cache {
	POLICY_CACHE_AUTO,
	POLICY_CACHE_ALWAYS,
	POLICY_CACHE_NEVER,
};

const char *policy_name(const struct policy *policy);

/* Index of the baseline model. */
size_t policy_baseline(const struct policy *policy);

/* Whether a condition asks what the classifier <model> says of a request. */
bool policy_reads_class(const struct policy *policy, size_t model);

/* --- the decision ------------------------------------------------------- */

/* A request header's value by lower-case name, ptr NULL when absent. */
typedef struct span router_header_fn(void *arg, struct span name);

struct router_question {
	const struct router_features *features;
	const struct router_input *input;
	const struct router_caller *caller;
	const struct router_model *models; /* (n_models) */
	const struct router_load *load;    /* (n_models) */
	size_t n_models;
	const struct policy *policy;
	router_header_fn *header; /* may be NULL: no headers */
	void *header_arg;
	const struct router_class *classes; /* (n_models), or NULL: none */
};

/* Why a model is out, or IN. */
enum router_verdict {
	MODEL_IN,
	MODEL_NOT_ALLOWED, /* the key may not use it */
	MODEL_NO_ENDPOINT,
	MODEL_NO_TOOLS,
	MODEL_NO_JSON,
	MODEL_NO_VISION,
	MODEL_NO_AUDIO,
	MODEL_CONTEXT, /* prompt and asked output do not fit */
};

struct router_candidate {
	size_t model; /* index */
	enum router_verdict verdict;
	int64_t estimated_cost_nano; /* or MONEY_UNPRICED */
	/* When its answer is given up for the next one's; NULL: never. */
	const struct router_escalate *escalate;
	const char *reason; /* in words, in the arena */
};

enum router_outcome {
	ROUTER_DECIDED,
	ROUTER_UNKNOWN_MODEL, /* 404 model_not_found */
	ROUTER_NOT_ALLOWED,   /* 403 model_not_allowed */
	ROUTER_NO_CANDIDATE,  /* 400: which constraint took the last */
};

struct router_decision {
	enum router_outcome outcome;
	bool is_pinned;
	const char *rule; /* "code", "default" or "pinned" */
	enum policy_cache cache;
	bool coalesces;  /* equal requests at one time may share one answer */
	size_t baseline; /* model index: the policy's, or the pinned one */
	/* In order: the one to use, then its fallbacks, then those that are
	   out. */
	const struct router_candidate *candidates;
	size_t n_candidates;
	size_t n_eligible;          /* the first so many are MODEL_IN */
	const char *const *reasons; /* (n_reasons) sentences for people */
	size_t n_reasons;
	/* Not decided: code and message for the client. */
	const char *error_code;
	const char *error_param;
	const char *error_message;
};

/*
 * Decides. Everything in <decision> lives in <arena>. A named model is pinned:
 * it alone, whatever its capabilities; "auto" goes through the policy's rules,
 * the first that matches wins, then its candidates minus those that lack a
 * capability, the context or the caller's permission. An unhealthy candidate
 * is not out: it goes behind the healthy ones.
 */
void router_decide(const struct router_question *question, struct arena *arena,
    struct router_decision *decision);

const char *router_verdict_name(enum router_verdict verdict);

#endif
