/* ledger_help.c -- what the ledger's tests share. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ledger_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_SECOND INT64_C(1795392000) /* 2026-11-23T00:00:00Z */

void help_make_directory(char *path)
{
	const char *parent = getenv("TMPDIR");

	snprintf(path, HELP_PATH_MAX, "%s/ledger-test-XXXXXX",
	    parent ? parent : "/tmp");
	assert_non_null(mkdtemp(path));
}

void help_remove_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	assert_int_equal(rmdir(path), 0);
}

struct ledger_id help_id(uint64_t number)
{
	struct ledger_id id = {{0}};

	memcpy(id.bytes + 8, &number, sizeof(number));
	return id;
}

uint64_t help_number(const struct ledger_id *id)
{
	uint64_t number;

	memcpy(&number, id->bytes + 8, sizeof(number));
	return number;
}

int64_t help_time(uint64_t seconds)
{
	return (FIRST_SECOND + (int64_t)seconds) * NS_PER_S;
}

struct ledger_reserve help_reserve(uint64_t number)
{
	return (struct ledger_reserve){
	    .request = help_id(number),
	    .attempt = help_id(number),
	    .utc_ns = help_time(number),
	    .attempt_number = 1,
	    .kind = LEDGER_UPSTREAM,
	    .key = "team-a",
	    .model = "up/small",
	    .rule = "default",
	    .estimated_cost_nano = 1000,
	};
}

struct ledger_settle help_settle(uint64_t number)
{
	return (struct ledger_settle){
	    .attempt = help_id(number),
	    .utc_ns = help_time(number) + 1,
	    .outcome = LEDGER_COMPLETED,
	    .status = 200,
	    .input_tokens = 10,
	    .cached_tokens = 2,
	    .output_tokens = 5,
	    .cost_nano = (int64_t)number,
	    .baseline_nano = 3 * (int64_t)number,
	    .saved_nano = 2 * (int64_t)number,
	    .first_token_ns = 20 * NS_PER_MS,
	    .duration_ns = 90 * NS_PER_MS,
	    .followers = 3,
	};
}

struct ledger *help_open(const char *directory, unsigned writers, size_t bytes)
{
	const struct ledger_options options = {
	    .directory = directory,
	    .writers = writers,
	    .segment_bytes = bytes,
	    .sync_ns = NS_PER_MS,
	};
	struct error err = {{0}};
	struct ledger *ledger = ledger_open(&options, &err);

	if (!ledger)
		fail_msg("%s", err.text);
	return ledger;
}

void help_must_reserve(struct ledger_writer *writer, uint64_t number)
{
	const struct ledger_reserve reserve = help_reserve(number);
	struct error err = {{0}};

	if (ledger_reserve(writer, &reserve, &err) != OK)
		fail_msg("%s", err.text);
}

void help_must_settle(struct ledger_writer *writer, uint64_t number)
{
	const struct ledger_settle settle = help_settle(number);

	ledger_settle(writer, &settle);
}

static bool keep_row(const struct ledger_row *row, void *arg)
{
	struct help_rows *rows = arg;
	struct help_row *kept;

	if (rows->n == rows->cap) {
		rows->cap = rows->cap ? rows->cap * 2 : 64;
		rows->items =
		    mem_realloc(rows->items, rows->cap * sizeof(*rows->items));
	}
	kept = &rows->items[rows->n++];
	*kept = (struct help_row){
	    .number = help_number(&row->reserve.attempt),
	    .utc_ns = row->reserve.utc_ns,
	    .state = row->state,
	    .source = row->reserve.source,
	    .answer_of = row->reserve.answer_of,
	    .settle = row->settle,
	};
	snprintf(kept->key, sizeof(kept->key), "%s", row->reserve.key);
	snprintf(kept->model, sizeof(kept->model), "%s", row->reserve.model);
	snprintf(kept->rule, sizeof(kept->rule), "%s", row->reserve.rule);
	snprintf(kept->task, sizeof(kept->task), "%s", row->reserve.task);
	return true;
}

static void keep_damage(const struct ledger_damage *damage, void *arg)
{
	struct help_rows *rows = arg;

	rows->damages[damage->kind]++;
	rows->last = *damage;
}

void help_read(const char *directory, struct help_rows *rows)
{
	struct error err = {{0}};

	*rows = (struct help_rows){0};
	if (ledger_read(directory, keep_row, keep_damage, rows, &err) != OK)
		fail_msg("%s", err.text);
}

void help_free_rows(struct help_rows *rows)
{
	free(rows->items);
	*rows = (struct help_rows){0};
}

const struct help_row *help_find(const struct help_rows *rows, uint64_t number)
{
	for (size_t i = 0; i < rows->n; i++)
		if (rows->items[i].number == number)
			return &rows->items[i];
	return NULL;
}

size_t help_damages(const struct help_rows *rows)
{
	return rows->damages[0] + rows->damages[1] + rows->damages[2] +
	       rows->damages[3];
}

void help_await_settled(const char *directory, uint64_t number)
{
	bool is_there = false;

	while (!is_there) {
		struct help_rows rows;
		const struct help_row *row;

		help_read(directory, &rows);
		row = help_find(&rows, number);
		is_there = row && row->state == LEDGER_SETTLED;
		help_free_rows(&rows);
		sched_yield();
	}
}

void help_segment(
    char *path, const char *directory, unsigned sequence, unsigned writer)
{
	snprintf(path, HELP_PATH_MAX, "%s/%08u-%02u.seg", directory, sequence,
	    writer);
}

uint8_t *help_load(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	struct stat status;
	uint8_t *bytes;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &status), 0);
	*len = (size_t)status.st_size;
	bytes = mem_alloc(*len);
	assert_int_equal(fread(bytes, 1, *len, file), *len);
	fclose(file);
	return bytes;
}

void help_store(const char *path, const uint8_t *bytes, size_t len)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

void help_flip(const char *path, size_t offset, uint8_t mask)
{
	size_t len;
	uint8_t *bytes = help_load(path, &len);

	assert_true(offset < len);
	bytes[offset] ^= mask;
	help_store(path, bytes, len);
	free(bytes);
}

size_t help_data_end(const char *path)
{
	size_t len;
	uint8_t *bytes = help_load(path, &len);

	while (len > 0 && bytes[len - 1] == 0)
		len--;
	free(bytes);
	return len;
}
