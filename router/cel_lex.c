/* cel_lex.c -- a condition's bytes to tokens, and offsets to columns. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cel.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- places ------------------------------------------------------------- */

/* Bytes that the quoting of the scalar put before byte <at> of its text. */
static unsigned escapes_before(const struct yaml_node *node, size_t at)
{
	struct span text = node->text;
	bool has_quote = memchr(text.ptr, '"', text.len) != NULL;
	bool has_apostrophe = memchr(text.ptr, '\'', text.len) != NULL;
	unsigned n = 0;

	if (!node->is_quoted || !has_apostrophe)
		return 0;
	for (size_t i = 0; i < at && i < text.len; i++) {
		if (has_quote ? text.ptr[i] == '\'' : text.ptr[i] == '\\')
			n++;
	}
	return n;
}

/* Columns count characters, as YAML's do. */
static unsigned column_of(const struct yaml_node *node, size_t at)
{
	unsigned column = node->column + (node->is_quoted ? 1 : 0);

	for (size_t i = 0; i < at && i < node->text.len; i++) {
		if (((unsigned char)node->text.ptr[i] & 0xc0) != 0x80)
			column++;
	}
	return column + escapes_before(node, at);
}

void cel_mistake(
    const struct cel_source *source, size_t at, const char *fmt, ...)
{
	const struct yaml_node *node = source->node;
	unsigned column = node->column;
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (node->text.len == 0 ||
	    !memchr(node->text.ptr, '\n', node->text.len))
		column = column_of(node, at);
	mistakes_add(
	    source->mistakes, source->file, node->line, column, "%s", text);
}

/* --- single characters -------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte at <i>, 0 past the end. */
static char peek(struct span s, size_t i)
{
	return i < s.len ? s.ptr[i] : '\0';
}

/* --- strings ------------------------------------------------------------ */

/*
 * Reads <digits> digits of base 16 or 8 at <from>; UINT32_MAX when one is
 * missing.
 */
static uint32_t read_code(
    struct span s, size_t from, size_t digits, unsigned base)
{
	uint32_t code = 0;

	for (size_t i = 0; i < digits; i++) {
		int value = hex_value(peek(s, from + i));

		if (value < 0 || (unsigned)value >= base)
			return UINT32_MAX;
		code = code * base + (uint32_t)value;
	}
	return code;
}

/*
 * Decodes the escape at <from> (a backslash) into <out>, 4 bytes. Returns its
 * length in the expression, 0 when there is no such escape; <n> is the length
 * of what it stands for.
 */
static size_t decode_escape(struct span s, size_t from, char *out, size_t *n)
{
	static const char plain[] = "a\ab\bf\fn\nr\rt\tv\v\\\\\"\"''``??";
	char c = peek(s, from + 1);
	uint32_t code = UINT32_MAX;
	size_t len = 0;

	for (size_t i = 0; i + 1 < sizeof(plain); i += 2) {
		if (plain[i] == c && c != '\0') {
			*out = plain[i + 1];
			*n = 1;
			return 2;
		}
	}
	if (c == 'x' || c == 'X') {
		len = 4;
		code = read_code(s, from + 2, 2, 16);
	} else if (c == 'u') {
		len = 6;
		code = read_code(s, from + 2, 4, 16);
	} else if (c == 'U') {
		len = 10;
		code = read_code(s, from + 2, 8, 16);
	} else if (c >= '0' && c <= '3') {
		len = 4;
		code = read_code(s, from + 1, 3, 8);
	}
	*n = code == UINT32_MAX ? 0 : utf8_encode(code, out);
	return *n > 0 ? len : 0;
}

/* Where the closing quote of the string opened at <quote> stands, or SIZE_MAX.
 */
static size_t closing_quote(struct span s, size_t quote, bool is_raw)
{
	size_t i = quote + 1;

	while (i < s.len && s.ptr[i] != s.ptr[quote] && s.ptr[i] != '\n')
		i += s.ptr[i] == '\\' && !is_raw ? 2 : 1;
	return i < s.len && s.ptr[i] == s.ptr[quote] ? i : SIZE_MAX;
}

