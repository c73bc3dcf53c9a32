/* span.h -- borrowed text: a pointer and a length, passed by value. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A span never owns its bytes and is not NUL-terminated; who made it says how
 * long it lives. The empty span may have a NULL pointer. Comparisons are of
 * bytes; the _nocase ones fold ASCII only.
 */
struct span {
	const char *ptr;
	size_t len;
};

/* A span of a string literal. */
#define SPAN(literal)                                                          \
	((struct span){.ptr = "" literal, .len = sizeof(literal) - 1})

/* For printf's "%.*s"; long spans are cut at 2^31 - 1 bytes. */
#define SPAN_FMT(s) (int)((s).len > INT32_MAX ? INT32_MAX : (s).len), (s).ptr

static inline struct span span_make(const char *ptr, size_t len)
{
	return (struct span){.ptr = ptr, .len = len};
}

/* The whole of a C string; NULL gives the empty span. */
static inline struct span span_of(const char *text)
{
	return span_make(text, text ? strlen(text) : 0);
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.ptr, b.ptr, a.len));
}

/* From <from> (clamped) to the end. */
static inline struct span span_from(struct span s, size_t from)
{
	if (from > s.len)
		from = s.len;
	return span_make(s.ptr ? s.ptr + from : NULL, s.len - from);
}

/* The first <len> bytes, or all when there are fewer. */
static inline struct span span_head(struct span s, size_t len)
{
	return span_make(s.ptr, len < s.len ? len : s.len);
}

bool span_eq_nocase(struct span a, struct span b);
bool span_starts_with(struct span s, struct span prefix);
bool span_ends_with(struct span s, struct span suffix);

/* Offset of the first <needle> at or after <from>; SIZE_MAX when absent. */
size_t span_find(struct span s, struct span needle, size_t from);

/* Without leading and trailing space, tab, CR and LF. */
struct span span_trim(struct span s);

/*
 * Takes the part before <separator> off the front of <rest> (the separator is
 * dropped) and puts it into <part>; false when <rest> is exhausted, which is
 * when its pointer is NULL. So "a,,b," has the parts "a", "", "b" and "", and
 * "" has one.
 */
bool span_split(struct span *rest, char separator, struct span *part);

/*
 * An unsigned decimal with digits only (no sign, blanks or leading plus).
 * False when empty, when another character occurs or past UINT64_MAX.
 */
bool span_to_u64(struct span s, uint64_t *out);

/* The decimal of <value>, written into <digits>. */
struct span span_decimal(uint64_t value, char digits[24]);

/* A malloc'ed NUL-terminated copy, owned by the caller; never NULL. */
char *span_dup(struct span s);

#endif
