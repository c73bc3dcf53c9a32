/* test_call_post.c -- from the engine's thread to a loop, in order. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

#include "gateway/local/call_post.h"

enum {
	PIECES = 500
};

struct fixture {
	struct loop *loop;
	struct call_post *post;
	struct job_watch watch;
	struct buf said;
	uint32_t n_tokens, n_notes, n_kicks;
	uint32_t close_after; /* notes; 0: never */
	enum job_end end;
	struct job_use use;
	float logprob;
};

static void take(void *arg, const struct call_note *note)
{
	struct fixture *f = arg;

	if (note->job == UINT32_MAX) {
		f->n_kicks++;
		return;
	}
	assert_int_equal(note->job, 3);
	f->n_notes++;
	f->n_tokens += note->n;
	assert_true(buf_append(&f->said, note->text));
	if (note->n > 0) {
		assert_true(span_eq(note->bytes[0], SPAN("\xe2\x82")));
		assert_int_equal(note->tops[1].token, 8);
		f->logprob = note->choices[0].logprob;
	}
	if (note->has_ended) {
		f->end = note->end;
		f->use = note->use;
		assert_true(span_eq(note->error, SPAN("why")));
		loop_stop(f->loop);
	}
	if (f->close_after > 0 && f->n_notes == f->close_after) {
		call_post_close(&f->post);
		loop_stop(f->loop);
	}
}

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	struct error err;

	f->loop = loop_new(&err);
	assert_non_null(f->loop);
	buf_init(&f->said, 1 << 20);
	f->post = call_post_new(f->loop, take, f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	call_post_close(&f->post);
	loop_free(&f->loop);
	buf_free(&f->said);
	free(f);
	return 0;
}

/* What a scheduler's thread does with its watch. */
static void *write_text(void *arg)
{
	const struct job_watch *watch = arg;
	const struct sample_choice choice = {.token = 7, .logprob = -0.5f};
	const struct span bytes = SPAN("\xe2\x82");
	const struct sample_top tops[] = {{.token = 7}, {.token = 8}};
	const struct sample_summary summary = {.n = 1};
	struct job_use use = {.prompt_tokens = 5};

	for (uint32_t i = 0; i < PIECES; i++) {
		char digit = (char)('0' + i % 10);

		use.output_tokens = i + 1;
		watch->piece(watch->arg, &(struct job_piece){
					     .text = span_make(&digit, 1),
					     .choices = &choice,
					     .bytes = &bytes,
					     .tops = tops,
					     .n = 1,
					     .n_tops = 2,
					     .summary = &summary,
					     .use = &use,
					 });
	}
	watch->ended(watch->arg, &(struct job_ended){
				     .end = JOB_FAILED,
				     .use = use,
				     .error = "why",
				 });
	return NULL;
}

static pthread_t begin_thread(struct fixture *f)
{
	pthread_t thread;

	f->watch = call_post_watch(f->post, 3);
	assert_int_equal(
	    pthread_create(&thread, NULL, write_text, &f->watch), 0);
	return thread;
}

static void everything_arrives_in_order(void **state)
{
	struct fixture *f = *state;
	pthread_t thread = begin_thread(f);

	loop_run(f->loop);
	pthread_join(thread, NULL);
	assert_int_equal(f->n_notes, PIECES + 1);
	assert_int_equal(f->n_tokens, PIECES);
	assert_int_equal(buf_len(&f->said), PIECES);
	for (uint32_t i = 0; i < PIECES; i++)
		assert_int_equal(
		    buf_span(&f->said).ptr[i], (char)('0' + i % 10));
	assert_int_equal(f->end, JOB_FAILED);
	assert_int_equal(f->use.output_tokens, PIECES);
	assert_float_equal(f->logprob, -0.5f, 0);
}

static void nothing_comes_once_it_is_closed(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	f->close_after = 10;
	thread = begin_thread(f);
	loop_run(f->loop);
	pthread_join(thread, NULL);
	assert_int_equal(f->n_notes, 10);
	assert_null(f->post);
}

static void a_loop_may_be_gone_before_the_job_is(void **state)
{
	struct fixture *f = *state;
	pthread_t thread = begin_thread(f);

	call_post_close(&f->post);
	pthread_join(thread, NULL);
	assert_int_equal(f->n_notes, 0);
}

static void a_job_that_was_not_taken_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct job_watch watch = call_post_watch(f->post, 3);

	call_post_unwatch(&watch);
	assert_null(watch.arg);
}

static void stop(void *arg)
{
	loop_stop(arg);
}

static void a_kick_comes_in_a_later_turn(void **state)
{
	struct fixture *f = *state;

	call_post_kick(f->post, UINT32_MAX);
	assert_int_equal(f->n_kicks, 0);
	loop_post(f->loop, stop, f->loop);
	loop_run(f->loop);
	assert_int_equal(f->n_kicks, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(everything_arrives_in_order),
	    TEST(nothing_comes_once_it_is_closed),
	    TEST(a_loop_may_be_gone_before_the_job_is),
	    TEST(a_job_that_was_not_taken_leaves_nothing),
	    TEST(a_kick_comes_in_a_later_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
