/* test_dial.c -- names with several addresses, refusals and black holes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/call.h"
#include "tests/unit/peer.h"

/*
 * A port that takes no more connections and refuses none: its queue of one is
 * full, and the kernel drops what else comes.
 */
#define N_FILLERS 3

struct hole {
	int listener;
	int fillers[N_FILLERS];
	uint16_t port;
};

static void open_hole(struct hole *hole, const char *host, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int on = 1;

	hole->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(hole->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	address.sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, host, &address.sin_addr), 1);
	assert_int_equal(
	    bind(hole->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(hole->listener, 0), 0);
	assert_int_equal(
	    getsockname(hole->listener, (struct sockaddr *)&address, &len), 0);
	hole->port = ntohs(address.sin_port);
	for (size_t i = 0; i < N_FILLERS; i++) {
		hole->fillers[i] = socket(
		    AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(
		    hole->fillers[i], (struct sockaddr *)&address, len);
	}
}

static void close_hole(struct hole *hole)
{
	for (size_t i = 0; i < N_FILLERS; i++)
		close(hole->fillers[i]);
	close(hole->listener);
}

/* The fixture's client with its own hosts file and a mute name server. */
struct names {
	struct resolver_options options;
	char hosts[32];
	char server[32];
	int fd;
};

static void use_names(struct fixture *f, struct names *names, const char *hosts)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int fd;

	memset(names, 0, sizeof(*names));
	snprintf(names->hosts, sizeof(names->hosts), "/tmp/sluice-dial-XXXXXX");
	fd = mkstemp(names->hosts);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, hosts, strlen(hosts)), strlen(hosts));
	close(fd);
	names->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(names->fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(
	    getsockname(names->fd, (struct sockaddr *)&address, &len), 0);
	snprintf(names->server, sizeof(names->server), "127.0.0.1:%d",
	    ntohs(address.sin_port));
	names->options.hosts_file = names->hosts;
	names->options.name_server = names->server;
	client_set_resolver(f->client, &names->options);
}

static void drop_names(struct names *names)
{
	unlink(names->hosts);
	close(names->fd);
}

static void aim(struct fixture *f, const char *host, uint16_t port)
{
	struct origin_options options = plain_options(port);

	options.host = host;
	options.timeouts.connect_ns = 20 * NS_PER_S;
	origin_unref(&f->origin);
	f->origin = origin_new(&options);
	probe_init(&f->probe, f->loop, f->client, f->origin);
}

static void aim_hurried(struct fixture *f, const char *host, uint16_t port)
{
	struct origin_options options = plain_options(port);

	options.host = host;
	options.timeouts.connect_ns = 50 * NS_PER_MS;
	origin_unref(&f->origin);
	f->origin = origin_new(&options);
	probe_init(&f->probe, f->loop, f->client, f->origin);
}

/* A port at which nobody listens, for the moment. */
static uint16_t free_port(void)
{
	struct hole hole;

	open_hole(&hole, "127.0.0.1", 0);
	close_hole(&hole);
	return hole.port;
}

static void says_who_refused(void **state)
{
	struct fixture *f = *state;
	char expected[64];
	uint16_t port = free_port();

	aim(f, "127.0.0.1", port);
	run(f);
	snprintf(expected, sizeof(expected),
	    "connect to 127.0.0.1:%d: connection refused", port);
	assert_failed(&f->probe, CALL_NO_CONNECTION, expected);
	assert_false(f->probe.was_sent);
	assert_int_equal(f->probe.n_sent, 0);
}

static void say_ok(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say_ok(peer);
	peer_meet(peer);
}

static void tries_the_next_address_when_one_refuses(void **state)
{
	struct fixture *f = prepare(state, say_ok);
	struct names names;

	use_names(f, &names,
	    "127.0.0.2 two.test\n127.0.0.3 two.test\n"
	    "127.0.0.1 two.test\n");
	aim(f, "Two.Test", f->peer.port);
	run(f);
	assert_answer(&f->probe, 200, "ok");
	peer_meet(&f->peer);
	peer_join(&f->peer);
	drop_names(&names);
}

