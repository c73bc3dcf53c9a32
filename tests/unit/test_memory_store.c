/* test_memory_store.c -- bounds, expiry, scans, and many threads at once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "cache/memory_store.h"

#define HOUR (3600 * NS_PER_S)
#define FAR INT64_C(4000000000000000000)

static struct sha256 key_of(uint64_t number)
{
	return hash_sha256(span_make((const char *)&number, sizeof(number)));
}

/* The body is the number, over and over, so that an answer tells whose it is.
 */
static struct cache_entry *entry_of(uint64_t number, size_t len, int64_t until)
{
	struct sha256 key = key_of(number);
	char *body = malloc(len + sizeof(number));
	struct cache_entry *entry;

	assert_non_null(body);
	for (size_t at = 0; at < len; at += sizeof(number))
		memcpy(body + at, &number, sizeof(number));
	entry = cache_entry_new(&key, &(struct cache_answer){
					  .body = {body, len},
					  .expires_utc_ns = until,
				      });
	free(body);
	return entry;
}

static bool put_until(
    struct memory_store *store, uint64_t number, size_t len, int64_t until)
{
	struct cache_entry *entry = entry_of(number, len, until);
	bool is_kept = memory_store_put(store, entry);

	cache_entry_unref(&entry);
	return is_kept;
}

static bool put(struct memory_store *store, uint64_t number, size_t len)
{
	return put_until(store, number, len, FAR);
}

static bool is_of(struct cache_entry *entry, uint64_t number)
{
	struct cache_answer answer;

	cache_entry_answer(entry, &answer);
	for (size_t at = 0; at + sizeof(number) <= answer.body.len;
	     at += sizeof(number)) {
		if (memcmp(answer.body.ptr + at, &number, sizeof(number)) != 0)
			return false;
	}
	return true;
}

static bool get_at(struct memory_store *store, uint64_t number, int64_t now)
{
	struct sha256 key = key_of(number);
	struct cache_entry *entry = memory_store_get(store, &key, now);
	bool is_found = entry != NULL;

	if (entry)
		assert_true(is_of(entry, number));
	cache_entry_unref(&entry);
	return is_found;
}

static bool get(struct memory_store *store, uint64_t number)
{
	return get_at(store, number, 0);
}

static struct memory_store_counts count(struct memory_store *store)
{
	struct memory_store_counts counts;

	memory_store_count(store, &counts);
	return counts;
}

static void finds_what_was_put_and_nothing_else(void **state)
{
	struct memory_store *store = memory_store_new((size_t)64 << 20);

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(put(store, i, 500));
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(get(store, i));
	for (uint64_t i = 1000; i < 2000; i++)
		assert_false(get(store, i));
	assert_int_equal(count(store).entries, 1000);
	assert_int_equal(count(store).evicted, 0);
	memory_store_free(&store);
	assert_null(store);
	memory_store_free(&store);
}

static void an_entry_outlives_its_place_in_the_store(void **state)
{
	struct memory_store *store = memory_store_new((size_t)1 << 20);
	struct sha256 key = key_of(7);
	struct cache_entry *entry;

	(void)state;
	assert_true(put(store, 7, 100));
	entry = memory_store_get(store, &key, 0);
	assert_non_null(entry);
	memory_store_remove(store, &key);
	assert_false(get(store, 7));
	memory_store_remove(store, &key);
	memory_store_free(&store);
	assert_true(is_of(entry, 7));
	cache_entry_unref(&entry);
}

