/* projection_help.h -- random ledgers, and what their logs say. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_PROJECTION_HELP_H
#define TESTS_UNIT_PROJECTION_HELP_H

#include "ledger/projection.h"
#include "tests/unit/ledger_help.h"

#define WORLD_DAY INT64_C(86400)
#define WORLD_NOW                                                              \
	help_time(86400 * 30) /* what the clock says in these tests            \
			       */
#define WORLD_WRITERS 3

/* --- random numbers ----------------------------------------------------------
 */

extern uint64_t world_seed; /* each test sets its own */
uint64_t world_draw(uint64_t below);
const char *world_one_of(const char *const *names, size_t n);

#define ONE_OF(...)                                                            \
	world_one_of((const char *const[]){__VA_ARGS__},                       \
	    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* --- a ledger of anything ----------------------------------------------------
 */

struct world {
	char directory[HELP_PATH_MAX];
	char path[HELP_PATH_MAX + 32];
	struct ledger *ledger;
	struct ledger_id open[64]; /* reserved and not settled; (n_open) */
	unsigned writer_of[64];
	size_t n_open;
	uint64_t next_id;
	int64_t utc_ns;
};

/* Set up and tear down: <state> is a world with an empty ledger. */
int world_begin(void **state);
int world_end(void **state);

/* A process's ledger; the test closes it. */
void world_open(struct world *world);

/*
 * Requests of all kinds and fates: fallbacks, cache hits, estimated and
 * unpriced ones, some that stay open and end later or never.
 */
void world_work(struct world *world, size_t steps);

/* --- what the log says -------------------------------------------------------
 */

struct told {
	struct ledger_id request;
	char names[PROJECTION_DIMS][32];
	int64_t second;
	struct ledger_settle settle;
	enum ledger_kind kind;
	enum ledger_state state;
	bool is_last; /* of its request */
};

struct log {
	struct told *rows;
	size_t n;
};

/* All rows; the caller frees them. */
struct log world_log(const struct world *world);

/* Their sums in the query's range and names, but percentiles and sources. */
struct projection_sum log_sum(
    const struct log *log, const struct projection_query *query);

/* Equal in all that log_sum tells, and each by itself makes sense. */
void sums_must_equal(
    const struct projection_sum *a, const struct projection_sum *b);

/* --- projecting --------------------------------------------------------------
 */

int64_t world_now(void);
struct projection_options world_options(const struct world *world);

/* Opens, projects what is there, and closes. */
void world_project(const struct world *world);

/* The projection's total is the log's, and ledger_spend's. */
void world_must_have_all(const struct world *world, const struct log *log);

/* The file's content as text, names instead of their numbers; malloc'ed. */
char *world_dump(const struct world *world);

void world_rebuild(const struct world *world);

/* Records that the file says it has; -1 when it cannot be read. */
int64_t world_records(const struct world *world);

#endif
