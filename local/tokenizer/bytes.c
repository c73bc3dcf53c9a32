/* bytes.c -- GPT-2's alphabet, in which every byte is a visible character. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/normalize.h"

/*
 * Bytes that are printable in Latin-1 stand for themselves; the others take
 * the characters from U+0100 on, in order.
 */
static bool is_itself(unsigned byte)
{
	return (byte >= 0x21 && byte <= 0x7e) ||
	       (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

uint32_t bytes_to_char(unsigned char byte)
{
	if (is_itself(byte))
		return byte;
	if (byte <= 0x20)
		return 0x100 + (uint32_t)byte;
	if (byte <= 0xa0)
		return 0x121 + (uint32_t)byte - 0x7f;
	return 0x143; /* the soft hyphen, 0xad */
}

int bytes_from_char(uint32_t c)
{
	if (c < 0x100)
		return is_itself(c) ? (int)c : -1;
	if (c <= 0x120)
		return (int)(c - 0x100);
	if (c <= 0x142)
		return (int)(c - 0x121 + 0x7f);
	return c == 0x143 ? 0xad : -1;
}

bool bytes_encode(struct span bytes, struct buf *out)
{
	for (size_t i = 0; i < bytes.len; i++) {
		if (!unicode_put(
			out, bytes_to_char((unsigned char)bytes.ptr[i])))
			return false;
	}
	return true;
}

size_t bytes_decode(struct span text, char *out)
{
	size_t n = 0, len;

	for (size_t i = 0; i < text.len; i += len) {
		int byte = bytes_from_char(unicode_next(text.ptr + i, &len));

		if (byte < 0)
			return SIZE_MAX;
		out[n++] = (char)byte;
	}
	return n;
}
