/* store.h -- the projection's SQLite file, as its one writer has it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_STORE_H
#define LEDGER_STORE_H

#include <sqlite3.h>

#include "ledger/ledger.h"
#include "ledger/rollup.h"

/*
 * One connection does all writing and its own checkpoints (WAL, no mmap,
 * synchronous NORMAL: a power cut may take the last transactions back as a
 * whole, and the log makes them again). Readers open connections of their own.
 * Every change between store_begin and store_commit is there or is not, the
 * cursors included.
 *
 * A function that returns FAILED has set <err>; the transaction is then lost,
 * and the store is closed and opened again. When the file is at fault
 * (store_is_spoilt) it is removed before.
 */

/* Whose record it is. Order of reserves is that of time, then of places. */
struct place {
	uint32_t writer;
	uint64_t sequence;
	uint32_t slot;
};

/* An attempt with its names as numbers; 0 is "". */
struct store_attempt {
	struct ledger_reserve reserve; /* its names are not set */
	uint32_t names[ROLLUP_DIMS];
	struct place place;
	enum ledger_state state;
	struct ledger_settle settle;
	bool is_counted; /* its request is counted under it */
};

struct store_cursor {
	uint32_t writer;
	uint64_t sequence;
	uint32_t identity;
	uint64_t next; /* slots before this one are projected */
};

struct store_state {
	int64_t as_of_ns; /* of the latest record; 0: none */
	int64_t attempts; /* rows kept of them */
	int64_t records;  /* projected, ever */
	int64_t rows;     /* attempts that have ended, ever */
};

struct store;

/*
 * Opens <path>, makes it when it is not there. NULL with <err>; <is_spoilt>
 * says that the file is damaged or of another version.
 */
struct store *store_open(
    const char *path, bool *is_spoilt, struct error *err) must_check;
void store_close(struct store **store);

/* Removes the file and what belongs to it. */
void store_remove(const char *path);

/* Looks through the whole file; FAILED when it is damaged. */
enum result store_examine(struct store *store, struct error *err) must_check;

bool store_is_spoilt(const struct store *store);

/* FAILED when another process has written since the store was opened. */
enum result store_begin(struct store *store, struct error *err) must_check;
enum result store_commit(struct store *store, struct error *err) must_check;

/* Moves the write-ahead log into the file when it has grown. */
enum result store_checkpoint(struct store *store, struct error *err) must_check;

/* --- what a process begins with ----------------------------------------------
 */

typedef void store_name_fn(uint32_t id, struct span text, void *arg);
typedef void store_cursor_fn(const struct store_cursor *cursor, void *arg);
typedef void store_attempt_fn(const struct store_attempt *attempt, void *arg);

enum result store_load_state(struct store *store, struct store_state *state,
    struct error *err) must_check;
enum result store_each_name(struct store *store, store_name_fn *fn, void *arg,
    struct error *err) must_check;
enum result store_each_cursor(struct store *store, store_cursor_fn *fn,
    void *arg, struct error *err) must_check;
enum result store_each_pending(struct store *store, store_attempt_fn *fn,
    void *arg, struct error *err) must_check;

/* --- changes -----------------------------------------------------------------
 */

enum result store_put_state(struct store *store,
    const struct store_state *state, struct error *err) must_check;
enum result store_put_name(struct store *store, uint32_t id, struct span text,
    struct error *err) must_check;
enum result store_put_cursor(struct store *store,
    const struct store_cursor *cursor, struct error *err) must_check;
enum result store_put_pending(struct store *store,
    const struct store_attempt *attempt, struct error *err) must_check;
enum result store_drop_pending(struct store *store,
    const struct ledger_id *attempt, struct error *err) must_check;

/* An attempt that has ended. */
enum result store_put_attempt(struct store *store,
    const struct store_attempt *attempt, struct error *err) must_check;

/* The attempt that the request is counted under; AGAIN when there is none. */
enum result store_find_counted(struct store *store,
    const struct ledger_id *request, struct store_attempt *attempt,
    struct error *err) must_check;
enum result store_uncount(struct store *store,
    const struct store_attempt *attempt, struct error *err) must_check;

/* Adds a cell to the one that is kept. */
enum result store_add(struct store *store, enum rollup_level level,
    unsigned mask, const struct rollup_cell *cell,
    struct error *err) must_check;

/* Drops the cells of <level> and <mask> from before second <before>. */
enum result store_prune(struct store *store, enum rollup_level level,
    unsigned mask, int64_t before, struct error *err) must_check;

/* Drops the <n> attempts of the oldest requests, and tells how many went. */
enum result store_prune_attempts(struct store *store, int64_t n,
    int64_t *dropped, struct error *err) must_check;

/* --- for readers -------------------------------------------------------------
 */

#define STORE_VERSION 2

/* The columns of a cell's sums and histograms, and of an attempt. */
#define STORE_COLUMN(id, column, size) #column ", "
#define STORE_CELL ROLLUP_SUMS(STORE_COLUMN) "first_token, duration"
#define STORE_RESERVE                                                          \
	"request, attempt, number, kind, source, answer_of, utc_ns, "          \
	"estimated_nano, key, model, rule, task, writer, sequence, slot"
#define STORE_RESERVE_COLUMNS 15
#define STORE_SETTLE                                                           \
	"state, outcome, status, ended_ns, input_tokens, cached_tokens, "      \
	"output_tokens, estimated, cost_nano, baseline_nano, saved_nano, "     \
	"first_token_ns, duration_ns, followers, counted"

/* Adds the columns of STORE_CELL from number <first> on to <rollup>. */
bool store_read_cell(sqlite3_stmt *row, int first, struct rollup *rollup);

/* The columns of STORE_RESERVE, then those of STORE_SETTLE. */
void store_read_reserve(
    sqlite3_stmt *row, int first, struct store_attempt *attempt);
void store_read_settle(
    sqlite3_stmt *row, int first, struct store_attempt *attempt);

#endif
