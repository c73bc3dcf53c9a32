/* store.c -- the projection's SQLite file: life, transactions, look-ups. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/store_inside.h"

#define TEXT_OF(number) TEXT_OF_EXPANDED(number)
#define TEXT_OF_EXPANDED(number) #number

#define APPLICATION_ID 1399612777 /* "SlUi" */

/* 8 MiB of write-ahead log. */
#define CHECKPOINT_PAGES 2048

/* Long enough for a reader that holds the file for a moment, and no longer. */
#define BUSY_MS 1000

/* Changes when another connection has written. */
#define DATA_VERSION "PRAGMA data_version"

static const char *const settings[] = {
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA mmap_size = 0",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -8192",
};

static const char *const schema[] = {
    "BEGIN IMMEDIATE",
    "CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " as_of_ns INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " records INTEGER NOT NULL, rows INTEGER NOT NULL)",
    "INSERT INTO state VALUES (1, 0, 0, 0, 0)",
    "CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE cursors (writer INTEGER, sequence INTEGER,"
    " identity INTEGER NOT NULL, next INTEGER NOT NULL,"
    " PRIMARY KEY (writer, sequence)) WITHOUT ROWID",
    "CREATE TABLE pending (" STORE_RESERVE
    ", PRIMARY KEY (attempt)) WITHOUT ROWID",
    "CREATE TABLE attempts (" STORE_RESERVE ", " STORE_SETTLE
    ", PRIMARY KEY (request, attempt)) WITHOUT ROWID",
    "CREATE TABLE rollups (level, mask, bucket, key, model, rule, task, " STORE_CELL
    ", PRIMARY KEY (level, mask, bucket, key, model, rule, task))"
    " WITHOUT ROWID",
    "PRAGMA application_id = " TEXT_OF(APPLICATION_ID),
    "PRAGMA user_version = " TEXT_OF(STORE_VERSION),
    "COMMIT",
};

static const char *const texts[STATEMENTS] = {
#define S(id, text) [STATEMENT_##id] = text,
    STORE_STATEMENTS(S)
#undef S
};

/* --- errors ------------------------------------------------------------------
 */

static bool is_fault_of_file(int code)
{
	code &= 0xff;
	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB ||
	       code == SQLITE_ERROR || code == SQLITE_MISMATCH ||
	       code == SQLITE_CONSTRAINT || code == SQLITE_FORMAT;
}

enum result store_fail(struct store *store, int code, struct error *err)
{
	if (is_fault_of_file(code))
		store->is_spoilt = true;
	error_set(err, "%s: %s", store->path,
	    store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code));
	return FAILED;
}

bool store_is_spoilt(const struct store *store)
{
	return store->is_spoilt;
}

enum result store_run(
    struct store *store, enum store_statement which, struct error *err)
{
	sqlite3_stmt *statement = store->statements[which];
	int code = sqlite3_step(statement);

	/* A reset repeats the error of the step. */
	sqlite3_reset(statement);
	if (code == SQLITE_DONE || code == SQLITE_ROW)
		return OK;
	return store_fail(store, code, err);
}

/* --- functions that statements use -------------------------------------------
 */

static void plus(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	sqlite3_result_int64(
	    context, rollup_plus(sqlite3_value_int64(values[0]),
			 sqlite3_value_int64(values[1])));
}

static bool add_packed(struct histogram *histogram, sqlite3_value *value)
{
	const void *bytes = sqlite3_value_blob(value);

	return histogram_unpack(
	    histogram, span_make(bytes, (size_t)sqlite3_value_bytes(value)));
}

static void merge(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct histogram histogram = {0};
	uint8_t packed[HISTOGRAM_PACKED_MAX];
	size_t len;

	(void)n;
	if (!add_packed(&histogram, values[0]) ||
	    !add_packed(&histogram, values[1])) {
		sqlite3_result_error_code(context, SQLITE_CORRUPT);
		return;
	}
	len = histogram_pack(&histogram, packed);
	sqlite3_result_blob(context, packed, (int)len, SQLITE_TRANSIENT);
}

/* --- life --------------------------------------------------------------------
 */

