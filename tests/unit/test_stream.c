/* test_stream.c -- how a plain stream reads and writes, over loopback. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "tests/unit/stream_fixture.h"

static void shows_what_the_peer_sends(void **state)
{
	struct side *side = *state;

	peer_sends(side, "hello");
	turn_until(side, buf_len(&side->got) == 5);
	assert_got(side, "hello");
	assert_int_equal(stream_bytes_in(side->stream), 5);
	assert_int_equal(side->opened, 0);
}

static void shows_again_what_was_not_taken(void **state)
{
	struct side *side = *state;

	side->appetite = 2;
	peer_sends(side, "abcde");
	turn_until(side, buf_len(&side->got) == 2);
	peer_sends(side, "fg");
	turn_until(side, buf_len(&side->got) == 4);
	assert_int_equal(side->shown, 5);
	assert_got(side, "abcd");
	side->appetite = SIZE_MAX;
	stream_resume(side->stream);
	turn_until(side, buf_len(&side->got) == 7);
	assert_got(side, "abcdefg");
}

static void sends_what_a_turn_wrote_at_its_end(void **state)
{
	struct side *side = *state;

	stream_write(side->stream, SPAN("one "));
	stream_write(side->stream, SPAN("two"));
	assert_int_equal(stream_pending(side->stream), 7);
	loop_turn(side->loop, 0);
	assert_int_equal(stream_pending(side->stream), 0);
	assert_int_equal(stream_bytes_out(side->stream), 7);
	assert_int_equal(side->sent, 1);
	assert_peer_reads(side, "one two");
}

static void says_sent_for_an_empty_write(void **state)
{
	struct side *side = *state;

	stream_write(side->stream, SPAN(""));
	assert_int_equal(side->sent, 0);
	loop_turn(side->loop, 0);
	assert_int_equal(side->sent, 1);
}

static void does_not_read_while_paused(void **state)
{
	struct side *side = *state;

	stream_pause(side->stream);
	peer_sends(side, "later");
	for (int i = 0; i < 3; i++)
		loop_turn(side->loop, NS_PER_MS);
	assert_int_equal(side->shown, 0);
	stream_resume(side->stream);
	turn_until(side, buf_len(&side->got) == 5);
	assert_got(side, "later");
}

static void sees_a_reset_while_paused(void **state)
{
	struct side *side = *state;
	struct linger now = {.l_onoff = 1};

	stream_pause(side->stream);
	peer_sends(side, "unread");
	loop_turn(side->loop, NS_PER_S);
	setsockopt(side->peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	peer_closes(side);
	turn_until(side, side->ends > 0);
	assert_int_equal(side->end, STREAM_RESET);
	assert_int_equal(side->shown, 0);
}

static void still_writes_after_the_peers_fin(void **state)
{
	struct side *side = *state;

	peer_sends(side, "last words");
	shutdown(side->peer, SHUT_WR);
	turn_until(side, side->ends > 0);
	assert_int_equal(side->end, STREAM_EOF);
	assert_got(side, "last words");
	stream_write(side->stream, SPAN("answer"));
	loop_turn(side->loop, 0);
	assert_peer_reads(side, "answer");
	assert_int_equal(side->ends, 1);
}

static void do_nothing(void *arg)
{
	(void)arg;
}

static void does_not_spin_on_a_half_closed_peer(void **state)
{
	struct side *side = *state;
	struct deadline deadline;

	shutdown(side->peer, SHUT_WR);
	turn_until(side, side->ends > 0);
	deadline_init(&deadline, side->loop, do_nothing, NULL);
	deadline_after(&deadline, 10 * NS_PER_MS);
	for (int turns = 0; deadline.at_ns != 0; turns++) {
		assert_true(turns < 20);
		loop_turn(side->loop, LOOP_FOREVER);
	}
	deadline_free(&deadline);
}

static void learns_of_a_closed_peer_by_writing(void **state)
{
	struct side *side = *state;

	peer_closes(side);
	turn_until(side, side->ends > 0);
	assert_int_equal(side->end, STREAM_EOF);
	stream_write(side->stream, SPAN("is anybody there?"));
	turn_until(side, side->ends > 1);
	assert_int_equal(side->end, STREAM_RESET);
	stream_write(side->stream, SPAN("nobody"));
	assert_int_equal(stream_pending(side->stream), 0);
}

static void says_when_a_slow_reader_has_caught_up(void **state)
{
	struct side *side = *state;
	size_t left = write_until_full(side);
	char byte;

	assert_true(stream_stuck_since_ns(side->stream) > 0);
	assert_int_equal(side->drained, 0);
	while (left > 0) {
		loop_turn(side->loop, 0);
		left -= read_some(side);
	}
	assert_int_equal(side->drained, 1);
	assert_int_equal(stream_pending(side->stream), 0);
	assert_int_equal(stream_stuck_since_ns(side->stream), 0);
	assert_int_equal(recv(side->peer, &byte, 1, MSG_DONTWAIT), -1);
}

static void stops_reading_when_much_is_kept(void **state)
{
	struct side *side = *state;
	char block[65536];
	size_t sent = 0;
	ssize_t n;

	memset(block, 'x', sizeof(block));
	side->appetite = 0;
	do {
		n = send(side->peer, block, sizeof(block), MSG_DONTWAIT);
		sent += n > 0 ? (size_t)n : 0;
		loop_turn(side->loop, 0);
	} while (n > 0);
	turn_until(side, stream_bytes_in(side->stream) >= STREAM_HELD);
	for (int i = 0; i < 5; i++)
		loop_turn(side->loop, NS_PER_MS);
	assert_true(stream_bytes_in(side->stream) < STREAM_HELD + 65536);
	side->appetite = SIZE_MAX;
	stream_resume(side->stream);
	turn_until(side, stream_bytes_in(side->stream) == sent);
	assert_int_equal(buf_len(&side->got), sent);
}

static size_t close_at_once(struct stream *stream, struct span in, void *arg)
{
	struct side *side = arg;

	(void)stream;
	side->shown = in.len;
	stream_close(&side->stream);
	return 0;
}

static void may_be_closed_while_it_shows_data(void **state)
{
	struct stream_handler closing = side_handler;
	struct side *side = *state;

	closing.on_data = close_at_once;
	stream_set_handler(side->stream, &closing, side);
	peer_sends(side, "x");
	turn_until(side, side->shown == 1);
	assert_null(side->stream);
	assert_int_equal(side->ends, 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, side_set_up, side_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(shows_what_the_peer_sends),
	    TEST(shows_again_what_was_not_taken),
	    TEST(sends_what_a_turn_wrote_at_its_end),
	    TEST(says_sent_for_an_empty_write),
	    TEST(does_not_read_while_paused),
	    TEST(sees_a_reset_while_paused),
	    TEST(still_writes_after_the_peers_fin),
	    TEST(does_not_spin_on_a_half_closed_peer),
	    TEST(learns_of_a_closed_peer_by_writing),
	    TEST(says_when_a_slow_reader_has_caught_up),
	    TEST(stops_reading_when_much_is_kept),
	    TEST(may_be_closed_while_it_shows_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
