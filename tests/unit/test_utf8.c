/* test_utf8.c -- every scalar value both ways, and what is ill-formed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"

static bool is_scalar(uint32_t c)
{
	return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static void encodes_and_decodes_every_scalar_value(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x110100; c++) {
		char bytes[4];
		uint32_t back = 0;
		size_t len = utf8_encode(c, bytes);

		if (!is_scalar(c)) {
			assert_int_equal(len, 0);
			continue;
		}
		assert_in_range(len, 1, 4);
		assert_int_equal(
		    utf8_decode(span_make(bytes, len), &back), len);
		assert_int_equal(back, c);
		assert_int_equal(
		    utf8_decode(span_make(bytes, len - 1), &back), 0);
	}
	assert_int_equal(utf8_encode(UINT32_MAX, (char[4]){0}), 0);
}

static void refuses_every_ill_formed_pair_of_bytes(void **state)
{
	(void)state;
	for (unsigned first = 0x80; first < 0x100; first++) {
		for (unsigned second = 0; second < 0x100; second++) {
			char bytes[] = {(char)first, (char)second};
			bool is_fine = first >= 0xc2 && first <= 0xdf &&
				       second >= 0x80 && second <= 0xbf;
			uint32_t c;

			assert_int_equal(utf8_decode(span_make(bytes, 2), &c),
			    is_fine ? 2 : 0);
		}
	}
}

static void refuses_overlong_surrogate_and_too_high_forms(void **state)
{
	static const char *const refused[] = {"\xc0\x80", "\xc1\xbf",
	    "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80",
	    "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
	    "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80",
	    "\xff", "\x80", "\xe2\x82", "\xe2\x28\xa1", "\xf0\x9f\x98"};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(utf8_valid_len(span_of(refused[i])), 0);
}

static void finds_the_fault_at_every_distance(void **state)
{
	char text[64];

	(void)state;
	for (size_t at = 0; at < sizeof(text); at++) {
		memset(text, 'a', sizeof(text));
		text[at] = '\xff';
		assert_int_equal(
		    utf8_valid_len(span_make(text, sizeof(text))), at);
		assert_int_equal(utf8_valid_len(span_make(text, at)), at);
	}
	assert_int_equal(utf8_valid_len(span_make(NULL, 0)), 0);
	assert_int_equal(utf8_valid_len(SPAN("a\0b")), 3);
	assert_int_equal(
	    utf8_valid_len(SPAN("gr\xc3\xbc\xc3\x9f dich, \xe4\xb8\x96\xe7\x95"
				"\x8c \xf0\x9f\x98\x80!")),
	    25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(encodes_and_decodes_every_scalar_value),
	    cmocka_unit_test(refuses_every_ill_formed_pair_of_bytes),
	    cmocka_unit_test(refuses_overlong_surrogate_and_too_high_forms),
	    cmocka_unit_test(finds_the_fault_at_every_distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