static void a_second_entry_takes_the_place_of_the_first(void **state)
{
	struct memory_store *store = memory_store_new((size_t)1 << 20);
	struct sha256 key = key_of(7);
	struct cache_entry *second = entry_of(7, 2000, FAR), *found;
	uint64_t bytes;

	(void)state;
	assert_true(put(store, 7, 100));
	bytes = count(store).bytes;
	assert_true(memory_store_put(store, second));
	found = memory_store_get(store, &key, 0);
	assert_ptr_equal(found, second);
	cache_entry_unref(&found);
	assert_int_equal(count(store).entries, 1);
	assert_in_range(count(store).bytes - bytes, 1800, 2000);
	assert_true(memory_store_put(store, second));
	assert_int_equal(count(store).entries, 1);
	assert_true(get(store, 7));
	cache_entry_unref(&second);
	memory_store_free(&store);
}

static void stays_within_its_bytes_whatever_is_put(void **state)
{
	static const size_t maxima[] = {
	    (size_t)64 << 10, (size_t)1 << 20, (size_t)20 << 20};
	uint64_t random = 1;

	(void)state;
	for (size_t m = 0; m < sizeof(maxima) / sizeof(*maxima); m++) {
		struct memory_store *store = memory_store_new(maxima[m]);

		for (uint64_t i = 0; i < 20000; i++) {
			random = random * UINT64_C(6364136223846793005) + 1;
			put(store, i, (random >> 33) % 6000);
			if (i % 16 == 0)
				assert_true(count(store).bytes <= maxima[m]);
			get(store, (random >> 40) % (i + 1));
		}
		assert_true(count(store).bytes <= maxima[m]);
		assert_true(count(store).bytes > maxima[m] / 10 * 8);
		memory_store_free(&store);
	}
}

static void refuses_an_entry_larger_than_an_eighth_of_a_shard(void **state)
{
	struct memory_store *store = memory_store_new((size_t)1 << 20);

	(void)state;
	assert_true(put(store, 1, 100000));
	assert_false(put(store, 2, 140000));
	assert_int_equal(count(store).refused, 1);
	assert_true(get(store, 1));
	assert_false(get(store, 2));
	memory_store_free(&store);
}

static void what_was_to_be_replaced_is_gone_when_the_new_one_is_refused(
    void **state)
{
	struct memory_store *store = memory_store_new((size_t)1 << 20);

	(void)state;
	assert_true(put(store, 1, 100));
	assert_false(put(store, 1, 140000));
	assert_false(get(store, 1));
	assert_int_equal(count(store).entries, 0);
	memory_store_free(&store);
}

static void a_store_without_room_keeps_nothing(void **state)
{
	struct memory_store *store = memory_store_new(0);

	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		assert_false(put(store, i, 0));
	assert_int_equal(count(store).entries, 0);
	assert_int_equal(count(store).refused, 10);
	memory_store_free(&store);
}

static void an_expired_entry_is_not_found_and_is_dropped(void **state)
{
	struct memory_store *store = memory_store_new((size_t)1 << 20);
	uint64_t empty = count(store).bytes;

	(void)state;
	assert_true(put_until(store, 1, 100, HOUR));
	assert_true(get_at(store, 1, HOUR - 1));
	assert_false(get_at(store, 1, HOUR));
	assert_int_equal(count(store).expired, 1);
	assert_int_equal(count(store).entries, 0);
	assert_int_equal(count(store).bytes, empty);
	memory_store_free(&store);
}

/* Nobody asks for the old ones again: puts of others find them. */
static void expired_entries_make_way_without_being_asked_for(void **state)
{
	struct memory_store *store = memory_store_new((size_t)4 << 20);

	(void)state;
	for (uint64_t i = 0; i < 500; i++)
		assert_true(put_until(store, i, 1000, HOUR));
	assert_false(get_at(store, 9999, HOUR));
	for (uint64_t i = 500; i < 1000; i++)
		assert_true(put_until(store, i, 1000, 2 * HOUR));
	assert_int_equal(count(store).entries, 500);
	assert_int_equal(count(store).expired, 500);
	assert_int_equal(count(store).evicted, 0);
	memory_store_free(&store);
}

