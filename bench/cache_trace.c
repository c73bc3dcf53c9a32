/* cache_trace.c -- requests for keys of uneven fame, scans, and LRU. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/cache_trace.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

/* --- the trace ------------------------------------------------------------ */

struct trace {
	struct trace_settings settings;
	uint64_t state;
	uint32_t drawn;    /* of n_requests */
	uint32_t scanning; /* left of the scan under way */
	uint32_t next_new; /* the next key that comes once */
	double *sums;      /* (n_keys) of probabilities up to each key's */
};

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

struct trace *trace_new(const struct trace_settings *settings)
{
	struct trace *trace = mem_new(struct trace);
	double sum = 0;

	trace->settings = *settings;
	trace->state = settings->seed;
	trace->next_new = settings->n_keys;
	trace->sums = mem_alloc(settings->n_keys * sizeof(*trace->sums));
	for (uint32_t r = 0; r < settings->n_keys; r++) {
		sum += pow(r + 1.0, -settings->exponent);
		trace->sums[r] = sum;
	}
	for (uint32_t r = 0; r < settings->n_keys; r++)
		trace->sums[r] /= sum;
	return trace;
}

void trace_free(struct trace **trace)
{
	free((*trace)->sums);
	free(*trace);
	*trace = NULL;
}

/* The first key whose sum is past a number from 0 to 1. */
static uint32_t draw(struct trace *trace)
{
	double at = (double)(splitmix64(&trace->state) >> 11) * 0x1p-53;
	uint32_t low = 0, high = trace->settings.n_keys - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (trace->sums[middle] > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

bool trace_next(struct trace *trace, uint32_t *key)
{
	const struct trace_settings *settings = &trace->settings;

	if (trace->scanning > 0) {
		trace->scanning--;
		*key = trace->next_new++;
		return true;
	}
	if (trace->drawn == settings->n_requests)
		return false;
	*key = draw(trace);
	if (++trace->drawn % settings->scan_every == 0)
		trace->scanning = settings->scan_len;
	return true;
}

uint32_t trace_keys(const struct trace *trace)
{
	const struct trace_settings *settings = &trace->settings;

	return settings->n_keys +
	       settings->n_requests / settings->scan_every * settings->scan_len;
}

double trace_fame(const struct trace *trace, size_t n)
{
	if (n == 0)
		return 0;
	return n < trace->settings.n_keys ? trace->sums[n - 1] : 1;
}

/* --- LRU ------------------------------------------------------------------ */

#define NONE UINT32_MAX

struct place {
	uint32_t newer, older; /* keys, or NONE */
	uint32_t size;         /* 0: not there */
};

struct lru {
	size_t max_bytes, bytes;
	uint32_t newest, oldest;
	struct place *places; /* (n_keys) */
};

struct lru *lru_new(uint32_t n_keys, size_t max_bytes)
{
	struct lru *lru = mem_new(struct lru);

	lru->max_bytes = max_bytes;
	lru->newest = lru->oldest = NONE;
	lru->places = mem_zalloc(n_keys * sizeof(*lru->places));
	return lru;
}

void lru_free(struct lru **lru)
{
	free((*lru)->places);
	free(*lru);
	*lru = NULL;
}

static void take_off(struct lru *lru, uint32_t key)
{
	struct place *place = &lru->places[key];

	if (place->newer == NONE)
		lru->newest = place->older;
	else
		lru->places[place->newer].older = place->older;
	if (place->older == NONE)
		lru->oldest = place->newer;
	else
		lru->places[place->older].newer = place->newer;
	lru->bytes -= place->size;
	place->size = 0;
}

static void put_in_front(struct lru *lru, uint32_t key, uint32_t size)
{
	lru->places[key] = (struct place){NONE, lru->newest, size};
	if (lru->newest != NONE)
		lru->places[lru->newest].newer = key;
	else
		lru->oldest = key;
	lru->newest = key;
	lru->bytes += size;
}

bool lru_ask(struct lru *lru, uint32_t key, uint32_t size)
{
	bool is_hit = lru->places[key].size > 0;

	if (is_hit)
		take_off(lru, key);
	put_in_front(lru, key, size);
	while (lru->bytes > lru->max_bytes && lru->oldest != key)
		take_off(lru, lru->oldest);
	return is_hit;
}
