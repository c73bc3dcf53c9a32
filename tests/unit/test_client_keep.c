/* test_client_keep.c -- which streams a client keeps, and the race for them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/peer.h"

/* --- what ends a stream -------------------------------------------------- */

static void say_too_much(struct peer *peer)
{
	peer_serve(peer, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok!");
}

static void say_close(struct peer *peer)
{
	peer_serve(peer, "HTTP/1.1 200 OK\r\nconnection: close\r\n"
			 "content-length: 2\r\n\r\nok");
}

static void say_old(struct peer *peer)
{
	peer_serve(peer, "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok");
}

static void assert_not_kept(void **state, void (*script)(struct peer *))
{
	struct fixture *f = prepare(state, script);

	run(f);
	assert_answer(&f->probe, 200, "ok");
	assert_int_equal(client_idle(f->client), 0);
	peer_join(&f->peer);
}

static void closes_a_stream_with_bytes_behind_the_answer(void **state)
{
	assert_not_kept(state, say_too_much);
}

static void closes_a_stream_whose_answer_says_so(void **state)
{
	assert_not_kept(state, say_close);
}

static void closes_a_stream_of_http_1_0(void **state)
{
	assert_not_kept(state, say_old);
}

static void say_old_but_kept(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n"
		       "content-length: 2\r\n\r\nok");
	peer_meet(peer);
}

static void keeps_a_stream_of_http_1_0_that_asks_for_it(void **state)
{
	struct fixture *f = prepare(state, say_old_but_kept);

	run(f);
	assert_answer(&f->probe, 200, "ok");
	assert_int_equal(client_idle(f->client), 1);
	peer_meet(&f->peer);
	peer_join(&f->peer);
}

/* --- the race for a reused stream ---------------------------------------- */

static void close_on_second_request(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say_ok(peer);
	peer_read(peer);
	peer_close(peer);
	peer_accept(peer);
	peer_read(peer);
	peer_say_ok(peer);
	peer_meet(peer);
}

static void sends_again_on_a_fresh_stream_when_the_race_is_lost(void **state)
{
	struct fixture *f = prepare(state, close_on_second_request);

	run(f);
	assert_int_equal(client_idle(f->client), 1);
	run_again(f);
	assert_answer(&f->probe, 200, "ok");
	assert_false(f->probe.was_reused);
	peer_meet(&f->peer);
	peer_join(&f->peer);
	assert_int_equal(f->peer.n_accepted, 2);
}

static void reset_on_second_request(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say_ok(peer);
	peer_read(peer);
	peer_reset(peer);
	peer_accept(peer);
	peer_read(peer);
	peer_reset(peer);
}

static void sends_again_only_once(void **state)
{
	struct fixture *f = prepare(state, reset_on_second_request);

	run(f);
	run_again(f);
	assert_failed(&f->probe, CALL_CLOSED, "before the answer began");
	assert_int_equal(f->probe.n_sent, 1);
	assert_true(f->probe.was_sent);
	peer_join(&f->peer);
	assert_int_equal(f->peer.n_accepted, 2);
}

static void close_first_request(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_close(peer);
}

static void does_not_send_again_on_a_fresh_stream(void **state)
{
	struct fixture *f = prepare(state, close_first_request);

	run(f);
	assert_failed(&f->probe, CALL_CLOSED, "before the answer began");
	assert_true(f->probe.was_sent);
	peer_join(&f->peer);
	assert_int_equal(f->peer.n_accepted, 1);
}

static void begin_second_answer(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say_ok(peer);
	peer_read(peer);
	peer_say(peer, "H");
	peer_close(peer);
}

static void does_not_send_again_once_an_answer_began(void **state)
{
	struct fixture *f = prepare(state, begin_second_answer);

	run(f);
	run_again(f);
	assert_failed(&f->probe, CALL_CLOSED, "before the answer began");
	assert_true(f->probe.was_reused);
	peer_join(&f->peer);
	assert_int_equal(f->peer.n_accepted, 1);
}

#define TEST(fn)                                                               \
	cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(closes_a_stream_with_bytes_behind_the_answer),
	    TEST(closes_a_stream_whose_answer_says_so),
	    TEST(closes_a_stream_of_http_1_0),
	    TEST(keeps_a_stream_of_http_1_0_that_asks_for_it),
	    TEST(sends_again_on_a_fresh_stream_when_the_race_is_lost),
	    TEST(sends_again_only_once),
	    TEST(does_not_send_again_on_a_fresh_stream),
	    TEST(does_not_send_again_once_an_answer_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
