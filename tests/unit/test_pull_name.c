/* test_pull_name.c -- names of models, and paths that somebody else chose. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "gateway/pull/pull_name.h"

static void assert_name(
    const char *text, const char *repo, const char *revision, const char *file)
{
	struct pull_name name;
	struct error err;

	assert_true(pull_name_read(&name, text, &err));
	assert_string_equal(name.repo, repo);
	assert_string_equal(name.revision, revision);
	assert_string_equal(name.file, file);
}

static void reads_the_parts_of_a_name(void **state)
{
	(void)state;
	assert_name("hf:a/b", "a/b", "main", "");
	assert_name("hf:Acme-1/b_2.5@v1.0", "Acme-1/b_2.5", "v1.0", "");
	assert_name("hf:a/b@refs/pr/3", "a/b", "refs/pr/3", "");
	assert_name("hf:a/b:d/x y.gguf", "a/b", "main", "d/x y.gguf");
	assert_name("hf:a/b@r:c:d@e", "a/b", "r", "c:d@e");
	assert_true(pull_is_name("hf:"));
	assert_false(pull_is_name("hf/a"));
	assert_false(pull_is_name("models/hf:a"));
}

static void refuses_what_is_no_name(void **state)
{
	static const char *const wrong[] = {"", "hf", "hf:", "hf:a", "hf:a/",
	    "hf:/b", "hf:a/b/c", "hf:a//b", "hf:../b", "hf:a/..", "hf:.a/b",
	    "hf:-a/b", "hf:a/b..c", "hf:a/b@", "hf:a/b@-x", "hf:a/b@x y",
	    "hf:a/b@../x", "hf:a/b@x//y", "hf:a/b:", "hf:a/b:/x", "hf:a/b:../x",
	    "hf:a/b:.lock", "hf:a/b@\xc3\xa9", "hf:a/b?x", "hf:a/b#x",
	    "hf:a%2fb", "a/b"};
	struct pull_name name;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		err.text[0] = '\0';
		if (pull_name_read(&name, wrong[i], &err))
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_non_null(
		    strstr(err.text, "hf:owner/name[@revision][:file]"));
	}
}

static void bounds_every_part(void **state)
{
	char *text = mem_alloc(4096);
	struct pull_name name;
	struct error err;

	(void)state;
	memset(text, 'x', 4095);
	text[4095] = '\0';
	memcpy(text, "hf:", 3);
	text[3 + 96] = '/';
	text[3 + 96 + 1 + 95] = '\0';
	assert_true(pull_name_read(&name, text, &err));
	text[3 + 96 + 1 + 95] = 'x';
	text[3 + 96 + 1 + 97] = '\0';
	assert_false(pull_name_read(&name, text, &err));
	free(text);
}

static void safe_paths_stay_below_their_folder(void **state)
{
	static const char *const safe[] = {"a", "a/b", "..a", "a..", "a/..b/c",
	    ".gitattributes", "a b", "\xe6\xa8\xa1\xe5\x9e\x8b.gguf", "..."};
	static const char *const unsafe[] = {"", "/", "/a", "a/", "a//b", ".",
	    "..", "../a", "a/..", "a/../b", "a/./b", "./a", "a\nb", "a\x7f",
	    "\x1b[2J", "a\\b", "\xc2\x9b", "\xff", "a\xc3"};
	char *text = mem_zalloc(2048);

	(void)state;
	for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
		if (!pull_path_is_safe(span_of(safe[i])))
			fail_msg("\"%s\" was refused", safe[i]);
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		if (pull_path_is_safe(span_of(unsafe[i])))
			fail_msg("\"%s\" was taken", unsafe[i]);
	assert_false(pull_path_is_safe(SPAN("a\0b")));
	memset(text, 'x', 2047);
	assert_true(pull_path_is_safe(span_make(text, 250)));
	assert_false(pull_path_is_safe(span_make(text, 251)));
	for (size_t i = 100; i < 2047; i += 100)
		text[i] = '/';
	assert_true(pull_path_is_safe(span_make(text, 1024)));
	assert_false(pull_path_is_safe(span_make(text, 1025)));
	free(text);
}

static void commits_are_forty_digits(void **state)
{
	(void)state;
	assert_true(
	    pull_is_commit(SPAN("0123456789abcdef0123456789abcdef01234567")));
	assert_false(
	    pull_is_commit(SPAN("0123456789ABCDEF0123456789abcdef01234567")));
	assert_false(
	    pull_is_commit(SPAN("0123456789abcdef0123456789abcdef0123456")));
	assert_false(
	    pull_is_commit(SPAN("../3456789abcdef0123456789abcdef01234567")));
	assert_false(
	    pull_is_commit(SPAN("\0"
				"123456789abcdef0123456789abcdef01234567")));
}

static void encodes_what_has_no_place_in_a_path(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 40);
	assert_true(pull_encode(&buf, SPAN("a b/%?#\xc3\xa9"), true));
	assert_true(span_eq(buf_span(&buf), SPAN("a%20b/%25%3F%23%C3%A9")));
	buf_free(&buf);
	assert_true(pull_encode(&buf, SPAN("refs/pr/1"), false));
	assert_true(span_eq(buf_span(&buf), SPAN("refs%2Fpr%2F1")));
	assert_false(pull_encode(&buf, SPAN("          "), false));
	buf_free(&buf);
}

static void what_is_shown_is_printable_and_short(void **state)
{
	char text[500];

	(void)state;
	assert_string_equal(
	    pull_shown(SPAN("a \x1b[2J\n\xc2\x9b\0~")).text, "a ?[2J????~");
	assert_string_equal(pull_shown(SPAN("")).text, "");
	memset(text, 'x', sizeof(text));
	assert_int_equal(
	    strlen(pull_shown(span_make(text, sizeof(text))).text), 120);
}

static void sizes_are_for_people(void **state)
{
	static const struct {
		int64_t bytes;
		const char *text;
	} rows[] = {{0, "0 bytes"}, {999, "999 bytes"}, {1000, "1.0 kB"},
	    {999949, "999.9 kB"}, {999950, "1.0 MB"}, {269060552, "269.1 MB"},
	    {INT64_C(1) << 40, "1.1 TB"}, {INT64_MAX, "9223.4 PB"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(
		    pull_size(rows[i].bytes).text, rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_the_parts_of_a_name),
	    cmocka_unit_test(refuses_what_is_no_name),
	    cmocka_unit_test(bounds_every_part),
	    cmocka_unit_test(safe_paths_stay_below_their_folder),
	    cmocka_unit_test(commits_are_forty_digits),
	    cmocka_unit_test(encodes_what_has_no_place_in_a_path),
	    cmocka_unit_test(what_is_shown_is_printable_and_short),
	    cmocka_unit_test(sizes_are_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
