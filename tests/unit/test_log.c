/* test_log.c -- a line's shape, its escapes and its length. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* stderr is a pipe while a test runs: one read gives what one line wrote. */
struct capture {
	int stderr_copy;
	int read_fd;
	char text[8192];
	size_t len;
};

static void start_capture(struct capture *capture)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	capture->stderr_copy = dup(STDERR_FILENO);
	capture->read_fd = fds[0];
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
}

static void stop_capture(struct capture *capture)
{
	ssize_t n;

	/* With its last writer gone an empty pipe reads as its end. */
	dup2(capture->stderr_copy, STDERR_FILENO);
	close(capture->stderr_copy);
	capture->len = 0;
	while ((n = read(capture->read_fd, capture->text + capture->len,
		    sizeof(capture->text) - 1 - capture->len)) > 0)
		capture->len += (size_t)n;
	capture->text[capture->len] = '\0';
	close(capture->read_fd);
}

static void writes_time_level_event_id_and_fields(void **state)
{
	struct capture capture;
	struct span text;
	int64_t ns;

	(void)state;
	start_capture(&capture);
	log_warn("req-1", "retry", "model=%s after_ms=%d", "up/small", 20);
	stop_capture(&capture);
	text = span_of(capture.text);
	assert_true(span_starts_with(text, SPAN("ts=")));
	assert_true(clock_parse_utc(span_head(span_from(text, 3), 27), &ns));
	assert_string_equal(capture.text + 30,
	    " level=warn event=retry id=req-1 model=up/small after_ms=20\n");
}

static void leaves_out_what_is_not_given(void **state)
{
	struct capture capture;

	(void)state;
	start_capture(&capture);
	log_error(NULL, "stopped", "%s", "");
	stop_capture(&capture);
	assert_string_equal(capture.text + 30, " level=error event=stopped\n");
}

static void escapes_control_characters(void **state)
{
	struct capture capture;

	(void)state;
	start_capture(&capture);
	log_info(
	    "a\nb", "x", "v=%s", "1\r\nts=forged\t\x1b[31m\x7f gr\xc3\xbcn \\");
	stop_capture(&capture);
	assert_string_equal(capture.text + 30,
	    " level=info event=x id=a\\nb "
	    "v=1\\r\\nts=forged\\t\\x1b[31m\\x7f gr\xc3\xbcn \\\n");
}

static void cuts_a_long_line_at_2048_bytes(void **state)
{
	char letters[4000];
	struct capture capture;

	(void)state;
	memset(letters, 'x', sizeof(letters) - 1);
	letters[sizeof(letters) - 1] = '\0';
	start_capture(&capture);
	log_info(NULL, "long", "v=%s", letters);
	stop_capture(&capture);
	assert_int_equal(capture.len, 2048);
	assert_string_equal(capture.text + 2040, "xxxx...\n");
}

static void cuts_neither_escapes_nor_characters_in_two(void **state)
{
	char letters[4000];

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		struct capture capture;
		const char *end;

		memset(letters, 'x', shift);
		for (size_t i = shift; i < sizeof(letters); i++)
			letters[i] = "\xc3\xbc\x01"[(i - shift) % 3];
		letters[sizeof(letters) - 1] = '\0';
		start_capture(&capture);
		log_info(NULL, "long", "v=%s", letters);
		stop_capture(&capture);
		assert_in_range(capture.len, 2042, 2048);
		end = capture.text + capture.len - 4;
		assert_string_equal(end, "...\n");
		assert_true(!memcmp(end - 4, "\\x01", 4) ||
			    !memcmp(end - 2, "\xc3\xbc", 2));
	}
}

static void drops_lines_below_its_level(void **state)
{
	struct capture capture;

	(void)state;
	start_capture(&capture);
	log_debug(NULL, "quiet", "n=%d", 1);
	log_set_level(LOG_ERROR);
	log_warn(NULL, "quiet", "n=%d", 2);
	assert_false(log_is_on(LOG_WARN));
	log_set_level(LOG_DEBUG);
	log_debug(NULL, "loud", "n=%d", 3);
	log_set_level(LOG_INFO);
	stop_capture(&capture);
	assert_string_equal(capture.text + 30, " level=debug event=loud n=3\n");
}

static void leaves_errno_alone(void **state)
{
	int copy = dup(STDERR_FILENO);

	(void)state;
	close(STDERR_FILENO);
	errno = ENOENT;
	log_info(NULL, "unheard", "%s", "");
	assert_int_equal(errno, ENOENT);
	dup2(copy, STDERR_FILENO);
	close(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_time_level_event_id_and_fields),
	    cmocka_unit_test(leaves_out_what_is_not_given),
	    cmocka_unit_test(escapes_control_characters),
	    cmocka_unit_test(cuts_a_long_line_at_2048_bytes),
	    cmocka_unit_test(cuts_neither_escapes_nor_characters_in_two),
	    cmocka_unit_test(drops_lines_below_its_level),
	    cmocka_unit_test(leaves_errno_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
