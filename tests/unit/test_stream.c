/* test_stream.c -- plain streams over socket pairs and loopback. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop_priv.h"
#include "net/stream_io.h"

#define NOT_ENDED (-1)

/* One stream of ours, what it told us, and the peer's bare socket. */
struct side {
	struct loop *loop;
	struct stream *stream;
	int peer;
	struct buf got;  /* what we took */
	size_t shown;    /* bytes of the last on_data */
	size_t appetite; /* bytes that we take of each showing */
	int opened;
	int drained;
	int sent;
	int end; /* enum stream_end of the last on_end, NOT_ENDED before */
	int ends;
};

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

static const struct stream_handler handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_drained = on_drained,
    .on_sent = on_sent,
    .on_end = on_end,
};

static int listen_on_loopback(struct sockaddr_in *address)
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

static struct side *make_side(void)
{
	struct side *side = mem_new(struct side);
	struct error err;

	side->loop = loop_new(&err);
	assert_non_null(side->loop);
	side->peer = -1;
	side->appetite = SIZE_MAX;
	side->end = NOT_ENDED;
	buf_init(&side->got, 8 << 20);
	return side;
}

static int set_up(void **state)
{
	struct side *side = make_side();
	int ours;

	connect_pair(&ours, &side->peer);
	side->stream = stream_accept(side->loop, ours, NULL, &handler, side);
	*state = side;
	return 0;
}

static int set_up_unconnected(void **state)
{
	*state = make_side();
	return 0;
}

static int tear_down(void **state)
{
	struct side *side = *state;

	stream_close(&side->stream);
	loop_free(&side->loop);
	if (side->peer >= 0)
		close(side->peer);
	buf_free(&side->got);
	free(side);
	return 0;
}

static void peer_sends(struct side *side, const char *text)
{
	assert_int_equal(send(side->peer, text, strlen(text), 0), strlen(text));
}

/* Turns until <condition>, which events must bring about. */
#define turn_until(side, condition)                                            \
	do {                                                                   \
		for (int turns_ = 0; !(condition); turns_++) {                 \
			assert_true(turns_ < 10000);                           \
			loop_turn((side)->loop, NS_PER_S);                     \
		}                                                              \
	} while (0)

static void assert_got(struct side *side, const char *text)
{
	assert_int_equal(buf_len(&side->got), strlen(text));
	assert_memory_equal(buf_span(&side->got).ptr, text, strlen(text));
}

static void assert_peer_reads(struct side *side, const char *text)
{
	char bytes[256] = "";

	assert_int_equal(
	    recv(side->peer, bytes, strlen(text), MSG_WAITALL), strlen(text));
	assert_string_equal(bytes, text);
}

static void shows_what_the_peer_sends(void **state)
{
	struct side *side = *state;

	peer_sends(side, "hello");
	turn_until(side, buf_len(&side->got) == 5);
	assert_got(side, "hello");
	assert_int_equal(stream_bytes_in(side->stream), 5);
	assert_int_equal(side->opened, 0);
}

static void shows_again_what_was_not_taken(void **state)
{
	struct side *side = *state;

	side->appetite = 2;
	peer_sends(side, "abcde");
	turn_until(side, buf_len(&side->got) == 2);
	peer_sends(side, "fg");
	turn_until(side, buf_len(&side->got) == 4);
	assert_int_equal(side->shown, 5);
	assert_got(side, "abcd");
	side->appetite = SIZE_MAX;
	stream_resume(side->stream);
	turn_until(side, buf_len(&side->got) == 7);
	assert_got(side, "abcdefg");
}

static void sends_what_a_turn_wrote_at_its_end(void **state)
{
	struct side *side = *state;

	stream_write(side->stream, SPAN("one "));
	stream_write(side->stream, SPAN("two"));
	assert_int_equal(stream_pending(side->stream), 7);
	loop_turn(side->loop, 0);
	assert_int_equal(stream_pending(side->stream), 0);
	assert_int_equal(stream_bytes_out(side->stream), 7);
	assert_int_equal(side->sent, 1);
	assert_peer_reads(side, "one two");
}

static void says_sent_for_an_empty_write(void **state)
{
	struct side *side = *state;

	stream_write(side->stream, SPAN(""));
	assert_int_equal(side->sent, 0);
	loop_turn(side->loop, 0);
	assert_int_equal(side->sent, 1);
}

static void does_not_read_while_paused(void **state)
{
	struct side *side = *state;

	stream_pause(side->stream);
	peer_sends(side, "later");
	for (int i = 0; i < 3; i++)
		loop_turn(side->loop, NS_PER_MS);
	assert_int_equal(side->shown, 0);
	stream_resume(side->stream);
	turn_until(side, buf_len(&side->got) == 5);
	assert_got(side, "later");
}

