/* test_pull_answer.c -- what a hub's status and headers mean. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "gateway/pull/pull_answer.h"

/* <head> is read from "HTTP/1.1 <text>\r\n\r\n". */
static void read_head(struct http1_head *head, const char *text)
{
	static char bytes[1024];
	struct http1_reader reader = {0};
	int len = snprintf(bytes, sizeof(bytes), "HTTP/1.1 %s\r\n\r\n", text);

	assert_int_equal(
	    http1_read_response(&reader, span_make(bytes, (size_t)len), head),
	    len);
}

static const struct pull_question question = {
    .repo = "a/b",
    .revision = "main",
    .page = "https://hub/a/b",
};

static void assert_judged(const char *text, const struct pull_question *q,
    enum pull_verdict verdict, const char *said)
{
	struct http1_head head;
	struct error err = {""};

	read_head(&head, text);
	assert_int_equal(pull_judge(&head, q, &err), verdict);
	if (!strstr(err.text, said))
		fail_msg("\"%s\" is not in \"%s\"", said, err.text);
}

static void good_answers_say_nothing(void **state)
{
	(void)state;
	assert_judged("200 OK", &question, PULL_FINE, "");
	assert_judged("206 OK", &question, PULL_FINE, "");
	assert_judged("416 No", &question, PULL_FINE, "");
}

static void refusals_say_what_to_do(void **state)
{
	struct pull_question token = question, file = question;

	(void)state;
	token.has_token = true;
	file.path = "x.gguf";
	assert_judged("401 No\r\nx-error-code: GatedRepo", &question,
	    PULL_NEVER, "accept its licence on https://hub/a/b");
	assert_judged("403 No", &question, PULL_NEVER, "set HF_TOKEN");
	assert_judged("403 No", &token, PULL_NEVER, "is not enough");
	assert_judged("401 No", &question, PULL_NEVER, "no model a/b");
	assert_judged("401 No", &token, PULL_NEVER, "not accept HF_TOKEN");
	assert_judged("404 No", &question, PULL_NEVER, "no model a/b (404)");
	assert_judged("404 No", &file, PULL_NEVER, "no file x.gguf");
	assert_judged("404 No\r\nx-error-code: RevisionNotFound", &question,
	    PULL_NEVER, "no revision \"main\"");
	assert_judged("204 None", &question, PULL_NEVER, "answered 204");
	assert_judged("410 Gone", &file, PULL_NEVER, "410");
}

static void passing_troubles_may_be_tried_again(void **state)
{
	static const char *const texts[] = {
	    "408 a", "429 a", "500 a", "502 a", "503 a", "504 a"};
	struct pull_question elsewhere = question;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_judged(texts[i], &question, PULL_LATER, "the hub");
	/* A signed address has run out there. */
	elsewhere.is_elsewhere = true;
	assert_judged("403 No", &elsewhere, PULL_LATER, "sends to");
	assert_judged("401 No", &elsewhere, PULL_LATER, "sends to");
	assert_judged("404 No", &elsewhere, PULL_NEVER, "404");
}

static int64_t asked(const char *text)
{
	struct http1_head head;

	read_head(&head, text);
	return pull_asked_wait(&head) / NS_PER_S;
}

static void reads_how_long_to_wait(void **state)
{
	(void)state;
	assert_int_equal(asked("429 a"), 0);
	assert_int_equal(asked("429 a\r\nretry-after: 7"), 7);
	assert_int_equal(asked("503 a\r\nretry-after: 7"), 7);
	assert_int_equal(asked("429 a\r\nretry-after: soon"), 0);
	assert_int_equal(asked("429 a\r\nretry-after: 99999999999"), 86400);
	assert_int_equal(asked("429 a\r\nratelimit: \"api\";r=0;t=55"), 55);
	assert_int_equal(asked("429 a\r\nratelimit: \"api\";t=55;r=0"), 55);
	assert_int_equal(asked("429 a\r\nratelimit: x\r\nretry-after: 1"), 1);
	/* Every answer of the hub has it; it asks for nothing then. */
	assert_int_equal(asked("503 a\r\nratelimit: \"api\";r=9;t=55"), 0);
}

