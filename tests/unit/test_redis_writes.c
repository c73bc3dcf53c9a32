/* test_redis_writes.c -- entries that wait to be sent: bounds and pauses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/redis_writes.h"

#define NOW (1000 * NS_PER_S)

static struct cache_entry *make_entry(size_t len)
{
	static const char body[1000];
	struct sha256 key = {.bytes = {1}};
	struct cache_answer answer = {.body = span_make(body, len)};

	return cache_entry_new(&key, &answer);
}

static size_t size_of(const struct cache_entry *entry)
{
	return cache_entry_bytes(entry).len;
}

static void gives_them_back_in_order(void **state)
{
	struct cache_entry *a = make_entry(1), *b = make_entry(2), *next;
	struct redis_writes w;

	(void)state;
	redis_writes_init(&w, 10000);
	assert_true(redis_writes_add(&w, a, NOW));
	assert_true(redis_writes_add(&w, b, NOW));
	next = redis_writes_next(&w);
	assert_ptr_equal(next, a);
	cache_entry_unref(&next);
	next = redis_writes_next(&w);
	assert_ptr_equal(next, b);
	cache_entry_unref(&next);
	assert_null(redis_writes_next(&w));
	cache_entry_unref(&a);
	cache_entry_unref(&b);
}

static void counts_bytes_until_they_are_over(void **state)
{
	struct cache_entry *entry = make_entry(100), *next;
	size_t size = size_of(entry);
	struct redis_writes w;

	(void)state;
	redis_writes_init(&w, 3 * size - 1);
	assert_true(redis_writes_add(&w, entry, NOW));
	assert_true(redis_writes_add(&w, entry, NOW));
	assert_false(redis_writes_add(&w, entry, NOW));
	next = redis_writes_next(&w);
	cache_entry_unref(&next);
	assert_false(redis_writes_add(&w, entry, NOW));
	redis_writes_over(&w, size);
	assert_true(redis_writes_add(&w, entry, NOW));
	assert_int_equal(redis_writes_drop(&w), 2);
	assert_int_equal(w.pending, 0);
	cache_entry_unref(&entry);
}

static void refuses_one_larger_than_all_room(void **state)
{
	struct cache_entry *entry = make_entry(100);
	struct redis_writes w;

	(void)state;
	redis_writes_init(&w, size_of(entry) - 1);
	assert_false(redis_writes_add(&w, entry, NOW));
	cache_entry_unref(&entry);
}

static void pauses_after_an_error_for_longer_each_time(void **state)
{
	struct cache_entry *entry = make_entry(1);
	int64_t pause = REDIS_WRITES_PAUSE_MIN, at = NOW;
	struct redis_writes w;

	(void)state;
	redis_writes_init(&w, 10000);
	for (int i = 0; i < 10; i++) {
		assert_true(redis_writes_refused(&w, at));
		assert_int_equal(w.pause_ns, pause);
		assert_false(redis_writes_refused(&w, at + pause - 1));
		assert_false(redis_writes_add(&w, entry, at + pause - 1));
		at += pause;
		assert_true(redis_writes_add(&w, entry, at));
		redis_writes_drop(&w);
		pause *= 2;
		if (pause > REDIS_WRITES_PAUSE_MAX)
			pause = REDIS_WRITES_PAUSE_MAX;
	}
	assert_int_equal(pause, REDIS_WRITES_PAUSE_MAX);
	assert_true(redis_writes_stored(&w));
	assert_false(redis_writes_stored(&w));
	assert_true(redis_writes_refused(&w, at));
	assert_int_equal(w.pause_ns, REDIS_WRITES_PAUSE_MIN);
	cache_entry_unref(&entry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_them_back_in_order),
	    cmocka_unit_test(counts_bytes_until_they_are_over),
	    cmocka_unit_test(refuses_one_larger_than_all_room),
	    cmocka_unit_test(pauses_after_an_error_for_longer_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