static int64_t ask(struct store *store, const char *text)
{
	sqlite3_stmt *statement = NULL;
	int64_t value = -1;

	if (sqlite3_prepare_v2(store->db, text, -1, &statement, NULL) ==
		SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return value;
}

static enum result execute(
    struct store *store, const char *text, struct error *err)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(store->db, text, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	/* While the statement lives, so does its message. */
	if (code == SQLITE_DONE || code == SQLITE_ROW)
		code = SQLITE_OK;
	else
		store_fail(store, code, err);
	sqlite3_finalize(statement);
	return code == SQLITE_OK ? OK : FAILED;
}

static enum result execute_all(
    struct store *store, const char *const *list, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (execute(store, list[i], err) != OK)
			return FAILED;
	return OK;
}

/* A file that nobody has written to yet is ours to fill. */
static enum result make_schema(struct store *store, struct error *err)
{
	int64_t version = ask(store, "PRAGMA user_version");
	int64_t owner = ask(store, "PRAGMA application_id");

	if (owner == APPLICATION_ID && version == STORE_VERSION)
		return OK;
	if (ask(store, "SELECT count(*) FROM sqlite_schema") == 0)
		return execute_all(
		    store, schema, sizeof(schema) / sizeof(*schema), err);
	store->is_spoilt = true;
	error_set(err, "%s: it is of another program or version", store->path);
	return FAILED;
}

static int count_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store *store = arg;

	(void)db;
	(void)name;
	store->wal_pages = pages;
	return SQLITE_OK;
}

static enum result prepare(struct store *store, struct error *err)
{
	int code = SQLITE_OK;

	sqlite3_create_function(store->db, "plus", 2,
	    SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, plus, NULL, NULL);
	sqlite3_create_function(store->db, "merge", 2,
	    SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, merge, NULL, NULL);
	for (size_t i = 0; code == SQLITE_OK && i < STATEMENTS; i++)
		code = sqlite3_prepare_v3(store->db, texts[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);
	return code == SQLITE_OK ? OK : store_fail(store, code, err);
}

static enum result open_file(struct store *store, struct error *err)
{
	int code = sqlite3_open_v2(store->path, &store->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	    NULL);

	if (code != SQLITE_OK)
		return store_fail(store, code, err);
	sqlite3_busy_timeout(store->db, BUSY_MS);
	/* This takes the place of checkpoints that come by themselves. */
	sqlite3_wal_hook(store->db, count_pages, store);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (execute_all(store, settings, sizeof(settings) / sizeof(*settings),
		err) != OK ||
	    make_schema(store, err) != OK || prepare(store, err) != OK)
		return FAILED;
	store->data_version = ask(store, DATA_VERSION);
	return OK;
}

struct store *store_open(const char *path, bool *is_spoilt, struct error *err)
{
	struct store *store = mem_new(struct store);

	store->path = mem_strdup(path);
	*is_spoilt = false;
	if (open_file(store, err) == OK)
		return store;
	*is_spoilt = store->is_spoilt;
	store_close(&store);
	return NULL;
}

void store_close(struct store **store)
{
	struct store *old = *store;

	if (!old)
		return;
	*store = NULL;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(old->statements[i]);
	sqlite3_close(old->db);
	free(old->path);
	free(old);
}

void store_remove(const char *path)
{
	static const char *const endings[] = {"", "-wal", "-shm", "-journal"};

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		char *name = NULL;

		if (asprintf(&name, "%s%s", path, endings[i]) < 0)
			return;
		unlink(name);
		free(name);
	}
}

enum result store_examine(struct store *store, struct error *err)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(
	    store->db, "PRAGMA quick_check(1)", -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code != SQLITE_ROW) {
		store_fail(store, code, err);
	} else if (strcmp((const char *)sqlite3_column_text(statement, 0),
		       "ok") != 0) {
		store->is_spoilt = true;
		error_set(err, "%s: %s", store->path,
		    (const char *)sqlite3_column_text(statement, 0));
	}
	sqlite3_finalize(statement);
	return code == SQLITE_ROW && !store->is_spoilt ? OK : FAILED;
}

/* --- transactions ------------------------------------------------------------
 */

enum result store_begin(struct store *store, struct error *err)
{
	if (store_run(store, STATEMENT_BEGIN, err) != OK)
		return FAILED;
	if (ask(store, DATA_VERSION) == store->data_version)
		return OK;
	error_set(err, "%s: another process has written to it", store->path);
	return FAILED;
}

enum result store_commit(struct store *store, struct error *err)
{
	return store_run(store, STATEMENT_COMMIT, err);
}

enum result store_checkpoint(struct store *store, struct error *err)
{
	int code;

	if (store->wal_pages < CHECKPOINT_PAGES)
		return OK;
	/* Passive: what a reader still needs stays for the next time. */
	code = sqlite3_wal_checkpoint_v2(
	    store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (code != SQLITE_OK && code != SQLITE_BUSY)
		return store_fail(store, code, err);
	store->wal_pages = 0;
	return OK;
}
