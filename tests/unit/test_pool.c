/* test_pool.c -- which idle streams are kept, for whom and how long. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/call.h"
#include "tests/unit/peer.h"

#define N_STREAMS 3

static void say_number(struct peer *peer, int number)
{
	char answer[64];

	snprintf(answer, sizeof(answer),
	    "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d", number);
	peer_say(peer, answer);
}

/* Answers on each stream with its number, then wherever the next one comes. */
static void number_streams(struct peer *peer)
{
	struct pollfd fds[N_STREAMS];

	for (int i = 0; i < N_STREAMS; i++) {
		peer_accept(peer);
		peer_read(peer);
		fds[i] = (struct pollfd){.fd = peer->fd, .events = POLLIN};
		peer->fd = -1;
	}
	for (int i = 0; i < N_STREAMS; i++) {
		peer->fd = fds[i].fd;
		say_number(peer, i);
		peer_meet(peer);
	}
	peer_check(poll(fds, N_STREAMS, 20000) == 1);
	for (int i = 0; i < N_STREAMS; i++) {
		peer->fd = fds[i].fd;
		if (fds[i].revents) {
			peer_read(peer);
			say_number(peer, i);
		}
	}
	peer_meet(peer);
	for (int i = 0; i < N_STREAMS - 1; i++)
		close(fds[i].fd);
}

static void takes_the_stream_that_was_put_last(void **state)
{
	struct fixture *f = prepare(state, number_streams);
	struct probe probes[N_STREAMS];

	for (size_t i = 0; i < N_STREAMS; i++) {
		probe_init(&probes[i], f->loop, f->client, f->origin);
		probe_start(&probes[i]);
	}
	for (size_t i = 0; i < N_STREAMS; i++) {
		size_t n_idle = client_idle(f->client);

		while (client_idle(f->client) == n_idle)
			loop_turn(f->loop, LOOP_FOREVER);
		peer_meet(&f->peer);
	}
	assert_int_equal(client_idle(f->client), N_STREAMS);
	run(f);
	assert_answer(&f->probe, 200, "2");
	assert_int_equal(client_idle(f->client), N_STREAMS);
	peer_meet(&f->peer);
	peer_join(&f->peer);
	for (size_t i = 0; i < N_STREAMS; i++)
		probe_free(&probes[i]);
}

/* Two requests at once on two streams; the first must be closed by us. */
static void see_first_closed(struct peer *peer)
{
	int first, second;

	peer_accept(peer);
	peer_read(peer);
	first = peer->fd;
	peer->fd = -1;
	peer_accept(peer);
	peer_read(peer);
	second = peer->fd;
	peer->fd = first;
	say_number(peer, 1);
	peer_meet(peer);
	peer->fd = second;
	say_number(peer, 2);
	peer->fd = first;
	peer_await_close(peer);
	peer_meet(peer);
	close(second);
}

static void closes_the_oldest_past_the_limit(void **state)
{
	struct fixture *f = prepare(state, see_first_closed);
	struct origin_options options = plain_options(f->peer.port);
	struct probe other;

	options.pool_idle = 1;
	origin_unref(&f->origin);
	f->origin = origin_new(&options);
	f->probe.request.origin = f->origin;
	probe_init(&other, f->loop, f->client, f->origin);
	probe_start(&other);
	probe_start(&f->probe);
	while (client_idle(f->client) == 0)
		loop_turn(f->loop, LOOP_FOREVER);
	peer_meet(&f->peer);
	probe_run(&f->probe);
	probe_run(&other);
	assert_int_equal(f->probe.n_done + other.n_done, 2);
	assert_int_equal(client_idle(f->client), 1);
	peer_meet(&f->peer);
	peer_join(&f->peer);
	probe_free(&other);
}

static void say_one_and_await_close(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	say_number(peer, 1);
	peer_await_close(peer);
}

static struct fixture *prepare_keeping(
    void **state, size_t pool_idle, int64_t pool_keep_ns)
{
	struct fixture *f = prepare(state, say_one_and_await_close);
	struct origin_options options = plain_options(f->peer.port);

	options.pool_idle = pool_idle;
	options.pool_keep_ns = pool_keep_ns;
	origin_unref(&f->origin);
	f->origin = origin_new(&options);
	f->probe.request.origin = f->origin;
	return f;
}

static void keeps_nothing_when_told_so(void **state)
{
	struct fixture *f = prepare_keeping(state, 0, NS_PER_S);

	run(f);
	assert_answer(&f->probe, 200, "1");
	assert_int_equal(client_idle(f->client), 0);
	peer_join(&f->peer);
}

