/* test_pull_store.c -- where pulled models lie. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/pull/pull.h"
#include "gateway/pull/pull_store.h"
#include "tests/unit/gateway_help.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

/* A cache in a folder of its own, and the store of hf:a/b there. */
struct fixture {
	struct place *place;
	struct pull_store store;
	char folder[300]; /* of the commit */
	struct error err;
};

static void open_store(struct fixture *f, const char *text)
{
	struct pull_name name;

	pull_store_close(&f->store);
	assert_true(pull_name_read(&name, text, &f->err));
	assert_int_equal(pull_store_open(&f->store, &name, NULL, &f->err), OK);
}

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	void *place;

	place_set_up(&place);
	f->place = place;
	f->store.lock = -1;
	setenv("SLUICE_CACHE", f->place->folder, 1);
	open_store(f, "hf:a/b");
	snprintf(f->folder, sizeof(f->folder), "%s/models/hf/a/b/" COMMIT,
	    f->place->folder);
	*state = f;
	return 0;
}

/* Removes what the tests have made, which is never more than this. */
static void remove_all(struct fixture *f)
{
	static const char *const names[] = {
	    ("models/hf/a/b/" COMMIT "/.complete"),
	    "models/hf/a/b/" COMMIT "/x.gguf", "models/hf/a/b/" COMMIT,
	    "models/hf/a/b/refs/main", "models/hf/a/b/refs/refs%2Fpr%2F1",
	    "models/hf/a/b/refs", "models/hf/a/b/.lock", "models/hf/a/b",
	    "models/hf/a", "models/hf", "models"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove(place_path(f->place, names[i]));
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	void *place = f->place;

	pull_store_close(&f->store);
	remove_all(f);
	place_tear_down(&place);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *name)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	assert_int_equal(pull_make_folders(path, &f->err), OK);
	snprintf(path, sizeof(path), "models/hf/a/b/" COMMIT "/%s", name);
	place_write(f->place, path, "x");
}

static void assert_found(struct fixture *f, const char *text, const char *below)
{
	char *path = pull_resolve(text, &f->err), wanted[400];

	snprintf(wanted, sizeof(wanted), "%s%s", f->folder, below);
	assert_non_null(path);
	assert_string_equal(path, wanted);
	free(path);
}

static void assert_missing(struct fixture *f, const char *text)
{
	char said[200];

	snprintf(said, sizeof(said), "sluice pull %s", text);
	assert_null(pull_resolve(text, &f->err));
	assert_non_null(strstr(f->err.text, said));
}

static void a_sealed_commit_is_found_by_its_revision(void **state)
{
	struct fixture *f = *state;

	assert_missing(f, "hf:a/b");
	put(f, "x.gguf");
	assert_missing(f, "hf:a/b");
	assert_missing(f, "hf:a/b@" COMMIT);
	assert_int_equal(pull_store_seal(&f->store, COMMIT, ".", &f->err), OK);
	assert_found(f, "hf:a/b@" COMMIT, "");
	assert_missing(f, "hf:a/b");
	assert_int_equal(
	    pull_store_note(&f->store, "main", COMMIT, &f->err), OK);
	assert_found(f, "hf:a/b", "");
	assert_found(f, "hf:a/b@main", "");
	assert_missing(f, "hf:a/b@other");
	assert_missing(f, "hf:a/c");
	assert_int_equal(
	    pull_store_note(&f->store, "refs/pr/1", COMMIT, &f->err), OK);
	assert_found(f, "hf:a/b@refs/pr/1", "");
}

static void one_file_is_found_without_the_others(void **state)
{
	struct fixture *f = *state;

	assert_missing(f, "hf:a/b@" COMMIT ":x.gguf");
	put(f, "x.gguf");
	assert_found(f, "hf:a/b@" COMMIT ":x.gguf", "/x.gguf");
	assert_missing(f, "hf:a/b@" COMMIT ":y.gguf");
	assert_missing(f, "hf:a/b:x.gguf");
}

static void a_seal_says_which_file_is_the_model(void **state)
{
	struct fixture *f = *state;

	put(f, "x.gguf");
	assert_int_equal(
	    pull_store_seal(&f->store, COMMIT, "x.gguf", &f->err), OK);
	assert_found(f, "hf:a/b@" COMMIT, "/x.gguf");
	assert_int_equal(
	    pull_store_seal(&f->store, COMMIT, "../../x", &f->err), OK);
	assert_missing(f, "hf:a/b@" COMMIT);
}

static void a_spoilt_note_leads_nowhere(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
	    pull_store_note(&f->store, "main", "../../../x", &f->err), OK);
	assert_missing(f, "hf:a/b");
	assert_null(pull_resolve("hf:a", &f->err));
	assert_non_null(strstr(f->err.text, "hf:owner/name"));
}

static void the_cache_is_where_the_environment_says(void **state)
{
	struct fixture *f = *state;

	unsetenv("SLUICE_CACHE");
	setenv("XDG_CACHE_HOME", "/x", 1);
	open_store(f, "hf:a/b");
	assert_string_equal(f->store.root, "/x/sluice/models/hf/a/b");
	setenv("XDG_CACHE_HOME", "relative", 1);
	setenv("HOME", "/h", 1);
	open_store(f, "hf:a/b");
	assert_string_equal(f->store.root, "/h/.cache/sluice/models/hf/a/b");
	unsetenv("HOME");
	assert_null(pull_resolve("hf:a/b", &f->err));
	assert_non_null(strstr(f->err.text, "SLUICE_CACHE"));
	unsetenv("XDG_CACHE_HOME");
}

static void a_lock_is_taken_and_given_back(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(pull_store_lock(&f->store, &f->err), OK);
	assert_true(f->store.lock >= 0);
	open_store(f, "hf:a/b");
	assert_int_equal(f->store.lock, -1);
	assert_int_equal(pull_store_lock(&f->store, &f->err), OK);
}

static void room_is_asked_for_first(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(pull_store_lock(&f->store, &f->err), OK);
	assert_int_equal(pull_store_has_room(&f->store, 0, &f->err), OK);
	assert_int_equal(
	    pull_store_has_room(&f->store, INT64_MAX, &f->err), FAILED);
	assert_non_null(strstr(f->err.text, "needs 9223.4 PB"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_sealed_commit_is_found_by_its_revision),
	    TEST(one_file_is_found_without_the_others),
	    TEST(a_seal_says_which_file_is_the_model),
	    TEST(a_spoilt_note_leads_nowhere),
	    TEST(the_cache_is_where_the_environment_says),
	    TEST(a_lock_is_taken_and_given_back),
	    TEST(room_is_asked_for_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
