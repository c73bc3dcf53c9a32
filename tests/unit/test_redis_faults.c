/* test_redis_faults.c -- whatever Redis does, a look-up ends and it recovers.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>

#include "tests/unit/redis_fixture.h"

#define DEADLINE (20 * NS_PER_MS)

static const struct redis_metrics *metrics_of(const struct world *w)
{
	return &w->options.metrics;
}

/* A deadline as in earnest, against a server that is not in it. */
static struct world *hurry(void **state)
{
	struct world *w = *state;

	w->options.deadline_ns = DEADLINE;
	w->options.connect_ns = 200 * NS_PER_MS;
	w->options.silence_ns = 200 * NS_PER_MS;
	return w;
}

/* Asks again and again until nothing is sent any more; none is left hanging. */
static void ask_until_down(struct world *w)
{
	unsigned n = 0;

	while (redis_store_is_up(w->store)) {
		struct look looks[3];

		for (unsigned i = 0; i < 3; i++)
			world_look(w, &looks[i], i);
		for (unsigned i = 0; i < 3; i++) {
			world_await_look(w, &looks[i]);
			assert_null(looks[i].entry);
		}
		assert_true(++n < 100);
	}
}

static void assert_refused(struct world *w)
{
	struct look look;

	world_look(w, &look, 1);
	assert_true(look.was_refused);
}

static bool is_one_late(void *arg)
{
	return metric_value(metrics_of(arg)->late) > 0;
}

/* --- a real server ---------------------------------------------------------
 */

static void lives_with_one_that_stops_and_starts(void **state)
{
	struct world *w = *state;

	world_open_server(w);
	world_store(w, 1);
	assert_true(world_has(w, 1));
	server_kill(&w->server);
	ask_until_down(w);
	assert_refused(w);
	for (int i = 0; i < 20; i++)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_refused(w);
	server_start_again(&w->server, NULL);
	world_await_up(w);
	assert_false(world_has(w, 1)); /* it keeps nothing on disk */
	world_store(w, 1);
	assert_true(world_has(w, 1));
	assert_int_equal(metric_value(metrics_of(w)->connects), 2);
}

static void waits_for_one_that_was_never_there(void **state)
{
	struct world *w = *state;

	server_kill(&w->server);
	world_open(w, "unix://%s", w->server.socket);
	assert_refused(w);
	for (int i = 0; i < 20; i++)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_refused(w);
	server_start_again(&w->server, NULL);
	world_await_up(w);
}

static void freeze_and_thaw(void **state, const char *user)
{
	struct world *w = hurry(state);
	struct cache_entry *entry = entry_of(5, 1000, 3600 * NS_PER_S);

	w->options.deadline_ns = 5 * NS_PER_S;
	world_open_server(w);
	world_store(w, 1);
	w->options.deadline_ns = DEADLINE;
	world_open(w, "redis://%s127.0.0.1:%u", user, w->server.port);
	world_await_up(w);
	server_signal(&w->server, SIGSTOP);
	redis_store_put(w->store, entry);
	ask_until_down(w);
	assert_true(metric_value(metrics_of(w)->late) > 0);
	assert_refused(w);
	redis_store_put(w->store, entry);
	/* Through silence, new connections that nobody greets, and pauses. */
	for (int i = 0; i < 30; i++) {
		event_base_loop(w->base, EVLOOP_ONCE);
		assert_refused(w);
	}
	server_signal(&w->server, SIGCONT);
	world_await_up(w);
	/* The deadline is in earnest, and so may be a busy machine. */
	while (!world_has(w, 1))
		world_await_up(w);
	cache_entry_unref(&entry);
}

static void lives_with_one_that_is_frozen(void **state)
{
	freeze_and_thaw(state, "");
}

static void lives_with_one_that_is_frozen_at_its_greeting(void **state)
{
	freeze_and_thaw(state, "default:x@");
}

static void ends_lookups_of_a_frozen_one_together(void **state)
{
	struct world *w = hurry(state);
	struct look looks[500];

	world_open_server(w);
	server_signal(&w->server, SIGSTOP);
	for (unsigned i = 0; i < 500; i++)
		world_look(w, &looks[i], i);
	for (unsigned i = 0; i < 500; i++)
		world_await_look(w, &looks[i]);
	assert_false(redis_store_is_up(w->store));
	assert_int_equal(metric_value(metrics_of(w)->late) +
			     metric_value(metrics_of(w)->failed),
	    500);
	assert_int_equal(metric_value(metrics_of(w)->late), 5);
	server_signal(&w->server, SIGCONT);
	world_await_up(w);
}

/* A reply that comes after its look-up has ended is not the next one's. */
static void throws_late_replies_away(void **state)
{
	struct world *w = hurry(state);
	struct look look;

	world_open_server(w);
	world_store(w, 1);
	server_signal(&w->server, SIGSTOP);
	world_look(w, &look, 1);
	world_await(w, is_one_late, w);
	world_await_look(w, &look);
	assert_null(look.entry);
	server_signal(&w->server, SIGCONT);
	while (!world_has(w, 1))
		world_await_up(w);
	assert_int_equal(look.n_called, 1);
	assert_false(world_has(w, 2));
}

