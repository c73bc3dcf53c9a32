/* test_lex.c -- templates into tokens: trimmed text, literals, lines. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "local/template/tree.h"

#define TOKENS_MAX 32

struct tokens {
	struct arena arena;
	struct error err;
	struct token list[TOKENS_MAX];
	size_t count; /* without the end */
	bool is_read;
};

static void read_tokens(struct tokens *tokens, const char *source)
{
	struct lexer lexer;

	*tokens = (struct tokens){.is_read = true};
	arena_init(&tokens->arena, 1 << 20);
	assert_true(jinja_lex_start(
	    &lexer, span_of(source), &tokens->arena, &tokens->err));
	while (tokens->is_read && tokens->count < TOKENS_MAX) {
		struct token *token = &tokens->list[tokens->count];

		tokens->is_read = jinja_lex_next(&lexer, token);
		if (!tokens->is_read || token->kind == TOKEN_END)
			break;
		/* Empty text is passed over, as the parser does. */
		if (token->kind != TOKEN_DATA || token->text.len > 0)
			tokens->count++;
	}
}

/* The text around the tags, the tags as "|". */
static void check_text(const char *source, const char *expected)
{
	struct tokens tokens;
	struct buf buf;

	read_tokens(&tokens, source);
	assert_true(tokens.is_read);
	buf_init(&buf, 4096);
	for (size_t i = 0; i < tokens.count; i++) {
		const struct token *token = &tokens.list[i];

		if (token->kind == TOKEN_DATA)
			assert_true(buf_append(&buf, token->text));
		else if (token->kind == TOKEN_BLOCK_BEGIN ||
			 token->kind == TOKEN_VARIABLE_BEGIN)
			assert_true(buf_append(&buf, SPAN("|")));
	}
	assert_true(buf_append(&buf, span_make("", 1)));
	assert_string_equal(buf_span(&buf).ptr, expected);
	buf_free(&buf);
	arena_free(&tokens.arena);
}

