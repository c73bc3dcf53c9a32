/* cache_trace.h -- requests for keys of uneven fame, scans, and LRU. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_CACHE_TRACE_H
#define BENCH_CACHE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The trace: <n_requests> draws from <n_keys> keys, key number r with a
 * probability proportional to 1 / (r + 1)^exponent. After every <scan_every> of
 * them come <scan_len> keys that were never asked for and never will be again;
 * scan_len 0: none. Same settings, same trace: the generator is splitmix64.
 */
struct trace_settings {
	uint32_t n_keys;
	double exponent;
	uint32_t n_requests;
	uint32_t scan_every;
	uint32_t scan_len;
	uint64_t seed;
};

struct trace;

struct trace *trace_new(const struct trace_settings *settings);
void trace_free(struct trace **trace);

/* The next key's number; false at the end. Numbers from n_keys on are scans. */
bool trace_next(struct trace *trace, uint32_t *key);

/* How many different keys there are in all. */
uint32_t trace_keys(const struct trace *trace);

/* The probability that a draw, no scan, is of one of the <n> likeliest keys. */
double trace_fame(const struct trace *trace, size_t n);

/* Plain LRU over keys of given sizes, the textbook's, to compare with. */
struct lru;

struct lru *lru_new(uint32_t n_keys, size_t max_bytes);
void lru_free(struct lru **lru);

/* Whether <key> was there; it is now, in front, with <size> bytes. */
bool lru_ask(struct lru *lru, uint32_t key, uint32_t size);

#endif
