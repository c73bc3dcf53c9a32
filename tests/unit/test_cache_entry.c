/* test_cache_entry.c -- entries come back whole or not at all. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "cache/entry.h"

#define HEADER_LEN 120
#define NOW INT64_C(1800000000000000000)
#define HOUR (3600 * NS_PER_S)

static const struct cache_answer events = {
    .form = CACHE_EVENTS,
    .body = {"data: {\"a\":1}\n\ndata: {\"usage\":2}\n\ndata: [DONE]\n\n", 48},
    .usage_at = 15,
    .usage_len = 19,
    .done_at = 34,
    .input_tokens = 12,
    .cached_tokens = 3,
    .output_tokens = 45,
    .stored_utc_ns = NOW,
    .expires_utc_ns = NOW + HOUR,
    .attempt = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255},
};

static struct sha256 key_of(const char *text)
{
	return hash_sha256(span_of(text));
}

static void assert_same_answer(
    const struct cache_answer *a, const struct cache_answer *b)
{
	assert_int_equal(a->form, b->form);
	assert_true(span_eq(a->body, b->body));
	assert_int_equal(a->usage_at, b->usage_at);
	assert_int_equal(a->usage_len, b->usage_len);
	assert_int_equal(a->done_at, b->done_at);
	assert_int_equal(a->input_tokens, b->input_tokens);
	assert_int_equal(a->cached_tokens, b->cached_tokens);
	assert_int_equal(a->output_tokens, b->output_tokens);
	assert_int_equal(a->stored_utc_ns, b->stored_utc_ns);
	assert_int_equal(a->expires_utc_ns, b->expires_utc_ns);
	assert_memory_equal(a->attempt, b->attempt, sizeof(a->attempt));
}

/* Reads <bytes> from a block of exactly their length. */
static struct cache_entry *read_exact(const struct sha256 *key,
    struct span bytes, int64_t now, enum cache_fault *fault)
{
	char *exact = malloc(bytes.len ? bytes.len : 1);
	struct cache_entry *entry;

	assert_non_null(exact);
	if (bytes.len)
		memcpy(exact, bytes.ptr, bytes.len);
	entry = cache_entry_read(key, span_make(exact, bytes.len), now, fault);
	assert_int_equal(entry != NULL, *fault == CACHE_GOOD);
	free(exact);
	return entry;
}

static void assert_refused(const struct sha256 *key, struct span bytes,
    int64_t now, enum cache_fault expected)
{
	enum cache_fault fault;

	assert_null(read_exact(key, bytes, now, &fault));
	assert_string_equal(
	    cache_fault_name(fault), cache_fault_name(expected));
}

static void assert_comes_back(const struct cache_answer *answer)
{
	struct sha256 key = key_of("question");
	struct cache_entry *entry = cache_entry_new(&key, answer), *again;
	struct cache_answer read;
	enum cache_fault fault;

	cache_entry_answer(entry, &read);
	assert_same_answer(&read, answer);
	assert_memory_equal(cache_entry_key(entry), &key, sizeof(key));
	assert_int_equal(
	    cache_entry_expires_utc_ns(entry), answer->expires_utc_ns);
	assert_true(cache_entry_size(entry) > cache_entry_bytes(entry).len);
	again = read_exact(
	    &key, cache_entry_bytes(entry), answer->stored_utc_ns, &fault);
	assert_non_null(again);
	cache_entry_answer(again, &read);
	assert_same_answer(&read, answer);
	assert_true(
	    span_eq(cache_entry_bytes(again), cache_entry_bytes(entry)));
	cache_entry_unref(&entry);
	cache_entry_unref(&again);
	assert_null(again);
}

static void answers_of_both_forms_come_back(void **state)
{
	struct cache_answer json = events;

	(void)state;
	assert_comes_back(&events);
	json.form = CACHE_JSON;
	json.usage_at = json.usage_len = json.done_at = 0;
	assert_comes_back(&json);
	json.body = span_make(NULL, 0);
	assert_comes_back(&json);
	json.input_tokens = INT64_MAX;
	json.expires_utc_ns = INT64_MAX;
	assert_comes_back(&json);
}

static void marks_may_lie_at_both_ends_of_the_body(void **state)
{
	struct cache_answer answer = events;

	(void)state;
	answer.usage_at = 0;
	answer.usage_len = answer.done_at = (uint32_t)answer.body.len;
	assert_comes_back(&answer);
	answer.usage_len = answer.done_at = 0;
	assert_comes_back(&answer);
}

