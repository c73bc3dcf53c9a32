/* gzip.h -- gzip without compressing: enough to be an encoded answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_GZIP_H
#define FAKE_PROVIDER_GZIP_H

#include "base/base.h"

/*
 * Stored blocks only (RFC 1951 3.2.4) in a gzip member (RFC 1952), so that any
 * reader gets the bytes back and each event can be a block of its own.
 */
struct gzip {
	uint32_t crc; /* CRC-32 (IEEE) of the bytes so far */
	uint32_t len; /* their number, modulo 2^32 */
	bool has_begun;
};

/* Appends <bytes> as blocks, after the member's head the first time. */
void gzip_write(struct gzip *gzip, struct span bytes, struct buf *out);

/* The last block and the trailer; <gzip> is then new again. */
void gzip_end(struct gzip *gzip, struct buf *out);

#endif
