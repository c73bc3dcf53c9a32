/* test_digest.c -- SHA-256 of bytes as they arrive. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/digest.h"

/* FIPS 180-4's own example of two blocks. */
#define TEXT "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
#define VALUE "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"

static void assert_value(const struct digest *digest, const char *hex)
{
	struct sha256 got = digest_value(digest), wanted;

	assert_true(hash_parse_hex(span_of(hex), &wanted));
	assert_memory_equal(got.bytes, wanted.bytes, SHA256_LEN);
}

static void is_the_same_however_the_bytes_are_cut(void **state)
{
	struct digest *digest = digest_new();
	struct span text = SPAN(TEXT);

	(void)state;
	for (size_t cut = 0; cut <= text.len; cut++) {
		digest_reset(digest);
		digest_add(digest, span_head(text, cut));
		digest_add(digest, span_from(text, cut));
		assert_value(digest, VALUE);
	}
	digest_free(&digest);
	assert_null(digest);
	digest_free(&digest);
}

static void goes_on_after_its_value_was_asked_for(void **state)
{
	struct digest *digest = digest_new();
	struct span text = SPAN(TEXT);

	(void)state;
	assert_value(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca"
			     "495991b7852b855");
	digest_add(digest, span_head(text, 3));
	assert_value(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb"
			     "410ff61f20015ad");
	digest_add(digest, span_from(text, 3));
	assert_value(digest, VALUE);
	digest_free(&digest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_the_same_however_the_bytes_are_cut),
	    cmocka_unit_test(goes_on_after_its_value_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
