/* projector.h -- turns the log's records into what the projection keeps. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_PROJECTOR_H
#define LEDGER_PROJECTOR_H

#include "ledger/store.h"

/*
 * Records go in one after the other, those of one writer in their order. An
 * attempt counts when it has ended: under the minute of its reserve, and its
 * names. A request counts once, as ledger_spend has it: under the attempt that
 * was reserved last of those that have ended; so a count moves when a later
 * attempt ends. To find the earlier one again the request must be among the
 * kept attempts.
 *
 * All of it happens between store_begin and store_commit, with
 * projector_flush before the commit. After a FAILED the projector is freed and
 * made again: what it knows is then what is stored.
 */
#define PROJECTOR_ATTEMPTS 1000000 /* rows kept of attempts */

struct projector;

/* Reads names, what is pending, and the state. NULL with <err>. */
struct projector *projector_new(
    struct store *store, struct error *err) must_check;
void projector_free(struct projector **projector);

/* An attempt begins. */
enum result projector_reserve(struct projector *projector,
    const struct ledger_reserve *reserve, const struct place *place,
    struct error *err) must_check;

/* It has ended. One that is not pending changes nothing. */
enum result projector_settle(struct projector *projector,
    const struct ledger_settle *settle, struct error *err) must_check;

/*
 * Ends as unknown whatever is pending in a segment for which <is_over> is
 * true: its process is gone and all of its records have been put in.
 */
typedef bool projector_over_fn(const struct place *place, void *arg);
enum result projector_lose(struct projector *projector,
    projector_over_fn *is_over, void *arg, struct error *err) must_check;

/* Cells in memory: flush before they are too many. */
size_t projector_cells(const struct projector *projector);

/* Records put in since the file was made, and attempts that ended since then.
 */
int64_t projector_records(const struct projector *projector);
int64_t projector_rows(const struct projector *projector);

/*
 * Writes all that came in, and prunes: cells that are past their time at
 * <now_ns> (UTC) are neither written nor kept.
 */
enum result projector_flush(
    struct projector *projector, int64_t now_ns, struct error *err) must_check;

#endif
