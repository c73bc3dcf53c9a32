/* test_json.c -- which texts are JSON, and where the others go wrong. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/json_fixture.h"

static void reads_every_kind_of_value(void **state)
{
	struct fixture *f = *state;
	static const uint8_t types[] = {JSON_ARRAY, JSON_NULL, JSON_FALSE,
	    JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT,
	    JSON_STRING, JSON_OBJECT};

	accept(f, " [ null,false , true,-1.5e+3,\"a\",[],{\"k\":{}} ]\r\n\t");
	assert_int_equal(f->doc.count, sizeof(types));
	for (uint32_t i = 0; i < f->doc.count; i++)
		assert_int_equal(json_type(&f->doc, i), types[i]);
}

static void gives_each_node_its_bytes_depth_and_next(void **state)
{
	struct fixture *f = *state;
	const struct json_node *n;

	accept(f, "{\"a\": [1, 22], \"b\": \"x\\n\"}");
	n = f->doc.nodes;
	assert_int_equal(f->doc.count, 7);
	assert_span(json_raw(&f->doc, 1), "\"a\"");
	assert_span(json_raw(&f->doc, 2), "[1, 22]");
	assert_span(json_raw(&f->doc, 4), "22");
	assert_span(json_raw(&f->doc, 6), "\"x\\n\"");
	assert_int_equal(n[0].end, f->doc.text.len);
	assert_int_equal(n[0].next, 7);
	assert_int_equal(n[2].next, 5);
	assert_int_equal(n[3].next, 4);
	assert_int_equal(n[0].depth, 0);
	assert_int_equal(n[2].depth, 1);
	assert_int_equal(n[4].depth, 2);
	assert_int_equal(n[6].depth, 1);
	assert_false(n[1].has_escape);
	assert_true(n[6].has_escape);
}

static void says_where_a_text_goes_wrong(void **state)
{
	struct fixture *f = *state;

	refuse(f, "", 0);
	refuse(f, "  ", 2);
	refuse(f, "[1,]", 3);
	refuse(f, "[1 2]", 3);
	refuse(f, "[1", 2);
	refuse(f, "{\"a\" 1}", 5);
	refuse(f, "{\"a\":1,}", 7);
	refuse(f, "{a:1}", 1);
	refuse(f, "{\"a\":}", 5);
	refuse(f, "[}", 1);
	refuse(f, "{]", 1);
	refuse(f, "[1}", 2);
	refuse(f, "{\"a\":1]", 6);
	refuse(f, "]", 0);
	refuse(f, "1 x", 2);
	refuse(f, "{}{}", 2);
	refuse(f, "nul", 0);
	refuse(f, "nulL", 0);
	refuse(f, "True", 0);
	refuse(f, "truex", 4);
	refuse(f, "\xef\xbb\xbf{}", 0);
	refuse(f, "'a'", 0);
	refuse(f, "[1,/**/2]", 3);
	refuse(f, "\f1", 0);
}

static void refuses_numbers_that_are_none(void **state)
{
	struct fixture *f = *state;

	refuse(f, "01", 0);
	refuse(f, "-01", 1);
	refuse(f, "-", 1);
	refuse(f, "+1", 0);
	refuse(f, ".5", 0);
	refuse(f, "1.", 2);
	refuse(f, "1.e3", 2);
	refuse(f, "1e", 2);
	refuse(f, "1e+", 3);
	refuse(f, "0x10", 1);
	refuse(f, "NaN", 0);
	refuse(f, "-Infinity", 1);
	accept(f, "[0,-0,0.0,1E9,1e-9,0e+1]");
}

static void refuses_raw_control_characters_in_strings(void **state)
{
	struct fixture *f = *state;

	for (int c = 0; c < 256; c++) {
		/* At the front, where 16 bytes are looked at together. */
		char text[] = "\"aa?aaaaaaaaaaaaaaaaaaaa\"";
		bool is_fine = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

		text[3] = (char)c;
		assert_int_equal(
		    parse(f, span_make(text, sizeof(text) - 1)), is_fine);
		assert_int_equal(is_fine ? 0 : f->fault.offset,
		    is_fine                   ? 0
		    : (c == '"' || c == '\\') ? (c == '"') + 3
					      : 3);
		/* And at the end, where they are looked at one by one. */
		text[21] = (char)c;
		assert_int_equal(
		    parse(f, span_make(text + 18, sizeof(text) - 1 - 18)),
		    false);
		text[18] = '"';
		assert_int_equal(
		    parse(f, span_make(text + 18, sizeof(text) - 1 - 18)),
		    is_fine);
	}
}

static void finds_the_quote_at_every_distance(void **state)
{
	struct fixture *f = *state;
	char text[200];

	for (size_t len = 0; len < 100; len++) {
		memset(text, 'x', sizeof(text));
		text[0] = '[';
		text[1] = '"';
		text[2 + len] = '"';
		text[3 + len] = ']';
		assert_true(parse(f, span_make(text, len + 4)));
		assert_int_equal(f->doc.nodes[1].end, len + 3);
		assert_false(parse(f, span_make(text, len + 2)));
		assert_int_equal(f->fault.offset, len + 2);
	}
}

