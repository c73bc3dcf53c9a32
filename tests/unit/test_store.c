/* test_store.c -- the projection's file as its one writer has it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "ledger/store.h"
#include "tests/unit/ledger_help.h"

struct place_of_test {
	char directory[HELP_PATH_MAX];
	char path[HELP_PATH_MAX + 32];
};

static int begin(void **state)
{
	struct place_of_test *place = mem_new(struct place_of_test);

	help_make_directory(place->directory);
	snprintf(
	    place->path, sizeof(place->path), "%s/p.sqlite", place->directory);
	*state = place;
	return 0;
}

static int end(void **state)
{
	struct place_of_test *place = *state;

	help_remove_directory(place->directory);
	free(place);
	return 0;
}

static struct store *must_open(const char *path)
{
	struct error err = {{0}};
	bool is_spoilt;
	struct store *store = store_open(path, &is_spoilt, &err);

	if (!store)
		fail_msg("%s", err.text);
	assert_false(is_spoilt);
	return store;
}

static void must_begin(struct store *store)
{
	struct error err = {{0}};

	if (store_begin(store, &err) != OK)
		fail_msg("%s", err.text);
}

static void must_commit(struct store *store)
{
	struct error err = {{0}};

	if (store_commit(store, &err) != OK ||
	    store_checkpoint(store, &err) != OK)
		fail_msg("%s", err.text);
}

static off_t size_of(const char *path, const char *ending)
{
	char name[HELP_PATH_MAX + 48];
	struct stat status;

	snprintf(name, sizeof(name), "%s%s", path, ending);
	return stat(name, &status) == 0 ? status.st_size : 0;
}

static void add_cell(struct store *store, int64_t bucket, uint32_t name)
{
	struct rollup_cell *cell = mem_new(struct rollup_cell);
	struct error err = {{0}};

	cell->key.bucket = bucket;
	cell->key.names[ROLLUP_KEY] = name;
	rollup_add(&cell->rollup, ROLLUP_ROWS, 1);
	rollup_add(&cell->rollup, ROLLUP_COST, INT64_MAX / 2);
	histogram_add(&cell->rollup.duration, NS_PER_S, 1);
	if (store_add(store, ROLLUP_MINUTE, ROLLUP_ALL, cell, &err) != OK)
		fail_msg("%s", err.text);
	free(cell);
}

static void the_log_before_the_file_stays_small(void **state)
{
	const struct place_of_test *place = *state;
	struct store *store = must_open(place->path);

	for (int64_t i = 0; i < 40; i++) {
		must_begin(store);
		for (uint32_t name = 0; name < 4000; name++)
			add_cell(store, i, name);
		must_commit(store);
		assert_true(size_of(place->path, "-wal") < 16 << 20);
	}
	assert_true(size_of(place->path, "") > 4 << 20);
	store_close(&store);
	assert_null(store);
	assert_true(size_of(place->path, "-wal") == 0);
}

static void cells_add_up_and_amounts_stop_at_the_largest(void **state)
{
	const struct place_of_test *place = *state;
	struct store *store = must_open(place->path);
	struct rollup *sum = mem_new(struct rollup);
	sqlite3_stmt *row;
	sqlite3 *db;

	must_begin(store);
	for (int i = 0; i < 5; i++)
		add_cell(store, 60, 7);
	must_commit(store);
	store_close(&store);
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(
		db, "SELECT " STORE_CELL " FROM rollups", -1, &row, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	assert_true(store_read_cell(row, 0, sum));
	assert_int_equal(sqlite3_step(row), SQLITE_DONE);
	sqlite3_finalize(row);
	sqlite3_close(db);
	assert_int_equal(sum->sums[ROLLUP_ROWS], 5);
	assert_true(sum->sums[ROLLUP_COST] == INT64_MAX);
	assert_int_equal(sum->duration.n[histogram_bucket(NS_PER_S)], 5);
	assert_true(histogram_is_empty(&sum->first_token));
	free(sum);
}

static void what_was_not_committed_is_not_there(void **state)
{
	const struct place_of_test *place = *state;
	const struct store_state put = {
	    .as_of_ns = 5, .attempts = 6, .records = 7, .rows = 8};
	struct store *store = must_open(place->path);
	struct store_state got;
	struct error err;

	must_begin(store);
	assert_int_equal(store_put_state(store, &put, &err), OK);
	must_commit(store);
	must_begin(store);
	assert_int_equal(
	    store_put_state(store, &(struct store_state){0}, &err), OK);
	store_close(&store);
	store = must_open(place->path);
	assert_int_equal(store_load_state(store, &got, &err), OK);
	assert_memory_equal(&got, &put, sizeof(got));
	store_close(&store);
}

static void another_writer_is_noticed(void **state)
{
	const struct place_of_test *place = *state;
	struct store *store = must_open(place->path);
	struct store *other = must_open(place->path);
	struct error err = {{0}};

	must_begin(other);
	add_cell(other, 0, 1);
	must_commit(other);
	assert_int_equal(store_begin(store, &err), FAILED);
	assert_non_null(strstr(err.text, "another"));
	assert_false(store_is_spoilt(store));
	store_close(&store);
	must_begin(other);
	must_commit(other);
	store_close(&other);
}

int main(void)
{
#define in_directory(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    in_directory(the_log_before_the_file_stays_small),
	    in_directory(cells_add_up_and_amounts_stop_at_the_largest),
	    in_directory(what_was_not_committed_is_not_there),
	    in_directory(another_writer_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
