/* test_cel.c -- conditions: what they mean, and what is refused where. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "router/cel.h"
#include "tests/unit/router_fixture.h"

/* The expression as a quoted scalar at line 3, column 10. */
static struct yaml_node scalar(const char *text)
{
	return (struct yaml_node){.kind = YAML_SCALAR,
	    .line = 3,
	    .column = 10,
	    .is_quoted = true,
	    .text = span_of(text)};
}

static struct cel_program *compile(const char *text, struct mistakes *mistakes)
{
	struct yaml_node node = scalar(text);
	struct cel_source source = {
	    .file = "p.yaml", .node = &node, .mistakes = mistakes};

	return cel_compile(&source, models, N_MODELS);
}

enum outcome {
	IS_FALSE,
	IS_TRUE,
	FAILS,
	DOES_NOT_COMPILE,
};

static enum outcome run_with(struct fixture *f, const char *text)
{
	struct mistakes *mistakes = mistakes_new();
	struct cel_program *program = compile(text, mistakes);
	enum outcome outcome = DOES_NOT_COMPILE;
	const char *why = NULL;
	bool value = false;

	if (program) {
		assert_int_equal(mistakes_count(mistakes), 0);
		outcome =
		    !cel_eval(program, &f->question, &f->arena, &value, &why)
			? FAILS
		    : value ? IS_TRUE
			    : IS_FALSE;
		assert_true((outcome == FAILS) == (why != NULL));
	} else {
		assert_true(mistakes_count(mistakes) > 0);
	}
	cel_free(&program);
	mistakes_free(&mistakes);
	return outcome;
}

static enum outcome run(const char *text)
{
	struct fixture f;
	enum outcome outcome;

	fixture_init(&f);
	outcome = run_with(&f, text);
	arena_free(&f.arena);
	return outcome;
}

static void check_all(const char *const *texts, size_t n, enum outcome expected)
{
	for (size_t i = 0; i < n; i++) {
		enum outcome outcome = run(texts[i]);

		if (outcome != expected)
			print_error("%s: got %d\n", texts[i], (int)outcome);
		assert_int_equal(outcome, expected);
	}
}

#define expect_all(expected, ...)                                              \
	do {                                                                   \
		static const char *const texts[] = {__VA_ARGS__};              \
		check_all(texts, sizeof(texts) / sizeof(texts[0]), expected);  \
	} while (0)

/* The mistakes of <text>, which must be <expected> in order. */
static void check_mistakes(
    const char *text, const char *const *expected, size_t n)
{
	struct mistakes *mistakes = mistakes_new();

	assert_null(compile(text, mistakes));
	for (size_t i = 0; i < mistakes_count(mistakes); i++) {
		if (i >= n)
			print_error("%s\n", mistakes_line(mistakes, i));
		else
			assert_string_equal(
			    mistakes_line(mistakes, i), expected[i]);
	}
	assert_int_equal(mistakes_count(mistakes), n);
	mistakes_free(&mistakes);
}

#define expect_mistakes(text, ...)                                             \
	do {                                                                   \
		static const char *const lines[] = {__VA_ARGS__};              \
		check_mistakes(text, lines, sizeof(lines) / sizeof(lines[0])); \
	} while (0)

/* --- meaning ------------------------------------------------------------ */

static void reads_every_variable(void **state)
{
	(void)state;
	expect_all(IS_TRUE, "request.task == \"question\"",
	    "request.language == 'en'", "request.model == \"auto\"",
	    "request.endpoint == \"chat\"", "request.tokens == 100",
	    "request.turns == 1", "request.difficulty == 0.25",
	    "!request.tools", "!request.images", "!request.json_schema",
	    "!request.stream", "request.text == \"Why is the sky blue?\"",
	    "key.name == \"team-a\"", "key.tags == [\"internal\", \"beta\"]",
	    "models[\"up/large\"].queue == 1",
	    "models[\"up/large\"].kv_free == 1.0",
	    "models[\"up/large\"].healthy");
}