static void trims_white_space_around_blocks(void **state)
{
	static const char *const rows[][2] = {
	    {"a\n  {% x %}\n  b", "a\n|  b"},
	    {"a {% x %} b", "a | b"},
	    {"  {% x %}\n\nb", "|\nb"},
	    {"a\n  {%+ x %}\nb", "a\n  |b"},
	    {"a\n  {% x +%}\nb", "a\n|\nb"},
	    {"a \n {%- x -%} \n b", "a|b"},
	    {"a\n  {{ x }}\nb", "a\n  |\nb"},
	    {"a\n  {{- x -}}\nb", "a|b"},
	    {"a\n  {# c #}\nb", "a\nb"},
	    {"a {#- c -#} b", "ab"},
	    {"a{# {{ x }} #}b", "ab"},
	    {"{% x %}  {% y %}", "|  |"},
	    {"{% x %}\n  {% y %}", "||"},
	    {"\u00a0\n\u3000{%- x -%}\u2003b", "|b"},
	    {"a\r\nb\rc\n", "a\nb\nc"},
	    {"a\n\n", "a\n"},
	    {"{ {a} %} }} #}", "{ {a} %} }} #}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_text(rows[i][0], rows[i][1]);
}

static void leaves_raw_text_alone(void **state)
{
	(void)state;
	check_text("a{% raw %} {{ x }} {% if %} {% endraw %}b",
	    "a {{ x }} {% if %} b");
	check_text("a\n {% raw %}\n x\n {% endraw %}\nb", "a\n\n x\nb");
	check_text("{%- raw -%}  x  {%- endraw -%}  y", "xy");
	check_text("{% rawer %}", "|");
}

static void reads_every_operator(void **state)
{
	static const enum token_kind kinds[] = {TOKEN_FLOOR, TOKEN_POWER,
	    TOKEN_EQ, TOKEN_NE, TOKEN_LE, TOKEN_GE, TOKEN_LT, TOKEN_GT,
	    TOKEN_ASSIGN, TOKEN_ADD, TOKEN_SUB, TOKEN_MUL, TOKEN_DIV, TOKEN_MOD,
	    TOKEN_TILDE, TOKEN_DOT, TOKEN_COLON, TOKEN_COMMA, TOKEN_PIPE,
	    TOKEN_SEMICOLON, TOKEN_OPEN, TOKEN_CLOSE};
	struct tokens tokens;

	(void)state;
	read_tokens(
	    &tokens, "{{ // ** == != <= >= < > = + - * / % ~ . : , | ; ( )");
	assert_int_equal(tokens.count, 1 + sizeof(kinds) / sizeof(kinds[0]));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		assert_int_equal(tokens.list[i + 1].kind, kinds[i]);
	arena_free(&tokens.arena);
}

static void reads_strings_with_their_escapes(void **state)
{
	static const struct {
		const char *literal;
		struct span text;
	} rows[] = {
	    {"'a\"b'", {"a\"b", 3}},
	    {"\"a'b\"", {"a'b", 3}},
	    {"'\\n\\t\\\\\\''", {"\n\t\\'", 4}},
	    {"'\\x41\\101\\u00e9'", {"AA\xc3\xa9", 4}},
	    {"'\\U0001f389'", {"\xf0\x9f\x8e\x89", 4}},
	    {"'\\q\\0'", {"\\q\0", 3}},
	    {"'a\\\nb'", {"ab", 2}},
	    {"''", {"", 0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char source[64];
		struct tokens tokens;

		snprintf(source, sizeof(source), "{{%s}}", rows[i].literal);
		read_tokens(&tokens, source);
		assert_int_equal(tokens.count, 3);
		assert_int_equal(tokens.list[1].kind, TOKEN_STRING);
		assert_true(span_eq(tokens.list[1].text, rows[i].text));
		arena_free(&tokens.arena);
	}
}

static void reads_numbers(void **state)
{
	struct tokens tokens;

	(void)state;
	read_tokens(
	    &tokens, "{{ 12 1_000 0x1F 0b11 0o17 0 1.5 1e3 2.5e-1 1.x }}");
	assert_int_equal(tokens.list[1].integer, 12);
	assert_int_equal(tokens.list[2].integer, 1000);
	assert_int_equal(tokens.list[3].integer, 31);
	assert_int_equal(tokens.list[4].integer, 3);
	assert_int_equal(tokens.list[5].integer, 15);
	assert_int_equal(tokens.list[6].integer, 0);
	assert_true(tokens.list[7].real == 1.5);
	assert_true(tokens.list[8].real == 1000.0);
	assert_true(tokens.list[9].real == 0.25);
	assert_int_equal(tokens.list[10].kind, TOKEN_INTEGER);
	assert_int_equal(tokens.list[11].kind, TOKEN_DOT);
	arena_free(&tokens.arena);
}

static void counts_lines(void **state)
{
	struct tokens tokens;

	(void)state;
	read_tokens(&tokens, "a\n{{-\n x\n\n-}}\n\n{{ y }}{#\n#}{{ z }}");
	assert_int_equal(tokens.list[1].line, 2);
	assert_int_equal(tokens.list[2].line, 3);
	assert_int_equal(tokens.list[5].line, 7);
	assert_int_equal(tokens.list[8].line, 8);
	arena_free(&tokens.arena);
}

static void does_not_end_a_tag_inside_of_brackets(void **state)
{
	struct tokens tokens;

	(void)state;
	read_tokens(&tokens, "{{ {'a': {'b': 1}} }}x");
	assert_true(tokens.is_read);
	assert_int_equal(tokens.count, 12);
	assert_int_equal(tokens.list[11].kind, TOKEN_DATA);
	arena_free(&tokens.arena);
}

static void refuses_what_is_no_token(void **state)
{
	static const char *const rows[][2] = {
	    {"{{ 'open }}", "line 1: unexpected character \"'\""},
	    {"{{ a ! b }}", "line 1: unexpected character \"!\""},
	    {"\n{{ \u00e9 }}", "line 2: unexpected character \"\u00e9\""},
	    {"{{ (] }}", "line 1: unexpected \"]\""},
	    {"{{ ) }}", "line 1: unexpected \")\""},
	    {"{{ '\\x4' }}", "line 1: a cut \\x, \\u or \\U in a string"},
	    {"{{ '\\ud800' }}",
		"line 1: no character has this number in a string"},
	    {"{% raw %}", "line 1: missing {% endraw %}"},
	    {"\n{# ", "line 2: missing end of comment"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tokens tokens;

		read_tokens(&tokens, rows[i][0]);
		assert_false(tokens.is_read);
		assert_string_equal(tokens.err.text, rows[i][1]);
		arena_free(&tokens.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(trims_white_space_around_blocks),
	    cmocka_unit_test(leaves_raw_text_alone),
	    cmocka_unit_test(reads_every_operator),
	    cmocka_unit_test(reads_strings_with_their_escapes),
	    cmocka_unit_test(reads_numbers),
	    cmocka_unit_test(counts_lines),
	    cmocka_unit_test(does_not_end_a_tag_inside_of_brackets),
	    cmocka_unit_test(refuses_what_is_no_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
