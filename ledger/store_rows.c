/* store_rows.c -- what is read from the projection's file and written there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/store_inside.h"

#define ID_LEN ((int)sizeof(struct ledger_id))

/* --- binding -----------------------------------------------------------------
 */

/* Parameters are bound one after the other; the first is number 1. */
struct binder {
	sqlite3_stmt *statement;
	int next;
};

static struct binder binder_of(struct store *store, enum store_statement which)
{
	return (struct binder){store->statements[which], 1};
}

static void bind_int(struct binder *binder, int64_t value)
{
	sqlite3_bind_int64(binder->statement, binder->next++, value);
}

/* NULL for what is unpriced. */
static void bind_amount(struct binder *binder, int64_t nano)
{
	if (nano == MONEY_UNPRICED)
		sqlite3_bind_null(binder->statement, binder->next++);
	else
		bind_int(binder, nano);
}

/* The bytes live until the statement has run. */
static void bind_id(struct binder *binder, const struct ledger_id *id)
{
	sqlite3_bind_blob(binder->statement, binder->next++, id->bytes, ID_LEN,
	    SQLITE_STATIC);
}

static void bind_histogram(
    struct binder *binder, const struct histogram *histogram)
{
	uint8_t packed[HISTOGRAM_PACKED_MAX];
	size_t len = histogram_pack(histogram, packed);

	if (len == 0)
		sqlite3_bind_null(binder->statement, binder->next++);
	else
		sqlite3_bind_blob(binder->statement, binder->next++, packed,
		    (int)len, SQLITE_TRANSIENT);
}

static void bind_reserve(
    struct binder *binder, const struct store_attempt *attempt)
{
	const struct ledger_reserve *reserve = &attempt->reserve;

	bind_id(binder, &reserve->request);
	bind_id(binder, &reserve->attempt);
	bind_int(binder, reserve->attempt_number);
	bind_int(binder, reserve->kind);
	bind_int(binder, reserve->source);
	if (ledger_id_is_zero(&reserve->answer_of))
		sqlite3_bind_null(binder->statement, binder->next++);
	else
		bind_id(binder, &reserve->answer_of);
	bind_int(binder, reserve->utc_ns);
	bind_amount(binder, reserve->estimated_cost_nano);
	for (size_t i = 0; i < ROLLUP_DIMS; i++)
		bind_int(binder, attempt->names[i]);
	bind_int(binder, attempt->place.writer);
	bind_int(binder, (int64_t)attempt->place.sequence);
	bind_int(binder, attempt->place.slot);
}

static void bind_settle(
    struct binder *binder, const struct store_attempt *attempt)
{
	const struct ledger_settle *settle = &attempt->settle;

	bind_int(binder, attempt->state);
	bind_int(binder, settle->outcome);
	bind_int(binder, settle->status);
	bind_int(binder, settle->utc_ns);
	bind_int(binder, settle->input_tokens);
	bind_int(binder, settle->cached_tokens);
	bind_int(binder, settle->output_tokens);
	bind_int(binder, settle->is_estimated);
	bind_amount(binder, settle->cost_nano);
	bind_amount(binder, settle->baseline_nano);
	bind_amount(binder, settle->saved_nano);
	bind_int(binder, settle->first_token_ns);
	bind_int(binder, settle->duration_ns);
	bind_int(binder, settle->followers);
	bind_int(binder, attempt->is_counted);
}

/* --- columns -----------------------------------------------------------------
 */

static void read_id(sqlite3_stmt *row, int column, struct ledger_id *id)
{
	const void *bytes = sqlite3_column_blob(row, column);

	*id = (struct ledger_id){{0}};
	if (bytes && sqlite3_column_bytes(row, column) == ID_LEN)
		memcpy(id->bytes, bytes, sizeof(id->bytes));
}

static int64_t read_amount(sqlite3_stmt *row, int column)
{
	if (sqlite3_column_type(row, column) == SQLITE_NULL)
		return MONEY_UNPRICED;
	return sqlite3_column_int64(row, column);
}