static bool have_two_failed(void *arg)
{
	return metric_value(metrics_of(arg)->store_failed) >= 2;
}

static void reads_from_one_that_is_full(void **state)
{
	struct world *w = *state;
	struct cache_entry *entry = entry_of(2, 200000, 3600 * NS_PER_S);

	world_open_server(w);
	world_store(w, 1);
	server_do(&w->server, "CONFIG SET maxmemory-policy noeviction");
	server_do(&w->server, "CONFIG SET maxmemory 1mb");
	redis_store_put(w->store, entry);
	redis_store_put(w->store, entry);
	world_await(w, have_two_failed, w);
	redis_store_put(w->store, entry); /* in the pause */
	assert_int_equal(metric_value(metrics_of(w)->store_failed), 3);
	for (int i = 0; i < 20; i++)
		assert_true(world_has(w, 1));
	assert_true(redis_store_is_up(w->store));
	server_do(&w->server, "CONFIG SET maxmemory 0");
	while (!world_has(w, 2)) {
		redis_store_put(w->store, entry);
		event_base_loop(w->base, EVLOOP_ONCE);
	}
	cache_entry_unref(&entry);
}

static void reads_from_one_that_is_read_only(void **state)
{
	struct world *w = *state;

	world_open_server(w);
	world_store(w, 1);
	server_do(&w->server, "REPLICAOF 127.0.0.1 1");
	world_store(w, 2);
	assert_int_equal(metric_value(metrics_of(w)->store_failed), 1);
	for (int i = 0; i < 20; i++)
		assert_true(world_has(w, 1));
	assert_false(world_has(w, 2));
	assert_true(redis_store_is_up(w->store));
}

static void lives_with_a_replica_that_serves_nothing_stale(void **state)
{
	struct world *w = *state;

	world_open_server(w);
	world_store(w, 1);
	server_do(&w->server, "CONFIG SET replica-serve-stale-data no");
	server_do(&w->server, "REPLICAOF 127.0.0.1 1");
	ask_until_down(w);
	for (int i = 0; i < 20; i++)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_refused(w);
	server_do(&w->server, "REPLICAOF NO ONE");
	world_await_up(w);
	assert_true(world_has(w, 1));
}

static void lives_with_one_that_wants_a_password_now(void **state)
{
	struct world *w = *state;

	world_open_server(w);
	world_store(w, 1);
	server_do(&w->server, "CONFIG SET requirepass new");
	server_do(&w->server, "CLIENT KILL TYPE normal SKIPME yes");
	ask_until_down(w);
	for (int i = 0; i < 20; i++)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_refused(w);
	world_open(w, "unix://:new@%s", w->server.socket);
	world_await_up(w);
	assert_true(world_has(w, 1));
	server_do(&w->server, "ACL SETUSER default nopass");
	world_open_server(w);
	assert_true(world_has(w, 1));
}

static void lives_with_one_that_forgets_who_it_is(void **state)
{
	struct world *w = *state;

	world_open_server(w);
	server_do(&w->server, "ACL SETUSER other on nopass ~* +@all");
	server_do(&w->server, "AUTH other x");
	server_do(&w->server, "ACL SETUSER default -get");
	ask_until_down(w);
	server_do(&w->server, "ACL SETUSER default +get");
	world_await_up(w);
}

/* --- a false one -----------------------------------------------------------
 */

#define NIL SPAN("$-1\r\n")

static struct pretender *begin(void **state, struct span says)
{
	struct world *w = hurry(state);
	static struct pretender p;

	p = (struct pretender){.says = says};
	pretender_start(&p, w->base);
	world_open(w, "unix://%s", p.socket);
	return &p;
}

static bool has_tried_again(void *arg)
{
	struct pretender *p = arg;

	return p->n_commands + p->n_accepted >= 8;
}

/* From the beginning, and from the middle; and then it is well again. */
static void endure(void **state, struct span says)
{
	struct world *w = hurry(state);
	struct pretender *p = begin(state, says);

	world_await(w, has_tried_again, p);
	assert_refused(w);
	p->says = NIL;
	p->delay_ms = 0;
	world_await_up(w);
	p->says = says;
	ask_until_down(w);
	assert_refused(w);
	p->says = NIL;
	world_await_up(w);
	redis_store_free(&w->store);
	pretender_free(p);
}

static void lives_with_errors(void **state)
{
	endure(state, SPAN("-LOADING Redis is loading\r\n"));
	endure(state, SPAN("-MOVED 1 127.0.0.1:7000\r\n"));
	endure(state, SPAN("-NOAUTH Authentication required.\r\n"));
	endure(state, SPAN("-ERR unknown\r\n"));
	endure(state, SPAN("-\r\n"));
}

