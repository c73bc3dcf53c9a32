/* test_signals.c -- signals as events, to the very end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/signals.h"
#include "net/loop_priv.h"

struct fixture {
	struct loop *loop;
	struct signals *signals;
	int seen[8]; /* in order */
	size_t n;
};

static void on_signal(int signal, void *arg)
{
	struct fixture *f = arg;

	f->seen[f->n++ % 8] = signal;
}

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	struct error err;

	signals_block();
	f->loop = loop_new(&err);
	assert_non_null(f->loop);
	f->signals = signals_open(f->loop, on_signal, f, &err);
	assert_non_null(f->signals);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	signals_close(&f->signals);
	signals_close(&f->signals);
	loop_free(&f->loop);
	free(f);
	return 0;
}

/* Sends <number> and waits until somebody has taken it. */
static void send_signal(int number)
{
	sigset_t pending;

	assert_int_equal(kill(getpid(), number), 0);
	do {
		sched_yield();
		sigpending(&pending);
	} while (sigismember(&pending, number));
}

static void await(struct fixture *f, size_t n)
{
	for (int i = 0; f->n < n && i < 10000; i++)
		loop_turn(f->loop, NS_PER_MS);
	assert_int_equal(f->n, n);
}

static void each_comes_to_the_loop_in_order(void **state)
{
	static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGHUP};
	struct fixture *f = *state;

	for (size_t i = 0; i < 4; i++)
		send_signal(numbers[i]);
	await(f, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(f->seen[i], numbers[i]);
}

static void nobody_else_can_make_it_deaf(void **state)
{
	struct fixture *f = *state;

	/* It wakes the waiting thread, which is what closing does too. */
	send_signal(SIGUSR2);
	send_signal(SIGTERM);
	await(f, 1);
	assert_int_equal(f->seen[0], SIGTERM);
}

static void one_that_was_not_delivered_comes_to_nobody(void **state)
{
	struct fixture *f = *state;

	send_signal(SIGTERM);
	send_signal(SIGINT);
	signals_close(&f->signals);
	assert_null(f->signals);
	/* What was posted runs now, after the end. */
	loop_free(&f->loop);
	assert_int_equal(f->n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(each_comes_to_the_loop_in_order),
	    TEST(nobody_else_can_make_it_deaf),
	    TEST(one_that_was_not_delivered_comes_to_nobody),
	};

	/* Nobody may take the signal that a broken test waits for. */
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
