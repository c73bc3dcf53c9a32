/* test_call_reset.c -- a server that resets with the last bytes it sends. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include "net/stream.h"
#include "net/tls.h"
#include "tests/unit/certificates.h"
#include "tests/unit/peer.h"

/*
 * The kernel tells of a reset once, and where it came with bytes before it, in
 * the same event as these. Both ends live on the test's loop, so that what
 * comes when is the test's to choose. A call that does not see the reset would
 * end by the limit of silence, which is another failure.
 */
static struct certificate certificate;
static struct tls_context *our_tls, *their_tls;

enum framing {
	LENGTH,
	CHUNKED,
	UNTIL_CLOSE,
	FRAMINGS
};

/* What the client has read when the rest and the reset come together. */
enum moment {
	NOTHING,
	HEAD,
	SOME,
	MOMENTS
};

/* When the client stops to read; it goes on once the reset is there. */
enum pausing {
	NEVER,
	AT_HEAD,
	AT_DATA,
	BEFORE_REST,
	PAUSINGS
};

struct variant {
	bool is_tls;
	bool is_whole; /* the body ends with what is sent; else half of it is */
	bool is_early; /* comes before the request has left the client */
	enum framing framing;
	enum moment moment;
	enum pausing pausing;
	size_t size; /* of what is sent of the body, in bytes */
};

struct server {
	struct stream *stream;
	bool is_early; /* answers what it has not read */
	bool has_request;
	bool resets_when_sent;
};

/* More than the two sockets hold. */
static char long_body[(size_t)32 << 20];
static const struct span long_bodies[] = {{long_body, sizeof(long_body)}};

static size_t take(struct stream *stream, struct span in, void *arg)
{
	struct server *server = arg;

	server->has_request =
	    server->is_early || span_ends_with(in, SPAN("\r\n\r\n"));
	if (server->is_early)
		stream_pause(stream);
	return server->has_request ? in.len : 0;
}

static void reset(struct stream *stream, void *arg)
{
	struct server *server = arg;

	(void)stream;
	if (server->resets_when_sent)
		stream_abort(&server->stream);
}

static void end(struct stream *stream, enum stream_end how, void *arg)
{
	struct server *server = arg;

	(void)stream;
	(void)how;
	stream_close(&server->stream);
}

static const struct stream_handler handler = {
    .on_data = take,
    .on_sent = reset,
    .on_end = end,
};

static void do_nothing(struct peer *peer)
{
	(void)peer;
}

/* --- the answer ---------------------------------------------------------- */

static void write_head(struct buf *out, const struct variant *v)
{
	size_t length = v->is_whole ? v->size : 2 * v->size;
	bool fits = buf_append(out, SPAN("HTTP/1.1 200 OK\r\n"));

	switch (v->framing) {
	case LENGTH:
		fits &= buf_printf(out, "content-length: %zu\r\n", length);
		break;
	case CHUNKED:
		fits &= buf_append(out, SPAN("transfer-encoding: chunked\r\n"));
		break;
	case UNTIL_CLOSE:
	case FRAMINGS:
		fits &= buf_append(out, SPAN("connection: close\r\n"));
		break;
	}
	assert_true(fits && buf_append(out, SPAN("\r\n")));
}

static void write_part(struct buf *out, const struct variant *v, size_t len)
{
	bool fits = true;

	if (v->framing == CHUNKED)
		fits = buf_printf(out, "%zx\r\n", len);
	for (size_t i = 0; i < len; i++)
		fits &= buf_append(out, SPAN("x"));
	if (v->framing == CHUNKED)
		fits &= buf_append(out, SPAN("\r\n"));
	assert_true(fits);
}

static void say(struct server *server, struct buf *text)
{
	stream_write(server->stream, buf_span(text));
	buf_consume(text, SIZE_MAX);
}

/* --- one variant --------------------------------------------------------- */

static void pause_it(struct probe *probe)
{
	if (probe->call)
		call_pause(probe->call);
}

static struct fixture *prepare_variant(void **state, const struct variant *v)
{
	struct fixture *f;
	struct origin_options options;

	fixture_start(state);
	f = prepare(state, do_nothing);
	options = plain_options(f->peer.port);
	options.timeouts.silence_ns = 2 * NS_PER_S;
	options.timeouts.first_byte_ns = 2 * NS_PER_S;
	options.tls = v->is_tls ? our_tls : NULL;
	options.ca_file = v->is_tls ? certificate.cert_file : NULL;
	origin_unref(&f->origin);
	f->origin = origin_new(&options);
	f->probe.request.origin = f->origin;
	if (v->is_early) {
		f->probe.request.body = long_bodies;
		f->probe.request.n_body = 1;
	}
	f->probe.at_head = v->pausing == AT_HEAD ? pause_it : NULL;
	f->probe.at_data = v->pausing == AT_DATA ? pause_it : NULL;
	return f;
}

/* Until the server has the request. */
static void connect_both(
    struct fixture *f, struct server *server, const struct variant *v)
{
	int fd, on = 1;

