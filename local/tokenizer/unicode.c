/* unicode.c -- lower case and normal forms. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/memory.h"
#include "base/utf8.h"

#define DOTTED_CAPITAL_I 0x130 /* the one letter with two in lower case */
#define DECOMPOSITION_MAX 32   /* code points; the longest known is 18 */

bool unicode_put(struct buf *out, uint32_t c)
{
	char bytes[4];

	return buf_append(out, span_make(bytes, utf8_encode(c, bytes)));
}

static uint32_t lower_of(uint32_t c)
{
	size_t low = 0, high = unicode_lower_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct unicode_run *run = &unicode_lower_runs[middle];

		if (c < run->first)
			high = middle;
		else if (c > run->last)
			low = middle + 1;
		else if ((c - run->first) % run->stride)
			return c;
		else
			return (uint32_t)((int32_t)c + run->delta);
	}
	return c;
}

bool unicode_lower(struct span text, struct buf *out)
{
	size_t len;

	for (size_t i = 0; i < text.len; i += len) {
		uint32_t c = unicode_next(text.ptr + i, &len);

		if (c == DOTTED_CAPITAL_I) {
			if (!buf_append(out, SPAN("i\xcc\x87")))
				return false;
		} else if (!unicode_put(out, lower_of(c))) {
			return false;
		}
	}
	return true;
}

/* --- normal forms --------------------------------------------------------- */

/*
 * A stretch is a run of text that begins before the first unstable character
 * and ends before the next stable one: no form reaches across its ends.
 */
struct stretch {
	utf8proc_int32_t *points; /* (len), then as many again to sort into */
	size_t len;
	size_t cap;
};

static void push(struct stretch *s, utf8proc_int32_t c)
{
	if (s->len == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->points = mem_realloc(s->points, s->cap * sizeof(*s->points));
	}
	s->points[s->len++] = c;
}

static void decompose(struct stretch *s, uint32_t c, enum unicode_flag form)
{
	bool is_compatible = form == UNICODE_NFKC || form == UNICODE_NFKD;
	enum unicode_flag stable = is_compatible ? UNICODE_NFKD : UNICODE_NFD;
	utf8proc_int32_t out[DECOMPOSITION_MAX];
	utf8proc_ssize_t n = 0;
	int boundary = 0;

	if (!(unicode_properties(c) & stable))
		n = utf8proc_decompose_char((utf8proc_int32_t)c, out,
		    DECOMPOSITION_MAX,
		    UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
			(is_compatible ? UTF8PROC_COMPAT : 0),
		    &boundary);
	if (n < 1 || n > DECOMPOSITION_MAX) {
		push(s, (utf8proc_int32_t)c);
		return;
	}
	for (utf8proc_ssize_t i = 0; i < n; i++)
		push(s, out[i]);
}

/* The canonical class; 0 where the reference knows none. */
static unsigned class_of(utf8proc_int32_t c)
{
	if (unicode_properties((uint32_t)c) & UNICODE_NFD)
		return 0;
	return (unsigned)utf8proc_get_property(c)->combining_class & 255;
}

/* Sorts points (n), no starter among them, by class; stable and linear. */
static void sort_marks(
    utf8proc_int32_t *points, size_t n, utf8proc_int32_t *scratch)
{
	size_t starts[256] = {0}, sum = 0;

	for (size_t i = 0; i < n; i++)
		starts[class_of(points[i])]++;
	for (size_t class = 0; class < 256; class ++) {
		size_t count = starts[class];

		starts[class] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		scratch[starts[class_of(points[i])]++] = points[i];
	memcpy(points, scratch, n * sizeof(*points));
}

static void sort_stretch(struct stretch *s)
{
	utf8proc_int32_t *scratch = NULL;
	size_t start = 0;

	for (size_t i = 0; i <= s->len; i++) {
		bool is_sorted = true;

		if (i < s->len && class_of(s->points[i]))
			continue;
		for (size_t k = start + 1; k < i && is_sorted; k++)
			is_sorted = class_of(s->points[k - 1]) <=
				    class_of(s->points[k]);
		if (!is_sorted) {
			if (!scratch)
				scratch = mem_alloc(s->len * sizeof(*scratch));
			sort_marks(s->points + start, i - start, scratch);
		}
		start = i + 1;
	}
	free(scratch);
}

static bool flush(struct stretch *s, enum unicode_flag form, struct buf *out)
{
	bool is_composed = form == UNICODE_NFC || form == UNICODE_NFKC;
	utf8proc_ssize_t n;

	sort_stretch(s);
	n = (utf8proc_ssize_t)s->len;
	if (is_composed)
		n = utf8proc_normalize_utf32(
		    s->points, n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
	s->len = 0;
	for (utf8proc_ssize_t i = 0; i < n; i++) {
		if (!unicode_put(out, (uint32_t)s->points[i]))
			return false;
	}
	return true;
}

/* Bytes of <text> from <i> on whose characters are all stable in <form>. */
static size_t stable_len(struct span text, size_t i, enum unicode_flag form)
{
	size_t start = i, len;

	while (i < text.len) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c < 0x80) {
			i++;
			continue;
		}
		if (!(unicode_properties(unicode_next(text.ptr + i, &len)) &
			form))
			break;
		i += len;
	}
	return i - start;
}

bool unicode_normalize(
    struct span text, enum unicode_flag form, struct buf *out)
{
	struct stretch s = {0};
	size_t i = 0;
	bool is_ok = true;

	while (i < text.len && is_ok) {
		size_t stable = stable_len(text, i, form), len = 0;
		size_t end = i + stable;

		/* The last stable one may join with what follows it. */
		while (end < text.len && end > i &&
		       ((unsigned char)text.ptr[--end] & 0xc0) == 0x80)
			;
		is_ok = buf_append(out, span_make(text.ptr + i, end - i));
		i = end;
		for (size_t n = 0; i < text.len && is_ok; i += len, n++) {
			uint32_t c = unicode_next(text.ptr + i, &len);

			if (n > 0 && (unicode_properties(c) & form))
				break;
			decompose(&s, c, form);
		}
		is_ok = is_ok && flush(&s, form, out);
	}
	free(s.points);
	return is_ok;
}
