/* tail.h -- follows the ledger's segments as they grow. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_TAIL_H
#define LEDGER_TAIL_H

#include "ledger/part.h"
#include "ledger/store.h"

/*
 * Reads every record once, in its writer's order, of all writers the one that
 * lies furthest back first. What a living process writes is read up to its
 * mark, as by any reader; the tail takes no lock and opens nothing for
 * writing. How far it has come in each segment is a cursor, which the owner
 * keeps with what it made of the records.
 *
 * A cursor that does not fit the segments (one is missing, another file has
 * its name, it is past the end) makes tail_refresh fail and tail_is_misfit
 * true: what was made of that ledger is not of this one.
 */
struct tail;

typedef enum result tail_reserve_fn(void *arg,
    const struct ledger_reserve *reserve, const struct place *place,
    struct error *err);
typedef enum result tail_settle_fn(
    void *arg, const struct ledger_settle *settle, struct error *err);

struct tail_sink {
	tail_reserve_fn *reserve; /* texts are valid during the call */
	tail_settle_fn *settle;
	void *arg;
};

struct tail *tail_new(const char *directory);
void tail_free(struct tail **tail);

/* Sets a cursor from an earlier time; before the first tail_refresh. */
void tail_set_cursor(struct tail *tail, const struct store_cursor *cursor);

/* Looks what segments there are and which processes live. */
enum result tail_refresh(struct tail *tail, struct error *err) must_check;
bool tail_is_misfit(const struct tail *tail);

/*
 * Gives the sink some records that follow. AGAIN when there are no more than
 * tail_refresh saw. FAILED when that is what the sink said, or when a file
 * cannot be synced: the tail is then to be freed.
 */
enum result tail_read(struct tail *tail, const struct tail_sink *sink,
    struct error *err) must_check;

/* OK when tail_read would give something, else AGAIN. */
enum result tail_has_more(struct tail *tail, struct error *err) must_check;

/*
 * Whether the process that wrote there was gone at the last tail_refresh, as
 * far as was known. When tail_read has said AGAIN since, all of its records
 * have been read.
 */
bool tail_is_over(const struct tail *tail, const struct place *place);

/*
 * Whether tail_is_over says so of more places than at the last
 * tail_forget_deaths.
 */
bool tail_has_deaths(const struct tail *tail);
void tail_forget_deaths(struct tail *tail);

/* Stores each cursor that has moved since the last call. */
enum result tail_save(
    struct tail *tail, struct store *store, struct error *err) must_check;

/* Slots read, and those that are there to read, as far as was looked. */
void tail_progress(const struct tail *tail, uint64_t *done, uint64_t *all);

#endif
