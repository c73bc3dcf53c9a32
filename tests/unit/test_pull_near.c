/* test_pull_near.c -- names that are near to one that a hub does not know. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "gateway/pull/pull_near.h"

static struct pull_name name_of(const char *text)
{
	struct pull_name name;
	struct error err;

	assert_true(pull_name_read(&name, text, &err));
	return name;
}

/* <wanted> ends with NULL. */
static void assert_names(char **names, size_t n, const char *const *wanted)
{
	size_t i = 0;

	for (; wanted[i]; i++) {
		assert_true(i < n);
		assert_string_equal(names[i], wanted[i]);
	}
	assert_int_equal(i, n);
	while (n > 0)
		free(names[--n]);
}

static void revisions_are_branches_and_tags(void **state)
{
	static const char json[] =
	    "{\"branches\": [{\"name\": \"main\"}, {\"name\": \"../x\"}], "
	    "\"tags\": [{\"name\": \"v1.0\"}, {\"name\": 1}, 2, "
	    "{\"name\": \"\\u001b[2J\"}], \"converts\": [{\"name\": \"x\"}]}";
	struct pull_name name = name_of("hf:a/b@v1.1");
	char *names[8];
	size_t n = pull_near_revisions(span_of(json), &name, names, 8);

	(void)state;
	assert_names(names, n,
	    (const char *const[]){"hf:a/b@v1.0", "hf:a/b@main", NULL});
}

static void models_come_nearest_first_and_bounded(void **state)
{
	static const char json[] =
	    "[{\"id\": \"a/other\"}, {\"id\": \"a/b/c\"}, {\"id\": "
	    "\"a/x:y\"}, {}, 1, {\"id\": \"a/small-model\"}, "
	    "{\"id\": \"a/third\"}]";
	struct pull_name name = name_of("hf:a/smal-model");
	char *names[2];
	size_t n = pull_near_models(span_of(json), &name, names, 2);

	(void)state;
	assert_names(names, n,
	    (const char *const[]){"hf:a/small-model", "hf:a/other", NULL});
}

static void answers_of_another_kind_have_none(void **state)
{
	static const char *const texts[] = {
	    "", "{", "{}", "[]", "1", "{\"branches\": 1}"};
	struct pull_name name = name_of("hf:a/b");
	char *names[2];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct span json = span_of(texts[i]);

		assert_int_equal(pull_near_revisions(json, &name, names, 2), 0);
		assert_int_equal(pull_near_models(json, &name, names, 2), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(revisions_are_branches_and_tags),
	    cmocka_unit_test(models_come_nearest_first_and_bounded),
	    cmocka_unit_test(answers_of_another_kind_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
