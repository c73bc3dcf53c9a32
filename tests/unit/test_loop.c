/* test_loop.c -- turns, deadlines, messages and retirement. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

#include "net/loop_priv.h"

/* What happened, in order, one letter each. */
struct record {
	struct loop *loop;
	struct deadline deadline;
	char text[64];
	size_t len;
};

struct note {
	struct record *record;
	char letter;
};

static void add_letter(void *arg)
{
	struct note *note = arg;
	struct record *record = note->record;

	assert_true(record->len < sizeof(record->text) - 1);
	record->text[record->len++] = note->letter;
}

static int set_up(void **state)
{
	struct record *record = mem_new(struct record);
	struct error err;

	record->loop = loop_new(&err);
	if (!record->loop)
		return -1;
	*state = record;
	return 0;
}

static int tear_down(void **state)
{
	struct record *record = *state;

	loop_free(&record->loop);
	free(record);
	return 0;
}

static void runs_messages_in_order(void **state)
{
	struct record *record = *state;
	struct note notes[] = {{record, 'a'}, {record, 'b'}, {record, 'c'}};

	for (size_t i = 0; i < 3; i++)
		loop_post(record->loop, add_letter, &notes[i]);
	assert_string_equal(record->text, "");
	loop_turn(record->loop, LOOP_FOREVER);
	assert_string_equal(record->text, "abc");
}

static void post_again(void *arg)
{
	struct note *note = arg;

	add_letter(note);
	if (note->record->len < 3)
		loop_post(note->record->loop, post_again, note);
}

static void lets_a_message_post_another(void **state)
{
	struct record *record = *state;
	struct note note = {record, 'x'};

	loop_post(record->loop, post_again, &note);
	loop_turn(record->loop, LOOP_FOREVER);
	assert_string_equal(record->text, "x");
	loop_turn(record->loop, LOOP_FOREVER);
	loop_turn(record->loop, LOOP_FOREVER);
	assert_string_equal(record->text, "xxx");
}

static void run_what_is_posted_before_the_end(void **state)
{
	struct record *record = *state;
	struct note note = {record, 'z'};

	loop_post(record->loop, add_letter, &note);
	loop_free(&record->loop);
	assert_string_equal(record->text, "z");
}

struct crowd {
	struct loop *loop;
	size_t *sum;
};

static void count_one(void *arg)
{
	(*(size_t *)arg)++;
}

static void *post_many(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < 1000; i++)
		loop_post(crowd->loop, count_one, crowd->sum);
	return NULL;
}

static void loses_no_message_of_other_threads(void **state)
{
	struct record *record = *state;
	size_t sum = 0;
	struct crowd crowd = {record->loop, &sum};
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, post_many, &crowd), 0);
	while (sum < 4000)
		loop_turn(record->loop, LOOP_FOREVER);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(sum, 4000);
}

static void *stop_it(void *arg)
{
	loop_stop(arg);
	return NULL;
}

static void stops_from_another_thread(void **state)
{
	struct record *record = *state;
	pthread_t thread;

	assert_int_equal(
	    pthread_create(&thread, NULL, stop_it, record->loop), 0);
	loop_run(record->loop);
	pthread_join(thread, NULL);
	loop_stop(record->loop);
	loop_run(record->loop);
}

struct retiree {
	struct record *record;
	struct note hook_note;
	struct note free_note;
	struct loop_hook hook;
};

static void free_letter_and_one_more(void *arg)
{
	struct retiree *retiree = arg;

	add_letter(&retiree->free_note);
	if (retiree->record->len < 4)
		loop_retire(
		    retiree->record->loop, free_letter_and_one_more, retiree);
}

static void retire_now(void *arg)
{
	struct retiree *retiree = arg;

	loop_retire(retiree->record->loop, free_letter_and_one_more, retiree);
	add_letter(&(struct note){retiree->record, 'm'});
}

