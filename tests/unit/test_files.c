/* test_files.c -- a small file, read whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/files.h"
#include "tests/unit/gateway_help.h"

static void reads_all_there_is(void **state)
{
	struct place *place = *state;
	char *text = mem_alloc(200001);
	struct error err;
	struct span got;

	memset(text, 'x', 200000);
	text[200000] = '\0';
	place_write(place, "a", text);
	assert_int_equal(
	    file_read(place_path(place, "a"), 1 << 20, &got, &err), OK);
	assert_true(span_eq(got, span_make(text, 200000)));
	file_free(&got);
	assert_null(got.ptr);
	file_free(&got);
	place_write(place, "empty", "");
	assert_int_equal(
	    file_read(place_path(place, "empty"), 10, &got, &err), OK);
	assert_int_equal(got.len, 0);
	file_free(&got);
	free(text);
}

static void refuses_one_byte_too_many(void **state)
{
	struct place *place = *state;
	struct error err;
	struct span got;

	place_write(place, "a", "0123456789");
	assert_int_equal(file_read(place_path(place, "a"), 10, &got, &err), OK);
	assert_true(span_eq(got, SPAN("0123456789")));
	file_free(&got);
	assert_int_equal(
	    file_read(place_path(place, "a"), 9, &got, &err), FAILED);
	assert_non_null(strstr(err.text, "larger than 9 bytes"));
	assert_null(got.ptr);
}

static void says_which_file_and_why(void **state)
{
	struct place *place = *state;
	const char *path = place_path(place, "not-there");
	struct error err;
	struct span got;

	assert_int_equal(file_read(path, 10, &got, &err), FAILED);
	assert_true(span_starts_with(span_of(err.text), span_of(path)));
	assert_non_null(strstr(err.text, "No such file"));
	assert_int_equal(file_read(place->folder, 10, &got, &err), FAILED);
	assert_non_null(strstr(err.text, "directory"));
}

static void a_dash_is_standard_input_which_stays_open(void **state)
{
	struct error err;
	struct span got;
	int pipe_fds[2];
	int before = dup(STDIN_FILENO);

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(write(pipe_fds[1], "hello", 5), 5);
	close(pipe_fds[1]);
	dup2(pipe_fds[0], STDIN_FILENO);
	close(pipe_fds[0]);
	assert_int_equal(file_read("-", 10, &got, &err), OK);
	assert_true(span_eq(got, SPAN("hello")));
	file_free(&got);
	assert_int_equal(file_read("-", 10, &got, &err), OK);
	assert_int_equal(got.len, 0);
	file_free(&got);
	if (before >= 0) {
		dup2(before, STDIN_FILENO);
		close(before);
	}
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(reads_all_there_is),
	    TEST(refuses_one_byte_too_many),
	    TEST(says_which_file_and_why),
	    TEST(a_dash_is_standard_input_which_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
