/* test_ledger.c -- writing and reading: order, states, segments, full disks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ledger_help.h"

#define SMALL ((size_t)16 << 10) /* a segment of 96 slots */
#define HOUR (3600 * NS_PER_S)

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

/* --- rows and states ---------------------------------------------------------
 */

static void a_row_comes_back_as_it_was_settled(void **state)
{
	const char *directory = *state;
	struct ledger *ledger = help_open(directory, 1, 0);
	struct help_rows rows;

	help_must_reserve(ledger_writer(ledger, 0), 1);
	help_must_settle(ledger_writer(ledger, 0), 1);
	ledger_close(&ledger);
	assert_null(ledger);
	help_read(directory, &rows);
	assert_int_equal(rows.n, 1);
	assert_int_equal(help_damages(&rows), 0);
	assert_int_equal(rows.items[0].number, 1);
	assert_int_equal(rows.items[0].utc_ns, help_time(1));
	assert_int_equal(rows.items[0].state, LEDGER_SETTLED);
	assert_int_equal(rows.items[0].settle.cost_nano, 1);
	assert_int_equal(rows.items[0].settle.baseline_nano, 3);
	assert_int_equal(rows.items[0].settle.saved_nano, 2);
	assert_int_equal(rows.items[0].settle.cached_tokens, 2);
	assert_string_equal(rows.items[0].key, "team-a");
	assert_string_equal(rows.items[0].model, "up/small");
	assert_string_equal(rows.items[0].rule, "default");
	help_free_rows(&rows);
}

static void a_row_says_whose_answer_it_is_and_how_long_it_took(void **state)
{
	const char *directory = *state;
	struct ledger *ledger = help_open(directory, 1, 0);
	struct ledger_reserve reserve = help_reserve(2);
	struct ledger_settle settle = help_settle(2);
	struct error err;
	struct help_rows rows;

	help_must_reserve(ledger_writer(ledger, 0), 1);
	reserve.kind = LEDGER_CACHE_HIT;
	reserve.task = "summarising";
	reserve.source = LEDGER_SOURCE_REDIS;
	reserve.answer_of = help_id(1);
	assert_int_equal(
	    ledger_reserve(ledger_writer(ledger, 0), &reserve, &err), OK);
	ledger_settle(ledger_writer(ledger, 0), &settle);
	ledger_close(&ledger);
	help_read(directory, &rows);
	assert_int_equal(rows.n, 2);
	assert_string_equal(rows.items[0].task, "");
	assert_true(ledger_id_is_zero(&rows.items[0].answer_of));
	assert_string_equal(rows.items[1].task, "summarising");
	assert_int_equal(rows.items[1].source, LEDGER_SOURCE_REDIS);
	assert_int_equal(help_number(&rows.items[1].answer_of), 1);
	assert_int_equal(rows.items[1].settle.followers, 3);
	assert_int_equal(rows.items[1].settle.first_token_ns, 20 * NS_PER_MS);
	assert_int_equal(rows.items[1].settle.duration_ns, 90 * NS_PER_MS);
	help_free_rows(&rows);
}

static void an_open_attempt_is_reserved_while_its_process_lives(void **state)
{
	const char *directory = *state;
	struct ledger *ledger = help_open(directory, 1, 0);
	struct help_rows rows;

	help_must_reserve(ledger_writer(ledger, 0), 1);
	help_must_reserve(ledger_writer(ledger, 0), 2);
	help_must_settle(ledger_writer(ledger, 0), 2);
	help_await_settled(directory, 2);
	help_read(directory, &rows);
	assert_int_equal(help_find(&rows, 1)->state, LEDGER_RESERVED);
	help_free_rows(&rows);
	ledger_close(&ledger);
	help_read(directory, &rows);
	assert_int_equal(help_find(&rows, 1)->state, LEDGER_UNKNOWN);
	assert_int_equal(help_find(&rows, 1)->settle.cost_nano, 0);
	help_free_rows(&rows);
	/* And stays so beside the next process. */
	ledger = help_open(directory, 1, 0);
	help_must_reserve(ledger_writer(ledger, 0), 3);
	help_must_settle(ledger_writer(ledger, 0), 3);
	help_await_settled(directory, 3);
	help_read(directory, &rows);
	assert_int_equal(rows.n, 3);
	assert_int_equal(help_find(&rows, 1)->state, LEDGER_UNKNOWN);
	assert_int_equal(help_find(&rows, 2)->state, LEDGER_SETTLED);
	help_free_rows(&rows);
	ledger_close(&ledger);
}

