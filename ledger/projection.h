/* projection.h -- what pages and reports ask: the log, summed as it grows. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_PROJECTION_H
#define LEDGER_PROJECTION_H

#include "ledger/ledger.h"

/*
 * An SQLite file beside the ledger has the log's sums by minute, hour and day,
 * by key, model, rule and task, and the latest attempts one by one. A thread
 * of its own, of low priority, reads the log as any reader does, up to what is
 * synced, and writes a few times a second; workers and the ledger's thread
 * know nothing of it. How far it has come stands in the same transaction as
 * what it made, so that each record counts once over any kill and restart.
 *
 * The log is the truth: a file that is missing, damaged, of another version or
 * of another ledger is made anew from it, and nothing that happens to the file
 * is an error of the gateway.
 */
struct projection;

struct projection_options {
	const char *ledger;   /* its directory */
	const char *path;     /* of the file */
	struct metric *lag;   /* gauge, seconds; NULL: not wanted */
	struct metric *rows;  /* counter: attempts that have ended; likewise */
	struct metric *fails; /* counter: failed tries; likewise */
	int64_t (*utc_ns)(void); /* NULL: clock_utc_ns; for tests */
};

/*
 * Opens the file and starts the thread. Failures are logged, and tried again
 * by the thread; NULL with <err> only when there can be no thread.
 */
struct projection *projection_open(
    const struct projection_options *options, struct error *err) must_check;

/* Projects what is left, for two seconds at most, and stops the thread. */
void projection_close(struct projection **projection);

/*
 * A question could not be answered: the thread looks, at most once a minute,
 * whether the file is damaged, and begins anew when it is.
 */
void projection_doubt(struct projection *projection);

/* How long ago all that was synced then had been projected, in nanoseconds. */
int64_t projection_lag(struct projection *projection);

/*
 * Makes the file of a ledger anew, which no other process may have open: the
 * ledger's lock is held meanwhile. <tell> (may be NULL) is called now and
 * then. FAILED when a process has the ledger, when it cannot be read, or when
 * the file cannot be written.
 */
typedef void projection_progress_fn(uint64_t done, uint64_t all, void *arg);
enum result projection_rebuild(const struct projection_options *options,
    projection_progress_fn *tell, void *arg, int64_t *records,
    struct error *err) must_check;

/* --- asking
 * -------------------------------------------------------------------- */

/*
 * Each question opens the file for reading and closes it, from any thread. One
 * that is there but not caught up yet tells what it has. FAILED when it cannot
 * be read, AGAIN never.
 */
enum projection_dim {
	PROJECTION_KEY,
	PROJECTION_MODEL,
	PROJECTION_RULE,
	PROJECTION_TASK,
	PROJECTION_DIMS,
};

struct projection_query {
	int64_t since_s; /* UTC; a multiple of the step */
	int64_t until_s; /* not included; likewise */
	int64_t step_s;
	const char *names[PROJECTION_DIMS]; /* NULL: all */
};

/*
 * A query for the time from <since_ns> to <until_ns> (UTC): chooses the step
 * (60 s to a week) so that there are at most 200 of them and what is kept at
 * <now_ns> answers it, and widens the range to whole steps. Filters are not
 * set. False when the range is empty, backwards or longer than ten years.
 */
bool projection_plan(int64_t since_ns, int64_t until_ns, int64_t now_ns,
    struct projection_query *query) must_check;

/* How requests came out, by their last attempt. */
enum projection_outcome {
	PROJECTION_COMPLETED,
	PROJECTION_CLIENT_GONE,
	PROJECTION_UPSTREAM_DIED,
	PROJECTION_TIMED_OUT,
	PROJECTION_REFUSED,
	PROJECTION_UNKNOWN,
	PROJECTION_OUTCOMES,
};

/* As ledger_spend counts, but what is in flight: that is not there yet. */
struct projection_sum {
	int64_t requests;
	int64_t cache_hits;
	int64_t errors; /* upstream died, timed out, refused, unknown */
	int64_t outcomes[PROJECTION_OUTCOMES];
	int64_t sources[LEDGER_SOURCE_COALESCED + 1]; /* NONE: no hit */
	int64_t cost_nano;
	int64_t baseline_nano;
	int64_t saved_nano;
	int64_t saved_by_cache_nano; /* of it: by rows of kind cache_hit */
	int64_t unknown;
	int64_t estimated;
	int64_t unpriced;
	int64_t escalated; /* rows */
	int64_t input_tokens;
	int64_t cached_tokens;
	int64_t output_tokens;
	int64_t first_token_p50_ns; /* -1: nothing measured; within 10% */
	int64_t first_token_p95_ns;
	int64_t duration_p50_ns;
	int64_t duration_p95_ns;
};

struct projection_point {
	int64_t t; /* its first second, UTC */
	struct projection_sum sum;
};

struct projection_names {
	char **items; /* (n), by alphabet; "" is left out */
	size_t n;
};

struct projection_overview {
	int64_t as_of_ns; /* UTC, of the latest record; 0: none */
	struct projection_sum total;
	struct projection_point *points; /* (n_points), every step */
	size_t n_points;
	struct projection_names names[PROJECTION_DIMS]; /* in the range */
};

/* On FAILED <overview> is empty. */
enum result projection_read_overview(const char *path,
    const struct projection_query *query, struct projection_overview *overview,
    struct error *err) must_check;
void projection_free_overview(struct projection_overview *overview);

struct projection_row {
	char *name;
	struct projection_sum sum;
};

struct projection_table {
	struct projection_row *rows; /* (n), dearest first */
	size_t n;
};

/* Sums by <by> in the range; on FAILED <table> is empty. */
enum result projection_read_table(const char *path,
    const struct projection_query *query, enum projection_dim by,
    struct projection_table *table, struct error *err) must_check;
void projection_free_table(struct projection_table *table);

/* Everything that there ever was; <as_of_ns> as above. */
enum result projection_read_total(const char *path, struct projection_sum *sum,
    int64_t *as_of_ns, struct error *err) must_check;

/*
 * The attempts of one request among the latest million, in their order, those
 * in flight included; <row> as in ledger_read.
 */
enum result projection_read_attempts(const char *path,
    const struct ledger_id *request, ledger_row_fn *row, void *arg,
    struct error *err) must_check;

#endif
