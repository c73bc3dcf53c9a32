/* question.h -- a reader's connection to the projection's file. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_QUESTION_H
#define LEDGER_QUESTION_H

#include "ledger/projection.h"
#include "ledger/store.h"

/*
 * A question opens the file for reading, sees it as it is at that moment, runs
 * one statement after the other and closes it. Every value in a statement is a
 * bound parameter.
 */
struct question {
	const char *path;
	sqlite3 *db;
	sqlite3_stmt *statement;
	int64_t names[ROLLUP_DIMS]; /* -1: all */
	unsigned filters;           /* the dimensions that are filtered */
	bool is_nothing;            /* a name that is nowhere */
};

/* FAILED with <err> when the file cannot be read; question_end all the same. */
enum result question_begin(
    struct question *question, const char *path, struct error *err) must_check;

/* With the names of <query> looked up. */
enum result question_begin_query(struct question *question, const char *path,
    const struct projection_query *query, struct error *err) must_check;
void question_end(struct question *question);

/* Sets <err> from SQLite's <code>; returns FAILED. */
enum result question_fail(
    struct question *question, int code, struct error *err);

/* Takes the place of the statement before it. */
enum result question_prepare(
    struct question *question, const char *text, struct error *err) must_check;

/* --- cells -------------------------------------------------------------------
 */

/* The cells of one level from second <from> to <to>. */
struct stretch {
	enum rollup_level level;
	int64_t from, to;
};

#define STRETCHES_MAX 5

/*
 * Covers the range with as few cells as may be: days in the middle, hours
 * before and after, minutes at the ends. Returns how many stretches there are.
 */
size_t question_cover(
    const struct projection_query *query, struct stretch *stretches);

/* The coarsest level whose buckets make up a step. */
enum rollup_level question_level(int64_t step_s);

/* Where a cell's sums go; <row> has its bucket and names as columns. */
enum question_column {
	QUESTION_BUCKET,
	QUESTION_NAMES, /* of each dimension, one after the other */
	QUESTION_SUMS = QUESTION_NAMES + ROLLUP_DIMS,
};

struct question_sink {
	struct rollup *(*place)(sqlite3_stmt *row, void *arg);
	void *arg;
};

/*
 * Adds up the cells of the stretch that have the question's names, where those
 * of the dimensions in <wanted> (the filtered ones at least) are told apart.
 */
enum result question_add(struct question *question,
    const struct stretch *stretch, unsigned wanted,
    const struct question_sink *sink, struct error *err) must_check;

/* What a cell's sums tell. */
struct projection_sum question_sum(const struct rollup *rollup);

#endif
