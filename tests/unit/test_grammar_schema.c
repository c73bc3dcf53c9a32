/* test_grammar_schema.c -- keywords, patterns, numbers, and what is refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/grammar_fixture.h"

#include <stdio.h>

#define OBJECT(properties) "{\"type\":\"object\",\"properties\":" properties "}"
#define A_INTEGER "{\"a\":{\"type\":\"integer\"}}"

/* A schema, texts that it takes and texts that it refuses; up to a NULL. */
struct row {
	const char *schema;
	const char *good[8], *bad[12];
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < 8 && rows[i].good[k]; k++)
			assert_takes(rows[i].schema, rows[i].good[k]);
		for (size_t k = 0; k < 12 && rows[i].bad[k]; k++)
			assert_refuses(rows[i].schema, rows[i].bad[k]);
	}
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(*(rows)))

static void objects_follow_the_schemas_order(void **state)
{
	static const struct row rows[] = {
	    {OBJECT("{\"a\":true,\"ab\":{\"type\":\"null\"},\"c\":{}}"),
		{"{}", "{\"a\":1}", "{\"a\": 1, \"ab\": null}",
		    "{\"ab\":null,\"c\":[]}", "{\"c\":{\"x\":1}}"},
		{"{\"ab\":null,\"a\":1}", "{\"d\":1}", "{\"a\":1,}",
		    "{\"a\":1 }", "{\"a\" :1}", "{\"a\":1,  \"c\":1}",
		    "{\"a\":1,\"a\":1}"}},
	    {"{\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"b\"]}",
		{"{\"b\":1}", "{\"a\":1,\"b\":1}"}, {"{}", "{\"a\":1}"}},
	    {"{\"properties\":" A_INTEGER ",\"additionalProperties\":"
	     "{\"type\":\"boolean\"}}",
		{"{\"a\":1,\"b\":true}", "{\"b\":true,\"ab\":false}", "{}",
		    "{\"\":true}"},
		{"{\"b\":1}", "{\"a\":true}", "{\"b\":true,\"a\":1}",
		    "{\"\\u0061\":true}"}},
	    {"{\"type\":\"object\",\"additionalProperties\":{\"const\":1}}",
		{"{\"a\\n\":1, \"b\":1}"}, {"{\"a\":2}"}},
	    {"{\"properties\":{},\"required\":[\"z\"],"
	     "\"additionalProperties\":{\"const\":1}}",
		{"{\"z\":1}", "{\"z\":1,\"y\":1}"}, {"{}", "{\"z\":2}"}},
	    {"{\"required\":[\"z\"]}", {"{\"z\":[1]}"}, {"{}"}},
	    {OBJECT("{\"a\":false,\"b\":true}"), {"{\"b\":1}", "{}"},
		{"{\"a\":1}"}},
	    {"{\"properties\":{\"\\u00e9\\n\\\"\":{\"const\":1}}}",
		{"{\"\xc3\xa9\\n\\\"\":1}"}, {"{\"\\u00e9\\n\\\"\":1}"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void arrays_have_as_many_items_as_they_may(void **state)
{
	static const struct row rows[] = {
	    {"{\"type\":\"array\"}", {"[]", "[1, \"a\",null]"},
		{"[ 1]", "[1 ]", "[1,]", "[,1]", "[1,  2]"}},
	    {"{\"items\":{\"const\":1},\"minItems\":1,\"maxItems\":2}",
		{"[1]", "[1, 1]"}, {"[]", "[1,1,1]", "[2]"}},
	    {"{\"items\":{\"const\":1},\"minItems\":2}", {"[1,1]", "[1,1,1,1]"},
		{"[]", "[1]"}},
	    {"{\"prefixItems\":[{\"const\":1},{\"const\":2}]}",
		{"[]", "[1]", "[1,2]"}, {"[2]", "[1,2,3]"}},
	    {"{\"prefixItems\":[{\"const\":1}],\"items\":{\"const\":3},"
	     "\"minItems\":1}",
		{"[1]", "[1,3]", "[1,3,3]"}, {"[]", "[3]", "[1,1]"}},
	    {"{\"items\":false}", {"[]"}, {"[1]"}},
	    {"{\"items\":{\"const\":1},\"maxItems\":0}", {"[]"}, {"[1]"}},
	    {"{\"items\":{\"const\":1},\"uniqueItems\":false}", {"[1,1]"},
		{NULL}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void choices_are_followed_until_they_are_told_apart(void **state)
{
	static const struct row rows[] = {
	    {"{\"anyOf\":[" OBJECT(A_INTEGER) "," OBJECT(
		 "{\"a\":{\"type\":\"string\"},\"b\":true}") "]}",
		{"{\"a\":1}", "{\"a\":\"x\",\"b\":1}", "{\"b\":2}", "{}"},
		{"{\"a\":1,\"b\":2}", "1"}},
	    {"{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"null\"},"
	     "{\"type\":[\"integer\",\"boolean\"]}]}",
		{"\"a\"", "null", "7", "true"}, {"[]", "1.5"}},
	    {"{\"oneOf\":[{\"enum\":[1,\"a\"]},{\"const\":\"b\"}]}",
		{"1", "\"a\"", "\"b\""}, {"\"c\"", "2"}},
	    {"{\"allOf\":[{\"const\":1}],\"title\":\"one\"}", {"1"}, {"2"}},
	    {"{\"type\":[\"number\",\"integer\"]}", {"1", "1.5"}, {"\"1\""}},
	    {"{\"$defs\":{\"a b\":{\"const\":1},\"c/d\":{\"const\":2}},"
	     "\"prefixItems\":[{\"$ref\":\"#/$defs/a%20b\"},"
	     "{\"$ref\":\"#/$defs/c~1d\",\"description\":\"two\"},"
	     "{\"$ref\":\"#/prefixItems/0\"}]}",
		{"[1,2,1]"}, {"[2]", "[1,1]"}},
	    {"{\"anyOf\":[{\"$ref\":\"#\"},{\"const\":1}]}", {"1"}, {"2"}},
	    {"{\"properties\":{\"n\":{\"$ref\":\"#\"}}}",
		{"{}", "{\"n\":{\"n\":{\"n\":{}}}}"}, {"{\"n\":1}"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void constants_have_one_spelling(void **state)
{
	static const struct row rows[] = {
	    {"{\"enum\":[\"a\",\"ab\",1,12,null,true,1.50]}",
		{"\"a\"", "\"ab\"", "1", "12", "null", "true", "1.50"},
		{"\"b\"", "2", "false", "1.5", "\"\\u0061\""}},
	    {"{\"type\":\"string\",\"enum\":[\"a\",1]}", {"\"a\""}, {"1"}},
	    {"{\"type\":\"integer\",\"enum\":[1,2.0,2.5]}", {"1", "2.0"},
		{"2.5", "2"}},
	    {"{\"const\":{\"a\" :[1,  2],\"b\":{ }}}",
		{"{\"a\": [1, 2], \"b\": {}}"}, {"{\"a\":[1,2],\"b\":{}}"}},
	    {"{\"const\":\"\\u00e9\\u007f\\/\"}", {"\"\xc3\xa9\\u007f/\""},
		{"\"\\u00e9\\u007f/\""}},
	    {"{\"const\":[]}", {"[]"}, {"[1]"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void lengths_count_characters(void **state)
{
	static const struct row rows[] = {
	    {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}",
		{"\"ab\"", "\"\xc3\xa9\\n\"", "\"\\uD83D\\uDE00\\\"x\"",
		    "\"\xf0\x9f\x98\x80\\u0041a\""},
		{"\"\"", "\"a\"", "\"abcd\"", "\"\xf0\x9f\x98\x80\"",
		    "\"\\uD83D\\uDE00\""}},
	    {"{\"minLength\":1}", {"\"a\"", "\"abcdefghijklmnop\""}, {"\"\""}},
	    {"{\"maxLength\":0}", {"\"\""}, {"\"a\""}},
	    {"{\"pattern\":\"^a*$\",\"minLength\":2,\"maxLength\":3}",
		{"\"aa\"", "\"aaa\""}, {"\"a\"", "\"aaaa\""}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void patterns_find_their_texts(void **state)
{
	static const struct row rows[] = {
	    {"{\"pattern\":\"b+c\"}", {"\"bc\"", "\"xx\\nbbcy\\\"\""},
		{"\"b\"", "\"c\""}},
	    {"{\"pattern\":\"^a|b$\"}", {"\"ax\"", "\"xb\"", "\"a\""},
		{"\"xa\"", "\"bx\""}},
	    {"{\"pattern\":\"^(?:ab?|c{2,3}|[d-f\\\\d_-]+?)$\"}",
		{"\"a\"", "\"ab\"", "\"cc\"", "\"ccc\"", "\"e4-_\""},
		{"\"\"", "\"c\"", "\"cccc\"", "\"g\"", "\"aba\""}},
	    {"{\"pattern\":\"^[^\\\\w\\\\s]$\"}",
		{"\"-\"", "\"\\\"\"", "\"\\\\\"", "\"\xc3\xa9\""},
		{"\"a\"", "\" \"", "\"_\"", "\"\\n\"", "\"\""}},
	    {"{\"pattern\":\"^.\\\\.\\\\u00e9\\\\x41\\\\/\\\\n$\"}",
		{"\"x.\xc3\xa9"
		 "A/\\n\""},
		{"\"\\n.\xc3\xa9"
		 "A/\\n\""}},
	    {"{\"pattern\":\"^[\\u00e0-\\u4e2d]{2}$\"}",
		{"\"\xc3\xa9\xe4\xb8\xad\"", "\"\xdf\xbf\xe0\xa0\x80\""},
		{"\"\xc3\x9f\xc3\xa9\"", "\"\xe4\xb8\xae\xc3\xa9\""}},
	    {"{\"pattern\":\"^(a|)(b{0}c)*$\"}", {"\"\"", "\"a\"", "\"acc\""},
		{"\"ab\"", "\"bc\""}},
	    {"{\"pattern\":\"\"}", {"\"anything\""}, {NULL}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void formats_are_what_readers_take(void **state)
{
	static const struct row rows[] = {
	    {"{\"format\":\"date\"}", {"\"2024-02-29\"", "\"2023-12-31\""},
		{"\"2023-02-29\"", "\"2023-04-31\"", "\"1900-02-29\"",
		    "\"0000-01-01\"", "\"2023-1-01\""}},
	    {"{\"format\":\"date-time\"}",
		{"\"2024-02-29T23:59:59Z\"", "\"2024-01-01T00:00:00.5+01:30\""},
		{"\"2024-01-01\"", "\"2024-01-01T24:00:00Z\"",
		    "\"2024-01-01T00:00:00\""}},
	    {"{\"format\":\"time\"}", {"\"00:00:00Z\""}, {"\"00:60:00Z\""}},
	    {"{\"format\":\"email\"}", {"\"a.b+c@d-e.org\""},
		{"\"a@b\"", "\"@b.org\"", "\"a..b@c.org\"", "\"a b@c.org\""}},
	    {"{\"format\":\"uuid\"}",
		{"\"123e4567-e89b-12d3-a456-426614174000\""},
		{"\"123e4567e89b12d3a456426614174000\""}},
	    {"{\"format\":\"ipv4\"}", {"\"0.10.249.255\""},
		{"\"256.0.0.1\"", "\"01.0.0.1\"", "\"1.2.3\""}},
	    {"{\"format\":\"ipv6\"}", {"\"1:2:3:4:5:6:7:abcd\""},
		{"\"1:2\"", "\"::1\""}},
	    {"{\"format\":\"hostname\"}", {"\"a-b.example\""},
		{"\"-a\"", "\"a-\"", "\"a..b\""}},
	    {"{\"format\":\"duration\"}", {"\"P1DT2H\"", "\"P3W\"", "\"PT5S\""},
		{"\"P\"", "\"P1\"", "\"PT\""}},
	    {"{\"format\":\"date\",\"pattern\":\"^2024\"}", {"\"2024-01-01\""},
		{"\"2023-01-01\""}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void integers_keep_their_bounds(void **state)
{
	static const struct row rows[] = {
	    {"{\"type\":\"integer\"}",
		{"0", "-1", "123456789012345678", "-999999999999999999"},
		{"-0", "01", "1.0", "1e1", "1234567890123456789", "+1", "-"}},
	    {"{\"type\":\"integer\",\"minimum\":-15,\"maximum\":120}",
		{"-15", "-9", "0", "9", "99", "120"},
		{"-16", "-20", "-100", "121", "200", "1000"}},
	    {"{\"type\":\"integer\",\"exclusiveMinimum\":9,"
	     "\"exclusiveMaximum\":11}",
		{"10"}, {"9", "11", "1", "-10", "100"}},
	    {"{\"type\":\"integer\",\"maximum\":-5}", {"-5", "-10", "-99"},
		{"-4", "0", "5", "-1"}},
	    {"{\"type\":\"integer\",\"minimum\":1.5,\"maximum\":2.5}", {"2"},
		{"1", "3"}},
	    {"{\"type\":\"integer\",\"minimum\":0}", {"0", "7"}, {"-1"}},
	    {"{\"type\":\"integer\",\"multipleOf\":7,\"minimum\":-20}",
		{"-14", "0", "7", "4900"}, {"-21", "8", "-1"}},
	    {"{\"type\":\"number\",\"multipleOf\":1000}",
		{"0", "5000", "-1000"}, {"500", "1500", "1e3", "1000.0"}},
	    {"{\"type\":\"integer\",\"maximum\":9007199254740991}",
		{"9007199254740991"}, {"9007199254740992"}},
	    {"{\"type\":\"integer\",\"minimum\":-1e300,\"maximum\":1e3}",
		{"1000", "-999999999999999999"}, {"1001"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void numbers_keep_their_bounds(void **state)
{
	static const struct row rows[] = {
	    {"{\"type\":\"number\"}",
		{"0", "-0", "1.25", "-1e5", "1E-07", "123456789012345.5"},
		{".5", "1.", "1e", "1e100", "1234567890123456", "00", "0x1"}},
	    {"{\"minimum\":-0.5,\"exclusiveMaximum\":1.25}",
		{"-0.5", "-0.50", "0", "1.24", "1.2499", "-0", "0.000"},
		{"-0.51", "1.25", "1.250", "1.3", "2", "-1", "1e0", "10"}},
	    {"{\"exclusiveMinimum\":0,\"maximum\":1}",
		{"0.001", "1", "1.0", "0.9"}, {"0", "0.0", "-0", "1.01", "2"}},
	    {"{\"type\":\"number\",\"exclusiveMaximum\":0}", {"-0.1", "-12"},
		{"0", "-0", "-0.0", "1"}},
	    {"{\"type\":\"number\",\"maximum\":0}", {"-0.1", "0", "-0"},
		{"0.1", "1"}},
	    {"{\"minimum\":99.99,\"maximum\":1e2}", {"99.99", "99.995", "100"},
		{"99.98", "100.01", "9", "1000"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void what_is_not_supported_is_named_with_its_place(void **state)
{
	(void)state;
	assert_mistake("[]", "schema: must be a schema: an object or a "
			     "boolean");
	assert_mistake(OBJECT("{\"age\":{\"if\":true}}"),
	    "schema.properties.age: \"if\" is not supported");
	assert_mistake("{\"items\":{\"anyOf\":[true,{\"not\":{}}]}}",
	    "schema.items.anyOf[1]: \"not\" is not supported");
	assert_mistake("{\"uniqueItems\":true}",
	    "schema: \"uniqueItems\" is not supported");
	assert_mistake(
	    "{\"format\":\"uri\"}", "schema.format: \"uri\" is not supported");
	assert_mistake(
	    "{\"format\":7}", "schema.format: \"7\" is not supported");
	assert_mistake("{\"type\":\"text\"}",
	    "schema.type: must be null, boolean, number, integer, string, "
	    "array or object");
	assert_mistake("{\"type\":[]}", "schema.type: must name a type");
	assert_mistake("{\"allOf\":[true,true]}",
	    "schema.allOf: is supported with one schema only");
	assert_mistake(
	    "{\"anyOf\":[]}", "schema.anyOf: must be a list of schemas");
	assert_mistake("{\"anyOf\":[true],\"type\":\"object\"}",
	    "schema: \"type\" beside \"anyOf\" is not supported");
	assert_mistake("{\"enum\":[1],\"minimum\":0}",
	    "schema: \"minimum\" beside \"enum\" is not supported");
	assert_mistake("{\"$ref\":\"other.json\"}",
	    "schema.$ref: must be the place of a schema here, like "
	    "\"#/$defs/name\"");
	assert_mistake("{\"items\":[true]}",
	    "schema.items: is a list, which is not supported: use "
	    "\"prefixItems\"");
	assert_mistake("{\"multipleOf\":0.1}",
	    "schema.multipleOf: is supported for whole numbers from 1 to "
	    "10000");
	assert_mistake(
	    "{\"minimum\":\"1\"}", "schema.minimum: must be a number");
	assert_mistake("{\"minimum\":1.2345678901234567}",
	    "schema.minimum: has more than 15 digits");
	assert_mistake("{\"minLength\":-1}",
	    "schema.minLength: must be a whole number from 0 on");
	assert_mistake(
	    "{\"required\":\"a\"}", "schema.required: must be a list of names");
	assert_mistake(
	    "{\"required\":[1]}", "schema.required[0]: must be a name");
	assert_mistake("{\"properties\":[]}",
	    "schema.properties: must be an object of schemas");
	assert_mistake("{\"properties\":{\"a\":true,\"a\":true}}",
	    "schema.properties: \"a\" is there twice");
	assert_mistake("{\"enum\":1}", "schema.enum: must be a list of values");
	assert_mistake("{\"oneOf\":[{\"type\":\"number\"},"
		       "{\"type\":\"integer\"}]}",
	    "schema.oneOf[1]: may hold a value that another choice of "
	    "\"oneOf\" holds too: use \"anyOf\"");
}

static void ill_formed_patterns_say_why(void **state)
{
	static const char *const rows[][2] = {
	    {"(", "has a ( without its )"},
	    {")", "has a ) without its ("},
	    {"[a", "has a [ without its ]"},
	    {"[z-a]", "has an ill-formed range"},
	    {"*", "has a quantifier with nothing before it"},
	    {"a{2", "has a { without its }"},
	    {"a{x}", "has a { without a number"},
	    {"a{3,2}", "has a quantifier whose ends are swapped"},
	    {"a{9999}", "repeats too often"},
	    {"a^", "has a ^ that is not at the beginning"},
	    {"a$b", "has a $ that is not at the end"},
	    {"(?=a)", "has a group that looks around or has a name, which is "
		      "not supported"},
	    {"\\\\1", "has \\1, which is not supported"},
	    {"\\\\p{L}", "has \\p, which is not supported"},
	    {"\\\\b", "has \\b, which is not supported"},
	    {"\\\\u12", "has an ill-formed escape"},
	    {"\\\\uD800", "has half a surrogate pair"},
	    {"\\\\", "ends with a backslash"},
	    {"(.{200}){200}", "is too large"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char schema[128], message[128];

		snprintf(
		    schema, sizeof(schema), "{\"pattern\":\"%s\"}", rows[i][0]);
		snprintf(
		    message, sizeof(message), "schema.pattern: %s", rows[i][1]);
		assert_mistake(schema, message);
	}
}

static void contradictions_are_refused(void **state)
{
	static const char none[] =
	    "schema: contradicts itself: no value is left";

	(void)state;
	assert_mistake("{\"minimum\":2,\"maximum\":1}", none);
	assert_mistake("{\"type\":\"integer\",\"exclusiveMinimum\":1,"
		       "\"exclusiveMaximum\":2}",
	    none);
	assert_mistake("{\"pattern\":\"^a$\",\"minLength\":2}", none);
	assert_mistake("{\"type\":\"string\",\"enum\":[1]}", none);
	assert_mistake("{\"enum\":[]}", none);
	assert_mistake("{\"minLength\":2,\"maxLength\":1}",
	    "schema: \"minLength\" is above \"maxLength\"");
	assert_mistake("{\"minItems\":2,\"maxItems\":1}",
	    "schema: \"minItems\" is above \"maxItems\"");
	assert_mistake("{\"minItems\":2,\"prefixItems\":[true]}",
	    "schema: \"minItems\" is above the number of items");
	assert_mistake("{\"properties\":{},\"required\":[\"a\"],"
		       "\"additionalProperties\":false}",
	    "schema.required[0]: \"a\" is not among the properties");
	assert_mistake(
	    "false", "schema: no value of at most 64 levels can satisfy it");
	assert_mistake("{\"$ref\":\"#\"}",
	    "schema: no value of at most 64 levels can satisfy it");
	assert_mistake("{\"properties\":{\"a\":{\"$ref\":\"#\"}},"
		       "\"required\":[\"a\"]}",
	    "schema: no value of at most 64 levels can satisfy it");
}

static void annotations_say_nothing(void **state)
{
	(void)state;
	assert_takes("{\"title\":\"t\",\"description\":\"d\",\"default\":1,"
		     "\"examples\":[1],\"$comment\":\"c\",\"$id\":\"i\","
		     "\"$schema\":\"s\",\"deprecated\":true,\"x-y\":{\"if\":1},"
		     "\"const\":5}",
	    "5");
}

static void the_schemas_text_may_go_when_it_is_compiled(void **state)
{
	char text[] = OBJECT("{\"name\":{\"enum\":[\"one\"]}}");
	struct error err = {{0}};
	struct grammar *grammar = compile_text(span_of(text), &err);

	(void)state;
	assert_non_null(grammar);
	memset(text, 'x', sizeof(text));
	assert_true(takes_all(grammar, SPAN("{\"name\":\"one\"}")));
	grammar_unref(&grammar);
}

static void schemas_have_bounds(void **state)
{
	struct error err = {{0}};
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 20);
	assert_true(buf_append(&text, SPAN("{\"anyOf\":[true")));
	for (int i = 0; i < GRAMMAR_NODES_MAX; i++)
		assert_true(buf_append(&text, SPAN(",{}")));
	assert_true(buf_append(&text, SPAN("]}")));
	assert_null(compile_text(buf_span(&text), &err));
	assert_string_equal(
	    err.text, "schema: has more than 4096 schemas inside");
	buf_consume(&text, SIZE_MAX);
	assert_true(buf_append(&text, SPAN("{\"required\":[\"a\"")));
	for (int i = 0; i < 1024; i++)
		assert_true(buf_append(&text, SPAN(",\"a\"")));
	assert_true(buf_append(&text, SPAN("]}")));
	assert_null(compile_text(buf_span(&text), &err));
	assert_string_equal(err.text,
	    "schema: has more than 1024 properties and required names");
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(objects_follow_the_schemas_order),
	    cmocka_unit_test(arrays_have_as_many_items_as_they_may),
	    cmocka_unit_test(choices_are_followed_until_they_are_told_apart),
	    cmocka_unit_test(constants_have_one_spelling),
	    cmocka_unit_test(lengths_count_characters),
	    cmocka_unit_test(patterns_find_their_texts),
	    cmocka_unit_test(formats_are_what_readers_take),
	    cmocka_unit_test(integers_keep_their_bounds),
	    cmocka_unit_test(numbers_keep_their_bounds),
	    cmocka_unit_test(what_is_not_supported_is_named_with_its_place),
	    cmocka_unit_test(ill_formed_patterns_say_why),
	    cmocka_unit_test(contradictions_are_refused),
	    cmocka_unit_test(annotations_say_nothing),
	    cmocka_unit_test(the_schemas_text_may_go_when_it_is_compiled),
	    cmocka_unit_test(schemas_have_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
