/* test_redis_breaker.c -- when Redis is asked and when it is not. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/redis_breaker.h"

#define NOW (1000 * NS_PER_S)
#define MIN (100 * NS_PER_MS)
#define MAX (5 * NS_PER_S)

static struct redis_breaker make_closed(int64_t now_ns)
{
	struct redis_breaker b;

	redis_breaker_init(&b, MIN, MAX, 42);
	redis_breaker_probe(&b);
	assert_true(redis_breaker_probe_good(&b, now_ns));
	assert_int_equal(b.state, REDIS_CLOSED);
	return b;
}

/* A pause of <ns>, less at most its half. */
static void assert_pause(
    const struct redis_breaker *b, int64_t now_ns, int64_t ns)
{
	assert_int_equal(b->state, REDIS_OPEN);
	assert_true(b->retry_at_ns <= now_ns + ns);
	assert_true(b->retry_at_ns > now_ns + ns / 2);
	assert_false(redis_breaker_is_ripe(b, b->retry_at_ns - 1));
	assert_true(redis_breaker_is_ripe(b, b->retry_at_ns));
}

static void begins_open_and_ripe(void **state)
{
	struct redis_breaker b;

	(void)state;
	redis_breaker_init(&b, MIN, MAX, 0);
	assert_int_equal(b.state, REDIS_OPEN);
	assert_true(redis_breaker_is_ripe(&b, NOW));
}

static void opens_after_five_bad_ones_in_a_row(void **state)
{
	struct redis_breaker b = make_closed(NOW);

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_false(redis_breaker_bad(&b, NOW));
	assert_true(redis_breaker_bad(&b, NOW));
	assert_pause(&b, NOW, MIN);
	assert_false(redis_breaker_bad(&b, NOW));
}

static void forgets_a_row_that_a_good_one_ends(void **state)
{
	struct redis_breaker b = make_closed(NOW);

	(void)state;
	for (int i = 0; i < 5; i++) {
		redis_breaker_good(&b, NOW);
		assert_false(redis_breaker_bad(&b, NOW));
		assert_false(redis_breaker_bad(&b, NOW));
	}
	assert_int_equal(b.state, REDIS_CLOSED);
}

static void opens_when_a_quarter_is_bad(void **state)
{
	struct redis_breaker b = make_closed(NOW);
	int n = 0;

	(void)state;
	for (; b.state == REDIS_CLOSED && n < 1000; n++) {
		if (n % 4 == 3)
			redis_breaker_bad(&b, NOW + n * NS_PER_MS);
		else
			redis_breaker_good(&b, NOW + n * NS_PER_MS);
	}
	assert_int_equal(n, REDIS_BREAKER_LEAST);
	assert_int_equal(b.state, REDIS_OPEN);
}

static void stays_closed_when_a_fifth_is_bad(void **state)
{
	struct redis_breaker b = make_closed(NOW);

	(void)state;
	for (int n = 0; n < 10000; n++) {
		if (n % 5 == 4)
			redis_breaker_bad(&b, NOW + n * NS_PER_MS);
		else
			redis_breaker_good(&b, NOW + n * NS_PER_MS);
	}
	assert_int_equal(b.state, REDIS_CLOSED);
}

/* Three bad of twelve are a quarter, but of too few; old ones do not help. */
static void forgets_what_is_two_seconds_old(void **state)
{
	struct redis_breaker b = make_closed(NOW);

	(void)state;
	for (int64_t second = 0; second < 20; second += 2) {
		for (int n = 0; n < 12; n++) {
			int64_t at = NOW + second * NS_PER_S;

			if (n % 4)
				redis_breaker_good(&b, at);
			else
				assert_false(redis_breaker_bad(&b, at));
		}
	}
	assert_int_equal(b.now.n, 12);
	assert_int_equal(b.before.n, 0);
	redis_breaker_good(&b, NOW + 19 * NS_PER_S);
	assert_int_equal(b.before.n, 12);
}

