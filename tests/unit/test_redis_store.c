/* test_redis_store.c -- look-ups and stores against a real redis-server. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/certificates.h"
#include "tests/unit/redis_fixture.h"

static const struct redis_metrics *metrics_of(const struct world *w)
{
	return &w->options.metrics;
}

/* The key of <n> as it stands in Redis. */
static const char *name_of(unsigned n)
{
	static char name[64];
	struct sha256 key = key_of(n);
	int len = snprintf(name, sizeof(name), "sluice:1:");

	for (int i = 0; i < 16; i++)
		len += snprintf(name + len, sizeof(name) - (size_t)len, "%02x",
		    key.bytes[i]);
	return name;
}

/* --- what is stored is found -----------------------------------------------
 */

static void finds_what_was_stored(void **state)
{
	struct world *w = *state;
	struct cache_entry *entry = entry_of(7, 1000, 3600 * NS_PER_S);
	struct cache_answer was, is;
	struct look look;

	world_open_server(w);
	assert_false(world_has(w, 7));
	world_store(w, 7);
	world_look(w, &look, 7);
	world_await_look(w, &look);
	assert_non_null(look.entry);
	cache_entry_answer(entry, &was);
	cache_entry_answer(look.entry, &is);
	assert_true(span_eq(was.body, is.body));
	assert_int_equal(is.input_tokens, 3);
	assert_int_equal(metric_value(metrics_of(w)->hits), 1);
	assert_int_equal(metric_value(metrics_of(w)->misses), 1);
	assert_int_equal(metric_value(metrics_of(w)->duration), 2);
	assert_int_equal(metric_value(metrics_of(w)->stored), 1);
	look_clear(&look);
	cache_entry_unref(&entry);
}

static void stores_with_the_time_that_is_left(void **state)
{
	struct world *w = *state;
	redisReply *reply;

	world_open_server(w);
	world_store(w, 1);
	reply = server_do(&w->server, "PTTL %s", name_of(1));
	assert_int_equal(reply->type, REDIS_REPLY_INTEGER);
	assert_in_range(reply->integer, 3000 * 1000, 3600 * 1000);
}

static void does_not_send_what_has_expired(void **state)
{
	struct world *w = *state;
	struct cache_entry *entry = entry_of(1, 10, -NS_PER_S);

	world_open_server(w);
	redis_store_put(w->store, entry);
	world_store(w, 2);
	assert_int_equal(metric_value(metrics_of(w)->store_failed), 1);
	assert_false(world_has(w, 1));
	cache_entry_unref(&entry);
}

static void shares_what_another_gateway_stored(void **state)
{
	struct world *w = *state;

	world_open_server(w);
	world_store(w, 5);
	world_open_server(w);
	assert_true(world_has(w, 5));
}

static void keeps_to_its_limits_of_size(void **state)
{
	struct world *w = *state;
	struct cache_entry *large = entry_of(1, 100 * 1000, NS_PER_S * 3600);

	w->options.value_max = 50 * 1000;
	world_open_server(w);
	redis_store_put(w->store, large);
	assert_int_equal(metric_value(metrics_of(w)->store_failed), 1);
	w->options.value_max = 200 * 1000;
	w->options.pending_max = 250 * 1000;
	world_open_server(w);
	for (int i = 0; i < 3; i++)
		redis_store_put(w->store, large);
	assert_int_equal(metric_value(metrics_of(w)->store_failed), 2);
	assert_true(world_has(w, 1));
	redis_store_put(w->store, large);
	assert_int_equal(metric_value(metrics_of(w)->store_failed), 2);
	cache_entry_unref(&large);
}

static void carries_values_of_megabytes(void **state)
{
	struct world *w = *state;
	struct cache_entry *entry = entry_of(9, 3500000, NS_PER_S * 3600);
	struct look look;

	world_open_server(w);
	redis_store_put(w->store, entry);
	redis_store_put(w->store, entry);
	world_store(w, 1);
	for (int i = 0; i < 3; i++) {
		world_look(w, &look, 9);
		world_await_look(w, &look);
		assert_non_null(look.entry);
		assert_true(span_eq(
		    cache_entry_bytes(entry), cache_entry_bytes(look.entry)));
		look_clear(&look);
	}
	assert_true(redis_store_is_up(w->store));
	cache_entry_unref(&entry);
}

/* --- what is no answer -----------------------------------------------------
 */

