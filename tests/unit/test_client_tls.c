/* test_client_tls.c -- calls over TLS, and the handshakes that fail. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/stream.h"
#include "net/tls.h"
#include "tests/unit/certificates.h"
#include "tests/unit/peer.h"

static struct certificate certificate;

/* The server's side, on the loop of the test. */
struct server {
	struct tls_context *tls;
	struct stream *stream;
	unsigned n_requests;
};

static size_t answer(struct stream *stream, struct span in, void *arg)
{
	struct server *server = arg;

	if (!span_ends_with(in, SPAN("\r\n\r\n")))
		return 0;
	server->n_requests++;
	stream_write(
	    stream, SPAN("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
	return in.len;
}

static void end(struct stream *stream, enum stream_end how, void *arg)
{
	struct server *server = arg;

	(void)stream;
	(void)how;
	stream_close(&server->stream);
}

static const struct stream_handler handler = {
    .on_data = answer,
    .on_end = end,
};

static void do_nothing(struct peer *peer)
{
	(void)peer;
}

/* The fixture's origin with TLS, to a listener that is served by hand. */
static struct fixture *prepare_tls(void **state, void (*script)(struct peer *),
    const char *ca_file, struct client_timeouts timeouts)
{
	struct fixture *f = prepare(state, script);
	struct origin_options options = plain_options(f->peer.port);
	struct error err;

	options.tls = tls_client_new(ca_file, &err);
	assert_non_null(options.tls);
	options.ca_file = ca_file;
	options.timeouts = timeouts;
	origin_unref(&f->origin);
	f->origin = origin_new(&options);
	tls_unref(&options.tls);
	f->probe.request.origin = f->origin;
	return f;
}

static void serve(struct fixture *f, struct server *server)
{
	struct error err;
	int fd;

	memset(server, 0, sizeof(*server));
	server->tls =
	    tls_server_new(certificate.cert_file, certificate.key_file, &err);
	assert_non_null(server->tls);
	loop_turn(f->loop, 0);
	fd =
	    accept4(f->peer.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	server->stream =
	    stream_accept(f->loop, fd, server->tls, &handler, server);
}

static void stop_serving(struct fixture *f, struct server *server)
{
	stream_close(&server->stream);
	tls_unref(&server->tls);
	peer_join(&f->peer);
}

static void calls_over_tls_and_keeps_the_stream(void **state)
{
	struct fixture *f = prepare_tls(state, do_nothing,
	    certificate.cert_file, (struct client_timeouts){0});
	struct server server;

	probe_start(&f->probe);
	serve(f, &server);
	probe_run(&f->probe);
	assert_answer(&f->probe, 200, "ok");
	assert_int_equal(client_idle(f->client), 1);
	run_again(f);
	assert_answer(&f->probe, 200, "ok");
	assert_true(f->probe.was_reused);
	assert_int_equal(server.n_requests, 2);
	stop_serving(f, &server);
	while (client_idle(f->client) > 0)
		loop_turn(f->loop, LOOP_FOREVER);
}

static void a_certificate_that_nobody_vouches_for_fails_the_call(void **state)
{
	struct fixture *f = prepare_tls(state, do_nothing, NULL,
	    (struct client_timeouts){.tls_ns = 20 * NS_PER_S});
	struct server server;

	probe_start(&f->probe);
	serve(f, &server);
	probe_run(&f->probe);
	assert_failed(&f->probe, CALL_TLS, "TLS with 127.0.0.1:");
	assert_failed(&f->probe, CALL_TLS, "certificate");
	assert_false(f->probe.was_sent);
	assert_int_equal(server.n_requests, 0);
	stop_serving(f, &server);
}

static void accept_and_wait(struct peer *peer)
{
	peer_accept(peer);
	peer_await_close(peer);
}

static void the_handshake_has_its_own_limit(void **state)
{
	struct fixture *f = prepare_tls(state, accept_and_wait, NULL,
	    (struct client_timeouts){
		.connect_ns = 20 * NS_PER_S,
		.tls_ns = 50 * NS_PER_MS,
	    });

	run(f);
	assert_failed(&f->probe, CALL_TLS, "not done in 0.05 s");
	assert_false(f->probe.was_sent);
	peer_join(&f->peer);
}

static void accept_and_close(struct peer *peer)
{
	peer_accept(peer);
	peer_close(peer);
}

static void a_close_in_the_handshake_is_a_failure_of_tls(void **state)
{
	struct fixture *f = prepare_tls(
	    state, accept_and_close, NULL, (struct client_timeouts){0});

	run(f);
	assert_failed(&f->probe, CALL_TLS, "TLS with 127.0.0.1:");
	peer_join(&f->peer);
}

static int make_certificate(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	certificate_make(&certificate, "DNS:localhost,IP:127.0.0.1", 2);
	return 0;
}

static int remove_certificate(void **state)
{
	(void)state;
	certificate_remove(&certificate);
	return 0;
}

#define TEST(fn)                                                               \
	cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(calls_over_tls_and_keeps_the_stream),
	    TEST(a_certificate_that_nobody_vouches_for_fails_the_call),
	    TEST(the_handshake_has_its_own_limit),
	    TEST(a_close_in_the_handshake_is_a_failure_of_tls),
	};

	return cmocka_run_group_tests(
	    tests, make_certificate, remove_certificate);
}