static void sees_a_reset_while_paused(void **state)
{
	struct side *side = *state;
	struct linger now = {.l_onoff = 1};

	stream_pause(side->stream);
	peer_sends(side, "unread");
	loop_turn(side->loop, NS_PER_S);
	setsockopt(side->peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(side->peer);
	side->peer = -1;
	turn_until(side, side->ends > 0);
	assert_int_equal(side->end, STREAM_RESET);
	assert_int_equal(side->shown, 0);
}

static void still_writes_after_the_peers_fin(void **state)
{
	struct side *side = *state;

	peer_sends(side, "last words");
	shutdown(side->peer, SHUT_WR);
	turn_until(side, side->ends > 0);
	assert_int_equal(side->end, STREAM_EOF);
	assert_got(side, "last words");
	stream_write(side->stream, SPAN("answer"));
	loop_turn(side->loop, 0);
	assert_peer_reads(side, "answer");
	assert_int_equal(side->ends, 1);
}

static void do_nothing(void *arg)
{
	(void)arg;
}

static void does_not_spin_on_a_half_closed_peer(void **state)
{
	struct side *side = *state;
	struct deadline deadline;

	shutdown(side->peer, SHUT_WR);
	turn_until(side, side->ends > 0);
	deadline_init(&deadline, side->loop, do_nothing, NULL);
	deadline_after(&deadline, 10 * NS_PER_MS);
	for (int turns = 0; deadline.at_ns != 0; turns++) {
		assert_true(turns < 20);
		loop_turn(side->loop, LOOP_FOREVER);
	}
	deadline_free(&deadline);
}

static void learns_of_a_closed_peer_by_writing(void **state)
{
	struct side *side = *state;

	close(side->peer);
	side->peer = -1;
	turn_until(side, side->ends > 0);
	assert_int_equal(side->end, STREAM_EOF);
	stream_write(side->stream, SPAN("is anybody there?"));
	turn_until(side, side->ends > 1);
	assert_int_equal(side->end, STREAM_RESET);
	stream_write(side->stream, SPAN("nobody"));
	assert_int_equal(stream_pending(side->stream), 0);
}

/* Fills the kernel's buffers so that a write stays with us. */
static size_t write_until_full(struct side *side)
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

/* What has reached the peer; 0 when that takes longer than a moment. */
static size_t read_some(struct side *side)
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

static void says_when_a_slow_reader_has_caught_up(void **state)
{
	struct side *side = *state;
	size_t left = write_until_full(side);
	char byte;

	assert_true(stream_stuck_since_ns(side->stream) > 0);
	assert_int_equal(side->drained, 0);
	while (left > 0) {
		loop_turn(side->loop, 0);
		left -= read_some(side);
	}
	assert_int_equal(side->drained, 1);
	assert_int_equal(stream_pending(side->stream), 0);
	assert_int_equal(stream_stuck_since_ns(side->stream), 0);
	assert_int_equal(recv(side->peer, &byte, 1, MSG_DONTWAIT), -1);
}

static void stops_reading_when_much_is_kept(void **state)
{
	struct side *side = *state;
	char block[65536];
	size_t sent = 0;
	ssize_t n;

	memset(block, 'x', sizeof(block));
	side->appetite = 0;
	do {
		n = send(side->peer, block, sizeof(block), MSG_DONTWAIT);
		sent += n > 0 ? (size_t)n : 0;
		loop_turn(side->loop, 0);
	} while (n > 0);
	turn_until(side, stream_bytes_in(side->stream) >= STREAM_HELD);
	for (int i = 0; i < 5; i++)
		loop_turn(side->loop, NS_PER_MS);
	assert_true(stream_bytes_in(side->stream) < STREAM_HELD + 65536);
	side->appetite = SIZE_MAX;
	stream_resume(side->stream);
	turn_until(side, stream_bytes_in(side->stream) == sent);
	assert_int_equal(buf_len(&side->got), sent);
}

static void resets_when_closed_with_bytes_unsent(void **state)
{
	struct side *side = *state;
	char bytes[65536];
	ssize_t n;

	write_until_full(side);
	stream_close(&side->stream);
	assert_null(side->stream);
	do
		n = recv(side->peer, bytes, sizeof(bytes), 0);
	while (n > 0);
	assert_int_equal(n, -1);
	assert_int_equal(errno, ECONNRESET);
}

static void closes_an_idle_stream_in_order(void **state)
{
	struct side *side = *state;
	char byte;

	stream_close(&side->stream);
	assert_int_equal(recv(side->peer, &byte, 1, 0), 0);
}

static void aborts_with_a_reset(void **state)
{
	struct side *side = *state;
	char byte;

	stream_abort(&side->stream);
	assert_int_equal(recv(side->peer, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void finishes_after_all_is_sent(void **state)
{
	struct side *side = *state;
	size_t left = write_until_full(side);
	char byte;

	stream_finish(&side->stream, 0);
	while (left > 0) {
		loop_turn(side->loop, 0);
		left -= read_some(side);
	}
	loop_turn(side->loop, 0);
	assert_int_equal(recv(side->peer, &byte, 1, 0), 0);
}

static void lingers_so_that_a_talking_peer_reads_the_end(void **state)
{
	struct side *side = *state;
	char byte;

	stream_write(side->stream, SPAN("413"));
	stream_finish(&side->stream, 60 * NS_PER_S);
	loop_turn(side->loop, 0);
	peer_sends(side, "more of the body");
	loop_turn(side->loop, 0);
	peer_sends(side, "and more");
	loop_turn(side->loop, 0);
	assert_peer_reads(side, "413");
	assert_int_equal(recv(side->peer, &byte, 1, 0), 0);
	assert_int_equal(side->shown, 0);
}

static void lingers_no_longer_than_told(void **state)
{
	struct side *side = *state;
	ssize_t n = 0;

	stream_finish(&side->stream, NS_PER_MS);
	for (int i = 0; n >= 0 && i < 1000; i++) {
		loop_turn(side->loop, 5 * NS_PER_MS);
		n = send(side->peer, "x", 1, MSG_NOSIGNAL);
	}
	assert_int_equal(n, -1);
}

static void loop_free_closes_a_lingering_stream(void **state)
{
	struct side *side = *state;

	stream_finish(&side->stream, 60 * NS_PER_S);
	loop_turn(side->loop, 0);
}

static size_t close_at_once(struct stream *stream, struct span in, void *arg)
{
	struct side *side = arg;

	(void)stream;
	side->shown = in.len;
	stream_close(&side->stream);
	return 0;
}

static void may_be_closed_while_it_shows_data(void **state)
{
	static const struct stream_handler closing = {
	    .on_data = close_at_once,
	    .on_end = on_end,
	};
	struct side *side = *state;

	stream_set_handler(side->stream, &closing, side);
	peer_sends(side, "x");
	turn_until(side, side->shown == 1);
	assert_null(side->stream);
	assert_int_equal(side->ends, 0);
}

/* Loopback may take a moment; the loop must not see it first. */
static void await_input(struct stream *stream)
{
	struct pollfd ready = {.fd = stream->fd, .events = POLLIN};

	assert_int_equal(poll(&ready, 1, 5000), 1);
}

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
	close(side->peer);
	side->peer = -1;
	await_input(side->stream);
	assert_false(stream_is_alive(side->stream));
}

static void names_its_peer(void **state)
{
	struct side *side = *state;
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	char expected[64];

	getsockname(side->peer, (struct sockaddr *)&address, &len);
	snprintf(expected, sizeof(expected), "127.0.0.1:%d",
	    ntohs(address.sin_port));
	assert_string_equal(stream_peer(side->stream), expected);
}

static void connects_and_sends_what_was_written_before(void **state)
{
	struct side *side = *state;
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);
	struct stream_target target = {
	    .address = (struct sockaddr *)&address,
	    .address_len = sizeof(address),
	};

	side->stream = stream_connect(side->loop, &target, &handler, side);
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
	side->stream = stream_connect(side->loop, &target, &handler, side);
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

	side->stream = stream_connect(side->loop, &target, &handler, side);
	assert_int_equal(side->ends, 0);
	loop_turn(side->loop, LOOP_FOREVER);
	assert_int_equal(side->end, STREAM_REFUSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_UNCONNECTED(name)                                                 \
	cmocka_unit_test_setup_teardown(name, set_up_unconnected, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(shows_what_the_peer_sends),
	    TEST(shows_again_what_was_not_taken),
	    TEST(sends_what_a_turn_wrote_at_its_end),
	    TEST(says_sent_for_an_empty_write),
	    TEST(does_not_read_while_paused),
	    TEST(sees_a_reset_while_paused),
	    TEST(still_writes_after_the_peers_fin),
	    TEST(does_not_spin_on_a_half_closed_peer),
	    TEST(learns_of_a_closed_peer_by_writing),
	    TEST(says_when_a_slow_reader_has_caught_up),
	    TEST(stops_reading_when_much_is_kept),
	    TEST(resets_when_closed_with_bytes_unsent),
	    TEST(closes_an_idle_stream_in_order),
	    TEST(aborts_with_a_reset),
	    TEST(finishes_after_all_is_sent),
	    TEST(lingers_so_that_a_talking_peer_reads_the_end),
	    TEST(lingers_no_longer_than_told),
	    TEST(loop_free_closes_a_lingering_stream),
	    TEST(may_be_closed_while_it_shows_data),
	    TEST(knows_whether_an_idle_stream_is_alive),
	    TEST(names_its_peer),
	    TEST_UNCONNECTED(connects_and_sends_what_was_written_before),
	    TEST_UNCONNECTED(says_refused_where_nobody_listens),
	    TEST_UNCONNECTED(says_refused_where_no_address_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
