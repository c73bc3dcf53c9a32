/* ledger_help.h -- what the ledger's tests share: directories, attempts, rows.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_LEDGER_HELP_H
#define TESTS_UNIT_LEDGER_HELP_H

#include "ledger/inside.h"

#define HELP_PATH_MAX 128

/* A new directory under TMPDIR, and its end with all that is in it. */
void help_make_directory(char *path);
void help_remove_directory(const char *path);

/* An id made of a number, and back. */
struct ledger_id help_id(uint64_t number);
uint64_t help_number(const struct ledger_id *id);

/* Attempt <number>, reserved at that many seconds after 2026-11-23. */
struct ledger_reserve help_reserve(uint64_t number);

/* Its end: completed, 200, costs <number> nano-dollars and saves twice that. */
struct ledger_settle help_settle(uint64_t number);

int64_t help_time(uint64_t seconds);

/* Opens with <writers>, segments of <bytes> and a sync every millisecond. */
struct ledger *help_open(const char *directory, unsigned writers, size_t bytes);

void help_must_reserve(struct ledger_writer *writer, uint64_t number);
void help_must_settle(struct ledger_writer *writer, uint64_t number);

/* A row as the tests compare it; names are copied. */
struct help_row {
	uint64_t number; /* of the attempt */
	int64_t utc_ns;
	enum ledger_state state;
	struct ledger_settle settle;
	char key[LEDGER_NAME_MAX + 1];
	char model[LEDGER_NAME_MAX + 1];
	char rule[LEDGER_NAME_MAX + 1];
	char task[LEDGER_NAME_MAX + 1];
	enum ledger_source source;
	struct ledger_id answer_of;
};

struct help_rows {
	struct help_row *items; /* (n) */
	size_t n;
	size_t cap;
	size_t damages[4];         /* by kind */
	struct ledger_damage last; /* the last one */
};

/* Reads all there is; the test fails when reading does. */
void help_read(const char *directory, struct help_rows *rows);
void help_free_rows(struct help_rows *rows);

/* The row of attempt <number>, or NULL. */
const struct help_row *help_find(const struct help_rows *rows, uint64_t number);

size_t help_damages(const struct help_rows *rows);

/* Reads until attempt <number> is there and settled; it will be. */
void help_await_settled(const char *directory, uint64_t number);

/* The segment file's path. */
void help_segment(
    char *path, const char *directory, unsigned sequence, unsigned writer);

/* Whole files in memory; the test fails when that does. */
uint8_t *help_load(const char *path, size_t *len);
void help_store(const char *path, const uint8_t *bytes, size_t len);

/* Flips the bits of <mask> in one byte of a file. */
void help_flip(const char *path, size_t offset, uint8_t mask);

/* One more than the offset of the last byte that is not zero. */
size_t help_data_end(const char *path);

#endif