static void opens_at_once_when_the_connection_is_lost(void **state)
{
	struct redis_breaker b = make_closed(NOW);

	(void)state;
	redis_breaker_lost(&b, NOW);
	assert_pause(&b, NOW, MIN);
	redis_breaker_probe(&b);
	assert_true(redis_breaker_probe_good(&b, NOW + MIN));
}

static void wants_three_good_probes_after_bad_lookups(void **state)
{
	struct redis_breaker b = make_closed(NOW);

	(void)state;
	while (!redis_breaker_bad(&b, NOW))
		;
	redis_breaker_probe(&b);
	assert_int_equal(b.state, REDIS_HALF_OPEN);
	assert_false(redis_breaker_probe_good(&b, NOW + MIN));
	assert_false(redis_breaker_probe_good(&b, NOW + MIN));
	redis_breaker_probe_bad(&b, NOW + MIN);
	assert_pause(&b, NOW + MIN, 2 * MIN);
	redis_breaker_probe(&b);
	assert_false(redis_breaker_probe_good(&b, NOW + 3 * MIN));
	assert_false(redis_breaker_probe_good(&b, NOW + 3 * MIN));
	assert_true(redis_breaker_probe_good(&b, NOW + 3 * MIN));
}

static void doubles_its_pause_up_to_the_limit(void **state)
{
	struct redis_breaker b = make_closed(NOW);
	int64_t pause = MIN;

	(void)state;
	redis_breaker_lost(&b, NOW);
	for (int i = 0; i < 20; i++) {
		assert_pause(&b, NOW, pause);
		redis_breaker_probe(&b);
		if (i % 2)
			redis_breaker_lost(&b, NOW);
		else
			redis_breaker_probe_bad(&b, NOW);
		pause = pause * 2 < MAX ? pause * 2 : MAX;
	}
	assert_int_equal(pause, MAX);
}

static void begins_anew_only_after_a_calm_time(void **state)
{
	struct redis_breaker b = make_closed(NOW);
	int64_t at = NOW;

	(void)state;
	redis_breaker_lost(&b, at);
	redis_breaker_probe(&b);
	assert_true(redis_breaker_probe_good(&b, at));
	at += REDIS_BREAKER_CALM - 1;
	redis_breaker_lost(&b, at);
	assert_pause(&b, at, 2 * MIN);
	redis_breaker_probe(&b);
	assert_true(redis_breaker_probe_good(&b, at));
	at += REDIS_BREAKER_CALM;
	redis_breaker_lost(&b, at);
	assert_pause(&b, at, MIN);
}

static void spreads_its_probes(void **state)
{
	int64_t first = 0, last = INT64_MAX;

	(void)state;
	for (uint64_t seed = 1; seed < 200; seed++) {
		struct redis_breaker b;

		redis_breaker_init(&b, MIN, MAX, seed * 0x9e3779b97f4a7c15);
		redis_breaker_probe(&b);
		redis_breaker_probe_bad(&b, NOW);
		assert_pause(&b, NOW, MIN);
		first = b.retry_at_ns > first ? b.retry_at_ns : first;
		last = b.retry_at_ns < last ? b.retry_at_ns : last;
	}
	assert_true(first - last > MIN / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(begins_open_and_ripe),
	    cmocka_unit_test(opens_after_five_bad_ones_in_a_row),
	    cmocka_unit_test(forgets_a_row_that_a_good_one_ends),
	    cmocka_unit_test(opens_when_a_quarter_is_bad),
	    cmocka_unit_test(stays_closed_when_a_fifth_is_bad),
	    cmocka_unit_test(forgets_what_is_two_seconds_old),
	    cmocka_unit_test(opens_at_once_when_the_connection_is_lost),
	    cmocka_unit_test(wants_three_good_probes_after_bad_lookups),
	    cmocka_unit_test(doubles_its_pause_up_to_the_limit),
	    cmocka_unit_test(begins_anew_only_after_a_calm_time),
	    cmocka_unit_test(spreads_its_probes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
