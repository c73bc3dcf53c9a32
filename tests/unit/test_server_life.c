/* test_server_life.c -- a server's patience, its clients' ends and its own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "net/server_priv.h"
#include "net/stream.h"
#include "net/tls.h"
#include "tests/unit/certificates.h"
#include "tests/unit/server_fixture.h"

/* --- time ---------------------------------------------------------------- */

static void refuses_a_slow_head(void **state)
{
	struct fixture *f = *state;
	struct server_limits limits = patient;

	limits.header_time_ns = 20 * NS_PER_MS;
	reopen(f, &limits);
	server_refuses(f, "GET / HTTP/1.1\r\nHo", 408);
	call_and_say(f, "");
	hear_end(f, 0);
	assert_int_equal(f->got.end, f->got.start);
	call_and_say(f, GET("/x") "GET");
	hear_end(f, 0);
	assert_int_equal(count(&f->got, "HTTP/1.1 200"), 1);
	assert_int_equal(count(&f->got, "HTTP/1.1 408"), 1);
}

static void refuses_a_slow_body(void **state)
{
	struct fixture *f = *state;
	struct server_limits limits = patient;

	limits.idle_ns = 20 * NS_PER_MS;
	reopen(f, &limits);
	call_and_say(f, POST("/", "Content-Length: 10\r\n") "abc");
	hear_end(f, 0);
	assert_body(f, "{\"status\":408}");
	await_events(f, "head(/) done ");
}

static void closes_an_idle_connection_without_a_word(void **state)
{
	struct fixture *f = *state;
	struct server_limits limits = patient;

	limits.idle_ns = 20 * NS_PER_MS;
	reopen(f, &limits);
	call_and_say(f, GET("/x"));
	hear_end(f, 0);
	assert_body(f, "/x");
	assert_int_equal(server_connections(f->server), 0);
}

static void waits_for_its_handler_as_long_as_that_takes(void **state)
{
	struct fixture *f = *state;
	struct server_limits limits = patient;

	limits.idle_ns = 5 * NS_PER_MS;
	limits.header_time_ns = 5 * NS_PER_MS;
	reopen(f, &limits);
	call_and_say(f, GET("/later"));
	await_waiting(f);
	deadline_after(&f->timer, 30 * NS_PER_MS);
	turn_until(f, f->is_late);
	exchange_answer(f->waiting, 200, NULL, 0, SPAN("at last"));
	hear(f, "at last");
}

static void keeps_the_limits_of_connections_that_are_there(void **state)
{
	struct fixture *f = *state;
	struct server_limits limits = patient;

	call_and_say(f, GET("/x"));
	hear(f, "/x");
	limits.body = 2;
	server_set_limits(f->server, &limits);
	say(f, POST("/y", "Content-Length: 3\r\n") "abc");
	hear(f, "abc");
	server_refuses(f, POST("/y", "Content-Length: 3\r\n") "abc", 413);
}

/* --- clients that leave -------------------------------------------------- */

static void sees_a_reset_while_it_waits_for_the_answer(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	reset(f);
	await_events(f, "head(/later) request() gone ");
	assert_int_equal(server_connections(f->server), 0);
}

static void sees_a_reset_behind_pipelined_bytes(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	say(f, GET("/b"));
	turn(f);
	reset(f);
	await_events(f, "head(/later) request() gone ");
}

static void sees_a_reset_that_came_with_the_request(void **state)
{
	struct fixture *f = *state;

	call(f);
	turn_until(f, server_connections(f->server) == 1);
	say(f, GET("/later"));
	reset(f);
	turn_until(f, server_connections(f->server) == 0);
	assert_null(f->waiting);
	assert_int_equal(server_exchanges(f->server), 0);
}

static void sees_a_reset_that_came_with_part_of_the_body(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, POST("/y", "Content-Length: 9\r\n") "abc");
	await_events(f, "head(/y) ");
	say(f, "def");
	reset(f);
	await_events(f, "gone ");
	assert_int_equal(server_connections(f->server), 0);
}