static void takes_no_value_that_is_not_its_own(void **state)
{
	struct world *w = *state;
	struct cache_entry *entry = entry_of(1, 500, NS_PER_S * 3600);
	struct cache_entry *old = entry_of(1, 500, -NS_PER_S);
	struct span good = cache_entry_bytes(entry);
	char bytes[1024];
	const struct redis_metrics *m = metrics_of(w);
	const char *name = name_of(1);

	assert_true(good.len < sizeof(bytes));
	memcpy(bytes, good.ptr, good.len);
	world_open_server(w);
	server_do(&w->server, "SET %s %s", name, "hello");
	assert_false(world_has(w, 1));
	assert_int_equal(metric_value(m->bad[CACHE_FOREIGN]) +
			     metric_value(m->bad[CACHE_TRUNCATED]),
	    1);
	server_do(&w->server, "SET %s %b", name, good.ptr, good.len - 1);
	assert_false(world_has(w, 1));
	bytes[good.len - 1] ^= 1;
	server_do(&w->server, "SET %s %b", name, bytes, good.len);
	assert_false(world_has(w, 1));
	assert_int_equal(metric_value(m->bad[CACHE_CORRUPT]), 1);
	server_do(&w->server, "SET %s %b", name_of(2), good.ptr, good.len);
	assert_false(world_has(w, 2));
	assert_int_equal(metric_value(m->bad[CACHE_OTHER_REQUEST]), 1);
	good = cache_entry_bytes(old);
	server_do(&w->server, "SET %s %b", name_of(1), good.ptr, good.len);
	assert_false(world_has(w, 1));
	assert_int_equal(metric_value(m->bad[CACHE_EXPIRED]), 1);
	server_do(&w->server, "DEL %s", name_of(1));
	server_do(&w->server, "HSET %s a b", name_of(1));
	for (int i = 0; i < 20; i++)
		assert_false(world_has(w, 1));
	server_do(&w->server, "SET %s %s", name_of(1), "");
	assert_false(world_has(w, 1));
	assert_int_equal(metric_value(m->misses), 26);
	assert_int_equal(metric_value(m->failed), 0);
	assert_true(redis_store_is_up(w->store));
	cache_entry_unref(&entry);
	cache_entry_unref(&old);
}

/* --- who may ---------------------------------------------------------------
 */

static void logs_in_and_selects_a_database(void **state)
{
	struct world *w = *state;

	server_do(
	    &w->server, "ACL SETUSER me on >p@ss ~sluice:* +get +set +select");
	server_do(&w->server, "CONFIG SET requirepass %s", "s/t%");
	world_open(w, "unix://:s%%2ft%%25@%s?db=3", w->server.socket);
	world_await_up(w);
	world_store(w, 1);
	server_do(&w->server, "SELECT 3");
	assert_int_equal(
	    server_do(&w->server, "EXISTS %s", name_of(1))->integer, 1);
	world_open(w, "redis://me:p%%40ss@127.0.0.1:%u/3", w->server.port);
	world_await_up(w);
	assert_true(world_has(w, 1));
	world_open(w, "redis://me:p%%40ss@127.0.0.1:%u", w->server.port);
	world_await_up(w);
	assert_false(world_has(w, 1));
}

/* The pauses go on, so that fixing it on the server is enough. */
static void comes_up_when_its_password_is_right(void **state)
{
	struct world *w = *state;
	struct look look;

	server_do(&w->server, "ACL SETUSER me on >right ~* +@all");
	world_open(w, "redis://me:wrong@127.0.0.1:%u", w->server.port);
	for (int i = 0; i < 50; i++) {
		event_base_loop(w->base, EVLOOP_ONCE);
		assert_false(redis_store_is_up(w->store));
	}
	world_look(w, &look, 1);
	assert_true(look.was_refused);
	assert_int_equal(metric_value(metrics_of(w)->skipped), 1);
	assert_int_equal(metric_value(metrics_of(w)->connects), 0);
	server_do(&w->server, "ACL SETUSER me >wrong");
	world_await_up(w);
}

static void refuses_a_database_that_is_not_there(void **state)
{
	struct world *w = *state;

	world_open(w, "unix://%s?db=1000", w->server.socket);
	for (int i = 0; i < 50; i++) {
		event_base_loop(w->base, EVLOOP_ONCE);
		assert_false(redis_store_is_up(w->store));
	}
}

/* --- names -----------------------------------------------------------------
 */

/* Both of its addresses may be there; the server listens on one. */
static void finds_a_name_of_the_hosts_file(void **state)
{
	struct world *w = *state;

	world_open(w, "redis://localhost:%u", w->server.port);
	world_await_up(w);
	assert_false(world_has(w, 1));
}

static void lives_with_a_name_that_is_nowhere(void **state)
{
	struct world *w = *state;
	struct look look;

	world_open(w, "redis://sluice-test.invalid:%u", w->server.port);
	world_look(w, &look, 1);
	assert_true(look.was_refused);
	redis_store_free(&w->store);
	world_turn(w);
	world_open(w, "redis://sluice-test.invalid:%u", w->server.port);
	for (int i = 0; i < 5; i++)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_false(redis_store_is_up(w->store));
}