/* LRU would have lost every one of the hundred. */
static void a_scan_does_not_push_out_what_is_asked_for(void **state)
{
	struct memory_store *store = memory_store_new((size_t)1 << 20);
	int found = 0;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (uint64_t i = 0; i < 100; i++) {
			if (!get(store, i))
				put(store, i, 1000);
		}
	}
	for (uint64_t i = 1000; i < 11000; i++) {
		if (!get(store, i))
			put(store, i, 1000);
	}
	for (uint64_t i = 0; i < 100; i++)
		found += get(store, i);
	assert_int_equal(found, 100);
	assert_in_range(count(store).evicted, 9000, 11000);
	memory_store_free(&store);
}

/* It left the small queue unused, and came back while that was remembered. */
static void what_comes_back_soon_is_kept_through_the_next_scan(void **state)
{
	struct memory_store *store = memory_store_new((size_t)1 << 20);

	(void)state;
	for (uint64_t i = 100000; i < 101000; i++)
		assert_true(put(store, i, 1000));
	assert_true(put(store, 2, 1000));
	for (uint64_t i = 200000; i < 201000; i++)
		assert_true(put(store, i, 1000));
	assert_false(get(store, 2));
	assert_true(put(store, 2, 1000));
	for (uint64_t i = 300000; i < 310000; i++)
		assert_true(put(store, i, 1000));
	assert_true(get(store, 2));
	memory_store_free(&store);
}

/* What left more evictions ago than there are entries is new again. */
static void what_comes_back_late_is_new(void **state)
{
	struct memory_store *store = memory_store_new((size_t)1 << 20);

	(void)state;
	for (uint64_t i = 0; i < 20; i++)
		assert_true(put(store, i, 1000));
	for (uint64_t i = 1000; i < 2900; i++)
		assert_true(put(store, i, 1000));
	for (uint64_t i = 0; i < 20; i++)
		assert_true(put(store, i, 1000));
	for (uint64_t i = 3000; i < 5000; i++)
		assert_true(put(store, i, 1000));
	for (uint64_t i = 0; i < 20; i++)
		assert_false(get(store, i));
	memory_store_free(&store);
}

/* 1 waits in the small queue and was asked for, 2 is in the main queue. */
static void a_replaced_entry_keeps_its_standing(void **state)
{
	struct memory_store *store = memory_store_new((size_t)1 << 20);

	(void)state;
	assert_true(put(store, 2, 1000));
	assert_true(get(store, 2));
	for (uint64_t i = 1000; i < 3000; i++)
		assert_true(put(store, i, 1000));
	assert_true(put(store, 1, 1000));
	assert_true(get(store, 1));
	assert_true(put(store, 1, 1100));
	assert_true(put(store, 2, 1100));
	for (uint64_t i = 3000; i < 5000; i++)
		assert_true(put(store, i, 1000));
	assert_true(get(store, 1));
	assert_true(get(store, 2));
	memory_store_free(&store);
}

/* Interest ends: what was hot must not stay for ever. */
static void what_is_not_asked_for_any_more_leaves(void **state)
{
	struct memory_store *store = memory_store_new((size_t)1 << 20);
	int old = 0, new = 0;

	(void)state;
	for (int round = 0; round < 10; round++) {
		for (uint64_t i = 0; i < 600; i++) {
			if (!get(store, i))
				put(store, i, 1000);
		}
	}
	for (int round = 0; round < 10; round++) {
		for (uint64_t i = 1000; i < 1600; i++) {
			if (!get(store, i))
				put(store, i, 1000);
		}
	}
	for (uint64_t i = 0; i < 600; i++) {
		old += get(store, i);
		new += get(store, i + 1000);
	}
	assert_true(new > 500);
	assert_true(old < 300);
	memory_store_free(&store);
}

