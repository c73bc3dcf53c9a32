/* decode_bytes.c -- bytes that tokens stand for, and the text they come to. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "local/tokenizer/decode.h"

int decode_byte(struct span token)
{
	int value = 0;

	if (token.len != 6 || !span_starts_with(token, SPAN("<0x")) ||
	    token.ptr[5] != '>')
		return -1;
	/* Like the reference, "+A" is a number too. */
	for (size_t i = token.ptr[3] == '+' ? 4 : 3; i < 5; i++) {
		char c = token.ptr[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			value = value * 16 + ((c | 32) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/*
 * How many bytes at the front of ill-formed <s> one U+FFFD stands for: the
 * longest start of a character, or one byte. 0 when more bytes may complete
 * it. Source: Unicode 15, section 3.9, "maximal subpart".
 */
static size_t broken_len(struct span s)
{
	unsigned char lead = (unsigned char)s.ptr[0];
	unsigned char low = 0x80, high = 0xbf;
	size_t need;

	if (lead < 0xc2 || lead > 0xf4)
		return 1;
	need = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < need; i++) {
		unsigned char c;

		if (i == s.len)
			return 0;
		c = (unsigned char)s.ptr[i];
		if (c < low || c > high)
			return i;
		low = 0x80;
		high = 0xbf;
	}
	return need;
}

bool decode_take_text(struct buf *held, bool is_last, struct buf *out)
{
	while (buf_len(held) > 0) {
		struct span s = buf_span(held);
		size_t valid = utf8_valid_len(s), broken;

		if (!buf_append(out, span_head(s, valid)))
			return false;
		buf_consume(held, valid);
		s = buf_span(held);
		if (s.len == 0)
			break;
		broken = broken_len(s);
		if (broken == 0 && !is_last)
			break;
		if (!buf_append(out, SPAN("\xef\xbf\xbd")))
			return false;
		buf_consume(held, broken ? broken : s.len);
	}
	return true;
}

bool decode_hold_bytes(struct buf *held, struct span token)
{
	char *at = buf_reserve(held, token.len + 1);
	size_t n;

	if (!at)
		return false;
	n = bytes_decode(token, at);
	if (n == SIZE_MAX)
		return buf_append(held, token);
	buf_commit(held, n);
	return true;
}
