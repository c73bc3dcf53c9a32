/* test_error.c -- messages, their contexts and their cut. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/error.h"

static void sets_and_prefixes_a_message(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, "cannot open %s", "a.yaml");
	assert_string_equal(err.text, "cannot open a.yaml");
	error_prefix(&err, "reload %d", 3);
	assert_string_equal(err.text, "reload 3: cannot open a.yaml");
}

static void wraps_its_own_text(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, "no such file");
	error_set(&err, "policy: %s, check the path", err.text);
	assert_string_equal(err.text, "policy: no such file, check the path");
	error_prefix(&err, "%.6s", err.text);
	assert_string_equal(
	    err.text, "policy: policy: no such file, check the path");
}

static void cuts_what_is_too_long(void **state)
{
	char letters[2000];
	struct error err;

	(void)state;
	memset(letters, 'x', sizeof(letters) - 1);
	letters[sizeof(letters) - 1] = '\0';
	error_set(&err, "%s", letters);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	error_prefix(&err, "here");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_memory_equal(err.text, "here: xxx", 9);
	error_prefix(&err, "%s", letters);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_null(strchr(err.text, ':'));
}

static void accepts_that_nobody_asks(void **state)
{
	(void)state;
	error_set(NULL, "unheard");
	error_prefix(NULL, "unheard");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sets_and_prefixes_a_message),
	    cmocka_unit_test(wraps_its_own_text),
	    cmocka_unit_test(cuts_what_is_too_long),
	    cmocka_unit_test(accepts_that_nobody_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