static void lives_with_replies_of_the_wrong_kind(void **state)
{
	endure(state, SPAN("+OK\r\n"));
	endure(state, SPAN(":1\r\n"));
	endure(state, SPAN("*0\r\n"));
	endure(state, SPAN("*2\r\n$1\r\na\r\n$1\r\nb\r\n"));
	endure(state, SPAN("*2000000000\r\n"));
}

static void lives_with_another_protocol(void **state)
{
	endure(state, SPAN("HTTP/1.1 400 Bad Request\r\n\r\n"));
	endure(state, SPAN("\0\0\0\0\0\0\0\0"));
	endure(state, SPAN("$x\r\n"));
	endure(state, SPAN("$-5\r\n"));
	endure(state, SPAN("$99999999999999999999\r\n"));
	endure(state, SPAN("%1\r\n+a\r\n+b\r\n"));
}

/* hiredis's own event loop would end the process here. */
static void lives_with_more_answers_than_questions(void **state)
{
	endure(state, SPAN("$-1\r\n+OK\r\n"));
	endure(state, SPAN("$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"));
}

static void lives_with_replies_that_do_not_end(void **state)
{
	endure(state, SPAN("$100\r\nabc"));
	endure(state, SPAN("$"));
	endure(state, SPAN(""));
}

static void does_not_read_without_end(void **state)
{
	static char large[1 << 20];
	struct world *w = hurry(state);

	memset(large, 'x', sizeof(large));
	memcpy(large, "$900000000\r\n", 12);
	w->options.value_max = 1000;
	endure(state, span_make(large, sizeof(large)));
	memcpy(large, "+xxxxxxxxxxx", 12);
	endure(state, span_make(large, sizeof(large)));
}

static void lives_with_one_that_hangs_up(void **state)
{
	struct world *w = hurry(state);
	struct pretender *p = begin(state, SPAN("-ERR max clients\r\n"));

	p->hangs_up = p->speaks_first = true;
	world_await(w, has_tried_again, p);
	assert_refused(w);
	p->hangs_up = p->speaks_first = false;
	p->says = NIL;
	world_await_up(w);
	p->hangs_up = true;
	ask_until_down(w);
	p->hangs_up = false;
	world_await_up(w);
	redis_store_free(&w->store);
	pretender_free(p);
}

static void lives_with_one_that_is_slow(void **state)
{
	struct world *w = hurry(state);
	struct pretender *p = begin(state, NIL);
	unsigned before;

	world_await_up(w);
	p->delay_ms = 50;
	ask_until_down(w);
	assert_true(metric_value(metrics_of(w)->late) >= 5);
	before = p->n_commands;
	while (p->n_commands < before + 6) {
		event_base_loop(w->base, EVLOOP_ONCE);
		assert_refused(w);
	}
	p->delay_ms = 0;
	world_await_up(w);
	assert_false(world_has(w, 1));
	redis_store_free(&w->store);
	pretender_free(p);
}

/* Requests are not what it is tried with. */
static void probes_without_requests(void **state)
{
	struct world *w = hurry(state);
	struct pretender *p = begin(state, SPAN("-LOADING\r\n"));

	world_await(w, has_tried_again, p);
	p->says = NIL;
	world_await_up(w);
	assert_int_equal(metric_value(metrics_of(w)->skipped), 0);
	assert_int_equal(metric_value(metrics_of(w)->misses), 0);
	redis_store_free(&w->store);
	pretender_free(p);
}

int main(void)
{
#define REAL(name)                                                             \
	cmocka_unit_test_setup_teardown(name, world_start, world_stop)
#define FALSE(name)                                                            \
	cmocka_unit_test_setup_teardown(name, world_start_alone, world_stop)
	const struct CMUnitTest real_tests[] = {
	    REAL(lives_with_one_that_stops_and_starts),
	    REAL(waits_for_one_that_was_never_there),
	    REAL(lives_with_one_that_is_frozen),
	    REAL(lives_with_one_that_is_frozen_at_its_greeting),
	    REAL(ends_lookups_of_a_frozen_one_together),
	    REAL(throws_late_replies_away),
	    REAL(reads_from_one_that_is_full),
	    REAL(reads_from_one_that_is_read_only),
	    REAL(lives_with_a_replica_that_serves_nothing_stale),
	    REAL(lives_with_one_that_wants_a_password_now),
	    REAL(lives_with_one_that_forgets_who_it_is),
	};
	const struct CMUnitTest false_tests[] = {
	    FALSE(lives_with_errors),
	    FALSE(lives_with_replies_of_the_wrong_kind),
	    FALSE(lives_with_another_protocol),
	    FALSE(lives_with_more_answers_than_questions),
	    FALSE(lives_with_replies_that_do_not_end),
	    FALSE(does_not_read_without_end),
	    FALSE(lives_with_one_that_hangs_up),
	    FALSE(lives_with_one_that_is_slow),
	    FALSE(probes_without_requests),
	};
	int failures = cmocka_run_group_tests(false_tests, NULL, NULL);

	if (!server_is_installed()) {
		puts("skipped: no redis-server here (tools/deps test)");
		return failures ? failures : 77;
	}
	return failures + cmocka_run_group_tests(real_tests, NULL, NULL);
}