/* A string whose opening quote is at <quote>, behind an r when raw. */
static struct cel_token read_string(const struct cel_source *source,
    size_t from, size_t quote, struct arena *strings)
{
	struct span s = source->node->text;
	struct cel_token token = {.kind = TOKEN_BAD, .at = (uint32_t)from};
	bool is_raw = quote > from;
	size_t end = closing_quote(s, quote, is_raw);
	size_t n = 0;
	char *out;

	if (end == SIZE_MAX) {
		cel_mistake(source, from, "this string has no closing %c",
		    s.ptr[quote]);
		return token;
	}
	/* An escape is longer than what it stands for. */
	out = arena_alloc(strings, end - quote);
	assert(out); /* the arena holds the strings of the longest expression */
	for (size_t i = quote + 1; i < end;) {
		size_t wide = 1;
		size_t used = 1;

		if (s.ptr[i] == '\\' && !is_raw)
			used = decode_escape(s, i, out + n, &wide);
		else
			out[n] = s.ptr[i];
		if (used == 0) {
			cel_mistake(source, i,
			    "no such escape in a string; a backslash is "
			    "written \\\\, or the string as r\"...\"");
			return token;
		}
		n += wide;
		i += used;
	}
	token.kind = TOKEN_STRING;
	token.raw = span_make(s.ptr + from, end + 1 - from);
	token.text = span_make(out, n);
	return token;
}

/* --- numbers ------------------------------------------------------------ */

static size_t skip_digits(struct span s, size_t i)
{
	while (is_digit(peek(s, i)))
		i++;
	return i;
}

/* One past a number that begins at <from>; says whether it is a double. */
static size_t number_end(struct span s, size_t from, bool *is_double)
{
	size_t i = skip_digits(s, from);
	size_t exponent;

	*is_double = false;
	if (peek(s, i) == '.' && is_digit(peek(s, i + 1))) {
		*is_double = true;
		i = skip_digits(s, i + 1);
	}
	if (peek(s, i) == 'e' || peek(s, i) == 'E') {
		exponent = i + 1;
		if (peek(s, exponent) == '+' || peek(s, exponent) == '-')
			exponent++;
		if (is_digit(peek(s, exponent))) {
			*is_double = true;
			i = skip_digits(s, exponent);
		}
	}
	return i;
}

/* A whole number, decimal or 0x...; at most 2^63, the minus stands before. */
static bool read_whole(struct span digits, uint64_t *value)
{
	uint64_t limit = UINT64_C(1) << 63;
	bool is_hex = digits.len > 2 && digits.ptr[1] == 'x';
	unsigned base = is_hex ? 16 : 10;

	*value = 0;
	for (size_t i = is_hex ? 2 : 0; i < digits.len; i++) {
		uint64_t digit = (uint64_t)hex_value(digits.ptr[i]);

		if (*value > (limit - digit) / base)
			return false;
		*value = *value * base + digit;
	}
	return true;
}

/* strtod wants a NUL; a number of more than 63 digits is nobody's wish. */
static bool read_real(struct span digits, double *value)
{
	char text[64];

	if (digits.len >= sizeof(text))
		return false;
	memcpy(text, digits.ptr, digits.len);
	text[digits.len] = '\0';
	*value = strtod(text, NULL);
	return isfinite(*value);
}

static struct cel_token read_number(
    const struct cel_source *source, size_t from)
{
	struct span s = source->node->text;
	struct cel_token token = {.kind = TOKEN_BAD, .at = (uint32_t)from};
	bool is_double = false;
	bool fits;
	size_t end;

	if (s.ptr[from] == '0' && peek(s, from + 1) == 'x' &&
	    hex_value(peek(s, from + 2)) >= 0) {
		end = from + 2;
		while (hex_value(peek(s, end)) >= 0)
			end++;
	} else {
		end = number_end(s, from, &is_double);
	}
	token.raw = span_make(s.ptr + from, end - from);
	if (is_name_start(peek(s, end))) {
		cel_mistake(source, end,
		    "a number ends in a letter; numbers here are like 12, "
		    "0x1f, 0.5 or 1e3");
		return token;
	}
	fits = is_double ? read_real(token.raw, &token.real)
			 : read_whole(token.raw, &token.integer);
	if (!fits) {
		cel_mistake(source, from, "the number %.*s is too large",
		    SPAN_FMT(span_head(token.raw, 40)));
		return token;
	}
	token.kind = is_double ? TOKEN_DOUBLE : TOKEN_INT;
	return token;
}

