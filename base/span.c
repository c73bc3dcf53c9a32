/* span.c -- borrowed text: what is too long to be inline. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include "base/memory.h"

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool span_eq_nocase(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (fold(a.ptr[i]) != fold(b.ptr[i]))
			return false;
	}
	return true;
}

bool span_starts_with(struct span s, struct span prefix)
{
	return s.len >= prefix.len && span_eq(span_head(s, prefix.len), prefix);
}

bool span_ends_with(struct span s, struct span suffix)
{
	return s.len >= suffix.len &&
	       span_eq(span_from(s, s.len - suffix.len), suffix);
}

size_t span_find(struct span s, struct span needle, size_t from)
{
	const char *at;

	if (from > s.len || needle.len > s.len - from)
		return SIZE_MAX;
	if (needle.len == 0)
		return from;
	at = memmem(s.ptr + from, s.len - from, needle.ptr, needle.len);
	return at ? (size_t)(at - s.ptr) : SIZE_MAX;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
	while (s.len > 0 && is_blank(s.ptr[0]))
		s = span_from(s, 1);
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool span_split(struct span *rest, char separator, struct span *part)
{
	const char *at = NULL;

	if (!rest->ptr)
		return false;
	if (rest->len > 0)
		at = memchr(rest->ptr, separator, rest->len);
	if (!at) {
		*part = *rest;
		*rest = span_make(NULL, 0);
		return true;
	}
	*part = span_head(*rest, (size_t)(at - rest->ptr));
	*rest = span_from(*rest, part->len + 1);
	return true;
}

bool span_to_u64(struct span s, uint64_t *out)
{
	uint64_t value = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c < '0' || c > '9' ||
		    __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (unsigned)(c - '0'), &value))
			return false;
	}
	*out = value;
	return true;
}

char *span_dup(struct span s)
{
	char *copy = mem_alloc(s.len + 1);

	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

struct span span_decimal(uint64_t value, char digits[24])
{
	size_t at = 24;

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return span_make(digits + at, 24 - at);
}