static void compares_and_joins(void **state)
{
	(void)state;
	expect_all(IS_TRUE, "1 < 2", "2 <= 2", "3 > 2", "2 >= 2", "1 != 2",
	    "1 + 2 - 4 == -1", "-(1 + 1) == -2", "1.5 + 1.0 == 2.5",
	    "\"a\" + \"b\" == \"ab\"", "\"a\" < \"b\"", "\"a\" < \"aa\"",
	    "true || false && false", "!(true && false)", "!!true",
	    "0x10 == 16", "1e3 == 1000", ".5 < 1", "-9223372036854775808 < 0",
	    "true == true", "false != true", "[] == []", "[1, 2] == [1, 2]",
	    "[1] != [2]", "[1] != [1, 2]");
	expect_all(IS_FALSE, "1 == 2", "\"a\" == \"b\"", "false || false",
	    "[1, 2] == [2, 1]", "\"A\" == \"a\"");
}

static void compares_int_with_double_exactly(void **state)
{
	(void)state;
	expect_all(IS_TRUE, "1 < 1.5", "2 > 1.5", "1 == 1.0", "1.0 == 1",
	    "9007199254740993 > 9007199254740992.0",
	    "9223372036854775807 < 9223372036854775808.0",
	    "-9223372036854775808 == -9223372036854775808.0", "1 < 1e300",
	    "-1e300 < -5", "-1 > -1.5", "request.tokens > 99.5",
	    "request.difficulty < 1", "request.difficulty in [1.0, 0.25]",
	    "1.0 in [1, 2]");
}

static void searches_strings(void **state)
{
	(void)state;
	expect_all(IS_TRUE, "request.text.startsWith(\"Why\")",
	    "request.text.endsWith(\"?\")", "request.text.contains(\"sky\")",
	    "request.text.contains(\"\")", "size(request.text) == 20",
	    "request.text.size() == 20", "size(\"h\\u00e9\") == 2",
	    "size(key.tags) == 2", "size([1, 2, 3]) == 3", "size([]) == 0",
	    "size(\"\") == 0");
	expect_all(IS_FALSE, "request.text.startsWith(\"why\")",
	    "request.text.contains(\"sea\")", "\"a\".startsWith(\"ab\")");
}

static void looks_into_lists(void **state)
{
	(void)state;
	expect_all(IS_TRUE, "\"internal\" in key.tags",
	    "!(\"external\" in key.tags)",
	    "request.task in [\"code\", \"question\"]", "2 in [1, 2,]",
	    "!(1 in [])", "key.name + \"!\" in [\"team-a!\"]");
}

static void reads_headers_in_any_case(void **state)
{
	(void)state;
	expect_all(IS_TRUE, "request.headers[\"X-Team\"] == \"red\"",
	    "request.headers[\"x-team\"] == \"red\"",
	    "request.headers[\"x-other\"] == \"\"",
	    "\"X-TEAM\" in request.headers",
	    "!(\"x-other\" in request.headers)");
}

static void does_without_headers_and_load(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.question.header = NULL;
	f.question.load = NULL;
	assert_int_equal(
	    run_with(&f, "request.headers[\"x-team\"] == \"\""), IS_TRUE);
	assert_int_equal(
	    run_with(&f, "\"x-team\" in request.headers"), IS_FALSE);
	assert_int_equal(run_with(&f, "models[\"up/small\"].healthy && "
				      "models[\"up/small\"].queue == 0 && "
				      "models[\"up/small\"].kv_free == 1.0"),
	    IS_TRUE);
	arena_free(&f.arena);
}

static void reads_escapes(void **state)
{
	(void)state;
	expect_all(IS_TRUE, "\"\\x41\\u0042\\U00000043\\104\" == \"ABCD\"",
	    "\"\\n\\t\\\\\\\"\\'\" + \"\" == '\\n\\t\\\\\"\\''",
	    "r\"\\d\" == \"\\\\d\"", "R'a\\' == \"a\\\\\"",
	    "\"\\u20ac\" == \"\xe2\x82\xac\"");
	expect_all(DOES_NOT_COMPILE, "\"\\q\" == \"q\"", "\"\\u12\" == \"\"",
	    "\"\\ud800\" == \"\"", "\"\\400\" == \"\"", "\"open",
	    "\"a\nb\" == \"\"", "'\\");
}