/* --- TLS -------------------------------------------------------------------
 */

static void assert_stays_down(struct world *w)
{
	for (int i = 0; i < 50; i++) {
		event_base_loop(w->base, EVLOOP_ONCE);
		assert_false(redis_store_is_up(w->store));
	}
}

static void speaks_tls_to_whom_it_trusts(void **state)
{
	struct world *w = *state;
	struct certificate good, other;
	struct cache_entry *large;

	if (!redis_has_tls())
		skip();
	large = entry_of(9, 3500000, NS_PER_S * 3600);
	certificate_make(&good, "DNS:localhost,IP:127.0.0.1", 9);
	certificate_make(&other, "DNS:elsewhere", 9);
	server_start_tls(&w->server, good.cert_file, good.key_file);
	setenv("SSL_CERT_FILE", good.cert_file, 1);
	world_open(w, "rediss://localhost:%u", w->server.tls_port);
	world_await_up(w);
	world_store(w, 1);
	assert_true(world_has(w, 1));
	redis_store_put(w->store, large);
	assert_true(world_has(w, 1));
	assert_true(world_has(w, 9));
	world_open(w, "rediss://127.0.0.1:%u/1", w->server.tls_port);
	world_await_up(w);
	assert_false(world_has(w, 1));
	world_open(w, "rediss://127.0.0.1:%u", w->server.port);
	assert_stays_down(w); /* no TLS there */
	setenv("SSL_CERT_FILE", other.cert_file, 1);
	world_open(w, "rediss://localhost:%u", w->server.tls_port);
	assert_stays_down(w); /* of nobody we trust */
	server_free(&w->server);
	server_start_tls(&w->server, other.cert_file, other.key_file);
	world_open(w, "rediss://localhost:%u", w->server.tls_port);
	assert_stays_down(w); /* of another name */
	world_open(w, "rediss://127.0.0.1:%u", w->server.tls_port);
	assert_stays_down(w);
	unsetenv("SSL_CERT_FILE");
	certificate_remove(&good);
	certificate_remove(&other);
	cache_entry_unref(&large);
}

static void can_be_freed_in_any_handshake(void **state)
{
	struct world *w = *state;
	struct certificate good;

	if (!redis_has_tls())
		skip();
	certificate_make(&good, "DNS:localhost,IP:127.0.0.1", 9);
	server_start_tls(&w->server, good.cert_file, good.key_file);
	setenv("SSL_CERT_FILE", good.cert_file, 1);
	for (int turns = 0; turns < 20; turns++) {
		world_open(w, "rediss://127.0.0.1:%u", w->server.tls_port);
		for (int i = 0; i < turns; i++)
			event_base_loop(w->base, redis_store_is_up(w->store)
						     ? EVLOOP_NONBLOCK
						     : EVLOOP_ONCE);
	}
	unsetenv("SSL_CERT_FILE");
	certificate_remove(&good);
}

/* --- many at once ----------------------------------------------------------
 */

#define MANY 10000

struct tally {
	unsigned n, n_hits;
};

static void count_one(struct cache_entry *entry, void *arg)
{
	struct tally *tally = arg;

	tally->n++;
	tally->n_hits += entry != NULL;
	cache_entry_unref(&entry);
}

static bool are_all_back(void *arg)
{
	struct tally *tally = arg;

	return tally->n == MANY;
}

static void pipelines_ten_thousand_lookups(void **state)
{
	struct world *w = *state;
	struct tally tally = {0};

	world_open_server(w);
	for (unsigned i = 0; i < 10; i++)
		world_store(w, i);
	server_do(&w->server, "CONFIG RESETSTAT");
	for (unsigned i = 0; i < MANY; i++) {
		struct sha256 key = key_of(i % 20);

		assert_non_null(
		    redis_store_get(w->store, &key, count_one, &tally));
	}
	assert_int_equal(tally.n, 0);
	world_await(w, are_all_back, &tally);
	assert_int_equal(tally.n_hits, MANY / 2);
	assert_int_equal(metric_value(metrics_of(w)->late), 0);
}

static void bounds_what_is_under_way(void **state)
{
	struct world *w = *state;
	struct tally tally = {0};
	struct sha256 key = key_of(1);
	unsigned n = 0;

	world_open_server(w);
	while (redis_store_get(w->store, &key, count_one, &tally))
		n++;
	assert_in_range(n, MANY, 100000);
	redis_store_free(&w->store);
	assert_int_equal(tally.n, n);
}

/* --- leaving at any moment -------------------------------------------------
 */

