/* request.h -- a request's life as a machine of named steps. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_REQUEST_H
#define GATEWAY_REQUEST_H

#include "dialect/dialect.h"
#include "gateway/local/classes.h"
#include "gateway/worker.h"

/*
 *   route -> authorise -> read -> parse -> classify -> inspect -> decide ->
 *   look up -> reserve -> send -> relay -> settle -> finish
 *
 * A request that may be answered from before goes from look up (memory) to
 * board (the flight of equal requests) and fetch (Redis); it ends at hit, or at
 * attend where an equal one is being answered already, or goes on to reserve.
 *
 * One function a step. A step does its work and names the next one, waits for
 * an event, or ends the life. Events (the body is there, the answer's head,
 * bytes, an end) are noted on the request and the machine is run; nothing else
 * happens in a callback. The request lives in its exchange's arena, so it is
 * gone when the exchange is.
 */
enum step_result {
	STEP_GO,   /* request->step names what comes next */
	STEP_WAIT, /* until an event */
	STEP_OVER, /* nothing more to do */
};

struct request;
typedef enum step_result request_step_fn(struct request *request);

struct request_step {
	const char *name;
	request_step_fn *run;
};

/* clang-format off */
#define REQUEST_STEPS(S)                                                       \
	S(route) S(authorise) S(read) S(parse) S(classify) S(inspect) S(decide) \
	S(look_up) S(board) S(fetch) S(attend) S(hit)                          \
	S(reserve) S(send) S(relay) S(settle) S(finish)
/* clang-format on */

#define S(name) extern const struct request_step step_##name;
REQUEST_STEPS(S)
#undef S

enum cache_state {
	CACHE_BYPASS,
	CACHE_MISS,
	CACHE_HIT,
};

/* What has happened since the machine last ran. */
enum {
	EVENT_BODY = 1 << 0,    /* the request's body is there */
	EVENT_HEAD = 1 << 1,    /* the upstream's head is in attempt */
	EVENT_DONE = 1 << 2,    /* its answer is whole */
	EVENT_FAILED = 1 << 3,  /* it will not be */
	EVENT_GONE = 1 << 4,    /* the client is not there any more */
	EVENT_DRAINED = 1 << 5, /* the client took what was pending */
	EVENT_FETCHED = 1 << 6, /* Redis has answered, or is late */
	EVENT_FLIGHT = 1 << 7,  /* news of the flight */
	EVENT_CLASSES = 1 << 8, /* a classifier has said something, or late */
};

/* How the relay stands. */
enum relay_kind {
	RELAY_NONE,
	RELAY_JSON,   /* held until whole, at most RELAY_HOLD */
	RELAY_PLAIN,  /* passed as it comes: too large to hold, or encoded */
	RELAY_STREAM, /* events */
};

#define RELAY_HOLD (4u << 20)
#define RELAY_EVENT_MAX (8u << 20)
#define RELAY_HELD_EVENTS (256u << 10)
#define RELAY_SCRATCH (64u << 20)

/* Why there is no answer, or no whole one. */
enum attempt_failure {
	ATTEMPT_AWAY, /* none yet, or it could not be asked */
	ATTEMPT_LATE,
	ATTEMPT_BROKEN,
	ATTEMPT_UNSURE, /* a model here was: it is given up */
};

/* One attempt at an answer. */
struct attempt {
	struct ledger_id id;
	char id_text[40]; /* "att_..." */
	const struct config_model *model;
	size_t model_index;
	struct upstream *upstream;
	struct call *call;        /* NULL once it has ended */
	struct local_call *local; /* in its place */
	bool is_reserved;
	bool is_probe; /* of a half-open breaker */
	bool is_settled;
	int64_t started_ns;
	int status; /* of the upstream's answer, 0: none */
	enum attempt_failure failure;
	const char *how; /* it failed, a name for the log */
	char detail[160];

	enum relay_kind relay;
	struct http1_header back[24]; /* headers to pass back, in the arena */
	size_t n_back;
	uint64_t body_len; /* of the answer that came, any kind */
	struct buf held;   /* JSON body, or events before content */
	struct sse_splitter splitter;
	struct dialect_stream stream;
	struct span run; /* events to be written as one piece */
	bool is_encoded; /* content-encoding: not ours to read */
	bool saw_content;
	bool saw_finish;
	bool saw_done;
	bool saw_error;
	int64_t length;           /* its content-length, -1: chunked */
	struct span error_body;   /* of an error event before content */
	bool is_too_long;         /* an event past RELAY_EVENT_MAX */
	bool is_released;         /* the client's answer has begun */
	struct dialect_keep keep; /* of a stream's events */
	bool is_keepable;         /* the whole answer may be given again */
	struct dialect_usage usage;
	int64_t output_estimate;    /* tokens seen, by their text */
	struct ledger_usage billed; /* once it is settled */
	bool is_estimated;          /* that */
};

/* The last answer that was held back, and how that came out. */
struct escalation {
	const char *model; /* NULL: none was */
	const char *why;   /* it was given up; NULL: it was given */
	double confidence;
	int64_t held_ns;
};

