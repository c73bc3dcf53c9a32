/* out.h -- small writers into a buffer. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_OUT_H
#define FAKE_PROVIDER_OUT_H

#include "base/base.h"

/*
 * Whatever an answer can grow to is refused before it is rendered, so passing
 * a buffer's maximum here is a programmer's mistake: assert.
 */
#define OUT_MAX ((size_t)1 << 30)

void out_span(struct buf *out, struct span bytes);

/* A string literal. */
#define OUT(out, literal) out_span((out), SPAN(literal))

/* Decimal. */
void out_u64(struct buf *out, uint64_t value);
void out_i64(struct buf *out, int64_t value);

/* Sixteen hexadecimal digits. */
void out_hex64(struct buf *out, uint64_t value);

/* "true" or "false". */
void out_bool(struct buf *out, bool value);

/* A JSON string with its quotes. */
void out_string(struct buf *out, struct span text);

/* 64 lower-case hexadecimal digits of the SHA-256 of <bytes>. */
void out_sha256(struct buf *out, struct span bytes);

/* Base64 (RFC 4648 section 4, padded). */
void out_base64(struct buf *out, struct span bytes);

/* Keeps a small buffer's memory for the next answer, gives a large one's back,
 * and drops what it held. */
void out_recycle(struct buf *out);

#endif
