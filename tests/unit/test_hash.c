/* test_hash.c -- published vectors, and what a table's hash must do. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"

static void assert_sha256(struct span bytes, const char *hex)
{
	struct sha256 expected, digest = hash_sha256(bytes);

	assert_true(hash_parse_hex(span_of(hex), &expected));
	assert_memory_equal(digest.bytes, expected.bytes, SHA256_LEN);
}

/* FIPS 180-2, appendix B, and the empty message. */
static void sha256_agrees_with_the_published_vectors(void **state)
{
	static char letters[1000000];

	(void)state;
	memset(letters, 'a', sizeof(letters));
	for (int i = 0; i < 2; i++) {
		assert_sha256(span_make(NULL, 0),
		    "e3b0c44298fc1c149afbf4c8996fb924"
		    "27ae41e4649b934ca495991b7852b855");
		assert_sha256(SPAN("abc"), "ba7816bf8f01cfea414140de5dae2223"
					   "b00361a396177a9cb410ff61f20015ad");
		assert_sha256(span_make(letters, sizeof(letters)),
		    "cdc76e5c9914fb9281a1c7e284d73e67"
		    "f1809a48a497200e046d39ccc7112cd0");
	}
}

static void *hash_often(void *arg)
{
	struct sha256 *last = arg;

	for (int i = 0; i < 1000; i++)
		*last = hash_sha256(SPAN("abc"));
	return NULL;
}

static void sha256_may_be_used_by_many_threads(void **state)
{
	struct sha256 expected = hash_sha256(SPAN("abc")), digests[4];
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, hash_often, &digests[i]),
		    0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(hash_eq_constant_time(&digests[i], &expected));
	}
}

static void tells_digests_apart_at_every_byte(void **state)
{
	struct sha256 a = hash_sha256(SPAN("abc")), b = a;

	(void)state;
	assert_true(hash_eq_constant_time(&a, &b));
	for (size_t i = 0; i < SHA256_LEN; i++) {
		b.bytes[i] ^= 1;
		assert_false(hash_eq_constant_time(&a, &b));
		b = a;
	}
}

static void reads_hexadecimal_in_either_case_only(void **state)
{
	char text[] = "00112233445566778899aabbccddeeff"
		      "00112233445566778899AABBCCDDEEFF";
	struct span all = span_make(text, 64);
	struct sha256 digest;

	(void)state;
	assert_true(hash_parse_hex(all, &digest));
	assert_int_equal(digest.bytes[10], 0xaa);
	assert_int_equal(digest.bytes[31], 0xff);
	assert_false(hash_parse_hex(span_head(all, 63), &digest));
	assert_false(hash_parse_hex(span_make(text, 65), &digest));
	text[40] = 'g';
	assert_false(hash_parse_hex(all, &digest));
	text[40] = ' ';
	assert_false(hash_parse_hex(all, &digest));
}

/* RFC 3720, appendix B.4, and the check value of the usual catalogues. */
static void crc32c_agrees_with_rfc_3720(void **state)
{
	static const uint8_t read_pdu[48] = {0x01, 0xc0, [16] = 0x14,
	    [22] = 0x04, [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02};
	uint8_t zeros[32] = {0}, ones[32], up[32], down[32];

	(void)state;
	for (uint8_t i = 0; i < 32; i++) {
		ones[i] = 0xff;
		up[i] = i;
		down[i] = (uint8_t)(31 - i);
	}
	assert_int_equal(hash_crc32c(0, zeros, 32), 0x8a9136aa);
	assert_int_equal(hash_crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(hash_crc32c(0, up, 32), 0x46dd794e);
	assert_int_equal(hash_crc32c(0, down, 32), 0x113fdb5c);
	assert_int_equal(hash_crc32c(0, read_pdu, 48), 0xd9963a56);
	assert_int_equal(hash_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(hash_crc32c(0, NULL, 0), 0);
	assert_int_equal(hash_crc32c_portable(0, "123456789", 9), 0xe3069283);
}

static void crc32c_has_one_answer_on_every_path_and_in_pieces(void **state)
{
	uint8_t bytes[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 89 + i / 7);
	for (size_t len = 0; len < 280; len++) {
		for (size_t from = 0; from < 9; from++) {
			size_t cut = len / 3;
			uint32_t crc = hash_crc32c(7, bytes + from, len);

			assert_int_equal(
			    hash_crc32c_portable(7, bytes + from, len), crc);
			assert_int_equal(
			    hash_crc32c(hash_crc32c(7, bytes + from, cut),
				bytes + from + cut, len - cut),
			    crc);
		}
	}
}

static void fast_hash_changes_with_every_bit_length_and_seed(void **state)
{
	char bytes[70] = {0};

	(void)state;
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct span s = span_make(bytes, len);
		uint64_t hash = hash_fast(s, 1);

		assert_true(hash == hash_fast(s, 1));
		assert_true(hash != hash_fast(s, 2));
		if (len > 0)
			assert_true(
			    hash != hash_fast(span_head(s, len - 1), 1));
		for (size_t bit = 0; bit < len * 8; bit++) {
			uint64_t other;

			bytes[bit / 8] ^= (char)(1 << bit % 8);
			other = hash_fast(s, 1);
			bytes[bit / 8] ^= (char)(1 << bit % 8);
			/* Half of 64 bits is expected; 10 is 5.5 sigma off. */
			assert_in_range(
			    __builtin_popcountll(hash ^ other), 10, 54);
		}
	}
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void fast_hash_spreads_numbered_names(void **state)
{
	static uint64_t hashes[50000];
	static unsigned slots[1024];
	size_t n = sizeof(hashes) / sizeof(hashes[0]);

	(void)state;
	memset(slots, 0, sizeof(slots));
	for (size_t i = 0; i < n; i++) {
		char name[24];
		size_t len = 0;

		for (size_t rest = i; rest > 0; rest /= 10)
			name[len++] = (char)('0' + rest % 10);
		hashes[i] = hash_fast(span_make(name, len), 0);
		slots[hashes[i] & 1023]++;
	}
	/* 49 in a slot are expected, with a deviation of 7. */
	for (size_t i = 0; i < 1024; i++)
		assert_in_range(slots[i], 12, 90);
	qsort(hashes, n, sizeof(hashes[0]), compare);
	for (size_t i = 1; i < n; i++)
		assert_true(hashes[i] != hashes[i - 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sha256_agrees_with_the_published_vectors),
	    cmocka_unit_test(sha256_may_be_used_by_many_threads),
	    cmocka_unit_test(tells_digests_apart_at_every_byte),
	    cmocka_unit_test(reads_hexadecimal_in_either_case_only),
	    cmocka_unit_test(crc32c_agrees_with_rfc_3720),
	    cmocka_unit_test(crc32c_has_one_answer_on_every_path_and_in_pieces),
	    cmocka_unit_test(fast_hash_changes_with_every_bit_length_and_seed),
	    cmocka_unit_test(fast_hash_spreads_numbered_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