static void shrinking_evicts_at_once_and_growing_makes_room(void **state)
{
	struct memory_store *store = memory_store_new((size_t)32 << 20);

	(void)state;
	for (uint64_t i = 0; i < 40000; i++)
		put(store, i, 1000);
	assert_in_range(count(store).entries, 23000, 30000);
	memory_store_set_max(store, (size_t)2 << 20);
	assert_true(count(store).bytes <= (size_t)2 << 20);
	assert_in_range(count(store).entries, 1300, 1800);
	memory_store_set_max(store, (size_t)64 << 20);
	for (uint64_t i = 0; i < 40000; i++) {
		if (!get(store, i))
			assert_true(put(store, i, 1000));
	}
	assert_int_equal(count(store).entries, 40000);
	for (uint64_t i = 0; i < 40000; i++)
		assert_true(get(store, i));
	memory_store_set_max(store, 0);
	assert_int_equal(count(store).entries, 0);
	memory_store_free(&store);
}

/* --- threads -------------------------------------------------------------- */

#define THREADS 4
#define TURNS 20000
#define KEYS 600

struct worker {
	struct memory_store *store;
	uint64_t random;
	uint64_t n_found;
	uint64_t n_wrong;
};

static uint64_t draw(struct worker *worker, uint64_t below)
{
	worker->random = worker->random * UINT64_C(6364136223846793005) + 1;
	return (worker->random >> 33) % below;
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (int i = 0; i < TURNS; i++) {
		uint64_t number = draw(worker, KEYS), what = draw(worker, 1000);
		struct sha256 key = key_of(number);
		struct cache_entry *entry;

		if (what == 0) {
			memory_store_set_max(worker->store,
			    ((size_t)64 << 10) << draw(worker, 4));
			continue;
		}
		if (what < 20) {
			memory_store_remove(worker->store, &key);
			continue;
		}
		entry = memory_store_get(worker->store, &key, i);
		if (entry) {
			worker->n_found++;
			worker->n_wrong += !is_of(entry, number);
		} else {
			entry = entry_of(number, 300 + number, i + TURNS / 4);
			memory_store_put(worker->store, entry);
		}
		cache_entry_unref(&entry);
	}
	return NULL;
}

static void threads_get_put_remove_and_resize_at_once(void **state)
{
	struct memory_store *store = memory_store_new((size_t)16 << 20);
	struct worker workers[THREADS];
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){store, (uint64_t)i + 1, 0, 0};
		assert_int_equal(
		    pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].n_wrong, 0);
		assert_true(workers[i].n_found > 0);
	}
	memory_store_set_max(store, (size_t)64 << 10);
	assert_true(count(store).bytes <= (size_t)64 << 10);
	assert_true(count(store).entries <= KEYS);
	memory_store_free(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_was_put_and_nothing_else),
	    cmocka_unit_test(an_entry_outlives_its_place_in_the_store),
	    cmocka_unit_test(a_second_entry_takes_the_place_of_the_first),
	    cmocka_unit_test(stays_within_its_bytes_whatever_is_put),
	    cmocka_unit_test(refuses_an_entry_larger_than_an_eighth_of_a_shard),
	    cmocka_unit_test(
		what_was_to_be_replaced_is_gone_when_the_new_one_is_refused),
	    cmocka_unit_test(a_store_without_room_keeps_nothing),
	    cmocka_unit_test(an_expired_entry_is_not_found_and_is_dropped),
	    cmocka_unit_test(expired_entries_make_way_without_being_asked_for),
	    cmocka_unit_test(a_scan_does_not_push_out_what_is_asked_for),
	    cmocka_unit_test(
		what_comes_back_soon_is_kept_through_the_next_scan),
	    cmocka_unit_test(what_comes_back_late_is_new),
	    cmocka_unit_test(a_replaced_entry_keeps_its_standing),
	    cmocka_unit_test(what_is_not_asked_for_any_more_leaves),
	    cmocka_unit_test(shrinking_evicts_at_once_and_growing_makes_room),
	    cmocka_unit_test(threads_get_put_remove_and_resize_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
