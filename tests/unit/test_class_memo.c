/* test_class_memo.c -- what a classifier said of a text is found again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/local/class_memo.h"

static void finds_what_was_said_of_the_same_text(void **state)
{
	struct class_memo *memo = class_memo_new();
	struct class_memo_key key = class_memo_key(memo, "m", SPAN("hello"));
	const struct class_said said = {3, 0.5f};
	struct class_said found = {0, 0};

	(void)state;
	assert_false(class_memo_find(memo, &key, &found));
	class_memo_keep(memo, &key, &said);
	assert_true(class_memo_find(memo, &key, &found));
	assert_int_equal(found.label, 3);
	assert_true(found.score == 0.5f);
	class_memo_free(&memo);
	assert_null(memo);
}

static void tells_texts_and_classifiers_apart(void **state)
{
	struct class_memo *memo = class_memo_new();
	struct class_memo_key key = class_memo_key(memo, "m", SPAN("hello"));
	const struct class_memo_key others[] = {
	    class_memo_key(memo, "n", SPAN("hello")),
	    class_memo_key(memo, "m", SPAN("hello ")),
	    class_memo_key(memo, "m", SPAN("")),
	};
	const struct class_said said = {1, 1.0f};
	struct class_said found;

	(void)state;
	class_memo_keep(memo, &key, &said);
	for (size_t i = 0; i < 3; i++)
		assert_false(class_memo_find(memo, &others[i], &found));
	class_memo_free(&memo);
}

static void the_last_who_came_has_the_place(void **state)
{
	enum {
		MANY = 20000
	};
	struct class_memo *memo = class_memo_new();
	struct class_said found;
	unsigned there = 0;
	char text[16];

	(void)state;
	for (uint32_t i = 0; i < 2 * MANY; i++) {
		struct class_memo_key key;
		const struct class_said said = {i % MANY, 0};

		snprintf(text, sizeof(text), "%u", i % MANY);
		key = class_memo_key(memo, "m", span_of(text));
		if (i < MANY) {
			class_memo_keep(memo, &key, &said);
		} else if (class_memo_find(memo, &key, &found)) {
			assert_int_equal(found.label, i % MANY);
			there++;
		}
	}
	/* Each place has one of the twenty thousand. */
	assert_in_range(there, 5000, 8192);
	class_memo_free(&memo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_was_said_of_the_same_text),
	    cmocka_unit_test(tells_texts_and_classifiers_apart),
	    cmocka_unit_test(the_last_who_came_has_the_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