/* A word that a table of names is looked up by. */
static int read_word(sqlite3_stmt *row, int column, int last)
{
	int64_t value = sqlite3_column_int64(row, column);

	return value >= 0 && value <= last ? (int)value : 0;
}

void store_read_reserve(
    sqlite3_stmt *row, int first, struct store_attempt *attempt)
{
	struct ledger_reserve *reserve = &attempt->reserve;
	int at = first;

	*attempt = (struct store_attempt){0};
	read_id(row, at++, &reserve->request);
	read_id(row, at++, &reserve->attempt);
	reserve->attempt_number = (uint32_t)sqlite3_column_int64(row, at++);
	reserve->kind =
	    (enum ledger_kind)read_word(row, at++, LEDGER_CACHE_HIT);
	reserve->source =
	    (enum ledger_source)read_word(row, at++, LEDGER_SOURCE_COALESCED);
	read_id(row, at++, &reserve->answer_of);
	reserve->utc_ns = sqlite3_column_int64(row, at++);
	reserve->estimated_cost_nano = read_amount(row, at++);
	for (size_t i = 0; i < ROLLUP_DIMS; i++)
		attempt->names[i] = (uint32_t)sqlite3_column_int64(row, at++);
	attempt->place.writer = (uint32_t)sqlite3_column_int64(row, at++);
	attempt->place.sequence = (uint64_t)sqlite3_column_int64(row, at++);
	attempt->place.slot = (uint32_t)sqlite3_column_int64(row, at++);
}

void store_read_settle(
    sqlite3_stmt *row, int first, struct store_attempt *attempt)
{
	struct ledger_settle *settle = &attempt->settle;
	int at = first;

	attempt->state =
	    (enum ledger_state)read_word(row, at++, LEDGER_UNKNOWN);
	settle->attempt = attempt->reserve.attempt;
	settle->outcome =
	    (enum ledger_outcome)read_word(row, at++, LEDGER_ESCALATED);
	settle->status = sqlite3_column_int(row, at++);
	settle->utc_ns = sqlite3_column_int64(row, at++);
	settle->input_tokens = sqlite3_column_int64(row, at++);
	settle->cached_tokens = sqlite3_column_int64(row, at++);
	settle->output_tokens = sqlite3_column_int64(row, at++);
	settle->is_estimated = sqlite3_column_int(row, at++) != 0;
	settle->cost_nano = read_amount(row, at++);
	settle->baseline_nano = read_amount(row, at++);
	settle->saved_nano = read_amount(row, at++);
	settle->first_token_ns = sqlite3_column_int64(row, at++);
	settle->duration_ns = sqlite3_column_int64(row, at++);
	settle->followers = (uint32_t)sqlite3_column_int64(row, at++);
	attempt->is_counted = sqlite3_column_int(row, at++) != 0;
}

static bool read_histogram(
    sqlite3_stmt *row, int column, struct histogram *histogram)
{
	const void *bytes = sqlite3_column_blob(row, column);

	return histogram_unpack(histogram,
	    span_make(bytes, (size_t)sqlite3_column_bytes(row, column)));
}

bool store_read_cell(sqlite3_stmt *row, int first, struct rollup *rollup)
{
	for (int i = 0; i < ROLLUP_N_SUMS; i++)
		rollup->sums[i] = rollup_plus(
		    rollup->sums[i], sqlite3_column_int64(row, first + i));
	return read_histogram(
		   row, first + ROLLUP_N_SUMS, &rollup->first_token) &&
	       read_histogram(
		   row, first + ROLLUP_N_SUMS + 1, &rollup->duration);
}

/* --- what a process begins with ----------------------------------------------
 */

/* Steps to the next row; false at the end and on an error, which is in <code>.
 */
static bool next_row(sqlite3_stmt *statement, int *code)
{
	*code = sqlite3_step(statement);
	return *code == SQLITE_ROW;
}

