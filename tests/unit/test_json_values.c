/* test_json_values.c -- strings and numbers out of JSON, strings into it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/json_fixture.h"

#include <stdio.h>

/* --- values --------------------------------------------------------------- */

static void decodes_strings(void **state)
{
	struct fixture *f = *state;
	struct span s;

	accept(f, "[\"plain\",\"\",\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\","
		  "\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00!\",\"x\\u0000y\",1]");
	s = json_text(&f->doc, 1, &f->arena);
	assert_span(s, "plain");
	assert_ptr_equal(s.ptr, f->doc.text.ptr + 2);
	assert_span(json_text(&f->doc, 2, &f->arena), "");
	assert_span(json_text(&f->doc, 3, &f->arena), "a\"\\/\b\f\n\r\tz");
	assert_span(json_text(&f->doc, 4, &f->arena),
	    "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!");
	s = json_text(&f->doc, 5, &f->arena);
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.ptr, "x\0y", 3);
	assert_null(json_text(&f->doc, 6, &f->arena).ptr);
	assert_null(json_text(&f->doc, JSON_NONE, &f->arena).ptr);
}

static void gives_no_text_when_the_arena_is_exhausted(void **state)
{
	struct fixture *f = *state;
	struct arena none;

	accept(f, "\"0123456789abcdef0123456789abcdef\\n\"");
	arena_init(&none, 16);
	assert_null(json_text(&f->doc, 0, &none).ptr);
	arena_free(&none);
}

struct int_case {
	const char *text;
	bool is_int;
	int64_t value;
};