static void decides_although_one_side_fails(void **state)
{
	(void)state;
	expect_all(IS_TRUE, "9223372036854775807 + request.turns > 0 || true",
	    "true || 9223372036854775807 + request.turns > 0");
	expect_all(IS_FALSE, "9223372036854775807 + request.turns > 0 && false",
	    "false && 9223372036854775807 + request.turns > 0");
	expect_all(FAILS, "9223372036854775807 + request.turns > 0",
	    "9223372036854775807 + request.turns > 0 || false",
	    "true && 9223372036854775807 + request.turns > 0",
	    "-9223372036854775807 - request.turns - request.turns < 0",
	    "-(-9223372036854775807 - request.turns) > 0",
	    "1 in [9223372036854775807 + request.turns]");
}

static void fails_when_the_arena_is_exhausted(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	arena_init(&f.arena, 64);
	assert_int_equal(
	    run_with(&f, "request.text + request.text + request.text + "
			 "request.text + request.text == \"\""),
	    FAILS);
	assert_int_equal(run_with(&f, "request.text.matches(\"sky\")"), FAILS);
	arena_free(&f.arena);
}

/* --- patterns ----------------------------------------------------------- */

static void matches_anywhere_in_the_text(void **state)
{
	(void)state;
	expect_all(IS_TRUE, "request.text.matches(\"sk.\")",
	    "matches(request.text, \"^Why\")",
	    "request.text.matches(\"(?i)SKY\")",
	    "request.text.matches(r\"\\bblue\\?$\")",
	    "request.text.matches(\"(?P<what>sky|sea)\")",
	    "request.text.matches(r\"\\p{L}{3} is\")",
	    "request.text.matches(\"[[:alpha:]]+\")",
	    "\"a\\n\".matches(\"a\\\\s$\")", "\"\".matches(\"^$\")");
	expect_all(IS_FALSE, "request.text.matches(\"^sky\")",
	    "\"a\\n\".matches(\"a$\")", "\"a\\nb\".matches(\"a.b\")",
	    "\"\\u00e9\".matches(\"^..$\")");
}

static void refuses_what_re2_has_not(void **state)
{
	(void)state;
	expect_all(DOES_NOT_COMPILE, "request.text.matches(\"(?=a)\")",
	    "request.text.matches(\"(?!a)\")",
	    "request.text.matches(\"(?<=a)b\")",
	    "request.text.matches(\"(?<!a)b\")",
	    "request.text.matches(\"(?>a)\")", "request.text.matches(\"(?R)\")",
	    "request.text.matches(\"(a(?1)?)\")",
	    "request.text.matches(\"(?|a|b)\")",
	    "request.text.matches(\"(?(1)a)\")",
	    "request.text.matches(\"(?x)a\")",
	    "request.text.matches(\"(?#a)\")",
	    "request.text.matches(\"(?P=a)\")",
	    "request.text.matches(\"(*COMMIT)a\")",
	    "request.text.matches(r\"(a)\\1\")",
	    "request.text.matches(r\"\\k<a>\")",
	    "request.text.matches(r\"\\g1\")", "request.text.matches(r\"\\K\")",
	    "request.text.matches(r\"\\R\")", "request.text.matches(r\"a\\z\")",
	    "request.text.matches(r\"\\C\")", "request.text.matches(\"a++\")",
	    "request.text.matches(\"a*+\")", "request.text.matches(\"a?+\")",
	    "request.text.matches(\"a{2}+\")",
	    "request.text.matches(\"a{1001}\")",
	    "request.text.matches(r\"[\\h]\")", "request.text.matches(\"(a\")",
	    "request.text.matches(\"a)\")", "request.text.matches(\"*\")",
	    "request.text.matches(\"[a\")");
	/* And does not mistake other things for it. */
	expect_all(IS_FALSE, "request.text.matches(r\"\\(?=a\")",
	    "request.text.matches(\"[(?=a]{9}\")",
	    "request.text.matches(r\"\\Q(?=a)\\E\")",
	    "request.text.matches(r\"a\\++\")",
	    "request.text.matches(\"[+]+z\")",
	    "request.text.matches(\"a{,2}+b\")",
	    "request.text.matches(\"[]a]{7}\")",
	    "request.text.matches(\"[^]S]\\\\Qa\")");
}