static void says_how_many_addresses_failed(void **state)
{
	struct fixture *f = *state;
	struct names names;

	use_names(f, &names, "127.0.0.2 two.test\n127.0.0.3 two.test\n");
	aim(f, "two.test", free_port());
	run(f);
	assert_failed(&f->probe, CALL_NO_CONNECTION, "connect to two.test:");
	assert_failed(&f->probe, CALL_NO_CONNECTION, "the last of 2 addresses");
	drop_names(&names);
}

static void does_not_wait_for_an_address_that_hangs(void **state)
{
	struct fixture *f = prepare(state, say_ok);
	struct names names;
	struct hole hole;

	open_hole(&hole, "127.0.0.2", f->peer.port);
	use_names(f, &names, "127.0.0.2 two.test\n127.0.0.1 two.test\n");
	aim(f, "two.test", f->peer.port);
	run(f);
	assert_answer(&f->probe, 200, "ok");
	peer_meet(&f->peer);
	peer_join(&f->peer);
	drop_names(&names);
	close_hole(&hole);
}

static void connecting_has_its_own_limit(void **state)
{
	struct fixture *f = *state;
	struct hole hole;

	open_hole(&hole, "127.0.0.1", 0);
	aim_hurried(f, "127.0.0.1", hole.port);
	run(f);
	assert_failed(&f->probe, CALL_NO_CONNECTION, "nothing in 0.05 s");
	assert_false(f->probe.was_sent);
	close_hole(&hole);
}

static void looking_up_counts_as_connecting(void **state)
{
	struct fixture *f = *state;
	struct names names;

	use_names(f, &names, "");
	aim_hurried(f, "mute.test", 80);
	run(f);
	assert_failed(
	    &f->probe, CALL_NO_NAME, "look up mute.test: nothing in 0.05 s");
	drop_names(&names);
}

static void says_which_name_was_not_found(void **state)
{
	struct fixture *f = *state;
	struct names names;

	use_names(f, &names, "");
	names.options.question_ns = 20 * NS_PER_MS;
	names.options.keep_bad_ns = 60 * NS_PER_S;
	client_set_resolver(f->client, &names.options);
	aim(f, "mute.test", 80);
	run(f);
	assert_failed(&f->probe, CALL_NO_NAME,
	    "look up mute.test:80: no answer from the name servers");
	/* The second failure is known, and still not told before the start
	 * returned. */
	probe_init(&f->probe, f->loop, f->client, f->origin);
	run(f);
	assert_failed(&f->probe, CALL_NO_NAME, "look up mute.test");
	drop_names(&names);
}

static void cancels_while_looking_up_and_while_connecting(void **state)
{
	struct fixture *f = *state;
	struct names names;
	struct hole hole;

	open_hole(&hole, "127.0.0.1", 0);
	use_names(f, &names, "127.0.0.1 hole.test\n127.0.0.1 hole.test\n");
	aim(f, "mute.test", hole.port);
	probe_start(&f->probe);
	loop_turn(f->loop, 0);
	call_cancel(&f->probe.call);
	aim(f, "hole.test", hole.port);
	probe_start(&f->probe);
	loop_turn(f->loop, 0);
	loop_turn(f->loop, 0);
	call_cancel(&f->probe.call);
	loop_turn(f->loop, 0);
	assert_int_equal(f->probe.n_done + f->probe.n_failed, 0);
	assert_int_equal(f->client->n_calls, 0);
	drop_names(&names);
	close_hole(&hole);
}

#define TEST(fn)                                                               \
	cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(says_who_refused),
	    TEST(tries_the_next_address_when_one_refuses),
	    TEST(says_how_many_addresses_failed),
	    TEST(does_not_wait_for_an_address_that_hangs),
	    TEST(connecting_has_its_own_limit),
	    TEST(looking_up_counts_as_connecting),
	    TEST(says_which_name_was_not_found),
	    TEST(cancels_while_looking_up_and_while_connecting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
