/* stream_fixture.c -- for tests: one stream of ours, and its peer's socket. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/stream_priv.h"
#include "tests/unit/stream_fixture.h"

static void on_open(struct stream *stream, void *arg)
{
	(void)stream;
	((struct side *)arg)->opened++;
}

static size_t on_data(struct stream *stream, struct span in, void *arg)
{
	struct side *side = arg;
	struct span taken = span_head(in, side->appetite);

	assert_ptr_equal(stream, side->stream);
	side->shown = in.len;
	assert_true(buf_append(&side->got, taken));
	return taken.len;
}

static void on_drained(struct stream *stream, void *arg)
{
	(void)stream;
	((struct side *)arg)->drained++;
}

static void on_sent(struct stream *stream, void *arg)
{
	(void)stream;
	((struct side *)arg)->sent++;
}

static void on_end(struct stream *stream, enum stream_end end, void *arg)
{
	struct side *side = arg;

	(void)stream;
	side->end = (int)end;
	side->ends++;
}

const struct stream_handler side_handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_drained = on_drained,
    .on_sent = on_sent,
    .on_end = on_end,
};

int listen_on_loopback(struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	assert_int_equal(bind(fd, (struct sockaddr *)address, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
	return fd;
}

/* A connected pair over TCP, where resets and half-closing are real. */
static void connect_pair(int *ours, int *theirs)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);

	*theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    connect(*theirs, (struct sockaddr *)&address, sizeof(address)), 0);
	*ours = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(*ours >= 0);
	close(listener);
}

void side_init(struct side *side, struct loop *loop)
{
	*side = (struct side){
	    .loop = loop,
	    .peer = -1,
	    .appetite = SIZE_MAX,
	    .end = NOT_ENDED,
	};
	buf_init(&side->got, 8 << 20);
}

void side_end(struct side *side)
{
	stream_close(&side->stream);
	if (side->peer >= 0)
		close(side->peer);
	buf_free(&side->got);
	side_init(side, side->loop);
}

int side_set_up_unconnected(void **state)
{
	struct side *side = mem_new(struct side);
	struct error err;

	side_init(side, loop_new(&err));
	*state = side;
	return side->loop ? 0 : -1;
}

int side_set_up(void **state)
{
	struct side *side;
	int ours;

	if (side_set_up_unconnected(state) != 0)
		return -1;
	side = *state;
	connect_pair(&ours, &side->peer);
	side->stream =
	    stream_accept(side->loop, ours, NULL, &side_handler, side);
	return 0;
}

int side_tear_down(void **state)
{
	struct side *side = *state;

	side_end(side);
	loop_free(&side->loop);
	free(side);
	return 0;
}

void await_input(struct stream *stream)
{
	struct pollfd ready = {.fd = stream->fd, .events = POLLIN};

	assert_int_equal(poll(&ready, 1, 5000), 1);
}

void assert_got(const struct side *side, const char *text)
{
	assert_int_equal(buf_len(&side->got), strlen(text));
	assert_memory_equal(buf_span(&side->got).ptr, text, strlen(text));
}

void peer_sends(struct side *side, const char *text)
{
	assert_int_equal(send(side->peer, text, strlen(text), 0), strlen(text));
}

void peer_closes(struct side *side)
{
	close(side->peer);
	side->peer = -1;
}

void assert_peer_reads(struct side *side, const char *text)
{
	char bytes[256] = "";

	assert_int_equal(
	    recv(side->peer, bytes, strlen(text), MSG_WAITALL), strlen(text));
	assert_string_equal(bytes, text);
}

size_t write_until_full(struct side *side)
{
	static const char block[65536];
	size_t written = 0;

	while (!stream_is_full(side->stream)) {
		stream_write(side->stream, span_make(block, sizeof(block)));
		written += sizeof(block);
		loop_turn(side->loop, 0);
	}
	return written;
}

size_t read_some(struct side *side)
{
	struct pollfd ready = {.fd = side->peer, .events = POLLIN};
	char bytes[65536];
	ssize_t n;

	if (poll(&ready, 1, 1) == 0)
		return 0;
	n = recv(side->peer, bytes, sizeof(bytes), 0);
	assert_true(n > 0);
	return (size_t)n;
}
