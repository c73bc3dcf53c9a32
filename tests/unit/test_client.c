/* test_client.c -- calls against scripted servers: answers and requests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "tests/unit/peer.h"

/* --- answers ------------------------------------------------------------- */

static void say_length_twice(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
		       "content-length: 5\r\n\r\nhello");
	peer_read(peer);
	peer_say(peer, "HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n");
	peer_await_close(peer);
}

static void gives_head_and_body_and_keeps_the_stream(void **state)
{
	struct fixture *f = prepare(state, say_length_twice);

	run(f);
	assert_answer(&f->probe, 200, "hello");
	assert_string_equal(f->probe.type, "text/plain");
	assert_false(f->probe.was_reused);
	assert_int_equal(client_idle(f->client), 1);
	run_again(f);
	assert_answer(&f->probe, 404, "");
	assert_true(f->probe.was_reused);
	assert_int_equal(client_idle(f->client), 1);
	client_free(&f->client);
	loop_turn(f->loop, 0);
	peer_join(&f->peer);
	assert_int_equal(f->peer.n_accepted, 1);
	assert_string_equal(
	    f->peer.request, "GET / HTTP/1.1\r\nhost: peer\r\n\r\n");
}

static void say_chunks(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
		       "3\r\none\r\n");
	peer_meet(peer);
	peer_say(peer, "4;x=y\r\n two\r");
	peer_meet(peer);
	peer_say(peer, "\n0\r\ntrailer: yes\r\n\r\n");
}

static void meet(struct probe *probe)
{
	struct fixture *f = container_of(probe, struct fixture, probe);

	peer_meet(&f->peer);
}

static void gives_chunks_as_they_come(void **state)
{
	struct fixture *f = prepare(state, say_chunks);

	f->probe.at_data = meet;
	run(f);
	assert_answer(&f->probe, 200, "one two");
	assert_int_equal(client_idle(f->client), 1);
	peer_join(&f->peer);
}

static void say_until_close(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, "HTTP/1.1 200 OK\r\n\r\nto the ");
	peer_say(peer, "end");
	peer_close(peer);
}

static void takes_a_body_until_close(void **state)
{
	struct fixture *f = prepare(state, say_until_close);

	run(f);
	assert_answer(&f->probe, 200, "to the end");
	assert_int_equal(client_idle(f->client), 0);
	peer_join(&f->peer);
}

static void say_head_only(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
}

static void an_answer_to_head_has_no_body(void **state)
{
	struct fixture *f = prepare(state, say_head_only);

	f->probe.request.is_head_method = true;
	run(f);
	assert_answer(&f->probe, 200, "");
	assert_int_equal(client_idle(f->client), 1);
	peer_join(&f->peer);
}

static void say_byte_by_byte(struct peer *peer)
{
	static const char answer[] =
	    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

	peer_accept(peer);
	peer_read(peer);
	for (const char *at = answer; *at; at++)
		peer_say(peer, (char[]){*at, '\0'});
	peer_meet(peer);
}

static void reads_an_answer_that_comes_byte_by_byte(void **state)
{
	struct fixture *f = prepare(state, say_byte_by_byte);

	run(f);
	assert_answer(&f->probe, 200, "ok");
	assert_int_equal(client_idle(f->client), 1);
	peer_meet(&f->peer);
	peer_join(&f->peer);
}