static void checks_escapes(void **state)
{
	struct fixture *f = *state;

	accept(f, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD834\\uDd1e\"");
	refuse(f, "\"a\\x\"", 2);
	refuse(f, "\"\\u12g4\"", 1);
	refuse(f, "\"\\u123\"", 1);
	refuse(f, "\"\\u12", 1);
	refuse(f, "\"\\", 2);
	refuse(f, "\"\\\"", 3);
	refuse(f, "\"\\U0041\"", 1);
	assert_false(parse(f, span_make("\"\\\0\"", 4)));
	assert_int_equal(f->fault.offset, 1);
}

static void refuses_lone_surrogates_in_escapes(void **state)
{
	struct fixture *f = *state;

	refuse(f, "\"\\ud800\"", 1);
	refuse(f, "\"\\udc00\"", 1);
	refuse(f, "\"\\ud800\\ud800\"", 1);
	refuse(f, "\"\\ud800\\u0041\"", 1);
	refuse(f, "\"\\ud800x\"", 1);
	refuse(f, "\"\\ud800\\\"", 1);
	refuse(f, "\"ab\\udbff\\udbff\"", 3);
	refuse(f, "{\"\\udfaa\":0}", 2);
}

static void refuses_ill_formed_utf8_where_it_stands(void **state)
{
	struct fixture *f = *state;

	accept(f, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
	refuse(f, "\"a\x80\"", 2);
	refuse(f, "\"\xc0\xaf\"", 1);
	refuse(f, "\"abc\xed\xa0\x80\"", 4);
	refuse(f, "\"\xf4\x90\x80\x80\"", 1);
	refuse(f, "\"\xc3\"", 1);
	refuse(f, "\"0123456789abcdef0123456789\xff\"", 27);
	refuse(f,
	    "\"0\xff"
	    "123456789abcdef0123456789\"",
	    2);
	refuse(f, "\xc3\xa9", 0);
}

/* A high byte behind the closing quote is no part of the string. */
static void looks_at_no_byte_behind_the_quote(void **state)
{
	struct fixture *f = *state;

	accept(f, "[\"a\",\"\xc3\xa9\",\"bbbbbbbbbbbbbbbbbbbb\"]");
	refuse(f, "\"aaaaaaaa\"\xff                ", 10);
}

static void refuses_nesting_past_the_limit(void **state)
{
	struct fixture *f = *state;
	char text[2 * JSON_DEPTH_MAX + 3];

	memset(text, '[', JSON_DEPTH_MAX);
	text[JSON_DEPTH_MAX] = '1';
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX);
	assert_true(parse(f, span_make(text, 2 * JSON_DEPTH_MAX + 1)));
	assert_int_equal(f->doc.nodes[JSON_DEPTH_MAX].depth, JSON_DEPTH_MAX);

	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_false(parse(f, span_make(text, 2 * JSON_DEPTH_MAX + 2)));
	assert_int_equal(f->fault.offset, JSON_DEPTH_MAX);
}

/* An array of <n> numbers "1". */
static struct span many(struct fixture *f, size_t n)
{
	char *text = arena_alloc(&f->arena, 2 * n + 1);

	assert_non_null(text);
	text[0] = '[';
	for (size_t i = 0; i < n; i++) {
		text[1 + 2 * i] = '1';
		text[2 + 2 * i] = i + 1 < n ? ',' : ']';
	}
	return span_make(text, 2 * n + 1);
}

static void takes_from_the_arena_what_its_nodes_need(void **state)
{
	struct fixture *f = *state;
	struct span text = many(f, 1000000);
	size_t before = f->arena.used;

	assert_true(json_parse(text, &f->arena, &f->doc, &f->fault));
	assert_int_equal(f->doc.count, 1000001);
	assert_int_equal(json_count(&f->doc, 0), 1000000);
	assert_true(f->arena.used - before <=
		    (f->doc.count + 4) * sizeof(struct json_node));
}

static void fails_when_the_arena_has_no_room(void **state)
{
	struct fixture *f = *state;
	struct arena small;

	arena_init(&small, 300 * sizeof(struct json_node));
	assert_true(json_parse(many(f, 299), &small, &f->doc, &f->fault));
	arena_reset(&small);
	assert_false(json_parse(many(f, 300), &small, &f->doc, &f->fault));
	assert_non_null(f->fault.reason);
	assert_int_equal(f->doc.count, 0);
	arena_reset(&small);
	assert_false(json_parse(many(f, 100000), &small, &f->doc, &f->fault));
	arena_free(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(reads_every_kind_of_value),
	    TEST(gives_each_node_its_bytes_depth_and_next),
	    TEST(says_where_a_text_goes_wrong),
	    TEST(refuses_numbers_that_are_none),
	    TEST(refuses_raw_control_characters_in_strings),
	    TEST(finds_the_quote_at_every_distance),
	    TEST(checks_escapes),
	    TEST(refuses_lone_surrogates_in_escapes),
	    TEST(refuses_ill_formed_utf8_where_it_stands),
	    TEST(looks_at_no_byte_behind_the_quote),
	    TEST(refuses_nesting_past_the_limit),
	    TEST(takes_from_the_arena_what_its_nodes_need),
	    TEST(fails_when_the_arena_has_no_room),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
