/* test_tokenizer_scan.c -- the scanners against the expressions they replace.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/utf8.h"
#include "local/tokenizer/pattern.h"

#define CASES 20000
#define CHARS_MAX 12

/*
 * Oniguruma runs the same expression when it is written in another way, here
 * in a group. Characters are drawn from those that the expressions treat
 * differently; all are older than the Unicode of any Oniguruma in use.
 */
static const uint32_t letters[] = {'a', 'e', 'l', 'L', 's', 'S', 't', 'T', 'v',
    'm', 'R', 'Z', ' ', ' ', ' ', '\n', '\r', '\t', '\'', '\'', '1', '2', '9',
    '/', '.', '!', '$', '_', 0x17f, 0x212a, 0xa0, 0x3000, 0x2028, 0xe9, 0xc9,
    0x1c5, 0x2b0, 0x5d0, 0x301, 0x903, 0x4e00, 0x3042, 0x30fc, 0x661, 0xbd,
    0x20ac, 0x3002, 0x200b, 0xad, 0x1f600, 0x10400, 0x10428, 0xe000};

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

static struct span make_text(uint64_t *state, char *out)
{
	size_t n = next_random(state) % CHARS_MAX + 1, len = 0;

	for (size_t i = 0; i < n; i++)
		len +=
		    utf8_encode(letters[next_random(state) %
					(sizeof(letters) / sizeof(*letters))],
			out + len);
	return span_make(out, len);
}

static void compare(const struct pattern *scanner, const struct pattern *regex,
    struct span text)
{
	struct match_list a = {0}, b = {0};
	struct error err;

	assert_int_equal(OK, pattern_find(scanner, text, &a, &err));
	assert_int_equal(OK, pattern_find(regex, text, &b, &err));
	if (a.len != b.len)
		print_error("\"%.*s\"\n", SPAN_FMT(text));
	assert_int_equal(a.len, b.len);
	for (size_t i = 0; i < a.len; i++) {
		assert_int_equal(a.items[i].start, b.items[i].start);
		assert_int_equal(a.items[i].end, b.items[i].end);
		assert_int_equal(a.items[i].is_match, b.items[i].is_match);
	}
	match_list_free(&a);
	match_list_free(&b);
}

static void check(const char *name, const char *expression)
{
	char grouped[1024], text[CHARS_MAX * 4];
	struct pattern scanner, regex;
	uint64_t state = 42;
	struct error err;

	snprintf(grouped, sizeof(grouped), "(?:%s)", expression);
	assert_int_equal(
	    OK, pattern_from_regex(&scanner, span_of(expression), &err));
	assert_int_equal(scanner.kind, PATTERN_SCAN);
	assert_ptr_equal(scanner.rules, scan_by_name(name));
	assert_int_equal(
	    OK, pattern_from_regex(&regex, span_of(grouped), &err));
	assert_int_equal(regex.kind, PATTERN_REGEX);
	for (int i = 0; i < CASES; i++)
		compare(&scanner, &regex, make_text(&state, text));
	pattern_free(&regex);
	pattern_free(&scanner);
}

#define SUFFIX "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define TAIL "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define FRONT "[^\\r\\n\\p{L}\\p{N}]?"

static void cuts_as_gpt2_does(void **state)
{
	(void)state;
	check("gpt2", "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+"
		      "| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+");
}

static void cuts_as_llama3_does(void **state)
{
	(void)state;
	check("llama3", SUFFIX "|" FRONT "\\p{L}+|\\p{N}{1,3}"
			       "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" TAIL);
}

static void cuts_as_qwen_does(void **state)
{
	(void)state;
	check("qwen2", SUFFIX "|" FRONT "\\p{L}+|\\p{N}"
			      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" TAIL);
	check("qwen35", SUFFIX "|" FRONT "[\\p{L}\\p{M}]+|\\p{N}"
			       "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" TAIL);
}

static void cuts_as_o200k_and_tekken_do(void **state)
{
	(void)state;
	check("o200k", FRONT UPPER "*" LOWER "+" SUFFIX "?|" FRONT UPPER
				   "+" LOWER "*" SUFFIX "?|\\p{N}{1,3}"
				   "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" TAIL);
	check("tekken",
	    FRONT UPPER "*" LOWER "+|" FRONT UPPER "+" LOWER "*|\\p{N}"
			"| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" TAIL);
}

static void cuts_as_deepseek_does(void **state)
{
	(void)state;
	check("digits3", "\\p{N}{1,3}");
	check("digit", "\\p{N}");
	check("cjk", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+");
	check("deepseek",
	    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
	    "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
	    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+");
}

static void leaves_other_expressions_to_oniguruma(void **state)
{
	struct pattern pattern;
	struct error err;

	(void)state;
	assert_null(scan_find(SPAN("\\p{N}{1,4}")));
	assert_null(scan_find(SPAN("")));
	assert_null(scan_by_name("nothing"));
	assert_int_equal(OK, pattern_from_regex(&pattern, SPAN("a|b"), &err));
	assert_int_equal(pattern.kind, PATTERN_REGEX);
	pattern_free(&pattern);
}

static void stops_expressions_that_take_for_ever(void **state)
{
	struct match_list found = {0};
	struct pattern pattern;
	struct error err;

	(void)state;
	assert_int_equal(
	    OK, pattern_from_regex(&pattern, SPAN("(x+x+)+y"), &err));
	assert_int_equal(FAILED,
	    pattern_find(&pattern,
		SPAN("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
		&found, &err));
	assert_non_null(strstr(err.text, "takes too long"));
	match_list_free(&found);
	pattern_free(&pattern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cuts_as_gpt2_does),
	    cmocka_unit_test(cuts_as_llama3_does),
	    cmocka_unit_test(cuts_as_qwen_does),
	    cmocka_unit_test(cuts_as_o200k_and_tekken_do),
	    cmocka_unit_test(cuts_as_deepseek_does),
	    cmocka_unit_test(leaves_other_expressions_to_oniguruma),
	    cmocka_unit_test(stops_expressions_that_take_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