static void readers_are_shown_only_what_is_synced(void **state)
{
	const struct ledger_options options = {
	    .directory = *state,
	    .writers = 1,
	    .sync_ns = HOUR,
	};
	struct error err;
	struct ledger *ledger = ledger_open(&options, &err);
	struct help_rows rows;

	assert_non_null(ledger);
	help_must_reserve(ledger_writer(ledger, 0), 1);
	help_must_settle(ledger_writer(ledger, 0), 1);
	help_read(*state, &rows);
	assert_int_equal(rows.n, 0);
	help_free_rows(&rows);
	ledger_close(&ledger);
	help_read(*state, &rows);
	assert_int_equal(rows.n, 1);
	help_free_rows(&rows);
}

static void a_second_settle_changes_nothing(void **state)
{
	struct ledger *ledger = help_open(*state, 1, 0);
	struct ledger_settle again = help_settle(1);
	struct help_rows rows;

	again.cost_nano = 1000000;
	help_must_reserve(ledger_writer(ledger, 0), 1);
	help_must_settle(ledger_writer(ledger, 0), 1);
	ledger_settle(ledger_writer(ledger, 0), &again);
	ledger_settle(ledger_writer(ledger, 0), &(struct ledger_settle){0});
	ledger_close(&ledger);
	help_read(*state, &rows);
	assert_int_equal(rows.n, 1);
	assert_int_equal(rows.items[0].settle.cost_nano, 1);
	assert_int_equal(help_damages(&rows), 0);
	help_free_rows(&rows);
}

static void a_name_that_is_too_long_is_refused(void **state)
{
	struct ledger *ledger = help_open(*state, 1, 0);
	struct ledger_reserve reserve = help_reserve(1);
	char name[LEDGER_NAME_MAX + 2];
	struct error err;
	struct help_rows rows;

	memset(name, 'n', sizeof(name));
	name[LEDGER_NAME_MAX + 1] = '\0';
	reserve.model = name;
	assert_int_equal(
	    ledger_reserve(ledger_writer(ledger, 0), &reserve, &err), FAILED);
	assert_non_null(strstr(err.text, "nnnn"));
	reserve.model = name + 1;
	reserve.rule = NULL;
	assert_int_equal(
	    ledger_reserve(ledger_writer(ledger, 0), &reserve, &err), OK);
	ledger_close(&ledger);
	help_read(*state, &rows);
	assert_string_equal(rows.items[0].model, name + 1);
	assert_string_equal(rows.items[0].rule, "");
	help_free_rows(&rows);
}

/* --- segments ----------------------------------------------------------------
 */

static void rows_span_many_segments_and_settles_fall_far(void **state)
{
	const char *directory = *state;
	struct ledger *ledger = help_open(directory, 1, SMALL);
	struct ledger_writer *writer = ledger_writer(ledger, 0);
	struct help_rows rows;
	const uint64_t n = 2000, held = 30;

	/* Number 0 is settled last of all, others 30 later. */
	for (uint64_t i = 0; i < n; i++) {
		help_must_reserve(writer, i);
		if (i > held)
			help_must_settle(writer, i - held);
	}
	for (uint64_t i = n - held; i < n; i++)
		help_must_settle(writer, i);
	help_must_settle(writer, 0);
	ledger_close(&ledger);
	help_read(directory, &rows);
	assert_int_equal(rows.n, n);
	assert_int_equal(help_damages(&rows), 0);
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(rows.items[i].number, i);
		assert_int_equal(rows.items[i].state, LEDGER_SETTLED);
		assert_int_equal(rows.items[i].settle.cost_nano, i);
		assert_string_equal(rows.items[i].model, "up/small");
	}
	help_free_rows(&rows);
}