static void points_into_a_pattern(void **state)
{
	(void)state;
	expect_mistakes("request.text.matches(\"ab(?=c)\")",
	    "p.yaml:3:35: in the pattern: look-around is not supported");
	expect_mistakes("request.text.matches(r\"ab(?=c)\")",
	    "p.yaml:3:36: in the pattern: look-around is not supported");
	/* With escapes before it the string's beginning has to do. */
	expect_mistakes("request.text.matches(\"\\x61b(?=c)\")",
	    "p.yaml:3:32: in the pattern: look-around is not supported");
}

static void stops_a_pattern_that_runs_wild(void **state)
{
	struct fixture f;
	char text[4000];

	(void)state;
	memset(text, 'a', sizeof(text));
	fixture_init(&f);
	f.input.last_user = span_make(text, sizeof(text));
	assert_int_equal(run_with(&f, "request.text.matches(\"(a+)+b\")"),
	    IS_FALSE); /* no b at all: seen before the search */
	memcpy(text + sizeof(text) - 2, "xd", 2);
	assert_int_equal(
	    run_with(&f, "request.text.matches(\"(a+)+[bc]d\")"), FAILS);
	arena_free(&f.arena);
}

static void searches_long_texts_in_windows(void **state)
{
	size_t len = CEL_MATCH_TEXT_MAX;
	char *text = mem_alloc(len + 1);
	struct fixture f;

	(void)state;
	fixture_init(&f);
	for (size_t at = 0; at + 6 < len; at += 20077) {
		memset(text, '.', len);
		memcpy(text + at, "needle", 6);
		f.input.last_user = span_make(text, len);
		assert_int_equal(
		    run_with(&f, "request.text.matches(\"n[e]+dle\")"),
		    IS_TRUE);
		arena_reset(&f.arena);
	}
	/* The edges of a window are not the edges of the text. */
	memset(text, '.', len);
	text[0] = 'x';
	text[len - 1] = 'y';
	assert_int_equal(run_with(&f, "request.text.matches(\"^x\") && "
				      "request.text.matches(\"y$\") && "
				      "!request.text.matches(\"^[.]\") && "
				      "!request.text.matches(\"[.]$\")"),
	    IS_TRUE);
	f.input.last_user = span_make(text, len + 1);
	text[len] = '.';
	assert_int_equal(run_with(&f, "request.text.matches(\"x\")"), FAILS);
	arena_free(&f.arena);
	free(text);
}

/* --- mistakes ----------------------------------------------------------- */

static void names_the_nearest_variable(void **state)
{
	(void)state;
	expect_mistakes("request.tokns > 1",
	    "p.yaml:3:19: unknown variable \"request.tokns\"; did you mean "
	    "\"request.tokens\"?");
	expect_mistakes("reqest.tokens > 1",
	    "p.yaml:3:11: unknown name \"reqest\"; did you mean \"request\"?");
	expect_mistakes("1 < tokens",
	    "p.yaml:3:15: unknown name \"tokens\"; did you mean "
	    "\"request.tokens\"?");
	expect_mistakes("key.tag == []",
	    "p.yaml:3:15: unknown variable \"key.tag\"; did you mean "
	    "\"key.tags\"?");
	expect_mistakes("models[\"up/smal\"].queue == 0",
	    "p.yaml:3:18: unknown model \"up/smal\"; did you mean "
	    "\"up/small\"?");
	expect_mistakes("models[\"up/small\"].que == 0",
	    "p.yaml:3:30: a model has no \"que\"; it has queue, kv_free and "
	    "healthy");
	expect_mistakes("request.text.contain(\"a\")",
	    "p.yaml:3:24: unknown function \"contain\"; did you mean "
	    "\"contains\"?");
	expect_mistakes("request.task == \"coding\"",
	    "p.yaml:3:27: request.task is never \"coding\"; it is one of "
	    "code, mathematics, extraction, summarising, translation, "
	    "classification, question, chat, creative");
	expect_mistakes("request.task in [\"code\", \"sumarising\"]",
	    "p.yaml:3:36: request.task is never \"sumarising\"; did you mean "
	    "\"summarising\"?");
	expect_mistakes("\"chats\" != request.endpoint",
	    "p.yaml:3:11: request.endpoint is never \"chats\"; did you mean "
	    "\"chat\"?");
}

