/* upstream.h -- how a model's upstream stands: breaker, load, counters. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_UPSTREAM_H
#define GATEWAY_UPSTREAM_H

#include "gateway/config.h"
#include "gateway/metrics.h"

/*
 * What is learnt about a model outlives reloads: a registry keeps one struct
 * for each model's name as long as the process lives, and snapshots point at
 * it. All workers share it; every member is atomic, and no decision needs two
 * of them to agree.
 */
struct upstream {
	const char *name;
	_Atomic int64_t in_flight;

	/* The breaker. */
	_Atomic int failures;        /* consecutive */
	_Atomic int breaker;         /* enum breaker_state */
	_Atomic int64_t retry_at_ns; /* monotonic; when a probe may go */
	_Atomic int64_t open_ns;     /* current length of the open interval */

	/* Its series, looked up once. */
	struct metric *requests_ok[3]; /* by endpoint, status 200 */
	struct metric *cost, *baseline, *saved;
	struct metric *input, *cached, *output;
	struct metric *attempts[LEDGER_OUTCOMES];
	struct metric *fallbacks, *flight, *breaker_gauge, *opened;
	struct metric *credentials, *estimated, *unpriced, *first_token;
	struct metric *held; /* answers that may be escalated */
};

enum breaker_state {
	BREAKER_CLOSED,
	BREAKER_HALF_OPEN,
	BREAKER_OPEN,
};

struct upstreams; /* the registry */

struct upstreams *upstreams_new(struct metrics *metrics);
void upstreams_free(struct upstreams **upstreams);

/* The upstream of the model <name>; made when new. From any thread. */
struct upstream *upstreams_get(struct upstreams *upstreams, const char *name);

/* May an attempt go now? The one that finds an open breaker ripe is its probe.
 */
bool upstream_may_try(struct upstream *upstream, int64_t now_ns);

/* Whether upstream_may_try would say yes, without taking the probe. */
bool upstream_looks_healthy(struct upstream *upstream, int64_t now_ns);

/* Whether it stands half-open: what was just let through is the probe. */
bool upstream_is_probed(struct upstream *upstream);
bool upstream_is_closed(struct upstream *upstream);

/*
 * How an attempt ended, for the breaker. While it is not closed only the probe
 * may say: an attempt from before would speak of the past.
 */
void upstream_succeeded(struct upstream *upstream);
void upstream_failed(struct upstream *upstream,
    const struct config_breaker *settings, int64_t now_ns);

/* It ended without saying anything about the upstream (the client left). */
void upstream_said_nothing(struct upstream *upstream);

#endif