static void a_json_answer_has_no_marks(void **state)
{
	struct cache_answer answer = events;
	struct sha256 key = key_of("question");
	struct cache_entry *entry;

	(void)state;
	answer.form = CACHE_JSON;
	entry = cache_entry_new(&key, &answer);
	cache_entry_answer(entry, &answer);
	assert_int_equal(answer.usage_at, 0);
	assert_int_equal(answer.usage_len, 0);
	assert_int_equal(answer.done_at, 0);
	cache_entry_unref(&entry);
}

/* The layout is what other versions and machines read: byte by byte. */
static void the_header_is_as_documented(void **state)
{
	struct sha256 key = key_of("question");
	struct cache_entry *entry = cache_entry_new(&key, &events);
	const uint8_t *bytes = (const uint8_t *)cache_entry_bytes(entry).ptr;
	static const uint8_t fields[] = {1, 0, 1, 0, 48, 0, 0, 0};
	static const uint8_t counts[] = {12, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0,
	    0, 0, 0, 45, 0, 0, 0, 0, 0, 0, 0, 15, 0, 0, 0, 19, 0, 0, 0, 34, 0,
	    0, 0, 0, 0, 0, 0};
	uint32_t crc = hash_crc32c(
	    hash_crc32c(0, "SLCE", 4), bytes + 8, HEADER_LEN - 8 + 48);

	(void)state;
	assert_int_equal(cache_entry_bytes(entry).len, HEADER_LEN + 48);
	assert_memory_equal(bytes, "SLCE", 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(bytes[4 + i], crc >> 8 * i & 0xff);
	assert_memory_equal(bytes + 8, fields, sizeof(fields));
	for (int i = 0; i < 8; i++) {
		assert_int_equal(bytes[16 + i], (uint64_t)NOW >> 8 * i & 0xff);
		assert_int_equal(
		    bytes[24 + i], (uint64_t)(NOW + HOUR) >> 8 * i & 0xff);
	}
	assert_memory_equal(bytes + 32, counts, sizeof(counts));
	assert_memory_equal(bytes + 72, events.attempt, 16);
	assert_memory_equal(bytes + 88, key.bytes, SHA256_LEN);
	assert_memory_equal(bytes + HEADER_LEN, events.body.ptr, 48);
	cache_entry_unref(&entry);
}

static void refuses_an_entry_with_any_bit_turned(void **state)
{
	struct sha256 key = key_of("question");
	struct cache_entry *entry = cache_entry_new(&key, &events);
	struct span good = cache_entry_bytes(entry);
	char *bytes = malloc(good.len);
	enum cache_fault fault;

	(void)state;
	assert_non_null(bytes);
	for (size_t bit = 0; bit < good.len * 8; bit++) {
		memcpy(bytes, good.ptr, good.len);
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		assert_null(
		    read_exact(&key, span_make(bytes, good.len), NOW, &fault));
		assert_true(fault == CACHE_CORRUPT || bit / 8 < 4 ||
			    (bit / 8 >= 8 && bit / 8 < 16));
	}
	free(bytes);
	cache_entry_unref(&entry);
}

static void refuses_an_entry_of_any_other_length(void **state)
{
	struct sha256 key = key_of("question");
	struct cache_entry *entry = cache_entry_new(&key, &events);
	struct span good = cache_entry_bytes(entry);
	char longer[HEADER_LEN + 49] = {0};

	(void)state;
	for (size_t len = 0; len < good.len; len++)
		assert_refused(
		    &key, span_head(good, len), NOW, CACHE_TRUNCATED);
	assert_int_equal(good.len + 1, sizeof(longer));
	memcpy(longer, good.ptr, good.len);
	assert_refused(
	    &key, span_make(longer, sizeof(longer)), NOW, CACHE_TRUNCATED);
	cache_entry_unref(&entry);
}

static void refuses_what_is_foreign_stale_or_of_another_request(void **state)
{
	struct sha256 key = key_of("question"), other = key_of("another");
	struct cache_entry *entry = cache_entry_new(&key, &events);
	struct span good = cache_entry_bytes(entry);
	char page[HEADER_LEN + 48];

	(void)state;
	assert_refused(&other, good, NOW, CACHE_OTHER_REQUEST);
	assert_refused(&key, good, NOW + HOUR, CACHE_EXPIRED);
	assert_refused(&key, good, INT64_MAX, CACHE_EXPIRED);
	assert_refused(&key, SPAN("<html>"), NOW, CACHE_FOREIGN);
	assert_refused(&key, SPAN("{"), NOW, CACHE_FOREIGN);
	memcpy(page, good.ptr, sizeof(page));
	page[8] = 2;
	assert_refused(&key, span_make(page, sizeof(page)), NOW, CACHE_FOREIGN);
	memset(page, 0, sizeof(page));
	assert_refused(&key, span_make(page, sizeof(page)), NOW, CACHE_FOREIGN);
	cache_entry_unref(&entry);
}

/* Sets <len> bytes at <at> to <value> and makes the checksum right again. */
static void assert_forgery_refused(size_t at, const char *value, size_t len)
{
	struct sha256 key = key_of("question");
	struct cache_entry *entry = cache_entry_new(&key, &events);
	char bytes[HEADER_LEN + 48];
	uint32_t crc;

	memcpy(bytes, cache_entry_bytes(entry).ptr, sizeof(bytes));
	memcpy(bytes + at, value, len);
	crc = hash_crc32c(0, bytes, 4);
	crc = hash_crc32c(crc, bytes + 8, sizeof(bytes) - 8);
	for (int i = 0; i < 4; i++)
		bytes[4 + i] = (char)(crc >> 8 * i & 0xff);
	assert_refused(
	    &key, span_make(bytes, sizeof(bytes)), NOW, CACHE_CORRUPT);
	cache_entry_unref(&entry);
}

static void refuses_fields_that_cannot_be_though_the_checksum_is_right(
    void **state)
{
	(void)state;
	assert_forgery_refused(10, "\x02", 1); /* a third form */
	assert_forgery_refused(10, "\x00", 1); /* JSON with marks */
	assert_forgery_refused(11, "\x01", 1);
	assert_forgery_refused(68, "\x01", 1);
	assert_forgery_refused(39, "\x80", 1); /* negative counts */
	assert_forgery_refused(47, "\xff", 1);
	assert_forgery_refused(55, "\x80", 1);
	assert_forgery_refused(56, "\x23", 1); /* usage at 35, done at 34 */
	assert_forgery_refused(60, "\x14", 1); /* usage of 20, into done */
	assert_forgery_refused(60, "\xff\xff\xff\xff", 4);
	assert_forgery_refused(64, "\x31", 1); /* done at 49 of 48 */
	assert_forgery_refused(31, "\x80", 1); /* expired before it was made */
}

static void every_fault_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int a = 0; a < CACHE_FAULT_COUNT; a++) {
		assert_non_null(cache_fault_name((enum cache_fault)a));
		for (int b = 0; b < a; b++)
			assert_string_not_equal(
			    cache_fault_name((enum cache_fault)a),
			    cache_fault_name((enum cache_fault)b));
	}
}

