/* redis_breaker.c -- whether Redis is worth asking. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/redis_breaker.h"

#include <assert.h>

static uint64_t next_random(struct redis_breaker *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->random;
}

void redis_breaker_init(struct redis_breaker *b, int64_t pause_min_ns,
    int64_t pause_max_ns, uint64_t seed)
{
	assert(pause_min_ns > 1 && pause_min_ns <= pause_max_ns);
	*b = (struct redis_breaker){
	    .state = REDIS_OPEN,
	    .pause_min_ns = pause_min_ns,
	    .pause_max_ns = pause_max_ns,
	    .n_needed = 1,
	    .random = seed ? seed : 1,
	};
}

static void open_breaker(struct redis_breaker *b, int64_t now_ns)
{
	bool is_calm = b->state == REDIS_CLOSED &&
		       now_ns - b->closed_at_ns >= REDIS_BREAKER_CALM;
	int64_t pause = b->pause_ns;

	if (pause == 0 || is_calm)
		pause = b->pause_min_ns;
	else if (pause > b->pause_max_ns / 2)
		pause = b->pause_max_ns;
	else
		pause *= 2;
	b->pause_ns = pause;
	b->retry_at_ns =
	    now_ns + pause - (int64_t)(next_random(b) % (uint64_t)(pause / 2));
	b->state = REDIS_OPEN;
	b->n_in_a_row = 0;
}

/* Counts by whole seconds: this one and the one before it. */
static void count(struct redis_breaker *b, int64_t now_ns, bool is_bad)
{
	int64_t second = now_ns / NS_PER_S;

	if (second != b->second) {
		b->before = b->now;
		if (second != b->second + 1)
			b->before.n = b->before.n_bad = 0;
		b->now.n = b->now.n_bad = 0;
		b->second = second;
	}
	b->now.n++;
	b->now.n_bad += is_bad;
}

void redis_breaker_good(struct redis_breaker *b, int64_t now_ns)
{
	if (b->state != REDIS_CLOSED)
		return;
	b->n_in_a_row = 0;
	count(b, now_ns, false);
}

bool redis_breaker_bad(struct redis_breaker *b, int64_t now_ns)
{
	unsigned n, n_bad;

	if (b->state != REDIS_CLOSED)
		return false;
	count(b, now_ns, true);
	n = b->now.n + b->before.n;
	n_bad = b->now.n_bad + b->before.n_bad;
	if (++b->n_in_a_row < REDIS_BREAKER_ROW &&
	    (n < REDIS_BREAKER_LEAST || n_bad < n / REDIS_BREAKER_SHARE))
		return false;
	b->n_needed = REDIS_BREAKER_PROBES;
	open_breaker(b, now_ns);
	return true;
}

void redis_breaker_lost(struct redis_breaker *b, int64_t now_ns)
{
	if (b->state == REDIS_OPEN)
		return;
	if (b->state == REDIS_CLOSED)
		b->n_needed = 1;
	open_breaker(b, now_ns);
}

bool redis_breaker_is_ripe(const struct redis_breaker *b, int64_t now_ns)
{
	return b->state == REDIS_OPEN && now_ns >= b->retry_at_ns;
}

void redis_breaker_probe(struct redis_breaker *b)
{
	assert(b->state == REDIS_OPEN);
	b->state = REDIS_HALF_OPEN;
	b->n_in_a_row = 0;
}

bool redis_breaker_probe_good(struct redis_breaker *b, int64_t now_ns)
{
	assert(b->state == REDIS_HALF_OPEN);
	if (++b->n_in_a_row < b->n_needed)
		return false;
	b->state = REDIS_CLOSED;
	b->closed_at_ns = now_ns;
	b->n_in_a_row = 0;
	b->now.n = b->now.n_bad = 0;
	b->before = b->now;
	return true;
}

void redis_breaker_probe_bad(struct redis_breaker *b, int64_t now_ns)
{
	assert(b->state == REDIS_HALF_OPEN);
	b->n_needed = REDIS_BREAKER_PROBES;
	open_breaker(b, now_ns);
}
