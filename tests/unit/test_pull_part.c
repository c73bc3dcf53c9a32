/* test_pull_part.c -- a file while it is being fetched. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/pull/pull_part.h"
#include "tests/unit/gateway_help.h"

/* Of "hello". */
#define SHA "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static struct sha256 sha_of_hello(void)
{
	struct sha256 sha;

	assert_true(hash_parse_hex(SPAN(SHA), &sha));
	return sha;
}

static char *path_of(const struct place *place, const char *name)
{
	return mem_strdup(place_path(place, name));
}

static bool is_there(const struct place *place, const char *name)
{
	return access(place_path(place, name), F_OK) == 0;
}

/* Opens FILE "m" and hashes what is there. */
static void open_part(struct pull_part *part, const struct place *place)
{
	char *path = path_of(place, "m");
	struct error err;

	assert_int_equal(pull_part_open(part, path, &err), OK);
	while (pull_part_hash(part, &err) == AGAIN)
		;
	free(path);
}

static void write_part(struct pull_part *part, const char *text)
{
	struct error err;

	assert_int_equal(pull_part_write(part, span_of(text), &err), OK);
}

static void restart(struct pull_part *part, const char *etag)
{
	struct error err;

	assert_int_equal(pull_part_restart(part, span_of(etag), &err), OK);
}

static void gets_its_name_when_it_is_whole(void **state)
{
	struct sha256 sha = sha_of_hello();
	struct place *place = *state;
	struct pull_part part;
	struct error err;

	open_part(&part, place);
	restart(&part, "tag");
	write_part(&part, "hel");
	write_part(&part, "lo");
	assert_false(is_there(place, "m"));
	assert_int_equal(pull_part_finish(&part, 5, &sha, &err), OK);
	pull_part_close(&part);
	assert_true(is_there(place, "m"));
	assert_false(is_there(place, "m.part"));
	assert_false(is_there(place, "m.part.etag"));
}

static void goes_on_where_another_ended(void **state)
{
	struct sha256 sha = sha_of_hello();
	struct place *place = *state;
	struct pull_part part;
	struct error err;

	open_part(&part, place);
	restart(&part, "tag");
	write_part(&part, "hel");
	pull_part_close(&part);
	open_part(&part, place);
	assert_int_equal(part.have, 3);
	assert_string_equal(part.etag, "tag");
	write_part(&part, "lo");
	assert_int_equal(pull_part_finish(&part, 5, &sha, &err), OK);
	pull_part_close(&part);
}

static void bytes_without_their_tag_are_dropped(void **state)
{
	struct place *place = *state;
	struct pull_part part;

	place_write(place, "m.part", "hel");
	open_part(&part, place);
	assert_int_equal(part.have, 0);
	pull_part_close(&part);
	assert_false(is_there(place, "m.part"));
	assert_false(is_there(place, "m.part.etag"));
}

static void assert_deleted(
    struct place *place, const char *text, int64_t size, const char *said)
{
	struct sha256 sha = sha_of_hello();
	struct pull_part part;
	struct error err;

	open_part(&part, place);
	restart(&part, "tag");
	write_part(&part, text);
	assert_int_equal(pull_part_finish(&part, size, &sha, &err), FAILED);
	if (!strstr(err.text, said))
		fail_msg("\"%s\" is not in \"%s\"", said, err.text);
	pull_part_close(&part);
	assert_false(is_there(place, "m"));
	assert_false(is_there(place, "m.part"));
	assert_false(is_there(place, "m.part.etag"));
}

static void what_is_wrong_is_deleted_and_both_are_named(void **state)
{
	assert_deleted(*state, "hello!", 5, "says 5 bytes, 6 came");
	assert_deleted(*state, "hell", 5, "says 5 bytes, 4 came");
	assert_deleted(
	    *state, "hallo", 5, "SHA-256 2cf24dba5fb0a30e..., it is");
	assert_deleted(*state, "hallo", -1, "SHA-256");
}

static void a_long_tag_is_no_tag(void **state)
{
	char etag[PULL_ETAG_MAX + 2];
	struct pull_part part;

	memset(etag, 'x', sizeof(etag));
	etag[PULL_ETAG_MAX + 1] = '\0';
	open_part(&part, *state);
	restart(&part, etag);
	assert_string_equal(part.etag, "");
	etag[PULL_ETAG_MAX] = '\0';
	restart(&part, etag);
	assert_string_equal(part.etag, etag);
	pull_part_close(&part);
}

static void a_link_in_its_place_is_refused(void **state)
{
	struct place *place = *state;
	char *target = path_of(place, "target"), *path = path_of(place, "m");
	struct pull_part part;
	struct error err;

	place_write(place, "target", "precious");
	assert_int_equal(symlink(target, place_path(place, "m.part")), 0);
	assert_int_equal(pull_part_open(&part, path, &err), FAILED);
	assert_non_null(strstr(err.text, "m.part"));
	pull_part_close(&part);
	free(target);
	free(path);
}

static void a_large_one_is_hashed_a_slice_at_a_time(void **state)
{
	size_t size = (size_t)40 << 20;
	struct place *place = *state;
	char *path = path_of(place, "m"), *text = mem_zalloc(size);
	int fd = open(
	    place_path(place, "m.part"), O_WRONLY | O_CREAT | O_EXCL, 0600);
	struct sha256 sha = hash_sha256(span_make(text, size));
	struct pull_part part;
	struct error err;
	int turns = 1;

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
	place_write(place, "m.part.etag", "tag");
	assert_int_equal(pull_part_open(&part, path, &err), OK);
	while (pull_part_hash(&part, &err) == AGAIN)
		turns++;
	assert_int_equal(turns, 3);
	assert_true(pull_part_is(&part, &sha));
	pull_part_delete(&part);
	pull_part_close(&part);
	free(text);
	free(path);
}

static void a_whole_file_is_only_read(void **state)
{
	struct sha256 sha = sha_of_hello();
	struct place *place = *state;
	char *path = path_of(place, "m");
	struct pull_part part;
	struct error err;

	assert_false(pull_part_open_whole(&part, path, 5));
	place_write(place, "m", "hello");
	assert_false(pull_part_open_whole(&part, path, 4));
	assert_true(pull_part_open_whole(&part, path, 5));
	assert_false(pull_part_is(&part, &sha));
	assert_int_equal(pull_part_hash(&part, &err), OK);
	assert_true(pull_part_is(&part, &sha));
	pull_part_close(&part);
	place_write(place, "m", "");
	assert_true(pull_part_open_whole(&part, path, 0));
	pull_part_close(&part);
	assert_true(is_there(place, "m"));
	free(path);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(gets_its_name_when_it_is_whole),
	    TEST(goes_on_where_another_ended),
	    TEST(bytes_without_their_tag_are_dropped),
	    TEST(what_is_wrong_is_deleted_and_both_are_named),
	    TEST(a_long_tag_is_no_tag),
	    TEST(a_link_in_its_place_is_refused),
	    TEST(a_large_one_is_hashed_a_slice_at_a_time),
	    TEST(a_whole_file_is_only_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
