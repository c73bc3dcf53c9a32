/* test_find_ledger.c -- where the ledger of a configuration file is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/gateway.h"
#include "tests/unit/capture.h"
#include "tests/unit/gateway_help.h"

/* The ledger for <text> is <expected> in the place's folder. */
static void finds(struct place *place, const char *text, const char *expected)
{
	char path[256];
	char *found;

	place_write(place, "sluice.yaml", text);
	found = gateway_find_ledger(place_path(place, "sluice.yaml"));
	assert_non_null(found);
	snprintf(path, sizeof(path), "%s%s", place->folder, expected);
	assert_string_equal(found, path);
	free(found);
}

/* None is found, and <words> are said. */
static void misses(struct place *place, const char *text, const char *words)
{
	struct capture capture;
	char *found;

	if (text)
		place_write(place, "sluice.yaml", text);
	capture_start(&capture, STDERR_FILENO);
	found = gateway_find_ledger(
	    place_path(place, text ? "sluice.yaml" : "not-there.yaml"));
	capture_stop(&capture);
	assert_null(found);
	if (!strstr(capture.text, words))
		fail_msg("not said: %s, but: %s", words, capture.text);
}

static void is_in_the_state_folder(void **state)
{
	finds(*state, "state: ./money\n", "/money/ledger");
	finds(*state, "state: a/b\n", "/a/b/ledger");
	finds(*state, "listen: :1\n", "/state/ledger");
	finds(*state, "", "/state/ledger");
}

static void an_absolute_state_is_taken_as_it_is(void **state)
{
	struct place *place = *state;
	char *found;

	place_write(place, "sluice.yaml", "state: /var/lib/sluice\n");
	found = gateway_find_ledger(place_path(place, "sluice.yaml"));
	assert_string_equal(found, "/var/lib/sluice/ledger");
	free(found);
}

static void expands_the_environment_in_it(void **state)
{
	setenv("SLUICE_TEST_STATE", "there", 1);
	finds(*state, "state: ./${SLUICE_TEST_STATE}/x\n", "/there/x/ledger");
	unsetenv("SLUICE_TEST_STATE");
	finds(*state, "state: ${SLUICE_TEST_STATE:-here}\n", "/here/ledger");
}

static void other_mistakes_do_not_matter(void **state)
{
	finds(*state,
	    "keys: [{name: a, key: \"${SLUICE_TEST_NOT_SET}\"}]\n"
	    "nonsense: 1\nstate: x\n",
	    "/x/ledger");
}

static void a_state_that_is_not_set_is_no_place_to_look(void **state)
{
	unsetenv("SLUICE_TEST_STATE");
	misses(*state, "state: ${SLUICE_TEST_STATE}/x\n", "SLUICE_TEST_STATE");
	misses(*state, "state: [a, b]\n", "\"state\" must be a single value");
}

static void a_file_that_cannot_be_read_is_said(void **state)
{
	misses(*state, NULL, "No such file");
	misses(*state, "state: [\n", "sluice.yaml:");
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(is_in_the_state_folder),
	    TEST(an_absolute_state_is_taken_as_it_is),
	    TEST(expands_the_environment_in_it),
	    TEST(other_mistakes_do_not_matter),
	    TEST(a_state_that_is_not_set_is_no_place_to_look),
	    TEST(a_file_that_cannot_be_read_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
