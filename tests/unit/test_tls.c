/* test_tls.c -- TLS streams, both ends ours, over loopback. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/stream_io.h"
#include "net/stream_priv.h"
#include "net/tls.h"
#include "tests/unit/certificates.h"
#include "tests/unit/stream_fixture.h"

struct pair {
	struct loop *loop;
	struct tls_context *server_tls;
	struct tls_context *client_tls;
	struct side server;
	struct side client;
};

static struct certificate good;
static struct certificate expired;

static int set_up(void **state)
{
	struct pair *pair = mem_new(struct pair);
	struct error err;

	pair->loop = loop_new(&err);
	side_init(&pair->server, pair->loop);
	side_init(&pair->client, pair->loop);
	pair->server_tls = tls_server_new(good.cert_file, good.key_file, &err);
	pair->client_tls = tls_client_new(good.cert_file, &err);
	*state = pair;
	return pair->loop && pair->server_tls && pair->client_tls ? 0 : -1;
}

static int tear_down(void **state)
{
	struct pair *pair = *state;

	side_end(&pair->server);
	side_end(&pair->client);
	loop_free(&pair->loop);
	tls_unref(&pair->server_tls);
	tls_unref(&pair->client_tls);
	free(pair);
	return 0;
}

/* Begins a connection on which the client expects <name>. */
static void begin(struct pair *pair, const char *name)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);
	struct stream_target target = {
	    .address = (struct sockaddr *)&address,
	    .address_len = sizeof(address),
	    .tls = pair->client_tls,
	    .name = name,
	};

	pair->client.stream =
	    stream_connect(pair->loop, &target, &side_handler, &pair->client);
	pair->server.stream = stream_accept(pair->loop,
	    accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC),
	    pair->server_tls, &side_handler, &pair->server);
	close(listener);
}

static void open_both(struct pair *pair, const char *name)
{
	begin(pair, name);
	turn_until(pair, pair->client.opened && pair->server.opened);
}

static void carries_bytes_both_ways(void **state)
{
	struct pair *pair = *state;

	open_both(pair, "localhost");
	stream_write(pair->client.stream, SPAN("ping"));
	stream_write(pair->server.stream, SPAN("pong"));
	turn_until(pair,
	    buf_len(&pair->client.got) == 4 && buf_len(&pair->server.got) == 4);
	assert_got(&pair->server, "ping");
	assert_got(&pair->client, "pong");
}

static void sends_what_was_written_before_the_handshake(void **state)
{
	struct pair *pair = *state;

	begin(pair, "localhost");
	stream_write(pair->client.stream, SPAN("early"));
	turn_until(pair, buf_len(&pair->server.got) == 5);
	assert_got(&pair->server, "early");
}

static void carries_more_than_the_buffers_hold(void **state)
{
	struct pair *pair = *state;
	size_t len = 4 << 20;
	char *bytes = mem_alloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 31 + (i >> 12));
	open_both(pair, "localhost");
	stream_write(pair->client.stream, span_make(bytes, len));
	assert_true(stream_is_full(pair->client.stream));
	turn_until(pair, buf_len(&pair->server.got) == len);
	assert_memory_equal(buf_span(&pair->server.got).ptr, bytes, len);
	free(bytes);
}

static void accepts_a_certificate_for_the_address(void **state)
{
	open_both(*state, "127.0.0.1");
}

static void assert_refused(
    struct pair *pair, const char *name, const char *detail)
{
	begin(pair, name);
	turn_until(pair, pair->client.ends && pair->server.ends);
	assert_int_equal(pair->client.end, STREAM_TLS_FAILED);
	assert_string_equal(stream_detail(pair->client.stream), detail);
	assert_int_equal(pair->client.opened, 0);
}

static void refuses_a_certificate_for_another_name(void **state)
{
	assert_refused(*state, "example.com", "hostname mismatch");
}

static void refuses_a_certificate_for_another_address(void **state)
{
	assert_refused(*state, "127.0.0.2", "IP address mismatch");
}

static void refuses_a_certificate_that_nobody_vouches_for(void **state)
{
	struct pair *pair = *state;
	struct error err;

	tls_unref(&pair->client_tls);
	pair->client_tls = tls_client_new(NULL, &err);
	assert_refused(pair, "localhost", "self-signed certificate");
}

static void refuses_an_expired_certificate(void **state)
{
	struct pair *pair = *state;
	struct error err;

	tls_unref(&pair->client_tls);
	tls_unref(&pair->server_tls);
	pair->server_tls =
	    tls_server_new(expired.cert_file, expired.key_file, &err);
	pair->client_tls = tls_client_new(expired.cert_file, &err);
	assert_refused(pair, "localhost", "certificate has expired");
}

static void says_what_it_is_when_the_peer_speaks_no_tls(void **state)
{
	struct pair *pair = *state;

	begin(pair, "localhost");
	assert_true(send(pair->server.stream->fd, "HTTP/1.1 400 Bad\r\n\r\n",
			20, 0) > 0);
	turn_until(pair, pair->client.ends);
	assert_int_equal(pair->client.end, STREAM_TLS_FAILED);
	assert_string_equal(
	    stream_detail(pair->client.stream), "wrong version number");
}