	probe_start(&f->probe);
	loop_turn(f->loop, 0);
	fd =
	    accept4(f->peer.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	/* What waits for an acknowledgement would be lost with the reset. */
	assert_int_equal(
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	server->stream = stream_accept(
	    f->loop, fd, v->is_tls ? their_tls : NULL, &handler, server);
	while (!server->has_request)
		loop_turn(f->loop, LOOP_FOREVER);
}

/* Says what comes before the moment, and lets the client read it. */
static size_t come_to_moment(struct fixture *f, struct server *server,
    const struct variant *v, struct buf *text)
{
	size_t before = v->moment == SOME ? v->size / 2 : 0;
	size_t wanted = v->pausing == AT_HEAD ? 0 : before;

	if (v->moment == NOTHING)
		return 0;
	write_head(text, v);
	if (before > 0)
		write_part(text, v, before);
	say(server, text);
	while (f->probe.n_head == 0 || buf_len(&f->probe.body) < wanted) {
		loop_turn(f->loop, LOOP_FOREVER);
		if (v->pausing == AT_DATA && buf_len(&f->probe.body) > 0)
			break;
	}
	return before;
}

static void say_rest_and_reset(
    struct fixture *f, struct server *server, const struct variant *v)
{
	struct buf text;
	size_t before;

	buf_init(&text, (size_t)1 << 20);
	before = come_to_moment(f, server, v, &text);
	if (v->pausing == BEFORE_REST)
		call_pause(f->probe.call);
	if (v->moment == NOTHING)
		write_head(&text, v);
	write_part(&text, v, v->size - before);
	if (v->is_whole && v->framing == CHUNKED)
		assert_true(buf_append(&text, SPAN("0\r\n\r\n")));
	server->resets_when_sent = true;
	say(server, &text);
	buf_free(&text);
	while (server->stream)
		loop_turn(f->loop, LOOP_FOREVER);
}

static void check_end(const struct probe *probe, const struct variant *v)
{
	bool is_good =
	    v->is_whole ? probe->n_done == 1
			: probe->n_failed == 1 && probe->failure == CALL_CLOSED;

	if (is_good && buf_len(&probe->body) == v->size)
		return;
	fail_msg("%s, framing %d, moment %d, pausing %d: %zu of %zu bytes, %s "
		 "\"%s\"",
	    v->is_tls ? "TLS" : "plain", v->framing, v->moment, v->pausing,
	    buf_len(&probe->body), v->size, probe->n_done ? "done" : "failed",
	    probe->detail);
}

static void run_variant(const struct variant *v)
{
	struct server server = {.is_early = v->is_early};
	struct fixture *f;
	void *state;

	f = prepare_variant(&state, v);
	connect_both(f, &server, v);
	say_rest_and_reset(f, &server, v);
	/* The reset is there by now: what it wakes has its turns. */
	for (int i = 0; i < 4; i++)
		loop_turn(f->loop, 0);
	f->probe.at_head = NULL;
	f->probe.at_data = NULL;
	if (f->probe.call)
		call_resume(f->probe.call);
	probe_run(&f->probe);
	check_end(&f->probe, v);
	peer_join(&f->peer);
	fixture_stop(&state);
}

/* Those that <base> leaves open; a body until close has no other end. */
static void run_variants(const struct variant *base)
{
	static const size_t sizes[] = {10, 5000, 40000};
	struct variant v = *base;
	int framings = v.is_whole ? UNTIL_CLOSE : FRAMINGS;

	for (int i = 0; i < framings * MOMENTS * PAUSINGS * 3; i++) {
		v.framing = (enum framing)(i % framings);
		v.moment = (enum moment)(i / framings % MOMENTS);
		v.pausing = (enum pausing)(i / framings / MOMENTS % PAUSINGS);
		v.size = sizes[i / framings / MOMENTS / PAUSINGS];
		run_variant(&v);
	}
}

static void a_cut_answer_fails_by_its_reset(void **state)
{
	(void)state;
	run_variants(&(struct variant){.is_tls = false});
}

static void a_cut_answer_fails_by_its_reset_over_tls(void **state)
{
	(void)state;
	run_variants(&(struct variant){.is_tls = true});
}

static void a_whole_answer_is_taken_though_a_reset_follows(void **state)
{
	(void)state;
	run_variants(&(struct variant){.is_whole = true});
}

static void a_whole_answer_over_tls_is_taken_though_a_reset_follows(
    void **state)
{
	(void)state;
	run_variants(&(struct variant){.is_tls = true, .is_whole = true});
}

static void a_whole_answer_is_taken_though_the_request_was_cut(void **state)
{
	(void)state;
	run_variants(&(struct variant){.is_whole = true, .is_early = true});
}

static void a_whole_answer_over_tls_is_taken_though_the_request_was_cut(
    void **state)
{
	(void)state;
	run_variants(&(struct variant){
	    .is_tls = true, .is_whole = true, .is_early = true});
}

static int make_certificate(void **state)
{
	struct error err;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	certificate_make(&certificate, "DNS:localhost,IP:127.0.0.1", 2);
	our_tls = tls_client_new(certificate.cert_file, &err);
	their_tls =
	    tls_server_new(certificate.cert_file, certificate.key_file, &err);
	return our_tls && their_tls ? 0 : -1;
}

static int remove_certificate(void **state)
{
	(void)state;
	tls_unref(&our_tls);
	tls_unref(&their_tls);
	certificate_remove(&certificate);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_cut_answer_fails_by_its_reset),
	    cmocka_unit_test(a_cut_answer_fails_by_its_reset_over_tls),
	    cmocka_unit_test(a_whole_answer_is_taken_though_a_reset_follows),
	    cmocka_unit_test(
		a_whole_answer_over_tls_is_taken_though_a_reset_follows),
	    cmocka_unit_test(
		a_whole_answer_is_taken_though_the_request_was_cut),
	    cmocka_unit_test(
		a_whole_answer_over_tls_is_taken_though_the_request_was_cut),
	};

	return cmocka_run_group_tests(
	    tests, make_certificate, remove_certificate);
}