static void frees_after_the_hooks_of_the_turn(void **state)
{
	struct record *record = *state;
	struct retiree retiree = {
	    .record = record,
	    .hook_note = {record, 'h'},
	    .free_note = {record, 'f'},
	};

	retiree.hook.fn = add_letter;
	retiree.hook.arg = &retiree.hook_note;
	loop_add_hook(record->loop, &retiree.hook);
	loop_post(record->loop, retire_now, &retiree);
	loop_turn(record->loop, LOOP_FOREVER);
	assert_string_equal(record->text, "mhff");
	loop_remove_hook(record->loop, &retiree.hook);
	loop_turn(record->loop, 0);
	assert_string_equal(record->text, "mhff");
}

static void ring(void *arg)
{
	struct record *record = arg;

	add_letter(&(struct note){record, 'd'});
}

static void calls_a_deadline_once_and_not_early(void **state)
{
	struct record *record = *state;
	int64_t start = clock_mono_ns();

	deadline_init(&record->deadline, record->loop, ring, record);
	deadline_after(&record->deadline, 20 * NS_PER_MS);
	while (record->len == 0)
		loop_turn(record->loop, LOOP_FOREVER);
	assert_true(clock_mono_ns() - start >= 20 * NS_PER_MS);
	assert_int_equal(record->deadline.at_ns, 0);
	loop_turn(record->loop, 10 * NS_PER_MS);
	assert_string_equal(record->text, "d");
	deadline_free(&record->deadline);
}

static void moves_a_deadline_later_without_touching_its_timer(void **state)
{
	struct record *record = *state;
	int64_t now = loop_now_ns(record->loop);
	int64_t armed;

	deadline_init(&record->deadline, record->loop, ring, record);
	deadline_set(&record->deadline, now + 5 * NS_PER_MS);
	armed = record->deadline.armed_ns;
	deadline_set(&record->deadline, now + 40 * NS_PER_MS);
	assert_int_equal(record->deadline.armed_ns, armed);
	while (record->len == 0)
		loop_turn(record->loop, LOOP_FOREVER);
	assert_true(clock_mono_ns() >= now + 40 * NS_PER_MS);
	deadline_free(&record->deadline);
}

static void moves_a_deadline_earlier(void **state)
{
	struct record *record = *state;

	deadline_init(&record->deadline, record->loop, ring, record);
	deadline_after(&record->deadline, 3600 * NS_PER_S);
	deadline_after(&record->deadline, NS_PER_MS);
	while (record->len == 0)
		loop_turn(record->loop, LOOP_FOREVER);
	assert_string_equal(record->text, "d");
	deadline_free(&record->deadline);
}

static void does_not_call_a_cleared_deadline(void **state)
{
	struct record *record = *state;

	deadline_init(&record->deadline, record->loop, ring, record);
	deadline_after(&record->deadline, NS_PER_MS);
	deadline_clear(&record->deadline);
	while (record->deadline.armed_ns != 0)
		loop_turn(record->loop, LOOP_FOREVER);
	assert_string_equal(record->text, "");
	deadline_free(&record->deadline);
	deadline_free(&record->deadline);
}

static void read_time_twice(void *arg)
{
	struct record *record = arg;
	int64_t first = loop_now_ns(record->loop);

	while (clock_mono_ns() == first)
		;
	assert_int_equal(loop_now_ns(record->loop), first);
	ring(record);
}

static void keeps_one_time_for_a_turn(void **state)
{
	struct record *record = *state;

	loop_post(record->loop, read_time_twice, record);
	loop_turn(record->loop, LOOP_FOREVER);
	assert_string_equal(record->text, "d");
}

static void ends_a_bounded_turn_without_events(void **state)
{
	struct record *record = *state;

	loop_turn(record->loop, 0);
	loop_turn(record->loop, NS_PER_MS);
	assert_string_equal(record->text, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(runs_messages_in_order),
	    TEST(lets_a_message_post_another),
	    TEST(run_what_is_posted_before_the_end),
	    TEST(loses_no_message_of_other_threads),
	    TEST(stops_from_another_thread),
	    TEST(frees_after_the_hooks_of_the_turn),
	    TEST(calls_a_deadline_once_and_not_early),
	    TEST(moves_a_deadline_later_without_touching_its_timer),
	    TEST(moves_a_deadline_earlier),
	    TEST(does_not_call_a_cleared_deadline),
	    TEST(keeps_one_time_for_a_turn),
	    TEST(ends_a_bounded_turn_without_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