static void resumes_a_session_with_the_same_name(void **state)
{
	struct pair *pair = *state;

	open_both(pair, "localhost");
	assert_false(stream_tls_is_resumed(pair->client.stream));
	stream_write(pair->server.stream, SPAN("after the tickets"));
	turn_until(pair, buf_len(&pair->client.got) > 0);
	side_end(&pair->client);
	side_end(&pair->server);

	open_both(pair, "localhost");
	assert_true(stream_tls_is_resumed(pair->client.stream));
	side_end(&pair->client);
	side_end(&pair->server);

	open_both(pair, "127.0.0.1");
	assert_false(stream_tls_is_resumed(pair->client.stream));
}

static void counts_tickets_not_as_a_sign_of_death(void **state)
{
	struct pair *pair = *state;

	open_both(pair, "localhost");
	stream_pause(pair->client.stream);
	assert_true(stream_is_alive(pair->client.stream));
	stream_write(pair->server.stream, SPAN("unasked"));
	turn_until(pair, stream_bytes_out(pair->server.stream) > 0);
	do
		await_input(pair->client.stream);
	while (stream_is_alive(pair->client.stream));
	assert_int_equal(buf_len(&pair->client.got), 0);
}

static void ends_in_order_with_a_close_notify(void **state)
{
	struct pair *pair = *state;

	open_both(pair, "localhost");
	stream_write(pair->server.stream, SPAN("bye"));
	stream_finish(&pair->server.stream, NS_PER_S);
	turn_until(pair, pair->client.ends);
	assert_int_equal(pair->client.end, STREAM_EOF);
	assert_got(&pair->client, "bye");
}

static void takes_a_bare_fin_for_a_cut(void **state)
{
	struct pair *pair = *state;

	open_both(pair, "localhost");
	stream_write(pair->server.stream, SPAN("half of it"));
	loop_turn(pair->loop, 0);
	shutdown(pair->server.stream->fd, SHUT_WR);
	turn_until(pair, pair->client.ends);
	assert_int_equal(pair->client.end, STREAM_RESET);
	assert_got(&pair->client, "half of it");
}

static void reads_on_after_a_pause(void **state)
{
	struct pair *pair = *state;
	size_t len = 512 << 10;
	char *bytes = mem_zalloc(len);

	open_both(pair, "localhost");
	stream_pause(pair->server.stream);
	stream_write(pair->client.stream, span_make(bytes, len));
	for (int i = 0; i < 5; i++)
		loop_turn(pair->loop, NS_PER_MS);
	assert_int_equal(buf_len(&pair->server.got), 0);
	stream_resume(pair->server.stream);
	turn_until(pair, buf_len(&pair->server.got) == len);
	free(bytes);
}

static void says_which_file_is_no_certificate(void **state)
{
	struct error err;

	(void)state;
	assert_null(tls_server_new("/nowhere/c.pem", good.key_file, &err));
	assert_non_null(strstr(err.text, "/nowhere/c.pem"));
	assert_non_null(strstr(err.text, "No such file"));
	assert_null(tls_server_new(good.cert_file, good.cert_file, &err));
	assert_non_null(strstr(err.text, good.cert_file));
	assert_null(tls_server_new(good.cert_file, expired.key_file, &err));
	assert_non_null(strstr(err.text, expired.key_file));
	assert_null(tls_client_new(good.key_file, &err));
	assert_non_null(strstr(err.text, good.key_file));
}

static int make_certificates(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	certificate_make(&good, "DNS:localhost,IP:127.0.0.1", 10);
	certificate_make(&expired, "DNS:localhost", -1);
	return 0;
}

static int remove_certificates(void **state)
{
	(void)state;
	certificate_remove(&good);
	certificate_remove(&expired);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(carries_bytes_both_ways),
	    TEST(sends_what_was_written_before_the_handshake),
	    TEST(carries_more_than_the_buffers_hold),
	    TEST(accepts_a_certificate_for_the_address),
	    TEST(refuses_a_certificate_for_another_name),
	    TEST(refuses_a_certificate_for_another_address),
	    TEST(refuses_a_certificate_that_nobody_vouches_for),
	    TEST(refuses_an_expired_certificate),
	    TEST(says_what_it_is_when_the_peer_speaks_no_tls),
	    TEST(resumes_a_session_with_the_same_name),
	    TEST(counts_tickets_not_as_a_sign_of_death),
	    TEST(ends_in_order_with_a_close_notify),
	    TEST(takes_a_bare_fin_for_a_cut),
	    TEST(reads_on_after_a_pause),
	    cmocka_unit_test(says_which_file_is_no_certificate),
	};

	return cmocka_run_group_tests(
	    tests, make_certificates, remove_certificates);
}
