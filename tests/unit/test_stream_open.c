/* test_stream_open.c -- streams that are being connected, and that fail to. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/stream_fixture.h"

static void connects_and_sends_what_was_written_before(void **state)
{
	struct side *side = *state;
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);
	struct stream_target target = {
	    .address = (struct sockaddr *)&address,
	    .address_len = sizeof(address),
	};

	side->stream = stream_connect(side->loop, &target, &side_handler, side);
	stream_write(side->stream, SPAN("early"));
	assert_int_equal(side->opened, 0);
	turn_until(side, side->opened == 1);
	side->peer = accept(listener, NULL, NULL);
	close(listener);
	turn_until(side, side->sent == 1);
	assert_peer_reads(side, "early");
}

static void says_refused_where_nobody_listens(void **state)
{
	struct side *side = *state;
	struct sockaddr_in address;
	struct stream_target target = {
	    .address = (struct sockaddr *)&address,
	    .address_len = sizeof(address),
	};

	close(listen_on_loopback(&address));
	side->stream = stream_connect(side->loop, &target, &side_handler, side);
	assert_int_equal(side->ends, 0);
	turn_until(side, side->ends == 1);
	assert_int_equal(side->end, STREAM_REFUSED);
	assert_string_equal(
	    stream_detail(side->stream), strerror(ECONNREFUSED));
}

static void says_refused_where_no_address_fits(void **state)
{
	struct side *side = *state;
	struct sockaddr_storage address = {.ss_family = AF_MAX};
	struct stream_target target = {
	    .address = (struct sockaddr *)&address,
	    .address_len = sizeof(address),
	};

	side->stream = stream_connect(side->loop, &target, &side_handler, side);
	assert_int_equal(side->ends, 0);
	loop_turn(side->loop, LOOP_FOREVER);
	assert_int_equal(side->end, STREAM_REFUSED);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(                                       \
	    name, side_set_up_unconnected, side_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(connects_and_sends_what_was_written_before),
	    TEST(says_refused_where_nobody_listens),
	    TEST(says_refused_where_no_address_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
