/* test_list.c -- pushing, popping, and removing while walking. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
	int number;
	struct list link;
};

static int number_of(struct list *link)
{
	return container_of(link, struct item, link)->number;
}

static void keeps_the_order_of_both_ends(void **state)
{
	struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
	struct list head;
	int expected = 1;

	(void)state;
	list_init(&head);
	assert_true(list_is_empty(&head));
	assert_null(list_pop_front(&head));
	list_push_back(&head, &items[1].link);
	list_push_back(&head, &items[2].link);
	list_push_front(&head, &items[0].link);
	list_for_each(link, &head)
		assert_int_equal(number_of(link), expected++);
	assert_int_equal(expected, 4);
	assert_ptr_equal(list_pop_front(&head), &items[0].link);
	assert_ptr_equal(list_pop_front(&head), &items[1].link);
	assert_ptr_equal(list_pop_front(&head), &items[2].link);
	assert_true(list_is_empty(&head));
}

static void lets_the_walker_remove_what_it_stands_on(void **state)
{
	struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
	struct list head;

	(void)state;
	list_init(&head);
	for (size_t i = 0; i < 3; i++)
		list_push_back(&head, &items[i].link);
	list_for_each_safe(link, &head) {
		if (number_of(link) != 2)
			list_remove(link);
	}
	assert_int_equal(number_of(head.next), 2);
	assert_ptr_equal(head.next, head.prev);
	assert_true(list_is_empty(&items[0].link));
	list_remove(&items[0].link);
	assert_ptr_equal(head.next, &items[1].link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_the_order_of_both_ends),
	    cmocka_unit_test(lets_the_walker_remove_what_it_stands_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
