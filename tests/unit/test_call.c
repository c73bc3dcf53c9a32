/* test_call.c -- a call's limits of time, cancelling, pausing, dialling. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/socket.h>

#include "tests/unit/peer.h"

#define BIG ((size_t)3 << 20)

/* --- limits of time --------------------------------------------------------
 */

static void say_nothing(struct peer *peer)
{
	peer_accept(peer);
	peer_await_close(peer);
}

static void fails_when_no_answer_begins(void **state)
{
	struct fixture *f = prepare_hurried(state, say_nothing,
	    (struct client_timeouts){.first_byte_ns = 20 * NS_PER_MS});

	run(f);
	assert_failed(&f->probe, CALL_FIRST_BYTE_TIMEOUT, "no answer within");
	assert_true(f->probe.was_sent);
	loop_turn(f->loop, 0);
	peer_join(&f->peer);
}

static void a_request_may_have_its_own_first_byte_limit(void **state)
{
	struct fixture *f = prepare(state, say_nothing);

	f->probe.request.first_byte_ns = 20 * NS_PER_MS;
	run(f);
	assert_failed(&f->probe, CALL_FIRST_BYTE_TIMEOUT, "0.02 s");
	peer_join(&f->peer);
}

static void take_nothing(struct peer *peer)
{
	peer_accept(peer);
	peer_meet(peer);
}

static void fails_when_the_request_is_not_taken(void **state)
{
	struct fixture *f = prepare_hurried(state, take_nothing,
	    (struct client_timeouts){.first_byte_ns = 50 * NS_PER_MS});
	char *bytes = mem_zalloc(8 * BIG);
	struct span body = span_make(bytes, 8 * BIG);

	f->probe.request.body = &body;
	f->probe.request.n_body = 1;
	run(f);
	assert_failed(&f->probe, CALL_FIRST_BYTE_TIMEOUT, "took nothing");
	peer_meet(&f->peer);
	peer_join(&f->peer);
	free(bytes);
}

static void fall_silent(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart");
	peer_await_close(peer);
}

static void fails_when_the_answer_falls_silent(void **state)
{
	struct fixture *f = prepare_hurried(state, fall_silent,
	    (struct client_timeouts){.silence_ns = 20 * NS_PER_MS});

	run(f);
	assert_failed(&f->probe, CALL_SILENCE_TIMEOUT, "silent for 0.02 s");
	assert_int_equal(buf_len(&f->probe.body), 4);
	peer_join(&f->peer);
}

static void fails_when_the_whole_takes_too_long(void **state)
{
	struct fixture *f = prepare_hurried(state, fall_silent,
	    (struct client_timeouts){
		.silence_ns = 20 * NS_PER_S, .total_ns = 50 * NS_PER_MS});

	run(f);
	assert_failed(&f->probe, CALL_TOTAL_TIMEOUT, "not done in 0.05 s");
	peer_join(&f->peer);
}

/* --- cancelling and pausing ------------------------------------------------
 */

static void cancel(struct probe *probe)
{
	call_cancel(&probe->call);
}

static void assert_quiet(struct fixture *f)
{
	for (int i = 0; i < 3; i++)
		loop_turn(f->loop, 0);
	assert_int_equal(f->probe.n_done + f->probe.n_failed, 0);
	assert_null(f->probe.call);
	assert_int_equal(client_idle(f->client), 0);
}

static void cancels_before_anything_happened(void **state)
{
	struct fixture *f = prepare(state, say_nothing);

	probe_start(&f->probe);
	assert_false(call_was_sent(f->probe.call));
	cancel(&f->probe);
	assert_quiet(f);
	assert_int_equal(f->probe.n_sent, 0);
	probe_start(&f->probe);
	loop_turn(f->loop, 0);
	cancel(&f->probe);
	assert_quiet(f);
	peer_join(&f->peer);
}

static void read_and_await_close(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_meet(peer);
	peer_await_close(peer);
}

static void the_server_sees_a_cancelled_call_at_once(void **state)
{
	struct fixture *f = prepare(state, read_and_await_close);

	probe_start(&f->probe);
	while (f->probe.n_sent == 0)
		loop_turn(f->loop, LOOP_FOREVER);
	peer_meet(&f->peer);
	assert_true(call_was_sent(f->probe.call));
	cancel(&f->probe);
	/* No turn: the close does not wait for one. */
	peer_join(&f->peer);
	assert_quiet(f);
}

static void close_in_the_middle(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut");
	peer_await_close(peer);
}

