/* lex_string.c -- the values of string and number literals. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"
#include "local/template/tree.h"

/*
 * Source: Python's reference, "String and Bytes literals" and "Numeric
 * literals", which Jinja's lexer follows.
 */
static int hex_digit(int byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool fail_escape(struct lexer *lexer, const char *what)
{
	error_set(lexer->err, "line %u: %s in a string", lexer->line, what);
	return false;
}

/* <count> hexadecimal digits at *at as UTF-8 at *to. */
static bool decode_hex(struct lexer *lexer, const char **at, const char *end,
    size_t count, char **to)
{
	uint32_t code_point = 0;
	size_t len;

	for (size_t i = 0; i < count; i++) {
		int digit = *at < end ? hex_digit((unsigned char)**at) : -1;

		if (digit < 0)
			return fail_escape(lexer, "a cut \\x, \\u or \\U");
		code_point = code_point << 4 | (uint32_t)digit;
		(*at)++;
	}
	len = utf8_encode(code_point, *to);
	if (len == 0)
		return fail_escape(lexer, "no character has this number");
	*to += len;
	return true;
}

/* Up to three octal digits. */
static void decode_octal(const char **at, const char *end, char **to)
{
	uint32_t code_point = 0;

	for (int i = 0; i < 3 && *at < end && **at >= '0' && **at <= '7'; i++)
		code_point = code_point * 8 + (uint32_t)(*(*at)++ - '0');
	*to += utf8_encode(code_point, *to);
}

/* The escape after a backslash. */
static bool decode_escape(
    struct lexer *lexer, const char **at, const char *end, char **to)
{
	static const char from[] = "abfnrtv\\'\"";
	static const char into[] = "\a\b\f\n\r\t\v\\'\"";
	char byte = **at;
	const char *plain = byte ? strchr(from, byte) : NULL;

	if (byte >= '0' && byte <= '7') {
		decode_octal(at, end, to);
		return true;
	}
	(*at)++;
	if (plain) {
		*(*to)++ = into[plain - from];
		return true;
	}
	switch (byte) {
	case '\n':
		return true;
	case 'x':
		return decode_hex(lexer, at, end, 2, to);
	case 'u':
		return decode_hex(lexer, at, end, 4, to);
	case 'U':
		return decode_hex(lexer, at, end, 8, to);
	case 'N':
		return fail_escape(lexer, "\\N{...} is not supported");
	default: /* no escape: both bytes stay */
		*(*to)++ = '\\';
		*(*to)++ = byte;
		return true;
	}
}

bool jinja_unescape(struct lexer *lexer, struct span quoted, struct span *out)
{
	const char *at = quoted.ptr + 1, *end = quoted.ptr + quoted.len - 1;
	char *start, *to;

	*out = span_make(at, (size_t)(end - at));
	if (!memchr(at, '\\', out->len))
		return true;
	/* No escape is shorter than what it stands for: \7 and \x7f are. */
	start = to = arena_alloc(lexer->arena, quoted.len);
	if (!start)
		return fail_escape(lexer, "too much text");
	while (at < end) {
		if (*at != '\\') {
			*to++ = *at++;
			continue;
		}
		at++;
		if (!decode_escape(lexer, &at, end, &to))
			return false;
	}
	*out = span_make(start, (size_t)(to - start));
	return true;
}

/* The digits of <base> at <at>, an underscore between two of them; the end. */
static size_t skip_digits(struct span text, size_t at, int base)
{
	for (; at < text.len; at++) {
		size_t digit = at + (text.ptr[at] == '_');
		int value = digit < text.len
				? hex_digit((unsigned char)text.ptr[digit])
				: -1;

		if (value < 0 || value >= base)
			break;
		at = digit;
	}
	return at;
}

/* The end of a number's exponent at <at>, or <at>. */
static size_t skip_exponent(struct span text, size_t at)
{
	size_t from = at + 1, end;

	if (at >= text.len || (text.ptr[at] | 0x20) != 'e')
		return at;
	if (from < text.len && (text.ptr[from] == '+' || text.ptr[from] == '-'))
		from++;
	if (from < text.len && text.ptr[from] == '_')
		return at;
	end = skip_digits(text, from, 10);
	return end > from ? end : at;
}

/* The length of a float at <text>; 0 when it is an int. */
static size_t real_len(struct span text)
{
	size_t whole = skip_digits(text, 0, 10), end = whole, fraction;

	if (end + 1 < text.len && text.ptr[end] == '.' &&
	    text.ptr[end + 1] != '_') {
		fraction = skip_digits(text, end + 1, 10);
		if (fraction > end + 1)
			end = fraction;
	}
	end = skip_exponent(text, end);
	return end > whole ? end : 0;
}

static int base_of(struct span text)
{
	char mark = text.len > 2 && text.ptr[0] == '0'
			? (char)(text.ptr[1] | 0x20)
			: '\0';

	return mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
}

bool jinja_lex_number(
    struct lexer *lexer, struct span text, struct token *out, size_t *len)
{
	int base = base_of(text);

	*len = base == 10 ? real_len(text) : 0;
	if (*len > 0) {
		out->kind = TOKEN_REAL;
		if (jinja_parse_real(span_head(text, *len), &out->real))
			return true;
	}
	out->kind = TOKEN_INTEGER;
	if (base == 10 && text.ptr[0] == '0') {
		*len = 1;
		while (*len < text.len && text.ptr[*len] == '0')
			(*len)++;
	} else {
		*len = skip_digits(text, base == 10 ? 0 : 2, base);
	}
	if (jinja_parse_int(span_head(text, *len), 0, &out->integer))
		return true;
	error_set(lexer->err,
	    "line %u: the number %.*s is ill-formed or past 64 bits",
	    lexer->line, SPAN_FMT(span_head(text, *len)));
	return false;
}