static void room_for_every_settle_is_set_aside(void **state)
{
	struct ledger *ledger = help_open(*state, 1, SMALL);
	struct ledger_writer *writer = ledger_writer(ledger, 0);
	struct help_rows rows;
	struct error err = {{0}};
	uint64_t n = 0;

	for (int round = 0; round < 3; round++) {
		uint64_t first = n;
		struct ledger_reserve reserve = help_reserve(n);

		while (ledger_reserve(writer, &reserve, &err) == OK)
			reserve = help_reserve(++n);
		assert_non_null(strstr(err.text, "outstanding"));
		assert_true(n - first > 40);
		for (uint64_t i = first; i < n; i++)
			help_must_settle(writer, i);
	}
	ledger_close(&ledger);
	help_read(*state, &rows);
	assert_int_equal(rows.n, n);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(rows.items[i].state, LEDGER_SETTLED);
	help_free_rows(&rows);
}

static void writers_are_merged_by_time(void **state)
{
	struct ledger *ledger = help_open(*state, 3, SMALL);
	struct help_rows rows;

	for (uint64_t i = 0; i < 900; i++) {
		struct ledger_writer *writer =
		    ledger_writer(ledger, (unsigned)(i * 7 % 3));

		help_must_reserve(writer, i);
		help_must_settle(writer, i);
	}
	ledger_close(&ledger);
	help_read(*state, &rows);
	assert_int_equal(rows.n, 900);
	for (uint64_t i = 0; i < 900; i++)
		assert_int_equal(rows.items[i].number, i);
	help_free_rows(&rows);
}

static void a_clock_that_is_set_back_does_not_disorder_rows(void **state)
{
	struct ledger *ledger = help_open(*state, 1, SMALL);
	struct help_rows rows;

	for (uint64_t i = 0; i < 300; i++) {
		help_must_reserve(ledger_writer(ledger, 0), 300 - i);
		help_must_settle(ledger_writer(ledger, 0), 300 - i);
	}
	ledger_close(&ledger);
	help_read(*state, &rows);
	assert_int_equal(rows.n, 300);
	for (uint64_t i = 0; i < 300; i++)
		assert_int_equal(rows.items[i].number, i + 1);
	help_free_rows(&rows);
}

static void a_start_without_traffic_leaves_no_segments(void **state)
{
	struct ledger_counts counts;
	struct error err;

	for (int i = 0; i < 3; i++) {
		struct ledger *ledger = help_open(*state, 4, 0);

		ledger_close(&ledger);
	}
	assert_int_equal(ledger_verify(*state, &counts, NULL, NULL, &err), OK);
	assert_int_equal(counts.segments, 0);
	assert_int_equal(counts.rows, 0);
}

static void a_closed_segment_gives_its_space_back(void **state)
{
	struct ledger *ledger = help_open(*state, 1, 0);
	char path[HELP_PATH_MAX];
	struct stat status;

	help_must_reserve(ledger_writer(ledger, 0), 1);
	help_must_settle(ledger_writer(ledger, 0), 1);
	ledger_close(&ledger);
	help_segment(path, *state, 1, 0);
	assert_int_equal(stat(path, &status), 0);
	/* Three names, a reserve, a settle, a seal. */
	assert_int_equal(status.st_size, 4096 + 6 * 128);
}

static void names_beyond_the_table_are_written_again(void **state)
{
	struct ledger *ledger = help_open(*state, 1, 0);
	struct ledger_writer *writer = ledger_writer(ledger, 0);
	struct help_rows rows;
	char name[32];
	struct error err;

	for (uint64_t i = 0; i < 12000; i++) {
		struct ledger_reserve reserve = help_reserve(i);

		snprintf(name, sizeof(name), "key-%d", (int)(i % 6000));
		reserve.key = name;
		assert_int_equal(ledger_reserve(writer, &reserve, &err), OK);
		help_must_settle(writer, i);
	}
	ledger_close(&ledger);
	help_read(*state, &rows);
	assert_int_equal(rows.n, 12000);
	for (uint64_t i = 0; i < 12000; i++) {
		snprintf(name, sizeof(name), "key-%d", (int)(i % 6000));
		assert_string_equal(rows.items[i].key, name);
	}
	help_free_rows(&rows);
}

