/* test_span.c -- finding, trimming, splitting and reading spans. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/span.h"

static void compares_bytes_and_folds_only_ascii(void **state)
{
	(void)state;
	assert_true(span_eq(SPAN("abc"), SPAN("abc")));
	assert_false(span_eq(SPAN("abc"), SPAN("abC")));
	assert_false(span_eq(SPAN("abc"), SPAN("ab")));
	assert_true(span_eq(SPAN(""), span_make(NULL, 0)));
	assert_true(
	    span_eq_nocase(SPAN("Content-LENGTH"), SPAN("content-length")));
	assert_false(span_eq_nocase(SPAN("a"), SPAN("ab")));
	assert_false(span_eq_nocase(SPAN("@"), SPAN("`")));
	assert_false(span_eq_nocase(SPAN("["), SPAN("{")));
	assert_false(span_eq_nocase(SPAN("\xc3\x84"), SPAN("\xc3\xa4")));
}

static void cuts_heads_and_tails_without_leaving_the_span(void **state)
{
	(void)state;
	assert_true(span_eq(span_from(SPAN("abc"), 1), SPAN("bc")));
	assert_int_equal(span_from(SPAN("abc"), 9).len, 0);
	assert_true(span_eq(span_head(SPAN("abc"), 2), SPAN("ab")));
	assert_int_equal(span_head(SPAN("abc"), 9).len, 3);
	assert_null(span_from(span_make(NULL, 0), 4).ptr);
	assert_int_equal(span_of(NULL).len, 0);
	assert_int_equal(span_of("four").len, 4);
}

static void knows_prefixes_and_suffixes(void **state)
{
	(void)state;
	assert_true(span_starts_with(SPAN("data: x"), SPAN("data:")));
	assert_false(span_starts_with(SPAN("dat"), SPAN("data:")));
	assert_true(span_starts_with(SPAN("x"), SPAN("")));
	assert_true(span_ends_with(SPAN("model.gguf"), SPAN(".gguf")));
	assert_false(span_ends_with(SPAN("gguf"), SPAN(".gguf")));
	assert_false(span_ends_with(SPAN("model.ggu"), SPAN(".gguf")));
}

static void finds_the_first_needle_from_an_offset(void **state)
{
	(void)state;
	assert_int_equal(span_find(SPAN("abcabc"), SPAN("bc"), 0), 1);
	assert_int_equal(span_find(SPAN("abcabc"), SPAN("bc"), 1), 1);
	assert_int_equal(span_find(SPAN("abcabc"), SPAN("bc"), 2), 4);
	assert_true(span_find(SPAN("abcabc"), SPAN("bc"), 5) == SIZE_MAX);
	assert_true(span_find(SPAN("abc"), SPAN("abcd"), 0) == SIZE_MAX);
	assert_true(span_find(SPAN("abc"), SPAN("a"), 4) == SIZE_MAX);
	assert_int_equal(span_find(SPAN("abc"), SPAN(""), 3), 3);
	assert_int_equal(span_find(SPAN("a\0b"), SPAN("\0b"), 0), 1);
	assert_true(span_find(span_make(NULL, 0), SPAN("a"), 0) == SIZE_MAX);
}

static void trims_blanks_at_both_ends_only(void **state)
{
	(void)state;
	assert_true(span_eq(span_trim(SPAN(" \t\r\na b\n\r\t ")), SPAN("a b")));
	assert_int_equal(span_trim(SPAN(" \t ")).len, 0);
	assert_int_equal(span_trim(span_make(NULL, 0)).len, 0);
	assert_int_equal(span_trim(SPAN("\va")).len, 2);
}

static void splits_and_keeps_empty_parts(void **state)
{
	static const char *const expected[] = {"a", "", "b", ""};
	struct span rest = SPAN("a,,b,"), part;
	size_t n = 0;

	(void)state;
	while (span_split(&rest, ',', &part)) {
		assert_in_range(n, 0, 3);
		assert_true(span_eq(part, span_of(expected[n])));
		n++;
	}
	assert_int_equal(n, 4);
	rest = SPAN("");
	assert_true(span_split(&rest, ',', &part));
	assert_int_equal(part.len, 0);
	assert_false(span_split(&rest, ',', &part));
}

static void reads_digits_and_nothing_else_as_a_number(void **state)
{
	static const char *const refused[] = {"", "-1", "+1", " 1", "1 ", "1x",
	    "0x1", "18446744073709551616", "99999999999999999999"};
	uint64_t value = 7;

	(void)state;
	assert_true(span_to_u64(SPAN("0"), &value));
	assert_true(value == 0);
	assert_true(span_to_u64(SPAN("00042"), &value));
	assert_true(value == 42);
	assert_true(span_to_u64(SPAN("18446744073709551615"), &value));
	assert_true(value == UINT64_MAX);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_false(span_to_u64(span_of(refused[i]), &value));
	assert_true(value == UINT64_MAX);
}

static void copies_with_a_nul_behind(void **state)
{
	char *copy = span_dup(span_head(SPAN("abcdef"), 3));

	(void)state;
	assert_string_equal(copy, "abc");
	free(copy);
	copy = span_dup(span_make(NULL, 0));
	assert_string_equal(copy, "");
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(compares_bytes_and_folds_only_ascii),
	    cmocka_unit_test(cuts_heads_and_tails_without_leaving_the_span),
	    cmocka_unit_test(knows_prefixes_and_suffixes),
	    cmocka_unit_test(finds_the_first_needle_from_an_offset),
	    cmocka_unit_test(trims_blanks_at_both_ends_only),
	    cmocka_unit_test(splits_and_keeps_empty_parts),
	    cmocka_unit_test(reads_digits_and_nothing_else_as_a_number),
	    cmocka_unit_test(copies_with_a_nul_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
