/* metrics.h -- what the gateway counts: one row a metric. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include "base/metric.h"

/*
 * The rows make the enum, the registry's specs and docs/metrics.md. Labels
 * hold configured names and small closed sets only, never what a caller wrote.
 *
 *   M(id, name, kind, labels, help)
 */
#define LABELS(...)                                                            \
	{                                                                      \
		__VA_ARGS__                                                    \
	}
#define GATEWAY_METRICS(M)                                                     \
	M(REQUESTS, "sluice_requests_total", COUNTER,                          \
	    LABELS("endpoint", "model", "status"),                             \
	    "Requests answered, by endpoint, model that answered and status.") \
	M(COST, "sluice_cost_nano_usd_total", COUNTER, LABELS("model"),        \
	    "Cost of attempts in nano-dollars (1e-9 USD).")                    \
	M(BASELINE, "sluice_baseline_nano_usd_total", COUNTER,                 \
	    LABELS("model"),                                                   \
	    "What the same usage would have cost at the baseline model.")      \
	M(SAVED, "sluice_saved_nano_usd_total", UNTYPED, LABELS("model"),      \
	    "Baseline less cost in nano-dollars; falls when routing cost "     \
	    "more.")                                                           \
	M(TOKENS, "sluice_tokens_total", COUNTER, LABELS("model", "class"),    \
	    "Tokens by class: input (uncached), cached, output.")              \
	M(ATTEMPTS, "sluice_upstream_attempts_total", COUNTER,                 \
	    LABELS("model", "outcome"),                                        \
	    "Upstream attempts by how they ended.")                            \
	M(FALLBACKS, "sluice_fallbacks_total", COUNTER, LABELS("model"),       \
	    "Attempts after which the next candidate was tried.")              \
	M(ESCALATIONS, "sluice_escalations_total", COUNTER,                    \
	    LABELS("model", "reason"),                                         \
	    "Local answers given up for another model's: unsure, loop, cut, "  \
	    "disagreed.")                                                      \
	M(HELD, "sluice_held_seconds", HISTOGRAM, LABELS("model"),             \
	    "How long the first tokens of local answers were held back.")      \
	M(IN_FLIGHT, "sluice_upstream_in_flight", GAUGE, LABELS("model"),      \
	    "Attempts under way now.")                                         \
	M(BREAKER, "sluice_breaker_state", GAUGE, LABELS("model"),             \
	    "Circuit breaker: 0 closed, 1 half-open, 2 open.")                 \
	M(BREAKER_OPENED, "sluice_breaker_opened_total", COUNTER,              \
	    LABELS("model"), "Times that the breaker opened.")                 \
	M(UPSTREAM_CREDENTIALS, "sluice_upstream_credentials_refused_total",   \
	    COUNTER, LABELS("model"),                                          \
	    "Attempts refused with 401 or 403: our credentials are wrong.")    \
	M(ESTIMATED, "sluice_estimated_rows_total", COUNTER, LABELS("model"),  \
	    "Ledger rows whose usage was estimated.")                          \
	M(UNPRICED, "sluice_unpriced_rows_total", COUNTER, LABELS("model"),    \
	    "Ledger rows without a price.")                                    \
	M(DURATION, "sluice_request_duration_seconds", HISTOGRAM,              \
	    LABELS("endpoint"),                                                \
	    "From a request's first byte to its answer's end.")                \
	M(FIRST_TOKEN, "sluice_time_to_first_token_seconds", HISTOGRAM,        \
	    LABELS("model"),                                                   \
	    "From a request's first byte to the first content sent.")          \
	M(OVERHEAD, "sluice_decision_seconds", HISTOGRAM, LABELS(NULL),        \
	    "From a request's body read to its first attempt sent.")           \
	M(REQUESTS_IN_FLIGHT, "sluice_requests_in_flight", GAUGE,              \
	    LABELS(NULL), "Requests under way now.")                           \
	M(CLIENTS_GONE, "sluice_clients_gone_total", COUNTER, LABELS(NULL),    \
	    "Requests whose client left before the answer's end.")             \
	M(CONFIG_GENERATION, "sluice_config_generation", GAUGE, LABELS(NULL),  \
	    "Number of the configuration in force, 1 at start.")               \
	M(RELOAD_FAILURES, "sluice_config_reload_failures_total", COUNTER,     \
	    LABELS(NULL), "Reloads refused for mistakes in the files.")        \
	M(LEDGER_FAILURES, "sluice_ledger_failures_total", COUNTER,            \
	    LABELS(NULL),                                                      \
	    "Requests refused because the ledger could not take them.")        \
	M(CACHE_REQUESTS, "sluice_cache_requests_total", COUNTER,              \
	    LABELS("result", "source"),                                        \
	    "Requests by result (hit, miss, bypass) and, of hits, source: "    \
	    "memory, near (memory before Redis), redis, coalesced.")           \
	M(CACHE_ANSWERS, "sluice_cache_answers_total", COUNTER,                \
	    LABELS("result"),                                                  \
	    "Answers that could have been kept: kept or not_kept.")            \
	M(CACHE_ENTRIES, "sluice_cache_entries", GAUGE, LABELS(NULL),          \
	    "Answers in memory.")                                              \
	M(CACHE_BYTES, "sluice_cache_bytes", GAUGE, LABELS(NULL),              \
	    "Memory that they take with all that finds them.")                 \
	M(CACHE_REMOVED, "sluice_cache_removed_total", COUNTER, LABELS("why"), \
	    "Answers dropped from memory: evicted, expired.")                  \
	M(CACHE_FLIGHTS, "sluice_cache_flights", GAUGE, LABELS(NULL),          \
	    "Upstream answers under way that equal requests may share.")       \
	M(CACHE_BAD_VALUES, "sluice_cache_bad_values_total", COUNTER,          \
	    LABELS("why"), "Values in Redis that were no answer of ours.")     \
	M(REDIS_LOOKUPS, "sluice_redis_lookups_total", COUNTER,                \
	    LABELS("result"),                                                  \
	    "Look-ups: hit, miss, late, failed, skipped (breaker open).")      \
	M(REDIS_WRITES, "sluice_redis_writes_total", COUNTER,                  \
	    LABELS("result"), "Answers sent to Redis: stored, failed.")        \
	M(REDIS_CONNECTS, "sluice_redis_connects_total", COUNTER,              \
	    LABELS(NULL), "Connections to Redis that came to be.")             \
	M(REDIS_BREAKER, "sluice_redis_breakers_open", GAUGE, LABELS(NULL),    \
	    "Workers that do not ask Redis now: their breaker is not closed.") \
	M(REDIS_DURATION, "sluice_redis_duration_seconds", HISTOGRAM,          \
	    LABELS(NULL), "Look-ups that were answered in time.")              \
	M(PROJECTION_LAG, "sluice_projection_lag_seconds", GAUGE,              \
	    LABELS(NULL),                                                      \
	    "Seconds since all of the ledger's records were projected.")       \
	M(PROJECTION_ROWS, "sluice_projection_rows_total", COUNTER,            \
	    LABELS(NULL), "Ledger rows projected for the page's figures.")     \
	M(PROJECTION_FAILURES, "sluice_projection_failures_total", COUNTER,    \
	    LABELS(NULL), "Tries to project that failed; see the log.")        \
	M(CACHE_MAX, "sluice_cache_max_bytes", GAUGE, LABELS(NULL),            \
	    "The most that the answers in memory may take.")                   \
	M(LOCAL_STATE, "sluice_local_model_state", GAUGE, LABELS("model"),     \
	    "A local model: 0 loading, 1 ready, 2 failed, 3 closed.")          \
	M(LOCAL_LOAD, "sluice_local_model_load_seconds_total", SECONDS,        \
	    LABELS("model"), "Time that its loading took, waiting included.")  \
	M(LOCAL_WEIGHTS, "sluice_local_weight_bytes", GAUGE, LABELS("model"),  \
	    "Memory of its weights, as mapped and as laid out anew.")          \
	M(LOCAL_KV, "sluice_local_kv_bytes", GAUGE, LABELS("model", "part"),   \
	    "Keys and values: used by texts, cached prefixes, and max.")       \
	M(LOCAL_TEXTS, "sluice_local_texts", GAUGE, LABELS("model", "state"),  \
	    "Texts now, waiting and running.")                                 \
	M(LOCAL_ENDED, "sluice_local_texts_total", COUNTER,                    \
	    LABELS("model", "end"),                                            \
	    "Texts by their end: finished, cancelled, failed, refused.")       \
	M(LOCAL_PREEMPTED, "sluice_local_preemptions_total", COUNTER,          \
	    LABELS("model"),                                                   \
	    "Texts that gave their memory back, to be computed again.")        \
	M(LOCAL_STEPS, "sluice_local_steps_total", COUNTER, LABELS("model"),   \
	    "Batches that were computed.")                                     \
	M(LOCAL_ROWS, "sluice_local_rows_total", COUNTER, LABELS("model"),     \
	    "Tokens that went through the model in them.")                     \
	M(LOCAL_TOKENS, "sluice_local_tokens_total", COUNTER,                  \
	    LABELS("model", "class"),                                          \
	    "Tokens by class: prompt (cached ones too), cached, output, "      \
	    "recomputed.")                                                     \
	M(LOCAL_BUSY, "sluice_local_busy_seconds_total", SECONDS,              \
	    LABELS("model"), "Wall time of its batches.")                      \
	M(BUILD_INFO, "sluice_build_info", GAUGE, LABELS("version"),           \
	    "1, labelled with what runs.")                                     \
	M(PROCESS_CPU, "process_cpu_seconds_total", SECONDS, LABELS(NULL),     \
	    "CPU time of the process, user and system.")                       \
	M(PROCESS_RESIDENT, "process_resident_memory_bytes", GAUGE,            \
	    LABELS(NULL), "Memory of the process that is resident.")           \
	M(PROCESS_VIRTUAL, "process_virtual_memory_bytes", GAUGE,              \
	    LABELS(NULL), "Address space of the process.")                     \
	M(PROCESS_FDS, "process_open_fds", GAUGE, LABELS(NULL),                \
	    "Open file descriptors; a stream takes two.")                      \
	M(PROCESS_MAX_FDS, "process_max_fds", GAUGE, LABELS(NULL),             \
	    "How many may be open.")                                           \
	M(PROCESS_START, "process_start_time_seconds", GAUGE, LABELS(NULL),    \
	    "When the process began, in seconds of Unix time.")

enum gateway_metric {
#define M(id, name, kind, labels, help) METRIC_##id,
	GATEWAY_METRICS(M)
#undef M
	METRIC_COUNT
};

extern const struct metric_spec gateway_metric_specs[METRIC_COUNT];

#endif