static void say_sixteen_interim(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	for (int i = 0; i < 16; i++)
		peer_say(
		    peer, "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
	peer_say(peer, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
}

static void swallows_interim_answers(void **state)
{
	struct fixture *f = prepare(state, say_sixteen_interim);

	run(f);
	assert_answer(&f->probe, 200, "ok");
	peer_join(&f->peer);
}

static void say_interim_for_ever(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	for (int i = 0; i < 17; i++)
		peer_say(peer, "HTTP/1.1 100 Continue\r\n\r\n");
	peer_await_close(peer);
}

static void refuses_interim_answers_without_end(void **state)
{
	struct fixture *f = prepare(state, say_interim_for_ever);

	run(f);
	assert_failed(&f->probe, CALL_ILL_FORMED, "more than 16 interim");
	loop_turn(f->loop, 0);
	peer_join(&f->peer);
}

static void say_switching(struct peer *peer)
{
	peer_serve(peer, "HTTP/1.1 101 Switching Protocols\r\n"
			 "upgrade: x\r\n\r\n");
}

static void refuses_to_switch_protocols(void **state)
{
	struct fixture *f = prepare(state, say_switching);

	run(f);
	assert_failed(&f->probe, CALL_ILL_FORMED, "answered 101");
	assert_true(f->probe.was_sent);
	peer_join(&f->peer);
}

/* --- broken answers ------------------------------------------------------ */

static void cut_length(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut");
	peer_close(peer);
}

static void a_short_body_is_a_failure(void **state)
{
	struct fixture *f = prepare(state, cut_length);

	run(f);
	assert_failed(&f->probe, CALL_CLOSED, "before the answer was whole");
	assert_int_equal(f->probe.n_head, 1);
	assert_true(span_eq(buf_span(&f->probe.body), SPAN("cut")));
	peer_join(&f->peer);
}

static void cut_chunks(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
		       "3\r\ncut\r\n");
	peer_close(peer);
}

static void chunks_without_the_last_are_a_failure(void **state)
{
	struct fixture *f = prepare(state, cut_chunks);

	run(f);
	assert_failed(&f->probe, CALL_CLOSED, "before the answer was whole");
	peer_join(&f->peer);
}

static void reset_until_close(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say(peer, "HTTP/1.1 200 OK\r\n\r\npart");
	peer_meet(peer);
	peer_reset(peer);
}

static void a_reset_does_not_end_a_body_until_close(void **state)
{
	struct fixture *f = prepare(state, reset_until_close);

	f->probe.at_data = meet;
	run(f);
	assert_failed(&f->probe, CALL_CLOSED, "before the answer was whole");
	peer_join(&f->peer);
}

static void say_nonsense(struct peer *peer)
{
	peer_serve(peer, "HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok");
}

static void refuses_an_ill_formed_head(void **state)
{
	struct fixture *f = prepare(state, say_nonsense);

	run(f);
	assert_failed(&f->probe, CALL_ILL_FORMED, "answer's head");
	assert_int_equal(f->probe.n_head, 0);
	peer_join(&f->peer);
}

static void say_bad_chunk(struct peer *peer)
{
	peer_serve(peer,
	    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n");
}

static void refuses_an_ill_formed_body(void **state)
{
	struct fixture *f = prepare(state, say_bad_chunk);

	run(f);
	assert_failed(&f->probe, CALL_ILL_FORMED, "answer's body");
	assert_int_equal(f->probe.n_head, 1);
	peer_join(&f->peer);
}

/* --- requests ------------------------------------------------------------ */

#define BIG ((size_t)3 << 20)

static void take_big(struct peer *peer)
{
	peer_accept(peer);
	peer_read(peer);
	peer_say_ok(peer);
	peer_meet(peer);
}

static void sends_a_big_body_in_many_pieces(void **state)
{
	struct fixture *f = prepare(state, take_big);
	char *bytes = mem_alloc(BIG);
	struct span pieces[12];
	size_t each = BIG / 12;

	for (size_t i = 0; i < BIG; i++)
		bytes[i] = (char)(i * 31 + i / 4096);
	for (size_t i = 0; i < 12; i++)
		pieces[i] = span_make(bytes + i * each, each);
	f->probe.request.head = SPAN("POST / HTTP/1.1\r\nhost: peer\r\n"
				     "content-length: 3145728\r\n\r\n");
	f->probe.request.body = pieces;
	f->probe.request.n_body = 12;
	probe_start(&f->probe);
	memset(pieces, 0, sizeof(pieces));
	probe_run(&f->probe);
	assert_answer(&f->probe, 200, "ok");
	assert_int_equal(client_idle(f->client), 1);
	peer_meet(&f->peer);
	peer_join(&f->peer);
	assert_int_equal(f->peer.body_len, BIG);
	assert_int_equal(f->peer.body_crc, hash_crc32c(0, bytes, BIG));
	free(bytes);
}

static void answer_early(struct peer *peer)
{
	peer_accept(peer);
	peer_read_head(peer);
	peer_say(
	    peer, "HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig");
	peer_await_close(peer);
}

static void answer_early_and_reset(struct peer *peer)
{
	peer_accept(peer);
	peer_read_head(peer);
	peer_say(
	    peer, "HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig");
	peer_close(peer); /* a reset, since bytes are unread */
}

static void assert_early_answer(void **state, void (*script)(struct peer *))
{
	struct fixture *f = prepare(state, script);
	char *bytes = mem_zalloc(8 * BIG);
	struct span body = span_make(bytes, 8 * BIG);

	f->probe.request.head = SPAN("POST / HTTP/1.1\r\nhost: peer\r\n"
				     "content-length: 25165824\r\n\r\n");
	f->probe.request.body = &body;
	f->probe.request.n_body = 1;
	run(f);
	assert_answer(&f->probe, 413, "big");
	assert_int_equal(client_idle(f->client), 0);
	peer_join(&f->peer);
	free(bytes);
}

static void honours_an_early_answer_and_closes(void **state)
{
	assert_early_answer(state, answer_early);
}

static void honours_an_early_answer_before_a_reset(void **state)
{
	assert_early_answer(state, answer_early_and_reset);
}

/* --- calls out of calls -------------------------------------------------- */

static void start_another(struct probe *probe)
{
	probe->at_over = NULL;
	buf_consume(&probe->body, SIZE_MAX);
	probe->n_head = 0;
	probe->n_sent = 0;
	probe->n_done = 0;
	probe_start(probe);
}

static void a_finished_call_may_start_another_on_its_stream(void **state)
{
	struct fixture *f = prepare(state, say_length_twice);

	f->probe.at_over = start_another;
	run(f);
	assert_answer(&f->probe, 404, "");
	assert_true(f->probe.was_reused);
	client_free(&f->client);
	loop_turn(f->loop, 0);
	peer_join(&f->peer);
}

static void every_failure_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(call_failure_name(CALL_NO_NAME), "no_name");
	assert_string_equal(call_failure_name(CALL_ILL_FORMED), "ill_formed");
}

#define TEST(fn)                                                               \
	cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(gives_head_and_body_and_keeps_the_stream),
	    TEST(gives_chunks_as_they_come),
	    TEST(takes_a_body_until_close),
	    TEST(an_answer_to_head_has_no_body),
	    TEST(reads_an_answer_that_comes_byte_by_byte),
	    TEST(swallows_interim_answers),
	    TEST(refuses_interim_answers_without_end),
	    TEST(refuses_to_switch_protocols),
	    TEST(a_short_body_is_a_failure),
	    TEST(chunks_without_the_last_are_a_failure),
	    TEST(a_reset_does_not_end_a_body_until_close),
	    TEST(refuses_an_ill_formed_head),
	    TEST(refuses_an_ill_formed_body),
	    TEST(sends_a_big_body_in_many_pieces),
	    TEST(honours_an_early_answer_and_closes),
	    TEST(honours_an_early_answer_before_a_reset),
	    TEST(a_finished_call_may_start_another_on_its_stream),
	    TEST(every_failure_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