/* --- the lock ----------------------------------------------------------------
 */

static void a_second_process_is_told_who_has_the_ledger(void **state)
{
	const struct ledger_options options = {
	    .directory = *state, .writers = 1};
	struct ledger *ledger = help_open(*state, 1, 0);
	struct help_rows rows;
	struct error err;
	char pid[32];

	snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
	assert_null(ledger_open(&options, &err));
	assert_non_null(strstr(err.text, *state));
	assert_non_null(strstr(err.text, "another `sluice serve`"));
	assert_non_null(strstr(err.text, pid));
	/* The attempt did not harm the first one's files. */
	help_must_reserve(ledger_writer(ledger, 0), 1);
	help_must_settle(ledger_writer(ledger, 0), 1);
	ledger_close(&ledger);
	help_read(*state, &rows);
	assert_int_equal(rows.n, 1);
	help_free_rows(&rows);
	ledger = help_open(*state, 1, 0);
	ledger_close(&ledger);
}

static void a_directory_is_made_with_its_parents(void **state)
{
	char deep[HELP_PATH_MAX + 16], middle[HELP_PATH_MAX + 16];
	struct ledger *ledger;

	snprintf(middle, sizeof(middle), "%s/state", (char *)*state);
	snprintf(deep, sizeof(deep), "%s/state//ledger/", (char *)*state);
	ledger = help_open(deep, 1, 0);
	ledger_close(&ledger);
	help_remove_directory(deep);
	assert_int_equal(rmdir(middle), 0);
}

static void what_is_not_there_cannot_be_read(void **state)
{
	struct ledger_counts counts;
	struct error err;

	(void)state;
	assert_int_equal(
	    ledger_verify("/nonexistent/ledger", &counts, NULL, NULL, &err),
	    FAILED);
	assert_non_null(strstr(err.text, "/nonexistent/ledger"));
}

/* --- the world's failures ----------------------------------------------------
 */

struct faulty_io {
	atomic_int room; /* segments that still fit on the disk */
	atomic_bool is_broken;
};

static int allocate_while_room(int fd, size_t len, const char *path, void *arg)
{
	struct faulty_io *faulty = arg;

	if (atomic_fetch_sub(&faulty->room, 1) <= 0)
		return ENOSPC;
	return segment_io_real.allocate(fd, len, path, NULL);
}

static int sync_while_whole(int fd, const char *path, void *arg)
{
	struct faulty_io *faulty = arg;

	if (atomic_load(&faulty->is_broken))
		return EIO;
	return segment_io_real.sync(fd, path, NULL);
}

static struct ledger *open_faulty(
    const char *directory, struct faulty_io *faulty)
{
	const struct ledger_options options = {
	    .directory = directory,
	    .writers = 1,
	    .segment_bytes = SMALL,
	    .sync_ns = NS_PER_MS,
	};
	const struct segment_io io = {
	    .sync = sync_while_whole,
	    .allocate = allocate_while_room,
	    .boot = segment_io_real.boot,
	    .arg = faulty,
	};
	struct error err = {{0}};
	struct ledger *ledger = ledger_open_with(&options, &io, &err);

	if (!ledger)
		fail_msg("%s", err.text);
	return ledger;
}

static void a_full_disk_is_met_by_a_reserve_and_told(void **state)
{
	struct faulty_io faulty = {.room = 2};
	struct ledger *ledger = open_faulty(*state, &faulty);
	struct ledger_writer *writer = ledger_writer(ledger, 0);
	struct ledger_reserve reserve = help_reserve(0);
	struct help_rows rows;
	struct error err = {{0}};
	uint64_t n = 0;

	while (ledger_reserve(writer, &reserve, &err) == OK)
		reserve = help_reserve(++n);
	assert_non_null(strstr(err.text, *state));
	/* All that was reserved can still be settled. */
	for (uint64_t i = 0; i < n; i++)
		help_must_settle(writer, i);
	/* And with room again, it goes on. */
	atomic_store(&faulty.room, 100);
	help_must_reserve(writer, n);
	help_must_settle(writer, n);
	ledger_close(&ledger);
	help_read(*state, &rows);
	assert_int_equal(rows.n, n + 1);
	for (size_t i = 0; i < rows.n; i++)
		assert_int_equal(rows.items[i].state, LEDGER_SETTLED);
	assert_int_equal(help_damages(&rows), 0);
	help_free_rows(&rows);
}

