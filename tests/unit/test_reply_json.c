/* test_reply_json.c -- JSON byte by byte, against the parser of whole texts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "local/reply.h"
#include "local/reply/reply_json.h"

static bool parses(struct span text)
{
	struct arena arena;
	struct json_doc doc;
	struct json_fault fault;
	bool is_fine;

	arena_init(&arena, 1 << 20);
	is_fine = json_parse(text, &arena, &doc, &fault) &&
		  json_is(&doc, 0, JSON_OBJECT);
	arena_free(&arena);
	return is_fine;
}

static const char *const fine[] = {"{}", " { } ", "{\"a\":1}",
    "{\"a\" : [ ] , \"b\":{\"c\":[1,-2,0.5,1e5,1E-5,1e+05,-0,10.25]}}",
    "{\"\":\"\"}", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"}",
    "{\"a\":\"\\ud83d\\ude00 \\uD83D\\uDE00\"}", "{\"a\":[true,false,null]}",
    ("{\"é\":\"\xc2\x80\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
     "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"}"),
    "{\"a\":[[[{\"b\":[]}]],{}]}"};

static const char *const wrong[] = {"", " ", "[]", "1", "\"a\"", "{", "}",
    "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{'a':1}",
    "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":1e}",
    "{\"a\":1e+}", "{\"a\":-}", "{\"a\":--1}", "{\"a\":1 2}", "{\"a\":tru}",
    "{\"a\":trues}", "{\"a\":nul l}", "{\"a\":[1,]}", "{\"a\":[,1]}",
    "{\"a\":[1}", "{\"a\":{]}", "{\"a\":1]", "{}x", "{}{}", "{\"a\":\"\n\"}",
    "{\"a\":\"\x1f\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}",
    "{\"a\":\"\\ud83d\"}", "{\"a\":\"\\ud83dx\"}", "{\"a\":\"\\ud83d\\n\"}",
    "{\"a\":\"\\ud83d\\u0041\"}", "{\"a\":\"\\ude00\"}", "{\"a\":\"\xff\"}",
    "{\"a\":\"\x80\"}", "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xc1\xbf\"}",
    "{\"a\":\"\xe0\x9f\xbf\"}", "{\"a\":\"\xed\xa0\x80\"}",
    "{\"a\":\"\xf0\x8f\xbf\xbf\"}", "{\"a\":\"\xf4\x90\x80\x80\"}",
    "{\"a\":\"\xf5\x80\x80\x80\"}", "{\"a\":\"\xc3\"}", "{\"a\":\"\xe2\x82\"}",
    "{\"a\":\xc3\xa9}"};

static void accepts_objects_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		assert_true(reply_json_is_object(span_of(fine[i])));
		assert_true(parses(span_of(fine[i])));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(reply_json_is_object(span_of(wrong[i])));
		assert_false(parses(span_of(wrong[i])));
	}
}

static void agrees_with_the_parser_on_every_change_of_a_byte(void **state)
{
	static const char bytes[] = "{}[]\",:\\ \n019.eE+-tfnuaD\x1f\x7f\x80"
				    "\xbf\xc2\xe0\xed\xf0\xf4\xff";
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		size_t len = strlen(fine[i]);

		for (size_t at = 0; at < len; at++) {
			for (size_t b = 0; b < sizeof(bytes) - 1; b++) {
				struct span s = span_make(text, len);

				memcpy(text, fine[i], len);
				text[at] = bytes[b];
				assert_int_equal(
				    reply_json_is_object(s), parses(s));
			}
			/* And without it. */
			memcpy(text, fine[i], at);
			memcpy(text + at, fine[i] + at + 1, len - at - 1);
			assert_int_equal(
			    reply_json_is_object(span_make(text, len - 1)),
			    parses(span_make(text, len - 1)));
		}
	}
}

static void bounds_the_depth(void **state)
{
	char text[2 * REPLY_DEPTH_MAX + 16] = "{\"a\":";
	size_t len = 5;

	(void)state;
	for (size_t i = 1; i < REPLY_DEPTH_MAX; i++)
		text[len++] = '[';
	for (size_t i = 1; i < REPLY_DEPTH_MAX; i++)
		text[len++] = ']';
	text[len++] = '}';
	assert_true(reply_json_is_object(span_make(text, len)));
	memmove(text + 6, text + 5, len - 5);
	assert_false(reply_json_is_object(span_make(text, len + 1)));
}

static void says_where_members_begin_and_end(void **state)
{
	static const char text[] = "{\"a\": {\"b\": [\"c\", 1]}, \"d\": 2}";
	/* k key, v value; upper case: its end; a digit is the depth. */
	static const char expected[] = "v1k1K1v2k2K2v3v3V3v3V2V1k1K1v1V0";
	static const char names[] = "?.kKvV";
	struct reply_json json;
	char told[128];
	size_t len = 0;

	(void)state;
	reply_json_init(&json);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		enum reply_json_event event =
		    reply_json_next(&json, (uint8_t)text[i]);

		assert_int_not_equal(event, REPLY_JSON_BAD);
		if (event == REPLY_JSON_ON)
			continue;
		told[len++] = names[event];
		told[len++] = (char)('0' + json.depth);
	}
	assert_true(span_eq(span_make(told, len), span_of(expected)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accepts_objects_and_nothing_else),
	    cmocka_unit_test(agrees_with_the_parser_on_every_change_of_a_byte),
	    cmocka_unit_test(bounds_the_depth),
	    cmocka_unit_test(says_where_members_begin_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
