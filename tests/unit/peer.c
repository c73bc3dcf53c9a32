/* peer.c -- for tests: a scripted server, and a call that notes its events. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/unit/peer.h"

void peer_check_at(bool condition, const char *text, int line)
{
	if (condition)
		return;
	fprintf(stderr, "peer: line %d: not so: %s\n", line, text);
	abort();
}

static void *run_script(void *arg)
{
	struct peer *peer = arg;

	peer->script(peer);
	return NULL;
}

void peer_start(struct peer *peer, void (*script)(struct peer *peer))
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int on = 1;

	memset(peer, 0, sizeof(*peer));
	peer->fd = -1;
	peer->script = script;
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	peer_check(peer->listener >= 0);
	setsockopt(peer->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer_check(!bind(peer->listener, (struct sockaddr *)&address, len));
	peer_check(!listen(peer->listener, 64));
	peer_check(
	    !getsockname(peer->listener, (struct sockaddr *)&address, &len));
	peer->port = ntohs(address.sin_port);
	peer_check(!pthread_barrier_init(&peer->barrier, NULL, 2));
	peer_check(!pthread_create(&peer->thread, NULL, run_script, peer));
}

void peer_join(struct peer *peer)
{
	peer_check(!pthread_join(peer->thread, NULL));
	if (peer->fd >= 0)
		close(peer->fd);
	close(peer->listener);
	pthread_barrier_destroy(&peer->barrier);
}

void peer_meet(struct peer *peer)
{
	pthread_barrier_wait(&peer->barrier);
}

void peer_accept(struct peer *peer)
{
	struct timeval limit = {.tv_sec = 20};

	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
	peer_check(peer->fd >= 0);
	setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	peer->n_accepted++;
}

void peer_read_head(struct peer *peer)
{
	size_t len = 0;

	peer->request[0] = '\0';
	while (!strstr(peer->request, "\r\n\r\n")) {
		peer_check(len < sizeof(peer->request) - 1);
		peer_check(read(peer->fd, peer->request + len, 1) == 1);
		peer->request[++len] = '\0';
	}
}

void peer_read(struct peer *peer)
{
	static const char name[] = "content-length: ";
	char bytes[16384];
	const char *at;
	size_t left = 0;

	peer_read_head(peer);
	at = strcasestr(peer->request, name);
	if (at)
		left = strtoul(at + strlen(name), NULL, 10);
	peer->body_len = 0;
	peer->body_crc = 0;
	while (left > 0) {
		size_t want = left < sizeof(bytes) ? left : sizeof(bytes);
		ssize_t n = read(peer->fd, bytes, want);

		peer_check(n > 0);
		peer->body_crc = hash_crc32c(peer->body_crc, bytes, (size_t)n);
		peer->body_len += (size_t)n;
		left -= (size_t)n;
	}
}

void peer_say(struct peer *peer, const char *text)
{
	size_t len = strlen(text);

	peer_check(send(peer->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len);
}

void peer_say_ok(struct peer *peer)
{
	peer_say(peer, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
}

void peer_close(struct peer *peer)
{
	close(peer->fd);
	peer->fd = -1;
}

void peer_reset(struct peer *peer)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	peer_close(peer);
}

void peer_await_close(struct peer *peer)
{
	char bytes[4096];
	ssize_t n;

	do
		n = recv(peer->fd, bytes, sizeof(bytes), 0);
	while (n > 0);
	peer_check(n == 0 || errno == ECONNRESET);
}

void peer_serve(struct peer *peer, const char *answer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, answer);
	peer_await_close(peer);
}

/* --- the client's side -----------------------------------------------------
 */

static void note_over(struct probe *probe, struct call *call)
{
	probe->was_sent = call_was_sent(call);
	probe->was_reused = call_reused_stream(call);
	probe->call = NULL;
	if (probe->at_over)
		probe->at_over(probe);
}

static void note_sent(struct call *call, void *arg)
{
	struct probe *probe = arg;

	peer_check(call == probe->call);
	probe->n_sent++;
	if (probe->at_sent)
		probe->at_sent(probe);
}

static void note_head(
    struct call *call, const struct http1_head *head, void *arg)
{
	struct probe *probe = arg;
	struct span type = http1_header(head, SPAN("content-type"));

	peer_check(call == probe->call);
	probe->n_head++;
	probe->status = head->status;
	snprintf(probe->type, sizeof(probe->type), "%.*s", SPAN_FMT(type));
	if (probe->at_head)
		probe->at_head(probe);
}