static void a_disk_that_is_full_at_start_stops_the_start(void **state)
{
	struct faulty_io faulty = {.room = 1};
	const struct ledger_options options = {
	    .directory = *state, .writers = 2};
	const struct segment_io io = {
	    .sync = sync_while_whole,
	    .allocate = allocate_while_room,
	    .boot = segment_io_real.boot,
	    .arg = &faulty,
	};
	struct ledger_counts counts;
	struct error err;

	assert_null(ledger_open_with(&options, &io, &err));
	assert_non_null(strstr(err.text, "no room"));
	assert_non_null(strstr(err.text, *state));
	assert_int_equal(ledger_verify(*state, &counts, NULL, NULL, &err), OK);
	assert_int_equal(counts.segments, 0);
}

static void after_a_failed_sync_nothing_is_reserved_again(void **state)
{
	struct faulty_io faulty = {.room = 100};
	struct ledger *ledger = open_faulty(*state, &faulty);
	struct ledger_writer *writer = ledger_writer(ledger, 0);
	struct ledger_reserve reserve;
	struct help_rows rows;
	struct error err = {{0}};
	uint64_t n = 1;

	help_must_reserve(writer, 0);
	help_must_settle(writer, 0);
	help_await_settled(*state, 0);
	atomic_store(&faulty.is_broken, true);
	/* Making a segment fails too, but that harms nothing recorded. */
	while (!strstr(err.text, "nothing more can be recorded")) {
		reserve = help_reserve(n);
		if (ledger_reserve(writer, &reserve, &err) == OK)
			help_must_settle(writer, n++);
		sched_yield();
	}
	/* A disk that says it is well again is not believed. */
	atomic_store(&faulty.is_broken, false);
	reserve = help_reserve(n);
	assert_int_equal(ledger_reserve(writer, &reserve, &err), FAILED);
	ledger_close(&ledger);
	/* Nor is what it may not have: only the next start writes it anew. */
	help_read(*state, &rows);
	assert_int_equal(rows.n, 1);
	help_free_rows(&rows);
	ledger = help_open(*state, 1, SMALL);
	ledger_close(&ledger);
	help_read(*state, &rows);
	assert_true(rows.n > 1);
	assert_int_equal(help_damages(&rows), 0);
	help_free_rows(&rows);
}

/* --- threads -----------------------------------------------------------------
 */

struct worker {
	pthread_t thread;
	struct ledger_writer *writer;
	uint64_t first;
	uint64_t n;
};

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (uint64_t i = 0; i < worker->n; i++) {
		struct ledger_reserve reserve = help_reserve(worker->first + i);
		struct ledger_settle settle = help_settle(worker->first + i);

		if (ledger_reserve(worker->writer, &reserve, NULL) == OK)
			ledger_settle(worker->writer, &settle);
	}
	return NULL;
}

static void threads_write_side_by_side_while_others_read(void **state)
{
	struct ledger *ledger = help_open(*state, 4, SMALL);
	struct worker workers[4];
	struct help_rows rows;
	size_t before = 0;
	const uint64_t n = 5000;

	for (unsigned i = 0; i < 4; i++) {
		workers[i] = (struct worker){
		    .writer = ledger_writer(ledger, i),
		    .first = i * n,
		    .n = n,
		};
		assert_int_equal(
		    pthread_create(&workers[i].thread, NULL, work, &workers[i]),
		    0);
	}
	for (int i = 0; i < 10; i++) {
		help_read(*state, &rows);
		assert_true(rows.n >= before);
		assert_int_equal(help_damages(&rows), 0);
		before = rows.n;
		help_free_rows(&rows);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(workers[i].thread, NULL);
	ledger_close(&ledger);
	help_read(*state, &rows);
	assert_int_equal(rows.n, 4 * n);
	for (uint64_t i = 0; i < 4 * n; i++) {
		assert_int_equal(rows.items[i].number, i);
		assert_int_equal(rows.items[i].state, LEDGER_SETTLED);
	}
	help_free_rows(&rows);
}

/* --- ids and lines -----------------------------------------------------------
 */

static void *draw_ids(void *arg)
{
	struct ledger_id *ids = arg;

	for (int i = 0; i < 10000; i++)
		ids[i] = ledger_id_new(help_time(0));
	return NULL;
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ledger_id));
}