/* What a schema did to the last answer of a model inside. */
struct masking {
	bool is_there;
	double removed; /* mean share of probability, 0..1 */
};

/* Amounts over all attempts. */
struct amounts {
	int64_t input_tokens, cached_tokens, output_tokens;
	bool is_estimated;
	int64_t cost_nano, baseline_nano, saved_nano;
};

/* Tokens add up; money does too, and is unpriced when one of it is. */
void amounts_add(struct amounts *sum, const struct amounts *more);

/* What a request has to do with answers from before, and to come. */
struct request_cache {
	enum cache_state state;
	bool may_keep;      /* its answer may be kept and shared */
	bool may_read;      /* and be one from before */
	bool is_lone;       /* has left a flight to ask for itself */
	int64_t max_age_ns; /* of an answer from before; 0: any */
	struct sha256 key;  /* under the first candidate's model */
	struct seat *seat;  /* in a flight */
	struct redis_lookup *lookup;
	struct cache_entry *entry; /* that answers it */
	enum cache_source source;  /* of a hit */
	bool is_estimated;         /* the hit's usage */
	const char *model;         /* that gave it: configured name, or NULL */
	size_t model_index;        /* of it here: whose prices compare */
};

struct request {
	struct worker *worker;
	struct exchange *exchange;
	struct arena *arena; /* the exchange's */
	struct snapshot *snapshot;
	const struct config *config; /* the snapshot's */

	const struct request_step *step;
	unsigned events;
	bool is_running;
	bool is_over;         /* the exchange is: nothing may be written */
	bool is_headless;     /* over, and goes on for those who attend */
	struct list headless; /* of the worker's */
	const char *peer;     /* once it is over */
	enum exchange_over over;

	struct ledger_id id;
	char id_text[40]; /* "req_..." */
	int64_t utc_ns;
	int64_t started_ns; /* its first byte, monotonic */

	const struct config_key *key;
	enum endpoint endpoint;
	bool has_endpoint;
	struct dialect_request dialect;
	struct router_input input;
	struct router_features features;
	struct inspection *inspection; /* while classifiers are asked */
	struct router_class *classes;  /* (n_models) or NULL: none asked */
	struct router_decision decision;
	bool is_decided;
	struct request_cache cache;
	size_t candidate; /* index into the decision's candidates */
	unsigned attempts;
	bool has_attempt; /* attempt holds one */
	bool is_probe;    /* the candidate was let through as a probe */
	bool asks_usage;  /* we spliced include_usage */
	struct attempt attempt;
	struct escalation escalation;
	struct masking masking;
	enum ledger_outcome outcome;

	struct amounts amounts;
	int64_t body_read_ns;
	int64_t first_token_ns; /* 0: none yet */
	int status;             /* answered */
};

extern const struct server_handler request_handler;

/* Notes <event> and runs the machine until it waits or ends. */
void request_event(struct request *request, unsigned event);

/* --- used between the step files --------------------------------------------
 */

/* Goes on with <step>. */
static inline enum step_result request_go(
    struct request *request, const struct request_step *step)
{
	request->step = step;
	return STEP_GO;
}

/* Answers with one of our own errors and goes on to finish. */
enum step_result request_refuse(
    struct request *request, int status, const struct dialect_error *error);

/* The same with one extra header ("allow", "retry-after"). */
enum step_result request_refuse_with(struct request *request, int status,
    const struct dialect_error *error, struct http1_header extra);

/* Ours to blame: out of arena; the ledger takes no row. */
extern const struct dialect_error request_internal_error;
extern const struct dialect_error request_ledger_error;

/* Counts and logs that the ledger took no row of this request. */
void request_note_ledger(
    const struct request *request, const struct error *err);

/* The gateway stops. */
extern const struct dialect_error request_draining_error;

/* Tokens that an image is counted as, before its provider says. */
enum {
	IMAGE_TOKENS = 765
};

/* The router's view of a request that was read. */
void request_describe(
    const struct dialect_request *dialect, struct router_input *input);

/* Its task's name, for its rows. */
const char *request_task(const struct request *request);

/* How long it took, up to now, into <settle>. */
void request_measure(
    const struct request *request, struct ledger_settle *settle);

/* "hit", "miss" or "bypass". */
const char *request_cache_name(const struct request *request);

/* x-sluice-... headers into <headers> (room for 8); amounts when settled. */
size_t request_headers(const struct request *request,
    struct http1_header headers[8], bool with_amounts);

/* "0.000012" or "unpriced" in the request's arena. */
struct span request_money(const struct request *request, int64_t nano);

/*
 * Ends the attempt in the ledger, the breaker and the metrics; adds to the
 * request's amounts. Harmless when it is settled already.
 */
void attempt_settle(struct request *request, enum ledger_outcome outcome);

/* At the worker's end: ends those that go on without their client. */
void request_end_headless(struct worker *worker);

/* Frees what an attempt holds; cancels its call. */
void attempt_drop(struct request *request);

/* GET /v1/models and /v1/models/{id}. */
enum step_result models_answer(struct request *request, struct span id);

/* Its line in the access log, the recent ring and the request metrics. */
void request_record(struct request *request);

#endif