static void cancels_out_of_its_own_events(void **state)
{
	struct fixture *f = prepare(state, close_in_the_middle);

	f->probe.at_data = cancel;
	probe_start(&f->probe);
	while (f->probe.call)
		loop_turn(f->loop, LOOP_FOREVER);
	assert_int_equal(f->probe.n_head, 1);
	assert_quiet(f);
	peer_join(&f->peer);
	peer_start(&f->peer, close_in_the_middle);
	origin_unref(&f->origin);
	f->origin = origin_new(&(struct origin_options){
	    .host = "127.0.0.1", .port = f->peer.port});
	f->probe.request.origin = f->origin;
	f->probe.at_head = cancel;
	probe_start(&f->probe);
	while (f->probe.call)
		loop_turn(f->loop, LOOP_FOREVER);
	assert_int_equal(f->probe.n_head, 2);
	assert_int_equal(buf_len(&f->probe.body), 3);
	assert_quiet(f);
	peer_join(&f->peer);
}

static void cancels_when_it_was_just_sent(void **state)
{
	struct fixture *f = prepare(state, say_nothing);

	f->probe.at_sent = cancel;
	probe_start(&f->probe);
	while (f->probe.call)
		loop_turn(f->loop, LOOP_FOREVER);
	assert_int_equal(f->probe.n_sent, 1);
	assert_quiet(f);
	peer_join(&f->peer);
}

/* Fills the way to the client until no more fits, then says the rest. */
static void flood(struct peer *peer)
{
	static char bytes[65536];
	size_t sent = 0;

	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, "HTTP/1.1 200 OK\r\ncontent-length: 33554432\r\n\r\n");
	for (;;) {
		ssize_t n = send(peer->fd, bytes, sizeof(bytes),
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			break;
		sent += (size_t)n;
		peer_check(sent < 33554432);
	}
	peer_meet(peer);
	while (sent < 33554432) {
		size_t left = 33554432 - sent;
		ssize_t n = send(peer->fd, bytes,
		    left < sizeof(bytes) ? left : sizeof(bytes), MSG_NOSIGNAL);

		peer_check(n > 0);
		sent += (size_t)n;
	}
	peer_meet(peer);
}

static void pause_it(struct probe *probe)
{
	call_pause(probe->call);
}

static void pausing_holds_the_server_back(void **state)
{
	struct fixture *f = prepare(state, flood);

	f->probe.at_head = pause_it;
	probe_start(&f->probe);
	while (f->probe.n_head == 0)
		loop_turn(f->loop, LOOP_FOREVER);
	peer_meet(&f->peer);
	loop_turn(f->loop, 0);
	assert_int_equal(buf_len(&f->probe.body), 0);
	call_resume(f->probe.call);
	probe_run(&f->probe);
	assert_int_equal(f->probe.n_done, 1);
	assert_int_equal(buf_len(&f->probe.body), 33554432);
	assert_int_equal(client_idle(f->client), 1);
	peer_meet(&f->peer);
	peer_join(&f->peer);
}

static void stop_waiting(void *arg)
{
	call_resume(((struct probe *)arg)->call);
}

static void say_in_two_parts(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
	peer_say(peer, "ok");
	peer_meet(peer);
}

static void a_paused_call_is_not_silent(void **state)
{
	struct fixture *f = prepare_hurried(state, say_in_two_parts,
	    (struct client_timeouts){.silence_ns = 20 * NS_PER_MS});
	struct deadline deadline;

	deadline_init(&deadline, f->loop, stop_waiting, &f->probe);
	deadline_after(&deadline, 60 * NS_PER_MS);
	f->probe.at_head = pause_it;
	run(f);
	assert_answer(&f->probe, 200, "ok");
	deadline_free(&deadline);
	peer_meet(&f->peer);
	peer_join(&f->peer);
}

#define TEST(fn)                                                               \
	cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(fails_when_no_answer_begins),
	    TEST(a_request_may_have_its_own_first_byte_limit),
	    TEST(fails_when_the_request_is_not_taken),
	    TEST(fails_when_the_answer_falls_silent),
	    TEST(fails_when_the_whole_takes_too_long),
	    TEST(cancels_before_anything_happened),
	    TEST(the_server_sees_a_cancelled_call_at_once),
	    TEST(cancels_out_of_its_own_events),
	    TEST(cancels_when_it_was_just_sent),
	    TEST(pausing_holds_the_server_back),
	    TEST(a_paused_call_is_not_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
