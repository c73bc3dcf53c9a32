/* gzip.c -- gzip without compressing: enough to be an encoded answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/gzip.h"

#include "tests/fake_provider/out.h"

#define BLOCK_MAX ((size_t)65535)

static void put_little(struct buf *out, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		char byte = (char)(value >> (8 * i) & 0xff);

		out_span(out, span_make(&byte, 1));
	}
}

/* Reflected polynomial 0xedb88320, bit by bit: these bodies are small. */
static uint32_t add_to_crc(uint32_t crc, struct span bytes)
{
	crc = ~crc;
	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= (unsigned char)bytes.ptr[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320U : crc >> 1;
	}
	return ~crc;
}

static void put_block(struct buf *out, struct span bytes, bool is_last)
{
	put_little(out, is_last ? 1 : 0, 1);
	put_little(out, (uint32_t)bytes.len, 2);
	put_little(out, ~(uint32_t)bytes.len, 2);
	out_span(out, bytes);
}

static void begin(struct gzip *gzip, struct buf *out)
{
	static const char head[10] = {
	    '\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 0, '\xff'};

	if (!gzip->has_begun)
		out_span(out, span_make(head, sizeof(head)));
	gzip->has_begun = true;
}

void gzip_write(struct gzip *gzip, struct span bytes, struct buf *out)
{
	begin(gzip, out);
	gzip->crc = add_to_crc(gzip->crc, bytes);
	gzip->len += (uint32_t)bytes.len;
	while (bytes.len > 0) {
		struct span block = span_head(bytes, BLOCK_MAX);

		put_block(out, block, false);
		bytes = span_from(bytes, block.len);
	}
}

void gzip_end(struct gzip *gzip, struct buf *out)
{
	begin(gzip, out);
	put_block(out, SPAN(""), true);
	put_little(out, gzip->crc, 4);
	put_little(out, gzip->len, 4);
	*gzip = (struct gzip){0};
}