static void calls_nobody_who_has_left(void **state)
{
	struct world *w = *state;
	struct look looks[20];

	world_open_server(w);
	world_store(w, 1);
	for (int i = 0; i < 20; i++)
		world_look(w, &looks[i], 1);
	for (int i = 0; i < 20; i += 2)
		redis_lookup_cancel(&looks[i].lookup);
	world_await_look(w, &looks[19]);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(looks[i].n_called, i % 2);
		look_clear(&looks[i]);
	}
	redis_lookup_cancel(&looks[0].lookup);
}

/* The first who is called does away with all others, found or not. */
struct party {
	struct world *world;
	struct redis_lookup *others[10];
	unsigned n_called;
	bool frees_store;
};

static void end_party(struct cache_entry *entry, void *arg)
{
	struct party *party = arg;

	cache_entry_unref(&entry);
	party->others[party->n_called] = NULL;
	if (party->n_called++ > 0)
		return;
	if (party->frees_store)
		redis_store_free(&party->world->store);
	else
		for (int i = 0; i < 10; i++)
			redis_lookup_cancel(&party->others[i]);
}

static bool has_begun(void *arg)
{
	struct party *party = arg;

	return party->n_called > 0;
}

static void lets_a_callback_cancel_and_free(void **state)
{
	struct world *w = *state;

	for (int frees = 0; frees < 2; frees++) {
		struct party party = {.world = w, .frees_store = frees};
		struct sha256 key = key_of(1);

		world_open_server(w);
		world_store(w, 1);
		for (int i = 0; i < 10; i++)
			party.others[i] =
			    redis_store_get(w->store, &key, end_party, &party);
		world_await(w, has_begun, &party);
		world_turn(w);
		assert_int_equal(party.n_called, frees ? 10 : 1);
	}
}

struct chain {
	struct world *world;
	unsigned n;
};

static void ask_again(struct cache_entry *entry, void *arg)
{
	struct chain *chain = arg;
	struct sha256 key = key_of(1);

	cache_entry_unref(&entry);
	if (++chain->n < 100)
		assert_non_null(redis_store_get(
		    chain->world->store, &key, ask_again, chain));
}

static bool is_chain_over(void *arg)
{
	struct chain *chain = arg;

	return chain->n == 100;
}

static void lets_a_callback_ask_again(void **state)
{
	struct world *w = *state;
	struct chain chain = {.world = w};

	world_open_server(w);
	ask_again(NULL, &chain);
	world_await(w, is_chain_over, &chain);
}

/* After each of the loop's first turns, with everything under way. */
static void can_be_freed_at_any_moment(void **state)
{
	struct world *w = *state;
	struct cache_entry *entry = entry_of(1, 100000, NS_PER_S * 3600);

	for (int turns = 0; turns < 40; turns++) {
		struct look looks[5];
		bool is_asked = false;

		world_open(w,
		    turns % 2 ? "redis://localhost:%u"
			      : "redis://:x@127.0.0.1:%u",
		    w->server.port);
		if (turns % 4 == 3)
			world_await_up(w);
		for (int i = 0; i < turns; i++) {
			world_turn(w);
			if (is_asked || !redis_store_is_up(w->store))
				continue;
			for (unsigned k = 0; k < 5; k++)
				world_look(w, &looks[k], k);
			for (unsigned k = 0; k < 20; k++)
				redis_store_put(w->store, entry);
			is_asked = true;
		}
		redis_store_free(&w->store);
		for (int k = 0; is_asked && k < 5; k++) {
			assert_int_equal(looks[k].n_called, 1);
			look_clear(&looks[k]);
		}
	}
	cache_entry_unref(&entry);
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, world_start, world_stop)
#define ALONE(name)                                                            \
	cmocka_unit_test_setup_teardown(name, world_start_alone, world_stop)
	const struct CMUnitTest tests[] = {
	    TEST(finds_what_was_stored),
	    TEST(stores_with_the_time_that_is_left),
	    TEST(does_not_send_what_has_expired),
	    TEST(shares_what_another_gateway_stored),
	    TEST(keeps_to_its_limits_of_size),
	    TEST(carries_values_of_megabytes),
	    TEST(takes_no_value_that_is_not_its_own),
	    TEST(logs_in_and_selects_a_database),
	    TEST(comes_up_when_its_password_is_right),
	    TEST(refuses_a_database_that_is_not_there),
	    TEST(finds_a_name_of_the_hosts_file),
	    TEST(lives_with_a_name_that_is_nowhere),
	    ALONE(speaks_tls_to_whom_it_trusts),
	    ALONE(can_be_freed_in_any_handshake),
	    TEST(pipelines_ten_thousand_lookups),
	    TEST(bounds_what_is_under_way),
	    TEST(calls_nobody_who_has_left),
	    TEST(lets_a_callback_cancel_and_free),
	    TEST(lets_a_callback_ask_again),
	    TEST(can_be_freed_at_any_moment),
	};

	if (!server_is_installed()) {
		puts("skipped: no redis-server here (tools/deps test)");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