static void finds_all_mistakes_of_an_expression(void **state)
{
	(void)state;
	expect_mistakes("request.tokns > 1 && !key.name || size(1) == 2",
	    "p.yaml:3:19: unknown variable \"request.tokns\"; did you mean "
	    "\"request.tokens\"?",
	    "p.yaml:3:37: ! needs a bool here, this is a string",
	    "p.yaml:3:50: size needs a string or a list, this is an int");
}

static void checks_types(void **state)
{
	(void)state;
	expect_all(DOES_NOT_COMPILE, "1", "\"a\"", "request.tokens", "key.tags",
	    "1 == \"1\"", "true < false", "[1] < [2]", "1 + 1.0 == 2.0",
	    "\"a\" - \"b\" == \"\"", "true + true", "-\"a\" == \"\"", "!1",
	    "1 && true", "1 in 2", "\"a\" in \"abc\"", "1 in key.tags",
	    "[1, \"a\"] == [1]", "[[1]] == [[1]]", "[1] == [\"a\"]",
	    "request.text.matches(1)", "request.text.matches(key.name)",
	    "request.text.contains()", "request.text.contains(\"a\", \"b\")",
	    "contains(\"a\", \"b\")", "size() == 0", "1.contains(\"a\")",
	    "key.tags.contains(\"internal\")", "request", "request == 1",
	    "models", "models[\"up/small\"]", "models.small.queue == 0",
	    "models[key.name].queue == 0", "request.headers == []",
	    "request.headers[key.name] == \"\"", "key.name in request.headers",
	    "key.tags[0] == \"a\"", "request.task.name == \"a\"",
	    "request.tokens()", "request.tokens.x.y == 1", "null == 1");
}

static void points_at_syntax(void **state)
{
	(void)state;
	expect_mistakes("request.tokens > 1 and request.tools",
	    "p.yaml:3:30: unexpected \"and\"; it is written &&");
	expect_mistakes(
	    "(1 == 1", "p.yaml:3:18: expected \")\" before the end");
	expect_mistakes("request.turns = 1",
	    "p.yaml:3:25: unexpected \"=\"; compare with ==");
	expect_mistakes("1 ==", "p.yaml:3:15: expected a value before the end");
	expect_mistakes("", "p.yaml:3:11: expected a value before the end");
	expect_mistakes("1 == 2 3",
	    "p.yaml:3:18: expected an operator or the end, got \"3\"");
	expect_mistakes("1 == )", "p.yaml:3:16: expected a value, got \")\"");
	expect_mistakes("true ? 1 : 2",
	    "p.yaml:3:16: unexpected \"?\"; there is no ?: here; write two "
	    "rules, or use && and ||");
	expect_mistakes("99999999999999999999 == 1",
	    "p.yaml:3:11: the number 99999999999999999999 is too large");
	expect_all(DOES_NOT_COMPILE, "9223372036854775808 > 0", "1u == 1",
	    "1e999 > 0.0", "0x == 0", "a.", "a.1", "1 * 2 == 2", "@",
	    "{} == {}", "a & b", "a | b", "[1", "[1,,2]", "f(", "f(1",
	    "request.headers[", "request.headers[\"a\"", "-", "!", "\xff == 1");
}

