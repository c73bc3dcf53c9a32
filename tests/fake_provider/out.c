/* out.c -- small writers into a buffer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/out.h"

#include <assert.h>

#define KEPT ((size_t)8192) /* bytes of memory that an idle buffer may hold */

static const char hex_digits[] = "0123456789abcdef";

void out_span(struct buf *out, struct span bytes)
{
	bool fits = buf_append(out, bytes);

	assert(fits);
}

void out_u64(struct buf *out, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	out_span(out, span_make(digits + at, sizeof(digits) - at));
}

void out_i64(struct buf *out, int64_t value)
{
	if (value < 0)
		OUT(out, "-");
	out_u64(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void out_hex64(struct buf *out, uint64_t value)
{
	char digits[16];

	for (size_t i = sizeof(digits); i-- > 0; value >>= 4)
		digits[i] = hex_digits[value & 15];
	out_span(out, span_make(digits, sizeof(digits)));
}

void out_bool(struct buf *out, bool value)
{
	out_span(out, value ? SPAN("true") : SPAN("false"));
}

void out_string(struct buf *out, struct span text)
{
	bool fits = json_write_string(out, text);

	assert(fits);
}

void out_sha256(struct buf *out, struct span bytes)
{
	struct sha256 digest = hash_sha256(bytes);
	char digits[2 * SHA256_LEN];

	for (size_t i = 0; i < SHA256_LEN; i++) {
		digits[2 * i] = hex_digits[digest.bytes[i] >> 4];
		digits[2 * i + 1] = hex_digits[digest.bytes[i] & 15];
	}
	out_span(out, span_make(digits, sizeof(digits)));
}

void out_base64(struct buf *out, struct span bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t group = (uint32_t)(unsigned char)bytes.ptr[i] << 16;
		char quad[4];

		if (left > 1)
			group |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
		if (left > 2)
			group |= (unsigned char)bytes.ptr[i + 2];
		for (unsigned k = 0; k < 4; k++)
			quad[k] = digits[(group >> (18 - 6 * k)) & 63];
		if (left < 2)
			quad[2] = '=';
		if (left < 3)
			quad[3] = '=';
		out_span(out, span_make(quad, sizeof(quad)));
	}
}

void out_recycle(struct buf *out)
{
	if (out->cap > KEPT)
		buf_free(out);
	else
		buf_consume(out, buf_len(out));
}
