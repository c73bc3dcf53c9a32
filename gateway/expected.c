/* expected.c -- whether an answer is the one that was expected. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/expected.h"

#include <math.h>
#include <stdlib.h>

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       ((unsigned char)c & 0x80);
}

/* <text> as words between single blanks; ptr NULL without memory. */
static struct span plain(struct span text, struct arena *scratch)
{
	char *out = arena_alloc(scratch, text.len + 1);
	size_t len = 0;

	for (size_t i = 0; out && i < text.len; i++) {
		char c = text.ptr[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + 32);
		if (is_word_byte(c))
			out[len++] = c;
		else if (len > 0 && out[len - 1] != ' ')
			out[len++] = ' ';
	}
	if (len > 0 && out[len - 1] == ' ')
		len--;
	return span_make(out, out ? len : 0);
}

static bool is_at(struct span text, struct span words, size_t at)
{
	size_t end = at + words.len;

	return (at == 0 || text.ptr[at - 1] == ' ') &&
	       (end == text.len || text.ptr[end] == ' ');
}

static bool contains(struct span text, struct span words)
{
	size_t at = 0;

	if (words.len == 0)
		return text.len == 0;
	while ((at = span_find(text, words, at)) != SIZE_MAX) {
		if (is_at(text, words, at))
			return true;
		at++;
	}
	return false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The number that ends before <end>, thousands' commas left out. */
static bool read_number(struct span text, size_t end, double *out)
{
	char digits[64];
	size_t n = sizeof(digits) - 1, start = end;

	digits[n] = '\0';
	while (start > 0 && n > 1) {
		char c = text.ptr[start - 1];
		bool is_inner = (c == '.' || c == ',') && start > 1 &&
				is_digit(text.ptr[start - 2]);

		if (!is_digit(c) && !is_inner)
			break;
		if (c != ',')
			digits[--n] = c;
		start--;
	}
	if (start > 0 && text.ptr[start - 1] == '-' && n > 0)
		digits[--n] = '-';
	*out = strtod(digits + n, NULL);
	return n < sizeof(digits) - 1;
}

/* The last number of <text>. */
static bool last_number(struct span text, double *out)
{
	for (size_t end = text.len; end > 0; end--) {
		if (is_digit(text.ptr[end - 1]))
			return read_number(text, end, out);
	}
	return false;
}

static bool is_number(struct span answer, struct span expected)
{
	double got, wanted;

	return last_number(answer, &got) && last_number(expected, &wanted) &&
	       fabs(got - wanted) <= 1e-9 * fmax(1, fabs(wanted));
}

bool expected_match_of(struct span word, enum expected_match *out)
{
	static const char *const words[] = {
	    [EXPECTED_CONTAINS] = "contains",
	    [EXPECTED_EXACT] = "exact",
	    [EXPECTED_STARTS] = "starts",
	    [EXPECTED_NUMBER] = "number",
	    [EXPECTED_VERBATIM] = "verbatim",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!span_eq(word, span_of(words[i])))
			continue;
		*out = (enum expected_match)i;
		return true;
	}
	return false;
}

bool expected_is(enum expected_match match, struct span answer,
    struct span expected, struct arena *scratch)
{
	struct span text, words;

	if (match == EXPECTED_NUMBER)
		return is_number(answer, expected);
	if (match == EXPECTED_VERBATIM)
		return span_eq(span_trim(answer), span_trim(expected));
	text = plain(answer, scratch);
	words = plain(expected, scratch);
	if (!text.ptr || !words.ptr)
		return false;
	if (match == EXPECTED_EXACT)
		return span_eq(text, words);
	if (match == EXPECTED_STARTS)
		return span_starts_with(text, words) && is_at(text, words, 0);
	return contains(text, words);
}
