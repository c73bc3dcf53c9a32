/* test_stream_peer.c -- who a stream's peer is, and whether it is there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>

#include "tests/unit/stream_fixture.h"

static void knows_whether_an_idle_stream_is_alive(void **state)
{
	struct side *side = *state;

	loop_turn(side->loop, 0);
	assert_true(stream_is_alive(side->stream));
	peer_sends(side, "surprise");
	await_input(side->stream);
	assert_false(stream_is_alive(side->stream));
	turn_until(side, buf_len(&side->got) > 0);
	assert_true(stream_is_alive(side->stream));
	peer_closes(side);
	await_input(side->stream);
	assert_false(stream_is_alive(side->stream));
}

static void names_its_peer(void **state)
{
	struct side *side = *state;
	struct sockaddr_in address = {.sin_port = 0};
	socklen_t len = sizeof(address);
	char expected[64];

	assert_int_equal(
	    getsockname(side->peer, (struct sockaddr *)&address, &len), 0);
	snprintf(expected, sizeof(expected), "127.0.0.1:%d",
	    ntohs(address.sin_port));
	assert_string_equal(stream_peer(side->stream), expected);
}

/* The same where the peer is no address. */
static void be_unix(struct side *side)
{
	int fds[2];

	peer_closes(side);
	stream_close(&side->stream);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	side->peer = fds[1];
	side->stream =
	    stream_accept(side->loop, fds[0], NULL, &side_handler, side);
}

static void says_unix_for_a_peer_without_an_address(void **state)
{
	struct side *side = *state;

	be_unix(side);
	assert_string_equal(stream_peer(side->stream), "unix");
}

static void pokes_beside_what_its_peer_reads(void **state)
{
	struct side *side = *state;

	assert_true(stream_poke(side->stream));
	stream_write(side->stream, SPAN("answer"));
	assert_false(stream_poke(side->stream));
	loop_turn(side->loop, 0);
	assert_peer_reads(side, "answer");
	assert_int_equal(side->ends, 0);
}

static void learns_of_a_closed_peer_by_poking(void **state)
{
	struct side *side = *state;

	peer_closes(side);
	turn_until(side, side->ends > 0);
	assert_int_equal(side->end, STREAM_EOF);
	assert_true(stream_poke(side->stream));
	turn_until(side, side->ends > 1);
	assert_int_equal(side->end, STREAM_RESET);
}

static void pokes_nobody_away_from_loopback(void **state)
{
	struct side *side = *state;

	be_unix(side);
	assert_false(stream_poke(side->stream));
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, side_set_up, side_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(knows_whether_an_idle_stream_is_alive),
	    TEST(names_its_peer),
	    TEST(says_unix_for_a_peer_without_an_address),
	    TEST(pokes_beside_what_its_peer_reads),
	    TEST(learns_of_a_closed_peer_by_poking),
	    TEST(pokes_nobody_away_from_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