static void note_data(struct call *call, struct span bytes, void *arg)
{
	struct probe *probe = arg;

	peer_check(call == probe->call);
	peer_check(bytes.len > 0);
	peer_check(buf_append(&probe->body, bytes));
	if (probe->at_data)
		probe->at_data(probe);
}

static void note_done(struct call *call, void *arg)
{
	struct probe *probe = arg;

	probe->n_done++;
	note_over(probe, call);
}

static void note_failed(
    struct call *call, enum call_failure failure, const char *detail, void *arg)
{
	struct probe *probe = arg;

	probe->n_failed++;
	probe->failure = failure;
	snprintf(probe->detail, sizeof(probe->detail), "%s", detail);
	note_over(probe, call);
}

static const struct call_handler probe_handler = {
    .on_sent = note_sent,
    .on_head = note_head,
    .on_data = note_data,
    .on_done = note_done,
    .on_failed = note_failed,
};

void probe_init(struct probe *probe, struct loop *loop, struct client *client,
    struct origin *origin)
{
	memset(probe, 0, sizeof(*probe));
	probe->loop = loop;
	probe->client = client;
	probe->request.origin = origin;
	probe->request.head = SPAN("GET / HTTP/1.1\r\nhost: peer\r\n\r\n");
	buf_init(&probe->body, (size_t)64 << 20);
}

void probe_start(struct probe *probe)
{
	unsigned before = probe->n_sent + probe->n_failed;

	probe->call =
	    call_start(probe->client, &probe->request, &probe_handler, probe);
	peer_check(probe->n_sent + probe->n_failed == before);
}

void probe_free(struct probe *probe)
{
	buf_free(&probe->body);
}

void probe_run(struct probe *probe)
{
	while (probe->call)
		loop_turn(probe->loop, LOOP_FOREVER);
}

/* --- both ------------------------------------------------------------------
 */

int fixture_start(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	struct error err;

	alarm(60);
	f->loop = loop_new(&err);
	assert_non_null(f->loop);
	f->client = client_new(f->loop);
	*state = f;
	return 0;
}

int fixture_stop(void **state)
{
	struct fixture *f = *state;

	probe_free(&f->probe);
	origin_unref(&f->origin);
	client_free(&f->client);
	loop_free(&f->loop);
	free(f);
	return 0;
}

struct origin_options plain_options(uint16_t port)
{
	return (struct origin_options){
	    .host = "127.0.0.1",
	    .port = port,
	    .pool_idle = 4,
	    .pool_keep_ns = 60 * NS_PER_S,
	    .timeouts =
		{
		    .connect_ns = 20 * NS_PER_S,
		    .tls_ns = 20 * NS_PER_S,
		    .first_byte_ns = 20 * NS_PER_S,
		    .silence_ns = 20 * NS_PER_S,
		    .total_ns = 60 * NS_PER_S,
		},
	};
}

struct fixture *prepare(void **state, void (*script)(struct peer *))
{
	struct fixture *f = *state;
	struct origin_options options;

	peer_start(&f->peer, script);
	options = plain_options(f->peer.port);
	f->origin = origin_new(&options);
	probe_init(&f->probe, f->loop, f->client, f->origin);
	return f;
}

struct fixture *prepare_hurried(void **state, void (*script)(struct peer *),
    struct client_timeouts timeouts)
{
	struct fixture *f = prepare(state, script);
	struct origin_options options = plain_options(f->peer.port);

	options.timeouts = timeouts;
	origin_unref(&f->origin);
	f->origin = origin_new(&options);
	f->probe.request.origin = f->origin;
	return f;
}

void run(struct fixture *f)
{
	probe_start(&f->probe);
	probe_run(&f->probe);
	assert_int_equal(f->probe.n_done + f->probe.n_failed, 1);
}

void run_again(struct fixture *f)
{
	probe_free(&f->probe);
	probe_init(&f->probe, f->loop, f->client, f->origin);
	run(f);
}

void assert_answer(const struct probe *probe, int status, const char *body)
{
	assert_string_equal(probe->detail, "");
	assert_int_equal(probe->n_done, 1);
	assert_int_equal(probe->n_head, 1);
	assert_int_equal(probe->n_sent, 1);
	assert_int_equal(probe->status, status);
	assert_true(span_eq(buf_span(&probe->body), span_of(body)));
	assert_true(probe->was_sent);
}

void assert_failed(const struct probe *probe, enum call_failure failure,
    const char *part_of_detail)
{
	assert_int_equal(probe->n_failed, 1);
	assert_int_equal(probe->n_done, 0);
	assert_int_equal(probe->failure, failure);
	if (!strstr(probe->detail, part_of_detail))
		assert_string_equal(probe->detail, part_of_detail);
}