static void finds_a_closed_client_gone_before_the_answer(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	hang_up(f);
	await_events(f, "head(/later) request() gone ");
}

static void finds_a_closed_client_gone_between_events(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	exchange_begin(f->waiting, 200, server_event_stream, 1, -1);
	exchange_write(f->waiting, SPAN("data: 1\n\n"));
	hear(f, "data: 1");
	hang_up(f);
	await_events(f, "head(/later) request() gone ");
}

static void does_not_take_a_half_closed_client_for_gone(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	shutdown(f->client, SHUT_WR);
	deadline_after(&f->timer, 60 * NS_PER_MS);
	turn_until(f, f->is_late);
	exchange_begin(f->waiting, 200, server_event_stream, 1, -1);
	exchange_write(f->waiting, SPAN("data: 1\n\n"));
	hear(f, "9\r\ndata: 1\n\n\r\n");
	exchange_end(f->waiting);
	hear_end(f, 0);
	/* It was asked beside the stream: nothing stands before the answer. */
	assert_memory_equal(buf_span(&f->got).ptr, "HTTP/1.1 200", 12);
	assert_true(has(&f->got, "0\r\n\r\n"));
	await_events(f, "head(/later) request() done ");
}

static void notices_a_client_that_closed_while_it_waited(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	hang_up(f);
	await_events(f, "head(/later) request() gone ");
}

static void has_something_harmless_for_a_half_closed_client(void **state)
{
	struct fixture *f = *state;
	struct span comment = SPAN("4\r\n: \n\n\r\n");

	call_and_say(f, GET("/later"));
	await_waiting(f);
	assert_true(span_eq(
	    exchange_probe(f->waiting), SPAN("HTTP/1.1 100 Continue\r\n\r\n")));
	exchange_begin(f->waiting, 200, server_event_stream, 1, -1);
	exchange_write(f->waiting, SPAN("data: 1\n\n"));
	assert_true(span_eq(exchange_probe(f->waiting), comment));
	exchange_write(f->waiting, SPAN("data: half of an ev"));
	assert_int_equal(exchange_probe(f->waiting).len, 0);
	exchange_cut(f->waiting);
}

static void puts_nothing_where_it_would_do_harm(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	exchange_begin(f->waiting, 200, server_event_stream, 1, -1);
	exchange_write(f->waiting, SPAN("data: half of an ev"));
	hear(f, "half");
	shutdown(f->client, SHUT_WR);
	deadline_after(&f->timer, 60 * NS_PER_MS);
	turn_until(f, f->is_late);
	assert_false(has(&f->got, ": \n\n"));
	exchange_cut(f->waiting);
	hear_end(f, 0);

	f->is_late = false;
	call_and_say(f, "GET /later HTTP/1.0\r\n\r\n");
	await_waiting(f);
	shutdown(f->client, SHUT_WR);
	deadline_after(&f->timer, 60 * NS_PER_MS);
	turn_until(f, f->is_late);
	assert_int_equal(buf_len(&f->got), 0);
}

/* --- clients that do not read -------------------------------------------- */

static void write_until_full(struct fixture *f)
{
	static const char block[65536];

	exchange_begin(f->waiting, 200, NULL, 0, -1);
	while (!exchange_is_full(f->waiting)) {
		exchange_write(f->waiting, span_make(block, sizeof(block)));
		loop_turn(f->loop, 0);
	}
	assert_true(exchange_pending(f->waiting) > 0);
	buf_consume(&f->events, buf_len(&f->events));
}

static void says_when_a_slow_client_has_caught_up(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	turn_until(f, f->waiting);
	write_until_full(f);
	turn_until(f, has(&f->events, "drained"));
	assert_false(exchange_is_full(f->waiting));
	exchange_end(f->waiting);
	hear(f, "0\r\n\r\n");
	await_events(f, "drained done ");
}

