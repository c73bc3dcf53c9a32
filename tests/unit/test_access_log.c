/* test_access_log.c -- lines to a pipe, whatever its reader does. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/access_log.h"
#include "net/loop_priv.h"

enum {
	GOT_MAX = 8 << 20,
	BACKLOG = 1 << 20, /* as access_log.h says */
};

struct fixture {
	struct loop *loop;
	struct access_log *log;
	int out, in; /* both ends of a pipe; writing it blocks */
	struct buf got;
};

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	struct error err;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	assert_int_equal(pipe(fds), 0);
	f->in = fds[0];
	f->out = fds[1];
	fcntl(f->in, F_SETFL, O_NONBLOCK);
	f->loop = loop_new(&err);
	assert_non_null(f->loop);
	f->log = access_log_new(f->loop, f->out);
	buf_init(&f->got, GOT_MAX);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	access_log_free(&f->log);
	loop_free(&f->loop);
	buf_free(&f->got);
	if (f->in >= 0)
		close(f->in);
	close(f->out);
	free(f);
	return 0;
}

/* A line of about <len> bytes, numbered by its status. */
static void write_line(struct access_log *log, int n, size_t len)
{
	static char path[16384];

	memset(path, 'p', sizeof(path));
	access_log_write(log, &(struct line){
				  .id = SPAN("req_1"),
				  .path = span_make(path, len),
				  .status = n,
				  .first_token_ns = -1,
				  .upstream_ns = -1,
			      });
}

/* Reads what is there; true when there was something. */
static bool take(struct fixture *f)
{
	char bytes[65536];
	ssize_t n = read(f->in, bytes, sizeof(bytes));

	if (n <= 0)
		return false;
	assert_true(buf_append(&f->got, span_make(bytes, (size_t)n)));
	return true;
}

/* Lines in what was read, each a JSON object of its own. */
static int count_lines(struct fixture *f)
{
	struct span rest = buf_span(&f->got);
	struct arena arena;
	struct span line;
	int n = 0;

	arena_init(&arena, 1 << 20);
	while (rest.len > 0 && span_split(&rest, '\n', &line)) {
		struct json_fault fault;
		struct json_doc doc;

		assert_non_null(rest.ptr);
		arena_reset(&arena);
		if (!json_parse(line, &arena, &doc, &fault))
			fail_msg("line %d: %s: %.*s", n, fault.reason,
			    SPAN_FMT(line));
		n++;
	}
	arena_free(&arena);
	return n;
}

static void lines_come_without_another_event(void **state)
{
	struct fixture *f = *state;

	write_line(f->log, 1, 10);
	write_line(f->log, 2, 10);
	assert_false(take(f));
	for (int i = 0; i < 10000 && !take(f); i++)
		loop_turn(f->loop, 10 * NS_PER_MS);
	assert_int_equal(count_lines(f), 2);
	assert_true(
	    span_find(buf_span(&f->got), SPAN("\"status\": 2"), 0) != SIZE_MAX);
}

static void enough_lines_leave_with_the_turn(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 40; i++)
		write_line(f->log, i, 1000);
	assert_false(take(f));
	loop_turn(f->loop, 0);
	while (take(f))
		;
	assert_int_equal(count_lines(f), 40);
}

static void what_is_left_goes_out_at_the_end(void **state)
{
	struct fixture *f = *state;

	write_line(f->log, 1, 10);
	access_log_free(&f->log);
	assert_null(f->log);
	assert_true(take(f));
	assert_int_equal(count_lines(f), 1);
}

/*
 * The pipe blocks its writer, as standard output does: a log that waited for
 * the reader would never get to the end of this.
 */
static void a_reader_that_stalls_costs_lines_and_no_time(void **state)
{
	struct fixture *f = *state;
	int lines;

	for (int i = 0; i < 5000; i++) {
		write_line(f->log, i, 1000);
		loop_turn(f->loop, 0);
	}
	while (take(f))
		;
	access_log_free(&f->log);
	while (take(f))
		;
	/* What the pipe takes, twice, of a backlog that is bounded. */
	lines = count_lines(f);
	assert_true(lines > 60 && lines < 5000);
	assert_true(buf_len(&f->got) <= BACKLOG + 2 * 65536);
}