static void reads_whole_numbers_exactly(void **state)
{
	struct fixture *f = *state;
	static const struct int_case cases[] = {
	    {"0", true, 0},
	    {"-0", true, 0},
	    {"-0.0e5", true, 0},
	    {"0e99999999999999999999", true, 0},
	    {"0e-99999999999999999999", true, 0},
	    {"12", true, 12},
	    {"12.0", true, 12},
	    {"-12.000", true, -12},
	    {"2e3", true, 2000},
	    {"2E+3", true, 2000},
	    {"1.5e1", true, 15},
	    {"1.25e2", true, 125},
	    {"1200e-2", true, 12},
	    {"1000000000000000000000e-21", true, 1},
	    {"0.00000000000000000000000000001e29", true, 1},
	    {"9007199254740993", true, 9007199254740993},
	    {"9223372036854775807", true, INT64_MAX},
	    {"-9223372036854775808", true, INT64_MIN},
	    {"922337203685477580.7e1", true, INT64_MAX},
	    {"9223372036854775808", false, 0},
	    {"-9223372036854775809", false, 0},
	    {"18446744073709551617", false, 0},
	    {"10000000000000000000", false, 0},
	    {"100000000000000000000", false, 0},
	    {"1e19", false, 0},
	    {"1e99999999999999999999", false, 0},
	    {"1e-1", false, 0},
	    {"1e-99999999999999999999", false, 0},
	    {"12.5", false, 0},
	    {"1.25e1", false, 0},
	    {"9007199254740993.00000000000000000000001", false, 0},
	    {"\"1\"", false, 0},
	    {"null", false, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t value = -77;

		accept(f, cases[i].text);
		if (json_int(&f->doc, 0, &value) != cases[i].is_int)
			fail_msg("%s is taken wrongly", cases[i].text);
		assert_int_equal(value, cases[i].is_int ? cases[i].value : -77);
	}
	assert_false(json_int(&f->doc, JSON_NONE, &(int64_t){0}));
}

/* The C library's own reading is the reference: C locale, round to nearest. */
static void reads_doubles_as_the_c_library_does(void **state)
{
	struct fixture *f = *state;
	static const char *const texts[] = {"0", "-0", "1", "-1.5", "0.1",
	    "3.141592653589793", "1e22", "1e23",
	    "123456789012345678901234567890", "1.7976931348623157e308",
	    "2.2250738585072014e-308", "5e-324", "4.9e-324", "2e-324", "1e-400",
	    "1e-99999999999999999999", "9007199254740993",
	    "9007199254740993.0000000000000000000000000001",
	    "0.000000000000000000000000000000000000000001e42",
	    "1000000000000000000000000000000000000000000e-42"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		double value = 77, expected = strtod(texts[i], NULL);

		accept(f, texts[i]);
		assert_true(json_double(&f->doc, 0, &value));
		if (memcmp(&value, &expected, sizeof(value)) != 0)
			fail_msg(
			    "%s: %a, expected %a", texts[i], value, expected);
	}
}

static void rounds_a_thousand_digits_once(void **state)
{
	struct fixture *f = *state;
	char text[1200];
	double value;
	size_t len;

	/* 2^53 + 1, half way, tips over for a single far digit. */
	len =
	    (size_t)snprintf(text, sizeof(text), "9007199254740993.%01000d", 0);
	accept(f, text);
	assert_true(json_double(&f->doc, 0, &value));
	assert_true((int64_t)value == 9007199254740992);
	text[len - 1] = '1';
	accept(f, text);
	assert_true(json_double(&f->doc, 0, &value));
	assert_true((int64_t)value == 9007199254740994);
	assert_false(json_int(&f->doc, 0, &(int64_t){0}));
}

static void refuses_doubles_out_of_range(void **state)
{
	struct fixture *f = *state;
	double value = 7;

	accept(f, "[1e309,-1e309,1e99999999999999999999,1.8e308,\"1\",true]");
	for (uint32_t node = 0; node < f->doc.count; node++)
		assert_false(json_double(&f->doc, node, &value));
	assert_false(json_double(&f->doc, JSON_NONE, &value));
	assert_true(value >= 7 && value <= 7);
}

/* --- writing -------------------------------------------------------------- */

static void assert_written(struct span text, const char *expected)
{
	struct buf buf;

	buf_init(&buf, 4096);
	assert_true(json_write_string(&buf, text));
	assert_span(buf_span(&buf), expected);
	buf_free(&buf);
}

static void writes_strings(void **state)
{
	(void)state;
	assert_written(SPAN(""), "\"\"");
	assert_written(span_make(NULL, 0), "\"\"");
	assert_written(SPAN("a/b"), "\"a/b\"");
	assert_written(SPAN("\"\\"), "\"\\\"\\\\\"");
	assert_written(SPAN("\b\t\n\v\f\r\x1f\x7f"),
	    "\"\\b\\t\\n\\u000b\\f\\r\\u001f\x7f\"");
	assert_written(SPAN("a\0b"), "\"a\\u0000b\"");
	assert_written(
	    SPAN("\xc3\xa9 \xf0\x9f\x98\x80"), "\"\xc3\xa9 \xf0\x9f\x98\x80\"");
}

static void writes_ill_formed_utf8_as_replacement_characters(void **state)
{
	(void)state;
	assert_written(SPAN("a\xff"
			    "b"),
	    "\"a\xef\xbf\xbd"
	    "b\"");
	assert_written(SPAN("\xc3"), "\"\xef\xbf\xbd\"");
	assert_written(SPAN("\xed\xa0\x80\n"),
	    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\n\"");
	assert_written(SPAN("\xc3\"\xa9"), "\"\xef\xbf\xbd\\\"\xef\xbf\xbd\"");
}

static void writes_all_of_a_string_or_nothing(void **state)
{
	struct buf buf;

	(void)state;
	for (size_t max = 3; max < 16; max++) {
		buf_init(&buf, max);
		assert_true(buf_append(&buf, SPAN("ab,")));
		assert_int_equal(json_write_string(&buf, SPAN("x\nyyyy\xff")),
		    max >= 3 + 12);
		if (max < 3 + 12)
			assert_span(buf_span(&buf), "ab,");
		buf_free(&buf);
	}
}

static void reads_back_what_it_wrote(void **state)
{
	struct fixture *f = *state;
	char bytes[256];
	struct buf buf;

	for (size_t i = 0; i < 128; i++)
		bytes[i] = (char)i;
	buf_init(&buf, 4096);
	assert_true(json_write_string(&buf, span_make(bytes, 128)));
	assert_true(parse(f, buf_span(&buf)));
	assert_true(
	    span_eq(json_text(&f->doc, 0, &f->arena), span_make(bytes, 128)));
	buf_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(decodes_strings),
	    TEST(gives_no_text_when_the_arena_is_exhausted),
	    TEST(reads_whole_numbers_exactly),
	    TEST(reads_doubles_as_the_c_library_does),
	    TEST(rounds_a_thousand_digits_once),
	    TEST(refuses_doubles_out_of_range),
	    TEST(writes_strings),
	    TEST(writes_ill_formed_utf8_as_replacement_characters),
	    TEST(writes_all_of_a_string_or_nothing),
	    TEST(reads_back_what_it_wrote),
	};

	return cmocka_run_group_tests_name("json_values", tests, NULL, NULL);
}
