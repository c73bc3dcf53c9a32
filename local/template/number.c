/* number.c -- int() and float() of a text, as Python reads them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "local/template/run.h"

/* Without its first <n> bytes, which it has. */
static struct span skip(struct span text, size_t n)
{
	return span_make(text.ptr + n, text.len - n);
}

/* Without white space at both ends. */
static struct span strip(struct span text)
{
	struct text whole = {.ptr = text.ptr, .len = text.len};
	size_t range[2];

	jinja_strip_range(&whole, NULL, STRIP_BOTH, range);
	return span_make(text.ptr + range[0], range[1] - range[0]);
}

static int digit_of(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte = (char)(byte | 0x20);
	return byte >= 'a' && byte <= 'z' ? byte - 'a' + 10 : 99;
}

/* The prefix's base, 0x and so on, when <base> is that or 0. */
static bool take_prefix(struct span *text, int64_t *base)
{
	const char *at = text->ptr;
	char mark = text->len > 2 && at[0] == '0' ? (char)(at[1] | 0x20) : '\0';
	int64_t meant = mark == 'x'   ? 16
			: mark == 'o' ? 8
			: mark == 'b' ? 2
				      : 0;
	size_t skipped;

	if (meant && (*base == 0 || *base == meant)) {
		*base = meant;
		skipped = at[2] == '_' ? 3 : 2;
		*text = skip(*text, skipped);
		return true;
	}
	if (*base == 0) {
		*base = 10;
		/* 007 is not one, 000 is. */
		for (size_t i = 0; at[0] == '0' && i < text->len; i++) {
			if (at[i] != '0' && at[i] != '_')
				return false;
		}
	}
	return *base >= 2 && *base <= 36;
}

bool jinja_parse_int(struct span text, int64_t base, int64_t *out)
{
	bool is_negative, is_digit = false;
	int64_t value = 0;

	text = strip(text);
	is_negative = text.len > 0 && text.ptr[0] == '-';
	if (is_negative || (text.len > 0 && text.ptr[0] == '+'))
		text = skip(text, 1);
	if (text.len == 0 || !take_prefix(&text, &base))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int digit = digit_of(text.ptr[i]);

		if (text.ptr[i] == '_' && is_digit) {
			is_digit = false;
			continue;
		}
		if (digit >= base ||
		    __builtin_mul_overflow(value, base, &value) ||
		    __builtin_sub_overflow(value, digit, &value))
			return false;
		is_digit = true;
	}
	if (!is_digit || (!is_negative && value == INT64_MIN))
		return false;
	*out = is_negative ? value : -value;
	return true;
}

/* "inf", "infinity", "nan" after a sign. */
static bool parse_word(struct span text, bool is_negative, double *out)
{
	if (span_eq_nocase(text, SPAN("inf")) ||
	    span_eq_nocase(text, SPAN("infinity")))
		*out = is_negative ? -HUGE_VAL : HUGE_VAL;
	else if (span_eq_nocase(text, SPAN("nan")))
		*out = (double)NAN;
	else
		return false;
	return true;
}

/* Digits, one underscore between two of them, copied to *to; their number. */
static size_t take_digits(struct span *text, char **to)
{
	size_t count = 0, at = 0;

	for (; at < text->len; at++) {
		size_t digit = at + (text->ptr[at] == '_' && count > 0);

		if (digit >= text->len || text->ptr[digit] < '0' ||
		    text->ptr[digit] > '9')
			break;
		at = digit;
		*(*to)++ = text->ptr[at];
		count++;
	}
	*text = skip(*text, at);
	return count;
}

/* The number as JSON writes it, into <json>; NULL when it is none. */
static char *take_number(struct span text, char *json)
{
	size_t whole, fraction = 0;

	*json++ = '0';
	whole = take_digits(&text, &json);
	*json++ = '.';
	*json++ = '0';
	if (text.len > 0 && text.ptr[0] == '.') {
		text = skip(text, 1);
		json--;
		fraction = take_digits(&text, &json);
		*json++ = '0';
	}
	if (whole + fraction == 0)
		return NULL;
	if (text.len > 0 && (text.ptr[0] | 0x20) == 'e') {
		*json++ = 'e';
		text = skip(text, 1);
		if (text.len > 0 &&
		    (text.ptr[0] == '-' || text.ptr[0] == '+')) {
			*json++ = text.ptr[0];
			text = skip(text, 1);
		}
		if (take_digits(&text, &json) == 0)
			return NULL;
	}
	return text.len == 0 ? json : NULL;
}

/*
 * The digits go through the JSON reader, which rounds once and does not ask
 * the locale; it minds no zeros before a number.
 */
bool jinja_parse_real(struct span text, double *out)
{
	struct json_node node = {.type = JSON_NUMBER, .next = 1};
	struct json_doc doc = {.nodes = &node, .count = 1};
	char json[1100], *end;
	bool is_negative;

	text = strip(text);
	is_negative = text.len > 0 && text.ptr[0] == '-';
	if (is_negative || (text.len > 0 && text.ptr[0] == '+'))
		text = skip(text, 1);
	if (parse_word(text, is_negative, out))
		return true;
	/* Longer ones are no number that a template could mean. */
	if (text.len == 0 || text.len > sizeof(json) - 8)
		return false;
	end = take_number(text, json);
	if (!end)
		return false;
	doc.text = span_make(json, (size_t)(end - json));
	node.end = (uint32_t)doc.text.len;
	if (!json_double(&doc, 0, out))
		*out = HUGE_VAL;
	if (is_negative)
		*out = -*out;
	return true;
}