static void goes_on_when_the_reader_does(void **state)
{
	struct fixture *f = *state;
	const struct span last = SPAN("\"status\": 99999");

	for (int i = 0; i < 2000; i++)
		write_line(f->log, i, 1000);
	loop_turn(f->loop, 0);
	while (take(f))
		;
	for (int i = 0;
	     i < 10000 && span_find(buf_span(&f->got), last, 0) == SIZE_MAX;
	     i++) {
		/* Dropped until there is room again. */
		if (i % 50 == 0)
			write_line(f->log, 99999, 10);
		loop_turn(f->loop, 10 * NS_PER_MS);
		while (take(f))
			;
	}
	assert_true(span_find(buf_span(&f->got), last, 0) != SIZE_MAX);
	count_lines(f);
}

static void two_logs_on_one_pipe_keep_their_lines_whole(void **state)
{
	struct fixture *f = *state;
	struct access_log *other = access_log_new(f->loop, f->out);
	struct span rest;

	/* Each has more than the pipe holds, read in odd pieces. */
	for (int i = 0; i < 100; i++) {
		write_line(f->log, 1, 1500);
		write_line(other, 2, 700);
	}
	for (int i = 0; i < 10000 && buf_len(&f->got) < 240000; i++) {
		char bytes[777];
		ssize_t n = read(f->in, bytes, sizeof(bytes));

		if (n > 0)
			assert_true(
			    buf_append(&f->got, span_make(bytes, (size_t)n)));
		else
			loop_turn(f->loop, 10 * NS_PER_MS);
	}
	access_log_free(&other);
	access_log_free(&f->log);
	while (take(f))
		;
	assert_int_equal(count_lines(f), 200);
	rest = buf_span(&f->got);
	assert_true(span_find(rest, SPAN("\"status\": 2"), 0) != SIZE_MAX);
}

static void a_reader_that_is_gone_is_no_trouble(void **state)
{
	struct fixture *f = *state;

	close(f->in);
	f->in = -1;
	for (int i = 0; i < 3000; i++) {
		write_line(f->log, i, 1000);
		loop_turn(f->loop, 0);
	}
	access_log_free(&f->log);
	assert_null(f->log);
}

static void a_line_that_no_pipe_takes_whole_is_dropped(void **state)
{
	struct fixture *f = *state;

	write_line(f->log, 1, PIPE_BUF);
	write_line(f->log, 2, 10);
	access_log_free(&f->log);
	assert_true(take(f));
	assert_int_equal(count_lines(f), 1);
	assert_true(
	    span_find(buf_span(&f->got), SPAN("\"status\": 2"), 0) != SIZE_MAX);
}

static void writes_nothing_where_nothing_is_wanted(void **state)
{
	struct fixture *f = *state;
	struct access_log *none = access_log_new(f->loop, -1);

	write_line(none, 1, 10);
	loop_turn(f->loop, 0);
	access_log_free(&none);
	access_log_free(&none);
	assert_false(take(f));
}

static void a_file_takes_all_at_once(void **state)
{
	struct fixture *f = *state;
	FILE *file = tmpfile();
	struct access_log *log;
	struct stat status;

	assert_non_null(file);
	log = access_log_new(f->loop, fileno(file));
	for (int i = 0; i < 900; i++)
		write_line(log, i, 1000);
	loop_turn(f->loop, 0);
	assert_int_equal(fstat(fileno(file), &status), 0);
	assert_true(status.st_size > 900 * 1000);
	access_log_free(&log);
	fclose(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(lines_come_without_another_event),
	    TEST(enough_lines_leave_with_the_turn),
	    TEST(what_is_left_goes_out_at_the_end),
	    TEST(a_reader_that_stalls_costs_lines_and_no_time),
	    TEST(goes_on_when_the_reader_does),
	    TEST(two_logs_on_one_pipe_keep_their_lines_whole),
	    TEST(a_reader_that_is_gone_is_no_trouble),
	    TEST(a_line_that_no_pipe_takes_whole_is_dropped),
	    TEST(writes_nothing_where_nothing_is_wanted),
	    TEST(a_file_takes_all_at_once),
	};

	/* A log that waits for its reader would never come back. */
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
