/* test_classified.c -- what was found out about a request is found again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/classified.h"

static void finds_what_was_kept_under_the_same_bytes(void **state)
{
	struct classified *classified = classified_new();
	struct classified_key key =
	    classified_key(classified, ENDPOINT_CHAT, SPAN("{\"a\":1}"));
	struct router_features features = {.task = TASK_CODE, .tokens = 7};
	struct router_features found = {0};
	int64_t tokens = 0;

	(void)state;
	assert_false(classified_find(classified, &key, &tokens, &found));
	classified_keep(classified, &key, 12, &features);
	assert_true(classified_find(classified, &key, &tokens, &found));
	assert_int_equal(tokens, 12);
	assert_int_equal(found.task, TASK_CODE);
	assert_int_equal(found.tokens, 7);
	classified_free(&classified);
	assert_null(classified);
}

static void tells_bodies_and_endpoints_apart(void **state)
{
	struct classified *classified = classified_new();
	struct classified_key key =
	    classified_key(classified, ENDPOINT_CHAT, SPAN("x"));
	struct classified_key others[] = {
	    classified_key(classified, ENDPOINT_CHAT, SPAN("y")),
	    classified_key(classified, ENDPOINT_COMPLETIONS, SPAN("x")),
	    classified_key(classified, ENDPOINT_EMBEDDINGS, SPAN("x")),
	};
	struct router_features features = {0};
	int64_t tokens;

	(void)state;
	classified_keep(classified, &key, 1, &features);
	for (size_t i = 0; i < 3; i++)
		assert_false(classified_find(
		    classified, &others[i], &tokens, &features));
	classified_free(&classified);
}

static void the_last_who_came_has_the_place(void **state)
{
	enum {
		MANY = 200000
	};
	struct classified *classified = classified_new();
	struct router_features features = {0};
	size_t found = 0;
	int64_t tokens;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		char text[32];
		size_t n =
		    (size_t)snprintf(text, sizeof(text), "request %d", i);
		struct classified_key key = classified_key(
		    classified, ENDPOINT_CHAT, span_make(text, n));

		classified_keep(classified, &key, i, &features);
		assert_true(
		    classified_find(classified, &key, &tokens, &features));
		assert_int_equal(tokens, i);
	}
	for (int i = 0; i < MANY; i++) {
		char text[32];
		size_t n =
		    (size_t)snprintf(text, sizeof(text), "request %d", i);
		struct classified_key key = classified_key(
		    classified, ENDPOINT_CHAT, span_make(text, n));

		if (!classified_find(classified, &key, &tokens, &features))
			continue;
		assert_int_equal(tokens, i);
		found++;
	}
	assert_true(found > 30000 && found <= 65536);
	classified_free(&classified);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_was_kept_under_the_same_bytes),
	    cmocka_unit_test(tells_bodies_and_endpoints_apart),
	    cmocka_unit_test(the_last_who_came_has_the_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