static void waits_longer_each_time_and_ends(void **state)
{
	(void)state;
	assert_int_equal(pull_backoff(1, 5, 0), NS_PER_S / 2);
	assert_int_equal(pull_backoff(2, 5, 0), NS_PER_S);
	assert_int_equal(pull_backoff(4, 5, 0), 4 * NS_PER_S);
	assert_int_equal(pull_backoff(5, 5, 0), -1);
	assert_int_equal(pull_backoff(99, 100, 0), 30 * NS_PER_S);
	assert_int_equal(pull_backoff(1, 5, 100 * NS_PER_S), 100 * NS_PER_S);
	assert_int_equal(pull_backoff(1, 5, 121 * NS_PER_S), -1);
	assert_int_equal(pull_backoff(1, 1, 0), -1);
}

static void assert_etag(const char *text, const char *etag, const char *linked)
{
	struct http1_head head;

	read_head(&head, text);
	assert_true(span_eq(pull_etag(&head), span_of(etag)));
	assert_true(span_eq(pull_linked_etag(&head), span_of(linked)));
}

static void a_linked_file_has_its_own_tag_and_size(void **state)
{
	struct http1_head head;

	(void)state;
	assert_etag("200 a", "", "");
	assert_etag("200 a\r\netag: \"x\"", "x", "");
	assert_etag("200 a\r\netag: W/\"x\"", "x", "");
	assert_etag("200 a\r\netag: x", "x", "");
	assert_etag("302 a\r\netag: \"x\"\r\nx-linked-etag: \"y\"", "y", "y");
	read_head(&head, "302 a\r\nx-linked-size: 12");
	assert_int_equal(pull_linked_size(&head), 12);
	read_head(&head, "302 a\r\nx-linked-size: -1");
	assert_int_equal(pull_linked_size(&head), -1);
	read_head(&head, "302 a");
	assert_int_equal(pull_linked_size(&head), -1);
	read_head(&head, "302 a\r\nx-linked-size: 18446744073709551615");
	assert_int_equal(pull_linked_size(&head), -1);
}

static void reads_content_ranges_strictly(void **state)
{
	static const char *const wrong[] = {"5-9/10", "bytes 5-9", "bytes 5-9/",
	    "bytes 5-10/10", "bytes 9-5/10", "bytes */10", "bytes -5/10",
	    "bytes 5-/10", "bytes  5-9/10", "bytes 5-9/10 ,", "bytes 5/9-10",
	    "bytes 5-9/99999999999999999999"};
	char text[100];
	struct http1_head head;
	int64_t first, size;

	(void)state;
	read_head(&head, "206 a\r\ncontent-range: bytes 5-9/10");
	assert_true(pull_content_range(&head, &first, &size));
	assert_int_equal(first, 5);
	assert_int_equal(size, 10);
	read_head(&head, "206 a\r\ncontent-range: bytes 0-0/*");
	assert_true(pull_content_range(&head, &first, &size));
	assert_int_equal(first, 0);
	assert_int_equal(size, -1);
	read_head(&head, "206 a");
	assert_false(pull_content_range(&head, &first, &size));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(
		    text, sizeof(text), "206 a\r\ncontent-range: %s", wrong[i]);
		read_head(&head, text);
		if (pull_content_range(&head, &first, &size))
			fail_msg("\"%s\" was taken", wrong[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_answers_say_nothing),
	    cmocka_unit_test(refusals_say_what_to_do),
	    cmocka_unit_test(passing_troubles_may_be_tried_again),
	    cmocka_unit_test(reads_how_long_to_wait),
	    cmocka_unit_test(waits_longer_each_time_and_ends),
	    cmocka_unit_test(a_linked_file_has_its_own_tag_and_size),
	    cmocka_unit_test(reads_content_ranges_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
