/* utf8.c -- UTF-8 as RFC 3629 has it, and nothing more. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Length that the first byte announces; 0 for one that cannot come first. */
static size_t announced_len(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2) /* continuations, and C0 and C1: always overlong */
		return 0;
	if (first < 0xe0)
		return 2;
	if (first < 0xf0)
		return 3;
	return first < 0xf5 ? 4 : 0;
}

size_t utf8_decode(struct span s, uint32_t *code_point)
{
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t value;
	size_t len;

	if (s.len == 0)
		return 0;
	len = announced_len((unsigned char)s.ptr[0]);
	if (len == 0 || len > s.len)
		return 0;
	value = (unsigned char)s.ptr[0];
	if (len > 1)
		value &= 0x7fU >> len;
	for (size_t i = 1; i < len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (!is_continuation(c))
			return 0;
		value = value << 6 | (c & 0x3f);
	}
	if (value < lowest[len] || value > 0x10ffff ||
	    (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*code_point = value;
	return len;
}

/* Most text is ASCII: eight bytes at a time while none has its top bit. */
static size_t skip_ascii(struct span s, size_t at)
{
	while (s.len - at >= 8) {
		uint64_t word;

		memcpy(&word, s.ptr + at, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			break;
		at += 8;
	}
	return at;
}

size_t utf8_valid_len(struct span s)
{
	size_t at = 0;

	for (;;) {
		uint32_t ignored;
		size_t len;

		at = skip_ascii(s, at);
		len = utf8_decode(span_from(s, at), &ignored);
		if (len == 0)
			return at;
		at += len;
	}
}

size_t utf8_encode(uint32_t code_point, char *out)
{
	if (code_point < 0x80) {
		out[0] = (char)code_point;
		return 1;
	}
	if (code_point < 0x800) {
		out[0] = (char)(0xc0 | code_point >> 6);
		out[1] = (char)(0x80 | (code_point & 0x3f));
		return 2;
	}
	if (code_point >= 0xd800 && code_point <= 0xdfff)
		return 0;
	if (code_point < 0x10000) {
		out[0] = (char)(0xe0 | code_point >> 12);
		out[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code_point & 0x3f));
		return 3;
	}
	if (code_point > 0x10ffff)
		return 0;
	out[0] = (char)(0xf0 | code_point >> 18);
	out[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code_point & 0x3f));
	return 4;
}