static void counts_columns_in_characters(void **state)
{
	struct mistakes *mistakes = mistakes_new();
	struct yaml_node node = scalar("\"\xe2\x82\xac\" == tokns");
	struct cel_source source = {
	    .file = "p.yaml", .node = &node, .mistakes = mistakes};
	/* They are kept in the order of their places. */
	const char *const expected[] = {"p.yaml:3:10: ", "p.yaml:3:17: ",
	    "p.yaml:3:18: ", "p.yaml:3:22: ", "p.yaml:3:23: "};

	(void)state;
	assert_null(cel_compile(&source, models, N_MODELS));
	node.is_quoted = false;
	assert_null(cel_compile(&source, models, N_MODELS));
	/* In single quotes each ' was two; in double quotes each \ was. */
	node = scalar("\"'a'\" == tokns");
	assert_null(cel_compile(&source, models, N_MODELS));
	node = scalar("'\\n\\n' == tokns");
	assert_null(cel_compile(&source, models, N_MODELS));
	node = scalar("1 ==\n  tokns");
	assert_null(cel_compile(&source, models, N_MODELS));
	for (size_t i = 0; i < 5; i++)
		assert_memory_equal(mistakes_line(mistakes, i), expected[i],
		    strlen(expected[i]));
	mistakes_free(&mistakes);
}

/* <n> times <piece>, then <rest>. */
static char *repeat(const char *piece, size_t n, const char *rest)
{
	size_t len = strlen(piece);
	char *text = mem_alloc(n * len + strlen(rest) + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(text + i * len, piece, len);
	memcpy(text + n * len, rest, strlen(rest) + 1);
	return text;
}

static void bounds_depth_and_length(void **state)
{
	static const struct {
		const char *piece;
		size_t n;
		const char *rest;
		enum outcome expected;
	} rows[] = {
	    {"!", 30, "true", IS_TRUE}, {"!", 31, "true", IS_FALSE},
	    {"!", 32, "true", DOES_NOT_COMPILE},
	    {"!", 4000, "true", DOES_NOT_COMPILE},
	    {"(", 4000, "true", DOES_NOT_COMPILE},
	    {"[", 4000, "true", DOES_NOT_COMPILE},
	    {"-", 4000, "1 == 1", DOES_NOT_COMPILE},
	    {"1 + ", 20, "1 == 21", IS_TRUE},
	    {"1 + ", 40, "1 == 41", DOES_NOT_COMPILE},
	    {"a.", 1000, "a", DOES_NOT_COMPILE},
	    /* A chain of one operator is one level. */
	    {"false || ", 900, "true", IS_TRUE},
	    {"true && ", 1000, "false", IS_FALSE},
	    {"false || ", 1000, "true", DOES_NOT_COMPILE}, /* 9,004 bytes */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = repeat(rows[i].piece, rows[i].n, rows[i].rest);

		assert_int_equal(run(text), rows[i].expected);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_every_variable),
	    cmocka_unit_test(compares_and_joins),
	    cmocka_unit_test(compares_int_with_double_exactly),
	    cmocka_unit_test(searches_strings),
	    cmocka_unit_test(looks_into_lists),
	    cmocka_unit_test(reads_headers_in_any_case),
	    cmocka_unit_test(does_without_headers_and_load),
	    cmocka_unit_test(reads_escapes),
	    cmocka_unit_test(decides_although_one_side_fails),
	    cmocka_unit_test(fails_when_the_arena_is_exhausted),
	    cmocka_unit_test(matches_anywhere_in_the_text),
	    cmocka_unit_test(refuses_what_re2_has_not),
	    cmocka_unit_test(points_into_a_pattern),
	    cmocka_unit_test(stops_a_pattern_that_runs_wild),
	    cmocka_unit_test(searches_long_texts_in_windows),
	    cmocka_unit_test(names_the_nearest_variable),
	    cmocka_unit_test(finds_all_mistakes_of_an_expression),
	    cmocka_unit_test(checks_types),
	    cmocka_unit_test(points_at_syntax),
	    cmocka_unit_test(counts_columns_in_characters),
	    cmocka_unit_test(bounds_depth_and_length),
	};

	return cmocka_run_group_tests_name("cel", tests, NULL, NULL);
}
