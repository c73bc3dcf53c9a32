/* test_scheduler_queue.c -- who goes first, and who waits in vain. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/scheduler_fixture.h"

/* Holds the thread in a callback until it is let go. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_shut, is_reached;
};

static void wait_at_gate(void *arg, const struct job_piece *piece)
{
	struct gate *gate = arg;

	(void)piece;
	pthread_mutex_lock(&gate->lock);
	gate->is_reached = true;
	pthread_cond_broadcast(&gate->changed);
	while (gate->is_shut)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

static void end_at_gate(void *arg, const struct job_ended *ended)
{
	(void)arg;
	(void)ended;
}

/* Starts a text whose first token keeps the thread until the gate opens. */
static struct job *hold_thread(struct lane *lane, struct gate *gate)
{
	static const uint32_t prompt[] = {5};
	struct job_options options = {.prompt = prompt,
	    .n_prompt = 1,
	    .generate = {.max_tokens = 2},
	    .watch = {wait_at_gate, end_at_gate, gate}};
	struct error err;
	struct job_offer offer;

	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
	gate->is_shut = true;
	gate->is_reached = false;
	offer = job_new(lane, &options, &err);
	assert_int_equal(offer.refusal, JOB_TAKEN);
	pthread_mutex_lock(&gate->lock);
	while (!gate->is_reached)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
	return offer.job;
}

static void open_gate(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->is_shut = false;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

static void refuses_more_than_may_wait(void **state)
{
	struct lane_options small = {.batch = 2, .queue = 3};
	struct place place = place_open("llama", &place_exact, &small, 0);
	static struct heard heard[4];
	uint32_t prompt[4];
	struct job_options options;
	struct job_offer offer;
	struct lane_stats stats;
	struct gate gate;
	struct error err;
	struct job *held = hold_thread(place.lane, &gate);

	(void)state;
	make_prompt(prompt, 4, 9, VOCAB);
	for (int i = 0; i < 4; i++) {
		options = heard_options(&heard[i], prompt, 4, 4);
		heard_start(&heard[i], place.lane, &options);
	}
	offer = job_new(place.lane, &options, &err);
	assert_int_equal(offer.refusal, JOB_FULL);
	assert_non_null(strstr(err.text, "4 texts wait already"));
	assert_null(offer.job);
	assert_true(offer.retry_ns > 0);
	lane_stats(place.lane, &stats);
	assert_int_equal(stats.refused, 1);
	assert_int_equal(stats.waiting, 4);
	open_gate(&gate);
	for (int i = 0; i < 4; i++) {
		heard_done(&heard[i]);
		assert_int_equal(heard[i].n, 4);
	}
	job_drop(&held);
	place_close(&place);
}

/* Remembers the order in which texts ended. */
struct order {
	struct heard *ended[16];
	int n;
};

static void note_end(void *arg, struct heard *heard)
{
	struct order *order = arg;

	order->ended[order->n++] = heard;
}

static void takes_turns_between_tenants(void **state)
{
	struct lane_options one = {.batch = 1};
	struct place place = place_open("llama", &place_exact, &one, 0);
	static struct heard heard[6];
	struct order order = {.n = 0};
	uint32_t prompt[4];
	struct gate gate;
	struct job *held = hold_thread(place.lane, &gate);

	(void)state;
	make_prompt(prompt, 4, 9, VOCAB);
	/* Four of one tenant came before two of another. */
	for (int i = 0; i < 6; i++) {
		struct job_options options =
		    heard_options(&heard[i], prompt, 4, 4);

		heard[i].on_end = note_end;
		heard[i].arg = &order;
		options.tenant = i < 4 ? SPAN("a") : SPAN("b");
		heard_start(&heard[i], place.lane, &options);
	}
	open_gate(&gate);
	for (int i = 0; i < 6; i++)
		heard_done(&heard[i]);
	assert_ptr_equal(order.ended[0], &heard[0]);
	assert_ptr_equal(order.ended[1], &heard[4]);
	assert_ptr_equal(order.ended[2], &heard[1]);
	assert_ptr_equal(order.ended[3], &heard[5]);
	assert_ptr_equal(order.ended[4], &heard[2]);
	assert_ptr_equal(order.ended[5], &heard[3]);
	job_drop(&held);
	place_close(&place);
}

static void lets_a_higher_priority_go_first(void **state)
{
	struct lane_options one = {.batch = 1};
	struct place place = place_open("llama", &place_exact, &one, 0);
	static struct heard heard[3];
	struct order order = {.n = 0};
	uint32_t prompt[4];
	struct gate gate;
	struct job *held = hold_thread(place.lane, &gate);

	(void)state;
	make_prompt(prompt, 4, 9, VOCAB);
	for (int i = 0; i < 3; i++) {
		struct job_options options =
		    heard_options(&heard[i], prompt, 4, 4);

		heard[i].on_end = note_end;
		heard[i].arg = &order;
		options.priority = i == 2 ? 1 : 0;
		heard_start(&heard[i], place.lane, &options);
	}
	open_gate(&gate);
	for (int i = 0; i < 3; i++)
		heard_done(&heard[i]);
	assert_ptr_equal(order.ended[0], &heard[2]);
	assert_ptr_equal(order.ended[1], &heard[0]);
	job_drop(&held);
	place_close(&place);
}

static void does_not_let_a_short_prompt_wait_for_a_long_one(void **state)
{
	struct lane_options usual = {.name = "tiny"};
	struct place place = place_open("llama", &place_exact, &usual, 0);
	static uint32_t prompts[2][200];
	static struct heard heard[2];
	struct order order = {.n = 0};
	struct gate gate;
	struct job *held = hold_thread(place.lane, &gate);

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct job_options options =
		    heard_options(&heard[i], prompts[i], i ? 20 : 200, 1);

		make_prompt(prompts[i], 200, i, VOCAB);
		heard[i].on_end = note_end;
		heard[i].arg = &order;
		heard_start(&heard[i], place.lane, &options);
	}
	open_gate(&gate);
	for (int i = 0; i < 2; i++)
		heard_done(&heard[i]);
	assert_ptr_equal(order.ended[0], &heard[1]);
	job_drop(&held);
	place_close(&place);
}

static void refuses_who_waited_too_long(void **state)
{
	struct lane_options hasty = {.wait_ns = 1};
	struct place place = place_open("llama", &place_exact, &hasty, 0);
	static struct heard heard;
	uint32_t prompt[4];
	struct job_options options = heard_options(&heard, prompt, 4, 4);
	struct lane_stats stats;

	(void)state;
	make_prompt(prompt, 4, 9, VOCAB);
	heard_start(&heard, place.lane, &options);
	heard_done(&heard);
	assert_int_equal(heard.ended.end, JOB_LATE);
	assert_int_equal(heard.n, 0);
	assert_true(heard.ended.use.waited_ns > 0);
	lane_stats(place.lane, &stats);
	assert_int_equal(stats.refused, 1);
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_more_than_may_wait),
	    cmocka_unit_test(takes_turns_between_tenants),
	    cmocka_unit_test(lets_a_higher_priority_go_first),
	    cmocka_unit_test(does_not_let_a_short_prompt_wait_for_a_long_one),
	    cmocka_unit_test(refuses_who_waited_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
