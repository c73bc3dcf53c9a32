/* test_stream_end.c -- how a stream ends: what its peer gets, and sees. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>

#include "tests/unit/stream_fixture.h"

static void resets_when_closed_with_bytes_unsent(void **state)
{
	struct side *side = *state;
	char bytes[65536];
	ssize_t n;

	write_until_full(side);
	stream_close(&side->stream);
	assert_null(side->stream);
	do
		n = recv(side->peer, bytes, sizeof(bytes), 0);
	while (n > 0);
	assert_int_equal(n, -1);
	assert_int_equal(errno, ECONNRESET);
}

static void closes_an_idle_stream_in_order(void **state)
{
	struct side *side = *state;
	char byte;

	stream_close(&side->stream);
	assert_int_equal(recv(side->peer, &byte, 1, 0), 0);
}

static void aborts_with_a_reset(void **state)
{
	struct side *side = *state;
	char byte;

	stream_abort(&side->stream);
	assert_int_equal(recv(side->peer, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void finishes_after_all_is_sent(void **state)
{
	struct side *side = *state;
	size_t left = write_until_full(side);
	char byte;

	stream_finish(&side->stream, 0);
	while (left > 0) {
		loop_turn(side->loop, 0);
		left -= read_some(side);
	}
	loop_turn(side->loop, 0);
	assert_int_equal(recv(side->peer, &byte, 1, 0), 0);
}

static void lingers_so_that_a_talking_peer_reads_the_end(void **state)
{
	struct side *side = *state;
	char byte;

	stream_write(side->stream, SPAN("413"));
	stream_finish(&side->stream, 60 * NS_PER_S);
	loop_turn(side->loop, 0);
	peer_sends(side, "more of the body");
	loop_turn(side->loop, 0);
	peer_sends(side, "and more");
	loop_turn(side->loop, 0);
	assert_peer_reads(side, "413");
	assert_int_equal(recv(side->peer, &byte, 1, 0), 0);
	assert_int_equal(side->shown, 0);
}

static void lingers_no_longer_than_told(void **state)
{
	struct side *side = *state;
	ssize_t n = 0;

	stream_finish(&side->stream, NS_PER_MS);
	for (int i = 0; n >= 0 && i < 1000; i++) {
		loop_turn(side->loop, 5 * NS_PER_MS);
		n = send(side->peer, "x", 1, MSG_NOSIGNAL);
	}
	assert_int_equal(n, -1);
}

static void loop_free_closes_a_lingering_stream(void **state)
{
	struct side *side = *state;

	stream_finish(&side->stream, 60 * NS_PER_S);
	loop_turn(side->loop, 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, side_set_up, side_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(resets_when_closed_with_bytes_unsent),
	    TEST(closes_an_idle_stream_in_order),
	    TEST(aborts_with_a_reset),
	    TEST(finishes_after_all_is_sent),
	    TEST(lingers_so_that_a_talking_peer_reads_the_end),
	    TEST(lingers_no_longer_than_told),
	    TEST(loop_free_closes_a_lingering_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
