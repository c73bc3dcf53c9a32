/* test_float_text.c -- floats that are read again as they were. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/local/float_text.h"

static float of_bits(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static size_t count_digits(const char *text)
{
	size_t n = 0;
	bool has_begun = false;

	for (; *text && *text != 'e'; text++) {
		if (*text < '0' || *text > '9')
			continue;
		has_begun |= *text != '0';
		n += has_begun;
	}
	return n;
}

/* Of a decimal without an exponent: its digits without zeros at the end. */
static size_t significant(const char *text)
{
	char copy[64];
	size_t len = strlen(text);

	memcpy(copy, text, len + 1);
	while (len > 0 && (copy[len - 1] == '0' || copy[len - 1] == '.'))
		copy[--len] = '\0';
	return count_digits(copy);
}

static void check(float value)
{
	char text[FLOAT_TEXT_MAX + 1], other[64];
	size_t len = float_text(value, text);
	int digits = 1;

	assert_true(len < sizeof(text));
	text[len] = '\0';
	if (strtof(text, NULL) != value)
		fail_msg("%.9g became %s", (double)value, text);
	for (; digits < 9; digits++) {
		snprintf(
		    other, sizeof(other), "%.*e", digits - 1, (double)value);
		if (strtof(other, NULL) == value)
			break;
	}
	if (significant(text) > (size_t)digits)
		fail_msg("%s has more than %d digits", text, digits);
}

static void known_floats_are_written_as_people_would(void **state)
{
	static const struct {
		float value;
		const char *text;
	} rows[] = {
	    {0.0f, "0"},
	    {-0.0f, "-0"},
	    {1.0f, "1"},
	    {-0.5f, "-0.5"},
	    {0.1f, "0.1"},
	    {0.3f, "0.3"},
	    {100.0f, "100"},
	    {-0.0123f, "-0.0123"},
	    {1e-8f, "0.00000001"},
	    {5e-9f, "5e-09"},
	    {1.5e-7f, "0.00000015"},
	    {16777215.0f, "16777215"},
	    {3.4028235e38f, "3.4028235e+38"},
	    {1e-45f, "1e-45"},
	};
	char text[FLOAT_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = float_text(rows[i].value, text);

		if (!span_eq(span_make(text, len), span_of(rows[i].text)))
			fail_msg("%.9g: %.*s, wanted %s", (double)rows[i].value,
			    (int)len, text, rows[i].text);
	}
	assert_int_equal(float_text((float)NAN, text), 4);
	assert_memory_equal(text, "null", 4);
	assert_int_equal(float_text((float)INFINITY, text), 4);
}

static void any_float_is_read_again_as_it_was(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		uint32_t bits;
		float value;

		seed =
		    seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		bits = (uint32_t)(seed >> 32);
		value = of_bits(bits);
		if (isfinite(value) && i % 50 == 0)
			check(value);
		/* Most between 2^-26 and 2, as vectors have them. */
		check(of_bits((bits & 0x807fffff) |
			      (101 + (bits >> 23 & 0xff) % 27) << 23));
	}
}

static void neighbours_of_powers_of_two_and_ten_are_kept_apart(void **state)
{
	(void)state;
	for (int e = -40; e < 30; e++) {
		float power = ldexpf(1.0f, e);

		check(power);
		check(nextafterf(power, 0.0f));
		check(nextafterf(power, 1e30f));
	}
	for (int e = -12; e < 12; e++) {
		float power = powf(10.0f, (float)e);

		check(power);
		check(nextafterf(power, 0.0f));
		check(nextafterf(power, 1e30f));
	}
}

static void lists_are_json_and_base64_is_little_endian(void **state)
{
	const float values[] = {1.0f, -2.5f, 0.0f, 0.1f};
	struct buf out;

	(void)state;
	buf_init(&out, 1024);
	assert_true(float_text_list(&out, values, 4));
	assert_true(span_eq(buf_span(&out), SPAN("[1,-2.5,0,0.1]")));
	buf_consume(&out, SIZE_MAX);
	assert_true(float_text_list(&out, values, 0));
	assert_true(span_eq(buf_span(&out), SPAN("[]")));
	buf_consume(&out, SIZE_MAX);
	/* By Python's base64 and struct. */
	assert_true(float_text_base64(&out, values, 4));
	assert_true(
	    span_eq(buf_span(&out), SPAN("\"AACAPwAAIMAAAAAAzczMPQ==\"")));
	buf_consume(&out, SIZE_MAX);
	assert_true(float_text_base64(&out, values, 3));
	assert_true(span_eq(buf_span(&out), SPAN("\"AACAPwAAIMAAAAAA\"")));
	buf_consume(&out, SIZE_MAX);
	assert_true(float_text_base64(&out, values, 1));
	assert_true(span_eq(buf_span(&out), SPAN("\"AACAPw==\"")));
	buf_free(&out);
	buf_init(&out, 8);
	assert_false(float_text_list(&out, values, 4));
	assert_false(float_text_base64(&out, values, 4));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_floats_are_written_as_people_would),
	    cmocka_unit_test(any_float_is_read_again_as_it_was),
	    cmocka_unit_test(
		neighbours_of_powers_of_two_and_ten_are_kept_apart),
	    cmocka_unit_test(lists_are_json_and_base64_is_little_endian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