static void gives_up_on_a_client_that_takes_nothing(void **state)
{
	struct fixture *f = *state;
	struct server_limits limits = patient;

	limits.idle_ns = 30 * NS_PER_MS;
	reopen(f, &limits);
	call_and_say(f, GET("/later"));
	turn_until(f, f->waiting);
	write_until_full(f);
	while (f->waiting)
		loop_turn(f->loop, NS_PER_S);
	await_events(f, "stalled ");
	hear_end(f, ECONNRESET);
	assert_int_equal(server_connections(f->server), 0);
}

/* --- the server's life --------------------------------------------------- */

static void set_drained(void *arg)
{
	((struct fixture *)arg)->is_drained = true;
}

static void drains_idle_connections_at_once(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/x"));
	hear(f, "/x");
	server_drain(f->server, set_drained, f);
	turn_until(f, f->is_drained);
	hear_end(f, 0);
	assert_int_equal(connect(f->client, NULL, 0), -1);
}

static void drains_after_the_answers_under_way(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	server_drain(f->server, set_drained, f);
	for (int i = 0; i < 3; i++)
		turn(f);
	assert_false(f->is_drained);
	exchange_answer(f->waiting, 200, NULL, 0, SPAN("bye"));
	hear_end(f, 0);
	assert_true(has(&f->got, "\r\nconnection: close\r\n"));
	assert_body(f, "bye");
	turn_until(f, f->is_drained);
}

static void drains_a_request_that_was_not_read_yet(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/x"));
	server_drain(f->server, set_drained, f);
	hear_end(f, 0);
	assert_true(has(&f->got, "\r\nconnection: close\r\n"));
	turn_until(f, f->is_drained);
}

static void says_drained_where_nobody_is_there(void **state)
{
	struct fixture *f = *state;

	server_drain(f->server, set_drained, f);
	assert_false(f->is_drained);
	turn_until(f, f->is_drained);
}

static void closes_everything_at_once(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/later"));
	await_waiting(f);
	server_close(&f->server);
	assert_null(f->waiting);
	hear_end(f, 0);
	await_events(f, "head(/later) request() cut ");
}

static void may_be_closed_by_its_own_handler(void **state)
{
	struct fixture *f = *state;

	call_and_say(f, GET("/close") GET("/never"));
	turn_until(f, f->read_errno >= 0);
	await_events(f, "head(/close) request() cut ");
}

static void waits_for_descriptors_when_they_run_out(void **state)
{
	struct fixture *f = *state;
	struct rlimit old;
	struct rlimit low;

	log_set_level(LOG_ERROR);
	call(f);
	say(f, GET("/x"));
	getrlimit(RLIMIT_NOFILE, &old);
	low = (struct rlimit){.rlim_cur = 3, .rlim_max = old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &low);
	for (int i = 0; i < 3; i++)
		turn(f);
	assert_int_equal(server_connections(f->server), 0);
	setrlimit(RLIMIT_NOFILE, &old);
	hear(f, "/x");
	log_set_level(LOG_INFO);
}

static void says_what_is_wrong_with_an_address(void **state)
{
	struct fixture *f = *state;
	struct server_options options = {
	    .limits = patient,
	    .handler = &server_handler,
	};
	struct error err;
	char address[32];

	options.address = "localhost";
	assert_null(server_open(f->loop, &options, &err));
	assert_non_null(strstr(err.text, "expected HOST:PORT"));
	options.address = "127.0.0.1:99999";
	assert_null(server_open(f->loop, &options, &err));
	assert_non_null(strstr(err.text, "127.0.0.1:99999"));
	snprintf(
	    address, sizeof(address), "127.0.0.1:%d", server_port(f->server));
	options.address = address;
	assert_null(server_open(f->loop, &options, &err));
	assert_non_null(strstr(err.text, "in use"));
}