static void ids_differ_over_threads_and_forks(void **state)
{
	struct ledger_id *ids = mem_alloc(30000 * sizeof(*ids));
	struct ledger_id here;
	pthread_t threads[2];
	int pipe_fds[2];
	pid_t child;

	(void)state;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, draw_ids, ids + i * 10000);
	draw_ids(ids + 20000);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	here = ledger_id_new(help_time(0));
	if (child == 0) {
		if (write(pipe_fds[1], &here, sizeof(here)) < 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(read(pipe_fds[0], &ids[0], sizeof(ids[0])), 16);
	ids[1] = here;
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	qsort(ids, 30000, sizeof(*ids), compare_ids);
	for (int i = 1; i < 30000; i++)
		assert_true(compare_ids(&ids[i - 1], &ids[i]) != 0);
	free(ids);
}

static void ids_begin_with_the_time_and_can_be_read_back(void **state)
{
	struct ledger_id id = ledger_id_new(INT64_C(0x010203040506) * 1000000);
	struct ledger_id back;
	char hex[LEDGER_ID_TEXT_MAX], text[LEDGER_ID_TEXT_MAX];

	(void)state;
	ledger_id_format(&id, hex);
	assert_int_equal(strlen(hex), 32);
	assert_memory_equal(hex, "010203040506", 12);
	assert_true(ledger_id_parse(span_of(hex), &back));
	assert_memory_equal(&id, &back, sizeof(id));
	ledger_id_format_request(&id, text);
	assert_memory_equal(text, "req_", 4);
	assert_string_equal(text + 4, hex);
	memset(&back, 0, sizeof(back));
	assert_true(ledger_id_parse(span_of(text), &back));
	assert_memory_equal(&id, &back, sizeof(id));
	ledger_id_format_attempt(&id, text);
	assert_memory_equal(text, "att_", 4);
	assert_true(ledger_id_parse(span_of(text), &back));
	assert_false(ledger_id_parse(SPAN("req_"), &back));
	assert_false(ledger_id_parse(span_of(text + 5), &back));
	text[8] = 'g';
	assert_false(ledger_id_parse(span_of(text), &back));
}

static void a_row_is_written_as_the_export_has_it(void **state)
{
	struct ledger_row row = {
	    .reserve = help_reserve(1),
	    .settle = help_settle(1),
	    .state = LEDGER_SETTLED,
	};
	struct buf buf;

	(void)state;
	buf_init(&buf, 4096);
	row.reserve.key = "a\"b";
	row.reserve.task = "chat";
	row.reserve.answer_of = help_id(2);
	row.settle.cost_nano = MONEY_UNPRICED;
	row.settle.is_estimated = true;
	row.settle.saved_nano = -5;
	assert_true(ledger_row_write_json(&row, &buf));
	assert_true(buf_append(&buf, span_make("", 1)));
	assert_string_equal(buf_span(&buf).ptr,
	    "{\"ts\":\"2026-11-23T00:00:01.000000Z\","
	    "\"request_id\":\"req_00000000000000000100000000000000\","
	    "\"attempt_id\":\"att_00000000000000000100000000000000\","
	    "\"attempt\":1,\"kind\":\"upstream\",\"state\":\"settled\","
	    "\"outcome\":\"completed\",\"status\":200,\"key\":\"a\\\"b\","
	    "\"model\":\"up/small\",\"rule\":\"default\","
	    "\"input_tokens\":10,\"cached_tokens\":2,\"output_tokens\":5,"
	    "\"estimated\":true,\"cost_nano_usd\":null,"
	    "\"baseline_nano_usd\":3,\"saved_nano_usd\":-5,"
	    "\"task\":\"chat\",\"source\":null,"
	    "\"answer_of\":\"att_00000000000000000200000000000000\","
	    "\"followers\":3,\"first_token_ns\":20000000,"
	    "\"duration_ns\":90000000}");
	buf_consume(&buf, SIZE_MAX);
	row.state = LEDGER_UNKNOWN;
	row.settle = (struct ledger_settle){0};
	row.reserve.kind = LEDGER_CACHE_HIT;
	row.reserve.source = LEDGER_SOURCE_NEAR;
	row.reserve.answer_of = (struct ledger_id){{0}};
	row.reserve.task = "";
	assert_true(ledger_row_write_json(&row, &buf));
	assert_true(buf_append(&buf, span_make("", 1)));
	assert_non_null(strstr(buf_span(&buf).ptr,
	    "\"kind\":\"cache_hit\",\"state\":\"unknown\",\"outcome\":null,"
	    "\"status\":null,"));
	assert_non_null(strstr(buf_span(&buf).ptr,
	    "\"input_tokens\":null,\"cached_tokens\":null,"
	    "\"output_tokens\":null,\"estimated\":false,"
	    "\"cost_nano_usd\":null,\"baseline_nano_usd\":null,"
	    "\"saved_nano_usd\":null,\"task\":null,\"source\":\"near\","
	    "\"answer_of\":null,\"followers\":null,"
	    "\"first_token_ns\":null,\"duration_ns\":null}"));
	buf_free(&buf);
	buf_init(&buf, 100);
	assert_false(ledger_row_write_json(&row, &buf));
	buf_free(&buf);
}

static void verify_counts_all_there_is(void **state)
{
	struct ledger *ledger = help_open(*state, 2, SMALL);
	struct ledger_counts counts;
	struct error err;

	for (uint64_t i = 0; i < 100; i++) {
		help_must_reserve(ledger_writer(ledger, 0), i);
		if (i % 10 != 9)
			help_must_settle(ledger_writer(ledger, 0), i);
	}
	ledger_close(&ledger);
	assert_int_equal(ledger_verify(*state, &counts, NULL, NULL, &err), OK);
	assert_int_equal(counts.rows, 100);
	assert_int_equal(counts.settled, 90);
	assert_int_equal(counts.unknown, 10);
	assert_int_equal(counts.reserved, 0);
	assert_true(counts.segments >= 2);
	/* 190 records, and a seal and at least three names a segment. */
	assert_int_equal(counts.records, 190 + 4 * counts.segments);
	assert_int_equal(counts.torn_tails + counts.corrupt +
			     counts.bad_headers + counts.missing,
	    0);
}

int main(void)
{
#define in_directory(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    in_directory(a_row_comes_back_as_it_was_settled),
	    in_directory(a_row_says_whose_answer_it_is_and_how_long_it_took),
	    in_directory(an_open_attempt_is_reserved_while_its_process_lives),
	    in_directory(readers_are_shown_only_what_is_synced),
	    in_directory(a_second_settle_changes_nothing),
	    in_directory(a_name_that_is_too_long_is_refused),
	    in_directory(rows_span_many_segments_and_settles_fall_far),
	    in_directory(room_for_every_settle_is_set_aside),
	    in_directory(writers_are_merged_by_time),
	    in_directory(a_clock_that_is_set_back_does_not_disorder_rows),
	    in_directory(a_start_without_traffic_leaves_no_segments),
	    in_directory(a_closed_segment_gives_its_space_back),
	    in_directory(names_beyond_the_table_are_written_again),
	    in_directory(a_second_process_is_told_who_has_the_ledger),
	    in_directory(a_directory_is_made_with_its_parents),
	    cmocka_unit_test(what_is_not_there_cannot_be_read),
	    in_directory(a_full_disk_is_met_by_a_reserve_and_told),
	    in_directory(a_disk_that_is_full_at_start_stops_the_start),
	    in_directory(after_a_failed_sync_nothing_is_reserved_again),
	    in_directory(threads_write_side_by_side_while_others_read),
	    cmocka_unit_test(ids_differ_over_threads_and_forks),
	    cmocka_unit_test(ids_begin_with_the_time_and_can_be_read_back),
	    cmocka_unit_test(a_row_is_written_as_the_export_has_it),
	    in_directory(verify_counts_all_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