static void closes_what_was_kept_long_enough(void **state)
{
	struct fixture *f = prepare_keeping(state, 4, 10 * NS_PER_MS);

	run(f);
	assert_int_equal(client_idle(f->client), 1);
	while (client_idle(f->client) > 0)
		loop_turn(f->loop, LOOP_FOREVER);
	peer_join(&f->peer);
	assert_int_equal(f->client->pools.n_pools, 1);
}

static void forgets_a_pool_that_stays_empty(void **state)
{
	struct fixture *f = prepare_keeping(state, 4, 10 * NS_PER_MS);

	f->client->pools.forget_ns = 15 * NS_PER_MS;
	run(f);
	assert_int_equal(f->client->pools.n_pools, 1);
	while (f->client->pools.n_pools > 0)
		loop_turn(f->loop, LOOP_FOREVER);
	assert_int_equal(client_idle(f->client), 0);
	peer_join(&f->peer);
}

static void say_one_and_close(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	say_number(peer, 1);
	peer_meet(peer);
	peer_close(peer);
}

static void drops_a_stream_as_soon_as_the_server_closes_it(void **state)
{
	struct fixture *f = prepare(state, say_one_and_close);

	run(f);
	assert_int_equal(client_idle(f->client), 1);
	peer_meet(&f->peer);
	while (client_idle(f->client) > 0)
		loop_turn(f->loop, LOOP_FOREVER);
	peer_join(&f->peer);
}

static void say_one_close_and_say_two(struct peer *peer)
{
	say_one_and_close(peer);
	peer_meet(peer);
	peer_accept(peer);
	peer_read(peer);
	say_number(peer, 2);
	peer_meet(peer);
}

static void does_not_take_a_stream_whose_close_was_not_yet_seen(void **state)
{
	struct fixture *f = prepare(state, say_one_close_and_say_two);

	run(f);
	peer_meet(&f->peer);
	peer_meet(&f->peer);
	assert_int_equal(client_idle(f->client), 1);
	run_again(f);
	assert_answer(&f->probe, 200, "2");
	assert_false(f->probe.was_reused);
	peer_meet(&f->peer);
	peer_join(&f->peer);
}

static void say_one_and_more(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	say_number(peer, 1);
	peer_meet(peer);
	peer_say(peer, "HTTP/1.1 408 Request Timeout\r\n\r\n");
	peer_await_close(peer);
}

static void drops_a_stream_that_says_what_nobody_asked_for(void **state)
{
	struct fixture *f = prepare(state, say_one_and_more);

	run(f);
	peer_meet(&f->peer);
	while (client_idle(f->client) > 0)
		loop_turn(f->loop, LOOP_FOREVER);
	peer_join(&f->peer);
}

static void say_one_and_two(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	say_number(peer, 1);
	peer_read(peer);
	say_number(peer, 2);
	peer_accept(peer);
	peer_read(peer);
	say_number(peer, 3);
	peer_meet(peer);
}

static void equal_origins_share_a_pool_and_others_do_not(void **state)
{
	struct fixture *f = prepare(state, say_one_and_two);
	struct origin_options options = plain_options(f->peer.port);

	run(f);
	assert_answer(&f->probe, 200, "1");
	origin_unref(&f->origin);
	options.pool_keep_ns = 7 * NS_PER_S;
	f->origin = origin_new(&options);
	run_again(f);
	assert_answer(&f->probe, 200, "2");
	assert_true(f->probe.was_reused);
	origin_unref(&f->origin);
	options.ca_file = "other.pem";
	f->origin = origin_new(&options);
	run_again(f);
	assert_answer(&f->probe, 200, "3");
	assert_false(f->probe.was_reused);
	peer_meet(&f->peer);
	peer_join(&f->peer);
}

#define TEST(fn)                                                               \
	cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(takes_the_stream_that_was_put_last),
	    TEST(closes_the_oldest_past_the_limit),
	    TEST(keeps_nothing_when_told_so),
	    TEST(closes_what_was_kept_long_enough),
	    TEST(forgets_a_pool_that_stays_empty),
	    TEST(drops_a_stream_as_soon_as_the_server_closes_it),
	    TEST(does_not_take_a_stream_whose_close_was_not_yet_seen),
	    TEST(drops_a_stream_that_says_what_nobody_asked_for),
	    TEST(equal_origins_share_a_pool_and_others_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