/* --- names and signs ---------------------------------------------------- */

static struct cel_token read_name(struct span s, size_t from)
{
	struct cel_token token = {.kind = TOKEN_NAME, .at = (uint32_t)from};
	size_t end = from;

	while (is_name_start(peek(s, end)) || is_digit(peek(s, end)))
		end++;
	token.raw = span_make(s.ptr + from, end - from);
	if (span_eq(token.raw, SPAN("in")))
		token.kind = TOKEN_IN;
	return token;
}

static const struct {
	const char *text;
	enum cel_token_kind kind;
} signs[] = {
    /* Two characters before one. */
    {"||", TOKEN_OR},
    {"&&", TOKEN_AND},
    {"==", TOKEN_EQ},
    {"!=", TOKEN_NE},
    {"<=", TOKEN_LE},
    {">=", TOKEN_GE},
    {"<", TOKEN_LT},
    {">", TOKEN_GT},
    {"!", TOKEN_NOT},
    {"+", TOKEN_PLUS},
    {"-", TOKEN_MINUS},
    {"(", TOKEN_OPEN},
    {")", TOKEN_CLOSE},
    {"[", TOKEN_OPEN_LIST},
    {"]", TOKEN_CLOSE_LIST},
    {",", TOKEN_COMMA},
    {".", TOKEN_DOT},
};

/* What to write in place of a sign that is not in the language. */
static const struct {
	char sign;
	const char *hint;
} hints[] = {
    {'=', "compare with =="},
    {'&', "\"and\" is written &&"},
    {'|', "\"or\" is written ||"},
    {'*', "there is no multiplication here, only + and -"},
    {'/', "there is no division here, only + and -"},
    {'%', "there is no remainder here, only + and -"},
    {'?', "there is no ?: here; write two rules, or use && and ||"},
    {'{', "there are no maps here; lists are [a, b]"},
};

static struct cel_token read_sign(const struct cel_source *source, size_t from)
{
	struct span rest = span_from(source->node->text, from);
	struct cel_token token = {.kind = TOKEN_BAD, .at = (uint32_t)from};
	uint32_t code;

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (span_starts_with(rest, span_of(signs[i].text))) {
			token.kind = signs[i].kind;
			token.raw = span_head(rest, strlen(signs[i].text));
			return token;
		}
	}
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (rest.ptr[0] == hints[i].sign) {
			cel_mistake(source, from, "unexpected \"%c\"; %s",
			    hints[i].sign, hints[i].hint);
			return token;
		}
	}
	token.raw = span_head(rest, utf8_decode(rest, &code));
	cel_mistake(
	    source, from, "unexpected character \"%.*s\"", SPAN_FMT(token.raw));
	return token;
}

struct cel_token cel_lex(
    const struct cel_source *source, size_t from, struct arena *strings)
{
	struct span s = source->node->text;
	char c;
	char next;

	while (from < s.len && strchr(" \t\r\n", s.ptr[from]) && s.ptr[from])
		from++;
	if (from >= s.len)
		return (struct cel_token){
		    .kind = TOKEN_END, .at = (uint32_t)s.len};
	c = s.ptr[from];
	next = peek(s, from + 1);
	if (c == '"' || c == '\'')
		return read_string(source, from, from, strings);
	if ((c == 'r' || c == 'R') && (next == '"' || next == '\''))
		return read_string(source, from, from + 1, strings);
	if (is_digit(c) || (c == '.' && is_digit(next)))
		return read_number(source, from);
	if (is_name_start(c))
		return read_name(s, from);
	return read_sign(source, from);
}
