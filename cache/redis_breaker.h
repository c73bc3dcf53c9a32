/* redis_breaker.h -- inside cache/: whether Redis is worth asking. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHE_REDIS_BREAKER_H
#define CACHE_REDIS_BREAKER_H

#include "base/base.h"

/*
 * Pure: time and randomness are given. One thread's.
 *
 * Closed, look-ups are sent, and how they end is told. It opens
 *  - after REDIS_BREAKER_ROW bad ones in a row. Before that a request at a time
 *    has lost five deadlines, 0.1 s; fewer would open on the pause that a
 *    background save or one slow command of somebody else makes;
 *  - when, of the last second or two, a quarter of at least REDIS_BREAKER_LEAST
 *    were bad. A quarter late means that the mean look-up costs 5 ms more than
 *    it did, for answers of which a Redis in such a state will lose more;
 *  - at once when the connection is lost.
 * Open, nothing is sent until a pause is over. Then, half-open, probes in the
 * background must succeed: one after a lost connection, three in a row after
 * look-ups or a probe had been bad, so that one lucky answer of a slow server
 * does not count. The pause begins at pause_ns and doubles up to pause_max_ns,
 * with jitter (half to all of it) that keeps many gateways from asking
 * together; what was closed for REDIS_BREAKER_CALM begins anew.
 */
#define REDIS_BREAKER_ROW 5
#define REDIS_BREAKER_LEAST 32
#define REDIS_BREAKER_SHARE 4 /* one in so many */
#define REDIS_BREAKER_PROBES 3
#define REDIS_BREAKER_CALM (10 * NS_PER_S)

enum redis_breaker_state {
	REDIS_CLOSED,
	REDIS_HALF_OPEN,
	REDIS_OPEN,
};

struct redis_breaker {
	enum redis_breaker_state state;
	int64_t pause_min_ns, pause_max_ns;
	int64_t pause_ns;     /* of the last opening; 0: none yet */
	int64_t retry_at_ns;  /* open: when it may be probed */
	int64_t closed_at_ns; /* closed: since when */
	unsigned n_in_a_row;  /* bad ones; half-open: good probes */
	unsigned n_needed;    /* probes that will close it */
	int64_t second;       /* that <now> counts */
	struct {
		unsigned n, n_bad;
	} now, before;
	uint64_t random; /* xorshift's state, not 0 */
};

/* Open and ripe at once: the first connection is its first probe. */
void redis_breaker_init(struct redis_breaker *breaker, int64_t pause_min_ns,
    int64_t pause_max_ns, uint64_t seed);

/* A look-up was answered in time. */
void redis_breaker_good(struct redis_breaker *breaker, int64_t now_ns);

/* One was late or an error. True: that has opened it. */
bool redis_breaker_bad(struct redis_breaker *breaker, int64_t now_ns);

/* The connection is lost: open, or if it was probed, open for longer. */
void redis_breaker_lost(struct redis_breaker *breaker, int64_t now_ns);

/* Open, and the pause is over. */
bool redis_breaker_is_ripe(const struct redis_breaker *breaker, int64_t now_ns);

/* Half-open: the outcomes of probes decide. */
void redis_breaker_probe(struct redis_breaker *breaker);

/* A probe succeeded. True: it is closed now; false: another one is needed. */
bool redis_breaker_probe_good(struct redis_breaker *breaker, int64_t now_ns);

/* A probe failed or was late: open, for longer. */
void redis_breaker_probe_bad(struct redis_breaker *breaker, int64_t now_ns);

#endif
