/* scan.h -- finds where a line stops, sixteen bytes at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_SCAN_H
#define NET_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/*
 * Lines are short, so a library call for each costs more than the look itself;
 * and both loops look for a set of bytes, which memchr cannot. Only bytes
 * within the bounds are read.
 */

static inline bool scan_is_control(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

/*
 * Offset of the first control byte but tab (CR and LF are such) of
 * text[at..end), <end> when there is none.
 */
static inline size_t scan_control(const char *text, size_t at, size_t end)
{
#ifdef __SSE2__
	const __m128i last = _mm_set1_epi8(0x1f);
	const __m128i tab = _mm_set1_epi8('\t');
	const __m128i del = _mm_set1_epi8(0x7f);

	for (; end - at >= 16; at += 16) {
		__m128i v = _mm_loadu_si128((const void *)(text + at));
		__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, last), v);
		__m128i hit =
		    _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(v, tab), low),
			_mm_cmpeq_epi8(v, del));
		int mask = _mm_movemask_epi8(hit);

		if (mask)
			return at + (size_t)__builtin_ctz((unsigned)mask);
	}
#endif
	while (at < end && !scan_is_control((unsigned char)text[at]))
		at++;
	return at;
}

/* Offset of the first CR or LF of text[at..end), <end> when there is none. */
static inline size_t scan_line_end(const char *text, size_t at, size_t end)
{
#ifdef __SSE2__
	const __m128i lf = _mm_set1_epi8('\n');
	const __m128i cr = _mm_set1_epi8('\r');

	for (; end - at >= 16; at += 16) {
		__m128i v = _mm_loadu_si128((const void *)(text + at));
		int mask = _mm_movemask_epi8(
		    _mm_or_si128(_mm_cmpeq_epi8(v, lf), _mm_cmpeq_epi8(v, cr)));

		if (mask)
			return at + (size_t)__builtin_ctz((unsigned)mask);
	}
#endif
	while (at < end && text[at] != '\n' && text[at] != '\r')
		at++;
	return at;
}

#endif
