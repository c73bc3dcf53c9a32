/* test_ledger_recover.c -- kills, power cuts, torn tails and damaged disks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/files.h"
#include "ledger/read.h"
#include "tests/unit/ledger_help.h"

#define SMALL ((size_t)16 << 10) /* a segment of 96 slots */

static int begin(void **state)
{
	char *directory = mem_alloc(HELP_PATH_MAX);

	help_make_directory(directory);
	*state = directory;
	return 0;
}

static int end(void **state)
{
	help_remove_directory(*state);
	free(*state);
	return 0;
}

/* A small generator with a fixed seed: the tests are the same at each run. */
static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Attempts <first> to <last>, settled, in a run of their own. */
static void write_run(const char *directory, uint64_t first, uint64_t last)
{
	struct ledger *ledger = help_open(directory, 1, 0);

	for (uint64_t i = first; i <= last; i++) {
		help_must_reserve(ledger_writer(ledger, 0), i);
		help_must_settle(ledger_writer(ledger, 0), i);
	}
	ledger_close(&ledger);
}

/*
 * The same, but ended by kill -9 after the sync: the segment stays as long as
 * it was made, without a seal.
 */
static void write_and_die(const char *directory, uint64_t first, uint64_t last)
{
	pid_t child = fork();

	if (child == 0) {
		const struct ledger_options options = {
		    .directory = directory,
		    .writers = 1,
		    .segment_bytes = SMALL * 4,
		    .sync_ns = NS_PER_MS,
		};
		struct ledger *ledger = ledger_open(&options, NULL);
		struct ledger_writer *writer;
		uint8_t page[FORMAT_HEADER_LEN] = {0};
		struct segment *segment;

		if (!ledger)
			_exit(1);
		writer = ledger_writer(ledger, 0);
		for (uint64_t i = first; i <= last; i++) {
			struct ledger_reserve reserve = help_reserve(i);
			struct ledger_settle settle = help_settle(i);

			if (ledger_reserve(writer, &reserve, NULL) != OK)
				_exit(1);
			ledger_settle(writer, &settle);
		}
		segment = writer->current;
		do {
			files_read(segment->fd, page, sizeof(page), 0);
		} while (format_mark(page) != segment_used(segment));
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* --- kill -9 -----------------------------------------------------------------
 */

#define SLOW 30 /* a multiple of 3 */

/* In a child, which must not return into the tests. */
static _Noreturn void die(const struct error *err)
{
	fprintf(stderr, "child: %s\n", err->text);
	_exit(1);
}

/* Reserves and settles as fast as it can; tells each number by a pipe. */
static void write_until_killed(const char *directory, int told, uint64_t first)
{
	const struct ledger_options options = {
	    .directory = directory,
	    .writers = 1,
	    .segment_bytes = SMALL,
	};
	struct error err = {{0}};
	struct ledger *ledger = ledger_open(&options, &err);
	struct ledger_writer *writer;

	if (!ledger)
		die(&err);
	writer = ledger_writer(ledger, 0);
	for (uint64_t i = first;; i++) {
		struct ledger_reserve reserve = help_reserve(i);
		struct ledger_settle settle = help_settle(i);

		if (ledger_reserve(writer, &reserve, &err) != OK ||
		    write(told, &i, sizeof(i)) != sizeof(i))
			die(&err);
		/* Every third attempt takes its time. */
		if (i % 3)
			ledger_settle(writer, &settle);
		else if (i >= first + SLOW)
			help_must_settle(writer, i - SLOW);
	}
}

/* One process's life; returns the last number that it told, UINT64_MAX: none */
static uint64_t live_and_die(
    const char *directory, uint64_t first, uint32_t messages)
{
	uint64_t last = UINT64_MAX, number;
	int told[2];
	pid_t child;

	assert_int_equal(pipe(told), 0);
	child = fork();
	if (child == 0) {
		close(told[0]);
		write_until_killed(directory, told[1], first);
	}
	close(told[1]);
	for (uint32_t i = 0; i < messages; i++) {
		assert_int_equal(
		    read(told[0], &number, sizeof(number)), sizeof(number));
		last = number;
	}
	kill(child, SIGKILL);
	while (read(told[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	close(told[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	return last;
}

static void kill_9_loses_nothing_that_was_reserved(void **state)
{
	struct help_rows rows;
	uint64_t next = 0;
	uint32_t seed = 7;

	for (int life = 0; life < 50; life++) {
		uint64_t first = next;
		uint64_t last =
		    live_and_die(*state, first, 1 + draw(&seed) % 400);

		help_read(*state, &rows);
		/* One more may be on record than could be told. */
		assert_in_range(rows.n, last + 1, last + 2);
		for (size_t i = 0; i < rows.n; i++)
			assert_int_equal(rows.items[i].number, i);
		for (uint64_t i = first; i < last; i++)
			if (i % 3 || i + SLOW < last)
				assert_int_equal(
				    rows.items[i].state, LEDGER_SETTLED);
			else if (i + SLOW > last + 1)
				assert_int_equal(
				    rows.items[i].state, LEDGER_UNKNOWN);
		assert_int_equal(rows.damages[LEDGER_CORRUPT], 0);
		assert_int_equal(rows.damages[LEDGER_MISSING], 0);
		assert_int_equal(rows.damages[LEDGER_BAD_HEADER], 0);
		next = rows.n;
		help_free_rows(&rows);
	}
}

/* --- power cuts --------------------------------------------------------------
 */

/*
 * What is on the disk is what the last sync of each file found there, and any
 * page that the kernel has written since of its own accord. The shadow keeps
 * the former; the cut takes each page from it or from the living file.
 */
struct power {
	pthread_mutex_t mutex; /* the shadow changes under it */
	const char *directory;
	char shadow[HELP_PATH_MAX];
	uint32_t seed;
};

/* "DIRECTORY/NAME.seg", whatever the path's directory and suffix were. */
static void path_in(const char *directory, const char *path, char *out)
{
	const char *name = strrchr(path, '/');
	char stem[32];
	size_t len;

	name = name ? name + 1 : path;
	len = strcspn(name, ".");
	assert_true(len < sizeof(stem));
	memcpy(stem, name, len);
	stem[len] = '\0';
	assert_in_range(
	    snprintf(out, HELP_PATH_MAX, "%s/%s.seg", directory, stem), 1,
	    HELP_PATH_MAX - 1);
}

static int sync_into_shadow(int fd, const char *path, void *arg)
{
	struct power *power = arg;
	char copy[HELP_PATH_MAX];
	size_t len;
	uint8_t *bytes;

	(void)fd;
	pthread_mutex_lock(&power->mutex);
	bytes = help_load(path, &len);
	path_in(power->shadow, path, copy);
	help_store(copy, bytes, len);
	free(bytes);
	pthread_mutex_unlock(&power->mutex);
	/* Let the writers store more before the mark moves. */
	for (int i = 0; i < 20; i++)
		sched_yield();
	return 0;
}

/* Makes <cut> what the disk has when the power goes now. */
static void cut_power(struct power *power, const char *cut)
{
	struct dirent *entry;
	DIR *dir;

	pthread_mutex_lock(&power->mutex);
	dir = opendir(power->shadow);
	while ((entry = readdir(dir))) {
		char from[HELP_PATH_MAX + 256], live[HELP_PATH_MAX + 256];
		char to[HELP_PATH_MAX + 256];
		uint8_t *bytes, *newer;
		size_t len, newer_len;

		if (!span_ends_with(span_of(entry->d_name), SPAN(".seg")))
			continue;
		snprintf(
		    from, sizeof(from), "%s/%s", power->shadow, entry->d_name);
		snprintf(live, sizeof(live), "%s/%s", power->directory,
		    entry->d_name);
		snprintf(to, sizeof(to), "%s/%s", cut, entry->d_name);
		bytes = help_load(from, &len);
		if (access(live, R_OK) == 0) {
			newer = help_load(live, &newer_len);
			for (size_t at = 0;
			     at + 4096 <= newer_len && at + 4096 <= len;
			     at += 4096)
				if (draw(&power->seed) % 2)
					memcpy(bytes + at, newer + at, 4096);
			free(newer);
		}
		help_store(to, bytes, len);
		free(bytes);
	}
	closedir(dir);
	pthread_mutex_unlock(&power->mutex);
}

/* The disk of the cut is not in question: there, syncing takes no time. */
static int sync_nothing(int fd, const char *path, void *arg)
{
	(void)fd;
	(void)path;
	(void)arg;
	return 0;
}

/* After a power cut the system has a boot id that no segment knows. */
static void boot_anew(uint8_t *boot, void *arg)
{
	(void)arg;
	memset(boot, 0xee, FORMAT_BOOT_LEN);
}

static bool keep_shown(const struct ledger_row *row, void *arg)
{
	struct help_rows *shown = arg;

	if (shown->n == shown->cap) {
		shown->cap = shown->cap ? shown->cap * 2 : 64;
		shown->items = mem_realloc(
		    shown->items, shown->cap * sizeof(*shown->items));
	}
	shown->items[shown->n++] = (struct help_row){
	    .number = help_number(&row->reserve.attempt), .state = row->state};
	return true;
}

static void note_damage(const struct ledger_damage *damage, void *arg)
{
	struct help_rows *shown = arg;

	shown->damages[damage->kind]++;
}

static void read_shown(
    const char *directory, const struct segment_io *io, struct help_rows *shown)
{
	const struct read_plan plan = {
	    .directory = directory,
	    .since_ns = INT64_MIN,
	    .until_ns = INT64_MAX,
	    .io = io,
	    .row = keep_shown,
	    .damage = note_damage,
	    .arg = shown,
	};
	struct error err;

	*shown = (struct help_rows){0};
	assert_int_equal(read_rows(&plan, &err), OK);
}

/* After the cut: reads, starts, reads again; what was shown is there. */
static void check_after_cut(
    const char *cut, const struct help_rows *shown, uint64_t numbers)
{
	const struct segment_io io = {
	    .sync = sync_nothing,
	    .allocate = segment_io_real.allocate,
	    .boot = boot_anew,
	};
	const struct ledger_options options = {
	    .directory = cut,
	    .writers = 2,
	    .segment_bytes = SMALL,
	};
	uint8_t *states = mem_zalloc(numbers);
	struct help_rows rows;
	struct ledger *ledger;

	for (int round = 0; round < 2; round++) {
		memset(states, 0xff, numbers);
		read_shown(cut, &io, &rows);
		for (size_t i = 0; i < rows.n; i++)
			states[rows.items[i].number] =
			    (uint8_t)rows.items[i].state;
		for (size_t i = 0; i < shown->n; i++) {
			uint8_t now = states[shown->items[i].number];

			if (shown->items[i].state == LEDGER_SETTLED)
				assert_int_equal(now, LEDGER_SETTLED);
			else
				assert_true(now == LEDGER_UNKNOWN ||
					    now == LEDGER_SETTLED);
		}
		assert_int_equal(rows.damages[LEDGER_CORRUPT], 0);
		assert_int_equal(rows.damages[LEDGER_BAD_HEADER], 0);
		assert_int_equal(rows.damages[LEDGER_MISSING], 0);
		/* A start repairs what the cut tore. */
		if (round == 1)
			assert_int_equal(rows.damages[LEDGER_TORN_TAIL], 0);
		help_free_rows(&rows);
		ledger = ledger_open_with(&options, &io, NULL);
		assert_non_null(ledger);
		ledger_close(&ledger);
	}
	free(states);
}

#define CUT_NUMBERS UINT64_C(40000)

struct cut_worker {
	struct ledger_writer *writer;
	uint64_t first;
	atomic_bool *is_over;
	pthread_t thread;
};

static void *write_till_over(void *arg)
{
	struct cut_worker *worker = arg;

	for (uint64_t i = 0; i < CUT_NUMBERS / 2; i++) {
		struct ledger_reserve reserve = help_reserve(worker->first + i);
		struct ledger_settle settle = help_settle(worker->first + i);

		if (atomic_load(worker->is_over))
			break;
		if (ledger_reserve(worker->writer, &reserve, NULL) != OK)
			break;
		if (i % 5)
			ledger_settle(worker->writer, &settle);
		sched_yield();
		if (i % 5 == 0)
			ledger_settle(worker->writer, &settle);
	}
	return NULL;
}

static void start_workers(
    struct cut_worker *workers, struct ledger *ledger, atomic_bool *is_over)
{
	for (unsigned i = 0; i < 2; i++) {
		workers[i].writer = ledger_writer(ledger, i);
		workers[i].first = i * CUT_NUMBERS / 2;
		workers[i].is_over = is_over;
		assert_int_equal(pthread_create(&workers[i].thread, NULL,
				     write_till_over, &workers[i]),
		    0);
	}
}

static void a_power_cut_loses_nothing_that_was_shown(void **state)
{
	static struct power power = {
	    .mutex = PTHREAD_MUTEX_INITIALIZER, .seed = 3};
	const struct segment_io io = {.sync = sync_into_shadow,
	    .allocate = segment_io_real.allocate,
	    .boot = segment_io_real.boot,
	    .arg = &power};
	const struct ledger_options options = {.directory = *state,
	    .writers = 2,
	    .segment_bytes = SMALL,
	    .sync_ns = NS_PER_MS};
	struct cut_worker workers[2];
	atomic_bool is_over = false;
	struct help_rows shown;
	struct ledger *ledger;

	power.directory = *state;
	help_make_directory(power.shadow);
	ledger = ledger_open_with(&options, &io, NULL);
	assert_non_null(ledger);
	start_workers(workers, ledger, &is_over);
	for (int i = 0; i < 12; i++) {
		char cut[HELP_PATH_MAX];

		help_make_directory(cut);
		do {
			read_shown(*state, &io, &shown);
			if (shown.n == 0)
				help_free_rows(&shown);
		} while (shown.n == 0);
		cut_power(&power, cut);
		check_after_cut(cut, &shown, CUT_NUMBERS);
		help_free_rows(&shown);
		help_remove_directory(cut);
	}
	atomic_store(&is_over, true);
	for (int i = 0; i < 2; i++)
		pthread_join(workers[i].thread, NULL);
	ledger_close(&ledger);
	help_remove_directory(power.shadow);
}

/* What a kill left unsynced is synced by the reader that shows it. */
static int count_sync(int fd, const char *path, void *arg)
{
	(void)fd;
	(void)path;
	++*(int *)arg;
	return 0;
}

static void a_reader_syncs_what_a_dead_process_left(void **state)
{
	int syncs = 0;
	const struct segment_io io = {
	    .sync = count_sync, .boot = segment_io_real.boot, .arg = &syncs};
	struct help_rows shown;

	write_and_die(*state, 0, 9);
	read_shown(*state, &io, &shown);
	assert_int_equal(shown.n, 10);
	assert_int_equal(syncs, 1);
	help_free_rows(&shown);
	write_run(*state, 10, 10); /* the start seals what was left */
	syncs = 0;
	read_shown(*state, &io, &shown);
	assert_int_equal(shown.n, 11);
	assert_int_equal(syncs, 0);
	help_free_rows(&shown);
}

/* --- torn tails --------------------------------------------------------------
 */

/* Reads; all of <n> rows but <lost> are there, and so after a start. */
static void expect_repair(const char *directory, size_t n, size_t torn)
{
	struct help_rows rows;

	help_read(directory, &rows);
	assert_int_equal(rows.n, n);
	assert_int_equal(rows.damages[LEDGER_TORN_TAIL], torn);
	assert_int_equal(help_damages(&rows), torn);
	help_free_rows(&rows);
	write_run(directory, 1000, 1000);
	help_read(directory, &rows);
	assert_int_equal(rows.n, n + 1);
	assert_int_equal(help_damages(&rows), 0);
	help_free_rows(&rows);
}

static void a_torn_tail_is_repaired_at_the_next_start(void **state)
{
	char path[HELP_PATH_MAX];

	write_and_die(*state, 0, 9);
	help_segment(path, *state, 1, 0);
	/* The last record is a settle: its row becomes unknown. */
	help_flip(path, help_data_end(path) - 1, 0xff);
	expect_repair(*state, 10, 1);
}

static void a_file_cut_within_its_last_record_is_repaired(void **state)
{
	char path[HELP_PATH_MAX];

	write_and_die(*state, 0, 9);
	help_segment(path, *state, 1, 0);
	assert_int_equal(truncate(path, (off_t)help_data_end(path) - 5), 0);
	expect_repair(*state, 10, 1);
}

static void a_file_cut_within_its_seal_is_repaired(void **state)
{
	char path[HELP_PATH_MAX];

	write_run(*state, 0, 9);
	help_segment(path, *state, 1, 0);
	assert_int_equal(truncate(path, (off_t)help_data_end(path) - 1), 0);
	expect_repair(*state, 10, 1);
}

static void bytes_appended_to_a_closed_file_are_cut_off(void **state)
{
	char path[HELP_PATH_MAX];
	uint8_t *bytes;
	size_t len;

	write_run(*state, 0, 9);
	write_run(*state, 10, 19); /* so that it is not the newest */
	help_segment(path, *state, 1, 0);
	bytes = help_load(path, &len);
	bytes = mem_realloc(bytes, len + 200);
	memset(bytes + len, 'x', 200);
	help_store(path, bytes, len + 200);
	free(bytes);
	expect_repair(*state, 20, 1);
}

static void a_clean_end_by_kill_is_no_damage(void **state)
{
	write_and_die(*state, 0, 9);
	expect_repair(*state, 10, 0);
}

static void leftovers_of_a_making_are_removed(void **state)
{
	char path[HELP_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/00000001-00.tmp", (char *)*state);
	help_store(path, (const uint8_t *)"half", 4);
	write_run(*state, 1, 1);
	assert_int_equal(access(path, F_OK), -1);
}

/* --- damage in the middle ----------------------------------------------------
 */

/* The damage is told before and after a start, and the bytes are untouched. */
static void expect_damage(const char *directory, const char *path, size_t n,
    enum ledger_damage_kind kind, size_t offset)
{
	uint8_t *before, *after;
	size_t before_len, after_len;
	struct help_rows rows;

	before = help_load(path, &before_len);
	for (int round = 0; round < 2; round++) {
		help_read(directory, &rows);
		assert_int_equal(rows.n, n + (size_t)round);
		assert_int_equal(rows.damages[kind], 1);
		assert_int_equal(help_damages(&rows), 1);
		assert_int_equal(rows.last.offset, offset);
		assert_string_equal(rows.last.file, path);
		help_free_rows(&rows);
		if (round == 0)
			write_run(directory, 1000, 1000);
	}
	after = help_load(path, &after_len);
	assert_int_equal(before_len, after_len);
	assert_memory_equal(before, after, before_len);
	free(before);
	free(after);
}

static void damage_in_the_middle_is_told_and_never_overwritten(void **state)
{
	char path[HELP_PATH_MAX];

	write_and_die(*state, 0, 9);
	help_segment(path, *state, 1, 0);
	/* Three names, then reserve and settle of 0: the reserve of 1. */
	help_flip(path, 4096 + 5 * 128 + 50, 1);
	expect_damage(*state, path, 9, LEDGER_CORRUPT, 4096 + 5 * 128);
}

static void damage_in_a_closed_segment_is_told(void **state)
{
	char path[HELP_PATH_MAX];

	write_run(*state, 0, 9);
	help_segment(path, *state, 1, 0);
	help_flip(path, 4096 + 5 * 128 + 127, 0x80);
	expect_damage(*state, path, 9, LEDGER_CORRUPT, 4096 + 5 * 128);
}

static void a_file_cut_in_the_middle_is_damage(void **state)
{
	char path[HELP_PATH_MAX];

	write_run(*state, 0, 9);
	help_segment(path, *state, 1, 0);
	assert_int_equal(truncate(path, 4096 + 9 * 128), 0);
	expect_damage(*state, path, 3, LEDGER_CORRUPT, 4096 + 9 * 128);
}

static void a_scarred_header_is_told_and_its_rows_are_read(void **state)
{
	char path[HELP_PATH_MAX];

	write_run(*state, 0, 9);
	help_segment(path, *state, 1, 0);
	help_flip(path, 20, 1);
	expect_damage(*state, path, 10, LEDGER_BAD_HEADER, 0);
}

static void a_header_that_is_gone_costs_its_segment_only(void **state)
{
	char path[HELP_PATH_MAX];

	write_run(*state, 0, 9);
	write_run(*state, 10, 19);
	help_segment(path, *state, 1, 0);
	help_flip(path, 20, 1);
	help_flip(path, 2048 + 20, 1);
	expect_damage(*state, path, 10, LEDGER_BAD_HEADER, 0);
}

static void a_missing_segment_is_told(void **state)
{
	char path[HELP_PATH_MAX];
	struct help_rows rows;

	for (uint64_t i = 0; i < 4; i++)
		write_run(*state, i, i);
	help_segment(path, *state, 3, 0);
	assert_int_equal(unlink(path), 0);
	help_read(*state, &rows);
	assert_int_equal(rows.n, 3);
	assert_int_equal(rows.damages[LEDGER_MISSING], 1);
	assert_int_equal(help_damages(&rows), 1);
	assert_string_equal(rows.last.file, path);
	help_free_rows(&rows);
}

static void a_copied_segment_is_not_counted_twice(void **state)
{
	char path[HELP_PATH_MAX], copy[HELP_PATH_MAX];
	struct help_rows rows;
	uint8_t *bytes;
	size_t len;

	write_run(*state, 0, 9);
	help_segment(path, *state, 1, 0);
	help_segment(copy, *state, 2, 0);
	bytes = help_load(path, &len);
	help_store(copy, bytes, len);
	free(bytes);
	help_read(*state, &rows);
	assert_int_equal(rows.n, 10);
	assert_int_equal(rows.damages[LEDGER_BAD_HEADER], 1);
	assert_string_equal(rows.last.file, copy);
	help_free_rows(&rows);
}

int main(void)
{
#define in_directory(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    in_directory(kill_9_loses_nothing_that_was_reserved),
	    in_directory(a_power_cut_loses_nothing_that_was_shown),
	    in_directory(a_reader_syncs_what_a_dead_process_left),
	    in_directory(a_torn_tail_is_repaired_at_the_next_start),
	    in_directory(a_file_cut_within_its_last_record_is_repaired),
	    in_directory(a_file_cut_within_its_seal_is_repaired),
	    in_directory(bytes_appended_to_a_closed_file_are_cut_off),
	    in_directory(a_clean_end_by_kill_is_no_damage),
	    in_directory(leftovers_of_a_making_are_removed),
	    in_directory(damage_in_the_middle_is_told_and_never_overwritten),
	    in_directory(damage_in_a_closed_segment_is_told),
	    in_directory(a_file_cut_in_the_middle_is_damage),
	    in_directory(a_scarred_header_is_told_and_its_rows_are_read),
	    in_directory(a_header_that_is_gone_costs_its_segment_only),
	    in_directory(a_missing_segment_is_told),
	    in_directory(a_copied_segment_is_not_counted_twice),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
