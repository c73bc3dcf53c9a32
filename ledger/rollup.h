/* rollup.h -- sums of rows by time and name, in memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_ROLLUP_H
#define LEDGER_ROLLUP_H

#include "ledger/histogram.h"

/*
 * A cell sums what was reserved in one bucket of time under one combination of
 * names. What belongs to a row (tokens, amounts) is summed as rows end; what
 * belongs to a request (that it was one, how it came out, how long it took) is
 * counted under its last attempt, and taken back from where it was counted
 * when a later attempt ends. So sums may be differences and go below zero.
 */
enum rollup_level {
	ROLLUP_MINUTE,
	ROLLUP_HOUR,
	ROLLUP_DAY,
	ROLLUP_LEVELS,
};

enum rollup_dim {
	ROLLUP_KEY,
	ROLLUP_MODEL,
	ROLLUP_RULE,
	ROLLUP_TASK,
	ROLLUP_DIMS,
};

/*
 * Cells are kept for all combinations of names, and for those of no dimension,
 * of each and of each two, so that a page about a long time reads few of them.
 * A mask has the bits of the dimensions that a cell tells apart; the names of
 * the others are 0 in it.
 */
#define ROLLUP_ALL 15u
#define ROLLUP_MASKS 12
extern const unsigned rollup_masks[ROLLUP_MASKS];

/* The kept mask of fewest dimensions that tells those of <wanted> apart. */
unsigned rollup_mask_for(unsigned wanted);

/* Enumerator, the column's name, and whether it may come near 2^63. */
#define ROLLUP_SUMS(F)                                                         \
	F(ROWS, rows, COUNT)                                                   \
	F(CACHE_HITS, cache_hits, COUNT)                                       \
	F(UNKNOWN, unknown, COUNT)                                             \
	F(ESTIMATED, estimated, COUNT)                                         \
	F(UNPRICED, unpriced, COUNT)                                           \
	F(ESCALATED, escalated, COUNT)                                         \
	F(INPUT, input_tokens, AMOUNT)                                         \
	F(CACHED, cached_tokens, AMOUNT)                                       \
	F(OUTPUT, output_tokens, AMOUNT)                                       \
	F(COST, cost_nano, AMOUNT)                                             \
	F(BASELINE, baseline_nano, AMOUNT)                                     \
	F(SAVED, saved_nano, AMOUNT)                                           \
	F(SAVED_BY_CACHE, saved_by_cache_nano, AMOUNT)                         \
	F(REQUESTS, requests, COUNT)                                           \
	F(COMPLETED, requests_completed, COUNT)                                \
	F(CLIENT_GONE, requests_client_gone, COUNT)                            \
	F(UPSTREAM_DIED, requests_upstream_died, COUNT)                        \
	F(TIMED_OUT, requests_timed_out, COUNT)                                \
	F(REFUSED, requests_refused, COUNT)                                    \
	F(LOST, requests_unknown, COUNT)                                       \
	F(MEMORY, requests_memory, COUNT)                                      \
	F(NEAR, requests_near, COUNT)                                          \
	F(REDIS, requests_redis, COUNT)                                        \
	F(COALESCED, requests_coalesced, COUNT)

enum rollup_sum {
#define F(id, column, size) ROLLUP_##id,
	ROLLUP_SUMS(F)
#undef F
	ROLLUP_N_SUMS
};

struct rollup {
	int64_t sums[ROLLUP_N_SUMS];
	struct histogram first_token;
	struct histogram duration;
};

struct rollup_key {
	int64_t bucket; /* its first second, UTC */
	uint32_t names[ROLLUP_DIMS];
};

/* Seconds of a level's bucket, and how long its cells are kept (0: for ever).
 */
int64_t rollup_seconds(enum rollup_level level);
int64_t rollup_kept_seconds(enum rollup_level level);

/* The bucket of <seconds> seconds that <second> falls in. */
int64_t rollup_bucket(int64_t second, int64_t seconds);

/* Adds to a sum, which saturates; MONEY_UNPRICED adds nothing. */
void rollup_add(struct rollup *rollup, enum rollup_sum sum, int64_t amount);

/* a + b, held within int64 and never MONEY_UNPRICED. */
int64_t rollup_plus(int64_t a, int64_t b);

void rollup_merge(struct rollup *rollup, const struct rollup *more);

/* --- cells by key ------------------------------------------------------------
 */

struct rollup_cell {
	struct rollup_key key;
	struct rollup rollup;
};

/* A zeroed struct is an empty map; about 1.1 KB a cell. */
struct rollup_map {
	struct rollup_cell *cells; /* (n) in the order they were made */
	size_t n, cap;
	uint32_t *table; /* (slots) a cell's number plus 1; 0: free */
	size_t slots;
};

/* The cell of <key>, made when new; valid until the next one is made. */
struct rollup *rollup_map_get(
    struct rollup_map *map, const struct rollup_key *key);

/* Forgets the cells; clearing keeps the memory when it is not much. */
void rollup_map_clear(struct rollup_map *map);
void rollup_map_free(struct rollup_map *map);

/*
 * Adds each of <from>'s cells to the one of <into> that takes its names of the
 * dimensions in <mask> and the bucket of <level> that it falls in, but those
 * from before second <since>.
 */
void rollup_map_coarsen(struct rollup_map *into, const struct rollup_map *from,
    enum rollup_level level, unsigned mask, int64_t since);

#endif