static enum result end_rows(
    struct store *store, sqlite3_stmt *statement, int code, struct error *err)
{
	sqlite3_reset(statement);
	if (code == SQLITE_DONE || code == SQLITE_ROW)
		return OK;
	return store_fail(store, code, err);
}

enum result store_load_state(
    struct store *store, struct store_state *state, struct error *err)
{
	sqlite3_stmt *row = store->statements[STATEMENT_GET_STATE];
	int code;

	*state = (struct store_state){0};
	if (next_row(row, &code)) {
		state->as_of_ns = sqlite3_column_int64(row, 0);
		state->attempts = sqlite3_column_int64(row, 1);
		state->records = sqlite3_column_int64(row, 2);
		state->rows = sqlite3_column_int64(row, 3);
	}
	return end_rows(store, row, code, err);
}

enum result store_each_name(
    struct store *store, store_name_fn *fn, void *arg, struct error *err)
{
	sqlite3_stmt *row = store->statements[STATEMENT_GET_NAMES];
	int code;

	while (next_row(row, &code))
		fn((uint32_t)sqlite3_column_int64(row, 0),
		    span_make((const char *)sqlite3_column_text(row, 1),
			(size_t)sqlite3_column_bytes(row, 1)),
		    arg);
	return end_rows(store, row, code, err);
}

enum result store_each_cursor(
    struct store *store, store_cursor_fn *fn, void *arg, struct error *err)
{
	sqlite3_stmt *row = store->statements[STATEMENT_GET_CURSORS];
	int code;

	while (next_row(row, &code)) {
		const struct store_cursor cursor = {
		    .writer = (uint32_t)sqlite3_column_int64(row, 0),
		    .sequence = (uint64_t)sqlite3_column_int64(row, 1),
		    .identity = (uint32_t)sqlite3_column_int64(row, 2),
		    .next = (uint64_t)sqlite3_column_int64(row, 3),
		};

		fn(&cursor, arg);
	}
	return end_rows(store, row, code, err);
}

enum result store_each_pending(
    struct store *store, store_attempt_fn *fn, void *arg, struct error *err)
{
	sqlite3_stmt *row = store->statements[STATEMENT_GET_PENDING];
	int code;

	while (next_row(row, &code)) {
		struct store_attempt attempt;

		store_read_reserve(row, 0, &attempt);
		fn(&attempt, arg);
	}
	return end_rows(store, row, code, err);
}

/* --- changes -----------------------------------------------------------------
 */

enum result store_put_state(
    struct store *store, const struct store_state *state, struct error *err)
{
	struct binder binder = binder_of(store, STATEMENT_PUT_STATE);

	bind_int(&binder, state->as_of_ns);
	bind_int(&binder, state->attempts);
	bind_int(&binder, state->records);
	bind_int(&binder, state->rows);
	return store_run(store, STATEMENT_PUT_STATE, err);
}

enum result store_put_name(
    struct store *store, uint32_t id, struct span text, struct error *err)
{
	struct binder binder = binder_of(store, STATEMENT_PUT_NAME);

	bind_int(&binder, id);
	sqlite3_bind_text(binder.statement, binder.next, text.ptr,
	    (int)text.len, SQLITE_STATIC);
	return store_run(store, STATEMENT_PUT_NAME, err);
}

enum result store_put_cursor(
    struct store *store, const struct store_cursor *cursor, struct error *err)
{
	struct binder binder = binder_of(store, STATEMENT_PUT_CURSOR);

	bind_int(&binder, cursor->writer);
	bind_int(&binder, (int64_t)cursor->sequence);
	bind_int(&binder, cursor->identity);
	bind_int(&binder, (int64_t)cursor->next);
	return store_run(store, STATEMENT_PUT_CURSOR, err);
}

enum result store_put_pending(
    struct store *store, const struct store_attempt *attempt, struct error *err)
{
	struct binder binder = binder_of(store, STATEMENT_PUT_PENDING);

