/* test_projection_faults.c -- attempts one by one, and files at fault. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <unistd.h>

#include "tests/unit/projection_help.h"

/* --- one request -------------------------------------------------------------
 */

struct attempts {
	struct ledger_row rows[8];
	char keys[8][32];
	size_t n;
};

static bool take_attempt(const struct ledger_row *row, void *arg)
{
	struct attempts *attempts = arg;

	assert_true(attempts->n < 8);
	snprintf(attempts->keys[attempts->n], 32, "%s", row->reserve.key);
	attempts->rows[attempts->n++] = *row;
	return true;
}

static void attempts_of(
    const struct world *world, uint64_t request, struct attempts *attempts)
{
	const struct ledger_id id = help_id(request);
	struct error err = {{0}};

	attempts->n = 0;
	if (projection_read_attempts(
		world->path, &id, take_attempt, attempts, &err) != OK)
		fail_msg("%s", err.text);
}

static void put(
    struct world *world, uint64_t request, uint64_t attempt, bool is_settled)
{
	struct ledger_reserve reserve = help_reserve(attempt);
	struct error err;

	reserve.request = help_id(request);
	reserve.attempt_number = (uint32_t)attempt;
	assert_int_equal(
	    ledger_reserve(ledger_writer(world->ledger, 0), &reserve, &err),
	    OK);
	if (is_settled)
		help_must_settle(ledger_writer(world->ledger, 0), attempt);
}

static void a_requests_attempts_are_told_in_order(void **state)
{
	struct world *world = *state;
	struct attempts attempts;

	world_open(world);
	put(world, 100, 1, true);
	put(world, 200, 2, true);
	put(world, 100, 3, false);
	put(world, 200, 4, true);
	help_await_settled(world->directory, 4);
	world_project(world);
	attempts_of(world, 100, &attempts);
	assert_int_equal(attempts.n, 2);
	assert_int_equal(help_number(&attempts.rows[0].reserve.attempt), 1);
	assert_int_equal(attempts.rows[0].state, LEDGER_SETTLED);
	assert_int_equal(attempts.rows[0].settle.cost_nano, 1);
	assert_int_equal(attempts.rows[0].settle.duration_ns, 90 * NS_PER_MS);
	assert_string_equal(attempts.keys[0], "team-a");
	assert_int_equal(help_number(&attempts.rows[1].reserve.attempt), 3);
	assert_int_equal(attempts.rows[1].state, LEDGER_RESERVED);
	assert_string_equal(attempts.keys[1], "team-a");
	attempts_of(world, 300, &attempts);
	assert_int_equal(attempts.n, 0);
	ledger_close(&world->ledger);
	world_project(world);
	attempts_of(world, 100, &attempts);
	assert_int_equal(attempts.n, 2);
	assert_int_equal(attempts.rows[1].state, LEDGER_UNKNOWN);
}

/* --- files at fault ----------------------------------------------------------
 */

static void overwrite(const char *path, off_t offset, const char *text)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(
	    pwrite(fd, text, strlen(text), offset), (ssize_t)strlen(text));
	close(fd);
}

static void change(const struct world *world, const char *text)
{
	sqlite3_stmt *statement;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(world->path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
	sqlite3_step(statement);
	assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
	sqlite3_close(db);
}

/* Opens until all of the log is there: the thread mends it by itself. */
static void must_recover(
    const struct world *world, const struct log *log, bool is_doubted)
{
	const struct projection_options options = world_options(world);
	const struct projection_query always = {.until_s = INT64_MAX};
	const struct projection_sum want = log_sum(log, &always);
	struct projection_sum got = {0};
	struct error err;
	struct projection *projection = projection_open(&options, &err);
	int64_t as_of;

	assert_non_null(projection);
	if (is_doubted)
		projection_doubt(projection);
	while (projection_read_total(world->path, &got, &as_of, &err) != OK ||
	       got.requests != want.requests)
		sched_yield();
	projection_close(&projection);
	world_must_have_all(world, log);
}

static void a_file_at_fault_is_made_anew(void **state)
{
	static const char *const changes[] = {
	    "PRAGMA user_version = 99",
	    "PRAGMA application_id = 5",
	    "DROP TABLE attempts",
	    "UPDATE cursors SET next = next + 1000",
	    "UPDATE cursors SET identity = 0",
	    "INSERT INTO cursors VALUES (77, 1, 0, 5)",
	};
	struct world *world = *state;
	struct log log;

	world_seed = 16;
	world_open(world);
	world_work(world, 200);
	ledger_close(&world->ledger);
	world_project(world);
	log = world_log(world);
	world_must_have_all(world, &log);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		change(world, changes[i]);
		must_recover(world, &log, false);
	}
	overwrite(world->path, 0, "this is no database, is it");
	must_recover(world, &log, false);
	/* The middle of the file: its pages are no trees. */
	for (off_t at = 4096; at < 65536; at += 512)
		overwrite(world->path, at, "nonsense nonsense nonsense");
	must_recover(world, &log, true);
	unlink(world->path);
	must_recover(world, &log, false);
	free(log.rows);
}

static void where_no_file_can_be_made_there_is_no_harm(void **state)
{
	struct world *world = *state;
	struct projection_options options = world_options(world);
	struct projection *projection;
	struct projection_sum sum;
	struct error err;
	int64_t as_of;

	options.path = "/nonexistent/projection.sqlite";
	projection = projection_open(&options, &err);
	assert_non_null(projection);
	projection_close(&projection);
	assert_int_equal(
	    projection_read_total(options.path, &sum, &as_of, &err), FAILED);
	assert_int_equal(sum.requests, 0);
}

static void a_ledger_in_use_is_not_rebuilt(void **state)
{
	struct world *world = *state;
	const struct projection_options options = world_options(world);
	struct error err;
	int64_t records;

	world_open(world);
	assert_int_equal(
	    projection_rebuild(&options, NULL, NULL, &records, &err), FAILED);
	assert_non_null(strstr(err.text, "pid"));
}

int main(void)
{
#define in_world(name)                                                         \
	cmocka_unit_test_setup_teardown(name, world_begin, world_end)
	const struct CMUnitTest tests[] = {
	    in_world(a_requests_attempts_are_told_in_order),
	    in_world(a_file_at_fault_is_made_anew),
	    in_world(where_no_file_can_be_made_there_is_no_harm),
	    in_world(a_ledger_in_use_is_not_rebuilt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
