/* store_inside.h -- the store's statements, as its files share them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_STORE_INSIDE_H
#define LEDGER_STORE_INSIDE_H

#include "ledger/store.h"

/* A cell's columns: in the list of values, and as they are added up. */
#define STORE_VALUE(id, column, size) "?, "
#define STORE_UPDATE(id, column, size) STORE_UPDATE_##size(column)
#define STORE_UPDATE_COUNT(column)                                             \
#column " = " #column " + excluded." #column ", "
#define STORE_UPDATE_AMOUNT(column)                                            \
#column " = plus(" #column ", excluded." #column "), "
#define STORE_MERGE(column)                                                    \
#column " = CASE WHEN excluded." #column " IS NULL THEN " #column      \
		" ELSE merge(" #column ", excluded." #column ") END"

#define STORE_STATEMENTS(S)                                                               \
	S(BEGIN, "BEGIN IMMEDIATE")                                                       \
	S(COMMIT, "COMMIT")                                                               \
	S(GET_STATE, "SELECT as_of_ns, attempts, records, rows FROM state")               \
	S(PUT_STATE,                                                                      \
	    "UPDATE state SET as_of_ns = ?, attempts = ?, records = ?, rows = ?")         \
	S(GET_NAMES, "SELECT id, name FROM names ORDER BY id")                            \
	S(PUT_NAME, "INSERT INTO names VALUES (?, ?)")                                    \
	S(GET_CURSORS, "SELECT writer, sequence, identity, next FROM cursors"             \
		       " ORDER BY writer, sequence")                                      \
	S(PUT_CURSOR, "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?)")               \
	S(GET_PENDING, "SELECT " STORE_RESERVE " FROM pending")                           \
	S(PUT_PENDING, "INSERT INTO pending VALUES"                                       \
		       " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                  \
	S(DROP_PENDING, "DELETE FROM pending WHERE attempt = ?")                          \
	S(PUT_ATTEMPT, "INSERT OR IGNORE INTO attempts VALUES"                            \
		       " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"                   \
		       " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                   \
	S(FIND_COUNTED, "SELECT " STORE_RESERVE ", " STORE_SETTLE                         \
			" FROM attempts WHERE request = ? AND counted = 1")               \
	S(UNCOUNT, "UPDATE attempts SET counted = 0"                                      \
		   " WHERE request = ? AND attempt = ?")                                  \
	S(ADD,                                                                            \
	    "INSERT INTO rollups VALUES (?, ?, ?, ?, ?, ?, ?, " ROLLUP_SUMS(              \
		STORE_VALUE) "?, ?) ON CONFLICT DO UPDATE SET " ROLLUP_SUMS(STORE_UPDATE) \
		STORE_MERGE(first_token) ", " STORE_MERGE(duration))                      \
	S(PRUNE, "DELETE FROM rollups WHERE level = ? AND mask = ?"                       \
		 " AND bucket < ?")                                                       \
	S(FIND_OLDEST,                                                                    \
	    "SELECT request FROM attempts ORDER BY request LIMIT 1 OFFSET ?")             \
	S(PRUNE_ATTEMPTS, "DELETE FROM attempts WHERE request < ?")

enum store_statement {
#define S(id, text) STATEMENT_##id,
	STORE_STATEMENTS(S)
#undef S
	STATEMENTS
};

struct store {
	char *path;
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	int64_t data_version;
	int wal_pages; /* in the write-ahead log at the last commit */
	bool is_spoilt;
};

/* Sets <err> from SQLite's <code>; returns FAILED. */
enum result store_fail(struct store *store, int code, struct error *err);

/* Runs a bound statement that gives no rows. */
enum result store_run(struct store *store, enum store_statement which,
    struct error *err) must_check;

#endif