static void *share(void *arg)
{
	struct cache_entry *entry = arg;

	for (int i = 0; i < 10000; i++) {
		struct cache_entry *mine = cache_entry_ref(entry);
		struct cache_answer answer;

		cache_entry_answer(mine, &answer);
		if (answer.output_tokens != events.output_tokens)
			return NULL;
		cache_entry_unref(&mine);
	}
	cache_entry_unref(&entry);
	return arg;
}

/* The last of them frees it, which the sanitizers see. */
static void threads_share_an_entry(void **state)
{
	struct sha256 key = key_of("question");
	struct cache_entry *entry = cache_entry_new(&key, &events);
	pthread_t threads[4];
	void *result;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, share,
				     cache_entry_ref(entry)),
		    0);
	cache_entry_unref(&entry);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_non_null(result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_of_both_forms_come_back),
	    cmocka_unit_test(marks_may_lie_at_both_ends_of_the_body),
	    cmocka_unit_test(a_json_answer_has_no_marks),
	    cmocka_unit_test(the_header_is_as_documented),
	    cmocka_unit_test(refuses_an_entry_with_any_bit_turned),
	    cmocka_unit_test(refuses_an_entry_of_any_other_length),
	    cmocka_unit_test(
		refuses_what_is_foreign_stale_or_of_another_request),
	    cmocka_unit_test(
		refuses_fields_that_cannot_be_though_the_checksum_is_right),
	    cmocka_unit_test(every_fault_has_a_name_of_its_own),
	    cmocka_unit_test(threads_share_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