	bind_reserve(&binder, attempt);
	return store_run(store, STATEMENT_PUT_PENDING, err);
}

enum result store_drop_pending(
    struct store *store, const struct ledger_id *attempt, struct error *err)
{
	struct binder binder = binder_of(store, STATEMENT_DROP_PENDING);

	bind_id(&binder, attempt);
	return store_run(store, STATEMENT_DROP_PENDING, err);
}

enum result store_put_attempt(
    struct store *store, const struct store_attempt *attempt, struct error *err)
{
	struct binder binder = binder_of(store, STATEMENT_PUT_ATTEMPT);

	bind_reserve(&binder, attempt);
	bind_settle(&binder, attempt);
	return store_run(store, STATEMENT_PUT_ATTEMPT, err);
}

enum result store_find_counted(struct store *store,
    const struct ledger_id *request, struct store_attempt *attempt,
    struct error *err)
{
	struct binder binder = binder_of(store, STATEMENT_FIND_COUNTED);
	bool is_there;
	int code;

	bind_id(&binder, request);
	is_there = next_row(binder.statement, &code);
	if (is_there) {
		/* The first of STORE_SETTLE follows the last of STORE_RESERVE.
		 */
		store_read_reserve(binder.statement, 0, attempt);
		store_read_settle(
		    binder.statement, STORE_RESERVE_COLUMNS, attempt);
	}
	if (end_rows(store, binder.statement, code, err) != OK)
		return FAILED;
	return is_there ? OK : AGAIN;
}

enum result store_uncount(
    struct store *store, const struct store_attempt *attempt, struct error *err)
{
	struct binder binder = binder_of(store, STATEMENT_UNCOUNT);

	bind_id(&binder, &attempt->reserve.request);
	bind_id(&binder, &attempt->reserve.attempt);
	return store_run(store, STATEMENT_UNCOUNT, err);
}

enum result store_add(struct store *store, enum rollup_level level,
    unsigned mask, const struct rollup_cell *cell, struct error *err)
{
	struct binder binder = binder_of(store, STATEMENT_ADD);

	bind_int(&binder, level);
	bind_int(&binder, mask);
	bind_int(&binder, cell->key.bucket);
	for (size_t i = 0; i < ROLLUP_DIMS; i++)
		bind_int(&binder, cell->key.names[i]);
	for (size_t i = 0; i < ROLLUP_N_SUMS; i++)
		bind_int(&binder, cell->rollup.sums[i]);
	bind_histogram(&binder, &cell->rollup.first_token);
	bind_histogram(&binder, &cell->rollup.duration);
	return store_run(store, STATEMENT_ADD, err);
}

enum result store_prune(struct store *store, enum rollup_level level,
    unsigned mask, int64_t before, struct error *err)
{
	struct binder binder = binder_of(store, STATEMENT_PRUNE);

	bind_int(&binder, level);
	bind_int(&binder, mask);
	bind_int(&binder, before);
	return store_run(store, STATEMENT_PRUNE, err);
}

enum result store_prune_attempts(
    struct store *store, int64_t n, int64_t *dropped, struct error *err)
{
	struct binder finder = binder_of(store, STATEMENT_FIND_OLDEST);
	struct binder binder = binder_of(store, STATEMENT_PRUNE_ATTEMPTS);
	struct ledger_id first;
	int code;

	*dropped = 0;
	bind_int(&finder, n);
	if (!next_row(finder.statement, &code))
		return end_rows(store, finder.statement, code, err);
	read_id(finder.statement, 0, &first);
	if (end_rows(store, finder.statement, code, err) != OK)
		return FAILED;
	bind_id(&binder, &first);
	if (store_run(store, STATEMENT_PRUNE_ATTEMPTS, err) != OK)
		return FAILED;
	*dropped = sqlite3_changes(store->db);
	return OK;
}