static void shares_its_port_where_told(void **state)
{
	struct fixture *f = *state;
	struct server_options options = {
	    .address = ":0",
	    .limits = patient,
	    .reuse_port = true,
	    .handler = &server_handler,
	    .arg = f,
	};
	struct server *first;
	struct server *second;
	struct error err;
	char address[32];

	first = server_open(f->loop, &options, &err);
	assert_non_null(first);
	snprintf(address, sizeof(address), ":%d", server_port(first));
	options.address = address;
	second = server_open(f->loop, &options, &err);
	assert_non_null(second);
	assert_int_equal(server_port(first), server_port(second));
	server_close(&first);
	server_close(&second);
}

/* --- TLS ----------------------------------------------------------------- */

static size_t keep_answer(struct stream *stream, struct span in, void *arg)
{
	struct fixture *f = arg;

	(void)stream;
	assert_true(buf_append(&f->got, in));
	return in.len;
}

static void note_end(struct stream *stream, enum stream_end end, void *arg)
{
	(void)stream;
	tell(arg, "client-end(%d) ", (int)end);
}

static void answers_over_tls(void **state)
{
	static const struct stream_handler client = {
	    .on_data = keep_answer,
	    .on_end = note_end,
	};
	struct fixture *f = *state;
	struct certificate certificate;
	struct tls_context *server_tls;
	struct tls_context *client_tls;
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct stream_target target = {
	    .address = (struct sockaddr *)&address,
	    .address_len = sizeof(address),
	    .name = "localhost",
	};
	struct stream *stream;
	struct error err;

	certificate_make(&certificate, "DNS:localhost", 1);
	server_tls =
	    tls_server_new(certificate.cert_file, certificate.key_file, &err);
	client_tls = tls_client_new(certificate.cert_file, &err);
	certificate_remove(&certificate);
	server_set_tls(f->server, server_tls);
	address.sin_port = htons(server_port(f->server));
	target.tls = client_tls;
	stream = stream_connect(f->loop, &target, &client, f);
	stream_write(stream, SPAN(GET("/one") GET("/two")));
	hear(f, "/two");
	assert_true(has(&f->got, "/one"));
	server_drain(f->server, set_drained, f);
	turn_until(f, has(&f->events, "client-end"));
	await_events(f, "head(/one) request() head(/two) request() done done "
			"client-end(0) ");
	stream_close(&stream);
	tls_unref(&server_tls);
	tls_unref(&client_tls);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, server_set_up, server_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(refuses_a_slow_head),
	    TEST(refuses_a_slow_body),
	    TEST(closes_an_idle_connection_without_a_word),
	    TEST(waits_for_its_handler_as_long_as_that_takes),
	    TEST(keeps_the_limits_of_connections_that_are_there),
	    TEST(sees_a_reset_while_it_waits_for_the_answer),
	    TEST(sees_a_reset_behind_pipelined_bytes),
	    TEST(sees_a_reset_that_came_with_the_request),
	    TEST(sees_a_reset_that_came_with_part_of_the_body),
	    TEST(finds_a_closed_client_gone_before_the_answer),
	    TEST(finds_a_closed_client_gone_between_events),
	    TEST(does_not_take_a_half_closed_client_for_gone),
	    TEST(notices_a_client_that_closed_while_it_waited),
	    TEST(has_something_harmless_for_a_half_closed_client),
	    TEST(puts_nothing_where_it_would_do_harm),
	    TEST(says_when_a_slow_client_has_caught_up),
	    TEST(gives_up_on_a_client_that_takes_nothing),
	    TEST(drains_idle_connections_at_once),
	    TEST(drains_after_the_answers_under_way),
	    TEST(drains_a_request_that_was_not_read_yet),
	    TEST(says_drained_where_nobody_is_there),
	    TEST(closes_everything_at_once),
	    TEST(may_be_closed_by_its_own_handler),
	    TEST(waits_for_descriptors_when_they_run_out),
	    TEST(says_what_is_wrong_with_an_address),
	    TEST(shares_its_port_where_told),
	    TEST(answers_over_tls),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
