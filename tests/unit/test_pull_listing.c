/* test_pull_listing.c -- what a hub says of a model. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/pull/pull_listing.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define FILES(text) "{\"sha\": \"" COMMIT "\", \"siblings\": [" text "]}"

static struct pull_listing read_well(const char *json)
{
	struct pull_listing listing;
	struct error err = {""};

	if (pull_listing_read(&listing, span_of(json), &err) != OK)
		fail_msg("%s: %s", json, err.text);
	return listing;
}

static void assert_refused(const char *json, const char *said)
{
	struct pull_listing listing;
	struct error err = {""};

	if (pull_listing_read(&listing, span_of(json), &err) == OK)
		fail_msg("%s was taken", json);
	if (!strstr(err.text, said))
		fail_msg("\"%s\" is not in \"%s\"", said, err.text);
	assert_int_equal(listing.n, 0);
}

static void reads_commit_files_sizes_and_hashes(void **state)
{
	struct pull_listing listing = read_well(
	    "{\"id\": \"a/b\", \"sha\": \"" COMMIT "\", \"siblings\": ["
	    "{\"rfilename\": \"config.json\", \"size\": 2, \"lfs\": null},"
	    "{\"rfilename\": \"d/m.gguf\", \"size\": 5000000000, \"lfs\": "
	    "{\"sha256\": \"" SHA "\", \"size\": 5000000000}},"
	    "{\"rfilename\": \"x\", \"lfs\": {\"oid\": \"sha256:" SHA "\"}},"
	    "{\"rfilename\": \"y\", \"size\": null, \"lfs\": {\"sha256\": "
	    "\"short\"}}]}");

	(void)state;
	assert_string_equal(listing.commit, COMMIT);
	assert_string_equal(listing.id, "a/b");
	assert_null(listing.licence);
	assert_int_equal(listing.n, 4);
	assert_int_equal(listing.entries[0].size, 2);
	assert_false(listing.entries[0].has_sha);
	assert_true(listing.entries[1].size == INT64_C(5000000000));
	assert_true(listing.entries[1].has_sha);
	assert_int_equal(listing.entries[1].sha.bytes[0], 0xe3);
	assert_true(listing.entries[2].has_sha);
	assert_int_equal(listing.entries[2].size, -1);
	assert_false(listing.entries[3].has_sha);
	assert_int_equal(listing.entries[3].size, -1);
	assert_ptr_equal(
	    pull_listing_find(&listing, SPAN("d/m.gguf")), &listing.entries[1]);
	assert_null(pull_listing_find(&listing, SPAN("m.gguf")));
	pull_listing_free(&listing);
	assert_int_equal(listing.n, 0);
}

static void assert_licence(const char *members, const char *licence)
{
	char json[500];
	struct pull_listing listing;

	snprintf(json, sizeof(json),
	    "{\"sha\": \"" COMMIT "\", \"siblings\": [], %s}", members);
	listing = read_well(json);
	if (licence) {
		assert_non_null(listing.licence);
		assert_string_equal(listing.licence, licence);
	} else {
		assert_null(listing.licence);
	}
	pull_listing_free(&listing);
}

static void finds_the_licence_in_card_or_tags(void **state)
{
	(void)state;
	assert_licence("\"cardData\": {\"license\": \"mit\"}", "mit");
	assert_licence("\"tags\": [\"x\", \"license:llama2\"]", "llama2");
	assert_licence("\"cardData\": {\"license\": [\"mit\"]}, \"tags\": "
		       "[1, \"license:mit\"]",
	    "mit");
	assert_licence("\"cardData\": {\"license\": \"other\", "
		       "\"license_name\": \"acme-1\"}",
	    "acme-1");
	assert_licence("\"cardData\": null, \"tags\": null", NULL);
	assert_licence("\"cardData\": {\"license\": \"\\u001b[2J\"}", NULL);
	assert_licence("\"tags\": [\"license:\\n\"]", NULL);
}

static void refuses_what_is_no_list(void **state)
{
	(void)state;
	assert_refused("", "not JSON");
	assert_refused("{\"sha\": 1,}", "not JSON");
	assert_refused("[]", "no commit");
	assert_refused("{\"sha\": \"main\"}", "no commit");
	assert_refused("{\"sha\": \"../../6789abcdef0123456789abcdef01234567"
		       "\", \"siblings\": []}",
	    "no commit");
	assert_refused("{\"sha\": \"" COMMIT "\"}", "no list of files");
	assert_refused(FILES("1"), "must not be written");
	assert_refused(FILES("{}"), "must not be written");
	assert_refused(FILES("{\"rfilename\": 1}"), "must not be written");
	assert_refused(
	    FILES("{\"rfilename\": \"a\", \"size\": -1}"), "not a size");
	assert_refused(
	    FILES("{\"rfilename\": \"a\", \"size\": \"1\"}"), "not a size");
	assert_refused(
	    FILES("{\"rfilename\": \"a\", \"size\": 1e300}"), "not a size");
}

static void refuses_paths_that_lead_out(void **state)
{
	(void)state;
	assert_refused(
	    FILES("{\"rfilename\": \"../a\"}"), "must not be written");
	assert_refused(FILES("{\"rfilename\": \"a\"}, {\"rfilename\": \"/b\"}"),
	    "must not be written");
	assert_refused(FILES("{\"rfilename\": \"\\u002e\\u002e/a\"}"),
	    "must not be written");
	assert_refused(
	    FILES("{\"rfilename\": \"a\\u0000b\"}"), "must not be written");
}

static void bounds_the_number_of_files(void **state)
{
	static const char one[] = "{\"rfilename\":\"a\"},";
	size_t n = PULL_ENTRIES_MAX + 1, len = strlen(one);
	char *json = mem_alloc(200 + n * len), *at;

	(void)state;
	at = json +
	     snprintf(json, 200, "{\"sha\":\"" COMMIT "\",\"siblings\":[");
	for (size_t i = 0; i < n; i++, at += len)
		memcpy(at, one, len + 1);
	memcpy(at - 1, "]}", 3);
	assert_refused(json, "65537 files");
	free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_commit_files_sizes_and_hashes),
	    cmocka_unit_test(finds_the_licence_in_card_or_tags),
	    cmocka_unit_test(refuses_what_is_no_list),
	    cmocka_unit_test(refuses_paths_that_lead_out),
	    cmocka_unit_test(bounds_the_number_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
